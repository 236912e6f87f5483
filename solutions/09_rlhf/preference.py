"""Direct preference optimisation: learn from pairs without a reward model and without sampling."""

import torch
from torch.nn import functional as F


def sequence_logprob(logp: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the log-probability of each whole answer: the sum over its real tokens.

    Shapes:
        logp: (B, T). mask: (B, T), bool; what is masked may be anything, also NaN. returns: (B,).

    Example:
        >>> sequence_logprob(torch.tensor([[-1.0, -2.0]]), torch.tensor([[True, True]]))
        tensor([-3.])
    """
    ### BEGIN SOLUTION
    return torch.where(mask, logp, 0.0).sum(1)  # (B,)  subtle: a sum, not a mean
    ### END SOLUTION


def dpo_loss(
    chosen: torch.Tensor,
    rejected: torch.Tensor,
    ref_chosen: torch.Tensor,
    ref_rejected: torch.Tensor,
    beta: float = 0.1,
) -> torch.Tensor:
    """Return -log σ(beta · margin), the mean over pairs.

    The margin is by how much more the policy has raised the chosen answer than the rejected one,
    seen from the reference: (chosen - ref_chosen) - (rejected - ref_rejected). With the policy
    equal to the reference the loss is ln 2. No gradient flows to the reference.

    Shapes:
        chosen, rejected: (B,), log-probabilities of whole answers under the policy.
        ref_chosen, ref_rejected: (B,), the same under the reference. returns: ().

    Example:
        >>> a, b = torch.tensor([-3.0]), torch.tensor([-4.0])
        >>> dpo_loss(a, b, a, b)
        tensor(0.6931)
    """
    ### BEGIN SOLUTION
    margin = (chosen - rejected) - (ref_chosen - ref_rejected).detach()  # (B,)
    return -F.logsigmoid(beta * margin).mean()  # subtle: beta inside, and no log of a sigmoid
    ### END SOLUTION
