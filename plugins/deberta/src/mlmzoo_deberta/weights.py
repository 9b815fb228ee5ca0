"""Where each variable and setting of DeBERTaV3 lives: in our model, KerasHub and transformers."""

# ruff: noqa: E501  (a row of the table is a line)

from itertools import permutations

from mlmzoo.contract.records import (
    TRANSFORMERS_ACTIVATIONS,
    Checkpoint,
    Requirement,
    Setting,
    Weight,
)
from mlmzoo.kit.tables import dense_rows, head_rows, norm_rows

ENCODER = "layers/disentangled_attention_encoder{_}"
ATTENTION = "layers/disentangled_attention_encoder{_}/_self_attention_layer"
LAYER = "deberta.encoder.layer.{i}"
LM_HEAD = "lm_predictions.lm_head"

# A line per layer or variable: ours, KerasHub's group or dataset, transformers' module or key.
# fmt: off
CHECKPOINT = Checkpoint(
    backbone=(
        Weight("token_embedding/embeddings", "layers/reversible_embedding/vars/0", "deberta.embeddings.word_embeddings.weight"),
        *norm_rows("embeddings_layer_norm", "layers/layer_normalization", "deberta.embeddings.LayerNorm"),
        Weight("relative_embedding/embeddings", "layers/relative_embedding/vars/0", "deberta.encoder.rel_embeddings.weight"),
        *norm_rows("relative_embedding/layer_norm", "layers/relative_embedding/layer_norm", "deberta.encoder.LayerNorm"),
        *dense_rows("layer_{i}/attention/query", f"{ATTENTION}/_query_dense", f"{LAYER}.attention.self.query_proj", "attention_kernel", "attention_bias"),
        *dense_rows("layer_{i}/attention/key", f"{ATTENTION}/_key_dense", f"{LAYER}.attention.self.key_proj", "attention_kernel", "attention_bias"),
        *dense_rows("layer_{i}/attention/value", f"{ATTENTION}/_value_dense", f"{LAYER}.attention.self.value_proj", "attention_kernel", "attention_bias"),
        *dense_rows("layer_{i}/attention/output", f"{ATTENTION}/_output_dense", f"{LAYER}.attention.output.dense"),
        *norm_rows("layer_{i}/attention_layer_norm", f"{ENCODER}/_self_attention_layer_norm", f"{LAYER}.attention.output.LayerNorm"),
        *dense_rows("layer_{i}/feedforward/intermediate", f"{ENCODER}/_feedforward_intermediate_dense", f"{LAYER}.intermediate.dense"),
        *dense_rows("layer_{i}/feedforward/output", f"{ENCODER}/_feedforward_output_dense", f"{LAYER}.output.dense"),
        *norm_rows("layer_{i}/feedforward_layer_norm", f"{ENCODER}/_feedforward_layer_norm", f"{LAYER}.output.LayerNorm"),
    ),
    head=head_rows(f"{LM_HEAD}.dense", f"{LM_HEAD}.LayerNorm", f"{LM_HEAD}.bias"),
    # transformers' defaults: https://huggingface.co/docs/transformers/model_doc/deberta-v2
    settings=(
        Setting("vocabulary_size", "vocab_size", 128100),
        Setting("num_layers", "num_hidden_layers", 24),
        Setting("num_heads", "num_attention_heads", 24),
        Setting("hidden_dim", "hidden_size", 1536),
        Setting("intermediate_dim", "intermediate_size", 6144),
        Setting("dropout", "hidden_dropout_prob", 0.1, kind="rate"),
        Setting("dropout", "attention_probs_dropout_prob", 0.1, kind="rate"),
        Setting("max_sequence_length", "max_position_embeddings", 512),
        # Without buckets (-1) there is a vector for each distance, which this family has not.
        Setting("bucket_size", "position_buckets", -1),
        Setting("activation", "hidden_act", "gelu", TRANSFORMERS_ACTIVATIONS, kind="name"),
        Setting("layer_norm_epsilon", "layer_norm_eps", 1e-7, kind="epsilon"),
    ),
    head_settings=(
        Setting("activation", "hidden_act", "gelu", TRANSFORMERS_ACTIVATIONS, kind="name"),
        Setting("epsilon", "layer_norm_eps", 1e-7, kind="epsilon"),
    ),
    prefix="deberta.",
    # What V3 is among the models that transformers calls deberta-v2.
    requires=(
        Requirement("relative_attention", (True,), default=False),
        Requirement("pos_att_type", (
            *("|".join(both) for both in permutations(("p2c", "c2p"))),
            *(list(both) for both in permutations(("p2c", "c2p"))),
        ), default=None),
        Requirement("share_att_key", (True,), default=False),
        Requirement("norm_rel_ebd", ("layer_norm",), default="none"),
        # Below 1, it is the other one.
        Requirement("max_relative_positions", (-1, 0), same_as="max_position_embeddings"),
        Requirement("position_biased_input", (False,), default=True),
        Requirement("type_vocab_size", (0,)),
        Requirement("embedding_size", same_as="hidden_size"),
        Requirement("conv_kernel_size", (0,)),
    ),
    renamed=(
        # The head of transformers' `legacy=True`, which computes the same.
        (r"^cls\.predictions\.transform\.", f"{LM_HEAD}."),
        (r"^cls\.predictions\.bias$", f"{LM_HEAD}.bias"),
    ),
    tied={
        "cls.predictions.decoder.weight": "deberta.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": f"{LM_HEAD}.bias",
    },
    ignored=(
        r"^mask_predictions\.",
        r"^(deberta\.)?embeddings\.position_(ids|embeddings\.weight)$",
        # What the discriminator adds to the generator's embedding; `weight` is the sum.
        r"^(deberta\.)?embeddings\.word_embeddings\._weight$",
        r"^(pooler|classifier|qa_outputs)\.",
    ),
    # The discriminator's head: it was trained to tell replaced tokens, and nothing trained the
    # masked-LM head beside it.
    untrained_head=(r"^mask_predictions\.",),
    weight_files=("pytorch_model.generator.bin",),
    # keras_hub 0.32: DebertaV3Backbone and MaskedLMHead have these fixed.
    keras_numerics={
        "backbone": {"activation": "gelu", "layer_norm_epsilon": 1e-7},
        "head": {"activation": "gelu", "epsilon": 1e-5},
    },
    architecture="DebertaV2ForMaskedLM",
    written={"legacy": False},
)
# fmt: on
