"""The records plugins return and are given: data and strings, nothing that imports a backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

API_VERSION = 1
"""Version of the plugin API that this mlmzoo has, as `mlmzoo.api_version`."""


@dataclass(frozen=True)
class Family:
    """One architecture family, as its plugin announces it.

    Class paths are strings of the form ``"package.module:Name"``; a class is imported when it is
    first used, never at discovery.

    Args:
        name: Short lower-case name, e.g. ``"bert"``.
        backbone: Class path of the `mlmzoo.Backbone` subclass.
        tokenizer: Class path of the `mlmzoo.Tokenizer` subclass.
        preprocessor: Class path of the `mlmzoo.MaskedLMPreprocessor` subclass.
        masked_lm: Class path of the `mlmzoo.MaskedLM` subclass.
        checkpoint: Path (``"package.module:NAME"``) of the family's `Checkpoint` table.
        presets: ``"package:file.json"``, the built-in presets, or ``None``.
        serialized_names: The registered backbone class names this family answers to in a preset
            of the keras layout, e.g. ``("keras_hub>BertBackbone", "keras_nlp>BertBackbone")``.
            The first one is written.
        model_types: The ``model_type`` values of transformers checkpoints this family reads.
            The first one is written.
        api_version: The `mlmzoo.api_version` the plugin was written for; 1 where it does not say.
    """

    name: str
    backbone: str
    tokenizer: str
    preprocessor: str
    masked_lm: str
    checkpoint: str
    presets: str | None = None
    serialized_names: tuple[str, ...] = ()
    model_types: tuple[str, ...] = ()
    # Not API_VERSION: a record that does not say was not written for whatever is installed.
    api_version: int = 1


@dataclass(frozen=True)
class Preset:
    """One built-in preset: a row of a family's ``presets.json``.

    Args:
        name: Built-in name, e.g. ``"bert_base_en"``.
        family: Name of its `Family`.
        description: One sentence for people.
        parameters: Published parameter count of the backbone.
        sources: Handles to try in order, the one with the masked-LM head first.
        backbone: Constructor arguments of the backbone, numerics (activation, epsilons) included.
        tokenizer: Constructor arguments of the tokenizer besides its vocabulary.
        head: Constructor arguments of the masked-LM head (activation, epsilon).
        metadata: Anything else worth showing: language, licence, model card figures.
    """

    name: str
    family: str
    description: str
    parameters: int
    sources: tuple[str, ...]
    backbone: Mapping[str, Any]
    tokenizer: Mapping[str, Any] = field(default_factory=dict)
    head: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskBinding:
    """A task class for a family: one's own, or somebody else's.

    Args:
        task: Name of the task, e.g. ``"text_classifier"``; ``"masked_lm"`` is in a `Family`.
        family: Name of the `Family` it works with.
        path: Class path of the `mlmzoo.Task` subclass.
        api_version: The `mlmzoo.api_version` the plugin was written for; 1 where it does not say.
    """

    task: str
    family: str
    path: str
    api_version: int = 1


@dataclass(frozen=True)
class UploadRequest:
    """A whole preset that an `UploadSource` is asked to store.

    Args:
        directory: A directory that nobody else writes to. It holds the files to send and no other.
        names: Their paths in it, with forward slashes.
        replaced: Patterns (`fnmatch.fnmatchcase`) of what a preset's files are called. Files there
            that match one and are not sent belong to an older preset, and go.
        message: What the history of the place is to say of it.
        license: Name of the licence, as the place calls it; ``None`` where nobody gave one.
        public: Whether everybody may see what is made anew. What is there stays as it is.
    """

    directory: Path
    names: tuple[str, ...]
    replaced: tuple[str, ...]
    message: str
    license: str | None = None
    public: bool = False


@dataclass(frozen=True)
class Weight:
    """One variable of a family, named in each of the three places it lives.

    Placeholders: ``{i}`` (or any name in `Checkpoint.loops`) counts repeated blocks; ``{_}`` is
    Keras' suffix of a repeated layer, empty for the first block, then ``_1``, ``_2``, …

    Args:
        ours: Path of the variable in our model, e.g. ``"layer_{i}/attention/query/kernel"``.
        keras: Dataset in a KerasHub weights file.
        transformers: Key in a transformers state dict.
        kind: How the stored shapes differ from ours. ``"same"``: not at all. ``"kernel"``:
            transformers has the matrix transposed. ``"attention_kernel"``,
            ``"attention_bias"``: KerasHub splits the last axis into heads, ``(D, H*d)`` to
            ``(D, H, d)``; ``"attention_output"``: the first, ``(H*d, D)`` to ``(H, d, D)``; the two
            matrices are transposed in transformers.
        optional: Whether a checkpoint may lack it; it is then initialised afresh and reported.
        skip_rows: Leading rows that a transformers state dict has and we do not; written as zeros.
        folded: Key of a transformers matrix whose first row, always added to this variable there,
            is added to each of its rows when it is read; written as a row of zeros.
    """

    ours: str
    keras: str
    transformers: str
    kind: str = "same"
    optional: bool = False
    skip_rows: int = 0
    folded: str = ""


TRANSFORMERS_ACTIVATIONS: Mapping[str, str] = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
}
"""transformers' name of an activation -> ours: the `Setting.values` of most families."""


@dataclass(frozen=True)
class Setting:
    """One configuration value, named in our constructors and in a transformers ``config.json``.

    Two rows may share one `ours`, where transformers tells apart what we do not (two dropout
    rates): the first one is read, and a checkpoint in which they differ gets a note in its report.

    Args:
        ours: Argument of the backbone's (or head's) constructor.
        transformers: Key in ``config.json``.
        default: What transformers assumes when the key is absent; ``...`` where it must be there.
        values: For names that differ: transformers' value -> ours, complete, so that any other
            value is refused. The first match is written back.
        kind: What a valid value is: ``"size"`` (positive integer), ``"rate"`` (number in [0, 1)),
            ``"epsilon"`` (positive number) or ``"name"`` (string).
        offset: By how much transformers' number is larger than ours.
    """

    ours: str
    transformers: str
    default: Any = ...
    values: Mapping[Any, Any] = field(default_factory=dict)
    kind: str = "size"
    offset: int = 0


@dataclass(frozen=True)
class Requirement:
    """A transformers setting that a family can represent at some values only.

    Args:
        transformers: Key in ``config.json``.
        values: The values that can be represented. The first one is written where absence would
            mean another.
        default: What transformers assumes when the key is absent; ``...`` where that is fine.
        same_as: Key of a setting whose value is good, too.
    """

    transformers: str
    values: tuple[Any, ...] = ()
    default: Any = ...
    same_as: str = ""


@dataclass(frozen=True)
class Checkpoint:
    """How a family's checkpoints are laid out, in both layouts, for reading and for writing.

    Args:
        backbone: One row per variable of the backbone.
        head: One row per variable of the masked-LM head.
        settings: One row per configuration value.
        head_settings: The same for the head (``"activation"``, ``"epsilon"``).
        prefix: Prefix of backbone keys in a transformers state dict that a checkpoint may lack.
        loops: Placeholder -> backbone argument that says how often it repeats. Several are nested,
            the first one outermost, and ``{_}`` then counts all of them.
        heads: Backbone argument that holds the number of attention heads.
        divisions: (argument, argument): the first must be a multiple of the second.
        requires: transformers settings of which the family can represent some values only.
        renamed: Other spellings in transformers state dicts: (regular expression, replacement).
            The table's own spelling wins where a file has both.
        tied: transformers key -> the key it is a copy of. Where a file has both and they differ,
            a copy of the head's own tensor is what counts, as in transformers; a head whose copy
            of a backbone tensor differs cannot be loaded rightly and is refused.
        ignored: Regular expressions of transformers keys that carry nothing of ours (other heads,
            buffers).
        untrained_head: Regular expressions of transformers keys that show what else the model in
            the file was trained for: its masked-LM head, if it has one, counts as absent.
        weight_files: Names of weight files, beside transformers' own, that are tried after them.
        keras_numerics: What KerasHub computes with where its files cannot say:
            ``{"backbone": {...}, "head": {...}}``, constructor arguments of ours. These arguments
            are not written into KerasHub's part of a config.
        transformers_numerics: What transformers computes with where its config has no key for it,
            of the same form.
        architecture: Class name written to ``architectures`` in transformers' ``config.json``.
        written: Constant entries of a written transformers ``config.json``.
    """

    backbone: tuple[Weight, ...]
    head: tuple[Weight, ...]
    settings: tuple[Setting, ...]
    head_settings: tuple[Setting, ...] = ()
    prefix: str = ""
    loops: Mapping[str, str] = field(default_factory=lambda: {"i": "num_layers"})
    heads: str = "num_heads"
    divisions: tuple[tuple[str, str], ...] = (("hidden_dim", "num_heads"),)
    requires: tuple[Requirement, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    tied: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    untrained_head: tuple[str, ...] = ()
    weight_files: tuple[str, ...] = ()
    keras_numerics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    transformers_numerics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    architecture: str = ""
    written: Mapping[str, Any] = field(default_factory=dict)
