"""Ours, through what is public: classes, `from_preset`, `fit`, `fill_mask`."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable
from typing import Any

import keras

import mlmzoo
from benchmarks import judge, work
from benchmarks.contestants import fitting, loading
from benchmarks.turns import Turns
from mlmzoo import models
from mlmzoo.errors import PresetWarning

LATER_EPOCHS = 2


def lines(turns: Turns, options: dict[str, Any]) -> None:
    """Fine-tuning on raw lines."""
    task = _task(options["checkpoint"], sequence_length=options["limit"], seed=1)
    texts = work.read_lines(options["lines"])
    task.fit(texts, batch_size=options["batch"], **fitting.options(turns))


def steps(turns: Turns, options: dict[str, Any]) -> None:
    """Training steps on rows that are tokenised and masked already, weights at random."""
    keras.config.set_dtype_policy(options["dtype"])
    backbone = getattr(models, f"{options['family']}Backbone")(**options["settings"])
    task = getattr(models, f"{options['family']}MaskedLM")(backbone, None)
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
    """Batches of masked tokens from raw lines, the first time round and later ones."""
    task = _task(options["checkpoint"], sequence_length=options["limit"], seed=1)
    texts = work.read_lines(options["lines"])
    _exhaust(task.batches(texts[:64], batch_size=options["batch"]).epoch(0))
    turns.ready()
    while turns.wait() is not None:
        start = time.perf_counter()
        batches = task.batches(texts, batch_size=options["batch"])
        slots, tokens = _exhaust(batches.epoch(0))
        first = time.perf_counter() - start
        start = time.perf_counter()
        for number in range(1, 1 + LATER_EPOCHS):
            _exhaust(batches.epoch(number))
        later = (time.perf_counter() - start) / LATER_EPOCHS
        turns.report(seconds=first, seconds_later=later, slots_per_token=slots / tokens)


def _exhaust(epoch: Iterable[Any]) -> tuple[int, int]:
    """Slots and tokens of all batches."""
    slots = tokens = 0
    for x, *_ in epoch:
        slots += x["padding_mask"].size
        tokens += int((x["padding_mask"] > 0).sum())
    return slots, tokens


def load(turns: Turns, options: dict[str, Any]) -> None:
    """`from_preset` of a masked LM."""
    loading.measure(turns, mlmzoo.MaskedLM.from_preset, options)


def load_backbone(turns: Turns, options: dict[str, Any]) -> None:
    """`from_preset` of a backbone."""
    loading.measure(turns, mlmzoo.Backbone.from_preset, options)


def fill_mask(turns: Turns, options: dict[str, Any]) -> None:
    """Candidates for one mask a text."""
    answers = _asked(turns, options, "fill_mask")
    assert all(len(answer.masks[0].candidates) == 5 for answer in answers)


def score(turns: Turns, options: dict[str, Any]) -> None:
    """Pseudo-log-likelihood of every text."""
    assert all(score.tokens for score in _asked(turns, options, "score"))


def _asked(turns: Turns, options: dict[str, Any], question: str) -> list[Any]:
    """The answers to a question about each text, the last time that it was asked."""
    ask = getattr(_task(options["checkpoint"]), question)
    texts = work.read_lines(options["texts"])
    start = time.perf_counter()
    answers = ask(texts, batch_size=options["batch"])  # meets every shape once
    turns.ready(warm_up=time.perf_counter() - start)
    while turns.wait() is not None:
        start = time.perf_counter()
        answers = ask(texts, batch_size=options["batch"])
        seconds = time.perf_counter() - start
        assert len(answers) == len(texts)
        turns.report(seconds=seconds)
    return answers


def quality(turns: Turns, options: dict[str, Any]) -> None:
    """Held-out loss before and after training on raw lines."""
    texts = work.read_lines(options["lines"])
    turns.ready()
    while (given := turns.wait()) is not None:
        keras.utils.set_random_seed(given["seed"])
        task = _task(options["checkpoint"], sequence_length=options["limit"], seed=given["seed"])
        task.compile(fitting.adapting_optimizer())
        before = _held_out(task, options)
        task.fit(texts, batch_size=options["batch"], epochs=options["epochs"], verbose=0)
        turns.report(before=before, loss=_held_out(task, options))


def _held_out(task: Any, options: dict[str, Any]) -> float:
    def logits(batch: dict[str, Any]) -> Any:
        return task.predict_on_batch({name: batch[name] for name in work.INPUTS})

    return judge.loss(options["held_out"], logits)


def _task(preset: str, **arguments: Any) -> Any:
    with warnings.catch_warnings():
        # The encoder comes without a head: that it starts at random is the same for all.
        warnings.simplefilter("ignore", PresetWarning)
        return mlmzoo.MaskedLM.from_preset(preset, **arguments)
