"""What is computed in another way on each backend, because that is what the step's time hangs on.

Everything else of the kit is written once, with `keras.ops`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

BACKEND = keras.backend.backend()
HIDDEN = -3e4
"""Score of what is hidden: far below any score, and still finite in float16."""
DECISIONS = 1 << 16
"""Dropping is decided with 16 random bits for each element: a word of 64 serves four."""

if BACKEND == "jax":
    import jax.numpy as jnp
    from jax import lax

    def _mix(h: Any) -> Any:
        # https://github.com/skeeto/hash-prospector, the two-round function with the least bias.
        h = (h ^ (h >> 16)) * jnp.uint32(0x7FEB352D)
        h = (h ^ (h >> 15)) * jnp.uint32(0x846CA68B)
        return h ^ (h >> 16)

    def _keep(shape: Any, rate: float, seed: Any) -> Any:
        # A hash of an element's number: XLA fuses it with what it is for, unlike its own
        # generators, which write their bits to memory first.
        first, second = seed.astype("uint32")
        key = _mix(first ^ _mix(second))
        number = lax.iota("uint32", math.prod(shape)).reshape(shape)
        bits = _mix(_mix(number + key) ^ _mix(key ^ jnp.uint32(0x9E3779B9)))
        return bits >= jnp.uint32(round(rate * 2**32))

elif BACKEND == "tensorflow":
    import tensorflow as tf

    def _keep(shape: Any, rate: float, seed: Any) -> Any:
        size = tf.reduce_prod(shape)
        words = tf.random.stateless_uniform(
            [(size + 3) // 4], tf.cast(seed, "int64"), minval=None, maxval=None, dtype="int64"
        )
        bits = tf.reshape(tf.bitcast(words, "int16"), [-1])[:size]
        return tf.reshape(bits, shape) >= tf.constant(_threshold(rate), "int16")

    @functools.cache  # so that all layers of a model share what is compiled
    def _by_xla(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        forward = tf.function(function, jit_compile=True, autograph=False)

        @tf.function(jit_compile=True, autograph=False)
        def backward(x: Any, grad: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = function(x)
            return tape.gradient(y, x, grad)

        @tf.custom_gradient
        def call(x: Any) -> Any:
            return forward(x), functools.partial(backward, x)

        return call

elif BACKEND == "torch":
    import torch

    def _keep(shape: Any, rate: float, seed: Any) -> Any:
        size = math.prod(shape)
        words = torch.empty((size + 3) // 4, dtype=torch.int64)
        bits = words.random_(-(2**63), None, generator=seed).view(torch.int16)
        return (bits[:size] >= _threshold(rate)).view(shape)

    def _generator(seed: Any) -> Any:
        # PyTorch's generator looks at 32 bits of its seed only, so both words go into these
        # (SplitMix64; Steele et al., 2014).
        first, second = seed.tolist()
        z = (first << 32 | second) * 0x9E3779B97F4A7C15 % 2**64
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return torch.Generator().manual_seed(z >> 32)

    class _Drop(torch.autograd.Function):
        # Keeps one byte an element for the gradient; PyTorch's own keeps four.
        @staticmethod
        def forward(ctx: Any, x: Any, rate: float, seed: Any) -> Any:
            keep = _keep(x.shape, rate, _generator(seed))
            ctx.save_for_backward(keep)
            ctx.scale = 1 / (1 - rate)
            return (x * ctx.scale).mul_(keep)

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            (keep,) = ctx.saved_tensors
            return (grad * ctx.scale).mul_(keep), None, None

    class _Product(torch.autograd.Function):
        # oneDNN's kernel, at twice to four times the speed of MKL's on processors of AMD. PyTorch
        # itself takes it for bfloat16 only.
        @staticmethod
        def forward(ctx: Any, x: Any, matrix: Any, bias: Any) -> Any:
            ctx.save_for_backward(x, matrix)
            return _onednn(x, matrix.mT, bias)

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            x, matrix = ctx.saved_tensors
            to_x, to_matrix, to_bias = ctx.needs_input_grad
            grad = grad.contiguous()
            return (
                _onednn(grad, matrix) if to_x else None,
                _onednn(x.mT, grad.mT) if to_matrix else None,
                grad.sum(0) if to_bias else None,
            )

    def _onednn(x: Any, transposed: Any, bias: Any = None) -> Any:
        """``x @ transposed.mT + bias``."""
        return torch.ops.mkldnn._linear_pointwise(x, transposed, bias, "none", [], "")

    HAS_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(
        torch.ops.mkldnn, "_linear_pointwise"
    )

    class _Attend(torch.autograd.Function):
        # A few rows at a time, so that scores stay in the cache; nothing of the size of the scores
        # is kept for the gradient, which computes them, and draws the same bits, once more.
        @staticmethod
        def forward(
            ctx: Any, query: Any, key: Any, value: Any, bias: Any, rate: float, seed: Any
        ) -> Any:
            ctx.save_for_backward(query, key, value, bias)
            ctx.rate, ctx.seed = rate, seed
            generator = _generator(seed)
            context = torch.empty_like(value)
            for rows, heads in _chunks(query, bias):
                weights = _weights(query[heads], key[heads], bias[rows])
                weights.mul_(_keep(weights.shape, rate, generator))
                torch.bmm(weights, value[heads], out=context[heads])
            return context.div_(1 - rate)

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            query, key, value, bias = ctx.saved_tensors
            generator = _generator(ctx.seed)
            grad = grad / (1 - ctx.rate)
            grads = [torch.empty_like(x) for x in (query, key, value)]
            for rows, heads in _chunks(query, bias):
                weights = _weights(query[heads], key[heads], bias[rows])
                keep = _keep(weights.shape, ctx.rate, generator)
                torch.bmm((weights * keep).mT, grad[heads], out=grads[2][heads])
                scores = torch.bmm(grad[heads], value[heads].mT).mul_(keep)
                scores = torch._softmax_backward_data(scores, weights, -1, weights.dtype)
                torch.bmm(scores, key[heads], out=grads[0][heads])
                torch.bmm(scores.mT, query[heads], out=grads[1][heads])
            return *grads, None, None, None

    def _weights(query: Any, key: Any, bias: Any) -> Any:
        scores = torch.bmm(query, key.mT)
        if bias.shape[-1] > 1:
            scores.view(len(bias), -1, *scores.shape[1:]).add_(bias)
        return torch.softmax(scores, -1, out=scores)

    def _chunks(query: Any, bias: Any) -> Any:
        """Slices of rows ``B``, and of ``B * H``."""
        heads, length = len(query) // len(bias), query.shape[1]
        step = max(1, 2**22 // (heads * length * length))
        for start in range(0, len(bias), step):
            yield slice(start, start + step), slice(start * heads, (start + step) * heads)


def product(x: Any, matrix: Any, bias: Any = None) -> Any:
    """``x @ matrix + bias``.

    Args:
        x: ``(..., D)``.
        matrix: ``(D, N)``.
        bias: ``(N,)`` or ``None``.

    Returns:
        ``(..., N)``.
    """
    if BACKEND == "torch" and HAS_ONEDNN:
        matrix = ops.convert_to_tensor(matrix)
        on_cpu = x.device.type == matrix.device.type == "cpu"
        if (
            on_cpu
            and x.dtype == matrix.dtype == torch.float32
            and not torch.compiler.is_compiling()
        ):
            bias = None if bias is None else ops.convert_to_tensor(bias)
            found = _Product.apply(x.reshape(-1, x.shape[-1]), matrix, bias)
            return found.view(*x.shape[:-1], matrix.shape[-1])
    found = ops.matmul(x, matrix)
    return found if bias is None else found + bias


def unfilled(shape: Any, dtype: str) -> Any:
    """A tensor whose values are about to be written."""
    if BACKEND == "tensorflow":
        return tf.raw_ops.Empty(shape=shape, dtype=dtype)
    if BACKEND == "torch":
        return torch.empty(*shape, dtype=getattr(torch, dtype))
    return ops.zeros(shape, dtype)


def in_one_pass(function: Callable[[Any], Any], x: Any) -> Any:
    """``function(x)`` where there will be a gradient, for a function of single elements.

    TensorFlow's kernels do one operation at a time, each through the whole tensor, and keep what
    lies between for the gradient. XLA compiles them into one; of large tensors it is worth that,
    once for every shape. The other backends do so by themselves.

    Args:
        function: From a tensor to one of the same shape; hashable, and always the same object.
        x: Any floating-point tensor.
    """
    if BACKEND == "tensorflow" and not tf.config.list_logical_devices("GPU"):
        return _by_xla(function)(x)
    return function(x)


def _threshold(rate: float) -> int:
    return round(rate * DECISIONS) - DECISIONS // 2


def drop(x: Any, rate: float, seed: keras.random.SeedGenerator) -> Any:
    """Each element dropped or scaled up by a decision of its own (Srivastava et al., 2014).

    Args:
        x: Any tensor.
        rate: Share to drop, above 0 and below 1.
        seed: Moves on by one draw.
    """
    if BACKEND == "torch":
        if x.device.type != "cpu":
            return keras.random.dropout(x, rate, seed=seed)
        return _Drop.apply(x, rate, seed.next())
    keep = _keep(ops.shape(x), rate, seed.next())
    return ops.where(keep, x / ops.cast(1 - rate, x.dtype), ops.cast(0, x.dtype))


def attend(
    query: Any,
    key: Any,
    value: Any,
    visible: Any,
    rate: float,
    seed: keras.random.SeedGenerator | None,
) -> Any:
    """Scaled dot-product attention with dropout of its weights.

    Args:
        query: ``(B, L, H, d)``; `key` and `value` alike.
        key: See `query`.
        value: See `query`.
        visible: Booleans ``(B, 1, L, L)``.
        rate: Share of weights to drop; 0 takes Keras' fused kernels, which have no dropout.
        seed: Moves on by one draw where `rate` is above 0.

    Returns:
        ``(B, L, H, d)``.
    """
    if not rate or seed is None:
        return ops.dot_product_attention(query, key, value, mask=visible)
    query = query * ops.cast(query.shape[-1] ** -0.5, query.dtype)
    query, key, value = (ops.transpose(x, (0, 2, 1, 3)) for x in (query, key, value))
    if BACKEND == "torch" and query.device.type == "cpu":
        if visible.all():
            visible = visible[..., :1, :1]  # nothing to hide
        bias = torch.where(visible, 0.0, HIDDEN).to(query.dtype)
        flat = (x.reshape(-1, *x.shape[2:]) for x in (query, key, value))
        context = _Attend.apply(*flat, bias, rate, seed.next()).view(query.shape)
    else:
        scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2)))
        scores = ops.where(visible, scores, ops.cast(HIDDEN, scores.dtype))
        weights = drop(ops.softmax(scores, axis=-1), rate, seed)
        context = ops.matmul(weights, value)
    return ops.transpose(context, (0, 2, 1, 3))
