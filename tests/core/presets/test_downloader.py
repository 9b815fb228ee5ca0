"""The process that downloads: when it starts, when it ends, what it loads and what it shows."""

import os
import signal
import subprocess
import sys
import threading
import time
import wave

import pytest

from mlmzoo.contract.errors import PresetWarning
from mlmzoo.presets.sources import download_settings, downloader
from mlmzoo.presets.sources import progress as progress_module
from mlmzoo.presets.sources.progress import Progress, Stalled


@pytest.fixture
def nothing(tmp_path):
    """No progress is expected."""
    return Progress(tmp_path, patience=30)


def answer(nothing, **request):
    return downloader.ask({"hub": "nowhere", **request}, nothing)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setattr(downloader, "_running", None)


@pytest.fixture
def echo(tmp_path, monkeypatch):
    """A downloading process that does what it is asked: write, wait, fail."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "if 'mlmzoo.presets.sources.downloader_main' in sys.orig_argv:\n"
        "    import types\n"
        "    client = types.ModuleType('mlmzoo.presets.sources.huggingface_client')\n"
        "    sys.modules[client.__name__] = client\n"
        "    def fetch(code):\n"
        "        import os\n"
        "        scope = {}\n"
        "        exec(code, scope)\n"
        "        return {'pid': os.getpid(), **scope.get('answer', {})}\n"
        "    client.fetch = fetch\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

    def echo(code, progress=None):
        waits = progress or Progress(tmp_path, patience=30)
        return downloader.ask({"hub": "hf", "code": code}, waits)

    return echo


def test_one_process_serves_until_what_it_read_at_its_start_changes(echo, monkeypatch):
    first = echo("")
    assert echo("") == first
    monkeypatch.setenv("KAGGLEHUB_CACHE", "/is/in/every/request")
    assert echo("") == first
    monkeypatch.setenv("HF_TOKEN", "another one")
    assert echo("") != first


def test_the_process_ends_with_the_one_it_works_for(echo):
    code = (
        "from mlmzoo.presets.sources import downloader\n"
        "from mlmzoo.presets.sources.progress import Progress\n"
        "from pathlib import Path\n"
        "print(downloader.ask({'hub': 'hf', 'code': ''}, Progress(Path('.'), 30))['pid'])\n"
    )
    # From standard input, as in a session: there is no file that could be imported as __main__.
    done = subprocess.run([sys.executable], input=code, capture_output=True, text=True, check=True)
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)
    assert done.stderr == ""


def test_a_process_that_dies_is_told_and_the_next_one_works(echo):
    with pytest.raises(downloader.Ended, match="code 7"):
        echo("import os; os._exit(7)")
    assert echo("answer = {'works': 1}")["works"] == 1


def test_a_process_that_had_nothing_to_do_and_ended_is_replaced(echo):
    first = echo("")
    downloader._running._process.kill()
    downloader._running._process.wait()
    assert echo("") != first


def test_a_process_that_ends_in_the_moment_it_is_asked_is_replaced(echo, tmp_path):
    file = str(tmp_path / "once")
    code = (
        "import os\n"
        f"if not os.path.exists({file!r}):\n"
        f"    open({file!r}, 'w').close()\n"
        "    os._exit(0)\n"
        "answer = {'works': 1}\n"
    )
    assert echo(code)["works"] == 1


def test_a_stalled_process_is_ended_and_removes_its_file(echo, tmp_path):
    code = (
        "import time\n"
        f"file = {str(tmp_path / 'unfinished')!r}\n"
        "open(file, 'w').close()\n"
        "try: time.sleep(60)\n"
        "finally:\n"
        "    import os; os.remove(file)\n"
    )
    with pytest.raises(Stalled, match=r"no progress for 0\.4 s"):
        echo(code, Progress(tmp_path / "elsewhere", 0.4))
    assert downloader._running is None
    assert not (tmp_path / "unfinished").exists()


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_process_that_does_not_listen_is_killed(echo, tmp_path, monkeypatch):
    monkeypatch.setattr(downloader, "_GRACE", 0.1)
    code = (
        "import signal, time\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
        "import os; os._exit = lambda code: None\n"
        "time.sleep(60)\n"
    )
    start = time.monotonic()
    with pytest.raises(Stalled):
        echo(code, Progress(tmp_path / "elsewhere", 0.2))
    assert time.monotonic() - start < 30


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_an_interrupt_ends_the_download(echo):
    pid = echo("")["pid"]
    threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        echo("import time; time.sleep(60)")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:os.fork\\(\\) was called:RuntimeWarning")  # JAX
def test_a_process_forked_during_a_download_starts_one_of_its_own(echo):
    mine = echo("")["pid"]
    other = threading.Thread(target=echo, args=["import time; time.sleep(0.5)"])
    other.start()
    while not downloader._turn.locked():
        time.sleep(0.01)
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        try:
            os.write(there, str(echo("")["pid"]).encode())
        finally:
            downloader._running = None
            os._exit(0)
    os.close(there)
    with os.fdopen(here) as read:
        assert read.read() not in ("", str(mine))
    os.waitpid(child, 0)
    other.join()
    assert echo("")["pid"] == mine


def test_what_the_clients_print_and_log_stays_in_the_process(echo, capfd, tmp_path):
    code = (
        "import logging, sys\n"
        "print('Signature=secret')\n"
        "print('Signature=secret', file=sys.stderr)\n"
        f"logging.getLogger().addHandler(logging.FileHandler({str(tmp_path / 'log')!r}))\n"
        "logging.getLogger('kagglehub').error('Signature=secret')\n"
        "answer = {'works': 1}\n"
    )
    assert echo(code)["works"] == 1
    assert "secret" not in "".join(capfd.readouterr())
    assert (tmp_path / "log").read_text() == ""


def test_the_process_loads_the_clients_and_nothing_of_keras():
    code = (
        "import sys\n"
        "from mlmzoo.presets.sources import downloader_main, huggingface_client, kaggle_client\n"
        "print([name for name in ('keras', 'tensorflow', 'torch', 'jax') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_lies_beside_a_program_is_no_library(echo, tmp_path):
    """Nor what lies where it was started; what it has on its path besides can be imported."""
    code = "import extra, wave; answer = {'file': wave.__file__}"
    program = (
        "import sys\n"
        "sys.path.append('library')\n"
        "sys.path.insert(0, '')\n"
        "from pathlib import Path\n"
        "from mlmzoo.presets.sources import downloader\n"
        "from mlmzoo.presets.sources.progress import Progress\n"
        f"request = {{'hub': 'hf', 'code': {code!r}}}\n"
        "print(downloader.ask(request, Progress(Path('.'), 30))['file'])\n"
    )
    for name in ("beside", "here", "here/library"):
        (tmp_path / name).mkdir()
    for name in ("beside/wave.py", "here/wave.py", "here/library/wave.py", "here/library/extra.py"):
        (tmp_path / name).touch()
    (tmp_path / "beside" / "program.py").write_text(program)
    paths = ["beside/program.py"]
    if os.name != "nt":  # where it takes rights to make one
        (tmp_path / "link.py").symlink_to(tmp_path / "beside" / "program.py")
        paths.append("link.py")
    for path in paths:
        done = subprocess.run(
            [sys.executable, tmp_path / path],
            cwd=tmp_path / "here",
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == wave.__file__


def test_a_place_that_the_user_named_is_one_to_import_from(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    places = downloader._environment()["MLMZOO_DOWNLOADER"].split(os.pathsep)
    assert str(tmp_path) not in places
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    environment = downloader._environment()
    assert str(tmp_path) in environment["MLMZOO_DOWNLOADER"].split(os.pathsep)
    assert environment["PYTHONPATH"] == str(tmp_path)


def test_plain_https_is_used_unless_the_user_wants_xet(echo, monkeypatch):
    code = "import huggingface_hub.constants as c; answer = {'off': c.HF_HUB_DISABLE_XET}"
    monkeypatch.delenv("HF_HUB_DISABLE_XET", raising=False)
    assert echo(code)["off"] is True
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "0")
    assert echo(code)["off"] is False


def test_a_file_of_the_working_directory_is_no_library(tmp_path, monkeypatch, nothing, echo):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "json.py").write_text("raise SystemExit('not json')")
    monkeypatch.chdir(tmp_path / "here")
    assert echo("answer = {'works': 1}")["works"] == 1


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"MLMZOO_CACHE": "/one"}, "/one"),
        ({"XDG_CACHE_HOME": "/caches"}, "/caches/mlmzoo"),
        ({"HOME": "/me", "USERPROFILE": "/me"}, "/me/.cache/mlmzoo"),
    ],
)
def test_the_cache_is_where_the_environment_says(monkeypatch, variables, expected):
    for name in ("MLMZOO_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert download_settings.cache_directory().as_posix() == expected


def test_patience_is_a_number_of_seconds(monkeypatch):
    monkeypatch.delenv("MLMZOO_DOWNLOAD_TIMEOUT", raising=False)
    assert download_settings.patience() == 60
    monkeypatch.setenv("MLMZOO_DOWNLOAD_TIMEOUT", "1.5")
    assert download_settings.patience() == 1.5
    assert download_settings.patience("upload") == 600
    monkeypatch.setenv("MLMZOO_UPLOAD_TIMEOUT", "2")
    assert download_settings.patience("upload") == 2
    for wrong in ("soon", "0", "-1", "nan"):
        monkeypatch.setenv("MLMZOO_DOWNLOAD_TIMEOUT", wrong)
        with pytest.warns(PresetWarning, match=f"'{wrong}'.*60 is used"):
            assert download_settings.patience() == 60


def grow(progress, path, times):
    for count in range(times):
        threading.Event().wait(0.25)
        path.write_bytes(b"x" * 1000 * (count + 1))
        progress.look()


def test_files_that_grow_are_progress(tmp_path):
    with Progress(tmp_path, patience=0.2) as progress:
        grow(progress, tmp_path / "part", 3)
        threading.Event().wait(0.25)
        with pytest.raises(Stalled):
            progress.look()


@pytest.mark.parametrize("wanted", [True, False])
def test_a_line_shows_what_has_arrived_where_somebody_looks(tmp_path, monkeypatch, capsys, wanted):
    monkeypatch.setattr(progress_module, "_SHOWN_AFTER", 0.1)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "0" if wanted else "1")
    (tmp_path / "before").write_bytes(b"x" * 5000)
    with Progress(tmp_path, 30, "org/name/file") as progress:
        grow(progress, tmp_path / "part", 2)
    out, error = capsys.readouterr()
    assert out == ""
    assert ("org/name/file" in error) == wanted
    assert ("2.0/? kB" in error) == wanted


def test_a_file_that_has_its_size_from_the_start_is_seen_to_be_written(tmp_path):
    part = tmp_path / "part"
    part.write_bytes(bytes(1000))
    progress = Progress(tmp_path, patience=0.2)
    threading.Event().wait(0.25)
    with part.open("r+b") as file:
        file.write(b"x" * 500)
    progress.look()


def test_a_python_that_cannot_be_started_is_told(monkeypatch, nothing):
    monkeypatch.setattr(sys, "executable", "/there/is/no/python")
    with pytest.raises(downloader.Ended, match=r"could not be started.*no/python"):
        answer(nothing)


APPLICATION = """#!{python}
import os, sys
with open({log!r}, "a+") as log:
    log.write("started\\n")
    log.seek(0)
    if len(log.readlines()) > 5:  # so that the test ends where the guard does not hold
        sys.exit(1)
sys.executable = __file__
sys.frozen = {frozen}
from pathlib import Path
from mlmzoo.presets.sources import downloader
from mlmzoo.presets.sources.progress import Progress
try:
    downloader.ask({{"hub": "nowhere"}}, Progress(Path("."), 30))
except downloader.Ended as error:
    {show}
"""


@pytest.mark.skipif(os.name == "nt", reason="needs a line with an interpreter")
@pytest.mark.parametrize(
    ("frozen", "show", "starts"),
    [(True, "print(error)", 1), (False, "print(error)", 2), (False, "pass", 2)],
)
def test_an_application_is_not_started_again_and_again(tmp_path, frozen, show, starts):
    """In a frozen one, ``sys.executable`` is the application, whatever the arguments."""
    log, application = tmp_path / "log", tmp_path / "application"
    application.write_text(
        APPLICATION.format(python=sys.executable, log=str(log), frozen=frozen, show=show)
    )
    application.chmod(0o700)
    done = subprocess.run([application], capture_output=True, text=True, check=True)
    assert log.read_text().count("started") == starts
    assert ("a frozen application has no Python" in done.stdout) == frozen
    assert ("with an ordinary Python" in done.stdout) == (show == "print(error)")


@pytest.mark.parametrize("executable", [None, ""])
def test_without_a_python_to_start_the_error_says_what_to_do(monkeypatch, nothing, executable):
    monkeypatch.setattr(sys, "executable", executable)
    with pytest.raises(downloader.Ended, match=r"names no Python.*save_to_preset"):
        answer(nothing)


def test_the_downloading_process_starts_no_other_one(echo):
    code = (
        "from mlmzoo.presets.sources import downloader\n"
        "try: downloader.ask({}, None)\n"
        "except downloader.Ended as error: answer = {'said': str(error)}\n"
    )
    assert "was itself started for downloads" in echo(code)["said"]


def test_the_last_words_of_a_process_that_dies_are_told(echo, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_very-secret")
    code = (
        "import os, sys\n"
        "print('first\\nno module for hf_very-secret\\n', file=sys.stderr, flush=True)\n"
        "os._exit(7)\n"
    )
    with pytest.raises(downloader.Ended, match=r"code 7 .* \(no module for …\)\. Try again"):
        echo(code)


def test_a_process_that_says_much_is_read_to_its_end(echo):
    code = (
        "import os, sys\n"
        "print('much ' * 100_000, file=sys.stderr)\n"
        "print('x' * 100_000, end='', file=sys.stderr, flush=True)\n"
    )
    assert echo(code)["pid"]
    with pytest.raises(downloader.Ended) as caught:
        echo("import os; os._exit(7)")
    assert len(str(caught.value)) < 500


@pytest.mark.skipif(os.name == "nt", reason="there are no zombies")
def test_a_process_that_ended_leaves_no_zombie(echo):
    pid = echo("")["pid"]
    os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 30
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < end:
            os.kill(pid, 0)
            time.sleep(0.02)


def test_nothing_is_shown_where_nobody_looks(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(progress_module, "_SHOWN_AFTER", 0.1)
    with Progress(tmp_path, 30, "org/name/file") as progress:
        grow(progress, tmp_path / "part", 2)
    assert capsys.readouterr() == ("", "")
