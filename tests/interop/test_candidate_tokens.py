"""Candidates beside the `targets` of transformers' fill-mask pipeline, in every family."""

import pytest
from grids import FAMILIES

from mlmzoo.plugins import registry
from mlmzoo.tasks.seeding import set_seed
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

LENGTH = 32
CONTEXTS = ["And God * the light.", "saw *, day", "*; dog", "saw (*) day", "saw *ing", "the *"]
WORDS = ["light", " light", "God", "dog", "the"]


@pytest.fixture(scope="module", params=FAMILIES)
def task(request):
    set_seed(1)
    task = tiny_task(registry().family(request.param), head_state="trained", sequence_length=LENGTH)
    task.compile(run_eagerly=EAGER)
    randomise(task, stddev=0.3)
    return task


def test_candidates_of_one_token_are_the_targets_of_the_pipeline(transformers, task, tmp_path):
    task.save_to_preset(tmp_path, layout="transformers")
    pipeline = transformers.pipeline("fill-mask", model=str(tmp_path), device=-1)
    padding = {}
    if task.preprocessor.batching == "fixed":  # then the answers depend on it
        padding = {"tokenizer_kwargs": {"padding": "max_length", "max_length": LENGTH}}
    texts = [context.replace("*", task.preprocessor.tokenizer.mask_token) for context in CONTEXTS]
    for text, answer in zip(texts, task.fill_mask(texts, candidates=WORDS), strict=True):
        phrases = [each for each in answer.masks[0].candidates if len(each.ids) == 1]
        names = sorted({phrase.tokens[0] for phrase in phrases})
        wanted = {each["token"]: each["score"] for each in pipeline(text, targets=names, **padding)}
        assert len(phrases) > 0
        assert len(wanted) == len(names)
        for phrase in phrases:
            assert phrase.probability == pytest.approx(wanted[phrase.ids[0]], abs=1e-4)
            assert phrase.probability == pytest.approx(wanted[phrase.ids[0]], rel=1e-3)
