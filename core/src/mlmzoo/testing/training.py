"""Promises about the main job: raw text goes in everywhere, and training makes the head answer."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mlmzoo.contract.errors import InputError, NoMaskError, RandomHeadError
from mlmzoo.contract.records import Family
from mlmzoo.tasks.masked_lm import MaskedLM
from mlmzoo.tasks.seeding import set_seed
from mlmzoo.testing.promises import EAGER, Promises
from mlmzoo.testing.tiny import CORPUS


class TrainingPromises(Promises):
    """Training, evaluation and answers from raw text."""

    def test_fit_evaluate_predict_fill_mask(self, task: MaskedLM) -> None:
        """Raw text goes in everywhere, and training makes the head answer.

        Troubleshooting: see the traceback; the smaller tests narrow it down.
        """
        task.compile()
        with pytest.raises(RandomHeadError):
            task.fill_mask(self.masked(task))
        history = task.fit(list(CORPUS), batch_size=4, verbose=0)
        assert np.isfinite(history.history["loss"][0])
        assert task.head_state == "trained"
        first = task.evaluate(list(CORPUS), batch_size=3, return_dict=True, verbose=0)
        second = task.evaluate(list(CORPUS), batch_size=8, return_dict=True, verbose=0)
        for name in ("loss", "sparse_categorical_accuracy"):
            assert first[name] == pytest.approx(second[name], abs=1e-5)
        (logits,) = task.predict([self.masked(task)], verbose=0)
        assert logits.shape == (1, task.preprocessor.tokenizer.vocabulary_size())
        answer = task.fill_mask(self.masked(task), top_k=3).masks[0].candidates
        assert [c.id for c in answer] == list(np.argsort(-logits[0], kind="stable")[:3])

    def test_the_loss_falls(self, task: MaskedLM) -> None:
        """A few epochs on eight lines lower the loss.

        Troubleshooting: look for a variable that gets no gradient, or labels out of place.
        """
        task.compile(optimizer=keras.optimizers.Adam(1e-2), run_eagerly=EAGER)
        judged = list(CORPUS) * 16  # each line with other masks, of which it has few
        before = task.evaluate(judged, verbose=0, return_dict=True)["loss"]
        task.fit(list(CORPUS), batch_size=8, epochs=24, verbose=0)
        after = task.evaluate(judged, verbose=0, return_dict=True)["loss"]
        assert after < before - 0.3

    def test_the_same_seed_trains_the_same(self, family: Family) -> None:
        """Two runs from one seed end with equal weights.

        Troubleshooting: every random number comes from Keras' seeds or the preprocessor's.
        """
        runs = []
        for _ in range(2):
            set_seed(3)
            task = self.make(family, seed=5)
            task.fit(list(CORPUS), batch_size=4, epochs=1, verbose=0)
            runs.append(task.get_weights())
        for one, other in zip(*runs, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)

    def test_bad_input_is_refused_in_words(self, task: MaskedLM) -> None:
        """What makes no sense raises one of mlmzoo's errors, before anything is computed.

        Troubleshooting: call ``super()`` in a method you override, or raise `InputError` yourself.
        """
        tokenizer = task.preprocessor.tokenizer
        task.head_state = "trained"
        with pytest.raises(NoMaskError, match=r"has no "):
            task.fill_mask("And God saw the light.")
        with pytest.raises(InputError, match="found"):
            task.fit([1, 2, 3], verbose=0)
        with pytest.raises(InputError, match="one lone text"):
            tokenizer.encode(CORPUS[0])
        with pytest.raises(InputError, match="Ids of this vocabulary"):
            tokenizer.detokenize([tokenizer.vocabulary_size()])
        with pytest.raises(InputError, match="does not hold"):
            tokenizer.token_to_id("no such token")
        with pytest.raises(InputError, match="leaves no room"):
            type(task.preprocessor)(tokenizer, sequence_length=1)
        with pytest.raises(InputError, match="no_such_layer"):
            task.backbone.enable_lora(2, ("no_such_layer",))
