"""Disentangled attention on PyTorch, one text at a time and without a graph of its steps.

What costs time there is not arithmetic but memory: a new tensor as large as the scores of a batch
takes longer to be handed out by the system than to be computed. Here tensors for one text are used
again by the next, and of all that is as large as the scores only the weights are kept.
"""

from __future__ import annotations

from typing import Any

import torch


def attend(
    query: Any,
    key: Any,
    value: Any,
    position_query: Any,
    position_key: Any,
    vector_of: Any,
    visible: Any,
    rate: float = 0.0,
    seed: int = 0,
) -> Any:
    """What `DisentangledAttention` makes of its projections, those of queries scaled.

    Args:
        query: ``(B, H, L, d)``, as `key` and `value`.
        key: The keys.
        value: The values.
        position_query: ``(H, R, d)``, as `position_key`.
        position_key: The position vectors as keys.
        vector_of: Integers ``(L, L)`` of queries and keys, from 0 to ``R - 1``.
        visible: Booleans ``(B, 1, L, L)`` of queries and keys.
        rate: Share of attention weights to drop.
        seed: Which ones are dropped.

    Returns:
        ``(B, H, L, d)``.
    """
    given = (x.contiguous() for x in (query, key, value, position_query, position_key))
    return _Attend.apply(*given, vector_of.long(), ~visible, rate, seed)


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        query: Any,
        key: Any,
        value: Any,
        position_query: Any,
        position_key: Any,
        vector_of: Any,
        hidden: Any,
        rate: float,
        seed: int,
    ) -> Any:
        texts, heads, length, _ = query.shape
        by_query, by_key = (x.expand(heads, -1, -1) for x in (vector_of, vector_of.mT))
        generator = torch.Generator(query.device).manual_seed(seed)
        kept_texts = texts if any(ctx.needs_input_grad) else 1
        all_weights = query.new_empty(kept_texts, heads, length, length)
        table = query.new_empty(heads, length, position_key.shape[1])
        spare = torch.empty_like(all_weights[0])
        context = torch.empty_like(query)
        for i in range(texts):
            weights = all_weights[i % kept_texts]
            torch.bmm(query[i], key[i].mT, out=weights)
            torch.bmm(query[i], position_key.mT, out=table)
            weights += torch.gather(table, 2, by_query, out=spare)
            torch.bmm(key[i], position_query.mT, out=table)
            weights += torch.gather(table, 2, by_key, out=spare).mT
            # Far below any score, and still finite in float16.
            weights.masked_fill_(hidden[i], -3e4)
            torch.softmax(weights, dim=-1, out=weights)
            if rate:
                # A weight is never negative: the sign remembers that it is dropped.
                weights.copysign_(_signs(rate, generator, spare))
            torch.bmm(torch.clamp(weights, min=0, out=spare), value[i], out=context[i])
        context /= 1 - rate
        ctx.rate = rate
        ctx.save_for_backward(
            query,
            key,
            value,
            position_query,
            position_key,
            vector_of,
            hidden,
            all_weights,
            context,
        )
        return context

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Any) -> Any:
        query, key, value, position_query, position_key = ctx.saved_tensors[:5]
        vector_of, hidden, all_weights, context = ctx.saved_tensors[5:]
        texts, heads, length, _ = query.shape
        by_query, by_key = (x.expand(heads, -1, -1) for x in (vector_of, vector_of.mT))
        # The softmax's gradient needs the sum over keys of weights and their gradients.
        total = (grad * context).sum(-1, keepdim=True)
        grad = (grad / (1 - ctx.rate)).contiguous()
        d_query, d_key, d_value = map(torch.empty_like, (query, key, value))
        d_position_query, d_position_key = map(torch.zeros_like, (position_query, position_key))
        scores, spare = (torch.empty_like(all_weights[0]) for _ in range(2))
        table = query.new_empty(heads, length, position_key.shape[1])
        for i in range(texts):
            weights = all_weights[i]
            used = torch.clamp(weights, min=0, out=spare)
            torch.bmm(used.mT, grad[i], out=d_value[i])
            torch.bmm(grad[i], value[i].mT, out=scores)
            scores.mul_(used)
            scores.addcmul_(torch.abs(weights, out=spare), total[i], value=-1)
            scores.masked_fill_(hidden[i], 0)

            torch.bmm(scores, key[i], out=d_query[i])
            table.zero_().scatter_add_(2, by_query, scores)
            d_query[i].baddbmm_(table, position_key)
            d_position_key.baddbmm_(table.mT, query[i])

            torch.bmm(scores.mT, query[i], out=d_key[i])
            table.zero_().scatter_add_(2, by_key, scores.mT)
            d_key[i].baddbmm_(table, position_query)
            d_position_query.baddbmm_(table.mT, key[i])
        return d_query, d_key, d_value, d_position_query, d_position_key, None, None, None, None


def _signs(rate: float, generator: Any, out: Any) -> Any:
    """Negative numbers in a share of the places, drawn at random, and positive ones elsewhere."""
    # Sixteen random bits a place, four places a number: bernoulli_ takes twenty times as long.
    numbers = torch.empty(-(-out.numel() // 4), dtype=torch.int64, device=out.device)
    bits = numbers.random_(-(2**63), None, generator=generator).view(torch.int16)
    threshold = round(rate * 2**16) - 2**15
    return torch.ge(bits[: out.numel()].view(out.shape), threshold, out=out).sub_(0.5)
