"""`staged`: a directory is the old one or the new one, and nothing is lost or left."""

import errno
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import filelock
import pytest

from mlmzoo.contract.errors import SavingError, WeightsError
from mlmzoo.presets import exchange, staging
from mlmzoo.presets.staging import recover, staged


@pytest.fixture(params=["swapped", "renamed"])
def way(request, monkeypatch):
    """Both ways to put a directory in the place of another."""
    if request.param == "renamed":
        monkeypatch.setattr(exchange, "swap", lambda first, second: False)


@pytest.fixture
def target(tmp_path):
    """A directory to replace."""
    target = tmp_path / "preset"
    (target / "assets" / "mine").mkdir(parents=True)
    (target / "empty").mkdir()
    (target / "weights").write_text("old")
    (target / "head").write_text("old")
    (target / "assets" / "vocabulary").write_text("old")
    (target / "assets" / "mine" / "notes").write_text("notes")
    (target / "link").symlink_to("assets")
    return target


def stale(name):
    return name in ("head", "assets/vocabulary")


def contents(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_text() if path.is_file() else None
        for path in directory.rglob("*")
    }


@pytest.mark.usefixtures("way")
def test_a_directory_is_made_with_its_parents(tmp_path):
    with staged(tmp_path / "a" / "b") as new:
        (new / "weights").write_text("new")
    assert contents(tmp_path) == {"a": None, "a/b": None, "a/b/weights": "new"}


@pytest.mark.usefixtures("way")
def test_what_is_not_written_stays_and_what_is_stale_goes(tmp_path, target):
    notes = (target / "assets" / "mine" / "notes").stat()
    (target / "assets" / "mine").chmod(0o700)
    with staged(target, stale) as new:
        (new / "weights").write_text("new")
        assert contents(target)["weights"] == "old"
    assert contents(target) == {
        "assets": None,
        "assets/mine": None,
        "assets/mine/notes": "notes",
        "empty": None,
        "link": None,
        "weights": "new",
    }
    assert os.readlink(target / "link") == "assets"
    assert os.path.samestat((target / "assets" / "mine" / "notes").stat(), notes)
    assert stat.S_IMODE((target / "assets" / "mine").stat().st_mode) == 0o700
    assert os.listdir(tmp_path) == ["preset"]


@pytest.mark.usefixtures("way")
def test_a_directory_keeps_its_rights(target):
    target.chmod(0o750)
    with staged(target):
        pass
    assert stat.S_IMODE(target.stat().st_mode) == 0o750


@pytest.mark.usefixtures("way")
@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="attributes as on Linux")
def test_a_directory_keeps_its_owner_and_attributes_and_has_changed(target):
    inside = target / "assets" / "mine"
    if not os.geteuid():
        os.chown(target, 12345, 23456)
        os.chown(inside, 12345, 23456)
    os.chmod(inside, 0o2750)
    try:
        os.setxattr(inside, "user.mine", b"1")
    except OSError:
        pytest.skip("a file system without attributes")
    os.utime(target, (1, 1))
    before = [place.stat() for place in (target, inside)]
    with staged(target) as new:
        (new / "weights").write_text("new")
    for was, now in zip(before, [target.stat(), inside.stat()], strict=True):
        assert (now.st_uid, now.st_gid, now.st_mode) == (was.st_uid, was.st_gid, was.st_mode)
    assert os.getxattr(inside, "user.mine") == b"1"
    assert target.stat().st_mtime > 1


def test_an_empty_folder_that_is_stale_goes_and_others_stay(target):
    (target / "model" / "assets").mkdir(parents=True)
    (target / "model" / "weights").write_text("old")
    with staged(target, lambda name: name.startswith("model")):
        pass
    found = contents(target)
    assert "empty" in found and "assets" in found and "model" not in found


@pytest.mark.usefixtures("way")
def test_what_others_make_there_while_it_is_replaced_stays(tmp_path, target, monkeypatch):
    put = staging.put_in_place

    def made_meanwhile(new, place, kept):
        (place / "events.log").write_text("step 1")
        (place / "logs" / "train").mkdir(parents=True)
        (place / "logs" / "train" / "events").write_text("step 1")
        (place / "assets" / "vocabulary").write_text("theirs")
        put(new, place, kept)

    monkeypatch.setattr(staging, "put_in_place", made_meanwhile)
    with staged(target, stale) as new:
        (new / "weights").write_text("new")
    found = contents(target)
    assert found["events.log"] == found["logs/train/events"] == "step 1"
    assert found["weights"] == "new" and found["assets/mine/notes"] == "notes"
    assert not {"head", "assets/vocabulary"} & found.keys()
    assert os.listdir(tmp_path) == ["preset"]


def test_what_others_remove_while_it_is_written_is_no_error(target, monkeypatch):
    link = staging._link

    def removed_meanwhile(old, new):
        if old.name == "notes":
            old.unlink()
        link(old, new)

    monkeypatch.setattr(staging, "_link", removed_meanwhile)
    with staged(target):
        pass
    assert "assets/mine/notes" not in contents(target)


@pytest.mark.usefixtures("way")
def test_a_file_in_the_place_is_replaced(tmp_path):
    (tmp_path / "preset").write_text("a file")
    with staged(tmp_path / "preset") as new:
        (new / "weights").write_text("new")
    assert contents(tmp_path) == {"preset": None, "preset/weights": "new"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, WeightsError, OSError(errno.EIO, "broken")])
def test_a_failure_leaves_all_as_it_was(tmp_path, target, error):
    before = contents(tmp_path)
    for place in (target, tmp_path / "new" / "place"):
        with pytest.raises((KeyboardInterrupt, WeightsError, SavingError)), staged(place) as new:
            (new / "weights").write_text("half")
            raise error
        assert contents(tmp_path) == before


def test_a_failure_of_the_system_says_what_is_there_now(target, monkeypatch):
    def full(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(staging, "flush", full)
    with pytest.raises(SavingError, match=r"No space left.*is what it was, and .* is gone"):
        with staged(target) as new:
            (new / "weights").write_text("new")
    assert contents(target)["weights"] == "old"


def test_everything_is_on_the_disk_before_it_is_in_its_place(target, monkeypatch):
    done = []
    put = staging.put_in_place
    monkeypatch.setattr(staging, "flush", lambda path: done.append(path.name))
    monkeypatch.setattr(staging, "put_in_place", lambda *a: (done.append("put"), put(*a)))
    with staged(target) as new:
        (new / "weights").write_text("new")
        (new / "assets").mkdir()
        (new / "assets" / "vocabulary").write_text("new")
    before, after = done[: done.index("put")], done[done.index("put") + 1 :]
    assert {"weights", "vocabulary", "assets", "new"} <= {*before}
    assert after == [target.parent.name]


def test_the_old_directory_goes_back_where_the_new_one_cannot_be_moved(target, monkeypatch):
    before = contents(target)
    rename = os.rename

    def fail(old, new):
        if os.path.basename(old) == "new":
            raise OSError(errno.EACCES, "no")
        rename(old, new)

    monkeypatch.setattr(exchange, "swap", lambda first, second: False)
    monkeypatch.setattr(exchange.os, "rename", fail)
    with pytest.raises(SavingError, match="is what it was"), staged(target) as new:
        (new / "weights").write_text("new")
    assert contents(target) == before and os.listdir(target.parent) == ["preset"]


def test_leftovers_of_killed_processes_go_and_those_of_live_ones_stay(tmp_path, target):
    prefix = staging._prefix(target)
    for name in ("dead", "alive", "unlocked"):
        (tmp_path / f"{prefix}{name}" / "new").mkdir(parents=True)
    (tmp_path / f"{prefix}empty").mkdir()
    (tmp_path / f"{prefix}dead" / "lock").touch()
    of_another = tmp_path / f"{staging._prefix(tmp_path / 'other')}dead"
    of_another.mkdir()
    with filelock.FileLock(tmp_path / f"{prefix}alive" / "lock"), staged(target):
        pass
    left = {name.removeprefix(prefix) for name in os.listdir(tmp_path)}
    assert left == {"preset", "alive", "unlocked", of_another.name}


@pytest.mark.parametrize("loading", [True, False])
def test_a_directory_that_a_killed_process_moved_away_is_put_back(tmp_path, target, loading):
    killed = tmp_path / f"{staging._prefix(target)}killed"
    killed.mkdir()
    (killed / "lock").touch()
    before = contents(target)
    target.rename(killed / "old")
    if loading:
        recover(target)
        assert contents(target) == before
    else:
        with staged(target, stale) as new:
            (new / "weights").write_text("new")
        assert contents(target)["assets/mine/notes"] == "notes"
    assert os.listdir(tmp_path) == ["preset"]


@pytest.mark.parametrize("linked", ["all", "lock", "old"])
def test_links_among_leftovers_are_left_alone(tmp_path, target, linked):
    killed = tmp_path / f"{staging._prefix(target)}killed"
    elsewhere = tmp_path / "elsewhere"
    for name in ("lock", "old", "new"):
        (elsewhere / name).mkdir(parents=True)
        (elsewhere / name / "notes").write_text("notes")
    (elsewhere / "lock" / "notes").rename(elsewhere / "notes")
    (elsewhere / "lock").rmdir()
    (elsewhere / "lock").touch()
    if linked == "all":
        killed.symlink_to(elsewhere)
    else:
        killed.mkdir()
        (killed / "lock").touch() if linked == "old" else (killed / "old").mkdir()
        (killed / linked).symlink_to(elsewhere / linked)
    target.rename(tmp_path / "away")
    before = contents(tmp_path)
    recover(target)
    assert contents(tmp_path) == before


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="the system's files have no owners")
def test_leftovers_of_another_user_are_left_alone(tmp_path, target, monkeypatch):
    killed = tmp_path / f"{staging._prefix(target)}killed"
    (killed / "new").mkdir(parents=True)
    (killed / "lock").touch()
    target.rename(killed / "old")
    before = contents(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    recover(target)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["config.json/notes", "tokenizer"])
def test_a_directory_in_the_place_of_a_file_or_the_reverse_is_an_error(target, name):
    (target / name).parent.mkdir(exist_ok=True)
    (target / name).write_text("notes")
    before = contents(target)
    with pytest.raises(SavingError, match="is what it was"), staged(target) as new:
        (new / "config.json").write_text("{}")
        (new / "tokenizer").mkdir()
    assert contents(target) == before


def test_another_file_system_inside_is_an_error_and_not_copied(target, monkeypatch):
    def refuse(old, new):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(SavingError, match="is what it was"), staged(target):
        pass


def test_where_there_are_no_hard_links_files_are_copied(target, monkeypatch):
    def refuse(old, new):
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    with staged(target, stale):
        pass
    assert contents(target)["assets/mine/notes"] == "notes"


FULL = """
import subprocess, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import Toy
from mlmzoo.contract.errors import SavingError
from mlmzoo.presets import layouts
root, layout, how = Path(sys.argv[2]), *sys.argv[3:]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", root], check=True)
toy = Toy(root / "preset")
layouts.write(root / "preset", toy.request(), layout)
before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
if how == "readonly":
    subprocess.run(["mount", "-o", "remount,ro", root], check=True)
else:
    # In the keras layout just enough that HDF5 would find out when it closes the file.
    toy.values["tokens"] = toy.values["tokens"].repeat(235 if layout == "keras" else 1000, 0)
    toy.shapes["tokens"] = toy.values["tokens"].shape
try:
    layouts.write(root / "preset", toy.request(), layout)
except SavingError as error:
    print(error)
assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
assert [path.name for path in root.iterdir()] == ["preset"]
"""


def may_mount():
    try:
        done = subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"])
    except OSError:
        return False
    return done.returncode == 0


@pytest.mark.skipif(not may_mount(), reason="needs a file system of its own")
@pytest.mark.parametrize("layout", ["keras", "transformers"])
@pytest.mark.parametrize(
    ("how", "message"), [("full", "No space left on device"), ("readonly", "cannot be written to")]
)
def test_a_disk_that_is_full_or_read_only_leaves_the_old_preset(tmp_path, layout, how, message):
    folder = os.path.join(os.path.dirname(__file__), "layouts")
    program = [sys.executable, "-W", "ignore", "-c", FULL, folder, tmp_path, layout, how]
    done = subprocess.run(["unshare", "-rm", *program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert message in done.stdout
    assert done.stderr == ""


RIGHTS = """
import os, sys
from mlmzoo.contract.errors import SavingError
from mlmzoo.presets.layouts.place import check_place
from mlmzoo.presets.staging import staged
os.setuid(65534)
try:
    check_place(sys.argv[1])
except SavingError as error:
    print(error)
try:
    with staged(__import__("pathlib").Path(sys.argv[1])):
        pass
except SavingError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid(), reason="gives up root's rights")
@pytest.mark.parametrize("inside", [True, False])
def test_a_missing_right_is_an_error_and_leaves_nothing(target, inside):
    with tempfile.TemporaryDirectory() as directory:  # what pytest makes is for one user
        os.chmod(directory, 0o755)
        place = target.rename(Path(directory, "preset"))
        # Without rights to the one it is in, those to the directory itself do not help.
        place.chmod(0o777 if inside else 0o755)
        before = contents(Path(directory))
        done = subprocess.run([sys.executable, "-c", RIGHTS, place], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        early, late = done.stdout.splitlines()
        assert "cannot be written to" in early
        assert "Permission denied" in late and "is what it was" in late
        assert contents(Path(directory)) == before
