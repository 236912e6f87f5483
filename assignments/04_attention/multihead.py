"""Many heads: several small attentions side by side, each with its own question.

A mask is bool, True = may look, and broadcasts to (..., T_q, T_k): it has no dimension for heads,
since it is the same for all of them.
"""

import torch
from torch import nn

from attention import attention


def split_heads(x: torch.Tensor, H: int) -> torch.Tensor:
    """Cut the channels of every token into H heads; head h has channels h·D to (h + 1)·D - 1.

    Shapes:
        x: (..., T, C), C divisible by H. returns: (..., H, T, D) with D = C / H.

    Example:
        >>> split_heads(torch.arange(8).reshape(2, 4), 2)
        tensor([[[0, 1],
                 [4, 5]],
        <BLANKLINE>
                [[2, 3],
                 [6, 7]]])
    """
    raise NotImplementedError("04_attention: split_heads")


def merge_heads(x: torch.Tensor) -> torch.Tensor:
    """Put the heads of every token side by side again: undo split_heads.

    Shapes:
        x: (..., H, T, D). returns: (..., T, H·D).

    Example:
        >>> merge_heads(torch.tensor([[[0, 1], [4, 5]], [[2, 3], [6, 7]]]))
        tensor([[0, 1, 2, 3],
                [4, 5, 6, 7]])
    """
    raise NotImplementedError("04_attention: merge_heads")


class MultiHeadAttention(nn.Module):
    """Attention with H heads between learned projections.

    Shapes:
        q_proj, k_proj, v_proj, out_proj: nn.Linear from C to C, with bias. C is divisible by H.

    Example:
        >>> MultiHeadAttention(6, 2)(torch.zeros(5, 3, 6)).shape
        torch.Size([5, 3, 6])
    """

    def __init__(self, C: int, H: int) -> None:
        """Make the four projections."""
        super().__init__()
        raise NotImplementedError("04_attention: MultiHeadAttention")

    def forward(
        self,
        x: torch.Tensor,
        context: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Let every token of x look at the tokens of context, or of x itself if there is none.

        Shapes:
            x: (..., T_q, C). context: (..., T_k, C).
            mask: bool, broadcasts to (..., T_q, T_k). returns: (..., T_q, C).
        """
        raise NotImplementedError("04_attention: MultiHeadAttention")


class GroupedQueryAttention(nn.Module):
    """Multi-head attention where H / H_kv query heads share one head of keys and values.

    Query head h uses key and value head h // (H / H_kv): neighbours share. With H_kv = H it is
    multi-head attention, with H_kv = 1 multi-query attention.

    Shapes:
        q_proj, out_proj: nn.Linear from C to C. k_proj, v_proj: nn.Linear from C to H_kv·D, where
        D = C / H. All have a bias. H is divisible by H_kv.

    Example:
        >>> GroupedQueryAttention(8, 4, 2).k_proj.weight.shape
        torch.Size([4, 8])
    """

    def __init__(self, C: int, H: int, H_kv: int) -> None:
        """Make the four projections, those of keys and values narrower."""
        super().__init__()
        raise NotImplementedError("04_attention: GroupedQueryAttention")

    def forward(
        self,
        x: torch.Tensor,
        context: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Let every token of x look at the tokens of context, or of x itself if there is none.

        Shapes:
            x: (..., T_q, C). context: (..., T_k, C).
            mask: bool, broadcasts to (..., T_q, T_k). returns: (..., T_q, C).
        """
        raise NotImplementedError("04_attention: GroupedQueryAttention")
