import os
import sys
from types import ModuleType

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
    "config.json.",
    "config.json ",
    ". ",
    "NUL",
    "assets/aux.txt",
    "Com1.safetensors",
    "conin$",
    "x" * 256,
    "\ud800.json",
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


@pytest.mark.parametrize("name", ["console.json", "nullable.txt", "com.txt", "lpt10", ".hidden"])
def test_names_that_only_look_like_devices_are_names(preset_directory, name):
    assert LocalFiles(preset_directory).path(name) is None


def test_links_inside_the_directory_and_to_it_are_followed(preset_directory, tmp_path):
    (preset_directory / "weights").symlink_to("model.weights.h5")
    (preset_directory / "more").symlink_to(preset_directory / "assets")
    (tmp_path / "link").symlink_to(preset_directory)
    for directory in (preset_directory, tmp_path / "link"):
        files = LocalFiles(directory)
        assert files.path("weights").is_file()
        assert files.path("more/tokenizer/vocabulary.txt").is_file()


def test_links_out_of_the_directory_are_refused_unless_a_package_has_them(
    preset_directory, tmp_path
):
    (tmp_path / "secret").write_text("{}")
    (tmp_path / "preset-2").mkdir()
    (tmp_path / "preset-2" / "secret").write_text("{}")
    (preset_directory / "file").symlink_to(tmp_path / "secret")
    (preset_directory / "relative").symlink_to("../secret")
    (preset_directory / "sibling").symlink_to(tmp_path / "preset-2" / "secret")
    (preset_directory / "folder").symlink_to(tmp_path)
    for name in ("file", "relative", "sibling", "folder/secret"):
        with pytest.raises(PresetFormatError, match="outside of its directory"):
            LocalFiles(preset_directory).path(name)
        assert LocalFiles(preset_directory, follow_links=True).path(name).is_file()


def test_a_snapshot_in_the_cache_of_hugging_face_is_a_directory_like_any(tmp_path):
    repository = tmp_path / "models--org--name"
    snapshot = repository / "snapshots" / ("0" * 40)
    (repository / "blobs").mkdir(parents=True)
    (snapshot / "assets").mkdir(parents=True)
    (repository / "blobs" / "abc").write_text("{}")
    (repository / "secret").write_text("{}")
    (snapshot / "config.json").symlink_to("../../blobs/abc")
    (snapshot / "assets" / "more").symlink_to("../../../blobs/abc")
    (snapshot / "out").symlink_to("../../secret")
    files = LocalFiles(snapshot)
    assert files.path("config.json").read_text() == "{}"
    assert files.path("assets/more").is_file()
    with pytest.raises(PresetFormatError, match="outside of its directory"):
        files.path("out")
    (snapshot.parent.rename(repository / "elsewhere"))
    with pytest.raises(PresetFormatError, match="outside of its directory"):
        LocalFiles(repository / "elsewhere" / ("0" * 40)).path("config.json")


def test_what_is_no_file_is_refused_rather_than_waited_for(preset_directory):
    os.mkfifo(preset_directory / "pipe")
    (preset_directory / "loop").symlink_to("loop")
    (preset_directory / "broken").symlink_to("nowhere")
    (preset_directory / "device").symlink_to("/dev/zero")
    files = LocalFiles(preset_directory)
    for name in ("pipe", "loop", "broken", "device"):
        with pytest.raises(PresetFormatError, match=r"no regular file|leads to no file"):
            files.path(name)


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
    # As a script's __main__, it is imported and does not say from where.
    monkeypatch.setitem(sys.modules, "toy_bare", ModuleType("toy_bare"))
    return root


def test_a_preset_inside_a_package_is_read_without_importing_it(package):
    files = PackageSource().open("package://toy_embedding/presets/toy")
    assert files.path("config.json") == package / "toy_embedding/presets/toy/config.json"
    assert files.path("task.json") is None
    assert "toy_embedding" not in sys.modules


def test_a_preset_in_a_package_inside_a_package_is_read_without_importing_either(package):
    files = PackageSource().open("package://toy_embedding.presets/toy")
    assert files.path("config.json") == package / "toy_embedding/presets/toy/config.json"
    assert "toy_embedding" not in sys.modules


@pytest.mark.parametrize(
    ("handle", "shown"),
    [
        ("package://not_installed_at_all/presets/toy", "not installed"),
        ("package://not_installed.at_all/presets/toy", "not installed"),
        ("package://toy_embedding/presets/other", "no such preset"),
        ("package://toy_module/presets/toy", "no such preset"),
        ("package://toy_embedding.inside/presets/toy", "no such preset"),
        ("package://toy_bare/presets/toy", "not installed"),
    ],
)
def test_a_package_without_the_preset_is_a_missing_preset(package, handle, shown):
    with pytest.raises(PresetMissingError, match=shown):
        PackageSource().open(handle).path("config.json")
