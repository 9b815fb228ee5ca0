"""A task as an object: its parts, its config, its place in other models."""

import importlib
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import mlmzoo
from mlmzoo.errors import InputError
from mlmzoo.plugins import Registry
from mlmzoo.tasks.seeding import set_seed


def logits(task, batch):
    return keras.ops.convert_to_numpy(task(batch, training=False))


def test_backbone_and_preprocessor_are_there_and_can_be_left_out(make):
    task = make()
    assert isinstance(task.backbone, mlmzoo.Backbone)
    assert isinstance(task.preprocessor, mlmzoo.MaskedLMPreprocessor)
    assert type(task)(task.backbone).preprocessor is None


def test_another_preprocessor_can_be_set(task, texts):
    before = task.evaluate(texts, verbose=0)
    settings = {**task.preprocessor.settings(), "mask_selection_rate": 0.6}
    task.preprocessor = type(task.preprocessor)(task.preprocessor.tokenizer, **settings)
    assert task.evaluate(texts, verbose=0) != before


def test_another_backbone_can_be_set_and_is_the_one_that_trains(make, texts):
    task = make(compiled=True)
    task.compile(optimizer=keras.optimizers.SGD(0.5))
    task.fit(texts, verbose=0)
    x, _, _ = task.preprocessor(texts)
    first, count = task.backbone, len(task.weights)
    answer, kept = logits(task, x), first.get_weights()

    set_seed(2)
    other = type(first).from_config(first.get_config())
    task.backbone = other
    assert task.backbone is other
    assert len(task.weights) == count
    assert not any(weight is old for weight in task.weights for old in first.weights)
    assert float(task.optimizer.learning_rate) == 0.5
    assert not np.allclose(logits(task, x), answer)

    before = other.get_weights()
    task.fit(texts, verbose=0)
    assert all(
        (a != b).any() for a, b in zip(before, other.get_weights(), strict=True) if a.ndim == 2
    )
    for a, b in zip(kept, first.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_backbone_of_other_sizes_is_refused(make):
    task = make()
    with pytest.raises(InputError, match=r"'hidden': 12.*replace.*'hidden': 16.*ToyMaskedLM\("):
        task.backbone = make(settings={"hidden_dim": 12}).backbone


def test_the_summary_shows_tokenizer_and_sizes(task):
    lines = []
    task.summary(print_fn=lines.append)
    text = "\n".join(map(str, lines))
    assert "ToyMaskedLMPreprocessor, sequence length 24" in text
    assert "ToyTokenizer, vocabulary size 52" in text
    assert "mlm_head" in text
    parameters = sum(int(np.prod(weight.shape)) for weight in task.weights)
    assert f"{parameters:,}" in text
    task.preprocessor = None
    task.summary(print_fn=lines.append)


def test_config_is_data_and_makes_an_equal_task(make):
    task = make(head_state="trained", head_activation="tanh", name="mine", seed=11)
    config = task.get_config()
    twin = type(task).from_config(config)
    assert twin.get_config() == config
    assert twin.name == "mine"
    assert (twin.head_state, twin.head_activation) == ("trained", "tanh")
    assert twin.preprocessor.seed == 11
    assert twin.preprocessor.tokenizer.get_vocabulary() == (
        task.preprocessor.tokenizer.get_vocabulary()
    )


def test_a_frozen_backbone_stays_frozen_through_its_config(task):
    task.backbone.trainable = False
    twin = type(task).from_config(task.get_config())
    assert not twin.backbone.trainable_weights
    assert twin.mlm_head.trainable_weights


def test_users_subclass_every_class(task, texts, tmp_path, eagerly):
    toy = importlib.import_module("mlmzoo_toy.model")

    class Wide(toy.ToyBackbone):
        """Gives a further output."""

        def call(self, inputs, training=None, mask=None):
            outputs = super().call(inputs, training=training, mask=mask)
            return {**outputs, "doubled": 2 * outputs["sequence_output"]}

    class Loud(toy.ToyMaskedLMPreprocessor):
        def rows(self, texts, specials="none"):
            assert len(texts)
            return super().rows(texts, specials)

    class Mine(toy.ToyMaskedLM):
        def train_step(self, *args):
            self.steps = getattr(self, "steps", 0) + 1
            return super().train_step(*args)

    preprocessor = Loud(task.preprocessor.tokenizer, sequence_length=24, mask_selection_length=8)
    mine = Mine(Wide(**task.backbone.settings), preprocessor)
    mine.compile(**eagerly)
    mine.fit(texts, batch_size=4, verbose=0)
    assert mine.steps
    mine.save_to_preset(tmp_path / "mine")
    assert type(mlmzoo.MaskedLM.from_preset(tmp_path / "mine")) is toy.ToyMaskedLM
    mine.save(tmp_path / "mine.keras")
    assert type(keras.saving.load_model(tmp_path / "mine.keras").backbone) is Wide


def test_a_task_and_a_backbone_are_layers_of_a_larger_model(task, texts):
    x, _, _ = task.preprocessor(texts)
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in x}
    probabilities = keras.layers.Softmax()(task(inputs))
    assert probabilities.shape == (None, None, 52)
    model = keras.Model(inputs, probabilities)
    found = model.predict(x, verbose=0)
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(task(x)))
    np.testing.assert_allclose(found, expected, atol=1e-5)

    first = task.backbone.output["sequence_output"][:, 0]
    classifier = keras.Model(task.backbone.input, keras.layers.Dense(3)(first))
    assert classifier.predict({name: x[name] for name in task.backbone.input}, verbose=0).shape == (
        len(texts),
        3,
    )


def test_clone_model_makes_a_twin_with_weights_of_its_own(task):
    twin = keras.models.clone_model(task)
    assert twin.get_config() == task.get_config()
    assert not any(weight is other for weight in twin.weights for other in task.weights)


# Seeds --------------------------------------------------------------------------------------------


def test_a_seed_of_the_preprocessor_fixes_the_masks_of_a_run(make, texts):
    task = make(seed=5)
    one, two = (task.fit(texts, epochs=2, verbose=0).history["loss"] for _ in range(2))
    assert one == two
    assert one[0] != one[1]
    other = make(seed=6).fit(texts, epochs=2, verbose=0).history["loss"]
    assert other != one


def test_without_a_seed_the_global_one_decides(make, texts):
    task = make(seed=None)
    runs = []
    for seed in (3, 3, 4):
        set_seed(seed)
        runs.append(task.fit(texts, verbose=0).history["loss"])
    assert runs[0] == runs[1] != runs[2]
    assert task.fit(texts, verbose=0).history["loss"] != runs[2]


def test_each_call_of_the_preprocessor_masks_afresh_and_a_seed_fixes_them_all(make, texts):
    def calls(seed):
        preprocessor = make(seed=seed).preprocessor
        return [preprocessor(texts)[0]["token_ids"].tolist() for _ in range(3)]

    assert calls(1) == calls(1) != calls(2)
    assert len({str(ids) for ids in calls(1)}) == 3


# Other tasks --------------------------------------------------------------------------------------


class Tagger(mlmzoo.Task):
    """A task of another package: its head is none that presets hold."""

    task_name = "tagging"

    def __init__(self, backbone, preprocessor=None, tags=3, **kwargs):
        super().__init__(backbone, preprocessor, **kwargs)
        self.tags = tags
        self.head = keras.layers.Dense(tags, name="tags")
        self.head.build(backbone.output["sequence_output"].shape)
        self.build()

    def call(self, inputs, training=None):
        return self.head(self.backbone(inputs, training=training)["sequence_output"])


@pytest.fixture
def tagger(monkeypatch):
    """`Tagger`, bound to the toy family."""
    real = Registry.task

    def task(registry, name, family):
        return "a_tagger:Tagger" if name == "tagging" else real(registry, name, family)

    monkeypatch.setitem(sys.modules, "a_tagger", SimpleNamespace(Tagger=Tagger))
    monkeypatch.setattr(Registry, "task", task)
    return Tagger


def test_a_task_with_another_head_gets_the_backbone_of_a_preset(tagger, preset, texts):
    backbone = mlmzoo.Backbone.from_preset(preset)
    task = tagger.from_preset(preset, tags=4)
    for ours, theirs in zip(task.backbone.weights, backbone.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert task.head.kernel.numpy().std() > 0
    assert task.load_report.loaded == backbone.load_report.loaded
    assert task(task.preprocessor.inputs(texts)).shape[-1] == 4


def test_a_task_with_another_head_is_written_by_keras_and_not_as_a_preset(tagger, preset, tmp_path):
    task = tagger.from_preset(preset)
    with pytest.raises(InputError, match=r"Tagger.*model\.save\('model\.keras'\)"):
        task.save_to_preset(tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_model_with_a_large_vocabulary_is_loaded_again(task, tmp_path):
    own = task.preprocessor
    words = [f"a-word-of-usual-length-{number}" for number in range(250_000)]
    vocabulary = [*own.tokenizer.special_tokens.values(), "next\x85line", *words]
    tokenizer = type(own.tokenizer)(vocabulary)
    sizes = {"vocabulary_size": len(vocabulary), "hidden_dim": 2, "num_layers": 1}
    backbone = type(task.backbone)(**{**task.backbone.settings, **sizes})
    large = type(task)(backbone, type(own)(tokenizer, own.sequence_length))
    large.save(tmp_path / "large.keras")
    loaded = mlmzoo.load_model(tmp_path / "large.keras")
    assert loaded.preprocessor.tokenizer.get_vocabulary() == vocabulary
