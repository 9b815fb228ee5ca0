"""What stands in a mask, in every family: candidates beside the other answers, and what is
written.

It is their tokenizers that differ, so one backend is enough: the toy's tests run on all.
"""

import keras
import numpy as np
import pytest

from mlmzoo.data.inputs import Texts
from mlmzoo.errors import InputError
from mlmzoo.plugins import registry
from mlmzoo.tasks.seeding import set_seed
from mlmzoo.testing import tiny_task
from mlmzoo.testing.asking import randomise
from mlmzoo.testing.promises import EAGER

FAMILIES = [name for name in registry().families if name != "toy"]  # it parts at spaces only
CONTEXTS = ["And God * the light.", "saw *, day", "*; dog", "saw (*) day", "saw *ing", "the *"]
WORDS = ["light", " light", "God", "dog", "the"]


@pytest.fixture(scope="module", params=FAMILIES)
def task(request):
    set_seed(1)
    task = tiny_task(registry().family(request.param), head_state="trained", sequence_length=32)
    task.compile(run_eagerly=EAGER)
    randomise(task, stddev=0.3)
    return task


@pytest.fixture
def say(task):
    """A text with masks in the places of its asterisks."""
    return lambda text: text.replace("*", task.preprocessor.tokenizer.mask_token)


@pytest.fixture
def by_hand(task):
    """Log-probability of tokens at the only mask of a text, filled in from left to right."""

    def by_hand(text, tokens):
        tokenizer = task.preprocessor.tokenizer
        row = task.preprocessor.rows(Texts([text]), "mask").ids.tolist()
        at, count = row.index(tokenizer.mask_token_id), len(tokens)
        row[at : at + 1] = [tokenizer.mask_token_id] * count
        length = 32 if task.preprocessor.batching == "fixed" else len(row)
        ids = np.full((count, length), tokenizer.pad_token_id, "int32")
        ids[:, : len(row)] = row
        for done in range(count):
            ids[done, at : at + done] = tokens[:done]
        inputs = {
            "token_ids": ids,
            "padding_mask": np.int32(np.arange(length) < len(row)) * np.ones_like(ids),
            "segment_ids": np.zeros_like(ids),
            "mask_positions": np.arange(at, at + count, dtype="int32")[:, None],
        }
        inputs = {name: inputs[name] for name in [*task.backbone.input, "mask_positions"]}
        logits = keras.ops.convert_to_numpy(task(inputs))[:, 0].astype("float64")
        logits -= logits.max(axis=-1, keepdims=True)
        return sum(logits[range(count), list(tokens)] - np.log(np.exp(logits).sum(axis=-1)))

    return by_hand


@pytest.mark.slow
def test_a_candidate_of_one_token_has_the_probability_it_has_among_all(task, say):
    texts = list(map(say, CONTEXTS))
    ranked = task.fill_mask(texts, candidates=WORDS)
    for answer, asked in zip(task.fill_mask(texts, top_k=10_000), ranked, strict=True):
        known = {each.id: each.probability for each in answer.masks[0].candidates}
        single = [phrase for phrase in asked.masks[0].candidates if len(phrase.ids) == 1]
        assert single
        for phrase in single:
            assert phrase.probability == pytest.approx(known[phrase.ids[0]], abs=1e-6)


@pytest.mark.slow
def test_a_candidate_is_all_of_its_tokens_in_the_row_of_the_mask(task, say, by_hand):
    encode = task.preprocessor.tokenizer.encode
    text = say("saw *, day")
    (mask,) = task.fill_mask(text, candidates=["quick", "God"]).masks
    for phrase in mask.candidates:
        whole = encode([f"saw {phrase.text}, day"])[0][len(encode(["saw"])[0]) :]
        # A token of nothing but space is one of them.
        assert list(phrase.ids) == whole[: len(phrase.ids)]
        assert phrase.log_probability == pytest.approx(by_hand(text, phrase.ids), abs=1e-4)


@pytest.mark.slow
def test_the_space_before_the_mask_is_that_of_the_candidate(task, say):
    spellings = ["light", " light", "light ", "  light\n"]
    ranked, apart = task.fill_mask([say("And God * the"), say("saw(*")], candidates=spellings)
    phrases = ranked.masks[0].candidates
    assert len({(phrase.ids, phrase.log_probability) for phrase in phrases}) == 1
    # Where there is none, the candidate's counts.
    (spaced,) = (each for each in apart.masks[0].candidates if each.text == " light")
    assert spaced.ids == phrases[0].ids


@pytest.mark.parametrize(
    ("context", "word", "beside"), [("l*", "ight", "l"), ("*ight", "l", "ight")]
)
def test_a_candidate_that_is_joined_with_its_neighbours_is_refused(
    task, say, context, word, beside
):
    message = f"joins the candidate '{word}' with '{beside}' beside it in the text at index 1"
    with pytest.raises(InputError, match=message):
        task.fill_mask([say("*ing"), say(f"saw {context}")], candidates=[word])


@pytest.mark.slow
def test_completions_have_the_spaces_that_their_tokens_ask_for(task, say):
    of_pieces = hasattr(task.preprocessor.tokenizer, "suffix_indicator")
    seen = set()
    contexts = ["light*", "the ** day"]
    for context, answer in zip(contexts, task.complete(list(map(say, contexts)), 40), strict=True):
        for completion in answer.completions:
            if not all(fill.text.isascii() and fill.text.isalpha() for fill in completion.fills):
                continue
            expected = context[: context.index("*")].rstrip()
            for fill in completion.fills:
                mark = fill.tokens[0]
                apart = not mark.startswith("##") if of_pieces else mark[0] in "▁Ġ"
                expected += " " * apart + fill.text
                seen.add(apart)
            assert completion.text == expected + context[context.rindex("*") + 1 :]
    assert seen == {True, False}


def test_a_space_that_the_row_has_before_the_mask_is_not_the_candidates():
    task = tiny_task(registry().family("roberta"), head_state="trained", sequence_length=32)
    config = task.preprocessor.tokenizer.get_config()
    config["added_tokens"] = [{"content": "<mask>", "lstrip": False}]
    task.preprocessor.tokenizer = type(task.preprocessor.tokenizer).from_config(config)
    row = task.preprocessor.rows(Texts(["saw <mask>, day"]), "mask").ids.tolist()
    assert row[4] == task.preprocessor.tokenizer.token_to_id("Ġ")
    (phrase,) = task.fill_mask("saw <mask>, day", candidates=["quick"]).masks[0].candidates
    assert phrase.tokens == ("q", "u", "ick")
