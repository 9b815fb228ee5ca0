"""The entry point of this package: one record, and no import of Keras."""

from __future__ import annotations

from mlmzoo.contract.hookspecs import hookimpl
from mlmzoo.contract.records import Family

F_NET = Family(
    name="f_net",
    backbone="mlmzoo_fnet.backbone:FNetBackbone",
    tokenizer="mlmzoo_fnet.tokenizer:FNetTokenizer",
    preprocessor="mlmzoo_fnet.masked_lm:FNetMaskedLMPreprocessor",
    masked_lm="mlmzoo_fnet.masked_lm:FNetMaskedLM",
    checkpoint="mlmzoo_fnet.weights:CHECKPOINT",
    presets="mlmzoo_fnet:presets.json",
    serialized_names=(
        "keras_hub>FNetBackbone",
        "keras_nlp>FNetBackbone",
        "mlmzoo_fnet>FNetBackbone",
    ),
    model_types=("fnet",),
)


@hookimpl
def mlmzoo_families() -> list[Family]:
    """FNet (Lee-Thorp et al., 2021, https://arxiv.org/abs/2105.03824)."""
    return [F_NET]
