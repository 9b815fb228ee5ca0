"""Where each variable and setting of RoBERTa lives: in our model, in KerasHub, in transformers."""

# ruff: noqa: E501  (a row of the table is a line)

from mlmzoo.contract.records import (
    TRANSFORMERS_ACTIVATIONS,
    Checkpoint,
    Requirement,
    Setting,
    Weight,
)

EMBEDDING = "layers/token_and_position_embedding"
ENCODER = "layers/transformer_encoder{_}"
ATTENTION = "layers/transformer_encoder{_}/_self_attention_layer"
LAYER = "roberta.encoder.layer.{i}"
HEAD = "layers/masked_lm_head"

# One row per variable: ours, KerasHub's dataset, transformers' key, how the shapes differ.
# transformers counts positions from the padding id, 1, so that two rows come before the first
# one used; and it adds the embedding of the one segment there is to every token.
# fmt: off
CHECKPOINT = Checkpoint(
    backbone=(
        Weight("token_embedding/embeddings", f"{EMBEDDING}/token_embedding/vars/0", "roberta.embeddings.word_embeddings.weight"),
        Weight("position_embedding/embeddings", f"{EMBEDDING}/position_embedding/vars/0", "roberta.embeddings.position_embeddings.weight", skip_rows=2, folded="roberta.embeddings.token_type_embeddings.weight"),
        Weight("embeddings_layer_norm/gamma", "layers/layer_normalization/vars/0", "roberta.embeddings.LayerNorm.weight"),
        Weight("embeddings_layer_norm/beta", "layers/layer_normalization/vars/1", "roberta.embeddings.LayerNorm.bias"),
        Weight("layer_{i}/attention/query/kernel", f"{ATTENTION}/query_dense/vars/0", f"{LAYER}.attention.self.query.weight", "attention_kernel"),
        Weight("layer_{i}/attention/query/bias", f"{ATTENTION}/query_dense/vars/1", f"{LAYER}.attention.self.query.bias", "attention_bias"),
        Weight("layer_{i}/attention/key/kernel", f"{ATTENTION}/key_dense/vars/0", f"{LAYER}.attention.self.key.weight", "attention_kernel"),
        Weight("layer_{i}/attention/key/bias", f"{ATTENTION}/key_dense/vars/1", f"{LAYER}.attention.self.key.bias", "attention_bias"),
        Weight("layer_{i}/attention/value/kernel", f"{ATTENTION}/value_dense/vars/0", f"{LAYER}.attention.self.value.weight", "attention_kernel"),
        Weight("layer_{i}/attention/value/bias", f"{ATTENTION}/value_dense/vars/1", f"{LAYER}.attention.self.value.bias", "attention_bias"),
        Weight("layer_{i}/attention/output/kernel", f"{ATTENTION}/output_dense/vars/0", f"{LAYER}.attention.output.dense.weight", "attention_output"),
        Weight("layer_{i}/attention/output/bias", f"{ATTENTION}/output_dense/vars/1", f"{LAYER}.attention.output.dense.bias"),
        Weight("layer_{i}/attention_layer_norm/gamma", f"{ENCODER}/_self_attention_layer_norm/vars/0", f"{LAYER}.attention.output.LayerNorm.weight"),
        Weight("layer_{i}/attention_layer_norm/beta", f"{ENCODER}/_self_attention_layer_norm/vars/1", f"{LAYER}.attention.output.LayerNorm.bias"),
        Weight("layer_{i}/feedforward/intermediate/kernel", f"{ENCODER}/_feedforward_intermediate_dense/vars/0", f"{LAYER}.intermediate.dense.weight", "kernel"),
        Weight("layer_{i}/feedforward/intermediate/bias", f"{ENCODER}/_feedforward_intermediate_dense/vars/1", f"{LAYER}.intermediate.dense.bias"),
        Weight("layer_{i}/feedforward/output/kernel", f"{ENCODER}/_feedforward_output_dense/vars/0", f"{LAYER}.output.dense.weight", "kernel"),
        Weight("layer_{i}/feedforward/output/bias", f"{ENCODER}/_feedforward_output_dense/vars/1", f"{LAYER}.output.dense.bias"),
        Weight("layer_{i}/feedforward_layer_norm/gamma", f"{ENCODER}/_feedforward_layer_norm/vars/0", f"{LAYER}.output.LayerNorm.weight"),
        Weight("layer_{i}/feedforward_layer_norm/beta", f"{ENCODER}/_feedforward_layer_norm/vars/1", f"{LAYER}.output.LayerNorm.bias"),
    ),
    head=(
        Weight("mlm_head/dense/kernel", f"{HEAD}/_intermediate_dense/vars/0", "lm_head.dense.weight", "kernel"),
        Weight("mlm_head/dense/bias", f"{HEAD}/_intermediate_dense/vars/1", "lm_head.dense.bias"),
        Weight("mlm_head/layer_norm/gamma", f"{HEAD}/_intermediate_layer_norm/vars/0", "lm_head.layer_norm.weight"),
        Weight("mlm_head/layer_norm/beta", f"{HEAD}/_intermediate_layer_norm/vars/1", "lm_head.layer_norm.bias"),
        Weight("mlm_head/output_bias", f"{HEAD}/vars/0", "lm_head.bias"),
    ),
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
