"""Positions: attention sees a bag of vectors, so something must tell it who stands where.

Three ways: a fixed code of sines and cosines, a learned table, and turning queries and keys.
"""

import torch
from torch import nn


def sinusoidal_positions(T: int, C: int) -> torch.Tensor:
    """Return the code of 2017 for positions 0 to T - 1: sines in even columns, cosines in odd ones.

    Columns 2i and 2i + 1 of row p hold the sine and the cosine of p / 10000^(2i / C).

    Shapes:
        returns: (T, C), float32; C is even.

    Example:
        >>> sinusoidal_positions(2, 4)
        tensor([[0.0000, 1.0000, 0.0000, 1.0000],
                [0.8415, 0.5403, 0.0100, 0.9999]])
    """
    ### BEGIN SOLUTION
    frequencies = 10000.0 ** (-torch.arange(0, C, 2, dtype=torch.float64) / C)  # (C / 2,)
    angles = torch.arange(T)[:, None] * frequencies  # (T, C / 2)
    pairs = torch.stack((angles.sin(), angles.cos()), dim=-1)  # (T, C / 2, 2)  subtle: interleaved
    return pairs.flatten(1).float()  # (T, C)
    ### END SOLUTION


class LearnedPositions(nn.Module):
    """Add to each token's vector a learned vector for its position.

    Shapes:
        table: a parameter, (T_max, C), drawn from a normal distribution with deviation 0.02.

    Example:
        >>> LearnedPositions(5, 4)(torch.zeros(2, 3, 4)).shape
        torch.Size([2, 3, 4])
    """

    def __init__(self, T_max: int, C: int) -> None:
        """Make the table."""
        super().__init__()
        ### BEGIN SOLUTION
        self.table = nn.Parameter(0.02 * torch.randn(T_max, C))  # subtle: a parameter is learned
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x plus the first T rows of the table, as a new tensor.

        Shapes:
            x: (..., T, C). returns: (..., T, C).

        Raises:
            ValueError: T is larger than T_max.
        """
        ### BEGIN SOLUTION
        T, T_max = x.shape[-2], self.table.shape[0]
        if T_max < T:  # subtle: a table of one row would broadcast without a word
            raise ValueError(f"{T} positions, but the table has only {T_max}")
        return x + self.table[:T]  # (..., T, C)  subtle: x += ... would change the caller's x
        ### END SOLUTION


def rope(x: torch.Tensor, positions: torch.Tensor, theta: float = 10000.0) -> torch.Tensor:
    """Rotate each pair of neighbouring numbers by an angle that grows with the position.

    Pair i of a vector at position p is (x[2i], x[2i + 1]). It turns by p / theta^(2i / D), counter-
    clockwise: (1, 0) moves towards (0, 1). The pairs are neighbours, as in the paper, and not
    (x[i], x[i + D/2]) as in some code.

    Shapes:
        x: (..., T, D), D even. positions: int64, (T,) or what else broadcasts to (..., T).
        returns: as x, in its dtype.

    Example:
        >>> rope(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1]))
        tensor([[1.0000, 0.0000],
                [0.5403, 0.8415]])
    """
    ### BEGIN SOLUTION
    D = x.shape[-1]
    frequencies = theta ** (-torch.arange(0, D, 2, dtype=x.dtype) / D)  # (D / 2,)
    angles = positions[..., None] * frequencies  # (..., T, D / 2)  subtle: positions are given
    cos, sin = angles.cos(), angles.sin()
    first, second = x[..., 0::2], x[..., 1::2]  # (..., T, D / 2)  subtle: neighbours, not halves
    pairs = (first * cos - second * sin, first * sin + second * cos)
    return torch.stack(pairs, dim=-1).flatten(-2)  # (..., T, D)
    ### END SOLUTION
