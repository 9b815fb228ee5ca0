"""`PinnedFiles`: files of one and the same directory, or an error."""

import os

import pytest

from mlmzoo.contract.errors import PresetFormatError, PresetMissingError
from mlmzoo.presets.sources.pinned import PinnedFiles
from mlmzoo.presets.staging import staged


def replace(directory, text):
    with staged(directory) as new:
        (new / "config.json").write_text(text)


def test_a_directory_that_stays_is_read_and_may_get_more_files(preset_directory):
    files = PinnedFiles(preset_directory)
    (preset_directory / "notes.txt").write_text("mine")
    assert files.path("config.json").read_text() == '{"answer": 42}'
    assert files.path("notes.txt").read_text() == "mine"


@pytest.mark.skipif(os.name == "nt", reason="Windows opens no directories")
def test_a_directory_that_was_replaced_is_an_error_even_if_it_looks_the_same(preset_directory):
    files = PinnedFiles(preset_directory, "mine")
    # More than once: the file system may give the number of the first one to the second one.
    for _ in range(3):
        replace(preset_directory, '{"answer": 42}')
        with pytest.raises(PresetFormatError, match=r"mine was replaced.*Load it again"):
            files.path("config.json")
    assert PinnedFiles(preset_directory).path("config.json")


def test_a_directory_that_has_gone_is_not_a_missing_file(preset_directory):
    files = PinnedFiles(preset_directory)
    preset_directory.rename(preset_directory.with_name("elsewhere"))
    with pytest.raises(PresetMissingError, match="any more"):
        files.path("config.json")
    # Not one without a pin, which would read whatever comes into that place.
    with pytest.raises(PresetMissingError, match="any more"):
        PinnedFiles(preset_directory)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files")
def test_nothing_stays_open(preset_directory):
    before = os.listdir("/proc/self/fd")
    for _ in range(10):
        PinnedFiles(preset_directory).path("config.json")
    assert len(os.listdir("/proc/self/fd")) == len(before)
