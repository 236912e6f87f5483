"""The tests you have: numbers to check by hand, and torch's own attention. Hidden ones follow."""

import math

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

from autograder.testing import close, ensure, equal, expose, part, raises


def drawn(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def causal(q, k, v):
    return scaled_dot_product_attention(q, k, v, is_causal=True)  # right only where T_q = T_k


@part("KVCache")
def test_cache_in_three_pieces(student):
    """Two tokens, one token and three tokens are six, in that order."""
    k, v = drawn(2, 6, 3), drawn(2, 6, 4, seed=1)
    cache = student.KVCache()
    for a, b in ((0, 2), (2, 3), (3, 6)):
        close(cache.append(k[:, a:b], v[:, a:b]), (k[:, :b], v[:, :b]))
    close([cache.length, cache.keys, cache.values], [6, k, v])
    cache.clear()
    equal(cache.length, 0)


@part("attend_with_cache")
def test_attention_in_two_pieces(student):
    """Seven tokens, fed as four and three, give the rows of causal attention over seven."""
    q, k, v = drawn(7, 4), drawn(7, 4, seed=1), drawn(7, 2, seed=2)
    cache = student.KVCache()
    expected = causal(q, k, v)
    close(student.attend_with_cache(q[:4], k[:4], v[:4], cache), expected[:4])
    close(student.attend_with_cache(q[4:], k[4:], v[4:], cache), expected[4:])


class Majority:
    """A model of one layer that says how many tokens there are so far; it counts its work."""

    def __init__(self):
        self.projected = 0

    def layers(self):
        return 1

    def embed(self, ids, start):
        """A token is one channel: its position."""
        ids = torch.as_tensor(ids)
        return torch.arange(start, start + ids.shape[1]).double().expand(ids.shape)[..., None]

    def project(self, layer, x):
        self.projected += x.shape[1]
        return 0 * x[:, None], 0 * x[:, None], x[:, None]

    def finish(self, layer, x, out):
        return 2 * out[:, 0] + 1  # the mean of the positions 0 to T - 1 is (T - 1) / 2

    def logits(self, x):
        return -((x - torch.arange(20)) ** 2)


@part("generate_cached")
def test_generates_a_count(student):
    """A model that says how many tokens there are goes on 3, 4, 5, …, in 3 + 4 - 1 projections."""
    model = Majority()
    ports = expose(model, "layers", "embed", "project", "finish", "logits")
    got = student.generate_cached(ports, torch.tensor([[0, 0, 0]]), 4)
    equal(got, torch.tensor([[0, 0, 0, 3, 4, 5, 6]]))
    ensure(model.projected <= 6, f"{model.projected} tokens were projected; 6 are enough.")


@part("cache_bytes")
def test_bytes_of_llama(student):
    """Llama-2 13B: 40 layers, 40 heads of 128, fp16: 819,200 bytes for one token."""
    equal(student.cache_bytes(40, 40, 128, 1, 2), 819_200)
    equal(student.cache_bytes(1, 1, 1, 5, 4), 40)


@part("RollingCache")
def test_rolling_by_hand(student):
    """With a window of 3, after the tokens 0 to 4 the tokens 2, 3 and 4 are left."""
    cache, tokens = student.RollingCache(3), torch.arange(5.0)[:, None]
    for t in range(5):
        keys, values = cache.append(tokens[t : t + 1], -tokens[t : t + 1])
    close([keys, values, cache.length], [tokens[2:], -tokens[2:], 3])


class Memory:
    """Matrices in slow memory; the words loaded are counted."""

    def __init__(self, **matrices):
        self.matrices, self.words = matrices, 0

    def shape(self, name):
        return self.matrices[name].shape

    def load(self, name, rows, columns):
        block = self.matrices[name][rows, columns].copy()
        self.words += block.size
        return block


@part("tiled_matmul")
def test_product_in_tiles(student):
    """4 × 4 in tiles of 2 takes 2 / 2 · 4³ = 64 words; 3 × 5 times 5 × 4 is right as well."""
    square = np.arange(16.0).reshape(4, 4)
    memory = Memory(A=square, B=square.T)
    close(student.tiled_matmul("A", "B", 2, expose(memory, "shape", "load")), square @ square.T)
    equal(memory.words, 64)
    a, b = np.arange(15.0).reshape(3, 5), np.arange(20.0).reshape(5, 4)
    ports = expose(Memory(A=a, B=b), "shape", "load")
    close(student.tiled_matmul("A", "B", 2, ports), a @ b)


def counting(items):
    """Return a function that reads one of the items, and the list of what it was asked for."""
    asked = []

    def read(i):
        asked.append(i)
        return items[i]

    return read, asked


@part("safe_softmax_3pass")
def test_three_passes_by_hand(student):
    """The scores 1000 and 1000 + ln 3 give ¼ and ¾, in six reads."""
    read, asked = counting([1000.0, 1000.0 + math.log(3)])
    close(student.safe_softmax_3pass(read, 2), np.array([0.25, 0.75]))
    equal(len(asked), 6)


@part("online_softmax_2pass")
def test_two_passes_by_hand(student):
    """The scores 0, ln 2 and 0 give ¼, ½ and ¼, in six reads."""
    read, asked = counting([0.0, math.log(2), 0.0])
    close(student.online_softmax_2pass(read, 3), np.array([0.25, 0.5, 0.25]))
    equal(len(asked), 6)


@part("online_weighted_sum_1pass")
def test_one_pass_by_hand(student):
    """Scores 0 and ln 3 weigh the values 8 and 4 by ¼ and ¾: that is 5, in two reads."""
    read, asked = counting([(0.0, np.array([8.0])), (math.log(3), np.array([4.0]))])
    close(student.online_weighted_sum_1pass(read, 2), np.array([5.0]))
    equal(len(asked), 2)


@part("flash_attention")
def test_flash_is_attention(student):
    """In tiles of 3 × 2 it is torch's attention, causal or not, and lse is the log of the sums."""
    q, k, v = drawn(7, 4), drawn(7, 4, seed=1), drawn(7, 2, seed=2)
    out, lse = student.flash_attention(q, k, v, 3, 2, False)
    close(out, scaled_dot_product_attention(q, k, v))
    close(lse, torch.logsumexp(q @ k.T / 2, dim=-1))
    close(student.flash_attention(q, k, v, 3, 2, True)[0], causal(q, k, v))


@part("flash_backward")
def test_backward_is_autograd(student):
    """In tiles of 3 × 2 the gradients are those of torch's attention."""
    q, k, v = (drawn(7, 4, seed=seed).requires_grad_() for seed in range(3))
    out = causal(q, k, v)
    dout = drawn(7, 4, seed=3)
    out.backward(dout)
    hidden = torch.ones(7, 7).triu(1).bool()
    lse = torch.logsumexp((q @ k.T / 2).masked_fill(hidden, -math.inf), dim=-1)
    given = [x.detach() for x in (q, k, v, out, lse)]
    close(student.flash_backward(*given, dout, 3, 2, True), (q.grad, k.grad, v.grad))


@part("BlockAllocator")
def test_allocator_with_two_owners(student):
    """A shared block is free when both owners have freed it; freeing it again is an error."""
    allocator = student.BlockAllocator(2)
    block = allocator.allocate()
    allocator.share(block)
    seen = [allocator.references(block), allocator.available]
    allocator.free(block)
    seen += [allocator.references(block), allocator.available]
    allocator.free(block)
    seen += [allocator.references(block), allocator.available]
    equal(seen, [2, 1, 1, 1, 0, 2])
    with raises(ValueError):
        allocator.free(block)


@part("PagedCache")
def test_paged_fork(student):
    """A fork shares the pages; its next token goes to a copy of the last, partial one."""
    cache = student.PagedCache(4, 2)
    first = cache.start()
    for t in range(3):
        cache.append(first, torch.full((1, 2), float(t)), torch.full((1, 1), float(-t)))
    second = cache.fork(first)
    equal([first, second, cache.length(second), cache.available], [0, 1, 3, 2])
    cache.append(second, torch.full((1, 2), 9.0), torch.full((1, 1), -9.0))
    equal([cache.length(first), cache.length(second), cache.available], [3, 4, 1])
    keys, values = cache.load(cache.table(second)[1])
    close(keys, torch.tensor([[[2.0, 2.0]], [[9.0, 9.0]]]))
    close(values, torch.tensor([[[-2.0]], [[-9.0]]]))
    close(cache.load(cache.table(first)[1])[0][0], torch.tensor([[2.0, 2.0]]))


class Pages:
    """Block b holds two tokens with the key 0 and the values b and b + ½."""

    def __init__(self):
        self.loaded = []

    def load(self, block):
        self.loaded.append(block)
        return torch.zeros(2, 1, 3), torch.tensor([float(block), block + 0.5]).view(2, 1, 1)


@part("paged_attention")
def test_paged_attention_by_hand(student):
    """Three tokens in the blocks 7 and 4 have the values 7, 7.5 and 4, whose mean is 37 / 6."""
    pages = Pages()
    got = student.paged_attention(torch.ones(1, 3), expose(pages, "load"), [7, 4, 1], 3)
    close(got, torch.tensor([[37 / 6]]))
    equal(sorted(pages.loaded), [4, 7])


@part("schedule")
def test_schedule_by_hand(student):
    """A prompt of 5 and one of 2, three tokens each, in steps of 4 tokens."""
    expected = [
        [(0, 4)],
        [(0, 1), (1, 2)],  # both have said their first token now
        [(0, 1), (1, 1)],
        [(0, 1), (1, 1)],
    ]
    equal(student.schedule([(0, 5, 3), (0, 2, 3)], 4), expected)
