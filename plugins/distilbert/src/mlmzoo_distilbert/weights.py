"""Where each variable and setting of DistilBERT lives: in our model, KerasHub and transformers."""

# ruff: noqa: E501  (a row of the table is a line)

from mlmzoo.contract.records import (
    TRANSFORMERS_ACTIVATIONS,
    Checkpoint,
    Requirement,
    Setting,
    Weight,
)
from mlmzoo.kit.tables import encoder_rows, head_rows, norm_rows

EMBEDDINGS = "layers/token_and_position_embedding"
LAYER = "distilbert.transformer.layer.{i}"

# A line per layer or variable: ours, KerasHub's group or dataset, transformers' module or key.
# fmt: off
CHECKPOINT = Checkpoint(
    backbone=(
        Weight("token_embedding/embeddings", f"{EMBEDDINGS}/token_embedding/vars/0", "distilbert.embeddings.word_embeddings.weight"),
        Weight("position_embedding/embeddings", f"{EMBEDDINGS}/position_embedding/vars/0", "distilbert.embeddings.position_embeddings.weight"),
        *norm_rows("embeddings_layer_norm", "layers/layer_normalization", "distilbert.embeddings.LayerNorm"),
        *encoder_rows("layer_{i}", "layers/transformer_encoder{_}", {
            "attention/query": f"{LAYER}.attention.q_lin",
            "attention/key": f"{LAYER}.attention.k_lin",
            "attention/value": f"{LAYER}.attention.v_lin",
            "attention/output": f"{LAYER}.attention.out_lin",
            "attention_layer_norm": f"{LAYER}.sa_layer_norm",
            "feedforward/intermediate": f"{LAYER}.ffn.lin1",
            "feedforward/output": f"{LAYER}.ffn.lin2",
            "feedforward_layer_norm": f"{LAYER}.output_layer_norm",
        }),
    ),
    head=head_rows("vocab_transform", "vocab_layer_norm", "vocab_projector.bias"),
    # transformers' defaults: https://huggingface.co/docs/transformers/model_doc/distilbert
    settings=(
        Setting("vocabulary_size", "vocab_size", 30522),
        Setting("num_layers", "n_layers", 6),
        Setting("num_heads", "n_heads", 12),
        Setting("hidden_dim", "dim", 768),
        Setting("intermediate_dim", "hidden_dim", 3072),
        Setting("dropout", "dropout", 0.1, kind="rate"),
        Setting("dropout", "attention_dropout", 0.1, kind="rate"),
        Setting("max_sequence_length", "max_position_embeddings", 512),
        Setting("activation", "activation", "gelu", TRANSFORMERS_ACTIVATIONS, kind="name"),
        Setting("layer_norm_epsilon", "", kind="epsilon"),
    ),
    head_settings=(
        Setting("activation", "activation", "gelu", TRANSFORMERS_ACTIVATIONS, kind="name"),
        Setting("epsilon", "", kind="epsilon"),
    ),
    prefix="distilbert.",
    requires=(
        # transformers reads these names of other families as its own, the later one winning.
        Requirement("num_hidden_layers", same_as="n_layers"),
        Requirement("num_attention_heads", same_as="n_heads"),
        Requirement("hidden_size", same_as="dim"),
    ),
    tied={"vocab_projector.weight": "distilbert.embeddings.word_embeddings.weight"},
    ignored=(r"^(distilbert\.)?embeddings\.position_ids$",),
    # keras_hub 0.32: DistilBertBackbone and MaskedLMHead have these fixed.
    keras_numerics={
        "backbone": {"activation": "gelu", "layer_norm_epsilon": 1e-12},
        "head": {"activation": "gelu", "epsilon": 1e-5},
    },
    # transformers 5: written out in its DistilBERT, whatever a config says.
    transformers_numerics={
        "backbone": {"layer_norm_epsilon": 1e-12},
        "head": {"epsilon": 1e-12},
    },
    architecture="DistilBertForMaskedLM",
)
# fmt: on
