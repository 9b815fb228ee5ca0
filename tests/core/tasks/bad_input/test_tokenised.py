"""Bad input that is tokenised already: no backend makes a number of it."""

import copy
import re

import keras
import numpy as np
import pytest

from mlmzoo.errors import InputError

row = pytest.mark.row
VOCABULARY, LENGTH, SLOTS = 52, 24, 8


@pytest.fixture(scope="module")
def batch(still, texts):
    """A good batch, which no test may change."""
    x, y, weight = type(still.preprocessor)(
        still.preprocessor.tokenizer, LENGTH, mask_selection_length=SLOTS, seed=7
    )(texts)
    for array in (*x.values(), y, weight):
        array.flags.writeable = False
    return x, y, weight


@pytest.fixture(scope="module")
def calls(still):
    """All that takes tokenised input in memory."""
    return {
        "fit": lambda x, y, w: still.fit(x, y, sample_weight=w, verbose=0),
        "fit of a tuple": lambda x, y, w: still.fit((x, y, w), verbose=0),
        "validation": lambda x, y, w: still.fit(["god"], validation_data=(x, y, w), verbose=0),
        "evaluate": lambda x, y, w: still.evaluate(x, y, sample_weight=w, verbose=0),
        "train_on_batch": still.train_on_batch,
        "test_on_batch": still.test_on_batch,
        "predict": lambda x, y, w: still.predict(x, verbose=0),
        "predict_on_batch": lambda x, y, w: still.predict_on_batch(x),
    }


@pytest.fixture(scope="module")
def refused(calls):
    def refused(x, y, weight, match, asked=True):
        for name, call in calls.items():
            if asked or not name.startswith("predict"):
                with pytest.raises(InputError) as raised:
                    call(x, y, weight)
                assert re.search(match, str(raised.value)), (name, str(raised.value))

    return refused


def at(array, place, value):
    array = array.copy()
    array[place] = value
    return array


def numbers(task, x, y, weight=None):
    found = task.evaluate(x, y, sample_weight=weight, verbose=0, return_dict=True)
    assert np.isfinite(list(found.values())).all()
    return found


@row("tokenised input without one of the model's inputs", "error")
@pytest.mark.parametrize("name", ["token_ids", "padding_mask", "mask_positions"])
def test_a_missing_input_is_named(refused, batch, name):
    x, y, weight = batch
    less = {key: value for key, value in x.items() if key != name}
    refused(less, y, weight, rf"without \['{name}'\]")
    refused({"input_ids": x["token_ids"]}, y, weight, r"'input_ids'\], without \['token_ids'")


@row("tokenised input with further entries", "taken")
@row("a `padding_mask` of booleans", "taken")
@row("lists instead of arrays", "taken")
def test_what_is_not_needed_or_of_another_type_changes_nothing(still, batch):
    x, y, weight = batch
    expected = numbers(still, x, y, weight)
    others = {
        "further": {**x, "foo": x["token_ids"]},
        "booleans": {**x, "padding_mask": x["padding_mask"].astype(bool)},
        "lists": {name: value.tolist() for name, value in x.items()},
        "long": {name: value.astype("int64") for name, value in x.items()},
        "unsigned": {name: value.astype("uint8") for name, value in x.items()},
        "tensors": {name: keras.ops.convert_to_tensor(value) for name, value in x.items()},
    }
    for kind, other in others.items():
        assert numbers(still, other, y, weight) == pytest.approx(expected, abs=1e-6), kind
    assert numbers(still, x, y.tolist(), weight.tolist()) == pytest.approx(expected, abs=1e-6)
    assert np.isfinite(still.fit(others["booleans"], y, verbose=0).history["loss"]).all()
    assert np.isfinite(still.predict(others["booleans"], verbose=0)).all()


@row("lists instead of arrays", "taken")
def test_ragged_lists_are_refused(refused, batch):
    x, y, weight = batch
    refused({**x, "token_ids": [[1, 2], [1]]}, y, weight, "not equally long")
    refused(x, [[1, 2], [1]], weight, "not equally long", asked=False)


RANGE = "token ids, segment ids, mask positions or labels out of range, such as -100"


@row(RANGE, "error")
@pytest.mark.parametrize("wrong", [-1, -100, 2**31 - 1, None])
@pytest.mark.parametrize(
    ("name", "limit"), [("token_ids", VOCABULARY), ("mask_positions", LENGTH), ("padding_mask", 0)]
)
def test_what_is_out_of_range_is_refused_with_its_place(refused, batch, name, limit, wrong):
    x, y, weight = batch
    value = limit if wrong is None else wrong
    if name == "padding_mask" and value >= 0:
        return  # any text of a row has a number
    bad = {**x, name: at(x[name], (3, 2), value)}
    refused(bad, y, weight, f"found {value} among {name}, at row 3, column 2")


@row(RANGE, "error")
@pytest.mark.parametrize("wrong", [VOCABULARY, -1, -100])
def test_labels_out_of_range_are_refused_whatever_they_weigh(refused, batch, wrong):
    x, y, weight = batch
    place = (4, SLOTS - 1)
    assert weight[place] == 0
    match = f"found {wrong} among labels, at row 4, column 7.*give 0, with a sample_weight of 0"
    refused(x, at(y, place, wrong), weight, match, asked=False)


@row(RANGE, "error")
def test_segment_ids_out_of_range_are_refused():
    from mlmzoo.data.tokenised import TokenisedForm

    ones = np.ones((2, 4), "int32")
    form = TokenisedForm(("token_ids", "segment_ids", "mask_positions"), 9, segments=2)
    x = dict.fromkeys(form.names, ones)
    form.check(x, ones, None, "these", True)
    with pytest.raises(InputError, match="found 2 among segment_ids, at row 0, column 0"):
        form.check({**x, "segment_ids": 2 * ones}, ones, None, "these", True)


@row("arrays that do not fit together, have no rows, or no masks", "error")
def test_shapes_that_do_not_fit_are_refused(refused, batch):
    x, y, weight = batch
    for name in ("padding_mask", "mask_positions"):
        refused({**x, name: x[name][:-1]}, y, weight, f"found {name} of shape")
    refused({**x, "padding_mask": x["padding_mask"][:, :-1]}, y, weight, "padding_mask of shape")
    refused({**x, "mask_positions": x["mask_positions"][:, :0]}, y, weight, "one mask at least")
    refused({**x, "token_ids": x["token_ids"][0]}, y, weight, "one row alone is")
    refused({**x, "token_ids": x["token_ids"][..., None]}, y, weight, r"Give \(rows, tokens\)")
    refused({name: value[:0] for name, value in x.items()}, y[:0], weight[:0], "one row and")


@row("floats, NaN or strings as ids, labels or mask", "error")
@pytest.mark.parametrize("kind", ["float32", "float16", "str", "object"])
def test_what_is_no_integer_is_refused(refused, batch, kind):
    x, y, weight = batch
    for name in x:
        refused({**x, name: x[name].astype(kind)}, y, weight, f"found {name} of type")
    refused(x, y.astype(kind), weight, "found labels of type", asked=False)
    if kind == "float32":
        nan = at(x["token_ids"].astype(kind), (0, 0), np.nan)
        refused({**x, "token_ids": nan}, y, weight, "Give integers")


@row("a row whose `padding_mask` is all 0", "error")
def test_a_row_that_sees_nothing_is_refused(refused, batch):
    x, y, weight = batch
    bad = {**x, "padding_mask": at(x["padding_mask"], 2, 0)}
    refused(bad, y, weight, "padding_mask all 0 in row 2")


@row("tokenised rows longer than the model's positions", "error")
def test_rows_that_are_too_long_are_refused(refused, batch):
    x, y, weight = batch
    longer = {n: v if n == "mask_positions" else np.tile(v, (1, 3)) for n, v in x.items()}
    refused(longer, y, weight, "rows of 72 tokens, and the model has 48 positions")


@row("tokenised input without labels in `fit` or `evaluate`", "error")
def test_labels_are_needed_and_of_the_shape_of_the_masks(refused, still, batch):
    x, y, weight = batch
    refused(x, None, weight, "found no labels", asked=False)
    for call in (still.fit, still.evaluate):
        with pytest.raises(InputError, match="found no labels"):
            call(x, verbose=0)
    for bad in (y[:-1], y[:, :-1], x["token_ids"]):
        refused(x, bad, weight, "found labels of shape", asked=False)
    refused(x, y[:, 0], weight, "found labels of shape", asked=False)


WEIGHTS = (
    "a `sample_weight` that is negative, NaN, above 1e20, or not one a text (a row or a mask of "
    "tokenised input)"
)


@row(WEIGHTS, "error")
@pytest.mark.parametrize("wrong", [-1, np.nan, np.inf, 1e30])
def test_senseless_weights_of_tokens_are_refused(refused, batch, wrong):
    x, y, weight = batch
    match = r"found sample_weight .* at index \(1, 0\)"
    refused(x, y, at(weight, (1, 0), wrong), match, asked=False)
    refused(x, y, at(weight[:, 0], 1, wrong), "at index 1", asked=False)


@row(WEIGHTS, "error")
def test_weights_of_another_shape_are_refused(refused, batch):
    x, y, weight = batch
    for bad in (weight[:-1], weight[:, :-1], weight[..., None], weight[:-1, 0]):
        refused(x, y, bad, "found sample_weight of shape", asked=False)
    refused(x, y, weight.astype(str), "found sample_weight of type", asked=False)


@row("a `sample_weight` in bfloat16", "taken")
@pytest.mark.parametrize("kind", ["torch", "ml_dtypes"])
def test_weights_in_bfloat16_count_like_others(still, batch, texts, kind):
    library = pytest.importorskip(kind)

    def short(array):
        if kind == "torch":
            return library.tensor(np.array(array)).to(library.bfloat16)
        return array.astype(library.bfloat16)

    x, y, weight = batch
    assert numbers(still, x, y, short(weight)) == numbers(still, x, y, weight)
    for call in (still.fit, still.evaluate):
        call((x, y, short(weight[:, 0])), verbose=0)
        call(texts, sample_weight=short(np.ones(len(texts))), verbose=0)
    still.train_on_batch(x, y, short(weight))
    with pytest.raises(InputError, match="found token_ids of type"):
        still.evaluate({**x, "token_ids": short(x["token_ids"])}, y, verbose=0)


@row("`sample_weight` 0 for all", "error")
def test_weights_that_leave_nothing_are_refused(still, batch):
    x, y, weight = batch
    for call in (still.fit, still.evaluate):
        with pytest.raises(InputError, match="every sample_weight is 0"):
            call(x, y, sample_weight=0 * weight, verbose=0)
    # A batch of a loop of one's own may happen to hold nothing.
    assert np.isfinite(still.train_on_batch(x, y, 0 * weight)).all()


@row("tokenised input where texts belong", "error")
def test_tokenised_input_is_no_text(still, batch):
    x = batch[0]
    for call in (still.preprocessor, still.preprocessor.inputs, still.fill_mask, still.batches):
        with pytest.raises(InputError, match="tokenised"):
            call(x)


# Streams ------------------------------------------------------------------------------------------


class Torn(Exception):
    pass


class Interrupt(keras.callbacks.Callback):
    def on_test_batch_end(self, batch, logs=None):
        if batch == 1:
            raise KeyboardInterrupt


def stream(batch, bad, number=3):
    for _ in range(number):
        yield batch
    if bad is Torn:
        raise Torn("torn")
    yield bad
    yield batch


class Sequence(keras.utils.PyDataset):
    def __init__(self, batch, bad):
        super().__init__()
        self.items = [batch, batch, batch, bad, batch]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        if self.items[index] is Torn:
            raise Torn("torn")
        return self.items[index]


def loader(batch, bad):
    torch = pytest.importorskip("torch")

    def collated(parts):
        return keras.tree.map_structure(lambda array: torch.tensor(array.copy()), parts)

    return torch.utils.data.DataLoader(
        list(stream(batch, bad)), batch_size=None, collate_fn=collated
    )


def tensors(batch, bad):
    tf = pytest.importorskip("tensorflow")
    rows = [np.concatenate(parts) for parts in zip(*map(flat, stream(batch, bad)), strict=True)]
    return tf.data.Dataset.from_tensor_slices(keras.tree.pack_sequence_as(batch, rows)).batch(
        len(batch[1])
    )


def flat(batch):
    return keras.tree.flatten(batch)


STREAMS = {"stream": stream, "Sequence": Sequence, "DataLoader": loader, "tf.data": tensors}
WRONG_BATCH = "a stream of tokenised batches, one of which is wrong"


def run(task, make, name):
    # A generator does not say how long it is.
    steps = 5 if make is stream else None
    if name == "fit":
        return lambda given: task.fit(given, steps_per_epoch=steps, verbose=0)
    if name == "validation":
        return lambda given: task.fit(
            ["god"], validation_data=given, validation_steps=steps, verbose=0
        )
    if name == "evaluate":
        return lambda given: task.evaluate(given, steps=steps, verbose=0)
    return lambda given: task.predict(given, steps=steps, verbose=0)


class TestStreams:
    """In a class, so that JAX compiles what they run once."""

    @row(WRONG_BATCH, "error")
    @pytest.mark.parametrize("name", ["fit", "evaluate", "validation", "predict"])
    @pytest.mark.parametrize("kind", STREAMS)
    def test_the_batch_that_is_wrong_is_named(self, still, batch, kind, name):
        make = STREAMS[kind]
        x, y, weight = batch
        bad = {**x, "token_ids": at(x["token_ids"], (1, 1), VOCABULARY)}, y, weight
        match = f"batch 3 of a {kind}.*found {VOCABULARY} among token_ids, at row 1, column 1"
        with pytest.raises(InputError, match=match):
            run(still, make, name)(make(batch, bad))

    @row(WRONG_BATCH, "error")
    @pytest.mark.parametrize("bad", [None, 3, "god", (), (1, 2, 3, 4)])
    def test_what_is_no_batch_is_named(self, still, batch, bad):
        for kind in ("stream", "Sequence"):
            with pytest.raises(InputError, match=f"batch 3 of a {kind}"):
                run(still, STREAMS[kind], "fit")(STREAMS[kind](batch, bad))

    @row(WRONG_BATCH, "error")
    def test_labels_beside_a_stream_are_refused(self, still, batch):
        with pytest.raises(InputError, match="found y or sample_weight beside it"):
            still.fit(stream(batch, batch), batch[1], verbose=0)

    @row("a stream that raises", "its own exception")
    @pytest.mark.parametrize("name", ["fit", "evaluate", "validation", "predict"])
    @pytest.mark.parametrize("kind", ["stream", "Sequence"])
    def test_what_a_stream_of_batches_raises_arrives(self, still, batch, kind, name):
        with pytest.raises(Torn, match=r"^torn$"):
            run(still, STREAMS[kind], name)(STREAMS[kind](batch, Torn))

    @pytest.mark.parametrize("name", ["fit", "evaluate", "validation", "predict"])
    @pytest.mark.parametrize("number", [2, 3])
    def test_a_model_keeps_its_weights_whatever_happens(self, still, batch, name, number):
        before = still.get_weights()
        # Two batches are pulled before the first step, so that is the first that can fail after it.
        with pytest.raises(Torn):
            run(still, stream, name)(stream(batch, Torn, number))
        np.testing.assert_equal(still.get_weights(), before)

    @pytest.mark.parametrize("name", ["evaluate", "validation"])
    def test_a_model_keeps_its_weights_when_it_is_interrupted_on_texts(self, still, texts, name):
        before = still.get_weights()
        calls = {
            "evaluate": lambda stop: still.evaluate(
                texts, batch_size=2, verbose=0, callbacks=[stop]
            ),
            "validation": lambda stop: still.fit(
                texts, batch_size=2, validation_data=texts, verbose=0, callbacks=[stop]
            ),
        }
        with pytest.raises(KeyboardInterrupt):
            calls[name](Interrupt())
        np.testing.assert_equal(still.get_weights(), before)

    @pytest.mark.parametrize("kind", STREAMS)
    def test_a_stream_that_is_looked_at_gives_what_it_gave(self, still, batch, kind):
        x, y, weight = batch
        expected = numbers(still, x, y, weight)
        given = STREAMS[kind](batch, batch)
        steps = 5 if kind == "stream" else None
        found = still.evaluate(given, steps=steps, verbose=0, return_dict=True)
        assert found == pytest.approx(expected, abs=1e-5)
        if kind != "stream":  # and again, in another epoch
            history = still.fit(given, epochs=2, validation_data=given, verbose=0).history
            assert history["val_loss"] == pytest.approx([expected["loss"]] * 2, abs=1e-5)

    def test_arrays_are_unchanged(self, calls, batch):
        before = copy.deepcopy(batch)
        for call in calls.values():
            call(*batch)
        np.testing.assert_equal(batch, before)
