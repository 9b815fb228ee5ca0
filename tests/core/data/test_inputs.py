import gzip
import importlib
import itertools
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from mlmzoo.contract.errors import InputError
from mlmzoo.data.inputs import Texts, Tokenised, open_texts, read_texts

TEXTS = ["one", "two", "zwölf"]
PAIRS = [("one", "two"), ("three", "four")]


def test_lists_arrays_and_bytes_are_texts():
    for given in (
        TEXTS,
        np.array(TEXTS),
        np.array(TEXTS, dtype=object),
        np.char.encode(np.array(TEXTS), "utf-8"),
        [text.encode() for text in TEXTS],
        [np.str_(text) for text in TEXTS],
        {"text": TEXTS},
    ):
        found = read_texts(given)
        assert (found.first, found.second, found.weights, found.batch_size) == (
            TEXTS,
            None,
            None,
            None,
        )
        assert {type(text) for text in found.first} == {str}


def test_a_pandas_series_is_texts():
    pandas = pytest.importorskip("pandas")
    assert read_texts(pandas.Series(TEXTS, index=[7, 8, 9])).first == TEXTS
    with pytest.raises(InputError, match=r"at index 1.*dropna"):
        read_texts(pandas.Series(["one", None]))
    with pytest.raises(InputError, match=r"one column.*data\['text'\]"):
        read_texts(pandas.DataFrame({"text": TEXTS}))


def test_pairs_come_as_keras_hub_and_as_hugging_face_write_them():
    for given in (
        PAIRS,
        np.array(PAIRS),
        (["one", "three"], ["two", "four"]),
        (np.array(["one", "three"]), ("two", "four")),
    ):
        found = read_texts(given)
        assert (found.first, found.second) == (["one", "three"], ["two", "four"])


def test_a_tuple_of_str_is_an_error_that_shows_both_spellings():
    with pytest.raises(InputError) as error:
        read_texts(("one", "two"))
    assert "['text one', 'text two']" in str(error.value)
    assert "(['first', …], ['second', …])" in str(error.value)
    assert "[('first', 'second'), …]" in str(error.value)


def backend(name):
    """The module of that name, where it is the backend: others are not imported for a test."""
    if keras.backend.backend() != name:
        pytest.skip(f"{name} is not the backend")
    return importlib.import_module(name)


# Files --------------------------------------------------------------------------------------------


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "b.txt").write_text("drei\r\n\n   \nvier\n", encoding="utf-8")
    (tmp_path / "a.txt").write_text("\ufeffone\ntwo", encoding="utf-8")
    (tmp_path / "sub").mkdir()
    with gzip.open(tmp_path / "sub" / "c.txt.gz", "wt", encoding="utf-8") as file:
        file.write("fünf\u2028same line\n")
    return tmp_path


def test_a_path_is_a_file_of_one_text_a_line(corpus):
    assert read_texts(str(corpus / "b.txt")).first == ["drei", "vier"]
    assert read_texts(corpus / "a.txt").first == ["one", "two"]
    assert read_texts(corpus / "sub" / "c.txt.gz").first == ["fünf\u2028same line"]


def test_a_glob_reads_its_files_in_order(corpus):
    assert read_texts(str(corpus / "*.txt")).first == ["one", "two", "drei", "vier"]
    assert read_texts(str(corpus / "**" / "*.gz")).first == ["fünf\u2028same line"]


def test_a_list_of_paths_reads_all_of_them(corpus):
    assert read_texts([corpus / "b.txt", corpus / "a.txt"]).first == ["drei", "vier", "one", "two"]
    with pytest.raises(InputError, match="at index 1"):
        read_texts([corpus / "b.txt", "one"])


def test_a_name_with_brackets_is_found_before_it_is_a_pattern(tmp_path):
    (tmp_path / "notes[1].txt").write_text("one\n")
    assert read_texts(tmp_path / "notes[1].txt").first == ["one"]


def test_no_match_says_what_a_str_means(tmp_path):
    with pytest.raises(InputError, match=r"no file matches.*path or glob.*\[text\]"):
        read_texts("In the beginning " * 20)
    with pytest.raises(InputError, match=r"found a directory.*\*\.txt"):
        read_texts(tmp_path)


def test_empty_and_undecodable_files_are_refused(tmp_path):
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "latin.txt").write_bytes("zwölf".encode("latin-1"))
    (tmp_path / "not.txt.gz").write_bytes(b"plain")
    with pytest.raises(InputError, match="every line"):
        read_texts(tmp_path / "empty.txt")
    with pytest.raises(InputError, match=r"latin.txt.*UTF-8"):
        read_texts(tmp_path / "latin.txt")
    with pytest.raises(InputError, match=r"not.txt.gz"):
        read_texts(tmp_path / "not.txt.gz")


# Streams ------------------------------------------------------------------------------------------


def test_generators_of_texts_batches_and_pairs():
    assert read_texts(text for text in TEXTS) == Texts(TEXTS)
    assert read_texts(batch for batch in (TEXTS[:2], TEXTS[2:])) == Texts(TEXTS, batch_size=2)
    assert read_texts(pair for pair in PAIRS) == Texts(["one", "three"], ["two", "four"])
    batches = ([(["one", "three"], ["two", "four"])], [PAIRS])
    for batch in batches:
        assert read_texts(iter(batch)) == Texts(["one", "three"], ["two", "four"], batch_size=2)
    assert read_texts(iter([np.array(TEXTS)])).batch_size == 3
    assert read_texts({"text": text, "label": 1} for text in TEXTS) == Texts(TEXTS)


def test_limit_bounds_an_endless_stream_and_pulls_nothing_beyond():
    pulled = []

    def endless(element):
        for number in itertools.count():
            pulled.append(number)
            yield element

    assert len(read_texts(endless(["a", "b"]), limit=3)) == 6
    assert len(pulled) == 3
    pulled.clear()
    assert len(read_texts(endless("a"), limit=3, batch_size=4)) == 12
    assert len(pulled) == 12


def test_a_stream_of_mixed_forms_names_the_first_that_differs():
    with pytest.raises(InputError, match="stream of texts; found batches of texts at index 2"):
        read_texts(iter(["a", "b", ["c"]]))
    with pytest.raises(InputError, match="stream of batches of texts; found batches of pairs"):
        read_texts(iter([["a"], (["b"], ["c"])]))


def test_tokenised_input_goes_to_keras_as_it_is():
    batch = {"token_ids": np.zeros((2, 8), int)}
    y = np.zeros((2, 1))
    for given in (batch, (batch, y)):
        found = open_texts(given)
        assert isinstance(found, Tokenised)
        assert found.x is given


def test_a_generator_of_tokenised_batches_loses_none():
    batches = [({"token_ids": np.full((1, 4), number)}, number) for number in range(3)]
    found = open_texts(batch for batch in batches)
    assert isinstance(found, Tokenised)
    # Keras takes no other kind of iterator.
    assert type(found.x).__name__ == "generator"
    assert [batch[1] for batch in found.x] == [0, 1, 2]


def test_what_is_tokenised_is_refused_where_only_texts_will_do():
    with pytest.raises(InputError, match=r"found dict \{'token_ids': 1\}, which is tokenised"):
        read_texts({"token_ids": 1})


def test_a_re_iterable_of_tokenised_batches_is_handed_on_untouched():
    class Loader:
        def __iter__(self):
            return iter([{"token_ids": np.zeros((1, 4))}])

    loader = Loader()
    assert open_texts(loader).x is loader


def test_endless_py_datasets_need_a_limit():
    class Endless(keras.utils.PyDataset):
        num_batches = None

        def __getitem__(self, index):
            return ["a", "b"]

    with pytest.raises(InputError, match=r"no end.*steps_per_epoch"):
        read_texts(Endless())
    assert len(read_texts(Endless(), limit=2)) == 4


def test_tf_datasets_of_texts_batches_and_pairs():
    tf = backend("tensorflow")
    data = tf.data.Dataset.from_tensor_slices(TEXTS)
    assert read_texts(data) == Texts(TEXTS)
    assert read_texts(data.batch(2)) == Texts(TEXTS, batch_size=2)
    pairs = tf.data.Dataset.from_tensor_slices((["one", "three"], ["two", "four"]))
    assert read_texts(pairs) == Texts(["one", "three"], ["two", "four"])
    assert read_texts(pairs.batch(8)) == Texts(["one", "three"], ["two", "four"], batch_size=2)
    assert read_texts(data.map(lambda text: {"text": text})) == Texts(TEXTS)
    assert read_texts(tf.constant(TEXTS)) == Texts(TEXTS)
    assert len(read_texts(data.batch(2).repeat(), limit=5)) == 8
    with pytest.raises(InputError, match=r"no end.*steps_per_epoch"):
        read_texts(data.repeat())
    with pytest.raises(InputError, match=r"label.*data\.map"):
        read_texts(data.map(lambda text: (text, 1)))
    ids = tf.data.Dataset.from_tensor_slices({"token_ids": [[1, 2]]}).batch(1)
    assert open_texts(ids).x is ids
    with pytest.raises(InputError, match="int"):
        read_texts(tf.data.Dataset.range(3))


def test_data_loaders_of_texts_and_pairs():
    torch = backend("torch")
    loader = torch.utils.data.DataLoader
    assert read_texts(loader(TEXTS, batch_size=2)) == Texts(TEXTS, batch_size=2)
    expected = Texts(["one", "three"], ["two", "four"], batch_size=2)
    assert read_texts(loader(PAIRS, batch_size=2)) == expected
    rows = [{"text": text} for text in TEXTS]
    assert read_texts(loader(rows, batch_size=2)) == Texts(TEXTS, batch_size=2)
    ids = loader([{"token_ids": torch.zeros(4)}])
    assert open_texts(ids).x is ids


def test_hugging_face_datasets_give_their_text_column():
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_dict({"text": TEXTS, "label": [0, 1, 2]})
    assert read_texts(data).first == TEXTS
    assert read_texts(data.to_iterable_dataset()).first == TEXTS
    with pytest.raises(InputError, match=r"\['words'\].*rename_column"):
        read_texts(datasets.Dataset.from_dict({"words": TEXTS}))
    with pytest.raises(InputError, match=r"splits \['train'\].*data\['train'\]"):
        read_texts(datasets.DatasetDict(train=data))


# Errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "empty"),
        (iter([]), "empty"),
        (np.array([], dtype=str), "empty"),
        (([], []), "empty"),
        ((), "0 parts"),
        (["one", None], "NoneType None at index 1.*missing"),
        (["one", float("nan")], "nan at index 1.*missing"),
        (["one", 2], "int 2 at index 1"),
        ([1, 2], "int 1 at index 0.*dict of integer arrays"),
        ([["one"], ["two"]], "index 0.*nested one level too deep"),
        (["one", ("two", "three")], "index 1.*not both"),
        ([("one", "two"), "three"], "str 'three' at index 1.*tuple of two"),
        ([("one", "two", "three")], "index 0.*tuple of two"),
        ([("one", 2)], "second segments.*int 2 at index 0"),
        ((["one"], ["two", "three"]), "1 first and 2 second"),
        ((["one"], 5), "int 5"),
        ((["a"], ["b"], ["c"]), "3 parts"),
        (np.zeros((2, 3)), r"float64, shape \(2, 3\)"),
        (np.array([["a", "b", "c"]]), r"shape \(1, 3\)"),
        (np.array("one"), "str"),
        (7, "int 7"),
        (None, "None"),
        (b"bytes", "bytes"),
        ([b"\xff"], "index 0.*not UTF-8"),
        (iter([3]), "int 3 at index 0"),
        (iter(["a", {"label": 1}]), "dict.*at index 1"),
    ],
)
def test_what_is_no_text_is_refused_with_what_was_found_and_where(given, message):
    with pytest.raises(InputError, match=message):
        found = read_texts(given)
        pytest.fail(f"read as {found}")


def test_sample_weight_is_one_number_a_text():
    assert read_texts(TEXTS, sample_weight=[1, 0, 0.5]).weights.tolist() == [1, 0, 0.5]
    assert read_texts(TEXTS, sample_weight=np.ones(3)).weights.dtype == np.float32
    with pytest.raises(InputError, match=r"3 texts.*shape \(2,\)"):
        read_texts(TEXTS, sample_weight=[1, 2])
    with pytest.raises(InputError, match=r"3 texts.*shape \(3, 1\)"):
        read_texts(TEXTS, sample_weight=[[1], [2], [3]])
    with pytest.raises(InputError, match="nan at index 1"):
        read_texts(TEXTS, sample_weight=[1, float("nan"), 1])
    with pytest.raises(InputError, match=r"-1\.0 at index 2"):
        read_texts(TEXTS, sample_weight=[1, 1, -1])
    with pytest.raises(InputError, match="one number a text"):
        read_texts(TEXTS, sample_weight="heavy")


def test_reading_texts_imports_no_framework():
    source = Path(sys.modules["mlmzoo.data.inputs"].__file__).parents[2]
    code = (
        f"import sys; sys.path.insert(0, {str(source)!r})\n"
        "from mlmzoo.data.inputs import read_texts; read_texts(['a']); read_texts(iter([['a']]))\n"
        "found = {'keras', 'tensorflow', 'torch', 'jax', 'pandas', 'datasets'} & set(sys.modules)\n"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
