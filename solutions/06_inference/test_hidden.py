"""Hidden tests of 06: loops over everything, torch's own attention and autograd, counts and models.

What is counted is counted here: the model's projections, the loads from slow memory, the reads of
scores and pages are calls of objects of the tests. Only sizes of tensors are counted by a trace.
"""

import itertools
import math

import numpy as np
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention as torch_attention

from autograder.testing import close, ensure, equal, expose, first_difference, part, raises

CHANGED = "Something that was passed in has been changed; make a new tensor instead."
EXACT = {"rtol": 1e-10, "atol": 1e-12}
NEW_TENSORS = frozenset(
    f"aten::{name}"
    for name in "cat clone empty new_empty zeros new_zeros ones new_ones full new_full empty_like "
    "zeros_like full_like stack constant_pad_nd repeat empty_strided new_empty_strided resize_ "
    "index_select gather lift_fresh_copy".split()
)
RANDOM_OPERATIONS = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def normal(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape))


def integer(rng, low, high):
    return int(rng.integers(low, high))


def different_sizes(rng, count):
    """Return sizes from 2 to 7, no two the same, so that no transposition can hide."""
    return [int(n) for n in rng.permutation(np.arange(2, 8))[:count]]


def unchanged(student, target, *args):
    """Require that a call leaves its tensors as they were."""
    before = [a.clone() if isinstance(a, torch.Tensor) else a for a in args]
    _, after = student.observe(target, *args)
    for old, new in zip(before, after, strict=True):
        if isinstance(old, torch.Tensor):
            ensure(not first_difference(new, old, 0.0, 0.0), CHANGED)


def visible(T_q, T_k):
    """Who sees whom, place by place: the queries are the last T_q of T_k positions."""
    mask = torch.zeros(T_q, T_k, dtype=torch.bool)
    for i, j in np.ndindex(T_q, T_k):
        mask[i, j] = j <= i + T_k - T_q
    return mask


def causal_attention(q, k, v):
    return torch_attention(q, k, v, attn_mask=visible(q.shape[-2], k.shape[-2]))


def pieces(rng, T, count):
    """Cut T tokens into `count` pieces, none of them empty."""
    cuts = sorted(int(c) for c in rng.choice(np.arange(1, T), count - 1, replace=False))
    return [slice(a, b) for a, b in itertools.pairwise([0, *cuts, T])]


# KVCache


def fed(cache, k, v, parts):
    """Append the pieces; return what each append returned, and the length after it."""
    return [(cache.append(k[..., p, :], v[..., p, :]), cache.length) for p in parts]


def expected_of(k, v, parts):
    return [((k[..., : p.stop, :], v[..., : p.stop, :]), p.stop) for p in parts]


@part("KVCache", basic=True)
def test_cache_holds_what_was_appended(student, rng):
    """After appends of any lengths, keys and values are all tokens so far in their order."""
    B, H, D, D_v = different_sizes(rng, 4)
    k, v = normal(rng, B, H, 20, D), normal(rng, B, H, 20, D_v)
    parts = pieces(rng, 20, 6)
    cache = student.KVCache()
    close(fed(cache, k, v, parts), expected_of(k, v, parts), **EXACT)
    close([cache.keys, cache.values, cache.length], [k, v, 20], **EXACT)


@part("KVCache")
def test_cache_of_other_shapes(student, rng):
    """None, one or two leading dimensions are all right, and float32 stays float32."""
    D, D_v = different_sizes(rng, 2)
    got, expected = [], []
    for lead in ((), (3,), (2, 3)):
        k, v = normal(rng, *lead, 9, D).float(), normal(rng, *lead, 9, D_v).float()
        parts = pieces(rng, 9, 5)
        got.append(fed(student.KVCache(), k, v, parts))
        expected.append(expected_of(k, v, parts))
    close(got, expected)


@part("KVCache")
def test_cache_takes_a_long_text_at_once(student, rng):
    """One token and then a prompt many times as long fit, and so does what follows."""
    T = integer(rng, 60, 90)
    k, v = normal(rng, T, 2), normal(rng, T, 2)
    parts = [slice(0, 1), slice(1, 3), slice(3, T - 2), slice(T - 2, T)]
    close(fed(student.KVCache(), k, v, parts), expected_of(k, v, parts), **EXACT)


@part("KVCache")
def test_cache_grows_in_place(student, rng):
    """Of many appends of one token, few make a new tensor: what is there is not copied."""
    k, v = normal(rng, 48, 3), normal(rng, 48, 2)
    cache, growing, results = student.KVCache(), 0, []
    for t in range(48):
        trace = student.trace(cache.append, k[t : t + 1], v[t : t + 1])
        growing += bool(NEW_TENSORS & set(trace.operators) or has_copy(trace.operators))
        results.append(trace.result)
    close(results, [(k[: t + 1], v[: t + 1]) for t in range(48)], **EXACT)
    said = f"{growing} of 48 appends of one token made a new tensor and copied the old one into it."
    ensure(growing <= 12, said)


def has_copy(operators):
    """Whether some torch operator has a name with or without the namespace's colons."""
    return any(name.replace("aten.", "aten::") in NEW_TENSORS for name in operators)


@part("KVCache")
def test_caches_share_nothing(student, rng):
    """Two caches, fed in turns, keep their own tokens."""
    k, v = normal(rng, 2, 8, 3), normal(rng, 2, 8, 3)
    caches = [student.KVCache(), student.KVCache()]
    got, expected = [], []
    for p in pieces(rng, 8, 3):
        for i, cache in enumerate(caches):
            got += fed(cache, k[i], v[i], [p])
            expected += expected_of(k[i], v[i], [p])
    close(got, expected, **EXACT)
    close([(c.keys, c.values) for c in caches], [(k[i], v[i]) for i in range(2)], **EXACT)


@part("KVCache")
def test_cache_is_cleared(student, rng):
    """A cleared cache has length 0 and starts anew, with another shape if need be."""
    k, v = normal(rng, 2, 9, 3), normal(rng, 2, 9, 4)
    cache = student.KVCache()
    lengths = [cache.length]
    first = fed(cache, k, v, [slice(0, 5)])
    cache.clear()
    lengths.append(cache.length)
    second = fed(cache, k, v, [slice(0, 3), slice(3, 4)])
    cache.clear()
    third = fed(cache, k[0].float(), v[0].float(), [slice(0, 9)])
    expected = expected_of(k, v, [slice(0, 5)]), expected_of(k, v, [slice(0, 3), slice(3, 4)])
    close([lengths, first, second], [[0, 0], *expected], **EXACT)
    close(third, expected_of(k[0].float(), v[0].float(), [slice(0, 9)]))


# attend_with_cache


def attended(student, q, k, v, parts):
    cache = student.KVCache()
    return [
        student.attend_with_cache(q[..., p, :], k[..., p, :], v[..., p, :], cache) for p in parts
    ]


@part("attend_with_cache", basic=True)
def test_attention_token_by_token(student, rng):
    """One token at a time gives the rows of causal attention over the whole text."""
    B, H, T, D, D_v = different_sizes(rng, 5)
    q, k, v = normal(rng, B, H, T, D), normal(rng, B, H, T, D), normal(rng, B, H, T, D_v)
    got = attended(student, q, k, v, [slice(t, t + 1) for t in range(T)])
    close(got, list(causal_attention(q, k, v).split(1, dim=-2)), **EXACT)


@part("attend_with_cache")
def test_attention_in_chunks(student, rng):
    """Chunks of any lengths, the first one too, give the same rows; the past is seen in full."""
    D, D_v = different_sizes(rng, 2)
    for count in (1, 2, 4):
        q, k, v = normal(rng, 3, 11, D), normal(rng, 3, 11, D), normal(rng, 3, 11, D_v)
        parts = pieces(rng, 11, count)
        expected = causal_attention(q, k, v)
        got = attended(student, q, k, v, parts)
        close(got, [expected[:, p] for p in parts], **EXACT)


@part("attend_with_cache")
def test_attention_matches_a_slow_loop(student, rng):
    """Without leading dimensions, each row is a weighted mean of the values up to its own."""
    q, k, v = normal(rng, 6, 3) * 3, normal(rng, 6, 3), normal(rng, 6, 2)
    rows = []
    for i in range(6):
        e = [math.exp(float(q[i] @ k[j]) / math.sqrt(3)) for j in range(i + 1)]
        rows.append(sum(w * v[j] for j, w in enumerate(e)) / sum(e))
    got = attended(student, q, k, v, [slice(0, 2), slice(2, 6)])
    close(got, [torch.stack(rows[:2]), torch.stack(rows[2:])], **EXACT)


@part("attend_with_cache")
def test_attention_fills_the_cache(student, rng):
    """After the call the cache holds the new keys and values, once; the inputs are unchanged."""
    q, k, v = normal(rng, 7, 3), normal(rng, 7, 3), normal(rng, 7, 5)
    cache = student.KVCache()
    student.attend_with_cache(q[:4], k[:4], v[:4], cache)
    close([cache.length, cache.keys, cache.values], [4, k[:4], v[:4]], **EXACT)
    unchanged(student, "attend_with_cache", q[4:], k[4:], v[4:], cache)
    close([cache.length, cache.keys, cache.values], [7, k, v], **EXACT)


@part("attend_with_cache")
def test_attention_of_large_scores(student, rng):
    """Scores in the thousands give finite results."""
    q, k, v = normal(rng, 5, 4) * 1000, normal(rng, 5, 4), normal(rng, 5, 4)
    got = attended(student, q, k, v, [slice(0, 3), slice(3, 5)])
    close(torch.cat([*got]), causal_attention(q, k, v), **EXACT)


# generate_cached


class TinyModel:
    """A transformer with drawn weights, given in pieces; it counts what it projects."""

    METHODS = ("layers", "embed", "project", "finish", "logits")

    def __init__(self, rng, n_layers, V=23, H=2, D=3):
        C = H * D
        self.H, self.projected = H, [[] for _ in range(n_layers)]
        self.tokens, self.positions = normal(rng, V, C), normal(rng, 64, C)
        self.qkv = [normal(rng, C, 3 * C) for _ in range(n_layers)]
        self.out = [normal(rng, C, C) for _ in range(n_layers)]
        self.head = normal(rng, C, V)

    def layers(self):
        return len(self.qkv)

    def embed(self, ids, start):
        return self.tokens[ids] + self.positions[start : start + ids.shape[1]]

    def project(self, layer, x):
        self.projected[layer].append(x.shape[1])
        q, k, v = (x @ self.qkv[layer]).chunk(3, dim=-1)
        return tuple(each.unflatten(-1, (self.H, -1)).transpose(1, 2) for each in (q, k, v))

    def finish(self, layer, x, out):
        return torch.tanh(x + out.transpose(1, 2).flatten(2) @ self.out[layer])

    def logits(self, x):
        return x @ self.head

    def generate(self, idx, n):
        """The slow way: everything is computed again for every token."""
        for _ in range(n):
            x = self.embed(idx, 0)
            for layer in range(self.layers()):
                x = self.finish(layer, x, causal_attention(*self.project(layer, x)))
            idx = torch.cat((idx, self.logits(x)[:, -1].argmax(-1, keepdim=True)), dim=1)
        self.projected = [[] for _ in self.qkv]
        return idx


def generated(student, model, idx, n):
    return student.generate_cached(expose(model, *TinyModel.METHODS), idx, n)


def draw_prompt(rng, B, T):
    return torch.from_numpy(rng.integers(0, 23, (B, T)))


@part("generate_cached", basic=True)
def test_generates_what_the_slow_way_generates(student, rng):
    """Token for token, the text is the one that comes without a cache."""
    for _ in range(2):
        model, idx = TinyModel(rng, 2), draw_prompt(rng, 2, integer(rng, 3, 6))
        equal(generated(student, model, idx, 8), model.generate(idx, 8))


@part("generate_cached")
def test_generates_from_one_token_with_other_depths(student, rng):
    """One token is prompt enough; there may be one layer or three, and one sequence or several."""
    for n_layers, B in ((1, 3), (3, 1)):
        model, idx = TinyModel(rng, n_layers), draw_prompt(rng, B, 1)
        equal(generated(student, model, idx, 6), model.generate(idx, 6))


@part("generate_cached")
def test_generates_with_little_work(student, rng):
    """In each layer, T + n - 1 tokens are projected in all, and no more."""
    model, idx = TinyModel(rng, 2), draw_prompt(rng, 1, 5)
    equal(generated(student, model, idx, 7), model.generate(idx, 7))
    model.projected = [[], []]
    generated(student, model, idx, 7)
    for layer, sizes in enumerate(model.projected):
        said = f"layer {layer} projected {sum(sizes)} tokens for a prompt of 5 and 7 new ones, in "
        ensure(sum(sizes) <= 11, f"{said}pieces of {sizes}; 11 are enough.")


@part("generate_cached")
def test_generates_nothing_or_one(student, rng):
    """For n = 0 the prompt comes back, for n = 1 it has one more token; the prompt is unchanged."""
    model, idx = TinyModel(rng, 1), draw_prompt(rng, 2, 4)
    equal([generated(student, model, idx, n) for n in (0, 1)], [idx, model.generate(idx, 1)])
    unchanged(student, "generate_cached", expose(model, *TinyModel.METHODS), idx, 2)


@part("generate_cached")
def test_generates_the_same_twice(student, rng):
    """A second call, with the same or another model, knows nothing of the first."""
    models = [TinyModel(rng, 2), TinyModel(rng, 2)]
    prompts = [draw_prompt(rng, 1, 3), draw_prompt(rng, 1, 5)]
    turns = [(0, 0), (0, 0), (1, 1), (0, 1)]
    got = [generated(student, models[m], prompts[p], 4) for m, p in turns]
    equal(got, [models[m].generate(prompts[p], 4) for m, p in turns])


# cache_bytes


@part("cache_bytes", basic=True)
def test_bytes_of_drawn_models(student, rng):
    """It is the size of the keys and the values, counted tensor by tensor."""
    for _ in range(3):
        layers, heads, D, T = (integer(rng, 2, 12) for _ in range(4))
        kinds = {1: torch.int8, 2: torch.float16, 4: torch.float32}
        got = [student.cache_bytes(layers, heads, D, T, size) for size in kinds]
        caches = [torch.zeros(2, layers, heads, T, D, dtype=kind) for kind in kinds.values()]
        equal(got, [x.nbytes for x in caches])


@part("cache_bytes")
def test_bytes_of_known_models(student):
    """Llama-2 13B needs 0.78 MiB a token in fp16; Llama-3 8B, with 8 heads of keys, 0.125 MiB."""
    got = [student.cache_bytes(40, 40, 128, 1, 2), student.cache_bytes(32, 8, 128, 1, 2)]
    equal(got, [819_200, 131_072])
    equal(student.cache_bytes(40, 40, 128, 4096, 2), 3_355_443_200)


@part("cache_bytes")
def test_bytes_grow_in_proportion(student, rng):
    """Twice as much of any one of the five takes twice as many bytes; no tokens take none."""
    sizes = [integer(rng, 2, 9) for _ in range(5)]
    once = math.prod(sizes)
    doubled = [[n * (2 if i == j else 1) for j, n in enumerate(sizes)] for i in range(5)]
    equal([student.cache_bytes(*each) for each in doubled], [4 * once] * 5)
    equal(student.cache_bytes(3, 4, 5, 0, 2), 0)


# RollingCache


def rolled(x, window, parts):
    return [x[..., max(0, p.stop - window) : p.stop, :] for p in parts]


def check_rolling(student, k, v, window, parts):
    cache = student.RollingCache(window)
    got = fed(cache, k, v, parts)
    got.append(((cache.keys, cache.values), cache.length))
    pairs = list(zip(rolled(k, window, parts), rolled(v, window, parts), strict=True))
    expected = [(pair, pair[0].shape[-2]) for pair in pairs]
    close(got, [*expected, expected[-1]], **EXACT)


@part("RollingCache", basic=True)
def test_rolling_keeps_the_last_tokens(student, rng):
    """After each token the cache holds the last `window` ones, the oldest first."""
    window, H, D, D_v = different_sizes(rng, 4)
    k, v = normal(rng, H, 16, D), normal(rng, H, 16, D_v)
    check_rolling(student, k, v, window, [slice(t, t + 1) for t in range(16)])


@part("RollingCache")
def test_rolling_in_chunks(student, rng):
    """Several tokens at once are all right, also more than the window holds."""
    for window in (1, 4, 30):
        k, v = normal(rng, 2, 3, 20, 4), normal(rng, 2, 3, 20, 5)
        check_rolling(student, k, v, window, pieces(rng, 20, 6))
    k, v = normal(rng, 12, 2), normal(rng, 12, 3)
    check_rolling(student, k, v, 5, [slice(0, 12)])
    check_rolling(student, k, v, 5, [slice(0, 3), slice(3, 10), slice(10, 12)])
    check_rolling(student, k, v, 5, [slice(0, 5), slice(5, 10), slice(10, 11)])


@part("RollingCache")
def test_rolling_takes_constant_room(student, rng):
    """However long the text, no tensor is larger than window + 1 tokens."""
    k, v = normal(rng, 30, 2), normal(rng, 30, 2)
    cache, largest, got = student.RollingCache(4), [], []
    for t in range(30):
        trace = student.trace(cache.append, k[t : t + 1], v[t : t + 1])
        largest.append(trace.largest)
        got.append(trace.result)
    parts = [slice(t, t + 1) for t in range(30)]
    close(got, list(zip(rolled(k, 4, parts), rolled(v, 4, parts), strict=True)), **EXACT)
    said = "With a window of 4 and tokens of 2 numbers, a tensor of more than 10 numbers was made."
    ensure(max(largest) <= 10, said, max(largest))


@part("RollingCache")
def test_rolling_caches_share_nothing(student, rng):
    """Two caches, fed in turns, keep their own tokens; inputs stay as they were."""
    k, v = normal(rng, 2, 6, 3), normal(rng, 2, 6, 3)
    caches, got, expected = [student.RollingCache(3), student.RollingCache(2)], [], []
    for p in pieces(rng, 6, 4):
        for i, cache in enumerate(caches):
            got.append(cache.append(k[i, p], v[i, p]))
            expected.append((rolled(k[i], 3 - i, [p])[0], rolled(v[i], 3 - i, [p])[0]))
    close(got, expected, **EXACT)
    unchanged(student, caches[0].append, k[0], v[0])


# tiled_matmul


class SlowMemory:
    """Matrices by name; loads of more than a tile are refused, and the words are counted."""

    def __init__(self, tile, **matrices):
        self.tile, self.matrices, self.words = tile, matrices, 0

    def shape(self, name):
        return tuple(int(n) for n in self.matrices[name].shape)

    def load(self, name, rows, columns):
        block = self.matrices[name][rows, columns].copy()
        if max(block.shape) > self.tile:
            raise ValueError(f"a load of {block.shape} numbers does not fit a tile of {self.tile}")
        self.words += block.size
        return block


def multiplied(student, memory, names=("A", "B")):
    return student.tiled_matmul(*names, memory.tile, expose(memory, "shape", "load"))


def slow_product(A, B):
    C = np.zeros((A.shape[0], B.shape[1]))
    for i, j in np.ndindex(C.shape):
        C[i, j] = sum(float(A[i, k]) * float(B[k, j]) for k in range(A.shape[1]))
    return C


@part("tiled_matmul", basic=True)
def test_product_matches_a_slow_loop(student, rng):
    """The product is right where the tile divides all sizes, and where it divides none."""
    for M, K, N, tile in ((4, 6, 2, 2), (5, 7, 4, 3), (7, 5, 8, 3)):
        A, B = rng.standard_normal((M, K)), rng.standard_normal((K, N))
        close(multiplied(student, SlowMemory(tile, A=A, B=B)), slow_product(A, B))


@part("tiled_matmul")
def test_product_at_the_edges(student, rng):
    """Tiles of one number, tiles larger than everything, and matrices of one row are all right."""
    cases = [(3, 4, 2, 1), (3, 4, 2, 9), (1, 5, 1, 2), (6, 1, 4, 4), (2, 3, 2, 3)]
    for M, K, N, tile in cases:
        A, B = rng.standard_normal((M, K)), rng.standard_normal((K, N))
        close(multiplied(student, SlowMemory(tile, A=A, B=B)), A @ B)


@part("tiled_matmul")
def test_product_loads_each_tile_as_often_as_needed(student, rng):
    """S × S takes (2 / tile) · S³ words; A travels once for each column of tiles."""
    for M, K, N, tile in ((8, 8, 8, 1), (8, 8, 8, 2), (8, 8, 8, 4), (5, 6, 7, 3), (4, 9, 2, 2)):
        A, B = rng.standard_normal((M, K)), rng.standard_normal((K, N))
        memory = SlowMemory(tile, A=A, B=B)
        close(multiplied(student, memory), A @ B)
        words = M * K * math.ceil(N / tile) + K * N * math.ceil(M / tile)
        said = f"{memory.words} words were loaded for {M} × {K} times {K} × {N} in tiles of {tile}."
        ensure(memory.words == words, said, expected=f"{words} words")


@part("tiled_matmul")
def test_product_of_one_tile(student, rng):
    """Where the result is a single tile, each number of A and of B is loaded once."""
    A, B = rng.standard_normal((3, 7)), rng.standard_normal((7, 2))
    memory = SlowMemory(3, A=A, B=B)
    close(multiplied(student, memory), A @ B)
    said = f"{memory.words} words were loaded for 3 × 7 times 7 × 2 in tiles of 3."
    ensure(memory.words == 35, said, expected="35 words")


@part("tiled_matmul")
def test_product_of_matrices_with_other_names(student, rng):
    """The matrices are those whose names are given, also a matrix times itself."""
    A, B = rng.standard_normal((5, 5)), rng.standard_normal((5, 5))
    memory = SlowMemory(2, A=A, B=B)
    got = [multiplied(student, memory, names) for names in ("BA", "AA")]
    close(got, [B @ A, A @ A])


# Softmax in passes


class Scores:
    """Scores in slow memory, each with a value if there are any; reads are counted."""

    def __init__(self, scores, values=None):
        self.scores, self.values, self.reads = [float(s) for s in scores], values, 0

    def read(self, i):
        self.reads += 1
        if not 0 <= i < len(self.scores):
            raise ValueError(f"there is no score {i}")
        return self.scores[i] if self.values is None else (self.scores[i], self.values[i])

    def softmax(self):
        e = np.exp(np.array(self.scores) - max(self.scores))
        return e / e.sum()

    def weighted(self):
        return (self.softmax()[:, None] * self.values).sum(0)


def score_rows(rng):
    """Rows of scores: rising, falling, mixed, with ties, of one."""
    n = integer(rng, 5, 9)
    mixed = rng.standard_normal(n) * 3
    return [np.sort(mixed), np.sort(mixed)[::-1], mixed, np.repeat(mixed[:2], 2), mixed[:1]]


def extreme_rows(rng):
    a, b = rng.standard_normal(4), rng.standard_normal(4)
    return [a + 1000, a - 1000, np.concatenate((a - 800, b + 800)), np.concatenate((b + 900, a))]


def masked_rows(rng):
    a = rng.standard_normal(5)
    last, first, middle = a.copy(), a.copy(), a.copy()
    last[-1] = first[0] = first[1] = middle[2] = -math.inf
    return [last, middle, first, np.array([-math.inf, -1000.0])]


def softmaxed(student, name, rows):
    """Call for all rows; compare with the softmax of each."""
    made = [Scores(row) for row in rows]
    got = [getattr(student, name)(scores.read, len(scores.scores)) for scores in made]
    close(got, [scores.softmax() for scores in made])


def passes(student, name, rng, count):
    for n in (1, integer(rng, 5, 9)):
        scores = Scores(rng.standard_normal(n))
        close(getattr(student, name)(scores.read, n), scores.softmax())
        said = f"{scores.reads} reads of {n} scores are not {count} passes."
        ensure(scores.reads == count * n, said, expected=f"{count * n} reads")


@part("safe_softmax_3pass", basic=True)
def test_three_passes_give_the_softmax(student, rng):
    """Each result is exp of its score over the sum of those."""
    softmaxed(student, "safe_softmax_3pass", score_rows(rng))


@part("safe_softmax_3pass")
def test_three_passes_of_large_scores(student, rng):
    """Scores of ±1000 neither overflow nor vanish; a row of low ones is like any other."""
    softmaxed(student, "safe_softmax_3pass", extreme_rows(rng))


@part("safe_softmax_3pass")
def test_three_passes_with_masked_scores(student, rng):
    """A score of -inf gets weight 0, wherever it stands."""
    softmaxed(student, "safe_softmax_3pass", masked_rows(rng))


@part("safe_softmax_3pass")
def test_three_passes_are_three(student, rng):
    """Each score is read three times: nothing is kept from one pass to the next."""
    passes(student, "safe_softmax_3pass", rng, 3)


@part("online_softmax_2pass", basic=True)
def test_two_passes_give_the_softmax(student, rng):
    """Each result is exp of its score over the sum of those, in whatever order they come."""
    softmaxed(student, "online_softmax_2pass", score_rows(rng))


@part("online_softmax_2pass")
def test_two_passes_of_large_scores(student, rng):
    """Scores of ±1000 neither overflow nor vanish, also where low ones come first."""
    softmaxed(student, "online_softmax_2pass", extreme_rows(rng))


@part("online_softmax_2pass")
def test_two_passes_with_masked_scores(student, rng):
    """A score of -inf gets weight 0, also at the very beginning."""
    softmaxed(student, "online_softmax_2pass", masked_rows(rng))


@part("online_softmax_2pass")
def test_two_passes_are_two(student, rng):
    """Each score is read twice: the largest and the sum are found together."""
    passes(student, "online_softmax_2pass", rng, 2)


def weighted(student, rows, rng):
    made = [Scores(row, rng.standard_normal((len(row), 3))) for row in rows]
    got = [student.online_weighted_sum_1pass(s.read, len(s.scores)) for s in made]
    close(got, [s.weighted() for s in made])


@part("online_weighted_sum_1pass", basic=True)
def test_one_pass_gives_the_weighted_sum(student, rng):
    """The result is the sum of the values, weighted by the softmax of the scores."""
    weighted(student, score_rows(rng), rng)


@part("online_weighted_sum_1pass")
def test_one_pass_of_large_scores(student, rng):
    """Scores of ±1000 neither overflow nor vanish, also where low ones come first."""
    weighted(student, extreme_rows(rng), rng)


@part("online_weighted_sum_1pass")
def test_one_pass_with_masked_scores(student, rng):
    """A score of -inf adds nothing, also at the very beginning."""
    weighted(student, masked_rows(rng), rng)


@part("online_weighted_sum_1pass")
def test_one_pass_is_one(student, rng):
    """Each score is read once, with its value; values may have any length."""
    for n, D_v in ((1, 2), (6, 1), (7, 4)):
        scores = Scores(rng.standard_normal(n), rng.standard_normal((n, D_v)))
        close(student.online_weighted_sum_1pass(scores.read, n), scores.weighted())
        said = f"{scores.reads} reads of {n} pairs are not one pass."
        ensure(scores.reads == n, said, expected=f"{n} reads")


# flash_attention


def naive(q, k, v, causal):
    """Attention with the whole table of scores, and the logarithms of its sums."""
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    if causal:
        scores = scores.masked_fill(~visible(q.shape[-2], k.shape[-2]), -math.inf)
    lse = torch.logsumexp(scores, dim=-1)
    return torch.softmax(scores, dim=-1).nan_to_num(0.0) @ v, lse


def draw_qkv(rng, T_q, T_k, D, D_v, lead=()):
    return normal(rng, *lead, T_q, D), normal(rng, *lead, T_k, D), normal(rng, *lead, T_k, D_v)


@part("flash_attention", basic=True)
def test_flash_matches_the_whole_table(student, rng):
    """In tiles of any size, out and lse are those of the whole table of scores."""
    D, D_v = different_sizes(rng, 2)
    for B_q, B_k in ((3, 2), (2, 6), (4, 5)):
        q, k, v = draw_qkv(rng, 12, 10, D, D_v)
        close(student.flash_attention(q, k, v, B_q, B_k, False), naive(q, k, v, False), **EXACT)


@part("flash_attention")
def test_flash_causal(student, rng):
    """Causal, it equals torch's attention under the same mask, wherever the diagonal cuts."""
    for T_q, T_k, B_q, B_k in (
        (8, 8, 4, 4),
        (9, 9, 3, 2),
        (7, 7, 2, 4),
        (4, 9, 2, 3),
        (1, 6, 2, 2),
    ):
        q, k, v = draw_qkv(rng, T_q, T_k, 3, 2, (2,))
        out, lse = student.flash_attention(q, k, v, B_q, B_k, True)
        close([out, lse], [causal_attention(q, k, v), naive(q, k, v, True)[1]], **EXACT)


@part("flash_attention")
def test_flash_with_partial_tiles(student, rng):
    """Tiles of one row, tiles that do not divide T, and tiles larger than T give the same."""
    q, k, v = draw_qkv(rng, 7, 5, 4, 3, (2, 3))
    for causal in (False, True):
        sizes = [(1, 1), (3, 4), (5, 3), (20, 30), (7, 5)]
        got = [student.flash_attention(q, k, v, *each, causal) for each in sizes]
        close(got, [naive(q, k, v, causal)] * len(sizes), **EXACT)


@part("flash_attention")
def test_flash_of_large_scores(student, rng):
    """Scores in the thousands, rising and falling along the keys, neither overflow nor vanish."""
    q = torch.ones(4, 2).double()
    steps = torch.linspace(-3000, 3000, 12).double()[:, None].expand(12, 2)
    v = normal(rng, 12, 3)
    for k in (steps, steps.flip(0), steps - 9000, normal(rng, 12, 2) * 2000):
        for causal in (False, True):
            got = student.flash_attention(q, k, v, 2, 5, causal)
            close(got, naive(q, k, v, causal), rtol=1e-9, atol=1e-9)


@part("flash_attention")
def test_flash_query_without_a_key(student, rng):
    """With more queries than keys, the first ones see nothing: zeros, and -inf."""
    for B_q, B_k in ((2, 2), (4, 3), (9, 9)):
        q, k, v = draw_qkv(rng, 7, 3, 2, 3)
        close(student.flash_attention(q, k, v, B_q, B_k, True), naive(q, k, v, True), **EXACT)


@part("flash_attention")
def test_flash_makes_no_table(student, rng):
    """No tensor is larger than the inputs, the result or a tile: nothing is T × T, or B_q × T."""
    q, k, v = draw_qkv(rng, 64, 64, 2, 3)
    for causal in (False, True):
        trace = student.trace("flash_attention", q, k, v, 8, 8, causal)
        close(trace.result, naive(q, k, v, causal), **EXACT)
        said = f"A tensor of {trace.largest} numbers was made for T = 64 and tiles of 8 × 8."
        ensure(trace.largest <= 256, said, expected="at most 192, as in v and out")


@part("flash_attention")
def test_flash_skips_the_future(student, rng):
    """Causal, tiles that nobody may look at are not computed: about half the work is saved."""
    q, k, v = draw_qkv(rng, 32, 32, 4, 4)
    full, half = (student.trace("flash_attention", q, k, v, 4, 4, c) for c in (False, True))
    close([full.result, half.result], [naive(q, k, v, False), naive(q, k, v, True)], **EXACT)
    said = f"{half.flops} operations in products when causal, {full.flops} when not."
    ensure(half.flops <= 0.6 * full.flops, said, expected="about half")


@part("flash_attention")
def test_flash_leaves_its_inputs_alone(student, rng):
    """Inputs are as they were, read-only layouts are fine, and float32 stays float32."""
    q, k, v = draw_qkv(rng, 6, 5, 4, 3)
    unchanged(student, "flash_attention", q, k, v, 2, 2, False)
    turned = [x.mT.contiguous().mT for x in (q, k, v)]
    close(student.flash_attention(*turned, 4, 2, False), naive(q, k, v, False), **EXACT)
    small = [x.float() for x in (q, k, v)]
    close(student.flash_attention(*small, 4, 2, True), naive(*small, True))


# flash_backward


def gradients(q, k, v, dout, causal):
    """What autograd makes of the whole table, without its NaN for queries that see nothing."""
    leaves = [x.detach().clone().requires_grad_() for x in (q, k, v)]
    scores = leaves[0] @ leaves[1].mT / math.sqrt(q.shape[-1])
    if causal:
        hidden = ~visible(q.shape[-2], k.shape[-2])
        p = torch.softmax(scores.masked_fill(hidden, -1e300), dim=-1).masked_fill(hidden, 0.0)
    else:
        p = torch.softmax(scores, dim=-1)
    (p @ leaves[2]).backward(dout)
    return tuple(x.grad for x in leaves)


def check_backward(student, qkv, rng, tiles, causal):
    """Compare with autograd, for several tilings, in one comparison."""
    out, lse = naive(*qkv, causal)
    dout = normal(rng, *out.shape)
    got = [student.flash_backward(*qkv, out, lse, dout, *each, causal) for each in tiles]
    close(got, [gradients(*qkv, dout, causal)] * len(tiles), **EXACT)


@part("flash_backward", basic=True)
def test_backward_matches_autograd(student, rng):
    """In tiles of any size, the gradients are those that autograd finds."""
    D, D_v = different_sizes(rng, 2)
    qkv = draw_qkv(rng, 12, 10, D, D_v)
    check_backward(student, qkv, rng, [(3, 2), (2, 6), (4, 5), (12, 10)], False)


@part("flash_backward")
def test_backward_causal(student, rng):
    """Causal, nothing flows back from the past to what lies in its future."""
    for T_q, T_k in ((8, 8), (4, 9)):
        qkv = draw_qkv(rng, T_q, T_k, 3, 2, (2,))
        check_backward(student, qkv, rng, [(4, 4), (3, 2), (2, 5)], True)


@part("flash_backward")
def test_backward_with_partial_tiles(student, rng):
    """Tiles of one row, tiles that do not divide T, and tiles larger than T give the same."""
    for causal in (False, True):
        qkv = draw_qkv(rng, 5, 7, 4, 3, (2, 3))
        check_backward(student, qkv, rng, [(1, 1), (3, 4), (20, 30)], causal)


@part("flash_backward")
def test_backward_of_large_scores(student, rng):
    """Scores in the hundreds give finite gradients."""
    q, k, v = draw_qkv(rng, 6, 6, 3, 3)
    check_backward(student, (q * 20, k * 20, v), rng, [(2, 2), (4, 3)], True)


@part("flash_backward")
def test_backward_query_without_a_key(student, rng):
    """A query that sees nothing, with lse -inf, has zeros for gradients, not NaN."""
    check_backward(student, draw_qkv(rng, 7, 3, 2, 3), rng, [(2, 2), (9, 9), (4, 1)], True)


@part("flash_backward")
def test_backward_makes_no_table(student, rng):
    """No tensor is larger than the inputs or a tile, and tiles of the future are skipped."""
    q, k, v = draw_qkv(rng, 64, 64, 2, 3)
    work = []
    for causal in (False, True):
        out, lse = naive(q, k, v, causal)
        dout = normal(rng, 64, 3)
        trace = student.trace("flash_backward", q, k, v, out, lse, dout, 8, 8, causal)
        close(trace.result, gradients(q, k, v, dout, causal), **EXACT)
        said = f"A tensor of {trace.largest} numbers was made for T = 64 and tiles of 8 × 8."
        ensure(trace.largest <= 256, said, expected="at most 192, as in v and out")
        work.append(trace.flops)
    ensure(work[1] <= 0.6 * work[0], "Tiles that lie in the future are computed.", work)


@part("flash_backward")
def test_backward_leaves_its_inputs_alone(student, rng):
    """Nothing that is passed in is changed, and float32 stays float32."""
    q, k, v = (x.float() for x in draw_qkv(rng, 6, 6, 4, 3))
    out, lse = naive(q, k, v, True)
    dout = normal(rng, 6, 3).float()
    unchanged(student, "flash_backward", q, k, v, out, lse, dout, 2, 4, True)
    got = student.flash_backward(q, k, v, out, lse, dout, 2, 4, True)
    expected = gradients(*(x.double() for x in (q, k, v, dout)), True)
    close(got, tuple(x.float() for x in expected), rtol=1e-3, atol=1e-5)


# BlockAllocator


def ownership(allocator, N):
    """How many owners each block has, and how many blocks are free."""
    return [allocator.references(block) for block in range(N)], allocator.available


def take(allocator, owners):
    """Allocate; require a block that was free, and note its owner."""
    block = allocator.allocate()
    ensure(type(block) is int and block in range(len(owners)), "That is no block.", block)
    ensure(owners[block] == 0, f"Block {block} is handed out while it has an owner.", block)
    owners[block] = 1
    return block


@part("BlockAllocator", basic=True)
def test_allocator_counts_owners(student, rng):
    """A block is free again with its last owner, not before, and blocks are used again."""
    N = integer(rng, 3, 6)
    allocator, owners = student.BlockAllocator(N), [0] * N
    blocks = [take(allocator, owners) for _ in range(N)]
    equal(ownership(allocator, N), ([1] * N, 0))
    shared = blocks[integer(rng, 0, N)]
    allocator.share(shared)
    allocator.share(shared)
    seen = [ownership(allocator, N)[1], allocator.references(shared)]
    for _ in range(3):
        allocator.free(shared)
        seen += [allocator.references(shared), allocator.available]
    equal(seen, [0, 3, 2, 0, 1, 0, 0, 1])
    equal(allocator.allocate(), shared)


@part("BlockAllocator")
def test_allocator_has_no_more_than_there_is(student, rng):
    """When no block is free, RuntimeError is raised; after one is freed, it is handed out."""
    N = integer(rng, 2, 5)
    allocator, owners = student.BlockAllocator(N), [0] * N
    for _ in range(N):
        take(allocator, owners)
    with raises(RuntimeError):
        allocator.allocate()
    equal(ownership(allocator, N), ([1] * N, 0))
    allocator.free(1)
    equal(allocator.allocate(), 1)
    with raises(RuntimeError):
        student.BlockAllocator(0).allocate()


@part("BlockAllocator")
def test_allocator_notices_a_double_free(student, rng):
    """Freeing a free block is a ValueError, and nothing has changed then."""
    allocator, owners = student.BlockAllocator(3), [0] * 3
    block = take(allocator, owners)
    other = take(allocator, owners)
    allocator.free(block)
    with raises(ValueError):
        allocator.free(block)
    owners[block] = 0
    equal(ownership(allocator, 3), (owners, 2))
    with raises(ValueError):
        student.BlockAllocator(1).free(0)
    allocator.free(other)
    equal(allocator.available, 3)


@part("BlockAllocator")
def test_allocator_shares_only_what_is_owned(student, rng):
    """A free block cannot be shared: ValueError, and it stays free."""
    allocator = student.BlockAllocator(2)
    with raises(ValueError):
        allocator.share(0)
    equal(ownership(allocator, 2), ([0, 0], 2))


@part("BlockAllocator")
def test_allocator_knows_its_blocks(student, rng):
    """A number that is no block is a ValueError: -1 and N, in all three methods."""
    allocator = student.BlockAllocator(2)
    allocator.allocate()
    allocator.allocate()
    for method in (allocator.references, allocator.share, allocator.free):
        for block in (-1, 2):
            with raises(ValueError):
                method(block)
    equal(ownership(allocator, 2), ([1, 1], 0))


@part("BlockAllocator")
def test_allocators_share_nothing(student, rng):
    """What one allocator hands out is still free in another."""
    first, second = student.BlockAllocator(2), student.BlockAllocator(3)
    first.allocate()
    first.allocate()
    equal([first.available, second.available], [0, 3])


@part("BlockAllocator")
@RANDOM_OPERATIONS
@given(st.lists(st.tuples(st.sampled_from("aaasf"), st.integers(0, 4)), max_size=25))
def test_allocator_survives_any_sequence(student, operations):
    """After any sequence of allocate, share and free, the counts are those of a plain list."""
    allocator, owners = student.BlockAllocator(4), [0] * 4
    for what, block in operations:
        if what == "a" and 0 in owners:
            take(allocator, owners)
        elif block < 4 and owners[block] and what != "a":
            (allocator.share if what == "s" else allocator.free)(block)
            owners[block] += 1 if what == "s" else -1
        elif what != "a" or 0 not in owners:
            with raises(RuntimeError if what == "a" else ValueError):
                allocator.allocate() if what == "a" else shared_or_freed(allocator, what, block)
    equal(ownership(allocator, 4), (owners, owners.count(0)))


def shared_or_freed(allocator, what, block):
    (allocator.share if what == "s" else allocator.free)(block)


# PagedCache


class PlainCache:
    """What a paged cache must seem to be: a list of tokens for each sequence."""

    def __init__(self, student, rng, N, S, H=2, D=3, D_v=1):
        self.paged, self.N, self.S, self.rng = student.PagedCache(N, S), N, S, rng
        self.shapes, self.tokens = ((H, D), (H, D_v)), {}

    def start(self):
        sequence = self.paged.start()
        equal(sequence, max(self.tokens, default=-1) + 1)
        self.tokens[sequence] = []
        return sequence

    def append(self, sequence, count=1):
        for _ in range(count):
            k, v = (normal(self.rng, *shape) for shape in self.shapes)
            self.paged.append(sequence, k, v)
            self.tokens[sequence].append((k, v))

    def fork(self, sequence):
        child = self.paged.fork(sequence)
        equal(child, max(self.tokens) + 1)
        self.tokens[child] = list(self.tokens[sequence])
        return child

    def free(self, sequence):
        self.paged.free(sequence)
        self.tokens[sequence] = None

    def live(self):
        return [s for s, tokens in self.tokens.items() if tokens is not None]

    def check(self, *sequences):
        """Require that each sequence can be read back, and has as many pages as it needs."""
        got, expected = [], []
        for sequence in sequences or self.live():
            tokens, table = self.tokens[sequence], self.paged.table(sequence)
            equal([self.paged.length(sequence), len(table)], [len(tokens), self.pages(sequence)])
            loaded = [self.paged.load(block) for block in table]
            got.append(
                [
                    (k[i], v[i])
                    for p, (k, v) in enumerate(loaded)
                    for i in range(min(self.S, len(tokens) - p * self.S))
                ]
            )
            expected.append(tokens)
        close(got, expected, **EXACT)

    def pages(self, sequence):
        return math.ceil(len(self.tokens[sequence]) / self.S)

    def leaks(self):
        """Require that just those pages are taken that stand in some table."""
        taken = {block for s in self.live() for block in self.paged.table(s)}
        equal(self.paged.available, self.N - len(taken))


@part("PagedCache", basic=True)
def test_paged_tokens_can_be_read_back(student, rng):
    """Two sequences that grow in turns keep their own tokens, in pages of S."""
    S = integer(rng, 2, 5)
    cache = PlainCache(student, rng, 12, S)
    first, second = cache.start(), cache.start()
    equal([cache.paged.available, cache.paged.table(first), cache.paged.length(first)], [12, [], 0])
    for count in (1, S, 2):
        cache.append(first, count)
        cache.append(second, S + 1 - count // 2)
    cache.check()
    cache.leaks()


@part("PagedCache")
def test_paged_fork_shares_all_pages(student, rng):
    """A fork has the same tokens and takes no page, with a full last page or a partial one."""
    for length in (3, 4, 0):
        cache = PlainCache(student, rng, 5, 2)
        first = cache.start()
        cache.append(first, length)
        before = cache.paged.available
        second = cache.fork(first)
        equal(cache.paged.available, before)
        equal(cache.paged.table(second), cache.paged.table(first))
        cache.check()


@part("PagedCache")
def test_paged_copy_on_write(student, rng):
    """A token that goes to a shared page goes to a copy of it: the others do not notice."""
    for writer in (0, 1):
        cache = PlainCache(student, rng, 8, 4)
        cache.start()
        cache.append(0, 6)
        cache.fork(0)
        cache.append(writer)
        cache.check()
        cache.leaks()
        equal(cache.paged.available, 5)
        tables = [cache.paged.table(s) for s in (0, 1)]
        equal([tables[0][0] == tables[1][0], tables[0][1] == tables[1][1]], [True, False])
        cache.append(1 - writer)
        cache.append(writer)
        cache.check()
        cache.leaks()


@part("PagedCache")
def test_paged_owner_writes_in_place(student, rng):
    """A page with one owner left is written in place, and a full one is never copied."""
    cache = PlainCache(student, rng, 4, 2)
    cache.start()
    cache.append(0, 3)
    cache.fork(0)
    cache.free(0)
    table = cache.paged.table(1)
    cache.append(1)
    equal([cache.paged.table(1), cache.paged.available], [table, 2])
    cache.fork(1)
    cache.append(2)
    equal([cache.paged.table(2)[:2], cache.paged.available], [table, 1])
    cache.check()


@part("PagedCache")
def test_paged_freed_pages_come_back(student, rng):
    """After all sequences are freed, all pages are free; pages still shared are not."""
    cache = PlainCache(student, rng, 6, 2)
    cache.start()
    cache.append(0, 5)
    cache.fork(0)
    cache.append(1, 2)
    cache.free(0)
    cache.check()
    cache.leaks()
    cache.free(1)
    equal(cache.paged.available, 6)
    cache.start()
    cache.append(2, 12)
    cache.check()


@part("PagedCache")
def test_paged_cache_that_is_full(student, rng):
    """Where a page is needed and none is free, RuntimeError is raised and nothing has changed."""
    cache = PlainCache(student, rng, 3, 2)
    cache.start()
    cache.append(0, 4)
    cache.fork(0)
    cache.append(0)
    tables = [cache.paged.table(s) for s in (0, 1)]
    for _ in range(2):
        with raises(RuntimeError):
            cache.paged.append(1, *(normal(rng, *shape) for shape in cache.shapes))
    equal([cache.paged.table(s) for s in (0, 1)], tables)
    cache.check()
    cache.append(0)
    cache.fork(0)
    cache.check()
    cache.free(2)
    cache.free(0)
    cache.append(1, 2)
    cache.check()
    full = PlainCache(student, rng, 1, 2)
    full.start()
    full.append(0)
    full.fork(0)
    for sequence in (0, 1):
        with raises(RuntimeError):
            full.paged.append(sequence, *(normal(rng, *shape) for shape in full.shapes))
    full.check()


@part("PagedCache")
def test_paged_unknown_sequences(student, rng):
    """A sequence that never was, or is no more, is a KeyError; numbers are not used again."""
    cache = PlainCache(student, rng, 3, 2)
    cache.start()
    cache.append(0, 2)
    cache.free(0)
    k, v = (normal(rng, *shape) for shape in cache.shapes)
    for sequence in (0, 1):
        for method in (cache.paged.free, cache.paged.fork, cache.paged.table, cache.paged.length):
            with raises(KeyError):
                method(sequence)
        with raises(KeyError):
            cache.paged.append(sequence, k, v)
    equal([cache.paged.start(), cache.paged.available], [1, 3])


@part("PagedCache")
def test_paged_pages_of_one_token(student, rng):
    """Pages are (S, H, D) and (S, H, D_v) of the tokens' dtype, and a page may hold one token."""
    cache = PlainCache(student, rng, 4, 1, 3, 2, 5)
    cache.start()
    cache.append(0, 2)
    k, v = cache.paged.load(cache.paged.table(0)[0])
    close([k, v], [x[None] for x in cache.tokens[0][0]])
    cache.fork(0)
    cache.append(1)
    cache.check()
    cache.leaks()


OPERATIONS = st.lists(st.tuples(st.sampled_from("sappppfd"), st.integers(0, 5)), max_size=14)


@part("PagedCache")
@RANDOM_OPERATIONS
@given(OPERATIONS)
def test_paged_survives_any_sequence(student, operations):
    """After any start, append, fork and free, all tokens are there and no page leaks."""
    cache = PlainCache(student, np.random.default_rng(len(operations)), 40, 2, 1, 1, 1)
    for what, which in operations:
        live = cache.live()
        if what == "s" or not live:
            cache.start()
            continue
        sequence = live[which % len(live)]
        if what == "f":
            cache.fork(sequence)
        elif what == "d":
            cache.free(sequence)
        elif cache.paged.available > 1:
            cache.append(sequence, 1 + which % 3)
    cache.check()
    cache.leaks()
    for sequence in cache.live():
        cache.free(sequence)
    equal(cache.paged.available, 40)


# paged_attention


class Pages:
    """Pages that are counted as they are loaded; what no token of ours has written is NaN."""

    def __init__(self, rng, N, S, H, D, D_v):
        self.k, self.v = (torch.full((N, S, H, d), math.nan).double() for d in (D, D_v))
        self.loaded = []

    def put(self, table, k, v):
        S = self.k.shape[1]
        for t in range(k.shape[0]):
            self.k[table[t // S], t % S], self.v[table[t // S], t % S] = k[t], v[t]

    def load(self, block):
        self.loaded.append(int(block))
        return self.k[block], self.v[block]


def draw_pages(rng, T, S, extra=0, H=2, D=3, D_v=4):
    """Scatter a sequence of T tokens; return the query, pages, table, and what must come out."""
    N = math.ceil(T / S) + extra + 3
    table = [int(b) for b in rng.permutation(N)[: math.ceil(T / S) + extra]]
    q, k, v = normal(rng, H, D), normal(rng, T, H, D), normal(rng, T, H, D_v)
    pages = Pages(rng, N, S, H, D, D_v)
    pages.put(table, k, v)
    rows = []
    for h in range(H):
        e = [math.exp(float(q[h] @ k[t, h]) / math.sqrt(D)) for t in range(T)]
        rows.append(sum(w * v[t, h] for t, w in enumerate(e)) / sum(e))
    return q, pages, table, torch.stack(rows)


def check_pages(student, cases):
    got = [
        student.paged_attention(q, expose(pages, "load"), table, T)
        for (q, pages, table, _), T in cases
    ]
    close(got, [expected for (*_, expected), _ in cases], **EXACT)


@part("paged_attention", basic=True)
def test_paged_attention_matches_a_slow_loop(student, rng):
    """Full pages, read in the order of the table: for each head a weighted mean of its values."""
    check_pages(student, [(draw_pages(rng, T, S), T) for T, S in ((8, 4), (6, 2), (3, 3))])


@part("paged_attention")
def test_paged_attention_of_a_partial_page(student, rng):
    """What stands behind the last token is never used, were it NaN."""
    sizes = [(5, 4), (1, 3), (7, 5), (9, 2), (4, 1)]
    check_pages(student, [(draw_pages(rng, T, S), T) for T, S in sizes])


@part("paged_attention")
def test_paged_attention_with_a_long_table(student, rng):
    """A table may be longer than the length needs."""
    check_pages(student, [(draw_pages(rng, T, S, 2), T) for T, S in ((5, 4), (8, 4), (1, 2))])


@part("paged_attention")
def test_paged_attention_loads_each_page_once(student, rng):
    """As many pages are loaded as hold tokens of the sequence, each of them once."""
    for T, S, extra in ((9, 4, 2), (8, 4, 1), (2, 5, 0)):
        q, pages, table, expected = draw_pages(rng, T, S, extra, 3, 2, 2)
        close(student.paged_attention(q, expose(pages, "load"), table, T), expected, **EXACT)
        said = f"Pages {pages.loaded} were loaded for {T} tokens in pages of {S} by {table}."
        ensure(sorted(pages.loaded) == sorted(table[: math.ceil(T / S)]), said)


@part("paged_attention")
def test_paged_attention_of_shared_heads_and_sizes(student, rng):
    """One head or as many as tokens, large scores, values longer than keys: all the same."""
    cases = [(draw_pages(rng, 4, 2, 0, 1, 5, 2), 4), (draw_pages(rng, 4, 2, 0, 4, 4, 4), 4)]
    check_pages(student, cases)
    q, k, v = normal(rng, 2, 3) * 2000, normal(rng, 5, 2, 3), normal(rng, 5, 2, 1)
    pages = Pages(rng, 4, 2, 2, 3, 1)
    pages.put([3, 0, 2], k, v)
    expected = torch_attention(q[:, None], k.transpose(0, 1), v.transpose(0, 1))[:, 0]
    got = student.paged_attention(q, expose(pages, "load"), [3, 0, 2], 5)
    close(got, expected, **EXACT)


# schedule


def slow_schedule(requests, budget):
    """Hand out one token at a time, each to the first in line that may have it."""
    state = [{"unread": p, "unsaid": n - 1} for _, p, n in requests]
    line = sorted(range(len(requests)), key=lambda r: (requests[r][0], r))
    steps, now = [], 0
    while any(s["unread"] or s["unsaid"] for s in state):
        given = {}
        past = [r for r in line if state[r]["unread"] == 0]
        for _ in range(budget):
            speakers = [r for r in past if state[r]["unsaid"] and r not in given]
            readers = [r for r in line if state[r]["unread"] and requests[r][0] <= now]
            for kind, who in (("unsaid", speakers), ("unread", readers)):
                if who:
                    state[who[0]][kind] -= 1
                    given[who[0]] = given.get(who[0], 0) + 1
                    break
        steps.append(list(given.items()))
        now += 1
    return steps


def draw_requests(rng, count, late=6):
    return [(integer(rng, 0, late), integer(rng, 1, 9), integer(rng, 1, 6)) for _ in range(count)]


@part("schedule", basic=True)
def test_schedule_matches_a_slow_one(student, rng):
    """Step by step, the plan is the one that hands out one token at a time to the first in line."""
    for budget in (4, 7):
        requests = draw_requests(rng, 6)
        equal(student.schedule(requests, budget), slow_schedule(requests, budget))


@part("schedule")
def test_schedule_mixes_reading_and_saying(student, rng):
    """Who says tokens goes first, and the rest of the step reads a prompt in pieces."""
    n, prompt = integer(rng, 5, 8), integer(rng, 10, 14)
    requests = [(0, 2, n), (0, prompt, 1), (0, 1, 3)]
    equal(student.schedule(requests, 4), slow_schedule(requests, 4))


@part("schedule")
def test_schedule_when_many_say(student, rng):
    """With more requests than budget the first ones are served, and the budget is kept."""
    requests = [(0, 1, integer(rng, 2, 5)) for _ in range(5)]
    cases = [(requests, 1), (requests, 2), (draw_requests(rng, 8, 1), 3)]
    equal([student.schedule(*each) for each in cases], [slow_schedule(*each) for each in cases])


@part("schedule")
def test_schedule_of_late_requests(student, rng):
    """Nobody runs before he arrives; steps without anybody are empty; the list is in any order."""
    requests = [(9, 3, 2), (2, 4, 1), (integer(rng, 3, 6), 2, 2), (2, 1, 2)]
    cases = [(requests, 3), (requests, 50), ([(4, 2, 1)], 2)]
    equal([student.schedule(*each) for each in cases], [slow_schedule(*each) for each in cases])


@part("schedule")
def test_schedule_of_little(student, rng):
    """No request, one token, a budget larger than all: each gives the shortest plan there is."""
    cases = [([], 5), ([(0, 1, 1)], 1), ([(0, 3, 1), (0, 2, 1)], 99), ([(0, 5, 2)], 5)]
    expected = [[], [[(0, 1)]], [[(0, 3), (1, 2)]], [[(0, 5)], [(0, 1)]]]
    equal([student.schedule(*each) for each in cases], expected)


@part("schedule")
def test_schedule_leaves_the_list_alone(student, rng):
    """The list of requests is as it was, and all of its work is done."""
    requests = draw_requests(rng, 5)
    plan, (after, _) = student.observe("schedule", requests, 5)
    equal([plan, after], [slow_schedule(requests, 5), requests])
