"""Changes to files that know their form: most still parse, and say something else."""

from __future__ import annotations

import json
import struct
from random import Random
from typing import Any

from sentencepiece import sentencepiece_model_pb2

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 7, 12, 9999, 2**20 - 1, 10**7, 2**31 - 1, 2**31, 2**63, 10**30),
    *(0.5, -0.5, 1e308, float("nan")),
    *("", " ", "a", "the", "[MASK]", "<mask>", "covid-19", "\ud800", "\0", "\u200c", "\u0301"),
    *("é", "x" * 1001, "../x", "/etc/passwd", "id_to", "BPE", "Unigram", "WordPiece", "Sequence"),
    *([], {}, [[]], [None], [1], ["the"], ["the", 1], {"a": None}, {"content": "the", "id": 5}),
)
BYTES = (
    *(b"\0", b"\xff", b"\n", b"\r", b" ", b"{", b"}", b"[", b'"'),
    *(b"\xef\xbb\xbf", b"\xed\xa0\x80"),
)


def mutate(data: bytes, random: Random) -> bytes:
    """A changed file.

    Args:
        data: Its content; of whatever form, which is recognised.
        random: Decides what is changed.
    """
    change = random.choice((_bytes, _by_form, _by_form, _by_form))
    try:
        return change(data, random)
    except (ValueError, OverflowError, RecursionError):
        return _bytes(data, random)


def _by_form(data: bytes, random: Random) -> bytes:
    if data[:1] in (b"{", b"["):
        return _json(data, random)
    if data[:1] == b"\n":
        return _sentencepiece(data, random)
    if data[8:9] == b"{":
        return _safetensors(data, random)
    if data[:4] == b"\x89HDF":
        return _bytes(data, random)
    return _lines(data, random)


def _bytes(data: bytes, random: Random) -> bytes:
    result = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 8))):
        place = random.randrange(len(result) + 1)
        match random.randrange(6):
            case 0:
                result[place : place + 1] = bytes([random.randrange(256)])
            case 1:
                result[place:place] = random.choice(BYTES)
            case 2:
                del result[place : place + random.choice((1, 2, 8, 100))]
            case 3:
                if place < len(result):
                    result[place] ^= 1 << random.randrange(8)
            case 4:
                part = result[place : place + random.choice((1, 8, 50))]
                result[place:place] = part * random.choice((1, 2, 20))
            case _:
                size = random.choice((1, 2, 4, 8))
                number = random.choice((0, 1, 2**7, 2**31 - 1, 2**31, 2**63, 2**64 - 1))
                result[place : place + size] = struct.pack("<Q", number)[:size]
    if not random.randrange(20):
        del result[random.randrange(len(result) + 1) :]
    return bytes(result)


def _lines(data: bytes, random: Random) -> bytes:
    lines = data.split(b"\n")
    place, other = (random.randrange(len(lines)) for _ in range(2))
    match random.randrange(6):
        case 0:
            lines[place] = lines[other]
        case 1:
            lines[place], lines[other] = lines[other], lines[place]
        case 2:
            del lines[place]
        case 3:
            value = random.choice(VALUES)
            lines.insert(place, str(value).encode("utf-8", "surrogatepass"))
        case 4:
            lines[place] += random.choice(BYTES) + lines[other]
        case _:
            return data.decode("utf-8").encode(random.choice(("utf-16", "utf-8-sig", "utf-32")))
    return b"\n".join(lines)


def _json(data: bytes, random: Random) -> bytes:
    root = [json.loads(data)]
    places = _places(root)
    container, key = random.choice(places)
    value = container[key]
    match random.randrange(7):
        case 0 | 1:
            container[key] = random.choice(VALUES)
        case 2:
            outer, place = random.choice(places)
            container[key] = outer[place]
        case 3 if container is not root:
            del container[key]
        case 4 if isinstance(container, dict):
            container[str(random.choice(VALUES))] = container.pop(key)
        case 5 if isinstance(container, list):
            container.insert(key, value)
        case 5:  # the key is there twice
            text = json.dumps(root[0])
            return text.replace("{", "{" + f"{json.dumps(key)}: {json.dumps(value)}, ", 1).encode()
        case _:
            for _ in range(random.choice((1, 2, 40))):
                value = [value] if random.randrange(2) else {"a": value}
            container[key] = value
    return json.dumps(root[0]).encode()


def _places(root: list[Any]) -> list[tuple[Any, Any]]:
    """Every place of a JSON value: the container, and the key or number in it.

    Those near the top are there more often, for there are few of them.
    """
    places: list[tuple[Any, Any]] = []
    level: list[Any] = [root]
    weight = 64
    while level:
        found = [
            (outer, key)
            for outer in level
            for key in (outer if isinstance(outer, dict) else range(len(outer)))
        ]
        places += found * max(1, weight // max(1, len(found)))
        level = [outer[key] for outer, key in found if isinstance(outer[key], dict | list)]
    return places


def _safetensors(data: bytes, random: Random) -> bytes:
    length = struct.unpack("<Q", data[:8])[0]
    header = _json(data[8 : 8 + length], random)
    if not random.randrange(8):
        length = random.choice((0, 1, length, 2**31, 2**63, 2**64 - 1))
    else:
        length = len(header)
    return struct.pack("<Q", length) + header + data[8 + struct.unpack("<Q", data[:8])[0] :]


def _sentencepiece(data: bytes, random: Random) -> bytes:
    model = sentencepiece_model_pb2.ModelProto()
    try:
        model.ParseFromString(data)
    except Exception as error:  # protobuf's own class, of whatever implementation
        raise ValueError("no model") from error
    pieces = model.pieces
    piece = random.choice(pieces) if pieces else pieces.add(piece="a", score=0.0)
    match random.randrange(8):
        case 0:
            piece.score = random.choice((0.0, 1e38, -1e38, float("nan"), float("inf"), -1e-30))
        case 1:
            piece.type = random.choice((1, 2, 3, 4, 5, 6))
        case 2:
            piece.piece = random.choice(("", "\0", "▁", "a" * 1001, "<0x41>", "the", "[MASK]"))
        case 3:
            number = random.randrange(len(pieces))
            del pieces[number : number + random.choice((1, 1, 2, 100))]
        case 4:
            pieces.add().CopyFrom(piece)
        case 5:
            _field(random.choice((model.trainer_spec, model.normalizer_spec)), random)
        case 6:
            model.ClearField(random.choice(("trainer_spec", "normalizer_spec")))
        case _:
            spec = model.normalizer_spec
            charsmap = _bytes(spec.precompiled_charsmap, random)
            spec.precompiled_charsmap = charsmap
            if not random.randrange(4):
                model.denormalizer_spec.precompiled_charsmap = charsmap
    return model.SerializeToString()


def _field(message: Any, random: Random) -> None:
    field = random.choice(message.DESCRIPTOR.fields)
    if field.type == field.TYPE_BOOL:
        setattr(message, field.name, not getattr(message, field.name))
    elif field.type == field.TYPE_STRING and not field.is_repeated:
        setattr(message, field.name, random.choice(("", "a", "<unk>", "▁", "[MASK]")))
    elif field.type == field.TYPE_ENUM:
        setattr(message, field.name, random.choice(field.enum_type.values).number)
    elif field.type in (field.TYPE_INT32, field.TYPE_INT64):
        setattr(message, field.name, random.choice((-1, 0, 1, 2, 2**31 - 1)))
