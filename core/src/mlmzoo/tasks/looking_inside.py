"""Vectors of texts, and what the backbone makes of one on the way: `embed`, `hidden_states`,
`attentions`.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from mlmzoo.contract.errors import InputError
from mlmzoo.data.inputs import Texts
from mlmzoo.data.rows import TokenRows
from mlmzoo.inference.attention_map import AttentionMap, is_index
from mlmzoo.tasks.answering import Answering, answer_texts, is_pair
from mlmzoo.tasks.asking import unmasked_batches
from mlmzoo.tasks.derived import derived

POOLINGS = ("mean", "cls", "max")


class LookingInside(Answering):
    """Mixin: what the backbone says of raw text, through the task's preprocessor."""

    def embed(
        self,
        texts: Any,
        pooling: str = "mean",
        layer: int = -1,
        normalize: bool = False,
        batch_size: int = 32,
    ) -> np.ndarray:
        """One vector for each text.

        Args:
            texts: One text (a pair is a tuple of two str), a list, or a stream of ``N`` texts;
                those longer than the sequence length are cut off.
            pooling: ``"mean"`` or ``"max"`` over the tokens of the text, special tokens included
                (as in sentence-transformers); ``"cls"``, that of the first token.
            layer: After which block, -1 after the last; 0 is what goes into the first.
            normalize: Whether to scale each vector to length 1.
            batch_size: Texts computed at a time.

        Returns:
            float32 of shape ``(N, D)``; ``(D,)`` for a single text.

        Raises:
            InputError: The model has no preprocessor, or no such layer or pooling.

        Example:
            >>> from mlmzoo import MaskedLM
            >>> masked_lm = MaskedLM.from_preset("bert_tiny_en_uncased_kjv")
            >>> masked_lm.embed(["Jesus wept.", "In the beginning"]).shape
            (2, 128)
        """
        self._need_preprocessor("embed", batch_size)
        if pooling not in POOLINGS:
            raise InputError(
                f"pooling={pooling!r} was asked for. Give one of {', '.join(map(repr, POOLINGS))}."
            )
        model = self._up_to(self._state(layer))

        def answer(some: Texts) -> np.ndarray:
            rows = self.preprocessor.rows(some)
            vectors = np.zeros((len(rows), model.output.shape[-1]), np.float32)
            for indices, inputs in unmasked_batches(self, rows, batch_size):
                hidden = np.asarray(model.predict_on_batch(inputs), "float32")[: len(indices)]
                vectors[indices] = _pooled(hidden, rows.lengths[indices], pooling)
            if normalize:
                lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
                vectors /= np.maximum(lengths, 1e-12)
            return vectors

        found = answer_texts(texts, answer)
        return found if isinstance(found, np.ndarray) else np.stack(list(found))

    def hidden_states(self, text: Any) -> np.ndarray:
        """What the backbone makes of one text, block by block.

        Args:
            text: One text, or a pair as a tuple of two str; cut off at the sequence length.

        Returns:
            float32 of shape ``(layers + 1, L, D)``: what goes into the first block, and what comes
            out of each; ``L`` tokens, special tokens included.

        Raises:
            InputError: The model has no preprocessor, or the family does not tell.
        """
        inputs, rows = self._one(text, "hidden_states")
        self._state(0)
        found = self._up_to(list(self.backbone.hidden_states)).predict_on_batch(inputs)
        length = len(rows.ids)  # without padding
        return np.stack([np.asarray(state, "float32")[0, :length] for state in found])

    def attentions(self, text: Any) -> AttentionMap:
        """How much the tokens of one text attend to each other, in every layer and head.

        Args:
            text: One text, or a pair as a tuple of two str; cut off at the sequence length.

        Raises:
            InputError: The model has no preprocessor, or the family has no attention.
        """
        inputs, rows = self._one(text, "attentions")
        self._state(0)
        length = len(rows.ids)  # without padding, which nothing attends to
        blocks = [_made_by(state) for state in self.backbone.hidden_states[1:]]
        for block, _ in blocks:
            if not hasattr(getattr(block, "attention", None), "attention_weights"):
                raise InputError(
                    f"Attention was asked of {type(self.backbone).__name__}, whose blocks "
                    f"({type(block).__name__}) have none to show."
                )
        # In one pass for all blocks: one program to compile, and no block is computed again.
        given = self._up_to([each for _, arguments in blocks for each in arguments])
        found = iter(given.predict_on_batch(inputs))
        weights = []
        for block, arguments in blocks:
            tensors = [keras.ops.convert_to_tensor(next(found)) for _ in arguments]
            attended = keras.ops.convert_to_numpy(block.attention.attention_weights(*tensors))
            weights.append(np.asarray(attended, "float32")[0, :, :length, :length])
        tokens = tuple(map(self.preprocessor.tokenizer.id_to_token, rows.ids.tolist()))
        return AttentionMap(tokens, np.stack(weights))

    def _one(self, text: Any, what: str) -> tuple[dict[str, np.ndarray], TokenRows]:
        """One text as the backbone takes it."""
        self._need_preprocessor(what)
        if not isinstance(text, str) and not is_pair(text):
            raise InputError(
                f"{what} was asked of {text!r:.60}. Give one text, or a pair as a tuple of two str."
            )
        ((inputs, rows),) = answer_texts([text], lambda some: [self._framed_one(some)])
        return inputs, rows

    def _framed_one(self, texts: Texts) -> tuple[dict[str, np.ndarray], TokenRows]:
        rows = self.preprocessor.rows(texts)
        ((_, inputs),) = unmasked_batches(self, rows, 1)
        return inputs, rows

    def _state(self, layer: int) -> Any:
        states = self.backbone.hidden_states
        if not states:
            if layer == -1:
                return self.backbone.output["sequence_output"]
            raise InputError(
                f"Layer {layer} was asked of {type(self.backbone).__name__}, which tells its last "
                "one only: its class hands no `hidden_states` to `Backbone`."
            )
        if not is_index(layer, len(states)):
            raise InputError(
                f"layer={layer!r} was asked for. The backbone has layers 0 to {len(states) - 1}, "
                "0 being what goes into the first block."
            )
        return states[layer]

    def _up_to(self, outputs: Any) -> keras.Model:
        """The backbone as far as some of its tensors, made once for each."""
        made: dict[Any, keras.Model] = derived(self, "_partial_models", (), dict)
        names = tuple(map(id, outputs)) if isinstance(outputs, list) else id(outputs)
        if names not in made:
            made[names] = keras.Model(self.backbone.input, outputs)
        return made[names]


def _made_by(state: Any) -> tuple[Any, list[Any]]:
    """The block a tensor came out of, and the tensors that went into it."""
    history = state._keras_history
    node = history.operation._inbound_nodes[history.node_index]
    return history.operation, list(node.arguments.keras_tensors)


def _pooled(hidden: np.ndarray, lengths: np.ndarray, pooling: str) -> np.ndarray:
    if pooling == "cls":
        return hidden[:, 0]
    real = (np.arange(hidden.shape[1]) < lengths[:, None])[..., None]
    if pooling == "max":
        return np.where(real, hidden, -np.inf).max(axis=1)
    return np.where(real, hidden, 0).sum(axis=1) / lengths[:, None]
