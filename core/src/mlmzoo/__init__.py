"""Masked language models for Keras 3, one package per architecture family.

Names are resolved when they are first used: importing this package imports no backend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlmzoo import errors as errors
    from mlmzoo import models as models
    from mlmzoo.contract.records import API_VERSION as api_version
    from mlmzoo.contract.records import Family as Family
    from mlmzoo.contract.records import Preset as Preset
    from mlmzoo.data.rates import linear_rate as linear_rate
    from mlmzoo.inference.scoring import pseudo_perplexity as pseudo_perplexity
    from mlmzoo.plugins.current import list_plugins as list_plugins
    from mlmzoo.plugins.current import list_presets as list_presets
    from mlmzoo.plugins.current import refresh_plugins as refresh_plugins
    from mlmzoo.tasks.backbone import Backbone as Backbone
    from mlmzoo.tasks.masked_lm import MaskedLM as MaskedLM
    from mlmzoo.tasks.masked_lm_preprocessor import MaskedLMPreprocessor as MaskedLMPreprocessor
    from mlmzoo.tasks.preprocessor import Preprocessor as Preprocessor
    from mlmzoo.tasks.saving import load_model as load_model
    from mlmzoo.tasks.task import Task as Task
    from mlmzoo.tasks.tokenizer import Tokenizer as Tokenizer
    from mlmzoo.tasks.training_checkpoint import TrainingCheckpoint as TrainingCheckpoint
    from mlmzoo.tasks.uploading import upload_preset as upload_preset

__version__ = "0.1.0"

_PUBLIC = {
    "Backbone": "mlmzoo.tasks.backbone:Backbone",
    "Family": "mlmzoo.contract.records:Family",
    "MaskedLM": "mlmzoo.tasks.masked_lm:MaskedLM",
    "MaskedLMPreprocessor": "mlmzoo.tasks.masked_lm_preprocessor:MaskedLMPreprocessor",
    "Preprocessor": "mlmzoo.tasks.preprocessor:Preprocessor",
    "Preset": "mlmzoo.contract.records:Preset",
    "Task": "mlmzoo.tasks.task:Task",
    "Tokenizer": "mlmzoo.tasks.tokenizer:Tokenizer",
    "TrainingCheckpoint": "mlmzoo.tasks.training_checkpoint:TrainingCheckpoint",
    "api_version": "mlmzoo.contract.records:API_VERSION",
    "linear_rate": "mlmzoo.data.rates:linear_rate",
    "list_plugins": "mlmzoo.plugins.current:list_plugins",
    "list_presets": "mlmzoo.plugins.current:list_presets",
    "load_model": "mlmzoo.tasks.saving:load_model",
    "pseudo_perplexity": "mlmzoo.inference.scoring:pseudo_perplexity",
    "refresh_plugins": "mlmzoo.plugins.current:refresh_plugins",
    "upload_preset": "mlmzoo.tasks.uploading:upload_preset",
}
_MODULES = ("errors", "models")

__all__ = [
    "Backbone",
    "Family",
    "MaskedLM",
    "MaskedLMPreprocessor",
    "Preprocessor",
    "Preset",
    "Task",
    "Tokenizer",
    "TrainingCheckpoint",
    "__version__",
    "api_version",
    "errors",
    "linear_rate",
    "list_plugins",
    "list_presets",
    "load_model",
    "models",
    "pseudo_perplexity",
    "refresh_plugins",
    "upload_preset",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        import importlib

        return importlib.import_module(f"mlmzoo.{name}")
    if name not in _PUBLIC:
        raise AttributeError(
            f"module 'mlmzoo' has no attribute {name!r}; it has {', '.join(__all__)}, and classes "
            "of a family are in mlmzoo.models."
        )
    from mlmzoo.plugins import classpath

    value = globals()[name] = classpath.load(_PUBLIC[name])
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
