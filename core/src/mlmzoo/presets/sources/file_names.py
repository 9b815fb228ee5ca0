"""The one check on file names that every source makes before it touches a disk or a network."""

from __future__ import annotations

from mlmzoo.contract.errors import PresetFormatError

_NEVER = set('\\:*?"<>|') | {chr(code) for code in range(32)} | {chr(127)}


def check_file_name(name: str, handle: str) -> None:
    """Refuse a name that is not a plain relative path inside a preset.

    Names also come from files of the preset itself (the index of a sharded checkpoint), so they
    are not to be trusted.

    Args:
        name: Relative path with forward slashes, e.g. ``"assets/tokenizer/vocabulary.txt"``.
        handle: The preset, for the message.

    Raises:
        PresetFormatError: The name is empty, absolute, climbs out of the preset or holds
            characters that mean something else to a file system.
    """
    if isinstance(name, str) and name and not _NEVER.intersection(name):
        # An empty part is a leading, doubled or trailing slash.
        if all(part not in ("", ".", "..") for part in name.split("/")):
            return
    raise PresetFormatError(
        f"{handle} was asked for the file {name!r}, which is not a plain path inside a preset. "
        'A file is named like "config.json" or "assets/vocabulary.txt": relative, with forward '
        "slashes, without '..'. If an index file of the preset names it so, do not use that preset."
    )
