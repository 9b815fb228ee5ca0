"""SentencePiece tokenization: pieces, special tokens, offsets, and what is refused."""

import base64
import copy
import io
import itertools
import json
import pickle
import random
import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

pytest.importorskip("sentencepiece")
pytest.importorskip("google.protobuf")

import sentencepiece

from mlmzoo.contract.errors import InputError, PresetFormatError, PresetMissingError
from mlmzoo.kit.tokenizers.unigram import Unigram
from mlmzoo.kit.tokenizers.unigram_text import Preparation, any_of
from mlmzoo.testing.tiny import CORPUS

EDGES = [
    text
    for texts in json.loads(
        (Path(__file__).parents[3] / "data" / "edge_texts.json").read_text(encoding="utf-8")
    ).values()
    for text in texts
]
TEXTS = [*CORPUS, "naïve café (decomposed) — it's 1,000", "``quoted'' 12, 13,"] * 4


class Toy(Unigram):
    """Special tokens in the model."""

    special_tokens: Mapping[str, str] = {
        "pad": "<pad>",
        "unk": "<unk>",
        "cls": "[CLS]",
        "sep": "[SEP]",
        "mask": "[MASK]",
    }
    start, end = "cls", "sep"
    model_tokens = ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")


class Lowered(Toy):
    """As above, and text is prepared."""

    preparation: ClassVar[Mapping[str, bool]] = {
        "lowercase": True,
        "strip_accents": True,
        "straight_quotes": True,
    }


class After(Unigram):
    """A mask after the last piece."""

    special_tokens: Mapping[str, str] = {"pad": "[PAD]", "unk": "[UNK]", "mask": "[MASK]"}
    model_tokens = ("[PAD]", "[UNK]")
    tokens_after = ("[MASK]",)


class Shifted(Unigram):
    """Tokens in the place of the model's, as fairseq has them."""

    special_tokens: Mapping[str, str] = {
        "cls": "<s>",
        "pad": "<pad>",
        "sep": "</s>",
        "unk": "<unk>",
        "mask": "<mask>",
    }
    start, end = "cls", "sep"
    model_tokens = ("<unk>", "<s>", "</s>")
    tokens_before = ("<s>", "<pad>", "</s>", "<unk>")
    tokens_after = ("<mask>",)


KINDS = [Toy, Lowered, After, Shifted]


def model(**options):
    """A model with ALBERT's first tokens, as sentencepiece trains it."""
    options = {
        "vocab_size": 200,
        "hard_vocab_limit": False,
        "pad_id": 0,
        "unk_id": 1,
        "bos_id": -1,
        "eos_id": -1,
        "control_symbols": ["[CLS]", "[SEP]"],
        "user_defined_symbols": ["[MASK]", "(", ")"],
        "minloglevel": 2,
        **options,
    }
    writer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS), model_writer=writer, **options
    )
    return writer.getvalue()


@pytest.fixture(scope="module")
def proto():
    return model()


@pytest.fixture(scope="module")
def trained():
    return {kind: kind.train(TEXTS, 200) for kind in KINDS}


def tokens(tokenizer, text, specials="none"):
    return [tokenizer.id_to_token(id) for id in tokenizer.encode([text], specials)[0]]


# Pieces -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["unigram", "bpe", "char", "word"])
def test_pieces_are_those_of_sentencepiece(kind):
    data = model(model_type=kind, vocab_size=60 if kind == "word" else 200)
    texts = [text for text in [*EDGES, *TEXTS] if "[MASK]" not in text]
    library = sentencepiece.SentencePieceProcessor(model_proto=data)
    assert Toy(data).encode(texts) == library.encode(texts)


def test_a_thousand_texts_give_the_tokens_they_give_one_by_one(trained):
    for tokenizer in trained.values():
        assert tokenizer.encode(EDGES * 9) == [tokenizer.encode([t])[0] for t in EDGES] * 9


def test_calling_gives_arrays(trained):
    row = trained[Toy]("the light")
    assert (row.dtype, row.ndim) == (np.int32, 1)
    assert [len(row) for row in trained[Toy](["the", ""])] == [1, 0]
    padded = Toy(trained[Toy].proto, sequence_length=4)(["the light, that it was", ""])
    assert padded.shape == (2, 4)
    assert padded[1].tolist() == [0] * 4


def test_a_run_of_unknown_characters_is_one_unknown_token(trained):
    for tokenizer in trained.values():
        unknown = tokenizer.special_tokens["unk"]
        assert tokens(tokenizer, "日本 the") == ["▁", unknown, "▁the"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_id_has_a_token_of_its_own(trained, kind):
    tokenizer = trained[kind]
    vocabulary = tokenizer.get_vocabulary()
    assert len(set(vocabulary)) == len(vocabulary) == tokenizer.vocabulary_size() <= 200
    assert list(map(tokenizer.token_to_id, vocabulary)) == list(range(len(vocabulary)))


def test_tokens_before_the_pieces_shift_them(trained):
    tokenizer = trained[Shifted]
    library = sentencepiece.SentencePieceProcessor(model_proto=tokenizer.proto)
    text = "God saw the light 日本"
    ids = [id + 1 if id else 3 for id in library.encode(text)]
    assert 3 in ids
    assert tokenizer.encode([text]) == [ids]
    assert tokenizer.get_vocabulary()[:5] == [
        "<s>",
        "<pad>",
        "</s>",
        "<unk>",
        library.id_to_piece(3),
    ]
    assert tokenizer.mask_token_id == len(library) + 1 == tokenizer.vocabulary_size() - 1


def test_a_token_after_the_pieces_has_the_next_id(trained):
    library = sentencepiece.SentencePieceProcessor(model_proto=trained[After].proto)
    assert trained[After].mask_token_id == len(library)
    # Unless the model has it, or it is said to have another.
    own = After(
        model(
            unk_piece="[UNK]",
            pad_piece="[PAD]",
            control_symbols=["[MASK]"],
            user_defined_symbols=[],
        )
    )
    assert own.mask_token_id == 2
    far = After(trained[After].proto, added_tokens={"[MASK]": len(library) + 2})
    assert far.mask_token_id == len(library) + 2
    assert far.get_vocabulary()[-3:-1] == [f"<unused_{len(library) + i}>" for i in (0, 1)]
    assert far.encode(["the [MASK]"], "mask")[0][-1] == len(library) + 2


def test_a_token_that_the_model_has_twice_over_stays_distinct():
    data = model(unk_id=0, bos_id=1, eos_id=2, pad_id=3, control_symbols=[])
    vocabulary = Shifted(data).get_vocabulary()
    assert vocabulary.index("<pad>") == 1
    assert vocabulary[4] == "<unused_4>"


# Special tokens -----------------------------------------------------------------------------------


def test_text_cannot_smuggle_special_tokens(proto):
    library = sentencepiece.SentencePieceProcessor(model_proto=proto)
    text = "the [MASK] day [CLS]"
    assert library.piece_to_id("[MASK]") in library.encode(text)  # user-defined: it could
    tokenizer = Toy(proto)
    assert not set(tokenizer.special_token_ids) - {1} & set(tokenizer.encode([text])[0])
    assert tokenizer.detokenize(tokenizer.encode([text], "mask")[0]).startswith("the [MASK] day")


def test_other_symbols_of_the_user_stay_symbols(proto):
    assert tokens(Toy(proto), "the(it)") == ["▁the", "(", "i", "t", ")"]


def test_text_is_split_at_the_special_tokens_that_are_asked_for(trained):
    text = "the light[MASK]the  [MASK] day <pad>"
    plain = tokens(trained[Toy], text)
    assert not {"[MASK]", "<pad>"} & set(plain)
    masked = tokens(trained[Toy], text, "mask")
    # Each part is a text of its own: it begins with a space, and those at its ends go.
    light, day, rest = (tokens(trained[Toy], part) for part in ("the light", "the", "day <pad>"))
    assert masked == [*light, "[MASK]", *day, "[MASK]", *rest]
    assert tokens(trained[Toy], text, "all")[-1] == "<pad>"
    assert trained[Toy].encode(["", "[MASK]", "x[MASK]"], "mask")[:2] == [[], [4]]


def test_special_tokens_are_found_before_text_is_lowercased(trained):
    assert tokens(trained[Lowered], "A [MASK] Day", "mask")[1] == "[MASK]"
    assert "[MASK]" not in tokens(trained[Lowered], "a [mask] day", "mask")


def test_special_tokens_in_text_is_for_calls(trained):
    tokenizer = Toy(trained[Toy].proto, special_tokens_in_text=True)
    assert tokenizer("[CLS] the")[0] == tokenizer.cls_token_id
    assert tokenizer.cls_token_id not in tokenizer.encode(["[CLS] the"])[0]


def test_control_tokens_of_the_model_are_special_too():
    data = model(control_symbols=["[CLS]", "[SEP]", "<extra>"])
    assert Toy(data).special_tokens["<extra>"] == "<extra>"


def test_roles_can_have_other_tokens():
    tokenizer = After.train(TEXTS, 150, special_tokens={"mask": "<m>", "speaker": "<spk>"})
    assert (tokenizer.mask_token, tokenizer.mask_token_id) == (
        "<m>",
        tokenizer.vocabulary_size() - 1,
    )
    assert tokenizer.token_to_id("<spk>") == 2
    assert tokens(tokenizer, "the <m>", "mask")[-1] == "<m>"
    shifted = Shifted.train(TEXTS, 150, special_tokens={"unk": "<?>", "pad": "<blank>"})
    assert shifted.get_vocabulary()[:4] == ["<s>", "<blank>", "</s>", "<?>"]


def test_added_tokens_are_found_in_any_text(trained):
    tokenizer = After(trained[After].proto, added_tokens=["covid-19"])
    last = tokenizer.vocabulary_size() - 1
    assert tokenizer.token_to_id("covid-19") == last == tokenizer.mask_token_id + 1
    assert tokens(tokenizer, "the covid-19 [MASK]")[:2] == ["▁the", "covid-19"]
    assert tokenizer.detokenize(tokenizer("the covid-19 day")) == "the covid-19 day"


def test_the_longest_of_several_tokens_is_found(trained):
    tokenizer = After(trained[After].proto, added_tokens=["<a", "<a><b", "<a>"])
    assert tokens(tokenizer, "<a><b<a><a") == ["<a><b", "<a>", "<a"]


# Preparation --------------------------------------------------------------------------------------


def test_text_is_prepared_as_the_family_says(trained):
    prepared, plain = (
        trained[Lowered],
        Lowered(
            trained[Lowered].proto, lowercase=False, strip_accents=False, straight_quotes=False
        ),
    )
    assert prepared.encode(["``Café'' ÀB ΣΑΣ"]) == plain.encode(['"cafe" ab σασ'])
    assert prepared.encode(["``Café''"]) != plain.encode(["``Café''"])


SWITCHES = list(itertools.product([False, True], repeat=4))


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_offsets_do_not_change_what_is_prepared(switches):
    prepare = Preparation(*switches)
    extra = ["ΟΔΟΣ ΣΑΣ", "각 각 가̈", "``''`''", "İİ ǰ̣", "a\r\n\t b", "q̣̇ q̣̇"]
    for text in [*EDGES, *extra]:
        found, starts, ends = prepare.aligned(text)
        assert found == prepare(text)
        assert len(starts) == len(ends) == len(found)
        assert all(0 <= a < b <= len(text) for a, b in zip(starts, ends, strict=True))
        assert starts == sorted(starts)


@pytest.mark.parametrize("kind", KINDS)
def test_offsets_are_of_the_text_as_it_was_given(trained, kind):
    tokenizer = trained[kind]
    mask = tokenizer.mask_token
    for specials in ("none", "mask", "all"):
        for text in [*EDGES, f" the  light{mask}x{mask}", *TEXTS[:10]]:
            (ids,), (spans,) = tokenizer.encode_with_offsets([text], specials)
            assert ids == tokenizer.encode([text], specials)[0]
            assert all(0 <= a <= b <= len(text) for a, b in spans)
            assert spans == sorted(spans)
            for id, (a, b) in zip(ids, spans, strict=True):
                token = tokenizer.id_to_token(id).replace("▁", "")
                if kind is not Lowered and text.isprintable() and text.isascii():
                    assert text[a:b] in (token, "", " ") or token == tokenizer.unknown_token


def test_offsets_go_through_every_change(trained):
    text = "The ``CAFÉ'' day [MASK] é"
    _, (spans,) = trained[Lowered].encode_with_offsets([text], "mask")
    parts = [text[a:b] for a, b in spans]
    assert "".join(parts).replace(" ", "") == text.replace(" ", "")
    assert {"``", "''", "[MASK]"} <= set(parts)
    assert parts[-1] == "é"
    assert not any(part.startswith(" ") and part.strip() for part in parts)
    _, (spans,) = trained[Lowered].encode_with_offsets(["aﬁ"])  # both letters are of one character
    assert spans[-2:] == [(1, 2), (1, 2)]


def with_a_comma(message):
    message.pieces.add(piece="▁12,", score=-0.5, type=1)


def test_a_comma_after_a_digit_can_be_kept_apart():
    data = model(user_defined_symbols=["[MASK]"], vocab_size=400)
    data = changed(data, with_a_comma)
    assert tokens(Toy(data), "12, 13")[0] == "▁12,"
    assert "," in tokens(Toy(data, commas_apart=True), "12, 13")


# Back to text -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_text_comes_back_and_gives_the_same_tokens(trained, kind):
    tokenizer = trained[kind]
    for text in CORPUS:
        again = tokenizer.detokenize(tokenizer(text))
        assert again == (text if kind is not Lowered else text.lower())
        assert tokenizer.encode([again]) == tokenizer.encode([text])


def test_masks_and_unknown_tokens_are_part_of_the_text(trained):
    tokenizer = trained[Toy]
    ids = [2, *tokenizer.encode(["the [MASK] day 日"], "mask")[0], 3, 0, 0]
    assert tokenizer.detokenize(ids) == "the [MASK] day <unk>"
    assert tokenizer.detokenize([ids, ids[:2]]) == ["the [MASK] day <unk>", "the"]


def test_bytes_are_joined_to_characters():
    data = model(
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        byte_fallback=True,
        control_symbols=[],
        vocab_size=500,
    )
    tokenizer = Shifted(data)
    assert tokenizer.detokenize(tokenizer("日本 the é")) == "日本 the é"


# The constructor ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_config_is_json_and_makes_the_same_tokenizer(trained, kind):
    given = kind(trained[kind].proto, lowercase=True, sequence_length=7, added_tokens=["x-y"])
    config = json.loads(json.dumps(given.get_config()))
    again = kind.from_config(config)
    assert again.get_config() == config
    assert again.proto == given.proto
    assert again.encode(EDGES, "all") == given.encode(EDGES, "all")


@pytest.mark.parametrize("as_path", [str, Path])
def test_a_config_names_no_file(trained, tmp_path, as_path):
    (tmp_path / "x.spm").write_bytes(trained[Toy].proto)
    config = {**trained[Toy].get_config(), "proto": as_path(tmp_path / "x.spm")}
    with pytest.raises(PresetFormatError, match=r"Toy has proto=.*x\.spm"):
        Toy.from_config(config)
    assert Toy.from_config({**config, "proto": trained[Toy].proto}).proto == trained[Toy].proto


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_copies_tokenize_alike(trained, copied):
    assert copied(trained[Toy]).encode(EDGES, "all") == trained[Toy].encode(EDGES, "all")


def test_a_model_can_be_given_as_bytes_base64_or_path(proto, tmp_path):
    path = tmp_path / "a.model"
    path.write_bytes(proto)
    for given in (proto, base64.b64encode(proto).decode(), path, str(path)):
        assert Toy(given).proto == proto


def no_normalizer(message):
    message.ClearField("normalizer_spec")


def three_pieces(message):
    message.ClearField("trainer_spec")
    del message.pieces[3:]


def twice(message):
    message.pieces.add(piece="[MASK]")


def no_text(message):
    message.pieces.add(score=-1.0)


def no_unknown(message):
    message.pieces[1].type = 1


def bad_charsmap(message):
    message.normalizer_spec.precompiled_charsmap = b"\xff" * 4


def no_bytes(message):
    message.trainer_spec.byte_fallback = True


FAULTS = {
    "is empty": lambda data: b"",
    "begins with b'v'": lambda data: b"version https://git-lfs.github.com/spec/v1\n",
    "cannot be parsed": lambda data: data[:-20],
    "breaks off after [0-9]+ pieces": no_normalizer,
    "breaks off after 3 pieces": three_pieces,
    "has a piece twice": twice,
    "has a piece without text": no_text,
    "0 of its pieces stand for unknown": no_unknown,
    "character map of 4 bytes gives its trie 4294967295 bytes": bad_charsmap,
    "sentencepiece can run": no_bytes,
}


def changed(data, change):
    pb2 = pytest.importorskip("sentencepiece.sentencepiece_model_pb2")
    message = pb2.ModelProto.FromString(data)
    result = change(data if change.__name__ == "<lambda>" else message)
    return message.SerializeToString() if result is None else result


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_model_is_refused_by_name(proto, fault, tmp_path):
    data = changed(proto, FAULTS[fault])
    path = tmp_path / "spiece.model"
    path.write_bytes(data)
    with pytest.raises(PresetFormatError, match=fault) as error:
        Toy(path)
    assert str(path) in str(error.value)
    with pytest.raises(PresetFormatError, match=fault):
        Toy(data)


def test_a_large_foreign_file_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "spiece.model"
    path.write_bytes(b"PK" + bytes(2000))
    sizes = []
    opened = Path.open

    def watched(self, *arguments):
        file = opened(self, *arguments)
        read = file.read
        return type(
            "File",
            (),
            {
                "__enter__": lambda s: s,
                "__exit__": lambda s, *_: file.close(),
                "read": lambda s, *size: sizes.append(size) or read(*size),
            },
        )()

    monkeypatch.setattr(Path, "open", watched)
    with pytest.raises(PresetFormatError):
        Toy(path)
    assert sizes == [(1,)]


def test_a_model_of_another_family_is_refused(proto, trained):
    with pytest.raises(PresetFormatError, match=r"lack the special tokens '\[PAD\]' \(pad\)"):
        After(proto)
    with pytest.raises(
        PresetFormatError, match=r"first pieces are \['<pad>', '<unk>', '\[CLS\]'\]"
    ):
        Shifted(proto)
    with pytest.raises(PresetFormatError, match="lack the special tokens"):
        Toy(trained[Shifted].proto)
    with pytest.raises(PresetFormatError, match=r"unknown characters is '<unk>', not '\[SEP\]'"):
        Toy(proto, special_tokens={"unk": "[SEP]"})


def test_arguments_are_checked(proto, tmp_path):
    with pytest.raises(PresetMissingError, match=r"nowhere\.spm"):
        Toy(tmp_path / "nowhere.spm")
    with pytest.raises(InputError, match=r"proto=7 of type int"):
        Toy(7)
    with pytest.raises(InputError, match="proto=None"):
        Toy()
    with pytest.raises(InputError, match="add_bos=True"):
        Toy(proto, add_bos=True)
    with pytest.raises(InputError, match="unknown argument"):
        Toy(proto, lower=True)
    with pytest.raises(InputError, match=r"special tokens that the vocabulary.*'<m>'"):
        Toy(proto, special_tokens={"mask": "<m>"})
    with pytest.raises(InputError, match="special_tokens='x'"):
        Toy(proto, special_tokens="x")
    with pytest.raises(InputError, match=r"'#' as number 7, and that is"):
        Toy(proto, added_tokens={"#": 7})
    with pytest.raises(InputError, match=r"'\[MASK\]'.*it is number 4"):
        Toy(proto, added_tokens={"[MASK]": 900})


def test_text_that_utf8_cannot_hold_is_named(trained):
    for encode in (trained[Toy].encode, trained[Toy].encode_with_offsets):
        with pytest.raises(InputError, match="Text number 1 is not valid Unicode"):
            encode(["fine", "a\ud800b"])


@pytest.mark.parametrize("count", [3, 40, 400])
def test_the_longest_of_many_texts_is_found(count):
    rng = random.Random(count)
    letters = "ab-C ."
    texts = sorted({"".join(rng.choices(letters, k=rng.randint(1, 8))) for _ in range(count)})
    pattern = re.compile(any_of(texts))
    for _ in range(200):
        text = "".join(rng.choices(letters, k=30))
        begun = [each for each in texts if text.startswith(each)]
        found = pattern.match(text)
        assert (found and found.group()) == max(begun, key=len, default=None)
