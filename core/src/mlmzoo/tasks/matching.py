"""Whether a preprocessor makes what a backbone takes: asked when the two meet."""

from __future__ import annotations

from typing import Any

from mlmzoo.contract.errors import InputError
from mlmzoo.kit.layers import PositionEmbedding
from mlmzoo.tasks.preprocessor import Preprocessor


def refuse_mismatch(backbone: Any, preprocessor: Any) -> None:
    """Refuse a preprocessor of another model.

    A row too long, or an id that the embedding has not, is an error on one backend, and on another
    a number made of something else.

    Args:
        backbone: The `Backbone`.
        preprocessor: The `Preprocessor`; anything else is let pass.

    Raises:
        InputError: Its rows may be longer than the backbone has positions, its tokenizer has more
            ids than the embedding has rows, or it makes no ``segment_ids`` and they are needed.
    """
    if not isinstance(preprocessor, Preprocessor):
        return
    asked = f"A {type(preprocessor).__name__} was given to a {type(backbone).__name__}"
    length, positions = preprocessor.sequence_length, longest_row(backbone)
    if positions is not None and length > positions:
        raise InputError(
            f"{asked} with {positions} positions; its sequence_length is {length}. Give it "
            f"sequence_length={positions} or less."
        )
    ids, rows = preprocessor.tokenizer.vocabulary_size(), backbone.token_embedding.input_dim
    if ids > rows:
        raise InputError(
            f"{asked} with an embedding of {rows} rows; its tokenizer has {ids} ids. Give the "
            "tokenizer that belongs to the model."
        )
    if "segment_ids" in backbone.input and not preprocessor.segments:
        raise InputError(
            f"{asked} that takes segment_ids, and it makes none. Give the preprocessor of the "
            "model's family."
        )


def longest_row(backbone: Any) -> int | None:
    """Most tokens a row, as far as the backbone's position embeddings say; ``None``: any number."""
    lengths = [
        layer.max_length
        for layer in backbone._flatten_layers(include_self=False)
        if isinstance(layer, PositionEmbedding)
    ]
    return min(lengths, default=None)
