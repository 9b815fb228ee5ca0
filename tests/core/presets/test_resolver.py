import warnings
from pathlib import Path

import pytest

from mlmzoo.contract.errors import (
    AmbiguousNameError,
    HandleError,
    PresetMissingError,
    PresetWarning,
    UnknownNameError,
)
from mlmzoo.contract.records import Preset
from mlmzoo.presets.resolver import resolve
from mlmzoo.presets.sources.builtin import mlmzoo_sources
from mlmzoo.presets.sources.local import LocalFiles
from mlmzoo.presets.staging import _prefix


class OwnSource:
    """A plugin's source."""

    scheme = "mine"

    def open(self, handle):
        files = LocalFiles(Path("nowhere"), handle)
        files.kind = self.scheme
        return files


class Registry:
    """What the resolver asks of a registry, on two small presets."""

    def __init__(self):
        self._presets = {
            name: Preset(name, "toy", "A toy.", 1, sources, {})
            for name, sources in {
                "toy_base_en": ("hf://org/toy@v1", "kaggle://org/toy/keras/toy_base_en/2"),
                "toy_embedded": ("package://toy_package/presets/toy",),
                "toy_strange": ("gs://bucket/toy",),
            }.items()
        }
        self._sources = {source.scheme: source for source in [*mlmzoo_sources(), OwnSource()]}

    @property
    def schemes(self):
        return tuple(self._sources)

    def source(self, scheme):
        return self._sources[scheme]

    def find_preset(self, name):
        return self._presets.get(name)

    def preset(self, name):
        if name == "toy_twice":
            raise AmbiguousNameError(f"two packages offer {name!r}")
        distribution, _, bare = name.rpartition(":")
        if distribution in ("", "mlmzoo-toy") and bare in self._presets:
            return self._presets[bare]
        raise UnknownNameError(f"the diagnosis of {name!r}")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with presets and with things that only look like one."""
    for name in ("mine", "toy_base_en", "some/name", "runs/step-5", "~tilde", "C:\\bert"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.json").write_text("{}")
    (tmp_path / "mine" / "weights.h5").write_text("")
    (tmp_path / "model.keras").write_text("")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "toy_embedded").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    return tmp_path


GOOD = [
    # asked, class of the first files, their handle, number of places
    ("mlmzoo-toy:toy_base_en", "HuggingFaceFiles", "hf://org/toy@v1", 2),
    ("toy_embedded", "PackageFiles", "package://toy_package/presets/toy", 1),
    ("hf://org/name", "HuggingFaceFiles", "hf://org/name", 1),
    ("hf://0rg/na.me-1_x", "HuggingFaceFiles", "hf://0rg/na.me-1_x", 1),
    ("hf://org/name@v1.0", "HuggingFaceFiles", "hf://org/name@v1.0", 1),
    ("hf://org/name@refs/pr/3", "HuggingFaceFiles", "hf://org/name@refs/pr/3", 1),
    ("hf://org/name@" + "a1" * 20, "HuggingFaceFiles", "hf://org/name@" + "a1" * 20, 1),
    ("kaggle://o/m/keras/v_1", "KaggleFiles", "kaggle://o/m/keras/v_1", 1),
    ("kaggle://o/m/keras/v_1/12", "KaggleFiles", "kaggle://o/m/keras/v_1/12", 1),
    ("kaggle://o/m/pyTorch/v-1.5", "KaggleFiles", "kaggle://o/m/pyTorch/v-1.5", 1),
    ("package://toy_package/presets/toy", "PackageFiles", "package://toy_package/presets/toy", 1),
    ("mine://whatever it takes", "LocalFiles", "mine://whatever it takes", 1),
    ("mine", "PinnedFiles", "mine", 1),
    ("mine/", "PinnedFiles", "mine/", 1),
    ("some/name", "PinnedFiles", "some/name", 1),
    ("./mine", "PinnedFiles", "./mine", 1),
    ("./mine/", "PinnedFiles", "./mine/", 1),
    ("./toy_base_en", "PinnedFiles", "./toy_base_en", 1),
    ("runs/../mine", "PinnedFiles", "runs/../mine", 1),
    ("~/mine", "PinnedFiles", "~/mine", 1),
    ("C:\\bert", "PinnedFiles", "C:\\bert", 1),
    (Path("mine"), "PinnedFiles", "mine", 1),
    (Path("toy_base_en"), "PinnedFiles", "toy_base_en", 1),
]


@pytest.mark.parametrize(("asked", "kind", "handle", "places"), GOOD, ids=lambda v: str(v)[:40])
def test_every_good_form_is_understood(here, asked, kind, handle, places):
    location = resolve(asked, Registry())
    assert location.asked == str(asked)
    assert type(location.files[0]).__name__ == kind
    assert location.files[0].handle == handle
    assert len(location.files) == places
    assert (location.builtin is not None) == ("toy_" in str(asked) and kind != "PinnedFiles") or (
        "package:" in str(asked)
    )
    if kind == "PinnedFiles" and handle != "mine://whatever it takes":
        assert location.files[0].path("config.json").is_file()


NEAR_MISSES = [
    # asked, error, what its message shows
    ("", HandleError, "hf://org/name[@revision]"),
    ("   ", HandleError, "hf://org/name[@revision]"),
    ("\t\n", HandleError, "built-in name"),
    (None, HandleError, "a NoneType"),
    (7, HandleError, "an int, not the name of a preset"),
    (b"toy_base_en", HandleError, "a bytes"),
    (["toy_base_en"], HandleError, "a list"),
    (" toy_base_en", HandleError, "Did you mean 'toy_base_en'?"),
    ("toy_base_en\n", HandleError, "Did you mean 'toy_base_en'?"),
    ("toy\0base", HandleError, "Did you mean 'toybase'?"),
    ("toy_base_en/", None, ""),  # a directory of that name is here
    ("toy_strange/", HandleError, "For the built-in preset write toy_strange."),
    ("toy-base-en", UnknownNameError, "the diagnosis of 'toy-base-en'"),
    ("bert-base-uncased", UnknownNameError, "hf://org/bert-base-uncased"),
    ("toy_twice", AmbiguousNameError, "two packages"),
    ("x" * 5000, UnknownNameError, "the diagnosis"),
    ("mlmzoo-toy:nothing", UnknownNameError, "the diagnosis of 'mlmzoo-toy:nothing'"),
    ("mlmzoo-toy:", HandleError, "distribution:name"),
    (":toy_base_en", HandleError, "distribution:name"),
    ("mlmzoo-toy:a:b", HandleError, "distribution:name"),
    ("m:toy_base_en", PresetMissingError, "no directory 'm:toy_base_en'"),
    ("hf://bert-base-uncased", HandleError, "hf://org/bert-base-uncased"),
    ("hf://bert-base-uncased@main", HandleError, "hf://org/bert-base-uncased@main"),
    ("hf://", HandleError, "hf://org/name"),
    ("hf:///org/name", HandleError, "hf://org/name"),
    ("hf://org/", HandleError, "hf://org/name"),
    ("hf://org/name/", HandleError, "ends without a slash"),
    ("hf://org/name/config.json", HandleError, "not a folder or a file in it"),
    ("hf://org/name/tree/v1", HandleError, "hf://org/name@v1"),
    ("hf://org/name@", HandleError, "After the @"),
    ("hf://org/name@v1/", HandleError, "After the @"),
    ("hf://org/name@/v1", HandleError, "After the @"),
    ("hf://org/name@../x", HandleError, "After the @"),
    ("hf://org/name@a b", HandleError, "After the @"),
    ("hf://org/na me", HandleError, "hf://org/name"),
    ("hf://../name", HandleError, "hf://org/name"),
    ("hf://org/na--me", HandleError, "hf://org/name"),
    ("HF://org/name", HandleError, "Write hf://org/name."),
    ("hf:org/name", HandleError, "Write hf://org/name."),
    ("hf:/org/name", HandleError, "Write hf://org/name."),
    ("org/name", HandleError, "hf://org/name; for a directory ./org/name"),
    ("kaggle://a/b", HandleError, "kaggle://org/model/framework/variation"),
    ("kaggle://a/b/c", HandleError, "3 parts"),
    ("kaggle://a/b/c/d/", HandleError, "A part of it is empty"),
    ("kaggle://a/b/c/d/latest", HandleError, "The version is a number"),
    ("kaggle://a/b/c/d/0", HandleError, "The version is a number"),
    ("kaggle://a/b/c/d/1/", HandleError, "kaggle://org/model/framework/variation/version"),
    ("kaggle://a/b/c/d/1/2", HandleError, "6 parts"),
    ("kaggle://a/../c/d", HandleError, "kaggle://org/model/framework/variation"),
    ("kaggle:a/b/c/d", HandleError, "Write kaggle://a/b/c/d."),
    ("a/b/c/d", HandleError, "kaggle://a/b/c/d"),
    ("package://toy_package", HandleError, "package://import_name/path"),
    ("package://toy-package/x", HandleError, "package://import_name/path"),
    ("package://toy_package/../x", HandleError, "package://import_name/path"),
    ("package://toy_package/x/", HandleError, "package://import_name/path"),
    ("https://huggingface.co/org/name", HandleError, "Write hf://org/name."),
    ("https://huggingface.co/org/name/tree/v1", HandleError, "Write hf://org/name@v1."),
    ("https://huggingface.co/org/name/blob/main/config.json", HandleError, "hf://org/name."),
    (
        "https://www.kaggle.com/models/o/m/keras/v/3",
        HandleError,
        "Write kaggle://o/m/keras/v/3.",
    ),
    ("http://example.org/preset", HandleError, "A web address is no preset."),
    ("file:///tmp/x", HandleError, "plain path: /tmp/x"),
    ("gs://bucket/toy", HandleError, "Known schemes: hf://, kaggle://, mine://, package://"),
    ("toy_strange", HandleError, "gs://bucket/toy"),
    ("./missing", PresetMissingError, "no directory './missing'"),
    ("~/missing", PresetMissingError, "Check the path"),
    ("missing/deep", HandleError, "./missing/deep"),
    ("./empty", PresetMissingError, "It is empty."),
    ("empty", PresetMissingError, "holds no config.json"),
    ("runs", PresetMissingError, "These directories in it do: step-5."),
    ("./runs/", PresetMissingError, "step-5"),
    ("C:\\other", PresetMissingError, "C:\\\\other"),
    ("./mine/config.json", HandleError, "the directory that holds it: mine"),
    ("mine/weights.h5", HandleError, "the directory that holds it: mine"),
    ("model.keras", HandleError, "mlmzoo.load_model"),
    ("./notes.txt", HandleError, "A preset is a directory that holds a config.json"),
    (Path("missing"), PresetMissingError, "no directory 'missing'"),
    (Path("hf://org/name"), PresetMissingError, "'hf://org/name'"),
    (Path("notes.txt"), HandleError, "is a file"),
]


@pytest.mark.parametrize(("asked", "error", "shown"), NEAR_MISSES, ids=lambda v: repr(v)[:40])
def test_every_near_miss_is_shown_the_right_form(here, asked, error, shown):
    if error is None:
        assert resolve(asked, Registry()).builtin is None
        return
    with pytest.raises(error) as raised:
        resolve(asked, Registry())
    assert type(raised.value) is error
    assert shown in str(raised.value)
    if isinstance(asked, str) and 0 < len(asked.strip()) < 100:
        assert repr(asked) in str(raised.value), "the offending value is shown"


def test_a_built_in_name_wins_over_a_directory_with_a_warning(here):
    with pytest.warns(PresetWarning, match=r"write \./toy_base_en"):
        location = resolve("toy_base_en", Registry())
    assert location.builtin.name == "toy_base_en"
    assert [files.handle for files in location.files] == [
        "hf://org/toy@v1",
        "kaggle://org/toy/keras/toy_base_en/2",
    ]


def test_a_directory_that_holds_no_preset_does_not_warn(here):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert resolve("toy_embedded", Registry()).builtin is not None


def test_resolving_makes_no_request_and_imports_no_client():
    import subprocess
    import sys

    code = (
        "import sys\n"
        "from mlmzoo.presets.sources.builtin import mlmzoo_sources\n"
        "import mlmzoo.presets.resolver\n"
        "for source in mlmzoo_sources():\n"
        "    source.open({'hf': 'hf://a/b', 'kaggle': 'kaggle://a/b/c/d',\n"
        "                 'package': 'package://a/b'}[source.scheme])\n"
        "heavy = {'keras', 'tensorflow', 'jax', 'torch', 'tokenizers', 'huggingface_hub',\n"
        "         'kagglehub', 'requests', 'httpx', 'httpx2', 'numpy'} - {'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("asked", ["./mine", "mine", "runs/step-5", Path("runs/step-5")], ids=str)
def test_a_directory_that_a_killed_process_was_replacing_is_found(here, asked):
    killed = Path(asked).parent / f"{_prefix(Path(asked))}killed"
    killed.mkdir()
    (killed / "lock").touch()
    Path(asked).rename(killed / "old")
    (files,) = resolve(asked, Registry()).files
    assert files.path("config.json") and not killed.exists()


def test_an_export_is_called_one_and_no_preset(here):
    (here / "exported").mkdir()
    (here / "exported" / "mlmzoo_export.json").write_text("{}")
    with pytest.raises(PresetMissingError, match=r"holds an export .* Name the preset"):
        resolve("./exported", Registry())
