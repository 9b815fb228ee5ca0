"""A real encoder without a masked-LM head becomes a masked language model of other text."""

import keras
import pytest

from mlmzoo.errors import PresetWarning, RandomHeadError
from mlmzoo.models import BertMaskedLM

pytestmark = pytest.mark.interop

TEXT = "And the LORD [MASK] unto Moses, saying,"


def test_fine_tuning_minilm_lowers_the_held_out_loss(minilm, corpus):
    keras.utils.set_random_seed(1)
    with pytest.warns(PresetWarning, match="no trained masked-LM head"):
        task = BertMaskedLM.from_preset(minilm, sequence_length=64, seed=1)
    assert task.head_state == "random"
    with pytest.raises(RandomHeadError, match="never trained"):
        task.fill_mask(TEXT)

    short = [line for line in corpus if 50 < len(line) < 80]  # so that it takes seconds
    lines = short[:: len(short) // 300][:300]  # from all over the book
    training, held_out = lines[:256], lines[256:]
    options = {"batch_size": 32, "verbose": 0}
    task.compile(optimizer=keras.optimizers.Adam(5e-4))
    before = task.evaluate(held_out, return_dict=True, **options)
    history = task.fit(training, epochs=3, validation_data=held_out, **options).history
    after = {key[4:]: value[-1] for key, value in history.items() if key.startswith("val_")}
    print(f"held-out loss {before['loss']:.3f} before, {after['loss']:.3f} after")

    # Guessing any of 30,522 tokens at random costs 10.3.
    assert before["loss"] == pytest.approx(10.3, abs=1)
    assert after["loss"] < before["loss"] - 1
    assert after["sparse_categorical_accuracy"] > before["sparse_categorical_accuracy"]
    assert task.head_state == "trained"
    assert len(task.fill_mask(TEXT).masks[0].candidates) == 5
