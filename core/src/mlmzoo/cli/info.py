"""The command ``mlmzoo info``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from mlmzoo.cli import options


@click.command("info")
@click.argument("preset")
@click.option(
    "--weights",
    is_flag=True,
    help="Look into the weights too, which a handle of a hub downloads.",
)
@options.as_json
@options.debug
def command(preset: str, weights: bool, as_json: bool) -> None:
    """Show what is known of PRESET: a built-in name, a handle or a directory.

    Of a built-in preset this is its record. Of files it is what they hold; those on this machine
    are compared with the family's weight table, as a load would do, without loading them.
    """
    from mlmzoo.cli.output import console, facts, print_json
    from mlmzoo.plugins import registry
    from mlmzoo.presets.resolver import resolve

    location = resolve(preset, registry())
    found: dict[str, Any] = {}
    if location.builtin is not None:
        record = asdict(location.builtin)
        found = {
            "preset": record.pop("name"),
            "family": record.pop("family"),
            "package": registry().distribution_of(location.builtin.family),
            **record,
        }
    local = [files for files in location.files if _is_local(files.handle)]
    if location.builtin is None or weights or local:
        files = location.files[0] if weights or location.builtin is None else local[0]
        found["files"] = _files(files, weights or bool(local), location.builtin)
    if as_json:
        print_json(found)
        return
    screen = console()
    files_found = found.pop("files", None)
    for part in (found, files_found):
        if part:
            screen.print(
                facts(
                    {name: value for name, value in part.items() if value not in (None, {}, [], ())}
                )
            )
            screen.print()


def _is_local(handle: str) -> bool:
    return "://" not in handle or handle.startswith("package://")


def _files(files: Any, with_weights: bool, builtin: Any) -> dict[str, Any]:
    from mlmzoo.plugins import registry
    from mlmzoo.presets import layouts

    family = registry().family(builtin.family) if builtin is not None else None
    contents = layouts.read(files, registry(), family)
    found = {
        "source": files.handle,
        "layout": contents.layout,
        "family": contents.family.name,
        "backbone": contents.backbone,
        "head": contents.head,
        "dtype": contents.dtype,
        "tokenizer": _short(contents.tokenizer),
        "preprocessor": contents.preprocessor,
        "notes": list(contents.notes),
    }
    if with_weights:
        found |= _weights(contents)
    return found


def _short(config: Any) -> Any:
    """A tokenizer's config without what is as long as a vocabulary."""
    if config is None:
        return None
    return {name: value for name, value in config.items() if len(str(value)) < 200}


def _weights(contents: Any) -> dict[str, Any]:
    """What a load would find: a load report without a load."""
    from mlmzoo.presets import weights

    parts = ["backbone", "head"] if contents.has_head else ["backbone"]
    loaded: list[str] = []
    missing: list[str] = []
    parameters = 0
    taken: set[str] = set()
    stored: set[str] = set()
    for part in parts:
        rows = weights.expand(contents.checkpoint, contents.backbone, part)
        with contents.open_weights(part) as tensors:
            names = tensors.names()
            stored |= names
            for row in rows:
                name = weights.stored_name(row, contents.layout)
                (loaded if name in names else missing).append(row.ours)
                if name in names:
                    taken.add(name)
                    size = 1
                    for length in tensors.shape(name):
                        size *= length
                    parameters += size
    return {
        "head_state": contents.head_state,
        "parameters": parameters,
        "weights": len(loaded),
        "missing": missing,
        "unexpected": sorted(stored - taken),
    }
