"""Code in the README and the documentation runs as it stands.

The Python and bash blocks of a page run in order, in one namespace and one empty directory, with a
Python to install into. A block that cannot run says why in a comment before it:
``<!-- not run: reason -->``.
"""

from __future__ import annotations

import os
import re
import site
import subprocess
import sys
import sysconfig
import textwrap
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

import mlmzoo
from mlmzoo.plugins import current

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("README.md", "core/README.md", "plugins/*/README.md", "docs/**/*.md")
    for path in ROOT.glob(pattern)
)
BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^\n]+?) -->\n\s*)?"
    r"^(?P<indent> *)```(?P<language>[\w+-]*)[^\n]*\n(?P<code>.*?)^(?P=indent)```\s*$",
    re.MULTILINE | re.DOTALL,
)
RUN = ("python", "bash")
SHOWN = ("text", "toml", "json", "yaml")
"""Languages of blocks that are for looking at."""


@dataclass(frozen=True)
class Block:
    """One block of code of a page."""

    language: str
    code: str
    line: int
    not_run: str | None


def blocks(markdown: str) -> list[Block]:
    return [
        Block(
            language=match["language"],
            code=textwrap.dedent(match["code"]),
            line=markdown[: match.start("code")].count("\n") + 1,
            not_run=match["reason"],
        )
        for match in BLOCK.finditer(markdown)
    ]


def run(page: str, found: list[Block], directory: Path) -> None:
    namespace: dict[str, object] = {"__name__": "__docs__"}
    python = directory.parent / f"{directory.name}-python"
    packages = overlay(python)
    environment = {**os.environ, "PATH": f"{commands(python)}{os.pathsep}{os.environ['PATH']}"}
    for block in found:
        if block.not_run or block.language not in RUN:
            continue
        if block.language == "python":
            # Line numbers of the page, so that a traceback points into it.
            source = "\n" * (block.line - 1) + block.code
            exec(compile(source, ROOT / page, "exec"), namespace)
        else:
            shell = ["bash", "-euo", "pipefail", "-c", block.code]
            done = subprocess.run(shell, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, (
                f"{page}:{block.line}\n{block.code}\n{done.stdout}{done.stderr}"
            )
            if "pip install" in block.code:  # readers start their Python after it
                site.addsitedir(str(packages))
                mlmzoo.refresh_plugins()


def overlay(directory: Path) -> Path:
    """A new Python that also sees the packages of this one; returns where its own packages go."""
    venv.create(directory, with_pip=False)
    scheme = {"base": str(directory), "platbase": str(directory)}
    packages = Path(sysconfig.get_path("purelib", vars=scheme))
    below = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    (packages / "below.pth").write_text("\n".join(below) + "\n", encoding="utf-8")
    return packages


def commands(directory: Path) -> Path:
    """A directory with the `python`, `mlmzoo` and `pip` of the Python that is there."""
    python = f'"{directory / "bin" / "python"}"'
    pip = f'shift; exec "{sys.executable}" -m pip --python {python} install'
    commands = directory / "commands"
    commands.mkdir(exist_ok=True)
    for name, command in (
        ("python", f"exec {python}"),
        ("mlmzoo", f"exec {python} -c 'from mlmzoo.cli import main; main()'"),
        # What a package on a page depends on is here, and there may be no network.
        ("pip", f"{pip} --quiet --no-index --no-deps --no-build-isolation"),
    ):
        script = commands / name
        script.write_text(f'#!/bin/sh\n{command} "$@"\n')
        script.chmod(0o755)
    return commands


# The pages say that saving for KerasHub warns.
@pytest.mark.filterwarnings("ignore::mlmzoo.contract.errors.PresetWarning")
@pytest.mark.parametrize("page", PAGES)
def test_code_on_the_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(current, "_current", current._current)
    run(page, blocks((ROOT / page).read_text(encoding="utf-8")), tmp_path)


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_what_it_is(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    unclear = [b.line for b in blocks(text) if b.language not in (*RUN, *SHOWN)]
    assert not unclear, f"{page}: the blocks at lines {unclear} name none of {RUN + SHOWN}"
    assert text.count("```") == 2 * len(blocks(text)), f"{page}: a block is not closed"


def test_a_block_that_fails_fails_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = "```python\nx = 1\n```\nProse.\n\n```python\nassert x == 2\n```\n"
    with pytest.raises(AssertionError) as raised:
        run("page.md", blocks(page), tmp_path)
    assert raised.traceback[-1].lineno + 1 == 7
    with pytest.raises(AssertionError, match=r"page\.md:2"):
        run("page.md", blocks("```bash\nfalse | true\n```\n"), tmp_path)


def test_a_block_is_left_out_only_with_a_reason(tmp_path: Path) -> None:
    left_out = "<!-- not run: needs a network -->\n```python\nraise SystemExit\n```\n"
    run("page.md", blocks(left_out), tmp_path)
    assert [b.not_run for b in blocks(left_out)] == ["needs a network"]
    assert [b.not_run for b in blocks(left_out.replace(": needs a network", ""))] == [None]
