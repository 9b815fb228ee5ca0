"""Adapting a trained model to other text, and measuring what it gained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mlmzoo.tasks.epoch_log import ACCURACY, Epoch, EpochLog
from mlmzoo.tasks.held_out import held_out_split, unigram_baseline
from mlmzoo.tasks.masked_lm import MaskedLM
from mlmzoo.tasks.optimization import FitsSchedule, scheduled_adamw
from mlmzoo.tasks.recipe import Training


@dataclass(frozen=True)
class Score:
    """Means over all masked tokens of the held-out texts.

    Args:
        loss: Cross-entropy in nats.
        accuracy: Share of tokens predicted right, 0 to 1.
    """

    loss: float
    accuracy: float


@dataclass(frozen=True)
class Adaptation:
    """What an `adapt` did.

    Args:
        training_texts: Number of texts trained on.
        held_out_texts: Number of texts judged by.
        masked_tokens: Number of tokens masked in those, the same ones in all scores.
        before: The model as it came.
        after: The model as it is now.
        unigram: Token frequencies of the training texts.
        seconds: How long training took.
        epochs: One entry an epoch.
    """

    training_texts: int
    held_out_texts: int
    masked_tokens: int
    before: Score
    after: Score
    unigram: Score
    seconds: float
    epochs: tuple[Epoch, ...]

    def to_dict(self) -> dict[str, Any]:
        """The fields, for JSON."""
        return asdict(self)


def adapt(
    task: MaskedLM,
    texts: Sequence[str],
    training: Training,
    *,
    on_epoch: Callable[[Epoch], None] | None = None,
    callbacks: Sequence[Any] = (),
) -> Adaptation:
    """Train a model on texts, and score it on some that were held out, before and after.

    Args:
        task: The model; compiled anew, and trained in place.
        texts: All texts; `held_out_split` parts them.
        training: How to train.
        on_epoch: Called with each `Epoch`.
        callbacks: Further Keras callbacks.

    Raises:
        InputError: There are too few texts, or batches for one update.
    """
    seen, held_out = held_out_split(texts, training.held_out_share, training.seed)
    steps = -(-len(seen) // training.batch_size) * training.epochs
    task.compile(optimizer=scheduled_adamw(training, steps))
    unigram = unigram_baseline(task.preprocessor, seen, held_out)
    before = score(task, held_out, training.batch_size)
    log = EpochLog(on_epoch)
    task.fit(
        seen,
        batch_size=training.batch_size,
        epochs=training.epochs,
        validation_data=held_out,
        batching=training.batching,
        callbacks=[FitsSchedule(training), *callbacks, log],
        verbose=0,
    )
    return Adaptation(
        training_texts=len(seen),
        held_out_texts=len(held_out),
        masked_tokens=unigram.tokens,
        before=before,
        after=score(task, held_out, training.batch_size),
        unigram=Score(unigram.loss, unigram.accuracy),
        seconds=log.seconds,
        epochs=tuple(log.epochs),
    )


def score(task: MaskedLM, texts: Sequence[str], batch_size: int = 32) -> Score:
    """Evaluate a model on texts, nothing printed."""
    found = task.evaluate(list(texts), batch_size=batch_size, verbose=0, return_dict=True)
    return Score(float(found["loss"]), float(found[ACCURACY]))
