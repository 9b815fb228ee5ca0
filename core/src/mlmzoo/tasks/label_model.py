"""The model that answers how probable given tokens are, and nothing more.

The logits of a vocabulary are a hundred thousand times the one number that scoring needs: they
stay where they were computed.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class LabelModel(keras.Model):
    """Log-probabilities ``(B, M)`` of ``inputs["labels"]`` ``(B, M)`` at the masks of a masked LM.

    Args:
        task: The masked LM, whose weights it shares.
    """

    def __init__(self, task: Any) -> None:
        super().__init__()
        self.task = task
        self.built = True
        # As the task itself is run; nothing here is trained.
        self.compile(run_eagerly=task.run_eagerly, jit_compile=task.jit_compile)

    def call(self, inputs: dict[str, Any], training: bool | None = None) -> Any:
        inputs = dict(inputs)
        labels = inputs.pop("labels")
        logits = ops.cast(self.task(inputs, training=training), "float32")
        chosen = ops.take_along_axis(logits, labels[..., None], axis=-1)[..., 0]
        return chosen - ops.logsumexp(logits, axis=-1)


def label_model(task: Any) -> LabelModel:
    """The `LabelModel` of a task, made once: compiled functions are kept with it."""
    made = task.__dict__.get("_label_model")
    how = (task.backbone, task.run_eagerly, task.jit_compile)
    if made is None or made[0] != how:
        made = how, LabelModel(task)
        # Past Keras' attribute tracking: a model is not a layer of a layer of its own.
        object.__setattr__(task, "_label_model", made)
    return made[1]
