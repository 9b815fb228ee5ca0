"""The files of byte-level BPE tokenizers, in both preset layouts: read and written as data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmzoo.contract.errors import PresetFormatError, UnsupportedSettingError
from mlmzoo.contract.protocols import Files
from mlmzoo.kit.tokenizers.merges import parts_of, read_merges
from mlmzoo.kit.tokenizers.transformers_files import (
    FLAGS,
    GENERIC,
    SpecialTokens,
    flags,
    missing,
    named_tokens,
    read_json,
    read_model,
    read_settings,
    read_special_tokens,
    section,
    template,
    unknown_layout,
    write_json,
    write_text,
)
from mlmzoo.kit.tokenizers.vocabulary import in_id_order

if TYPE_CHECKING:
    from mlmzoo.kit.tokenizers.byte_level_bpe import ByteLevelBPE

KERAS = ("assets/tokenizer/vocabulary.json", "assets/tokenizer/merges.txt")
TRANSFORMERS = ("vocab.json", "merges.txt")
PLAIN = {
    "dropout": (None, 0, 0.0),
    "continuing_subword_prefix": (None, ""),
    "end_of_word_suffix": (None, ""),
    "byte_fallback": (None, False),
}
"""Settings of a BPE model in ``tokenizer.json``, and the values that `ByteLevelBPE` stands for."""


def read(
    files: Files, layout: str, config: dict[str, Any], roles: Mapping[str, str]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Constructor arguments of `ByteLevelBPE`, and notes on what was found."""
    if layout == "keras":
        ids, merges = _read_pair(files, *KERAS)
        vocabulary = in_id_order(ids, f"{files.handle}: {KERAS[0]} holds a vocabulary")
        merges = _checked(merges, ids, files, KERAS[1])
        return {**config, "vocabulary": vocabulary, "merges": merges}, _lacking(ids)
    if layout == "transformers":
        arguments, notes = _read_transformers(files, roles)
        return {**arguments, **config}, notes
    raise unknown_layout(layout)


def write(tokenizer: ByteLevelBPE, directory: Path, layout: str) -> None:
    """Writes a tokenizer's files below `directory`."""
    names = {"keras": KERAS, "transformers": TRANSFORMERS}.get(layout)
    if names is None:
        raise unknown_layout(layout)
    ids = {token: id for id, token in enumerate(tokenizer.get_vocabulary())}
    lines = [f"{merge}\n" for merge in tokenizer.merges]
    if layout == "transformers":
        lines = ["#version: 0.2\n", *lines]
        write_json(directory / "tokenizer.json", _tokenizer_json(tokenizer))
        write_json(directory / "tokenizer_config.json", _tokenizer_config(tokenizer))
    write_text(directory / names[0], json.dumps(ids, ensure_ascii=False))
    write_text(directory / names[1], "".join(lines))


# Reading ----------------------------------------------------------------------------------------


def _read_transformers(
    files: Files, roles: Mapping[str, str]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    settings = read_settings(files)
    notes: list[str] = []
    # transformers' own class takes this setting from tokenizer_config.json alone.
    prefix = bool(settings.config.get("add_prefix_space", False))
    arguments: dict[str, Any] = {}
    if settings.tokenizer is not None:
        where = f"{files.handle}: tokenizer.json"
        model = read_model(settings.tokenizer, "BPE", where)
        there = _prefix_space(settings.tokenizer, model, where)
        if settings.generic:
            prefix = there
            arguments["oov_token"] = model.get("unk_token")
            arguments["ignore_merges"] = bool(model.get("ignore_merges"))
        elif there != prefix:
            notes.append(
                f"tokenizer.json says add_prefix_space={there}; {prefix} of tokenizer_config.json "
                "was used, as transformers does."
            )
        ids, merges = dict(model["vocab"]), model.get("merges") or []
        names = ("tokenizer.json", "tokenizer.json")
    else:
        ids, merges = _read_pair(files, *TRANSFORMERS, instead="tokenizer.json, and no ")
        names = TRANSFORMERS
    arguments["merges"] = _checked(merges, ids, files, names[1])
    special = read_special_tokens(files, settings, ids, roles)
    if (argument := special.argument(roles)) is not None:
        arguments["special_tokens"] = argument
    if added := [*_flags_of_special(special, roles), *map(flags, special.added)]:
        arguments["added_tokens"] = added
    vocabulary = in_id_order(ids, f"{files.handle}: {names[0]} holds a vocabulary")
    arguments |= {"vocabulary": vocabulary, "add_prefix_space": prefix}
    return arguments, (*notes, *special.notes, *_lacking(ids))


def _read_pair(
    files: Files, vocabulary: str, merges: str, instead: str = ""
) -> tuple[dict[str, int], list[str]]:
    ids = read_json(files, vocabulary)
    path = files.path(merges)
    if ids is None or path is None:
        raise missing(files, f"{instead}{vocabulary if ids is None else merges}")
    return ids, read_merges(path)


def _checked(merges: Any, ids: Mapping[str, int], files: Files, name: str) -> list[str]:
    if not isinstance(merges, list):
        raise PresetFormatError(f"{files.handle}: {name} holds no list of merges.")
    what = f"{files.handle}: {name} holds merges"
    return [" ".join(pair) for pair in parts_of(merges, ids, what, PresetFormatError)]


def _prefix_space(data: Mapping[str, Any], model: Mapping[str, Any], where: str) -> bool:
    splitter = section(data, "pre_tokenizer", where)
    unknown = {name: model[name] for name, good in PLAIN.items() if model.get(name) not in good}
    if model.get("fuse_unk") and model.get("unk_token") is not None:
        unknown["fuse_unk"] = True
    if (
        data.get("normalizer")
        or splitter.get("type") != "ByteLevel"
        or unknown
        or not (splitter.get("use_regex", True))
    ):
        raise UnsupportedSettingError(
            f"{where} prepares text with normalizer={data.get('normalizer')!s:.200}, "
            f"pre_tokenizer={splitter!s:.200} and {unknown or 'plain merges'!s:.200}, which "
            "ByteLevelBPE here cannot do the same way: it knows ByteLevel with GPT-2's splitting "
            "and plain merges. Remove tokenizer.json to use vocab.json and merges.txt with GPT-2's "
            "own rules."
        )
    return bool(splitter.get("add_prefix_space", True))


def _flags_of_special(special: SpecialTokens, roles: Mapping[str, str]) -> Iterable[dict[str, Any]]:
    """Entries of the special tokens that are found otherwise than `ByteLevelBPE` does it."""
    mask = special.roles.get("mask", roles.get("mask"))
    tokens = {**roles, **special.roles}.values()
    for token in dict.fromkeys([*tokens, *special.further]):
        if (entry := special.entries.get(token)) is not None:
            # Nothing is normalised here, so that flag makes no difference.
            found = {name: True for name in ("single_word", "lstrip", "rstrip") if entry.get(name)}
            if found != ({"lstrip": True} if token == mask else {}):
                yield {"content": token, **found}


def _lacking(ids: Mapping[str, int]) -> tuple[str, ...]:
    from mlmzoo.kit.tokenizers.byte_level_bpe import byte_of

    number = sum(character not in ids for character in byte_of())
    if not number:
        return ()
    return (
        f"The vocabulary lacks {number} of the 256 bytes. A text that holds them loses them, or "
        "gets the unknown token for them where oov_token names it.",
    )


# Writing ----------------------------------------------------------------------------------------


def _tokenizer_json(tokenizer: ByteLevelBPE) -> dict[str, Any]:
    from tokenizers import decoders, processors

    encoder = tokenizer._build("all")
    encoder.decoder = decoders.ByteLevel()
    if (packing := template(tokenizer, segments=False)) is not None:
        encoder.post_processor = processors.Sequence([encoder.post_processor, packing])
    data: dict[str, Any] = json.loads(encoder.to_str())
    return data


def _tokenizer_config(tokenizer: ByteLevelBPE) -> dict[str, Any]:
    # transformers' own class has no unknown token for bytes and obeys all merges; its generic one
    # reads tokenizer.json.
    plain = tokenizer.oov_token is None and not tokenizer.ignore_merges
    own = tokenizer.transformers_class if plain else None
    config: dict[str, Any] = {
        "tokenizer_class": own or GENERIC[0],
        "add_prefix_space": tokenizer.add_prefix_space,
        "clean_up_tokenization_spaces": False,
    }
    if own is None:
        config["model_input_names"] = ["input_ids", "attention_mask"]
    # A role that transformers' class has and we do not would add its token to the vocabulary.
    config |= {f"{role}_token": None for role in type(tokenizer).special_tokens}
    config |= named_tokens(tokenizer.special_tokens)
    if tokenizer.start is not None and tokenizer.end is not None:
        config |= {"bos_token": tokenizer.start_token, "eos_token": tokenizer.end_token}
    for entry in tokenizer._found()[0]:
        if entry["content"] == tokenizer.special_tokens.get("mask"):
            # Where only vocab.json and merges.txt are read, this says that it takes spaces.
            config["mask_token"] = {"__type": "AddedToken", **FLAGS, **entry, "special": True}
    return config
