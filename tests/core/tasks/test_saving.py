"""`save_to_preset`, from the objects that have it."""

from __future__ import annotations

import hashlib
import inspect
import os

import h5py
import keras
import numpy as np
import pytest

from mlmzoo import Backbone, MaskedLM, Preprocessor, Tokenizer
from mlmzoo.contract.errors import InputError, PresetWarning, SavingError, WeightsError
from mlmzoo.tasks import pretraining
from mlmzoo.tasks.model_card import write_model_card


def tree(directory):
    """Path -> SHA-256 of every file."""
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file()
    }


def datasets(path):
    with h5py.File(path) as file:
        names = []
        file.visititems(lambda name, item: names.append((name, getattr(item, "shape", None))))
    return sorted(names, key=str)


def values(model):
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in model.variables]


@pytest.mark.parametrize("kind", [MaskedLM, Backbone, Preprocessor, Tokenizer])
def test_everything_that_is_saved_asks_before_it_overwrites(kind):
    parameters = inspect.signature(kind.save_to_preset).parameters
    assert parameters["overwrite"].kind is inspect.Parameter.KEYWORD_ONLY
    assert parameters["overwrite"].default is False
    assert ("allow_non_finite" in parameters) == (kind in (MaskedLM, Backbone))


@pytest.mark.parametrize("layout", ["keras", "transformers"])
@pytest.mark.filterwarnings("ignore::mlmzoo.contract.errors.PresetWarning")
def test_what_is_somebody_elses_is_refused_and_kept_on_request(task, tmp_path, layout):
    parts = (task, task.backbone, task.preprocessor, task.preprocessor.tokenizer)
    for number, part in enumerate(parts):
        place = tmp_path / str(number)
        place.mkdir()
        (place / "thesis.tex").write_text("precious")
        with pytest.raises(SavingError, match=r"thesis.tex, and no preset"):
            part.save_to_preset(place, layout)
        assert os.listdir(place) == ["thesis.tex"]
        part.save_to_preset(place, layout, overwrite=True)
        part.save_to_preset(place, layout)
        assert (place / "thesis.tex").read_text() == "precious"


@pytest.mark.parametrize("layout", ["keras", "transformers"])
@pytest.mark.filterwarnings("ignore::mlmzoo.contract.errors.PresetWarning")
def test_parts_saved_one_after_the_other_are_a_preset(task, tmp_path, layout):
    task.preprocessor.save_to_preset(tmp_path / "parts", layout)
    task.backbone.save_to_preset(tmp_path / "parts", layout)
    assert Tokenizer.from_preset(tmp_path / "parts").vocabulary_size()
    assert Backbone.from_preset(tmp_path / "parts").load_report.missing == ()
    task.preprocessor.tokenizer.save_to_preset(tmp_path / "parts", layout)
    assert MaskedLM.from_preset(tmp_path / "parts").head_state == "random"


def test_weights_that_are_not_finite_are_named_and_written_on_request_only(task, tmp_path):
    variable = task.backbone.weights[0]
    variable.assign(variable * np.nan)
    task.head_state = "trained"
    for part in (task, task.backbone):
        place = tmp_path / part.name
        with pytest.raises(WeightsError, match=rf"{variable.path}.*allow_non_finite=True"):
            part.save_to_preset(place)
        assert os.listdir(tmp_path) == []
        part.save_to_preset(place, allow_non_finite=True)
        with pytest.warns(
            PresetWarning, match=f"NaN or infinite values in {variable.path}"
        ) as told:
            loaded = type(part).from_preset(place)
        assert [warning.filename for warning in told] == [__file__]
        assert variable.path in str(loaded.load_report)
        place.rename(tmp_path.with_name(f"{tmp_path.name}-{part.name}"))


def test_saving_during_training_writes_no_optimizer_and_changes_nothing(
    make, texts, eagerly, tmp_path
):
    def trained(*callbacks):
        task = make(compiled=True)
        task.compile(optimizer=keras.optimizers.Adam(1e-2), **eagerly)
        task.fit(texts, batch_size=4, epochs=2, verbose=0, callbacks=callbacks)
        return task

    places = []

    def save(epoch, logs):
        place = tmp_path / str(epoch)
        saved.model.save_to_preset(place / "keras")
        saved.model.save_to_preset(place / "transformers", layout="transformers")
        places.append(place)

    saved = keras.callbacks.LambdaCallback(on_epoch_end=save)
    with_saving, without = trained(saved), trained()
    for one, other in ((with_saving, without), (with_saving.optimizer, without.optimizer)):
        for mine, theirs in zip(values(one), values(other), strict=True):
            np.testing.assert_array_equal(mine, theirs)

    fresh = make(compiled=True, head_state="trained")
    fresh.save_to_preset(tmp_path / "fresh" / "keras")
    fresh.save_to_preset(tmp_path / "fresh" / "transformers", layout="transformers")
    for place in places:
        assert tree(place).keys() == tree(tmp_path / "fresh").keys()
        for name in ("model.weights.h5", "task.weights.h5"):
            assert datasets(place / "keras" / name) == datasets(tmp_path / "fresh" / "keras" / name)
        weights = "transformers/model.safetensors"
        size = (tmp_path / "fresh" / weights).stat().st_size
        assert (place / weights).stat().st_size == size
    assert tree(places[0])["keras/model.weights.h5"] != tree(places[1])["keras/model.weights.h5"]


def test_pre_training_looks_at_its_place_before_it_begins(tmp_path, monkeypatch):
    monkeypatch.setattr(pretraining, "read_lines", lambda paths: pytest.fail("it began"))
    (tmp_path / "thesis.tex").write_text("precious")
    recipe = {"family": "toy", "tokenizer": {"vocabulary_size": 60}, "backbone": {}}
    with pytest.raises(SavingError, match=r"thesis.tex, and no preset"):
        pretraining.train_from_scratch(recipe, "nowhere.txt", tmp_path)


def test_a_record_that_makes_no_card_replaces_nothing(tmp_path):
    for name in ("training.json", "README.md"):
        (tmp_path / name).write_text("old")
    with pytest.raises(KeyError):
        write_model_card(tmp_path, {"recipe": {}})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "training.json": "old",
        "README.md": "old",
    }


def test_only_a_whole_task_beside_a_checkpoint_of_transformers_has_a_card(task, tmp_path):
    parts = (task, task.backbone, task.preprocessor, task.preprocessor.tokenizer)
    for layout in ("keras", "transformers"):
        for number, part in enumerate(parts):
            place = tmp_path / layout / str(number)
            part.save_to_preset(place, layout)
            assert (place / "README.md").exists() == (part is task and layout == "transformers")
    card = (tmp_path / "transformers/0/README.md").read_text("utf-8")
    mask, parameters = task.preprocessor.tokenizer.mask_token, task.count_params()
    assert f"A text with a {mask} in it" not in card, "the head is random"
    assert f"| parameters | {parameters:,} |" in card
    assert f"| of these, backbone | {task.backbone.count_params():,} |" in card


def test_facts_that_cannot_be_stated_are_refused_before_anything_is_written(task, tmp_path):
    for layout, card in (("transformers", {"licence": "mit"}), ("keras", {"license": "mit"})):
        with pytest.raises(InputError, match="card="):
            task.save_to_preset(tmp_path / "out", layout, card=card)
    assert os.listdir(tmp_path) == []
