"""Models that are made from a task, each once."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

_KEPT = "_derived"


@dataclass(frozen=True)
class _Kept:
    """What was made, and of what; weights are not held, as some of them take much memory."""

    of: tuple[Any, ...]
    weights: list[weakref.ref[Any]]
    made: Any

    def is_of(self, of: tuple[Any, ...], weights: list[Any]) -> bool:
        same = len(weights) == len(self.weights) and self.of == of
        return same and all(
            kept() is weight for kept, weight in zip(self.weights, weights, strict=True)
        )


def derived(task: Any, name: str, of: tuple[Any, ...], make: Callable[[], T]) -> T:
    """What was made for a task, made anew where something it was made of is another.

    The task's weights always count: LoRA and quantisation put others in their place, and what
    TensorFlow compiled before would go on with the old ones.

    Args:
        task: Keeps it, and with it the functions that were compiled for it.
        name: What it is called there.
        of: What else it depends on.
        make: Makes it.
    """
    everything = task.__dict__.get(_KEPT)
    if everything is None:
        everything = {}
        # Past Keras' attribute tracking: a model is not a layer of a layer of its own.
        object.__setattr__(task, _KEPT, everything)
    kept: _Kept | None = everything.get(name)
    weights = task.weights
    if kept is None or not kept.is_of(of, weights):
        kept = everything[name] = _Kept(of, [weakref.ref(weight) for weight in weights], make())
    made: T = kept.made
    return made


def anew(task: Any, name: str) -> bool:
    """Whether a task has other weights than when this was last asked; also the first time."""
    now = object()
    return derived(task, name, (), lambda: now) is now


def forget_derived(task: Any) -> None:
    """Let go of all that was made from a task, and so of the layers it was made from."""
    task.__dict__.pop(_KEPT, None)
