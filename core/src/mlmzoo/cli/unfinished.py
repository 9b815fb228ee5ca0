"""Where ``mlmzoo train`` keeps a run until it is over, and how the run goes on."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

FILE = "run.safetensors"


class Unfinished:
    """The directory ``OUT.checkpoint``, beside the one that is trained for.

    Args:
        out: The directory that is trained for.
    """

    def __init__(self, out: str) -> None:
        path = Path(os.path.abspath(os.path.expanduser(out)))
        self.directory = path.with_name(f"{path.name}.checkpoint")
        self.file = self.directory / FILE

    def check(self, resume: bool) -> None:
        """Refuse to begin where a run is kept, and to go on where none is.

        Raises:
            click.UsageError: It is so.
        """
        if resume and not self.file.exists():
            raise click.UsageError(
                f"--resume was given, and {self.directory} holds no run. Leave it out to begin."
            )
        if self.file.exists() and not resume:
            raise click.UsageError(
                f"{self.directory} holds a run that did not come to its end. Pass --resume to go "
                "on with it, or remove the directory to begin anew."
            )

    def callback(self, every: int) -> Any:
        """The `mlmzoo.TrainingCheckpoint` of the run."""
        from mlmzoo.tasks.training_checkpoint import TrainingCheckpoint

        return TrainingCheckpoint(self.file, every)

    @contextlib.contextmanager
    def until_the_end(self) -> Iterator[None]:
        """Remove the directory when the block ends well, and say how to go on where that helps."""
        try:
            yield
        # Any other error would come again.
        except (KeyboardInterrupt, SystemExit, OSError):
            if self.file.exists():
                click.echo(
                    f"The run is kept in {self.directory}: the same command with --resume goes on "
                    "with it.",
                    err=True,
                )
            raise
        shutil.rmtree(self.directory, ignore_errors=True)
