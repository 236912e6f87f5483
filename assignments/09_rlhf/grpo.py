"""Group-relative policy optimisation: several answers to one prompt are each other's baseline."""

import torch

from ppo import kl_estimates
from sft import masked_mean


def grpo_advantages(rewards: torch.Tensor, group: int) -> torch.Tensor:
    """Return how much better each answer is than the others to its prompt, in deviations.

    (reward - mean) / (deviation + 1e-4) within each group, with the deviation of a sample, that is
    with group - 1 below. Equal rewards give zeros.

    Shapes:
        rewards: (N,), float; the answers to one prompt stand next to each other, `group` at a time;
            group divides N and is 2 or more. returns: (N,).

    Example:
        >>> grpo_advantages(torch.tensor([1.0, 0.0, 5.0, 5.0]), group=2)
        tensor([ 0.7070, -0.7070,  0.0000,  0.0000])
    """
    raise NotImplementedError("09_rlhf: grpo_advantages")


def grpo_loss(
    logp: torch.Tensor,
    old_logp: torch.Tensor,
    ref_logp: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    clip: float = 0.2,
    beta: float = 0.04,
) -> torch.Tensor:
    """Return PPO's clipped loss plus beta · k3, token by token, as the mean of the answers' means.

    Every token of an answer has the answer's advantage. First the mean over the real tokens of
    each answer, then that over answers: long answers count no more than short ones. Gradients
    flow to logp alone.

    Shapes:
        logp, old_logp, ref_logp, mask: (B, T). advantages: (B,). returns: ().

    Example:
        >>> zero = torch.zeros(2, 1)
        >>> grpo_loss(zero, zero, zero, torch.tensor([1.0, 3.0]), torch.ones(2, 1).bool())
        tensor(-2.)
    """
    raise NotImplementedError("09_rlhf: grpo_loss")
