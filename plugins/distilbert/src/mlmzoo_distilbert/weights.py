"""Where each variable and setting of DistilBERT lives: in our model, KerasHub and transformers."""

# ruff: noqa: E501  (a row of the table is a line)

from mlmzoo.contract.records import (
    TRANSFORMERS_ACTIVATIONS,
    Checkpoint,
    Requirement,
    Setting,
    Weight,
)

EMBEDDINGS = "layers/token_and_position_embedding"
ENCODER = "layers/transformer_encoder{_}"
ATTENTION = "layers/transformer_encoder{_}/_self_attention_layer"
LAYER = "distilbert.transformer.layer.{i}"
HEAD = "layers/masked_lm_head"

# One row per variable: ours, KerasHub's dataset, transformers' key, how the shapes differ.
# fmt: off
CHECKPOINT = Checkpoint(
    backbone=(
        Weight("token_embedding/embeddings", f"{EMBEDDINGS}/token_embedding/vars/0", "distilbert.embeddings.word_embeddings.weight"),
        Weight("position_embedding/embeddings", f"{EMBEDDINGS}/position_embedding/vars/0", "distilbert.embeddings.position_embeddings.weight"),
        Weight("embeddings_layer_norm/gamma", "layers/layer_normalization/vars/0", "distilbert.embeddings.LayerNorm.weight"),
        Weight("embeddings_layer_norm/beta", "layers/layer_normalization/vars/1", "distilbert.embeddings.LayerNorm.bias"),
        Weight("layer_{i}/attention/query/kernel", f"{ATTENTION}/query_dense/vars/0", f"{LAYER}.attention.q_lin.weight", "attention_kernel"),
        Weight("layer_{i}/attention/query/bias", f"{ATTENTION}/query_dense/vars/1", f"{LAYER}.attention.q_lin.bias", "attention_bias"),
        Weight("layer_{i}/attention/key/kernel", f"{ATTENTION}/key_dense/vars/0", f"{LAYER}.attention.k_lin.weight", "attention_kernel"),
        Weight("layer_{i}/attention/key/bias", f"{ATTENTION}/key_dense/vars/1", f"{LAYER}.attention.k_lin.bias", "attention_bias"),
        Weight("layer_{i}/attention/value/kernel", f"{ATTENTION}/value_dense/vars/0", f"{LAYER}.attention.v_lin.weight", "attention_kernel"),
        Weight("layer_{i}/attention/value/bias", f"{ATTENTION}/value_dense/vars/1", f"{LAYER}.attention.v_lin.bias", "attention_bias"),
        Weight("layer_{i}/attention/output/kernel", f"{ATTENTION}/output_dense/vars/0", f"{LAYER}.attention.out_lin.weight", "attention_output"),
        Weight("layer_{i}/attention/output/bias", f"{ATTENTION}/output_dense/vars/1", f"{LAYER}.attention.out_lin.bias"),
        Weight("layer_{i}/attention_layer_norm/gamma", f"{ENCODER}/_self_attention_layer_norm/vars/0", f"{LAYER}.sa_layer_norm.weight"),
        Weight("layer_{i}/attention_layer_norm/beta", f"{ENCODER}/_self_attention_layer_norm/vars/1", f"{LAYER}.sa_layer_norm.bias"),
        Weight("layer_{i}/feedforward/intermediate/kernel", f"{ENCODER}/_feedforward_intermediate_dense/vars/0", f"{LAYER}.ffn.lin1.weight", "kernel"),
        Weight("layer_{i}/feedforward/intermediate/bias", f"{ENCODER}/_feedforward_intermediate_dense/vars/1", f"{LAYER}.ffn.lin1.bias"),
        Weight("layer_{i}/feedforward/output/kernel", f"{ENCODER}/_feedforward_output_dense/vars/0", f"{LAYER}.ffn.lin2.weight", "kernel"),
        Weight("layer_{i}/feedforward/output/bias", f"{ENCODER}/_feedforward_output_dense/vars/1", f"{LAYER}.ffn.lin2.bias"),
        Weight("layer_{i}/feedforward_layer_norm/gamma", f"{ENCODER}/_feedforward_layer_norm/vars/0", f"{LAYER}.output_layer_norm.weight"),
        Weight("layer_{i}/feedforward_layer_norm/beta", f"{ENCODER}/_feedforward_layer_norm/vars/1", f"{LAYER}.output_layer_norm.bias"),
    ),
    head=(
        Weight("mlm_head/dense/kernel", f"{HEAD}/_intermediate_dense/vars/0", "vocab_transform.weight", "kernel"),
        Weight("mlm_head/dense/bias", f"{HEAD}/_intermediate_dense/vars/1", "vocab_transform.bias"),
        Weight("mlm_head/layer_norm/gamma", f"{HEAD}/_intermediate_layer_norm/vars/0", "vocab_layer_norm.weight"),
        Weight("mlm_head/layer_norm/beta", f"{HEAD}/_intermediate_layer_norm/vars/1", "vocab_layer_norm.bias"),
        Weight("mlm_head/output_bias", f"{HEAD}/vars/0", "vocab_projector.bias"),
    ),
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
