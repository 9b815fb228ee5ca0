"""Character maps of sentencepiece models are walked here before the library walks them."""

import io
import struct
from random import Random

import numpy as np
import pytest

from mlmzoo.kit.tokenizers.charsmap import CHARSMAP_BYTES, DEPTH, PREFIXES, fault

LEAF = 0x100
TEXTS = b"a\0\xc3\xa9\0"


def unit(base, place, label=0, leaf=False):
    """A unit at `place` whose children are at ``base ^ label``."""
    return ((base ^ place) << 10) | (LEAF if leaf else 0) | label


def charsmap(units, texts=TEXTS, size=512):
    """A map whose trie has the units given by place; the others have a label nothing leads to."""
    table = [0x80000000] * size
    for place, value in units.items():
        table[place] = value
    return struct.pack(f"<I{size}I", 4 * size, *table) + texts


def chain(length, leaf):
    """A trie that replaces "a", "aa", … or only the longest, of `length` bytes."""
    units, place, base = {0: unit(256, 0)}, 0, 256
    for number in range(length):
        place = base ^ 0x61
        base = 256 + 4 * number + 2 if number % 2 else 512 + 4 * number + 2
        here = leaf or number + 1 == length
        units[place] = unit(base, place, 0x61, here)
        if here:
            units[base] = 0x80000000
    return charsmap(units, size=1024)


def trained(**options):
    sentencepiece = pytest.importorskip("sentencepiece")
    pb2 = pytest.importorskip("sentencepiece.sentencepiece_model_pb2")
    writer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the quick brown fox"] * 9),
        model_writer=writer,
        vocab_size=30,
        hard_vocab_limit=False,
        minloglevel=2,
        **options,
    )
    return pb2.ModelProto.FromString(writer.getvalue()).normalizer_spec.precompiled_charsmap


@pytest.mark.parametrize("name", ["nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf", "identity"])
def test_the_librarys_own_maps_are_sound(name):
    assert fault(trained(normalization_rule_name=name)) == ""


def test_maps_of_other_rules_are_sound(tmp_path):
    rules = tmp_path / "rules.tsv"
    longest = " ".join(["61"] * 8)
    rules.write_text(f"FB01\t66 69\n2460\t31\n{longest}\t62\n61 61\t\n", encoding="utf-8")
    assert fault(trained(normalization_rule_tsv=str(rules))) == ""


@pytest.mark.parametrize("length", [1, 5, PREFIXES])
def test_small_tries_are_sound(length):
    assert fault(chain(length, leaf=True)) == ""


FAULTS = {
    "gives its trie 97 bytes": b"a\0\0\0" + bytes(200),
    "character map of 3 bytes": b"abc",
    "gives its trie 1024 bytes": struct.pack("<I", 1024) + bytes(1024),
    "has no end": charsmap({0: unit(256, 0)}, b"a\0b"),
    "not UTF-8": charsmap({0: unit(256, 0)}, b"\xff\0"),
    f"more than {CHARSMAP_BYTES}": bytes(CHARSMAP_BYTES + 1),
    # sentencepiece 0.2.1 reads far outside of its memory.
    "root of its character map": charsmap({0: 0xFFFFFC00}),
    "leads outside of itself": charsmap({0: unit(512, 0)}),
    "trie leads outside": charsmap({0: unit(256, 0), 256 ^ 0x61: unit(4096, 256 ^ 0x61, 0x61)}),
    "points outside of its texts": charsmap(
        {0: unit(256, 0), 256 ^ 0x61: unit(10, 256 ^ 0x61, 0x61, True), 10: 0x80000000 | len(TEXTS)}
    ),
    "or into a character": charsmap(
        {0: unit(256, 0), 256 ^ 0x61: unit(10, 256 ^ 0x61, 0x61, True), 10: 0x80000000 | 3}
    ),
    f"more than {PREFIXES} entries": chain(PREFIXES + 1, leaf=True),
    f"more than {DEPTH} bytes": chain(DEPTH + 2, leaf=False),
    # A text of as many bytes as one likes is looked up in it, at each of its places again.
    "without an end": charsmap({0: unit(256, 0), 256 ^ 0x61: unit(256, 256 ^ 0x61, 0x61)}),
}


@pytest.mark.parametrize("says", FAULTS)
def test_what_the_library_would_follow_anywhere_is_refused(says):
    assert says in fault(FAULTS[says])


def reads_outside(data, texts):
    """What a search for any text does, followed one byte at a time, without arrays."""
    length = struct.unpack("<I", data[:4])[0]
    units = struct.unpack(f"<{length // 4}I", data[4 : 4 + length])
    front, seen = {units[0] >> 10 << ((units[0] & 0x200) >> 6)}, set()
    while front:
        base = front.pop()
        seen.add(base)
        for label in range(256):
            place = base ^ label
            if place >= len(units):
                return True
            value = units[place]
            if value & 0x800000FF != label:
                continue
            below = place ^ (value >> 10 << ((value & 0x200) >> 6))
            if value & LEAF and (below >= len(units) or (units[below] & 0x7FFFFFFF) >= len(texts)):
                return True
            if below not in seen:
                front.add(below)
    return False


def test_no_map_that_is_taken_leads_outside_of_itself():
    random, taken, refused = Random(0), 0, 0
    good = chain(6, leaf=True)
    for _ in range(400):
        table = np.frombuffer(good, "<u4", 1024, 4).copy()
        for _ in range(random.choice((1, 1, 3))):
            place = random.choice([0, *np.flatnonzero(table != 0x80000000)])
            table[place] ^= 1 << random.randrange(32)
        data = struct.pack("<I", 4096) + table.tobytes() + TEXTS
        if fault(data):
            refused += 1
        else:
            taken += 1
            assert not reads_outside(data, TEXTS)
    assert min(taken, refused) > 20
