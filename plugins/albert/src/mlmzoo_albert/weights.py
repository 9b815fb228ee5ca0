"""Where each variable and setting of ALBERT lives: in our model, KerasHub and transformers."""

# ruff: noqa: E501  (a row of the table is a line)

from mlmzoo.contract.records import (
    TRANSFORMERS_ACTIVATIONS,
    Checkpoint,
    Requirement,
    Setting,
    Weight,
)
from mlmzoo.kit.tables import dense_rows, encoder_rows, head_rows, norm_rows

LAYER = "albert.encoder.albert_layer_groups.{g}.albert_layers.{j}"

# A line per layer or variable: ours, KerasHub's group or dataset, transformers' module or key.
# fmt: off
CHECKPOINT = Checkpoint(
    backbone=(
        Weight("token_embedding/embeddings", "layers/reversible_embedding/vars/0", "albert.embeddings.word_embeddings.weight"),
        Weight("position_embedding/embeddings", "layers/position_embedding/vars/0", "albert.embeddings.position_embeddings.weight"),
        Weight("segment_embedding/embeddings", "layers/embedding/vars/0", "albert.embeddings.token_type_embeddings.weight"),
        *norm_rows("embeddings_layer_norm", "layers/layer_normalization", "albert.embeddings.LayerNorm"),
        *dense_rows("embeddings_projection", "layers/dense", "albert.encoder.embedding_hidden_mapping_in"),
        *encoder_rows("group_{g}_layer_{j}", "layers/transformer_encoder{_}", {
            "attention/query": f"{LAYER}.attention.query",
            "attention/key": f"{LAYER}.attention.key",
            "attention/value": f"{LAYER}.attention.value",
            "attention/output": f"{LAYER}.attention.dense",
            "attention_layer_norm": f"{LAYER}.attention.LayerNorm",
            "feedforward/intermediate": f"{LAYER}.ffn",
            "feedforward/output": f"{LAYER}.ffn_output",
            "feedforward_layer_norm": f"{LAYER}.full_layer_layer_norm",
        }),
        *dense_rows("pooled_dense", "layers/dense_1", "albert.pooler", optional=True),
    ),
    head=head_rows("predictions.dense", "predictions.LayerNorm", "predictions.bias"),
    # transformers' defaults: https://huggingface.co/docs/transformers/model_doc/albert
    settings=(
        Setting("vocabulary_size", "vocab_size", 30000),
        Setting("num_layers", "num_hidden_layers", 12),
        Setting("num_heads", "num_attention_heads", 64),
        Setting("num_groups", "num_hidden_groups", 1),
        Setting("num_inner_repetitions", "inner_group_num", 1),
        Setting("embedding_dim", "embedding_size", 128),
        Setting("hidden_dim", "hidden_size", 4096),
        Setting("intermediate_dim", "intermediate_size", 16384),
        Setting("dropout", "hidden_dropout_prob", 0.0, kind="rate"),
        Setting("dropout", "attention_probs_dropout_prob", 0.0, kind="rate"),
        Setting("max_sequence_length", "max_position_embeddings", 512),
        Setting("num_segments", "type_vocab_size", 2),
        Setting("activation", "hidden_act", "gelu_new", TRANSFORMERS_ACTIVATIONS, kind="name"),
        Setting("layer_norm_epsilon", "layer_norm_eps", 1e-12, kind="epsilon"),
    ),
    head_settings=(
        Setting("activation", "hidden_act", "gelu_new", TRANSFORMERS_ACTIVATIONS, kind="name"),
        Setting("epsilon", "layer_norm_eps", 1e-12, kind="epsilon"),
    ),
    prefix="albert.",
    loops={"g": "num_groups", "j": "num_inner_repetitions"},
    divisions=(("hidden_dim", "num_heads"), ("num_layers", "num_groups")),
    requires=(Requirement("position_embedding_type", ("absolute",)),),
    tied={
        "predictions.decoder.weight": "albert.embeddings.word_embeddings.weight",
        "predictions.decoder.bias": "predictions.bias",
    },
    ignored=(
        r"^sop_classifier\.",
        r"^(albert\.)?embeddings\.(position_ids|token_type_ids)$",
    ),
    # keras_hub 0.32: AlbertBackbone and MaskedLMHead have these fixed.
    keras_numerics={
        "backbone": {"activation": "gelu_tanh", "layer_norm_epsilon": 1e-12},
        "head": {"activation": "gelu_tanh", "epsilon": 1e-5},
    },
    architecture="AlbertForMaskedLM",
)
# fmt: on
