"""Texts that a command is given: as arguments, or one a line on standard input."""

from __future__ import annotations

import sys

import click

texts_argument = click.argument("texts", metavar="[TEXT]...", nargs=-1)


def given_or_read(texts: tuple[str, ...]) -> list[str]:
    """The arguments, or where there are none the lines of standard input.

    Raises:
        click.UsageError: There are neither, or the input is not UTF-8.
    """
    if texts:
        return list(texts)
    if sys.stdin.isatty():
        raise click.UsageError("Give at least one TEXT, or texts on standard input.")
    try:  # the bytes, because the encoding of a terminal says nothing about a file's
        given = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"Standard input is not UTF-8: {error}.") from error
    found = [text for line in given.split("\n") if (text := line.strip())]
    if not found:
        raise click.UsageError("Standard input held no text. Give one text a line.")
    return found
