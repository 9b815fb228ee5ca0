"""Where each variable and setting of ELECTRA lives, in our model and in transformers."""

from mlmzoo.contract.records import (
    TRANSFORMERS_ACTIVATIONS,
    Checkpoint,
    Requirement,
    Setting,
    Weight,
)

EMBEDDINGS = "electra.embeddings"
LAYER = "electra.encoder.layer.{i}"

# One row per variable: ours, transformers' key.
BACKBONE = (
    ("token_embedding/embeddings", f"{EMBEDDINGS}.word_embeddings.weight"),
    ("position_embedding/embeddings", f"{EMBEDDINGS}.position_embeddings.weight"),
    ("segment_embedding/embeddings", f"{EMBEDDINGS}.token_type_embeddings.weight"),
    ("embeddings_layer_norm/gamma", f"{EMBEDDINGS}.LayerNorm.weight"),
    ("embeddings_layer_norm/beta", f"{EMBEDDINGS}.LayerNorm.bias"),
    ("embeddings_projection/kernel", "electra.embeddings_project.weight"),
    ("embeddings_projection/bias", "electra.embeddings_project.bias"),
    ("layer_{i}/attention/query/kernel", f"{LAYER}.attention.self.query.weight"),
    ("layer_{i}/attention/query/bias", f"{LAYER}.attention.self.query.bias"),
    ("layer_{i}/attention/key/kernel", f"{LAYER}.attention.self.key.weight"),
    ("layer_{i}/attention/key/bias", f"{LAYER}.attention.self.key.bias"),
    ("layer_{i}/attention/value/kernel", f"{LAYER}.attention.self.value.weight"),
    ("layer_{i}/attention/value/bias", f"{LAYER}.attention.self.value.bias"),
    ("layer_{i}/attention/output/kernel", f"{LAYER}.attention.output.dense.weight"),
    ("layer_{i}/attention/output/bias", f"{LAYER}.attention.output.dense.bias"),
    ("layer_{i}/attention_layer_norm/gamma", f"{LAYER}.attention.output.LayerNorm.weight"),
    ("layer_{i}/attention_layer_norm/beta", f"{LAYER}.attention.output.LayerNorm.bias"),
    ("layer_{i}/feedforward/intermediate/kernel", f"{LAYER}.intermediate.dense.weight"),
    ("layer_{i}/feedforward/intermediate/bias", f"{LAYER}.intermediate.dense.bias"),
    ("layer_{i}/feedforward/output/kernel", f"{LAYER}.output.dense.weight"),
    ("layer_{i}/feedforward/output/bias", f"{LAYER}.output.dense.bias"),
    ("layer_{i}/feedforward_layer_norm/gamma", f"{LAYER}.output.LayerNorm.weight"),
    ("layer_{i}/feedforward_layer_norm/beta", f"{LAYER}.output.LayerNorm.bias"),
)
HEAD = (
    ("mlm_head/dense/kernel", "generator_predictions.dense.weight"),
    ("mlm_head/dense/bias", "generator_predictions.dense.bias"),
    ("mlm_head/layer_norm/gamma", "generator_predictions.LayerNorm.weight"),
    ("mlm_head/layer_norm/beta", "generator_predictions.LayerNorm.bias"),
    ("mlm_head/output_bias", "generator_lm_head.bias"),
)


def rows(names: tuple[tuple[str, str], ...]) -> tuple[Weight, ...]:
    """The table's rows. The keras layout has our names: KerasHub has no masked LM of ELECTRA."""
    return tuple(
        Weight(
            ours,
            ours,
            theirs,
            "kernel" if ours.endswith("/kernel") else "same",
            # Not there where the embeddings are as wide as the encoder.
            optional=ours.startswith("embeddings_projection/"),
        )
        for ours, theirs in names
    )


CHECKPOINT = Checkpoint(
    backbone=rows(BACKBONE),
    head=rows(HEAD),
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
