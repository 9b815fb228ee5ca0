"""In every installed family: weights about to be loaded are not first drawn at random."""

import keras
import pytest

import mlmzoo
from mlmzoo.plugins import registry
from mlmzoo.testing import tiny_task


@pytest.mark.parametrize("name", sorted(registry().families))
def test_from_preset_draws_no_random_value(name, tmp_path, monkeypatch):
    task = tiny_task(registry().family(name), head_state="trained")
    task.save_to_preset(tmp_path / "preset", layout="transformers")

    def refuse(self, *args, **kwargs):
        raise AssertionError(f"{type(self).__name__} drew random values")

    random = keras.initializers.TruncatedNormal.__mro__[1]
    kinds = [k for k in vars(keras.initializers).values() if isinstance(k, type)]
    drawing = [k for k in kinds if issubclass(k, random) and "__call__" in vars(k)]
    assert len(drawing) > 4
    for kind in drawing:
        monkeypatch.setattr(kind, "__call__", refuse)
    task = mlmzoo.MaskedLM.from_preset(tmp_path / "preset")
    assert not task.optimizer.built  # nor are slots made for an optimizer nobody may need
    with pytest.raises(AssertionError, match="drew random values"):
        mlmzoo.MaskedLM.from_preset(tmp_path / "preset", load_weights=False)
