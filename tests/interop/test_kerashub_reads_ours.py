"""What we write for KerasHub computes the same there as far as its format can say it."""

import warnings

import numpy as np
import pytest
from grids import LENGTH, MASKS
from outputs import ask, ask_ours, ask_theirs, preset_warnings

import mlmzoo
from mlmzoo.errors import PresetWarning
from mlmzoo.models import BertBackbone, BertMaskedLMPreprocessor
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

OTHER = {"activation": "relu", "layer_norm_epsilon": 0.1, "epsilon": 0.1}


def save(task, directory):
    """Writes a preset for KerasHub; returns what is said of numbers and what of tokens."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        task.save_to_preset(directory)
    messages = preset_warnings(caught)
    numbers = [message for message in messages if "compute slightly different numbers" in message]
    tokens = [message for message in messages if "make other tokens" in message]
    assert len(messages) == len(numbers) + len(tokens) and len(numbers) < 2 > len(tokens)
    return "".join(numbers), "".join(tokens)


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


def test_ours_in_kerashubs_numerics_computes_the_same_there_without_a_warning_of_numbers(
    keras_hub, family, make_ours, inputs, quieten, assert_equal_outputs, tmp_path
):
    ours = quieten(make_ours())
    numbers, _ = save(ours, tmp_path)
    assert not numbers
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        theirs = keras_hub.models.MaskedLM.from_preset(str(tmp_path))
    # A part of the file that Keras misses or skips is worth a UserWarning to it.
    assert not [w for w in caught if w.category is UserWarning]
    assert f"keras_hub>{type(theirs.backbone).__name__}" == family.serialized_names[0]
    assert theirs.backbone.count_params() == ours.backbone.count_params()
    assert_equal_outputs(ask_theirs(theirs, inputs), ask_ours(ours, inputs))


@pytest.mark.parametrize("family", ["bert"], indirect=True)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_kerashub_reads_ours_in_half_precision(
    keras_hub, make_ours, inputs, assert_equal_outputs, tmp_path, dtype
):
    make_ours().save_to_preset(tmp_path, dtype=dtype)
    theirs = keras_hub.models.MaskedLM.from_preset(str(tmp_path), dtype="float32")
    ours = mlmzoo.MaskedLM.from_preset(tmp_path, dtype="float32")
    assert_equal_outputs(ask_theirs(theirs, inputs), ask_ours(ours, inputs))


def test_kerashub_makes_our_tokens_as_far_as_it_can_and_the_rest_is_named(
    keras_hub, make_ours, sentences, tmp_path
):
    ours = make_ours()
    _, warned = save(ours, tmp_path)
    theirs = keras_hub.models.MaskedLMPreprocessor.from_preset(str(tmp_path))
    assert theirs.sequence_length == LENGTH and theirs.mask_selection_length == MASKS
    tokenizer = ours.preprocessor.tokenizer
    assert theirs.tokenizer.vocabulary_size() == tokenizer.vocabulary_size()
    for role in ("mask", "pad", "start", "end"):
        wanted = getattr(tokenizer, f"{role}_token_id")
        assert getattr(theirs.tokenizer, f"{role}_token_id", wanted) == wanted

    def equal(text):
        return list(theirs.tokenizer(text)) == list(tokenizer(text))

    extras = tokenizer.extras()
    assert bool(warned) == bool(extras) == (not all(map(equal, sentences[:8])))
    assert all(f"{name}={value!r}" in warned for name, value in extras.items())
    assert all(equal(text.lower()) for text in sentences[:8])


def test_what_kerashub_cannot_express_is_named_and_is_a_real_difference(
    keras_hub,
    checkpoint,
    make_ours,
    outputs_in_kerashubs_numerics,
    inputs,
    assert_equal_outputs,
    compare,
    tmp_path,
):
    there = checkpoint.keras_numerics
    changes = {part: {key: OTHER[key] for key in there[part]} for part in there}
    ours = make_ours(**changes)
    message, _ = save(ours, tmp_path)
    named = [
        f"{part} {key} is {OTHER[key]!r} here and {there[part][key]!r} there"
        for part in there
        for key in there[part]
    ]
    assert named and all(difference in message for difference in named)
    assert message.count(" here and ") == len(named)

    # KerasHub computes as ever, and each of the changes alone makes ours compute something else.
    theirs = ask_theirs(keras_hub.models.MaskedLM.from_preset(str(tmp_path)), inputs)
    assert_equal_outputs(theirs, outputs_in_kerashubs_numerics)
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
    message, _ = save(ours, tmp_path)
    assert message.count(" here and ") == len(wanted)
    assert all(difference in message for difference in wanted)
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


@pytest.mark.parametrize("family", ["bert"], indirect=True)
def test_kerashub_reads_a_preprocessor_that_masks_spans(keras_hub, make_ours, tmp_path):
    preprocessor = make_ours().preprocessor
    settings = {**preprocessor.get_config(), "masking": "span", "longest_span": 4}
    type(preprocessor).from_config(settings).save_to_preset(tmp_path)
    make_ours().backbone.save_to_preset(tmp_path)
    theirs = keras_hub.models.MaskedLMPreprocessor.from_preset(str(tmp_path))
    assert theirs.mask_selection_length == MASKS, "it masks tokens, as ever"
    ours = mlmzoo.MaskedLMPreprocessor.from_preset(tmp_path)
    assert (ours.masking, ours.longest_span) == ("span", 4)
