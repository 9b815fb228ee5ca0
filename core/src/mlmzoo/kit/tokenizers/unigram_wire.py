"""Checks the bytes of a sentencepiece model before they are parsed.

A model is a protocol buffer (https://protobuf.dev/programming-guides/encoding/). Parsed, a message
or a text of two bytes takes a hundred of memory, so they are counted first.
"""

from __future__ import annotations

from mlmzoo.kit.tokenizers.reading import TOKENS

FIRST_BYTE = b"\n"
"""What every serialized model begins with: field 1, its first piece."""
PIECE = 1
"""The number of the field that holds a piece."""
OTHER_BYTES = 4 * 2**20
"""Most bytes besides pieces. Of published models those are the character map and little else."""


def wire_fault(data: bytes) -> str:
    """Why bytes are not to be parsed as a sentencepiece model; ``""`` if they may be."""
    if not data:
        return "it is empty"
    if data[:1] != FIRST_BYTE:
        return f"it begins with {data[:1]!r}"
    place = fields = other = 0
    while place < len(data):
        start = place
        try:
            tag, place = _varint(data, place)
            kind = tag & 7
            if kind == 0:
                _, place = _varint(data, place)
            elif kind == 2:
                length, place = _varint(data, place)
                place += length
            elif kind in (1, 5):
                place += 8 if kind == 1 else 4
            else:
                return f"it cannot be parsed (field {fields} is of kind {kind})"
        except IndexError:
            break
        fields += 1
        if fields > TOKENS:
            return f"it has more than {TOKENS} pieces"
        if tag >> 3 != PIECE and (other := other + place - start) > OTHER_BYTES:
            return f"it has more than {OTHER_BYTES} bytes besides its pieces"
    return "" if place == len(data) else f"it cannot be parsed (it ends in field {fields})"


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """A number of variable length, and where it ends."""
    value = shift = 0
    while (byte := data[place]) > 0x7F and shift < 63:
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
    return value | byte << shift, place + 1
