"""The model that answers how probable given tokens are, and nothing more.

Of the logits of a whole vocabulary, scoring needs two numbers: the others stay where they were
computed.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from mlmzoo.tasks.derived import derived


class LabelModel(keras.Model):
    """How a masked LM does on given tokens.

    Args:
        task: The masked LM, whose weights it shares.

    Inputs: the masked LM's, and ``labels`` ``(B, M)``. Output: float32 ``(B, M, 2)``, the
    log-probability of each label, and 1 where no token is more probable, else 0.
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
        best = ops.cast(chosen >= ops.max(logits, axis=-1), "float32")
        return ops.stack([chosen - ops.logsumexp(logits, axis=-1), best], axis=-1)


def label_model(task: Any) -> LabelModel:
    """The `LabelModel` of a task, made once."""
    of = (task.run_eagerly, task.jit_compile)
    return derived(task, "_label_model", of, lambda: LabelModel(task))
