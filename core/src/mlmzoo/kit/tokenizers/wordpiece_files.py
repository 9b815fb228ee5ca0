"""The files of WordPiece tokenizers, in both preset layouts: read and written as data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmzoo.contract.errors import (
    InputError,
    PresetFormatError,
    PresetMissingError,
    UnsupportedSettingError,
)
from mlmzoo.contract.protocols import Files
from mlmzoo.kit.tokenizers.vocabulary import checked, in_id_order, read_lines

if TYPE_CHECKING:
    from mlmzoo.kit.tokenizers.wordpiece import WordPiece

KERAS_VOCABULARY = "assets/tokenizer/vocabulary.txt"
GENERIC = ("PreTrainedTokenizerFast", "TokenizersBackend")
"""The transformers classes that take ``tokenizer.json`` as it is. Its others build the tokenizer
anew, from the vocabulary there and the settings in ``tokenizer_config.json``."""
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
            raise _missing(files, KERAS_VOCABULARY)
        # KerasHub strips trailing whitespace from each line; transformers the newline only.
        vocabulary = checked(read_lines(path, str.rstrip), path)
        return {**config, "vocabulary": vocabulary}, ()
    if layout == "transformers":
        arguments, notes = _read_transformers(files, roles)
        return {**arguments, **config}, tuple(notes)
    raise _unknown(layout)


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
        _write(directory / KERAS_VOCABULARY, text)
    elif layout == "transformers":
        _write(directory / "vocab.txt", text)
        _write_json(directory / "tokenizer.json", _tokenizer_json(tokenizer))
        _write_json(directory / "tokenizer_config.json", _tokenizer_config(tokenizer))
    else:
        raise _unknown(layout)


# transformers, reading --------------------------------------------------------------------------


def _read_transformers(files: Files, roles: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    settings = _json(files, "tokenizer_config.json") or {}
    special = {**(_json(files, "special_tokens_map.json") or {}), **settings}
    serialized = _json(files, "tokenizer.json")
    notes: list[str] = []
    if serialized is not None:
        arguments, ids = _from_tokenizer_json(serialized, f"{files.handle}: tokenizer.json")
        added = serialized.get("added_tokens") or []
    else:
        path = files.path("vocab.txt")
        if path is None:
            raise _missing(files, "tokenizer.json, and no vocab.txt")
        arguments = {}
        tokens = checked(read_lines(path, lambda line: line.rstrip("\n")), path)
        ids = {token: id for id, token in enumerate(tokens)}
        added = [
            {"id": int(id), **token}
            for id, token in (settings.get("added_tokens_decoder") or {}).items()
        ]
        for token, id in (_json(files, "added_tokens.json") or {}).items():
            added.append({"id": id, "content": token, "special": False})

    generic = serialized is not None and settings.get("tokenizer_class") in GENERIC
    for ours, (name, _, default) in SWITCHES.items():
        if name in settings and not generic:
            if arguments.get(ours, settings[name]) != settings[name]:
                notes.append(
                    f"tokenizer.json says {ours}={arguments[ours]!r}; {name}={settings[name]!r} of "
                    "tokenizer_config.json was used, as transformers does."
                )
            arguments[ours] = settings[name]
        elif ours not in arguments:
            arguments[ours] = default

    tokens_by_role = {role: _content(special.get(f"{role}_token")) for role in {**roles, "unk": ""}}
    arguments["oov_token"] = (
        tokens_by_role.pop("unk") or arguments.get("oov_token") or roles.get("unk", "[UNK]")
    )
    changed: dict[str, str] = {
        role: token for role, token in tokens_by_role.items() if token and token != roles[role]
    }
    plain = {*roles.values(), *changed.values(), arguments["oov_token"]}
    further, always = [], []
    for entry in added:
        token = entry["content"]
        if ids.setdefault(token, entry["id"]) != entry["id"]:
            raise PresetFormatError(
                f"{files.handle}: the added token {token!r} has id {entry['id']}, and the "
                f"vocabulary says {ids[token]}. The tokenizer's files contradict one another."
            )
        if token not in plain:
            if entry.get("special"):
                further.append(token)
            else:
                always.append(_flags(entry))
    for key in ("additional_special_tokens", "extra_special_tokens"):
        for token in map(_content, special.get(key) or ()):
            if token in ids and token not in plain and token not in further:
                further.append(token)
            elif token not in ids:
                notes.append(f"The special token {token!r} is not in the vocabulary and ignored.")
    if changed:
        arguments["special_tokens"] = {**changed, **{token: token for token in further}}
    elif further:
        arguments["special_tokens"] = further
    if always:
        arguments["added_tokens"] = always
    arguments["vocabulary"] = in_id_order(ids, f"{files.handle} has a vocabulary")
    return arguments, notes


def _from_tokenizer_json(data: dict[str, Any], where: str) -> tuple[dict[str, Any], dict[str, int]]:
    model = data.get("model") or {}
    kind = model.get("type", "WordPiece" if "continuing_subword_prefix" in model else None)
    if kind != "WordPiece" or not isinstance(model.get("vocab"), Mapping):
        raise PresetFormatError(
            f"{where} holds a tokenizer of type {kind}, and a WordPiece one was expected. Load the "
            "preset with the family it belongs to."
        )
    normalizer = data.get("normalizer") or {}
    splitter = (data.get("pre_tokenizer") or {}).get("type")
    split = splitter == "BertPreTokenizer"
    if (
        normalizer.get("type") != "BertNormalizer"
        or splitter not in ("BertPreTokenizer", None)
        or normalizer.get("clean_text", True) is not split
    ):
        raise UnsupportedSettingError(
            f"{where} prepares text with normalizer={normalizer} and pre_tokenizer={splitter}, "
            "which WordPiece here cannot do the same way: it knows BertNormalizer and "
            "BertPreTokenizer. Remove tokenizer.json to use vocab.txt with BERT's own rules."
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


def _flags(entry: Mapping[str, Any]) -> str | dict[str, Any]:
    """An added token: its text, with those flags that differ from the library's defaults."""
    defaults = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True}
    flags = {
        name: entry[name] for name, value in defaults.items() if entry.get(name, value) != value
    }
    return {"content": entry["content"], **flags} if flags else str(entry["content"])


def _content(token: Any) -> Any:
    return token.get("content") if isinstance(token, Mapping) else token


# transformers, writing --------------------------------------------------------------------------


def _tokenizer_json(tokenizer: WordPiece) -> dict[str, Any]:
    from tokenizers import decoders, processors

    encoder = tokenizer._build("all")
    encoder.decoder = decoders.WordPiece(prefix=tokenizer.suffix_indicator)
    if tokenizer.start is not None and tokenizer.end is not None:
        start = tokenizer.special_tokens[tokenizer.start]
        end = tokenizer.special_tokens[tokenizer.end]
        between = [f"{end}:0"] * tokenizer.pair_separators
        encoder.post_processor = processors.TemplateProcessing(
            single=[f"{start}:0", "$A:0", f"{end}:0"],
            pair=[f"{start}:0", "$A:0", *between, "$B:1", f"{end}:1"],
            special_tokens=[(token, tokenizer.token_to_id(token)) for token in {start, end}],
        )
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
    for role, token in tokenizer.special_tokens.items():
        if role in ("pad", "unk", "cls", "sep", "mask", "bos", "eos"):
            config[f"{role}_token"] = token
    return config


# Files ------------------------------------------------------------------------------------------


def _json(files: Files, name: str) -> dict[str, Any] | None:
    path = files.path(name)
    if path is None:
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PresetFormatError(
            f"{files.handle}: {name} is not JSON: {error}. Fetch the preset again."
        ) from error
    if not isinstance(data, dict):
        raise PresetFormatError(f"{files.handle}: {name} does not hold a JSON object.")
    return data


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _write_json(path: Path, data: dict[str, Any]) -> None:
    _write(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def _missing(files: Files, name: str) -> PresetMissingError:
    return PresetMissingError(
        f"{files.handle} was asked for its tokenizer and has no {name}. Give a preset that was "
        "saved with a tokenizer, or build one from a vocabulary."
    )


def _unknown(layout: str) -> InputError:
    return InputError(
        f"layout={layout!r} was asked for. There are two: 'keras' and 'transformers'."
    )
