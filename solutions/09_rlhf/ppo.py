"""Proximal policy optimisation: from one score at the end to a loss for every token.

Letters: B batch, T tokens of an answer, V vocabulary. A mask is bool: True = a real token of the
answer. `logp` are log-probabilities of the tokens that were sampled.
"""

import torch

from sft import masked_mean


def kl_estimates(
    logp: torch.Tensor, ref_logp: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return three estimates, for each token, of how far the policy has gone from the reference.

    Of KL(policy || reference), for tokens sampled from the policy. With r = p_ref / p_policy:
    k1 = -log r, k2 = ½ (log r)², k3 = r - 1 - log r. k2 and k3 are never negative.

    Shapes:
        logp, ref_logp: (...). returns: three tensors (...).

    Example:
        >>> kl_estimates(torch.tensor([0.0]), torch.tensor([-1.0]))
        (tensor([1.]), tensor([0.5000]), tensor([0.3679]))
    """
    ### BEGIN SOLUTION
    log_r = ref_logp - logp  # subtle: the reference on top
    return -log_r, 0.5 * log_r**2, log_r.exp() - 1.0 - log_r
    ### END SOLUTION


def shaped_rewards(
    score: torch.Tensor, kl: torch.Tensor, beta: float, mask: torch.Tensor
) -> torch.Tensor:
    """Return a reward for each token: -beta · kl, and at the last real token the score as well.

    Padding gets 0, whatever its kl is; a row without any real token gets zeros.

    Shapes:
        score: (B,). kl: (B, T). mask: (B, T), bool, padding at the end. returns: (B, T).

    Example:
        >>> mask = torch.tensor([[True, True, False]])
        >>> shaped_rewards(torch.tensor([5.0]), torch.ones(1, 3), 0.1, mask)
        tensor([[-0.1000,  4.9000,  0.0000]])
    """
    ### BEGIN SOLUTION
    rewards = torch.where(mask, -beta * kl, 0.0)  # (B, T)  subtle: a penalty, and none for padding
    place = torch.arange(mask.shape[1])  # (T,)
    last = mask & (place == mask.sum(1, keepdim=True) - 1)  # (B, T)  subtle: last real token
    return rewards + torch.where(last, score[:, None], 0.0)
    ### END SOLUTION


def gae(
    rewards: torch.Tensor, values: torch.Tensor, dones: torch.Tensor, gamma: float, lam: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the generalised advantage estimates, and the returns that the values should have been.

    delta_t = r_t + gamma V_{t+1} - V_t, and A_t = delta_t + gamma lam A_{t+1}, from the back. Where
    dones_t is True, the episode ends with step t: V_{t+1} and A_{t+1} are 0. So they are after the
    last column. The returns are A + V. No gradient flows to anything.

    Shapes:
        rewards, values: (B, T). dones: (B, T), bool. returns: two tensors (B, T).

    Example:
        >>> r, v = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.5]])
        >>> gae(r, v, torch.tensor([[False, True]]), gamma=1.0, lam=1.0)
        (tensor([[0.5000, 0.5000]]), tensor([[1., 1.]]))
    """
    ### BEGIN SOLUTION
    rewards, values = rewards.detach(), values.detach()
    advantages = torch.zeros_like(values)  # (B, T)
    next_value = next_advantage = torch.zeros_like(values[:, 0])  # (B,)
    for t in reversed(range(values.shape[1])):
        going = (~dones[:, t]).to(values.dtype)  # (B,)  subtle: an end cuts what comes after it
        delta = rewards[:, t] + gamma * next_value * going - values[:, t]
        next_advantage = delta + gamma * lam * next_advantage * going
        advantages[:, t], next_value = next_advantage, values[:, t]
    return advantages, advantages + values  # subtle: returns are advantages plus values
    ### END SOLUTION


def ppo_loss(
    logp: torch.Tensor,
    old_logp: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    clip: float = 0.2,
) -> torch.Tensor:
    """Return minus the mean, over all real tokens of the batch, of min(ρ A, clip(ρ) A).

    ρ = exp(logp - old_logp) is kept between 1 - clip and 1 + clip in the second term. Gradients
    flow to logp alone.

    Shapes:
        all but clip: (B, T). returns: ().

    Example:
        >>> one = torch.ones(1, 1)
        >>> ppo_loss(torch.log(2 * one), 0 * one, one, one.bool())
        tensor(-1.2000)
    """
    ### BEGIN SOLUTION
    ratio = torch.exp(logp - old_logp.detach())  # (B, T)
    clipped = ratio.clamp(1.0 - clip, 1.0 + clip)  # (B, T)
    gain = torch.minimum(ratio * advantages.detach(), clipped * advantages.detach())
    return -masked_mean(gain, mask)  # subtle: the smaller gain, and a loss is minus a gain
    ### END SOLUTION


def value_loss(
    values: torch.Tensor,
    old_values: torch.Tensor,
    returns: torch.Tensor,
    mask: torch.Tensor,
    clip: float = 0.2,
) -> torch.Tensor:
    """Return half the mean, over all real tokens, of the larger of two squared errors.

    That of the values, and that of the values kept within ± clip of the old ones. Gradients flow
    to values alone.

    Shapes:
        all but clip: (B, T). returns: ().

    Example:
        >>> one = torch.ones(1, 1)
        >>> value_loss(one, 0 * one, 2 * one, one.bool())
        tensor(1.6200)
    """
    ### BEGIN SOLUTION
    old = old_values.detach()
    near = old + (values - old).clamp(-clip, clip)  # (B, T)  subtle: near the old values
    error = torch.maximum((values - returns.detach()) ** 2, (near - returns.detach()) ** 2)
    return 0.5 * masked_mean(error, mask)
    ### END SOLUTION


def entropy(logits: torch.Tensor) -> torch.Tensor:
    """Return the entropy -Σ p log p, in nats, of the distribution at each place.

    A logit of -inf means a token that cannot occur; it adds 0.

    Shapes:
        logits: (..., V). returns: (...).

    Example:
        >>> entropy(torch.tensor([0.0, 0.0]))
        tensor(0.6931)
    """
    ### BEGIN SOLUTION
    logp = torch.log_softmax(logits, dim=-1)  # (..., V)
    return -torch.where(logp.exp() > 0, logp.exp() * logp, 0.0).sum(-1)  # subtle: 0 · -inf is NaN
    ### END SOLUTION
