import gc
import hashlib
import itertools
import weakref

import keras
import numpy as np
import pytest

from mlmzoo.contract.errors import InputError
from mlmzoo.data.masking import MaskingRule
from mlmzoo.data.pipeline import MaskedBatches, for_keras
from mlmzoo.data.rows import pack

PAD, CLS, SEP, MASK = range(4)
V = 40
RULE = MaskingRule(0.25, 0.8, 0.1, MASK, V, (PAD, CLS, SEP))
COUNT = 45


def make_rows(count=COUNT):
    rng = np.random.default_rng(0)
    texts = [rng.integers(4, V, size=5 + 20 * (i % 5 == 0)).tolist() for i in range(count)]
    return pack(texts, start=CLS, end=SEP, limit=32)


def batches(rows=None, **given):
    settings = {"batch_size": 8, "sequence_length": 32, "pad_id": PAD, "seed": 5}
    settings["shapes"] = (8, 32)
    return MaskedBatches(make_rows() if rows is None else rows, RULE, **{**settings, **given})


class Toy(keras.Model):
    """A small masked LM."""

    def __init__(self):
        super().__init__()
        self.embedding = keras.layers.Embedding(V, 4)
        self.head = keras.layers.Dense(V)

    def call(self, x):
        hidden = self.embedding(x["token_ids"])
        hidden *= keras.ops.cast(x["padding_mask"], "float32")[..., None]
        return self.head(keras.ops.take_along_axis(hidden, x["mask_positions"][..., None], axis=1))


class Spy(Toy):
    """Keeps what its train_step and test_step are given."""

    def __init__(self):
        super().__init__()
        self.trained, self.tested = [], []

    def train_step(self, *args):
        self.trained.append(as_numpy(args[-1]))
        return super().train_step(*args)

    def test_step(self, *args):
        self.tested.append(as_numpy(args[-1]))
        return super().test_step(*args)


def as_numpy(batch):
    return keras.tree.map_structure(keras.ops.convert_to_numpy, batch)


def toy():
    model = Spy()
    # Eagerly, so that the steps see arrays.
    model.compile(
        "sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True
    )
    return model


def fit(data, epochs, model=None, **given):
    model = model or toy()
    model.fit(
        for_keras(data),
        epochs=epochs,
        steps_per_epoch=data.steps_per_epoch,
        shuffle=False,
        verbose=0,
        **given,
    )
    return model


def digest(batch):
    x, y, weight = batch
    parts = [*(x[name] for name in sorted(x)), y, weight]
    return hashlib.sha256(
        b"".join(repr(part.shape).encode() + part.tobytes() for part in parts)
    ).hexdigest()


def same(seen, expected):
    seen, expected = [digest(batch) for batch in seen], [digest(batch) for batch in expected]
    assert seen == expected


def test_training_sees_the_batches_of_the_seed_whatever_the_backend():
    data = batches()
    same(fit(data, epochs=3).trained, [batches()[step] for step in range(3 * len(data))])


def test_a_model_that_is_built_already_sees_the_same_batches():
    data, model = batches(), toy()
    model(keras.tree.map_structure(keras.ops.convert_to_tensor, data[0][0]))
    same(fit(data, 2, model).trained, [batches()[step] for step in range(2 * len(data))])


def test_looking_at_batches_in_any_order_changes_none():
    data = batches()
    expected = [digest(data[step]) for step in range(20)]
    assert [digest(data[step]) for step in reversed(range(20))][::-1] == expected


def test_short_epochs_go_on_where_the_last_one_ended():
    data = batches(steps_per_epoch=4)
    assert data.steps_per_epoch == 4 < len(data)
    same(fit(data, epochs=4).trained, [batches()[step] for step in range(16)])


def test_long_epochs_go_round_again():
    data = batches(steps_per_epoch=10)
    assert len(data) < 10
    same(fit(data, epochs=2).trained, [batches()[step] for step in range(20)])


@pytest.mark.parametrize("steps", [None, 4])
def test_a_resumed_run_sees_what_it_would_have_seen(steps):
    whole = fit(batches(steps_per_epoch=steps), epochs=3).trained
    data = batches(steps_per_epoch=steps, initial_epoch=2)
    resumed = fit(data, epochs=3, initial_epoch=2).trained
    same(resumed, whole[2 * data.steps_per_epoch :])


def test_a_callback_that_restores_a_later_epoch_is_followed():
    class Restore(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.model._initial_epoch = 2  # as BackupAndRestore does

    whole = fit(batches(), epochs=3).trained
    model = toy()
    data = batches(initial_epoch=lambda: model._initial_epoch or 0)
    fit(data, 3, model, callbacks=[Restore()])
    same(model.trained, whole[2 * len(data) :])


def test_validation_sees_the_same_batches_every_epoch():
    data = batches()
    validation = batches(make_rows(20), seed=1, remask=False, shuffle=False)
    model = fit(data, 2, validation_data=for_keras(validation))
    expected = [validation[step] for step in range(len(validation))]
    same(model.tested, 2 * expected)
    same(model.trained, [batches()[step] for step in range(2 * len(data))])


def test_evaluate_sees_every_text_once_and_always_alike():
    data = batches(remask=False, shuffle=False)
    model = toy()
    model.evaluate(for_keras(data), verbose=0)
    model.evaluate(for_keras(data), verbose=0)
    once = [data[step] for step in range(len(data))]
    assert len(once) == -(-COUNT // 8)
    same(model.tested, 2 * once)


def test_the_data_is_gone_when_nobody_trains_or_evaluates_on_it_any_more():
    data, validation = batches(), batches(remask=False)
    gone = [weakref.ref(data), weakref.ref(validation)]
    fit(data, 1, validation_data=for_keras(validation))
    del data, validation
    gc.collect()
    assert [reference() for reference in gone] == [None, None]


def test_the_step_count_is_known_in_advance():
    seen = []

    class Steps(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append(self.params["steps"])

    data = batches()
    fit(data, 1, callbacks=[Steps()])
    assert seen == [len(data)] == [6]


def test_every_text_is_in_every_round_and_no_token_is_lost():
    rows = make_rows()
    data = batches(rows)
    expected = sorted(row.tolist() for row in np.split(rows.ids, rows.offsets[1:-1]))
    for number in range(3):
        found = []
        for step in range(number * len(data), (number + 1) * len(data)):
            x, y, weight = data[step]
            ids = x["token_ids"].copy()
            at, slot = np.nonzero(weight)
            ids[at, x["mask_positions"][at, slot]] = y[at, slot]
            for row, visible in zip(ids, x["padding_mask"], strict=True):
                if visible.sum() > 1:
                    found.append(row[visible == 1].tolist())
        assert sorted(found) == expected


def test_masks_and_order_are_new_each_round():
    data = batches()
    first, second = ([data[n * len(data) + step] for step in range(6)] for n in range(2))
    assert {digest(batch) for batch in first}.isdisjoint(digest(batch) for batch in second)


def test_order_is_new_each_round():
    rows = make_rows()
    names = np.arange(1, COUNT + 1, dtype=np.float32)
    data = batches(type(rows)(rows.ids, rows.offsets, rows.segments, names))
    first, second = (
        [data[n * len(data) + step][2].max(axis=1).tolist() for step in range(len(data))]
        for n in range(2)
    )
    assert sorted(itertools.chain(*first)) == sorted(itertools.chain(*second))
    assert first != second


def test_masks_are_new_each_round_where_the_order_is_not():
    data = batches(shuffle=False)
    (first, _, _), (second, _, _) = data[0], data[len(data)]
    np.testing.assert_array_equal(first["padding_mask"], second["padding_mask"])
    assert (first["mask_positions"] != second["mask_positions"]).any()


def test_masks_of_a_text_do_not_depend_on_batch_size_or_grouping():
    def masks(data):
        found = set()
        for step in range(len(data)):
            x, y, weight = data[step]
            for at in range(len(y)):
                real = weight[at] > 0
                original = x["token_ids"][at].copy()
                original[x["mask_positions"][at, real]] = y[at, real]
                length = x["padding_mask"][at].sum()
                found.add(
                    (
                        tuple(original[:length].tolist()),
                        tuple(x["token_ids"][at, :length].tolist()),
                        tuple(x["mask_positions"][at, real].tolist()),
                    )
                )
        return {item for item in found if len(item[0]) > 1}

    expected = masks(batches())
    assert len(expected) == COUNT
    for given in (
        {"batch_size": 3},
        {"batch_size": 100},
        {"shapes": None, "mode": "fixed"},
        {"shuffle": False},
        {"shapes": (8, 16, 32)},
        {"shapes": None, "compiled": False},
    ):
        assert masks(batches(**given)) == expected


def test_packed_every_text_is_in_every_round_with_its_own_masks():
    def texts(data, number):
        found = set()
        for x, y, weight in data.epoch(number):
            for at in range(len(y)):
                real = weight[at] > 0
                original = x["token_ids"][at].copy()
                original[x["mask_positions"][at, real]] = y[at, real]
                for text in range(1, x["padding_mask"][at].max() + 1):
                    span = x["padding_mask"][at] == text
                    if original[span][0] == CLS:
                        found.add((*original[span].tolist(), *x["token_ids"][at, span].tolist()))
        return found

    whole, parted = batches(mode="packed", shapes=None), batches()
    for number in range(3):
        assert texts(whole, number) == texts(parted, number)
        assert len(texts(whole, number)) == COUNT


def test_packed_batches_are_static_and_fuller():
    data = batches(mode="packed", shapes=(32,))
    once = list(data.epoch())
    assert len({(x["token_ids"].shape, y.shape) for x, y, _ in once}) == 1
    slots, plain = (
        sum(x["token_ids"].size for x, _, _ in made.epoch())
        for made in (data, batches(mode="fixed"))
    )
    assert slots < 0.8 * plain
    assert len(once) == len(data)


def test_where_nothing_is_compiled_rows_are_hardly_padded():
    compiled, free = (batches(shapes=None, compiled=given) for given in (True, False))
    assert len(compiled.shapes) < len(free.shapes)


@pytest.mark.parametrize("mode", ["length", "packed"])
def test_where_nothing_is_compiled_no_slot_is_empty_in_every_row(mode):
    for _, _, weight in batches(shapes=None, compiled=False, mode=mode).epoch():
        assert (weight > 0).sum(axis=1).max() == weight.shape[1]


def test_a_schedule_says_how_much_is_masked():
    def rates(**given):
        data = batches(rate_schedule=lambda done: 0.5 - 0.4 * done, epochs=10, **given)
        return [sum(weight.sum() for _, _, weight in data.epoch(number)) for number in range(10)]

    masked = rates()
    assert masked[0] > 2 * masked[-1]
    assert rates(steps_per_epoch=3)[0] > masked[0] * 0.5


def test_the_rate_moves_within_a_short_epoch_too():
    data = batches(rate_schedule=lambda done: 0.5 - 0.4 * done)
    assert len(data) < 20
    chosen = [weight.sum() / x["padding_mask"].astype(bool).sum() for x, _, weight in data.epoch()]
    assert chosen[0] > 2 * chosen[-1]


def test_the_thread_beside_hands_on_what_goes_wrong():
    broken = []

    def schedule(done):
        if broken:
            raise ArithmeticError(broken[0])
        return 0.25

    data = batches(rate_schedule=schedule)
    broken.append("no such rate")
    with pytest.raises(ArithmeticError, match="no such rate"):
        list(data.epoch())


def test_shapes_are_static():
    data = batches()
    shapes = {
        (x["token_ids"].shape, y.shape) for x, y, _ in (data[step] for step in range(3 * len(data)))
    }
    assert shapes == {((8, 8), (8, 2)), ((8, 32), (8, 6))}


def test_fewer_texts_than_a_batch_make_one_smaller_batch():
    data = batches(make_rows(3), batch_size=32)
    assert len(data) == 1
    assert data[0][1].shape[0] == 3


def test_sample_weights_are_multiplied_in():
    rows = make_rows()
    weighted = rows.take(np.arange(len(rows)))
    weighted = type(rows)(rows.ids, rows.offsets, rows.segments, np.full(COUNT, 0.5, np.float32))
    for step in range(6):
        np.testing.assert_array_equal(batches(weighted)[step][2], batches(rows)[step][2] / 2)


def test_tensorflow_is_given_an_open_signature():
    if keras.backend.backend() != "tensorflow":
        data = batches()
        assert for_keras(data) is data
        return
    x, y, weight = for_keras(batches()).element_spec
    assert {tuple(spec.shape) for spec in (*x.values(), y, weight)} == {(None, None)}
    assert int(for_keras(batches(remask=False)).cardinality()) == 6
    assert int(for_keras(batches()).cardinality()) == -1


def test_a_compiled_model_trains_on_all_shapes():
    model = Toy()
    model.compile(
        keras.optimizers.Adam(0.05),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    losses = fit(batches(), 8, model).history.history["loss"]
    assert losses[-1] < losses[0]


def test_no_texts_and_senseless_numbers_are_refused():
    with pytest.raises(InputError, match="no texts"):
        batches(make_rows().take(np.zeros(0, int)))
    with pytest.raises(InputError, match="steps_per_epoch=0"):
        batches(steps_per_epoch=0)
    with pytest.raises(InputError, match="batch_size=0"):
        batches(batch_size=0)
    with pytest.raises(InputError, match="seed"):
        batches(seed=-1)
