"""The forms in which text is given."""

import numpy as np
import pytest

from mlmzoo.contract.errors import InputError
from mlmzoo.kit.tokenizers.texts import read_texts

TEXTS = ["light", "café"]


@pytest.mark.parametrize(
    "given",
    [
        TEXTS,
        tuple(TEXTS),
        [text.encode() for text in TEXTS],
        np.array(TEXTS),
        np.array(TEXTS, object),
        np.array([text.encode() for text in TEXTS], object),
        [np.str_(text) for text in TEXTS],
    ],
)
def test_many_texts(given):
    texts, batched = read_texts(given)
    assert texts == TEXTS
    assert [type(text) for text in texts] == [str, str]
    assert batched


@pytest.mark.parametrize("given", ["café", "café".encode(), np.array("café"), np.str_("café")])
def test_one_text(given):
    assert read_texts(given) == (["café"], False)


def test_series_and_tensors():
    pandas = pytest.importorskip("pandas")
    assert read_texts(pandas.Series(TEXTS)) == (TEXTS, True)


def test_eager_tensorflow_strings():
    tf = pytest.importorskip("tensorflow")
    assert read_texts(tf.constant(TEXTS)) == (TEXTS, True)
    assert read_texts(tf.constant("café")) == (["café"], False)
    assert read_texts([tf.constant("café")]) == (["café"], True)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (None, "None of type NoneType"),
        (5, "5 of type int"),
        ([1, 2], "Text number 0 is 1 of type int"),
        (["light", None], "Text number 1 is None"),
        ([["light"], ["day"]], r"Text number 0 is \['light'\] of type list"),
        (np.array([["light"]]), r"shape \(1, 1\)"),
        (np.array([1.0]), "of type float"),
        ({"text": "light"}, "of type dict"),
        ([b"ok", b"caf\xe9"], "Text number 1 was given as bytes that are not UTF-8"),
        (b"caf\xe9", "The text was given as bytes that are not UTF-8"),
    ],
)
def test_anything_else_is_refused_with_what_was_found(given, found):
    with pytest.raises(InputError, match=found):
        read_texts(given)
