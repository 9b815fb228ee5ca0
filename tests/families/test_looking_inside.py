"""Every family tells its hidden states; those with attention, who attends to whom."""

import numpy as np
import pytest

from mlmzoo.errors import InputError
from mlmzoo.plugins import registry
from mlmzoo.testing import tiny_task

FAMILIES = sorted(registry().families)


@pytest.fixture(scope="module", params=FAMILIES)
def task(request):
    return tiny_task(registry().family(request.param))


def test_hidden_states_are_told_from_the_embeddings_to_the_sequence_output(task):
    text = " ".join(task.preprocessor.tokenizer.get_vocabulary()[8:12])
    states = task.hidden_states(text)
    assert len(states) == task.backbone.num_layers + 1
    np.testing.assert_allclose(states[-1].mean(axis=0), task.embed(text), atol=1e-4)


def test_attention_is_told_and_sums_to_one(task):
    text = " ".join(task.preprocessor.tokenizer.get_vocabulary()[8:12])
    if not hasattr(task.backbone, "num_heads"):
        with pytest.raises(InputError, match="have none to show"):
            task.attentions(text)
        return
    attention = task.attentions(text)
    length = len(attention.tokens)
    shape = (task.backbone.num_layers, task.backbone.num_heads, length, length)
    assert attention.weights.shape == shape
    np.testing.assert_allclose(attention.weights.sum(axis=-1), 1, atol=1e-5)
