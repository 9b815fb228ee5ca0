"""Pictures of attention."""

import numpy as np
import pytest

from mlmzoo.contract.errors import InputError
from mlmzoo.inference.attention_map import AttentionMap

pyplot = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _closed():
    yield
    pyplot.close("all")


def of(*tokens):
    length = len(tokens)
    weights = np.full((2, 3, length, length), 1 / length, "float32")
    return AttentionMap(tokens, weights)


def labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def test_a_picture_labels_every_token_and_says_what_it_shows(tmp_path):
    axes = of("[CLS]", "jesus", "[SEP]").plot(layer=-2, head=1)
    assert labels(axes.xaxis) == labels(axes.yaxis) == ["[CLS]", "jesus", "[SEP]"]
    assert axes.get_title() == "layer 0, head 1"
    axes.figure.savefig(tmp_path / "attention.png")
    assert (tmp_path / "attention.png").stat().st_size > 0


def test_a_long_text_makes_no_larger_picture_and_fewer_labels():
    axes = of(*map(str, range(512))).plot()
    assert max(axes.figure.get_size_inches()) <= 16
    assert labels(axes.xaxis) == labels(axes.yaxis) == [str(n) for n in range(0, 512, 4)]
    assert len(labels(of(*map(str, range(128))).plot().xaxis)) == 128


def test_tokens_are_no_formulas(tmp_path):
    axes = of("$\\frac{$", "a_b", "$x^$").plot()
    axes.figure.savefig(tmp_path / "attention.svg")
    assert labels(axes.xaxis) == labels(axes.yaxis) == ["$\\frac{$", "a_b", "$x^$"]


def test_pictures_are_those_a_notebook_shows_and_are_drawn_where_asked():
    axes = of("a").plot()
    assert pyplot.get_fignums() == [axes.figure.number]
    assert of("b").plot(axes=axes) is axes
    assert pyplot.get_fignums() == [axes.figure.number]


@pytest.mark.parametrize("given", [{"layer": 1.5}, {"layer": 2}, {"layer": True}, {"layer": None}])
def test_a_layer_that_is_none_is_refused(given):
    with pytest.raises(InputError, match="There are 2 layers and 3 heads"):
        of("a").plot(**given)


@pytest.mark.parametrize("given", [{"head": 3}, {"head": "all"}, {"head": False}])
def test_a_head_that_is_none_is_refused(given):
    with pytest.raises(InputError, match="There are 2 layers and 3 heads"):
        of("a").plot(**given)


def test_maps_are_compared_by_identity():
    one, other = of("a"), of("a")
    assert one != other and len({one, other}) == 2
