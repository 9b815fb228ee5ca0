"""`replacing`: a file is the old one or the new one, never a part of either."""

import os

import pytest

from mlmzoo.presets.atomic import replacing


def test_a_file_takes_the_place_of_an_older_one_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "weights.bin"
    path.write_bytes(b"old")
    with replacing(path) as staging:
        staging.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["weights.bin"]


def test_a_failure_leaves_the_older_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "weights.bin"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), replacing(path) as staging:
        staging.write_bytes(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["weights.bin"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights")
def test_a_file_has_the_rights_of_any_other(tmp_path):
    with replacing(tmp_path / "a") as staging:
        staging.write_bytes(b"")
    (tmp_path / "b").write_bytes(b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode
