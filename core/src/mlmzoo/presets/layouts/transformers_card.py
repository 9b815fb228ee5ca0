"""The model card beside a checkpoint of the transformers layout, as the Hub reads it.

What the model itself knows is written out; of the rest it states what it was given, and of data,
metrics and licence also that nothing was. Front matter: https://huggingface.co/docs/hub/model-cards
"""

from __future__ import annotations

import math
from typing import Any

from mlmzoo.contract.errors import MissingPackageError
from mlmzoo.presets.card_facts import CardFacts, Names, hub_licence
from mlmzoo.presets.contents import WriteRequest
from mlmzoo.presets.layouts.markdown import bullets, in_line, quoted, table
from mlmzoo.presets.layouts.transformers import NAME, differences

NOT_STATED = "Not stated."
LICENCE = "## Licence"

WARNINGS = {
    None: "This is an encoder without a masked-LM head. A library that adds one starts it from "
    "random values: what it fills into masks is noise.",
    "random": "The masked-LM head of this model was never trained: what it fills into masks is "
    "noise. Train it first, or use the encoder alone.",
    "unknown": "It is not known whether the masked-LM head of this model was ever trained. Look "
    "at what it answers before relying on it.",
}
"""State of the head -> what a reader has to know first; ``None`` where there is no head."""

FILLING = """\
```python
from transformers import pipeline

fill_mask = pipeline("fill-mask", model=".")
print(fill_mask({text!r}))
```

With Keras, through mlmzoo and its plugin for the family {family}:

```python
from mlmzoo import MaskedLM

masked_lm = MaskedLM.from_preset("./")
print(masked_lm.fill_mask({text!r}))
```"""

ENCODING = """\
```python
from transformers import pipeline

encode = pipeline("feature-extraction", model=".")
print(encode("A text."))
```

With Keras, through mlmzoo and its plugin for the family {family}:

```python
from mlmzoo import MaskedLM

masked_lm = MaskedLM.from_preset("./")
print(masked_lm.embed("A text."))
```"""

PLACE = (
    'In these lines `"."` and `"./"` are the directory with these files. Of a repository on the '
    'Hub it is `"org/name"` in transformers, and `"hf://org/name"` in mlmzoo.'
)


def model_card(request: WriteRequest) -> str:
    """The card as Markdown, the same for the same request.

    Args:
        request: A model with the facts of its card.

    Raises:
        MissingPackageError: huggingface_hub is not installed.
    """
    facts = request.card
    assert facts is not None
    warning = WARNINGS.get(_head(request))
    parts = [
        f"---\n{_front_matter(request, facts)}\n---",
        f"# {in_line(_title(request, facts))}",
        f"**{warning}**" if warning else None,
        quoted(facts.description) if facts.description else None,
        "## How to use it",
        _usage(request),
        *(("## What it is good for", bullets(facts.good_for)) if facts.good_for else ()),
        *(
            ("## What it is not good for", bullets(facts.not_good_for))
            if facts.not_good_for
            else ()
        ),
        "## Model",
        _model(request, facts),
        _differences(request),
        "## Data",
        *_data(facts),
        "## Metrics",
        *_metrics(facts),
        LICENCE,
        _licence(facts),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def with_licence(text: str, license: str) -> str:
    """A card of `model_card` that states none, with a licence.

    Args:
        text: The card.
        license: The licence, by the Hub's or SPDX' name of it.
    """
    from huggingface_hub import RepoCard

    card = RepoCard(text)
    card.data.license = hub_licence(license)
    before, heading, stated = str(card).rpartition(f"\n{LICENCE}\n\n")  # the last section
    further = "" if stated.strip() == NOT_STATED else f", {stated.strip()}"
    return f"{before}{heading}{in_line(license)}{further}\n"


def _head(request: WriteRequest) -> str | None:
    return None if request.head is None else request.head_state


def _title(request: WriteRequest, facts: CardFacts) -> str:
    what = "Encoder" if request.head is None else "Masked language model"
    return facts.title or f"{what} of the family {request.family.name}"


def _front_matter(request: WriteRequest, facts: CardFacts) -> str:
    try:
        from huggingface_hub import EvalResult, ModelCardData
    except ImportError as error:
        raise MissingPackageError(
            "A model card was to be written, which the transformers layout has, and the package "
            f"huggingface_hub cannot be imported ({error}). Run: pip install huggingface_hub."
        ) from error
    trained = _head(request) == "trained"
    # Where a card says nothing, the Hub takes the task from the architecture in config.json. That
    # is right of a head nobody knows anything of, and wrong of one that was never trained.
    tasks = {"trained": "fill-mask", "unknown": None}
    results = [
        EvalResult("fill-mask", data, data, metric, value)
        for data, found in facts.metrics.items()
        for metric, value in found.items()
    ]
    data = ModelCardData(
        language=_plain(facts.language),
        license=facts.license and hub_licence(facts.license),
        license_name=facts.license_name,
        license_link=facts.license_link,
        library_name=NAME,
        pipeline_tag=tasks.get(str(_head(request)), "feature-extraction"),
        tags=["mlmzoo", *(["fill-mask"] if trained else [])],
        mask_token=request.mask_token if trained else None,
        base_model=_plain(facts.base_model),
        datasets=_plain(facts.datasets),
        metrics=list(dict.fromkeys(result.metric_type for result in results)) or None,
        model_name=_title(request, facts) if results else None,
        eval_results=results or None,
    )
    text: str = data.to_yaml()
    return text


def _plain(names: Names | None) -> Any:
    return list(names) if isinstance(names, tuple) else names


def _usage(request: WriteRequest) -> str:
    if request.mask_token is None:
        return "No tokenizer was saved with the model, so it takes ids of tokens."
    template = FILLING if _head(request) in ("trained", "unknown") else ENCODING
    code = template.format(
        text=f"A text with a {request.mask_token} in it.", family=in_line(request.family.name)
    )
    return f"{code}\n\n{PLACE}"


def _model(request: WriteRequest, facts: CardFacts) -> str:
    heads = {None: "none", "random": "never trained", "unknown": "not known", "trained": "trained"}
    rows = {
        "family": request.family.name,
        **{name.replace("_", " "): value for name, value in (request.backbone or {}).items()},
        "parameters": f"{sum(math.prod(shape) for shape in request.shapes.values()):,}",
        "of these, backbone": f"{request.parameters:,}",
        "stored as": request.dtype,
        "masked-LM head": heads[_head(request)],
    }
    if request.mask_token is not None:
        rows["mask token"] = request.mask_token
    if facts.base_model:
        rows["made from"] = _listed(facts.base_model)
    return table(rows)


def _differences(request: WriteRequest) -> str:
    found = in_line("; ".join(differences(request)))
    return found and (
        "transformers computes slightly different numbers than mlmzoo, because its format cannot "
        f"express: {found}."
    )


def _data(facts: CardFacts) -> list[str]:
    stated = [quoted(facts.data)] if facts.data else []
    if facts.datasets:
        stated.append(f"Data sets on the Hub: {in_line(_listed(facts.datasets))}")
    if facts.language:
        stated.append(f"Languages: {in_line(_listed(facts.language))}")
    return stated if facts.data or facts.datasets else [NOT_STATED, *stated]


def _metrics(facts: CardFacts) -> list[str]:
    lines = [
        f"| {in_line(data)} | {in_line(metric)} | {value:.4g} |"
        for data, found in facts.metrics.items()
        for metric, value in found.items()
    ]
    stated = ["\n".join(["| on | metric | value |", "|---|---|---:|", *lines])] if lines else []
    if facts.evaluation:
        stated.append(quoted(facts.evaluation))
    return stated or [NOT_STATED]


def _licence(facts: CardFacts) -> str:
    stated = [facts.license, facts.license_name, facts.license_link]
    return ", ".join(in_line(text) for text in stated if text) or NOT_STATED


def _listed(names: Names) -> str:
    return names if isinstance(names, str) else ", ".join(names)
