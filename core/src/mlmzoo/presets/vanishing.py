"""Files that another program takes away between a look and the next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mlmzoo.contract.errors import PresetMissingError


@contextmanager
def still_there(handle: str) -> Iterator[None]:
    """Opens a file of a preset that was found just before.

    Args:
        handle: The preset, for the error.

    Raises:
        PresetMissingError: The file is gone.
    """
    try:
        yield
    except PresetMissingError:
        raise
    except FileNotFoundError as error:
        raise PresetMissingError(
            f"A file of {handle} was there a moment ago and is gone ({error.filename}): another "
            "program replaced the preset. Load it again."
        ) from error
