"""Data: a long row of token ids, cut into windows whose targets are the tokens that come next.

A window that starts at s has the inputs ids[s : s + T] and the targets ids[s + 1 : s + T + 1], so
it needs T + 1 tokens. The model does not shift anything any more.
"""

import numpy as np
import torch
from torch.utils.data import Dataset


class SlidingWindow(Dataset):
    """All windows of T inputs that start at 0, stride, 2·stride and so on.

    Every window is full: one that would need tokens beyond the end is left out. Text too short for
    a single window gives a dataset of length 0.

    Shapes:
        ids: int64, (N,). Window i is a tuple (inputs, targets), each int64, (T,).

    Example:
        >>> windows = SlidingWindow(torch.tensor([5, 6, 7, 8, 9]), 2, 2)
        >>> len(windows), windows[1]
        (2, (tensor([7, 8]), tensor([8, 9])))
    """

    def __init__(self, ids: torch.Tensor, T: int, stride: int) -> None:
        """Keep the text; nothing is cut yet.

        Shapes:
            ids: int64, (N,), N >= 0.
        """
        raise NotImplementedError("05_gpt: SlidingWindow")

    def __len__(self) -> int:
        """Return the number of full windows."""
        raise NotImplementedError("05_gpt: SlidingWindow")

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the inputs and the targets of window i.

        Shapes:
            returns: (T,) and (T,).

        Raises:
            IndexError: i is len(self) or more; this is what ends a `for` loop over the dataset.
        """
        raise NotImplementedError("05_gpt: SlidingWindow")


def get_batch(
    ids: torch.Tensor, B: int, T: int, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return B windows that start at random places, each start as likely as any other.

    Starts are drawn independently, so two rows may be the same. All randomness comes from `rng`.

    Shapes:
        ids: int64, (N,), N > T. returns: inputs and targets, both int64, (B, T).

    Example:
        >>> get_batch(torch.tensor([5, 6, 7]), 1, 2, np.random.default_rng(0))
        (tensor([[5, 6]]), tensor([[6, 7]]))
    """
    raise NotImplementedError("05_gpt: get_batch")
