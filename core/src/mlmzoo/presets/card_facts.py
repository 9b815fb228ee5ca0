"""`CardFacts`: what a model card states that the files of a model do not say."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from typing import Any, NoReturn, Self

from mlmzoo.contract.errors import InputError
from mlmzoo.presets.json_files import CONTROL

Names = str | tuple[str, ...]


@dataclass(frozen=True)
class CardFacts:
    """What is known of a model. What is not given is not stated, and nothing is guessed.

    A line is text without line breaks; prose may have several, and be Markdown without HTML.

    Args:
        title: The heading, a line.
        description: What the model is, prose.
        license: The Hub's name of it, such as ``"apache-2.0"``, or ``"other"``.
        license_name: What the licence is called where it is another one.
        license_link: Where its text is.
        language: Codes of the languages, one or several, such as ``"en"``.
        datasets: Data sets on the Hub that it was trained on, one or several: ``"org/name"``.
        data: What it was trained on, prose.
        base_model: Models on the Hub that it was made from, one or several: ``"org/name"``.
        metrics: What it was measured on (a data set of the Hub, or a line) -> metric -> number.
        evaluation: How the metrics were measured, prose.
        good_for: What it is good for, a list of lines.
        not_good_for: What it is not good for, a list of lines.
    """

    title: str | None = None
    description: str | None = None
    license: str | None = None
    license_name: str | None = None
    license_link: str | None = None
    language: Names | None = None
    datasets: Names | None = None
    data: str | None = None
    base_model: Names | None = None
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    evaluation: str | None = None
    good_for: tuple[str, ...] = ()
    not_good_for: tuple[str, ...] = ()

    @classmethod
    def from_mapping(cls, card: Any) -> Self:
        """The facts in plain data; an entry that is ``None`` counts as absent.

        Raises:
            InputError: It is no mapping, or has an entry that is unknown or of another type.
        """
        known = [entry.name for entry in fields(cls)]
        if not isinstance(card, Mapping):
            raise InputError(
                f"card= was given {card!r:.100}. Give a mapping, such as {{'license': 'mit'}}; it "
                f"may have: {', '.join(known)}."
            )
        if unknown := [f"{name!r:.60}" for name in card if name not in known]:
            raise InputError(
                f"card= has {', '.join(unknown)}, which no model card of ours states. It may have: "
                f"{', '.join(known)}."
            )
        given = {name: value for name, value in card.items() if value is not None}
        return cls(**{name: _CHECKS[name](value, name) for name, value in given.items()})


def hub_licence(name: str) -> str:
    """The Hub's name of a licence: SPDX's in lower case."""
    return name.strip().lower()


def _refuse(name: str, value: Any, wanted: str) -> NoReturn:
    raise InputError(f"card= has {name} = {value!r:.100}; it has to be {wanted}.")


def _line(value: Any, name: str) -> str:
    if not _is_text(value) or len(value.splitlines()) != 1:
        _refuse(name, value, "text, in one line and without control characters")
    return str(value)


def _prose(value: Any, name: str) -> str:
    if not _is_text(value):
        _refuse(name, value, "text, without control characters")
    return str(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and not CONTROL.search(value)


def _lines(value: Any, name: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value:
        _refuse(name, value, "a list of texts")
    return tuple(_line(item, name) for item in value)


def _names(value: Any, name: str) -> Names:
    if isinstance(value, str):
        return _line(value, name)
    if not isinstance(value, list | tuple) or not value:
        _refuse(name, value, "text, or a list of texts")
    return _lines(value, name)


def _metrics(value: Any, name: str) -> dict[str, dict[str, float]]:
    if not isinstance(value, Mapping) or not all(
        isinstance(v, Mapping) and v for v in value.values()
    ):
        _refuse(name, value, "a mapping such as {'org/dataset': {'accuracy': 0.5}}")
    return {
        _line(data, name): {
            _line(metric, name): _number(x, f"{name}[{data!r:.60}][{metric!r:.60}]")
            for metric, x in found.items()
        }
        for data, found in value.items()
    }


def _number(value: Any, name: str) -> float:
    wanted = "a finite number, as in {'org/dataset': {'accuracy': 0.5}}"
    if isinstance(value, bool) or not isinstance(value, Real):
        _refuse(name, value, wanted)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf if value > 0 else -math.inf  # type: ignore[operator]
    if not math.isfinite(number):
        _refuse(name, number, wanted)
    return int(value) if isinstance(value, Integral) else number


_CHECKS: dict[str, Callable[[Any, str], Any]] = {
    "title": _line,
    "description": _prose,
    "license": _line,
    "license_name": _line,
    "license_link": _line,
    "language": _names,
    "datasets": _names,
    "data": _prose,
    "base_model": _names,
    "metrics": _metrics,
    "evaluation": _prose,
    "good_for": _lines,
    "not_good_for": _lines,
}
