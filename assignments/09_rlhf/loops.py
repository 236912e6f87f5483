"""Closed loops: a small policy that learns from preferences, from a value function, from groups.

Tokens are small integers, and END closes an answer. A reward is a function of ids, (B, P + n), that
returns a float tensor (B,), where P is the length of a prompt and n that of the longest answer.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from grpo import grpo_advantages, grpo_loss
from ppo import entropy, gae, kl_estimates, ppo_loss, shaped_rewards, value_loss
from reward import Backbone, RewardModel, preference_loss
from sft import masked_mean, token_logprobs

END = 0
Reward = Callable[[torch.Tensor], torch.Tensor]


class Policy(nn.Module):
    """A small language model with a value head, given.

    Shapes:
        policy(ids): (B, T) → logits (B, T, V). policy.values(ids): (B, T) → (B, T).
    """

    def __init__(self, V: int, C: int) -> None:  # given
        """Make the backbone and both heads; at first every token is equally likely."""
        super().__init__()
        self.backbone = Backbone(V, C)
        self.head = nn.Linear(C, V)
        self.value = nn.Linear(C, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:  # given
        """Return the logits of the token after each place, (B, T, V)."""
        logits: torch.Tensor = self.head(self.backbone(ids))
        return logits

    def values(self, ids: torch.Tensor) -> torch.Tensor:  # given
        """Return what reward is expected from each place on, (B, T)."""
        values: torch.Tensor = self.value(self.backbone(ids))[..., 0]
        return values


def rollout(
    policy: Any, prompts: torch.Tensor, n: int, rng: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Let the policy answer each prompt, token by token, until END or n tokens; keep no gradients.

    Each step draws for the whole batch at once by torch.multinomial(p, 1, generator=rng), so that a
    seed means the same text for everybody. It stops when every row has ended. What comes after a
    row's END is filled with END, has log-probability 0 and is not real.

    Shapes:
        policy: ids (B, T) → logits (B, T, V). prompts: (B, P), int64, P >= 1.
        returns: ids (B, P + n), prompts included; logp (B, n), of the tokens that were drawn; mask
            (B, n), bool, True = drawn, so the first END of a row is True.

    Example:
        >>> ids, logp, mask = rollout(Policy(4, 8), torch.tensor([[1], [2]]), 3, torch.Generator())
        >>> ids.shape, logp.shape, mask[:, 0]
        (torch.Size([2, 4]), torch.Size([2, 3]), tensor([True, True]))
    """
    raise NotImplementedError("09_rlhf: rollout")


def train_reward_model(
    model: RewardModel,
    chosen: tuple[torch.Tensor, torch.Tensor],
    rejected: tuple[torch.Tensor, torch.Tensor],
    steps: int,
    lr: float = 0.01,
) -> list[float]:
    """Train a reward model on pairs with Adam, all pairs in each step; return the losses.

    The losses are those before each step.

    Shapes:
        chosen, rejected: ids (B, T) and lengths (B,) of the better and of the worse answers.

    Example:
        >>> two = torch.tensor([2])
        >>> a, b = (torch.tensor([[1, 0]]), two), (torch.tensor([[2, 0]]), two)
        >>> losses = train_reward_model(RewardModel(Backbone(3, 4)), a, b, steps=20)
        >>> losses[0] > losses[-1]
        True
    """
    raise NotImplementedError("09_rlhf: train_reward_model")


def train_ppo(
    policy: Policy,
    prompts: torch.Tensor,
    reward: Reward,
    updates: int,
    rng: torch.Generator,
    n: int = 2,
    lr: float = 0.01,
    beta: float = 0.01,
    bonus: float = 0.05,
) -> list[float]:
    """Train the policy with PPO; return the mean reward of each update's answers.

    The reference is a copy of the policy as it comes in. One update: a rollout; its reward; k1
    against the reference as a penalty in shaped_rewards; gae with gamma 1 and lam 0.95, where an
    answer is done at its last real token; then 4 steps of one Adam on all answers at once, with
    ppo_loss + ½ value_loss - bonus · (mean entropy at the real tokens). Old log-probabilities and
    old values are those of the rollout.

    Shapes:
        prompts: (B, P). returns: `updates` floats.

    Example:
        >>> ends = lambda ids: (ids[:, 1] == END).double()
        >>> rewards = train_ppo(Policy(4, 8), torch.ones(16, 1).long(), ends, 30, torch.Generator())
        >>> rewards[-1] > rewards[0]
        True
    """
    raise NotImplementedError("09_rlhf: train_ppo")


def train_grpo(
    policy: Policy,
    prompts: torch.Tensor,
    reward: Reward,
    updates: int,
    rng: torch.Generator,
    group: int = 8,
    n: int = 2,
    lr: float = 0.01,
) -> list[float]:
    """Train the policy with GRPO; return the mean reward of each update's answers.

    The reference is a copy of the policy as it comes in. One update: every prompt is answered
    `group` times, side by side; grpo_advantages of the rewards; then 4 steps of one Adam on all
    answers at once, with grpo_loss and its defaults.

    Shapes:
        prompts: (B, P). returns: `updates` floats.

    Example:
        >>> ends = lambda ids: (ids[:, 1] == END).double()
        >>> rewards = train_grpo(Policy(4, 8), torch.ones(4, 1).long(), ends, 30, torch.Generator())
        >>> rewards[-1] > rewards[0]
        True
    """
    raise NotImplementedError("09_rlhf: train_grpo")


def reward_hacking_report(
    policy: Sequence[torch.Tensor], proxy: Reward, truth: Reward
) -> dict[str, Any]:
    """Compare what was rewarded with what was wanted, over the course of a training.

    "proxy" and "truth" list the mean reward at each checkpoint. "turn" is the checkpoint, the first
    if there are several, where the truth is highest, provided that from there to the end the proxy
    has risen and the truth has fallen; otherwise None.

    Shapes:
        policy: the answers (B, T) that the policy wrote at each checkpoint, at least one.

    Example:
        >>> texts = [torch.tensor([[0]]), torch.tensor([[1]]), torch.tensor([[2]])]
        >>> size = lambda ids: ids.double().sum(1)
        >>> reward_hacking_report(texts, size, lambda ids: 1 - (size(ids) - 1) ** 2)
        {'proxy': [0.0, 1.0, 2.0], 'truth': [0.0, 1.0, 0.0], 'turn': 1}
    """
    raise NotImplementedError("09_rlhf: reward_hacking_report")
