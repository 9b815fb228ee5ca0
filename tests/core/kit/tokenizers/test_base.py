"""What every tokenizer has in common, on one written in a few lines of plain Python."""

import copy
import json
import pickle
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from mlmzoo.contract.errors import InputError, PresetFormatError, PresetMissingError
from mlmzoo.contract.protocols import Tokenizer
from mlmzoo.kit.tokenizers.base import TokenizerBase


class Words(TokenizerBase):
    """A whole tokenizer without any library: one word, one token."""

    special_tokens: Mapping[str, str] = {
        "pad": "<pad>",
        "mask": "<mask>",
        "unk": "<unk>",
        "cls": "<s>",
    }
    start = end = "cls"

    def _encode_batch(self, texts, specials):
        known = {"none": set(), "mask": {self.mask_token}, "all": set(self.special_tokens.values())}
        plain = set(self._tokens) - set(self.special_tokens.values()) | known[specials]
        return [
            [self._ids[word] if word in plain else self.unk_token_id for word in text.split()]
            for text in texts
        ]

    def _decode(self, ids):
        return " ".join(self.id_to_token(id) for id in ids)

    @classmethod
    def _read_files(cls, files, layout, config):
        return {**config, "vocabulary": files.path("words.txt").read_text().split()}, ()

    def write_files(self, directory, layout="keras"):
        Path(directory, "words.txt").write_text("\n".join(self._tokens))


class Directory:
    def __init__(self, root):
        self.root, self.handle = root, str(root)

    def path(self, name):
        path = self.root / name
        return path if path.is_file() else None


VOCABULARY = ["<pad>", "<unk>", "<s>", "<mask>", "light", "day", "and"]


@pytest.fixture
def tokenizer():
    return Words(VOCABULARY)


def test_a_tokenizer_in_plain_python_fulfils_the_contract(tokenizer):
    assert isinstance(tokenizer, Tokenizer)
    assert tokenizer.vocabulary_size() == 7
    assert tokenizer.get_vocabulary() == VOCABULARY
    assert tokenizer.encode(["light and day", ""]) == [[4, 6, 5], []]


def test_special_tokens_have_attributes_by_role(tokenizer):
    assert (tokenizer.pad_token, tokenizer.pad_token_id) == ("<pad>", 0)
    assert (tokenizer.mask_token, tokenizer.mask_token_id) == ("<mask>", 3)
    assert (tokenizer.start_token, tokenizer.start_token_id) == ("<s>", 2)
    assert (tokenizer.end_token, tokenizer.end_token_id) == ("<s>", 2)
    assert tokenizer.special_token_ids == [0, 1, 2, 3]


def test_roles_can_be_changed_and_added():
    tokenizer = Words(["[P]", *VOCABULARY[1:]], special_tokens={"pad": "[P]", "speaker": "light"})
    assert tokenizer.pad_token == "[P]"
    assert tokenizer.speaker_token_id == 4
    assert tokenizer.special_token_ids == [0, 1, 2, 3, 4]
    assert Words.special_tokens["pad"] == "<pad>"


def test_a_text_gives_an_int32_array_and_a_batch_a_list_of_them(tokenizer):
    one = tokenizer("light and day")
    assert one.dtype == np.int32
    assert one.tolist() == [4, 6, 5]
    many = tokenizer(["light", "day day"])
    assert [row.tolist() for row in many] == [[4], [5, 5]]
    assert all(row.dtype == np.int32 for row in many)
    assert tokenizer([]) == []


def test_a_sequence_length_pads_and_truncates():
    tokenizer = Words(VOCABULARY, sequence_length=2)
    assert tokenizer("light").tolist() == [4, 0]
    rows = tokenizer(["light", "day and light"])
    assert rows.dtype == np.int32
    assert rows.tolist() == [[4, 0], [5, 6]]
    assert tokenizer([]).shape == (0, 2)


def test_padding_is_the_pad_token_wherever_it_stands():
    tokenizer = Words(["light", *VOCABULARY[:4]], sequence_length=3)
    assert tokenizer(["light"]).tolist() == [[0, 1, 1]]


def test_special_tokens_in_text_are_recognised_only_when_asked_for():
    assert 3 not in Words(VOCABULARY)("light <mask>")
    assert 3 in Words(VOCABULARY, special_tokens_in_text=True)("light <mask>")
    assert 3 in Words(VOCABULARY, special_tokens_in_strings=True)("light <mask>")
    tokenizer = Words(VOCABULARY)
    texts = ["<mask> <s> day"]
    assert tokenizer.encode(texts) == [[1, 1, 5]]
    assert tokenizer.encode(texts, specials="mask") == [[3, 1, 5]]
    assert tokenizer.encode(texts, specials="all") == [[3, 2, 5]]


def test_detokenize_takes_one_row_or_many_and_drops_what_packing_adds(tokenizer):
    assert tokenizer.detokenize([2, 4, 3, 5, 2, 0, 0]) == "light <mask> day"
    assert tokenizer.detokenize(np.array([4, 1])) == "light <unk>"
    assert tokenizer.detokenize(np.array([[4, 5], [6, 0]])) == ["light day", "and"]
    assert tokenizer.detokenize([[4], [], np.array([5, 6])]) == ["light", "", "day and"]
    assert tokenizer.detokenize([]) == ""
    assert tokenizer.detokenize(tokenizer(["light and", "day"])) == ["light and", "day"]


@pytest.mark.parametrize("ids", [None, "light", [1.5], [[[1]]], [["light"]], [[1], [[2, 3]]]])
def test_detokenize_refuses_what_is_no_ids(tokenizer, ids):
    with pytest.raises(InputError, match="token ids"):
        tokenizer.detokenize(ids)


def test_ids_and_tokens_outside_of_the_vocabulary_are_errors(tokenizer):
    assert tokenizer.token_to_id("day") == 5
    assert tokenizer.id_to_token(np.int64(5)) == "day"
    with pytest.raises(InputError, match=r"'night'.*7 tokens"):
        tokenizer.token_to_id("night")
    with pytest.raises(InputError, match="0 to 6"):
        tokenizer.id_to_token(7)
    with pytest.raises(InputError, match="0 to 6"):
        tokenizer.detokenize([4, -1])


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        ([], "empty"),
        (["<pad>", "<pad>"], "'<pad>' twice, as ids 0 and 1"),
        (["<pad>", 5], "entry 1 is 5, of type int"),
        (["<pad>", "<unk>", "day"], r"'<mask>' \(mask\), '<s>' \(cls\)"),
    ],
)
def test_a_bad_vocabulary_is_refused_with_what_is_wrong(vocabulary, message):
    with pytest.raises(InputError, match=message):
        Words(vocabulary)


def test_unknown_and_senseless_arguments_are_refused():
    with pytest.raises(InputError, match=r"'lowercas'.*special_tokens_in_text"):
        Words(VOCABULARY, lowercas=True)
    with pytest.raises(InputError, match="sequence_length=0"):
        Words(VOCABULARY, sequence_length=0)
    with pytest.raises(InputError, match="special_tokens='<x>'"):
        Words(VOCABULARY, special_tokens="<x>")


def test_encode_refuses_a_lone_text_and_unknown_specials(tokenizer):
    with pytest.raises(InputError, match="lone text"):
        tokenizer.encode("light")
    with pytest.raises(InputError, match="specials='some'"):
        tokenizer.encode(["light"], specials="some")


def test_the_config_is_json_and_builds_the_same_tokenizer():
    tokenizer = Words(VOCABULARY, special_tokens={"cls": "and"}, sequence_length=3)
    config = json.loads(json.dumps(tokenizer.get_config()))
    twin = Words.from_config(config)
    assert twin.get_config() == config
    assert twin.cls_token_id == 6
    assert twin("light day").tolist() == tokenizer("light day").tolist()


@pytest.mark.parametrize("as_path", [str, Path])
def test_a_config_names_no_file(tmp_path, as_path):
    (tmp_path / "words").write_text("\n".join(VOCABULARY))
    with pytest.raises(PresetFormatError, match=r"Words has vocabulary=.*words"):
        Words.from_config({"vocabulary": as_path(tmp_path / "words")})


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_does_the_same(tokenizer, copied):
    assert copied(tokenizer)("light").tolist() == [4]


def test_files_round_trip_and_unknown_settings_are_noted(tokenizer, tmp_path):
    tokenizer.write_files(tmp_path)
    config = {"sequence_length": 2, "dtype": "int32", "name": "words", "vocabulary": None, "zip": 1}
    read = Words.from_files(Directory(tmp_path), "keras", config)
    assert read.get_vocabulary() == VOCABULARY
    assert read.sequence_length == 2
    assert len(read.notes) == 1
    assert "zip=1" in read.notes[0]
    assert (
        Words.from_files(Directory(tmp_path), "keras", config, sequence_length=9)("day").size == 9
    )


def test_overrides_of_a_preset_are_checked_and_its_faults_name_it(tokenizer, tmp_path):
    tokenizer.write_files(tmp_path)
    with pytest.raises(InputError, match="'zip'") as caught:
        Words.from_files(Directory(tmp_path), "keras", {}, zip=1)
    assert not isinstance(caught.value, PresetMissingError)
    (tmp_path / "words.txt").write_text("<pad> day")
    with pytest.raises(PresetFormatError, match=f"{tmp_path.name}.*'<mask>'"):
        Words.from_files(Directory(tmp_path), "keras", {})


def test_offsets_are_optional(tokenizer):
    with pytest.raises(NotImplementedError, match="Words"):
        tokenizer.encode_with_offsets(["day"])


def test_importing_tokenizers_imports_no_backend_and_no_library():
    code = (
        "import sys, mlmzoo.kit.tokenizers.base, mlmzoo.kit.tokenizers.wordpiece\n"
        "print({'keras', 'tensorflow', 'jax', 'torch', 'tokenizers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
