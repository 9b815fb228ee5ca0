"""The toy's weight table: three names for each variable."""

from mlmzoo.contract.records import Checkpoint, Setting, Weight

CHECKPOINT = Checkpoint(
    backbone=(
        Weight("token_embedding/embeddings", "layers/token/vars/0", "toy.tokens.weight"),
        Weight("position_embedding/embeddings", "layers/position/vars/0", "toy.positions.weight"),
        Weight("layer_{i}/kernel", "layers/mix{_}/vars/0", "toy.mix.{i}.weight", kind="kernel"),
        Weight("layer_{i}/bias", "layers/mix{_}/vars/1", "toy.mix.{i}.bias"),
    ),
    head=(
        Weight("mlm_head/dense/kernel", "layers/head/dense/vars/0", "head.weight", kind="kernel"),
        Weight("mlm_head/dense/bias", "layers/head/dense/vars/1", "head.bias"),
        Weight("mlm_head/layer_norm/gamma", "layers/head/norm/vars/0", "head.norm.weight"),
        Weight("mlm_head/layer_norm/beta", "layers/head/norm/vars/1", "head.norm.bias"),
        Weight("mlm_head/output_bias", "layers/head/vars/0", "head.output_bias"),
    ),
    settings=(
        Setting("vocabulary_size", "vocab_size"),
        Setting("num_layers", "num_layers"),
        Setting("hidden_dim", "hidden_size"),
        Setting("max_sequence_length", "max_positions"),
        Setting("activation", "hidden_act", kind="name"),
        Setting("layer_norm_epsilon", "layer_norm_eps", kind="epsilon"),
    ),
    head_settings=(
        Setting("activation", "hidden_act", kind="name"),
        Setting("epsilon", "layer_norm_eps", kind="epsilon"),
    ),
    prefix="toy.",
    architecture="ToyForMaskedLM",
)
