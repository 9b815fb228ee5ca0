"""A tokenizer with more tokens: these are found, and every other text is cut as before."""

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

pytest.importorskip("tokenizers")
pytest.importorskip("sentencepiece")
pytest.importorskip("google.protobuf")

from mlmzoo.contract.errors import InputError
from mlmzoo.kit.tokenizers import growth, unigram_growth
from mlmzoo.kit.tokenizers.base import TokenizerBase
from mlmzoo.kit.tokenizers.byte_level_bpe import ByteLevelBPE
from mlmzoo.kit.tokenizers.unigram import Unigram
from mlmzoo.kit.tokenizers.wordpiece import BERT_SPECIAL_TOKENS, WordPiece

DATA = Path(__file__).parents[3] / "data"
WORDS = ["myocarditis", "electrocardiogram", "electrocardiograms", "electro", "cardio"]
OTHERS = ["COVID-19", "New York", "[E1]", "don't"]
SPECIAL = {"pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}


class Pieces(WordPiece):
    special_tokens: ClassVar[Mapping[str, str]] = BERT_SPECIAL_TOKENS


class MaskLast(Unigram):
    """Like XLM-R: the mask follows the pieces."""

    tokens_after = ("<mask>",)
    special_tokens: ClassVar[Mapping[str, str]] = {"unk": "<unk>", "mask": "<mask>"}


@pytest.fixture(scope="module")
def corpus():
    with gzip.open(DATA / "kjv.txt.gz", "rt", encoding="utf-8") as file:
        return file.read().splitlines()[::20]


@pytest.fixture(scope="module")
def made(corpus):
    return {
        "wordpiece": Pieces.train(corpus, 1500, lowercase=True),
        "bpe": ByteLevelBPE.train(corpus, 1500, special_tokens=SPECIAL),
        "unigram": Unigram.train(corpus, 1000, special_tokens={"mask": "<mask>"}),
        "mask last": MaskLast.train(corpus, 1000, lowercase=True),
    }


@pytest.fixture(params=["wordpiece", "bpe", "unigram", "mask last"])
def tokenizer(request, made):
    return made[request.param]


def tokens(tokenizer, text):
    return [tokenizer.id_to_token(id) for id in tokenizer(text)]


def lead(tokenizer, word):
    """By how much the best way to cut a word is better than the next one."""
    pieces = tokenizer.running_model().message.pieces
    ways = tokenizer._processor.nbest_encode(word, nbest_size=2, out_type=int)
    first, second = (sum(pieces[id].score for id in way) for way in ways)
    return first - second


def test_words_and_other_texts_become_one_token_each(tokenizer):
    grown = tokenizer.grow([*WORDS, *OTHERS])
    assert list(grown.ids) == [*WORDS, *OTHERS]
    assert len(set(grown.ids.values())) == len(grown.ids)
    for text, id in grown.ids.items():
        assert id not in tokenizer("And he said unto them.")
        found = list(grown.tokenizer(f"the {text} of"))
        assert id in found
        assert not set(found) & (set(grown.ids.values()) - {id}), "nothing of it is another one"
        assert grown.tokenizer.detokenize(found).casefold() == f"the {text} of".casefold()


def test_texts_without_new_tokens_are_cut_as_before(tokenizer, corpus):
    grown = tokenizer.grow([*WORDS, *OTHERS]).tokenizer
    for text in corpus[::10]:
        assert tokens(grown, text) == tokens(tokenizer, text)


def test_every_token_there_was_is_there_and_special_tokens_are_what_they_were(tokenizer):
    grown = tokenizer.grow(WORDS).tokenizer
    assert set(tokenizer.get_vocabulary()) <= set(grown.get_vocabulary())
    assert grown.special_tokens == tokenizer.special_tokens
    assert grown.mask_token_id == grown.token_to_id(tokenizer.mask_token)
    mask = f"the {tokenizer.mask_token} of"
    assert grown.mask_token_id in grown.encode([mask], "mask")[0]
    assert grown.mask_token_id not in grown.encode([mask])[0]


def test_what_new_tokens_were_is_known(tokenizer):
    grown = tokenizer.grow([*WORDS, *OTHERS])
    new = set(grown.tokenizer.get_vocabulary()) - set(tokenizer.get_vocabulary())
    assert set(grown.pieces) == new and len(new) == len(grown.ids)
    for text, id in grown.ids.items():
        pieces = grown.pieces[grown.tokenizer.id_to_token(id)]
        assert list(pieces) in (tokenizer.encode([text]) + tokenizer.encode([f" {text}"]))


def test_tokens_can_be_added_again_and_again(tokenizer, corpus):
    together = tokenizer.grow([*WORDS, *OTHERS])
    one_by_one = tokenizer
    for text in [*WORDS, *OTHERS]:
        one_by_one = one_by_one.grow([text]).tokenizer
    for text in [*WORDS, *OTHERS]:
        id = one_by_one.token_to_id(together.tokenizer.id_to_token(together.ids[text]))
        assert id in one_by_one(f"the {text} of")
    for text in corpus[::50]:
        assert tokens(one_by_one, text) == tokens(tokenizer, text)


def test_new_tokens_have_offsets_and_begin_words(tokenizer):
    grown = tokenizer.grow(["myocarditis"])
    text = "The myocarditis, and"
    ids, spans = grown.tokenizer.encode_with_offsets([text])
    place = ids[0].index(grown.ids["myocarditis"])
    assert text[slice(*spans[0][place])] == "myocarditis"
    assert grown.tokenizer.word_starts(grown.tokenizer(text))[place]


def test_a_config_holds_the_new_tokens(tokenizer):
    grown = tokenizer.grow([*WORDS, *OTHERS]).tokenizer
    twin = type(grown).from_config(grown.get_config())
    assert twin.get_vocabulary() == grown.get_vocabulary()
    text = "The electrocardiograms of New York: myocarditis, COVID-19 [E1]."
    assert list(twin(text)) == list(grown(text))


def test_merges_stay_as_they_are_and_one_token_is_added_for_a_word(made):
    grown = made["bpe"].grow(["myocarditis"]).tokenizer
    assert grown.get_vocabulary()[1500:] == ["Ġmyocarditis"]
    assert grown.merges == made["bpe"].merges and grown.ignore_merges
    assert not made["bpe"].grow(["New York"]).tokenizer.ignore_merges


@pytest.mark.parametrize("name", ["unigram", "mask last"])
def test_words_that_begin_one_another_are_found_in_any_order(made, name):
    words = ["data", "database", "databases", "website", "websites", "websitesque"]
    for order in (words, words[::-1]):
        together = made[name].grow(order).tokenizer
        one_by_one = made[name]
        for word in order:
            one_by_one = one_by_one.grow([word]).tokenizer
        for grown in (together, one_by_one):
            assert tokens(grown, "the " + " ".join(words))[-6:] == [f"▁{word}" for word in words]
            # By more than what is lost in the sum over a long text.
            assert all(lead(grown, word) > 0.04 for word in words)


@pytest.mark.parametrize("name", ["unigram", "mask last"])
def test_longer_words_keep_their_pieces_where_their_beginnings_are_added(made, name, corpus):
    tokenizer = made[name]
    pieces = [token for token in tokenizer.get_vocabulary() if len(token) > 5 and token[0] == "▁"]
    whole = [piece for piece in pieces if tokens(tokenizer, piece[1:]) == [piece]]
    assert len(whole) > 50
    begins = sorted({piece[1:-2] for piece in whole} - {piece[1:] for piece in pieces})
    new = [text for text in begins if len(tokens(tokenizer, text)) > 1]
    grown = tokenizer.grow(new).tokenizer
    assert len(new) > 20
    assert all(tokens(grown, piece[1:]) == [piece] for piece in whole)


@pytest.mark.parametrize("name", ["unigram", "mask last"])
def test_a_word_is_taken_where_its_pieces_were_and_nowhere_else(made, name, corpus):
    tokenizer = made[name]
    words = {word.strip(".,;:?!()'") for text in corpus for word in text.split()}
    split = sorted(word for word in words if len(word) > 3 and len(tokens(tokenizer, word)) > 2)
    new = [word[:3] for word in split if len(tokens(tokenizer, word[:3])) > 1][:40]
    new = list(dict.fromkeys(map(str.lower, new)))
    grown = tokenizer.grow(new).tokenizer
    for text in corpus:
        before, after = tokens(tokenizer, text), tokens(grown, text)
        if before != after:  # a new one took the place of just its pieces
            for token in new:
                after = [
                    piece
                    for found in after
                    for piece in (tokens(tokenizer, token) if found == f"▁{token}" else [found])
                ]
            assert after == before


def test_a_word_with_unknown_characters_becomes_one_token(tokenizer):
    grown = tokenizer.grow(["naẅẅet"])
    assert grown.ids["naẅẅet"] in grown.tokenizer("the naẅẅet of")


def test_pieces_that_were_not_found_are_not_found_now(made):
    from sentencepiece import sentencepiece_model_pb2

    grown = made["unigram"].grow(["databases"]).tokenizer
    message = sentencepiece_model_pb2.ModelProto.FromString(grown.proto)
    message.pieces[-1].score -= 50
    hidden = Unigram(message.SerializeToString(), special_tokens={"mask": "<mask>"})
    grown = hidden.grow(["database"]).tokenizer
    assert tokens(hidden, "databases")[0] != "▁databases"
    assert tokens(grown, "databases")[0] == "▁database"


def test_a_longer_word_that_cannot_be_kept_is_named(made, monkeypatch):
    grown = made["unigram"].grow(["databases"]).tokenizer
    monkeypatch.setattr(unigram_growth, "_ROUNDS", 1)
    with pytest.raises(InputError, match=r"so that '▁databases' is still found\. Leave out"):
        grown.grow(["database"])


@pytest.mark.parametrize("name", ["bpe", "unigram", "mask last"])
def test_words_of_scripts_without_spaces_are_found_in_running_text(made, name):
    grown = made[name].grow(["北京大学"])
    assert grown.ids["北京大学"] in grown.tokenizer("我在北京大学学习")


@pytest.mark.parametrize("name", ["wordpiece", "bpe"])
def test_texts_that_begin_and_end_as_words_are_not_found_inside_of_words(made, name):
    grown = made[name].grow(["New York", "[E1]"])
    assert grown.ids["New York"] in grown.tokenizer("of New York, and")
    assert grown.ids["New York"] not in grown.tokenizer("the New Yorkers")
    assert grown.ids["[E1]"] in grown.tokenizer("x[E1]y")


def test_letters_and_digits_that_merges_part_are_found_as_a_word(made):
    grown = made["bpe"].grow(["h1"])
    assert grown.ids["h1"] in grown.tokenizer("the h1 of")
    assert grown.ids["h1"] not in grown.tokenizer("the graph1 of")


def test_others_are_found_in_any_case_where_wordpiece_lowercases(made):
    grown = made["wordpiece"].grow(["COVID-19"])
    for text in ("of COVID-19 and", "of covid-19 and", "of Covid-19 and"):
        assert grown.ids["COVID-19"] in grown.tokenizer(text)
    grown = made["mask last"].grow(["COVID-19"])  # sentencepiece sees no part of it
    assert grown.ids["COVID-19"] not in grown.tokenizer("of covid-19 and")


def test_notes_on_files_stay(tokenizer):
    tokenizer.notes = ("A note.",)
    assert tokenizer.grow(["foxglove"]).tokenizer.notes == ("A note.",)
    tokenizer.notes = ()


def test_tokens_inside_of_the_pieces_keep_their_ids_and_those_behind_move_up(made):
    tokenizer = Unigram(made["unigram"].proto, added_tokens={"<mask>": 3, "<extra>": 1000})
    assert tokenizer.token_to_id("<mask>") == 3
    grown = tokenizer.grow(["foxglove", "fox-glove"]).tokenizer
    assert grown.token_to_id("<mask>") == 3
    assert grown.token_to_id("<extra>") == 1001


def test_models_of_other_types_find_their_new_tokens_whole(corpus, made):
    from sentencepiece import sentencepiece_model_pb2

    message = sentencepiece_model_pb2.ModelProto.FromString(made["unigram"].proto)
    message.trainer_spec.model_type = 4  # characters
    tokenizer = Unigram(message.SerializeToString(), special_tokens={"mask": "<mask>"})
    grown = tokenizer.grow(["myocarditis"])
    assert grown.tokenizer.added_tokens["myocarditis"] == grown.ids["myocarditis"]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "list of them is empty"),
        ("word", "type str was given. Give a list"),
        (None, "type NoneType was given"),
        (["one", 2], "number 1, 2, is of type int"),
        (["one", " "], "number 1, ' ', is empty"),
        ([" one"], "has a space around it"),
        (["one\ntwo"], "line break or NUL"),
        (["x" * 1001], "has 1001 characters, and 1000 are the most"),
        (["foxglove", "foxglove"], "number 1, 'foxglove', is there twice"),
        (["the", "foxglove", "and"], "holds already: 'the', 'and'"),
        (["\ud800"], "not valid Unicode"),
    ],
)
def test_what_cannot_be_added_is_refused(tokenizer, texts, message):
    with pytest.raises(InputError, match=message):
        tokenizer.grow(texts)


def test_texts_with_special_tokens_are_refused(tokenizer):
    for text in (tokenizer.mask_token, f"x{tokenizer.mask_token}y"):
        with pytest.raises(InputError, match="hold a special token"):
            tokenizer.grow(["foxglove", text])


def test_every_text_that_is_there_is_named(tokenizer):
    known = ["the", "and", "of", "to", "he", "that", "in", "unto"]
    with pytest.raises(InputError) as caught:
        tokenizer.grow([*known, "foxglove"])
    assert all(repr(text) in str(caught.value) for text in known)
    assert "foxglove" not in str(caught.value)


def test_texts_may_be_given_in_any_form(tokenizer):
    ids = tokenizer.grow(["foxglove"]).ids
    for form in (("foxglove",), {"foxglove": 1}, np.array(["foxglove"]), iter(["foxglove"])):
        assert tokenizer.grow(form).ids == ids


def test_a_piece_that_continues_words_is_refused(made):
    with pytest.raises(InputError, match="begins with '##', which marks"):
        made["wordpiece"].grow(["##glove"])


def test_what_is_the_same_to_a_tokenizer_is_refused(made):
    with pytest.raises(InputError, match=r"are both 'foxglove'\. Give one of them"):
        made["wordpiece"].grow(["Foxglove", "foxglove"])
    with pytest.raises(InputError, match="are both 'covid-19'"):
        made["wordpiece"].grow(["COVID-19", "Covid-19"])
    with pytest.raises(InputError, match="holds already: 'THE'"):
        made["wordpiece"].grow(["THE"])
    with pytest.raises(InputError, match="are both '▁foxglove'"):
        made["mask last"].grow(["Foxglove", "foxglove"])


def test_what_is_cleaned_away_is_refused(made):
    with pytest.raises(InputError, match="nothing is left"):
        made["wordpiece"].grow(["\u200b"])


def test_what_would_still_be_taken_apart_is_refused(made):
    with pytest.raises(InputError, match="would still take apart"):
        made["wordpiece"].grow(["x" * 101])  # longer than any word that is matched
    dogs = WordPiece(["[UNK]", "dog", "##ma"], added_tokens=["dog"])
    with pytest.raises(InputError, match=r"still take apart, .*: 'dogma'"):
        dogs.grow(["dogma"])


def test_no_more_than_a_preset_may_hold_are_added(tokenizer, monkeypatch):
    monkeypatch.setattr(growth, "SPECIAL_TOKENS", len(tokenizer.added_tokens) + 1)
    tokenizer.grow(["foo-bar", "foxglove", "harebell"])
    with pytest.raises(InputError, match="Give fewer"):
        tokenizer.grow(["foo-bar", "bar-foo"])
    monkeypatch.setattr(growth, "TOKENS", tokenizer.vocabulary_size() + 1)
    with pytest.raises(InputError, match="Give fewer"):
        tokenizer.grow(["foxglove", "harebell"])


def test_a_tokenizer_that_cannot_grow_says_so():
    class Other(TokenizerBase):
        pass

    with pytest.raises(InputError, match="its class takes none"):
        Other(["a"]).grow(["b"])
