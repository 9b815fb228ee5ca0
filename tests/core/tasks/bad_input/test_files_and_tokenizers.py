"""Text files, and texts that are hard on a tokenizer of any kind."""

import gzip
import time

import pytest

from mlmzoo.data.text_files import read_lines
from mlmzoo.errors import InputError
from mlmzoo.kit.tokenizers.byte_level_bpe import ByteLevelBPE
from mlmzoo.kit.tokenizers.unigram import Unigram
from mlmzoo.kit.tokenizers.wordpiece import WordPiece
from mlmzoo.testing.tiny import CORPUS

row = pytest.mark.row

KINDS = {
    "word pieces": lambda: WordPiece.train(CORPUS * 3, 200, lowercase=True, strip_accents=True),
    "bytes": lambda: ByteLevelBPE.train(CORPUS * 3, 300),
    "unigram": lambda: Unigram.train(CORPUS * 9, 60),
    "unigram, composed": lambda: Unigram.train(CORPUS * 9, 60, compose=True, strip_accents=True),
}


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request):
    return KINDS[request.param]()


FINE = "a text file with a byte order mark, CRLF, NUL bytes, empty lines, no newline at its end"


@row(FINE, "taken")
@pytest.mark.parametrize("open_file", [open, gzip.open])
def test_the_lines_of_odd_files_are_texts(tmp_path, open_file):
    path = tmp_path / ("odd.txt.gz" if open_file is gzip.open else "odd.txt")
    with open_file(path, "wb") as file:
        file.write(b"\xef\xbb\xbfgod\r\n\r\n  d\0y \n\x0c\nni\xe2\x80\xa8ght")
    assert read_lines([path]) == ["god", "d\0y", "ni\u2028ght"]


@row("a text file that is not UTF-8, a broken `.gz` or one that is none, a directory", "error")
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("latin.txt", b"god\n" * 9 + b"caf\xe9\n"),
        ("utf16.txt", "god\nday".encode("utf-16")),
        ("none.gz", b"god\n"),
        ("cut.gz", gzip.compress(b"god\n" * 9999, mtime=0)[:-9]),
        ("changed.gz", gzip.compress(bytes(range(64)) * 99, mtime=0)[:20] + b"\xff" * 40),
        ("surrogate.txt", "god \ud800".encode("utf-8", "surrogatepass")),
    ],
)
def test_files_that_are_no_text_are_refused(refused, many, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    refused(str(tmp_path / name), rf"{name}.*cannot be read.*line \d+", many)


@row("a text file that is not UTF-8, a broken `.gz` or one that is none, a directory", "error")
def test_a_directory_is_refused(refused, many, tmp_path):
    refused(tmp_path, "found a directory", many)


@pytest.mark.slow  # a tokenizer does not know the backend
@row("10 MB in one line or one word", "taken")
def test_ten_megabytes_in_one_word_are_tokenised(tokenizer):
    begin = time.monotonic()
    (ids,) = tokenizer.encode(["x" * 10_000_000])
    assert ids
    assert time.monotonic() - begin < 60  # hours, were it not linear


@row("10 MB in one line or one word", "taken")
def test_a_line_of_ten_megabytes_is_cut_off_or_split(still, tmp_path):
    words = 1_500_000
    path = tmp_path / "line.txt"
    path.write_text("heaven " * words)
    cut = still.batches(path)
    assert [x["token_ids"].shape for x, _, _ in cut.epoch()] == [(1, 24)]
    split = still.batches(path, 8192, batching="fixed", long_texts="split")
    rows = -(-words // 22)  # beside two special tokens
    assert len(split) == -(-rows // 8192)
    assert split[0][0]["padding_mask"].shape == (8192, 24)


MANY = {
    "accents": "e" + "\u0301" * 500_000,
    "accents in two places": "e" + "\u0301\u0316" * 250_000,
    "joined emoji": "\U0001f469\u200d" * 200_000,
    "Hangul": "\u1100\u1161\u11a8" * 100_000,
    "spaces": " " * 1_000_000,
    "unknown": "\U0010ffff" * 250_000,
}


@pytest.mark.slow
@row("one letter with a million accents, a million joined emoji", "taken")
@pytest.mark.parametrize("text", MANY)
def test_long_runs_take_time_that_grows_with_their_length(tokenizer, text):
    begin = time.monotonic()
    tokenizer.encode([MANY[text]])
    tokenizer.encode_with_offsets([MANY[text][:100_000]])
    assert time.monotonic() - begin < 30


@row("NUL and other control characters in texts", "taken")
def test_control_characters_are_kept_or_dropped(tokenizer):
    text = "god\0 d\x01ay\x7f"
    (ids,) = tokenizer.encode([text])
    back = tokenizer.detokenize(ids)
    if isinstance(tokenizer, ByteLevelBPE):
        assert back == text
    else:
        assert "\0" not in back and back.startswith("g")


@row("a lone surrogate, half a character", "error")
@row("bytes", "taken")
@row("numbers, dicts or anything else among the texts", "error")
def test_a_tokenizer_refuses_what_is_no_text(tokenizer):
    for wrong in ("\ud800", b"\xff", None, 3.0, float("nan"), ["a"], {"a"}):
        for call in (
            tokenizer,
            tokenizer.tokenize,
            tokenizer.encode,
            tokenizer.encode_with_offsets,
        ):
            with pytest.raises(InputError, match=r"[Tt]ext number 1|tokenizer was given"):
                call(["god", wrong])
    for wrong in (None, 3, {"a"}, {"a": "b"}):
        with pytest.raises(InputError):
            tokenizer(wrong)


@row("ids that are no ids of the tokenizer in `detokenize`", "error")
@pytest.mark.parametrize(
    "ids",
    [None, "abc", [1.5], [float("nan")], [-1], [10**6], [2**70], [None], [True], [[1], [2, [3]]]],
)
def test_detokenize_refuses_what_is_no_id(tokenizer, ids):
    with pytest.raises(InputError, match=r"detokenize|token of id"):
        tokenizer.detokenize(ids)


def test_nothing_comes_of_nothing(tokenizer):
    assert tokenizer.detokenize([]) == ""
    assert tokenizer.detokenize(tokenizer("")) == ""
    assert list(tokenizer.encode([])) == []


@row(
    "a `sequence_length` that leaves no room beside the special tokens: 0 to 2, or 3 for pairs",
    "error",
)
@pytest.mark.parametrize("length", [0, -1, 2.0, True, "8", float("nan")])
def test_a_tokenizer_refuses_a_senseless_length(length):
    with pytest.raises(InputError, match="Give a positive integer"):
        WordPiece(["[UNK]", "god"], sequence_length=length)
