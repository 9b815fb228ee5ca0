"""Reads the forms in which a tokenizer is given text, TensorFlow's among them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from mlmzoo.contract.errors import InputError

FORMS = (
    'Give one text ("a text"), a list, tuple, array or Series of texts, or a string tensor of '
    "rank 0 or 1. Bytes are read as UTF-8."
)


def read_texts(inputs: Any) -> tuple[list[str], bool]:
    """Texts, whatever they were given as.

    Args:
        inputs: A str or bytes; a list, tuple, 1-D array, pandas Series or eager TensorFlow
            tensor of them.

    Returns:
        The texts, and whether there was a batch of them (``False`` for one lone text).

    Raises:
        InputError: Anything else: ``None``, numbers, nested lists, bytes that are not UTF-8.
    """
    if isinstance(inputs, str | bytes):
        return [_text(inputs)], False
    if hasattr(inputs, "to_numpy"):  # pandas, polars
        inputs = inputs.to_numpy()
    elif hasattr(inputs, "numpy"):  # an eager TensorFlow tensor
        inputs = inputs.numpy()
    if isinstance(inputs, np.ndarray):
        if inputs.ndim > 1:
            raise InputError(
                f"The tokenizer was given an array of shape {inputs.shape}, and takes one text "
                f"or one list of texts. {FORMS}"
            )
        inputs = inputs.tolist()
    if isinstance(inputs, str | bytes):
        return [_text(inputs)], False
    if not isinstance(inputs, Sequence):
        raise InputError(
            f"The tokenizer was given {_short(inputs)} of type {type(inputs).__name__}. {FORMS}"
        )
    return [
        text if type(text) is str else _text(text, number) for number, text in enumerate(inputs)
    ], True


def refuse_invalid_unicode(texts: Iterable[str]) -> None:
    """Refuse texts that UTF-8 cannot hold.

    Raises:
        InputError: There is one; it is named by its number.
    """
    for number, text in enumerate(texts):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as fault:
            raise InputError(
                f"Text number {number} is not valid Unicode: {fault}. Read it again as UTF-8, "
                "or clean it with text.encode('utf-8', 'replace').decode()."
            ) from fault


def symbolic(inputs: Any) -> bool:
    """Whether this is a tensor of a TensorFlow graph, as inside ``dataset.map``.

    TensorFlow is asked only where somebody has imported it already.
    """
    tensorflow: Any = sys.modules.get("tensorflow")
    return bool(
        tensorflow is not None
        and hasattr(tensorflow, "is_tensor")
        and tensorflow.is_tensor(inputs)
        and not hasattr(inputs, "numpy")
    )


def in_graph(tokenize: Callable[[Any], Any], inputs: Any, length: int | None) -> Any:
    """Puts a call of `tokenize` into a TensorFlow graph.

    Args:
        tokenize: From bytes, or an array of bytes, to ids.
        inputs: Symbolic string tensor of rank 0 or 1.
        length: Length of each row of ids, or ``None`` where rows differ.

    Returns:
        An int32 tensor: ``(L,)`` for one text, ``(B, length)`` for a batch, ragged where
        `length` is ``None``.
    """
    tf: Any = sys.modules["tensorflow"]
    rank = inputs.shape.rank
    if inputs.dtype != tf.string or rank not in (0, 1):
        raise InputError(
            f"The tokenizer was given a tensor of type {inputs.dtype.name} and rank {rank}. {FORMS}"
        )
    if rank == 0 or length is not None:
        ids = tf.numpy_function(tokenize, [inputs], tf.int32)
        ids.set_shape([*inputs.shape, length])
        return ids

    def flat(texts: Any) -> tuple[np.ndarray, np.ndarray]:
        rows = tokenize(texts)
        lengths = np.array([len(row) for row in rows], np.int64)
        return np.concatenate([np.empty(0, np.int32), *rows]), lengths

    values, lengths = tf.numpy_function(flat, [inputs], [tf.int32, tf.int64])
    values.set_shape([None])
    lengths.set_shape(inputs.shape)
    return tf.RaggedTensor.from_row_lengths(values, lengths, validate=False)


def read_ids(inputs: Any) -> tuple[list[list[int]], bool]:
    """Rows of token ids, whatever they were given as, and whether there was a batch of rows.

    Raises:
        InputError: Neither one sequence of integers nor several.
    """
    if hasattr(inputs, "detach"):  # PyTorch, perhaps on another device
        inputs = inputs.detach().cpu()
    if hasattr(inputs, "to_list"):  # a ragged TensorFlow tensor
        inputs = inputs.to_list()
    if not isinstance(inputs, list | tuple):
        inputs = np.asarray(inputs)
    rows = list(inputs) if getattr(inputs, "ndim", 1) else [inputs]
    batched = bool(rows) and np.ndim(rows[0]) == 1
    try:
        arrays = [np.asarray(row) for row in (rows if batched else [rows])]
    except ValueError:
        arrays = []
    if not arrays or any(
        array.ndim != 1 or (array.size and array.dtype.kind not in "iu") for array in arrays
    ):
        raise InputError(
            f"`detokenize` was given {_short(inputs)}, and takes token ids: one sequence of "
            "integers, or a list or 2-D array of such sequences."
        )
    return [[int(id) for id in array.tolist()] for array in arrays], batched


def _text(text: Any, number: int | None = None) -> str:
    where = "The text" if number is None else f"Text number {number}"
    if hasattr(text, "numpy"):
        text = text.numpy()
    if isinstance(text, bytes):
        try:
            return text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"{where} was given as bytes that are not UTF-8: {error}. Decode it first, with "
                "the encoding it was written in."
            ) from error
    if not isinstance(text, str):
        raise InputError(f"{where} is {_short(text)} of type {type(text).__name__}. {FORMS}")
    return str(text)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
