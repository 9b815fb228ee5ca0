"""The one check on file names that every source makes before it touches a disk or a network."""

from __future__ import annotations

import re

from mlmzoo.contract.errors import PresetFormatError

NAME_BYTES = 255
"""Longest part of a path that common file systems take."""

_NEVER = set('\\:*?"<>|') | {chr(code) for code in range(32)} | {chr(127)}

_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?")
"""What Windows takes for a device in any directory, whatever follows the dot."""


def check_file_name(name: str, handle: str) -> None:
    """Refuse a name that is not a plain relative path inside a preset.

    Names also come from files of the preset itself (the index of a sharded checkpoint), so they
    are not to be trusted. What is refused is the same on every system.

    Args:
        name: Relative path with forward slashes, e.g. ``"assets/tokenizer/vocabulary.txt"``.
        handle: The preset, for the message.

    Raises:
        PresetFormatError: The name is empty, absolute, climbs out of the preset, is that of a
            device or holds characters that mean something else to a file system.
    """
    if isinstance(name, str) and name and not _NEVER.intersection(name):
        # An empty part is a leading, doubled or trailing slash.
        if all(_is_plain(part) for part in name.split("/")):
            return
    raise PresetFormatError(
        f"{handle} was asked for the file {name!r:.200}, which is not a plain path inside a "
        'preset. A file is named like "config.json" or "assets/vocabulary.txt": relative, with '
        "forward slashes, without '..'. If an index file of the preset names it so, do not use "
        "that preset."
    )


def _is_plain(part: str) -> bool:
    try:
        size = len(part.encode())
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    # A dot or space at the end goes unseen on Windows: "..", "config.json." and "config.json".
    return 0 < size <= NAME_BYTES and part[-1] not in ". " and not _DEVICE.fullmatch(part)
