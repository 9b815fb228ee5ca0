"""Promises about the backbone: what it computes depends on the text alone."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from mlmzoo.tasks.masked_lm import MaskedLM
from mlmzoo.testing.asking import hidden_states, logits, rows
from mlmzoo.testing.promises import TOLERANCE, Promises
from mlmzoo.testing.tiny import CORPUS


class EncodingPromises(Promises):
    """Config, lengths, padding and packing leave a text's answers alone."""

    def test_config_round_trip(self, task: MaskedLM) -> None:
        """A model made from another's config has the same config and computes the same.

        Troubleshooting: every constructor argument belongs into `settings`.
        """
        arguments = inspect.signature(type(task.backbone)).parameters.values()
        named = {p.name for p in arguments if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        assert named - {"dtype", "name"} <= task.backbone.settings.keys()
        twin = type(task).from_config(task.get_config())
        assert twin.get_config() == task.get_config()
        twin.set_weights(task.get_weights())
        np.testing.assert_allclose(logits(twin), logits(task), atol=TOLERANCE)

    def test_any_length_up_to_the_limit(self, task: MaskedLM) -> None:
        """Rows of several lengths go through one model.

        Troubleshooting: read lengths with `keras.ops.shape`, not from the constructor.
        """
        dim = task.backbone.output["sequence_output"].shape[-1]
        for length in (3, 8, 17):
            found = hidden_states(task, rows(task, CORPUS[:2], length))
            assert found.shape == (2, length, dim)

    def test_padding_leaves_answers_alone(self, task: MaskedLM) -> None:
        """More padding changes nothing for real tokens; or the family pads to one length always.

        Troubleshooting: hide positions where ``padding_mask`` is 0 from every token's attention. A
        backbone that takes no ``padding_mask`` has ``batching = "fixed"`` in its preprocessor.
        """
        if "padding_mask" not in task.backbone.input:
            assert task.preprocessor.batching == "fixed"
            pytest.skip("declared: batching = 'fixed', answers depend on the padding")
        few, many = (rows(task, CORPUS[:3], length) for length in (18, 24))
        real = few["padding_mask"].astype(bool)
        short, long = hidden_states(task, few), hidden_states(task, many)
        np.testing.assert_allclose(short[real], long[:, :18][real], atol=TOLERANCE)

    def test_texts_of_one_row_leave_each_other_alone(self, task: MaskedLM) -> None:
        """Several texts packed into one row give what each gives in a row of its own.

        Troubleshooting: ``padding_mask`` holds the number of the text (1, 2, …), or 0 for padding.
        Take who attends to whom from `mlmzoo.kit.layers.visible_tokens`, and positions, where
        they are absolute, from `positions_in_text`. A family that cannot does not say
        ``batching = "packed"`` in its preprocessor.
        """
        if task.preprocessor.batching != "packed":
            pytest.skip(f"declared: batching = {task.preprocessor.batching!r}, a text a row")
        each = rows(task, CORPUS[:3], 14)
        real = each["padding_mask"].astype(bool)
        alone = hidden_states(task, each)[real]
        numbers = each["padding_mask"] * np.arange(1, len(real) + 1)[:, None]
        each["padding_mask"] = numbers.astype("int32")
        padding = np.zeros((1, 4), "int32")
        packed = {name: np.append(x[real][None], padding, 1) for name, x in each.items()}
        together = hidden_states(task, packed)[0, : real.sum()]
        np.testing.assert_allclose(together, alone, atol=TOLERANCE)
