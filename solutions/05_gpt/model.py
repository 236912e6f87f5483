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
        ### BEGIN SOLUTION
        self.H = H
        self.qkv = nn.Linear(C, 3 * C)
        self.proj = nn.Linear(C, C)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Attend; no token sees a later one.

        Shapes:
            x: (B, T, C). returns: (B, T, C).
        """
        ### BEGIN SOLUTION
        q, k, v = (
            each.unflatten(-1, (self.H, -1)).transpose(1, 2)  # (B, H, T, D)  subtle: cut, then swap
            for each in self.qkv(x).chunk(3, dim=-1)
        )
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # subtle: or the future leaks
        return self.proj(out.transpose(1, 2).flatten(2))  # (B, T, C)  subtle: swap back, then join
        ### END SOLUTION


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
        ### BEGIN SOLUTION
        self.norm1 = LayerNorm(C)
        self.attn = CausalSelfAttention(C, H)
        self.norm2 = LayerNorm(C)
        self.mlp = MLP(C)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the block; x itself stays as it is.

        Shapes:
            x: (B, T, C). returns: (B, T, C).
        """
        ### BEGIN SOLUTION
        x = x + self.attn(self.norm1(x))  # (B, T, C)  subtle: the sum itself is never normalised
        return x + self.mlp(self.norm2(x))  # (B, T, C)  subtle: the MLP sees what attention added
        ### END SOLUTION


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
        ### BEGIN SOLUTION
        C = config.channels
        self.wte = nn.Embedding(config.vocab_size, C)
        self.wpe = nn.Embedding(config.context, C)
        self.blocks = nn.ModuleList(Block(C, config.heads) for _ in range(config.layers))
        self.norm = LayerNorm(C)
        for name, weight in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(weight)
            elif weight.ndim == 2:
                fan = 2 * config.layers if name.endswith("proj.weight") else 1  # subtle: 2L add up
                nn.init.normal_(weight, std=0.02 / math.sqrt(fan))
        ### END SOLUTION

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
        ### BEGIN SOLUTION
        T = idx.shape[1]
        if self.config.context < T:
            raise ValueError(f"{T} tokens, but the context is {self.config.context}")
        x = self.wte(idx) + self.wpe(torch.arange(T, device=idx.device))  # (B, T, C)
        for block in self.blocks:
            x = block(x)
        logits = F.linear(self.norm(x), self.wte.weight)  # (B, T, V)  subtle: the same matrix
        if targets is None:
            return logits, None
        # subtle: logits at t and targets at t belong together, the shift is in the data
        return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)
        ### END SOLUTION


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
    ### BEGIN SOLUTION
    tokens = torch.randint(config.vocab_size, (2, B, config.context))  # (2, B, T)
    with torch.no_grad():
        _, loss = GPT(config)(tokens[0], tokens[1])  # subtle: a tied model can guess its own input
    return loss.item()
    ### END SOLUTION


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
    ### BEGIN SOLUTION
    V, L, C = config.vocab_size, config.layers, config.channels
    counts = {"embedding": V * C}
    counts |= dict.fromkeys(("query", "key", "value", "output"), L * C * C)  # subtle: H · D is C
    counts |= dict.fromkeys(("up", "down"), L * 4 * C * C)
    counts["unembedding"] = 0 if tied else V * C  # subtle: a tied matrix counts once
    counts["positions"] = config.context * C
    counts["norms"] = (2 * L + 1) * 2 * C  # subtle: the last norm too, each with gain and shift
    counts["biases"] = L * 9 * C  # subtle: 3C for qkv, C for proj, 4C for fc, C for proj
    counts["total"] = sum(counts.values())
    return counts
    ### END SOLUTION
