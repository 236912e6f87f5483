"""The tests you have: numbers to check by hand, and torch's own layers. Hidden ones follow."""

import math

import torch
from torch import nn

from autograder.testing import close, equal, part, raises

LN3 = math.log(3.0)


def booleans(*rows):
    """A mask from strings: x may look, . may not."""
    return torch.tensor([[letter == "x" for letter in row] for row in rows])


def drawn(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def randomize(module):
    """Give a torch module drawn weights, so that no bias is 0 and no norm is the identity."""
    with torch.no_grad():
        for seed, weight in enumerate(module.parameters(), start=1):
            weight.copy_(drawn(*weight.shape, seed=seed) / 2)
    return module


def weights_of(torch_attention, prefix=""):
    """The weights of an nn.MultiheadAttention under the names of this assignment."""
    state = torch_attention.state_dict()
    found = {f"{prefix}out_proj.{kind}": state[f"out_proj.{kind}"] for kind in ("weight", "bias")}
    for kind in ("weight", "bias"):
        for name, rows in zip("qkv", state[f"in_proj_{kind}"].chunk(3), strict=True):
            found[f"{prefix}{name}_proj.{kind}"] = rows
    return found


def layer_weights(layer):
    """The weights of torch's encoder or decoder layer under the names of this assignment."""
    found = weights_of(layer.self_attn, "self_attn.")
    if hasattr(layer, "multihead_attn"):
        found |= weights_of(layer.multihead_attn, "cross_attn.")
    state = layer.state_dict().items()
    return found | {name: w for name, w in state if name.startswith(("linear", "norm"))}


def loaded(module, weights):
    """Make the module one of float64, with these weights."""
    module.double()
    module.load_state_dict(weights)
    return module


@part("softmax")
def test_softmax_by_hand(student):
    """The scores 0 and ln 3 give the weights ¼ and ¾, along the dimension that is named."""
    x = torch.tensor([[0.0, LN3], [0.0, 0.0]])
    close(student.softmax(x, 1), torch.tensor([[0.25, 0.75], [0.5, 0.5]]))
    close(student.softmax(x, 0), torch.tensor([[0.5, 0.75], [0.5, 0.25]]))


@part("softmax")
def test_softmax_far_out(student):
    """Scores near 1000 and near -1000 are no obstacle, even in one tensor."""
    x = torch.tensor([[1000.0, 1000.0 + LN3], [-1000.0, -1000.0 + LN3]], dtype=torch.float64)
    expected = torch.tensor([[0.25, 0.75], [0.25, 0.75]], dtype=torch.float64)
    close(student.softmax(x, -1), expected)


@part("causal_mask")
def test_causal_mask_by_hand(student):
    """Three queries see one, two and three keys; the last two of four see three and four."""
    equal(student.causal_mask(3, 3), booleans("x..", "xx.", "xxx"))
    equal(student.causal_mask(2, 4), booleans("xxx.", "xxxx"))


@part("padding_mask")
def test_padding_mask_by_hand(student):
    """Sequences of the lengths 1 and 3, padded to 4."""
    expected = booleans("x...", "xxx.")[:, None]  # (B, 1, T) = (2, 1, 4)
    equal(student.padding_mask(torch.tensor([1, 3]), 4), expected)


@part("sliding_window_mask")
def test_window_by_hand(student):
    """With a window of 2 every token sees itself and the one before it."""
    equal(student.sliding_window_mask(4, 2), booleans("x...", "xx..", ".xx.", "..xx"))


@part("attention")
def test_attention_by_hand(student):
    """A query with the scores ln 3 and 0 takes ¾ of one value and ¼ of the other."""
    q = torch.tensor([[2.0, 0.0, 0.0, 5.0]])  # (T_q, D) = (1, 4), so √D = 2
    k = torch.tensor([[LN3, 1.0, 1.0, 0.0], [0.0, -1.0, 2.0, 0.0]])  # (T_k, D) = (2, 4)
    v = torch.tensor([[4.0, 0.0, 1.0], [8.0, 4.0, 1.0]])  # (T_k, D_v) = (2, 3)
    out, weights = student.attention(q, k, v)
    close(weights, torch.tensor([[0.75, 0.25]]))
    close(out, torch.tensor([[5.0, 1.0, 1.0]]))


@part("attention")
def test_attention_under_masks(student):
    """Equal scores give equal weights to what may be seen; a query that sees nothing gets zeros."""
    q, k, v = torch.zeros(3, 2), torch.ones(3, 2), torch.tensor([[3.0], [6.0], [9.0]])
    out, weights = student.attention(q, k, v, booleans("x.x", "...", ".x."))
    close(weights, torch.tensor([[0.5, 0.0, 0.5], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    close(out, torch.tensor([[6.0], [0.0], [6.0]]))


@part("attention_backward")
def test_backward_by_hand(student):
    """One query of size 1 halfway between the keys 1 and -1 with the values 2 and 0."""
    q, k, v = torch.zeros(1, 1), torch.tensor([[1.0], [-1.0]]), torch.tensor([[2.0], [0.0]])
    dq, dk, dv = student.attention_backward(q, k, v, torch.tensor([[4.0]]))
    close(dv, torch.tensor([[2.0], [2.0]]))
    close(dq, torch.tensor([[4.0]]))  # dscores is ½ · (8 - 4) and ½ · (0 - 4): 2 and -2
    close(dk, torch.zeros(2, 1))  # q is 0


@part("attention_backward")
def test_backward_matches_autograd(student):
    """The gradients are those that torch's autograd finds."""
    q, k, v = (drawn(*s, seed=i).requires_grad_() for i, s in enumerate([(2, 5), (4, 5), (4, 3)]))
    dout = drawn(2, 3, seed=9)
    nn.functional.scaled_dot_product_attention(q, k, v).backward(dout)
    got = student.attention_backward(q.detach(), k.detach(), v.detach(), dout)
    close(got, (q.grad, k.grad, v.grad))


@part("sinusoidal_positions")
def test_sinusoids_by_hand(student):
    """With four columns there are two frequencies, 1 and 1/100."""
    rows = [[math.sin(p), math.cos(p), math.sin(p / 100), math.cos(p / 100)] for p in range(3)]
    close(student.sinusoidal_positions(3, 4), torch.tensor(rows))


@part("LearnedPositions")
def test_learned_positions_are_added(student):
    """Each token gets the row of the table that belongs to its position."""
    module = student.LearnedPositions(3, 2)
    module.load_state_dict({"table": torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])})
    x = torch.tensor([[[10.0, 10.0], [20.0, 20.0]]])  # (B, T, C) = (1, 2, 2)
    close(module(x), torch.tensor([[[11.0, 12.0], [23.0, 24.0]]]))


@part("LearnedPositions")
def test_learned_positions_end(student):
    """More tokens than positions raise a ValueError."""
    module = student.LearnedPositions(3, 2)
    with raises(ValueError):
        module(torch.zeros(1, 4, 2))


@part("rope")
def test_rope_by_hand(student):
    """At position p, the first pair turns by p and the second, with theta 100, by p / 10."""
    x = torch.tensor([[1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0]])  # (T, D) = (2, 4)
    c, s = math.cos(3.0), math.sin(3.0)
    expected = [[1.0, 0.0, 0.0, 1.0], [c, s, -math.sin(0.3), math.cos(0.3)]]
    close(student.rope(x, torch.tensor([0, 3]), 100.0), torch.tensor(expected))


@part("split_heads")
def test_split_by_hand(student):
    """Two tokens of four channels become two heads with two tokens of two channels."""
    x = torch.tensor([[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0]])  # (T, C)
    equal(student.split_heads(x, 2), torch.tensor([[[0.0, 1], [4, 5]], [[2, 3], [6, 7]]]))


@part("merge_heads")
def test_merge_by_hand(student):
    """Two heads with two tokens of two channels become two tokens of four channels."""
    x = torch.tensor([[[0.0, 1], [4, 5]], [[2, 3], [6, 7]]])  # (H, T, D)
    equal(student.merge_heads(x), torch.tensor([[0.0, 1, 2, 3], [4, 5, 6, 7]]))


@part("MultiHeadAttention")
def test_uniform_attention_is_a_mean(student):
    """With queries of 0 every score is 0, so under a causal mask each token becomes a mean."""
    C = 4
    module = student.MultiHeadAttention(C, 2)
    weights = {f"{name}_proj.weight": torch.eye(C) for name in ("q", "k", "v", "out")}
    weights |= {f"{name}_proj.bias": torch.zeros(C) for name in ("q", "k", "v", "out")}
    module.load_state_dict(weights | {"q_proj.weight": torch.zeros(C, C)})
    x = torch.tensor([[1.0, 2, 3, 4], [3.0, 4, 5, 6], [8.0, 0, 1, 2]])  # (T, C)
    expected = torch.tensor([[1.0, 2, 3, 4], [2, 3, 4, 5], [4, 2, 3, 4]])
    close(module(x, mask=booleans("x..", "xx.", "xxx")), expected)


@part("MultiHeadAttention")
def test_matches_torch_multihead(student):
    """With the same weights the result is that of nn.MultiheadAttention, alone and with context."""
    theirs = randomize(nn.MultiheadAttention(6, 3, batch_first=True).double())
    ours = loaded(student.MultiHeadAttention(6, 3), weights_of(theirs))
    x, context = drawn(2, 4, 6), drawn(2, 5, 6, seed=1)
    close(ours(x), theirs(x, x, x)[0])
    close(ours(x, context), theirs(x, context, context)[0])


@part("GroupedQueryAttention")
def test_grouped_shapes(student):
    """With 6 heads for queries and 2 for keys and values, their 12 channels become 4."""
    module = student.GroupedQueryAttention(12, 6, 2)
    sizes = [(each.in_features, each.out_features) for each in (module.k_proj, module.v_proj)]
    equal(sizes, [(12, 4), (12, 4)])


@part("GroupedQueryAttention")
def test_grouped_with_one_group_each(student):
    """With as many key heads as query heads it is nn.MultiheadAttention."""
    theirs = randomize(nn.MultiheadAttention(6, 3, batch_first=True).double())
    ours = loaded(student.GroupedQueryAttention(6, 3, 3), weights_of(theirs))
    x = drawn(2, 4, 6)
    close(ours(x), theirs(x, x, x)[0])


@part("EncoderLayer")
def test_matches_torch_encoder_layer(student):
    """With the same weights the result is that of nn.TransformerEncoderLayer."""
    theirs = nn.TransformerEncoderLayer(6, 3, 10, dropout=0.0, batch_first=True).double()
    ours = loaded(student.EncoderLayer(6, 3, 10), layer_weights(randomize(theirs)))
    x = drawn(2, 4, 6)
    close(ours(x), theirs(x))


@part("DecoderLayer")
def test_matches_torch_decoder_layer(student):
    """With the same weights the result is that of nn.TransformerDecoderLayer."""
    theirs = nn.TransformerDecoderLayer(6, 3, 10, dropout=0.0, batch_first=True).double()
    ours = loaded(student.DecoderLayer(6, 3, 10), layer_weights(randomize(theirs)))
    x, memory = drawn(2, 4, 6), drawn(2, 5, 6, seed=1)
    close(ours(x, memory), theirs(x, memory))
