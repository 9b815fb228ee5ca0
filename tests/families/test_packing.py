"""Every family with an attention mask packs texts, and says so."""

import pytest

from mlmzoo.plugins import registry
from mlmzoo.testing import tiny_task


@pytest.mark.parametrize("family", registry().families.values(), ids=lambda family: family.name)
def test_a_family_packs_if_it_has_an_attention_mask(family):
    task = tiny_task(family)
    masked = "padding_mask" in task.backbone.input
    assert task.preprocessor.batching == ("packed" if masked else "fixed")
