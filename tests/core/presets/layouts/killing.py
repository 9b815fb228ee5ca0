"""A program that kills processes while they save, and reads what is there afterwards.

It imports no backend, and its children are forks of it, so a save takes milliseconds.
Usage: ``python killing.py MODE LAYOUT DIRECTORY``; it prints what it saw and fails on a mixture.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

from conftest import Registry, Toy

from mlmzoo.contract.errors import MlmzooError
from mlmzoo.presets import exchange, layouts, staging
from mlmzoo.presets.sources.pinned import PinnedFiles
from mlmzoo.presets.staging import recover

ROUNDS = 50
FILE_EVENTS = ("open", "os.", "shutil.", "ctypes.call_function")
VOCABULARY = {"keras": "assets/tokenizer/vocabulary.txt", "transformers": "vocab.txt"}


class Saver:
    """Two presets that differ in every file, and one place to save them."""

    def __init__(self, layout: str, directory: Path) -> None:
        self.layout, self.toy = layout, Toy(directory)
        self.versions = {"old": self._version("old", 1.0), "new": self._version("new", 2.0)}

    def _version(self, name: str, value: float):
        def write_tokenizer(directory: Path, layout: str) -> None:
            path = directory / VOCABULARY[layout]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)

        values = {path: old * 0 + value for path, old in self.toy.values.items()}
        request = self.toy.request(
            backbone={**self.toy.sizes, "dropout": value / 10},
            tokenizer={"lowercase": name == "old"},
            write_tokenizer=write_tokenizer,
            read=values.__getitem__,
        )
        # A head beside another backbone than its own is a mixture, too.
        return request if name == "old" else replace(request, head=None)

    def save(self, name: str) -> None:
        layouts.write(self.toy.directory, self.versions[name], self.layout)

    def seen(self) -> str:
        """Which of the two the directory holds.

        Raises:
            AssertionError: Neither.
            MlmzooError: What is there cannot be loaded.
        """
        # Pinned, as the resolver opens directories.
        files = PinnedFiles(self.toy.directory)
        contents = layouts.read(files, Registry())
        rate = contents.backbone["dropout"]
        name, value = {0.1: ("old", 1.0), 0.2: ("new", 2.0)}[rate]
        assert contents.has_head == (name == "old"), "another head"
        for part in ("backbone", "head") if contents.has_head else ("backbone",):
            targets = self.toy.targets(part)
            contents.load(part, targets)
            wrong = [path for path, t in targets.items() if not (t.value == value).all()]
            assert not wrong, f"other weights: {wrong}"
        vocabulary = files.path(VOCABULARY[self.layout]).read_text()
        notes = files.path("notes.txt").read_text()
        files.require_same()
        assert vocabulary == name, "another vocabulary"
        written = contents.tokenizer or {"lowercase": name == "old"}
        assert written == {"lowercase": name == "old"}, "another tokenizer"
        assert notes == "mine", "no notes"
        return name

    def again_and_again(self) -> None:
        while True:
            self.save("new")
            self.save("old")


def child(action) -> int:
    """Process id of a fork that does something and ends."""
    if pid := os.fork():
        return pid
    try:
        action()
        os._exit(0)
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
    finally:
        os._exit(1)


def ended(pid: int) -> int:
    """How a child ended: negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def at_random_moments(saver: Saver) -> list[str]:
    seen = []
    for _ in range(ROUNDS):
        pid = child(saver.again_and_again)
        time.sleep(random.uniform(0.001, 0.03))
        os.kill(pid, signal.SIGKILL)
        assert ended(pid) == -signal.SIGKILL
        recover(saver.toy.directory)
        seen.append(saver.seen())
    return seen


def at_every_step(saver: Saver) -> list[str]:
    """Killed before its first, second, … access to a file."""

    def die_at(step: int) -> None:
        left = step

        def count(event: str, arguments: object) -> None:
            nonlocal left
            if event.startswith(FILE_EVENTS):
                left -= 1
                if left == -1:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        saver.save("new")

    seen = []
    while True:
        code = ended(child(lambda: die_at(len(seen))))
        recover(saver.toy.directory)
        seen.append(saver.seen())
        if code == 0:
            return seen
        assert code == -signal.SIGKILL, code
        saver.save("old")


def two_at_once(saver: Saver) -> list[str]:
    seen = []
    for _ in range(5):
        pids = [child(lambda name=name: saver.save(name)) for name in ("old", "new", "old", "new")]
        assert [ended(pid) for pid in pids] == [0] * 4
        seen.append(saver.seen())
    return seen


def reading_meanwhile(saver: Saver) -> list[str]:
    pid = child(saver.again_and_again)
    seen, until = [], time.monotonic() + 0.7
    try:
        while time.monotonic() < until:
            try:
                seen.append(saver.seen())
            except (MlmzooError, OSError) as error:
                seen.append(type(error).__name__)
    finally:
        os.kill(pid, signal.SIGKILL)
        ended(pid)
    return seen


def one_file_at_a_time(new: Path, target: Path, kept: Path) -> None:
    """How not to do it."""
    for path in sorted(path for path in new.rglob("*") if path.is_file()):
        (target / path.relative_to(new)).parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target / path.relative_to(new))
    for path in target.rglob("*"):
        if path.name.startswith("task."):
            path.unlink()


def main(mode: str, layout: str, directory: str) -> None:
    warnings.simplefilter("ignore")
    saver = Saver(layout, Path(directory))
    staging.flush = lambda path: None  # a killed process loses nothing that it wrote
    if mode.startswith("renaming"):
        exchange.swap = lambda first, second: False
    saver.save("old")
    (saver.toy.directory / "notes.txt").write_text("mine")
    if mode.startswith("moving"):
        staging.put_in_place = one_file_at_a_time
    run = {"random": at_random_moments, "two": two_at_once, "reading": reading_meanwhile}
    seen = run.get(mode.rpartition("-")[2], at_every_step)(saver)
    backends = {"keras", "tensorflow", "jax", "torch"} & sys.modules.keys()
    assert not backends, f"{backends} imported"
    saver.save("old")
    left = os.listdir(saver.toy.directory.parent)
    print(json.dumps({"seen": seen, "left": left}))


if __name__ == "__main__":
    main(*sys.argv[1:])
