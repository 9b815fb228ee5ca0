"""Promises about presets and files: what was saved comes back, and others read it too."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlmzoo.contract.errors import PresetWarning, RandomHeadError
from mlmzoo.contract.records import Family
from mlmzoo.kit.tokenizers.base import TokenizerBase
from mlmzoo.plugins import registry
from mlmzoo.tasks.masked_lm import MaskedLM
from mlmzoo.tasks.saving import load_model
from mlmzoo.testing.asking import logits, randomise, rows
from mlmzoo.testing.promises import TOLERANCE, Promises
from mlmzoo.testing.tiny import CORPUS

REFERENCE_TOLERANCE = 1e-4
"""Of logits that two libraries compute."""


class StoringPromises(Promises):
    """Both layouts and ``.keras`` files hold all of a model; the reference computes the same."""

    def test_save_and_load_in_the_keras_layout(
        self, family: Family, task: MaskedLM, tmp_path: Path
    ) -> None:
        """A preset in KerasHub's format comes back with equal weights, tokens and head state.

        Troubleshooting: a row of the weight table names the wrong variable or shape. A family
        without `serialized_names` has not this layout.
        """
        if not family.serialized_names:
            pytest.skip("declared: no serialized_names, so no keras layout")
        _assert_round_trip(task, "keras", tmp_path)

    def test_save_and_load_in_the_transformers_layout(
        self, family: Family, task: MaskedLM, tmp_path: Path
    ) -> None:
        """A checkpoint for transformers comes back with equal weights, tokens and head state.

        Troubleshooting: a row of the weight table names the wrong variable or shape; a setting is
        missing from it. A family without `model_types` has not this layout.
        """
        if not family.model_types:
            pytest.skip("declared: no model_types, so no transformers layout")
        _assert_round_trip(task, "transformers", tmp_path)

    def test_added_tokens_are_saved(self, family: Family, task: MaskedLM, tmp_path: Path) -> None:
        """A model with more tokens comes back with them, in each layout that the family has.

        Troubleshooting: the backbone has to take `vocabulary_size`; a tokenizer of your own has to
        give `_additions` and `_enlarged`, or this is skipped.
        """
        tokenizer = task.preprocessor.tokenizer
        if type(tokenizer)._additions is TokenizerBase._additions:
            pytest.skip("declared: the tokenizer takes no further tokens")
        (id,) = task.add_tokens(["myocarditis"]).values()
        assert id in task.preprocessor.tokenizer("the myocarditis of")
        if family.serialized_names:
            _assert_round_trip(task, "keras", tmp_path / "keras")
        if family.model_types:
            _assert_round_trip(task, "transformers", tmp_path / "transformers")

    def test_outputs_equal_those_of_the_reference(self, family: Family, tmp_path: Path) -> None:
        """A checkpoint written here gives the same logits in another implementation.

        Troubleshooting: set `reference_class`, or override `reference`; without one this is
        skipped. If all else passes, two rows of the weight table are exchanged, or the numerics
        differ: activation, epsilons, where a normalisation stands.
        """
        head = _head_numerics(family)
        task = self.make(family, head_state="trained", **head)
        randomise(task)
        if family.model_types:
            with warnings.catch_warnings():
                # What the layout cannot express, the reference computes differently.
                warnings.simplefilter("error", PresetWarning)
                task.save_to_preset(tmp_path, layout="transformers")
        reference = self.reference(tmp_path)
        if reference is None:
            return pytest.skip("declared: no reference")
        inputs = rows(task, CORPUS[:4], 20)
        every = np.tile(np.arange(20, dtype="int32"), (4, 1))
        found = logits(task, {**inputs, "mask_positions": every})
        wanted = reference({name: inputs[name] for name in task.backbone.input})
        assert np.ptp(wanted) > 0.1, "outputs that hardly differ prove nothing"
        real = inputs["padding_mask"].astype(bool)
        np.testing.assert_allclose(found[real], wanted[real], rtol=0, atol=REFERENCE_TOLERANCE)

    def test_a_random_head_stays_random_and_refuses(self, task: MaskedLM, tmp_path: Path) -> None:
        """A head that was never trained still refuses after saving and loading.

        Troubleshooting: let `MaskedLM` keep `head_state`; do not set it in the constructor.
        """
        task.save(tmp_path / "task.keras")
        with pytest.raises(RandomHeadError):
            load_model(tmp_path / "task.keras").fill_mask(self.masked(task))

    def test_keras_file_round_trip(self, task: MaskedLM, tmp_path: Path) -> None:
        """A ``.keras`` file holds model, tokenizer, preprocessor and head state.

        Troubleshooting: `get_config` must return plain JSON values.
        """
        task.head_state = "trained"
        task.save(tmp_path / "task.keras")
        twin = load_model(tmp_path / "task.keras")
        assert twin.head_state == "trained"
        assert twin.fill_mask(self.masked(task)) == task.fill_mask(self.masked(task))


def _assert_round_trip(task: Any, layout: str, directory: Path) -> None:
    randomise(task)
    task.head_state = "trained"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        task.save_to_preset(directory / "preset", layout=layout)
    twin = MaskedLM.from_preset(directory / "preset")
    assert type(twin) is type(task)
    assert twin.head_state == "trained"
    assert twin.load_report.missing == ()
    assert twin.load_report.unexpected == ()
    for one, other in zip(twin.get_weights(), task.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(logits(twin), logits(task), rtol=1e-5, atol=TOLERANCE)
    for text in CORPUS:
        np.testing.assert_array_equal(
            twin.preprocessor.tokenizer(text), task.preprocessor.tokenizer(text)
        )


def _head_numerics(family: Family) -> dict[str, Any]:
    """Those of the preset that the tiny model is made from."""
    preset = next(iter(registry().presets(family.name).values()), None)
    return {f"head_{name}": value for name, value in preset.head.items()} if preset else {}
