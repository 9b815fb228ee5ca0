"""Picking elements by one index for all rows, with the kernel that suits each backend."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

if keras.backend.backend() == "torch":
    import torch

    class _LookUp(torch.autograd.Function):
        # PyTorch's own gather keeps its table, and its index_select takes thrice the time.
        @staticmethod
        def forward(ctx: Any, table: Any, places: Any) -> Any:
            ctx.save_for_backward(places)
            ctx.size = table.shape[-1]
            return table.gather(-1, places.expand(*table.shape[:-1], -1))

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            (places,) = ctx.saved_tensors
            total = grad.new_zeros(*grad.shape[:-1], ctx.size)
            return total.scatter_add_(-1, places.expand_as(grad), grad), None


def look_up(table: Any, places: Any) -> Any:
    """Elements of the last axis of a table, the same places in each of its rows.

    The index is never repeated for the rows, and the table is not kept for the backward pass:
    where a table is as large as attention scores, either would take more memory than the scores.

    Args:
        table: Numbers ``(..., N)``.
        places: Integers from 0 to ``N - 1``, of any shape ``S``.

    Returns:
        ``(..., *S)``.
    """
    if keras.backend.backend() == "torch":
        found = _LookUp.apply(table, places.reshape(-1).long())
        return found.reshape(*table.shape[:-1], *places.shape)
    return ops.take(table, places, axis=-1)
