"""From a preset to objects: every `from_preset` ends here."""

from __future__ import annotations

import functools
import inspect
import math
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras

import mlmzoo
from mlmzoo.contract.errors import (
    FamilyMismatchError,
    HubAccessError,
    HubUnavailableError,
    InputError,
    MlmzooError,
    PresetFormatError,
    PresetMissingError,
    PresetWarning,
)
from mlmzoo.contract.records import Family, Preset
from mlmzoo.kit.layers import fresh_values, skip_initialization
from mlmzoo.kit.shapes import variable_shapes
from mlmzoo.kit.tokenizers.settings import kinds_of, refuse_others
from mlmzoo.kit.variables import VariableTarget
from mlmzoo.plugins import registry
from mlmzoo.presets import layouts
from mlmzoo.presets.contents import Contents
from mlmzoo.presets.json_files import unused_note
from mlmzoo.presets.report import LoadReport
from mlmzoo.presets.resolver import Location, resolve
from mlmzoo.presets.weights import SHOWN

BYTES_OF_A_VALUE = 2
"""In half precision, the least a model is made with."""


@dataclass
class Opened:
    """A preset that was found: what it is, and its files where they were needed."""

    asked: str
    family: Family
    backbone: Mapping[str, Any]
    head: Mapping[str, Any]
    builtin: Preset | None
    contents: Contents | None
    notes: list[str]

    @property
    def handle(self) -> str:
        """Where the files came from."""
        return self.contents.files.handle if self.contents else "architecture only"


def open_preset(preset: str | os.PathLike[str] | Opened, need_files: bool = True) -> Opened:
    """Find a preset, and read its configuration.

    Args:
        preset: What the user asked for; or what was opened already, which is given back.
        need_files: Whether files are wanted. A built-in preset's architecture needs none.
    """
    if isinstance(preset, Opened):
        return preset
    location = resolve(preset, registry())
    builtin = location.builtin
    if builtin is not None and not need_files:
        family = registry().family(builtin.family)
        return Opened(location.asked, family, builtin.backbone, builtin.head, builtin, None, [])
    contents, notes = _first_that_answers(location)
    backbone, head = contents.backbone, contents.head
    if builtin is not None:
        # A built-in preset is computed as its original was trained, whichever copy is read.
        backbone, head = {**backbone, **builtin.backbone}, {**head, **builtin.head}
    return Opened(location.asked, contents.family, backbone, head, builtin, contents, notes)


def _first_that_answers(location: Location) -> tuple[Contents, list[str]]:
    failures: list[OSError] = []
    # Early transformers checkpoints do not say themselves of which family they are.
    family = registry().family(location.builtin.family) if location.builtin else None
    for files in location.files:
        try:
            contents = layouts.read(files, registry(), family)
        except (HubUnavailableError, HubAccessError, PresetMissingError) as error:
            failures.append(error)
            continue
        notes = [f"fell back on {files.handle}: {error}" for error in failures]
        return contents, notes
    if len(failures) == 1:
        raise failures[0]
    reasons = "\n".join(f"- {error}" for error in failures)
    raise type(failures[0])(
        f"Preset {location.asked!r} was asked for, and none of its {len(failures)} sources could "
        f"be read:\n{reasons}"
    ) from failures[0]


# Classes ------------------------------------------------------------------------------------------


def registered_class(name: str, base: type) -> Any:
    """The class Keras knows under a registered name such as ``"mlmzoo_bert>BertBackbone"``.

    The plugin is imported if it is installed and was not yet; nothing else is.

    Args:
        name: The name.
        base: What it has to be a subclass of. Any library can register whatever it likes.

    Raises:
        PresetFormatError: No installed plugin has such a class, or it is something else.
    """
    kind = keras.saving.get_registered_object(name)
    if kind is None:
        path = registry().class_names.get(name.rpartition(">")[2])
        if path is None:
            raise PresetFormatError(
                f"A saved model names the class {name!r}, which no installed plugin has. "
                "Install the plugin it was saved with."
            )
        kind = registry().load(path)
    if not (isinstance(kind, type) and issubclass(kind, base)):
        raise PresetFormatError(
            f"A saved model names {name!r} where a {base.__name__} belongs, and it is none. Save "
            "the model again."
        )
    return kind


_BASES = {
    "backbone": "Backbone",
    "tokenizer": "Tokenizer",
    "preprocessor": "MaskedLMPreprocessor",
    "masked_lm": "MaskedLM",
}


def family_class(family: Family, part: str) -> Any:
    """The class that a family has for a part of a model.

    Args:
        family: The family.
        part: ``"backbone"``, ``"tokenizer"``, ``"preprocessor"`` or ``"masked_lm"``.

    Raises:
        PluginError: It cannot be imported, or is no class of that kind.
    """
    return registry().load_class(getattr(family, part), getattr(mlmzoo, _BASES[part]))


def _class_for(cls: type, family: Family, kind: Any) -> Any:
    """The class to build: the family's own, or the user's subclass of it."""
    if issubclass(cls, kind):
        return cls
    if issubclass(kind, cls):
        return kind
    raise FamilyMismatchError(
        f"{cls.__name__}.from_preset was asked for a preset of the family {family.name!r}, which "
        f"is loaded by {kind.__name__}. Use {kind.__name__} or a base class that finds the family."
    )


def constructor_arguments(kind: type) -> set[str]:
    """Names a constructor takes, those of its base classes included."""
    names: set[str] = set()
    for base in kind.__mro__:
        if base.__module__.split(".")[0] == "keras":
            break
        if "__init__" in vars(base):
            names.update(inspect.signature(vars(base)["__init__"]).parameters)
    return names - {"self", "inputs", "outputs", "settings", "kwargs", "args"}


def _take(kwargs: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: kwargs.pop(name) for name in list(kwargs) if name in names}


def _refuse_leftovers(kwargs: dict[str, Any], asked: str, known: set[str]) -> None:
    if kwargs:
        raise InputError(
            f"from_preset({asked!r}) was given {', '.join(sorted(kwargs))}, which neither the "
            f"model nor its preprocessor takes. They take: {', '.join(sorted(known))}."
        )


# Loading ------------------------------------------------------------------------------------------


def load_backbone(cls: type, preset: Any, load_weights: bool = True, **kwargs: Any) -> Any:
    """What `Backbone.from_preset` does."""
    opened = open_preset(preset, need_files=load_weights)
    kind = _class_for(cls, opened.family, family_class(opened.family, "backbone"))
    backbone = _build_backbone(kind, opened, load_weights, kwargs)
    if load_weights:
        outcome = _load_weights(opened, backbone.weights, "backbone")
        _warn_of_non_finite(opened, [outcome], stacklevel=4)
        backbone.load_report = _report(opened, [outcome], head_state=None)
    return backbone


def _build_backbone(kind: type, opened: Opened, load_weights: bool, kwargs: dict[str, Any]) -> Any:
    known = constructor_arguments(kind) | {"name", "trainable"}
    arguments = {**opened.backbone, **_take(kwargs, known)}
    _refuse_leftovers(kwargs, opened.asked, known)
    shapes = functools.cache(lambda: variable_shapes(lambda: _make(kind, arguments, opened)))
    if not load_weights:
        _refuse_beyond_memory(shapes(), opened)
        return _make(kind, arguments, opened)
    assert opened.contents is not None
    opened.contents.require_weights("backbone", shapes)
    _refuse_beyond_memory(shapes(), opened)
    with skip_initialization():
        return _make(kind, arguments, opened)


def _refuse_beyond_memory(shapes: Mapping[str, tuple[int, ...]], opened: Opened) -> None:
    """Raise where a model would not fit into the machine.

    There may be no files to compare it with, or files with holes, which promise more than there
    is on disk; and for some sizes a backend ends the process.
    """
    values = sum(math.prod(shape) for shape in shapes.values())
    if values * BYTES_OF_A_VALUE > memory_bytes():
        raise PresetFormatError(
            f"{opened.asked!r} ({opened.handle}) describes a model of {values:,} values, more than "
            f"this machine's memory of {memory_bytes() / 2**30:.0f} GiB can hold even in half "
            "precision. Check the sizes in the config, or those you passed."
        )


def memory_bytes() -> int:
    """This machine's memory; a terabyte where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 2**40


def _make(kind: type, arguments: Mapping[str, Any], opened: Opened) -> Any:
    """An object whose arguments come from a preset, and may be such as its class cannot take."""
    try:
        return kind(**arguments)
    except InputError as error:
        raise InputError(f"{opened.asked!r} ({opened.handle}): {error}") from error
    except (MlmzooError, AssertionError):
        raise
    except Exception as error:  # each backend has its own for what it cannot do
        raise PresetFormatError(
            f"A {kind.__name__} was to be made as {opened.asked!r} ({opened.handle}) says, which "
            f"failed: {type(error).__name__}: {str(error)[:500]}. Correct the config, or the "
            "arguments you passed."
        ) from error


def load_tokenizer(cls: type, preset: Any, **kwargs: Any) -> Any:
    """What `Tokenizer.from_preset` does."""
    opened = open_preset(preset)
    return _build_tokenizer(cls, opened, kwargs)


def _build_tokenizer(cls: type, opened: Opened, overrides: Mapping[str, Any]) -> Any:
    contents = opened.contents
    assert contents is not None
    kind: Any = _class_for(cls, opened.family, family_class(opened.family, "tokenizer"))
    written = {**(opened.builtin.tokenizer if opened.builtin else {}), **overrides}
    return kind.from_files(contents.files, contents.layout, contents.tokenizer, **written)


def load_preprocessor(cls: type, preset: Any, **kwargs: Any) -> Any:
    """What `Preprocessor.from_preset` does."""
    opened = open_preset(preset)
    return _build_preprocessor(cls, opened, kwargs)


def _build_preprocessor(cls: type, opened: Opened, kwargs: dict[str, Any]) -> Any:
    from mlmzoo.tasks.tokenizer import Tokenizer

    contents = opened.contents
    assert contents is not None
    kind = _class_for(cls, opened.family, family_class(opened.family, "preprocessor"))
    known = constructor_arguments(kind)
    tokenizer_arguments = constructor_arguments(family_class(opened.family, "tokenizer")) - known
    overrides = _take(kwargs, tokenizer_arguments)
    tokenizer = kwargs.pop("tokenizer", None) or _build_tokenizer(Tokenizer, opened, overrides)
    found = contents.preprocessor or {}
    opened.notes += unused_note("The preprocessor's settings", found, known)
    written = {name: value for name, value in found.items() if name in known}
    refuse_others(written, kinds_of(kind), f"The preprocessor of {opened.handle}")
    longest = opened.backbone.get("max_sequence_length")
    arguments = {**({"sequence_length": longest} if longest else {}), **written}
    arguments.update(_take(kwargs, known))
    _refuse_leftovers(kwargs, opened.asked, known | tokenizer_arguments)
    return _make(kind, {"tokenizer": tokenizer, **arguments}, opened)


def load_task(cls: Any, preset: Any, load_weights: bool = True, **kwargs: Any) -> Any:
    """What `Task.from_preset` does."""
    from mlmzoo.tasks.preprocessor import Preprocessor

    if not cls.task_name:
        raise InputError(
            f"{cls.__name__}.from_preset was asked for {preset!r}, and that class is no task in "
            "particular. Use one that is, as in mlmzoo.MaskedLM.from_preset, or give your own "
            "class the `task_name` that it is bound with."
        )
    wants_preprocessor = "preprocessor" not in kwargs
    preprocessor = kwargs.pop("preprocessor", None)
    opened = open_preset(preset, need_files=load_weights or wants_preprocessor)
    family = opened.family
    path = registry().task(cls.task_name, family.name)
    kind = _class_for(cls, family, registry().load_class(path, mlmzoo.Task))

    backbone_class = family_class(family, "backbone")
    of_backbone = constructor_arguments(backbone_class)
    of_task = constructor_arguments(kind) | {"name", "trainable"}
    of_preprocessor: set[str] = set()
    if wants_preprocessor:
        of_preprocessor = constructor_arguments(family_class(family, "preprocessor"))
        of_preprocessor |= constructor_arguments(family_class(family, "tokenizer"))
    for_backbone = _take(kwargs, of_backbone)
    head = {f"head_{name}": value for name, value in opened.head.items()}
    for_task = {**_take(head, of_task), **_take(kwargs, of_task)}
    for_preprocessor = _take(kwargs, of_preprocessor)
    _refuse_leftovers(kwargs, opened.asked, of_backbone | of_task | of_preprocessor)

    if wants_preprocessor:
        preprocessor = _build_preprocessor(Preprocessor, opened, for_preprocessor)
    if preprocessor is not None:
        rows = {**opened.backbone, **for_backbone}.get("vocabulary_size", math.inf)
        refuse_too_few_rows(opened, preprocessor.tokenizer.vocabulary_size(), rows)
    backbone = _build_backbone(backbone_class, opened, load_weights, for_backbone)
    for_task |= {"backbone": backbone, "preprocessor": preprocessor}
    if not load_weights:
        return _make(kind, for_task, opened)
    if not kind.head_in_presets:
        task = _make(kind, for_task, opened)
        outcome = _load_weights(opened, backbone.weights, "backbone")
        _warn_of_non_finite(opened, [outcome], stacklevel=4)
        task.load_report = _report(opened, [outcome], head_state=None)
        return task
    with skip_initialization():
        task = _make(kind, for_task, opened)
    _load_task_weights(opened, task)
    return task


def refuse_too_few_rows(opened: Opened, tokens: int, rows: float) -> None:
    """Raise where a tokenizer gives ids that a model's embedding has no rows for."""
    if tokens > rows:
        raise PresetFormatError(
            f"The tokenizer for {opened.asked!r} ({opened.handle}) has {tokens} tokens, and the "
            f"config gives the model's embedding {rows} rows, too few. One of them belongs to "
            "another model; give the files that belong together."
        )


def _load_task_weights(opened: Opened, task: Any) -> None:
    contents = opened.contents
    assert contents is not None
    outcomes = [_load_weights(opened, task.backbone.weights, "backbone")]
    backbone = {id(weight) for weight in task.backbone.weights}
    head = [weight for weight in task.weights if id(weight) not in backbone]
    state = contents.head_state
    if contents.has_head:
        outcomes.append(_load_weights(opened, head, "head"))
    else:
        for weight in head:
            weight.assign(fresh_values(weight.path, tuple(weight.shape)))
    task.head_state = state
    if contents.refused_head:
        opened.notes.append(contents.refused_head)
    _warn_of_non_finite(opened, outcomes, stacklevel=5)
    task.load_report = _report(opened, outcomes, state)
    if state == "random":
        warnings.warn(
            f"Preset {opened.asked!r} has no trained masked-LM head ({opened.handle}"
            f"{f'; {contents.refused_head}' if contents.refused_head else ''}), so the "
            "head starts from random values. Train it with fit() before asking it to fill masks.",
            PresetWarning,
            stacklevel=4,
        )
    elif state == "unknown":
        warnings.warn(
            f"Preset {opened.asked!r} has a masked-LM head and does not say whether it was ever "
            "trained. It is used as it is.",
            PresetWarning,
            stacklevel=4,
        )


def _load_weights(opened: Opened, variables: Any, part: str) -> Any:
    """Load one part's variables; those a checkpoint may lack and lacks start afresh."""
    assert opened.contents is not None
    targets = {v.path: VariableTarget(v) for v in variables}
    outcome = opened.contents.load(part, targets)
    for path in outcome.missing:
        targets[path].assign(0, fresh_values(path, targets[path].shape))
    return outcome


def _warn_of_non_finite(opened: Opened, outcomes: list[Any], stacklevel: int) -> None:
    """Say that a model cannot work: an error would keep its weights from who wants to look."""
    paths = [path for outcome in outcomes for path in outcome.not_finite]
    if paths:
        more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
        note = f"NaN or infinite values in {', '.join(paths[:SHOWN])}{more}"
        opened.notes.append(note)
        warnings.warn(
            f"Preset {opened.asked!r} ({opened.handle}) was loaded with {note}. Such a model "
            "answers nothing; use another preset, or an earlier state of it.",
            PresetWarning,
            stacklevel=stacklevel,
        )


def _report(opened: Opened, outcomes: list[Any], head_state: str | None) -> LoadReport:
    contents = opened.contents
    assert contents is not None
    return LoadReport(
        asked=opened.asked,
        source=opened.handle,
        layout=contents.layout,
        loaded=tuple(path for outcome in outcomes for path in outcome.loaded),
        missing=tuple(path for outcome in outcomes for path in outcome.missing),
        unexpected=tuple(dict.fromkeys(k for outcome in outcomes for k in outcome.unexpected)),
        head_state=head_state,
        notes=(*opened.notes, *contents.notes),
    )
