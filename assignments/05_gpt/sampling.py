"""Sampling: from logits to probabilities, and from probabilities to text.

The first four functions turn the logits of one position into the distribution that is drawn from.
They return probabilities of the same dtype that add up to 1, and leave the logits as they are.
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.nn import functional as F


def greedy(logits: torch.Tensor) -> torch.Tensor:
    """Put all probability on the largest logit; of equal ones, on the first.

    Shapes:
        logits: (V,). returns: (V,).

    Example:
        >>> greedy(torch.tensor([1.0, 3.0, 2.0]))
        tensor([0., 1., 0.])
    """
    raise NotImplementedError("05_gpt: greedy")


def temperature_softmax(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return softmax(logits / temperature): below 1 sharper, above 1 flatter, at 0 the argmax.

    Shapes:
        logits: (V,). temperature: 0.0 or more. returns: (V,).

    Example:
        >>> temperature_softmax(torch.tensor([0.0, 2.0]), 0.5)
        tensor([0.0180, 0.9820])
    """
    raise NotImplementedError("05_gpt: temperature_softmax")


def top_k(logits: torch.Tensor, k: int) -> torch.Tensor:
    """Return the softmax over the k largest logits, and 0 for all others.

    A k larger than V keeps everything. When the logit at the border occurs more than once, you may
    keep exactly k tokens or all that are equal.

    Shapes:
        logits: (V,). k: 1 or more. returns: (V,).

    Example:
        >>> top_k(torch.tensor([1.0, 3.0, 3.0, 2.0]), 2)
        tensor([0.0000, 0.5000, 0.5000, 0.0000])
    """
    raise NotImplementedError("05_gpt: top_k")


def top_p(logits: torch.Tensor, p: float) -> torch.Tensor:
    """Keep the fewest most likely tokens that have p of the probability, and share it among them.

    The token that crosses p is kept, so there is always one. The others get 0, and what is kept is
    scaled to add up to 1. p = 1.0 keeps everything.

    Shapes:
        logits: (V,). p: above 0.0, up to 1.0. returns: (V,).

    Example:
        >>> top_p(torch.tensor([0.1, 0.6, 0.3]).log(), 0.7)
        tensor([0.0000, 0.6667, 0.3333])
    """
    raise NotImplementedError("05_gpt: top_p")


def beam_search(
    step: Callable[[list[int]], torch.Tensor],
    start: Sequence[int],
    beams: int,
    length: int,
    eos: int,
) -> list[tuple[list[int], float]]:
    """Look for likely continuations, following the `beams` best at once; return them, best first.

    A beam's score is the sum of the log-probabilities of its new tokens divided by their number.
    In every round each unfinished beam is continued by every token. The candidates are these and
    the beams that are finished already, unchanged; the `beams` with the best scores are kept. A
    beam is finished when its newest token is eos, which counts as a token. The search ends after
    `length` rounds, or when all kept beams are finished.

    Shapes:
        step: takes the tokens of one unfinished beam, `start` included, as a list, and returns the
        log-probabilities of the next token, (V,). length: 1 or more.
        returns: pairs (tokens, score); the tokens are a list that begins with `start`.

    Example:
        >>> beam_search(lambda tokens: torch.tensor([-2.0, -0.5]), [7], 1, 2, eos=0)
        [([7, 1, 1], -0.5)]
    """

    raise NotImplementedError("05_gpt: beam_search")


def generate(
    model: nn.Module,
    idx: torch.Tensor,
    n: int,
    probabilities: Callable[[torch.Tensor], torch.Tensor] = greedy,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Continue every row by n tokens, each drawn from what `probabilities` makes of the logits.

    The model sees the last model.config.context tokens at most. It is called in eval mode and
    without gradients; afterwards it is in the mode it was in. All randomness is `generator`'s.

    Shapes:
        model: model(idx) gives logits (B, T, V) as the first thing it returns. idx: int64, (B, T).
        probabilities: (V,) to (V,). returns: int64, (B, T + n); the first T columns are idx.

    Example:
        >>> class Counter(nn.Module):
        ...     def forward(self, idx):
        ...         return F.one_hot((idx + 1) % 10, 10).float(), None
        >>> model = Counter()
        >>> model.config = type("Config", (), {"context": 4})
        >>> generate(model, torch.tensor([[1, 2], [7, 8]]), 3)
        tensor([[1, 2, 3, 4, 5],
                [7, 8, 9, 0, 1]])
    """
    raise NotImplementedError("05_gpt: generate")
