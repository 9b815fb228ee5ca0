"""Commands whose ``--data`` takes many files."""

from __future__ import annotations

from collections.abc import Sequence

import click


class ManyFiles(click.Command):
    """``--data`` takes all that follows it up to the next option, as a shell expands a glob."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, self.spread(args))

    @staticmethod
    def spread(args: Sequence[str]) -> list[str]:
        """``--data a b`` as click takes it: ``--data a --data b``."""
        spread: list[str] = []
        many = False
        for arg in args:
            if arg == "--data":
                many = True
            elif many and not arg.startswith("-"):
                spread += ["--data", arg]
            else:
                many = False
                spread.append(arg)
        if "--data" in args and "--data" not in spread:
            spread.append("--data")  # click says that it takes an argument
        return spread


data_option = click.option(
    "--data",
    multiple=True,
    required=True,
    metavar="FILE...",
    help="Text files or globs, one text a line; .gz too. Takes all up to the next option.",
)
