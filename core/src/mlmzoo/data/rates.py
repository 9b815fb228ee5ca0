"""Masking rates that change while a model is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from mlmzoo.data.numbers import check_share

RateSchedule: TypeAlias = Callable[[float], float]
"""From the share of the run that is done, 0 to 1, to the share of tokens to mask, 0 to 1.

Any function will do. The same run asks the same questions again when it is resumed, so it should
give the same answers.
"""


@dataclass(frozen=True)
class LinearRate:
    """A `RateSchedule` that is a straight line, see `linear_rate`."""

    start: float
    end: float

    def __call__(self, progress: float) -> float:
        """The rate when a share `progress` of the run is done."""
        return self.start + (self.end - self.start) * min(max(progress, 0.0), 1.0)


def linear_rate(start: float, end: float) -> LinearRate:
    """A masking rate that goes from `start` to `end` in a straight line over a run.

    Many masks teach a lot at first, when the model knows little; few ones leave it the context
    that the finer points need. Models trained with a rate that decays did better than with a
    fixed one (Yang, Zhang and Zhao, 2023, "Learning Better Masking for Better Language Model
    Pre-training", https://aclanthology.org/2023.acl-long.400).

    Args:
        start: Rate at the beginning, 0 to 1.
        end: Rate at the end, 0 to 1.

    Returns:
        A function of the share of the run that is done, 0 to 1.

    Raises:
        InputError: A rate is outside of 0 to 1.

    Example:
        >>> rate = linear_rate(0.25, 0.15)
        >>> rate(0.0), round(rate(0.5), 3), rate(1.0)
        (0.25, 0.2, 0.15)
    """
    return LinearRate(
        check_share("linear_rate(start)", start), check_share("linear_rate(end)", end)
    )
