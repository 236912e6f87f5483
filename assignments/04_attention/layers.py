"""The two layers of the Transformer of 2017, post-norm: x = norm(x + f(x)) for each sublayer f.

The feed-forward network is linear2(relu(linear1(x))). There is no dropout. A mask is bool, True =
may look, as everywhere here; torch's own layers take the opposite.
"""

import torch
from torch import nn

from multihead import MultiHeadAttention


class EncoderLayer(nn.Module):
    """Self-attention, then a feed-forward network, each with a residual and a norm after it.

    Shapes:
        self_attn: MultiHeadAttention(C, H). linear1: nn.Linear from C to hidden, linear2 back.
        norm1 (after attention), norm2 (after the feed-forward network): nn.LayerNorm(C).

    Example:
        >>> EncoderLayer(6, 2, 24)(torch.zeros(5, 3, 6)).shape
        torch.Size([5, 3, 6])
    """

    def __init__(self, C: int, H: int, hidden: int) -> None:
        """Make the sublayers."""
        super().__init__()
        raise NotImplementedError("04_attention: EncoderLayer")

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Apply the layer.

        Shapes:
            x: (..., T, C). mask: bool, broadcasts to (..., T, T). returns: (..., T, C).
        """
        raise NotImplementedError("04_attention: EncoderLayer")


class DecoderLayer(nn.Module):
    """Self-attention, cross-attention to a memory, feed-forward: each with a residual and a norm.

    Shapes:
        self_attn, cross_attn: MultiHeadAttention(C, H). linear1: nn.Linear from C to hidden,
        linear2 back. norm1, norm2, norm3, one after each sublayer: nn.LayerNorm(C).

    Example:
        >>> DecoderLayer(6, 2, 24)(torch.zeros(5, 3, 6), torch.zeros(5, 7, 6)).shape
        torch.Size([5, 3, 6])
    """

    def __init__(self, C: int, H: int, hidden: int) -> None:
        """Make the sublayers."""
        super().__init__()
        raise NotImplementedError("04_attention: DecoderLayer")

    def forward(
        self,
        x: torch.Tensor,
        memory: torch.Tensor,
        mask: torch.Tensor | None = None,
        memory_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Apply the layer. A causal mask is not made here: it is passed, as any other.

        Shapes:
            x: (..., T, C). memory: (..., S, C), what the encoder made of the source.
            mask: bool, broadcasts to (..., T, T). memory_mask: bool, broadcasts to (..., T, S).
            returns: (..., T, C).
        """
        raise NotImplementedError("04_attention: DecoderLayer")
