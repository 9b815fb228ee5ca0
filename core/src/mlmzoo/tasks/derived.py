"""Models that are made from a task, each once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def derived(task: Any, name: str, of: tuple[Any, ...], make: Callable[[], T]) -> T:
    """What was made for a task, made anew where something it was made of is another.

    Args:
        task: Keeps it, and with it the functions that were compiled for it.
        name: Attribute to keep it in.
        of: What it depends on.
        make: Makes it.
    """
    kept = task.__dict__.get(name)
    if kept is None or kept[0] != of:
        kept = of, make()
        # Past Keras' attribute tracking: a model is not a layer of a layer of its own.
        object.__setattr__(task, name, kept)
    made: T = kept[1]
    return made
