import errno

import pytest

from mlmzoo.presets.sources.hub_faults import local, local_error, reason, status_of


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


def test_a_reason_holds_no_secret_of_the_environment(monkeypatch):
    monkeypatch.setenv("KAGGLE_KEY", "c0ffee")
    assert reason(ValueError("the key c0ffee is refused")) == "ValueError: the key … is refused"


def test_faults_of_this_machine_are_told_from_those_of_the_network():
    assert local(OSError(errno.ENOSPC, "full", "/cache/file")) == {
        "fault": "local",
        "reason": "OSError: [Errno 28] full: '/cache/file'",
        "errno": errno.ENOSPC,
        "strerror": "full",
        "filename": "/cache/file",
    }
    assert local(PermissionError(errno.EACCES, "denied"))
    assert local(ConnectionRefusedError(errno.ECONNREFUSED, "refused")) is None
    assert local(TimeoutError(errno.ETIMEDOUT, "timed out")) is None
    assert local(OSError("an HTTP library's")) is None
    assert status_of(ValueError()) is None


def test_a_fault_of_this_machine_is_raised_as_what_it_is():
    fault = local(PermissionError(errno.EACCES, "denied", "/cache/file"))
    error = local_error(fault, "hf://org/name", "Do this.")
    assert isinstance(error, PermissionError)
    assert error.filename == "/cache/file"
    assert "denied: hf://org/name could not be kept. Do this." in str(error)
