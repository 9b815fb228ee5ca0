"""Do the paths in a plugin's records lead to what they should?"""

from __future__ import annotations

from typing import Any

from mlmzoo.contract.errors import PluginError
from mlmzoo.contract.records import Checkpoint, Family, TaskBinding
from mlmzoo.plugins import registry
from mlmzoo.tasks.backbone import Backbone
from mlmzoo.tasks.masked_lm import MaskedLM
from mlmzoo.tasks.preprocessor import MaskedLMPreprocessor
from mlmzoo.tasks.task import Task
from mlmzoo.tasks.tokenizer import Tokenizer

KINDS = {
    "backbone": Backbone,
    "tokenizer": Tokenizer,
    "preprocessor": MaskedLMPreprocessor,
    "masked_lm": MaskedLM,
}
"""Path in a `Family` -> what the class there inherits from."""


def class_paths(family: Family) -> str:
    """The classes of a family.

    Raises:
        PluginError: A path leads nowhere, or to something of another kind.
    """
    where = f"The record of family {family.name!r}"
    found = [_subclass(where, key, getattr(family, key), kind) for key, kind in KINDS.items()]
    table = registry().load(family.checkpoint)
    if not isinstance(table, Checkpoint):
        raise PluginError(
            f"{where} has checkpoint = {family.checkpoint!r}, and there is {_shown(table)}; it has "
            "to be a mlmzoo.contract.records.Checkpoint."
        )
    return ", ".join(found)


def task_path(binding: TaskBinding) -> str:
    """The class of a task binding, and the family it is for.

    Raises:
        PluginError: The path leads nowhere, or to something that is no task.
    """
    where = f"The binding of task {binding.task!r} for {binding.family!r}"
    return f"{_subclass(where, 'path', binding.path, Task)} for {binding.family}"


def _subclass(where: str, key: str, path: str, kind: type) -> str:
    found = registry().load(path)
    if not isinstance(found, type) or not issubclass(found, kind):
        raise PluginError(
            f"{where} has {key} = {path!r}, and there is {_shown(found)}; it has to be a subclass "
            f"of mlmzoo.{kind.__name__}."
        )
    return found.__name__


def _shown(value: Any) -> str:
    if isinstance(value, type):
        return f"a class that inherits from {', '.join(b.__name__ for b in value.__bases__)}"
    return f"a {type(value).__name__}"
