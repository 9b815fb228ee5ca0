"""The entry point: records only."""

from mlmzoo.contract.hookspecs import hookimpl
from mlmzoo.contract.records import Family


@hookimpl
def mlmzoo_families():
    return [
        Family(
            name="toy",
            backbone="mlmzoo_toy.model:ToyBackbone",
            tokenizer="mlmzoo_toy.model:ToyTokenizer",
            preprocessor="mlmzoo_toy.model:ToyMaskedLMPreprocessor",
            masked_lm="mlmzoo_toy.model:ToyMaskedLM",
            checkpoint="mlmzoo_toy.weights:CHECKPOINT",
            presets="mlmzoo_toy:presets.json",
            serialized_names=("mlmzoo_toy>ToyBackbone",),
            model_types=("toy",),
        )
    ]
