"""What we write as `transformers` loads there: equal logits, equal tokens, equal answers."""

import re
import warnings

import numpy as np
import pytest
from grids import FAMILIES, FEW_ROWS, GRID

import mlmzoo
from mlmzoo.errors import PresetWarning
from mlmzoo.plugins import registry
from mlmzoo.presets.settings import to_transformers
from mlmzoo.testing.tiny import tiny_settings, tiny_task

pytestmark = [
    pytest.mark.interop,
    # The other libraries' own.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:(keras|keras_hub|transformers|torch).*"),
]

LENGTH = 48
FILLED = [
    "In the beginning God created the [MASK] and the earth.",
    "[MASK] said, Let there be light: and there was [MASK].",
    "Vanity of [MASK]s, saith the Preacher.",
]
EMBEDDED = [
    name
    for name, preset in mlmzoo.list_presets().items()
    if preset.sources[0].startswith("package://")
]


@pytest.fixture(scope="module")
def load(transformers):
    """The model with a head that transformers makes of a directory; nothing may be left over."""

    def load(directory):
        model, info = transformers.AutoModelForMaskedLM.from_pretrained(
            directory, output_loading_info=True
        )
        assert not info["missing_keys"] and not info["mismatched_keys"]
        # Some models with a head have no pooler.
        assert {"pooler" in key for key in info["unexpected_keys"]} <= {True}
        return model.eval()

    return load


def save_without_a_warning(task, directory):
    with warnings.catch_warnings():
        warnings.simplefilter("error", PresetWarning)
        task.save_to_preset(directory, layout="transformers")


@pytest.mark.parametrize(("family", "row"), FEW_ROWS, indirect=["family"], ids=str)
def test_transformers_computes_our_outputs(
    row,
    checkpoint,
    settings_of,
    their_head,
    our_task,
    load,
    batch,
    ask_transformers,
    compare_real,
    tmp_path,
):
    settings = settings_of(row)
    task = our_task(settings, their_head(to_transformers(checkpoint.settings, settings)))
    save_without_a_warning(task, tmp_path)
    model = load(tmp_path)
    inputs = batch(task.backbone, model.config.pad_token_id or 0, row.length)
    theirs = ask_transformers(model, inputs)
    compare_real(theirs.logits.numpy(), task(inputs), inputs)
    hidden = task.backbone({name: inputs[name] for name in task.backbone.input})
    compare_real(theirs.hidden_states[-1].numpy(), hidden["sequence_output"], inputs)


@pytest.mark.parametrize("name", FAMILIES)
def test_transformers_fills_a_mask_in_a_pair_as_we_do(name, load, transformers, tmp_path):
    task = tiny_task(registry().family(name), head_state="trained")
    task.save_to_preset(tmp_path, layout="transformers")
    tokenizer, model = transformers.AutoTokenizer.from_pretrained(tmp_path), load(tmp_path)
    words = task.preprocessor.tokenizer.get_vocabulary()[8:12]
    first, second = f"{words[0]} {tokenizer.mask_token}", " ".join(words[1:])
    ours = task.fill_mask((first, second), top_k=3).masks[0].candidates
    length = task.preprocessor.sequence_length  # for FNet, which padding is part of, the whole row
    pad = {"padding": "max_length", "max_length": length}
    given = tokenizer(first, second, return_tensors="pt", **pad)
    if "segment_ids" in task.backbone.input:
        assert given["token_type_ids"].max() == 1
    place = given["input_ids"][0].tolist().index(tokenizer.mask_token_id)
    theirs = model(**given).logits[0, place].softmax(-1).detach().numpy()
    np.testing.assert_allclose([c.probability for c in ours], theirs[[c.id for c in ours]], 1e-3)


def test_numerics_that_transformers_cannot_express_are_named_and_come_back_to_us(
    checkpoint,
    settings_of,
    their_head,
    our_task,
    load,
    batch,
    ask_transformers,
    compare,
    compare_real,
    tmp_path,
):
    settings = settings_of(GRID[1])
    there = {
        "backbone": checkpoint.transformers_numerics.get("backbone", {}),
        "head": their_head(to_transformers(checkpoint.settings, settings)),
    }
    other = {"activation": "relu", "layer_norm_epsilon": 0.1, "epsilon": 0.1}
    ours = {part: {key: other[key] for key in numerics} for part, numerics in there.items()}
    task = our_task({**settings, **ours["backbone"]}, ours["head"])
    with pytest.warns(PresetWarning) as caught:
        task.save_to_preset(tmp_path, layout="transformers")
    (message,) = [str(w.message) for w in caught if w.category is PresetWarning]
    named = [
        f"{part} {key} is {ours[part][key]!r} here and {value!r} there"
        for part, numerics in there.items()
        for key, value in numerics.items()
    ]
    assert all(difference in message for difference in named)
    assert message.count(" here and ") == len(named)

    model = load(tmp_path)
    inputs = batch(task.backbone, model.config.pad_token_id or 0)
    wanted = task(inputs)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        compare_real(ask_transformers(model, inputs).logits.numpy(), wanted, inputs, atol=1e-2)
    twin = mlmzoo.MaskedLM.from_preset(tmp_path, preprocessor=None)
    assert twin.head_state == "trained"
    compare(twin(inputs), wanted, atol=1e-5)


# With a tokenizer -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ours(family, checkpoint, tokenizer, their_head, our_task):
    """A task in the numerics of the family's first preset, as transformers has them."""
    settings = tiny_settings(family, tokenizer.vocabulary_size())
    preprocessor = registry().load(family.preprocessor)(tokenizer, sequence_length=LENGTH, seed=1)
    head = their_head(to_transformers(checkpoint.settings, settings))
    return our_task(settings, head, preprocessor)


@pytest.fixture(scope="module")
def directory(ours, tmp_path_factory):
    directory = tmp_path_factory.mktemp("ours")
    save_without_a_warning(ours, directory)
    return directory


def test_transformers_loads_a_bare_encoder_of_ours(
    transformers, ours, tokenizer, batch, ask_transformers, compare, compare_real, tmp_path
):
    ours.backbone.save_to_preset(tmp_path, layout="transformers")
    model, info = transformers.AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["unexpected_keys"] and not info["mismatched_keys"]
    inputs = batch(ours.backbone, tokenizer.pad_token_id)
    inputs.pop("mask_positions")
    found = ours.backbone(inputs)
    theirs = ask_transformers(model.eval(), inputs)
    compare_real(theirs.last_hidden_state.numpy(), found["sequence_output"], inputs)
    # Some have a pooler that ours was never trained with, and has not.
    assert {"pooler" in key for key in info["missing_keys"]} <= {True}
    if "pooled_output" in found:
        assert not info["missing_keys"]
        compare(theirs.pooler_output.numpy(), found["pooled_output"], atol=1e-4)


def test_a_random_head_stays_suspect_after_transformers_saved_it(ours, load, tmp_path):
    ours.head_state = "random"
    try:
        save_without_a_warning(ours, tmp_path / "ours")
    finally:
        ours.head_state = "trained"
    load(tmp_path / "ours").save_pretrained(tmp_path / "theirs")
    with pytest.warns(PresetWarning, match="does not say whether it was ever trained"):
        task = mlmzoo.MaskedLM.from_preset(tmp_path / "theirs", preprocessor=None)
    assert task.head_state == "unknown"


def test_transformers_reads_our_tokenizer_and_gives_our_tokens(
    transformers, tokenizer, directory, corpus
):
    theirs = transformers.AutoTokenizer.from_pretrained(directory)
    texts = corpus[::100]
    assert tokenizer.encode(texts, "all") == theirs(texts, add_special_tokens=False)["input_ids"]
    framed = theirs(texts[0], texts[1])["input_ids"]
    start, end = tokenizer.start_token_id, tokenizer.end_token_id
    first, second = tokenizer.encode(texts[:2])
    assert framed == [start, *first, *[end] * tokenizer.pair_separators, *second, end]
    for role in ("mask", "pad", "unk", "cls", "sep"):
        token = getattr(tokenizer, f"{role}_token")
        assert (token, tokenizer.token_to_id(token)) == (
            getattr(theirs, f"{role}_token"),
            getattr(theirs, f"{role}_token_id"),
        )


def assert_equal_answers(transformers, directory, task, texts):
    pipeline = transformers.pipeline("fill-mask", model=str(directory), device=-1)
    preprocessor, mask = task.preprocessor, task.preprocessor.tokenizer.mask_token
    limit = preprocessor.sequence_length
    for text in (text.replace("[MASK]", mask) for text in texts):
        if preprocessor.batching == "fixed":
            # Here the answer depends on the padding, and transformers pads nothing.
            preprocessor.sequence_length = len(pipeline.tokenizer(text)["input_ids"])
        filled = task.fill_mask(text, top_k=8)
        answers = pipeline(text, top_k=8)
        # One mask gives a list of answers, several give a list of such lists.
        answers = answers if isinstance(answers[0], list) else [answers]
        assert len(filled.masks) == text.count(mask) == len(answers)
        for answer, theirs in zip(filled.masks, answers, strict=True):
            assert [c.id for c in answer.candidates] == [a["token"] for a in theirs]
            probabilities = [c.probability for c in answer.candidates]
            scores = [a["score"] for a in theirs]
            print(f"largest difference {np.abs(np.subtract(probabilities, scores)).max():.1e}")
            np.testing.assert_allclose(probabilities, scores, rtol=0, atol=1e-4)
            assert probabilities[0] > 3 / task.backbone.settings["vocabulary_size"]
    preprocessor.sequence_length = limit


def test_the_pipeline_of_transformers_answers_as_fill_mask_does(transformers, directory, ours):
    assert_equal_answers(transformers, directory, ours, FILLED)


@pytest.mark.parametrize("state", ["trained", "random"])
@pytest.mark.filterwarnings("ignore:.*no trained masked-LM head:mlmzoo.errors.PresetWarning")
def test_what_the_card_says_to_run_runs_in_both_libraries(
    transformers, ours, tmp_path, monkeypatch, capsys, state
):
    monkeypatch.setattr(ours, "head_state", state)
    save_without_a_warning(ours, tmp_path)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(
        r"^```python\n(.*?)^```", (tmp_path / "README.md").read_text("utf-8"), re.M | re.S
    )
    assert len(blocks) == 2
    for code in blocks:
        exec(code, {})
    printed = capsys.readouterr().out
    assert ("token_str" in printed) == ("mask at" in printed) == (state == "trained")


@pytest.mark.parametrize("name", EMBEDDED)
def test_an_embedded_preset_answers_the_same_in_the_pipeline_of_transformers(
    transformers, tmp_path, name
):
    task = mlmzoo.MaskedLM.from_preset(name)
    task.save_to_preset(tmp_path, layout="transformers")
    assert_equal_answers(transformers, tmp_path, task, FILLED)
