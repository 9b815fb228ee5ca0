"""Where each variable and setting of FNet lives, in our model, in KerasHub and in transformers."""

# ruff: noqa: E501  (a row of the table is a line)

from mlmzoo.contract.records import TRANSFORMERS_ACTIVATIONS, Checkpoint, Setting, Weight
from mlmzoo.kit.tables import dense_rows, head_rows, norm_rows

ENCODER = "layers/f_net_encoder{_}"
LAYER = "fnet.encoder.layer.{i}"
TRANSFORM = "cls.predictions.transform"

# A line per layer or variable: ours, KerasHub's group or dataset, transformers' module or key.
# fmt: off
CHECKPOINT = Checkpoint(
    backbone=(
        Weight("token_embedding/embeddings", "layers/reversible_embedding/vars/0", "fnet.embeddings.word_embeddings.weight"),
        Weight("position_embedding/embeddings", "layers/position_embedding/vars/0", "fnet.embeddings.position_embeddings.weight"),
        Weight("segment_embedding/embeddings", "layers/embedding/vars/0", "fnet.embeddings.token_type_embeddings.weight"),
        *norm_rows("embeddings_layer_norm", "layers/layer_normalization", "fnet.embeddings.LayerNorm"),
        *dense_rows("embeddings_projection", "layers/dense", "fnet.embeddings.projection"),
        *norm_rows("layer_{i}/mixing_layer_norm", f"{ENCODER}/_mixing_layer_norm", f"{LAYER}.fourier.output.LayerNorm"),
        *dense_rows("layer_{i}/feedforward/intermediate", f"{ENCODER}/_intermediate_dense", f"{LAYER}.intermediate.dense"),
        *dense_rows("layer_{i}/feedforward/output", f"{ENCODER}/_output_dense", f"{LAYER}.output.dense"),
        *norm_rows("layer_{i}/feedforward_layer_norm", f"{ENCODER}/_output_layer_norm", f"{LAYER}.output.LayerNorm"),
        *dense_rows("pooled_dense", "layers/dense_1", "fnet.pooler.dense", optional=True),
    ),
    head=head_rows(f"{TRANSFORM}.dense", f"{TRANSFORM}.LayerNorm", "cls.predictions.bias"),
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
