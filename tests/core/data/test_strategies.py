"""Whole words and spans, against plain readings of the same rules."""

import numpy as np
import pytest

from mlmzoo.contract.errors import InputError
from mlmzoo.data.masking import DECISION, EXTRA, ORDER, MaskingRule, draw
from mlmzoo.data.random_bits import random_bits, share_of, stream_key
from mlmzoo.data.rows import TokenRows, pack
from mlmzoo.data.strategies import Block, choose_spans

PAD, CLS, SEP, MASK, UNK = range(5)
V = 100
SEED = (3, 1)
STRATEGIES = ("whole_word", "span")


def rule(strategy, **given):
    settings = {
        "rate": 0.15,
        "mask_token_rate": 0.8,
        "random_token_rate": 0.1,
        "mask_id": MASK,
        "vocabulary_size": V,
        "special_ids": (PAD, CLS, SEP, MASK, UNK),
    }
    return MaskingRule(**{**settings, "strategy": strategy, **given})


def random_rows(count=300, longest=60, seed=0, beginning=0.7, special=0.03, pairs=False):
    rng = np.random.default_rng(seed)

    def texts():
        result = []
        for _ in range(count):
            ids = rng.integers(5, V, size=rng.integers(0, longest))
            ids[rng.random(len(ids)) < special] = UNK
            result.append(ids.tolist())
        return result

    rows = pack(texts(), texts() if pairs else None, start=CLS, end=SEP, limit=2 * longest + 4)
    words = rng.random(len(rows.ids)) < beginning
    return TokenRows(rows.ids, rows.offsets, rows.segments, words=words)


def words_of(rows, index, longest=None):
    """Places in the row of the tokens of each of its words."""
    words = []
    begin, end = rows.offsets[index : index + 2]
    for place in range(end - begin):
        if rows.ids[begin + place] < 5:
            continue
        follows = words and words[-1][-1] == place - 1
        full = follows and longest is not None and len(words[-1]) == longest
        if not follows or full or rows.words[begin + place]:
            words.append([])
        words[-1].append(place)
    return words


def bits_of(rows, index, place, stream):
    number = rows.offsets[index] + place
    return random_bits(stream_key(SEED, stream), np.asarray([number]))


def in_order(rows, index, words):
    """The numbers of the words, as they are drawn."""
    drawn = [int(bits_of(rows, index, word[0], ORDER)[0]) >> 32 for word in words]
    return sorted(range(len(words)), key=lambda number: (drawn[number], number))


def whole_words(rows, index, rule):
    words = words_of(rows, index, rule.word_limit)
    (aim,) = rule.counts(np.asarray([sum(map(len, words))]))
    chosen = []
    for number in in_order(rows, index, words):
        left = aim - len(chosen)
        word = words[number]
        if left <= 0:
            break
        if len(word) > left and chosen:
            chance = share_of(bits_of(rows, index, word[0], EXTRA))[0]
            too_many = rule.limit_per_row and len(chosen) + len(word) > rule.limit_per_row
            if chance * len(word) >= left or too_many:
                break
        chosen += word
    return {place: place for place in chosen}


def spans(rows, index, rule):
    """Each chosen place, and the place its span begins at."""
    words = words_of(rows, index)
    (aim,) = rule.counts(np.asarray([sum(map(len, words))]))
    p, longest = rule.span_end_rate, rule.longest_span
    chances = np.asarray([p * (1 - p) ** n for n in range(longest)])
    chances /= chances.sum()
    chosen = {}
    for number in in_order(rows, index, words):
        share = share_of(bits_of(rows, index, words[number][0], EXTRA))[0]
        length = 1 + int((np.cumsum(chances)[:-1] <= share).sum())
        span = words[number : number + length]
        for word, previous in zip(span, [None, *span], strict=False):
            if previous and previous[-1] != word[0] - 1:
                break
            for place in word:
                if len(chosen) < aim:
                    chosen.setdefault(place, words[number][0])
    return chosen


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"rate": 0.02},
        {"rate": 0.6},
        {"rate": 1.0},
        {"limit_per_row": 3},
        {"longest_word": 2, "longest_span": 3},
        {"span_end_rate": 0.6, "longest_word": 4},
        {"rate": 0.0},
    ],
)
@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_is_chosen_is_what_a_plain_reading_of_the_rule_chooses(strategy, pairs, given):
    rows = random_rows(count=80, pairs=pairs)
    tried = rule(strategy, **given)
    read = {"whole_word": whole_words, "span": spans}[strategy]
    masks = draw(rows, tried, SEED)
    for index in range(len(rows)):
        found = masks.positions[masks.offsets[index] : masks.offsets[index + 1]]
        expected = read(rows, index, tried)
        assert (found - rows.offsets[index]).tolist() == sorted(expected)
        for position, replaced in zip(
            found, masks.replaced[masks.offsets[index] : masks.offsets[index + 1]], strict=True
        ):
            decides = expected[position - rows.offsets[index]]
            share = share_of(bits_of(rows, index, decides, DECISION))[0]
            assert (replaced == MASK) == (share < 0.8)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("limit", [None, 1, 5])
@pytest.mark.parametrize("rate", [0.01, 0.15, 0.5])
def test_no_text_is_without_a_mask_and_none_has_more_than_the_bound(strategy, rate, limit):
    rows = random_rows(count=2000, beginning=0.3)
    tried = rule(strategy, rate=rate, limit_per_row=limit)
    masks = draw(rows, tried, SEED)
    ordinary = np.add.reduceat(rows.ids >= 5, rows.offsets[:-1])
    counts = np.diff(masks.offsets)
    assert ((counts > 0) == (ordinary > 0)).all()
    assert (counts <= tried.most(ordinary)).all()
    assert (masks.labels >= 5).all()
    if strategy == "span":
        np.testing.assert_array_equal(counts, tried.counts(ordinary))
        np.testing.assert_array_equal(tried.most(ordinary), tried.counts(ordinary))
    elif limit is None:
        assert (counts > tried.counts(ordinary)).any(), "the bound is not met by words of one"


@pytest.mark.parametrize("limit", [None, 3, 40])
def test_the_bound_grows_with_the_length_and_stays_within_it(limit):
    for rate in (0.0, 0.01, 0.15, 1.0):
        tried = rule("whole_word", rate=rate, limit_per_row=limit)
        most = tried.most(np.arange(300))
        assert (np.diff(most) >= 0).all()
        assert (most <= np.arange(300)).all()
        assert tried.slots(299) == max(1, most[-1])


@pytest.mark.parametrize("rate", [0.1, 0.15, 0.4])
def test_the_expected_share_is_the_rate_with_whole_words(rate):
    rows = pack([list(range(5, 85))] * 3000, start=CLS, end=SEP, limit=128)
    words = np.random.default_rng(1).random(len(rows.ids)) < 0.6
    rows = TokenRows(rows.ids, rows.offsets, rows.segments, words=words)
    counts = np.diff(draw(rows, rule("whole_word", rate=rate), SEED).offsets)
    aim = round(80 * rate)
    assert abs(counts.mean() - aim) < 5 * counts.std() / np.sqrt(len(counts))
    assert counts.std() > 0


def test_long_words_are_chosen_nearly_as_often_as_short_ones():
    # Words of 1, 2 and 3 tokens in turn.
    rows = pack([[5] * 60] * 20_000, start=CLS, end=SEP, limit=128)
    words = np.zeros((20_000, 62), bool)
    words[:, 1:61:6] = words[:, 2:61:6] = words[:, 4:61:6] = True
    rows = TokenRows(rows.ids, rows.offsets, rows.segments, words=words.ravel())
    masks = draw(rows, rule("whole_word"), SEED)
    place = (masks.positions % 62 - 1) % 6
    shares = np.bincount(place, minlength=6) / (20_000 * 10)
    assert abs(shares - 0.15).max() < 0.01


def test_a_word_longer_than_the_longest_counts_as_several():
    rows = pack([[5] * 40] * 200, start=CLS, end=SEP, limit=64)
    rows = TokenRows(rows.ids, rows.offsets, rows.segments, words=np.zeros(len(rows.ids), bool))
    masks = draw(rows, rule("whole_word", longest_word=3), SEED)
    for index in range(200):
        chosen = masks.positions[masks.offsets[index] : masks.offsets[index + 1]] - 42 * index - 1
        for part in np.unique(chosen // 3):
            assert (chosen // 3 == part).sum() == min(3, 40 - 3 * part)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_text_ends_a_word_where_no_special_token_does(strategy):
    ids = np.arange(5, 15, dtype=np.int32)
    rows = TokenRows(ids, np.arange(0, 11, 2), np.zeros(10, np.int8), words=ids % 2 == 0)
    counts = np.diff(draw(rows, rule(strategy, rate=0.5), SEED).offsets)
    assert (counts == 1).all(), "words of one token, and a span of each text's own"


def test_spans_have_the_lengths_of_the_paper():
    texts, words, aim = 4000, 500, 10
    numbers = np.arange(texts * words)
    apart = numbers % words == 0
    block = Block(numbers, np.arange(texts + 1) * words, 10, apart, np.ones(len(numbers), bool))
    order = stream_key(SEED, ORDER)
    chosen = choose_spans(
        block, np.full(texts, aim), order, stream_key(SEED, EXTRA), end_rate=0.2, longest=10
    )
    # A text's first span is whole, for none has more words than are chosen.
    begin = chosen.deciding.reshape(texts, aim)
    first = np.take_along_axis(begin, random_bits(order, begin).argmin(axis=1)[:, None], axis=1)
    lengths = (begin == first).sum(axis=1)
    assert lengths.mean() == pytest.approx(3.8, abs=0.15), "SpanBERT, section 3.1"
    shares = np.bincount(lengths, minlength=11)[1:] / texts
    expected = 0.2 * 0.8 ** np.arange(10)
    assert abs(shares - expected / expected.sum()).max() < 0.03


def test_a_span_is_replaced_as_one():
    rows = random_rows(count=3000, special=0.0)
    tried = rule("span", rate=0.3, random_token_rate=0.2)
    masks = draw(rows, tried, SEED)
    kind = np.where(masks.replaced == MASK, 0, np.where(masks.replaced == masks.labels, 1, 2))
    beside = np.diff(masks.positions) == 1
    same = (np.diff(kind) == 0)[beside].mean()
    assert same > 0.85, "token by token it would be 0.68"
    shares = np.bincount(kind, minlength=3) / len(kind)
    assert abs(shares[0] - 0.8) < 0.02


def test_a_whole_word_is_replaced_token_by_token():
    rows = random_rows(count=4000, beginning=0.3, special=0.0)
    masks = draw(rows, rule("whole_word", rate=0.3), SEED)
    mask = masks.replaced == MASK
    beside = np.diff(masks.positions) == 1
    both = (mask[1:] & mask[:-1])[beside]
    assert abs(both.mean() - 0.64) < 5 * np.sqrt(0.64 * 0.36 / len(both))
    assert abs(mask.mean() - 0.8) < 5 * np.sqrt(0.16 / len(mask))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_texts_masks_are_the_same_in_whatever_company(strategy):
    rows = random_rows(count=400)
    whole = draw(rows, rule(strategy), SEED)
    shuffled = np.random.default_rng(0).permutation(len(rows))
    for indices in (shuffled, shuffled[:1], np.arange(100, 200)):
        taken = rows.take(indices)
        masks = draw(taken, rule(strategy), SEED)
        for place, index in enumerate(indices):
            of_taken = slice(masks.offsets[place], masks.offsets[place + 1])
            of_whole = slice(whole.offsets[index], whole.offsets[index + 1])
            np.testing.assert_array_equal(
                masks.positions[of_taken] - taken.offsets[place],
                whole.positions[of_whole] - rows.offsets[index],
            )
            np.testing.assert_array_equal(masks.replaced[of_taken], whole.replaced[of_whole])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_masks_do_not_depend_on_how_many_rows_are_sorted_together(strategy, monkeypatch):
    rows = random_rows(count=200)
    whole = draw(rows, rule(strategy), SEED)
    monkeypatch.setattr("mlmzoo.data.masking.ROWS_AT_ONCE", 7)
    parts = draw(rows, rule(strategy), SEED)
    for name in ("positions", "labels", "replaced", "offsets"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_texts_and_empty_texts_get_no_masks(strategy):
    rows = random_rows(count=5)
    none = draw(rows.take(np.zeros(0, np.int64)), rule(strategy), SEED)
    assert none.offsets.tolist() == [0]
    empty = pack([[], []], start=CLS, end=SEP, limit=8)
    empty = TokenRows(empty.ids, empty.offsets, empty.segments, words=np.ones(4, bool))
    assert draw(empty, rule(strategy), SEED).offsets.tolist() == [0, 0, 0]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rows_without_words_are_refused(strategy):
    rows = pack([[5, 6]], start=CLS, end=SEP, limit=8)
    with pytest.raises(InputError, match=f"masking='{strategy}'.*where their words begin"):
        draw(rows, rule(strategy), SEED)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"strategy": "words"}, "masking='words'.*'whole_word'"),
        ({"longest_word": 0}, "longest_word=0"),
        ({"longest_span": 0}, "longest_span=0"),
        ({"span_end_rate": 0}, "span_end_rate=0"),
        ({"span_end_rate": float("nan")}, "span_end_rate=nan"),
        ({"span_end_rate": 1.5}, "span_end_rate=1.5"),
    ],
)
def test_a_senseless_rule_says_what_is_wrong(given, message):
    with pytest.raises(InputError, match=message):
        rule(**{"strategy": "span", **given})
