"""What is tokenised already, looked at before a model gets it.

What is out of range is refused here, because no two backends agree on it: TensorFlow fails on a CPU
and reads zeros on a GPU, JAX takes the last row, PyTorch fails or counts from the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmzoo.contract.errors import InputError
from mlmzoo.data.strings import plain, shown

HEAVIEST = 1e20
"""Weights of this size can still be added up in float32, for all tokens of an epoch."""


@dataclass(frozen=True)
class TokenisedForm:
    """What a model takes.

    Args:
        names: The inputs that it needs.
        vocabulary_size: Ids are below this.
        positions: Most tokens a row, or ``None``.
        segments: Segment ids are below this; ``None`` where that is not known.
        labelled: Whether labels are ids, as for the automatic loss; if not, a loss of the
            user's own says what they are.
    """

    names: tuple[str, ...]
    vocabulary_size: int
    positions: int | None = None
    segments: int | None = None
    labelled: bool = True

    def check(self, x: Any, y: Any, sample_weight: Any, where: str, training: bool) -> None:
        """Refuse a batch, or a whole data set in memory.

        Args:
            x: Mapping of names to arrays or tensors: ``token_ids`` and the like integers
                ``(B, L)``, ``mask_positions`` ``(B, M)``.
            y: Labels ``(B, M)``, or ``None``.
            sample_weight: ``(B,)`` or ``(B, M)``, or ``None``.
            where: What this is, for the error: ``"tokenised input"``, ``"batch 3 of a stream"``.
            training: Whether labels are needed.

        Raises:
            InputError: Something is missing, of another shape or type, or out of range.
        """
        if not isinstance(x, Mapping):
            raise InputError(
                f"Asked to read {where}; found {shown(x)}. Give a dict of integer arrays, or a "
                "tuple (dict, labels) or (dict, labels, weights)."
            )
        if missing := [name for name in self.names if name not in x]:
            raise InputError(
                f"Asked to read {where}; found a dict of {list(x)}, without {missing}. Give "
                f"{list(self.names)}: integers (rows, tokens), mask_positions (rows, masks)."
            )
        arrays = {name: _integers(name, x[name], where) for name in self.names}
        rows, length = arrays["token_ids"].shape
        for name, array in arrays.items():
            expected = (rows, array.shape[1] if name == "mask_positions" else length)
            if array.shape != expected or not array.size:
                raise InputError(
                    f"Asked to read {where}; found {name} of shape {array.shape} beside token_ids "
                    f"of shape {(rows, length)}. Give (rows, tokens), the same for all but "
                    "mask_positions, which is (rows, masks); one row and one mask at least."
                )
        if self.positions is not None and length > self.positions:
            raise InputError(
                f"Asked to read {where}; found rows of {length} tokens, and the model has "
                f"{self.positions} positions. Cut them to {self.positions}."
            )
        limits = {
            "token_ids": self.vocabulary_size,
            "mask_positions": length,
            "segment_ids": self.segments,
        }
        for name, array in arrays.items():
            _refuse_outside(name, array, limits.get(name), where)
        if "padding_mask" in arrays:
            _refuse_unseen(arrays["padding_mask"], where)
        if training and self.labelled:
            self._check_labels(y, arrays["mask_positions"].shape, where)
        if sample_weight is not None:
            _check_weights(sample_weight, arrays["mask_positions"].shape, where, self.labelled)

    def _check_labels(self, y: Any, shape: tuple[int, ...], where: str) -> None:
        if y is None:
            raise InputError(
                f"Asked to read {where}; found no labels. Give the ids that stood at "
                f"mask_positions: integers of shape {shape}."
            )
        labels = _integers("labels", y, where)
        if labels.shape != shape:
            raise InputError(
                f"Asked to read {where}; found labels of shape {labels.shape}. Give one for each "
                f"of mask_positions: shape {shape}."
            )
        _refuse_outside("labels", labels, self.vocabulary_size, where)


def as_arrays(data: Any) -> Any:
    """Lists among tokenised input as arrays; anything else as it is.

    Raises:
        InputError: A list is ragged.
    """
    if isinstance(data, Mapping):
        return {name: as_arrays(value) for name, value in data.items()}
    if not isinstance(data, list):
        return data
    try:
        return np.asarray(data)
    except ValueError as error:
        raise InputError(
            f"Asked to read an array from {shown(data)}; found rows that are not equally long. Pad "
            "them to one length."
        ) from error


def _integers(name: str, value: Any, where: str) -> np.ndarray:
    array = on_host(value)
    # Text and objects, floats that may be NaN; a mask of booleans is fine.
    if array.dtype.kind not in ("iub" if name == "padding_mask" else "iu"):
        raise InputError(
            f"Asked to read {where}; found {name} of type {array.dtype}. Give integers: "
            f"{name}.astype('int32')."
        )
    if array.ndim != 2:
        raise InputError(
            f"Asked to read {where}; found {name} of shape {array.shape}. Give (rows, tokens); one "
            "row alone is array[None]."
        )
    return array


def _refuse_outside(name: str, array: np.ndarray, limit: int | None, where: str) -> None:
    # The largest and the smallest first, as they need no memory.
    low, high = int(array.min()), int(array.max())
    if low >= 0 and (limit is None or high < limit):
        return
    wrong = (array < 0) if low < 0 else (array >= limit)
    row, column = (int(place[0]) for place in np.nonzero(wrong))
    allowed = "0 or more" if limit is None else f"0 to {limit - 1}"
    advice = {
        "token_ids": "Were they made by another tokenizer?",
        "labels": "Where nothing is masked give 0, with a sample_weight of 0.",
    }.get(name, "Give others.")
    raise InputError(
        f"Asked to read {where}; found {array[row, column]} among {name}, at row {row}, column "
        f"{column}; they are {allowed}. {advice}"
    )


def _refuse_unseen(mask: np.ndarray, where: str) -> None:
    seen = mask.any(axis=1)
    if not seen.all():
        raise InputError(
            f"Asked to read {where}; found padding_mask all 0 in row {int(seen.argmin())}, and "
            "attention over nothing is not a number. Leave the row out, or set its first place to "
            "1 and its sample_weight to 0."
        )


def _check_weights(sample_weight: Any, shape: tuple[int, ...], where: str, per_mask: bool) -> None:
    weights = on_host(sample_weight)
    if weights.dtype.kind not in "fiub":
        raise InputError(
            f"Asked to read {where}; found sample_weight of type {weights.dtype}. Give numbers."
        )
    if per_mask and weights.shape not in (shape[:1], shape):
        raise InputError(
            f"Asked to read {where}; found sample_weight of shape {weights.shape}. Give one a row, "
            f"shape {shape[:1]}, or one a mask, shape {shape}."
        )
    check_weights(weights, where)


def check_weights(weights: np.ndarray, where: str) -> None:
    """Refuse weights that are negative, not finite, or too large to be added up.

    Raises:
        InputError: One is; it is named with its place.
    """
    wrong = np.argwhere(~((weights >= 0) & (weights <= HEAVIEST)))  # NaN fails both
    if len(wrong):
        place = tuple(map(int, wrong[0]))
        index = place[0] if len(place) == 1 else place
        raise InputError(
            f"Asked to weight {where}; found sample_weight {weights[place]} at index {index}. "
            f"Give numbers from 0 to {HEAVIEST:g}."
        )


def on_host(value: Any) -> np.ndarray:
    """An array, a tensor of any framework, or a list of lists as an array; bfloat16 as float32."""
    if hasattr(value, "detach"):  # PyTorch, perhaps on another device
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":  # NumPy has none
            value = value.float()
    if isinstance(value, Sequence):
        value = as_arrays(value)
    array = np.asarray(plain(value))
    # As ml_dtypes make it known to NumPy it is no kind of number there.
    return array.astype("float32") if array.dtype.name == "bfloat16" else array
