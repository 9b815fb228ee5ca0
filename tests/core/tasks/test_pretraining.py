"""Pre-training from scratch, called from Python."""

from __future__ import annotations

import copy
import json
from types import SimpleNamespace

import h5py
import keras
import pytest

from mlmzoo import MaskedLM
from mlmzoo.contract.errors import InputError
from mlmzoo.tasks.adaptation import score
from mlmzoo.tasks.held_out import held_out_split
from mlmzoo.tasks.model_card import model_card, write_model_card
from mlmzoo.tasks.pretraining import train_from_scratch
from mlmzoo.testing.tiny import CORPUS

RECIPE = {
    "family": "toy",
    "tokenizer": {"vocabulary_size": 60},
    "backbone": {"num_layers": 1, "hidden_dim": 8, "max_sequence_length": 16},
    "training": {"epochs": 3, "batch_size": 8, "held_out_share": 0.2, "batching": "fixed"},
}
TEXTS = [" ".join(line.split()[i:]) for line in CORPUS for i in range(4)]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "data.txt"
    path.write_text("\n".join(TEXTS))
    return path


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    """One run to look at: its directory and its record."""
    out = tmp_path_factory.mktemp("run") / "out"
    return SimpleNamespace(out=out, record=train_from_scratch(RECIPE, data, out))


def reports(losses):
    """A callback that reports these held-out losses, one an epoch."""
    return keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: logs.update(val_loss=losses[epoch])
    )


def test_the_figures_are_those_of_the_files_that_were_written(run):
    _, held_out = held_out_split(TEXTS, 0.2, 0)
    found = score(MaskedLM.from_preset(run.out), held_out)
    assert run.record["held_out"]["loss"] == pytest.approx(found.loss, abs=1e-5)
    assert run.record["held_out"]["accuracy"] == pytest.approx(found.accuracy, abs=1e-5)
    assert run.record["data"]["held_out_texts"] == len(held_out)
    assert json.loads((run.out / "training.json").read_text()) == run.record


def test_the_best_epoch_is_kept_and_not_the_last(data, tmp_path):
    out = tmp_path / "out"
    record = train_from_scratch(RECIPE, data, out, callbacks=[reports([3.0, 2.0, 2.5])])
    assert record["run"]["best_epoch"] == 2
    assert [epoch["saved"] for epoch in record["epochs"]] == [True, True, False]


def test_an_interrupted_run_keeps_what_it_has(data, tmp_path):
    class Interrupts(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    record = train_from_scratch(RECIPE, data, tmp_path / "out", callbacks=[Interrupts()])
    assert record["run"]["interrupted"]
    assert len(record["epochs"]) == 1
    assert MaskedLM.from_preset(tmp_path / "out").head_state == "trained"


def test_the_same_recipe_gives_the_same_model(data, run, tmp_path):
    again = train_from_scratch(RECIPE, data, tmp_path / "out")
    assert again["held_out"] == run.record["held_out"]


def test_a_saved_seed_would_repeat_the_masks_of_everybody_so_none_is_saved(run):
    assert MaskedLM.from_preset(run.out).preprocessor.seed is None


def test_weights_are_stored_in_half_precision_if_asked(data, tmp_path):
    recipe = {**RECIPE, "training": {**RECIPE["training"], "epochs": 1, "saved_dtype": "float16"}}
    train_from_scratch(recipe, data, tmp_path / "out")
    with h5py.File(tmp_path / "out/model.weights.h5") as file:
        assert file["layers/mix/vars/0"].dtype == "float16"


def test_the_tokenizer_never_sees_held_out_text(run):
    seen, held_out = held_out_split(TEXTS, 0.2, 0)
    words = {word for text in held_out for word in text.lower().split()}
    unseen = words - {word for text in seen for word in text.lower().split()}
    tokens = set(MaskedLM.from_preset(run.out).preprocessor.tokenizer.get_vocabulary())
    assert not unseen & tokens


@pytest.mark.parametrize("table", ["tokenizer", "backbone", "preprocessor"])
def test_an_argument_that_a_class_does_not_take_is_named(data, tmp_path, table):
    recipe = {**RECIPE, table: {**RECIPE.get(table, {}), "colour": "red"}}
    with pytest.raises(InputError, match=rf"\[{table}\] colour"):
        train_from_scratch(recipe, data, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_run_that_diverges_says_so(data, tmp_path):
    with pytest.raises(InputError, match="learning_rate"):
        train_from_scratch(RECIPE, data, tmp_path / "out", callbacks=[reports([float("nan")] * 3)])


def test_the_card_takes_every_figure_from_the_record(run):
    record, held = run.record, run.record["held_out"]
    card = (run.out / "README.md").read_text()
    assert f"| this model | {held['loss']:.3f} |" in card
    assert f"| unigram baseline | {held['unigram_loss']:.3f} |" in card
    assert f"{record['model']['parameters']:,}" in card
    assert record["data"]["sha256"] in card
    changed = {**record, "held_out": {**held, "loss": 1.2349}}
    assert "| this model | 1.235 |" in model_card(changed)


def test_a_card_of_a_run_that_diverged_says_so(run):
    record = copy.deepcopy(run.record)
    record["held_out"]["loss"] = 1e6
    assert "| this model | 1000000.000 | inf |" in model_card(record)


def test_the_prose_of_a_card_can_be_written_anew_without_training(run, tmp_path):
    write_model_card(tmp_path, run.record)
    write_model_card(tmp_path, prose={"title": "New", "not_good_for": ["haste"]})
    card = (tmp_path / "README.md").read_text()
    assert card.startswith("# New\n")
    assert "- haste" in card
    assert f"{run.record['held_out']['loss']:.3f}" in card
