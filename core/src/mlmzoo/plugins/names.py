"""Names that packages claim, where two may claim the same one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Generic, TypeVar

from mlmzoo.contract.errors import AmbiguousNameError

T = TypeVar("T")


def normalise(distribution: str) -> str:
    """Name of a distribution as PEP 503 compares it: ``"MLMzoo_Bert"`` is ``"mlmzoo-bert"``."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def label_of(distribution: str, name: str) -> str:
    """One name for an entry point of a distribution: ``"mlmzoo-bert:bert"``."""
    return f"{normalise(distribution)}:{name}"


def split_qualified(name: str) -> tuple[str, str] | None:
    """``("mlmzoo-bert", "bert_base_en")`` of ``"mlmzoo-bert:bert_base_en"``, else ``None``.

    One letter before the colon is a Windows drive, not a distribution.
    """
    match = re.fullmatch(r"([A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]):([^/\\:]+)", name)
    return (normalise(match[1]), match[2]) if match else None


class Names(Generic[T]):
    """What each name means, per distribution that claims it. A clash has no winner.

    Args:
        kind: What the names are, for messages, e.g. ``"preset"``.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._claims: dict[str, dict[str, T]] = {}

    def add(self, name: str, distribution: str, value: T) -> None:
        """Note that `distribution` gives `name` this meaning. Two that agree do not clash."""
        claims = self._claims.setdefault(name, {})
        if value not in claims.values():
            claims[normalise(distribution)] = value

    def find(self, name: object) -> T | None:
        """The meaning of a plain or qualified name; ``None`` where nobody claims it.

        Raises:
            AmbiguousNameError: A plain name that several distributions claim.
        """
        if not isinstance(name, str):
            return None  # names come out of files, where anything may stand
        claims = self._claims.get(name)
        if claims is None:
            qualified = split_qualified(name)
            if qualified is None:
                return None
            return self._claims.get(qualified[1], {}).get(qualified[0])
        if len(claims) == 1:
            return next(iter(claims.values()))
        forms = " or ".join(f"'{distribution}:{name}'" for distribution in claims)
        raise AmbiguousNameError(
            f"The {self.kind} {name!r} was asked for, and {len(claims)} installed packages claim "
            f"it: {', '.join(claims)}. Say which one is meant with {forms}, or leave the other "
            "package out, by uninstalling it or with MLMZOO_PLUGINS."
        )

    def items(self) -> Iterator[tuple[str, T]]:
        """Every name that has one meaning; names of a clash in their qualified forms only."""
        for name, claims in self._claims.items():
            for distribution, value in claims.items():
                yield (name if len(claims) == 1 else f"{distribution}:{name}"), value

    def conflicts(self, distribution: str) -> list[str]:
        """One sentence per name that `distribution` and another one claim."""
        own = normalise(distribution)
        return [
            f"{self.kind} {name!r} is also claimed by {', '.join(d for d in claims if d != own)}"
            f"; this one is '{own}:{name}'"
            for name, claims in self._claims.items()
            if own in claims and len(claims) > 1
        ]
