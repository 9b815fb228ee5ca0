"""Rows of weight tables for the kit's own layers, so that a family writes one line a layer.

Each function gives the rows of one layer's variables: our path, KerasHub's dataset, transformers'
key. See `mlmzoo.contract.records.Weight`.
"""

from __future__ import annotations

from collections.abc import Mapping

from mlmzoo.contract.records import Weight

ENCODER = {
    "attention/query": "_self_attention_layer/query_dense",
    "attention/key": "_self_attention_layer/key_dense",
    "attention/value": "_self_attention_layer/value_dense",
    "attention/output": "_self_attention_layer/output_dense",
    "attention_layer_norm": "_self_attention_layer_norm",
    "feedforward/intermediate": "_feedforward_intermediate_dense",
    "feedforward/output": "_feedforward_output_dense",
    "feedforward_layer_norm": "_feedforward_layer_norm",
}
"""Layers of our `TransformerEncoder` -> layers of KerasHub's."""


def dense_rows(
    ours: str,
    keras: str,
    transformers: str,
    kernel: str = "kernel",
    bias: str = "same",
    optional: bool = False,
) -> tuple[Weight, Weight]:
    """Kernel and bias of a dense layer.

    Args:
        ours: Path of the layer in our model.
        keras: Its group in a KerasHub weights file.
        transformers: Its module in a transformers state dict.
        kernel: How the shapes of the kernels differ, see `Weight`.
        bias: The same of the biases.
        optional: Whether a checkpoint may lack it.
    """
    return (
        Weight(f"{ours}/kernel", f"{keras}/vars/0", f"{transformers}.weight", kernel, optional),
        Weight(f"{ours}/bias", f"{keras}/vars/1", f"{transformers}.bias", bias, optional),
    )


def norm_rows(ours: str, keras: str, transformers: str) -> tuple[Weight, Weight]:
    """Gamma and beta of a layer normalisation. For the arguments see `dense_rows`."""
    return (
        Weight(f"{ours}/gamma", f"{keras}/vars/0", f"{transformers}.weight"),
        Weight(f"{ours}/beta", f"{keras}/vars/1", f"{transformers}.bias"),
    )


def encoder_rows(ours: str, keras: str, transformers: Mapping[str, str]) -> tuple[Weight, ...]:
    """All variables of a `TransformerEncoder`.

    Args:
        ours: Path of the block in our model, e.g. ``"layer_{i}"``.
        keras: Group of the block in a KerasHub weights file.
        transformers: Module in a transformers state dict for each layer of `ENCODER`.
    """
    rows: tuple[Weight, ...] = ()
    for layer, name in ENCODER.items():
        places = (f"{ours}/{layer}", f"{keras}/{name}", transformers[layer])
        if layer.endswith("norm"):
            rows += norm_rows(*places)
        elif layer == "attention/output":
            rows += dense_rows(*places, kernel="attention_output")
        elif layer.startswith("attention/"):
            rows += dense_rows(*places, kernel="attention_kernel", bias="attention_bias")
        else:
            rows += dense_rows(*places)
    return rows


def head_rows(dense: str, layer_norm: str, bias: str) -> tuple[Weight, ...]:
    """All variables of the masked-LM head.

    Args:
        dense: Module of its dense layer in a transformers state dict.
        layer_norm: Module of its normalisation.
        bias: Key of the bias of the output.
    """
    keras = "layers/masked_lm_head"
    return (
        *dense_rows("mlm_head/dense", f"{keras}/_intermediate_dense", dense),
        *norm_rows("mlm_head/layer_norm", f"{keras}/_intermediate_layer_norm", layer_norm),
        Weight("mlm_head/output_bias", f"{keras}/vars/0", bias),
    )
