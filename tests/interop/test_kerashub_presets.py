"""KerasHub's presets compute here what they compute there, and ours there as far as it can."""

import warnings

import keras
import numpy as np
import pytest

import mlmzoo
from mlmzoo.errors import PresetWarning, RandomHeadError
from mlmzoo.models import BertBackbone, BertMaskedLM, BertMaskedLMPreprocessor, BertTokenizer

pytestmark = [
    pytest.mark.interop,
    # The other libraries' own.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:(keras|keras_hub|transformers|torch).*"),
]

SIZES = {
    "num_layers": 2,
    "num_heads": 4,
    "hidden_dim": 32,
    "intermediate_dim": 64,
    "max_sequence_length": 64,
}
LENGTH, MASKS = 48, 8
SHARD_GB = 6e-5

KERASHUB_NUMERICS = {"activation": "gelu_tanh", "layer_norm_epsilon": 1e-12}
KERASHUB_HEAD = {"head_activation": "gelu", "head_epsilon": 1e-5}


@pytest.fixture(scope="module")
def tokenizer(corpus):
    return BertTokenizer.train(corpus[:1000], vocabulary_size=400)


@pytest.fixture(scope="module")
def inputs(tokenizer, sentences):
    """A padded batch of real sentences."""
    options = {"sequence_length": LENGTH, "mask_selection_length": MASKS, "seed": 1}
    x, _, _ = BertMaskedLMPreprocessor(tokenizer, **options)(sentences[:8])
    assert x["padding_mask"].sum(axis=1).min() < LENGTH / 2
    return x


def preset_warnings(caught):
    return [str(w.message) for w in caught if w.category is PresetWarning]


def quieten(task):
    """Weak signals in the head: variances as small as its epsilon, which now shows."""
    for weight in task.weights:
        if "mlm_head" in weight.path and "dense/" in weight.path:
            weight.assign(weight * 0.002)
    return task


def hidden(backbone, inputs):
    return backbone({name: inputs[name] for name in ("token_ids", "segment_ids", "padding_mask")})


# Theirs, here -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def make_theirs(keras_hub, tokenizer, randomise):
    def make(dtype="float32"):
        models = keras_hub.models
        backbone = models.BertBackbone(
            vocabulary_size=tokenizer.vocabulary_size(), **SIZES, dtype=dtype
        )
        preprocessor = models.BertMaskedLMPreprocessor(
            models.BertTokenizer(tokenizer.get_vocabulary(), lowercase=True),
            sequence_length=LENGTH,
            mask_selection_length=MASKS,
        )
        return randomise(models.BertMaskedLM(backbone, preprocessor))

    return make


def save_float32(make, directory, texts):
    make().save_to_preset(str(directory))


def save_quiet_head(make, directory, texts):
    quieten(make()).save_to_preset(str(directory))


def save_bfloat16(make, directory, texts):
    make("bfloat16").save_to_preset(str(directory))


def save_after_training(make, directory, texts):
    task = make()
    # XLA takes longer than the training. JAX would take longer yet without it.
    task.compile(jit_compile=keras.backend.backend() == "jax")
    task.fit(texts, batch_size=4, verbose=0)
    task.save_to_preset(str(directory))


def save_in_shards(make, directory, texts):
    make().save_to_preset(str(directory), max_shard_size=SHARD_GB)
    assert len(list(directory.glob("model_*.weights.h5"))) > 1


@pytest.mark.parametrize(
    "save", [save_float32, save_quiet_head, save_bfloat16, save_after_training, save_in_shards]
)
def test_a_masked_lm_of_kerashub_computes_the_same_here(
    keras_hub, make_theirs, inputs, sentences, compare, tmp_path, save
):
    save(make_theirs, tmp_path, sentences[:8])
    # In float32, whatever it was saved in: half precision would hide a difference.
    theirs = keras_hub.models.MaskedLM.from_preset(str(tmp_path), dtype="float32")
    with pytest.warns(PresetWarning, match="does not say whether it was ever trained") as caught:
        ours = mlmzoo.MaskedLM.from_preset(tmp_path, dtype="float32")
    assert len(preset_warnings(caught)) == 1
    assert isinstance(ours, BertMaskedLM)
    assert ours.head_state == ours.load_report.head_state == "unknown"
    assert ours.load_report.missing == ours.load_report.unexpected == ()
    compare(ours(inputs), theirs(inputs), atol=1e-4)
    found, wanted = hidden(ours.backbone, inputs), hidden(theirs.backbone, inputs)
    compare(found["sequence_output"], wanted["sequence_output"], atol=1e-4)
    compare(found["pooled_output"], wanted["pooled_output"], atol=1e-4)
    # Unknown is not random: it answers.
    assert ours.fill_mask("And God said, Let there be [MASK].").masks[0].candidates
    assert ours.preprocessor.sequence_length == LENGTH
    assert ours.preprocessor.mask_selection_length == MASKS


def test_a_backbone_of_kerashub_computes_the_same_here_and_has_no_head(
    make_theirs, inputs, compare, tmp_path
):
    theirs = make_theirs().backbone
    theirs.save_to_preset(str(tmp_path))
    wanted = hidden(theirs, inputs)
    ours = mlmzoo.Backbone.from_preset(tmp_path)
    compare(hidden(ours, inputs)["sequence_output"], wanted["sequence_output"], atol=1e-4)
    with pytest.warns(PresetWarning, match="no trained masked-LM head") as caught:
        task = mlmzoo.MaskedLM.from_preset(tmp_path, preprocessor=None)
    assert len(preset_warnings(caught)) == 1 and task.head_state == "random"
    with pytest.raises(RandomHeadError):
        task.fill_mask("[MASK]")


# Ours, there --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def make_ours(tokenizer, randomise):
    def make(numerics, head):
        backbone = BertBackbone(tokenizer.vocabulary_size(), **SIZES, **numerics)
        preprocessor = BertMaskedLMPreprocessor(
            tokenizer, sequence_length=LENGTH, mask_selection_length=MASKS, seed=1
        )
        task = BertMaskedLM(backbone, preprocessor, head_state="trained", **head)
        return randomise(task)

    return make


@pytest.mark.parametrize("change", [lambda task: task, quieten], ids=["as it is", "quiet head"])
def test_ours_in_kerashubs_numerics_computes_the_same_there_and_warns_of_nothing(
    keras_hub, make_ours, inputs, sentences, compare, tmp_path, change
):
    ours = change(make_ours(KERASHUB_NUMERICS, KERASHUB_HEAD))
    with warnings.catch_warnings():
        warnings.simplefilter("error", PresetWarning)
        ours.save_to_preset(tmp_path)
    theirs = keras_hub.models.MaskedLM.from_preset(str(tmp_path))
    assert isinstance(theirs, keras_hub.models.BertMaskedLM)
    compare(theirs(inputs), ours(inputs), atol=1e-4)
    found, wanted = hidden(theirs.backbone, inputs), hidden(ours.backbone, inputs)
    compare(found["sequence_output"], wanted["sequence_output"], atol=1e-4)
    compare(found["pooled_output"], wanted["pooled_output"], atol=1e-4)
    for text in sentences[:8]:
        assert list(theirs.preprocessor.tokenizer(text)) == list(ours.preprocessor.tokenizer(text))


def test_ours_with_exact_gelu_is_named_and_stays_close_in_kerashub(
    keras_hub, make_ours, inputs, compare, tmp_path
):
    ours = make_ours({"activation": "gelu", "layer_norm_epsilon": 1e-12}, {})
    with pytest.warns(PresetWarning) as caught:
        ours.save_to_preset(tmp_path)
    (message,) = preset_warnings(caught)
    for difference in (
        "backbone activation is 'gelu' here and 'gelu_tanh' there",
        "head epsilon is 1e-12 here and 1e-05 there",
    ):
        assert difference in message
    assert "head activation" not in message
    theirs = keras_hub.models.MaskedLM.from_preset(str(tmp_path))
    found, wanted = theirs(inputs), ours(inputs)
    compare(found, wanted, atol=1e-2)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        compare(found, wanted, atol=1e-4)  # or the warning were untrue
    # Here nothing was lost.
    compare(BertMaskedLM.from_preset(tmp_path)(inputs), ours(inputs), atol=1e-5)


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
    found, wanted = (
        {name: keras.ops.convert_to_numpy(value) for name, value in hidden(model, x).items()}
        for model in (theirs, ours)
    )
    found, wanted = (
        (each["sequence_output"][real], each["pooled_output"]) for each in (found, wanted)
    )
    compare(found[0], wanted[0], atol=5e-3)
    compare(found[1], wanted[1], atol=5e-4)
    assert np.abs(found[0] - wanted[0]).mean() < 1e-3
    assert np.abs(found[0] - wanted[0]).max() > 1e-3  # or the warning were untrue
