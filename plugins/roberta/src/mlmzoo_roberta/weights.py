"""Where each variable and setting of RoBERTa lives: in our model, in KerasHub, in transformers."""

# ruff: noqa: E501  (a row of the table is a line)

from mlmzoo.contract.records import (
    TRANSFORMERS_ACTIVATIONS,
    Checkpoint,
    Requirement,
    Setting,
    Weight,
)
from mlmzoo.kit.tables import encoder_rows, head_rows, norm_rows

EMBEDDING = "layers/token_and_position_embedding"
LAYER = "roberta.encoder.layer.{i}"

# A line per layer or variable: ours, KerasHub's group or dataset, transformers' module or key.
# transformers counts positions from the padding id, 1, so that two rows come before the first
# one used; and it adds the embedding of the one segment there is to every token.
# fmt: off
CHECKPOINT = Checkpoint(
    backbone=(
        Weight("token_embedding/embeddings", f"{EMBEDDING}/token_embedding/vars/0", "roberta.embeddings.word_embeddings.weight"),
        Weight("position_embedding/embeddings", f"{EMBEDDING}/position_embedding/vars/0", "roberta.embeddings.position_embeddings.weight", skip_rows=2, folded="roberta.embeddings.token_type_embeddings.weight"),
        *norm_rows("embeddings_layer_norm", "layers/layer_normalization", "roberta.embeddings.LayerNorm"),
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
    head=head_rows("lm_head.dense", "lm_head.layer_norm", "lm_head.bias"),
    # transformers' defaults: https://huggingface.co/docs/transformers/model_doc/roberta
    settings=(
        Setting("vocabulary_size", "vocab_size", 50265),
        Setting("num_layers", "num_hidden_layers", 12),
        Setting("num_heads", "num_attention_heads", 12),
        Setting("hidden_dim", "hidden_size", 768),
        Setting("intermediate_dim", "intermediate_size", 3072),
        Setting("dropout", "hidden_dropout_prob", 0.1, kind="rate"),
        Setting("dropout", "attention_probs_dropout_prob", 0.1, kind="rate"),
        Setting("max_sequence_length", "max_position_embeddings", 512, offset=2),
        Setting("activation", "hidden_act", "gelu", TRANSFORMERS_ACTIVATIONS, kind="name"),
        Setting("layer_norm_epsilon", "layer_norm_eps", 1e-12, kind="epsilon"),
    ),
    head_settings=(
        Setting("activation", "", kind="name"),
        Setting("epsilon", "layer_norm_eps", 1e-12, kind="epsilon"),
    ),
    prefix="roberta.",
    requires=(
        Requirement("position_embedding_type", ("absolute",)),
        Requirement("is_decoder", (False,)),
        Requirement("add_cross_attention", (False,)),
        Requirement("pad_token_id", (1,)),
    ),
    tied={
        "lm_head.decoder.weight": "roberta.embeddings.word_embeddings.weight",
        "lm_head.decoder.bias": "lm_head.bias",
    },
    ignored=(
        r"(roberta\.)?embeddings\.(position_ids|token_type_ids)$",
        # Never trained, and no part of the masked language model.
        r"(roberta\.)?pooler\.",
    ),
    # keras_hub 0.32: RobertaBackbone and MaskedLMHead have these fixed.
    keras_numerics={
        "backbone": {"activation": "gelu", "layer_norm_epsilon": 1e-5},
        "head": {"activation": "gelu", "epsilon": 1e-5},
    },
    # RobertaLMHead has exact GELU whatever `hidden_act` says.
    transformers_numerics={"head": {"activation": "gelu"}},
    architecture="RobertaForMaskedLM",
    # What the rows left out above stand for: one segment, positions from the padding id on.
    written={"type_vocab_size": 1, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2},
)
# fmt: on
