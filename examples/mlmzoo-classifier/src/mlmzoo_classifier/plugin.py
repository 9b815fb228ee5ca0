"""The entry point of this package: one task for two families, both somebody else's."""

from __future__ import annotations

from mlmzoo.contract.hookspecs import hookimpl
from mlmzoo.contract.records import TaskBinding

FAMILIES = ("bert", "roberta")
CLASSIFIER = "mlmzoo_classifier.classifier:TextClassifier"


@hookimpl
def mlmzoo_tasks() -> list[TaskBinding]:
    """Text classification."""
    return [TaskBinding("text_classifier", family, CLASSIFIER) for family in FAMILIES]
