"""What can be said of exporting without an export."""

import pytest

from mlmzoo.errors import RandomHeadError
from mlmzoo.presets.staging import staged
from mlmzoo.tasks.exporting import _stale


def test_an_export_takes_the_place_of_another_without_a_trace(tmp_path):
    place = tmp_path / "exported"
    for name in ("saved_model/assets", "saved_model/variables", "mine"):
        (place / name).mkdir(parents=True)
    for name in ("saved_model/variables/data", "vocab.txt", "mlmzoo_export.json", "notes.txt"):
        (place / name).write_text("old")
    with staged(place, _stale(place)) as new:
        (new / "model.onnx").write_text("new")
        (new / "mlmzoo_export.json").write_text("new")
    found = {path.name for path in place.rglob("*")}
    assert found == {"mine", "notes.txt", "model.onnx", "mlmzoo_export.json"}


def test_a_head_that_was_never_trained_is_not_exported(task, tmp_path):
    with pytest.raises(RandomHeadError, match="An export was asked for of a masked-LM head"):
        task.export(tmp_path / "exported")
    assert not (tmp_path / "exported").exists()
