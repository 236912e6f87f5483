"""The tests you have: numbers to check by hand, and torch's own layers. Hidden ones follow."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from autograder.testing import close, ensure, equal, part

TEXT = torch.tensor([10, 11, 12, 13, 14, 15, 16, 17])


def drawn(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def linear(name, n_in, n_out):
    return {f"{name}.weight": (n_out, n_in), f"{name}.bias": (n_out,)}


def norm(name, C):
    return {f"{name}.weight": (C,), f"{name}.bias": (C,)}


def block(C, start=""):
    """The names and shapes of a block's weights."""
    attention = linear(f"{start}attn.qkv", C, 3 * C) | linear(f"{start}attn.proj", C, C)
    mlp = linear(f"{start}mlp.fc", C, 4 * C) | linear(f"{start}mlp.proj", 4 * C, C)
    return norm(f"{start}norm1", C) | attention | norm(f"{start}norm2", C) | mlp


def gpt(V, context, L, C):
    """The names and shapes of a GPT's weights."""
    shapes = {"wte.weight": (V, C), "wpe.weight": (context, C)} | norm("norm", C)
    for i in range(L):
        shapes |= block(C, f"blocks.{i}.")
    return shapes


def filled(module, shapes, scale=0.5):
    """Give a module drawn weights in float64, and return both."""
    weights = {
        name: scale * drawn(*shape, seed=i) for i, (name, shape) in enumerate(shapes.items())
    }
    module.double()
    tied = "wte.weight" in shapes and "head" in [name for name, _ in module.named_children()]
    module.load_state_dict(weights | ({"head.weight": weights["wte.weight"]} if tied else {}))
    return module, weights


@part("LayerNorm")
def test_layer_norm_by_hand(student):
    """(3, 5) has the mean 4 and the variance 1; so it becomes (-1, 1)."""
    norm = student.LayerNorm(2, 0.0)
    x = torch.tensor([[3.0, 5.0], [0.0, 10.0]])
    close(norm(x), torch.tensor([[-1.0, 1.0], [-1.0, 1.0]]))


@part("LayerNorm")
def test_layer_norm_has_eps_inside_the_root(student):
    """With eps = 3, (3, 5) becomes (-1, 1) / √(1 + 3)."""
    close(student.LayerNorm(2, 3.0)(torch.tensor([3.0, 5.0])), torch.tensor([-0.5, 0.5]))


@part("RMSNorm")
def test_rms_norm_by_hand(student):
    """(1, 7) has the mean square 25; so it becomes (0.2, 1.4)."""
    close(student.RMSNorm(2, 0.0)(torch.tensor([[1.0, 7.0]])), torch.tensor([[0.2, 1.4]]))


@part("gelu")
def test_gelu_by_hand(student):
    """gelu(0) = 0, gelu(1) = 0.841345, and far out it is x or 0."""
    x = torch.tensor([0.0, 1.0, 10.0, -10.0], dtype=torch.float64)
    want = torch.tensor([0.0, 0.8413447460685429, 10.0, 0.0], dtype=torch.float64)
    close(student.gelu(x), want)


@part("swiglu")
def test_swiglu_by_hand(student):
    """x = 2 with W = 1 and V = 3: the gate is 2 · σ(2) = 1.761594, and what passes is 6."""
    x, W, V = torch.tensor([[2.0]]), torch.tensor([[1.0]]), torch.tensor([[3.0]])
    close(student.swiglu(x, W, V), torch.tensor([[10.569565]]))


@part("MLP")
def test_mlp_is_two_layers_with_gelu_between(student):
    """The result is proj(gelu(fc(x)))."""
    mlp, w = filled(student.MLP(3), linear("fc", 3, 12) | linear("proj", 12, 3))
    x = drawn(4, 3)
    hidden = F.gelu(x @ w["fc.weight"].T + w["fc.bias"])
    close(mlp(x), hidden @ w["proj.weight"].T + w["proj.bias"])


@part("CausalSelfAttention")
def test_first_token_sees_itself_only(student):
    """The first token gets its own value, projected, whatever follows."""
    shapes = linear("qkv", 4, 12) | linear("proj", 4, 4)
    attention, w = filled(student.CausalSelfAttention(4, 2), shapes)
    x = drawn(2, 3, 4)
    value = x[:, 0] @ w["qkv.weight"][8:].T + w["qkv.bias"][8:]
    close(attention(x)[:, 0], value @ w["proj.weight"].T + w["proj.bias"])


@part("CausalSelfAttention")
def test_attention_equals_torch(student):
    """The result is that of nn.MultiheadAttention with a causal mask."""
    shapes = linear("qkv", 6, 18) | linear("proj", 6, 6)
    ours, w = filled(student.CausalSelfAttention(6, 3), shapes)
    theirs = nn.MultiheadAttention(6, 3, batch_first=True).double()
    names = ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"]
    order = ["qkv.weight", "qkv.bias", "proj.weight", "proj.bias"]
    theirs.load_state_dict(dict(zip(names, (w[name] for name in order), strict=True)))
    x, hidden = drawn(2, 5, 6), torch.ones(5, 5, dtype=torch.bool).triu(1)
    close(ours(x), theirs(x, x, x, attn_mask=hidden, need_weights=False)[0].detach())


@part("Block")
def test_silent_block_is_the_identity(student):
    """With both proj layers at zero, a block gives back what it was given."""
    module, weights = filled(student.Block(4, 2), block(4))
    silent = {n: torch.zeros_like(w) if ".proj." in n else w for n, w in weights.items()}
    module.load_state_dict(silent)
    x = drawn(2, 3, 4)
    close(module(x), x)


@part("GPT")
def test_gpt_gives_logits_and_loss(student):
    """Logits are (B, T, V); without targets there is no loss, with them it is cross-entropy."""
    model, _ = filled(student.GPT(student.GPTConfig(11, 8, 2, 2, 4)), gpt(11, 8, 2, 4))
    idx = torch.tensor([[1, 2, 3], [4, 5, 6]])
    targets = torch.tensor([[2, 3, -100], [5, 6, 7]])
    logits, loss = model(idx)
    equal((tuple(logits.shape), loss), ((2, 3, 11), None))
    logits, loss = model(idx, targets)
    close(loss.detach(), F.cross_entropy(logits.detach().flatten(0, 1), targets.flatten()))


@part("GPT")
def test_gpt_knows_where_a_token_stands(student):
    """Equal tokens at different places have different logits."""
    model, _ = filled(student.GPT(student.GPTConfig(11, 8, 2, 2, 4)), gpt(11, 8, 2, 4))
    logits = model(torch.tensor([[3, 3, 3]]))[0].detach()
    same = torch.allclose(logits[0, 0], logits[0, 1])
    ensure(not same, "The logits are the same at every place.", logits[0, 1])


@part("initial_loss")
def test_initial_loss_of_a_hundred_tokens(student):
    """A fresh model with 100 tokens has a loss within 0.1 of ln 100 = 4.605."""
    close(student.initial_loss(student.GPTConfig(100, 32, 2, 2, 64), 8), math.log(100), atol=0.1)


@part("parameter_count")
def test_count_of_gpt_2_small(student):
    """GPT-2 small has 124,439,808 parameters."""
    equal(student.parameter_count(student.GPTConfig())["total"], 124439808)


@part("SlidingWindow")
def test_windows_by_hand(student):
    """Eight tokens have three windows of T = 3 with stride 2."""
    data = student.SlidingWindow(TEXT, 3, 2)
    got = [data[i] for i in range(len(data))]
    rows = [
        ([10, 11, 12], [11, 12, 13]),
        ([12, 13, 14], [13, 14, 15]),
        ([14, 15, 16], [15, 16, 17]),
    ]
    equal(got, [(torch.tensor(x), torch.tensor(y)) for x, y in rows])


@part("get_batch")
def test_batch_targets_come_next(student):
    """In a text that counts, each target is its input plus 1, and so is the next input."""
    x, y = student.get_batch(TEXT, 5, 3, np.random.default_rng(0))
    equal((tuple(x.shape), y), ((5, 3), x + 1))
    equal(x[:, 1:], x[:, :-1] + 1)


@part("learning_rate")
def test_rate_by_hand(student):
    """Up in four steps to the peak at step 3, half-way down at 5, at the floor from 7 on."""
    got = [student.learning_rate(step, 1.0, 0.25, 3, 7) for step in (0, 1, 2, 3, 5, 7, 99)]
    close(got, [0.25, 0.5, 0.75, 1.0, 0.625, 0.25, 0.25])


def with_gradients(student, gradients):
    """Parameters of zeros with these gradients."""
    params = student.library("torch.nn.ParameterList")([torch.zeros_like(g) for g in gradients])
    student.library("torch.autograd.backward")(params.parameters(), gradients)
    return params


def gradients_of(student, params):
    """What one step of gradient descent from zero shows."""
    student.library("torch.optim.SGD")(params.parameters(), lr=1.0).step()
    return [-value for value in params.state_dict().values()]


@part("clip_gradients")
def test_clipping_by_hand(student):
    """(3) and (4) are 5 long together; clipped to 1 they are (0.6) and (0.8); to 9, as before."""
    gradients = [torch.tensor([3.0]), torch.tensor([4.0])]
    got = []
    for limit in (1.0, 9.0):
        params = with_gradients(student, gradients)
        got.append((student.clip_gradients(params, limit), gradients_of(student, params)))
    close(got, [(5.0, [torch.tensor([0.6]), torch.tensor([0.8])]), (5.0, gradients)])


@part("optimizer_groups")
def test_groups_of_a_linear_layer(student):
    """The matrix decays and the bias does not."""
    layer = student.library("torch.nn.Linear")(3, 2)
    groups = student.optimizer_groups(layer, 0.1)
    got = {group["weight_decay"]: [tuple(p.shape) for p in group["params"]] for group in groups}
    equal(got, {0.1: [(2, 3)], 0.0: [(2,)]})


@part("train_step")
def test_two_halves_equal_the_whole(student):
    """A step on two micro-batches of different size is a step on all of their rows."""
    x, y = drawn(5, 8), torch.tensor([0, 3, 8, 5, 1])
    results = []
    for pairs in ([(x, y)], [(x[:1], y[:1]), (x[1:], y[1:])]):
        head = student.library("torch.nn.AdaptiveLogSoftmaxWithLoss")(8, 9, [4])
        shapes = {"head.weight": (5, 8), "tail.0.0.weight": (2, 8), "tail.0.1.weight": (5, 2)}
        model, _ = filled(head, shapes)
        sgd = student.library("torch.optim.SGD")(model.parameters(), lr=0.5)
        results.append((student.train_step(model, pairs, sgd), model.state_dict()))
    close(results[1], results[0])
    ensure(results[0][0] > 0.0, "The loss is not returned.", results[0][0])


def clueless(student):
    """A GPT of 16 tokens that finds all of them equally likely."""
    return filled(student.GPT(student.GPTConfig(16, 4, 1, 2, 4)), gpt(16, 4, 1, 4), 0.0)[0]


@part("perplexity")
def test_perplexity_of_a_fair_choice(student):
    """A model that finds 16 tokens equally likely has the perplexity 16."""
    close(student.perplexity(clueless(student), torch.arange(11)), 16.0, rtol=1e-5)


@part("bits_per_byte")
def test_bits_of_a_fair_choice(student):
    """Ten tokens of 4 bits each, in 20 bytes, are 2 bits for each byte."""
    close(student.bits_per_byte(clueless(student), torch.arange(11), 20), 2.0, rtol=1e-5)


@part("greedy")
def test_greedy_by_hand(student):
    """The largest of 1, 3, 2 is in the middle."""
    equal(student.greedy(torch.tensor([1.0, 3.0, 2.0])), torch.tensor([0.0, 1.0, 0.0]))


@part("temperature_softmax")
def test_temperature_by_hand(student):
    """Logits 0 and ln 3 give ¼ and ¾; at half the temperature 1/10 and 9/10; at 0, 0 and 1."""
    logits = torch.tensor([0.0, math.log(3.0)])
    got = [student.temperature_softmax(logits, t) for t in (1.0, 0.5, 0.0)]
    close(got, [torch.tensor(p) for p in ([0.25, 0.75], [0.1, 0.9], [0.0, 1.0])])


@part("top_k")
def test_top_k_by_hand(student):
    """Of the probabilities 0.1, 0.6 and 0.3 the best two are 2/3 and 1/3."""
    logits = torch.tensor([0.1, 0.6, 0.3]).log()
    close(student.top_k(logits, 2), torch.tensor([0.0, 2 / 3, 1 / 3]))


@part("top_p")
def test_top_p_by_hand(student):
    """Of 0.1, 0.6 and 0.3, p = 0.5 keeps one, p = 0.7 two and p = 1 all."""
    logits = torch.tensor([0.1, 0.6, 0.3]).log()
    got = [student.top_p(logits, p) for p in (0.5, 0.7, 1.0)]
    want = [[0.0, 1.0, 0.0], [0.0, 2 / 3, 1 / 3], [0.1, 0.6, 0.3]]
    close(got, [torch.tensor(row) for row in want])


def branching(tokens):
    """After 0, token 1 is a little likelier than 2; but only 2 leads to something likely."""
    table = {0: [0.05, 0.50, 0.45], 1: [0.40, 0.30, 0.30], 2: [0.05, 0.05, 0.90]}
    return torch.tensor(table[tokens[-1]], dtype=torch.float64).log()


@part("beam_search")
def test_two_beams_see_further_than_one(student):
    """One beam is lured to token 1; two find 2, 2, which is likelier as a whole."""
    got = [student.beam_search(branching, [0], beams, 2, 9)[0] for beams in (1, 2)]
    scores = [(math.log(0.50) + math.log(0.40)) / 2, (math.log(0.45) + math.log(0.90)) / 2]
    close(got, [([0, 1, 0], scores[0]), ([0, 2, 2], scores[1])])


@part("generate")
def test_generate_goes_on_by_n(student):
    """The prompt stands first, and n tokens follow in every row."""
    student.library("torch.manual_seed")(7)  # the model's weights are the same each time
    embedding = student.library("torch.nn.Embedding")(5, 3)
    rnn = student.library("torch.nn.GRU")(3, 5, batch_first=True)
    model = student.library("torch.nn.Sequential")(embedding, rnn)
    model.config = student.GPTConfig(5, 4, 1, 1, 3)
    third = torch.tensor([0.0, 0.0, 0.0, 1.0, 0.0])
    got = student.generate(model, torch.tensor([[1, 2], [4, 0]]), 4, lambda logits: third)
    equal(got, torch.tensor([[1, 2, 3, 3, 3, 3], [4, 0, 3, 3, 3, 3]]))
