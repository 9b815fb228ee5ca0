"""keras-hub, as its documentation shows: a task and its preprocessor, `fit` on strings.

Left as keras-hub has it: the optimizer (Adam, 5e-5), the loss, ``jit_compile="auto"``. Its favour
where its default wastes work: ``mask_selection_length`` is what the length can need, not 96.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import keras
import keras_hub

from benchmarks import judge, work
from benchmarks.contestants import fitting, loading
from benchmarks.turns import Turns


def lines(turns: Turns, options: dict[str, Any]) -> None:
    """Fine-tuning on raw lines."""
    task = _task(options)
    texts = work.read_lines(options["lines"])
    task.fit(texts, batch_size=options["batch"], **fitting.options(turns))


def steps(turns: Turns, options: dict[str, Any]) -> None:
    """Training steps on rows that are tokenised and masked already, weights at random."""
    keras.config.set_dtype_policy(options["dtype"])
    family = options["family"]
    backbone = getattr(keras_hub.models, f"{family}Backbone")(**options["settings"])
    task = getattr(keras_hub.models, f"{family}MaskedLM")(backbone, preprocessor=None)
    x, y, weights = work.read_rows(options["rows"], list(backbone.input))
    task.fit(
        x,
        y,
        sample_weight=weights,
        batch_size=options["batch"],
        shuffle=False,
        **fitting.options(turns),
    )


def pipeline(turns: Turns, options: dict[str, Any]) -> None:
    """Batches of masked tokens from raw lines, as its tasks' `fit` makes them."""
    import tensorflow as tf

    texts = work.read_lines(options["lines"])
    dataset = tf.data.Dataset.from_tensor_slices(texts).batch(options["batch"])
    dataset = dataset.map(_preprocessor(options), num_parallel_calls=tf.data.AUTOTUNE)
    dataset = dataset.prefetch(tf.data.AUTOTUNE)
    for _ in _batches(dataset.take(2)):
        pass
    turns.ready()
    while turns.wait() is not None:
        start = time.perf_counter()
        rows = sum(len(x["token_ids"]) for x, *_ in _batches(dataset))
        seconds = time.perf_counter() - start
        assert rows == len(texts)
        turns.report(seconds=seconds)


def _batches(dataset: Any) -> Iterable[Any]:
    """Batches as the backend takes them."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return dataset
    arrays = dataset.as_numpy_iterator()
    if backend == "jax":
        return arrays
    import torch

    return (keras.tree.map_structure(torch.as_tensor, batch) for batch in arrays)


def load(turns: Turns, options: dict[str, Any]) -> None:
    """`from_preset` of a masked LM."""
    loading.measure(turns, keras_hub.models.MaskedLM.from_preset, options)


def quality(turns: Turns, options: dict[str, Any]) -> None:
    """Held-out loss before and after training on raw lines."""
    texts = work.read_lines(options["lines"])
    turns.ready()
    while (given := turns.wait()) is not None:
        keras.utils.set_random_seed(given["seed"])
        task = _task(options)
        task.compile(fitting.adapting_optimizer())
        before = _held_out(task, options)
        for epoch in range(options["epochs"]):
            # `fit` leaves the order of a list of strings as it is.
            task.fit(
                work.shuffled(texts, (given["seed"], epoch)), batch_size=options["batch"], verbose=0
            )
        turns.report(before=before, loss=_held_out(task, options))


def _held_out(task: Any, options: dict[str, Any]) -> float:
    task.preprocessor, preprocessor = None, task.preprocessor

    def logits(batch: dict[str, Any]) -> Any:
        return task.predict_on_batch({name: batch[name] for name in work.INPUTS})

    found = judge.loss(options["held_out"], logits)
    task.preprocessor = preprocessor
    return found


def _preprocessor(options: dict[str, Any]) -> Any:
    return keras_hub.models.MaskedLMPreprocessor.from_preset(
        options["checkpoint"],
        sequence_length=options["limit"],
        mask_selection_length=options["slots"],
    )


def _task(options: dict[str, Any]) -> Any:
    preprocessor = _preprocessor(options)
    return keras_hub.models.MaskedLM.from_preset(options["checkpoint"], preprocessor=preprocessor)
