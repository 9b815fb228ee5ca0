"""Which tokens attend to which: a small array with its labels, and a picture of it."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from mlmzoo.contract.errors import InputError


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
            axes: Matplotlib axes to draw on; new ones by default.

        Returns:
            The axes; ``axes.figure.savefig("attention.png")`` writes a file.

        Raises:
            InputError: There is no such layer or head, or matplotlib is not installed.
        """
        layers, heads = self.weights.shape[:2]
        for what, number, count in (("layer", layer, layers), ("head", head, heads)):
            if number is None and what == "head":
                continue
            if not isinstance(number, Integral) or not -count <= number < count:
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
        if axes is None:
            side = max(3.0, 0.3 * len(self.tokens))
            axes = plt.subplots(figsize=(side, side), layout="constrained")[1]
        axes.imshow(shown, cmap="Blues", vmin=0)
        places = range(len(self.tokens))
        axes.set_xticks(places, self.tokens, rotation=90)
        axes.set_yticks(places, self.tokens)
        axes.set_xlabel("attended to")
        axes.set_ylabel("token")
        number = layer % layers
        axes.set_title(f"layer {number}, " + ("mean of heads" if head is None else f"head {head}"))
        return axes
