"""A text classifier for families that other packages bring."""

from typing import Any

__all__ = ["TextClassifier"]


def __getattr__(name: str) -> Any:
    # Lazily: importing the plugin imports this module, and must not import Keras.
    if name == "TextClassifier":
        from mlmzoo_classifier.classifier import TextClassifier

        return TextClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
