"""What is written is read back the same, whatever it is."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("tokenizers")
pytest.importorskip("sentencepiece")

from reader_targets import BertLike, RobertaLike, tokenizers

from mlmzoo.kit.tokenizers import BERT_SPECIAL_TOKENS
from mlmzoo.kit.tokenizers.byte_level_bpe import byte_of
from mlmzoo.presets.sources.local import LocalFiles
from mlmzoo.presets.tensors.hdf5 import HDF5File
from mlmzoo.presets.tensors.safetensors import SafetensorsFile
from mlmzoo.presets.writer import Entry, write_hdf5, write_safetensors

pytestmark = pytest.mark.slow  # no backend takes part

NAMES = st.text(
    st.characters(categories=["L", "N", "P"], exclude_characters="/."), min_size=1, max_size=12
)
ARRAYS = st.lists(st.integers(0, 4), max_size=3).map(
    lambda shape: np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape) - 3.5
)
TEXTS = st.lists(st.text(max_size=30), min_size=1, max_size=3)
LAYOUTS = pytest.mark.parametrize("layout", ["keras", "transformers"])


@pytest.fixture(scope="module")
def directory():
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


@pytest.mark.parametrize(
    ("write", "reader"), [(write_safetensors, SafetensorsFile), (write_hdf5, HDF5File)]
)
@given(arrays=st.dictionaries(NAMES, ARRAYS, max_size=4))
def test_tensors_come_back_as_they_were_written(write, reader, arrays, directory):
    path = directory / "weights"
    path.unlink(missing_ok=True)
    write(path, [Entry(f"{n}/0", a.shape, lambda a=a: a) for n, a in arrays.items()])
    with reader(path) as tensors:
        assert tensors.names() == {f"{name}/0" for name in arrays}
        for name, array in arrays.items():
            np.testing.assert_array_equal(tensors.read(f"{name}/0"), array)
            if array.ndim:
                rows = tensors.read(f"{name}/0", 1, 3)
                np.testing.assert_array_equal(rows, array[1:3])


@LAYOUTS
@given(
    words=st.lists(
        st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=8),
        unique=True,
        max_size=20,
    ),
    lowercase=st.booleans(),
    texts=TEXTS,
)
def test_any_words_come_back(layout, words, lowercase, texts, directory):
    specials = list(BERT_SPECIAL_TOKENS.values())
    words = [word for word in words if word not in specials]
    same(BertLike([*specials, *words], lowercase=lowercase), layout, [*texts, *words], directory)


@LAYOUTS
@given(data=st.data(), prefix=st.booleans(), texts=TEXTS)
def test_any_merges_come_back(layout, data, prefix, texts, directory):
    pieces = list(byte_of())
    merges = []
    for _ in range(data.draw(st.integers(0, 10))):
        pair = data.draw(st.tuples(st.sampled_from(pieces), st.sampled_from(pieces)))
        if "".join(pair) not in pieces:
            merges.append(pair)
            pieces.append("".join(pair))
    vocabulary = [*RobertaLike.special_tokens.values(), *pieces]
    tokenizer = RobertaLike(vocabulary, merges, add_prefix_space=prefix)
    rows = same(tokenizer, layout, texts, directory)
    assert [text.removeprefix(" ") for text in map(tokenizer.detokenize, rows)] == [
        text.removeprefix(" ") for text in texts
    ]


@LAYOUTS
@pytest.mark.parametrize("name", ["unigram", "shifted"])
@given(texts=TEXTS)
def test_pieces_come_back(layout, name, texts, directory):
    same(tokenizers()[name], layout, texts, directory)


def same(tokenizer, layout, texts, directory):
    """Writes and reads a tokenizer; the rows of ids that both give."""
    tokenizer.write_files(directory, layout)
    config = {**tokenizer.keras_config(), **tokenizer.extras()} if layout == "keras" else None
    read = type(tokenizer).from_files(LocalFiles(directory, "it"), layout, config)
    assert read.get_config() == tokenizer.get_config()
    for specials in ("none", "mask", "all"):
        rows = tokenizer.encode(texts, specials)
        assert read.encode(texts, specials) == rows
    return tokenizer.encode(texts)
