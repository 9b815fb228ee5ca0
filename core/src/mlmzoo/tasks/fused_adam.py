"""Adam's step in one pass over the weights, on TensorFlow and on PyTorch's CPU."""

from __future__ import annotations

import types
from typing import Any

import keras


def fuse(optimizer: Any) -> None:
    """Let an Adam or AdamW of Keras update weights with the kernel that its backend has for it.

    Keras' own update takes a dozen passes over all weights, with a copy of them after most. XLA
    joins the passes, so on JAX there is nothing to do. Results (to rounding), variables and
    config stay the same. Other optimizers are left as they are, and so is a subclass of Adam with
    an update of its own.

    Args:
        optimizer: Any optimizer of Keras.
    """
    adam = keras.optimizers.Adam
    if not isinstance(optimizer, adam) or optimizer.amsgrad:
        return
    if type(optimizer).update_step is not adam.update_step:
        return
    if keras.backend.backend() == "torch":
        optimizer._parallel_update_step = types.MethodType(_torch_step, optimizer)
    elif keras.backend.backend() == "tensorflow":
        optimizer.update_step = types.MethodType(_tensorflow_step, optimizer)


def _tensorflow_step(self: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
    import tensorflow as tf

    dtype = variable.dtype
    step = tf.cast(tf.convert_to_tensor(self.iterations) + 1, dtype)
    beta_1, beta_2 = (tf.constant(beta, dtype) for beta in (self.beta_1, self.beta_2))
    index = self._get_variable_index(variable)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=self._momentums[index].value.handle,
        v=self._velocities[index].value.handle,
        beta1_power=beta_1**step,
        beta2_power=beta_2**step,
        lr=tf.cast(learning_rate, dtype),
        beta1=beta_1,
        beta2=beta_2,
        epsilon=tf.constant(self.epsilon, dtype),
        grad=tf.cast(gradient, dtype),
    )


def _torch_step(self: Any, grads: list[Any], variables: list[Any], learning_rate: Any) -> None:
    import torch

    weights = [variable.value for variable in variables]
    # torch.compile fuses by itself, and cannot compile the kernel.
    plain = torch.compiler.is_compiling()
    if plain or any(w.device.type != "cpu" or w.dtype != torch.float32 for w in weights):
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
