"""Byte-level BPE: its options, its inputs, and what it gives back."""

import copy
import doctest
import json
import pickle

import pytest

pytest.importorskip("tokenizers")

from mlmzoo.contract.errors import InputError, PresetFormatError, PresetMissingError
from mlmzoo.kit.tokenizers import byte_level_bpe
from mlmzoo.kit.tokenizers.byte_level_bpe import ByteLevelBPE, byte_of

SPECIALS = {"cls": "<s>", "pad": "<pad>", "sep": "</s>", "unk": "<unk>", "mask": "<mask>"}
MERGES = ["t h", "th e", "Ġ the", "Ġ l", "i g", "Ġl ig", "h t", "Ġlig ht", "m a", "' t"]
PIECES = ["".join(merge.split()) for merge in MERGES]
FIRST = ["<s>", "<pad>", "</s>", "<unk>"]
VOCABULARY = [*FIRST, *sorted(byte_of()), *PIECES, "covid-19", "ab", "<mask>"]


class Toy(ByteLevelBPE):
    special_tokens = SPECIALS
    start, end = "cls", "sep"
    pair_separators = 2


@pytest.fixture(scope="module")
def tokenizer():
    return Toy(VOCABULARY, MERGES)


def pieces(text, specials="none", **arguments):
    tokenizer = Toy(VOCABULARY, MERGES, **arguments)
    return [tokenizer.id_to_token(id) for id in tokenizer.encode([text], specials)[0]]


@pytest.mark.parametrize(
    ("text", "arguments", "expected"),
    [
        ("the the", {}, ["the", "Ġthe"]),
        ("the the", {"add_prefix_space": True}, ["Ġthe", "Ġthe"]),
        (" the", {"add_prefix_space": True}, ["Ġthe"]),
        ("", {"add_prefix_space": True}, []),
        ("the  light", {}, ["the", "Ġ", "Ġlight"]),  # all spaces but the last are a word
        ("the\tlight", {}, ["the", "ĉ", "l", "ig", "ht"]),
        ("the light \n", {}, ["the", "Ġlight", "Ġ", "Ċ"]),
        ("it'the", {}, ["i", "t", "'t", "h", "e"]),  # 't is a contraction, then comes "he"
        ("the1the", {}, ["the", "1", "the"]),
        ("the_the", {}, ["the", "_", "the"]),
        ("é日", {}, ["Ã", "©", "æ", "Ĺ", "¥"]),
        ("\x00\xad", {}, ["Ā", "Â", "Ń"]),
        ("covid-19", {}, list("covid-19")),
        ("the covid-19x", {"added_tokens": ["covid-19"]}, ["the", "Ġ", "covid-19", "x"]),
        (
            "the covid-19x",
            {"added_tokens": [{"content": "covid-19", "single_word": True}]},
            ["the", "Ġ", *"covid-19x"],
        ),
        (
            "the covid-19x",
            {"added_tokens": [{"content": "covid-19", "lstrip": True}]},
            ["the", "covid-19", "x"],
        ),
        ("xabx", {"unsplittable_tokens": ["ab", "<s>"]}, ["x", "ab", "x"]),
    ],
)
def test_options_do_what_they_say(text, arguments, expected):
    assert pieces(text, **arguments) == expected


def test_merges_are_tried_in_their_order_and_not_longest_first():
    vocabulary = ["a", "b", "c", "ab", "bc"]
    assert ByteLevelBPE(vocabulary, ["b c", "a b"])("abc").tolist() == [0, 4]
    assert ByteLevelBPE(vocabulary, ["a b", "b c"])("abc").tolist() == [3, 2]


@pytest.mark.parametrize("spelled", ["<mask>", "<s>", "</s>", "<pad>", "<unk>"])
def test_text_that_spells_a_special_token_holds_none_unless_asked(tokenizer, spelled):
    text, id = f"the {spelled} the", tokenizer.token_to_id(spelled)
    assert not {*tokenizer(text).tolist()} & {*tokenizer.special_token_ids}
    assert tokenizer.detokenize(tokenizer(text)) == text
    assert (id in tokenizer.encode([text], "mask")[0]) == (spelled == "<mask>")
    assert id in tokenizer.encode([text], "all")[0]
    assert id in Toy(VOCABULARY, MERGES, special_tokens_in_text=True)(text)
    plain = Toy(VOCABULARY, MERGES, unsplittable_tokens=[spelled])(text)
    assert plain.tolist() == tokenizer(text).tolist()


def test_a_special_token_is_not_reached_by_merging_either():
    named = Toy(VOCABULARY, MERGES, special_tokens={"mask": "the"})
    assert pieces("the the", special_tokens={"mask": "the"}) == ["th", "e", "Ġ", "th", "e"]
    assert named.encode(["the the"], "mask") == [[named.mask_token_id] * 2]
    assert named.mask_token_id not in named("the")


def test_the_mask_takes_the_whitespace_before_it_as_in_the_original():
    text = "the  <mask> the<mask>"
    assert pieces(text, "mask") == ["the", "<mask>", "Ġthe", "<mask>"]
    assert pieces("a <s>", "all") == ["a", "Ġ", "<s>"]
    kept = {"added_tokens": [{"content": "<mask>"}]}
    assert pieces(text, "mask", **kept) == ["the", "Ġ", "Ġ", "<mask>", "Ġthe", "<mask>"]
    assert pieces("<mask>", **kept) == ["<", "ma", "s", "k", ">"]


def test_a_string_among_added_tokens_changes_nothing_about_a_special_token():
    assert pieces("the <mask>", "mask", added_tokens=["<mask>"]) == ["the", "<mask>"]


@pytest.mark.parametrize("prefix", [False, True])
def test_offsets_are_characters_of_the_text_without_the_space_before(prefix):
    tokenizer = Toy(VOCABULARY, MERGES, add_prefix_space=prefix)
    text = "the <mask> light é"
    ids, offsets = tokenizer.encode_with_offsets([text], "mask")
    assert ids == tokenizer.encode([text], "mask")
    spans = list(zip(map(tokenizer.id_to_token, ids[0]), offsets[0], strict=True))
    assert spans[1:] == [
        ("<mask>", (4, 10)),
        ("Ġlight", (11, 16)),
        ("Ġ", (17, 17)),
        ("Ã", (17, 18)),
        ("©", (17, 18)),
    ]
    assert spans[0] == ("Ġthe" if prefix else "the", (0, 3))


@pytest.mark.parametrize(
    "text",
    ["the light", " the\n\n  light\t", "é日本\U0001f600", "\x00\x7f\u200b\ufeff", "<mask> <s>", ""],
)
def test_detokenize_gives_the_text_back_byte_for_byte(tokenizer, text):
    assert tokenizer.detokenize(tokenizer(text)) == text


def test_detokenize_spells_masks_and_drops_what_packing_adds(tokenizer):
    ids = [0, *tokenizer.encode(["the<mask> light"], "mask")[0], 2, 2, 3, 2, 1, 1]
    assert tokenizer.detokenize(ids) == "the<mask> light<unk>"
    assert tokenizer.detokenize([tokenizer.token_to_id("covid-19")]) == "covid-19"
    half = tokenizer("日")[:2]
    assert tokenizer.detokenize(half) == "\ufffd"


def test_an_added_token_is_spelled_as_it_is_and_not_read_as_bytes():
    tokenizer = Toy([*VOCABULARY, "Ġé"], MERGES, added_tokens=["Ġé"])
    assert tokenizer.detokenize(tokenizer("the Ġé")) == "the Ġé"


def test_a_byte_that_the_vocabulary_lacks_is_left_out_or_unknown():
    lacking = [token for token in VOCABULARY if token != "x"]
    assert Toy(lacking, MERGES)("axb").tolist() == [lacking.index("a"), lacking.index("b")]
    unknown = Toy(lacking, MERGES, oov_token="<unk>")
    assert unknown("axb").tolist() == [lacking.index("a"), 3, lacking.index("b")]
    assert unknown("<unk>").tolist() == Toy(lacking, MERGES)("<unk>").tolist()


def test_a_vocabulary_without_an_unknown_token_is_enough():
    vocabulary = [token for token in VOCABULARY if token != "<unk>"]
    tokenizer = Toy(vocabulary, MERGES)
    assert "unk" not in tokenizer.special_tokens
    with pytest.raises(InputError, match=r"'<unk>' \(unk\)"):
        Toy(vocabulary, MERGES, special_tokens={"unk": "<unk>"})
    with pytest.raises(InputError, match=r"'<mask>' \(mask\)"):
        Toy([token for token in VOCABULARY if token != "<mask>"], MERGES)


def test_vocabulary_and_merges_come_in_several_forms(tokenizer, tmp_path):
    ids = {token: id for id, token in enumerate(VOCABULARY)}
    (tmp_path / "v.json").write_text(json.dumps(ids))
    (tmp_path / "m.txt").write_text("#version: 0.2\r\n" + "\r\n".join(MERGES), encoding="utf-8")
    pairs = [tuple(merge.split()) for merge in MERGES]
    for vocabulary in (ids, VOCABULARY, tuple(VOCABULARY), tmp_path / "v.json"):
        for merges in (MERGES, pairs, str(tmp_path / "m.txt")):
            assert Toy(vocabulary, merges).get_config() == tokenizer.get_config()


@pytest.mark.parametrize(
    ("vocabulary", "merges", "message"),
    [
        (None, MERGES, "vocabulary=None"),
        (VOCABULARY, None, "merges=None"),
        (VOCABULARY, {"t": "h"}, "merges={"),
        (VOCABULARY, ["t h", "the"], "number 1, 'the', is no pair"),
        (VOCABULARY, ["t  h"], "no pair"),
        (VOCABULARY, [("t", "h", "e")], "no pair"),
        (VOCABULARY, [("t h", "e")], "no pair"),
        (VOCABULARY, [5], "number 0, 5, is no pair"),
        (VOCABULARY, [*MERGES, "th Ġthe"], "number 10.*needs the piece 'thĠthe'"),
        (VOCABULARY, ["日 t"], "needs the piece '日'"),
        ({"<s>": 0, "<pad>": 2}, [], "no token is id 1"),
        ({"<s>": 0, "<pad>": "1"}, [], "'<pad>' as id '1'"),
    ],
)
def test_a_bad_vocabulary_or_merge_is_refused_with_what_is_wrong(vocabulary, merges, message):
    with pytest.raises(InputError, match=message):
        Toy(vocabulary, merges)


def test_tokens_that_are_asked_for_must_be_in_the_vocabulary():
    for arguments in ({"unsplittable_tokens": ["new"]}, {"oov_token": "new"}):
        with pytest.raises(InputError, match=r"asks for \['new'\]"):
            Toy(VOCABULARY, MERGES, **arguments)
    with pytest.raises(InputError, match=r"added_tokens asks for \['new'\]"):
        Toy(VOCABULARY, MERGES, added_tokens=[{"content": "new"}])


def test_files_that_are_missing_or_malformed_are_named(tmp_path):
    with pytest.raises(PresetMissingError, match=r"vocabulary=.*none\.json"):
        Toy(tmp_path / "none.json", MERGES)
    with pytest.raises(PresetMissingError, match=r"merges=.*none\.txt"):
        Toy(VOCABULARY, tmp_path / "none.txt")
    (tmp_path / "v.json").write_text('{"<s>": 0,')
    with pytest.raises(PresetFormatError, match=r"v\.json.*not JSON"):
        Toy(tmp_path / "v.json", MERGES)
    (tmp_path / "m.txt").write_bytes(b"caf\xe9 x\n")
    with pytest.raises(PresetFormatError, match=r"m\.txt are not UTF-8"):
        Toy(VOCABULARY, tmp_path / "m.txt")


def test_text_that_utf_8_cannot_hold_is_refused(tokenizer):
    with pytest.raises(InputError, match="Text number 1 is not valid Unicode"):
        tokenizer.encode(["light", "\ud800"])


def test_the_config_is_json_and_builds_the_same_tokenizer():
    arguments = {
        "add_prefix_space": True,
        "special_tokens": {"cls": "the"},
        "sequence_length": 7,
        "oov_token": "<unk>",
        "unsplittable_tokens": ["<s>", "ab"],
        "added_tokens": [{"content": "<mask>", "rstrip": True}, "covid-19"],
    }
    tokenizer = Toy(VOCABULARY, MERGES, **arguments)
    config = json.loads(json.dumps(tokenizer.get_config()))
    assert {name: config[name] for name in arguments} == arguments
    twin = Toy.from_config(config)
    assert twin.get_config() == config
    text = "the <mask> ab covid-19x"
    assert twin.encode([text], "all") == tokenizer.encode([text], "all")
    assert twin(text).tolist() == tokenizer(text).tolist()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_does_the_same(tokenizer, copied):
    tokenizer("the light")
    assert copied(tokenizer)("the light").tolist() == tokenizer("the light").tolist()


def test_the_256_bytes_are_those_of_gpt_2():
    from tokenizers import pre_tokenizers

    assert set(byte_of()) == set(pre_tokenizers.ByteLevel.alphabet())
    assert sorted(byte_of().values()) == [bytes([number]) for number in range(256)]
    encode = ByteLevelBPE(sorted(byte_of()), [])
    assert "".join(map(encode.id_to_token, encode("\u00adé \n"))) == "ÂŃÃ©ĠĊ"


def test_the_examples_in_the_docstrings_run():
    assert doctest.testmod(byte_level_bpe).failed == 0
