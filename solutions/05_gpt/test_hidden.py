"""Hidden tests of 05: slow loops, torch's own layers and optimizers, closed forms and invariants.

Weights are drawn here and loaded into the student's modules, so that no test depends on the order
in which a module draws its own. Models that generate and train are torch's where that is possible:
then a part can be right while the GPT before it is not yet.
"""

import copy
import itertools
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from autograder.testing import close, ensure, equal, first_difference, part, raises

CHANGED = "Something that was passed in has been changed; make a new tensor instead."
EXACT = {"rtol": 1e-10, "atol": 1e-12}


def normal(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape))


def integer(rng, low, high):
    return int(rng.integers(low, high))


def different_sizes(rng, count):
    """Return sizes from 2 to 7, no two the same, so that no transposition can hide."""
    return [int(n) for n in rng.permutation(np.arange(2, 8))[:count]]


def draw_tokens(rng, V, *shape):
    return torch.from_numpy(rng.integers(0, V, shape))


def unchanged(student, target, *args):
    """Require that a call leaves its tensors as they were."""
    before = [a.clone() if isinstance(a, torch.Tensor) else a for a in args]
    _, after = student.observe(target, *args)
    for old, new in zip(before, after, strict=True):
        if isinstance(old, torch.Tensor):
            ensure(not first_difference(new, old, 0.0, 0.0), CHANGED)


def loaded(module, weights):
    """Make the module one of float64, with these weights."""
    module.double()
    if "wte.weight" in weights and "head" in [name for name, _ in module.named_children()]:
        weights = weights | {"head.weight": weights["wte.weight"]}
    module.load_state_dict(weights)
    return module


# LayerNorm


def slow_layer_norm(x, weight, bias, eps):
    """Normalise vector by vector, in Python's own numbers."""
    out = torch.zeros_like(x)
    for index in np.ndindex(*x.shape[:-1]):
        row = x[index].tolist()
        mean = sum(row) / len(row)
        variance = sum((value - mean) ** 2 for value in row) / len(row)
        scaled = [(value - mean) / math.sqrt(variance + eps) for value in row]
        out[index] = torch.tensor(scaled, dtype=x.dtype) * weight + bias
    return out


def draw_norm(rng, student, C, eps):
    """Return the student's LayerNorm with drawn gain and shift, and these."""
    weights = {"weight": normal(rng, C), "bias": normal(rng, C)}
    return loaded(student.LayerNorm(C, eps), weights), weights


@part("LayerNorm", basic=True)
def test_layer_norm_matches_a_slow_loop(student, rng):
    """Each vector is normalised by itself, with the biased variance; then gain and shift."""
    B, T, C = different_sizes(rng, 3)
    eps = float(rng.uniform(0.1, 0.5))
    norm, weights = draw_norm(rng, student, C, eps)
    inputs = [normal(rng, B, T, C) * 2 + 1, normal(rng, T, C), normal(rng, C)]
    close([norm(x) for x in inputs], [slow_layer_norm(x, **weights, eps=eps) for x in inputs])


@part("LayerNorm")
def test_layer_norm_matches_torch(student, rng):
    """The result is that of torch, in float32 too, for values ×1000 and ÷1000."""
    C = integer(rng, 4, 9)
    norm = student.LayerNorm(C)
    x = normal(rng, 3, C)
    got = [norm(each.float()) for each in (x, 1000 * x, 0.001 * x, x + 100)]
    want = [F.layer_norm(each.float(), (C,)) for each in (x, 1000 * x, 0.001 * x, x + 100)]
    close(got, want, rtol=1e-4, atol=1e-4)


@part("LayerNorm")
def test_layer_norm_of_a_square(student, rng):
    """With as many vectors as channels, it is still the vectors that are normalised."""
    C = integer(rng, 3, 6)
    norm, weights = draw_norm(rng, student, C, 1e-3)
    x = normal(rng, C, C, C)
    close(norm(x), F.layer_norm(x, (C,), weights["weight"], weights["bias"], 1e-3))


@part("LayerNorm")
def test_layer_norm_of_equal_numbers(student, rng):
    """A vector of equal numbers has the variance 0; eps keeps it finite, and the shift remains."""
    norm, weights = draw_norm(rng, student, 4, 1e-5)
    close(norm(torch.full((2, 4), 3.0).double()), weights["bias"].expand(2, 4))


@part("LayerNorm")
def test_layer_norm_starts_as_ones_and_zeros(student, rng):
    """Gain and shift are parameters, ones and zeros at the start."""
    C = integer(rng, 3, 8)
    equal(student.LayerNorm(C).state_dict(), {"weight": torch.ones(C), "bias": torch.zeros(C)})


@part("LayerNorm")
def test_layer_norm_passes_gradients(student, rng):
    """Gradients reach the input, the gain and the shift."""
    norm, weights = draw_norm(rng, student, 5, 1e-2)
    x, dy = normal(rng, 3, 5), normal(rng, 3, 5)
    leaves = [x.clone().requires_grad_(), *(w.requires_grad_() for w in weights.values())]
    y = F.layer_norm(leaves[0], (5,), leaves[1], leaves[2], 1e-2)
    _, got = student.vjp(norm, [x], dy, wrt=(0, "weight", "bias"))
    close(got, torch.autograd.grad(y, leaves, dy))


@part("LayerNorm")
def test_layer_norm_leaves_its_input_alone(student, rng):
    """The input keeps its values."""
    norm, _ = draw_norm(rng, student, 4, 1e-5)
    unchanged(student, norm, normal(rng, 3, 4))


# RMSNorm


def slow_rms_norm(x, weight, eps):
    out = torch.zeros_like(x)
    for index in np.ndindex(*x.shape[:-1]):
        row = x[index].tolist()
        size = math.sqrt(sum(value**2 for value in row) / len(row) + eps)
        out[index] = torch.tensor([value / size for value in row], dtype=x.dtype) * weight
    return out


@part("RMSNorm", basic=True)
def test_rms_norm_matches_a_slow_loop(student, rng):
    """Each vector is divided by the root of its mean square; nothing is subtracted."""
    B, T, C = different_sizes(rng, 3)
    eps, weight = float(rng.uniform(0.1, 0.5)), normal(rng, C)
    norm = loaded(student.RMSNorm(C, eps), {"weight": weight})
    inputs = [normal(rng, B, T, C) * 2 + 1, normal(rng, T, C), normal(rng, C)]
    close([norm(x) for x in inputs], [slow_rms_norm(x, weight, eps) for x in inputs])


@part("RMSNorm")
def test_rms_norm_matches_torch(student, rng):
    """The result is that of torch, in float32 too, for values ×1000 and ÷1000."""
    C = integer(rng, 4, 9)
    norm = student.RMSNorm(C)
    inputs = [each.float() for x in [normal(rng, C, C)] for each in (x, 1000 * x, 0.001 * x)]
    close([norm(x) for x in inputs], [F.rms_norm(x, (C,), eps=1e-5) for x in inputs])


@part("RMSNorm")
def test_rms_norm_of_zeros(student, rng):
    """A vector of zeros stays one, and the gain is a parameter that starts as ones."""
    C = integer(rng, 3, 8)
    norm = student.RMSNorm(C)
    equal(norm.state_dict(), {"weight": torch.ones(C)})
    close(norm(torch.zeros(2, C)), torch.zeros(2, C))


@part("RMSNorm")
def test_rms_norm_leaves_its_input_alone(student, rng):
    """The input keeps its values, and gradients reach input and gain."""
    weight = normal(rng, 4)
    norm = loaded(student.RMSNorm(4, 0.1), {"weight": weight})
    x, dy = normal(rng, 3, 4), normal(rng, 3, 4)
    unchanged(student, norm, x)
    leaves = [x.clone().requires_grad_(), weight.requires_grad_()]
    _, got = student.vjp(norm, [x], dy, wrt=(0, "weight"))
    close(got, torch.autograd.grad(F.rms_norm(leaves[0], (4,), leaves[1], 0.1), leaves, dy))


# gelu


@part("gelu", basic=True)
def test_gelu_matches_a_slow_loop(student, rng):
    """Each number is multiplied by Φ of it, with erf and not with tanh."""
    x = normal(rng, *different_sizes(rng, 2)) * 2
    rows = [[v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in row] for row in x.tolist()]
    close(student.gelu(x), torch.tensor(rows, dtype=torch.float64))


@part("gelu")
def test_gelu_matches_torch(student, rng):
    """The result is that of torch, with its gradient, far out on both sides, for any shape."""
    inputs = [normal(rng, 4), normal(rng, 2, 3, 2) * 1000, normal(rng, 3).float(), normal(rng)]
    close([student.gelu(x) for x in inputs], [F.gelu(x) for x in inputs])
    x, dy = normal(rng, 5), normal(rng, 5)
    leaf = x.clone().requires_grad_()
    close(student.vjp("gelu", [x], dy)[1], torch.autograd.grad(F.gelu(leaf), leaf, dy))


@part("gelu")
def test_gelu_is_odd_but_for_half(student, rng):
    """gelu(x) - gelu(-x) = x, for every x."""
    x = normal(rng, 6)
    close(student.gelu(x) - student.gelu(-x), x)


@part("gelu")
def test_gelu_leaves_its_input_alone(student, rng):
    """The numbers keep their values."""
    unchanged(student, "gelu", normal(rng, 3, 4))


# swiglu


@part("swiglu", basic=True)
def test_swiglu_matches_a_slow_loop(student, rng):
    """The swish of xW, number by number, times xV."""
    T, C, hidden = different_sizes(rng, 3)
    x, W, V = normal(rng, T, C), normal(rng, C, hidden), normal(rng, C, hidden)
    out = torch.zeros(T, hidden, dtype=torch.float64)
    for t, j in np.ndindex(T, hidden):
        gate = sum(float(x[t, c] * W[c, j]) for c in range(C))
        out[t, j] = gate / (1 + math.exp(-gate)) * sum(float(x[t, c] * V[c, j]) for c in range(C))
    close(student.swiglu(x, W, V), out)


@part("swiglu")
def test_swiglu_matches_torch(student, rng):
    """It is silu(x W) · x V, with 0 and 2 leading sizes, square matrices and large numbers."""
    C = integer(rng, 3, 7)
    W, V = normal(rng, 2, C, C)
    inputs = [normal(rng, C), normal(rng, C, C, C), normal(rng, 2, C) * 1000]
    close([student.swiglu(x, W, V) for x in inputs], [F.silu(x @ W) * (x @ V) for x in inputs])


@part("swiglu")
def test_swiglu_leaves_its_inputs_alone(student, rng):
    """Input and matrices keep their values."""
    unchanged(student, "swiglu", normal(rng, 2, 3), normal(rng, 3, 4), normal(rng, 3, 4))


# MLP


def mlp_weights(rng, C, hidden=None):
    hidden = hidden or 4 * C
    shapes = {"fc.weight": (hidden, C), "fc.bias": (hidden,), "proj.weight": (C, hidden)}
    return {name: normal(rng, *shape) for name, shape in (shapes | {"proj.bias": (C,)}).items()}


def torch_mlp(x, w):
    hidden = F.gelu(x @ w["fc.weight"].T + w["fc.bias"])
    return hidden @ w["proj.weight"].T + w["proj.bias"]


@part("MLP", basic=True)
def test_mlp_matches_torch(student, rng):
    """Linear to 4C, gelu, linear back, with 0, 1 and 2 leading sizes."""
    B, T, C = different_sizes(rng, 3)
    weights = mlp_weights(rng, C)
    mlp = loaded(student.MLP(C), weights)
    inputs = [normal(rng, B, T, C), normal(rng, T, C), normal(rng, C)]
    close([mlp(x) for x in inputs], [torch_mlp(x, weights) for x in inputs])


@part("MLP")
def test_mlp_has_the_right_shapes(student, rng):
    """There are two matrices and two biases, and none is missing."""
    C = integer(rng, 2, 6)
    got = {name: tuple(w.shape) for name, w in student.MLP(C).state_dict().items()}
    equal(got, {name: tuple(w.shape) for name, w in mlp_weights(rng, C).items()})


@part("MLP")
def test_mlp_passes_gradients(student, rng):
    """Gradients reach the input, both matrices and both biases."""
    weights = mlp_weights(rng, 3)
    mlp = loaded(student.MLP(3), weights)
    x, dy = normal(rng, 4, 3), normal(rng, 4, 3)
    leaves = {name: w.clone().requires_grad_() for name, w in weights.items()}
    start = x.clone().requires_grad_()
    want = torch.autograd.grad(torch_mlp(start, leaves), [start, *leaves.values()], dy)
    close(student.vjp(mlp, [x], dy, wrt=(0, *leaves))[1], want)
    unchanged(student, mlp, x)


# CausalSelfAttention


def attention_weights(rng, C):
    shapes = {"qkv.weight": (3 * C, C), "qkv.bias": (3 * C,), "proj.weight": (C, C)}
    return {name: normal(rng, *shape) for name, shape in (shapes | {"proj.bias": (C,)}).items()}


def slow_attention(x, w, H):
    """Attend token by token and head by head."""
    B, T, C = x.shape
    D = C // H
    q, k, v = (x @ w["qkv.weight"].T + w["qkv.bias"]).split(C, dim=-1)
    out = torch.zeros_like(x)
    for b, t, h in np.ndindex(B, T, H):
        own = slice(h * D, h * D + D)
        scores = [float(q[b, t, own] @ k[b, s, own]) / math.sqrt(D) for s in range(t + 1)]
        e = [math.exp(score - max(scores)) for score in scores]
        out[b, t, own] = sum(e[s] / sum(e) * v[b, s, own] for s in range(t + 1))
    return out @ w["proj.weight"].T + w["proj.bias"]


def torch_attention(x, w, H):
    """Attend with torch's own module."""
    theirs = nn.MultiheadAttention(x.shape[-1], H, batch_first=True).double()
    names = {"qkv.weight": "in_proj_weight", "qkv.bias": "in_proj_bias"}
    names |= {f"proj.{kind}": f"out_proj.{kind}" for kind in ("weight", "bias")}
    theirs.load_state_dict({names[name]: value for name, value in w.items()})
    hidden = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
    return theirs(x, x, x, attn_mask=hidden, need_weights=False)[0].detach()


def draw_attention(rng, student, C, H):
    weights = attention_weights(rng, C)
    return loaded(student.CausalSelfAttention(C, H), weights), weights


@part("CausalSelfAttention", basic=True)
def test_causal_attention_matches_a_slow_loop(student, rng):
    """Every head of every token is an average of values up to that token."""
    B, T, H = (int(n) for n in rng.permutation([2, 3, 5]))
    C = 4 * H
    module, weights = draw_attention(rng, student, C, H)
    x = normal(rng, B, T, C) / 2
    close(module(x), slow_attention(x, weights, H))


@part("CausalSelfAttention")
def test_causal_attention_matches_torch(student, rng):
    """The result is that of nn.MultiheadAttention with a causal mask, for 1, 2 and 3 heads."""
    C = 6
    got, want = [], []
    for H in (1, 2, 3):
        module, weights = draw_attention(rng, student, C, H)
        x = normal(rng, 2, 4, C)
        got.append(module(x))
        want.append(torch_attention(x, weights, H))
    close(got, want, **EXACT)


@part("CausalSelfAttention")
def test_causal_attention_of_equal_sizes(student, rng):
    """With as many tokens as heads and as rows, time is still time and heads are heads."""
    H = integer(rng, 3, 5)
    module, weights = draw_attention(rng, student, H * H, H)
    x = normal(rng, H, H, H * H) / 2
    close(module(x), torch_attention(x, weights, H), **EXACT)


@part("CausalSelfAttention")
def test_causal_attention_does_not_see_the_future(student, rng):
    """Later tokens may change as they like: what comes out for the earlier ones stays."""
    module, _ = draw_attention(rng, student, 6, 2)
    x, t = normal(rng, 2, 5, 6), integer(rng, 1, 4)
    later = x.clone()
    later[:, t:] = normal(rng, 2, 5 - t, 6) * 5
    a, b = module(x), module(later)
    ensure(getattr(a, "shape", None) == x.shape, "The result is not shaped as x.", a)
    close(b[:, :t], a[:, :t], **EXACT)
    ensure(not torch.allclose(a[:, t:], b[:, t:]), "A token does not even see itself.", b)


@part("CausalSelfAttention")
def test_causal_attention_of_one_token(student, rng):
    """A single token attends to itself: its value, projected."""
    module, w = draw_attention(rng, student, 4, 2)
    x = normal(rng, 3, 1, 4)
    value = x @ w["qkv.weight"][8:].T + w["qkv.bias"][8:]
    close(module(x), value @ w["proj.weight"].T + w["proj.bias"])


@part("CausalSelfAttention")
def test_causal_attention_has_the_right_shapes(student, rng):
    """One matrix for queries, keys and values, one for the way out, both with a bias."""
    C = 2 * integer(rng, 2, 5)
    module = student.CausalSelfAttention(C, 2)
    got = {name: tuple(w.shape) for name, w in module.state_dict().items()}
    equal(got, {name: tuple(w.shape) for name, w in attention_weights(rng, C).items()})
    unchanged(student, module.double(), normal(rng, 2, 3, C))


# Block


def norm_weights(rng, C):
    return {"weight": normal(rng, C), "bias": normal(rng, C)}


def block_weights(rng, C, scale=1.0):
    """Draw the weights of a block, those of its linear layers scaled."""
    parts = {"norm1": norm_weights(rng, C), "norm2": norm_weights(rng, C)}
    for name, weights in (("attn", attention_weights(rng, C)), ("mlp", mlp_weights(rng, C))):
        parts[name] = {key: scale * value for key, value in weights.items()}
    return {f"{name}.{key}": w for name, ws in parts.items() for key, w in ws.items()}


def torch_block(w, C, H):
    """Return torch's own encoder layer in its pre-norm form, with these weights."""
    layer = nn.TransformerEncoderLayer(
        C, H, 4 * C, dropout=0.0, activation=F.gelu, batch_first=True, norm_first=True
    ).double()
    names = {"attn.qkv.": "self_attn.in_proj_", "attn.proj.": "self_attn.out_proj."}
    names |= {"mlp.fc.": "linear1.", "mlp.proj.": "linear2.", "norm1.": "norm1."}
    names |= {"norm2.": "norm2."}
    state = {}
    for name, value in w.items():
        start, _, kind = name.rpartition(".")
        state[names[f"{start}."] + kind] = value
    layer.load_state_dict(state)
    return layer


def through(layer, x):
    """Send a batch through torch's layer, causally."""
    hidden = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
    return layer(x, src_mask=hidden)


@part("Block", basic=True)
def test_block_matches_torch(student, rng):
    """The result is that of torch's encoder layer with norm_first, gelu and a causal mask."""
    B, T, H = (int(n) for n in rng.permutation([2, 3, 5]))
    weights = block_weights(rng, 2 * H)
    block = loaded(student.Block(2 * H, H), weights)
    x = normal(rng, B, T, 2 * H)
    close(block(x), through(torch_block(weights, 2 * H, H), x).detach(), **EXACT)


@part("Block")
def test_block_adds_to_its_input(student, rng):
    """With both proj layers at zero, the block gives back x, however large: it is only added to."""
    weights = block_weights(rng, 6)
    silent = {n: torch.zeros_like(w) if ".proj." in n else w for n, w in weights.items()}
    loud = {n: torch.zeros_like(w) if n.startswith("attn.proj") else w for n, w in weights.items()}
    x = normal(rng, 2, 3, 6) * 1000
    got = [loaded(student.Block(6, 2), each)(x) for each in (silent, loud)]
    close(got, [x, through(torch_block(loud, 6, 2), x).detach()])


@part("Block")
def test_block_passes_gradients(student, rng):
    """Gradients reach the input and the weights of both norms."""
    weights = block_weights(rng, 4)
    block, theirs = loaded(student.Block(4, 2), weights), torch_block(weights, 4, 2)
    x, dy = normal(rng, 2, 3, 4), normal(rng, 2, 3, 4)
    start = x.clone().requires_grad_()
    names = ("norm1.weight", "norm2.weight", "norm1.bias", "norm2.bias")
    leaves = [start, *(dict(theirs.named_parameters())[name] for name in names)]
    want = torch.autograd.grad(through(theirs, start), leaves, dy)
    close(student.vjp(block, [x], dy, wrt=(0, *names))[1], want, **EXACT)


@part("Block")
def test_block_leaves_its_input_alone(student, rng):
    """x keeps its values: x += ... would change the caller's tensor."""
    block = loaded(student.Block(4, 2), block_weights(rng, 4))
    unchanged(student, block, normal(rng, 2, 3, 4))


# GPT


def draw_config(rng, **fixed):
    """Return the sizes of a small GPT, no two the same."""
    V, context, H = integer(rng, 11, 15), integer(rng, 7, 10), integer(rng, 2, 4)
    sizes = {"vocab_size": V, "context": context, "layers": 2, "heads": H, "channels": 2 * H}
    return sizes | fixed


def gpt_weights(rng, config, scale=0.5):
    C = config["channels"]
    weights = {
        "wte.weight": normal(rng, config["vocab_size"], C),
        "wpe.weight": normal(rng, config["context"], C),
    }
    for i in range(config["layers"]):
        block = block_weights(rng, C, scale)
        weights |= {f"blocks.{i}.{name}": w for name, w in block.items()}
    return weights | {f"norm.{name}": w for name, w in norm_weights(rng, C).items()}


def torch_gpt(w, config):
    """Return a function from tokens to logits, made of torch's own layers, and its leaves."""
    C, H = config["channels"], config["heads"]
    layers = []
    for i in range(config["layers"]):
        start = f"blocks.{i}."
        own = {n.removeprefix(start): each for n, each in w.items() if n.startswith(start)}
        layers.append(torch_block(own, C, H))
    names = ("wte.weight", "wpe.weight", "norm.weight", "norm.bias")
    leaves = {name: w[name].clone().requires_grad_() for name in names}

    def logits(idx):
        x = leaves["wte.weight"][idx] + leaves["wpe.weight"][: idx.shape[1]]
        for layer in layers:
            x = through(layer, x)
        x = F.layer_norm(x, (C,), leaves["norm.weight"], leaves["norm.bias"])
        return torch.einsum("btc,vc->btv", x, leaves["wte.weight"])

    return logits, leaves


def draw_gpt(rng, student, **fixed):
    """Return the student's GPT with drawn weights, torch's logits and leaves, and the sizes."""
    config = draw_config(rng, **fixed)
    weights = gpt_weights(rng, config)
    model = loaded(student.GPT(student.GPTConfig(**config)), weights)
    return model, *torch_gpt(weights, config), config


def slow_loss(logits, targets):
    """Average over the targets that count, one by one."""
    losses = [
        math.log(sum(math.exp(v) for v in row.tolist())) - float(row[target])
        for row, target in zip(logits.flatten(0, 1), targets.flatten().tolist(), strict=True)
        if target != -100
    ]
    return torch.tensor(sum(losses) / len(losses), dtype=torch.float64)


@part("GPT", basic=True)
def test_gpt_matches_torch(student, rng):
    """The logits are those of torch's layers with the same weights; without targets, no loss."""
    model, logits, _, config = draw_gpt(rng, student)
    idx = [draw_tokens(rng, config["vocab_size"], *shape) for shape in ((3, 5), (2, 1))]
    close([model(each) for each in idx], [(logits(each).detach(), None) for each in idx], **EXACT)


@part("GPT")
def test_gpt_loss_matches_a_slow_loop(student, rng):
    """The loss is the mean of -ln p over the targets at the same places; -100 does not count."""
    model, logits, _, config = draw_gpt(rng, student)
    V = config["vocab_size"]
    idx, targets = draw_tokens(rng, V, 2, 3, 5)
    holes = targets.clone()
    holes[torch.from_numpy(rng.random((3, 5)) < 0.4)] = -100
    holes[0, 0], holes[1, 1] = -100, 0
    want = logits(idx).detach()
    got = [model(idx, each) for each in (targets, holes)]
    close(got, [(want, slow_loss(want, each)) for each in (targets, holes)], **EXACT)


@part("GPT")
def test_gpt_embedding_is_tied(student, rng):
    """wte.weight gets the gradients of both its uses, and is one parameter, not two."""
    model, logits, leaves, config = draw_gpt(rng, student)
    idx, targets = draw_tokens(rng, config["vocab_size"], 2, 3, 5)
    loss = F.cross_entropy(logits(idx).flatten(0, 1), targets.flatten())
    want = torch.autograd.grad(loss, list(leaves.values()))
    one = torch.tensor(1.0, dtype=torch.float64)
    _, got = student.vjp(model, [idx, targets], (None, one), wrt=tuple(leaves))
    close(got, want, **EXACT)
    numbers = sum(p.numel() for p in model.parameters())
    equal(numbers, slow_count(config, tied=True))


def slow_count(config, tied):
    """Count the numbers in torch's own modules of the same sizes."""
    V, context, L, H, C = (config[k] for k in "vocab_size context layers heads channels".split())
    layer = nn.TransformerEncoderLayer(C, H, 4 * C)
    modules = [nn.Embedding(V, C), nn.Embedding(context, C), nn.LayerNorm(C), *[layer] * L]
    modules += [] if tied else [nn.Linear(C, V, bias=False)]
    return sum(p.numel() for module in modules for p in module.parameters())


@part("GPT")
def test_gpt_starts_small(student, rng):
    """Deviation 0.02, for the proj layers 0.02 / √(2L); biases 0, gains 1."""
    student.library("torch.manual_seed")(integer(rng, 0, 1000))
    L = integer(rng, 3, 6)
    config = draw_config(rng, vocab_size=50, context=40, layers=L, heads=2, channels=48)
    state = student.GPT(student.GPTConfig(**config)).state_dict()
    got, want = {}, {}
    for name, weight in state.items():
        if name == "head.weight":
            continue
        small = 0.02 / math.sqrt(2 * L) if name.endswith("proj.weight") else 0.02
        got[name] = [float(weight.mean()), float(weight.std())]
        gain = float("norm" in name and name.endswith("weight"))
        want[name] = [0.0, small] if weight.ndim == 2 else [gain, 0.0]
    close({k: v[1] for k, v in got.items()}, {k: v[1] for k, v in want.items()}, rtol=0.15)
    close({k: v[0] for k, v in got.items()}, {k: v[0] for k, v in want.items()}, atol=0.003)
    rows = [state[f"blocks.{i}.attn.qkv.weight"][0] for i in range(L)]
    ensure(not torch.equal(rows[0], rows[1]), "Two blocks have the same weights.", rows[1])


@part("GPT")
def test_gpt_keeps_to_its_context(student, rng):
    """A row as long as the context is fine; one more token raises ValueError."""
    model, logits, _, config = draw_gpt(rng, student)
    idx = draw_tokens(rng, config["vocab_size"], 2, config["context"])
    close(model(idx)[0], logits(idx).detach(), **EXACT)
    with raises(ValueError):
        student.observe(model, torch.cat((idx, idx[:, :1]), dim=1))


@part("GPT")
def test_gpt_of_equal_sizes(student, rng):
    """With as many rows as tokens and as words, the loss still compares the right numbers."""
    n = integer(rng, 4, 7)
    model, logits, _, _ = draw_gpt(rng, student, vocab_size=n, context=n, layers=1)
    idx, targets = draw_tokens(rng, n, 2, n, n)
    want = logits(idx).detach()
    close(model(idx, targets), (want, slow_loss(want, targets)), **EXACT)


@part("GPT")
def test_gpt_leaves_its_inputs_alone(student, rng):
    """Tokens and targets keep their values."""
    model, _, _, config = draw_gpt(rng, student)
    idx, targets = draw_tokens(rng, config["vocab_size"], 2, 2, 4)
    unchanged(student, model, idx, targets.masked_fill(targets == targets[0, 0], -100))


# initial_loss


@part("initial_loss", basic=True)
def test_initial_loss_is_the_log_of_the_vocabulary(student, rng):
    """A fresh model of 10, 100 or 1,000 tokens has a loss within 0.1 of ln V."""
    student.library("torch.manual_seed")(integer(rng, 0, 1000))
    got = []
    for V in (integer(rng, 9, 12), integer(rng, 90, 120), integer(rng, 900, 1200)):
        loss = student.initial_loss(student.GPTConfig(V, 32, 2, 2, 64), 8)
        close(loss, math.log(V), atol=0.1)
        got.append(loss - math.log(V))
    ensure(all(abs(d) > 1e-9 for d in got), "This is ln V itself; the model was not asked.", got)


@part("initial_loss")
def test_initial_loss_of_other_sizes(student, rng):
    """Neither the number of layers nor the batch changes it, and targets are not the inputs."""
    student.library("torch.manual_seed")(integer(rng, 0, 1000))
    V = integer(rng, 150, 250)
    sizes = [(16, 4, 4, 128, 8), (24, 1, 2, 32, 4)]
    got = [student.initial_loss(student.GPTConfig(V, *rest), B) for *rest, B in sizes]
    close(got, [math.log(V)] * 2, atol=0.1)


# parameter_count


GPT2 = {(12, 12, 768): 124439808, (24, 16, 1024): 354823168}
GPT2 |= {(36, 20, 1280): 774030080, (48, 25, 1600): 1557611200}
GPT3 = {
    "embedding": 617558016,
    "query": 14495514624,
    "key": 14495514624,
    "value": 14495514624,
    "output": 14495514624,
    "up": 57982058496,
    "down": 57982058496,
    "unembedding": 617558016,
}


@part("parameter_count", basic=True)
def test_count_matches_torch(student, rng):
    """The total is that of torch's own modules of the same sizes, tied and untied."""
    configs = [draw_config(rng, layers=integer(rng, 1, 5)) for _ in range(2)]
    got = [
        student.parameter_count(student.GPTConfig(**config), tied)["total"]
        for config in configs
        for tied in (True, False)
    ]
    equal(got, [slow_count(config, tied) for config in configs for tied in (True, False)])


@part("parameter_count")
def test_count_of_gpt_2(student):
    """GPT-2's four sizes have 124,439,808, 354,823,168, 774,030,080 and 1,557,611,200."""
    configs = [student.GPTConfig(50257, 1024, *sizes) for sizes in GPT2]
    equal([student.parameter_count(each)["total"] for each in configs], list(GPT2.values()))


@part("parameter_count")
def test_count_of_gpt_3(student):
    """GPT-3's matrices are the eight numbers of the lecture, 175,181,291,520 together."""
    got = student.parameter_count(student.GPTConfig(50257, 2048, 96, 96, 12288), False)
    equal({name: got[name] for name in GPT3}, GPT3)


@part("parameter_count")
def test_count_has_every_entry(student, rng):
    """Every key is there, and the total is the sum of the others."""
    V, context, L, H, C = 97, 31, integer(rng, 2, 6), 3, 3 * integer(rng, 2, 9)
    got = student.parameter_count(student.GPTConfig(V, context, L, H, C))
    matrices = {"embedding": V * C, "unembedding": 0, "positions": context * C}
    matrices |= dict.fromkeys(("query", "key", "value", "output"), L * C**2)
    matrices |= dict.fromkeys(("up", "down"), 4 * L * C**2)
    rest = {"norms": L * (C + C + C + C) + 2 * C, "biases": L * (3 * C + C + 4 * C + C)}
    counts = matrices | rest
    equal(got, counts | {"total": sum(counts.values())})


# SlidingWindow


def slow_windows(ids, T, stride):
    """Cut the windows one after another."""
    found, start = [], 0
    while start + T + 1 <= len(ids):
        rows = [ids[start : start + T], ids[start + 1 : start + T + 1]]
        found.append(tuple(torch.tensor(row, dtype=torch.int64) for row in rows))
        start += stride
    return found


def windows_of(student, ids, T, stride):
    data = student.SlidingWindow(torch.tensor(ids, dtype=torch.int64), T, stride)
    return [data[i] for i in range(min(len(data), 50))]


def draw_ids(rng, N):
    """Return N different numbers in no order."""
    return [int(n) for n in rng.permutation(np.arange(100, 100 + N))]


@part("SlidingWindow", basic=True)
def test_windows_match_a_slow_loop(student, rng):
    """Every full window is there, with the tokens that come next as targets."""
    sizes = [(integer(rng, 12, 20), T, stride) for T, stride in ((3, 3), (4, 2), (2, 5), (5, 1))]
    texts = [(draw_ids(rng, N), T, stride) for N, T, stride in sizes]
    equal([windows_of(student, *text) for text in texts], [slow_windows(*text) for text in texts])


@part("SlidingWindow")
def test_windows_at_the_end(student, rng):
    """A text may end just with a window, one token before its end, or one after it."""
    T, stride = integer(rng, 3, 6), integer(rng, 2, 5)
    texts = [(draw_ids(rng, T + 2 * stride + extra), T, stride) for extra in (-1, 0, 1, 2)]
    equal([windows_of(student, *text) for text in texts], [slow_windows(*text) for text in texts])


@part("SlidingWindow")
def test_windows_of_short_texts(student, rng):
    """0, 1, T or T + 1 tokens make no window, none, none, and one."""
    T = integer(rng, 3, 6)
    lengths = []
    for N in (0, 1, T, T + 1):
        ids = torch.tensor(draw_ids(rng, N), dtype=torch.int64)
        lengths += [len(student.SlidingWindow(ids, T, stride)) for stride in (1, 2, T, 9)]
    equal(lengths, [0] * 12 + [1] * 4)


@part("SlidingWindow")
def test_windows_end_a_loop(student, rng):
    """A `for` loop over the dataset gives every window once, and ends."""
    ids = draw_ids(rng, integer(rng, 12, 16))
    data = student.SlidingWindow(torch.tensor(ids), 3, 2)
    equal(list(itertools.islice(iter(data), 30)), slow_windows(ids, 3, 2))


@part("SlidingWindow")
def test_windows_make_batches(student, rng):
    """torch's DataLoader makes batches of them."""
    ids = draw_ids(rng, 14)
    data = student.SlidingWindow(torch.tensor(ids), 4, 3)
    loader = student.library("torch.utils.data.DataLoader")(data, batch_size=2)
    want = slow_windows(ids, 4, 3)
    pairs = [want[i : i + 2] for i in range(0, len(want), 2)]
    equal(
        [list(b) for b in loader], [[torch.stack(c) for c in zip(*p, strict=True)] for p in pairs]
    )


# get_batch


def batch(student, ids, B, T, seed):
    """Return a batch and where its rows start."""
    x, y = student.get_batch(torch.tensor(ids), B, T, np.random.default_rng(seed))
    ensure(getattr(x, "shape", None) == (B, T), "The inputs are not (B, T).", x)
    return x, y, [ids.index(int(row[0])) for row in x]


@part("get_batch", basic=True)
def test_batch_rows_are_windows(student, rng):
    """Each row is a piece of the text, and its targets are the same piece one token later."""
    B, T = different_sizes(rng, 2)
    ids, seed = draw_ids(rng, 40), integer(rng, 0, 1000)
    x, y, starts = batch(student, ids, B, T, seed)
    rows = [[ids[s + k : s + k + T] for s in starts] for k in (0, 1)]
    equal((x, y), tuple(torch.tensor(each) for each in rows))
    ensure(len(set(starts)) > 1, "All rows are the same piece of text.", starts)


@part("get_batch")
def test_batch_reaches_every_start(student, rng):
    """Every start from 0 to N - T - 1 occurs, about equally often, and no other."""
    T, places, B = integer(rng, 3, 6), integer(rng, 3, 6), 240
    ids = draw_ids(rng, T + places)
    _, y, starts = batch(student, ids, B, T, integer(rng, 0, 1000))
    equal(y, torch.tensor([ids[s + 1 : s + T + 1] for s in starts]))
    counts = [starts.count(s) for s in range(places)]
    fair = all(count > B / places / 2 for count in counts)
    ensure(fair, f"The starts 0 to {places - 1} do not come up equally often.", counts)


@part("get_batch")
def test_batch_of_the_only_window(student, rng):
    """T + 1 tokens have one window, which every row is."""
    T = integer(rng, 2, 6)
    ids = torch.tensor(draw_ids(rng, T + 1))
    got = student.get_batch(ids, 3, T, np.random.default_rng(integer(rng, 0, 1000)))
    equal(got, (ids[:-1].expand(3, T), ids[1:].expand(3, T)))


@part("get_batch")
def test_batch_depends_on_its_generator(student, rng):
    """The same generator gives the same batch, another gives another one."""
    ids, seed = draw_ids(rng, 60), integer(rng, 0, 1000)
    student.library("numpy.random.seed")(seed)  # so that who draws from there is found out, too
    first, again, other = (batch(student, ids, 5, 4, s) for s in (seed, seed, seed + 1))
    equal(again[0], first[0])
    ensure(not torch.equal(first[0], other[0]), "The batch does not depend on rng.", other[0])
    steps = {(b - a) % 56 for a, b in itertools.pairwise(first[2])}
    ensure(len(steps) > 1, "The rows follow each other at equal distances.", first[2])


# learning_rate


def slow_rates(steps, peak, floor, warmup, total):
    """Walk step by step: equal steps up, then torch's cosine, then the floor."""
    rates = [peak * (step + 1) / (warmup + 1) for step in range(warmup)]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=peak)
    count = total - warmup
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, count, eta_min=floor)
    for _ in range(count):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return [rates[step] if step < len(rates) else floor for step in steps]


@part("learning_rate", basic=True)
def test_rate_matches_torch(student, rng):
    """A straight climb, then what torch's CosineAnnealingLR does."""
    peak, floor = float(rng.uniform(1, 2)), float(rng.uniform(0.1, 0.3))
    warmup, total = integer(rng, 3, 6), integer(rng, 12, 18)
    steps = range(total + 4)
    got = [student.learning_rate(step, peak, floor, warmup, total) for step in steps]
    close(got, slow_rates(steps, peak, floor, warmup, total))


@part("learning_rate")
def test_rate_at_the_corners(student, rng):
    """No first step at 0, the peak at warmup, the mean half-way, the floor from total on."""
    peak, floor = float(rng.uniform(1, 2)), float(rng.uniform(0.1, 0.3))
    warmup, half = integer(rng, 3, 8), integer(rng, 5, 10)
    total = warmup + 2 * half
    steps = [0, warmup - 1, warmup, warmup + half, total, total + half, total + 2 * half]
    got = [student.learning_rate(step, peak, floor, warmup, total) for step in steps]
    low = peak / (warmup + 1)
    close(got, [low, low * warmup, peak, (peak + floor) / 2, floor, floor, floor])


@part("learning_rate")
def test_rate_without_warmup_and_without_cosine(student, rng):
    """With warmup 0 it starts at the peak; with warmup = total the floor follows the climb."""
    peak, floor, total = float(rng.uniform(1, 2)), 0.0, integer(rng, 4, 9)
    calls = [(0, 0), (1, 0), (total, 0), (0, total), (total - 1, total), (total, total)]
    got = [student.learning_rate(step, peak, floor, warmup, total) for step, warmup in calls]
    falling = 0.5 * peak * (1 + math.cos(math.pi / total))
    low = peak / (total + 1)
    close(got, [peak, falling, 0.0, low, low * total, 0.0])


# clip_gradients


def parameters_with(student, gradients):
    """Return parameters of zeros on the student's side with these gradients; None for none."""
    zeros = [torch.zeros(2).double() if g is None else torch.zeros_like(g) for g in gradients]
    params = student.library("torch.nn.ParameterList")(zeros)
    backward = student.library("torch.autograd.backward")
    for i, gradient in enumerate(gradients):
        if gradient is not None:  # the gradient of a leaf is what is sent back into it
            backward(params[i : i + 1].parameters(), [gradient])
    return params


def gradients_of(student, params):
    """Return the gradients: what one step of gradient descent from zero shows."""
    student.library("torch.optim.SGD")(params.parameters(), lr=1.0).step()
    return [-value for value in params.state_dict().values()]


def squares(gradients):
    return sum(float(v) ** 2 for g in gradients for v in g.flatten())


def draw_gradients(rng):
    return [normal(rng, *shape) for shape in ((3, 2), (4,), (2, 2, 2), ())]


CLOSE = {"rtol": 1e-5, "atol": 1e-9}  # torch adds 1e-6 to the norm; so may you


@part("clip_gradients", basic=True)
def test_clipping_matches_a_slow_loop(student, rng):
    """All gradients are multiplied by the same factor, so that their common norm is max_norm."""
    gradients = draw_gradients(rng)
    norm, limit = math.sqrt(squares(gradients)), float(rng.uniform(0.3, 0.9))
    params = parameters_with(student, gradients)
    got = student.clip_gradients(params, limit)
    want = [g * (limit / norm) for g in gradients]
    close((got, gradients_of(student, params)), (norm, want), **CLOSE)


@part("clip_gradients")
def test_clipping_leaves_short_gradients_alone(student, rng):
    """Gradients that are shorter than max_norm stay exactly as they are."""
    gradients = [torch.tensor([3.0, 0.0]).double(), torch.tensor([[4.0]]).double()]
    got = []
    for limit in (float(rng.uniform(5.1, 5.9)), float(rng.uniform(6, 9)), 1e9):
        params = parameters_with(student, gradients)
        got += [student.clip_gradients(params, limit), gradients_of(student, params)]
    close(got, [5.0, gradients] * 3)


@part("clip_gradients")
def test_clipping_takes_a_generator(student, rng):
    """`model.parameters()` can be gone through only once; gradients are clipped all the same."""
    gradients = [1000 * g for g in draw_gradients(rng)]
    leaves = [torch.zeros_like(g, requires_grad=True) for g in gradients]
    for leaf, gradient in zip(leaves, gradients, strict=True):
        leaf.grad = gradient.clone()
    params = parameters_with(student, gradients)
    got = student.clip_gradients(params.parameters(), 1.0)
    norm = float(nn.utils.clip_grad_norm_(leaves, 1.0))
    close((got, gradients_of(student, params)), (norm, [leaf.grad for leaf in leaves]), **CLOSE)


@part("clip_gradients")
def test_clipping_passes_over_missing_gradients(student, rng):
    """Parameters without a gradient are passed over, in front, in between and at the end."""
    first, second = normal(rng, 3) + 2, normal(rng, 2, 2) + 2
    params = parameters_with(student, [None, first, None, second, None])
    norm = math.sqrt(squares([first, second]))
    got = student.clip_gradients(params, norm / 2)
    nothing = torch.zeros(2).double()
    want = [nothing, first / 2, nothing, second / 2, nothing]
    close((got, gradients_of(student, params)), (norm, want), **CLOSE)


@part("clip_gradients")
def test_clipping_nothing(student, rng):
    """No gradients at all, and gradients of zero, have the norm 0.0 and stay."""
    limit = float(rng.uniform(0.5, 2))
    none, zeros = [None, None], [torch.zeros(3).double()]
    got = [student.clip_gradients(parameters_with(student, each), limit) for each in (none, zeros)]
    params = parameters_with(student, zeros)
    student.clip_gradients(params, limit)
    close([*got, gradients_of(student, params)], [0.0, 0.0, zeros])


# optimizer_groups


def sorted_groups(groups):
    """Return (weight decay, parameter) pairs in an order of their own."""
    ensure(
        type(groups) is list and all(type(g) is dict for g in groups), "No list of dicts.", groups
    )
    pairs = [(g["weight_decay"], p) for g in groups for p in list(g["params"])]
    ensure(all(isinstance(p, torch.Tensor) for _, p in pairs), "Parameters are wanted.", pairs[:1])
    return sorted(
        pairs, key=lambda pair: (pair[0], tuple(pair[1].shape), float(pair[1].detach().sum()))
    )


def expected_groups(state, decay):
    return sorted_groups(
        [{"params": [w], "weight_decay": decay if w.ndim >= 2 else 0.0} for w in state.values()]
    )


def odd_model(student, rng):
    """An embedding, a norm, two linear layers and a convolution, all with drawn weights."""
    names = [("Embedding", 5, 4), ("LayerNorm", 4), ("Linear", 4, 3), ("Conv1d", 3, 2, 2)]
    names += [("Linear", 2, 6)]
    student.library("torch.manual_seed")(0)
    layers = [student.library(f"torch.nn.{name}")(*sizes) for name, *sizes in names]
    model = student.library("torch.nn.Sequential")(*layers)
    shapes = {name: tuple(w.shape) for name, w in model.state_dict().items()}
    return loaded(model, {name: normal(rng, *shape) for name, shape in shapes.items()})


@part("optimizer_groups", basic=True)
def test_groups_by_dimensions(student, rng):
    """Matrices, embeddings and kernels decay; biases and gains do not; each is there once."""
    model, decay = odd_model(student, rng), float(rng.uniform(0.05, 0.3))
    got = sorted_groups(student.optimizer_groups(model, decay))
    close(got, expected_groups(model.state_dict(), decay))


@part("optimizer_groups")
def test_groups_of_a_tied_model(student, rng):
    """A parameter that two modules share is there once."""
    embedding = loaded(student.library("torch.nn.Embedding")(5, 4), {"weight": normal(rng, 5, 4)})
    norm = loaded(student.library("torch.nn.LayerNorm")(4), norm_weights(rng, 4))
    tied = student.library("torch.nn.ParameterList")(embedding.parameters())
    model = student.library("torch.nn.ModuleList")([embedding, norm, tied])
    state = {name: w for name, w in model.state_dict().items() if not name.startswith("2")}
    got = sorted_groups(student.optimizer_groups(model, 0.1))
    close(got, expected_groups(state, 0.1))


@part("optimizer_groups")
def test_groups_leave_out_frozen_parameters(student, rng):
    """Parameters that need no gradient are in no group."""
    model = odd_model(student, rng)
    for name in ("0", "1"):
        model.get_submodule(name).requires_grad_(False)
    state = {name: w for name, w in model.state_dict().items() if name[0] not in "01"}
    got = sorted_groups(student.optimizer_groups(model, 0.2))
    close(got, expected_groups(state, 0.2))


# train_step


FEATURES, CLASSES = 8, 9


def draw_head(student, rng, scale=1.0):
    """Return torch's adaptive softmax, which gives (outputs, loss), on both sides alike."""
    ours = nn.AdaptiveLogSoftmaxWithLoss(FEATURES, CLASSES, [4]).double()
    start = {name: scale * normal(rng, *w.shape) for name, w in ours.state_dict().items()}
    ours.load_state_dict(start)
    theirs = student.library("torch.nn.AdaptiveLogSoftmaxWithLoss")(FEATURES, CLASSES, [4])
    return loaded(theirs, start), ours


def draw_pairs(rng, sizes, scale=1.0):
    return [
        (scale * normal(rng, n, FEATURES), torch.from_numpy(rng.integers(0, CLASSES, n)))
        for n in sizes
    ]


def full_step(model, pairs, optimizer, max_norm):
    """Take the step on one large batch, with torch's own clipping."""
    x, y = (torch.cat(each) for each in zip(*pairs, strict=True))
    optimizer.zero_grad()
    loss = model(x, y)[1]
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    return loss.item()


STEP = {"rtol": 2e-5, "atol": 1e-8}


@part("train_step", basic=True)
def test_step_on_ragged_batches_equals_one_large_batch(student, rng):
    """Micro-batches of different sizes give the loss and the step of all of them together."""
    theirs, ours = draw_head(student, rng)
    pairs = draw_pairs(rng, [int(n) for n in rng.permutation([1, 3, 6])])
    sgd = student.library("torch.optim.SGD")(theirs.parameters(), lr=0.5)
    got = student.train_step(theirs, pairs, sgd, 1e9)
    want = full_step(ours, pairs, torch.optim.SGD(ours.parameters(), lr=0.5), 1e9)
    close((got, theirs.state_dict()), (want, dict(ours.state_dict())), **STEP)


@part("train_step")
def test_steps_in_a_row(student, rng):
    """Three steps of AdamW in a row, each with gradients of its own."""
    theirs, ours = draw_head(student, rng)
    adam = student.library("torch.optim.AdamW")(theirs.parameters(), lr=0.1)
    adam_here = torch.optim.AdamW(ours.parameters(), lr=0.1)
    got, want = [], []
    for sizes in ((2, 4), (5,), (1, 1, 3)):
        pairs = draw_pairs(rng, sizes)
        got.append(student.train_step(theirs, pairs, adam, 1e9))
        want.append(full_step(ours, pairs, adam_here, 1e9))
    close((got, theirs.state_dict()), (want, dict(ours.state_dict())), **STEP)


@part("train_step")
def test_step_forgets_old_gradients(student, rng):
    """Gradients that someone left behind do not count."""
    theirs, ours = draw_head(student, rng)
    left = [1000 * normal(rng, *w.shape) for w in ours.parameters()]
    student.library("torch.autograd.backward")(theirs.parameters(), left)
    pairs = draw_pairs(rng, (2, 3))
    sgd = student.library("torch.optim.SGD")(theirs.parameters(), lr=0.5)
    got = student.train_step(theirs, pairs, sgd, 1e9)
    want = full_step(ours, pairs, torch.optim.SGD(ours.parameters(), lr=0.5), 1e9)
    close((got, theirs.state_dict()), (want, dict(ours.state_dict())), **STEP)


@part("train_step")
def test_step_clips_the_whole_gradient(student, rng):
    """The gradient of all micro-batches together is clipped, to 1.0 if nothing else is said."""
    results = []
    for limit in ((), (float(rng.uniform(0.05, 0.2)),)):
        theirs, ours = draw_head(student, rng)
        pairs = draw_pairs(rng, (4, 2, 1), scale=20.0)
        sgd = student.library("torch.optim.SGD")(theirs.parameters(), lr=0.5)
        got = student.train_step(theirs, pairs, sgd, *limit)
        here = torch.optim.SGD(ours.parameters(), lr=0.5)
        want = full_step(ours, pairs, here, *(limit or (1.0,)))
        results.append(((got, theirs.state_dict()), (want, dict(ours.state_dict()))))
    close([got for got, _ in results], [want for _, want in results], **STEP)


@part("train_step")
def test_step_of_a_gpt_with_ignored_targets(student, rng):
    """Targets of -100 count nowhere, in batches whose rows are of different length too."""
    model, logits, leaves, config = draw_gpt(rng, student)
    V, pairs = config["vocab_size"], []
    for B, T in ((2, 3), (1, 5), (3, 2)):
        idx, targets = draw_tokens(rng, V, 2, B, T)
        targets[0, : int(rng.integers(0, T))] = -100
        pairs.append((idx, targets))
    flat = torch.cat([logits(idx).flatten(0, 1) for idx, _ in pairs])
    loss = F.cross_entropy(flat, torch.cat([y.flatten() for _, y in pairs]))
    want = torch.autograd.grad(loss, list(leaves.values()))
    sgd = student.library("torch.optim.SGD")(model.parameters(), lr=1.0)
    got = student.train_step(model, pairs, sgd, 1e9)
    after = model.state_dict()
    moved = [leaves[name].detach() - after[name] for name in leaves]
    close((got, moved), (loss.item(), list(want)), rtol=1e-6, atol=1e-9)


# perplexity and bits_per_byte


def slow_bits(logits, ids, context):
    """Return the bits that the predictions of all tokens but the first cost, one by one."""
    total = 0.0
    for n in range(1, len(ids)):
        place = (n - 1) % context
        if place == 0:
            rows = logits(ids[None, n - 1 : n - 1 + context])[0].detach()
        total -= float(torch.log_softmax(rows[place], -1)[ids[n]]) / math.log(2)
    return total


def watched(student, model, seen):
    """Note in which mode the model is whenever it is called, and whether gradients are kept."""

    def note(module, args):
        seen.append((model.training, student.library("torch.is_grad_enabled")()))

    model.register_forward_pre_hook(note)
    return model


@part("perplexity", basic=True)
def test_perplexity_matches_a_slow_loop(student, rng):
    """2 to the mean number of bits, over every token but the first, each predicted once."""
    model, logits, _, config = draw_gpt(rng, student, context=5)
    ids = draw_tokens(rng, config["vocab_size"], 5 * integer(rng, 2, 4) + integer(rng, 2, 5))
    want = 2 ** (slow_bits(logits, ids, 5) / (len(ids) - 1))
    close(student.perplexity(model, ids), want, rtol=1e-7)


@part("perplexity")
def test_perplexity_of_texts_of_any_length(student, rng):
    """Two tokens, a window less one, a window, one more, and two windows: the mean is of N - 1."""
    model, logits, _, config = draw_gpt(rng, student, context=4)
    texts = [draw_tokens(rng, config["vocab_size"], n) for n in (2, 4, 5, 6, 9, 10)]
    want = [2 ** (slow_bits(logits, ids, 4) / (len(ids) - 1)) for ids in texts]
    close([student.perplexity(model, ids) for ids in texts], want, rtol=1e-7)


@part("perplexity")
def test_perplexity_of_a_model_that_knows_nothing(student, rng):
    """With all embeddings at zero every token is equally likely, and the perplexity is V."""
    config = draw_config(rng)
    weights = {name: torch.zeros_like(w) for name, w in gpt_weights(rng, config).items()}
    model = loaded(student.GPT(student.GPTConfig(**config)), weights)
    ids = draw_tokens(rng, config["vocab_size"], 23)
    close(student.perplexity(model, ids), float(config["vocab_size"]))


@part("perplexity")
def test_perplexity_restores_the_mode(student, rng):
    """The model is in eval mode and without gradients meanwhile, and afterwards as it was."""
    model, _, _, config = draw_gpt(rng, student, context=4)
    seen = []
    watched(student, model, seen)
    ids, after = draw_tokens(rng, config["vocab_size"], 7), []
    for mode in (True, False):
        model.train(mode)
        student.perplexity(model, ids)
        after.append(model.training)
    ensure(all(not training for training, _ in seen), "The model is not in eval mode.", seen)
    ensure(all(not grad for _, grad in seen), "Gradients are kept, which costs memory.", seen)
    equal(after, [True, False])


@part("bits_per_byte", basic=True)
def test_bits_match_a_slow_loop(student, rng):
    """The bits of all predictions, added up one by one, over the number of bytes."""
    model, logits, _, config = draw_gpt(rng, student, context=5)
    ids = draw_tokens(rng, config["vocab_size"], integer(rng, 12, 19))
    n_bytes = integer(rng, 30, 60)
    close(
        student.bits_per_byte(model, ids, n_bytes), slow_bits(logits, ids, 5) / n_bytes, rtol=1e-7
    )


@part("bits_per_byte")
def test_bits_of_a_model_that_knows_nothing(student, rng):
    """log2 V bits for a token that stands for one byte, half of it for one of two bytes."""
    V = 2 ** integer(rng, 3, 6)
    config = draw_config(rng, vocab_size=V)
    weights = {name: torch.zeros_like(w) for name, w in gpt_weights(rng, config).items()}
    model = loaded(student.GPT(student.GPTConfig(**config)), weights)
    ids = draw_tokens(rng, V, 15)
    got = [student.bits_per_byte(model, ids, n) for n in (14, 28)]
    close(got, [math.log2(V), math.log2(V) / 2])


# greedy, temperature_softmax, top_k, top_p


def softmax(values):
    """Return probabilities of a list of logits, in Python's own numbers."""
    e = [math.exp(v - max(values)) for v in values]
    return [v / sum(e) for v in e]


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def kept_only(logits, kept):
    """Return the distribution of the kept tokens."""
    p = softmax(logits.tolist())
    total = sum(p[i] for i in kept)
    return tensor([p[i] / total if i in kept else 0.0 for i in range(len(p))])


def ranking(logits):
    return sorted(range(len(logits)), key=lambda i: -float(logits[i]))


@part("greedy", basic=True)
def test_greedy_takes_the_largest(student, rng):
    """All probability is on the largest logit, in the dtype of the logits."""
    rows = [normal(rng, integer(rng, 5, 12)) * 3 for _ in range(4)]
    rows += [rows[0].float() - 50, rows[1] * 1000]
    want = [torch.zeros_like(row) for row in rows]
    for row, each in zip(rows, want, strict=True):
        each[ranking(row)[0]] = 1.0
    equal([student.greedy(row) for row in rows], want)


@part("greedy")
def test_greedy_breaks_ties(student, rng):
    """Of equal logits the first wins, when all are equal too; minus infinity never does."""
    high, low = float(rng.uniform(1, 2)), float(rng.uniform(-2, 0))
    rows = [tensor([low, high, low, high]), tensor([low] * 3), tensor([-math.inf, low, low])]
    want = [tensor([0.0, 1.0, 0.0, 0.0]), tensor([1.0, 0.0, 0.0]), tensor([0.0, 1.0, 0.0])]
    equal([student.greedy(row) for row in rows], want)
    unchanged(student, "greedy", rows[0])


@part("temperature_softmax", basic=True)
def test_temperature_matches_a_slow_loop(student, rng):
    """The logits are divided by the temperature; below 1 it is sharper, above 1 flatter."""
    logits = normal(rng, integer(rng, 5, 9)) * 2
    temperatures = [1.0, *(float(t) for t in rng.uniform((0.2, 1.5), (0.7, 4.0)))]
    got = [student.temperature_softmax(logits, t) for t in temperatures]
    close(got, [tensor(softmax([v / t for v in logits.tolist()])) for t in temperatures])


@part("temperature_softmax")
def test_temperature_of_zero(student, rng):
    """At 0 all probability is on the largest logit; near 0 nearly all."""
    logits = torch.from_numpy(rng.permutation(8).astype(np.float64))
    one = (logits == 7).double()
    close([student.temperature_softmax(logits, t) for t in (0.0, 0.01, 0)], [one] * 3)


@part("temperature_softmax")
def test_temperature_of_large_logits(student, rng):
    """Logits of ±1000 give finite probabilities, in float32 too; the logits stay as they are."""
    logits = (normal(rng, 6) + torch.tensor([1000.0, -1000.0] * 3)).float()
    got = [student.temperature_softmax(logits, t) for t in (0.5, 2.0)]
    close(got, [torch.softmax(logits / t, -1) for t in (0.5, 2.0)])
    unchanged(student, "temperature_softmax", logits, 0.5)


@part("top_k", basic=True)
def test_top_k_matches_a_slow_loop(student, rng):
    """The k largest share all probability as in a softmax of their own; the others have none."""
    logits = normal(rng, integer(rng, 7, 12)) * 2 - 1
    sizes = [1, 2, integer(rng, 3, 6), len(logits) - 1]
    got = [student.top_k(logits, k) for k in sizes]
    close(got, [kept_only(logits, ranking(logits)[:k]) for k in sizes])


@part("top_k")
def test_top_k_of_everything(student, rng):
    """A k of V, or larger, keeps everything."""
    logits = normal(rng, 6)
    close([student.top_k(logits, k) for k in (6, 7, 1000)], [torch.softmax(logits, -1)] * 3)


@part("top_k")
def test_top_k_with_equal_logits(student, rng):
    """Equal logits above the border are all kept, and so are negative ones and zeros."""
    a, b = float(rng.uniform(-3, -2)), float(rng.uniform(-9, -5))
    logits = tensor([a, b, 0.0, a, b - 1, 0.0])
    close(
        [student.top_k(logits, k) for k in (2, 4)],
        [kept_only(logits, s) for s in ([2, 5], [0, 2, 3, 5])],
    )
    unchanged(student, "top_k", logits, 2)


@part("top_p", basic=True)
def test_top_p_matches_a_slow_loop(student, rng):
    """The most likely tokens are kept until they have p, the crossing one included."""
    logits = normal(rng, integer(rng, 7, 12)) * 1.5
    order, p = ranking(logits), softmax(logits.tolist())
    got, want = [], []
    for count in (1, 2, 3, len(logits) - 2):
        below = sum(p[i] for i in order[: count - 1])
        border = below + p[order[count - 1]] * float(rng.uniform(0.2, 0.8))
        got.append(student.top_p(logits, border))
        want.append(kept_only(logits, order[:count]))
    close(got, want)


@part("top_p")
def test_top_p_keeps_at_least_one(student, rng):
    """However small p is and however likely the first token, one is kept."""
    sure = normal(rng, 6)
    sure[integer(rng, 0, 6)] += 30
    flat = normal(rng, 8) / 10
    calls = [(sure, 0.5), (sure, 1e-9), (flat, 1e-9)]
    got = [student.top_p(*call) for call in calls]
    close(got, [kept_only(each, ranking(each)[:1]) for each, _ in calls])


@part("top_p")
def test_top_p_of_everything(student, rng):
    """p = 1.0 keeps everything; the dtype is that of the logits, which stay as they are."""
    logits = normal(rng, 7)
    close(student.top_p(logits, 1.0), torch.softmax(logits, -1))
    close(student.top_p(logits.float(), 1.0), torch.softmax(logits.float(), -1))
    unchanged(student, "top_p", logits, 0.6)


@part("top_p")
def test_top_p_of_large_logits(student, rng):
    """Only differences count: adding 1000 to all logits changes nothing."""
    logits = normal(rng, 7)
    got = [student.top_p(logits + shift, 0.6) for shift in (1000.0, -1000.0)]
    order, p = ranking(logits), softmax(logits.tolist())
    before = [sum(p[i] for i in order[:n]) for n in range(7)]
    kept = [i for i, mass in zip(order, before, strict=True) if mass < 0.6]
    close(got, [kept_only(logits, kept)] * 2, rtol=1e-8)


# beam_search


class Scripted:
    """A language model that is a table: the next token depends on all tokens before it."""

    def __init__(self, seed, V, eos=0, lift=0.0):
        self.seed, self.V, self.eos, self.lift = seed, V, eos, lift
        self.asked = []

    def logprobs(self, tokens):
        drawn = np.random.default_rng([self.seed, *tokens]).standard_normal(self.V) * 2
        drawn[self.eos] += self.lift
        return torch.log_softmax(torch.from_numpy(drawn), -1)

    def step(self, tokens):
        self.asked.append(list(tokens))
        return self.logprobs(tokens)


def slow_beams(model, start, beams, length):
    """Keep every candidate as a whole sequence and score each from the beginning."""
    kept = [list(start)]
    for _ in range(length):
        candidates = []
        for tokens in kept:
            ended = len(tokens) > len(start) and tokens[-1] == model.eos
            candidates += [tokens] if ended else [[*tokens, t] for t in range(model.V)]
        candidates.sort(key=lambda tokens: -slow_score(model, tokens, len(start)))
        kept = candidates[:beams]
    return [(tokens, slow_score(model, tokens, len(start))) for tokens in kept]


def slow_score(model, tokens, first):
    gains = [float(model.logprobs(tokens[:n])[tokens[n]]) for n in range(first, len(tokens))]
    return sum(gains) / len(gains)


@part("beam_search", basic=True)
def test_beams_match_a_slow_search(student, rng):
    """Candidates are scored by their mean log-probability; finished ones stay and compete."""
    got, want = [], []
    for beams, length, lift in ((2, 3, 1.0), (3, 4, 0.0), (4, 3, 2.0)):
        model = Scripted(integer(rng, 0, 10000), 5, integer(rng, 0, 5), lift)
        start = [int(t) for t in rng.integers(0, 5, 3)]
        got.append(student.beam_search(model.step, start, beams, length, model.eos))
        want.append(slow_beams(model, start, beams, length))
    close(got, want)


@part("beam_search")
def test_one_beam_is_greedy(student, rng):
    """A single beam takes the most likely token each time, until eos."""
    model = Scripted(integer(rng, 0, 10000), 6, 5)
    start, tokens, gains = [1, 2], [1, 2], []
    while len(gains) < 5 and (not gains or tokens[-1] != 5):
        p = model.logprobs(tokens)
        gains.append(float(p.max()))
        tokens = [*tokens, int(p.argmax())]
    close(student.beam_search(model.step, start, 1, 5, 5), [(tokens, sum(gains) / len(gains))])


@part("beam_search")
def test_many_beams_find_the_best_of_all(student, rng):
    """With room for every sequence, the best of all sequences comes first."""
    model, length = Scripted(integer(rng, 0, 10000), 3, 2, 0.5), 3
    every = []
    for tokens in itertools.product(range(3), repeat=length):
        end = tokens.index(2) + 1 if 2 in tokens else length
        every.append([1, *tokens[:end]])
    unique = [list(each) for each in {tuple(tokens) for tokens in every}]
    scores = {tuple(tokens): slow_score(model, tokens, 1) for tokens in unique}
    best = sorted(unique, key=lambda tokens: -scores[tuple(tokens)])
    want = [(tokens, scores[tuple(tokens)]) for tokens in best]
    close(student.beam_search(model.step, [1], 1000, length, 2), want)


@part("beam_search")
def test_finished_beams_are_not_continued(student, rng):
    """The model is asked about unfinished beams only; a start that ends in eos is one of them."""
    model = Scripted(integer(rng, 0, 10000), 4, 1, 1.5)
    start = [0, 1]
    got = student.beam_search(model.step, start, 3, 4, 1)
    want = slow_beams(model, start, 3, 4)
    close(got, want)
    ended = [tokens for tokens in model.asked if 1 in tokens[2:]]
    ensure(not ended, "The model is asked to continue a finished beam.", ended[:1])
    ensure(model.asked[:1] == [start], "The model is not asked about the start.", model.asked[:1])


@part("beam_search")
def test_finished_beams_take_a_place(student, rng):
    """A finished beam is one of the `beams` best: there is room for one less to go on."""
    tail = float(rng.uniform(-3.0, -2.0))
    table = {
        (7,): [-0.5, -1.0, -1.2],
        (7, 1): [tail, tail - 1, tail - 2],
        (7, 2): [-9.0, -0.1, -0.2],
    }

    def step(tokens):
        return tensor(table[tuple(tokens)])

    want = [([7, 0], -0.5), ([7, 1, 0], (tail - 1.0) / 2)]
    close(student.beam_search(step, [7], 2, 2, 0), want)


FIXED = Scripted(5, 4)


def fixed_step(tokens):
    return FIXED.logprobs(tokens)


@part("beam_search")
def test_beams_leave_the_start_alone(student, rng):
    """The start keeps its tokens, and all beams begin with it."""
    start = [int(t) for t in rng.integers(0, 4, 3)]
    before = list(start)
    got, after = student.observe("beam_search", fixed_step, start, 2, 2, 0)
    equal(after[1], before)
    close(got, slow_beams(FIXED, before, 2, 2))


# generate


WORDS, CONTEXT = 7, 4


def recurrent(rng, student):
    """Return a recurrent language model with dropout, on both sides with the same weights."""
    ours = nn.Sequential(
        nn.Embedding(WORDS, 3), nn.GRU(3, WORDS, 2, batch_first=True, dropout=0.5)
    ).double()
    weights = {name: normal(rng, *w.shape) * 1.5 for name, w in ours.state_dict().items()}
    ours.load_state_dict(weights)
    embedding = student.library("torch.nn.Embedding")(WORDS, 3)
    rnn = student.library("torch.nn.GRU")(3, WORDS, 2, batch_first=True, dropout=0.5)
    theirs = loaded(student.library("torch.nn.Sequential")(embedding, rnn), weights)
    theirs.config = student.GPTConfig(WORDS, CONTEXT, 1, 1, 3)
    return theirs.eval(), ours.eval()


def nth_best(n):
    """Return a distribution with everything on the token of rank n."""

    def choose(logits):
        return F.one_hot(logits.argsort(descending=True)[n], len(logits)).to(logits.dtype)

    return choose


def slow_generate(model, idx, n, choose):
    """Continue row by row and token by token."""
    rows = []
    for row in idx.tolist():
        for _ in range(n):
            with torch.no_grad():
                logits = model(torch.tensor([row[-CONTEXT:]]))[0][0, -1]
            row = [*row, int(choose(logits).argmax())]
        rows.append(row)
    return torch.tensor(rows)


@part("generate", basic=True)
def test_generate_matches_a_slow_loop(student, rng):
    """Every row goes on by what the distribution says of the logits at its own last position."""
    theirs, ours = recurrent(rng, student)
    B, T = different_sizes(rng, 2)
    idx, rank = draw_tokens(rng, WORDS, B, min(T, CONTEXT)), nth_best(integer(rng, 1, 4))
    got = student.generate(theirs, idx, 6, rank)
    equal(got, slow_generate(ours, idx, 6, rank))


@part("generate")
def test_generate_crops_to_the_context(student, rng):
    """A prompt may be longer than the context: the model sees the last tokens of it."""
    theirs, ours = recurrent(rng, student)
    seen = []
    theirs.register_forward_pre_hook(lambda module, args: seen.append(args[0].clone()))
    idx = draw_tokens(rng, WORDS, 3, CONTEXT + integer(rng, 2, 5))
    got = student.generate(theirs, idx, 3, nth_best(0))
    want = slow_generate(ours, idx, 3, nth_best(0))
    equal(got, want)
    T = idx.shape[1]
    equal(seen, [want[:, T + i - CONTEXT : T + i] for i in range(3)])


@part("generate")
def test_generate_is_greedy_unless_told(student, rng):
    """Without a distribution it is the most likely token that is taken."""
    theirs, ours = recurrent(rng, student)
    idx = draw_tokens(rng, WORDS, 3, 2)
    equal(student.generate(theirs, idx, 4), slow_generate(ours, idx, 4, nth_best(0)))


@part("generate")
def test_generate_draws_from_the_distribution(student, rng):
    """A token with probability p comes up in about that share of rows; one with 0 never does."""
    theirs, _ = recurrent(rng, student)
    share = tensor([0.0, 0.5, 0.0, 0.3, 0.2, 0.0, 0.0])[torch.from_numpy(rng.permutation(WORDS))]
    idx = torch.zeros(300, 1, dtype=torch.int64)
    drawn = student.generate(theirs, idx, 1, lambda row: share, seeded(rng))[:, 1]
    got = torch.bincount(drawn, minlength=WORDS) / 300.0
    close(got.double(), share, atol=0.12, rtol=0.0)
    equal(got.double() > 0, share > 0)


def seeded(rng):
    return torch.Generator().manual_seed(integer(rng, 0, 10000))


@part("generate")
def test_generate_depends_on_its_generator(student, rng):
    """The same generator gives the same text, another gives another one."""
    theirs, _ = recurrent(rng, student)
    idx, seed = draw_tokens(rng, WORDS, 4, 2), integer(rng, 0, 10000)
    even = torch.full((WORDS,), 1 / WORDS, dtype=torch.float64)
    student.library("torch.manual_seed")(seed)  # so that who draws from there is found out, too
    texts = [
        student.generate(theirs, idx, 6, lambda row: even, torch.Generator().manual_seed(s))
        for s in (seed, seed, seed + 1)
    ]
    equal(texts[1], texts[0])
    ensure(not torch.equal(texts[0], texts[2]), "The text does not depend on it.", texts[2])


@part("generate")
def test_generate_restores_the_mode(student, rng):
    """The model is in eval mode and without gradients meanwhile, and afterwards as it was."""
    theirs, _ = recurrent(rng, student)
    idx, third = draw_tokens(rng, WORDS, 2, 3), torch.eye(WORDS)[3]
    seen, after = [], []
    watched(student, theirs, seen)
    for mode in (True, False):
        theirs.train(mode)
        student.generate(theirs, idx, 2, lambda row: third)
        after.append(theirs.training)
    ensure(all(not training for training, _ in seen), "The model is not in eval mode.", seen)
    ensure(all(not grad for _, grad in seen), "Gradients are kept, which costs memory.", seen)
    equal(after, [True, False])


@part("generate")
def test_generate_nothing(student, rng):
    """n = 0 gives back the prompt, which keeps its values in any case."""
    theirs, _ = recurrent(rng, student)
    idx = draw_tokens(rng, WORDS, 2, 3)
    equal(student.generate(theirs, idx, 0, nth_best(0)), idx)
    before = copy.deepcopy(idx)
    _, after = student.observe("generate", theirs, idx, 2, nth_best(0))
    ensure(torch.equal(after[1], before), CHANGED)
