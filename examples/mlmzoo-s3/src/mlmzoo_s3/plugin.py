"""The entry point of this package: a place that presets come from, and a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlmzoo.contract.hookspecs import hookimpl

if TYPE_CHECKING:
    import click

    from mlmzoo_s3.source import S3Source


@hookimpl
def mlmzoo_sources() -> list[S3Source]:
    """Presets in buckets: ``s3://bucket/path``."""
    from mlmzoo_s3.source import S3Source

    return [S3Source()]


@hookimpl
def mlmzoo_commands(group: click.Group) -> None:
    """``mlmzoo s3-push DIRECTORY s3://bucket/path``."""
    from mlmzoo_s3.command import push

    group.add_command(push)
