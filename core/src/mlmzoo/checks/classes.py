"""Do the paths in a plugin's records lead to what they should?"""

from __future__ import annotations

from mlmzoo.contract.records import Family, TaskBinding
from mlmzoo.plugins import registry
from mlmzoo.plugins.validation import CLASSES
from mlmzoo.tasks.loading import family_class
from mlmzoo.tasks.task import Task


def class_paths(family: Family) -> str:
    """The classes of a family.

    Raises:
        PluginError: A path leads nowhere, or to something of another kind.
    """
    found = [family_class(family, part) for part in CLASSES]
    registry().checkpoint(family)
    return ", ".join(kind.__name__ for kind in found)


def task_path(binding: TaskBinding) -> str:
    """The class of a task binding, and the family it is for.

    Raises:
        PluginError: The path leads nowhere, or to something that is no task.
    """
    return f"{registry().load_class(binding.path, Task).__name__} for {binding.family}"
