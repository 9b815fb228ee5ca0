"""What we write as `transformers` loads there: equal logits, equal tokens, equal answers."""

import json
from pathlib import Path

import numpy as np
import pytest

from mlmzoo.errors import PresetWarning
from mlmzoo.models import BertBackbone, BertMaskedLM, BertMaskedLMPreprocessor, BertTokenizer

pytestmark = [
    pytest.mark.interop,
    # The other libraries' own.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:(keras|keras_hub|transformers|torch).*"),
]

EDGES = Path(__file__).parents[1] / "data" / "edge_texts.json"
SIZES = {
    "num_layers": 2,
    "num_heads": 4,
    "hidden_dim": 32,
    "intermediate_dim": 64,
    "max_sequence_length": 64,
}
LENGTH = 48
FILLED = [
    "In the beginning God created the [MASK] and the earth.",
    "[MASK] said, Let there be light: and there was [MASK].",
    "Vanity of [MASK]s, saith the Preacher.",
]


@pytest.fixture(scope="module")
def tokenizer(corpus):
    return BertTokenizer.train(corpus[:1000], vocabulary_size=400)


@pytest.fixture(scope="module")
def make(tokenizer, randomise):
    """A small masked LM of ours whose weights are random and count as trained."""

    def make(activation="gelu", epsilon=1e-12, **head):
        backbone = BertBackbone(
            vocabulary_size=tokenizer.vocabulary_size(),
            activation=activation,
            layer_norm_epsilon=epsilon,
            **SIZES,
        )
        preprocessor = BertMaskedLMPreprocessor(tokenizer, sequence_length=LENGTH, seed=1)
        return randomise(BertMaskedLM(backbone, preprocessor, head_state="trained", **head))

    return make


@pytest.fixture(scope="module")
def ours(make):
    return make()


@pytest.fixture(scope="module")
def directory(ours, tmp_path_factory):
    directory = tmp_path_factory.mktemp("ours")
    ours.save_to_preset(directory, layout="transformers")
    return directory


@pytest.fixture(scope="module")
def inputs(ours, sentences):
    """A padded batch with a mask at every position: logits everywhere."""
    x, _, _ = ours.preprocessor(sentences[:6])
    return {**x, "mask_positions": np.tile(np.arange(LENGTH, dtype="int32"), (6, 1))}


def for_transformers(inputs):
    import torch

    return {
        "input_ids": torch.tensor(inputs["token_ids"]).long(),
        "attention_mask": torch.tensor(inputs["padding_mask"]).long(),
        "token_type_ids": torch.tensor(inputs["segment_ids"]).long(),
    }


def logits_of_transformers(transformers, directory, inputs):
    import torch

    model = transformers.BertForMaskedLM.from_pretrained(directory).eval()
    with torch.no_grad():
        return model(**for_transformers(inputs)).logits.numpy()


def test_transformers_computes_our_logits(transformers, ours, directory, inputs, compare):
    compare(logits_of_transformers(transformers, directory, inputs), ours(inputs), atol=1e-4)


def test_transformers_computes_our_hidden_states(transformers, ours, directory, inputs, compare):
    import torch

    model = transformers.AutoModel.from_pretrained(directory).eval()
    with torch.no_grad():
        theirs = model(**for_transformers(inputs))
    found = ours.backbone({name: inputs[name] for name in ours.backbone.input})
    compare(theirs.last_hidden_state.numpy(), found["sequence_output"], atol=1e-4)
    compare(theirs.pooler_output.numpy(), found["pooled_output"], atol=1e-4)


@pytest.mark.parametrize(
    ("activation", "epsilon"), [("gelu_tanh", 1e-12), ("relu", 1e-5), ("silu", 0.1)]
)
def test_transformers_computes_our_logits_with_other_numerics(
    transformers, make, inputs, compare, tmp_path, activation, epsilon
):
    task = make(activation, epsilon)
    task.save_to_preset(tmp_path, layout="transformers")
    compare(logits_of_transformers(transformers, tmp_path, inputs), task(inputs), atol=1e-4)


def test_a_head_that_transformers_cannot_express_is_named_and_comes_back_to_us(
    transformers, make, inputs, compare, tmp_path
):
    task = make(head_activation="relu", head_epsilon=0.1)
    with pytest.warns(PresetWarning, match="head activation is 'relu' here and 'gelu' there"):
        task.save_to_preset(tmp_path, layout="transformers")
    wanted = task(inputs)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        compare(logits_of_transformers(transformers, tmp_path, inputs), wanted, atol=1e-2)
    compare(BertMaskedLM.from_preset(tmp_path)(inputs), wanted, atol=1e-5)


def test_transformers_reads_our_tokenizer_and_gives_our_tokens(
    transformers, tokenizer, directory, corpus
):
    theirs = transformers.AutoTokenizer.from_pretrained(directory)
    texts = [text for texts in json.loads(EDGES.read_text()).values() for text in texts]
    texts += corpus[::100]
    assert tokenizer.encode(texts, "all") == theirs(texts, add_special_tokens=False)["input_ids"]
    assert (theirs.mask_token, theirs.mask_token_id) == ("[MASK]", tokenizer.mask_token_id)


def assert_equal_answers(transformers, directory, task, texts):
    pipeline = transformers.pipeline("fill-mask", model=str(directory), device=-1)
    for text, filled in zip(texts, task.fill_mask(texts, top_k=8), strict=True):
        answers = pipeline(text, top_k=8)
        # One mask gives a list of answers, several give a list of such lists.
        answers = answers if isinstance(answers[0], list) else [answers]
        assert len(filled.masks) == text.count("[MASK]") == len(answers)
        for mask, theirs in zip(filled.masks, answers, strict=True):
            assert [c.id for c in mask.candidates] == [a["token"] for a in theirs]
            probabilities = [c.probability for c in mask.candidates]
            scores = [a["score"] for a in theirs]
            print(f"largest difference {np.abs(np.subtract(probabilities, scores)).max():.1e}")
            np.testing.assert_allclose(probabilities, scores, rtol=0, atol=1e-4)
            assert probabilities[0] > 4 / task.backbone.vocabulary_size


def test_the_pipeline_of_transformers_answers_as_fill_mask_does(transformers, directory, ours):
    assert_equal_answers(transformers, directory, ours, FILLED)


def test_a_built_in_preset_answers_the_same_in_the_pipeline_of_transformers(transformers, tmp_path):
    task = BertMaskedLM.from_preset("bert_tiny_en_uncased_kjv")
    task.save_to_preset(tmp_path, layout="transformers")
    assert_equal_answers(transformers, tmp_path, task, FILLED)
