"""Fourier mixing, FNet's part in place of attention: the one module that knows of backends' FFTs.

With ``n, m`` for positions and ``k, l`` for frequencies, the paper (section 3.2) mixes ``x`` to

    y[k, l] = Re sum over n, m of x[n, m] exp(-2 pi i (k n / L + m l / D))
            = sum over n, m of x[n, m] cos(2 pi (k n / L + m l / D)).

Two things follow that make it cheap. The cosine is the same at ``-k, -l``, so half of ``y`` is a
mirror image of the other half, and FFTs for real input compute only one. And it is the same with
``n, m`` and ``k, l`` exchanged, so the mixing is its own transpose: gradients are mixed as values
are.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    def _half(x: Any) -> Any:
        return tf.math.real(tf.signal.rfft2d(x))

elif keras.backend.backend() == "jax":
    from jax import numpy as jnp

    def _half(x: Any) -> Any:
        return jnp.fft.rfft2(x).real

else:
    import torch

    def _half(x: Any) -> Any:
        return torch.fft.rfft2(x).real


def mix(hidden: Any) -> Any:
    """The real part of the two-dimensional Fourier transform over positions and width.

    Computed in float32, whatever the dtype: a value is a sum over the whole row, and FFTs know no
    half precision.

    Args:
        hidden: ``(B, L, D)``, floating point.

    Returns:
        ``(B, L, D)`` of the same dtype.
    """
    return ops.cast(_mix(ops.cast(hidden, "float32")), hidden.dtype)


@ops.custom_gradient
def _mix(x: Any) -> Any:
    def gradient(*inputs: Any, upstream: Any = None) -> Any:
        # PyTorch names the gradient and gives the inputs, too; the others give the gradient alone.
        return _mix(inputs[0] if upstream is None else upstream)

    half = _half(x)  # y[:, l] for l up to D / 2
    mirrored = half[:, :, 1 : (ops.shape(x)[2] + 1) // 2]
    # y[k, D - l] = y[-k, l]; flipped, row k holds y[L - 1 - k], one short of it.
    mirrored = ops.roll(ops.flip(mirrored, axis=(1, 2)), 1, axis=1)
    return ops.reshape(ops.concatenate([half, mirrored], axis=2), ops.shape(x)), gradient
