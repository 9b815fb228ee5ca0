"""Tokenizers: vocabularies that are none, models that break the library that reads them."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

from corpus import hostile

from mlmzoo.contract.errors import UnsupportedSettingError

VOCABULARY = "assets/tokenizer/vocabulary.txt"
IDS = "assets/tokenizer/vocabulary.json"
MERGES = "assets/tokenizer/merges.txt"
MODEL = "assets/tokenizer/vocabulary.spm"


def change(directory: Path, name: str, *path: str, to: Any) -> None:
    """Set what stands at a path in a JSON file."""
    value = json.loads((directory / name).read_bytes())
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    (directory / name).write_text(json.dumps(value), "utf-8")


def lines(directory: Path) -> list[str]:
    return (directory / VOCABULARY).read_text("utf-8").splitlines()


def write_lines(directory: Path, tokens: list[str], encoding: str = "utf-8") -> None:
    (directory / VOCABULARY).write_text("\n".join(tokens) + "\n", encoding)


def model(directory: Path, name: str = MODEL) -> Any:
    from sentencepiece import sentencepiece_model_pb2

    return sentencepiece_model_pb2.ModelProto.FromString((directory / name).read_bytes())


def write_model(directory: Path, message: Any, name: str = MODEL) -> None:
    (directory / name).write_bytes(message.SerializeToString())


# Vocabularies as text -----------------------------------------------------------------------------


@hostile("keras", says=("not UTF-8 text",), family="bert")
def vocabulary_in_utf_16(directory: Path) -> None:
    write_lines(directory, lines(directory), "utf-16")


@hostile("keras", says=("NUL character",), family="bert")
def vocabulary_in_utf_16_without_mark(directory: Path) -> None:
    write_lines(directory, lines(directory), "utf-16-le")


@hostile("keras", says=("not UTF-8 text",), family="bert")
def vocabulary_in_latin_1(directory: Path) -> None:
    write_lines(directory, [*lines(directory), "café"], "latin-1")


@hostile("keras", says=("byte order mark",), family="bert")
def vocabulary_with_byte_order_mark(directory: Path) -> None:
    write_lines(directory, lines(directory), "utf-8-sig")


@hostile("keras", says=("67108864 are the most",), family="bert")
def vocabulary_of_megabytes(directory: Path) -> None:
    with (directory / VOCABULARY).open("r+b") as file:
        file.truncate(2**26 + 1)  # takes no room


@hostile("keras", says=("characters; 1000 are the most",), family="bert")
def vocabulary_of_one_long_token(directory: Path) -> None:
    write_lines(directory, [*lines(directory), "x" * 10**6])


@hostile("keras", says=("1048577 lines",), family="bert")
def vocabulary_of_a_million_tokens(directory: Path) -> None:
    given = lines(directory)
    write_lines(directory, given + [f"a{n}" for n in range(2**20 + 1 - len(given))])


@hostile("keras", says=("'[MASK]' (mask)",), family="bert")
def vocabulary_without_mask(directory: Path) -> None:
    write_lines(directory, ["unmask" if t == "[MASK]" else t for t in lines(directory)])


@hostile("keras", says=("twice, in lines",), family="bert")
def vocabulary_with_a_token_twice(directory: Path) -> None:
    given = lines(directory)
    write_lines(directory, [*given[:-1], given[0]])


@hostile("keras", says=("too few",), family="bert")
def vocabulary_larger_than_the_embedding(directory: Path) -> None:
    write_lines(directory, [*lines(directory), "one-more"])


@hostile("keras", says=("too few",), family="distil_bert")
def added_token_beyond_the_embedding(directory: Path) -> None:
    write_lines(directory, [*lines(directory), "one-more"])
    change(directory, "tokenizer.json", "mlmzoo", to={"format": 1, "tokenizer": ADDED})


ADDED = {"added_tokens": ["one-more"]}


# Vocabularies as JSON -----------------------------------------------------------------------------


@hostile("keras", says=("no token is id",), family="roberta")
def ids_with_a_gap(directory: Path) -> None:
    ids = json.loads((directory / IDS).read_bytes())
    change(directory, IDS, max(ids, key=ids.get), to=10**12)


@hostile("keras", says=("surrogates not allowed",), family="roberta")
def token_of_half_a_surrogate_pair(directory: Path) -> None:
    data = (directory / IDS).read_bytes()
    (directory / IDS).write_bytes(data[:-1] + b', "\\ud83d": 7}')


@hostile("keras", says=("key '<s>' twice",), family="roberta")
def token_with_two_ids(directory: Path) -> None:
    data = (directory / IDS).read_bytes()
    (directory / IDS).write_bytes(data[:-1] + b', "<s>": 7}')


@hostile("keras", says=("the vocabulary does not hold",), family="roberta")
def merge_of_unknown_pieces(directory: Path) -> None:
    with (directory / MERGES).open("a", encoding="utf-8") as file:
        file.write("zq qz\n")


@hostile("transformers", says=("values, and",), family="bert")
def tokenizer_json_of_many_values(directory: Path) -> None:
    data = b'{"model": [' + b"[]," * 5_000_000 + b"[]]}"
    (directory / "tokenizer.json").write_bytes(data)


@hostile("transformers", says=("not JSON",), family="bert")
def tokenizer_json_nested_without_end(directory: Path) -> None:
    (directory / "tokenizer.json").write_bytes(b'{"model": ' * 10**6)


# tokenizer.json and what is beside it -------------------------------------------------------------


@hostile("transformers", UnsupportedSettingError, says=("pre_tokenizer=Split",), family="bert")
def expression_that_backtracks(directory: Path) -> None:
    split = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated"}
    change(directory, "tokenizer.json", "pre_tokenizer", to=split)


@hostile("transformers", UnsupportedSettingError, says=("Replace",), family="albert")
def expression_in_a_normalizer(directory: Path) -> None:
    step = {"type": "Replace", "pattern": {"Regex": "(a|a)*b"}, "content": ""}
    change(directory, "tokenizer.json", "normalizer", to=step)
    change(directory, "tokenizer_config.json", "tokenizer_class", to="PreTrainedTokenizerFast")


@hostile("transformers", says=("max_characters_per_word",), family="bert")
def words_of_any_length(directory: Path) -> None:
    change(directory, "tokenizer.json", "model", "max_input_chars_per_word", to=10**9)


@hostile("transformers", says=("nothing is left",), family="bert")
def added_token_of_nothing(directory: Path) -> None:
    # The library panics in the first text that it cleans.
    vocabulary = json.loads((directory / "tokenizer.json").read_bytes())["model"]["vocab"]
    added = [{"id": len(vocabulary), "content": "\u200c"}]
    change(directory, "tokenizer.json", "added_tokens", to=added)


@hostile("transformers", says=("below 1048576",), family="xlm_roberta")
def added_token_far_away(directory: Path) -> None:
    far = {"999999999": {"content": "far"}}
    change(directory, "tokenizer_config.json", "added_tokens_decoder", to=far)


@hostile("transformers", says=("10000 tokens beyond it are the most",), family="xlm_roberta")
def added_token_after_a_million_that_are_not_there(directory: Path) -> None:
    far = {"1048575": {"content": "far"}}
    change(directory, "tokenizer_config.json", "added_tokens_decoder", to=far)


@hostile("transformers", says=("'do_lower_case' to 'no'",), family="bert")
def tokenizer_setting_of_another_kind(directory: Path) -> None:
    change(directory, "tokenizer_config.json", "do_lower_case", to="no")


@hostile("transformers", error=None, family="bert")
def settings_that_name_files(directory: Path) -> None:
    for key in ("vocab_file", "tokenizer_file", "name_or_path"):
        change(directory, "tokenizer_config.json", key, to="/etc/passwd")
    change(directory, "tokenizer_config.json", "chat_template", to="{{ ''.__class__ }}" * 1000)
    change(directory, "tokenizer_config.json", "auto_map", to={"AutoTokenizer": ["a.B", None]})


@hostile("keras", says=("id_to_token is something else",), family="bert")
def role_that_hides_a_method(directory: Path) -> None:
    own = {"format": 1, "tokenizer": {"special_tokens": {"id_to": "[MASK]"}}}
    change(directory, "tokenizer.json", "mlmzoo", to=own)


@hostile("keras", says=("'sequence_length' to",), family="bert")
def rows_of_a_terabyte(directory: Path) -> None:
    change(directory, "tokenizer.json", "config", "sequence_length", to=2**40)


# sentencepiece ------------------------------------------------------------------------------------


@hostile("keras", says=("pieces",), family="albert", needs="sentencepiece")
def model_of_empty_pieces(directory: Path) -> None:
    (directory / MODEL).write_bytes(b"\n\0" * 2**21)


@hostile("keras", says=("cannot be parsed",), family="albert")
def model_that_breaks_off(directory: Path) -> None:
    data = (directory / MODEL).read_bytes()
    (directory / MODEL).write_bytes(data[: len(data) // 2])


@hostile("keras", says=("cannot be parsed",), family="albert")
def model_with_a_length_of_exabytes(directory: Path) -> None:
    (directory / MODEL).write_bytes(b"\n" + b"\xff" * 9 + b"\x01")


@hostile("keras", says=("cannot be parsed",), family="albert")
def model_of_nested_groups(directory: Path) -> None:
    (directory / MODEL).write_bytes(b"\n\x03\n\x01a" + b"\x0b" * 10**6)


@hostile("keras", says=("piece of more than 1000",), family="albert", needs="sentencepiece")
def piece_that_overflows_the_stack(directory: Path) -> None:
    message = model(directory)
    message.pieces[-1].piece = "x" * 200_000
    write_model(directory, message)


@hostile("keras", says=("score is not finite",), family="albert", needs="sentencepiece")
def piece_without_a_score(directory: Path) -> None:
    message = model(directory)
    message.pieces[-1].score = float("nan")
    write_model(directory, message)


@hostile("keras", says=("begin one another",), family="albert", needs="sentencepiece")
def symbols_in_symbols(directory: Path) -> None:
    message = model(directory)
    for length in range(1, 101):
        message.pieces.add(piece="ζ" * length, score=0.0, type=4)
    write_model(directory, message)


@hostile("keras", says=("lack the special tokens",), family="deberta_v3", needs="sentencepiece")
def model_of_another_family(directory: Path) -> None:
    message = model(directory)
    for piece in message.pieces:
        if piece.piece == "[CLS]":
            piece.piece = "[BOS]"
    write_model(directory, message)


@hostile("keras", says=("sentencepiece can run",), family="albert", needs="sentencepiece")
def byte_fallback_without_bytes(directory: Path) -> None:
    message = model(directory)
    message.trainer_spec.byte_fallback = True
    write_model(directory, message)


@hostile("keras", says=("too few",), family="xlm_roberta", needs="sentencepiece")
def model_larger_than_the_embedding(directory: Path) -> None:
    message = model(directory)
    message.pieces.add(piece="ζ", score=-1.0)
    write_model(directory, message)


def charsmap(root: int, units: int = 0x80000000) -> bytes:
    return struct.pack("<I", 1024) + struct.pack("<256I", root, *[units] * 255) + b"a\0"


@hostile("keras", says=("root of its character map",), family="albert", needs="sentencepiece")
def character_map_that_leads_outside(directory: Path) -> None:
    # sentencepiece 0.2.1 reads far outside of its memory at the first text.
    message = model(directory)
    message.normalizer_spec.precompiled_charsmap = charsmap(0xFFFFFC00)
    write_model(directory, message)


@hostile("keras", says=("gives its trie",), family="f_net", needs="sentencepiece")
def character_map_of_wrong_length(directory: Path) -> None:
    message = model(directory)
    message.denormalizer_spec.precompiled_charsmap = b"\xff\xff\xff\x7f" * 20
    write_model(directory, message)


@hostile("transformers", says=("root of its character map",), family="albert")
def character_map_in_tokenizer_json(directory: Path) -> None:
    (directory / "spiece.model").unlink()
    step = {
        "type": "Precompiled",
        "precompiled_charsmap": base64.b64encode(charsmap(0xFFFFFC00)).decode(),
    }
    change(directory, "tokenizer.json", "normalizer", "normalizers", to=[step])
