"""The files of sentencepiece tokenizers, in both preset layouts: read and written as data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmzoo.contract.errors import UnsupportedSettingError
from mlmzoo.contract.protocols import Files
from mlmzoo.kit.tokenizers import unigram_json, unigram_json_writing
from mlmzoo.kit.tokenizers.transformers_files import (
    GENERIC,
    Settings,
    missing,
    named_tokens,
    read_model,
    read_settings,
    read_special_tokens,
    unknown_layout,
    write_json,
)
from mlmzoo.kit.tokenizers.unigram_model import (
    APART,
    APART_PENALTY,
    UNIGRAM,
    Model,
    parsed,
    read_proto,
)
from mlmzoo.kit.tokenizers.unigram_text import SWITCHES

if TYPE_CHECKING:
    from mlmzoo.kit.tokenizers.unigram import Unigram

KERAS_MODEL = "assets/tokenizer/vocabulary.spm"
TRANSFORMERS_MODELS = ("spiece.model", "spm.model", "sentencepiece.bpe.model")
TRANSFORMERS_SWITCHES = {
    "do_lower_case": ("lowercase", True),
    "keep_accents": ("strip_accents", False),
}
"""A setting in ``tokenizer_config.json`` -> ours, and what it is where that is on."""


def read(
    kind: type[Unigram], files: Files, layout: str, config: dict[str, Any]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Constructor arguments of `kind`, and notes on what was found."""
    config = {name: value for name, value in config.items() if name != "proto"}
    if layout == "keras":
        path = files.path(KERAS_MODEL)
        if path is None:
            raise missing(files, KERAS_MODEL)
        # What KerasHub's format does not say, KerasHub does not do.
        return {**dict.fromkeys(SWITCHES, False), **config, "proto": path}, ()
    if layout == "transformers":
        arguments, notes = _read_transformers(kind, files)
        return {**arguments, **config}, notes
    raise unknown_layout(layout)


def write(tokenizer: Unigram, directory: Path, layout: str) -> None:
    """Writes a tokenizer's files below `directory`."""
    names = {"keras": KERAS_MODEL, "transformers": tokenizer.model_file}
    if layout not in names:
        raise unknown_layout(layout)
    if layout == "transformers":
        model = tokenizer.running_model()
        write_json(
            directory / "tokenizer.json", unigram_json_writing.tokenizer_json(tokenizer, model)
        )
        write_json(directory / "tokenizer_config.json", _tokenizer_config(tokenizer, model))
    path = directory / names[layout]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tokenizer.proto)


# transformers, reading --------------------------------------------------------------------------


def _read_transformers(kind: type[Unigram], files: Files) -> tuple[dict[str, Any], tuple[str, ...]]:
    settings = read_settings(files)
    notes: list[str] = []
    names = dict.fromkeys([kind.model_file, *TRANSFORMERS_MODELS])
    path = next((found for name in names if (found := files.path(name)) is not None), None)
    where = f"{files.handle}: tokenizer.json"
    # Only transformers' own classes look at its settings once there is a tokenizer.json.
    as_it_is = settings.generic or (
        settings.tokenizer is not None and kind.transformers_class is None
    )
    arguments: dict[str, Any] = {}
    if path is not None:
        model = read_proto(path, kind.__name__)
        if as_it_is and settings.tokenizer is not None:
            arguments |= unigram_json.normalization(settings.tokenizer, where).switches
        arguments["commas_apart"] = _commas_apart(settings, model)
    elif settings.tokenizer is not None:
        proto, found = unigram_json.model_of(kind, settings.tokenizer, where)
        model = parsed(proto, f"What {where} holds")
        arguments |= found
    else:
        raise missing(files, f"{', '.join(names)}, and no tokenizer.json")
    for name in kind.transformers_switches:
        ours, on = TRANSFORMERS_SWITCHES[name]
        if name in settings.config and not as_it_is:
            value = bool(settings.config[name]) is on
            if arguments.get(ours, value) != value:
                notes.append(
                    f"tokenizer.json says {ours}={arguments[ours]}; {name}="
                    f"{settings.config[name]} of tokenizer_config.json was used."
                )
            arguments[ours] = value
    if settings.config.get("split_by_punct"):
        raise UnsupportedSettingError(
            f"{files.handle}: tokenizer_config.json says split_by_punct=true, and "
            f"{kind.__name__} cannot split at punctuation. Load a checkpoint without it."
        )
    _, before, _ = kind._places(kind.special_tokens)
    dropped = len(kind.model_tokens) if before else 0
    tokens = [*before, *model.pieces[dropped:]]
    ids = {token: id for id, token in enumerate(tokens)}
    special = read_special_tokens(files, settings, ids, kind.special_tokens)
    reserved = model.control(dropped)
    special.further[:] = [token for token in special.further if token not in reserved]
    if (argument := special.argument(kind.special_tokens)) is not None:
        arguments["special_tokens"] = argument
    arguments["proto"] = model
    own = set(tokens)
    if added := {token: id for token, id in ids.items() if token not in own}:
        arguments["added_tokens"] = added
    notes += [
        f"The added token {entry['content']!r} is found inside of words too."
        for entry in special.added
        if entry.get("single_word") and entry["content"] in added
    ]
    return arguments, (*notes, *special.notes)


def _commas_apart(settings: Settings, model: Model) -> bool:
    """Whether ``tokenizer.json`` takes pieces like ``"0,"`` out of the running, by their score."""
    if settings.tokenizer is None or model.message.trainer_spec.model_type != UNIGRAM:
        return False
    where = f"What {model.name} lies beside, tokenizer.json,"
    pieces, _ = unigram_json.weighed_pieces(read_model(settings.tokenizer, "Unigram", where), where)
    scores = dict(pieces)
    return any(
        scores.get(piece.piece, piece.score) < piece.score - APART_PENALTY / 2
        for piece in model.message.pieces
        if APART.search(piece.piece)
    )


# transformers, writing --------------------------------------------------------------------------


def _tokenizer_config(tokenizer: Unigram, model: Model) -> dict[str, Any]:
    # transformers' own classes put the tokenizer together anew, and only as its family is by
    # default; its generic one reads tokenizer.json.
    own = (
        tokenizer.transformers_class
        if unigram_json_writing.as_by_default(tokenizer, model)
        else None
    )
    config: dict[str, Any] = {
        "tokenizer_class": own or GENERIC[0],
        "clean_up_tokenization_spaces": False,
    }
    for name in tokenizer.transformers_switches:
        ours, on = TRANSFORMERS_SWITCHES[name]
        config[name] = getattr(tokenizer, ours) is on
    # Said of their own classes too: by itself one of them leaves the segments of pairs out.
    config["model_input_names"] = list(tokenizer.transformers_inputs)
    config |= named_tokens(tokenizer.special_tokens)
    if tokenizer.start is not None and tokenizer.end is not None:
        config |= {"bos_token": tokenizer.start_token, "eos_token": tokenizer.end_token}
    return config
