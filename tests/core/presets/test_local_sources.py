import sys

import pytest

from mlmzoo.contract.errors import PresetFormatError, PresetMissingError
from mlmzoo.contract.protocols import Files, Source
from mlmzoo.presets.sources.builtin import mlmzoo_sources
from mlmzoo.presets.sources.huggingface import HuggingFaceSource
from mlmzoo.presets.sources.kaggle import KaggleSource
from mlmzoo.presets.sources.local import LocalFiles
from mlmzoo.presets.sources.package import PackageSource

BAD_NAMES = [
    "",
    ".",
    "..",
    "../config.json",
    "assets/../../config.json",
    "assets//vocabulary.txt",
    "assets/",
    "/etc/passwd",
    "\\\\server\\share",
    "..\\config.json",
    "C:/config.json",
    "C:config.json",
    "config.json\0",
    "con\nfig.json",
    None,
    b"config.json",
]


def every_kind_of_files(directory):
    yield LocalFiles(directory)
    yield PackageSource().open("package://a_package/preset")
    yield HuggingFaceSource().open("hf://org/name")
    yield KaggleSource().open("kaggle://org/model/keras/small/1")


@pytest.mark.parametrize("name", BAD_NAMES, ids=repr)
def test_no_source_leaves_the_preset(preset_directory, name):
    for files in every_kind_of_files(preset_directory):
        with pytest.raises(PresetFormatError, match="not a plain path inside a preset"):
            files.path(name)


def test_every_source_fulfils_the_contract(preset_directory):
    assert [source.scheme for source in mlmzoo_sources()] == ["package", "kaggle", "hf"]
    assert all(isinstance(source, Source) for source in mlmzoo_sources())
    assert all(isinstance(files, Files) for files in every_kind_of_files(preset_directory))


def test_local_files_are_found_or_surely_not_there(preset_directory):
    files = LocalFiles(preset_directory)
    assert files.path("config.json").read_text() == '{"answer": 42}'
    assert files.path("assets/tokenizer/vocabulary.txt").is_file()
    assert files.path("assets/tokenizer/merges.txt") is None
    assert files.path("assets/tokenizer") is None
    assert files.path("config.json/deeper") is None


def test_a_directory_that_has_gone_is_not_a_missing_file(preset_directory):
    files = LocalFiles(preset_directory)
    preset_directory.rename(preset_directory.with_name("elsewhere"))
    with pytest.raises(PresetMissingError, match="any more"):
        files.path("config.json")


@pytest.fixture
def package(tmp_path, monkeypatch):
    root = tmp_path / "site"
    preset = root / "toy_embedding" / "presets" / "toy"
    preset.mkdir(parents=True)
    (root / "toy_embedding" / "__init__.py").write_text("raise RuntimeError('imported')")
    (preset / "config.json").write_text("{}")
    (root / "toy_module.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(str(root))
    return root


def test_a_preset_inside_a_package_is_read_without_importing_it(package):
    files = PackageSource().open("package://toy_embedding/presets/toy")
    assert files.path("config.json") == package / "toy_embedding/presets/toy/config.json"
    assert files.path("task.json") is None
    assert "toy_embedding" not in sys.modules


@pytest.mark.parametrize(
    ("handle", "shown"),
    [
        ("package://not_installed_at_all/presets/toy", "not installed"),
        ("package://not_installed.at_all/presets/toy", "not installed"),
        ("package://toy_embedding/presets/other", "no such preset"),
        ("package://toy_module/presets/toy", "no such preset"),
    ],
)
def test_a_package_without_the_preset_is_a_missing_preset(package, handle, shown):
    with pytest.raises(PresetMissingError, match=shown):
        PackageSource().open(handle).path("config.json")
