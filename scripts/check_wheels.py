"""Build every distribution and check that each works as installed from its wheel.

Run by ``tox -e wheels`` in an environment that holds core's dependencies and build tools only.
Each distribution is built as an sdist and, from that, as a wheel. Both must hold every file of the
package. Then each is installed, with core's wheel and those it depends on, into an overlay: a new
virtual environment that sees the packages of this one, so that nothing large is installed twice.
There ``pip check`` must be content, the package must import, and the presets it announces must be
listed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import venv
import zipfile
from pathlib import Path

from install import distributions, project

LIST_PRESETS = """
import importlib, importlib.metadata, json, sys
distribution, package = sys.argv[1:]
importlib.import_module(package)
import mlmzoo
expected = {
    plugin.name: plugin for plugin in mlmzoo.list_plugins() if plugin.distribution == distribution
}
for name in importlib.metadata.distribution(distribution).entry_points.select(group="mlmzoo").names:
    assert name in expected, f"entry point {name} is not among the plugins: {sorted(expected)}"
for plugin in expected.values():
    assert plugin.state == "ok", f"{plugin.name}: {plugin.state}: {plugin.reason}"
    missing = set(plugin.presets) - set(mlmzoo.list_presets())
    assert not missing, f"presets announced and not listed: {sorted(missing)}"
print(json.dumps(sorted(name for plugin in expected.values() for name in plugin.presets)))
"""


def run(*command: str | Path) -> str:
    """Standard output of a command; a failing one ends the script with all it said."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(directory: Path, out: Path) -> tuple[Path, Path]:
    """The wheel and the sdist of one distribution; the wheel is built from the sdist."""
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, directory)
    stem = f"{project(directory)['name'].replace('-', '_')}-{project(directory)['version']}"
    return out / f"{stem}-py3-none-any.whl", out / f"{stem}.tar.gz"


def check_contents(directory: Path, wheel: Path, sdist: Path) -> Path:
    """Both archives hold every file of the package, its licence and its README; returns it."""
    (package,) = (path.parent for path in (directory / "src").glob("*/__init__.py"))
    files = {
        path.relative_to(directory / "src").as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    in_wheel = set(zipfile.ZipFile(wheel).namelist())
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition("/")[2] for name in archive.getnames()}
    for where, missing in (
        (wheel, files - in_wheel),
        (sdist, {f"src/{name}" for name in files} - in_sdist),
        (sdist, {"README.md", "LICENSE", "pyproject.toml"} - in_sdist),
    ):
        if missing:
            sys.exit(f"{where.name} lacks {', '.join(sorted(missing))}")
    if f"{package.name}/py.typed" not in in_wheel:
        sys.exit(f"{wheel.name} lacks {package.name}/py.typed, so its types cannot be used")
    if not any(name.endswith("licenses/LICENSE") for name in in_wheel):
        sys.exit(f"{wheel.name} lacks its LICENSE")
    return package


def overlay(directory: Path) -> Path:
    """Python of a new virtual environment that also sees the packages of this one."""
    venv.create(directory, with_pip=False)
    scheme = {"base": str(directory), "platbase": str(directory)}
    packages = Path(sysconfig.get_path("purelib", vars=scheme))
    below = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    (packages / "below.pth").write_text("\n".join(below) + "\n", encoding="utf-8")
    return Path(sysconfig.get_path("scripts", vars=scheme)) / "python"


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary)
        # All of them first: a plugin may need another one's wheel.
        built = {
            folder: (directory, *build(directory, out / "dist"))
            for folder, directory in distributions().items()
        }
        core_wheel = next(iter(built.values()))[1]
        for folder, (directory, wheel, sdist) in built.items():
            began = time.monotonic()
            package = check_contents(directory, wheel, sdist)
            python = overlay(out / folder)
            pip = (sys.executable, "-m", "pip", "--python", python)
            wheels = dict.fromkeys((core_wheel, wheel))
            run(*pip, "install", "--quiet", "--find-links", out / "dist", *wheels)
            run(*pip, "check")
            name = project(directory)["name"]
            presets = json.loads(run(python, "-W", "error", "-c", LIST_PRESETS, name, package.name))
            print(
                f"{wheel.name}: {wheel.stat().st_size / 1e6:.2f} MB, {len(presets)} presets, "
                f"{time.monotonic() - began:.1f} s",
                *presets,
                sep="\n    ",
                flush=True,
            )


if __name__ == "__main__":
    main()
