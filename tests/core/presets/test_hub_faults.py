import errno

import pytest

from mlmzoo.presets.sources.deadline import Stalled, while_growing
from mlmzoo.presets.sources.hub_faults import is_local, reason, status_of


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "ValueError: plain"),
        ("", "ValueError"),
        ("\n\n  first \nsecond", "ValueError: first"),
        ("x" * 1000, "ValueError: " + "x" * 200 + "…"),
        ("for url: https://cdn.example/blob?Signature=secret", "https://cdn.example/…"),
        ("at http://me:secret@mirror.example:81/a/b.", "at http://mirror.example:81/…"),
        ("with url: /bucket/blob?Signature=secret (Caused by X)", "/bucket/blob?… (Caused by X)"),
        ("Invalid header value b'Bearer secret\\n'", "Invalid header value b'Bearer …"),
        ("authorization: basic c2VjcmV0", "authorization: basic …"),
    ],
)
def test_a_reason_is_short_and_holds_no_credentials(text, shown):
    said = reason(ValueError(text))
    assert shown in said
    assert "secret" not in said
    assert "c2VjcmV0" not in said


def test_faults_of_this_machine_are_told_from_those_of_the_network():
    assert is_local(OSError(errno.ENOSPC, "full"))
    assert is_local(PermissionError(errno.EACCES, "denied"))
    assert not is_local(ConnectionRefusedError(errno.ECONNREFUSED, "refused"))
    assert not is_local(TimeoutError(errno.ETIMEDOUT, "timed out"))
    assert not is_local(OSError("an HTTP library's"))
    assert status_of(ValueError()) is None


def test_a_call_that_makes_progress_is_not_given_up(tmp_path):
    import time

    def slow():
        for count in range(6):
            time.sleep(
                0.5
            )  # six times that exceeds the patience; once, even on a busy machine, not
            (tmp_path / "part").write_bytes(b"x" * (count + 1))
        return "done"

    assert while_growing(slow, tmp_path, patience=2.5) == "done"


def test_a_call_s_own_error_comes_through(tmp_path):
    with pytest.raises(KeyError):
        while_growing(lambda: {}["x"], tmp_path / "not there", patience=1.0)
    with pytest.raises(Stalled):
        import threading

        while_growing(threading.Event().wait, tmp_path, patience=0.05)
