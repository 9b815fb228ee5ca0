"""WordPiece tokenizers read from and written to both preset layouts."""

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
from mlmzoo.kit.tokenizers.wordpiece import WordPiece

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "café", "cafe", "##s", "日本"]
BERT = {
    "type": "BertNormalizer",
    "clean_text": True,
    "handle_chinese_chars": True,
    "strip_accents": None,
    "lowercase": True,
}


class Toy(WordPiece):
    special_tokens: Mapping[str, str] = {
        "pad": "[PAD]",
        "unk": "[UNK]",
        "cls": "[CLS]",
        "sep": "[SEP]",
        "mask": "[MASK]",
    }
    start, end = "cls", "sep"
    transformers_class = "BertTokenizer"


class Directory:
    """The files of a directory."""

    def __init__(self, root):
        self.root, self.handle = root, str(root)

    def path(self, name):
        path = self.root / name
        return path if path.is_file() else None


def config_of(tokenizer):
    config = tokenizer.get_config()
    return {name: value for name, value in config.items() if name != "vocabulary"}


VARIANTS = [
    {},
    {"lowercase": True},
    {"lowercase": True, "strip_accents": True},
    {"lowercase": True, "strip_accents": None},
    {"split_on_cjk": False},
    {"split": False},
    {"max_characters_per_word": 7},
    {"special_tokens": {"mask": "the"}},
    {"special_tokens": ["the"]},
    {"special_tokens": {"cls": "the", "café": "café"}},
    {"oov_token": "the"},
    {"added_tokens": ["café", {"content": "日本", "single_word": True}]},
]


@pytest.mark.parametrize("arguments", VARIANTS, ids=str)
def test_keras_round_trip_keeps_every_setting(arguments, tmp_path):
    tokenizer = Toy(VOCABULARY, **arguments)
    tokenizer.write_files(tmp_path, "keras")
    config = json.loads(json.dumps({**tokenizer.keras_config(), **tokenizer.extras()}))
    read = Toy.from_files(Directory(tmp_path), "keras", config)
    expected = config_of(tokenizer)
    if expected["strip_accents"] is None:
        expected["strip_accents"] = expected["lowercase"]  # KerasHub's format has no None here
    assert config_of(read) == expected
    assert read.get_vocabulary() == VOCABULARY
    assert read.notes == ()


@pytest.mark.parametrize("arguments", VARIANTS, ids=str)
def test_transformers_round_trip_keeps_every_setting(arguments, tmp_path):
    tokenizer = Toy(VOCABULARY, **arguments)
    tokenizer.write_files(tmp_path, "transformers")
    read = Toy.from_files(Directory(tmp_path), "transformers")
    expected = config_of(tokenizer)
    if not expected["split"]:
        expected["split_on_cjk"] = False  # without splitting, nothing is
    assert config_of(read) == expected
    assert read.get_vocabulary() == VOCABULARY
    assert read.notes == ()
    text = "The cafés 日本 [MASK] café"
    for specials in ("none", "mask", "all"):
        assert read.encode([text], specials) == tokenizer.encode([text], specials)


def test_the_keras_config_has_the_argument_names_of_kerashub():
    assert Toy(VOCABULARY, lowercase=True).keras_config() == {
        "name": "toy",
        "trainable": True,
        "dtype": "int32",
        "config_file": "tokenizer.json",
        "vocabulary": None,
        "sequence_length": None,
        "lowercase": True,
        "strip_accents": False,
        "split": True,
        "suffix_indicator": "##",
        "oov_token": "[UNK]",
        "special_tokens": None,
        "special_tokens_in_strings": False,
    }
    assert Toy(VOCABULARY, lowercase=True).extras() == {}


def test_a_preset_of_kerashub_is_read_and_unknown_settings_noted(tmp_path):
    path = tmp_path / "assets" / "tokenizer" / "vocabulary.txt"
    path.parent.mkdir(parents=True)
    # Trailing whitespace is no part of a token there.
    path.write_bytes("\r\n".join(f"{token} " for token in VOCABULARY).encode())
    config = {
        "name": "bert_tokenizer",
        "trainable": True,
        "dtype": {"class_name": "DTypePolicy", "config": {"name": "int32"}},
        "config_file": "tokenizer.json",
        "vocabulary": None,
        "lowercase": True,
        "special_tokens": None,
        "special_tokens_in_strings": True,
        "novelty": 3,
    }
    read = Toy.from_files(Directory(tmp_path), "keras", config)
    assert read.get_vocabulary() == VOCABULARY
    assert read.lowercase
    assert read.strip_accents is False
    assert read.special_tokens_in_text
    assert len(read.notes) == 1
    assert "novelty=3" in read.notes[0]
    override = Toy.from_files(
        Directory(tmp_path), "keras", config, strip_accents=True, special_tokens_in_text=False
    )
    assert override.strip_accents
    assert not override.special_tokens_in_text


def transformers_files(root, vocabulary=VOCABULARY, **files):
    """A directory with a vocab.txt, and JSON files by name."""
    if vocabulary is not None:
        (root / "vocab.txt").write_text("".join(f"{t}\n" for t in vocabulary), encoding="utf-8")
    for name, data in files.items():
        (root / f"{name}.json").write_text(json.dumps(data), encoding="utf-8")
    return Directory(root)


def tokenizer_json(**changes):
    return {
        "added_tokens": [],
        "normalizer": BERT,
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {token: id for id, token in enumerate(VOCABULARY)},
        },
        **changes,
    }


def test_a_vocabulary_alone_is_read_as_transformers_reads_it(tmp_path):
    read = Toy.from_files(transformers_files(tmp_path), "transformers")
    assert (read.lowercase, read.strip_accents, read.split_on_cjk) == (True, None, True)
    assert read.get_vocabulary() == VOCABULARY


def test_tokenizer_config_says_how_a_vocabulary_is_used(tmp_path):
    files = transformers_files(
        tmp_path,
        tokenizer_config={
            "do_lower_case": False,
            "strip_accents": True,
            "tokenize_chinese_chars": False,
            "mask_token": {"content": "the", "lstrip": True},
        },
        special_tokens_map={"mask_token": "[MASK]", "cls_token": "café"},
        added_tokens={"covid": 10},
    )
    read = Toy.from_files(files, "transformers")
    assert (read.lowercase, read.strip_accents, read.split_on_cjk) == (False, True, False)
    assert (read.mask_token, read.cls_token) == ("the", "café")
    assert read.get_vocabulary() == [*VOCABULARY, "covid"]
    assert read.encode(["xcovid"]) == [[1, 10]]


def test_tokenizer_json_alone_is_enough(tmp_path):
    normalizer = {**BERT, "lowercase": False, "strip_accents": True}
    files = transformers_files(tmp_path, None, tokenizer=tokenizer_json(normalizer=normalizer))
    read = Toy.from_files(files, "transformers")
    assert (read.lowercase, read.strip_accents) == (False, True)


def test_a_tokenizer_json_without_a_model_type_is_read(tmp_path):
    data = tokenizer_json()
    del data["model"]["type"]
    files = transformers_files(tmp_path, None, tokenizer=data)
    assert Toy.from_files(files, "transformers").get_vocabulary() == VOCABULARY


def test_tokenizer_config_wins_over_tokenizer_json_and_a_note_says_so(tmp_path):
    files = transformers_files(
        tmp_path, None, tokenizer=tokenizer_json(), tokenizer_config={"do_lower_case": False}
    )
    read = Toy.from_files(files, "transformers")
    assert not read.lowercase
    assert "lowercase=True; do_lower_case=False" in read.notes[0]


def test_a_generic_class_takes_tokenizer_json_as_it_is(tmp_path):
    config = {"do_lower_case": False, "tokenizer_class": "PreTrainedTokenizerFast"}
    files = transformers_files(tmp_path, None, tokenizer=tokenizer_json(), tokenizer_config=config)
    assert Toy.from_files(files, "transformers").lowercase


def test_added_tokens_continue_the_vocabulary(tmp_path):
    added = [
        {"id": 4, "content": "[MASK]", "special": True, "normalized": False},
        {"id": 11, "content": "[NEW]", "special": True, "normalized": False},
        {"id": 10, "content": "covid-19", "special": False, "normalized": True},
    ]
    files = transformers_files(tmp_path, None, tokenizer=tokenizer_json(added_tokens=added))
    read = Toy.from_files(files, "transformers")
    assert read.get_vocabulary() == [*VOCABULARY, "covid-19", "[NEW]"]
    assert read.encode(["the covid-19"]) == [[5, 10]]
    assert 11 in read.special_token_ids
    assert 11 not in read("[NEW]")
    assert read.encode(["[NEW]"], "all") == [[11]]


def test_special_tokens_outside_of_the_vocabulary_are_noted(tmp_path):
    config = {"additional_special_tokens": ["[NEW]", "the"]}
    read = Toy.from_files(transformers_files(tmp_path, tokenizer_config=config), "transformers")
    assert "'[NEW]'" in read.notes[0]
    assert 5 in read.special_token_ids


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"model": {"type": "BPE", "vocab": {}}}, PresetFormatError, "type BPE"),
        ({"model": {}}, PresetFormatError, "WordPiece one was expected"),
        ({"normalizer": None}, UnsupportedSettingError, "normalizer={}"),
        ({"normalizer": {**BERT, "clean_text": False}}, UnsupportedSettingError, "clean_text"),
        (
            {"normalizer": {**BERT, "clean_text": False}, "pre_tokenizer": {"type": "Metaspace"}},
            UnsupportedSettingError,
            "Metaspace",
        ),
        ({"added_tokens": [{"id": 3, "content": "the"}]}, PresetFormatError, "contradict"),
        ({"added_tokens": [{"id": 12, "content": "x"}]}, PresetFormatError, "no token is id 10"),
        ({"added_tokens": [{"id": 5, "content": "x"}]}, PresetFormatError, "'the' is already"),
    ],
)
def test_a_tokenizer_json_that_cannot_be_followed_is_refused(changes, kind, message, tmp_path):
    files = transformers_files(tmp_path, None, tokenizer=tokenizer_json(**changes))
    with pytest.raises(kind, match=message):
        Toy.from_files(files, "transformers")


def test_broken_files_are_refused_by_name(tmp_path):
    with pytest.raises(PresetMissingError, match=r"no tokenizer\.json, and no vocab\.txt"):
        Toy.from_files(Directory(tmp_path), "transformers")
    with pytest.raises(PresetMissingError, match=r"assets/tokenizer/vocabulary\.txt"):
        Toy.from_files(Directory(tmp_path), "keras", {})
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(PresetFormatError, match=r"tokenizer\.json is not JSON"):
        Toy.from_files(Directory(tmp_path), "transformers")
    (tmp_path / "tokenizer.json").write_text("[]")
    with pytest.raises(PresetFormatError, match="JSON object"):
        Toy.from_files(Directory(tmp_path), "transformers")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "is empty"),
        ([*VOCABULARY, "the"], "'the' twice, in lines 6 and 11"),
        (["the"], r"needs special tokens.*'\[MASK\]'"),
    ],
)
@pytest.mark.parametrize("layout", ["keras", "transformers"])
def test_a_broken_vocabulary_file_is_refused(lines, message, layout, tmp_path):
    name = {"keras": "assets/tokenizer/vocabulary.txt", "transformers": "vocab.txt"}[layout]
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(PresetFormatError, match=message):
        Toy.from_files(Directory(tmp_path), layout, {})


@pytest.mark.parametrize(
    ("token", "layout"), [("a\n", "keras"), ("a\u3000", "keras"), ("a\nb", "transformers")]
)
def test_a_token_that_a_line_cannot_hold_is_not_written(token, layout, tmp_path):
    with pytest.raises(InputError, match="would not be read back"):
        Toy([*VOCABULARY, token]).write_files(tmp_path, layout)


def test_an_unknown_layout_is_refused(tmp_path):
    with pytest.raises(InputError, match="layout='onnx'"):
        Toy(VOCABULARY).write_files(tmp_path, "onnx")
    with pytest.raises(InputError, match="layout='onnx'"):
        Toy.from_files(Directory(tmp_path), "onnx")
