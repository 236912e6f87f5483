"""The reward model: a network that reads an answer and says how good it is, learned from pairs."""

import torch
from torch import nn
from torch.nn import functional as F


class Backbone(nn.Module):
    """A small causal network, given: place t has seen the tokens up to and with place t.

    Shapes:
        ids (B, T), int64, below V → hidden states (B, T, C).
    """

    def __init__(self, V: int, C: int) -> None:  # given
        """Make an embedding and a recurrent layer."""
        super().__init__()
        self.V, self.C = V, C
        self.embedding = nn.Embedding(V, C)
        self.recurrent = nn.GRU(C, C, batch_first=True)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:  # given
        """Return the hidden states, (B, T, C)."""
        hidden: torch.Tensor = self.recurrent(self.embedding(ids))[0]
        return hidden


class RewardModel(nn.Module):
    """A backbone with one number on top: how good the text is, read at its last real token.

    Shapes:
        backbone: ids (B, T) → (B, T, C), with an attribute `C`; kept as `.backbone`.
        score: nn.Linear from C to 1 without bias.

    Example:
        >>> model = RewardModel(Backbone(V=5, C=4))
        >>> model(torch.tensor([[1, 2, 0], [3, 1, 4]]), torch.tensor([2, 3])).shape
        torch.Size([2])
    """

    def __init__(self, backbone: nn.Module) -> None:
        """Keep the backbone and make the head."""
        super().__init__()
        raise NotImplementedError("09_rlhf: RewardModel")

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return one score for each text.

        Shapes:
            ids: (B, T), padded at the end. lengths: (B,), int64, 1 to T. returns: (B,).
        """
        raise NotImplementedError("09_rlhf: RewardModel")


def preference_loss(chosen: torch.Tensor, rejected: torch.Tensor) -> torch.Tensor:
    """Return -log σ(chosen - rejected), the mean over pairs: Bradley and Terry's model.

    Scores of ±1000 give finite losses and gradients.

    Shapes:
        chosen, rejected: (B,), the scores of the better and of the worse answers. returns: ().

    Example:
        >>> preference_loss(torch.tensor([1.0]), torch.tensor([1.0]))
        tensor(0.6931)
    """
    raise NotImplementedError("09_rlhf: preference_loss")
