"""WordPiece: its options, its inputs, and what it gives back."""

import copy
import doctest
import json
import pickle

import numpy as np
import pytest

pytest.importorskip("tokenizers")

from mlmzoo.contract.errors import InputError, PresetFormatError, PresetMissingError
from mlmzoo.kit.tokenizers import wordpiece
from mlmzoo.kit.tokenizers.wordpiece import WordPiece

SPECIALS = {"pad": "[PAD]", "mask": "[MASK]", "cls": "[CLS]", "sep": "[SEP]"}
VOCABULARY = [
    *["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
    *["the", "The", "qu", "##ick", "cafe", "café", "日", "本", "[", "]", "mask", "MASK", "."],
    *["re", "##d", "##n", "a", "##a", "covid-19", "ab"],
]


class Toy(WordPiece):
    special_tokens = SPECIALS
    start, end = "cls", "sep"


def pieces(text, specials="none", **arguments):
    tokenizer = Toy(VOCABULARY, **arguments)
    return [tokenizer.id_to_token(id) for id in tokenizer.encode([text], specials)[0]]


@pytest.mark.parametrize(
    ("text", "arguments", "expected"),
    [
        ("The quick.", {}, ["The", "qu", "##ick", "."]),
        ("The quick.", {"lowercase": True}, ["the", "qu", "##ick", "."]),
        ("Café", {"lowercase": True}, ["café"]),
        ("Café", {"lowercase": True, "strip_accents": True}, ["cafe"]),
        ("Café", {"lowercase": True, "strip_accents": None}, ["cafe"]),
        ("café", {"strip_accents": None}, ["café"]),
        ("café", {"strip_accents": True}, ["cafe"]),
        ("日本", {}, ["日", "本"]),
        ("日本", {"split_on_cjk": False}, ["[UNK]"]),
        ("the\u00a0quick\u2028the\u3000red", {}, ["the", "qu", "##ick", "the", "re", "##d"]),
        ("t\x00h\u200be\ufffd", {}, ["the"]),
        ("a" * 100, {}, ["a"] + ["##a"] * 99),
        ("a" * 101, {}, ["[UNK]"]),
        ("a" * 101, {"max_characters_per_word": 101}, ["a"] + ["##a"] * 100),
        ("reads", {}, ["[UNK]"]),
        ("covid-19", {}, ["[UNK]", "[UNK]", "[UNK]"]),
        ("covid-19the", {"added_tokens": ["covid-19"]}, ["covid-19", "the"]),
        (
            "covid-19the",
            {"added_tokens": [{"content": "covid-19", "single_word": True}]},
            ["[UNK]"] * 3,
        ),
    ],
)
def test_options_do_what_they_say(text, arguments, expected):
    assert pieces(text, **arguments) == expected


def test_text_that_says_mask_holds_no_mask_unless_asked():
    text = "the [MASK] [CLS]"
    plain = ["the", "[", "MASK", "]", "[", "[UNK]", "]"]
    assert pieces(text) == plain
    assert pieces(text, "mask") == ["the", "[MASK]", "[", "[UNK]", "]"]
    assert pieces(text, "all") == ["the", "[MASK]", "[CLS]"]
    assert Toy(VOCABULARY).mask_token_id not in Toy(VOCABULARY)(text)
    assert Toy(VOCABULARY, special_tokens_in_text=True)(text).tolist() == [5, 4, 2]


def test_text_that_says_mask_holds_no_mask_even_as_a_whole_word():
    tokenizer = Toy(VOCABULARY, split=False)
    assert tokenizer(["the", "[MASK]"]).tolist() == [5, 1]
    named = Toy(VOCABULARY, special_tokens={"mask": "MASK"})
    assert named.mask_token_id not in named("the MASK")
    assert named.encode(["the MASK"], "mask") == [[5, named.mask_token_id]]


def test_text_already_split_into_words_follows_kerashub():
    tokenizer = Toy(VOCABULARY, split=False, lowercase=True)
    assert tokenizer("The").tolist() == [5]
    assert tokenizer(["The", "quick"]).tolist() == [5, 7, 8]
    assert [row.tolist() for row in tokenizer([["The"], ["the", "quick"]])] == [[5], [5, 7, 8]]
    assert tokenizer("the quick").tolist() == [1]


def test_further_special_tokens():
    tokenizer = Toy(VOCABULARY, special_tokens=["ab"])
    assert tokenizer.special_token_ids == [0, 1, 2, 3, 4, VOCABULARY.index("ab")]
    assert tokenizer.encode(["xab"], "all") == [[1, VOCABULARY.index("ab")]]
    assert VOCABULARY.index("ab") not in tokenizer("ab")


def test_special_tokens_that_are_missing_are_named():
    with pytest.raises(InputError, match=r"'\[SEP\]' \(sep\), '\[UNK\]' \(unk\)"):
        Toy(["[PAD]", "[CLS]", "[MASK]"])
    with pytest.raises(InputError, match=r"'\[OOV\]' \(unk\)"):
        Toy(VOCABULARY, oov_token="[OOV]")
    with pytest.raises(InputError, match="given twice"):
        Toy(VOCABULARY, special_tokens={"unk": "the"})
    with pytest.raises(InputError, match=r"added_tokens asks for \['new'\]"):
        Toy(VOCABULARY, added_tokens=["new"])


def test_a_vocabulary_is_a_list_a_mapping_or_a_file(tmp_path):
    path = tmp_path / "vocabulary.txt"
    path.write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    mapping = {token: id for id, token in reversed(list(enumerate(VOCABULARY)))}
    for vocabulary in (VOCABULARY, tuple(VOCABULARY), iter(VOCABULARY), mapping, path, str(path)):
        assert Toy(vocabulary).get_vocabulary() == VOCABULARY


@pytest.mark.parametrize(
    ("vocabulary", "kind", "message"),
    [
        (None, InputError, "vocabulary=None"),
        ({"a", "b"}, InputError, "Give a list"),
        (7, InputError, "vocabulary=7"),
        ([], InputError, "empty"),
        (["a", "a"], InputError, "'a' twice"),
        (["a", b"b"], InputError, "entry 1"),
        ({"a": 0, "b": 2}, InputError, "no token is id 1"),
        ({"a": 0, "b": 0}, InputError, "'a' is already"),
        ({"a": "0"}, InputError, "whole numbers"),
        ("no/such/vocabulary.txt", PresetMissingError, "no such file"),
    ],
)
def test_any_other_vocabulary_is_refused(vocabulary, kind, message):
    with pytest.raises(kind, match=message):
        Toy(vocabulary)


def test_a_vocabulary_file_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "vocabulary.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(PresetFormatError, match="not UTF-8"):
        Toy(tmp_path / "vocabulary.txt")


def test_text_that_is_no_unicode_is_refused_with_its_number():
    with pytest.raises(InputError, match="Text number 1 is not valid Unicode"):
        Toy(VOCABULARY)(["fine", "broken \ud83d"])


def test_detokenize_joins_pieces_and_keeps_the_mask():
    tokenizer = Toy(VOCABULARY)
    assert tokenizer.detokenize([2, 5, 7, 8, 4, 17, 3, 0, 0]) == "the quick [MASK] ."
    assert tokenizer.detokenize([8, 8]) == "##ickick"  # nothing before it to join the first one to
    assert tokenizer.detokenize(tokenizer(["the quick", "日本"])) == ["the quick", "日 本"]


def test_offsets_are_spans_of_the_text_as_it_was_given():
    tokenizer = Toy(VOCABULARY, lowercase=True, strip_accents=True)
    text = "THE\u00a0 Café Cafe\u0301 👩 [MASK]日x"
    ids, offsets = tokenizer.encode_with_offsets([text], specials="mask")
    assert ids == tokenizer.encode([text], specials="mask")
    spans = [text[start:end] for start, end in offsets[0]]
    # A combining accent that is stripped belongs to no token.
    assert spans == ["THE", "Café", "Cafe", "👩", "[MASK]", "日", "x"]


def test_config_and_copies_keep_everything():
    arguments = {
        "vocabulary": VOCABULARY,
        "lowercase": True,
        "strip_accents": None,
        "split": True,
        "suffix_indicator": "##",
        "oov_token": "[UNK]",
        "special_tokens": {"cls": "the"},
        "special_tokens_in_text": True,
        "sequence_length": 6,
        "split_on_cjk": False,
        "max_characters_per_word": 50,
        "added_tokens": ["covid-19", {"content": "ab", "single_word": True}],
    }
    tokenizer = Toy(**arguments)
    assert tokenizer.get_config() == arguments
    text = "The café [MASK] covid-19ab 日本"
    twins = [
        Toy.from_config(json.loads(json.dumps(tokenizer.get_config()))),
        copy.deepcopy(tokenizer),
        pickle.loads(pickle.dumps(tokenizer)),
    ]
    tokenizer(text)  # copies are made with and without the library's objects
    twins.append(pickle.loads(pickle.dumps(tokenizer)))
    for twin in twins:
        assert twin.get_config() == arguments
        assert twin(text).tolist() == tokenizer(text).tolist()


def test_the_last_values_of_a_config_differ_from_the_defaults():
    """The test above would pass with an argument that the config forgets, were it a default."""
    changed = Toy(VOCABULARY, split=False, suffix_indicator="#", oov_token="the").get_config()
    assert (changed["split"], changed["suffix_indicator"], changed["oov_token"]) == (
        False,
        "#",
        "the",
    )


def test_inside_tf_data():
    tf = pytest.importorskip("tensorflow")
    tokenizer = Toy(VOCABULARY)
    texts = ["the quick", "日本 café.", ""]
    expected = [row.tolist() for row in tokenizer(texts)]
    dataset = tf.data.Dataset.from_tensor_slices(texts)

    single = dataset.map(tokenizer)
    assert single.element_spec.shape.as_list() == [None]
    assert [row.numpy().tolist() for row in single] == expected
    assert single.element_spec.dtype == tf.int32

    batches = list(dataset.batch(2).map(tokenizer, num_parallel_calls=2))
    assert isinstance(batches[0], tf.RaggedTensor)
    assert [row for batch in batches for row in batch.to_list()] == expected
    assert tokenizer.detokenize(batches[0]) == ["the quick", "日 本 café ."]

    padded = dataset.batch(2).map(Toy(VOCABULARY, sequence_length=3))
    assert padded.element_spec.shape.as_list() == [None, 3]
    assert next(iter(padded)).numpy().tolist() == [[5, 7, 8], [11, 12, 10]]

    # AutoGraph wraps what is raised while a graph is built; the message stays.
    with pytest.raises(Exception, match="rank 2"):
        dataset.batch(2).batch(1).map(tokenizer)
    with pytest.raises(Exception, match="tensor of type int32"):
        tf.data.Dataset.from_tensor_slices([1, 2]).map(tokenizer)


def test_eager_tensors_give_what_lists_give():
    tf = pytest.importorskip("tensorflow")
    tokenizer = Toy(VOCABULARY)
    assert tokenizer(tf.constant("the")).tolist() == [5]
    assert [row.tolist() for row in tokenizer(tf.constant(["the", "日本"]))] == [[5], [11, 12]]
    assert tokenizer.detokenize(tf.constant([[5, 0], [11, 12]])) == ["the", "日 本"]


def test_ids_are_detokenised_from_other_libraries():
    torch = pytest.importorskip("torch")
    assert Toy(VOCABULARY).detokenize(torch.tensor([[5, 0]])) == ["the"]
    assert Toy(VOCABULARY).detokenize(np.array([5], np.uint16)) == "the"


def test_examples_run():
    assert doctest.testmod(wordpiece).attempted >= 4
    assert doctest.testmod(wordpiece).failed == 0
