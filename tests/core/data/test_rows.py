import numpy as np
import pytest

from mlmzoo.contract.errors import InputError
from mlmzoo.data.rows import pack

CLS, SEP = 101, 102


def row(rows, index):
    return rows.ids[rows.offsets[index] : rows.offsets[index + 1]].tolist()


def segments(rows, index):
    return rows.segments[rows.offsets[index] : rows.offsets[index + 1]].tolist()


def one_by_one(first, second, limit, separators, truncate):
    """The same in plain Python, room handed out token by token."""
    room = limit - (2 if second is None else 2 + separators)
    wanted = [len(first)] if second is None else [len(first), len(second)]
    kept = [0] * len(wanted)
    while room and kept != wanted:
        for place, want in enumerate(wanted):
            while room and kept[place] < want:
                kept[place] += 1
                room -= 1
                if truncate == "round_robin":
                    break
    ids = [CLS, *first[: kept[0]]]
    if second is None:
        return [*ids, SEP], [0] * (len(ids) + 1)
    ids += [SEP] * separators
    rest = [*second[: kept[1]], SEP]
    return ids + rest, [0] * len(ids) + [1] * len(rest)


def test_a_text_is_framed_by_start_and_end():
    rows = pack([[1, 2, 3], []], start=CLS, end=SEP, limit=8)
    assert row(rows, 0) == [CLS, 1, 2, 3, SEP]
    assert row(rows, 1) == [CLS, SEP]
    assert rows.lengths.tolist() == [5, 2]
    assert (rows.ids.dtype, rows.offsets.dtype, rows.segments.dtype) == (
        np.dtype("int32"),
        np.dtype("int64"),
        np.dtype("int8"),
    )


def test_a_pair_has_segments_and_as_many_separators_as_asked():
    rows = pack([[1, 2]], [[3]], start=CLS, end=SEP, separators=2, limit=16)
    assert row(rows, 0) == [CLS, 1, 2, SEP, SEP, 3, SEP]
    assert segments(rows, 0) == [0, 0, 0, 0, 0, 1, 1]


def test_the_examples_of_the_documentation_of_keras_hubs_packer():
    rows = pack([[1, 2, 3, 4]], [[11, 12, 13, 14]], start=CLS, end=SEP, limit=8)
    assert row(rows, 0) == [101, 1, 2, 3, 102, 11, 12, 102]
    rows = pack([[1, 2, 3, 4]], [[11, 12, 13, 14]], start=CLS, end=SEP, separators=2, limit=8)
    assert row(rows, 0) == [101, 1, 2, 102, 102, 11, 12, 102]


@pytest.mark.parametrize("truncate", ["round_robin", "waterfall"])
@pytest.mark.parametrize("separators", [1, 2])
def test_packing_equals_the_plain_way_on_random_pairs(truncate, separators):
    rng = np.random.default_rng(0)
    for limit in (5, 6, 9, 17):
        first = [rng.integers(1, 99, size=rng.integers(0, 20)).tolist() for _ in range(60)]
        second = [rng.integers(1, 99, size=rng.integers(0, 20)).tolist() for _ in range(60)]
        for other in (None, second):
            rows = pack(
                first,
                other,
                start=CLS,
                end=SEP,
                separators=separators,
                limit=limit,
                truncate=truncate,
            )
            for index, ids in enumerate(first):
                b = None if other is None else other[index]
                expected = one_by_one(ids, b, limit, separators, truncate)
                assert (row(rows, index), segments(rows, index)) == expected
            assert rows.lengths.max() <= limit


def test_no_token_is_lost_where_there_is_room():
    rng = np.random.default_rng(1)
    texts = [rng.integers(1, 99, size=rng.integers(0, 30)).tolist() for _ in range(50)]
    rows = pack(texts, start=CLS, end=SEP, limit=64)
    assert [row(rows, i)[1:-1] for i in range(len(texts))] == texts


def test_take_keeps_each_rows_tokens_segments_and_weight():
    rows = pack(
        [[1], [2, 2], [3]],
        [[4], [], [6, 6]],
        start=CLS,
        end=SEP,
        limit=16,
        weights=np.array([1, 2, 3], np.float32),
    )
    taken = rows.take(np.array([2, 0, 2]))
    assert [row(taken, i) for i in range(3)] == [row(rows, i) for i in (2, 0, 2)]
    assert [segments(taken, i) for i in range(3)] == [segments(rows, i) for i in (2, 0, 2)]
    assert taken.weights.tolist() == [3, 1, 3]


def test_a_limit_without_room_for_a_token_says_what_is_needed():
    with pytest.raises(InputError, match=r"sequence_length 2.*alone take 2.*at least 3"):
        pack([[1]], start=CLS, end=SEP, limit=2)
    with pytest.raises(InputError, match="at least 5"):
        pack([[1]], [[2]], start=CLS, end=SEP, separators=2, limit=4)
    assert row(pack([[1, 2]], start=CLS, end=SEP, limit=3), 0) == [CLS, 1, SEP]


def test_an_unknown_truncation_names_the_known_ones():
    with pytest.raises(InputError, match=r"'middle'.*'round_robin' and 'waterfall'"):
        pack([[1]], start=CLS, end=SEP, limit=8, truncate="middle")
