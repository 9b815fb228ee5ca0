"""What transformers keeps beside a tokenizer's vocabulary: settings, special and added tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from mlmzoo.contract.errors import InputError, PresetFormatError, PresetMissingError
from mlmzoo.contract.protocols import Files
from mlmzoo.kit.tokenizers.reading import TOKENS, parse_json, read_bytes
from mlmzoo.kit.tokenizers.settings import (
    BOOLEAN,
    NAMED_TOKENS,
    TOKEN,
    is_added_token,
    is_id,
    refuse_others,
)

GENERIC = ("PreTrainedTokenizerFast", "TokenizersBackend")
"""The transformers classes that take ``tokenizer.json`` as it is. Its others build the tokenizer
anew, from the vocabulary there and the settings in ``tokenizer_config.json``."""
ROLES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
"""The roles of special tokens that transformers knows by name."""
FLAGS = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True}
"""How an added token is found in a text, and the `tokenizers` library's defaults."""
SWITCHES = (
    *("add_prefix_space", "do_lower_case", "keep_accents", "split_by_punct", "strip_accents"),
    "tokenize_chinese_chars",
)
FURTHER = ("additional_special_tokens", "extra_special_tokens")
KINDS = {
    **dict.fromkeys(SWITCHES, BOOLEAN),
    **dict.fromkeys(FURTHER, NAMED_TOKENS),
}
"""What settings of ``tokenizer_config.json`` may be."""


@dataclass(frozen=True)
class Settings:
    """The JSON files of a directory, as they are.

    Args:
        config: ``tokenizer_config.json``; empty where there is none.
        special_tokens: The special tokens named there and in ``special_tokens_map.json``.
        tokenizer: ``tokenizer.json``, or ``None``.
        generic: Whether transformers takes ``tokenizer.json`` as it is.
    """

    config: dict[str, Any]
    special_tokens: dict[str, Any]
    tokenizer: dict[str, Any] | None
    generic: bool


@dataclass(frozen=True)
class SpecialTokens:
    """The special and added tokens of a directory.

    Args:
        roles: Role -> token, for the roles that the files name.
        further: Special tokens without a role.
        added: Tokens that are not special, as entries of ``added_tokens``.
        entries: Token -> its entry, for every token that has one: its flags are there.
        notes: What a reader should know.
    """

    roles: dict[str, str]
    further: list[str]
    added: list[dict[str, Any]]
    entries: dict[str, Mapping[str, Any]]
    notes: list[str]

    def argument(self, roles: Mapping[str, str]) -> dict[str, str] | list[str] | None:
        """The constructor argument ``special_tokens`` of a class whose own are `roles`."""
        changed = {
            role: token for role, token in self.roles.items() if roles.get(role, token) != token
        }
        if changed:
            return {**changed, **{token: token for token in self.further}}
        return self.further or None


def read_settings(files: Files) -> Settings:
    """The JSON files beside a vocabulary; any of them may be missing."""
    config = read_json(files, "tokenizer_config.json") or {}
    tokenizer = read_json(files, "tokenizer.json")
    special_tokens = {**(read_json(files, "special_tokens_map.json") or {}), **config}
    refuse_others(special_tokens, KINDS, f"{files.handle}: tokenizer_config.json")
    return Settings(
        config=config,
        special_tokens=special_tokens,
        tokenizer=tokenizer,
        generic=tokenizer is not None and config.get("tokenizer_class") in GENERIC,
    )


def section(data: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    """An object in a ``tokenizer.json``, which may be missing or null.

    Raises:
        PresetFormatError: Something else is there.
    """
    value = data.get(name)
    if not isinstance(value, Mapping | None):
        raise PresetFormatError(
            f"{where} has {value!r:.100} for its {name!r}, where an object was expected. Fetch "
            "the preset again."
        )
    return value or {}


def read_model(data: Mapping[str, Any], kind: str, where: str) -> dict[str, Any]:
    """The ``model`` of a ``tokenizer.json``.

    Args:
        data: The parsed file.
        kind: What the model must be: ``"WordPiece"``, ``"BPE"`` or ``"Unigram"``.
        where: Where it came from, for the error.

    Raises:
        PresetFormatError: It is of another kind, or has no vocabulary.
    """
    model = dict(section(data, "model", where))
    found = model.get("type")
    if found is None:  # files of early versions of the library do not say
        marks = {"merges": "BPE", "continuing_subword_prefix": "WordPiece", "unk_id": "Unigram"}
        found = next((marks[mark] for mark in marks if mark in model), None)
    if found != kind or not isinstance(model.get("vocab"), list if kind == "Unigram" else dict):
        raise PresetFormatError(
            f"{where} holds a tokenizer of type {found!s:.100}, and a {kind} one was expected. "
            "Load the preset with the family it belongs to."
        )
    return model


def read_special_tokens(
    files: Files, settings: Settings, ids: dict[str, int], roles: Mapping[str, str]
) -> SpecialTokens:
    """The special and added tokens of a directory.

    Args:
        files: The directory.
        settings: What `read_settings` found there.
        ids: The vocabulary, token -> id. Added tokens that it lacks are put in.
        roles: Role -> token that the family has unless the files say otherwise.

    Raises:
        PresetFormatError: The files contradict one another, or an entry is malformed.
    """
    special = settings.special_tokens
    kinds = {f"{role}_token": TOKEN for role in roles}
    refuse_others(special, kinds, f"{files.handle}: tokenizer_config.json")
    named = {role: content(special.get(f"{role}_token")) for role in roles}
    found = {role: token for role, token in named.items() if token}
    with_role = {**roles, **found}.values()
    further: list[str] = []
    added: list[dict[str, Any]] = []
    entries: dict[str, Mapping[str, Any]] = {
        token["content"]: token
        for token in (special.get(f"{role}_token") for role in roles)
        if isinstance(token, Mapping)
    }
    for entry in _entries(files, settings):
        token = entry["content"]
        if ids.setdefault(token, entry["id"]) != entry["id"]:
            raise PresetFormatError(
                f"{files.handle}: the added token {token!r:.100} has id {entry['id']}, and the "
                f"vocabulary says {ids[token]!r:.100}. The tokenizer's files contradict one "
                "another."
            )
        entries[token] = entry
        if token not in with_role:
            if entry.get("special"):
                further.append(token)
            else:
                added.append(entry)
    notes = []
    for key in FURTHER:
        listed = special.get(key) or ()
        for token in map(content, listed.values() if isinstance(listed, Mapping) else listed):
            if token not in ids:
                notes.append(
                    f"The special token {token!r:.100} is not in the vocabulary and ignored."
                )
            elif token not in with_role and token not in further:
                further.append(token)
    return SpecialTokens(found, further, added, entries, notes)


def flags(entry: Mapping[str, Any]) -> str | dict[str, Any]:
    """An added token: its text, with those flags that differ from the library's defaults."""
    differing = {
        name: entry[name] for name, value in FLAGS.items() if entry.get(name, value) != value
    }
    return {"content": entry["content"], **differing} if differing else str(entry["content"])


def content(token: Any) -> Any:
    """The text of a special token, which files give as a string or as a mapping."""
    return token.get("content") if isinstance(token, Mapping) else token


def template(tokenizer: Any, segments: bool = True) -> Any:
    """The library's post-processor that packs texts as `tokenizer` says; ``None``: not at all.

    Args:
        tokenizer: A `TokenizerBase`.
        segments: Whether the second text of a pair has segment 1.
    """
    from tokenizers import processors

    if tokenizer.start is None or tokenizer.end is None:
        return None
    start, end, second = tokenizer.start_token, tokenizer.end_token, int(segments)
    between = [f"{end}:0"] * tokenizer.pair_separators
    return processors.TemplateProcessing(
        single=[f"{start}:0", "$A:0", f"{end}:0"],
        pair=[f"{start}:0", "$A:0", *between, f"$B:{second}", f"{end}:{second}"],
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in {start, end}],
    )


def named_tokens(special_tokens: Mapping[str, str]) -> dict[str, str]:
    """The entries of ``tokenizer_config.json`` that name special tokens."""
    return {f"{role}_token": token for role, token in special_tokens.items() if role in ROLES}


# Files ------------------------------------------------------------------------------------------


def read_json(files: Files, name: str) -> dict[str, Any] | None:
    """The JSON object in a file; ``None`` where there is no such file.

    Raises:
        PresetFormatError: It is too large, not JSON (a download that broke off, say), or not an
            object.
    """
    path = files.path(name)
    if path is None:
        return None
    data = parse_json(read_bytes(path), f"{files.handle}: {name}")
    if not isinstance(data, dict):
        raise PresetFormatError(f"{files.handle}: {name} does not hold a JSON object.")
    return data


def write_text(path: Path, text: str) -> None:
    """Writes a text file, and the directories it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Writes a JSON file that people can read."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def missing(files: Files, name: str) -> PresetMissingError:
    """The error of a preset without the vocabulary file called `name`."""
    return PresetMissingError(
        f"{files.handle} was asked for its tokenizer and has no {name}. Give a preset that was "
        "saved with a tokenizer, or build one from a vocabulary."
    )


def unknown_layout(layout: str) -> InputError:
    """The error of a layout that is neither of the two."""
    return InputError(
        f"layout={layout!r} was asked for. There are two: 'keras' and 'transformers'."
    )


# Inside -----------------------------------------------------------------------------------------


def _entries(files: Files, settings: Settings) -> list[dict[str, Any]]:
    """Entries of added tokens, each with ``id`` and ``content``; later ones win."""
    entries: list[Any] = []
    if settings.tokenizer is not None:
        listed = settings.tokenizer.get("added_tokens") or []
        if not isinstance(listed, list):
            raise _malformed(files, listed)
        entries += listed
    else:
        for token, id in (read_json(files, "added_tokens.json") or {}).items():
            entries.append({"id": id, "content": token, "special": False})
    decoder = settings.config.get("added_tokens_decoder") or {}
    if not isinstance(decoder, Mapping):
        raise _malformed(files, decoder)
    for id, entry in decoder.items():
        if not re.fullmatch("[0-9]{1,9}", id) or not isinstance(entry, Mapping):
            raise _malformed(files, {id: entry})
        entries.append({**entry, "id": int(id)})
    by_token: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if not _well_formed(entry):
            raise _malformed(files, entry)
        earlier = by_token.setdefault(entry["content"], entry)
        if earlier["id"] != entry["id"]:
            raise PresetFormatError(
                f"{files.handle}: the added token {entry['content']!r} has id {earlier['id']} in "
                f"one file and id {entry['id']} in another. The tokenizer's files contradict one "
                "another."
            )
        by_token[entry["content"]] = entry
    return list(by_token.values())


def _well_formed(entry: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(entry, Mapping) and is_added_token(entry) and is_id(entry.get("id"))


def _malformed(files: Files, entry: Any) -> PresetFormatError:
    return PresetFormatError(
        f"{files.handle}: the tokenizer's files hold the added token {entry!r:.100}, and a text "
        f"('content'), a whole number below {TOKENS} ('id') and true or false as flags were "
        "expected. Fetch the preset again."
    )
