"""Scores, candidates and vectors beside minicons and transformers, on a trained checkpoint."""

import numpy as np
import pytest

from mlmzoo import MaskedLM
from mlmzoo.errors import PresetWarning
from mlmzoo.kit.tokenizers import WordPiece
from mlmzoo.testing import tiny_task
from mlmzoo.testing.asking import randomise
from mlmzoo.testing.promises import EAGER

pytestmark = [
    pytest.mark.interop,
    # The other libraries' own.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:(keras|keras_hub|transformers|torch).*"),
]

PRESET = "bert_tiny_en_uncased_kjv"
TEXTS = [
    "In the beginning God created the heaven and the earth.",
    "Jesus wept.",
    "And Nebuchadnezzar's abominations multiplied exceedingly.",
]

PLAIN = ["In the beginning Nebuchadnezzar created heaven", "quick abominations"]
PUNCTUATED = ["don't see", "Jesus wept.  Twice (or 3 times)!"]


@pytest.fixture(scope="module")
def ours():
    return MaskedLM.from_preset(PRESET)


@pytest.fixture(scope="module")
def directory(ours, tmp_path_factory):
    """The same model as a transformers checkpoint."""
    directory = tmp_path_factory.mktemp("kjv") / "transformers"
    ours.save_to_preset(directory, layout="transformers")
    return directory


@pytest.fixture(scope="session")
def minicons():
    """Scores of texts by minicons, from a checkpoint: each token and its log-probability."""
    package = pytest.importorskip("minicons.scorer")
    names = {"pll": "original", "pll_word_l2r": "within_word_l2r"}

    def score(directory, texts, method):
        scorer = package.MaskedLMScorer(str(directory), "cpu")
        tokenizer = scorer.tokenizer
        # minicons 0.3.39 calls the tokenizer by a name that transformers 5 dropped.
        if not hasattr(tokenizer, "batch_encode_plus"):
            tokenizer.batch_encode_plus = tokenizer.__call__
        # It gives start and end a score of 0.
        added = (tokenizer.cls_token, tokenizer.sep_token)
        found = scorer.token_score(texts, PLL_metric=names[method])
        return [[each for each in tokens if each[0] not in added] for tokens in found]

    return score


def assert_equal_scores(found, wanted):
    for score, tokens in zip(found, wanted, strict=True):
        np.testing.assert_allclose(
            [token.log_probability for token in score.tokens],
            [value for _, value in tokens],
            atol=1e-3,
        )


@pytest.mark.parametrize("method", ["pll", "pll_word_l2r"])
def test_scores_of_every_token_are_those_of_minicons(ours, directory, minicons, method):
    found, wanted = ours.score(TEXTS, method), minicons(directory, TEXTS, method)
    assert_equal_scores(found, wanted)
    for score, tokens in zip(found, wanted, strict=True):
        assert [token.token for token in score.tokens] == [name for name, _ in tokens]


@pytest.fixture(scope="module")
def tiny(family):
    """A tiny masked LM of each family, every weight random."""
    task = tiny_task(family, head_state="trained", sequence_length=48)
    randomise(task, stddev=0.3)
    task.compile(run_eagerly=EAGER)
    return task


@pytest.fixture(scope="module")
def tiny_directory(tiny, tmp_path_factory):
    directory = tmp_path_factory.mktemp("tiny") / "transformers"
    tiny.save_to_preset(directory, layout="transformers")
    return directory


@pytest.mark.parametrize("method", ["pll", "pll_word_l2r"])
def test_scores_of_every_family_are_those_of_minicons(tiny, tiny_directory, minicons, method):
    tokenizer = tiny.preprocessor.tokenizer
    # Where the tokenizer does not part punctuation off, its words are not ours.
    same_words = method == "pll" or isinstance(tokenizer, WordPiece)
    texts = [*PLAIN, *PUNCTUATED] if same_words else PLAIN
    if tiny.preprocessor.batching == "fixed":  # padding counts, and one text alone has none
        texts = texts[-1:]
        tiny.preprocessor.sequence_length = len(tokenizer(texts[0])) + 2
    assert_equal_scores(tiny.score(texts, method), minicons(tiny_directory, texts, method))


def test_candidates_of_one_token_are_the_targets_of_the_pipeline(transformers, directory, ours):
    pipeline = transformers.pipeline("fill-mask", model=str(directory), device=-1)
    text, names = "And [MASK] said unto Moses.", ["pharaoh", "aaron", "he", "god"]
    wanted = {one["token_str"]: one["score"] for one in pipeline(text, targets=names)}
    (mask,) = ours.fill_mask(text, candidates=names).masks
    assert [phrase.text for phrase in mask.candidates] == list(wanted)
    for phrase in mask.candidates:
        assert phrase.probability == pytest.approx(wanted[phrase.text], abs=1e-4)


@pytest.mark.parametrize("normalize", [False, True])
def test_vectors_are_those_of_the_reference_pipeline(transformers, minilm, sentences, normalize):
    import torch

    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm)
    model = transformers.BertModel.from_pretrained(minilm).eval()
    encoded = tokenizer(sentences, padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**encoded).last_hidden_state
    real = encoded["attention_mask"][..., None]
    wanted = (hidden * real).sum(1) / real.sum(1)
    if normalize:
        wanted = torch.nn.functional.normalize(wanted)
    with pytest.warns(PresetWarning, match="no trained masked-LM head"):
        ours = MaskedLM.from_preset(minilm)
    found = ours.embed(sentences, normalize=normalize)
    np.testing.assert_allclose(found, wanted.numpy(), atol=1e-5)


def test_hidden_states_and_attention_are_those_of_transformers(transformers, directory, ours):
    import torch

    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    model = transformers.BertModel.from_pretrained(directory, attn_implementation="eager").eval()
    with torch.no_grad():
        encoded = tokenizer(TEXTS[0], return_tensors="pt")
        wanted = model(**encoded, output_hidden_states=True, output_attentions=True)
    states = torch.cat(wanted.hidden_states).numpy()
    np.testing.assert_allclose(ours.hidden_states(TEXTS[0]), states, atol=1e-4)
    attention = ours.attentions(TEXTS[0])
    np.testing.assert_allclose(attention.weights, torch.cat(wanted.attentions).numpy(), atol=1e-5)
    assert list(attention.tokens) == tokenizer.convert_ids_to_tokens(encoded["input_ids"][0])
