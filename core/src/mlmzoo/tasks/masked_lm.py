"""`MaskedLM`: predict the tokens that are masked. The main door of the library."""

from __future__ import annotations

from functools import cache
from itertools import islice
from typing import Any, overload

import keras
import numpy as np
from keras import ops

from mlmzoo.contract.errors import InputError, NoMaskError, RandomHeadError
from mlmzoo.data.inputs import Texts, Tokenised, read_texts
from mlmzoo.data.numbers import check_count
from mlmzoo.data.rows import TokenRows
from mlmzoo.inference.filling import FilledText, MaskAnswer, best_candidates
from mlmzoo.kit.layers import MaskedLMHead
from mlmzoo.tasks.asking import logits_at_masks, mask_tokens
from mlmzoo.tasks.backbone import Backbone
from mlmzoo.tasks.fused_adam import fuse
from mlmzoo.tasks.matching import refuse_mismatch
from mlmzoo.tasks.metrics import TokenAccuracy, TokenMean
from mlmzoo.tasks.preprocessor import MaskedLMPreprocessor
from mlmzoo.tasks.task import Task
from mlmzoo.tasks.text_training import TextTraining

MEAN_OVER_WEIGHTS = "mean_with_sample_weight"


class MaskedLM(TextTraining, Task):
    """A backbone with a head that predicts masked tokens, trained and asked with raw text.

    Compiled on construction; see `compile`.

    Args:
        backbone: The encoder.
        preprocessor: Tokenises and masks; ``None`` where the input is tokenised already.
        head_activation: Activation in the head; that of the backbone where ``None``.
        head_epsilon: Epsilon of the head's normalisation; that of the backbone where ``None``.
        head_state: What is known of the head's weights: ``"random"``, ``"trained"`` or
            ``"unknown"``.

    Inputs: the backbone's, and ``mask_positions`` ``(B, M)``. Output: logits ``(B, M, V)``.

    Example:
        >>> from mlmzoo import MaskedLM
        >>> masked_lm = MaskedLM.from_preset("bert_tiny_en_uncased_kjv")
        >>> masked_lm.fit(["In the beginning was the Word."], verbose=0)  # doctest: +ELLIPSIS
        <...History object at ...>
    """

    task_name = "masked_lm"
    head_in_presets = True

    def __init__(
        self,
        backbone: Backbone,
        preprocessor: MaskedLMPreprocessor | None = None,
        head_activation: str | None = None,
        head_epsilon: float | None = None,
        head_state: str = "random",
        **kwargs: Any,
    ) -> None:
        super().__init__(backbone, preprocessor, **kwargs)
        self.head_activation = head_activation or backbone.activation
        self.head_epsilon = backbone.layer_norm_epsilon if head_epsilon is None else head_epsilon
        self.head_state = head_state
        self.mlm_head = MaskedLMHead(
            backbone.token_embedding.input_dim,
            backbone.token_embedding.output_dim,
            self.head_activation,
            self.head_epsilon,
            dtype=backbone.dtype_policy,
            name="mlm_head",
        )
        # Built outside the model's name scope, so that the head's variables are called the same
        # whatever the model is called.
        self.mlm_head.build(backbone.output["sequence_output"].shape)
        self.build()
        self.compile()

    def call(self, inputs: dict[str, Any], training: bool | None = None) -> Any:
        names = self.backbone.input
        hidden = self.backbone({name: inputs[name] for name in names}, training=training)
        return self.mlm_head(
            hidden["sequence_output"],
            inputs["mask_positions"],
            token_embedding=self.backbone.token_embedding,
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape["mask_positions"], self.mlm_head.vocabulary_size)

    def compile(
        self,
        optimizer: Any = "auto",
        loss: Any = "auto",
        *,
        weighted_metrics: Any = "auto",
        **kwargs: Any,
    ) -> None:
        """Configure training.

        With the automatic loss, the loss reported by `fit` and `evaluate` is the mean over all
        real masked tokens, whatever the batch size.

        Args:
            optimizer: ``"auto"`` is Adam with learning rate 5e-5.
            loss: ``"auto"`` is sparse categorical cross-entropy from logits, averaged over the
                masked tokens.
            weighted_metrics: ``"auto"`` is sparse categorical accuracy over the masked tokens.
            **kwargs: See `keras.Model.compile`. On TensorFlow ``jit_compile`` is off unless it is
                asked for: XLA would compile every batch shape anew, seconds for each.
        """
        if keras.backend.backend() == "tensorflow":
            kwargs.setdefault("jit_compile", False)
        if optimizer == "auto":
            optimizer = keras.optimizers.Adam(5e-5)
        if loss == "auto":
            loss = keras.losses.SparseCategoricalCrossentropy(
                from_logits=True, reduction=MEAN_OVER_WEIGHTS
            )
        if weighted_metrics == "auto":
            weighted_metrics = [TokenAccuracy()]
        super().compile(optimizer=optimizer, loss=loss, weighted_metrics=weighted_metrics, **kwargs)
        fuse(self.optimizer)
        if getattr(loss, "reduction", None) == MEAN_OVER_WEIGHTS:
            # Past Keras' attribute tracking, as Keras' own compile() does: a built model takes no
            # new state.
            object.__setattr__(self, "_loss_tracker", TokenMean(name="loss"))

    def get_compile_config(self) -> dict[str, Any]:
        """What `compile` was given, and whether the optimizer has its slots."""
        built = getattr(self.optimizer, "built", False)  # None, too, is an optimizer for Keras
        return {**super().get_compile_config(), "optimizer_built": built}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as a saved model was."""
        config = dict(keras.saving.deserialize_keras_object(config))
        optimizer_built = config.pop("optimizer_built", True)
        self.compile(**config)
        if optimizer_built:
            self.optimizer.build(self.trainable_variables)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        weights = _per_token(sample_weight, y)
        if getattr(self.loss, "reduction", None) == MEAN_OVER_WEIGHTS:
            # The mean is over all tokens: as rows of a matrix, PyTorch takes them in place.
            y, weights = (ops.reshape(each, (-1,)) for each in (y, weights))
            y_pred = ops.reshape(y_pred, (-1, ops.shape(y_pred)[-1]))
        return super().compute_loss(x, y, y_pred, weights, training)

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        weights = _per_token(sample_weight, y)
        if isinstance(self._loss_tracker, TokenMean):
            self._loss_tracker.weigh(weights)
        return super().compute_metrics(x, y, y_pred, weights)

    @overload
    def fill_mask(
        self, texts: str | tuple[str, str], top_k: int = 5, batch_size: int = 32
    ) -> FilledText: ...

    @overload
    def fill_mask(
        self,
        texts: list[str] | list[tuple[str, str]],
        top_k: int = 5,
        batch_size: int = 32,
    ) -> list[FilledText]: ...

    def fill_mask(
        self, texts: Any, top_k: int = 5, batch_size: int = 32
    ) -> FilledText | list[FilledText]:
        """The most probable tokens for each mask token in the texts.

        Several masks in a text are answered independently of each other.

        Args:
            texts: One text, or a list of them or another form that `fit` takes; a text holds the
                tokenizer's mask token (``"[MASK]"``) at least once. A pair of texts is a tuple.
            top_k: Number of candidates.
            batch_size: Texts computed at a time.

        Returns:
            A `FilledText` for one text, a list of them for a list, in the order of the texts.

        Raises:
            RandomHeadError: The head was never trained.
            NoMaskError: A text has no mask token, or one beyond the sequence length.
            InputError: The model has no preprocessor, or `top_k` is below 1.
        """
        self._refuse_random_head("fill_mask")
        if self.preprocessor is None:
            raise InputError(
                "fill_mask was asked of a model whose preprocessor is None. Set "
                "`model.preprocessor`, or use predict() with tokenised input."
            )
        check_count("top_k", top_k)
        check_count("batch_size", batch_size)
        refuse_mismatch(self.backbone, self.preprocessor)
        single = isinstance(texts, str | bytes) or _is_pair(texts)
        read = read_texts([texts] if single else texts)
        if isinstance(read, Tokenised):
            raise InputError("fill_mask was given tokenised input. Give texts, or use predict().")
        given: list[Any] = read.first
        if read.second is not None:
            given = list(zip(read.first, read.second, strict=True))
        rows = self.preprocessor.rows(read, specials="mask")
        self._refuse_lost_masks(given, read, rows)
        answers = self._answers(rows, top_k, batch_size)
        filled = [FilledText(text, masks) for text, masks in zip(given, answers, strict=True)]
        return filled[0] if single else filled

    def _refuse_lost_masks(self, given: list[Any], texts: Texts, rows: TokenRows) -> None:
        """Refuse a text without a mask, or with one that the sequence length cuts off."""
        preprocessor = self.preprocessor
        tokenizer, mask = preprocessor.tokenizer, preprocessor.tokenizer.mask_token
        kept = np.diff(mask_tokens(rows, tokenizer.mask_token_id).offsets)
        # Nothing can have been cut off a row that is not full.
        full = rows.lengths >= preprocessor.sequence_length
        for number in np.flatnonzero(full | (kept == 0)):
            text = given[number]
            parts = [part[number] for part in (texts.first, texts.second) if part is not None]
            encoded = tokenizer.encode(parts, "mask")
            asked = sum(ids.count(tokenizer.mask_token_id) for ids in encoded)
            if not asked:
                raise NoMaskError(
                    f"A text to be filled has no {mask}: {_shorten(text)!r}. "
                    f"Put {mask} where a token is to be predicted."
                )
            if asked > kept[number]:
                raise NoMaskError(
                    f"A text to be filled has {asked} {mask}, and only {kept[number]} within the "
                    f"sequence length of {preprocessor.sequence_length} tokens: "
                    f"{_shorten(text)!r}. Shorten the text before {mask}."
                )

    def _answers(
        self, rows: TokenRows, top_k: int, batch_size: int
    ) -> list[tuple[MaskAnswer, ...]]:
        tokenizer = self.preprocessor.tokenizer
        to_text = cache(lambda id: tokenizer.detokenize([id]))  # most come up again and again
        answers: list[Any] = [None] * len(rows)
        for asked in logits_at_masks(self, rows, batch_size):
            best = best_candidates(asked.logits, top_k, tokenizer.id_to_token, to_text)
            each = iter(map(MaskAnswer, asked.positions.tolist(), best))
            for row, count in zip(asked.rows, asked.counts, strict=True):
                answers[row] = tuple(islice(each, count))
        return answers

    def _refuse_random_head(self, what: str) -> None:
        if self.head_state == "random":
            raise RandomHeadError(
                f"{what} was asked of a masked-LM head that was never trained: its answers would "
                "be noise. Load a preset that has a trained head, or train this one with fit()."
            )

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, the state of the head included."""
        return {
            **super().get_config(),
            "head_activation": self.head_activation,
            "head_epsilon": self.head_epsilon,
            "head_state": self.head_state,
        }


def _per_token(sample_weight: Any, y: Any) -> Any:
    """Weights ``(B, M)``, from these, from one a row as Keras also takes, or from none."""
    weights = ops.ones_like(y, dtype="float32")
    if sample_weight is None:
        return weights
    if len(sample_weight.shape) == 1:
        sample_weight = ops.expand_dims(sample_weight, -1)
    return weights * ops.cast(sample_weight, "float32")


def _is_pair(x: Any) -> bool:
    return isinstance(x, tuple) and len(x) == 2 and all(isinstance(part, str) for part in x)


def _shorten(text: Any, width: int = 60) -> str:
    text = text if isinstance(text, str) else " / ".join(text)
    return text if len(text) <= width else text[: width - 1] + "…"
