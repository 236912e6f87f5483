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


### BEGIN SOLUTION
def answer_logprobs(policy: Any, ids: torch.Tensor, P: int) -> torch.Tensor:
    """Return the log-probabilities of the tokens after the prompt, (B, n)."""
    return token_logprobs(policy(ids)[:, P - 1 : -1], ids[:, P:])  # subtle: place t predicts t + 1


### END SOLUTION
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
    ### BEGIN SOLUTION
    B, P = prompts.shape
    ids = torch.cat((prompts, torch.full((B, n), END)), dim=1)  # (B, P + n)
    logp, mask = [], torch.zeros(B, n, dtype=torch.bool)
    going = torch.ones(B, dtype=torch.bool)
    for t in range(n):
        with torch.no_grad():
            last = policy(ids[:, : P + t])[:, -1]  # (B, V)
        token = torch.multinomial(torch.softmax(last, dim=-1), 1, generator=rng)[:, 0]  # (B,)
        token = torch.where(going, token, END)  # subtle: after its END a row draws nothing
        logp.append(torch.where(going, token_logprobs(last, token), 0.0))
        ids[:, P + t], mask[:, t] = token, going  # subtle: END itself was drawn, and is real
        going = going & (token != END)
        if not going.any():
            break
    drawn = torch.stack(logp, dim=1)  # (B, steps)
    return ids, nn.functional.pad(drawn, (0, n - drawn.shape[1])), mask
    ### END SOLUTION


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
    ### BEGIN SOLUTION
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    losses = []
    for _ in range(steps):
        loss = preference_loss(model(*chosen), model(*rejected))
        optimizer.zero_grad()  # subtle: or the gradients of all steps add up
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
    ### END SOLUTION


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
    ### BEGIN SOLUTION
    reference = copy.deepcopy(policy)  # subtle: as it was; `reference = policy` would follow it
    optimizer = torch.optim.Adam(policy.parameters(), lr=lr)
    P, history = prompts.shape[1], []
    for _ in range(updates):
        ids, old_logp, mask = rollout(policy, prompts, n, rng)
        score = reward(ids).to(old_logp.dtype)  # (B,)
        with torch.no_grad():
            old_values = policy.values(ids)[:, P - 1 : -1]  # (B, n)  subtle: before each token
            kl = kl_estimates(old_logp, answer_logprobs(reference, ids, P))[0]  # (B, n)
        rewards = shaped_rewards(score, kl, beta, mask)  # (B, n)
        dones = torch.arange(n) == mask.sum(1, keepdim=True) - 1  # (B, n)
        advantages, returns = gae(rewards, old_values, dones, gamma=1.0, lam=0.95)
        for _ in range(4):
            logits, values = (each[:, P - 1 : -1] for each in (policy(ids), policy.values(ids)))
            logp = token_logprobs(logits, ids[:, P:])  # (B, n)
            loss = ppo_loss(logp, old_logp, advantages, mask)
            loss = loss + 0.5 * value_loss(values, old_values, returns, mask)
            loss = loss - bonus * masked_mean(entropy(logits), mask)  # subtle: a bonus
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        history.append(float(score.mean()))
    return history
    ### END SOLUTION


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
    ### BEGIN SOLUTION
    reference = copy.deepcopy(policy)
    optimizer = torch.optim.Adam(policy.parameters(), lr=lr)
    asked = prompts.repeat_interleave(group, dim=0)  # (B·group, P)  subtle: side by side
    P, history = prompts.shape[1], []
    for _ in range(updates):
        ids, old_logp, mask = rollout(policy, asked, n, rng)
        score = reward(ids).to(old_logp.dtype)  # (B·group,)
        advantages = grpo_advantages(score, group)
        with torch.no_grad():
            ref_logp = answer_logprobs(reference, ids, P)  # (B·group, n)
        for _ in range(4):
            logp = answer_logprobs(policy, ids, P)  # subtle: of the policy as it is now
            loss = grpo_loss(logp, old_logp, ref_logp, advantages, mask)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        history.append(float(score.mean()))
    return history
    ### END SOLUTION


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
    ### BEGIN SOLUTION
    proxies = [float(proxy(ids).mean()) for ids in policy]
    truths = [float(truth(ids).mean()) for ids in policy]
    turn = truths.index(max(truths))  # subtle: where the truth is best, not where the proxy is
    hacked = proxies[-1] > proxies[turn] and truths[-1] < truths[turn]  # subtle: both
    return {"proxy": proxies, "truth": truths, "turn": turn if hacked else None}
    ### END SOLUTION
