"""Code in the README and the documentation runs as it stands.

The Python and bash blocks of a page run in order, in one namespace and one empty directory. A block
that cannot run says why in a comment before it: ``<!-- not run: reason -->``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

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
    environment = {**os.environ, "PATH": f"{commands(directory)}{os.pathsep}{os.environ['PATH']}"}
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


def commands(directory: Path) -> Path:
    """A directory with the `mlmzoo` and `python` of the Python that runs this test."""
    commands = directory.parent / f"{directory.name}-commands"
    commands.mkdir(exist_ok=True)
    for name, arguments in (
        ("python", ""),
        ("mlmzoo", "-c 'from mlmzoo.cli import main; main()'"),
    ):
        script = commands / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        script.chmod(0o755)
    return commands


# The pages say that saving for KerasHub warns.
@pytest.mark.filterwarnings("ignore::mlmzoo.contract.errors.PresetWarning")
@pytest.mark.parametrize("page", PAGES)
def test_code_on_the_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
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
