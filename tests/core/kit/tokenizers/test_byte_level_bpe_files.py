"""Byte-level BPE tokenizers read from and written to both preset layouts."""

import json
from collections.abc import Mapping

import pytest

pytest.importorskip("tokenizers")

from mlmzoo.contract.errors import (
    InputError,
    PresetFormatError,
    PresetMissingError,
    UnsupportedSettingError,
)
from mlmzoo.kit.tokenizers.byte_level_bpe import ByteLevelBPE, byte_of

MERGES = ["t h", "th e", "Ġ the"]
VOCABULARY = ["<s>", "<pad>", "</s>", "<unk>", *sorted(byte_of()), "th", "the", "Ġthe"]
VOCABULARY += ["[M]", "covid-19", "<mask>"]
IDS = {token: id for id, token in enumerate(VOCABULARY)}
MASK = {"content": "<mask>", "single_word": False, "rstrip": False, "normalized": False}


class Toy(ByteLevelBPE):
    special_tokens: Mapping[str, str] = {
        "cls": "<s>",
        "pad": "<pad>",
        "sep": "</s>",
        "unk": "<unk>",
        "mask": "<mask>",
    }
    start, end = "cls", "sep"
    pair_separators = 2
    transformers_class = "RobertaTokenizer"


class Directory:
    """The files of a directory."""

    def __init__(self, root):
        self.root, self.handle = root, str(root)

    def path(self, name):
        path = self.root / name
        return path if path.is_file() else None


def write(root, ids=IDS, merges=MERGES, **files):
    """A directory with a vocab.json and a merges.txt, and JSON files by name."""
    if ids is not None:
        (root / "vocab.json").write_text(json.dumps(ids))
    if merges is not None:
        lines = ["#version: 0.2", *merges]
        (root / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, data in files.items():
        (root / f"{name}.json").write_text(json.dumps(data), encoding="utf-8")
    return Directory(root)


def read(root, *args, **files):
    return Toy.from_files(write(root, *args, **files), "transformers")


def tokenizer_json(model=None, splitter=None, **changes):
    return {
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, **(splitter or {})},
        "model": {
            "type": "BPE",
            "unk_token": None,
            "continuing_subword_prefix": "",
            "vocab": IDS,
            "merges": MERGES,
            **(model or {}),
        },
        **changes,
    }


def pieces(tokenizer, text, specials="mask"):
    return [tokenizer.id_to_token(id) for id in tokenizer.encode([text], specials)[0]]


VARIANTS = [
    {},
    {"add_prefix_space": True},
    {"oov_token": "<unk>"},
    {"special_tokens": {"mask": "[M]"}},
    {"special_tokens": {"mask": "[M]", "<mask>": "<mask>"}},
    {"special_tokens": ["[M]"]},
    {"added_tokens": ["covid-19"]},
    {"added_tokens": [{"content": "<mask>"}, {"content": "covid-19", "single_word": True}]},
    {"added_tokens": [{"content": "<s>", "lstrip": True, "rstrip": True}]},
]
TEXT = "the <mask> covid-19x  [M] <s> the"


@pytest.mark.parametrize("arguments", [*VARIANTS, {"special_tokens_in_text": True}], ids=str)
def test_a_keras_round_trip_keeps_every_setting(arguments, tmp_path):
    tokenizer = Toy(VOCABULARY, MERGES, sequence_length=8, **arguments)
    tokenizer.write_files(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["merges.txt", "vocabulary.json"]
    config = json.loads(json.dumps({**tokenizer.keras_config(), **tokenizer.extras()}))
    back = Toy.from_files(Directory(tmp_path), "keras", config)
    assert back.get_config() == tokenizer.get_config()
    assert back.notes == ()


@pytest.mark.parametrize("arguments", VARIANTS, ids=str)
def test_a_transformers_round_trip_keeps_every_setting(arguments, tmp_path):
    tokenizer = Toy(VOCABULARY, MERGES, **arguments)
    tokenizer.write_files(tmp_path, "transformers")
    back = Toy.from_files(Directory(tmp_path), "transformers")
    assert back.get_config() == tokenizer.get_config()
    assert back.notes == ()
    for specials in ("none", "mask", "all"):
        assert back.encode([TEXT], specials) == tokenizer.encode([TEXT], specials)


def test_without_tokenizer_json_the_mask_is_written_to_take_spaces_still(tmp_path):
    for stripped, entries in ((True, []), (False, [{"content": "<mask>"}])):
        Toy(VOCABULARY, MERGES, added_tokens=entries).write_files(tmp_path, "transformers")
        (tmp_path / "tokenizer.json").unlink()
        back = Toy.from_files(Directory(tmp_path), "transformers")
        assert back.added_tokens == entries
        config = json.loads((tmp_path / "tokenizer_config.json").read_text())
        assert config["mask_token"]["lstrip"] is stripped


def test_tokenizer_json_packs_pairs_as_the_tokenizer_says(tmp_path):
    from tokenizers import Tokenizer

    Toy(VOCABULARY, MERGES).write_files(tmp_path, "transformers")
    packed = Tokenizer.from_file(str(tmp_path / "tokenizer.json")).encode("the the", "a")
    assert packed.tokens == ["<s>", "the", "Ġthe", "</s>", "</s>", "a", "</s>"]
    assert packed.type_ids == [0] * 7
    assert packed.offsets[2] == (4, 7)
    ByteLevelBPE(sorted(byte_of()), []).write_files(tmp_path, "transformers")  # with no roles
    packed = Tokenizer.from_file(str(tmp_path / "tokenizer.json")).encode("a", "b")
    assert packed.tokens == ["a", "b"]


def test_the_keras_config_has_the_argument_names_of_kerashub():
    assert Toy(VOCABULARY, MERGES).keras_config() == {
        "name": "toy",
        "trainable": True,
        "dtype": "int32",
        "config_file": "tokenizer.json",
        "sequence_length": None,
        "add_prefix_space": False,
        "unsplittable_tokens": None,
    }
    assert Toy(VOCABULARY, MERGES).extras() == {}
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    added = Toy(VOCABULARY, MERGES, added_tokens=["covid-19", {"content": "<mask>"}])
    assert added.keras_config()["unsplittable_tokens"] == [*specials, "covid-19"]


def test_a_preset_of_kerashub_is_read_and_unknown_settings_noted(tmp_path):
    assets = tmp_path / "assets" / "tokenizer"
    assets.mkdir(parents=True)
    (assets / "vocabulary.json").write_text(json.dumps(IDS))
    (assets / "merges.txt").write_text("#version: 0.2\n" + "\n".join(MERGES), encoding="utf-8")
    config = {
        "name": "roberta_tokenizer",
        "trainable": True,
        "dtype": {"class_name": "DTypePolicy", "config": {"name": "int32"}},
        "config_file": "tokenizer.json",
        "sequence_length": None,
        "add_prefix_space": True,
        "unsplittable_tokens": ["<mask>", "<pad>", "<s>", "</s>"],
        "novelty": 3,
    }
    back = Toy.from_files(Directory(tmp_path), "keras", config)
    assert back.get_vocabulary() == VOCABULARY
    assert back.merges == MERGES
    assert back.add_prefix_space
    assert not {*back("the <mask> <s>")} & {*back.special_token_ids}
    assert back.keras_config()["unsplittable_tokens"] == config["unsplittable_tokens"]
    assert len(back.notes) == 1
    assert "novelty=3" in back.notes[0]


# transformers -----------------------------------------------------------------------------------


def test_vocabulary_and_merges_alone_are_read_as_the_original_meant_them(tmp_path):
    """transformers 5 leaves the space before the mask where no file says otherwise."""
    back = read(tmp_path)
    assert back.get_vocabulary() == VOCABULARY
    assert back.merges == MERGES
    assert not back.add_prefix_space
    assert pieces(back, "the <mask>") == ["the", "<mask>"]


def test_tokenizer_json_alone_is_enough_even_of_early_versions(tmp_path):
    data = tokenizer_json(model={"merges": [merge.split() for merge in MERGES]})
    assert read(tmp_path, None, None, tokenizer=data).merges == MERGES
    del data["model"]["type"], data["model"]["unk_token"]
    assert read(tmp_path, None, None, tokenizer=data).merges == MERGES


@pytest.mark.parametrize("stripped", [True, False])
@pytest.mark.parametrize("where", ["tokenizer", "special_tokens_map", "config", "decoder"])
def test_files_say_whether_the_mask_takes_the_space_before_it(where, stripped, tmp_path):
    mask = {**MASK, "lstrip": stripped}
    opposite = {**MASK, "lstrip": not stripped, "id": IDS["<mask>"], "special": True}
    files = {
        "tokenizer": {
            "tokenizer": tokenizer_json(added_tokens=[{**opposite, "lstrip": stripped}]),
            "special_tokens_map": {"mask_token": "<mask>"},
        },
        "special_tokens_map": {"special_tokens_map": {"mask_token": mask}},
        "config": {"tokenizer_config": {"mask_token": {"__type": "AddedToken", **mask}}},
        "decoder": {
            "tokenizer": tokenizer_json(added_tokens=[opposite]),
            "tokenizer_config": {
                "mask_token": "<mask>",
                "added_tokens_decoder": {str(IDS["<mask>"]): {**mask, "special": True}},
            },
        },
    }[where]
    expected = ["the", "<mask>"] if stripped else ["the", "Ġ", "<mask>"]
    assert pieces(read(tmp_path, **files), "the <mask>") == expected


def test_the_prefix_space_is_taken_from_where_transformers_takes_it(tmp_path):
    data = tokenizer_json(splitter={"add_prefix_space": True})
    own = read(tmp_path, tokenizer=data)
    assert not own.add_prefix_space
    assert "add_prefix_space=True; False of tokenizer_config.json" in own.notes[0]
    config = {"add_prefix_space": True}
    assert read(tmp_path, tokenizer=data, tokenizer_config=config).notes == ()
    assert read(tmp_path, tokenizer=data, tokenizer_config=config).add_prefix_space
    generic = {"add_prefix_space": False, "tokenizer_class": "PreTrainedTokenizerFast"}
    assert read(tmp_path, tokenizer=data, tokenizer_config=generic).add_prefix_space


def test_an_unknown_token_for_bytes_is_used_where_transformers_uses_it(tmp_path):
    ids = {token: id for id, token in enumerate(token for token in VOCABULARY if token != "x")}
    data = tokenizer_json(model={"vocab": ids, "unk_token": "<unk>"})
    assert pieces(own := read(tmp_path, tokenizer=data), "axa") == ["a", "a"]
    assert "lacks 1 of the 256 bytes" in own.notes[-1]
    generic = {"tokenizer_class": "TokenizersBackend"}
    back = read(tmp_path, tokenizer=data, tokenizer_config=generic)
    assert pieces(back, "axa") == ["a", "<unk>", "a"]


def test_roles_and_further_tokens_come_from_any_file(tmp_path):
    back = read(
        tmp_path,
        tokenizer_config={"mask_token": "[M]", "pad_token": None, "unk_token": None},
        special_tokens_map={"additional_special_tokens": ["covid-19", "absent"]},
        added_tokens={"<new>": len(IDS)},
    )
    assert (back.mask_token, back.pad_token) == ("[M]", "<pad>")
    assert back.get_vocabulary() == [*VOCABULARY, "<new>"]
    assert IDS["covid-19"] in back.special_token_ids
    assert "'absent' is not in the vocabulary" in back.notes[0]
    assert pieces(back, "the [M]<new>") == ["the", "[M]", "<new>"]


# What is wrong with files ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"model": {"type": "WordPiece"}}, PresetFormatError, "type WordPiece, and a BPE one"),
        ({"model": {"type": "Unigram", "vocab": []}}, PresetFormatError, "type Unigram"),
        ({"model": {"vocab": None}}, PresetFormatError, "a BPE one was expected"),
        ({"model": {"merges": None}}, PresetMissingError, None),
        ({"model": {"merges": "t h"}}, PresetFormatError, "no list of merges"),
        ({"model": {"merges": ["t h", "th 日"]}}, PresetFormatError, "number 1, 'th 日', needs"),
        ({"model": {"dropout": 0.1}}, UnsupportedSettingError, "'dropout': 0.1"),
        ({"model": {"byte_fallback": True}}, UnsupportedSettingError, "byte_fallback"),
        ({"model": {"end_of_word_suffix": "</w>"}}, UnsupportedSettingError, "</w>"),
        (
            {"model": {"fuse_unk": True, "unk_token": "<unk>"}},
            UnsupportedSettingError,
            "fuse_unk",
        ),
        ({"splitter": {"use_regex": False}}, UnsupportedSettingError, "use_regex"),
        ({"splitter": {"type": "Metaspace"}}, UnsupportedSettingError, "Metaspace"),
        ({"normalizer": {"type": "NFC"}}, UnsupportedSettingError, "NFC"),
        ({"added_tokens": [{"id": 3, "content": "the"}]}, PresetFormatError, "contradict"),
        ({"added_tokens": [{"id": 900, "content": "x9"}]}, PresetFormatError, "no token is id"),
        ({"added_tokens": [{"content": "x9"}]}, PresetFormatError, "whole number"),
        ({"added_tokens": ["x9"]}, PresetFormatError, "added token 'x9'"),
    ],
)
def test_a_tokenizer_json_that_cannot_be_followed_is_refused(changes, kind, message, tmp_path):
    files = write(tmp_path, None, None, tokenizer=tokenizer_json(**changes))
    if message is None:  # no merges are none: the library writes it so
        assert Toy.from_files(files, "transformers").merges == []
        return
    with pytest.raises(kind, match=message) as caught:
        Toy.from_files(files, "transformers")
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("decoder", [["x"], {"x": {"content": "y"}}, {"5": "y"}])
def test_a_malformed_added_tokens_decoder_is_refused(decoder, tmp_path):
    with pytest.raises(PresetFormatError, match="hold the added token"):
        read(tmp_path, tokenizer_config={"added_tokens_decoder": decoder})


def test_added_tokens_that_contradict_one_another_are_refused(tmp_path):
    entry = {"content": "new", "special": False}
    with pytest.raises(PresetFormatError, match=r"'new' has id 266 in one file and id 267"):
        read(
            tmp_path,
            added_tokens={"new": 266},
            tokenizer_config={"added_tokens_decoder": {"267": entry}},
        )


LAYOUTS = {
    "keras": ("assets/tokenizer/vocabulary.json", "assets/tokenizer/merges.txt"),
    "transformers": ("vocab.json", "merges.txt"),
}


@pytest.mark.parametrize(
    ("which", "content", "message"),
    [
        (0, json.dumps(IDS)[:-20], r"{0} is not JSON"),
        (0, "[1, 2]", r"{0} does not hold a JSON object"),
        (0, json.dumps({**IDS, "<mask>": 900}), r"{0} holds a vocabulary.*no token is id 265"),
        (0, json.dumps({**IDS, "<mask>": "9"}), r"{0} holds.*'<mask>' as id '9'"),
        (0, json.dumps({t: i for t, i in IDS.items() if i < 265}), r"needs special.*'<mask>'"),
        (1, "t h\nth e\nth ex", r"{1} holds merges of which number 2, 'th ex', needs.*'ex'"),
        (1, "t h\n\nth e", r"{1} holds merges of which number 1, '', is no pair"),
        (1, json.dumps(IDS), r"{1} holds merges of which number 0.*no pair"),
    ],
)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_broken_file_is_refused_by_name(layout, which, content, message, tmp_path):
    Toy(VOCABULARY, MERGES).write_files(tmp_path, layout)
    (tmp_path / "tokenizer.json").unlink(missing_ok=True)
    names = LAYOUTS[layout]
    (tmp_path / names[which]).write_text(content, encoding="utf-8")
    with pytest.raises(PresetFormatError, match=message.format(*names)) as caught:
        Toy.from_files(Directory(tmp_path), layout, {})
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_missing_file_is_named(layout, which, tmp_path):
    Toy(VOCABULARY, MERGES).write_files(tmp_path, layout)
    (tmp_path / "tokenizer.json").unlink(missing_ok=True)
    (tmp_path / LAYOUTS[layout][which]).unlink()
    with pytest.raises(PresetMissingError, match=f"no {LAYOUTS[layout][which]}"):
        Toy.from_files(Directory(tmp_path), layout, {})


def test_an_unknown_layout_is_refused(tmp_path):
    with pytest.raises(InputError, match="layout='onnx'"):
        Toy(VOCABULARY, MERGES).write_files(tmp_path, "onnx")
    with pytest.raises(InputError, match="layout='onnx'"):
        Toy.from_files(Directory(tmp_path), "onnx")


def test_words_that_no_merges_make_travel_in_both_layouts(tmp_path):
    ours = Toy([*VOCABULARY, "Ġmoth"], MERGES, ignore_merges=True)
    wanted = [IDS["the"], len(VOCABULARY), *(IDS[each] for each in ("Ġ", "m", "o", "th", "s"))]
    assert list(ours("the moth moths")) == wanted
    config = {**ours.keras_config(), **ours.extras()}
    for layout, given in (("keras", config), ("transformers", None)):
        ours.write_files(tmp_path / layout, layout)
        read = Toy.from_files(Directory(tmp_path / layout), layout, given)
        assert read.ignore_merges and list(read("the moth moths")) == wanted
