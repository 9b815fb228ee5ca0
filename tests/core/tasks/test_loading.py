"""`from_preset`: the right class, the user's arguments, and every variable assigned."""

import json
import shutil
import warnings

import keras
import numpy as np
import pytest

import mlmzoo
from mlmzoo.contract.errors import (
    FamilyMismatchError,
    HubUnavailableError,
    InputError,
    PresetFormatError,
    PresetWarning,
    RandomHeadError,
    WeightsError,
)
from mlmzoo.presets import weights
from mlmzoo.presets.resolver import Location
from mlmzoo.presets.sources.local import LocalFiles
from mlmzoo.tasks import loading

TEXT = "in the <mask> god created"
PRESETS = mlmzoo.list_presets()


@pytest.fixture
def toy():
    """The classes of the family."""
    return pytest.importorskip("mlmzoo_toy.model")


def without_task(preset):
    """Take the head and what is known of it out of a preset."""
    for name in ("task.json", "task.weights.h5"):
        (preset / name).unlink()
    return preset


def values(model):
    return {weight.path: keras.ops.convert_to_numpy(weight) for weight in model.weights}


# Classes ------------------------------------------------------------------------------------------


def test_the_base_classes_infer_the_family(preset, toy):
    assert type(mlmzoo.MaskedLM.from_preset(preset)) is toy.ToyMaskedLM
    assert type(mlmzoo.Backbone.from_preset(preset)) is toy.ToyBackbone
    assert type(mlmzoo.Tokenizer.from_preset(preset)) is toy.ToyTokenizer
    for base in (mlmzoo.Preprocessor, mlmzoo.MaskedLMPreprocessor):
        assert type(base.from_preset(preset)) is toy.ToyMaskedLMPreprocessor


def test_the_class_of_no_task_in_particular_says_which_to_use(preset):
    with pytest.raises(InputError, match=r"Task.from_preset .* Use .* mlmzoo.MaskedLM.from_preset"):
        mlmzoo.Task.from_preset(preset)


def test_a_users_subclass_loads_as_itself(preset, toy):
    class Mine(toy.ToyMaskedLM):
        pass

    assert type(Mine.from_preset(preset)) is Mine


@pytest.mark.parametrize("name", ["MaskedLM", "Backbone", "Tokenizer", "MaskedLMPreprocessor"])
def test_a_preset_of_another_family_is_refused(preset, name):
    other = type(f"Other{name}", (getattr(mlmzoo, name),), {})
    with pytest.raises(FamilyMismatchError, match=f"Other{name}.*family 'toy'.*by Toy"):
        other.from_preset(preset)


# Arguments ----------------------------------------------------------------------------------------


def test_arguments_reach_backbone_preprocessor_and_tokenizer(preset):
    task = mlmzoo.MaskedLM.from_preset(
        preset, activation="tanh", sequence_length=9, seed=3, special_tokens_in_text=True, name="me"
    )
    assert task.name == "me"
    assert task.backbone.activation == "tanh"
    assert task.preprocessor.sequence_length == 9
    assert task.preprocessor.seed == 3
    assert task.preprocessor.tokenizer.special_tokens_in_text
    assert mlmzoo.Backbone.from_preset(preset, activation="tanh").activation == "tanh"
    assert mlmzoo.Preprocessor.from_preset(preset, seed=4).seed == 4
    assert mlmzoo.Tokenizer.from_preset(preset, sequence_length=5).sequence_length == 5


def test_a_preprocessor_of_ones_own_is_used(preset):
    mine = mlmzoo.Preprocessor.from_preset(preset, sequence_length=11)
    assert mlmzoo.MaskedLM.from_preset(preset, preprocessor=mine).preprocessor is mine
    assert mlmzoo.MaskedLM.from_preset(preset, preprocessor=None).preprocessor is None


@pytest.mark.parametrize(
    ("name", "some"),
    [
        ("MaskedLM", {"num_layers", "sequence_length", "special_tokens_in_text", "trainable"}),
        ("Backbone", {"num_layers", "trainable"}),
        ("MaskedLMPreprocessor", {"sequence_length", "special_tokens_in_text"}),
        ("Tokenizer", {"special_tokens_in_text"}),
    ],
)
def test_an_unknown_argument_is_refused_with_the_known_ones(preset, name, some):
    with pytest.raises(InputError, match="droput") as caught:
        getattr(mlmzoo, name).from_preset(preset, droput=0.1)
    assert all(argument in str(caught.value) for argument in some)


def test_arguments_of_a_preprocessor_that_is_not_made_are_refused(preset):
    with pytest.raises(InputError, match="was given sequence_length"):
        mlmzoo.MaskedLM.from_preset(preset, preprocessor=None, sequence_length=9)


@pytest.mark.parametrize("name", [n for n in PRESETS if PRESETS[n].family == "toy"])
def test_the_architecture_of_a_builtin_preset_needs_no_network(monkeypatch, name):
    def refuse(*args, **kwargs):
        raise AssertionError("a request was made")

    monkeypatch.setattr("socket.socket.connect", refuse)
    preset = PRESETS[name]
    sizes = {"num_layers": 1, "hidden_dim": 12, "intermediate_dim": 4, "vocabulary_size": 9}
    small = {key: value for key, value in sizes.items() if key in preset.backbone}
    backbone = mlmzoo.Backbone.from_preset(name, load_weights=False, **small)
    assert backbone.settings == {**backbone.settings, **preset.backbone, **small}
    task = mlmzoo.MaskedLM.from_preset(name, load_weights=False, preprocessor=None, **small)
    assert task.head_state == "random"
    if preset.head:
        assert task.head_activation == preset.head["activation"]


def test_load_weights_false_draws_random_weights(preset):
    loaded = values(mlmzoo.MaskedLM.from_preset(preset))
    drawn = mlmzoo.MaskedLM.from_preset(preset, load_weights=False)
    assert drawn.head_state == "random"
    for path, value in values(drawn).items():
        if value.ndim == 2:
            assert value.std() > 0
            assert (value != loaded[path]).any()


# The head -----------------------------------------------------------------------------------------


def test_a_random_head_is_loud_and_refuses(preset):
    with pytest.warns(PresetWarning, match="no trained masked-LM head.*random values"):
        task = mlmzoo.MaskedLM.from_preset(without_task(preset))
    assert task.head_state == task.load_report.head_state == "random"
    with pytest.raises(RandomHeadError):
        task.fill_mask(TEXT)
    head = values(task.mlm_head)
    assert head["mlm_head/dense/kernel"].std() > 0
    assert (head["mlm_head/layer_norm/gamma"] == 1).all()


def test_a_random_head_saved_and_loaded_still_refuses(make, tmp_path):
    make().save_to_preset(tmp_path / "random")
    with pytest.warns(PresetWarning, match="no trained masked-LM head"):
        task = mlmzoo.MaskedLM.from_preset(tmp_path / "random")
    with pytest.raises(RandomHeadError):
        task.fill_mask(TEXT)


def test_a_head_of_unknown_state_is_used_with_one_warning(preset):
    for name in ("config.json", "task.json"):  # as KerasHub writes them
        config = json.loads((preset / name).read_text())
        config.pop("mlmzoo", None)
        (preset / name).write_text(json.dumps(config))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        task = mlmzoo.MaskedLM.from_preset(preset)
    assert [w.category for w in caught] == [PresetWarning]
    assert "does not say whether" in str(caught[0].message)
    assert caught[0].filename == __file__
    assert task.head_state == "unknown"
    assert task.fill_mask(TEXT).masks


# Weights ------------------------------------------------------------------------------------------


@pytest.fixture
def poisoned(monkeypatch):
    """Variables hold NaN when their weights are about to be loaded."""
    load = loading._load_weights

    def poison_and_load(opened, variables, part):
        for variable in variables:
            variable.assign(np.full(variable.shape, np.nan, "float32"))
        return load(opened, variables, part)

    monkeypatch.setattr(loading, "_load_weights", poison_and_load)


@pytest.mark.parametrize("layout", ["keras", "transformers"])
def test_loading_assigns_every_variable_its_own_value(make, poisoned, tmp_path, layout):
    task = make(head_state="trained")
    for number, weight in enumerate(task.weights):
        weight.assign(np.arange(np.prod(weight.shape)).reshape(weight.shape) / 100 + number)
    task.save_to_preset(tmp_path / "preset", layout=layout)
    twin = mlmzoo.MaskedLM.from_preset(tmp_path / "preset")
    expected, found = values(task), values(twin)
    assert set(twin.load_report.loaded) == set(expected) == set(found)
    for path in expected:
        np.testing.assert_array_equal(found[path], expected[path], err_msg=path)
    backbone = values(mlmzoo.Backbone.from_preset(tmp_path / "preset"))
    for path in backbone:
        np.testing.assert_array_equal(backbone[path], expected[path], err_msg=path)


def test_loading_draws_no_random_values(preset, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("random values were drawn")

    for name in ("TruncatedNormal", "GlorotUniform", "RandomUniform"):
        monkeypatch.setattr(getattr(keras.initializers, name), "__call__", refuse)
    mlmzoo.MaskedLM.from_preset(preset)
    with pytest.raises(AssertionError, match="were drawn"):
        mlmzoo.MaskedLM.from_preset(preset, load_weights=False)


def test_large_weights_are_written_in_blocks_of_rows(preset, monkeypatch):
    expected = values(mlmzoo.MaskedLM.from_preset(preset))
    monkeypatch.setattr(weights, "BLOCK_BYTES", 200)
    blocks = []
    assign = loading.VariableTarget.assign

    def counting(target, start, block):
        blocks.append(target.variable.path)
        assign(target, start, block)

    monkeypatch.setattr(loading.VariableTarget, "assign", counting)
    found = values(mlmzoo.MaskedLM.from_preset(preset))
    assert blocks.count("token_embedding/embeddings") > 5
    for path in expected:
        np.testing.assert_array_equal(found[path], expected[path], err_msg=path)


@pytest.mark.parametrize(
    ("dtype", "stored", "computed"),
    [
        ("bfloat16", "bfloat16", "bfloat16"),
        ("float16", "float16", "float16"),
        ("mixed_bfloat16", "float32", "bfloat16"),
        ("mixed_float16", "float32", "float16"),
    ],
)
def test_a_preset_loads_in_another_dtype(preset, monkeypatch, dtype, stored, computed):
    full = mlmzoo.MaskedLM.from_preset(preset)
    monkeypatch.setattr(weights, "BLOCK_BYTES", 200)
    task = mlmzoo.MaskedLM.from_preset(preset, dtype=dtype)
    assert {keras.backend.standardize_dtype(weight.dtype) for weight in task.weights} == {stored}
    x, _, _ = task.preprocessor(["in the beginning god created"])
    logits = task(x)
    assert keras.backend.standardize_dtype(logits.dtype) == computed
    found, expected = (
        keras.ops.convert_to_numpy(keras.ops.cast(a, "float32")) for a in (logits, full(x))
    )
    np.testing.assert_allclose(found, expected, atol=0.03)
    assert np.isfinite(task.evaluate(["in the beginning"], verbose=0)).all()


# Sources ------------------------------------------------------------------------------------------


class Unreachable:
    """Files of a hub that does not answer."""

    handle = "hf://toys/away"

    def path(self, name):
        raise HubUnavailableError("hf://toys/away could not be reached.")


@pytest.fixture
def sources(monkeypatch):
    """Makes toy_tiny_en come from given files."""

    def sources(*files):
        builtin = PRESETS["toy_tiny_en"]
        monkeypatch.setattr(
            loading, "resolve", lambda asked, registry: Location(str(asked), builtin, files)
        )

    return sources


@pytest.fixture
def tiny(make, tmp_path):
    """A preset of the sizes of toy_tiny_en, but another activation in its config."""
    sizes = {**PRESETS["toy_tiny_en"].backbone, "activation": "tanh"}
    del sizes["vocabulary_size"]
    task = make(settings=sizes, head_state="trained", head_activation="tanh")
    task.save_to_preset(tmp_path / "tiny")
    return tmp_path / "tiny"


def test_the_report_names_the_source_it_fell_back_on_and_why(sources, tiny):
    sources(Unreachable(), LocalFiles(tiny, "kaggle://the/second/one/here"))
    task = mlmzoo.MaskedLM.from_preset("toy_tiny_en", vocabulary_size=52)
    report = task.load_report
    assert report.asked == "toy_tiny_en"
    assert report.source == "kaggle://the/second/one/here"
    assert "fell back on kaggle://the/second/one/here" in report.notes[0]
    assert "hf://toys/away could not be reached" in str(report)


def test_the_first_source_that_answers_is_used(sources, tiny):
    sources(LocalFiles(tiny, "first"), Unreachable())
    report = mlmzoo.MaskedLM.from_preset("toy_tiny_en", vocabulary_size=52).load_report
    assert (report.source, report.notes) == ("first", ())


def test_no_source_that_answers_is_an_error_that_names_them_all(sources):
    sources(Unreachable(), Unreachable())
    with pytest.raises(HubUnavailableError, match=r"none of its 2 sources(.|\n)*away(.|\n)*away"):
        mlmzoo.MaskedLM.from_preset("toy_tiny_en")
    sources(Unreachable())
    with pytest.raises(HubUnavailableError, match=r"^hf://toys/away could not be reached\.$"):
        mlmzoo.MaskedLM.from_preset("toy_tiny_en")


def test_a_builtin_preset_computes_as_its_original_whichever_copy_is_read(sources, tiny):
    sources(LocalFiles(tiny, "copy"))
    task = mlmzoo.MaskedLM.from_preset("toy_tiny_en", vocabulary_size=52)
    assert task.backbone.activation == task.head_activation == "relu"
    assert '"tanh"' in (tiny / "config.json").read_text()


def test_a_preset_without_weights_says_what_to_do(preset):
    (preset / "model.weights.h5").unlink()
    with pytest.raises(FileNotFoundError, match="load_weights=False"):
        mlmzoo.Backbone.from_preset(preset)
    assert mlmzoo.Backbone.from_preset(preset, load_weights=False).load_report is None


@pytest.mark.parametrize("load_weights", [True, False])
def test_a_model_beyond_the_memory_is_refused_before_it_is_made(preset, monkeypatch, load_weights):
    monkeypatch.setattr(loading, "memory_bytes", lambda: 1000)
    monkeypatch.setattr(loading, "skip_initialization", None)
    with pytest.raises(PresetFormatError, match="more than this machine's memory"):
        mlmzoo.Backbone.from_preset(preset, load_weights=load_weights)


def test_what_a_backend_says_of_memory_is_an_error_of_ours(preset, monkeypatch):
    kind = type(mlmzoo.Backbone.from_preset(preset))
    make = kind.__init__
    calls = []

    def init(self, *args, **kwargs):
        make(self, *args, **kwargs)
        calls.append(self)
        if len(calls) == 2:  # the first is made to see the shapes
            raise RuntimeError("can't allocate memory")

    monkeypatch.setattr(kind, "__init__", init)
    with pytest.raises(PresetFormatError, match="RuntimeError: can't allocate memory"):
        mlmzoo.Backbone.from_preset(preset)


def test_a_saved_preset_can_be_moved(preset, tmp_path):
    expected = mlmzoo.MaskedLM.from_preset(preset).fill_mask(TEXT)
    shutil.move(preset, tmp_path / "elsewhere")
    assert mlmzoo.MaskedLM.from_preset(tmp_path / "elsewhere").fill_mask(TEXT) == expected


# What does not belong together --------------------------------------------------------------------


def test_a_tokenizer_larger_than_the_embedding_is_refused(preset):
    path = preset / "assets/tokenizer/vocabulary.txt"
    path.write_text(path.read_text("utf-8") + "\none-more", "utf-8")
    with pytest.raises(PresetFormatError, match=r"has 53 tokens, .* 52 rows, too few"):
        mlmzoo.MaskedLM.from_preset(preset)
    with pytest.raises(WeightsError, match="53"):
        mlmzoo.MaskedLM.from_preset(preset, vocabulary_size=53)


def test_weights_that_lack_a_variable_are_refused_before_a_model_is_built(preset, toy, monkeypatch):
    config = json.loads((preset / "config.json").read_text())
    config["config"]["num_layers"] += 1
    (preset / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr(toy.ToyBackbone, "__init__", lambda *a, **k: pytest.fail("it was built"))
    for load in (mlmzoo.MaskedLM.from_preset, mlmzoo.Backbone.from_preset):
        with pytest.raises(WeightsError, match=r"layer_.*is missing"):
            load(preset)


def test_a_variable_without_a_row_in_the_table_is_not_lost_in_silence(make, tmp_path):
    task = make()
    task.backbone.extra = keras.layers.Dense(2, name="extra")
    task.backbone.extra.build((None, 3))
    with pytest.raises(WeightsError, match=r"'extra/bias'.*would be lost.*model\.save"):
        task.save_to_preset(tmp_path / "preset")
    assert not (tmp_path / "preset").exists()


def test_a_misspelt_argument_of_a_backbone_is_refused(make):
    backbone = make().backbone
    with pytest.raises(TypeError, match="made with dropuot"):
        type(backbone)(**backbone.settings, dropuot=0.5)
