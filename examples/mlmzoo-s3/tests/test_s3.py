"""Presets travel to a bucket and back."""

import subprocess
import sys
from pathlib import Path

import pytest

import mlmzoo_bert
from mlmzoo import MaskedLM, Tokenizer, list_plugins
from mlmzoo.errors import HandleError, HubAccessError, HubUnavailableError, PresetMissingError
from mlmzoo_s3.source import S3Files

NAME = "bert_tiny_en_uncased_kjv"
DIRECTORY = Path(mlmzoo_bert.__file__).parent / "presets" / NAME
TEXT = "Blessed are the [MASK] in heart."


def push(*args):
    command = [sys.executable, "-m", "mlmzoo", "s3-push", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_plugin_is_found_and_quick():
    (plugin,) = (p for p in list_plugins() if p.name == "s3")
    assert (plugin.state, plugin.notes) == ("ok", ())


def test_a_preset_is_pushed_and_loaded(bucket):
    done = push(DIRECTORY, "s3://models/kjv/tiny")
    assert done.returncode == 0, done.stderr
    assert bucket.asked[-1] == ("PUT", "/models/kjv/tiny/config.json")
    loaded = MaskedLM.from_preset("s3://models/kjv/tiny")
    assert loaded.load_report.source == "s3://models/kjv/tiny"
    assert loaded.fill_mask(TEXT) == MaskedLM.from_preset(NAME).fill_mask(TEXT)


def test_a_file_is_fetched_once_until_it_changes(bucket):
    bucket.files["/models/tiny/config.json"] = (DIRECTORY / "config.json").read_bytes()
    files = S3Files("s3://models/tiny")
    first = files.path("config.json")
    assert first.read_bytes() == (DIRECTORY / "config.json").read_bytes()
    assert files.path("config.json") == first
    assert [method for method, _ in bucket.asked] == ["HEAD", "GET", "HEAD"]
    bucket.files["/models/tiny/config.json"] = b"{}"
    assert files.path("config.json").read_bytes() == b"{}"
    assert not list(first.parent.parent.rglob("tmp*"))


def test_a_preset_that_is_not_there_is_said_to_be_missing(bucket):
    assert S3Files("s3://models/nothing").path("config.json") is None
    with pytest.raises(PresetMissingError, match="s3://models/nothing"):
        Tokenizer.from_preset("s3://models/nothing")


def test_a_refusal_says_which_credentials_to_check(bucket):
    bucket.refuse = True
    with pytest.raises(HubAccessError, match=r"s3://models/tiny.*AWS_ACCESS_KEY_ID"):
        Tokenizer.from_preset("s3://models/tiny")


def test_a_server_that_is_gone_is_not_taken_for_a_missing_file(bucket):
    bucket.shutdown()
    bucket.server_close()
    with pytest.raises(HubUnavailableError, match=r"s3://models/tiny.*AWS_ENDPOINT_URL"):
        Tokenizer.from_preset("s3://models/tiny")


@pytest.mark.parametrize(
    "handle", ["s3://models", "s3://models/", "s3://models/a/", "s3://M/a", "s3://models/../a"]
)
def test_a_handle_of_another_form_shows_the_right_one(handle):
    with pytest.raises(HandleError, match="s3://bucket/path/of/the/preset"):
        Tokenizer.from_preset(handle)


def test_a_push_to_a_server_that_is_gone_is_one_message(bucket):
    bucket.shutdown()
    bucket.server_close()
    done = push(DIRECTORY, "s3://models/tiny")
    assert done.returncode == 1
    assert "error: s3://models/tiny (file" in done.stderr and "AWS_ENDPOINT_URL" in done.stderr


def test_a_directory_without_a_preset_is_not_pushed(bucket, tmp_path):
    done = push(tmp_path, "s3://models/tiny")
    assert done.returncode == 1
    assert "holds no config.json" in done.stderr
    assert bucket.asked == []
