"""Bad texts: what is taken, and what is refused wherever texts are given."""

import copy
import itertools

import numpy as np
import pytest

from mlmzoo.errors import InputError, NoMaskError

row = pytest.mark.row


def place(index):
    return rf"(index {index}|element {index})"


@row("no texts: an empty list, tuple, array, dict, stream or file", "error")
@pytest.mark.parametrize(
    "make_empty",
    [list, tuple, lambda: np.array([], object), dict, lambda: iter([]), lambda: ([], [])],
)
def test_no_texts_are_refused(refused, make_empty):
    refused(make_empty, "found none|found 0 parts|expected and tokenised|tokenised|without")


@row("no texts: an empty list, tuple, array, dict, stream or file", "error")
def test_an_empty_file_is_refused(refused, many, tmp_path):
    (tmp_path / "empty.txt").write_text(" \n\n")
    refused(str(tmp_path / "empty.txt"), "every line of what was found is empty", many)


@row("empty texts, or texts of whitespace, among others", "taken")
def test_empty_texts_do_not_move_the_numbers(still, texts, evaluated):
    blank = ["", " \t\u2003\n", "\u00a0"]
    alone = evaluated(texts[:4], batch_size=2)
    # At the end, since masks depend on the place in the data; in batches of their own, too.
    for batching in ("length", "packed", "fixed"):
        found = evaluated([*texts[:4], *blank], batch_size=2, batching=batching)
        assert found == pytest.approx(alone, abs=1e-5)
    history = still.fit([*blank, *texts[:4]], batch_size=1, batching="length", verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert [len(logits) for logits in still.predict(["", "in <mask>"])] == [0, 1]


NOTHING = {
    "empty": ["", ""],
    "special": ["<s> </s> <pad>", "<unk>"],
    "unknown": ["☃ ☃", "\U0010ffff", "\0"],
    "pairs": [("", ""), ("", "☃")],
}
NOWHERE = (
    "texts none of which has a token to mask: all are empty, special tokens, or unknown to the "
    "tokenizer"
)


@row(NOWHERE, "error")
@pytest.mark.parametrize("kind", NOTHING)
def test_of_nothing_there_is_no_loss(still, refused, kind):
    for masking in ("token", "whole_word", "span"):
        still.preprocessor.masking = masking
        try:
            refused(
                NOTHING[kind],
                "found none that can be: all are empty, special or unknown",
                ("fit", "evaluate", "validation_data", "batches"),
            )
        finally:
            still.preprocessor.masking = "token"


@row(NOWHERE, "error")
@pytest.mark.parametrize("kind", NOTHING)
def test_nothing_can_be_asked_about_nothing(still, kind):
    assert [logits.shape for logits in still.predict(NOTHING[kind])] == [(0, 52)] * len(
        NOTHING[kind]
    )
    assert still.preprocessor(NOTHING[kind])[2].sum() == 0
    assert still.preprocessor.inputs(NOTHING[kind])["padding_mask"].all(axis=1).any()


@row("special tokens written in a text", "taken")
def test_special_tokens_in_a_text_are_characters(still):
    tokenizer = still.preprocessor.tokenizer
    assert tokenizer.encode(["<mask> </s> god"])[0][:2] == [tokenizer.unk_token_id] * 2
    (logits,) = still.predict(["<pad> <mask> </s> <mask>"])
    assert len(logits) == 2


@row("a lone surrogate, half a character", "error")
def test_surrogates_are_refused_with_their_place(refused, texts):
    for x in (["god", "in \ud800 the"], np.array(["god", "\udcff"], object)):
        refused(x, f"{place(1)}, which is not valid Unicode.*at character")
    refused(lambda: iter([*texts[:3], "\ud800"]), f"{place(3)}.*not valid Unicode")
    refused([("god", "god"), ("god", "\udfff")], f"second segments.*{place(1)}.*not valid")


@row("bytes", "taken")
def test_bytes_are_utf8_or_refused(still, refused, texts, evaluated):
    encoded = [text.encode() for text in texts]
    assert evaluated(encoded) == evaluated(texts)
    refused([b"god", b"in \xff the"], f"{place(1)} that are not UTF-8")
    refused([b"god", "in \udcff".encode("utf-8", "surrogatepass")], "not UTF-8")


@row("`None`, NaN or `pandas.NA` among the texts", "error")
def test_missing_entries_are_refused_with_their_place(refused):
    for missing in (None, float("nan"), np.nan):
        refused(["god", "day", missing], f"{place(2)}. Drop or fill missing entries first")
    pandas = pytest.importorskip("pandas")
    for missing in (None, float("nan"), pandas.NA):
        column = pandas.Series(["god", missing])
        refused(column, f"{place(1)}. Drop or fill")
        refused((column, column), f"segments.*{place(1)}. Drop or fill")


@row("numbers, dicts or anything else among the texts", "error")
@pytest.mark.parametrize("wrong", [3, 3.5, True, {"a": "b"}, object(), bytearray(b"a"), ...])
def test_what_is_no_text_is_refused_with_its_place(refused, wrong):
    refused(["god", wrong], f"{place(1)}")


@row("lists nested too deep, token ids instead of texts", "error")
def test_nested_lists_are_refused(refused):
    for x in ([["god"], ["day"]], [[["god"]]], [[]], [[1, 2, 3]], [np.array(["god"])]):
        refused(x, "nested one level too deep")
    refused(np.array([[["god"]]]), "shape")


@row("texts and pairs mixed", "error")
def test_texts_and_pairs_are_not_mixed(refused):
    refused(["god", ("day", "night")], f"{place(1)}.*not both")
    refused([("day", "night"), "god"], f"{place(1)}.*tuple of two str")
    refused(lambda: iter(["god", ("day", "night")]), f"{place(1)}.*one form")
    refused(lambda: iter(["god", ["day", "night"]]), f"{place(1)}.*one form")


@row("a tuple of str", "error")
def test_a_tuple_of_str_is_said_to_be_unclear(still, refused, many):
    refused(("god", "day"), "could be texts or the segments of one pair", many)
    refused(("god", "day", "night"), "could be texts")
    assert still.preprocessor(("god", "day"))[2].ndim == 1
    assert still.preprocessor.inputs(("god", "day"))["token_ids"].shape == (1, 5)
    assert still.fill_mask(("<mask>", "day")).text == ("<mask>", "day")


@row("a pair with an empty side", "taken")
def test_a_pair_with_an_empty_side_is_taken(still, evaluated):
    evaluated((["god", "", "day"], ["", "night", "day"]))
    assert len(still.predict([("", "<mask>"), ("god", "")])[0]) == 1


@row("a pair with `None` on a side, three segments, columns that are not equally long", "error")
def test_what_is_no_pair_is_refused(refused):
    refused((["god", "day"], ["day", None]), f"second segments.*{place(1)}")
    refused([("god", None)], "second segments|index 0")
    refused([("god", "day", "night")], "index 0")
    refused((["god"], ["day"], ["night"]), "3 parts")
    refused((["god", "day"], ["night"]), "2 first and 1 second")


@row("a set of texts", "error")
def test_sets_are_refused(refused):
    refused({"god", "day"}, "no order of its own")
    refused(frozenset(["god"]), "no order of its own")


@row("`None`, a number, an array of numbers instead of texts", "error")
def test_what_holds_no_texts_is_refused(refused, many, doors):
    for x in (3, 3.5, True, np.zeros(3), np.array([1, 2]), object()):
        refused(x, "Asked to read texts")
    # No validation_data is none.
    refused(None, "Asked to read texts", [name for name in doors if name != "validation_data"])
    refused(b"god", "Asked to read texts", many)


@row("a table: a DataFrame, the splits of a data set", "error")
def test_tables_are_refused(refused):
    pandas = pytest.importorskip("pandas")
    refused(pandas.DataFrame({"text": ["god"]}), "Give one column")

    class Splits(dict):
        __module__ = "datasets.dataset_dict"

    refused(Splits(train=["god"]), r"data\['train'\]")


@row("a str that is no path", "error")
@pytest.mark.parametrize("path", ["in the beginning", "", "a\0b", "x[*" * 300_000, "/tmp/no/*.txt"])
def test_one_str_is_a_path(refused, many, path):
    refused(path, "no file matches", many)


@row("labels beside texts: `y`, `class_weight`, a second column of numbers", "error")
def test_labels_of_texts_are_refused(still, refused, texts, many):
    for call in (still.fit, still.evaluate):
        with pytest.raises(InputError, match="y was given with raw text"):
            call(texts, y=[1] * 11, verbose=0)
    with pytest.raises(InputError, match="class_weight was given with raw text"):
        still.fit(texts, class_weight={0: 1.0}, verbose=0)
    refused((texts, [0] * 11), "second segments")
    refused((texts, np.zeros(11)), "second segments")
    refused(lambda: iter([("god", 1), ("day", 0)]), "If that part is a label")
    assert still.preprocessor(texts, [0] * 11)[1].shape == (11, 8)


@row("a stream that yields something wrong", "error")
@pytest.mark.parametrize("wrong", [None, 3, float("nan"), b"\xff", "\ud800", {"no": "text"}, [[]]])
def test_an_error_in_a_stream_has_a_place(refused, texts, wrong):
    singles = [*texts[:5], wrong, "day"]
    refused(lambda: iter(singles), place(5))
    if not isinstance(wrong, dict | list):
        batches = [texts[:2], texts[2:4], ["god", wrong]]
        refused(lambda: iter(batches), "element 2 of a stream")
        rows = [{"text": text} for text in singles]
        refused(lambda: iter(rows), place(5))


@row("a stream that yields something wrong", "error")
def test_an_error_in_a_data_loader_has_a_place(refused, texts):
    data = pytest.importorskip("torch.utils.data")
    loader = data.DataLoader([*texts[:4], None], batch_size=None)
    refused(lambda: loader, place(4))


@row("a stream that yields something wrong", "error")
def test_an_error_in_a_tf_data_set_has_a_place(refused, texts):
    tf = pytest.importorskip("tensorflow")
    dataset = tf.data.Dataset.from_tensor_slices([b"god", b"day", b"\xff"])
    refused(lambda: dataset, place(2))
    refused(lambda: dataset.batch(2), "element 1 of a stream|index 0")


@row("a stream that yields empty batches among others", "taken")
def test_empty_batches_are_nothing(texts, evaluated):
    assert evaluated(iter([[], texts[:3], [], texts[3:5]]), batch_size=2) == evaluated(
        texts[:5], batch_size=2
    )


@row("a stream that raises", "its own exception")
@pytest.mark.parametrize("name", ["fit", "evaluate", "validation_data", "batches", "predict"])
def test_what_a_stream_raises_arrives(doors, texts, name, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("mlmzoo.data.spool.IN_MEMORY", 64)
    monkeypatch.setattr("mlmzoo.data.streams.CHUNK", 4)

    class Torn(Exception):
        pass

    def stream():
        yield from texts
        raise Torn

    with pytest.raises(Torn):
        doors[name](stream())
    assert list(tmp_path.iterdir()) == []


@row("a stream that says it is endless, without `steps_per_epoch`", "error")
def test_an_endless_data_set_needs_a_number_of_steps(refused, many):
    tf = pytest.importorskip("tensorflow")
    endless = tf.data.Dataset.from_tensor_slices(["god"]).repeat()
    refused(lambda: endless, "has no end", many)


@row("a text without a mask in `fill_mask`, or with one beyond the sequence length", "error")
def test_fill_mask_answers_no_question_that_was_not_asked(still):
    for text in ("god", "", "<pad>", " "):
        with pytest.raises(NoMaskError, match="has no <mask>"):
            still.fill_mask(["<mask>", text])
    with pytest.raises(NoMaskError, match="1 <mask>, and only 0 within"):
        still.fill_mask("god " * 2_000_000 + "<mask>")
    with pytest.raises(NoMaskError, match="30 <mask>, and only 22 within"):
        still.fill_mask("<mask> " * 30)
    assert len(still.fill_mask("<mask> " * 22).masks) == 22


@row("a `segmenter` that changes the text or gives no words", "error")
@pytest.mark.parametrize("words", [None, 3, "god day", ["god", None], ["god"], [], object()])
def test_a_segmenter_must_give_the_words_of_the_text(still, words):
    kind, tokenizer = type(still.preprocessor), still.preprocessor.tokenizer
    preprocessor = kind(tokenizer, 24, masking="span", segmenter=lambda text: words)
    with pytest.raises(InputError, match="segmenter was asked for the words"):
        preprocessor(["god day"])


@row("a `segmenter` that changes the text or gives no words", "error")
def test_a_segmenter_may_be_a_generator(still):
    kind, tokenizer = type(still.preprocessor), still.preprocessor.tokenizer
    preprocessor = kind(tokenizer, 24, masking="span", segmenter=lambda text: iter(text.split()))
    assert preprocessor(["god day", ""])[2].sum() > 0


def test_what_was_given_is_unchanged(still, texts):
    first, second = [*texts, ""], [*texts[::-1], "day"]
    given = [first, second, np.array(first, object), (first, second), {"text": first}]
    before = copy.deepcopy(given)
    for x in given:
        still.fit(x, sample_weight=None, verbose=0) if x is first else still.preprocessor(x)
        still.predict(x)
    for now, then in itertools.zip_longest(given, before):
        np.testing.assert_equal(now, then)
