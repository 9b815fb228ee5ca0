"""`LoadReport`: what a load used, took and left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SHOWN = 8
"""Number of names shown in a printed report; the report itself holds all of them."""


@dataclass(frozen=True)
class LoadReport:
    """The end of every load.

    Args:
        asked: The preset as the caller named it.
        source: The handle or directory the files came from.
        layout: ``"keras"`` or ``"transformers"``.
        loaded: Paths of the variables that were loaded.
        missing: Paths of the variables the checkpoint lacks; they were initialised afresh.
        unexpected: Names of tensors in the checkpoint that were not used.
        head_state: ``"trained"``, ``"unknown"`` or ``"random"``; ``None`` where there is no head.
        notes: Anything else worth knowing: a fallback source, a setting that was approximated.
    """

    asked: str
    source: str
    layout: str
    loaded: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    head_state: str | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in vars(self).items()
        }

    def __str__(self) -> str:
        lines = [
            f"{self.asked}: {len(self.loaded)} weights loaded",
            f"  source      {self.source}",
            f"  layout      {self.layout}",
        ]
        if self.head_state is not None:
            lines.append(f"  head        {self.head_state}")
        lines.extend(
            f"  {label:<11} {len(names)}: {_some(names)}"
            for label, names in (("missing", self.missing), ("unexpected", self.unexpected))
            if names
        )
        lines.extend(f"  note        {note}" for note in self.notes)
        return "\n".join(lines)


def _some(names: tuple[str, ...]) -> str:
    more = f", … ({len(names) - SHOWN} more)" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
