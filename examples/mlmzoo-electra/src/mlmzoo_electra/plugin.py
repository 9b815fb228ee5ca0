"""The entry point of this package: one record, and no import of Keras."""

from mlmzoo.contract.hookspecs import hookimpl
from mlmzoo.contract.records import Family


@hookimpl
def mlmzoo_families() -> list[Family]:
    """ELECTRA (Clark et al., 2020, https://arxiv.org/abs/2003.10555)."""
    return [
        Family(
            name="electra",
            backbone="mlmzoo_electra.backbone:ElectraBackbone",
            tokenizer="mlmzoo_electra.tokenizer:ElectraTokenizer",
            preprocessor="mlmzoo_electra.masked_lm:ElectraMaskedLMPreprocessor",
            masked_lm="mlmzoo_electra.masked_lm:ElectraMaskedLM",
            checkpoint="mlmzoo_electra.weights:CHECKPOINT",
            presets="mlmzoo_electra:presets.json",
            serialized_names=("mlmzoo_electra>ElectraBackbone",),
            model_types=("electra",),
            api_version=1,
        )
    ]
