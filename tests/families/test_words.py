"""Every family can mask whole words and spans: its tokenizer says where words begin."""

import numpy as np
import pytest

from mlmzoo.data.inputs import Texts
from mlmzoo.plugins import registry
from mlmzoo.testing import tiny_tokenizer
from mlmzoo.testing.tiny import CORPUS


@pytest.mark.parametrize("name", list(registry().families))
@pytest.mark.parametrize("masking", ["whole_word", "span"])
def test_its_preprocessor_masks_words(name, masking):
    family = registry().family(name)
    tokenizer = tiny_tokenizer(family)
    preprocessor = registry().load(family.preprocessor)(
        tokenizer, sequence_length=64, masking=masking, seed=1
    )
    rows = preprocessor.rows(Texts(list(CORPUS)))
    text = CORPUS[0]
    words = rows.words[: rows.offsets[1]].sum() - 2  # the two special tokens stand alone
    assert len(text.split()) <= words < len(rows.ids)
    _, labels, weights = preprocessor(list(CORPUS))
    assert (weights.sum(axis=1) > 0).all()
    assert not np.isin(labels[weights > 0], tokenizer.special_token_ids).any()
