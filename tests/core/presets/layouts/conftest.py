"""A toy family as plain data, and presets of it written file by file, without our own writer."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from safetensors.numpy import save_file

from mlmzoo.contract.errors import UnknownNameError
from mlmzoo.contract.records import Checkpoint, Family, Requirement, Setting, Weight
from mlmzoo.presets import layouts, weights

ATTENTION = "layers/transformer_encoder{_}/_self_attention_layer"
NAMES = {"gelu": "gelu", "gelu_new": "gelu_tanh"}

CHECKPOINT = Checkpoint(
    backbone=(
        Weight("tokens", "layers/reversible_embedding/vars/0", "toy.embeddings.weight"),
        Weight(
            "layer_{i}/query/kernel",
            f"{ATTENTION}/query_dense/vars/0",
            "toy.layer.{i}.query.weight",
            "attention_kernel",
        ),
        Weight(
            "layer_{i}/query/bias",
            f"{ATTENTION}/query_dense/vars/1",
            "toy.layer.{i}.query.bias",
            "attention_bias",
        ),
        Weight(
            "layer_{i}/output/kernel",
            f"{ATTENTION}/output_dense/vars/0",
            "toy.layer.{i}.output.weight",
            "attention_output",
        ),
        Weight(
            "layer_{i}/norm/gamma",
            "layers/transformer_encoder{_}/_self_attention_layer_norm/vars/0",
            "toy.layer.{i}.LayerNorm.weight",
        ),
        Weight("pooler/kernel", "layers/dense/vars/0", "toy.pooler.weight", "kernel", True),
    ),
    head=(
        Weight(
            "head/dense/kernel",
            "layers/masked_lm_head/_intermediate_dense/vars/0",
            "cls.dense.weight",
            "kernel",
        ),
        Weight("head/output_bias", "layers/masked_lm_head/vars/0", "cls.bias"),
    ),
    settings=(
        Setting("vocabulary_size", "vocab_size"),
        Setting("num_layers", "num_hidden_layers"),
        Setting("num_heads", "num_attention_heads", 2),
        Setting("hidden_dim", "hidden_size"),
        Setting("dropout", "hidden_dropout_prob", 0.1, kind="rate"),
        Setting("dropout", "attention_probs_dropout_prob", 0.1, kind="rate"),
        Setting("activation", "hidden_act", "gelu", NAMES, kind="name"),
        Setting("layer_norm_epsilon", "layer_norm_eps", 1e-12, kind="epsilon"),
    ),
    head_settings=(
        Setting("activation", "hidden_act", "gelu", NAMES, kind="name"),
        Setting("epsilon", "layer_norm_eps", 1e-12, kind="epsilon"),
    ),
    prefix="toy.",
    requires=(
        Requirement("position_embedding_type", ("absolute",)),
        Requirement("is_decoder", (False,)),
    ),
    renamed=((r"LayerNorm\.gamma$", "LayerNorm.weight"),),
    tied={"cls.decoder.weight": "toy.embeddings.weight", "cls.decoder.bias": "cls.bias"},
    ignored=(r"seq_relationship", r"position_ids$"),
    keras_numerics={
        "backbone": {"activation": "gelu_tanh", "layer_norm_epsilon": 1e-12},
        "head": {"activation": "gelu", "epsilon": 1e-5},
    },
    architecture="ToyForMaskedLM",
)

FAMILY = Family(
    name="toy",
    backbone="toy:ToyBackbone",
    tokenizer="toy:ToyTokenizer",
    preprocessor="toy:ToyMaskedLMPreprocessor",
    masked_lm="toy:ToyMaskedLM",
    checkpoint="toy:CHECKPOINT",
    serialized_names=("keras_hub>ToyBackbone", "keras_nlp>ToyBackbone"),
    model_types=("toy",),
)

SIZES = {"vocabulary_size": 11, "num_layers": 2, "num_heads": 2, "hidden_dim": 6, "dropout": 0.1}
KERAS_CONFIG = {"name": "toy", "trainable": True, "dtype": "float32", **SIZES}
TRANSFORMERS_CONFIG = {
    "model_type": "toy",
    "vocab_size": 11,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "hidden_size": 6,
}


class Registry:
    """Just enough of one."""

    def __init__(self, checkpoint=CHECKPOINT):
        self._checkpoint = checkpoint

    def family_by_serialized_name(self, name):
        if name in FAMILY.serialized_names:
            return FAMILY
        raise UnknownNameError(name)

    def family_by_model_type(self, name):
        if name in FAMILY.model_types:
            return FAMILY
        raise UnknownNameError(name)

    def checkpoint(self, family):
        assert family is FAMILY
        return self._checkpoint


@dataclass
class Directory:
    """The files of a preset, and which of them were asked for."""

    directory: Path
    handle: str = "the toy preset"
    asked: list = field(default_factory=list)

    def path(self, name):
        self.asked.append(name)
        path = self.directory / name
        return path if path.is_file() else None


class Target:
    """A variable made of numpy; NaN where nothing was assigned."""

    def __init__(self, shape):
        self.shape = tuple(shape)
        self.value = np.full(self.shape, np.nan, np.float32)

    def assign(self, start, block):
        assert block.dtype == np.float32 and block.flags.c_contiguous
        self.value[start : start + len(block)] = block


class Toy:
    """Values of every variable of a toy model, and presets that hold them."""

    def __init__(self, directory):
        self.directory = directory
        self.files = Directory(directory)
        self.family, self.checkpoint, self.sizes = FAMILY, CHECKPOINT, dict(SIZES)
        self.shapes = {"tokens": (11, 6), "pooler/kernel": (6, 6)}
        for i in range(2):
            self.shapes |= {
                f"layer_{i}/query/kernel": (6, 6),
                f"layer_{i}/query/bias": (6,),
                f"layer_{i}/output/kernel": (6, 6),
                f"layer_{i}/norm/gamma": (6,),
            }
        self.head_shapes = {"head/dense/kernel": (6, 6), "head/output_bias": (11,)}
        rng = np.random.default_rng(1)
        self.values = {
            path: rng.normal(size=shape).astype(np.float32)
            for path, shape in {**self.shapes, **self.head_shapes}.items()
        }

    # Files, as others write them ---------------------------------------------------------------

    def json(self, name, value):
        (self.directory / name).write_text(json.dumps(value), encoding="utf-8")

    def keras_object(self, name, config, package="keras_hub"):
        return {
            "module": f"{package}.src.nowhere",
            "class_name": name,
            "config": config,
            "registered_name": f"{package}>{name}",
        }

    def keras(self, package="keras_hub", config=KERAS_CONFIG, **more):
        self.json("config.json", self.keras_object("ToyBackbone", config, package) | more)
        self.h5("model.weights.h5", self.keras_tensors("backbone"))

    def keras_tensors(self, part):
        """Dataset -> value, reshaped by hand."""
        shapes = {"query/kernel": (6, 2, 3), "query/bias": (2, 3), "output/kernel": (2, 3, 6)}
        rows = weights.expand(CHECKPOINT, SIZES, part)
        return {
            row.keras: self.values[row.ours].reshape(
                shapes.get(row.ours.partition("/")[2], self.values[row.ours].shape)
                if row.ours.startswith("layer")
                else self.values[row.ours].shape
            )
            for row in rows
        }

    def h5(self, name, tensors):
        with h5py.File(self.directory / name, "w") as file:
            for dataset, value in tensors.items():
                file[dataset] = value

    def transformers_tensors(self, *parts):
        """State dict, transposed by hand."""
        rows = [row for part in parts for row in weights.expand(CHECKPOINT, SIZES, part)]
        return {
            row.transformers: np.ascontiguousarray(
                self.values[row.ours].T if row.ours.endswith("kernel") else self.values[row.ours]
            )
            for row in rows
        }

    def transformers(self, tensors=None, **config):
        self.json("config.json", {**TRANSFORMERS_CONFIG, **config})
        if tensors is None:
            tensors = self.transformers_tensors("backbone", "head")
        save_file(tensors, self.directory / "model.safetensors")

    # Ours --------------------------------------------------------------------------------------

    def read(self):
        return layouts.read(self.files, Registry(self.checkpoint))

    def targets(self, part="backbone"):
        shapes = self.shapes if part == "backbone" else self.head_shapes
        return {path: Target(shape) for path, shape in shapes.items()}

    def load(self, part="backbone"):
        """Load a part and check every value, those reported missing aside."""
        targets = self.targets(part)
        outcome = self.read().load(part, targets)
        for path in outcome.loaded:
            np.testing.assert_array_equal(targets[path].value, self.values[path], path)
        assert set(outcome.loaded) | set(outcome.missing) == set(targets)
        return outcome

    def request(self, **changes):
        from mlmzoo.presets.contents import WriteRequest

        request = WriteRequest(
            family=FAMILY,
            checkpoint=self.checkpoint,
            backbone={**SIZES, "activation": "gelu_tanh", "layer_norm_epsilon": 1e-12},
            head={"activation": "gelu", "epsilon": 1e-5},
            head_state="trained",
            shapes={**self.shapes, **self.head_shapes},
            read=self.values.__getitem__,
            parameters=123,
        )
        return replace(request, **changes)


@pytest.fixture
def toy(tmp_path):
    directory = tmp_path / "toy_preset"
    directory.mkdir()
    return Toy(directory)
