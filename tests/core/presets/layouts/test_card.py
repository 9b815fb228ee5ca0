"""The model card beside a checkpoint: what it states, and whose it is."""

from __future__ import annotations

import itertools
import os
import sys
from types import SimpleNamespace

import pytest
from huggingface_hub import ModelCard, metadata_load
from markdown_it import MarkdownIt

from mlmzoo.contract.errors import MissingPackageError, SavingError
from mlmzoo.presets import layouts
from mlmzoo.presets.card_facts import CardFacts
from mlmzoo.presets.layouts.card_file import is_ours
from mlmzoo.presets.layouts.markdown import in_line

pytestmark = pytest.mark.filterwarnings("ignore::mlmzoo.contract.errors.PresetWarning")

OWN = b"Mine, in another encoding: \x93\n"


@pytest.fixture
def save(toy):
    """Writes a toy with a card into a directory, and gives the text of the card."""

    def save(card=None, layout="transformers", **changes):
        facts = CardFacts.from_mapping(card or {})
        request = toy.request(**{"card": facts, "mask_token": "<mask>", **changes})
        layouts.write(toy.directory, request, layout)
        return (toy.directory / "README.md").read_text("utf-8")

    return save


def rendered(text):
    """What a reader of Markdown makes of the card below its front matter."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text.partition("\n---\n\n")[2])

    def inside(kind):
        pairs = itertools.pairwise(tokens)
        return [plain(inner) for outer, inner in pairs if (outer.type, outer.level) == kind]

    def plain(token):
        return "".join(each.content for each in token.children or ())

    items = [plain(token) for token in tokens if token.type == "inline" and token.level == 3]
    return SimpleNamespace(
        headings=inside(("heading_open", 0)),
        items=items,
        cells=inside(("td_open", 3)),
        paragraphs=inside(("paragraph_open", 0)),
        html=[token.content for token in tokens if token.type == "html_block"],
        inline={
            each.type.removesuffix("_open")
            for token in tokens
            if token.type == "inline"
            for each in token.children
        },
    )


def section(text, heading):
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0].partition("\n<!--")[0]


def front_matter(toy):
    return metadata_load(toy.directory / "README.md")


def test_what_the_model_knows_is_stated_and_nothing_else(toy, save):
    text = save(head_state="trained")
    assert front_matter(toy) == {
        "library_name": "transformers",
        "pipeline_tag": "fill-mask",
        "tags": ["mlmzoo", "fill-mask"],
        "mask_token": "<mask>",
    }
    assert "| num layers | 2 |" in text and "| stored as | float32 |" in text
    assert "here and 'gelu\\_tanh' there" in section(text, "Model")
    for heading in ("Data", "Metrics", "Licence"):
        assert section(text, heading).strip() == "Not stated."


def test_the_hub_reads_back_what_was_given(toy, save):
    given = {
        "title": "A toy",
        "license": "other",
        "license_name": "my-own",
        "license_link": "https://example.org/licence",
        "language": "no",
        "datasets": ["org/one", "org/two"],
        "base_model": "org/base",
    }
    metrics = {"org/one": {"accuracy": 0.123456789, "loss": 1e-05}, "mine": {"accuracy": 1}}
    prose = {"description": "Small.", "data": "Texts.", "evaluation": "Once.", "good_for": ["x"]}
    text = save({**given, **prose, "metrics": metrics}, head_state="trained")
    found = front_matter(toy)
    title = given.pop("title")
    assert {name: found[name] for name in given} == given
    assert found["metrics"] == ["accuracy", "loss"]
    (index,) = found["model-index"]
    assert index["name"] == title
    results = {result["dataset"]["name"]: result["metrics"] for result in index["results"]}
    assert {
        data: {metric["type"]: metric["value"] for metric in found}
        for data, found in results.items()
    } == metrics
    card = ModelCard.load(toy.directory / "README.md")
    assert len(card.data.eval_results) == 3 and card.text.lstrip().startswith("# A toy\n")
    assert "> Texts." in section(text, "Data") and "org/two" in section(text, "Data")
    assert "| mine | accuracy | 1 |" in section(text, "Metrics")
    assert section(text, "Licence").strip() == "other, my-own, https://example.org/licence"
    assert "Not stated." not in text


def test_a_licence_has_the_name_that_the_hub_has_for_it(toy, save):
    text = save({"license": "Apache-2.0"})
    assert front_matter(toy)["license"] == "apache-2.0"
    assert section(text, "Licence").strip() == "Apache-2.0"


@pytest.mark.parametrize(
    ("changes", "said", "task"),
    [
        ({"head_state": "random"}, "was never trained", "feature-extraction"),
        ({"head": None}, "an encoder without a masked-LM head", "feature-extraction"),
        ({"head_state": "unknown"}, "It is not known whether", None),
    ],
)
def test_a_head_that_was_not_trained_is_said_first_and_no_task_is_claimed(
    toy, save, changes, said, task
):
    text = save(**changes)
    found = front_matter(toy)
    assert found.get("pipeline_tag") == task
    assert found["tags"] == ["mlmzoo"] and "mask_token" not in found
    loud = text.partition("## ")[0].splitlines()[-2]
    assert loud.startswith("**") and said in loud
    assert ('pipeline("fill-mask"' in text) == (task is None)


def test_without_a_tokenizer_no_text_is_promised_an_answer(save):
    assert "takes ids of tokens" in section(save(mask_token=None), "How to use it")


HOSTILE = "x: y # ]]> <b>&amp;</b> |`*_~[a](b)$1$ '\" {%} &a *a !!python/object"


def test_hostile_lines_stay_in_their_fields(toy, save):
    lines = dict.fromkeys(("title", "license_name", "license_link", "datasets"), HOSTILE)
    text = save(
        {
            **lines,
            "license": HOSTILE.lower(),
            "language": [HOSTILE, "---"],
            "good_for": [HOSTILE],
            "metrics": {HOSTILE: {HOSTILE: 1}},
        }
    )
    found = front_matter(toy)
    for name in ("license_name", "license_link", "datasets"):
        assert found[name] == HOSTILE
    assert found["language"] == [HOSTILE, "---"] and found["license"] == HOSTILE.lower()
    assert found["model-index"][0]["name"] == HOSTILE
    shown = rendered(text)
    assert {"link", "em", "strong", "html_inline"}.isdisjoint(shown.inline)
    assert shown.headings[0] == shown.items[0] == shown.cells[-3] == shown.cells[-2] == HOSTILE


@pytest.mark.parametrize(
    "line",
    [
        "- x",
        "+ x",
        "* x",
        "1. y",
        "12) y",
        "-",
        "1.",
        "---",
        "- - -",
        "- 1. z",
        "-1 is kept",
        "1.5",
    ],
)
def test_no_line_begins_a_list_of_its_own(save, line):
    shown = rendered(save({"good_for": [line, "after"], "license_name": line}))
    assert shown.items == [line, "after"]
    assert shown.headings[-1] == "Licence" and shown.paragraphs[-1] == line


def test_numbers_in_tables_are_left_alone():
    assert [in_line(text) for text in ("-1e-05", "1.5", "0.1")] == ["-1e-05", "1.5", "0.1"]


def test_hostile_prose_stays_a_quotation(toy, save):
    prose = "<!-- one\r\n---\nlicense: mit\n---\n## Licence\n<script>\n\n<b>\u2028gone\n```"
    text = save({"description": prose, "data": prose, "evaluation": prose})
    assert "license" not in front_matter(toy)
    shown = rendered(text)
    assert shown.headings[1:] == ["How to use it", "Model", "Data", "Metrics", "Licence"]
    assert shown.html == [text.splitlines()[-1] + "\n"] and "html_inline" not in shown.inline
    assert section(text, "Licence").strip() == "Not stated."


def test_a_card_of_ours_is_made_anew_and_states_only_what_is_given_now(toy, save):
    save({"license": "mit"})
    assert is_ours(toy.directory / "README.md")
    assert "license" not in save() and "license" not in front_matter(toy)


@pytest.mark.parametrize("layout", ["keras", "transformers"])
def test_a_card_of_ours_goes_with_the_model_it_is_about(toy, save, layout):
    save()
    layouts.write(toy.directory, toy.request(), layout)
    assert not (toy.directory / "README.md").exists()


def test_a_card_of_ours_stays_while_its_model_does(toy, save):
    text = save()
    request = toy.request(backbone=None, head=None, preprocessor={"sequence_length": 8})
    layouts.write(toy.directory, request, "keras")
    assert (toy.directory / "README.md").read_text("utf-8") == text


@pytest.mark.parametrize("whose", ["somebody's", "edited", "with Windows' line ends", "a link"])
def test_a_card_that_is_somebodys_stays_and_facts_are_refused(toy, save, tmp_path, whose):
    card = toy.directory / "README.md"
    save()
    written = card.read_bytes()
    if whose == "a link":
        elsewhere = tmp_path.with_name(f"{tmp_path.name}-elsewhere")
        elsewhere.write_bytes(written)
        card.unlink()
        card.symlink_to(elsewhere)
        mine = written
    else:
        mine = {
            "somebody's": OWN,
            "edited": written.replace(b"Not stated.", b"mit", 1),
            "with Windows' line ends": written.replace(b"\n", b"\r\n"),
        }[whose]
        card.write_bytes(mine)
    for layout in ("transformers", "keras"):
        layouts.write(toy.directory, toy.request(card=CardFacts()), layout)
        assert card.read_bytes() == mine and card.is_symlink() == (whose == "a link")
    before = {path.name: path.read_bytes() for path in toy.directory.iterdir()}
    with pytest.raises(SavingError, match=r"README.md already.* It stays as it is"):
        save({"license": "mit"})
    assert {path.name: path.read_bytes() for path in toy.directory.iterdir()} == before


def test_a_card_that_somebody_writes_meanwhile_stays(toy, save):
    def read(path):
        (toy.directory / "README.md").write_bytes(OWN)
        return toy.values[path]

    save(head_state="trained")
    layouts.write(toy.directory, toy.request(card=CardFacts(), read=read), "transformers")
    assert (toy.directory / "README.md").read_bytes() == OWN


def test_the_same_model_has_the_same_card(toy, save):
    card = {"metrics": {"a": {"x": 1}}, "language": ["b", "a"]}
    assert save(card) == save(card)


def test_a_missing_package_is_said_before_anything_is_written(toy, save, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingPackageError, match="pip install huggingface_hub"):
        save()
    assert os.listdir(toy.directory) == []
