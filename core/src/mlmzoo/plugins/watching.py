"""What looking at a plugin costs, and what it says meanwhile.

A plugin that prints, warns or imports a backend when it is looked for is used all the same. What it
prints goes to standard error, so that it stays out of what a program prints for machines; what it
did is kept for ``mlmzoo plugins``.
"""

from __future__ import annotations

import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from typing import Any

HEAVY = (
    "keras",
    "tensorflow",
    "jax",
    "torch",
    "transformers",
    "tokenizers",
    "sentencepiece",
    "huggingface_hub",
    "kagglehub",
    "h5py",
    "pandas",
    "numpy",
)
"""Packages that take long to import, and that no plugin needs to be found."""

SLOW = 0.5
"""Seconds from which a plugin is called slow."""


@dataclass
class Look:
    """What happened when a plugin was looked at.

    Args:
        seconds: How long the longest look took; the first one imports its modules.
        imported: Heavy packages that came in.
        printed: The first line it printed.
        warned: The first warning it gave.
    """

    seconds: float = 0.0
    imported: tuple[str, ...] = ()
    printed: str = ""
    warned: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each thing that it had better not done."""
        said = []
        if self.imported:
            names = ", ".join(self.imported)
            said.append(
                f"Looking for plugins imports {names} for it and takes {self.seconds:.1f} s. "
                "Its authors can move that import into the functions that need it; until then "
                "MLMZOO_PLUGINS can leave it out."
            )
        elif self.seconds >= SLOW:
            said.append(f"Looking for plugins takes {self.seconds:.1f} s for it alone.")
        if self.printed:
            said.append(f"It prints when plugins are looked for: {self.printed!r}.")
        if self.warned:
            said.append(f"It warns when plugins are looked for: {self.warned}")
        return tuple(said)


# In this process, by label: a module that is imported already says and costs nothing again.
_looks: dict[str, Look] = {}


def look(label: str) -> Look:
    """What happened so far when the plugin of this label was looked at."""
    return _looks.setdefault(label, Look())


class _Overheard:
    """Standard output while a plugin is looked at: what it prints is kept, all else passed on.

    A plugin may hold on to it, in a handler of its logging, and other threads print meanwhile.
    """

    def __init__(self, out: Any) -> None:
        self.out = out
        self.thread: int | None = threading.get_ident()
        self.text = ""

    def write(self, text: str) -> int:
        if threading.get_ident() == self.thread:
            self.text += text
        elif self.out is not None:
            self.out.write(text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.out, name)


@contextmanager
def watched(label: str) -> Iterator[None]:
    """Inside, whatever happens is on the account of the plugin of this label."""
    known = look(label)
    before = {name for name in HEAVY if name in sys.modules}
    printed = _Overheard(sys.stdout)
    caught: list[warnings.WarningMessage] = []
    began = time.perf_counter()
    try:
        # The filters stay as they are: where warnings are errors, this one is an error, too.
        with redirect_stdout(printed), warnings.catch_warnings(record=True) as caught:
            yield
    finally:
        known.seconds = max(known.seconds, time.perf_counter() - began)
        came = tuple(name for name in HEAVY if name in sys.modules and name not in before)
        known.imported = known.imported + came
        printed.thread, text = None, printed.text
        with suppress(Exception):  # a standard error that is closed is no fault of the plugin
            if text:
                sys.stderr.write(text)
        for warning in caught:
            with suppress(Exception):
                warnings.showwarning(
                    warning.message,
                    warning.category,
                    warning.filename,
                    warning.lineno,
                    warning.file,
                )
            known.warned = known.warned or f"{warning.category.__name__}: {warning.message}"
        known.printed = known.printed or next(iter(text.strip().splitlines()), "")
