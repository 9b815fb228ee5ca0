"""The files of WordPiece tokenizers, in both preset layouts: read and written as data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmzoo.contract.errors import InputError, UnsupportedSettingError
from mlmzoo.contract.protocols import Files
from mlmzoo.kit.tokenizers.transformers_files import (
    GENERIC,
    flags,
    missing,
    named_tokens,
    read_model,
    read_settings,
    read_special_tokens,
    section,
    template,
    unknown_layout,
    write_json,
    write_text,
)
from mlmzoo.kit.tokenizers.vocabulary import checked, in_id_order, read_lines

if TYPE_CHECKING:
    from mlmzoo.kit.tokenizers.wordpiece import WordPiece

KERAS_VOCABULARY = "assets/tokenizer/vocabulary.txt"
SWITCHES = {
    "lowercase": ("do_lower_case", "lowercase", True),
    "strip_accents": ("strip_accents", "strip_accents", None),
    "split_on_cjk": ("tokenize_chinese_chars", "handle_chinese_chars", True),
}
"""Ours -> the name in ``tokenizer_config.json``, in ``tokenizer.json``, transformers' default."""


def read(
    files: Files, layout: str, config: dict[str, Any], roles: Mapping[str, str]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Constructor arguments of `WordPiece`, and notes on what was found."""
    if layout == "keras":
        path = files.path(KERAS_VOCABULARY)
        if path is None:
            raise missing(files, KERAS_VOCABULARY)
        # KerasHub strips trailing whitespace from each line; transformers the newline only.
        vocabulary = checked(read_lines(path, str.rstrip), path)
        return {**config, "vocabulary": vocabulary}, ()
    if layout == "transformers":
        arguments, notes = _read_transformers(files, roles)
        return {**arguments, **config}, tuple(notes)
    raise unknown_layout(layout)


def write(tokenizer: WordPiece, directory: Path, layout: str) -> None:
    """Writes a tokenizer's files below `directory`."""
    vocabulary = tokenizer.get_vocabulary()
    for number, token in enumerate(vocabulary):
        stripped = token.rstrip() if layout == "keras" else token.replace("\r", "\n").strip("\n")
        if token != stripped or "\n" in token:
            raise InputError(
                f"The vocabulary was to be written in the {layout} layout, one token a line, and "
                f"token {number}, {token!r}, would not be read back. Replace it first."
            )
    text = "".join(f"{token}\n" for token in vocabulary)
    if layout == "keras":
        write_text(directory / KERAS_VOCABULARY, text)
    elif layout == "transformers":
        write_text(directory / "vocab.txt", text)
        write_json(directory / "tokenizer.json", _tokenizer_json(tokenizer))
        write_json(directory / "tokenizer_config.json", _tokenizer_config(tokenizer))
    else:
        raise unknown_layout(layout)


# transformers, reading --------------------------------------------------------------------------


def _read_transformers(files: Files, roles: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    settings = read_settings(files)
    notes: list[str] = []
    if settings.tokenizer is not None:
        where = f"{files.handle}: tokenizer.json"
        arguments, ids = _from_tokenizer_json(settings.tokenizer, where)
    else:
        path = files.path("vocab.txt")
        if path is None:
            raise missing(files, "tokenizer.json, and no vocab.txt")
        arguments = {}
        tokens = checked(read_lines(path, lambda line: line.rstrip("\n")), path)
        ids = {token: id for id, token in enumerate(tokens)}

    for ours, (name, _, default) in SWITCHES.items():
        value = settings.config.get(name, ...)
        if value is not ... and not settings.generic:
            if arguments.get(ours, value) != value:
                notes.append(
                    f"tokenizer.json says {ours}={arguments[ours]!r}; {name}={value!r} of "
                    "tokenizer_config.json was used, as transformers does."
                )
            arguments[ours] = value
        elif ours not in arguments:
            arguments[ours] = default

    unknown = arguments.get("oov_token") or roles.get("unk", "[UNK]")
    special = read_special_tokens(files, settings, ids, {**roles, "unk": unknown})
    arguments["oov_token"] = special.roles.pop("unk", unknown)
    if (argument := special.argument(roles)) is not None:
        arguments["special_tokens"] = argument
    if special.added:
        arguments["added_tokens"] = [flags(entry) for entry in special.added]
    arguments["vocabulary"] = in_id_order(ids, f"{files.handle} has a vocabulary")
    return arguments, [*notes, *special.notes]


def _from_tokenizer_json(data: dict[str, Any], where: str) -> tuple[dict[str, Any], dict[str, int]]:
    model = read_model(data, "WordPiece", where)
    normalizer = section(data, "normalizer", where)
    splitter = section(data, "pre_tokenizer", where).get("type")
    split = splitter == "BertPreTokenizer"
    if (
        normalizer.get("type") != "BertNormalizer"
        or splitter not in ("BertPreTokenizer", None)
        or normalizer.get("clean_text", True) is not split
    ):
        raise UnsupportedSettingError(
            f"{where} prepares text with normalizer={normalizer!s:.200} and "
            f"pre_tokenizer={splitter!s:.100}, which WordPiece here cannot do the same way: it "
            "knows BertNormalizer and BertPreTokenizer. Remove tokenizer.json to use vocab.txt "
            "with BERT's own rules."
        )
    arguments: dict[str, Any] = {
        "split": split,
        "suffix_indicator": model.get("continuing_subword_prefix", "##"),
        "oov_token": model.get("unk_token", "[UNK]"),
        "max_characters_per_word": model.get("max_input_chars_per_word", 100),
    }
    for ours, (_, name, default) in SWITCHES.items():
        arguments[ours] = normalizer.get(name, default)
    return arguments, dict(model["vocab"])


# transformers, writing --------------------------------------------------------------------------


def _tokenizer_json(tokenizer: WordPiece) -> dict[str, Any]:
    from tokenizers import decoders

    encoder = tokenizer._build("all")
    encoder.decoder = decoders.WordPiece(prefix=tokenizer.suffix_indicator)
    encoder.post_processor = template(tokenizer)
    data: dict[str, Any] = json.loads(encoder.to_str())
    return data


def _tokenizer_config(tokenizer: WordPiece) -> dict[str, Any]:
    # transformers' own classes know BERT's settings only; its generic one reads tokenizer.json.
    plain = (
        tokenizer.split
        and tokenizer.suffix_indicator == "##"
        and tokenizer.max_characters_per_word == 100
    )
    own = tokenizer.transformers_class if plain else None
    config: dict[str, Any] = {
        "tokenizer_class": own or GENERIC[0],
        "do_lower_case": tokenizer.lowercase,
        "strip_accents": tokenizer.strip_accents,
        "tokenize_chinese_chars": tokenizer.split_on_cjk,
        "clean_up_tokenization_spaces": False,
    }
    if own is None:
        config["model_input_names"] = ["input_ids", "token_type_ids", "attention_mask"]
    config |= named_tokens(tokenizer.special_tokens)
    return config
