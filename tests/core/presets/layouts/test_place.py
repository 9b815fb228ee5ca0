"""Where a preset may be saved, and what becomes of the files that are there."""

import json
import os
import threading

import pytest

from mlmzoo.contract.errors import SavingError
from mlmzoo.presets import layouts
from mlmzoo.presets.layouts.place import check_export_place, check_place, holds_preset
from mlmzoo.presets.staging import one_at_a_time

LAYOUTS = pytest.mark.parametrize("layout", ["keras", "transformers"])
pytestmark = pytest.mark.filterwarnings("ignore::mlmzoo.contract.errors.PresetWarning")


def vocabulary(text):
    """A tokenizer's way to write its files."""

    def write(directory, layout):
        names = {"keras": "assets/tokenizer/vocabulary.txt", "transformers": "vocab.txt"}
        path = directory / names[layout]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return write


def parts(toy, **changes):
    """The request for a tokenizer and a preprocessor alone."""
    return toy.request(
        **{
            "backbone": None,
            "head": None,
            "tokenizer": {"lowercase": True},
            "preprocessor": {"sequence_length": 16},
            "write_tokenizer": vocabulary("words"),
            **changes,
        }
    )


def names(directory):
    return {
        path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()
    }


def test_a_file_is_replaced_on_request_only(toy):
    place = toy.directory / "place"
    place.write_text("precious")
    with pytest.raises(SavingError, match=r"which is a file.*overwrite=True"):
        layouts.write(place, toy.request())
    assert place.read_text() == "precious"
    layouts.write(place, toy.request(), overwrite=True)
    assert (place / "config.json").is_file()


@pytest.mark.parametrize("name", ["thesis.tex", "config.json", "README.md"])
def test_a_directory_that_holds_something_else_is_refused_and_kept_on_request(toy, name):
    place = toy.directory / "place"
    (place / "photos").mkdir(parents=True)
    (place / "photos" / "1.jpg").write_text("a photo")
    (place / name).write_text('{"theme": "dark"}')
    with pytest.raises(SavingError, match=r"holds .*, and no preset.*overwrite=True"):
        layouts.write(place, toy.request())
    assert names(place) == {name, "photos/1.jpg"}
    layouts.write(place, toy.request(), overwrite=True)
    assert (place / "photos" / "1.jpg").read_text() == "a photo"
    assert name == "config.json" or (place / name).read_text() == '{"theme": "dark"}'
    assert holds_preset(place)


FOREIGN = {
    "config.json": '{"db": "x", "vocab_size": 4}',
    "metadata.json": '{"mine": 1}',
    "model.safetensors": "mine",
    "thesis.tex": "mine",
}


@LAYOUTS
def test_beside_a_vocabulary_a_foreign_file_is_neither_replaced_nor_removed(toy, layout):
    files = FOREIGN | {"vocab.txt": "words"}
    for name, text in files.items():
        (toy.directory / name).write_text(text)
    with pytest.raises(SavingError, match=r"holds config\.json, .*overwrite=True"):
        layouts.write(toy.directory, toy.request(), layout)
    assert {name: (toy.directory / name).read_text() for name in files} == files
    layouts.write(toy.directory, parts(toy), layout)
    kept = {name: (toy.directory / name).read_text() for name in FOREIGN}
    assert kept == FOREIGN


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.json", '{"vocab_size": 4, "secret": 1}'),
        ("config.json", '{"added_tokens": []}'),
        ("tokenizer.json", '{"vocab_size": 4}'),
        ("preprocessor.json", '{"model_type": "mine"}'),
        ("metadata.json", '{"registered_name": "mine"}'),
    ],
)
def test_a_key_that_anybody_may_use_is_no_preset(toy, name, text):
    (toy.directory / name).write_text(text)
    with pytest.raises(SavingError, match="and no preset"):
        layouts.write(toy.directory, parts(toy, **whole(toy)))
    assert (toy.directory / name).read_text() == text


def test_a_model_of_an_early_transformers_is_one(toy):
    toy.json("config.json", {"vocab_size": 11, "hidden_size": 6})
    (toy.directory / "pytorch_model.bin").touch()
    layouts.write(toy.directory, toy.request())
    assert "pytorch_model.bin" not in names(toy.directory)


def test_an_empty_directory_and_a_new_one_are_fine(toy):
    layouts.write(toy.directory, toy.request())
    layouts.write(toy.directory.parent / "new" / "place", toy.request())


def test_a_link_stays_and_what_it_leads_to_is_replaced(toy, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(toy.directory)
    layouts.write(link, toy.request())
    layouts.write(link, toy.request(head=None))
    assert link.is_symlink() and toy.read().head_state == "random"
    link.unlink()
    link.symlink_to(tmp_path / "elsewhere")
    layouts.write(link, toy.request())
    assert link.is_symlink() and holds_preset(tmp_path / "elsewhere")


def test_the_home_directory_is_understood(toy, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    layouts.write("~/mine", toy.request())
    assert holds_preset(tmp_path / "mine")


def test_where_the_process_works_is_no_place(toy, monkeypatch):
    inside = toy.directory / "inside"
    inside.mkdir()
    monkeypatch.chdir(inside)
    for place in (".", "", inside, "..", toy.directory):
        with pytest.raises(SavingError, match=r"the current directory is there.*Name a directory"):
            layouts.write(place, toy.request(), overwrite=True)
    layouts.write("preset", toy.request())
    assert holds_preset(inside / "preset")


def test_a_root_and_a_mount_point_are_no_places(tmp_path, monkeypatch):
    with pytest.raises(SavingError, match="mount point or a root"):
        check_place(os.path.abspath(os.sep), overwrite=True)
    monkeypatch.setattr(os.path, "ismount", lambda path: str(path) == str(tmp_path))
    with pytest.raises(SavingError, match="mount point or a root"):
        check_place(tmp_path, overwrite=True)


def test_a_place_below_a_file_is_an_error(tmp_path):
    (tmp_path / "file").touch(0o777)
    with pytest.raises(SavingError, match="file cannot be written to"):
        check_place(tmp_path / "file" / "preset")


@LAYOUTS
def test_parts_may_be_saved_one_after_the_other(toy, layout):
    layouts.write(toy.directory, parts(toy), layout)
    assert holds_preset(toy.directory)
    layouts.write(toy.directory, toy.request(), layout)
    alone = names(toy.directory)
    layouts.write(toy.directory / "at_once", parts(toy, **whole(toy)), layout)
    assert names(toy.directory / "at_once") == alone


def whole(toy):
    request = toy.request()
    return {"backbone": request.backbone, "head": request.head}


@LAYOUTS
def test_what_is_the_users_stays(toy, layout):
    layouts.write(toy.directory, toy.request(), layout)
    mine = {"README.md", "training.json", ".git/config", "optimizer.pt", "assets/logo.svg"}
    for name in mine:
        (toy.directory / name).parent.mkdir(parents=True, exist_ok=True)
        (toy.directory / name).write_text(name)
    layouts.write(toy.directory, toy.request(head=None), layout)
    assert mine <= names(toy.directory)
    assert all((toy.directory / name).read_text() == name for name in mine)


@LAYOUTS
def test_shards_of_an_older_preset_go(toy, layout):
    shards = {
        "model.weights.json",
        "model_00000.weights.h5",
        "model.safetensors.index.json",
        "model-00001-of-00002.safetensors",
        "pytorch_model.bin",
        "pytorch_model.bin.index.json",
        "pytorch_model-00002-of-00002.bin",
    }
    (toy.directory / "config.json").write_text('{"model_type": "toy"}')
    for name in shards:
        (toy.directory / name).touch()
    layouts.write(toy.directory, parts(toy), layout)
    assert shards <= names(toy.directory)
    layouts.write(toy.directory, toy.request(), layout)
    assert not shards & names(toy.directory)


@LAYOUTS
def test_a_preset_of_the_other_layout_goes_part_by_part(toy, layout):
    other = {"keras": "transformers", "transformers": "keras"}[layout]
    layouts.write(toy.directory, parts(toy, **whole(toy)), other)
    layouts.write(toy.directory, parts(toy), layout)
    assert json.loads((toy.directory / "config.json").read_text())
    layouts.write(toy.directory, toy.request(), layout)
    layouts.write(toy.directory / "alone", parts(toy, **whole(toy)), layout)
    alone = names(toy.directory / "alone")
    assert {name for name in names(toy.directory) if not name.startswith("alone/")} == alone


def test_nothing_goes_from_a_directory_without_a_preset(toy):
    for name in ("pytorch_model.bin", "model_00000.weights.h5"):
        (toy.directory / name).write_text("mine")
    layouts.write(toy.directory, toy.request(), overwrite=True)
    for name in ("pytorch_model.bin", "model_00000.weights.h5"):
        assert (toy.directory / name).read_text() == "mine"


@pytest.mark.skipif(os.name == "nt", reason="directories have no locks there")
def test_a_place_is_not_looked_at_while_another_process_replaces_it(tmp_path):
    (tmp_path / "preset").mkdir()
    looks = threading.Thread(target=check_place, args=[tmp_path / "preset"])
    with one_at_a_time(tmp_path):
        looks.start()
        looks.join(0.2)
        assert looks.is_alive()
    looks.join(10)
    assert not looks.is_alive()


def exported(directory, *names):
    """What an export leaves: a model, and files of a tokenizer that a preset has, too."""
    directory.mkdir(parents=True, exist_ok=True)
    files = ("mlmzoo_export.json", "model.onnx", "vocab.txt", *names)
    for name in files:
        (directory / name).write_text("{}")
    (directory / "tokenizer.json").write_text('{"model": {}, "added_tokens": []}')
    return directory


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_preset_never_takes_the_place_of_an_export(toy, overwrite):
    place = exported(toy.directory / "place")
    before = {name: (place / name).read_text() for name in names(place)}
    for request in (toy.request(), parts(toy)):
        with pytest.raises(SavingError, match=r"preset was to be saved .* holds an export"):
            layouts.write(place, request, overwrite=overwrite)
    assert {name: (place / name).read_text() for name in names(place)} == before


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_export_never_takes_the_place_of_a_preset(toy, overwrite):
    for number, request in enumerate((toy.request(), parts(toy), parts(toy, **whole(toy)))):
        layouts.write(toy.directory / str(number), request)
        with pytest.raises(SavingError, match=r"exported to .* holds a preset, or a part"):
            check_export_place(toy.directory / str(number), overwrite)


def test_an_export_takes_the_place_of_another_and_on_request_of_anything_but_a_preset(tmp_path):
    place = exported(tmp_path / "place", "notes.txt")
    assert check_export_place(place) == place
    assert check_export_place(tmp_path / "new") == tmp_path / "new"
    (place / "mlmzoo_export.json").unlink()
    with pytest.raises(SavingError, match="holds a preset, or a part of one"):
        check_export_place(place, overwrite=True)
    for name in ("vocab.txt", "tokenizer.json"):
        (place / name).unlink()
    (tmp_path / "file").write_text("mine")
    for taken in (place, tmp_path / "file"):
        with pytest.raises(SavingError, match=r"A model was to be exported to .*overwrite=True"):
            check_export_place(taken)
        assert check_export_place(taken, overwrite=True) == taken
