"""The command ``mlmzoo s3-push``."""

from __future__ import annotations

from pathlib import Path

import click

from mlmzoo.errors import PresetMissingError
from mlmzoo_s3.source import S3Files


@click.command("s3-push")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("handle")
def push(directory: Path, handle: str) -> None:
    """Copy the preset in DIRECTORY to HANDLE, s3://bucket/path."""
    import obstore

    files = S3Files(handle)
    if not (directory / "config.json").is_file():
        raise PresetMissingError(
            f"{directory} holds no config.json, so it is no preset. save_to_preset writes one."
        )
    store = files.store()
    found = [path for path in sorted(directory.rglob("*")) if path.is_file()]
    # What makes it a preset comes last, so that nobody loads half of one.
    found.sort(key=lambda path: path.name == "config.json")
    for path in found:
        name = path.relative_to(directory).as_posix()
        with files.told(name):
            obstore.put(store, f"{files.prefix}/{name}", path)
        click.echo(f"{handle}/{name}")
