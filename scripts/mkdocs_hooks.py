"""What MkDocs does besides rendering: fills in the preset catalogue, misses no public name.

Both come from the installed packages, so a new plugin or a new name edits no page list.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# Below MkDocs' own logger, so that a warning fails a strict build.
log = logging.getLogger("mkdocs.hooks.mlmzoo")

CATALOGUE = "<!-- preset catalogue -->"
HEAD = "| preset | parameters | what it is | from |"

DOCUMENTED = (
    "mlmzoo",
    "mlmzoo.errors",
    "mlmzoo.contract.hookspecs",
    "mlmzoo.contract.protocols",
    "mlmzoo.contract.records",
    "mlmzoo.kit.layers",
    "mlmzoo.kit.tables",
    "mlmzoo.kit.tokenizers",
    "mlmzoo.testing",
)
"""The modules whose public names must be in the reference."""


def catalogue() -> str:
    """Markdown tables of every installed preset, one table a family."""
    import mlmzoo

    by_family: dict[str, list[Any]] = {}
    for preset in mlmzoo.list_presets().values():
        by_family.setdefault(preset.family, []).append(preset)
    lines: list[str] = []
    for family, presets in sorted(by_family.items()):
        lines += [
            f"## {family}",
            "",
            "| preset | parameters | what it is | from |",
            "|---|--:|---|---|",
        ]
        for preset in sorted(presets, key=lambda p: (p.parameters, p.name)):
            sources = "<br>".join(f"`{source}`" for source in preset.sources)
            lines.append(
                f"| `{preset.name}` | {preset.parameters:,} | {preset.description} | {sources} |"
            )
        lines.append("")
    return "\n".join(lines)


def public_names(module_name: str) -> list[str]:
    """Full names of what a module offers: its ``__all__``, else what is defined in it."""
    module = importlib.import_module(module_name)
    names: Iterable[str] = getattr(module, "__all__", None) or (
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module_name
    )
    return sorted(f"{module_name}.{name}" for name in names if not name.startswith("_"))


def documented_names(inventory: Path) -> set[str]:
    """Every object in a Sphinx inventory (version 2: four header lines, then a zlib stream)."""
    body = inventory.read_bytes().split(b"\n", 4)[4]
    return {line.split(" ")[0] for line in zlib.decompress(body).decode("utf-8").splitlines()}


def missing_names(documented: set[str]) -> list[str]:
    """Public names that the reference does not hold."""
    public = {name for module in DOCUMENTED for name in public_names(module)}
    return sorted(public - documented)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs hook: puts the catalogue where a page asks for it."""
    return markdown.replace(CATALOGUE, catalogue()) if CATALOGUE in markdown else markdown


def on_post_build(config: Any) -> None:
    """MkDocs hook: warns of every public name that is not in the reference."""
    for name in missing_names(documented_names(Path(config["site_dir"]) / "objects.inv")):
        log.warning("%s is public and in none of the pages under docs/reference", name)
