"""Where each variable and setting of BERT lives, in our model, in KerasHub and in transformers."""

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
LAYER = "bert.encoder.layer.{i}"
HEAD = "layers/masked_lm_head"
TRANSFORM = "cls.predictions.transform"

# One row per variable: ours, KerasHub's dataset, transformers' key, how the shapes differ.
# fmt: off
CHECKPOINT = Checkpoint(
    backbone=(
        Weight("token_embedding/embeddings", "layers/reversible_embedding/vars/0", "bert.embeddings.word_embeddings.weight"),
        Weight("position_embedding/embeddings", "layers/position_embedding/vars/0", "bert.embeddings.position_embeddings.weight"),
        Weight("segment_embedding/embeddings", "layers/embedding/vars/0", "bert.embeddings.token_type_embeddings.weight"),
        Weight("embeddings_layer_norm/gamma", "layers/layer_normalization/vars/0", "bert.embeddings.LayerNorm.weight"),
        Weight("embeddings_layer_norm/beta", "layers/layer_normalization/vars/1", "bert.embeddings.LayerNorm.bias"),
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
        Weight("pooled_dense/kernel", "layers/dense/vars/0", "bert.pooler.dense.weight", "kernel", optional=True),
        Weight("pooled_dense/bias", "layers/dense/vars/1", "bert.pooler.dense.bias", optional=True),
    ),
    head=(
        Weight("mlm_head/dense/kernel", f"{HEAD}/_intermediate_dense/vars/0", f"{TRANSFORM}.dense.weight", "kernel"),
        Weight("mlm_head/dense/bias", f"{HEAD}/_intermediate_dense/vars/1", f"{TRANSFORM}.dense.bias"),
        Weight("mlm_head/layer_norm/gamma", f"{HEAD}/_intermediate_layer_norm/vars/0", f"{TRANSFORM}.LayerNorm.weight"),
        Weight("mlm_head/layer_norm/beta", f"{HEAD}/_intermediate_layer_norm/vars/1", f"{TRANSFORM}.LayerNorm.bias"),
        Weight("mlm_head/output_bias", f"{HEAD}/vars/0", "cls.predictions.bias"),
    ),
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
