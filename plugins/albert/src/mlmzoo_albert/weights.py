"""Where each variable and setting of ALBERT lives: in our model, KerasHub and transformers."""

# ruff: noqa: E501  (a row of the table is a line)

from mlmzoo.contract.records import (
    TRANSFORMERS_ACTIVATIONS,
    Checkpoint,
    Requirement,
    Setting,
    Weight,
)

ENCODER = "layers/transformer_encoder{_}"
ATTENTION = "layers/transformer_encoder{_}/_self_attention_layer"
LAYER = "albert.encoder.albert_layer_groups.{g}.albert_layers.{j}"
HEAD = "layers/masked_lm_head"

# One row per variable: ours, KerasHub's dataset, transformers' key, how the shapes differ.
# fmt: off
CHECKPOINT = Checkpoint(
    backbone=(
        Weight("token_embedding/embeddings", "layers/reversible_embedding/vars/0", "albert.embeddings.word_embeddings.weight"),
        Weight("position_embedding/embeddings", "layers/position_embedding/vars/0", "albert.embeddings.position_embeddings.weight"),
        Weight("segment_embedding/embeddings", "layers/embedding/vars/0", "albert.embeddings.token_type_embeddings.weight"),
        Weight("embeddings_layer_norm/gamma", "layers/layer_normalization/vars/0", "albert.embeddings.LayerNorm.weight"),
        Weight("embeddings_layer_norm/beta", "layers/layer_normalization/vars/1", "albert.embeddings.LayerNorm.bias"),
        Weight("embeddings_projection/kernel", "layers/dense/vars/0", "albert.encoder.embedding_hidden_mapping_in.weight", "kernel"),
        Weight("embeddings_projection/bias", "layers/dense/vars/1", "albert.encoder.embedding_hidden_mapping_in.bias"),
        Weight("group_{g}_layer_{j}/attention/query/kernel", f"{ATTENTION}/query_dense/vars/0", f"{LAYER}.attention.query.weight", "attention_kernel"),
        Weight("group_{g}_layer_{j}/attention/query/bias", f"{ATTENTION}/query_dense/vars/1", f"{LAYER}.attention.query.bias", "attention_bias"),
        Weight("group_{g}_layer_{j}/attention/key/kernel", f"{ATTENTION}/key_dense/vars/0", f"{LAYER}.attention.key.weight", "attention_kernel"),
        Weight("group_{g}_layer_{j}/attention/key/bias", f"{ATTENTION}/key_dense/vars/1", f"{LAYER}.attention.key.bias", "attention_bias"),
        Weight("group_{g}_layer_{j}/attention/value/kernel", f"{ATTENTION}/value_dense/vars/0", f"{LAYER}.attention.value.weight", "attention_kernel"),
        Weight("group_{g}_layer_{j}/attention/value/bias", f"{ATTENTION}/value_dense/vars/1", f"{LAYER}.attention.value.bias", "attention_bias"),
        Weight("group_{g}_layer_{j}/attention/output/kernel", f"{ATTENTION}/output_dense/vars/0", f"{LAYER}.attention.dense.weight", "attention_output"),
        Weight("group_{g}_layer_{j}/attention/output/bias", f"{ATTENTION}/output_dense/vars/1", f"{LAYER}.attention.dense.bias"),
        Weight("group_{g}_layer_{j}/attention_layer_norm/gamma", f"{ENCODER}/_self_attention_layer_norm/vars/0", f"{LAYER}.attention.LayerNorm.weight"),
        Weight("group_{g}_layer_{j}/attention_layer_norm/beta", f"{ENCODER}/_self_attention_layer_norm/vars/1", f"{LAYER}.attention.LayerNorm.bias"),
        Weight("group_{g}_layer_{j}/feedforward/intermediate/kernel", f"{ENCODER}/_feedforward_intermediate_dense/vars/0", f"{LAYER}.ffn.weight", "kernel"),
        Weight("group_{g}_layer_{j}/feedforward/intermediate/bias", f"{ENCODER}/_feedforward_intermediate_dense/vars/1", f"{LAYER}.ffn.bias"),
        Weight("group_{g}_layer_{j}/feedforward/output/kernel", f"{ENCODER}/_feedforward_output_dense/vars/0", f"{LAYER}.ffn_output.weight", "kernel"),
        Weight("group_{g}_layer_{j}/feedforward/output/bias", f"{ENCODER}/_feedforward_output_dense/vars/1", f"{LAYER}.ffn_output.bias"),
        Weight("group_{g}_layer_{j}/feedforward_layer_norm/gamma", f"{ENCODER}/_feedforward_layer_norm/vars/0", f"{LAYER}.full_layer_layer_norm.weight"),
        Weight("group_{g}_layer_{j}/feedforward_layer_norm/beta", f"{ENCODER}/_feedforward_layer_norm/vars/1", f"{LAYER}.full_layer_layer_norm.bias"),
        Weight("pooled_dense/kernel", "layers/dense_1/vars/0", "albert.pooler.weight", "kernel", optional=True),
        Weight("pooled_dense/bias", "layers/dense_1/vars/1", "albert.pooler.bias", optional=True),
    ),
    head=(
        Weight("mlm_head/dense/kernel", f"{HEAD}/_intermediate_dense/vars/0", "predictions.dense.weight", "kernel"),
        Weight("mlm_head/dense/bias", f"{HEAD}/_intermediate_dense/vars/1", "predictions.dense.bias"),
        Weight("mlm_head/layer_norm/gamma", f"{HEAD}/_intermediate_layer_norm/vars/0", "predictions.LayerNorm.weight"),
        Weight("mlm_head/layer_norm/beta", f"{HEAD}/_intermediate_layer_norm/vars/1", "predictions.LayerNorm.bias"),
        Weight("mlm_head/output_bias", f"{HEAD}/vars/0", "predictions.bias"),
    ),
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
