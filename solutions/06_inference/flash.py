"""Flash attention: attention tile by tile, so that no T × T tensor ever exists.

Letters: T time, D size of a key, D_v size of a value, B_q and B_k rows of a tile. `...` stands for
any number of leading dimensions, none included. Functions change none of their inputs.
"""

import math

import torch


### BEGIN SOLUTION
def _scores(
    q: torch.Tensor, k: torch.Tensor, i: int, j: int, B_q: int, B_k: int, causal: bool
) -> torch.Tensor:
    """Return the scores of one tile, (..., up to B_q, up to B_k), with -inf where masked."""
    scores = q[..., i : i + B_q, :] @ k[..., j : j + B_k, :].mT / math.sqrt(q.shape[-1])
    if causal:
        shift = k.shape[-2] - q.shape[-2]
        rows = i + shift + torch.arange(scores.shape[-2])[:, None]
        columns = j + torch.arange(scores.shape[-1])
        scores = scores.masked_fill(columns > rows, -math.inf)
    return scores


def _end(q: torch.Tensor, k: torch.Tensor, i: int, B_q: int, causal: bool) -> int:
    """Return how many keys the tile of queries from i on has to look at."""
    T_q, T_k = q.shape[-2], k.shape[-2]
    return min(i + B_q, T_q) + T_k - T_q if causal else T_k


### END SOLUTION


def flash_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, B_q: int, B_k: int, causal: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return softmax(q kᵀ / √D) v and the logarithm of each row's sum of exponents, in tiles.

    No tensor is larger than an input, the result or one tile of scores. Causal: the queries are the
    last T_q of T_k positions, and tiles that lie wholly in the future are not computed. A query
    that sees no key (causal, T_q > T_k) gets zeros and -inf.

    Shapes:
        q: (..., T_q, D). k: (..., T_k, D). v: (..., T_k, D_v). B_q and B_k need not divide T.
        returns: out (..., T_q, D_v), lse (..., T_q) = log Σ exp(scores).

    Example:
        >>> q, v = torch.zeros(3, 2), torch.tensor([[3.0], [6.0], [0.0]])
        >>> flash_attention(q, q, v, 2, 2, causal=True)[0]
        tensor([[3.0000],
                [4.5000],
                [3.0000]])
    """
    ### BEGIN SOLUTION
    out = q.new_zeros(*q.shape[:-1], v.shape[-1])  # (..., T_q, D_v)
    lse = q.new_zeros(q.shape[:-1])  # (..., T_q)
    for i in range(0, q.shape[-2], B_q):  # subtle: the last tile may be a part of one
        total = lse[..., i : i + B_q, None]  # (..., B_q, 1)
        largest, acc = total - math.inf, out[..., i : i + B_q, :]  # (..., B_q, 1), (..., B_q, D_v)
        for j in range(0, _end(q, k, i, B_q, causal), B_k):  # subtle: no tile of the future
            scores = _scores(q, k, i, j, B_q, B_k, causal)  # (..., B_q, B_k)
            old, largest = largest, largest.maximum(scores.amax(-1, keepdim=True))
            safe = largest.clamp(min=torch.finfo(q.dtype).min)  # subtle: no -inf - (-inf)
            shrink, p = torch.exp(old - safe), torch.exp(scores - safe)
            total = total * shrink + p.sum(-1, keepdim=True)  # subtle: both shrink alike
            acc = acc * shrink + p @ v[..., j : j + B_k, :]
        out[..., i : i + B_q, :] = acc / total.masked_fill(total == 0, 1.0)  # subtle: once
        lse[..., i : i + B_q] = (largest + total.log())[..., 0]
    return out, lse
    ### END SOLUTION


def flash_backward(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    out: torch.Tensor,
    lse: torch.Tensor,
    dout: torch.Tensor,
    B_q: int,
    B_k: int,
    causal: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of Σ dout · out with respect to q, k and v, in tiles, by hand.

    The weights were not stored: each tile of them is computed again, as exp(scores - lse). Sizes of
    tensors, masks and skipped tiles are as in `flash_attention`, whose out and lse are passed in.

    Shapes:
        q: (..., T_q, D). k: (..., T_k, D). v: (..., T_k, D_v). out, dout: (..., T_q, D_v).
        lse: (..., T_q). returns: dq, dk, dv, shaped as q, k, v.

    Example:
        >>> q, v, lse = torch.zeros(1, 2), torch.tensor([[4.0], [8.0]]), torch.tensor([math.log(2)])
        >>> k, out = torch.zeros(2, 2), torch.tensor([[6.0]])
        >>> flash_backward(q, k, v, out, lse, torch.ones(1, 1), 1, 1, False)[2]
        tensor([[0.5000],
                [0.5000]])
    """
    ### BEGIN SOLUTION
    dq, dk, dv = torch.zeros_like(q), torch.zeros_like(k), torch.zeros_like(v)
    delta = (dout * out).sum(-1, keepdim=True)  # (..., T_q, 1)  subtle: Σ p · dp over all keys
    safe = lse.clamp(min=torch.finfo(q.dtype).min)[..., None]  # (..., T_q, 1)
    for i in range(0, q.shape[-2], B_q):
        rows = slice(i, i + B_q)
        for j in range(0, _end(q, k, i, B_q, causal), B_k):
            columns = slice(j, j + B_k)
            scores = _scores(q, k, i, j, B_q, B_k, causal)  # (..., B_q, B_k)
            p = torch.exp(scores - safe[..., rows, :])  # subtle: the weights, divided already
            dv[..., columns, :] += p.mT @ dout[..., rows, :]  # subtle: every tile adds its part
            dp = dout[..., rows, :] @ v[..., columns, :].mT  # (..., B_q, B_k)
            ds = p * (dp - delta[..., rows, :]) / math.sqrt(q.shape[-1])  # subtle: 1/√D again
            dq[..., rows, :] += ds @ k[..., columns, :]
            dk[..., columns, :] += ds.mT @ q[..., rows, :]
    return dq, dk, dv
    ### END SOLUTION
