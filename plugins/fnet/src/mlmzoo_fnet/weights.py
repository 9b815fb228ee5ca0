"""Where each variable and setting of FNet lives, in our model, in KerasHub and in transformers."""

# ruff: noqa: E501  (a row of the table is a line)

from mlmzoo.contract.records import TRANSFORMERS_ACTIVATIONS, Checkpoint, Setting, Weight

ENCODER = "layers/f_net_encoder{_}"
LAYER = "fnet.encoder.layer.{i}"
HEAD = "layers/masked_lm_head"
TRANSFORM = "cls.predictions.transform"

# One row per variable: ours, KerasHub's dataset, transformers' key, how the shapes differ.
# fmt: off
CHECKPOINT = Checkpoint(
    backbone=(
        Weight("token_embedding/embeddings", "layers/reversible_embedding/vars/0", "fnet.embeddings.word_embeddings.weight"),
        Weight("position_embedding/embeddings", "layers/position_embedding/vars/0", "fnet.embeddings.position_embeddings.weight"),
        Weight("segment_embedding/embeddings", "layers/embedding/vars/0", "fnet.embeddings.token_type_embeddings.weight"),
        Weight("embeddings_layer_norm/gamma", "layers/layer_normalization/vars/0", "fnet.embeddings.LayerNorm.weight"),
        Weight("embeddings_layer_norm/beta", "layers/layer_normalization/vars/1", "fnet.embeddings.LayerNorm.bias"),
        Weight("embeddings_projection/kernel", "layers/dense/vars/0", "fnet.embeddings.projection.weight", "kernel"),
        Weight("embeddings_projection/bias", "layers/dense/vars/1", "fnet.embeddings.projection.bias"),
        Weight("layer_{i}/mixing_layer_norm/gamma", f"{ENCODER}/_mixing_layer_norm/vars/0", f"{LAYER}.fourier.output.LayerNorm.weight"),
        Weight("layer_{i}/mixing_layer_norm/beta", f"{ENCODER}/_mixing_layer_norm/vars/1", f"{LAYER}.fourier.output.LayerNorm.bias"),
        Weight("layer_{i}/feedforward/intermediate/kernel", f"{ENCODER}/_intermediate_dense/vars/0", f"{LAYER}.intermediate.dense.weight", "kernel"),
        Weight("layer_{i}/feedforward/intermediate/bias", f"{ENCODER}/_intermediate_dense/vars/1", f"{LAYER}.intermediate.dense.bias"),
        Weight("layer_{i}/feedforward/output/kernel", f"{ENCODER}/_output_dense/vars/0", f"{LAYER}.output.dense.weight", "kernel"),
        Weight("layer_{i}/feedforward/output/bias", f"{ENCODER}/_output_dense/vars/1", f"{LAYER}.output.dense.bias"),
        Weight("layer_{i}/feedforward_layer_norm/gamma", f"{ENCODER}/_output_layer_norm/vars/0", f"{LAYER}.output.LayerNorm.weight"),
        Weight("layer_{i}/feedforward_layer_norm/beta", f"{ENCODER}/_output_layer_norm/vars/1", f"{LAYER}.output.LayerNorm.bias"),
        Weight("pooled_dense/kernel", "layers/dense_1/vars/0", "fnet.pooler.dense.weight", "kernel", optional=True),
        Weight("pooled_dense/bias", "layers/dense_1/vars/1", "fnet.pooler.dense.bias", optional=True),
    ),
    head=(
        Weight("mlm_head/dense/kernel", f"{HEAD}/_intermediate_dense/vars/0", f"{TRANSFORM}.dense.weight", "kernel"),
        Weight("mlm_head/dense/bias", f"{HEAD}/_intermediate_dense/vars/1", f"{TRANSFORM}.dense.bias"),
        Weight("mlm_head/layer_norm/gamma", f"{HEAD}/_intermediate_layer_norm/vars/0", f"{TRANSFORM}.LayerNorm.weight"),
        Weight("mlm_head/layer_norm/beta", f"{HEAD}/_intermediate_layer_norm/vars/1", f"{TRANSFORM}.LayerNorm.bias"),
        Weight("mlm_head/output_bias", f"{HEAD}/vars/0", "cls.predictions.bias"),
    ),
    # transformers' defaults: https://huggingface.co/docs/transformers/model_doc/fnet
    settings=(
        Setting("vocabulary_size", "vocab_size", 32000),
        Setting("num_layers", "num_hidden_layers", 12),
        Setting("hidden_dim", "hidden_size", 768),
        Setting("intermediate_dim", "intermediate_size", 3072),
        Setting("dropout", "hidden_dropout_prob", 0.1, kind="rate"),
        Setting("max_sequence_length", "max_position_embeddings", 512),
        Setting("num_segments", "type_vocab_size", 4),
        Setting("activation", "hidden_act", "gelu_new", TRANSFORMERS_ACTIVATIONS, kind="name"),
        Setting("layer_norm_epsilon", "layer_norm_eps", 1e-12, kind="epsilon"),
    ),
    head_settings=(
        Setting("activation", "hidden_act", "gelu_new", TRANSFORMERS_ACTIVATIONS, kind="name"),
        Setting("epsilon", "layer_norm_eps", 1e-12, kind="epsilon"),
    ),
    prefix="fnet.",
    heads="",
    divisions=(),
    tied={
        "cls.predictions.decoder.weight": "fnet.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    },
    ignored=(
        r"^cls\.seq_relationship\.",
        r"^(fnet\.)?embeddings\.(position_ids|token_type_ids)$",
        # How a model for TPUs computes the transforms; they are the same.
        r"\.fourier\.self\.dft_mat_(hidden|seq)$",
    ),
    # keras_hub 0.32: FNetBackbone and MaskedLMHead have these fixed.
    keras_numerics={
        "backbone": {"activation": "gelu_tanh", "layer_norm_epsilon": 1e-12},
        "head": {"activation": "gelu", "epsilon": 1e-5},
    },
    architecture="FNetForMaskedLM",
)
# fmt: on
