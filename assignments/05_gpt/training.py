"""Training: how fast to go, how far at most, what to shrink, one step of it, and how well it went.

A model here is called as GPT is: model(idx, targets) gives logits and loss, and
model.config.context says how many tokens it can look at.
"""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import nn


def learning_rate(step: int, peak: float, floor: float, warmup: int, total: int) -> float:
    """Return the learning rate of a step: a linear climb to the peak, then a cosine to the floor.

    Steps count from 0. While step < warmup it is peak · (step + 1) / (warmup + 1), never 0. From
    there on it follows half a period of a cosine, which is at the peak at step warmup and at the
    floor at step total. From total on it stays at the floor.

    Example:
        >>> [learning_rate(step, 1.0, 0.25, 3, 7) for step in (0, 2, 3, 5, 7, 99)]
        [0.25, 0.75, 1.0, 0.625, 0.25, 0.25]
    """
    raise NotImplementedError("05_gpt: learning_rate")


def clip_gradients(params: Iterable[nn.Parameter], max_norm: float) -> float:
    """Shorten the gradients, if they are longer than max_norm, and return how long they were.

    All gradients together are one long vector, with one norm: the root of the sum of all squares.
    If it exceeds max_norm, every gradient is multiplied by max_norm / norm; otherwise nothing
    changes. Parameters without a gradient are passed over; no gradients have norm 0.0. `params`
    may be a generator, such as model.parameters(). torch's own clipping is not allowed.

    Shapes:
        params: parameters of any shapes. returns: a float, the norm before clipping.

    Example:
        >>> w = nn.Parameter(torch.zeros(2))
        >>> w.grad = torch.tensor([3.0, 4.0])
        >>> clip_gradients([w], 1.0), w.grad
        (5.0, tensor([0.6000, 0.8000]))
    """
    raise NotImplementedError("05_gpt: clip_gradients")


def optimizer_groups(model: nn.Module, decay: float) -> list[dict]:
    """Sort a model's parameters into those that decay and those that do not, for an optimizer.

    Parameters with two dimensions or more decay: matrices and embeddings. The others, biases and
    gains of norms, do not, whatever their names are. Parameters that need no gradient are left
    out, and one that is used in two places is there once.

    Shapes:
        returns: two dicts: "params" is a list of parameters, "weight_decay" is `decay` or 0.0.

    Example:
        >>> groups = optimizer_groups(nn.Linear(3, 2), 0.1)
        >>> [(len(group["params"]), group["weight_decay"]) for group in groups]
        [(1, 0.1), (1, 0.0)]
    """
    raise NotImplementedError("05_gpt: optimizer_groups")


def train_step(
    model: nn.Module,
    batches: Sequence[tuple[torch.Tensor, torch.Tensor]],
    optimizer: torch.optim.Optimizer,
    max_norm: float = 1.0,
) -> float:
    """Take one step of the optimizer on several micro-batches, as if they were one large batch.

    The loss is the mean over all targets of all micro-batches that are not -100, however these are
    divided among them; each micro-batch has at least one. Gradients left over from before do not
    count. The gradient of the whole is clipped once, to max_norm.

    Shapes:
        batches: pairs (inputs, targets), (B, T) each; B and T may differ from pair to pair.
        model: model(inputs, targets) gives the mean loss of a pair as the second thing it returns.
        returns: a float, the loss before the step.

    Example:
        >>> model = nn.AdaptiveLogSoftmaxWithLoss(8, 9, [4])
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> batch = (torch.ones(5, 8), torch.tensor([0, 1, 2, 3, 8]))
        >>> train_step(model, [batch], optimizer) > train_step(model, [batch], optimizer)
        True
    """
    raise NotImplementedError("05_gpt: train_step")


def perplexity(model: nn.Module, ids: torch.Tensor) -> float:
    """Return exp of the mean loss over a text: as puzzled as by a fair choice of that many tokens.

    The text is cut into windows of model.config.context inputs, side by side, the last one perhaps
    shorter. So each token but the first is predicted exactly once, and all count the same. It is
    done in eval mode and without gradients; afterwards the model is in the mode it was in.

    Shapes:
        ids: int64, (N,), N >= 2. returns: a float.

    Example:
        >>> class Clueless(nn.Module):
        ...     def forward(self, idx, targets):
        ...         return None, torch.tensor(7.0).log()
        >>> model = Clueless()
        >>> model.config = type("Config", (), {"context": 4})
        >>> round(perplexity(model, torch.tensor([1, 2, 3, 4, 5, 6])), 5)
        7.0
    """
    raise NotImplementedError("05_gpt: perplexity")


def bits_per_byte(model: nn.Module, ids: torch.Tensor, n_bytes: int) -> float:
    """Return how many bits the model needs for each byte of a text.

    A model that gives a token the probability p can write it down in -log2 p bits. Unlike
    perplexity this does not depend on how long the tokens are, so models with different tokenizers
    can be compared.

    Shapes:
        ids: int64, (N,), N >= 2. n_bytes: how many bytes the tokens after the first stand for.
        returns: a float.

    Example:
        >>> class Clueless(nn.Module):
        ...     def forward(self, idx, targets):
        ...         return None, torch.tensor(8.0).log()
        >>> model = Clueless()
        >>> model.config = type("Config", (), {"context": 4})
        >>> round(bits_per_byte(model, torch.tensor([1, 2, 3, 4, 5]), 6), 5)
        2.0
    """
    raise NotImplementedError("05_gpt: bits_per_byte")
