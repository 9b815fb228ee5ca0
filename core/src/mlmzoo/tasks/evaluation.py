"""How good a masked LM is on a text of one's own, and how sure one can be of it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mlmzoo.contract.errors import InputError
from mlmzoo.data.inputs import Texts, read_texts
from mlmzoo.data.masking import draw
from mlmzoo.data.numbers import check_count, check_seed
from mlmzoo.data.pipeline import MASKS
from mlmzoo.data.strings import shown
from mlmzoo.inference.resampling import interval_of_mean
from mlmzoo.inference.scoring import check_method, perplexity
from mlmzoo.tasks.answering import given
from mlmzoo.tasks.asking import judge
from mlmzoo.tasks.masked_lm import MaskedLM


@dataclass(frozen=True)
class Estimate:
    """A figure and where it would lie for other texts of the same kind.

    Args:
        value: The figure.
        low: Lower end of its 95 % confidence interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Evaluation:
    """What an `evaluate_texts` found.

    Args:
        texts: Number of texts.
        too_long: Number of those longer than the sequence length: cut off for loss and accuracy,
            and never scored.
        masked_tokens: Number of tokens that were masked at random in them.
        loss: Cross-entropy in nats, mean over these.
        accuracy: Share of these predicted right.
        scored_texts: Number of texts whose pseudo-log-likelihood was computed.
        scored_tokens: Number of tokens in those.
        pseudo_perplexity: Of those.
        method: How they were scored, see `MaskedLM.score`.
        seed: Of masks, sample and intervals.
    """

    texts: int
    too_long: int
    masked_tokens: int
    loss: Estimate
    accuracy: Estimate
    scored_texts: int
    scored_tokens: int
    pseudo_perplexity: Estimate
    method: str
    seed: int

    @property
    def approximate(self) -> bool:
        """Whether the pseudo-perplexity is the approximation of one pass, and far too low."""
        return self.method == "one_pass"

    def to_dict(self) -> dict[str, Any]:
        """The fields and the approximation's label, for JSON; ``None`` for what is infinite."""
        perplexity = {
            name: value if math.isfinite(value) else None
            for name, value in asdict(self.pseudo_perplexity).items()
        }
        figures = {**asdict(self), "pseudo_perplexity": perplexity}
        return {**figures, "approximate": self.approximate}


def evaluate_texts(
    task: MaskedLM,
    texts: Any,
    *,
    seed: int = 0,
    sample: int = 200,
    method: str = "pll",
    batch_size: int = 64,
) -> Evaluation:
    """Masked accuracy and loss on texts, and pseudo-perplexity on a sample of them.

    With seed 0, loss and accuracy are those of ``task.evaluate(texts)``. As there, a mask token
    that stands in a text is ordinary text to them; to the pseudo-perplexity it is a gap, as in
    `MaskedLM.score`.

    Args:
        task: The model.
        texts: Texts or pairs, of the forms that `fit` takes. Those longer than the sequence length
            are cut off, and not scored.
        seed: Of the masks, the sample and the confidence intervals.
        sample: Most texts to score: each of their tokens costs a row.
        method: See `MaskedLM.score`.
        batch_size: Rows computed at a time.

    Raises:
        RandomHeadError: The head was never trained.
        InputError: There are no texts, or none that fits the sequence length; or an argument makes
            no sense.
    """
    task._refuse_to_answer("evaluate_texts", batch_size)
    check_seed(seed)
    check_count("sample", sample)
    check_method(method)
    read = _read(texts)
    rows = task.preprocessor.rows(read)
    masks = draw(rows, task.preprocessor.rule, (seed, 0, MASKS))
    counts = np.diff(masks.offsets)
    if not counts.sum():
        raise InputError(
            f"The {len(rows)} texts to evaluate on hold no token that can be masked. Give others."
        )
    *_, lost = task.preprocessor.located_rows(read)
    whole = np.flatnonzero(lost == 0)
    if not len(whole):
        raise InputError(
            f"None of the {len(rows)} texts fits the sequence length of "
            f"{task.preprocessor.sequence_length} tokens, and parts are not scored. Split them."
        )

    chosen = np.sort(np.random.default_rng([seed, 1]).permutation(whole)[:sample])
    originals = given(read)
    scores = task.score([originals[number] for number in chosen], method, batch_size)
    sums = np.array([score.log_probability for score in scores])
    lengths = np.array([len(score.tokens) for score in scores])
    if not lengths.sum():
        raise InputError("The texts that were to be scored hold no tokens. Give others.")
    log_perplexity = _estimate(-sums, lengths, seed)

    judged = judge(task, rows, masks, batch_size)
    text_of = np.repeat(np.arange(len(rows)), counts)
    losses, hits = (
        np.bincount(text_of, weights=column, minlength=len(rows)) for column in judged.T
    )
    return Evaluation(
        texts=len(rows),
        too_long=len(rows) - len(whole),
        masked_tokens=int(counts.sum()),
        loss=Estimate(*_estimate(-losses, counts, seed)),
        accuracy=Estimate(*_estimate(hits, counts, seed)),
        scored_texts=len(scores),
        scored_tokens=int(lengths.sum()),
        pseudo_perplexity=Estimate(*map(perplexity, log_perplexity)),
        method=method,
        seed=seed,
    )


def _read(texts: Any) -> Texts:
    if isinstance(texts, str | bytes):  # a path to `fit`, a text to `score`
        raise InputError(
            f"evaluate_texts was given one {shown(texts)}. Give a list of texts, or a "
            "pathlib.Path to a text file."
        )
    return read_texts(texts)


def _estimate(sums: np.ndarray, counts: np.ndarray, seed: int) -> tuple[float, float, float]:
    return (float(sums.sum() / counts.sum()), *interval_of_mean(sums, counts, seed))
