"""Adam's step in one pass over the weights, on PyTorch's CPU."""

from __future__ import annotations

import types
from typing import Any

import keras


def fuse(optimizer: Any) -> None:
    """Let an Adam or AdamW of Keras update all weights with PyTorch's fused kernel.

    Keras' own update takes a dozen passes over all weights and makes copies of them on the way.
    Results (to rounding), variables and config stay the same. Other optimizers and other backends
    are left as they are.

    Args:
        optimizer: Any optimizer of Keras.
    """
    known = isinstance(optimizer, keras.optimizers.Adam) and not optimizer.amsgrad
    if keras.backend.backend() == "torch" and known:
        optimizer._parallel_update_step = types.MethodType(_step, optimizer)


def _step(self: Any, grads: list[Any], variables: list[Any], learning_rate: Any) -> None:
    import torch

    weights = [variable.value for variable in variables]
    if any(w.device.type != "cpu" or w.dtype != torch.float32 for w in weights):
        type(self)._parallel_update_step(self, grads, variables, learning_rate)
        return
    indices = [self._get_variable_index(variable) for variable in variables]
    step = int(keras.ops.convert_to_tensor(self.iterations)) + 1
    # The kernel reads memory straight through.
    grads = [grad.contiguous() for grad in grads]
    torch._fused_adam_(
        weights,
        grads,
        [self._momentums[i].value for i in indices],
        [self._velocities[i].value for i in indices],
        [],
        [torch.tensor(float(step))] * len(weights),
        lr=float(learning_rate),
        beta1=self.beta_1,
        beta2=self.beta_2,
        weight_decay=0.0,  # Keras has applied its own by now
        # PyTorch adds epsilon after the correction of the second moment, Keras before.
        eps=self.epsilon / (1 - self.beta_2**step) ** 0.5,
        amsgrad=False,
        maximize=False,
    )
