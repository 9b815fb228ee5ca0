"""The optimizer of the training runs, and how its learning rate rises and falls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import keras
from keras import ops
from keras.optimizers import schedules

from mlmzoo.contract.errors import InputError
from mlmzoo.tasks.recipe import Training

NOT_DECAYED = ("bias", "gamma", "beta")
"""Names of variables in every family: biases, and gamma and beta of normalisations."""


def scheduled_adamw(training: Training, steps: int) -> Any:
    """AdamW (Loshchilov and Hutter, 2019) with the schedule of `learning_rate`.

    Args:
        training: Its numbers.
        steps: Number of batches of the whole run.

    Raises:
        InputError: See `learning_rate`.
    """
    optimizer = keras.optimizers.AdamW(
        learning_rate(training, steps),
        weight_decay=training.weight_decay,
        beta_2=training.beta_2,
        global_clipnorm=training.clip_norm or None,
        gradient_accumulation_steps=training.accumulate if training.accumulate > 1 else None,
    )
    optimizer.exclude_from_weight_decay(var_names=[f"{name}$" for name in NOT_DECAYED])
    return optimizer


def learning_rate(training: Training, steps: int) -> WarmUp:
    """A learning rate that rises to its highest value and falls to 0 as the run ends.

    Args:
        training: Its numbers.
        steps: Number of batches of the whole run. What is left over after whole updates of
            ``training.accumulate`` batches changes nothing, neither the model nor the schedule.

    Raises:
        InputError: The run is too short for one update.
    """
    updates = steps // training.accumulate
    if updates < 1:
        raise InputError(
            f"accumulate={training.accumulate} was asked for, and the run has {steps} batches: "
            "the model would never change. Accumulate fewer, or give more epochs or more texts."
        )
    # At least the last update is not one of them: the first is made with a rate of 0.
    rising = min(round(training.warmup_share * updates), updates - 1)
    highest, falling = training.learning_rate, updates - rising
    fall: Any = {
        "cosine": lambda: schedules.CosineDecay(highest, falling),
        "linear": lambda: schedules.PolynomialDecay(highest, falling, 0.0),
        "constant": lambda: schedules.PolynomialDecay(highest, falling, highest),
    }
    return WarmUp(fall[training.decay](), rising, training.accumulate)


@keras.saving.register_keras_serializable("mlmzoo")
class WarmUp(schedules.LearningRateSchedule):
    """Rises linearly from 0 to where another schedule begins, which then follows.

    Args:
        after: The other schedule, of Keras or one's own.
        steps: Updates in which it rises; 0 for none.
        accumulate: The optimizer's ``gradient_accumulation_steps``. Keras asks a schedule with
            the number of batches; this one is then asked in updates, and so is `after`.

    Example:
        >>> rate = WarmUp(keras.optimizers.schedules.PolynomialDecay(0.1, 5, 0.0), steps=2)
        >>> [round(float(rate(step)), 2) for step in range(8)]
        [0.0, 0.05, 0.1, 0.08, 0.06, 0.04, 0.02, 0.0]
    """

    def __init__(self, after: Any, steps: int = 0, accumulate: int = 1) -> None:
        if steps < 0 or accumulate < 1:
            raise InputError(
                f"WarmUp was asked for with steps={steps} and accumulate={accumulate}. Give at "
                "least 0 and 1."
            )
        super().__init__()
        self.after = after
        self.steps = steps
        self.accumulate = accumulate

    def __call__(self, step: Any) -> Any:
        """The learning rate at a batch, counted from 0."""
        step = ops.cast(ops.floor_divide(step, self.accumulate), "float32")
        if not self.steps:
            return self.after(step)
        risen = ops.minimum(step / self.steps, 1.0)
        return risen * self.after(ops.maximum(step - self.steps, 0.0))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        after = keras.saving.serialize_keras_object(self.after)
        return {"after": after, "steps": self.steps, "accumulate": self.accumulate}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A schedule with the given constructor arguments."""
        return cls(**{**config, "after": keras.saving.deserialize_keras_object(config["after"])})


class FitsSchedule(keras.callbacks.Callback):
    """Fits the learning rate to the batches that the run turns out to have.

    How many rows texts are packed into is known when they are tokenised.

    Args:
        training: The numbers of the run.
    """

    def __init__(self, training: Training) -> None:
        super().__init__()
        self._training = training

    def on_train_begin(self, logs: Any = None) -> None:
        steps = self.params["steps"] * self.params["epochs"]
        self.model.optimizer.learning_rate = learning_rate(self._training, steps)
