"""Install this repository's distributions into the Python that runs this script.

    python scripts/install.py                                       core and every plugin
    python scripts/install.py --without tensorflow torch==2.13.0    the same, no TensorFlow
    python scripts/install.py --only core                           core, no plugin
    python scripts/install.py --only core --dependencies            what core needs, not core

Further arguments are requirements for pip. Pip cannot leave out a declared dependency, so
``--without`` reads the dependencies from each ``pyproject.toml``, installs the others, and then the
distributions themselves without looking at their dependencies again.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def distributions(root: Path = ROOT) -> dict[str, Path]:
    """Directory of every distribution, core first, by its directory's name."""
    found = sorted((root / "plugins").glob("*/pyproject.toml"))
    return {p.parent.name: p.parent for p in (root / "core" / "pyproject.toml", *found)}


def normalised(requirement: str) -> str:
    """Name of a requirement or distribution, as PEP 503 compares names."""
    match = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", requirement)
    if match is None:
        raise ValueError(f"not a requirement: {requirement!r}")
    return re.sub(r"[-_.]+", "-", match[1]).lower()


def project(directory: Path) -> dict:
    """The ``[project]`` table of a distribution."""
    return tomllib.loads((directory / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def dependencies(directories: list[Path], without: list[str]) -> list[str]:
    """What the distributions need from elsewhere, less the names in `without`."""
    ours = {normalised(project(path)["name"]) for path in distributions().values()}
    needed = {
        requirement: normalised(requirement)
        for path in directories
        for requirement in project(path).get("dependencies", [])
        if normalised(requirement) not in ours
    }
    unknown = {normalised(name) for name in without} - set(needed.values())
    if unknown:
        sys.exit(
            f"--without {' '.join(sorted(unknown))}: not a dependency. "
            f"The dependencies are {', '.join(sorted(set(needed.values())))}."
        )
    left_out = {normalised(name) for name in without}
    return sorted(text for text, name in needed.items() if name not in left_out)


def pip(*arguments: str) -> None:
    """Run pip in this Python; ends the script with pip's exit code if it fails."""
    print("pip install", *arguments, flush=True)
    done = subprocess.run([sys.executable, "-m", "pip", "install", "-qq", *arguments])
    if done.returncode:
        sys.exit(done.returncode)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("requirements", nargs="*", help="further requirements for pip")
    parser.add_argument("--without", action="append", default=[], metavar="NAME")
    parser.add_argument("--only", action="append", metavar="FOLDER", choices=list(distributions()))
    parser.add_argument("--dependencies", action="store_true", help="leave our own packages out")
    options = parser.parse_args()

    chosen = [path for name, path in distributions().items() if name in (options.only or [name])]
    paths = [str(path) for path in chosen]
    if options.dependencies:
        pip(*dependencies(chosen, options.without), *options.requirements)
    elif options.without:
        pip(*dependencies(chosen, options.without), *options.requirements)
        pip("--no-deps", *paths)
    else:
        pip(*paths, *options.requirements)

    installed = {normalised(d.metadata["Name"]) for d in importlib.metadata.distributions()}
    if present := installed & {normalised(name) for name in options.without}:
        sys.exit(
            f"{', '.join(sorted(present))} is installed all the same: it was here before, or "
            "another package needs it. Start from a new virtual environment."
        )


if __name__ == "__main__":
    main()
