"""Which of a few classes a text belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from mlmzoo import Backbone, Preprocessor, Task


class TextClassifier(Task):
    """A backbone with a dense layer over its first token (Devlin et al., 2018, section 4.1).

    Args:
        backbone: The encoder.
        preprocessor: Tokenises the texts.
        labels: Names of the classes.
        head_dropout: Dropout rate in front of the dense layer.

    Inputs: the backbone's. Output: logits ``(B, C)``, one for each label.
    """

    task_name = "text_classifier"

    def __init__(
        self,
        backbone: Backbone,
        preprocessor: Preprocessor | None = None,
        labels: Sequence[str] = ("negative", "positive"),
        head_dropout: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(backbone, preprocessor, **kwargs)
        self.labels = tuple(labels)
        self.head_dropout = head_dropout
        self.drop = keras.layers.Dropout(head_dropout, name="drop")
        self.head = keras.layers.Dense(
            len(self.labels), dtype=backbone.dtype_policy, name="classifier_head"
        )
        self.head.build((None, backbone.output["sequence_output"].shape[-1]))
        self.build()
        self.compile(
            optimizer=keras.optimizers.Adam(5e-5),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )

    def call(self, inputs: dict[str, Any], training: bool | None = None) -> Any:
        names = self.backbone.input
        hidden = self.backbone({name: inputs[name] for name in names}, training=training)
        # BERT has a layer over its first token that was trained for this; others have the token.
        pooled = hidden.get("pooled_output", hidden["sequence_output"][:, 0])
        return self.head(self.drop(pooled, training=training))

    def fit(self, x: Any, y: Any, validation_data: Any = None, **kwargs: Any) -> Any:
        """Train on texts and the names of their classes; see `keras.Model.fit`."""
        if validation_data is not None:
            validation_data = self._numbers(*validation_data)
        return super().fit(*self._numbers(x, y), validation_data=validation_data, **kwargs)

    def evaluate(self, x: Any, y: Any, **kwargs: Any) -> Any:
        """Loss and accuracy on texts and the names of their classes."""
        return super().evaluate(*self._numbers(x, y), **kwargs)

    def classify(self, texts: Sequence[str]) -> list[str]:
        """The most probable class of each text."""
        logits = self.predict(self.preprocessor.inputs(texts), verbose=0)
        return [self.labels[number] for number in logits.argmax(-1)]

    def _numbers(self, x: Any, y: Any) -> tuple[Any, Any]:
        if isinstance(x, dict):  # Keras hands on what it was given
            return x, y
        return self.preprocessor.inputs(x), np.array([self.labels.index(name) for name in y])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "labels": list(self.labels),
            "head_dropout": self.head_dropout,
        }
