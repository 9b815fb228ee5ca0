"""MiniLM, a checkpoint from the field, computes here what it computes in transformers."""

import numpy as np
import pytest

from mlmzoo.models import BertBackbone, BertMaskedLMPreprocessor

pytestmark = [
    pytest.mark.interop,
    # The other libraries' own.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:(keras|keras_hub|transformers|torch).*"),
]

LENGTH = 128
THEIR_NAMES = {
    "token_ids": "input_ids",
    "padding_mask": "attention_mask",
    "segment_ids": "token_type_ids",
}


@pytest.fixture(scope="module")
def texts(sentences):
    """Single sentences, and pairs of a short and a long one."""
    short, long = sentences[1:5], sentences[-6:-2]
    return sentences, (short, long)


@pytest.fixture(scope="module")
def inputs(minilm, texts):
    """Padded inputs of ours, nothing masked."""
    preprocessor = BertMaskedLMPreprocessor.from_preset(
        minilm, sequence_length=LENGTH, mask_selection_rate=0
    )
    single, pairs = (preprocessor(x)[0] for x in texts)
    both = {name: np.concatenate([single[name], pairs[name]]) for name in THEIR_NAMES}
    lengths = both["padding_mask"].sum(axis=1)
    assert lengths.min() < 10 and 90 < lengths.max() <= LENGTH
    return both


@pytest.fixture(scope="module")
def backbone(minilm):
    backbone = BertBackbone.from_preset(minilm)
    assert backbone.load_report.missing == backbone.load_report.unexpected == ()
    return backbone


@pytest.fixture(scope="module")
def theirs(transformers, minilm):
    return transformers.BertModel.from_pretrained(minilm).eval()


def outputs_of_transformers(model, inputs):
    import torch

    named = {theirs: torch.tensor(inputs[ours]).long() for ours, theirs in THEIR_NAMES.items()}
    with torch.no_grad():
        outputs = model(**named)
    return {
        "sequence_output": outputs.last_hidden_state.numpy(),
        "pooled_output": outputs.pooler_output.numpy(),
    }


@pytest.fixture(scope="module")
def wanted(theirs, inputs):
    return outputs_of_transformers(theirs, inputs)


def test_real_sentences_become_the_inputs_of_transformers(transformers, minilm, texts, inputs):
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm)
    single, (short, long) = texts
    options = {"padding": "max_length", "max_length": LENGTH, "return_tensors": "np"}
    encoded = [tokenizer(single, **options), tokenizer(short, long, **options)]
    for ours, name in THEIR_NAMES.items():
        np.testing.assert_array_equal(inputs[ours], np.concatenate([x[name] for x in encoded]))


def test_outputs_of_the_real_checkpoint_equal_those_of_transformers(
    backbone, inputs, wanted, compare
):
    found = backbone(inputs)
    for name, value in wanted.items():
        compare(found[name], value, atol=1e-5)


@pytest.fixture(scope="module")
def compiled(backbone, inputs):
    return backbone.predict(inputs, batch_size=10, verbose=0)


def test_compiled_outputs_of_the_real_checkpoint_equal_those_of_transformers(
    compiled, wanted, compare
):
    for name, value in wanted.items():
        compare(compiled[name], value, atol=1e-5)


def test_a_padded_batch_gives_what_transformers_gives_each_sentence_alone(
    compiled, inputs, theirs, compare
):
    for row in (0, 7, 15, 17):
        length = inputs["padding_mask"][row].sum()
        alone = {name: value[row : row + 1, :length] for name, value in inputs.items()}
        wanted = outputs_of_transformers(theirs, alone)["sequence_output"]
        compare(compiled["sequence_output"][row : row + 1, :length], wanted, atol=1e-5)
