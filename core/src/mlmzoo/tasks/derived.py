"""Models that are made from a task, each once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_KEPT = "_derived"


def derived(task: Any, name: str, of: tuple[Any, ...], make: Callable[[], T]) -> T:
    """What was made for a task, made anew where something it was made of is another.

    Args:
        task: Keeps it, and with it the functions that were compiled for it.
        name: What it is called there.
        of: What it depends on.
        make: Makes it.
    """
    everything = task.__dict__.get(_KEPT)
    if everything is None:
        everything = {}
        # Past Keras' attribute tracking: a model is not a layer of a layer of its own.
        object.__setattr__(task, _KEPT, everything)
    kept = everything.get(name)
    if kept is None or kept[0] != of:
        kept = everything[name] = of, make()
    made: T = kept[1]
    return made


def forget_derived(task: Any) -> None:
    """Let go of all that was made from a task, and so of the layers it was made from."""
    task.__dict__.pop(_KEPT, None)
