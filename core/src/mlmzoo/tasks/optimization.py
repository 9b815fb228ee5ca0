"""The optimizer of the training runs."""

from __future__ import annotations

from typing import Any

import keras

from mlmzoo.tasks.recipe import Training


def scheduled_adamw(training: Training, steps: int) -> Any:
    """AdamW (Loshchilov and Hutter, 2019) whose learning rate warms up, then falls to 0.

    Args:
        training: Its numbers.
        steps: Number of steps of the whole run.
    """
    warmup = round(training.warmup_share * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else training.learning_rate,
        decay_steps=max(1, steps - warmup),
        warmup_target=training.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(
        schedule,
        weight_decay=training.weight_decay,
        beta_2=training.beta_2,
        global_clipnorm=training.clip_norm or None,
    )
    # Names of variables in every family: biases, and gamma and beta of normalisations.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
