import numpy as np
import pytest

from mlmzoo.data import spool as module
from mlmzoo.data.rows import TokenRows, pack
from mlmzoo.data.spool import spool


def rows(count, seed, **given):
    rng = np.random.default_rng(seed)
    texts = [rng.integers(4, 50, size=rng.integers(0, 9)).tolist() for _ in range(count)]
    weights = rng.random(count).astype(np.float32)
    made = pack(texts, start=1, end=2, limit=24, weights=weights)
    words = rng.random(len(made.ids)) < 0.5
    return TokenRows(made.ids, made.offsets, made.segments, made.weights, words)


@pytest.fixture(params=["in memory", "in files"])
def kept(request, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    if request.param == "in files":
        monkeypatch.setattr(module, "IN_MEMORY", 64)
    return request.param


def test_rows_of_all_chunks_follow_one_another(kept):
    chunks = [rows(count, count) for count in (20, 1, 33)]
    found = spool(chunks, lambda chunk: chunk)
    assert isinstance(found.ids, np.memmap) == (kept == "in files")
    assert isinstance(found.offsets, np.memmap) == (kept == "in files")
    for name in ("ids", "segments", "weights", "words"):
        expected = np.concatenate([getattr(chunk, name) for chunk in chunks])
        np.testing.assert_array_equal(getattr(found, name), expected)
        assert getattr(found, name).dtype == expected.dtype
    lengths = np.concatenate([chunk.lengths for chunk in chunks])
    np.testing.assert_array_equal(found.lengths, lengths)
    assert found.offsets[0] == 0


def test_no_file_is_left_behind(kept, tmp_path):
    found = spool([rows(200, 0)], lambda chunk: chunk)
    assert found.ids.sum() > 0
    del found
    assert not list(tmp_path.iterdir())


def test_rows_in_files_are_taken_and_parted_like_others(kept):
    whole = rows(50, 3)
    found = spool([whole], lambda chunk: chunk)
    for these, those in (
        (found.take(np.array([7, 3])), whole.take(np.array([7, 3]))),
        (found.part(4, 9), whole.part(4, 9)),
    ):
        np.testing.assert_array_equal(these.ids, those.ids)
        np.testing.assert_array_equal(these.offsets, those.offsets)
        np.testing.assert_array_equal(these.weights, those.weights)
