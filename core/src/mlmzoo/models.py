"""Classes by name: core's, and those of every installed family.

``mlmzoo.models.BertMaskedLM`` is there where a plugin with that class is installed. A class is
imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlmzoo

if TYPE_CHECKING:
    from mlmzoo.tasks.backbone import Backbone as Backbone
    from mlmzoo.tasks.masked_lm import MaskedLM as MaskedLM
    from mlmzoo.tasks.masked_lm_preprocessor import MaskedLMPreprocessor as MaskedLMPreprocessor
    from mlmzoo.tasks.preprocessor import Preprocessor as Preprocessor
    from mlmzoo.tasks.task import Task as Task
    from mlmzoo.tasks.tokenizer import Tokenizer as Tokenizer

__all__ = [
    "Backbone",
    "MaskedLM",
    "MaskedLMPreprocessor",
    "Preprocessor",
    "Task",
    "Tokenizer",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(mlmzoo, name)
    if name.startswith("_"):  # Python asks modules for such names; no plugin has to be looked for
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mlmzoo.contract.errors import UnknownNameError
    from mlmzoo.plugins import registry

    try:
        path = registry().class_path(name)
    except UnknownNameError as error:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}. {error}") from error
    return registry().load(path)


def __dir__() -> list[str]:
    from mlmzoo.plugins import registry

    return sorted({*globals(), *__all__, *registry().class_names})
