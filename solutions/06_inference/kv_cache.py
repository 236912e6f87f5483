"""Caches for generation: what was computed for a token is kept, and never computed again.

Letters: B batch, T time, C channels, H heads, D size of a key, D_v size of a value, V vocabulary.
`...` stands for any number of leading dimensions, none included. Keys are (..., T, D), values are
(..., T, D_v). No function changes the tensors it is given.
"""

import math
from typing import Any

import torch


### BEGIN SOLUTION
def _with_room(old: torch.Tensor | None, new: torch.Tensor, T: int) -> torch.Tensor:
    """Return a buffer like `new` with room for T tokens: the old one, or one twice as large."""
    room = 0 if old is None else old.shape[-2]
    if old is not None and room >= T:
        return old
    larger = new.new_zeros(*new.shape[:-2], max(T, 2 * room), new.shape[-1])  # (..., room, D)
    if old is not None:
        larger[..., :room, :] = old
    return larger


### END SOLUTION


class KVCache:
    """The keys and values of every token so far, for one layer of one conversation (or batch).

    A new token is written into room that is free already. Only when there is none left, a buffer
    at least 1.5 times as large is made and the old one copied: n appends make few new tensors.

    Shapes:
        keys: (..., length, D). values: (..., length, D_v). They are properties (or attributes),
        and undefined while length is 0.

    Example:
        >>> cache = KVCache()
        >>> keys, values = cache.append(torch.zeros(3, 2), torch.ones(3, 1))
        >>> keys, values = cache.append(torch.ones(1, 2), torch.ones(1, 1))
        >>> cache.length, cache.keys.shape, values.shape
        (4, torch.Size([4, 2]), torch.Size([4, 1]))
    """

    length: int

    def __init__(self) -> None:
        """Make an empty cache."""
        ### BEGIN SOLUTION
        self.clear()  # subtle: buffers of the object, not of the class: nothing is shared
        ### END SOLUTION

    def append(self, k: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Write T_new tokens after those that are there, and return all keys and all values.

        Shapes:
            k: (..., T_new, D). v: (..., T_new, D_v). returns: (..., length, D), (..., length, D_v),
            views of the cache. The leading dimensions are the same until clear().
        """
        ### BEGIN SOLUTION
        T = self.length + k.shape[-2]
        self._keys = _with_room(self._keys, k, T)  # subtle: grows by a factor, not by a token
        self._values = _with_room(self._values, v, T)
        self._keys[..., self.length : T, :] = k  # subtle: behind the old ones, along time
        self._values[..., self.length : T, :] = v
        self.length = T
        return self.keys, self.values
        ### END SOLUTION

    @property
    def keys(self) -> torch.Tensor:
        """All keys so far, oldest first, (..., length, D)."""
        ### BEGIN SOLUTION
        return self._keys[..., : self.length, :]  # subtle: not the room that is still free
        ### END SOLUTION

    @property
    def values(self) -> torch.Tensor:
        """All values so far, oldest first, (..., length, D_v)."""
        ### BEGIN SOLUTION
        return self._values[..., : self.length, :]
        ### END SOLUTION

    def clear(self) -> None:
        """Forget everything; what comes next may have another shape and dtype."""
        ### BEGIN SOLUTION
        self.length = 0
        self._keys: torch.Tensor | None = None
        self._values: torch.Tensor | None = None
        ### END SOLUTION


def attend_with_cache(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, cache: KVCache
) -> torch.Tensor:
    """Append k and v to the cache, and let the new queries attend to all it holds, causally.

    The new tokens are the last T_new of all positions: each sees the whole past, itself, and no
    token after itself. Fed in pieces of any lengths, a text gives the rows it gives in one piece.

    Shapes:
        q, k: (..., T_new, D). v: (..., T_new, D_v). returns: (..., T_new, D_v).

    Example:
        >>> cache, q = KVCache(), torch.zeros(1, 2)
        >>> attend_with_cache(q, q, torch.tensor([[4.0]]), cache)
        tensor([[4.]])
        >>> attend_with_cache(q, q, torch.tensor([[8.0]]), cache)
        tensor([[6.]])
    """
    ### BEGIN SOLUTION
    keys, values = cache.append(k, v)  # subtle: first, since a token sees itself as well
    T_q, T_k = q.shape[-2], keys.shape[-2]
    scores = q @ keys.mT / math.sqrt(q.shape[-1])  # (..., T_q, T_k)
    positions = torch.arange(T_q)[:, None] + (T_k - T_q)  # (T_q, 1)  subtle: counted from the end
    scores = scores.masked_fill(torch.arange(T_k) > positions, -math.inf)
    return torch.softmax(scores, dim=-1) @ values  # (..., T_q, D_v)
    ### END SOLUTION


def generate_cached(model: Any, idx: torch.Tensor, n: int) -> torch.Tensor:
    """Continue idx by n tokens, each the likeliest, computing K and V of every token once.

    You are not given a network but its pieces, the methods of `model`:

    - `model.layers()` is the number of layers.
    - `model.embed(ids, start)` turns ids (B, T) at positions start, start + 1, … into x (B, T, C).
    - `model.project(layer, x)` gives q, k, v of that layer, (B, H, T, D) each. It is counted.
    - `model.finish(layer, x, out)` takes the attention's out (B, H, T, D) and gives the next x.
    - `model.logits(x)` turns the last layer's x (B, T, C) into logits (B, T, V).

    In each layer, at most T + n - 1 tokens are projected in all: the last one is never read. Two
    calls have nothing in common.

    Shapes:
        idx: (B, T), int64, T >= 1. returns: (B, T + n), int64, the prompt included.

    Example:
        >>> class CountUp:  # a model without layers that always says the next number
        ...     def layers(self):
        ...         return 0
        ...     def embed(self, ids, start):
        ...         return ids[..., None]
        ...     def logits(self, x):
        ...         return torch.nn.functional.one_hot(x[..., 0] + 1, 10)
        >>> generate_cached(CountUp(), torch.tensor([[3, 4]]), 3)
        tensor([[3, 4, 5, 6, 7]])
    """
    ### BEGIN SOLUTION
    caches = [KVCache() for _ in range(model.layers())]  # subtle: one each, new for every call
    new, start = idx, 0
    for _ in range(n):
        x = model.embed(new, start)  # (B, T_new, C)
        start += new.shape[1]  # subtle: positions go on where the last ones ended
        for layer, cache in enumerate(caches):
            q, k, v = model.project(layer, x)  # (B, H, T_new, D)
            x = model.finish(layer, x, attend_with_cache(q, k, v, cache))
        new = model.logits(x)[:, -1:].argmax(-1)  # (B, 1)  subtle: only this is read next
        idx = torch.cat((idx, new), dim=1)
    return idx
    ### END SOLUTION


def cache_bytes(layers: int, kv_heads: int, head_dim: int, T: int, bytes_per_value: int) -> int:
    """Return how many bytes the cache of one conversation of T tokens takes.

    Example:
        >>> cache_bytes(40, 40, 128, 1, 2)  # Llama-2 13B, one token in fp16
        819200
    """
    ### BEGIN SOLUTION
    return 2 * layers * kv_heads * head_dim * T * bytes_per_value  # subtle: keys and values
    ### END SOLUTION


class RollingCache:
    """The keys and values of the last `window` tokens, oldest first; older ones are let go.

    However long the text, no tensor larger than window + T_new tokens is ever made.

    Shapes:
        keys: (..., length, D). values: (..., length, D_v), where length is at most window; they
        are undefined while length is 0.

    Example:
        >>> cache = RollingCache(2)
        >>> keys, values = cache.append(torch.arange(3.0)[:, None], torch.zeros(3, 1))
        >>> keys
        tensor([[1.],
                [2.]])
        >>> cache.length
        2
    """

    length: int
    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, window: int) -> None:
        """Make an empty cache for window >= 1 tokens."""
        ### BEGIN SOLUTION
        self.window, self.length = window, 0
        ### END SOLUTION

    def append(self, k: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Add T_new tokens, let go of the oldest, and return the keys and values that are left.

        Shapes:
            k: (..., T_new, D). v: (..., T_new, D_v). T_new may be larger than the window.
            returns: (..., length, D), (..., length, D_v).
        """
        ### BEGIN SOLUTION
        if self.length > 0:
            k = torch.cat((self.keys, k), dim=-2)  # subtle: along time, the oldest first
            v = torch.cat((self.values, v), dim=-2)
        self.keys = k[..., -self.window :, :].clone()  # subtle: the copy lets the rest go
        self.values = v[..., -self.window :, :].clone()
        self.length = self.keys.shape[-2]
        return self.keys, self.values
        ### END SOLUTION
