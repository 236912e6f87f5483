"""Serving many conversations at once: memory in pages, and a plan of who computes when.

Letters: N blocks, S tokens of a page, H heads, D size of a key, D_v size of a value. A block is one
page of memory, and is known by its number, 0 to N - 1.
"""

import math
from typing import Any

import torch


class BlockAllocator:
    """Hands out N blocks; a block has a count of its owners, and is free when it has none.

    Example:
        >>> allocator = BlockAllocator(2)
        >>> block = allocator.allocate()
        >>> allocator.share(block)
        >>> allocator.references(block), allocator.available
        (2, 1)
        >>> allocator.free(block)
        >>> allocator.free(block)
        >>> allocator.references(block), allocator.available
        (0, 2)
    """

    def __init__(self, n_blocks: int) -> None:
        """Make all blocks free."""
        ### BEGIN SOLUTION
        self._owners = [0] * n_blocks  # subtle: of this allocator alone
        ### END SOLUTION

    @property
    def available(self) -> int:
        """How many blocks are free."""
        ### BEGIN SOLUTION
        return self._owners.count(0)
        ### END SOLUTION

    def allocate(self) -> int:
        """Return a free block, any of them, which now has one owner.

        Raises:
            RuntimeError: No block is free.
        """
        ### BEGIN SOLUTION
        if self.available == 0:
            raise RuntimeError("no block is free")
        block = self._owners.index(0)
        self._owners[block] = 1  # subtle: from now on it is not free
        return block
        ### END SOLUTION

    def share(self, block: int) -> None:
        """Add an owner to a block that has one.

        Raises:
            ValueError: The block is free, or there is no such block.
        """
        ### BEGIN SOLUTION
        if self.references(block) == 0:
            raise ValueError(f"block {block} is free and cannot be shared")
        self._owners[block] += 1
        ### END SOLUTION

    def free(self, block: int) -> None:
        """Take an owner away; the block becomes free with its last one.

        Raises:
            ValueError: The block is free already, or there is no such block.
        """
        ### BEGIN SOLUTION
        if self.references(block) == 0:  # subtle: freed twice, it would be handed out twice
            raise ValueError(f"block {block} is free already")
        self._owners[block] -= 1  # subtle: others may still own it
        ### END SOLUTION

    def references(self, block: int) -> int:
        """Return how many owners a block has.

        Raises:
            ValueError: There is no such block.
        """
        ### BEGIN SOLUTION
        if not 0 <= block < len(self._owners):  # subtle: -1 would be the last one
            raise ValueError(f"there is no block {block}")
        return self._owners[block]
        ### END SOLUTION


class PagedCache:
    """Keys and values of many sequences of tokens, in pages of S tokens that forks may share.

    A sequence is known by a number: 0, 1, 2, … in the order in which they are made; none is used
    twice. Methods raise KeyError for a sequence that does not exist (any more).

    Shapes:
        load(block): (S, H, D) and (S, H, D_v).

    Example:
        >>> cache = PagedCache(4, 2)
        >>> first = cache.start()
        >>> for token in range(3):
        ...     cache.append(first, torch.full((1, 1), token), torch.zeros(1, 1))
        >>> second = cache.fork(first)
        >>> cache.length(second), len(cache.table(second)), cache.available
        (3, 2, 2)
    """

    def __init__(self, n_blocks: int, page_size: int) -> None:
        """Make an empty cache of n_blocks pages for page_size tokens each."""
        ### BEGIN SOLUTION
        self._allocator = BlockAllocator(n_blocks)
        self._shape = (n_blocks, page_size)
        self._pages: tuple[torch.Tensor, ...] = ()  # (N, S, H, D) and (N, S, H, D_v)
        self._tables: dict[int, list[int]] = {}
        self._lengths: dict[int, int] = {}
        self._started = 0
        ### END SOLUTION

    def start(self) -> int:
        """Begin an empty sequence, which has no page yet, and return its number."""
        ### BEGIN SOLUTION
        sequence = self._started
        self._started += 1
        self._tables[sequence], self._lengths[sequence] = [], 0
        return sequence
        ### END SOLUTION

    def append(self, sequence: int, k: torch.Tensor, v: torch.Tensor) -> None:
        """Write one token at the end of a sequence; no other sequence notices.

        A new page is taken only where the last is full, or has other owners: then the token goes to
        a copy of it. A page that has no other owner (any more) is written in place.

        Shapes:
            k: (H, D). v: (H, D_v). The same for all tokens of the cache.

        Raises:
            RuntimeError: A page is needed and none is free; the cache is as it was before.
        """
        ### BEGIN SOLUTION
        table, place = self._tables[sequence], self._lengths[sequence] % self._shape[1]
        if place == 0:
            table.append(self._allocator.allocate())
        elif self._allocator.references(table[-1]) > 1:  # subtle: others read this page
            table[-1] = self._own_copy(table[-1])
        if not self._pages:
            self._pages = tuple(x.new_zeros(*self._shape, *x.shape) for x in (k, v))
        for pages, new in zip(self._pages, (k, v), strict=True):
            pages[table[-1], place] = new
        self._lengths[sequence] += 1
        ### END SOLUTION

    ### BEGIN SOLUTION
    def _own_copy(self, block: int) -> int:
        """Copy a shared page, and give up the share in it."""
        copy = self._allocator.allocate()
        for pages in self._pages:
            pages[copy] = pages[block]  # subtle: the tokens before this one come along
        self._allocator.free(block)  # subtle: one owner less
        return copy

    ### END SOLUTION

    def fork(self, sequence: int) -> int:
        """Return a new sequence with the same tokens; it takes no page, it shares them all."""
        ### BEGIN SOLUTION
        table, length = self._tables[sequence], self._lengths[sequence]
        for block in table:
            self._allocator.share(block)  # subtle: else the first to be freed takes it away
        child = self.start()
        self._tables[child], self._lengths[child] = table.copy(), length  # subtle: its own list
        return child
        ### END SOLUTION

    def free(self, sequence: int) -> None:
        """End a sequence and give up its share of every page it has."""
        ### BEGIN SOLUTION
        for block in self._tables.pop(sequence):  # subtle: all of them
            self._allocator.free(block)
        del self._lengths[sequence]
        ### END SOLUTION

    def table(self, sequence: int) -> list[int]:
        """Return the blocks of a sequence in the order of its tokens, as a new list."""
        ### BEGIN SOLUTION
        return list(self._tables[sequence])
        ### END SOLUTION

    def length(self, sequence: int) -> int:
        """Return how many tokens a sequence has."""
        ### BEGIN SOLUTION
        return self._lengths[sequence]
        ### END SOLUTION

    def load(self, block: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a page: keys (S, H, D) and values (S, H, D_v)."""
        ### BEGIN SOLUTION
        return self._pages[0][block], self._pages[1][block]
        ### END SOLUTION

    @property
    def available(self) -> int:
        """How many pages are free."""
        ### BEGIN SOLUTION
        return self._allocator.available
        ### END SOLUTION


def paged_attention(
    q: torch.Tensor, pages: Any, block_table: list[int], length: int
) -> torch.Tensor:
    """Return the attention of one new query over a sequence that lies scattered over pages.

    `pages.load(block)` returns one page, and is counted: each page with tokens of the sequence is
    loaded once, no other. Page i of the sequence is block_table[i]; the table may be longer than
    the length needs. What stands after the last token of the last page is anything, even NaN.

    Shapes:
        q: (H, D). load: keys (S, H, D), values (S, H, D_v). 1 <= length. returns: (H, D_v).

    Example:
        >>> class Pages:
        ...     def load(self, block):
        ...         return torch.zeros(2, 1, 1), torch.full((2, 1, 1), float(block))
        >>> paged_attention(torch.ones(1, 1), Pages(), [6, 3, 0], 3)
        tensor([[5.]])
    """
    ### BEGIN SOLUTION
    keys, values, left = [], [], length
    for block in block_table:  # subtle: in the order of the table, not of the numbers
        if left <= 0:
            break  # subtle: the rest of the table is not ours
        k, v = pages.load(block)
        keys.append(k[:left])  # subtle: the last page may end in the middle
        values.append(v[:left])
        left -= k.shape[0]
    k, v = torch.cat(keys), torch.cat(values)  # (T, H, D), (T, H, D_v)
    scores = torch.einsum("hd,thd->ht", q, k) / math.sqrt(q.shape[-1])  # (H, T)
    return torch.einsum("ht,thd->hd", torch.softmax(scores, dim=-1), v)  # (H, D_v)
    ### END SOLUTION


def schedule(requests: list[tuple[int, int, int]], budget: int) -> list[list[tuple[int, int]]]:
    """Plan continuous batching: who has how many tokens computed in each step.

    A request is (arrival, prompt, new): from step `arrival` on it may run; `prompt` >= 1 tokens are
    read, in as many pieces as it takes; the step that reads the last of them also says the first
    new token. Each of the other new - 1 >= 0 tokens takes a step of its own, of one token.

    A step computes at most `budget` >= 1 tokens. First one for each request that is past its
    prompt, then prompts, as much as fits. In both, first come, first served: by arrival, then by
    place in the list. Nobody is passed over because a later one fits better.

    Returns:
        For each step from 0 until all is done, the pairs (request, tokens), tokens >= 1, in the
        order in which they were chosen; an empty list while nobody is there.

    Example:
        >>> schedule([(0, 3, 2), (0, 4, 1)], 4)
        [[(0, 3), (1, 1)], [(0, 1), (1, 3)]]
    """
    ### BEGIN SOLUTION
    unread = [prompt for _, prompt, _ in requests]
    unsaid = [new - 1 for _, _, new in requests]  # subtle: the first comes with the prompt
    order = sorted(range(len(requests)), key=lambda r: requests[r][0])
    steps: list[list[tuple[int, int]]] = []
    while any(unread) or any(unsaid):
        here = [r for r in order if requests[r][0] <= len(steps)]
        step = [(r, 1) for r in here if not unread[r] and unsaid[r]]  # never more than the budget
        for r, _ in step:
            unsaid[r] -= 1
        left = budget - len(step)  # subtle: who speaks takes from it as well
        for r in here:
            tokens = min(unread[r], left)  # subtle: a prompt may be read in pieces
            if tokens > 0:
                step.append((r, tokens))
                unread[r], left = unread[r] - tokens, left - tokens
        steps.append(step)
    return steps
    ### END SOLUTION
