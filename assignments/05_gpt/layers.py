"""The small parts of a GPT: two norms, two activations, and each token's own little network.

Everything here works on the last dimension, the C channels of one token; the dimensions before it
are passed through, however many there are. No function changes its inputs.
"""

import math

import torch
from torch import nn


class LayerNorm(nn.Module):
    """Give each token's vector the mean 0 and the variance 1, then a learned gain and shift.

    y = (x - mean) / sqrt(variance + eps) · weight + bias, over the channels. The variance is the
    biased one, divided by C and not by C - 1; eps stands inside the root.

    Shapes:
        weight, bias: parameters, (C,), ones and zeros at the start.

    Example:
        >>> LayerNorm(2, eps=0.0)(torch.tensor([[3.0, 5.0], [0.0, 9.0]])).tolist()
        [[-1.0, 1.0], [-1.0, 1.0]]
    """

    def __init__(self, C: int, eps: float = 1e-5) -> None:
        """Make the two parameters."""
        super().__init__()
        raise NotImplementedError("05_gpt: LayerNorm")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise every vector.

        Shapes:
            x: (..., C). returns: (..., C).
        """
        raise NotImplementedError("05_gpt: LayerNorm")


class RMSNorm(nn.Module):
    """Divide each token's vector by its root mean square: LayerNorm without mean and shift.

    y = x / sqrt(mean of x² + eps) · weight, over the channels; nothing is subtracted.

    Shapes:
        weight: a parameter, (C,), ones at the start.

    Example:
        >>> RMSNorm(2, eps=0.0)(torch.tensor([[-3.0, 3.0], [8.0, -8.0]])).tolist()
        [[-1.0, 1.0], [1.0, -1.0]]
    """

    def __init__(self, C: int, eps: float = 1e-5) -> None:
        """Make the parameter."""
        super().__init__()
        raise NotImplementedError("05_gpt: RMSNorm")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise every vector.

        Shapes:
            x: (..., C). returns: (..., C).
        """
        raise NotImplementedError("05_gpt: RMSNorm")


def gelu(x: torch.Tensor) -> torch.Tensor:
    """Multiply each number by the share of a normal distribution that lies below it: x · Φ(x).

    Φ(x) = (1 + erf(x / √2)) / 2, exactly; not the approximation by tanh that GPT-2 was trained
    with. `torch.erf` is yours to use, torch's own gelu is not.

    Shapes:
        x: any. returns: the same shape.

    Example:
        >>> gelu(torch.tensor([-10.0, -1.0, 0.0, 1.0, 10.0]))
        tensor([-0.0000, -0.1587,  0.0000,  0.8413, 10.0000])
    """
    raise NotImplementedError("05_gpt: gelu")


def swiglu(x: torch.Tensor, W: torch.Tensor, V: torch.Tensor) -> torch.Tensor:
    """Gate one linear layer by another: swish(xW) · (xV), with swish(z) = z · σ(z).

    The layer of PaLM and Llama, in the letters of Shazeer (2020): W makes the gate, V what passes.

    Shapes:
        x: (..., C). W, V: (C, hidden). returns: (..., hidden).

    Example:
        >>> W, V = torch.tensor([[1.0, -1.0]]), torch.tensor([[3.0, 3.0]])
        >>> swiglu(torch.tensor([[2.0]]), W, V)
        tensor([[10.5696, -1.4304]])
    """
    raise NotImplementedError("05_gpt: swiglu")


class MLP(nn.Module):
    """The network that each token has for itself: four times as wide inside, gelu in the middle.

    Shapes:
        fc: nn.Linear from C to 4C. proj: nn.Linear from 4C to C. Both have a bias.

    Example:
        >>> MLP(6)(torch.zeros(5, 3, 6)).shape
        torch.Size([5, 3, 6])
    """

    def __init__(self, C: int) -> None:
        """Make the two layers."""
        super().__init__()
        raise NotImplementedError("05_gpt: MLP")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply it to every token. The residual is not added here.

        Shapes:
            x: (..., C). returns: (..., C).
        """
        raise NotImplementedError("05_gpt: MLP")
