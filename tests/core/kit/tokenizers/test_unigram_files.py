"""Sentencepiece tokenizers read from and written to both preset layouts."""

import io
import json
import re
from collections.abc import Mapping
from typing import ClassVar

import pytest

pytest.importorskip("sentencepiece")

import sentencepiece

from mlmzoo.contract.errors import (
    InputError,
    PresetFormatError,
    PresetMissingError,
    PresetWarning,
    UnsupportedSettingError,
)
from mlmzoo.kit.tokenizers.unigram import Unigram
from mlmzoo.testing.tiny import CORPUS

TEXTS = [*CORPUS, "Naïve ``café'' [MASK] 12, 13,", " two  spaces\t日 <s> [CLS]x"] * 3


class Toy(Unigram):
    """Special tokens in the model; a class of transformers' own reads it."""

    special_tokens: Mapping[str, str] = {
        "pad": "<pad>",
        "unk": "<unk>",
        "cls": "[CLS]",
        "sep": "[SEP]",
        "mask": "[MASK]",
    }
    start, end = "cls", "sep"
    preparation: ClassVar[Mapping[str, bool]] = {"lowercase": True, "strip_accents": True}
    model_tokens = ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")
    transformers_class = "AlbertTokenizer"
    transformers_switches = ("do_lower_case", "keep_accents")


class Shifted(Unigram):
    """Tokens in the place of the model's; only the generic class reads it."""

    special_tokens: Mapping[str, str] = {
        "cls": "<s>",
        "pad": "<pad>",
        "sep": "</s>",
        "unk": "<unk>",
        "mask": "[MASK]",
    }
    start, end = "cls", "sep"
    pair_separators = 2
    tokens_before = ("<s>", "<pad>", "</s>", "<unk>")
    tokens_after = ("[MASK]",)
    model_file = "spm.model"
    transformers_inputs = ("input_ids", "attention_mask")


KINDS = [Toy, Shifted]


class Directory:
    """The files of a directory."""

    def __init__(self, root):
        self.root, self.handle = root, str(root)

    def path(self, name):
        path = self.root / name
        return path if path.is_file() else None


@pytest.fixture(scope="module")
def protos():
    return {kind: kind.train(TEXTS, 90).proto for kind in KINDS}


VARIANTS = [
    {},
    {"lowercase": True},
    {"lowercase": False, "strip_accents": False},
    {"strip_accents": True, "straight_quotes": True},
    {"compose": True},
    {"special_tokens": {"cls": "▁the"}},
    {"special_tokens": ["nd"]},
    {"added_tokens": ["covid-19", "x y"]},
    {"added_tokens": {"far": 200}},
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("arguments", VARIANTS, ids=str)
def test_keras_round_trip_keeps_every_setting(kind, arguments, protos, tmp_path):
    tokenizer = kind(protos[kind], **arguments)
    tokenizer.write_files(tmp_path, "keras")
    config = json.loads(json.dumps({**tokenizer.keras_config(), **tokenizer.extras()}))
    read = kind.from_files(Directory(tmp_path), "keras", config)
    assert read.get_config() == tokenizer.get_config()
    assert read.notes == ()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("arguments", VARIANTS, ids=str)
def test_transformers_round_trip_keeps_every_setting(kind, arguments, protos, tmp_path):
    tokenizer = kind(protos[kind], **arguments)
    tokenizer.write_files(tmp_path, "transformers")
    read = kind.from_files(Directory(tmp_path), "transformers")
    assert read.get_config() == tokenizer.get_config()
    assert read.notes == ()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("arguments", VARIANTS, ids=str)
def test_tokenizer_json_alone_gives_the_same_tokens(kind, arguments, protos, tmp_path):
    tokenizer = kind(protos[kind], **arguments)
    tokenizer.write_files(tmp_path, "transformers")
    (tmp_path / kind.model_file).unlink()
    read = kind.from_files(Directory(tmp_path), "transformers")
    assert read.get_vocabulary() == tokenizer.get_vocabulary()
    assert read.special_tokens == tokenizer.special_tokens
    for specials in ("none", "mask", "all"):
        assert read.encode(TEXTS, specials) == tokenizer.encode(TEXTS, specials)
    # What is made from it is a model like any other, and text does not give its special tokens.
    library = sentencepiece.SentencePieceProcessor(model_proto=read.proto)
    for role, token in kind.special_tokens.items():
        id = library.piece_to_id(token)
        assert role == "unk" or id == library.unk_id() or id not in library.encode(f"a{token}b")


def of_type(kind, **options):
    """A tokenizer whose model is of another type than Unigram."""
    writer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS),
        model_writer=writer,
        model_type=kind,
        hard_vocab_limit=False,
        minloglevel=2,
        **{"vocab_size": 80, **options},
    )
    return Shifted(writer.getvalue())


@pytest.mark.parametrize("kind", ["bpe", "char"])
def test_models_that_merge_come_back_from_tokenizer_json(kind, tmp_path):
    tokenizer = of_type(kind)
    read = Shifted.from_files(changed(tmp_path, tokenizer, lambda data: None), "transformers")
    assert read.get_vocabulary() == tokenizer.get_vocabulary()
    assert read.encode(TEXTS) == tokenizer.encode(TEXTS)


def test_a_model_that_keeps_spaces_comes_back_from_tokenizer_json(tmp_path):
    tokenizer = of_type("unigram", remove_extra_whitespaces=False, add_dummy_prefix=False)
    read = Shifted.from_files(changed(tmp_path, tokenizer, lambda data: None), "transformers")
    texts = ["two  spaces", *CORPUS]
    assert read.encode(texts) == tokenizer.encode(texts)
    assert read.detokenize(read(texts[0])) == texts[0]


def test_merges_that_sentencepiece_would_not_make_are_refused(tmp_path):
    files = changed(tmp_path, of_type("bpe"), lambda data: data["model"]["merges"].pop(7))
    with pytest.raises(UnsupportedSettingError, match="never joins"):
        Shifted.from_files(files, "transformers")


def test_models_of_words_are_written_with_a_warning(tmp_path):
    tokenizer = of_type("word")
    with pytest.warns(PresetWarning, match="whole words"):
        tokenizer.write_files(tmp_path, "transformers")
    assert Shifted.from_files(Directory(tmp_path), "transformers").proto == tokenizer.proto


def test_models_with_spaces_after_words_are_not_written(tmp_path):
    tokenizer = of_type("unigram", treat_whitespace_as_suffix=True)
    with pytest.raises(UnsupportedSettingError, match="after words"):
        tokenizer.write_files(tmp_path, "transformers")


def test_without_our_settings_a_keras_preset_is_tokenized_as_kerashub_does(protos, tmp_path):
    Toy(protos[Toy]).write_files(tmp_path, "keras")
    kerashub = {"proto": None, "sequence_length": None, "add_bos": False, "add_eos": False}
    read = Toy.from_files(Directory(tmp_path), "keras", kerashub)
    assert not any(read.switches.values())
    assert read.notes == ()
    # Arguments win over what the files say, or do not say.
    read = Toy.from_files(Directory(tmp_path), "keras", kerashub, lowercase=True)
    assert read.lowercase


def test_the_keras_config_has_the_argument_names_of_kerashub(protos):
    plain = Toy(protos[Toy], lowercase=False, strip_accents=False)
    assert plain.extras() == {}
    assert plain.keras_config() == {
        "name": "toy",
        "trainable": True,
        "dtype": "int32",
        "config_file": "tokenizer.json",
        "proto": None,
        "sequence_length": None,
        "add_bos": False,
        "add_eos": False,
    }
    assert Toy(protos[Toy]).extras() == {"lowercase": True, "strip_accents": True}


@pytest.mark.parametrize("name", ["spiece.model", "spm.model", "sentencepiece.bpe.model"])
def test_a_model_is_found_under_any_of_its_names(name, protos, tmp_path):
    (tmp_path / name).write_bytes(protos[Toy])
    assert Toy.from_files(Directory(tmp_path), "transformers").proto == protos[Toy]


def write(directory, proto, **files):
    (directory / "spiece.model").write_bytes(proto)
    for name, data in files.items():
        (directory / f"{name}.json").write_text(json.dumps(data))
    return Directory(directory)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, (True, True)),
        ({"do_lower_case": False}, (False, True)),
        ({"do_lower_case": False, "keep_accents": True}, (False, False)),
    ],
)
def test_settings_come_from_tokenizer_config(config, expected, protos, tmp_path):
    read = Toy.from_files(write(tmp_path, protos[Toy], tokenizer_config=config), "transformers")
    assert (read.lowercase, read.strip_accents) == expected


def test_settings_that_a_family_does_not_have_are_not_its(protos, tmp_path):
    files = write(tmp_path, protos[Shifted], tokenizer_config={"do_lower_case": True})
    assert not Shifted.from_files(files, "transformers").lowercase


def test_added_tokens_keep_their_ids(protos, tmp_path):
    size = Shifted(protos[Shifted]).mask_token_id
    files = write(tmp_path, protos[Shifted], added_tokens={"[MASK]": size + 1, "<spk>": size + 2})
    read = Shifted.from_files(files, "transformers")
    assert (read.mask_token_id, read.token_to_id("<spk>")) == (size + 1, size + 2)
    assert read.vocabulary_size() == size + 3
    assert read.encode(["the <spk>"])[0][-1] == size + 2


def test_special_tokens_with_other_names_are_found(protos, tmp_path):
    files = write(tmp_path, protos[Toy], special_tokens_map={"mask_token": {"content": "nd"}})
    read = Toy.from_files(files, "transformers")
    assert read.mask_token == "nd"


def test_files_that_contradict_one_another_are_refused(protos, tmp_path):
    files = write(tmp_path, protos[Toy], added_tokens={"[CLS]": 9})
    with pytest.raises(PresetFormatError, match="contradict"):
        Toy.from_files(files, "transformers")
    files = write(tmp_path, protos[Toy], added_tokens={"<new>": 9})
    with pytest.raises(PresetFormatError, match=r"spiece\.model.*'<new>' as number 9"):
        Toy.from_files(files, "transformers")


@pytest.mark.parametrize("layout", ["keras", "transformers"])
def test_a_missing_model_is_named(layout, tmp_path):
    with pytest.raises(PresetMissingError, match=r"vocabulary\.spm|spiece\.model"):
        Toy.from_files(Directory(tmp_path), layout)


@pytest.mark.parametrize(
    ("layout", "name"),
    [("keras", "assets/tokenizer/vocabulary.spm"), ("transformers", "spiece.model")],
)
@pytest.mark.parametrize("data", [b"", b"<html>", b"\n\x05trunc"])
def test_a_broken_model_is_named(layout, name, data, tmp_path):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(PresetFormatError, match=name):
        Toy.from_files(Directory(tmp_path), layout)


def test_a_model_of_another_family_is_named(protos, tmp_path):
    (tmp_path / "spiece.model").write_bytes(protos[Shifted])
    with pytest.raises(PresetFormatError, match=r"spiece\.model.*special tokens '<pad>'"):
        Toy.from_files(Directory(tmp_path), "transformers")
    (tmp_path / "spiece.model").write_bytes(protos[Toy])
    with pytest.raises(PresetFormatError, match=r"spiece\.model.*first pieces"):
        Shifted.from_files(Directory(tmp_path), "transformers")


def changed(directory, tokenizer, change):
    """A ``tokenizer.json`` that was changed, without a model beside it."""
    tokenizer.write_files(directory, "transformers")
    (directory / tokenizer.model_file).unlink()
    path = directory / "tokenizer.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    return Directory(directory)


METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
UNKNOWN_STEPS = {
    "NFKC": lambda data: data["normalizer"]["normalizers"].append({"type": "NFKC"}),
    "NFKD": lambda data: data["normalizer"]["normalizers"].insert(0, {"type": "NFKD"}),
    "StripAccents": lambda data: data["normalizer"]["normalizers"].insert(
        0, {"type": "StripAccents"}
    ),
    "Replace": lambda data: data["normalizer"]["normalizers"].insert(
        0, {"type": "Replace", "pattern": {"String": "a"}, "content": "b"}
    ),
    "Lowercase": lambda data: data["normalizer"]["normalizers"].append({"type": "Lowercase"}),
    "ByteLevel": lambda data: data.update(pre_tokenizer={"type": "ByteLevel"}),
    "Punctuation": lambda data: data.update(
        pre_tokenizer={"type": "Sequence", "pretokenizers": [{"type": "Punctuation"}, METASPACE]}
    ),
    "prepend_scheme=first": lambda data: data["pre_tokenizer"].update(prepend_scheme="first"),
    "prepend_scheme=unknown": lambda data: data["pre_tokenizer"].update(replacement="_"),
    "pre-tokenizers none": lambda data: data.update(pre_tokenizer=None),
}


@pytest.mark.parametrize("name", UNKNOWN_STEPS)
def test_text_prepared_in_an_unknown_way_is_refused_by_name(name, protos, tmp_path):
    tokenizer = Toy(protos[Toy], strip_accents=False)
    files = changed(tmp_path, tokenizer, UNKNOWN_STEPS[name])
    with pytest.raises(UnsupportedSettingError, match=name):
        Toy.from_files(files, "transformers")


@pytest.mark.parametrize(
    "pre_tokenizer",
    [
        {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, METASPACE]},
        {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True},
    ],
)
def test_pre_tokenizers_of_other_versions_are_known(pre_tokenizer, protos, tmp_path):
    tokenizer = Toy(protos[Toy])
    files = changed(tmp_path, tokenizer, lambda data: data.update(pre_tokenizer=pre_tokenizer))
    read = Toy.from_files(files, "transformers")
    assert read.encode(TEXTS, "all") == tokenizer.encode(TEXTS, "all")


def as_transformers_5_24(data, symbols=()):
    """What it writes for a sentencepiece model of a family without rules of its own."""
    steps = [s for s in data["normalizer"]["normalizers"] if s["type"] == "Precompiled"]
    steps += [
        {"type": "Replace", "pattern": {kind: pattern}, "content": content}
        for kind, pattern, content in [
            ("Regex", r"\A +| +\z", ""),
            ("Regex", " {2,}", " "),
            ("String", " ", "▁"),
            ("Regex", r"\A▁", "▁▁"),
        ]
    ]
    data["normalizer"]["normalizers"] = steps
    splitters = [{**METASPACE, "split": False}]
    if symbols:
        pattern = {"Regex": "|".join(map(re.escape, symbols))}
        split = {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}
        splitters.append(split)
    data["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": splitters}


SPACED = [*TEXTS, "▁the", " ▁ the ", "the▁▁the"]


def test_the_way_of_transformers_5_24_gives_the_same_tokens(protos, tmp_path):
    tokenizer = Shifted(protos[Shifted])
    read = Shifted.from_files(changed(tmp_path, tokenizer, as_transformers_5_24), "transformers")
    assert read.encode(SPACED, "all") == tokenizer.encode(SPACED, "all")


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_symbols_of_the_user_come_back_from_a_split(kind, tmp_path):
    symbols = ["ck--", "|", "\\", "é"]
    texts = [*SPACED, "the quick--fox | the \\ Naïvé qui--ck--"]
    tokenizer = of_type(kind, vocab_size=100, user_defined_symbols=symbols)

    def change(data):
        as_transformers_5_24(data, symbols)
        data["added_tokens"] = [t for t in data["added_tokens"] if t["content"] not in symbols]
        if kind == "unigram":
            for entry in data["model"]["vocab"]:
                entry[1] = 0.0 if entry[0] in symbols else entry[1]

    read = Shifted.from_files(changed(tmp_path, tokenizer, change), "transformers")
    assert read.encode(texts) == tokenizer.encode(texts)


@pytest.mark.parametrize("scheme", ["never", "first"])
def test_two_marks_before_a_text_are_refused_where_none_is_put_there(scheme, protos, tmp_path):
    def change(data):
        as_transformers_5_24(data)
        data["pre_tokenizer"]["pretokenizers"][0]["prepend_scheme"] = scheme

    files = changed(tmp_path, Shifted(protos[Shifted]), change)
    with pytest.raises(UnsupportedSettingError, match=f"prefix.*prepend_scheme={scheme}"):
        Shifted.from_files(files, "transformers")


@pytest.mark.parametrize(
    "split",
    [
        {"pattern": {"Regex": r"\s"}},
        {"pattern": {"Regex": "a|bb"}},  # it would find the shorter one first
        {"pattern": {"Regex": "a"}, "invert": True},
        {"pattern": {"Regex": "a"}, "behavior": "Removed"},
    ],
    ids=str,
)
def test_a_split_at_anything_else_is_refused(split, protos, tmp_path):
    def change(data):
        as_transformers_5_24(data, ["a"])
        data["pre_tokenizer"]["pretokenizers"][-1].update(split)

    files = changed(tmp_path, Shifted(protos[Shifted]), change)
    with pytest.raises(UnsupportedSettingError, match="Split"):
        Shifted.from_files(files, "transformers")


BROKEN = {
    "tokenizer of type WordPiece": lambda data: data.update(
        model={"type": "WordPiece", "vocab": {}}
    ),
    "malformed vocabulary": lambda data: data["model"].update(vocab=[["a"], 3]),
    "malformed vocabulary.*unk_id is 9999": lambda data: data["model"].update(unk_id=9999),
    "has a piece twice": lambda data: data["model"]["vocab"].append(["▁the", -1.0]),
    "lack the special tokens": lambda data: data["model"].update(vocab=data["model"]["vocab"][:3]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_tokenizer_json_is_named(name, protos, tmp_path):
    files = changed(tmp_path, Toy(protos[Toy]), BROKEN[name])
    with pytest.raises(PresetFormatError, match=f"tokenizer.json.*{name}|{name}.*tokenizer.json"):
        Toy.from_files(files, "transformers")


def test_a_tokenizer_json_of_another_family_is_named(protos, tmp_path):
    files = changed(tmp_path, Toy(protos[Toy]), lambda data: None)
    with pytest.raises(PresetFormatError, match=r"tokenizer\.json begins with the tokens"):
        Shifted.from_files(files, "transformers")


def test_settings_that_contradict_tokenizer_json_are_noted(protos, tmp_path):
    files = changed(tmp_path, Toy(protos[Toy]), lambda data: None)
    path = tmp_path / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "do_lower_case": False}))
    read = Toy.from_files(files, "transformers")
    assert not read.lowercase
    assert read.notes == (
        "tokenizer.json says lowercase=True; do_lower_case=False of tokenizer_config.json was "
        "used.",
    )


def test_where_transformers_takes_tokenizer_json_as_it_is_so_do_we(protos, tmp_path):
    class Generic(Toy):
        transformers_class = None

    files = changed(tmp_path, Toy(protos[Toy]), lambda data: None)
    path = tmp_path / "tokenizer_config.json"
    path.write_text(json.dumps({"do_lower_case": False, "tokenizer_class": "ToyTokenizer"}))
    read = Generic.from_files(files, "transformers")
    assert (read.lowercase, read.notes) == (True, ())
    assert not Toy.from_files(files, "transformers").lowercase


def test_what_cannot_be_done_the_same_way_is_refused(protos, tmp_path):
    files = write(tmp_path, protos[Toy], tokenizer_config={"split_by_punct": True})
    with pytest.raises(UnsupportedSettingError, match="split_by_punct"):
        Toy.from_files(files, "transformers")
    with pytest.raises(PresetFormatError, match="add_bos=True"):
        Toy(protos[Toy]).write_files(tmp_path, "keras")
        Toy.from_files(files, "keras", {"add_bos": True})


def test_transformers_own_class_is_named_only_where_it_tokenizes_alike(protos, tmp_path):
    def name(**arguments):
        Toy(protos[Toy], **arguments).write_files(tmp_path, "transformers")
        return json.loads((tmp_path / "tokenizer_config.json").read_text())["tokenizer_class"]

    assert name() == name(lowercase=False) == name(strip_accents=False) == "AlbertTokenizer"
    assert name(straight_quotes=True) == name(added_tokens=["x-y"]) == "PreTrainedTokenizerFast"


def test_a_model_that_falls_back_on_bytes_is_not_for_transformers_own_class(tmp_path):
    class Own(Shifted):
        transformers_class = "XLMRobertaTokenizer"

    for fallback, expected in ((False, "XLMRobertaTokenizer"), (True, "PreTrainedTokenizerFast")):
        proto = of_type("unigram", byte_fallback=fallback, vocab_size=400).proto
        Own(proto).write_files(tmp_path, "transformers")
        config = json.loads((tmp_path / "tokenizer_config.json").read_text())
        assert config["tokenizer_class"] == expected


def test_an_unknown_layout_is_an_error(protos, tmp_path):
    with pytest.raises(InputError, match="layout='onnx'"):
        Toy(protos[Toy]).write_files(tmp_path, "onnx")
    with pytest.raises(InputError, match="layout='onnx'"):
        Toy.from_files(Directory(tmp_path), "onnx")
