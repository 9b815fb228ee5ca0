"""Where each variable and setting of ELECTRA lives, in our model and in checkpoints."""

# ruff: noqa: E501  (a row of the table is a line)

from mlmzoo.contract.records import (
    TRANSFORMERS_ACTIVATIONS,
    Checkpoint,
    Requirement,
    Setting,
    Weight,
)
from mlmzoo.kit.tables import dense_rows, encoder_rows, head_rows, norm_rows

EMBEDDINGS = "electra.embeddings"
LAYER = "electra.encoder.layer.{i}"
HEAD = "generator_predictions"

# A line per layer or variable: ours, KerasHub's group or dataset, transformers' module or key.
# KerasHub has no masked LM of ELECTRA, so these names are free; they are those of its BERT.
# fmt: off
CHECKPOINT = Checkpoint(
    backbone=(
        Weight("token_embedding/embeddings", "layers/reversible_embedding/vars/0", f"{EMBEDDINGS}.word_embeddings.weight"),
        Weight("position_embedding/embeddings", "layers/position_embedding/vars/0", f"{EMBEDDINGS}.position_embeddings.weight"),
        Weight("segment_embedding/embeddings", "layers/embedding/vars/0", f"{EMBEDDINGS}.token_type_embeddings.weight"),
        *norm_rows("embeddings_layer_norm", "layers/layer_normalization", f"{EMBEDDINGS}.LayerNorm"),
        # Not there where the embeddings are as wide as the encoder.
        *dense_rows("embeddings_projection", "layers/dense", "electra.embeddings_project", optional=True),
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
    ),
    head=head_rows(f"{HEAD}.dense", f"{HEAD}.LayerNorm", "generator_lm_head.bias"),
    # transformers' defaults: https://huggingface.co/docs/transformers/model_doc/electra
    settings=(
        Setting("vocabulary_size", "vocab_size", 30522),
        Setting("num_layers", "num_hidden_layers", 12),
        Setting("num_heads", "num_attention_heads", 4),
        Setting("embedding_dim", "embedding_size", 128),
        Setting("hidden_dim", "hidden_size", 256),
        Setting("intermediate_dim", "intermediate_size", 1024),
        Setting("dropout", "hidden_dropout_prob", 0.1, kind="rate"),
        Setting("dropout", "attention_probs_dropout_prob", 0.1, kind="rate"),
        Setting("max_sequence_length", "max_position_embeddings", 512),
        Setting("num_segments", "type_vocab_size", 2),
        Setting("activation", "hidden_act", "gelu", TRANSFORMERS_ACTIVATIONS, kind="name"),
        Setting("layer_norm_epsilon", "layer_norm_eps", 1e-12, kind="epsilon"),
    ),
    head_settings=(
        Setting("activation", "", kind="name"),
        Setting("epsilon", "layer_norm_eps", 1e-12, kind="epsilon"),
    ),
    # transformers 5: written out in its generator's head, whatever a config says.
    transformers_numerics={"head": {"activation": "gelu"}},
    prefix="electra.",
    requires=(
        Requirement("position_embedding_type", ("absolute",)),
        Requirement("is_decoder", (False,)),
        Requirement("add_cross_attention", (False,)),
    ),
    tied={"generator_lm_head.weight": "electra.embeddings.word_embeddings.weight"},
    ignored=(
        r"^discriminator_predictions\.",
        r"^(electra\.)?embeddings\.(position_ids|token_type_ids)$",
    ),
    architecture="ElectraForMaskedLM",
)
# fmt: on
