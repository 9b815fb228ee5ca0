"""The checks that need a family's classes, and with them Keras."""

from __future__ import annotations

from typing import Any

from mlmzoo.checks import parameters, weight_table
from mlmzoo.checks.classes import class_paths, task_path
from mlmzoo.checks.outcome import Outcome, attempt
from mlmzoo.checks.tiny import tiny_settings
from mlmzoo.contract.records import Family, TaskBinding
from mlmzoo.plugins import registry

VOCABULARY_SIZE = 100


def check_family(family: Family) -> list[Outcome]:
    """What holds of a family's classes, table and presets."""
    classes = attempt("class paths", lambda: class_paths(family), family.name)
    if classes.state != "ok":
        return [classes, Outcome("everything else", "skipped", "needs the classes", family.name)]
    outcomes = [classes]
    if registry().presets(family.name):
        outcomes.append(
            attempt(
                "weight table", lambda: weight_table.covers(family, _tiny_task(family)), family.name
            )
        )
    else:
        reason = "no built-in preset tells a model's sizes; the conformance suite checks it"
        outcomes.append(Outcome("weight table", "skipped", reason, family.name))
    return [
        *outcomes,
        attempt("parameters", lambda: parameters.parameter_counts(family), family.name),
        attempt("sources", lambda: parameters.sources(family), family.name),
    ]


def check_task(binding: TaskBinding) -> Outcome:
    """Whether a task binding leads to a task."""
    return attempt("class paths", lambda: task_path(binding), f"{binding.task} task")


def _tiny_task(family: Family) -> Any:
    """A masked LM that needs no tokenizer."""
    backbone = registry().load(family.backbone)(**tiny_settings(family, VOCABULARY_SIZE))
    return registry().load(family.masked_lm)(backbone)
