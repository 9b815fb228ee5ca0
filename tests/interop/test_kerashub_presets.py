"""KerasHub's presets compute here what they compute there."""

import warnings

import keras
import numpy as np
import pytest
from grids import FAMILIES, LENGTH, MASKS
from outputs import ask, ask_ours, ask_theirs, preset_warnings

import mlmzoo
from mlmzoo.errors import PresetWarning, RandomHeadError
from mlmzoo.plugins import registry

pytestmark = [
    pytest.mark.interop,
    # The other libraries' own.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:(keras|keras_hub|transformers|torch).*"),
    # KerasHub leaves the closing of sentencepiece models to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]

# Our files of a vocabulary: the argument that KerasHub's tokenizers take it as.
VOCABULARY_FILES = {
    "vocabulary.txt": "vocabulary",
    "vocabulary.json": "vocabulary",
    "merges.txt": "merges",
    "vocabulary.spm": "proto",
}


@pytest.fixture(scope="module")
def make_theirs(keras_hub, family, checkpoint, settings, tokenizer, randomise, tmp_path_factory):
    """A masked LM of KerasHub whose vocabulary is ours, every weight random."""
    stem = family.serialized_names[0].rpartition(">")[2].removesuffix("Backbone")
    directory = tmp_path_factory.mktemp("vocabulary")
    tokenizer.write_files(directory, "keras")
    vocabulary = {
        VOCABULARY_FILES[path.name]: str(path)
        for path in (directory / "assets" / "tokenizer").iterdir()
    }
    fixed = checkpoint.keras_numerics.get("backbone", {})

    def make(dtype="float32"):
        backbone, preprocessor, their_tokenizer, task = (
            getattr(keras_hub.models, stem + part)
            for part in ("Backbone", "MaskedLMPreprocessor", "Tokenizer", "MaskedLM")
        )
        sizes = {name: value for name, value in settings.items() if name not in fixed}
        config = {name: value for name, value in tokenizer.keras_config().items() if value}
        preprocessor = preprocessor(
            their_tokenizer(**{**config, **vocabulary}),
            sequence_length=LENGTH,
            mask_selection_length=MASKS,
        )
        return randomise(task(backbone(**sizes, dtype=dtype), preprocessor))

    return make


@pytest.fixture(scope="module")
def theirs(make_theirs):
    return make_theirs()


@pytest.fixture(scope="module")
def their_outputs(theirs, inputs):
    return ask_theirs(theirs, inputs)


def save_plainly(task, directory):
    task.save_to_preset(str(directory))


def save_after_training(task, directory):
    """With the state of the optimizer: two values for each variable, the backbone's too."""
    task.optimizer.build(task.trainable_variables)
    task.save_to_preset(str(directory))
    task.compile()  # with an optimizer that has none


def save_in_shards(task, directory):
    largest = 4 * max(np.prod(weight.shape) for weight in task.weights)
    task.save_to_preset(str(directory), max_shard_size=1.1 * largest / 2**30)
    assert len(list(directory.glob("model_*.weights.h5"))) > 1


@pytest.fixture(scope="module")
def assert_loads_as_it_computes_there(family, tokenizer, inputs, assert_equal_outputs):
    def check(directory, wanted):
        with pytest.warns(PresetWarning, match="does not say whether it was ever") as caught:
            ours = mlmzoo.MaskedLM.from_preset(directory, dtype="float32")
        assert len(preset_warnings(caught)) == 1
        assert type(ours) is registry().load(family.masked_lm)
        assert ours.head_state == ours.load_report.head_state == "unknown"
        assert ours.load_report.missing == ours.load_report.unexpected == ()
        assert_equal_outputs(ask_ours(ours, inputs), wanted)
        assert ours.preprocessor.tokenizer.get_vocabulary() == tokenizer.get_vocabulary()
        assert ours.preprocessor.sequence_length == LENGTH
        assert ours.preprocessor.mask_selection_length == MASKS
        return ours

    return check


@pytest.mark.parametrize("how", [save_plainly, save_after_training, save_in_shards])
def test_a_masked_lm_of_kerashub_computes_the_same_here(
    theirs, their_outputs, assert_loads_as_it_computes_there, tmp_path, how
):
    how(theirs, tmp_path)
    ours = assert_loads_as_it_computes_there(tmp_path, their_outputs)
    # Unknown is not random: it answers.
    mask = ours.preprocessor.tokenizer.mask_token
    if how is save_plainly:
        assert ours.fill_mask(f"And God said, Let there be {mask}.").masks[0].candidates


def test_a_weak_signal_in_the_head_shows_its_epsilon(
    theirs, inputs, randomise, quieten, assert_loads_as_it_computes_there, tmp_path
):
    try:
        save_plainly(quieten(theirs), tmp_path)
        assert_loads_as_it_computes_there(tmp_path, ask_theirs(theirs, inputs))
    finally:
        randomise(theirs)


@pytest.mark.parametrize(
    ("family", "dtype"),
    [*((name, "bfloat16") for name in FAMILIES), ("bert", "float16")],
    indirect=["family"],
)
def test_half_precision_of_kerashub_computes_the_same_here_in_float32(
    theirs, make_theirs, inputs, randomise, assert_loads_as_it_computes_there, tmp_path, dtype
):
    save_plainly(make_theirs(dtype), tmp_path)
    # In float32, whatever it was saved in: half precision would hide a difference.
    try:
        for weight in theirs.weights:
            weight.assign(keras.ops.cast(keras.ops.cast(weight, dtype), weight.dtype))
        assert_loads_as_it_computes_there(tmp_path, ask_theirs(theirs, inputs))
    finally:
        randomise(theirs)


def test_a_backbone_of_kerashub_comes_without_a_head(
    theirs, their_outputs, inputs, compare, tmp_path
):
    theirs.backbone.save_to_preset(str(tmp_path))
    with pytest.warns(PresetWarning, match="no trained masked-LM head") as caught:
        task = mlmzoo.MaskedLM.from_preset(tmp_path, preprocessor=None)
    assert len(preset_warnings(caught)) == 1 and task.head_state == "random"
    found = ask(task.backbone, inputs)["sequence_output"]
    compare(found, their_outputs["sequence_output"], atol=1e-4)
    with pytest.raises(RandomHeadError):
        task.fill_mask("[MASK]")


@pytest.mark.parametrize("layout", ["keras", "transformers"])
def test_a_preset_of_kerashub_survives_our_round_trip(theirs, tmp_path, layout):
    save_plainly(theirs, tmp_path / "theirs")
    with pytest.warns(PresetWarning, match="does not say whether"):
        task = mlmzoo.MaskedLM.from_preset(tmp_path / "theirs")
    with warnings.catch_warnings():
        # KerasHub's numerics can be said in KerasHub's format, and not always in the other.
        warnings.simplefilter("error" if layout == "keras" else "ignore", PresetWarning)
        task.save_to_preset(tmp_path / "ours", layout=layout)
    with pytest.warns(PresetWarning, match="does not say whether"):
        twin = mlmzoo.MaskedLM.from_preset(tmp_path / "ours", preprocessor=None)
    assert twin.head_state == "unknown"
    assert twin.backbone.settings == task.backbone.settings
    assert (twin.head_activation, twin.head_epsilon) == (task.head_activation, task.head_epsilon)
    for one, other in zip(twin.get_weights(), task.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("family", ["bert"], indirect=True)
def test_a_masked_lm_that_kerashub_trained_is_read_without_its_optimizer(
    make_theirs, inputs, sentences, assert_loads_as_it_computes_there, tmp_path
):
    theirs = make_theirs()
    # Compiling takes longer than the training; but JAX, run eagerly, compiles every operation.
    compiled = keras.backend.backend() == "jax"
    theirs.compile(run_eagerly=not compiled, jit_compile=compiled)
    theirs.fit(sentences[:8], batch_size=4, verbose=0)
    save_plainly(theirs, tmp_path)
    assert_loads_as_it_computes_there(tmp_path, ask_theirs(theirs, inputs))
