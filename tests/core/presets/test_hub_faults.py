import errno
import socket
import ssl

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


@pytest.mark.parametrize(
    "password",
    ["very-secret", "x@very-secret", "x/very-secret", "x#very-secret", "very-secret?x@x:x", "v-s"],
)
@pytest.mark.parametrize("variable", ["HF_ENDPOINT", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(
    "text",
    ["for {}", "Invalid port: {tail!r}", "no host {tail}", "{tail}@h: not known", "{small} (host)"],
)
def test_a_reason_holds_no_part_of_a_password(monkeypatch, password, variable, text):
    """A library that takes an address apart itself shows what it takes for a host or a port."""
    address = f"http://me:{password}@mirror.example:81"
    monkeypatch.setenv(variable, address)
    tail = password.replace("x", "").strip("@/#?:")
    said = reason(ValueError(text.format(address, tail=tail, small=tail.lower())))
    assert "very-secret" not in said
    assert "v-s" not in said
    assert said.startswith("ValueError: ")


def test_a_reason_holds_no_password_that_was_unquoted(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "me:p%40V%C3%A9ry%2Fsecret%27@proxy.example:8080")
    assert reason(ValueError("no host 'véry' at secret'")) == "ValueError: no host '…' at …"
    assert reason(ValueError(repr("secret'"))) == 'ValueError: "…"'


def test_an_address_with_an_at_sign_in_its_password_is_shown_without_it():
    said = reason(ValueError("for http://me:p@ss/w#rd@mirror.example:81/a (Caused by X)"))
    assert said == "ValueError: for http://mirror.example:81/… (Caused by X)"


def test_a_short_name_in_an_address_leaves_words_alone(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://me:secret@mirror.example")
    assert reason(ValueError("some name of me")) == "ValueError: some name of …"


@pytest.mark.parametrize(
    "error",
    [
        socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
        ssl.SSLError(1, "certificate verify failed"),
        OSError(errno.EHOSTUNREACH, "No route to host"),
        OSError(errno.ENETUNREACH, "Network is unreachable"),
        OSError(errno.ENETDOWN, "Network is down"),
        OSError(errno.EHOSTDOWN, "Host is down"),
    ],
)
def test_faults_of_the_network_are_none_of_this_machine(error):
    assert local(error) is None


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
