"""Which tokens attend to which: a small array with its labels, and a picture of it."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from mlmzoo.contract.errors import InputError

INCHES_A_TOKEN = 0.3
WIDELY_LABELLED = 53
"""Most tokens that have that room in a picture: it is up to 16 inches wide."""
LABELLED, SMALL = 128, 5.5
"""Most tokens that are labelled, and the size in points of their labels, which find room there."""


@dataclass(frozen=True, repr=False, eq=False)
class AttentionMap:
    """The attention weights of one text, or of a pair.

    Args:
        tokens: The ``L`` tokens, special tokens included.
        weights: float32 of shape ``(layers, H, L, L)``: of every layer and head, how much each
            token (row) attends to each other one (column); each row sums to 1.
    """

    tokens: tuple[str, ...]
    weights: np.ndarray

    def __repr__(self) -> str:
        layers, heads, length, _ = self.weights.shape
        return f"attention of {layers} layers, {heads} heads, {length} tokens: {self.tokens}"

    def plot(self, layer: int = -1, head: int | None = None, axes: Any = None) -> Any:
        """A picture of one layer; needs matplotlib (``pip install mlmzoo[plot]``).

        Args:
            layer: Which layer; negative ones count from the last.
            head: Which head; the mean of all of them by default.
            axes: Matplotlib axes to draw on; by default those of a new figure of pyplot, which a
                notebook shows, and keeps in memory until ``pyplot.close``.

        Returns:
            The axes; ``axes.figure.savefig("attention.png")`` writes a file. Of more than 128
            tokens, not all are labelled.

        Raises:
            InputError: There is no such layer or head, or matplotlib is not installed.
        """
        layers, heads = self.weights.shape[:2]
        for what, number, count in (("layer", layer, layers), ("head", head, heads)):
            if number is None and what == "head":
                continue
            if not is_index(number, count):
                raise InputError(
                    f"A picture of {what} {number!r} was asked for. There are {layers} layers and "
                    f"{heads} heads, counted from 0."
                )
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise InputError(
                "A picture was asked for, and matplotlib is not installed. "
                "Run: pip install mlmzoo[plot]"
            ) from error
        weights = self.weights[layer]
        shown = weights.mean(axis=0) if head is None else weights[head]
        length = len(self.tokens)
        if axes is None:
            side = INCHES_A_TOKEN * min(max(length, 10), WIDELY_LABELLED)
            axes = plt.subplots(figsize=(side, side), layout="constrained")[1]
        axes.imshow(shown, cmap="Blues", vmin=0)
        places = range(0, length, -(-length // LABELLED))
        labels = [self.tokens[place] for place in places]
        # A token may hold what would be a formula: two dollar signs.
        plain: dict[str, Any] = {"parse_math": False, "usetex": False}
        if length > WIDELY_LABELLED:
            plain["fontsize"] = SMALL
        axes.set_xticks(places, labels, rotation=90, **plain)
        axes.set_yticks(places, labels, **plain)
        axes.set_xlabel("attended to")
        axes.set_ylabel("token")
        number = layer % layers
        axes.set_title(f"layer {number}, " + ("mean of heads" if head is None else f"head {head}"))
        return axes


def is_index(value: Any, count: int) -> bool:
    """Whether it says which of `count`: an integer, from the end where negative; no bool."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    return whole and -count <= value < count
