"""JSON is read as data: each name once, finite numbers, and no deeper than said."""

import pytest

from mlmzoo.contract.errors import PresetFormatError
from mlmzoo.presets.json_files import JSON_BYTES, JSON_DEPTH, parse_json, read_json, unused_note
from mlmzoo.presets.sources.local import LocalFiles


def nested(depth):
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (
            b'{"a": [1, -2.5, 1e-400, null, true, "\\u00e9"]}',
            {"a": [1, -2.5, 0.0, None, True, "é"]},
        ),
        (b"\xef\xbb\xbf{}", {}),
        (b'{"a": {"b": 1}, "c": {"b": 2}}', {"a": {"b": 1}, "c": {"b": 2}}),
    ],
)
def test_what_is_json_is_read(text, value):
    assert parse_json(text, "it") == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("é".encode("latin-1"), "utf-8"),
        ("{}".encode("utf-16"), "utf-8"),
        (b"", "Expecting value"),
        (b"[1", "Expecting"),
    ],
)
def test_what_is_no_json_is_called_damaged(text, said):
    with pytest.raises(PresetFormatError, match=f"it was to be JSON, and is not: .*{said}.*again"):
        parse_json(text, "it")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"a": 1, "b": {"c": 1, "c": 1}}', "'c' stands twice"),
        (b"[NaN]", "NaN is no number"),
        (b"[-Infinity]", "-Infinity is no number"),
        (b"[1e400]", "1e400 is too large"),
        (b"7" * 5000, "4300 digits"),
        (nested(JSON_DEPTH + 1), "more than 64 levels"),
        (nested(100_000), "recursion"),
        (b'{"a": ["\\u001b[2J"]}', "control characters"),
        (b'{"\\u0000": 1}', "control characters"),
        (b'"\\ud800"', "control characters"),
    ],
)
def test_json_beyond_what_is_taken_is_refused_as_that(text, said):
    refused = f"(?s)it is JSON of a kind that is refused: .*{said}.*Correct the file"
    with pytest.raises(PresetFormatError, match=refused):
        parse_json(text, "it")


def test_the_depth_allowed_is_the_depth_said():
    assert parse_json(nested(JSON_DEPTH), "it") != 0


def test_no_more_of_a_file_is_read_than_a_config_has(tmp_path):
    path = tmp_path / "config.json"
    path.write_bytes(b"{" + b" " * (JSON_BYTES - 2) + b"}")
    assert read_json(LocalFiles(tmp_path), "config.json") == {}
    path.write_bytes(b"{" + b" " * (JSON_BYTES - 1) + b"}")
    with pytest.raises(PresetFormatError, match=f"has {JSON_BYTES + 1} bytes"):
        read_json(LocalFiles(tmp_path), "config.json")


def test_a_note_names_what_was_left_unused_and_not_all_of_thousands():
    assert unused_note("it", ["a", "b"], {"a", "b", "c"}) == []
    assert unused_note("it", ["b", "a", "c"], ["a"]) == ["it: not used: 'b', 'c'"]
    (note,) = unused_note("it", [f"{n:05}" + "x" * 100 for n in range(1000)], ())
    assert note.endswith(" and 980 more") and len(note) < 1500
