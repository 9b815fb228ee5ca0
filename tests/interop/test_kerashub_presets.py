"""KerasHub's presets compute here what they compute there, and ours there as far as it can."""

import warnings
from contextlib import nullcontext

import keras
import numpy as np
import pytest
from grids import FAMILIES, LENGTH

import mlmzoo
from mlmzoo.errors import PresetWarning, RandomHeadError
from mlmzoo.models import BertBackbone, BertMaskedLMPreprocessor
from mlmzoo.plugins import registry
from mlmzoo.testing.tiny import tiny_settings

pytestmark = [
    pytest.mark.interop,
    # The other libraries' own.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:(keras|keras_hub|transformers|torch).*"),
    # KerasHub leaves the closing of sentencepiece models to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]

MASKS = 8
# Our files of a vocabulary: the argument that KerasHub's tokenizers take it as.
VOCABULARY_FILES = {
    "vocabulary.txt": "vocabulary",
    "vocabulary.json": "vocabulary",
    "merges.txt": "merges",
    "vocabulary.spm": "proto",
}
OTHER = {"activation": "relu", "layer_norm_epsilon": 0.1, "epsilon": 0.1}


OTHER_TOKENS = "KerasHub will load this tokenizer"
"""How the warning of other tokens begins; the others are of numbers, or of the head."""


def preset_warnings(caught):
    messages = [str(w.message) for w in caught if w.category is PresetWarning]
    return [message for message in messages if not message.startswith(OTHER_TOKENS)]


def ask(model, inputs):
    """Outputs by name, as arrays; of a task, its logits."""
    names = [tensor.name for tensor in keras.tree.flatten(model.input)]
    outputs = model({name: inputs[name] for name in names}, training=False)
    outputs = outputs if isinstance(outputs, dict) else {"output": outputs}
    # KerasHub gives a backbone's only output no name.
    name = "sequence_output" if "mask_positions" not in names else "logits"
    return {
        name if key == "output" else key: keras.ops.convert_to_numpy(value)
        for key, value in outputs.items()
    }


def ask_ours(task, inputs):
    return {
        "logits": keras.ops.convert_to_numpy(task(inputs, training=False)),
        **ask(task.backbone, inputs),
    }


def ask_theirs(task, inputs):
    return {**ask(task, inputs), **ask(task.backbone, inputs)}


@pytest.fixture(scope="module")
def assert_equal(compare):
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


# Theirs, here -------------------------------------------------------------------------------------


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
def assert_loads_as_it_computes_there(family, tokenizer, inputs, assert_equal):
    def check(directory, wanted):
        with pytest.warns(PresetWarning, match="does not say whether it was ever") as caught:
            ours = mlmzoo.MaskedLM.from_preset(directory, dtype="float32")
        assert len(preset_warnings(caught)) == 1
        assert type(ours) is registry().load(family.masked_lm)
        assert ours.head_state == ours.load_report.head_state == "unknown"
        assert ours.load_report.missing == ours.load_report.unexpected == ()
        assert_equal(ask_ours(ours, inputs), wanted)
        assert ours.preprocessor.tokenizer.get_vocabulary() == tokenizer.get_vocabulary()
        assert ours.preprocessor.sequence_length == LENGTH
        assert ours.preprocessor.mask_selection_length == MASKS
        return ours

    return check


@pytest.mark.parametrize("save", [save_plainly, save_after_training, save_in_shards])
def test_a_masked_lm_of_kerashub_computes_the_same_here(
    theirs, their_outputs, assert_loads_as_it_computes_there, tmp_path, save
):
    save(theirs, tmp_path)
    ours = assert_loads_as_it_computes_there(tmp_path, their_outputs)
    # Unknown is not random: it answers.
    mask = ours.preprocessor.tokenizer.mask_token
    if save is save_plainly:
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
        action = "error" if layout == "keras" else "ignore"
        warnings.filterwarnings(action, f"(?!{OTHER_TOKENS})", PresetWarning)
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


# Ours, there --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def make_ours(family, checkpoint, settings, tokenizer, our_task):
    """A masked LM of ours in KerasHub's numerics but for changes, of the same weights always."""
    there = {"backbone": {}, "head": {}, **checkpoint.keras_numerics}

    def make(backbone=(), head=()):
        preprocessor = registry().load(family.preprocessor)(
            tokenizer, sequence_length=LENGTH, mask_selection_length=MASKS, seed=1
        )
        return our_task(
            {**settings, **there["backbone"], **dict(backbone)},
            {**there["head"], **dict(head)},
            preprocessor,
        )

    return make


@pytest.fixture(scope="module")
def outputs_in_kerashubs_numerics(make_ours, inputs):
    return ask_ours(make_ours(), inputs)


def test_ours_in_kerashubs_numerics_computes_the_same_there_and_warns_of_nothing(
    keras_hub, family, make_ours, inputs, quieten, assert_equal, tmp_path
):
    ours = quieten(make_ours())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PresetWarning)
        warnings.filterwarnings("error", f"(?!{OTHER_TOKENS})", PresetWarning)
        ours.save_to_preset(tmp_path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        theirs = keras_hub.models.MaskedLM.from_preset(str(tmp_path))
    # A part of the file that Keras misses or skips is worth a UserWarning to it.
    assert not [w for w in caught if w.category is UserWarning]
    assert f"keras_hub>{type(theirs.backbone).__name__}" == family.serialized_names[0]
    assert theirs.backbone.count_params() == ours.backbone.count_params()
    assert_equal(ask_theirs(theirs, inputs), ask_ours(ours, inputs))


@pytest.mark.parametrize("family", ["bert"], indirect=True)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_kerashub_reads_ours_in_half_precision(
    keras_hub, make_ours, inputs, assert_equal, tmp_path, dtype
):
    make_ours().save_to_preset(tmp_path, dtype=dtype)
    theirs = keras_hub.models.MaskedLM.from_preset(str(tmp_path), dtype="float32")
    ours = mlmzoo.MaskedLM.from_preset(tmp_path, dtype="float32")
    assert_equal(ask_theirs(theirs, inputs), ask_ours(ours, inputs))


def test_kerashub_reads_our_tokenizer_and_gives_our_tokens(
    keras_hub, make_ours, sentences, tmp_path
):
    ours = make_ours()
    unlike = ours.preprocessor.tokenizer.extras()
    with pytest.warns(PresetWarning, match=OTHER_TOKENS) if unlike else nullcontext():
        ours.save_to_preset(tmp_path)
    theirs = keras_hub.models.MaskedLMPreprocessor.from_preset(str(tmp_path))
    assert theirs.sequence_length == LENGTH and theirs.mask_selection_length == MASKS
    tokenizer = ours.preprocessor.tokenizer
    assert theirs.tokenizer.vocabulary_size() == tokenizer.vocabulary_size()
    for role in ("mask", "pad", "start", "end"):
        wanted = getattr(tokenizer, f"{role}_token_id")
        assert getattr(theirs.tokenizer, f"{role}_token_id", wanted) == wanted
    for text in sentences[:8]:
        if "lowercase" not in tokenizer.keras_config() and getattr(tokenizer, "lowercase", False):
            text = text.lower()  # KerasHub's tokenizer cannot be told to
        assert list(theirs.tokenizer(text)) == list(tokenizer(text))


def test_what_kerashub_cannot_express_is_named_and_is_a_real_difference(
    keras_hub,
    checkpoint,
    make_ours,
    outputs_in_kerashubs_numerics,
    inputs,
    assert_equal,
    compare,
    tmp_path,
):
    there = checkpoint.keras_numerics
    changes = {part: {key: OTHER[key] for key in there[part]} for part in there}
    ours = make_ours(**changes)
    with pytest.warns(PresetWarning) as caught:
        ours.save_to_preset(tmp_path)
    (message,) = preset_warnings(caught)
    named = [
        f"{part} {key} is {OTHER[key]!r} here and {there[part][key]!r} there"
        for part in there
        for key in there[part]
    ]
    assert named and all(difference in message for difference in named)
    assert message.count(" here and ") == len(named)

    # KerasHub computes as ever, and each of the changes alone makes ours compute something else.
    theirs = ask_theirs(keras_hub.models.MaskedLM.from_preset(str(tmp_path)), inputs)
    assert_equal(theirs, outputs_in_kerashubs_numerics)
    alone = [{part: {key: value}} for part in changes for key, value in changes[part].items()]
    for change in alone:
        logits = make_ours(**change)(inputs)
        with pytest.raises(AssertionError, match="Not equal to tolerance"):
            compare(theirs["logits"], logits, atol=1e-3)
    # Here nothing was lost.
    twin = mlmzoo.MaskedLM.from_preset(tmp_path)
    assert twin.head_state == "trained"
    compare(twin(inputs), ours(inputs), atol=1e-5)


def test_ours_in_the_numerics_of_the_original_is_warned_of_where_they_differ_and_stays_close(
    family, checkpoint, make_ours, outputs_in_kerashubs_numerics, inputs, compare, tmp_path
):
    preset = next(iter(registry().presets(family.name).values()))
    there = checkpoint.keras_numerics
    given = {"backbone": preset.backbone, "head": preset.head}
    original = {part: {key: given[part][key] for key in there[part]} for part in there}
    wanted = {
        f"{part} {key} is {original[part][key]!r} here and {value!r} there"
        for part in there
        for key, value in there[part].items()
        if original[part][key] != value
    }
    ours = make_ours(**original)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ours.save_to_preset(tmp_path)
    messages = preset_warnings(caught)
    assert len(messages) == bool(wanted)
    assert "".join(messages).count(" here and ") == len(wanted)
    assert all(difference in messages[0] for difference in wanted)
    # What KerasHub computes of it is what ours does in KerasHub's numerics, by the test above.
    compare(outputs_in_kerashubs_numerics["logits"], ours(inputs), atol=1e-2)


def test_minilm_stays_within_the_documented_bound_in_kerashub(
    keras_hub, minilm, sentences, compare, tmp_path
):
    """docs/concepts/layouts.md gives the bound."""
    ours = BertBackbone.from_preset(minilm)
    with pytest.warns(PresetWarning, match="backbone activation is 'gelu' here and 'gelu_tanh'"):
        ours.save_to_preset(tmp_path)
    theirs = keras_hub.models.Backbone.from_preset(str(tmp_path))
    preprocessor = BertMaskedLMPreprocessor.from_preset(
        minilm, sequence_length=128, mask_selection_rate=0
    )
    x, _, _ = preprocessor(sentences)
    real = x["padding_mask"] == 1  # what stands at padding is of no use to anybody
    found, wanted = ask(theirs, x), ask(ours, x)
    found, wanted = (
        (each["sequence_output"][real], each["pooled_output"]) for each in (found, wanted)
    )
    compare(found[0], wanted[0], atol=5e-3)
    compare(found[1], wanted[1], atol=5e-4)
    assert np.abs(found[0] - wanted[0]).mean() < 1e-3
    assert np.abs(found[0] - wanted[0]).max() > 1e-3  # or the warning were untrue
