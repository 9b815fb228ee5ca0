"""Token, position and segment embeddings, and their normalised sum."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from mlmzoo.contract.errors import InputError
from mlmzoo.kit.layers.initializers import kernel_initializer
from mlmzoo.kit.layers.kernels import product
from mlmzoo.kit.layers.packing import positions_in_text


class TokenEmbedding(keras.layers.ReversibleEmbedding):
    """`keras.layers.ReversibleEmbedding`, its way back by the kernel that suits the backend."""

    def call(self, inputs: Any, reverse: bool = False) -> Any:
        if not reverse:
            return super().call(inputs)
        inputs, embeddings = (
            ops.cast(x, self.reverse_dtype)
            for x in (inputs, ops.convert_to_tensor(self.embeddings))
        )
        return product(inputs, ops.transpose(embeddings))

    def quantize(self, mode: Any = None, type_check: bool = True, config: Any = None) -> None:
        # Keras refuses subclasses, whose `call` it would replace: here that is as it should be.
        super().quantize(mode, type_check=False, config=config)


def token_embedding(
    vocabulary_size: int, dim: int, dtype: Any = None, **kwargs: Any
) -> keras.layers.ReversibleEmbedding:
    """The embedding a masked-LM head is tied to: ``(B, L) -> (B, L, dim)`` and back to ``V``."""
    policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
    return TokenEmbedding(
        vocabulary_size,
        dim,
        tie_weights=True,
        embeddings_initializer=kernel_initializer(),
        # An embedding takes integers, so Keras casts nothing in it, and the way back would be
        # computed in float32 whatever the policy.
        reverse_dtype=policy.compute_dtype,
        dtype=policy,
        name="token_embedding",
        **kwargs,
    )


def segment_embedding(num_segments: int, dim: int, **kwargs: Any) -> keras.layers.Embedding:
    """Which of two texts a token belongs to: ``(B, L) -> (B, L, dim)``."""
    return keras.layers.Embedding(
        num_segments,
        dim,
        embeddings_initializer=kernel_initializer(),
        name="segment_embedding",
        **kwargs,
    )


class PositionEmbedding(keras.layers.Layer):
    """Learned absolute positions, counted from the start of the row, or of each text in it.

    Args:
        max_length: Number of positions, the longest row it takes.
        dim: Width of the embedding.

    Call: ``(B, L, dim)`` (only its length is read) ``-> (1, L, dim)``, to be added; with the
    padding mask ``(B, L)`` of rows that may hold several texts, ``-> (B, L, dim)``.

    Raises:
        InputError: When called, the rows are longer than `max_length`.
    """

    def __init__(self, max_length: int, dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_length = max_length
        self.dim = dim

    def build(self, inputs_shape: Any, padding_mask_shape: Any = None) -> None:
        self.embeddings = self.add_weight(
            shape=(self.max_length, self.dim),
            initializer=kernel_initializer(),
            name="embeddings",
        )

    def call(self, inputs: Any, padding_mask: Any = None) -> Any:
        static_length = inputs.shape[1]
        # JAX would make NaN of a position that is not there.
        if static_length is not None and static_length > self.max_length:
            raise InputError(
                f"Rows of {static_length} tokens were given to a model with {self.max_length} "
                f"positions. Give the preprocessor sequence_length={self.max_length} or less."
            )
        if padding_mask is not None:
            return ops.take(self.embeddings, positions_in_text(padding_mask), axis=0)
        length = ops.shape(inputs)[1]
        return ops.expand_dims(ops.convert_to_tensor(self.embeddings)[:length], 0)

    def compute_output_shape(self, inputs_shape: Any, padding_mask_shape: Any = None) -> Any:
        rows = 1 if padding_mask_shape is None else inputs_shape[0]
        return (rows, inputs_shape[1], self.dim)


def embed(
    token_ids: Any,
    segment_ids: Any = None,
    padding_mask: Any = None,
    *,
    vocabulary_size: int,
    max_sequence_length: int,
    dim: int,
    layer_norm_epsilon: float,
    num_segments: int = 0,
    dtype: Any = None,
) -> Any:
    """What each token is, where it stands and which text it belongs to: summed and normalised.

    The layers are called ``token_embedding``, ``position_embedding``, ``segment_embedding`` and
    ``embeddings_layer_norm`` (Devlin et al., 2018, section 3).

    Args:
        token_ids: Symbolic integers ``(B, L)``.
        segment_ids: The same, or ``None`` in families without segments.
        padding_mask: The same, or ``None`` in families without attention. Positions restart at
            each text of a row.
        vocabulary_size: Number of token ids.
        max_sequence_length: Longest row, in tokens.
        dim: Width ``E`` of the embeddings.
        layer_norm_epsilon: Added to the variance in the normalisation.
        num_segments: Number of segment ids.
        dtype: Keras dtype or dtype policy.

    Returns:
        Symbolic ``(B, L, E)``.
    """
    tokens = token_embedding(vocabulary_size, dim, dtype=dtype)(token_ids)
    positions = PositionEmbedding(max_sequence_length, dim, dtype=dtype, name="position_embedding")
    hidden = tokens + positions(tokens, padding_mask)
    if segment_ids is not None:
        hidden = hidden + segment_embedding(num_segments, dim, dtype=dtype)(segment_ids)
    return keras.layers.LayerNormalization(
        epsilon=layer_norm_epsilon, dtype=dtype, name="embeddings_layer_norm"
    )(hidden)
