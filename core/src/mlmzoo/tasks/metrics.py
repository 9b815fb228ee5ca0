"""Loss and accuracy that mean one thing: the mean over all real masked tokens."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class TokenMean(keras.metrics.Mean):
    """Mean of batch losses, each weighted by its masked tokens rather than by its rows.

    Keras weights a batch's loss by its number of rows, so that batches with few masked tokens
    count as much as those with many. The trainer hands over the loss first and the weights of
    its tokens after that, within one step; `weigh` joins them.
    """

    _values: Any = None

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        self._values = values

    def weigh(self, token_weights: Any) -> None:
        """Count the loss just received with the sum of `token_weights` ``(B, M)``."""
        if self._values is None:  # Keras tries the metrics on symbols before the first step
            return
        weight = ops.sum(ops.cast(token_weights, self.dtype))
        super().update_state(self._values, sample_weight=weight)
        self._values = None


@keras.saving.register_keras_serializable("mlmzoo")
class TokenAccuracy(keras.metrics.SparseCategoricalAccuracy):
    """Share of masked tokens predicted right.

    Keras' own accuracy averages each row before it averages the rows; here every token counts
    the same.
    """

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true = ops.reshape(y_true, (-1, 1))
        y_pred = ops.reshape(y_pred, (-1, ops.shape(y_pred)[-1]))
        if sample_weight is not None:
            sample_weight = ops.reshape(sample_weight, (-1,))
        super().update_state(y_true, y_pred, sample_weight)
