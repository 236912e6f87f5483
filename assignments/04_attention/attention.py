"""Attention: every query compares itself with all keys and takes home a mixture of their values.

Letters: B batch, T time, C channels, H heads, D size of a head. `...` stands for any number of
leading dimensions, none included. A mask is bool, and True means: this query may look at this key.
Functions are written with torch operations alone, so that gradients pass; none changes its inputs.
"""

import math

import torch


def softmax(x: torch.Tensor, dim: int) -> torch.Tensor:
    """Turn scores into weights that are positive and add up to 1 along `dim`.

    Scores of ±1000 and more give neither inf nor NaN, and so do rows that lie far apart.

    Shapes:
        x: any shape, float, with at least one number along dim. returns: the same shape and dtype.

    Example:
        >>> softmax(torch.tensor([[0.0, 0.0], [1000.0, -1000.0]]), dim=1)
        tensor([[0.5000, 0.5000],
                [1.0000, 0.0000]])
    """
    raise NotImplementedError("04_attention: softmax")


def causal_mask(T_q: int, T_k: int) -> torch.Tensor:
    """Return the mask under which no query looks into its future.

    Aligned at the bottom right: the queries are the last T_q of T_k positions, so the last query
    sees every key. Where T_q > T_k, the first T_q - T_k queries see none.

    Shapes:
        returns: (T_q, T_k), bool, True = may look.

    Example:
        >>> causal_mask(2, 3)
        tensor([[ True,  True, False],
                [ True,  True,  True]])
    """
    raise NotImplementedError("04_attention: causal_mask")


def padding_mask(lengths: torch.Tensor, T: int) -> torch.Tensor:
    """Return the mask that hides the padding at the end of short sequences from every query.

    It masks keys only. What a padded query computes is harmless, since nobody reads it.

    Shapes:
        lengths: (B,), int64, each from 0 to T. returns: (B, 1, T), bool, True = may look.

    Example:
        >>> padding_mask(torch.tensor([2, 3]), 3)
        tensor([[[ True,  True, False]],
        <BLANKLINE>
                [[ True,  True,  True]]])
    """
    raise NotImplementedError("04_attention: padding_mask")


def sliding_window_mask(T: int, window: int) -> torch.Tensor:
    """Return the causal mask under which a query sees the last `window` keys, itself included.

    Shapes:
        returns: (T, T), bool, True = may look; window >= 1, and a wide one is just causal.

    Example:
        >>> sliding_window_mask(3, 2)
        tensor([[ True, False, False],
                [ True,  True, False],
                [False,  True,  True]])
    """
    raise NotImplementedError("04_attention: sliding_window_mask")


def attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return softmax(q kᵀ / √D) v, scaled dot-product attention, and the weights in it.

    A masked key has weight exactly 0, however low the other scores are. A query that may look at no
    key has zeros for weights and output, and its gradients are zeros, not NaN.

    Shapes:
        q: (..., T_q, D). k: (..., T_k, D). v: (..., T_k, D_v).
        mask: bool, broadcasts to (..., T_q, T_k); True = may look; None hides nothing.
        returns: out (..., T_q, D_v) and weights (..., T_q, T_k).

    Example:
        >>> q, k = torch.zeros(1, 4), torch.ones(3, 4)
        >>> out, weights = attention(q, k, torch.tensor([[3.0], [6.0], [0.0]]))
        >>> out
        tensor([[3.]])
        >>> weights
        tensor([[0.3333, 0.3333, 0.3333]])
    """
    raise NotImplementedError("04_attention: attention")


def attention_backward(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, dout: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of a loss with respect to q, k and v, given dout, that of `out`.

    By hand, from the mathematics: autograd is not allowed. There is no mask.

    Shapes:
        q: (..., T_q, D). k: (..., T_k, D). v: (..., T_k, D_v). dout: (..., T_q, D_v).
        returns: (dq, dk, dv), shaped as q, k and v.

    Example:
        >>> q, k, v = torch.zeros(1, 1), torch.tensor([[1.0], [-1.0]]), torch.tensor([[2.0], [0.0]])
        >>> dq, dk, dv = attention_backward(q, k, v, torch.ones(1, 1))
        >>> dq, dv
        (tensor([[1.]]), tensor([[0.5000],
                [0.5000]]))
    """
    raise NotImplementedError("04_attention: attention_backward")
