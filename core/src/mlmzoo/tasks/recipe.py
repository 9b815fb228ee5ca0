"""`Recipe`: everything that decides a pre-training run, read from a TOML file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from math import isfinite
from pathlib import Path
from typing import Any, Self

from mlmzoo.contract.errors import InputError

DTYPES = ("float32", "float16", "bfloat16")
POLICIES = (*DTYPES, "float64", "mixed_float16", "mixed_bfloat16")
DECAYS = ("cosine", "linear", "constant")
# Those of `mlmzoo.data.batching` and "auto"; not imported, for the command line waits for no numpy.
BATCHINGS = ("auto", "length", "packed", "fixed")


@dataclass(frozen=True)
class Training:
    """How to train.

    Args:
        epochs: Times round the data.
        batch_size: Texts a batch.
        accumulate: Batches an update: their gradients are averaged, one batch counting as much
            as another, whatever the number of its masked tokens.
        learning_rate: The highest one; it rises to it linearly, then falls.
        warmup_share: Share of the updates in which it rises.
        decay: How it falls to 0 at the end of the run: ``"cosine"`` or ``"linear"``; or
            ``"constant"``, not at all.
        weight_decay: AdamW's; biases and normalisations are left out.
        clip_norm: Largest global norm of the gradient of an update; 0 for no limit.
        beta_2: AdamW's second decay rate. Low values forgive sudden changes of the gradient.
        held_out_share: Share of the texts that is never trained on, neither by the tokenizer.
        seed: Of the held-out texts, the initial weights, dropout, the masks and the order.
        dtype: Keras dtype policy, e.g. ``"mixed_bfloat16"``.
        saved_dtype: What the weights are stored in: ``"float32"``, ``"float16"``, ``"bfloat16"``.
        batching: ``"auto"``, ``"length"``, ``"packed"`` or ``"fixed"``, see `MaskedLM.fit`.

    Raises:
        InputError: A value makes no sense.
    """

    epochs: int = 10
    batch_size: int = 32
    accumulate: int = 1
    learning_rate: float = 1e-3
    warmup_share: float = 0.1
    decay: str = "cosine"
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    beta_2: float = 0.98
    held_out_share: float = 0.05
    seed: int = 0
    dtype: str = "float32"
    saved_dtype: str = "float32"
    batching: str = "auto"

    def __post_init__(self) -> None:
        for entry in fields(self):
            value, kind = getattr(self, entry.name), type(entry.default)
            takes = (int, float) if kind is float else kind
            if not isinstance(value, takes) or isinstance(value, bool):
                raise InputError(
                    f"[training] {entry.name} = {value!r} was asked for; it has to be of type "
                    f"{kind.__name__}, e.g. {entry.default!r}."
                )
        numbers = [e.name for e in fields(self) if not isinstance(getattr(self, e.name), str)]
        wrong = [f"{n} has to be a number" for n in numbers if not isfinite(getattr(self, n))]
        for name in ("epochs", "batch_size", "accumulate", "learning_rate"):
            if getattr(self, name) <= 0:
                wrong.append(f"{name} has to be greater than 0")
        for name in ("warmup_share", "held_out_share", "beta_2"):
            if not 0 <= getattr(self, name) < 1:
                wrong.append(f"{name} has to be at least 0 and less than 1")
        if self.held_out_share == 0:
            wrong.append("held_out_share has to be greater than 0: a model is judged on it")
        for name in ("weight_decay", "clip_norm", "seed"):
            if getattr(self, name) < 0:
                wrong.append(f"{name} has to be at least 0")
        choices = {
            "decay": DECAYS,
            "dtype": POLICIES,
            "saved_dtype": DTYPES,
            "batching": BATCHINGS,
        }
        for name, known in choices.items():
            if getattr(self, name) not in known:
                wrong.append(f"{name}={getattr(self, name)!r} has to be one of {', '.join(known)}")
        if wrong:
            raise InputError(f"[training] cannot be carried out: {'; '.join(wrong)}.")


@dataclass(frozen=True)
class Recipe:
    """A model to train from nothing.

    Args:
        family: Name of the family.
        tokenizer: Arguments of the tokenizer's ``train``, ``vocabulary_size`` among them.
        backbone: Constructor arguments of the backbone, without ``vocabulary_size``.
        preprocessor: Constructor arguments of the preprocessor.
        training: How to train.
        card: Prose for the model card: ``title``, ``description``, ``data``, ``license``,
            ``good_for`` and ``not_good_for`` (lists). For the card that ``mlmzoo convert`` writes
            beside a checkpoint of transformers also ``language``, ``datasets``, ``base_model``,
            ``license_name`` and ``license_link``.

    Raises:
        InputError: An entry is unknown, missing or of another type.
    """

    family: str
    tokenizer: Mapping[str, Any]
    backbone: Mapping[str, Any]
    preprocessor: Mapping[str, Any] = field(default_factory=dict)
    training: Training = field(default_factory=Training)
    card: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_mapping(cls, config: Mapping[str, Any], where: str = "the recipe") -> Self:
        """A recipe from plain data, such as TOML gives.

        Args:
            config: Entries named as the arguments of `Recipe` and `Training`.
            where: Where it is from, for messages.
        """
        _refuse_others(config, [entry.name for entry in fields(cls)], where)
        if missing := [n for n in ("family", "tokenizer", "backbone") if n not in config]:
            raise InputError(
                f"{where} lacks {', '.join(missing)}. A recipe has: family, [tokenizer], "
                "[backbone], and may have [preprocessor], [training], [card]."
            )
        if not isinstance(config["family"], str):
            raise InputError(f"{where} has family = {config['family']!r}; give a name in quotes.")
        for name in set(config) - {"family"}:
            if not isinstance(config[name], Mapping):
                raise InputError(
                    f"{where} has {name} = {config[name]!r}; it has to be a table, [{name}]."
                )
        if "vocabulary_size" not in config["tokenizer"]:
            raise InputError(
                f"{where} does not say how many tokens to learn: add vocabulary_size to "
                "[tokenizer]."
            )
        if "vocabulary_size" in config["backbone"]:
            raise InputError(
                f"{where} gives vocabulary_size in [backbone]; it follows from the tokenizer. "
                "Give it in [tokenizer] only."
            )
        training = config.get("training", {})
        _refuse_others(
            training, [entry.name for entry in fields(Training)], f"[training] of {where}"
        )
        return cls(**{**config, "training": Training(**training)})

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """The recipe of a TOML file.

        Raises:
            InputError: There is no such file, it is no TOML, or see `Recipe`.
        """
        where = os.fspath(path)
        try:
            config = tomllib.loads(Path(path).expanduser().read_text("utf-8"))
        except OSError as error:
            raise InputError(
                f"The recipe {where!r} was asked for, and cannot be read ({error.strerror}). "
                "Give the path of a TOML file."
            ) from error
        except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError
            raise InputError(f"The recipe {where!r} is not valid TOML: {error}.") from error
        return cls.from_mapping(config, where)

    def to_dict(self) -> dict[str, Any]:
        """Plain data; `from_mapping` reads it."""
        return asdict(self)


def _refuse_others(config: Mapping[str, Any], known: list[str], where: str) -> None:
    if unknown := sorted(set(config) - set(known)):
        raise InputError(f"{where} has {', '.join(unknown)}. It may have: {', '.join(known)}.")
