"""The other libraries find the tokens that were added to our models, or saving says otherwise."""

import warnings

import numpy as np
import pytest
from grids import LENGTH, MASKS
from outputs import ask_ours, ask_theirs, preset_warnings

from mlmzoo.plugins import registry

pytestmark = [
    pytest.mark.interop,
    # The other libraries' own.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:(keras|keras_hub|transformers|torch).*"),
    # KerasHub leaves the closing of sentencepiece models to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]

WORDS = ["myocarditis", "electrocardiogram", "electrocardiograms"]
OTHERS = ["COVID-19", "New York"]
TEXT = "the electrocardiograms of myocarditis, an electrocardiogram in New York and COVID-19 of it"


@pytest.fixture
def grow(family, checkpoint, settings, tokenizer, our_task):
    """A masked LM of ours in KerasHub's numerics with further tokens."""

    def grow(tokens):
        numerics = {"backbone": {}, "head": {}, **checkpoint.keras_numerics}
        preprocessor = registry().load(family.preprocessor)(
            tokenizer, sequence_length=LENGTH, mask_selection_length=MASKS, seed=1
        )
        task = our_task({**settings, **numerics["backbone"]}, numerics["head"], preprocessor)
        return task, task.add_tokens(tokens)

    return grow


def test_transformers_makes_our_tokens(transformers, grow, sentences, tmp_path):
    task, ids = grow([*WORDS, *OTHERS])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        task.save_to_preset(tmp_path, layout="transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    ours = task.preprocessor.tokenizer
    assert set(ids.values()) <= set(tokenizer(TEXT, add_special_tokens=False)["input_ids"])
    for text in [TEXT, TEXT.lower(), TEXT.upper(), *sentences[:8]]:
        assert tokenizer(text, add_special_tokens=False)["input_ids"] == list(ours(text))
    assert tokenizer.mask_token_id == ours.mask_token_id
    model = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path).eval()
    assert model.get_input_embeddings().weight.shape[0] == ours.vocabulary_size()


def test_kerashub_makes_our_tokens_of_words_or_a_warning_names_what_it_lacks(
    keras_hub, grow, assert_equal_outputs, tmp_path
):
    task, ids = grow(WORDS)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        task.save_to_preset(tmp_path)
    theirs = keras_hub.models.MaskedLM.from_preset(str(tmp_path))
    ours = task.preprocessor.tokenizer
    assert theirs.preprocessor.tokenizer.vocabulary_size() == ours.vocabulary_size()
    assert theirs.preprocessor.tokenizer.mask_token_id == ours.mask_token_id
    text = f"the {' of the '.join(WORDS)}"
    found = np.asarray(theirs.preprocessor.tokenizer(text)).tolist()
    warned = any("ignore_merges=True" in message for message in preset_warnings(caught))
    assert set(ids.values()) <= set(ours(text).tolist())
    assert (found == ours(text).tolist()) is not warned
    x, _, _ = task.preprocessor([text, "the electrocardiogram"])
    assert_equal_outputs(ask_theirs(theirs, x), ask_ours(task, x))
