"""The model: attention, a block, the whole GPT, and what can be known of it before it is trained.

Letters: B batch, T time, C channels, H heads, D = C / H, L layers, V vocabulary. A GPT is
embeddings, L blocks and a last norm; its output layer is the token embedding once more.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from layers import MLP, LayerNorm


@dataclass(frozen=True)
class GPTConfig:
    """The sizes of a GPT; the defaults are those of GPT-2 small.

    Attributes:
        vocab_size: V, how many tokens there are.
        context: How many tokens the model can look at, at most.
        layers: L, the number of blocks.
        heads: H, in each block; divides channels.
        channels: C, the width of the residual stream.
    """

    vocab_size: int = 50257
    context: int = 1024
    layers: int = 12
    heads: int = 12
    channels: int = 768


class CausalSelfAttention(nn.Module):
    """Let each token gather from itself and the tokens before it, with H heads.

    torch's `scaled_dot_product_attention` is welcome here; you wrote your own in assignment 04.

    Shapes:
        qkv: nn.Linear from C to 3C: channels 0 to C - 1 of its output are the queries, then come
        the keys, then the values. proj: nn.Linear from C to C. Both have a bias.
        Head h has channels h·D to (h + 1)·D - 1 of each. C is divisible by H.

    Example:
        >>> CausalSelfAttention(6, 2)(torch.zeros(5, 3, 6)).shape
        torch.Size([5, 3, 6])
    """

    def __init__(self, C: int, H: int) -> None:
        """Make the two projections."""
        super().__init__()
        raise NotImplementedError("05_gpt: CausalSelfAttention")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Attend; no token sees a later one.

        Shapes:
            x: (B, T, C). returns: (B, T, C).
        """
        raise NotImplementedError("05_gpt: CausalSelfAttention")


class Block(nn.Module):
    """One layer of a GPT, pre-norm: x = x + attn(norm1(x)), then x = x + mlp(norm2(x)).

    Shapes:
        norm1, norm2: LayerNorm(C), yours or torch's. attn: CausalSelfAttention(C, H). mlp: MLP(C).

    Example:
        >>> Block(6, 2)(torch.zeros(5, 3, 6)).shape
        torch.Size([5, 3, 6])
    """

    def __init__(self, C: int, H: int) -> None:
        """Make the four sublayers."""
        super().__init__()
        raise NotImplementedError("05_gpt: Block")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the block; x itself stays as it is.

        Shapes:
            x: (B, T, C). returns: (B, T, C).
        """
        raise NotImplementedError("05_gpt: Block")


class GPT(nn.Module):
    """A language model: token and position embeddings, blocks, a last norm, and the way back.

    The output layer is tied: it multiplies by wte.weight itself, which is one parameter and not
    two. At the start every matrix and embedding is drawn from a normal distribution with deviation
    0.02, but those that write into the residual stream, attn.proj and mlp.proj, with
    0.02 / √(2L); biases are 0, gains 1.

    Shapes:
        wte: nn.Embedding(V, C). wpe: nn.Embedding(context, C). blocks: nn.ModuleList of L Blocks.
        norm: LayerNorm(C). If you give the output layer a name, it is head, without a bias.

    Example:
        >>> logits, loss = GPT(GPTConfig(9, 8, 2, 2, 4))(torch.zeros(5, 3, dtype=torch.int64))
        >>> logits.shape, loss
        (torch.Size([5, 3, 9]), None)
    """

    def __init__(self, config: GPTConfig) -> None:
        """Make the modules and draw their weights."""
        super().__init__()
        self.config = config
        raise NotImplementedError("05_gpt: GPT")

    def forward(
        self, idx: torch.Tensor, targets: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return the logits at every position, and the mean loss if there are targets.

        The targets are shifted already: targets[b, t] is the token that follows idx[b, t]. Those
        that are -100 do not count, neither in the sum nor in the number it is divided by.

        Shapes:
            idx: int64, (B, T). targets: int64, (B, T). returns: (B, T, V), and a scalar or None.

        Raises:
            ValueError: T is larger than the context.
        """
        raise NotImplementedError("05_gpt: GPT")


def initial_loss(config: GPTConfig, B: int) -> float:
    """Make a fresh GPT and return its loss on B full rows of random tokens with random targets.

    It knows nothing, so every token should be about as likely as any other, and the loss about
    ln V. A first loss far from ln V is the cheapest alarm there is. Tokens and targets are drawn
    independently of each other; a row is as long as the context. No gradient is needed.

    Shapes:
        returns: a float; within 0.1 of ln V for up to 128 channels.

    Example:
        >>> abs(initial_loss(GPTConfig(100, 16, 2, 2, 32), 8) - math.log(100)) < 0.1
        True
    """
    raise NotImplementedError("05_gpt: initial_loss")


def parameter_count(config: GPTConfig, tied: bool = True) -> dict[str, int]:
    """Count the parameters of a GPT by arithmetic, without making it.

    The keys: embedding, query, key, value, output (attention's proj), up (mlp's fc), down (mlp's
    proj), unembedding, which is 0 when tied; these count matrices alone, without biases. Then
    positions, norms (gains and shifts of all norms), biases (of all linear layers), and total.

    Shapes:
        returns: a dict of int, each summed over all layers.

    Example:
        >>> parameter_count(GPTConfig())["total"]
        124439808
    """
    raise NotImplementedError("05_gpt: parameter_count")
