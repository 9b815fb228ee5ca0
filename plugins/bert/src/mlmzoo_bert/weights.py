"""Where each variable and setting of BERT lives, in our model, in KerasHub and in transformers."""

# ruff: noqa: E501  (a row of the table is a line)

from mlmzoo.contract.records import (
    TRANSFORMERS_ACTIVATIONS,
    Checkpoint,
    Requirement,
    Setting,
    Weight,
)
from mlmzoo.kit.tables import dense_rows, encoder_rows, head_rows, norm_rows

LAYER = "bert.encoder.layer.{i}"
TRANSFORM = "cls.predictions.transform"

# A line per layer or variable: ours, KerasHub's group or dataset, transformers' module or key.
# fmt: off
CHECKPOINT = Checkpoint(
    backbone=(
        Weight("token_embedding/embeddings", "layers/reversible_embedding/vars/0", "bert.embeddings.word_embeddings.weight"),
        Weight("position_embedding/embeddings", "layers/position_embedding/vars/0", "bert.embeddings.position_embeddings.weight"),
        Weight("segment_embedding/embeddings", "layers/embedding/vars/0", "bert.embeddings.token_type_embeddings.weight"),
        *norm_rows("embeddings_layer_norm", "layers/layer_normalization", "bert.embeddings.LayerNorm"),
        *encoder_rows("layer_{i}", "layers/transformer_encoder{_}", {
            "attention/query": f"{LAYER}.attention.self.query",
            "attention/key": f"{LAYER}.attention.self.key",
            "attention/value": f"{LAYER}.attention.self.value",
            "attention/output": f"{LAYER}.attention.output.dense",
            "attention_layer_norm": f"{LAYER}.attention.output.LayerNorm",
            "feedforward/intermediate": f"{LAYER}.intermediate.dense",
            "feedforward/output": f"{LAYER}.output.dense",
            "feedforward_layer_norm": f"{LAYER}.output.LayerNorm",
        }),
        *dense_rows("pooled_dense", "layers/dense", "bert.pooler.dense", optional=True),
    ),
    head=head_rows(f"{TRANSFORM}.dense", f"{TRANSFORM}.LayerNorm", "cls.predictions.bias"),
    # transformers' defaults: https://huggingface.co/docs/transformers/model_doc/bert
    settings=(
        Setting("vocabulary_size", "vocab_size", 30522),
        Setting("num_layers", "num_hidden_layers", 12),
        Setting("num_heads", "num_attention_heads", 12),
        Setting("hidden_dim", "hidden_size", 768),
        Setting("intermediate_dim", "intermediate_size", 3072),
        Setting("dropout", "hidden_dropout_prob", 0.1, kind="rate"),
        Setting("dropout", "attention_probs_dropout_prob", 0.1, kind="rate"),
        Setting("max_sequence_length", "max_position_embeddings", 512),
        Setting("num_segments", "type_vocab_size", 2),
        Setting("activation", "hidden_act", "gelu", TRANSFORMERS_ACTIVATIONS, kind="name"),
        Setting("layer_norm_epsilon", "layer_norm_eps", 1e-12, kind="epsilon"),
    ),
    head_settings=(
        Setting("activation", "hidden_act", "gelu", TRANSFORMERS_ACTIVATIONS, kind="name"),
        Setting("epsilon", "layer_norm_eps", 1e-12, kind="epsilon"),
    ),
    prefix="bert.",
    requires=(
        Requirement("position_embedding_type", ("absolute",)),
        Requirement("is_decoder", (False,)),
        Requirement("add_cross_attention", (False,)),
    ),
    renamed=(
        # TensorFlow 1 checkpoints converted by early transformers.
        (r"LayerNorm\.gamma$", "LayerNorm.weight"),
        (r"LayerNorm\.beta$", "LayerNorm.bias"),
    ),
    tied={
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    },
    ignored=(
        r"cls\.seq_relationship\.",
        r"(bert\.)?embeddings\.(position_ids|token_type_ids)$",
    ),
    # keras_hub 0.32: BertBackbone and MaskedLMHead have these fixed.
    keras_numerics={
        "backbone": {"activation": "gelu_tanh", "layer_norm_epsilon": 1e-12},
        "head": {"activation": "gelu", "epsilon": 1e-5},
    },
    architecture="BertForMaskedLM",
)
# fmt: on
