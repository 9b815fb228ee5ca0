"""Lists, columns and tensors of strings to plain lists of str."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlmzoo.contract.errors import InputError

Segments = tuple[list[str], list[str] | None]
"""The texts and ``None``, or the first and the second segments of pairs."""


class OtherFormError(InputError):
    """What was found is of no form of texts; `open_texts` adds which forms there are."""


def from_array(x: np.ndarray) -> Segments:
    """Texts of shape ``(N,)`` or pairs of shape ``(N, 2)``."""
    if x.dtype.kind not in "OUST":
        raise OtherFormError(
            f"Asked to read texts from a numpy array; found dtype {x.dtype}, shape {x.shape}."
        )
    if x.ndim == 2 and x.shape[1] == 2:
        return columns([x[:, 0], x[:, 1]], "a numpy array")
    if x.ndim != 1:
        raise InputError(
            f"Asked to read texts from a numpy array; found shape {x.shape}. Give shape (N,) for "
            "texts or (N, 2) for pairs."
        )
    return from_list(x.tolist(), "a numpy array")


def from_list(items: list[Any], what: str) -> Segments:
    """Texts, or pairs where the items are 2-tuples. `what` names the list in errors."""
    if not items or not isinstance(items[0], tuple):
        return strings(items, what), None
    for index, item in enumerate(items):
        if not isinstance(item, tuple) or len(item) != 2:
            raise InputError(
                f"Asked to read pairs from {what}; found {shown(item)} at index {index}. "
                "Give every item as a tuple of two str."
            )
    return columns([[item[0] for item in items], [item[1] for item in items]], what)


def columns(parts: Sequence[Any], what: str) -> tuple[list[str], list[str]]:
    """Pairs from two equally long columns."""
    first, second = (
        strings(_listed(part), f"the {place} segments of {what}")
        for part, place in zip(parts, ("first", "second"), strict=True)
    )
    if len(first) != len(second):
        raise InputError(
            f"Asked to read pairs from {what}; found {len(first)} first and {len(second)} second "
            "segments. Give two equally long sequences. (For texts, give a list, not a tuple.)"
        )
    return first, second


def strings(values: list[Any], what: str) -> list[str]:
    """The values as str; bytes are decoded from UTF-8, and surrogates are refused."""
    if not set(map(type, values)) <= {str}:
        values = [_string(value, index, what) for index, value in enumerate(values)]
    for index, text in enumerate(values):
        if not text.isascii():
            _refuse_surrogates(text, index, what)
    return values


def _refuse_surrogates(text: str, index: int, what: str) -> None:
    """Refuse what is half a character: it comes of bytes read in the wrong encoding."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"Asked to read texts from {what}; found {shown(text)} at index {index}, which is not "
            f"valid Unicode ({error.reason} at character {error.start}). Read it again as UTF-8, "
            "or clean it: text.encode('utf-8', 'replace').decode()."
        ) from error


def _string(value: Any, index: int, what: str) -> str:
    value = plain(value)
    if isinstance(value, str):
        return str(value)
    if not isinstance(value, bytes):
        raise not_a_text(value, index, what)
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"Asked to read texts from {what}; found bytes at index {index} that are not UTF-8 "
            f"({error}). Decode them first: data.decode('latin-1')."
        ) from error


def not_a_text(value: Any, index: int, what: str) -> InputError:
    """The error for a value that is no text, with advice for its kind."""
    found = f"Asked to read texts from {what}; found {shown(value)} at index {index}."
    missing = value is None or type(value).__name__ == "NAType"
    if missing or (isinstance(value, float) and value != value):
        advice = "Drop or fill missing entries first (pandas: series.dropna())."
    elif isinstance(value, tuple):
        advice = "Give either texts or pairs throughout, not both."
    elif isinstance(value, list | np.ndarray):
        advice = (
            "That is nested one level too deep: give one flat list of str. "
            "Pairs are 2-tuples, batches come from an iterator."
        )
    else:
        return OtherFormError(found)
    return InputError(f"{found} {advice}")


def _listed(part: Any) -> list[Any]:
    part = plain(part)
    if isinstance(part, np.ndarray) and part.ndim == 1:
        return part.tolist()
    if isinstance(part, list | tuple):
        return list(part)
    raise InputError(
        f"Asked to read pairs from a tuple; found {shown(part)} where a sequence of str belongs. "
        "Give two equally long sequences: (['first', …], ['second', …]). If that part is a label, "
        "leave it out, e.g. data.map(lambda text, label: text)."
    )


def plain(x: Any) -> Any:
    """Tensors and columns as numpy arrays, those without axes as their value; else `x` itself."""
    if not isinstance(x, np.ndarray | np.generic) and not isinstance(x, type):
        for method in ("to_numpy", "numpy"):  # pandas and polars; tensors
            if callable(getattr(x, method, None)):
                x = getattr(x, method)()
                break
    if isinstance(x, np.generic) or (isinstance(x, np.ndarray) and x.ndim == 0):
        return x.item()
    return x


def shown(value: Any) -> str:
    """Type and value for an error message, cut to a readable length."""
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 80 else text[:77] + '...'}"
