"""`MaskedLM`: predict the tokens that are masked. The main door of the library."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import keras
from keras import ops

from mlmzoo.kit.layers import MaskedLMHead
from mlmzoo.tasks.backbone import Backbone
from mlmzoo.tasks.exporting import export_task
from mlmzoo.tasks.fused_adam import fuse
from mlmzoo.tasks.growing import add_tokens
from mlmzoo.tasks.looking_inside import LookingInside
from mlmzoo.tasks.mask_filling import MaskFilling
from mlmzoo.tasks.masked_lm_preprocessor import MaskedLMPreprocessor
from mlmzoo.tasks.metrics import TokenAccuracy, TokenMean
from mlmzoo.tasks.task import Task
from mlmzoo.tasks.text_scoring import TextScoring
from mlmzoo.tasks.text_training import TextTraining

MEAN_OVER_WEIGHTS = "mean_with_sample_weight"


class MaskedLM(TextTraining, MaskFilling, TextScoring, LookingInside, Task):
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
        self.mlm_head = self._new_head(backbone)
        self.build()
        self.compile()

    def _new_head(self, backbone: Backbone) -> MaskedLMHead:
        embedding = backbone.token_embedding
        head = MaskedLMHead(
            embedding.input_dim,
            embedding.output_dim,
            self.head_activation,
            self.head_epsilon,
            dtype=backbone.dtype_policy,
            name="mlm_head",
        )
        # Built outside the model's name scope, so that the head's variables are called the same
        # whatever the model is called.
        head.build(backbone.output["sequence_output"].shape)
        return head

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

    def add_tokens(self, tokens: Iterable[str]) -> dict[str, int]:
        """Make one token of each of some words, in tokenizer, embedding and head together.

        The row of a new token in the embedding, and its bias in the head, are the means of those
        of the pieces that it was; other tokens keep theirs. In sentencepiece vocabularies, tokens
        behind the pieces (the mask of some families, texts that were added) move up, so ask for
        ids again. The model gets a new backbone and a new head, and is compiled anew: add tokens
        before training. Another model with the same backbone keeps the old one.

        A word becomes a piece of the vocabulary, as if it had been learnt; a text with spaces or
        punctuation in it is found before texts are split. What else KerasHub will make of these,
        saving says.

        Args:
            tokens: Words, or other texts; `Tokenizer.propose_tokens` finds some.

        Returns:
            Each of `tokens` -> its id.

        Raises:
            InputError: One is in the vocabulary already, is there twice, is empty or cannot become
                one token; or the model has no preprocessor, has LoRA updates, or an optimizer that
                cannot be made anew. Nothing has changed then.
            QuantizedModelError: The model is quantised.

        Example:
            >>> from mlmzoo import MaskedLM
            >>> masked_lm = MaskedLM.from_preset("bert_tiny_en_uncased_kjv")
            >>> masked_lm.add_tokens(["myocarditis"])
            {'myocarditis': 4000}
            >>> masked_lm.preprocessor.tokenizer("Acute myocarditis")[-1]
            np.int32(4000)
        """
        return add_tokens(self, tokens)

    def export(
        self,
        filepath: str | os.PathLike[str],
        format: str = "onnx",
        *,
        overwrite: bool = False,
        allow_non_finite: bool = False,
    ) -> None:
        """Write a model that runs without Keras and mlmzoo, and its tokenizer beside it.

        Batch, length and number of masks stay open. Inputs and output are those of the model;
        ``mlmzoo_export.json`` names them, the ids of the special tokens, and the length that rows
        have to be padded to where the family needs one. The tokenizer's files are those of the
        transformers layout, but that ``tokenizer.json`` cuts and pads as the preprocessor does.

        Args:
            filepath: A directory; made if it is not there.
            format: ``"onnx"``, ``model.onnx``, or ``"tf_saved_model"``, the folder ``saved_model``.
            overwrite: Whether the directory may hold other things than an earlier export, which
                stay, or be a file, which is replaced. Never a preset.
            allow_non_finite: Whether weights may be NaN or infinite.

        Raises:
            InputError: The backend is not TensorFlow, the model computes in another type than
                float32, or the package tf2onnx is missing (``pip install mlmzoo[onnx]``); or
                ONNX has no operation for a part of the model.
            RandomHeadError: The head was never trained.
            WeightsError: A weight is NaN or infinite.
            SavingError: The directory holds something else, or a preset, or could not be written.
        """
        export_task(self, filepath, format, overwrite, allow_non_finite)

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
