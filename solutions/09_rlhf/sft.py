"""Supervised fine-tuning: a chat as text, the loss on the assistant's words alone, and LoRA.

Letters: B batch, T time, V vocabulary. A mask is bool, and True means: this token counts.
"""

import copy
import math
from collections.abc import Mapping, Sequence

import torch
from torch import nn
from torch.nn import functional as F

IGNORE = -100  # the label of a token that is not learned, as everywhere in torch


def render_chat(messages: Sequence[Mapping[str, str]]) -> str:
    """Write a conversation as one text, in the form called ChatML.

    A turn is `<|im_start|>`, the role, a newline, the content as it is, `<|im_end|>`, a newline.

    Shapes:
        messages: dicts with the keys "role" and "content".

    Example:
        >>> render_chat([{"role": "user", "content": "Hi"}])
        '<|im_start|>user\\nHi<|im_end|>\\n'
    """
    ### BEGIN SOLUTION
    turns = [f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages]
    return "".join(turns)  # subtle: the content is not stripped, and every turn is closed
    ### END SOLUTION


def sft_labels(
    ids: torch.Tensor, assistant_spans: Sequence[tuple[int, int]], end: int
) -> torch.Tensor:
    """Return what is to be learned: ids on the assistant's tokens and its end tokens, else -100.

    A span (start, stop) covers ids[start:stop], the words of one answer. When the token at stop is
    `end`, it is learned too; after an answer that was cut off it is not there. Labels are not
    shifted: the label of place t is the token at place t. ids keeps its values.

    Shapes:
        ids: (T,), int64. assistant_spans: any number of pairs. returns: (T,), int64.

    Example:
        >>> sft_labels(torch.tensor([5, 6, 7, 8, 1, 9]), [(2, 4)], end=1)
        tensor([-100, -100,    7,    8,    1, -100])
    """
    ### BEGIN SOLUTION
    labels = torch.full_like(ids, IGNORE)  # (T,)  subtle: the prompt is not learned
    for start, stop in assistant_spans:
        ended = stop < len(ids) and int(ids[stop]) == end  # subtle: or it never learns to stop
        last = stop + 1 if ended else stop
        labels[start:last] = ids[start:last]
    return labels
    ### END SOLUTION


def sft_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy of the tokens that are to be learned.

    The logits of place t are compared with the label of place t + 1, which they predict. The mean
    is over all labels of the batch that are not -100; without any, the loss is 0.

    Shapes:
        logits: (B, T, V). labels: (B, T), as sft_labels makes them. returns: ().

    Example:
        >>> sft_loss(torch.zeros(1, 3, 4), torch.tensor([[-100, 2, 3]]))
        tensor(1.3863)
    """
    ### BEGIN SOLUTION
    predicted = logits[:, :-1].flatten(0, 1)  # (B·(T - 1), V)
    wanted = labels[:, 1:].flatten()  # (B·(T - 1),)  subtle: place t predicts place t + 1
    total = F.cross_entropy(predicted, wanted, ignore_index=IGNORE, reduction="sum")
    return total / (wanted != IGNORE).sum().clamp(min=1)  # subtle: over what is learned, never 0
    ### END SOLUTION


def token_logprobs(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Return the log-probability that each place gives to its token.

    Nothing is shifted here: logits and ids belong together place by place. Logits that lie 1000
    apart give finite numbers.

    Shapes:
        logits: (..., T, V). ids: (..., T), int64. returns: (..., T).

    Example:
        >>> token_logprobs(torch.tensor([[0.0, math.log(3.0)]]), torch.tensor([1]))
        tensor([-0.2877])
    """
    ### BEGIN SOLUTION
    logp = torch.log_softmax(logits, dim=-1)  # (..., T, V)  subtle: log(softmax) gives -inf
    return logp.gather(-1, ids[..., None])[..., 0]  # (..., T)
    ### END SOLUTION


def masked_mean(x: torch.Tensor, mask: torch.Tensor, dim: int | None = None) -> torch.Tensor:
    """Return the mean of the numbers whose mask is True, along dim or, with None, of all.

    What is masked does not count at all, not even where it is inf or NaN. A mean of nothing is 0.

    Shapes:
        x: any shape, float. mask: the same shape, bool. returns: () or the shape without dim.

    Example:
        >>> x, mask = torch.tensor([[1.0, 3.0], [5.0, 7.0]]), torch.tensor([[1, 1], [1, 0]]).bool()
        >>> masked_mean(x, mask)
        tensor(3.)
    """
    ### BEGIN SOLUTION
    total = torch.where(mask, x, 0.0).sum(dim)  # subtle: 0 times NaN would be NaN
    return total / mask.sum(dim).clamp(min=1)  # subtle: over the real tokens, not the padded length
    ### END SOLUTION


class LoRALinear(nn.Module):
    """A frozen linear layer with a learned change of low rank beside it.

    Shapes:
        linear: nn.Linear from C_in to C_out, kept as `.linear`; its parameters take no gradients.
        A: (rank, C_in), random. B: (C_out, rank), zeros: at the start nothing is changed.

    Example:
        >>> LoRALinear(nn.Linear(3, 2), rank=1, alpha=2.0)(torch.zeros(5, 3)).shape
        torch.Size([5, 2])
    """

    def __init__(self, linear: nn.Linear, rank: int, alpha: float) -> None:
        """Freeze the layer, and make the parameters A and B, of the layer's dtype."""
        super().__init__()
        ### BEGIN SOLUTION
        self.linear = linear.requires_grad_(False)  # subtle: only A and B are trained
        self.scale = alpha / rank
        weight = linear.weight
        self.A = nn.Parameter(torch.randn_like(weight[:1].expand(rank, -1)) / math.sqrt(rank))
        self.B = nn.Parameter(torch.zeros_like(weight[:, :1].expand(-1, rank)))  # subtle: zeros
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return linear(x) + alpha / rank · B A x.

        Shapes:
            x: (..., C_in). returns: (..., C_out).
        """
        ### BEGIN SOLUTION
        return self.linear(x) + self.scale * (x @ self.A.T @ self.B.T)  # (..., C_out)
        ### END SOLUTION

    def merge(self) -> nn.Linear:
        """Return a new linear layer that computes the same; this one stays as it is."""
        ### BEGIN SOLUTION
        merged = copy.deepcopy(self.linear)  # subtle: a layer of its own
        with torch.no_grad():
            merged.weight += self.scale * self.B @ self.A  # (C_out, C_in)
        return merged
        ### END SOLUTION
