"""Hidden tests of 04: slow loops, torch's own attention and layers, and invariants as oracles.

Where torch and this course agree, float64 results are compared to 1e-12. They do not agree on
queries without a key, on the alignment of causal masks, and on which way a layer's mask points.
Calls of one test are collected and compared at once where that tells mistakes apart.
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention as torch_attention

from autograder.testing import close, ensure, equal, first_difference, part, raises

CHANGED = "Something that was passed in has been changed; make a new tensor instead."
EXACT = {"rtol": 1e-12, "atol": 1e-12}


def normal(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape))


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


def allowed(shape, rule):
    """Return a mask made place by place."""
    mask = torch.zeros(shape, dtype=torch.bool)
    for index in np.ndindex(*shape):
        mask[index] = bool(rule(*index))
    return mask


# softmax


def slow_softmax(x, dim):
    """Return the weights row by row, in Python's own numbers."""
    rows = x.movedim(dim, -1)
    out = torch.zeros(rows.shape, dtype=x.dtype)
    for index in np.ndindex(*rows.shape[:-1]):
        e = [math.exp(score) for score in rows[index].tolist()]
        out[index] = torch.tensor([value / sum(e) for value in e], dtype=x.dtype)
    return out.movedim(-1, dim)


@part("softmax", basic=True)
def test_softmax_matches_a_slow_loop(student, rng):
    """Each weight is exp of its score over the sum of those exps along the dimension named."""
    x = normal(rng, *different_sizes(rng, 3))
    dims = [0, 1, 2, -1, -2]
    close([student.softmax(x, dim) for dim in dims], [slow_softmax(x, dim) for dim in dims])


@part("softmax")
def test_softmax_of_a_square(student, rng):
    """Also with all sizes equal, the weights add up to 1 along the right dimension."""
    x = normal(rng, *[different_sizes(rng, 1)[0]] * 3)
    close([student.softmax(x, dim) for dim in range(3)], [slow_softmax(x, dim) for dim in range(3)])


@part("softmax")
def test_softmax_matches_torch(student, rng):
    """The result is that of torch, in float64 to 1e-12 and in float32, for strided tensors too."""
    x = normal(rng, 4, 6)
    inputs = [x, x.T, x[::2, 1::2], x.float(), x[0], x[:, :1], x[:0]]
    for each in inputs:
        close(
            student.softmax(each, 0 if each.ndim == 1 else 1),
            torch.softmax(each, -1),
            **(EXACT if each.dtype == torch.float64 else {}),
        )


@part("softmax")
def test_softmax_of_large_scores(student, rng):
    """Scores of ±1000 and ±100000 give finite weights that depend on their differences alone."""
    x = normal(rng, 3, 4)
    high, low = float(rng.uniform(900, 1100)), -float(rng.uniform(900, 1100))
    got = [student.softmax(x + shift, 1) for shift in (high, low, 1e5, -1e5)]
    close(got, [slow_softmax(x, 1)] * 4, rtol=1e-9, atol=1e-10)


@part("softmax")
def test_softmax_of_rows_far_apart(student, rng):
    """A row at 1000, a row at 0 and a row at -1000 do not disturb each other."""
    x = normal(rng, 3, 5)
    far = x + torch.tensor([[1000.0], [0.0], [-1000.0]], dtype=torch.float64)
    close(student.softmax(far, 1), slow_softmax(x, 1))


@part("softmax")
def test_softmax_decides(student, rng):
    """A score that leads by 2000 takes all the weight, and equal ones share it."""
    lead = 2000.0 + float(rng.uniform(0, 100))
    x = torch.tensor([[lead, 0.0, -lead], [-lead, -lead, -lead], [lead, lead, 0.0]])
    expected = torch.tensor([[1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0.0]])
    close(student.softmax(x, 1), expected)


@part("softmax")
def test_softmax_leaves_its_input_alone(student, rng):
    """The scores keep their values."""
    unchanged(student, "softmax", normal(rng, 3, 4), 1)


@part("softmax")
def test_softmax_passes_gradients(student, rng):
    """Gradients reach the scores: dx = p (dp - Σ p dp)."""
    x, dp = normal(rng, 3, 4), normal(rng, 3, 4)
    p, (dx,) = student.vjp("softmax", [x, 1], dp)
    expected = slow_softmax(x, 1)
    close((p, dx), (expected, expected * (dp - (expected * dp).sum(1, keepdim=True))))


# masks


@part("causal_mask", basic=True)
def test_causal_mask_matches_a_loop(student, rng):
    """Query i stands at position i + T_k - T_q, and sees the keys up to its own position."""
    few, many = sorted(different_sizes(rng, 2))
    sizes = [(few, many), (many, many), (few, few), (few, many + 2)]
    got = [student.causal_mask(*size) for size in sizes]
    equal(got, [allowed((T_q, T_k), lambda i, j: j <= i + T_k - T_q) for T_q, T_k in sizes])


@part("causal_mask")
def test_causal_mask_with_more_queries_than_keys(student, rng):
    """The first T_q - T_k queries see nothing, and the last one still sees every key."""
    few, many = sorted(different_sizes(rng, 2))
    equal(
        student.causal_mask(many, few),
        torch.cat(
            (torch.zeros(many - few, few, dtype=bool), torch.ones(few, few, dtype=bool).tril())
        ),
    )


@part("causal_mask")
def test_causal_mask_of_one_and_of_none(student, rng):
    """A single query sees all keys; no queries, or no keys, give an empty mask."""
    T = int(rng.integers(3, 9))
    got = [student.causal_mask(*size) for size in ((1, T), (1, 1), (0, T), (T, 0))]
    ones = [torch.ones(size, dtype=torch.bool) for size in ((1, T), (1, 1), (0, T), (T, 0))]
    equal(got, ones)


@part("padding_mask", basic=True)
def test_padding_mask_matches_a_loop(student, rng):
    """Sequence b shows its first lengths[b] keys to every query."""
    B, T = different_sizes(rng, 2)
    lengths = [torch.from_numpy(rng.permutation(n)[:B] % (T + 1)) for n in (T + B, T + B + 3)]
    got = [student.padding_mask(each, T) for each in lengths]
    equal(got, [allowed((B, 1, T), lambda b, _, t: t < each[b]) for each in lengths])


@part("padding_mask")
def test_padding_mask_at_the_ends(student, rng):
    """Length 0 shows nothing, length T everything, and T may exceed every length."""
    T = int(rng.integers(3, 8))
    got = [
        student.padding_mask(torch.tensor([0, T, 1]), T),
        student.padding_mask(torch.tensor([1, 2]), T),
        student.padding_mask(torch.tensor([T]), T),
    ]
    rows = [[[0], [T], [1]], [[1], [2]], [[T]]]
    equal(got, [(torch.arange(T) < torch.tensor(each))[:, None] for each in rows])


@part("padding_mask")
def test_padding_mask_of_a_square_batch(student, rng):
    """With as many sequences as places, rows are still sequences, and the middle is still 1."""
    T = int(rng.integers(3, 7))
    lengths = torch.from_numpy(rng.permutation(T))
    equal(student.padding_mask(lengths, T), allowed((T, 1, T), lambda b, _, t: t < lengths[b]))


@part("sliding_window_mask", basic=True)
def test_window_matches_a_loop(student, rng):
    """Query i sees the keys from i - window + 1 to i."""
    T = int(rng.integers(6, 9))
    windows = [int(w) for w in rng.permutation(np.arange(2, T))[:3]]
    got = [student.sliding_window_mask(T, window) for window in windows]
    equal(got, [allowed((T, T), lambda i, j: i - w + 1 <= j <= i) for w in windows])


@part("sliding_window_mask")
def test_window_of_one_and_of_all(student, rng):
    """With a window of 1 a token sees itself; with one of T or more, all that came before it."""
    T = int(rng.integers(3, 7))
    got = [student.sliding_window_mask(T, window) for window in (1, T, T + 3)]
    causal = torch.ones(T, T, dtype=torch.bool).tril()
    equal(got, [torch.eye(T, dtype=torch.bool), causal, causal])


@part("sliding_window_mask")
def test_window_of_short_sequences(student, rng):
    """One token sees itself, and none gives an empty mask."""
    window = int(rng.integers(1, 4))
    got = [student.sliding_window_mask(T, window) for T in (1, 0)]
    equal(got, [torch.ones(1, 1, dtype=torch.bool), torch.ones(0, 0, dtype=torch.bool)])


# attention


def slow_attention(q, k, v, mask=None):
    """Return output and weights number by number."""
    *lead, T_q, D = q.shape
    T_k = k.shape[-2]
    out, weights = (
        torch.zeros(*lead, T_q, v.shape[-1]).double(),
        torch.zeros(*lead, T_q, T_k).double(),
    )
    may = torch.ones(*lead, T_q, T_k, dtype=torch.bool) & (True if mask is None else mask)
    for index in np.ndindex(*lead):
        queries, keys, values = q[index].tolist(), k[index].tolist(), v[index].tolist()
        for i in range(T_q):
            e = []
            for j in range(T_k):
                score = sum(a * b for a, b in zip(queries[i], keys[j], strict=True))
                e.append(math.exp(score / math.sqrt(D)) if may[index][i, j] else 0.0)
            row = [each / sum(e) if sum(e) else 0.0 for each in e]
            weights[index][i] = torch.tensor(row, dtype=torch.float64)
            for d in range(v.shape[-1]):
                out[index][i, d] = sum(w * value[d] for w, value in zip(row, values, strict=True))
    return out, weights


def draw_qkv(rng, *lead):
    """Return q, k and v in which T_q, T_k, D and D_v all differ."""
    T_q, T_k, D, D_v = different_sizes(rng, 4)
    return normal(rng, *lead, T_q, D), normal(rng, *lead, T_k, D), normal(rng, *lead, T_k, D_v)


def draw_mask(rng, *shape):
    """Return a mask under which every query sees a key and some query does not see them all."""
    mask = torch.from_numpy(rng.random(shape) < 0.5)
    mask[..., 0] = True
    mask[..., 0, 1:] = False
    return mask


@part("attention", basic=True)
def test_attention_matches_a_slow_loop(student, rng):
    """Output and weights are those of a loop over queries and keys, with 0 to 2 leading sizes."""
    inputs = [draw_qkv(rng, *lead) for lead in ((), (2,), (2, 3))]
    close([student.attention(*each) for each in inputs], [slow_attention(*each) for each in inputs])


@part("attention")
def test_attention_of_a_square(student, rng):
    """With as many queries as keys and channels, queries are still rows and keys columns."""
    n = int(rng.integers(3, 6))
    q, k, v = normal(rng, 3, n, n, n)
    close(student.attention(q, k, v), slow_attention(q, k, v))


@part("attention")
def test_attention_under_a_mask(student, rng):
    """What may be looked at shares all the weight, and the rest has none."""
    q, k, v = draw_qkv(rng, 2)
    mask = draw_mask(rng, q.shape[-2], k.shape[-2])
    close(student.attention(q, k, v, mask), slow_attention(q, k, v, mask))


@part("attention")
def test_attention_under_masks_that_broadcast(student, rng):
    """A padding mask (B, 1, T_k), and one of its own for each sequence and head, work alike."""
    q, k, v = draw_qkv(rng, 3, 2)
    T_q, T_k = q.shape[-2], k.shape[-2]
    masks = [
        draw_mask(rng, 3, 1, 1, T_k),
        draw_mask(rng, 3, 2, T_q, T_k),
        draw_mask(rng, 2, 1, T_k),
    ]
    got = [student.attention(q, k, v, mask) for mask in masks]
    close(got, [slow_attention(q, k, v, mask) for mask in masks])


@part("attention")
def test_attention_matches_torch(student, rng):
    """The output is that of torch's scaled_dot_product_attention, in float64 to 1e-12."""
    q, k, v = draw_qkv(rng, 2, 3)
    mask = draw_mask(rng, q.shape[-2], k.shape[-2])
    got = [student.attention(q, k, v, m)[0] for m in (None, mask)]
    close(got, [torch_attention(q, k, v, attn_mask=m) for m in (None, mask)], **EXACT)


@part("attention")
def test_attention_without_any_key(student, rng):
    """A query that may look at no key has zeros for weights and output; others are untouched."""
    q, k, v = draw_qkv(rng, 2)
    mask = draw_mask(rng, q.shape[-2], k.shape[-2])
    mask[int(rng.integers(0, q.shape[-2]))] = False
    got = [student.attention(q, k, v, m) for m in (mask, torch.zeros_like(mask))]
    close(got, [slow_attention(q, k, v, m) for m in (mask, torch.zeros_like(mask))])


@part("attention")
def test_attention_under_a_mask_of_large_scores(student, rng):
    """Scores in the millions change nothing: a masked key has weight exactly 0."""
    q, k, v = draw_qkv(rng)
    q, k = q.abs() * 1000, -k.abs() * 1000  # every score is far below -10,000
    mask = draw_mask(rng, q.shape[-2], k.shape[-2])
    scores = (q @ k.T / math.sqrt(q.shape[-1])).masked_fill(~mask, -math.inf)
    weights = torch.softmax(scores, -1)
    close(student.attention(q, k, v, mask), (weights @ v, weights))


@part("attention")
def test_attention_under_a_mask_of_huge_scores(student, rng):
    """Even scores below -10¹⁰ lose nothing to a masked key."""
    q, k, v = draw_qkv(rng)
    q, k = q.abs() * 1e6, -k.abs() * 1e6 - 1e6
    mask = draw_mask(rng, q.shape[-2], k.shape[-2])
    scores = (q @ k.T / math.sqrt(q.shape[-1])).masked_fill(~mask, -math.inf)
    weights = torch.softmax(scores, -1)
    close(student.attention(q, k, v, mask), (weights @ v, weights))


@part("attention")
def test_attention_is_about_a_set(student, rng):
    """Keys in another order, with their values, change nothing but the order of the weights."""
    q, k, v = draw_qkv(rng)
    order = torch.from_numpy(rng.permutation(k.shape[0]))
    out, weights = slow_attention(q, k, v)
    close(student.attention(q, k[order], v[order]), (out, weights[:, order]))


@part("attention")
def test_attention_closed_forms(student, rng):
    """Equal keys give the mean of the values, one key its value, and no query nothing."""
    q, k, v = draw_qkv(rng)
    same = k[:1].expand(k.shape)
    got = [student.attention(q, same, v)[0], student.attention(q, k[:1], v[:1])[0]]
    close(got, [v.mean(0).expand(len(q), -1), v[:1].expand(len(q), -1)])
    out, weights = student.attention(q[:0], k, v)
    close((out, weights), (torch.zeros(0, v.shape[1]).double(), torch.zeros(0, len(k)).double()))


@part("attention")
def test_attention_in_float32(student, rng):
    """float32 stays float32, also under a mask and for tensors that are not contiguous."""
    q, k, v = (x.float().mT.contiguous().mT for x in draw_qkv(rng, 2))
    mask = draw_mask(rng, q.shape[-2], k.shape[-2])
    close(student.attention(q, k, v, mask)[0], torch_attention(q, k, v, attn_mask=mask))


@part("attention")
def test_attention_passes_gradients(student, rng):
    """The gradients of q, k and v are those of torch's attention, with a mask as well."""
    q, k, v = draw_qkv(rng, 2)
    mask, dout = draw_mask(rng, q.shape[-2], k.shape[-2]), normal(rng, *q.shape[:-1], v.shape[-1])
    inputs = [x.clone().requires_grad_() for x in (q, k, v)]
    torch_attention(*inputs, attn_mask=mask).backward(dout)
    _, gradients = student.vjp("attention", [q, k, v, mask], (dout, None), wrt=(0, 1, 2))
    close(gradients, tuple(x.grad for x in inputs))


@part("attention")
def test_attention_without_any_key_passes_no_gradient(student, rng):
    """A query without a key has a gradient of zeros, and spoils nobody else's."""
    q, k, v = draw_qkv(rng)
    mask, dout = draw_mask(rng, len(q), len(k)), normal(rng, len(q), v.shape[-1])
    mask[0] = False
    inputs = [x.clone().requires_grad_() for x in (q[1:], k, v)]
    torch_attention(*inputs, attn_mask=mask[1:]).backward(dout[1:])
    dq, dk, dv = (x.grad for x in inputs)
    _, gradients = student.vjp("attention", [q, k, v, mask], (dout, None), wrt=(0, 1, 2))
    close(gradients, (torch.cat((torch.zeros_like(q[:1]), dq)), dk, dv))


@part("attention")
def test_attention_leaves_its_inputs_alone(student, rng):
    """q, k, v and the mask keep their values."""
    q, k, v = draw_qkv(rng)
    unchanged(student, "attention", q, k, v, draw_mask(rng, len(q), len(k)))


# attention_backward


def torch_gradients(q, k, v, dout):
    inputs = [x.clone().requires_grad_() for x in (q, k, v)]
    torch_attention(*inputs).backward(dout)
    return tuple(x.grad for x in inputs)


@part("attention_backward", basic=True)
def test_backward_matches_autograd(student, rng):
    """The gradients are those of torch's autograd, with 0, 1 and 2 leading sizes."""
    inputs = []
    for lead in ((), (2,), (2, 3)):
        q, k, v = draw_qkv(rng, *lead)
        inputs.append((q, k, v, normal(rng, *q.shape[:-1], v.shape[-1])))
    got = [student.attention_backward(*each) for each in inputs]
    close(got, [torch_gradients(*each) for each in inputs])


@part("attention_backward")
def test_backward_of_a_square(student, rng):
    """With all sizes equal, nothing is transposed by mistake."""
    n = int(rng.integers(3, 6))
    q, k, v, dout = normal(rng, 4, n, n, n)
    close(student.attention_backward(q, k, v, dout), torch_gradients(q, k, v, dout))


@part("attention_backward")
def test_backward_predicts_small_changes(student, rng):
    """A small step along a direction changes the loss by step times gradient, for q, k and v."""
    q, k, v = draw_qkv(rng)
    dout, h = normal(rng, len(q), v.shape[-1]), 1e-5
    directions = [normal(rng, *x.shape) for x in (q, k, v)]
    slopes = []
    for n, direction in enumerate(directions):
        losses = []
        for step in (h, -h):
            moved = [x + step * direction if i == n else x for i, x in enumerate((q, k, v))]
            losses.append(float((slow_attention(*moved)[0] * dout).sum()))
        slopes.append((losses[0] - losses[1]) / (2 * h))
    gradients = student.attention_backward(q, k, v, dout)
    got = [float((g * d).sum()) for g, d in zip(gradients, directions, strict=True)]
    close(got, slopes, rtol=1e-6, atol=1e-8)


@part("attention_backward")
def test_backward_of_what_does_not_matter(student, rng):
    """With one key, or equal values, the weights do not matter: dq and dk are 0."""
    q, k, v = draw_qkv(rng)
    dout = normal(rng, len(q), v.shape[-1])
    zeros, one = (torch.zeros_like(q), torch.zeros_like(k[:1])), dout.sum(0, keepdim=True)
    close(student.attention_backward(q, k[:1], v[:1], dout), (*zeros, one))
    same = v[:1].expand(v.shape)
    close(student.attention_backward(q, k, same, dout), torch_gradients(q, k, same, dout))


@part("attention_backward")
def test_backward_leaves_its_inputs_alone(student, rng):
    """q, k, v and dout keep their values."""
    q, k, v = draw_qkv(rng)
    unchanged(student, "attention_backward", q, k, v, normal(rng, len(q), v.shape[-1]))


# positions


def slow_sinusoids(T, C):
    rows = [
        [(math.cos if c % 2 else math.sin)(p / 10000 ** ((c - c % 2) / C)) for c in range(C)]
        for p in range(T)
    ]
    return torch.tensor(rows, dtype=torch.float32).reshape(T, C)


@part("sinusoidal_positions", basic=True)
def test_sinusoids_match_a_loop(student, rng):
    """Columns 2i and 2i + 1 hold sine and cosine of p / 10000^(2i / C)."""
    T, C = int(rng.integers(5, 9)), 2 * int(rng.integers(5, 9))
    sizes = [(T, C), (C, C), (C + 3, 4), (40, 6)]
    got = [student.sinusoidal_positions(*size) for size in sizes]
    close(got, [slow_sinusoids(*size) for size in sizes])


@part("sinusoidal_positions")
def test_sinusoids_of_small_sizes(student, rng):
    """Two columns are enough, position 0 is 0, 1, 0, 1, …, and no positions give no rows."""
    C = 2 * int(rng.integers(2, 6))
    got = [student.sinusoidal_positions(*size) for size in ((3, 2), (1, C), (0, C))]
    close(got, [slow_sinusoids(3, 2), torch.tensor([[0.0, 1.0] * (C // 2)]), torch.zeros(0, C)])


@part("sinusoidal_positions")
def test_sinusoids_know_distances(student, rng):
    """The dot product of two rows depends on their distance alone: Σ cos(distance · frequency)."""
    T, C = 12, 2 * int(rng.integers(4, 9))
    code = student.sinusoidal_positions(T, C)
    ensure(getattr(code, "shape", None) == (T, C), "The code has the wrong shape.", code)
    gaps = [[a - b for b in range(T)] for a in range(T)]
    waves = [
        [sum(math.cos(g / 10000 ** (2 * i / C)) for i in range(C // 2)) for g in r] for r in gaps
    ]
    close(code @ code.mT, torch.tensor(waves), rtol=1e-4, atol=1e-4)


def draw_learned(rng, student, T_max, C):
    """Return a module of float64 and the drawn table that was loaded into it."""
    table, module = normal(rng, T_max, C), student.LearnedPositions(T_max, C)
    module.double()
    module.load_state_dict({"table": table})
    return module, table


@part("LearnedPositions", basic=True)
def test_learned_positions_match_a_loop(student, rng):
    """Row t of the table is added to token t of every sequence, with 0, 1 and 2 leading sizes."""
    T_max, T, C = (int(n) for n in (rng.integers(7, 10), rng.integers(4, 6), rng.integers(2, 4)))
    module, table = draw_learned(rng, student, T_max, C)
    inputs = [normal(rng, *lead, T, C) for lead in ((), (2,), (T_max, 3))]
    expected = []
    for x in inputs:
        y = x.clone()
        for t in range(T):
            y[..., t, :] += table[t]
        expected.append(y)
    close([module(x) for x in inputs], expected)


@part("LearnedPositions")
def test_learned_positions_of_other_lengths(student, rng):
    """One token, no token and exactly T_max tokens are all right; one more raises ValueError."""
    T_max, C = different_sizes(rng, 2)
    module, table = draw_learned(rng, student, T_max, C)
    inputs = [normal(rng, 2, T, C) for T in (1, 0, T_max)]
    close([module(x) for x in inputs], [x + table[: x.shape[1]] for x in inputs])
    with raises(ValueError):
        module(normal(rng, 2, T_max + 1, C))


@part("LearnedPositions")
def test_learned_positions_table_of_one(student, rng):
    """A table of one row serves one token, and refuses two."""
    module, _ = draw_learned(rng, student, 1, 3)
    with raises(ValueError):
        module(normal(rng, 2, 3))


@part("LearnedPositions")
def test_learned_positions_are_learned(student, rng):
    """The table is a parameter of shape (T_max, C), and gradients reach the rows that were used."""
    T_max, T, C = 6, int(rng.integers(2, 5)), 3
    module, _ = draw_learned(rng, student, T_max, C)
    equal([tuple(parameter.shape) for parameter in module.parameters()], [(T_max, C)])
    x, dout = normal(rng, 2, T, C), normal(rng, 2, T, C)
    _, (dx, dtable) = student.vjp(module, [x], dout, wrt=(0, "table"))
    close((dx, dtable), (dout, torch.cat((dout.sum(0), torch.zeros(T_max - T, C).double()))))


@part("LearnedPositions")
def test_learned_positions_start_small(student, rng):
    """A fresh table is normal with mean 0 and deviation 0.02, and its rows differ."""
    student.library("torch.manual_seed")(int(rng.integers(1000)))
    table = student.LearnedPositions(60, 50).table
    ensure(
        isinstance(table, torch.Tensor) and tuple(table.shape) == (60, 50),
        "`table` is no tensor of shape (T_max, C).",
        table,
    )
    spread = float(table.std())
    message = "A fresh table does not have the standard deviation 0.02."
    ensure(0.018 < spread < 0.022, message, spread, "0.02")
    ensure(abs(float(table.mean())) < 0.003, "A fresh table does not have the mean 0.")
    ensure(float(table.abs().max()) > 0.05, "A fresh table is not normally distributed.")


@part("LearnedPositions")
def test_learned_positions_leave_x_alone(student, rng):
    """x keeps its values: the sum is a new tensor."""
    unchanged(student, draw_learned(rng, student, 4, 3)[0], normal(rng, 2, 4, 3))


def complex_rope(x, positions, theta=10000.0):
    """Return the rotation as a product of complex numbers, in numpy."""
    pairs = x.numpy().reshape(*x.shape[:-1], -1, 2)
    z = pairs[..., 0] + 1j * pairs[..., 1]
    D = x.shape[-1]
    turn = np.exp(1j * positions.numpy()[..., None] * theta ** (-np.arange(0, D, 2) / D))
    z = z * turn
    return torch.from_numpy(np.stack((z.real, z.imag), axis=-1).reshape(x.shape))


def draw_positions(rng, T):
    """Return T different positions in no order."""
    return torch.from_numpy(rng.permutation(np.arange(1, 40))[:T])


@part("rope", basic=True)
def test_rope_matches_complex_numbers(student, rng):
    """Pair i is a complex number times exp(i p / theta^(2i / D)), with 0, 1 and 2 leading sizes."""
    T, D = int(rng.integers(4, 7)), 2 * int(rng.integers(4, 7))
    inputs = [normal(rng, *lead, T, D) for lead in ((), (2,), (2, 3))]
    positions = draw_positions(rng, T)
    got = [student.rope(x, positions) for x in inputs]
    close(got, [complex_rope(x, positions) for x in inputs])


@part("rope")
def test_rope_with_another_theta(student, rng):
    """theta sets how much slower each pair turns than the one before it."""
    x, positions, theta = normal(rng, 3, 8), draw_positions(rng, 3), float(rng.uniform(50, 500))
    close(student.rope(x, positions, theta), complex_rope(x, positions, theta))


@part("rope")
def test_rope_with_positions_for_each_sequence(student, rng):
    """Positions of shape (B, 1, T) serve every head of x, (B, H, T, D), and repeats are allowed."""
    B, H, T = different_sizes(rng, 3)
    x, positions = normal(rng, B, H, T, 6), torch.from_numpy(rng.integers(0, 30, (B, 1, T)))
    close(student.rope(x, positions), complex_rope(x, positions))


@part("rope")
def test_rope_at_the_start(student, rng):
    """Position 0 changes nothing, one pair is enough, and no tokens are none."""
    x, zero = normal(rng, 3, 4), torch.zeros(3, dtype=torch.int64)
    single, one = normal(rng, 1, 2), torch.tensor([1])
    got = [student.rope(x, zero), student.rope(single, one), student.rope(x[:0], zero[:0])]
    close(got, [x, complex_rope(single, one), x[:0]])


@part("rope")
def test_rope_knows_distances(student, rng):
    """The dot product of a query and a key depends on how far apart they are, not on where."""
    q, k = normal(rng, 2, 6).expand(5, 2, 6).unbind(1)  # (5, 6) each, five times the same
    shifts = draw_positions(rng, 5)
    a, b = student.rope(q, shifts + 4), student.rope(k, shifts)
    expected = complex_rope(q[:1], torch.tensor([4]))[0] @ k[0]
    ensure(getattr(a, "shape", 0) == getattr(b, "shape", 1), "The result is not shaped as x.", a)
    close((a * b).sum(-1), expected.expand(5))


@part("rope")
def test_rope_keeps_the_dtype(student, rng):
    """float32 stays float32, for tensors that are not contiguous too."""
    x, positions = normal(rng, 6, 4).float().T, draw_positions(rng, 4)
    close(student.rope(x, positions), complex_rope(x.double(), positions).float())


@part("rope")
def test_rope_leaves_its_inputs_alone(student, rng):
    """x and the positions keep their values."""
    unchanged(student, "rope", normal(rng, 3, 4), draw_positions(rng, 3))


@part("rope")
def test_rope_passes_gradients(student, rng):
    """The gradient is turned back by the same angles."""
    x, dout, positions = normal(rng, 3, 6), normal(rng, 3, 6), draw_positions(rng, 3)
    _, (dx,) = student.vjp("rope", [x, positions], dout)
    close(dx, complex_rope(dout, -positions))


# heads


@part("split_heads", basic=True)
def test_split_matches_a_loop(student, rng):
    """Head h of token t holds the channels h·D to (h + 1)·D - 1 of token t."""
    T, H, D = different_sizes(rng, 3)
    inputs = [normal(rng, *lead, T, H * D) for lead in ((), (2,), (2, 3))]
    expected = []
    for x in inputs:
        expected.append(torch.stack([x[..., h * D : (h + 1) * D] for h in range(H)], dim=-3))
    equal([student.split_heads(x, H) for x in inputs], expected)


@part("split_heads")
def test_split_of_a_square(student, rng):
    """With as many heads as tokens and channels in a head, every number is still in its place."""
    n = int(rng.integers(2, 5))
    x = normal(rng, n, n, n * n)
    equal(student.split_heads(x, n), torch.stack(x.chunk(n, -1), dim=1))


@part("split_heads")
def test_split_into_one_or_all(student, rng):
    """One head, as many heads as channels, and no tokens are all right."""
    T, C = different_sizes(rng, 2)
    x = normal(rng, C, T).T
    got = [student.split_heads(x, 1), student.split_heads(x, C), student.split_heads(x[:0], C)]
    equal(got, [x[None], x.T[..., None], torch.zeros(C, 0, 1).double()])


@part("merge_heads", basic=True)
def test_merge_matches_a_loop(student, rng):
    """Token t holds the channels of head 0, then those of head 1, and so on."""
    T, H, D = different_sizes(rng, 3)
    inputs = [normal(rng, *lead, H, T, D) for lead in ((), (2,), (2, 3))]
    expected = [torch.cat([x[..., h, :, :] for h in range(H)], dim=-1) for x in inputs]
    equal([student.merge_heads(x) for x in inputs], expected)


@part("merge_heads")
def test_merge_of_a_square(student, rng):
    """With as many heads as tokens and channels in a head, every number is still in its place."""
    n = int(rng.integers(2, 5))
    x = normal(rng, n, n, n, n)
    equal(student.merge_heads(x), torch.cat(x.unbind(1), dim=-1))


@part("merge_heads")
def test_merge_undoes_a_split(student, rng):
    """Heads that were cut out of a tensor, by strides alone, are put together to the same one."""
    T, H, D = different_sizes(rng, 3)
    x = normal(rng, 2, T, H * D)
    equal(student.merge_heads(x.unflatten(-1, (H, D)).transpose(1, 2)), x)
    equal(student.merge_heads(x[:, :0, None].transpose(1, 2)), x[:, :0])


# layers: helpers


def randomize(rng, module):
    """Give a torch module drawn weights, so that no bias is 0 and no norm is the identity."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(normal(rng, *weight.shape) / 2)
    return module


def attention_weights(torch_module, prefix=""):
    """The weights of an nn.MultiheadAttention under the names of this assignment."""
    state = torch_module.state_dict()
    found = {f"{prefix}out_proj.{kind}": state[f"out_proj.{kind}"] for kind in ("weight", "bias")}
    for kind in ("weight", "bias"):
        for name, rows in zip("qkv", state[f"in_proj_{kind}"].chunk(3), strict=True):
            found[f"{prefix}{name}_proj.{kind}"] = rows
    return found


def layer_weights(layer):
    """The weights of torch's encoder or decoder layer under the names of this assignment."""
    found = attention_weights(layer.self_attn, "self_attn.")
    if hasattr(layer, "multihead_attn"):
        found |= attention_weights(layer.multihead_attn, "cross_attn.")
    state = layer.state_dict().items()
    return found | {name: w for name, w in state if name.startswith(("linear", "norm"))}


def loaded(module, weights):
    """Make the module one of float64, with these weights."""
    module.double()
    module.load_state_dict(weights)
    return module


def draw_sizes(rng):
    """Return B, T, S, H and D: no two of B, T, S and H are the same, and D is none of them."""
    B, T, S, H, D = different_sizes(rng, 5)
    return B, T, S, H, D


# MultiHeadAttention


def draw_multihead(rng, student, C, H):
    theirs = randomize(rng, nn.MultiheadAttention(C, H, batch_first=True).double())
    return theirs, loaded(student.MultiHeadAttention(C, H), attention_weights(theirs))


@part("MultiHeadAttention", basic=True)
def test_multihead_matches_torch(student, rng):
    """With the same weights, self-attention is that of nn.MultiheadAttention to 1e-12."""
    B, T, _, H, D = draw_sizes(rng)
    theirs, ours = draw_multihead(rng, student, H * D, H)
    x = normal(rng, B, T, H * D)
    close(ours(x), theirs(x, x, x)[0], **EXACT)


@part("MultiHeadAttention")
def test_multihead_with_context(student, rng):
    """Keys and values come from the context, which may be longer or shorter than x."""
    B, T, S, H, D = draw_sizes(rng)
    theirs, ours = draw_multihead(rng, student, H * D, H)
    x, context = normal(rng, B, T, H * D), normal(rng, B, S, H * D)
    pairs = [(x, context), (context, x), (x, normal(rng, *x.shape))]
    close([ours(a, b) for a, b in pairs], [theirs(a, b, b)[0] for a, b in pairs], **EXACT)


@part("MultiHeadAttention")
def test_multihead_under_masks(student, rng):
    """Masks of the shapes (T, T), (B, 1, T) and (B, T, T) hold for every head."""
    B, T, _, H, D = draw_sizes(rng)
    theirs, ours = draw_multihead(rng, student, H * D, H)
    x = normal(rng, B, T, H * D)
    masks = [draw_mask(rng, T, T), draw_mask(rng, B, 1, T), draw_mask(rng, B, T, T)]
    got = [ours(x, mask=mask) for mask in masks]
    close(got, [theirs(x, x, x, attn_mask=forbidden(m, B, T, T, H))[0] for m in masks], **EXACT)


def forbidden(mask, B, T, S, H):
    """The mask as nn.MultiheadAttention takes it: True = may not look, one for each head."""
    return ~mask.expand(B, T, S).repeat_interleave(H, dim=0)


@part("MultiHeadAttention")
def test_multihead_with_context_and_mask(student, rng):
    """A padded context is masked by (B, 1, S)."""
    B, T, S, H, D = draw_sizes(rng)
    theirs, ours = draw_multihead(rng, student, H * D, H)
    x, context, mask = normal(rng, B, T, H * D), normal(rng, B, S, H * D), draw_mask(rng, B, 1, S)
    expected = theirs(x, context, context, attn_mask=forbidden(mask, B, T, S, H))[0]
    close(ours(x, context, mask), expected, **EXACT)


@part("MultiHeadAttention")
def test_multihead_with_as_many_sequences_as_heads(student, rng):
    """With B = H, a mask of one sequence is not taken for that of one head."""
    T, H, D = different_sizes(rng, 3)
    theirs, ours = draw_multihead(rng, student, H * D, H)
    x, mask = normal(rng, H, T, H * D), draw_mask(rng, H, T, T)
    close(ours(x, mask=mask), theirs(x, x, x, attn_mask=forbidden(mask, H, T, T, H))[0], **EXACT)


@part("MultiHeadAttention")
def test_multihead_without_and_with_more_batches(student, rng):
    """One sequence alone, and two leading dimensions, are all right, and so is a single head."""
    T, H, D = different_sizes(rng, 3)
    theirs, ours = draw_multihead(rng, student, H * D, H)
    x, mask = normal(rng, 2, 3, T, H * D), draw_mask(rng, T, T)
    flat = x.flatten(0, 1)
    expected = theirs(flat, flat, flat, attn_mask=~mask)[0].unflatten(0, (2, 3))
    close([ours(x[0, 0], mask=mask), ours(x, mask=mask)], [expected[0, 0], expected], **EXACT)
    theirs, ours = draw_multihead(rng, student, D, 1)
    x = normal(rng, 2, T, D)
    close(ours(x), theirs(x, x, x)[0], **EXACT)


@part("MultiHeadAttention")
def test_multihead_query_without_a_key(student, rng):
    """Where a query may look at nothing, only the bias of out_proj is left; torch has NaN there."""
    T, H, D = different_sizes(rng, 3)
    theirs, ours = draw_multihead(rng, student, H * D, H)
    x, mask = normal(rng, 2, T, H * D), draw_mask(rng, T, T)
    mask[T - 1] = False
    expected = theirs(x, x, x, attn_mask=~mask, need_weights=True)[0].detach()
    expected[:, T - 1] = theirs.out_proj.bias.detach()
    close(ours(x, mask=mask), expected, **EXACT)


@part("MultiHeadAttention")
def test_multihead_parameters(student, rng):
    """There are four projections from C to C with biases, and gradients reach all of them."""
    _, T, _, H, D = draw_sizes(rng)
    theirs, ours = draw_multihead(rng, student, H * D, H)
    x, dout = normal(rng, 2, T, H * D), normal(rng, 2, T, H * D)
    theirs(x, x, x)[0].backward(dout)
    rows = theirs.in_proj_weight.grad.chunk(3)
    names = ["q_proj.weight", "k_proj.weight", "v_proj.weight", "out_proj.weight", "out_proj.bias"]
    _, gradients = student.vjp(ours, [x], dout, wrt=names)
    close(gradients, (*rows, theirs.out_proj.weight.grad, theirs.out_proj.bias.grad))
    shapes = sorted(tuple(p.shape) for p in ours.parameters())
    equal(shapes, sorted([(H * D, H * D), (H * D,)] * 4))


# GroupedQueryAttention


def draw_grouped(rng, student, H, H_kv, D):
    C, C_kv = H * D, H_kv * D
    sizes = {"q": (C, C), "k": (C_kv, C), "v": (C_kv, C), "out": (C, C)}
    weights = {f"{name}_proj.weight": normal(rng, *size) / 2 for name, size in sizes.items()}
    weights |= {f"{name}_proj.bias": normal(rng, size[0]) / 2 for name, size in sizes.items()}
    return weights, loaded(student.GroupedQueryAttention(C, H, H_kv), weights)


def slow_grouped(weights, x, H, H_kv, context=None, mask=None):
    """Return grouped-query attention head by head, each with its own rows of the weights."""
    context = x if context is None else context
    D = x.shape[-1] // H
    heads = []
    for h in range(H):
        rows = {"q": h, "k": h // (H // H_kv), "v": h // (H // H_kv)}
        parts = []
        for name, source in (("q", x), ("k", context), ("v", context)):
            cut = slice(rows[name] * D, (rows[name] + 1) * D)
            W, b = weights[f"{name}_proj.weight"][cut], weights[f"{name}_proj.bias"][cut]
            parts.append(source @ W.T + b)
        heads.append(slow_attention(*parts, mask)[0])
    return torch.cat(heads, -1) @ weights["out_proj.weight"].T + weights["out_proj.bias"]


@part("GroupedQueryAttention", basic=True)
def test_grouped_matches_a_loop_over_heads(student, rng):
    """Query head h attends with the keys and values of head h // (H / H_kv)."""
    T, D = different_sizes(rng, 2)
    for H, H_kv in ((4, 2), (6, 2)):
        weights, ours = draw_grouped(rng, student, H, H_kv, D)
        x = normal(rng, 2, T, H * D)
        close(ours(x), slow_grouped(weights, x, H, H_kv), **EXACT)


@part("GroupedQueryAttention")
def test_grouped_matches_torch(student, rng):
    """Between the projections it is torch's scaled_dot_product_attention with enable_gqa."""
    B, T, S, D = different_sizes(rng, 4)
    H, H_kv = 6, 3
    weights, ours = draw_grouped(rng, student, H, H_kv, D)
    x, context, mask = normal(rng, B, T, H * D), normal(rng, B, S, H * D), draw_mask(rng, B, T, S)
    q, k, v = (
        (source @ weights[f"{name}_proj.weight"].T + weights[f"{name}_proj.bias"])
        .unflatten(-1, (-1, D))
        .transpose(1, 2)
        for name, source in (("q", x), ("k", context), ("v", context))
    )
    out = torch_attention(q, k, v, attn_mask=mask[:, None], enable_gqa=True).transpose(1, 2)
    expected = out.flatten(-2) @ weights["out_proj.weight"].T + weights["out_proj.bias"]
    close(ours(x, context, mask), expected, **EXACT)


@part("GroupedQueryAttention")
def test_grouped_between_one_and_all(student, rng):
    """One head of keys for all queries, and one for each, are the two ends."""
    T, D = different_sizes(rng, 2)
    for H_kv in (1, 4):
        weights, ours = draw_grouped(rng, student, 4, H_kv, D)
        x = normal(rng, T, 4 * D)
        close(ours(x), slow_grouped(weights, x, 4, H_kv), **EXACT)


@part("GroupedQueryAttention")
def test_grouped_under_masks(student, rng):
    """Masks of the shapes (T, T) and (B, 1, T) hold for every head, also with B = H."""
    T, D = different_sizes(rng, 2)
    weights, ours = draw_grouped(rng, student, 4, 2, D)
    x = normal(rng, 4, T, 4 * D)
    masks = [draw_mask(rng, T, T), draw_mask(rng, 4, 1, T), draw_mask(rng, 4, T, T)]
    got = [ours(x, mask=mask) for mask in masks]
    close(got, [slow_grouped(weights, x, 4, 2, mask=mask) for mask in masks], **EXACT)


@part("GroupedQueryAttention")
def test_grouped_with_context(student, rng):
    """Keys and values come from the context."""
    T, S, D = different_sizes(rng, 3)
    weights, ours = draw_grouped(rng, student, 4, 2, D)
    inputs = [(normal(rng, 2, T, 4 * D), normal(rng, 2, n, 4 * D)) for n in (S, T)]
    expected = [slow_grouped(weights, x, 4, 2, context) for x, context in inputs]
    close([ours(x, context) for x, context in inputs], expected, **EXACT)


@part("GroupedQueryAttention")
def test_grouped_parameters(student, rng):
    """q_proj and out_proj lead from C to C channels, k_proj and v_proj to H_kv · D."""
    D = int(rng.integers(2, 5))
    module = student.GroupedQueryAttention(6 * D, 6, 2)
    projections = (module.q_proj, module.k_proj, module.v_proj, module.out_proj)
    sizes = [(each.in_features, each.out_features) for each in projections]
    C, C_kv = 6 * D, 2 * D
    equal(sizes, [(C, C), (C, C_kv), (C, C_kv), (C, C)])


# EncoderLayer


def draw_encoder(rng, student, C, H, hidden):
    theirs = nn.TransformerEncoderLayer(C, H, hidden, dropout=0.0, batch_first=True).double()
    theirs = randomize(rng, theirs)
    return theirs, loaded(student.EncoderLayer(C, H, hidden), layer_weights(theirs))


@part("EncoderLayer", basic=True)
def test_encoder_matches_torch(student, rng):
    """With the same weights the result is that of nn.TransformerEncoderLayer to 1e-12."""
    B, T, S, H, D = draw_sizes(rng)
    theirs, ours = draw_encoder(rng, student, H * D, H, 3 * S)
    x = normal(rng, B, T, H * D)
    close(ours(x), theirs(x), **EXACT)


@part("EncoderLayer")
def test_encoder_under_masks(student, rng):
    """A causal mask and a padding mask are passed on to the attention."""
    B, T, S, H, D = draw_sizes(rng)
    theirs, ours = draw_encoder(rng, student, H * D, H, 3 * S)
    x, causal = normal(rng, B, T, H * D), torch.ones(T, T, dtype=torch.bool).tril()
    padding = draw_mask(rng, B, 1, T)
    got = [ours(x, causal), ours(x, mask=padding)]
    expected = [theirs(x, src_mask=~causal), theirs(x, src_key_padding_mask=~padding[:, 0])]
    close(got, expected, **EXACT)


@part("EncoderLayer")
def test_encoder_ends_with_a_norm(student, rng):
    """Where norms neither scale nor shift, as in a fresh layer, a token has mean 0, variance 1."""
    _, T, S, H, D = draw_sizes(rng)
    C = H * D
    theirs, ours = draw_encoder(rng, student, C, H, 3 * S)
    plain = {f"norm{n}.weight": torch.ones(C).double() for n in (1, 2)}
    plain |= {f"norm{n}.bias": torch.zeros(C).double() for n in (1, 2)}
    ours.load_state_dict(layer_weights(theirs) | plain)
    out = ours(normal(rng, 2, T, C) * 1000)
    ensure(getattr(out, "shape", None) == (2, T, C), "The result is not shaped as x.", out)
    zeros = torch.zeros(2, T).double()
    close((out.mean(-1), out.var(-1, correction=0)), (zeros, zeros + 1), rtol=1e-3, atol=1e-3)


@part("EncoderLayer")
def test_encoder_does_not_know_the_order(student, rng):
    """Tokens in another order give the same results in that order; one sequence is enough."""
    _, T, S, H, D = draw_sizes(rng)
    theirs, ours = draw_encoder(rng, student, H * D, H, S)
    x, order = normal(rng, T, H * D), torch.from_numpy(rng.permutation(T))
    close(ours(x[order]), theirs(x)[order], **EXACT)


# DecoderLayer


def draw_decoder(rng, student, C, H, hidden):
    theirs = nn.TransformerDecoderLayer(C, H, hidden, dropout=0.0, batch_first=True).double()
    theirs = randomize(rng, theirs)
    return theirs, loaded(student.DecoderLayer(C, H, hidden), layer_weights(theirs))


@part("DecoderLayer", basic=True)
def test_decoder_matches_torch(student, rng):
    """With the same weights the result is that of nn.TransformerDecoderLayer to 1e-12."""
    B, T, S, H, D = draw_sizes(rng)
    theirs, ours = draw_decoder(rng, student, H * D, H, 3 * S)
    x, memory = normal(rng, B, T, H * D), normal(rng, B, S, H * D)
    close(ours(x, memory), theirs(x, memory), **EXACT)


@part("DecoderLayer")
def test_decoder_under_masks(student, rng):
    """The first mask is for the tokens themselves, the second one for the memory."""
    B, T, S, H, D = draw_sizes(rng)
    theirs, ours = draw_decoder(rng, student, H * D, H, 3 * S)
    x, memory = normal(rng, B, T, H * D), normal(rng, B, S, H * D)
    causal, padding = torch.ones(T, T, dtype=torch.bool).tril(), draw_mask(rng, B, 1, S)
    got = [ours(x, memory, causal), ours(x, memory, memory_mask=padding)]
    got.append(ours(x, memory, causal, padding))
    expected = [
        theirs(x, memory, tgt_mask=~causal),
        theirs(x, memory, memory_key_padding_mask=~padding[:, 0]),
        theirs(x, memory, tgt_mask=~causal, memory_key_padding_mask=~padding[:, 0]),
    ]
    close(got, expected, **EXACT)


@part("DecoderLayer")
def test_decoder_with_memory_of_the_same_length(student, rng):
    """With as many tokens as the memory has, nothing is mixed up; one sequence is enough."""
    _, T, S, H, D = draw_sizes(rng)
    theirs, ours = draw_decoder(rng, student, H * D, H, S)
    x, memory = normal(rng, 2, T, H * D)
    masks = draw_mask(rng, 2, T, T)
    expected = theirs(x, memory, tgt_mask=~masks[0], memory_mask=~masks[1])
    close(ours(x, memory, masks[0], masks[1]), expected, **EXACT)


@part("DecoderLayer")
def test_decoder_keeps_the_future_hidden(student, rng):
    """Another last token changes the last result alone; the order of the memory changes none."""
    _, T, S, H, D = draw_sizes(rng)
    theirs, ours = draw_decoder(rng, student, H * D, H, S)
    x, memory = normal(rng, T, H * D), normal(rng, S, H * D)
    causal, order = torch.ones(T, T, dtype=torch.bool).tril(), torch.from_numpy(rng.permutation(S))
    before = theirs(x, memory, tgt_mask=~causal)
    changed = torch.cat((x[:-1], normal(rng, 1, H * D)))
    out = ours(changed, memory[order], causal)
    ensure(getattr(out, "shape", None) == x.shape, "The result is not shaped as x.", out)
    close(out[:-1], before[:-1], **EXACT)
