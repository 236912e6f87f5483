"""Hidden tests of 09: slow loops, torch's own functions, closed forms, and loops that must learn.

The frozen numbers were worked out once from the formulas of TRL's PPOTrainer, DPOTrainer and
GRPOTrainer (huggingface/trl), written out in plain Python for the inputs that stand beside them.
"""

import math

import numpy as np
import torch
from torch.nn import functional as F

from autograder.faults import StudentFault
from autograder.testing import close, ensure, equal, first_difference, part

CHANGED = "Something that was passed in has been changed; make a new tensor instead."
LEAK = "A gradient reaches something that must stay fixed; detach it."


def normal(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape))


def float64(x):
    return torch.tensor(x, dtype=torch.float64)


def integer(rng, low, high):
    return int(rng.integers(low, high))


def draw_tokens(rng, V, *shape):
    return torch.from_numpy(rng.integers(0, V, shape))


def sizes(rng, count):
    """Return sizes from 3 to 8, no two the same, so that no transposition can hide."""
    return [int(n) for n in rng.permutation(np.arange(3, 9))[:count]]


def draw_mask(rng, B, T):
    """Return the mask of answers of different lengths: one token, all T, and what is between."""
    lengths = torch.from_numpy(rng.integers(1, T, B))
    lengths[0], lengths[1] = 1, T
    return torch.arange(T) < lengths[:, None]


def unchanged(student, target, *args, **kwargs):
    """Require that a call leaves its tensors as they were."""
    before = [a.clone() if isinstance(a, torch.Tensor) else a for a in args]
    _, after = student.observe(target, *args, **kwargs)
    for old, new in zip(before, after, strict=True):
        if isinstance(old, torch.Tensor):
            ensure(not first_difference(new, old, 0.0, 0.0), CHANGED)


def fixed(gradients):
    """Require that these gradients are None or zero."""
    ensure(all(g is None or not g.any() for g in gradients), LEAK)


def no_gradient(student, target, args, cotangents, wrt):
    """Require that no gradient reaches these inputs; torch may also refuse to look for one."""
    try:
        _, gradients = student.vjp(target, args, cotangents, wrt=wrt)
    except StudentFault as fault:
        if "does not require grad" not in fault.text:
            raise
        return
    fixed(gradients)


def garbage(x, mask):
    """Return x with NaN and inf wherever the mask is False."""
    junk = torch.where(torch.arange(x.numel()).reshape(x.shape) % 2 == 0, math.nan, math.inf)
    return torch.where(mask, x, junk.to(x.dtype))


# render_chat


@part("render_chat", basic=True)
def test_chat_of_several_turns(student, rng):
    """Every turn is start mark, role, newline, content, end mark, newline."""
    roles = ["system", "user", "assistant", "user"]
    messages = [{"role": r, "content": f"{r[:2]} {integer(rng, 0, 999)}"} for r in roles]
    want = "".join(
        "<|im_start|>" + m["role"] + "\n" + m["content"] + "<|im_end|>" + "\n" for m in messages
    )
    equal(student.render_chat(messages), want)


@part("render_chat")
def test_chat_keeps_the_content(student, rng):
    """Spaces, newlines and empty contents stay as they are."""
    contents = [f"  a {integer(rng, 0, 99)} \n", "", "x\n\ny ", "{role} %s <b>"]
    got = [student.render_chat([{"role": "tool", "content": c}]) for c in contents]
    equal(got, [f"<|im_start|>tool\n{c}<|im_end|>\n" for c in contents])


@part("render_chat")
def test_chat_of_nothing(student, rng):
    """Without messages the text is empty."""
    equal(student.render_chat([]), "")


# sft_labels


@part("sft_labels", basic=True)
def test_labels_of_two_answers(student, rng):
    """The words of each answer and the end token behind them are learned, the rest is -100."""
    got, want = [], []
    for end in (1, integer(rng, 2, 9)):
        T = integer(rng, 12, 16)
        ids = draw_tokens(rng, 50, T) + 10
        ids[[5, T - 2]] = end
        got.append(student.sft_labels(ids, [(3, 5), (8, T - 2)], end))
        kept = {3, 4, 5, *range(8, T - 1)}
        want.append(torch.tensor([int(t) if i in kept else -100 for i, t in enumerate(ids)]))
    equal(got, want)


@part("sft_labels")
def test_labels_of_an_answer_cut_off(student, rng):
    """Where no end token follows, or the text is over, only the words are learned."""
    T = integer(rng, 6, 9)
    ids = draw_tokens(rng, 50, T) + 10
    got = [student.sft_labels(ids, [span], 1) for span in ((2, T), (1, 3))]
    wants = [[t if i >= 2 else -100 for i, t in enumerate(ids.tolist())]]
    wants.append([t if 1 <= i < 3 else -100 for i, t in enumerate(ids.tolist())])
    equal(got, [torch.tensor(want) for want in wants])


@part("sft_labels")
def test_labels_of_no_answer(student, rng):
    """Without spans nothing is learned; an empty answer is its end token alone."""
    ids = draw_tokens(rng, 50, 5) + 10
    ids[2] = 1
    got = [student.sft_labels(ids, spans, 1) for spans in ([], [(2, 2)])]
    equal(got, [torch.full((5,), -100), torch.tensor([-100, -100, 1, -100, -100])])


@part("sft_labels")
def test_labels_do_not_touch_ids(student, rng):
    """The ids keep their values, and later changes of labels would not reach them."""
    unchanged(student, "sft_labels", draw_tokens(rng, 50, 6), [(1, 3)], 99)


# sft_loss


def slow_sft(logits, labels):
    total, count = 0.0, 0
    for b in range(labels.shape[0]):
        for t in range(1, labels.shape[1]):
            if labels[b, t] != -100:
                row = logits[b, t - 1].tolist()
                top = max(row)
                log_sum = top + math.log(sum(math.exp(x - top) for x in row))
                total, count = total + log_sum - row[int(labels[b, t])], count + 1
    return torch.tensor(total / max(count, 1), dtype=logits.dtype)


def draw_labels(rng, B, T, V):
    labels = draw_tokens(rng, V, B, T)
    labels[torch.from_numpy(rng.random((B, T)) < 0.5)] = -100
    labels[0] = -100
    labels[0, 0] = 1  # the first token has no place before it that could predict it
    labels[1, 1:] = 2
    return labels


@part("sft_loss", basic=True)
def test_sft_loss_matches_a_slow_loop(student, rng):
    """Place t predicts token t + 1; the mean is over all learned tokens of the batch."""
    B, T, V = sizes(rng, 3)
    cases = [(normal(rng, B, T, V) * s, draw_labels(rng, B, T, V)) for s in (1.0, 3.0)]
    close([student.sft_loss(*case) for case in cases], [slow_sft(*case) for case in cases])


@part("sft_loss")
def test_sft_loss_of_large_logits(student, rng):
    """Logits of ±1000 give a finite loss."""
    logits, labels = normal(rng, 2, 4, 5) * 1000, draw_labels(rng, 2, 4, 5)
    close(student.sft_loss(logits, labels), slow_sft(logits, labels))


@part("sft_loss")
def test_sft_loss_of_nothing(student, rng):
    """Without any label the loss is 0, not NaN; a single label is its own mean."""
    logits, one = normal(rng, 2, 4, 5), torch.full((2, 4), -100)
    one[1, 2] = 3
    close(student.sft_loss(logits, one), slow_sft(logits, one))
    close(
        student.sft_loss(logits, torch.full((2, 4), -100)), torch.tensor(0.0, dtype=torch.float64)
    )


@part("sft_loss")
def test_sft_loss_passes_gradients(student, rng):
    """Logits get (p - one hot) / count where a label is learned, and 0 elsewhere."""
    logits, labels = normal(rng, 3, 4, 5), draw_labels(rng, 3, 4, 5)
    _, (got,) = student.vjp("sft_loss", [logits, labels], float64(1.0))
    want = torch.zeros_like(logits)
    for b, t in torch.nonzero(labels[:, 1:] != -100).tolist():
        want[b, t] = torch.softmax(logits[b, t], -1)
        want[b, t, labels[b, t + 1]] -= 1
    close(got, want / int((labels[:, 1:] != -100).sum()))


# token_logprobs


def slow_logprobs(logits, ids):
    out = torch.zeros(ids.shape, dtype=logits.dtype)
    for index in np.ndindex(*ids.shape):
        row = logits[index].tolist()
        top = max(row)
        out[index] = row[int(ids[index])] - top - math.log(sum(math.exp(x - top) for x in row))
    return out


@part("token_logprobs", basic=True)
def test_logprobs_match_a_slow_loop(student, rng):
    """Each place's own token, under a softmax over V; with 0 to 2 leading dimensions."""
    B, T, V = sizes(rng, 3)
    cases = [(normal(rng, *n, T, V), draw_tokens(rng, V, *n, T)) for n in ((), (B,), (2, B))]
    close(
        [student.token_logprobs(*case) for case in cases], [slow_logprobs(*case) for case in cases]
    )


@part("token_logprobs")
def test_logprobs_of_a_square(student, rng):
    """With B = T = V the right dimension is still the last."""
    n = integer(rng, 3, 6)
    case = normal(rng, n, n, n), draw_tokens(rng, n, n, n)
    close(student.token_logprobs(*case), slow_logprobs(*case))


@part("token_logprobs")
def test_logprobs_far_apart(student, rng):
    """Logits that lie 2000 apart give finite log-probabilities."""
    logits = normal(rng, 3, 4) * 2000
    logits[:, 3] = logits.amax(1) + 2000
    ids = torch.tensor([0, 3, 1])
    close(student.token_logprobs(logits, ids), slow_logprobs(logits, ids))


@part("token_logprobs")
def test_logprobs_pass_gradients(student, rng):
    """The logits get one hot - p."""
    logits, ids = normal(rng, 3, 5), draw_tokens(rng, 5, 3)
    _, (got,) = student.vjp("token_logprobs", [logits, ids], torch.ones(3).double())
    close(got, F.one_hot(ids, 5) - torch.softmax(logits, -1))


# masked_mean


def slow_mean(x, mask, dim):
    if dim is None:
        kept = x[mask].tolist()
        return torch.tensor(sum(kept) / max(len(kept), 1), dtype=x.dtype)
    rows, masks = x.movedim(dim, -1), mask.movedim(dim, -1)
    out = torch.zeros(rows.shape[:-1], dtype=x.dtype)
    for index in np.ndindex(*out.shape):
        out[index] = slow_mean(rows[index], masks[index], None)
    return out


@part("masked_mean", basic=True)
def test_mean_matches_a_slow_loop(student, rng):
    """The mean along each dimension, and of all, is over what is not masked."""
    x = normal(rng, *sizes(rng, 3))
    mask = torch.from_numpy(rng.random(x.shape) < 0.6)
    dims = [None, 0, 1, 2, -1]
    close([student.masked_mean(x, mask, d) for d in dims], [slow_mean(x, mask, d) for d in dims])


@part("masked_mean")
def test_mean_of_everything_by_default(student, rng):
    """Without dim there is one mean over all real numbers, not a mean of means."""
    x, mask = normal(rng, 4, 6), draw_mask(rng, 4, 6)
    close(student.masked_mean(x, mask), slow_mean(x, mask, None))


@part("masked_mean")
def test_mean_of_nothing(student, rng):
    """Where all is masked the mean is 0."""
    x, mask = normal(rng, 3, 4), draw_mask(rng, 3, 4)
    mask[2] = False
    got = [student.masked_mean(x, mask, 1), student.masked_mean(x, mask & False)]
    close(got, [slow_mean(x, mask, 1), torch.tensor(0.0, dtype=torch.float64)])


@part("masked_mean")
def test_mean_ignores_garbage(student, rng):
    """NaN and inf that are masked do not count."""
    x, mask = normal(rng, 4, 6), draw_mask(rng, 4, 6)
    got = [student.masked_mean(garbage(x, mask), mask, d) for d in (None, 1)]
    close(got, [slow_mean(x, mask, d) for d in (None, 1)])


# LoRALinear


def draw_lora(rng, student, bias=True):
    """Return a LoRALinear of the student's with drawn weights, and these."""
    student.library("torch.manual_seed")(7)  # what is drawn at random is the same each time
    n_in, n_out, rank = sizes(rng, 3)
    linear = student.library("torch.nn.Linear")(n_in, n_out, bias=bias)
    linear.double()
    alpha = float(rng.uniform(1.5, 4.0)) * rank
    layer = student.LoRALinear(linear, rank, alpha)
    weights = {"A": normal(rng, rank, n_in), "B": normal(rng, n_out, rank)}
    weights["linear.weight"] = normal(rng, n_out, n_in)
    if bias:
        weights["linear.bias"] = normal(rng, n_out)
    return layer, weights, alpha / rank


@part("LoRALinear", basic=True)
def test_lora_matches_the_formula(student, rng):
    """The output is linear(x) + alpha / rank · B A x, for any number of leading dimensions."""
    layer, w, scale = draw_lora(rng, student)
    layer.load_state_dict(w)
    xs = [normal(rng, *lead, w["A"].shape[1]) for lead in ((), (4,), (2, 3))]
    whole = w["linear.weight"] + scale * w["B"] @ w["A"]
    close([layer(x) for x in xs], [x @ whole.T + w["linear.bias"] for x in xs])


@part("LoRALinear")
def test_lora_starts_as_the_layer(student, rng):
    """A fresh one computes what its layer computes: B is zero, and A is not."""
    layer, w, _ = draw_lora(rng, student)
    state = layer.state_dict()
    x = normal(rng, 4, w["A"].shape[1])
    close(layer(x), x @ state["linear.weight"].T + state["linear.bias"])
    equal(state["B"], torch.zeros_like(w["B"]))
    A = state["A"]
    equal((A.shape, A.dtype), (w["A"].shape, torch.float64))
    ensure(A.unique().numel() > 1, "A is not random, so nothing can be learned.")


@part("LoRALinear")
def test_lora_freezes_the_layer(student, rng):
    """Only A and B take gradients."""
    layer, w, scale = draw_lora(rng, student)
    layer.load_state_dict(w)
    x, dout = normal(rng, 4, w["A"].shape[1]), normal(rng, 4, w["B"].shape[0])
    _, (dA, dB) = student.vjp(layer, [x], dout, wrt=("A", "B"))
    no_gradient(student, layer, [x], dout, ("linear.weight", "linear.bias"))
    close((dA, dB), (scale * w["B"].T @ dout.T @ x, scale * dout.T @ x @ w["A"].T))


@part("LoRALinear")
def test_lora_merged_equals_unmerged(student, rng):
    """merge gives a plain linear layer that computes the same, with and without a bias."""
    for bias in (True, False):
        layer, w, scale = draw_lora(rng, student, bias)
        layer.load_state_dict(w)
        merged = layer.merge()
        want = {"weight": w["linear.weight"] + scale * w["B"] @ w["A"]}
        if bias:
            want["bias"] = w["linear.bias"]
        close(dict(merged.state_dict()), want)


@part("LoRALinear")
def test_lora_merge_leaves_the_layer_alone(student, rng):
    """After merge the layer computes what it did before, and merge can be called again."""
    layer, w, scale = draw_lora(rng, student)
    layer.load_state_dict(w)
    first, second = layer.merge(), layer.merge()
    x = normal(rng, 4, w["A"].shape[1])
    want = x @ (w["linear.weight"] + scale * w["B"] @ w["A"]).T + w["linear.bias"]
    close([layer(x), first(x), second(x)], [want] * 3)


# RewardModel


def draw_reward_model(rng, student, reference, V, C):
    """Return a reward model on both sides with the same weights."""
    ours = reference.RewardModel(reference.Backbone(V, C)).double()
    weights = {name: normal(rng, *w.shape) for name, w in ours.state_dict().items()}
    ours.load_state_dict(weights)
    theirs = student.RewardModel(student.Backbone(V, C))
    theirs.double()
    theirs.load_state_dict(weights)
    return theirs, weights


def slow_scores(reference, weights, ids, lengths, V, C):
    """Score each text alone, without padding."""
    backbone = reference.Backbone(V, C).double()
    kept = {n.removeprefix("backbone."): w for n, w in weights.items() if "backbone" in n}
    backbone.load_state_dict(kept)
    with torch.no_grad():
        hidden = [backbone(ids[b : b + 1, : int(n)])[0, -1] for b, n in enumerate(lengths)]
    return torch.stack([h @ weights["score.weight"][0] for h in hidden])


@part("RewardModel", basic=True)
def test_score_is_read_at_the_last_token(student, reference, rng):
    """The score of a padded text is that of the text alone."""
    B, T, V, C = sizes(rng, 4)
    model, weights = draw_reward_model(rng, student, reference, V, C)
    ids = draw_tokens(rng, V, B, T)
    lengths = draw_mask(rng, B, T).sum(1)
    close(model(ids, lengths), slow_scores(reference, weights, ids, lengths, V, C))


@part("RewardModel")
def test_score_of_full_texts(student, reference, rng):
    """Texts without padding, and texts of one token, are scored too; B = T changes nothing."""
    n, V, C = sizes(rng, 3)
    model, weights = draw_reward_model(rng, student, reference, V, C)
    ids = draw_tokens(rng, V, n, n)
    pairs = [(ids, torch.full((n,), n)), (ids, torch.ones(n).long()), (ids, torch.arange(n) + 1)]
    close(
        [model(*pair) for pair in pairs],
        [slow_scores(reference, weights, *pair, V, C) for pair in pairs],
    )


@part("RewardModel")
def test_score_does_not_depend_on_padding(student, reference, rng):
    """Whatever stands in the padding, the score is the same."""
    V, C = 6, 4
    model, weights = draw_reward_model(rng, student, reference, V, C)
    ids = draw_tokens(rng, V, 3, 5)
    lengths = torch.tensor([2, 4, 3])
    other = torch.where(torch.arange(5) < lengths[:, None], ids, (ids + 1) % V)
    want = slow_scores(reference, weights, ids, lengths, V, C)
    close([model(ids, lengths), model(other, lengths)], [want, want])


@part("RewardModel")
def test_reward_model_parameters(student, reference, rng):
    """The head is a linear layer from C to 1 without bias, and the backbone is trained as well."""
    V, C = sizes(rng, 2)
    ours = reference.RewardModel(reference.Backbone(V, C))
    want = {name: tuple(p.shape) for name, p in ours.named_parameters()}
    model = student.RewardModel(student.Backbone(V, C))
    got = {name: tuple(p.shape) for name, p in model.named_parameters()}
    equal(got, want)


# preference_loss


@part("preference_loss", basic=True)
def test_preference_loss_by_hand(student, rng):
    """It is the mean of log(1 + exp(rejected - chosen))."""
    c, r = normal(rng, 2, integer(rng, 4, 8)) * 2
    want = sum(math.log1p(math.exp(b - a)) for a, b in zip(c.tolist(), r.tolist(), strict=True))
    close(student.preference_loss(c, r), torch.tensor(want / len(c), dtype=torch.float64))


@part("preference_loss")
def test_preference_loss_of_scores_far_apart(student, rng):
    """A difference of -2000 costs 2000, one of +2000 nothing, and the gradient is finite."""
    gap = float(rng.uniform(1500, 2500))
    c, r = float64([0.0, gap]), float64([gap, 0.0])
    one = float64(1.0)
    loss, gradients = student.vjp("preference_loss", [c, r], one, wrt=(0, 1))
    close(loss, float64(gap / 2), rtol=1e-6)
    want = float64([-0.5, 0.0])
    close(gradients, (want, -want))


@part("preference_loss")
def test_preference_loss_of_equal_scores(student, rng):
    """Equal scores cost ln 2, however many pairs there are and however high the scores."""
    x = normal(rng, 7) * 100
    close(student.preference_loss(x, x), float64(math.log(2)), rtol=1e-6)


# ppo


@part("kl_estimates", basic=True)
def test_kl_estimates_by_hand(student, rng):
    """k1 = -log r, k2 = ½ (log r)², k3 = r - 1 - log r, with r = p_ref / p_policy."""
    a, b = -normal(rng, 2, 3, 5).abs()
    r = (b.exp() / a.exp()).numpy()
    want = -np.log(r), 0.5 * np.log(r) ** 2, r - 1 - np.log(r)
    close(student.kl_estimates(a, b), tuple(torch.from_numpy(k) for k in want))


@part("kl_estimates")
def test_kl_estimates_are_right_on_average(student, rng):
    """Weighted by the policy's probabilities, k1 and k3 both give the exact divergence."""
    p, q = torch.softmax(normal(rng, 2, 6), -1)
    k1, k2, k3 = student.kl_estimates(p.log(), q.log())
    exact = (p * (p / q).log()).sum()
    close([(p * k1).sum(), (p * k3).sum()], [exact, exact])
    close((p * k2).sum(), (p * 0.5 * (p / q).log() ** 2).sum())


@part("kl_estimates")
def test_kl_estimates_of_equals(student, rng):
    """A policy that is its reference has no divergence."""
    x = -normal(rng, 4).abs()
    close(student.kl_estimates(x, x), (torch.zeros(4).double(),) * 3)


def slow_shaped(score, kl, beta, mask):
    out = torch.zeros_like(kl)
    for b in range(kl.shape[0]):
        real = [t for t in range(kl.shape[1]) if mask[b, t]]
        for t in real:
            out[b, t] = -beta * kl[b, t]
        if real:
            out[b, real[-1]] += score[b]
    return out


@part("shaped_rewards", basic=True)
def test_shaped_rewards_match_a_slow_loop(student, rng):
    """Each real token costs beta · kl, and the last of them gets the score."""
    B, T = sizes(rng, 2)
    cases = [(normal(rng, B), normal(rng, B, T), b, draw_mask(rng, B, T)) for b in (0.1, 0.7)]
    close([student.shaped_rewards(*c) for c in cases], [slow_shaped(*c) for c in cases])


@part("shaped_rewards")
def test_shaped_rewards_of_a_square(student, rng):
    """With as many answers as tokens, each score goes to its own row."""
    n = integer(rng, 3, 6)
    case = normal(rng, n), normal(rng, n, n), 0.3, draw_mask(rng, n, n)
    close(student.shaped_rewards(*case), slow_shaped(*case))


@part("shaped_rewards")
def test_shaped_rewards_of_padding(student, rng):
    """A divergence of NaN or inf in the padding costs nothing; a row without tokens has zeros."""
    mask = draw_mask(rng, 4, 6)
    mask[3] = False
    score, kl = normal(rng, 4), normal(rng, 4, 6)
    got = student.shaped_rewards(score, garbage(kl, mask), 0.5, mask)
    close(got, slow_shaped(score, kl, 0.5, mask))


@part("shaped_rewards")
def test_shaped_rewards_leave_inputs_alone(student, rng):
    """Score, divergence and mask keep their values."""
    unchanged(
        student, "shaped_rewards", normal(rng, 3), normal(rng, 3, 4), 0.1, draw_mask(rng, 3, 4)
    )


def slow_gae(rewards, values, dones, gamma, lam):
    """Add up the discounted deltas of every step, from the definition."""
    B, T = rewards.shape
    out = torch.zeros_like(values)
    for b in range(B):
        for t in range(T):
            weight = 1.0
            for s in range(t, T):
                stop = bool(dones[b, s]) or s == T - 1
                after = 0.0 if stop else float(values[b, s + 1])
                out[b, t] += weight * (rewards[b, s] + gamma * after - values[b, s])
                if stop:
                    break
                weight *= gamma * lam
    return out, out + values


@part("gae", basic=True)
def test_gae_matches_a_slow_sum(student, rng):
    """Advantages are sums of discounted deltas up to the end of the episode; returns add values."""
    B, T = sizes(rng, 2)
    cases = []
    for gamma, lam in ((0.9, 0.8), (1.0, 0.95), (0.5, 1.0)):
        dones = torch.from_numpy(rng.random((B, T)) < 0.3)
        cases.append((normal(rng, B, T), normal(rng, B, T), dones, gamma, lam))
    close([student.gae(*case) for case in cases], [slow_gae(*case) for case in cases])


@part("gae")
def test_gae_without_any_end(student, rng):
    """Without a done, what comes after the last column is 0, also when there is one column."""
    cases = []
    for T in (5, 1):
        cases.append((normal(rng, 3, T), normal(rng, 3, T), torch.zeros(3, T).bool(), 0.9, 0.7))
    close([student.gae(*case) for case in cases], [slow_gae(*case) for case in cases])


@part("gae")
def test_gae_at_the_ends_of_lambda(student, rng):
    """lam 0 gives single deltas; lam = gamma = 1 gives returns that are the rewards to come."""
    r, v = normal(rng, 2, 3, 5)
    none = torch.zeros(3, 5).bool()
    after = torch.cat((v[:, 1:], torch.zeros(3, 1)), 1)
    got = student.gae(r, v, none, 0.9, 0.0)[0], student.gae(r, v, none, 1.0, 1.0)[1]
    close(got, (r + 0.9 * after - v, r.flip(1).cumsum(1).flip(1)))


@part("gae")
def test_gae_keeps_values_fixed(student, rng):
    """Inputs keep their values, and no gradient flows to the values."""
    r, v = normal(rng, 2, 3, 5)
    none = torch.zeros(3, 5).bool()
    unchanged(student, "gae", r, v, none, 0.9, 0.9)
    no_gradient(student, "gae", [r, v, none, 0.9, 0.9], (r, v), (0, 1))


def slow_ppo(logp, old, A, mask, clip):
    gains = []
    for b, t in torch.nonzero(mask).tolist():
        ratio = math.exp(float(logp[b, t] - old[b, t]))
        kept = min(max(ratio, 1 - clip), 1 + clip)
        gains.append(min(ratio * float(A[b, t]), kept * float(A[b, t])))
    return torch.tensor(-sum(gains) / len(gains), dtype=logp.dtype)


def draw_ppo(rng, B, T):
    logp = -normal(rng, B, T).abs()
    return logp, logp + normal(rng, B, T) / 2, normal(rng, B, T) * 2, draw_mask(rng, B, T)


@part("ppo_loss", basic=True)
def test_ppo_loss_matches_a_slow_loop(student, rng):
    """Minus the mean over real tokens of the smaller of both gains, for three clips."""
    cases = [(*draw_ppo(rng, *sizes(rng, 2)), clip) for clip in (0.2, 0.1, 0.4)]
    close([student.ppo_loss(*case) for case in cases], [slow_ppo(*case) for case in cases])


@part("ppo_loss")
def test_ppo_loss_clips_by_default(student, rng):
    """Without a clip it is 0.2."""
    case = draw_ppo(rng, 4, 6)
    close(student.ppo_loss(*case), slow_ppo(*case, 0.2))


@part("ppo_loss")
def test_ppo_loss_ignores_padding(student, rng):
    """What stands in the padding, NaN included, does not count."""
    logp, old, A, mask = draw_ppo(rng, 4, 6)
    got = student.ppo_loss(garbage(logp, mask), old, garbage(A, mask), mask, 0.2)
    close(got, slow_ppo(logp, old, A, mask, 0.2))


@part("ppo_loss")
def test_ppo_loss_passes_gradients_to_logp_alone(student, rng):
    """At ratio 1 the gradient is -A / count at real tokens; old ones and advantages get none."""
    logp, _, A, mask = draw_ppo(rng, 4, 6)
    args = [logp, logp.clone(), A, mask, 0.2]
    one = float64(1.0)
    _, (got, *others) = student.vjp("ppo_loss", args, one, wrt=(0, 1, 2))
    close(got, torch.where(mask, -A, 0.0) / mask.sum())
    fixed(others)


@part("ppo_loss")
def test_ppo_loss_frozen(student, rng):
    """The number that TRL's formula gives for these six tokens."""
    logp = float64([[-0.5, -1.0, -2.0], [-0.3, -1.5, -9.0]])
    old = float64([[-1.0, -1.0, -1.2], [-0.9, -1.1, 0.0]])
    A = float64([[1.0, -2.0, 0.5], [-1.5, -0.4, 7.0]])
    mask = torch.tensor([[True, True, True], [True, True, False]])
    close(student.ppo_loss(logp, old, A, mask, 0.2), float64(0.725702743705))


def slow_value(values, old, returns, mask, clip):
    errors = []
    for b, t in torch.nonzero(mask).tolist():
        v, o, g = (float(x[b, t]) for x in (values, old, returns))
        near = min(max(v, o - clip), o + clip)
        errors.append(max((v - g) ** 2, (near - g) ** 2))
    return torch.tensor(0.5 * sum(errors) / len(errors), dtype=values.dtype)


@part("value_loss", basic=True)
def test_value_loss_matches_a_slow_loop(student, rng):
    """Half the mean over real tokens of the larger squared error."""
    cases = []
    for clip in (0.2, 0.6):
        B, T = sizes(rng, 2)
        cases.append((*normal(rng, 3, B, T), draw_mask(rng, B, T), clip))
    close([student.value_loss(*case) for case in cases], [slow_value(*case) for case in cases])


@part("value_loss")
def test_value_loss_clips_by_default(student, rng):
    """Without a clip it is 0.2, and padding does not count."""
    v, old, g = normal(rng, 3, 4, 6)
    mask = draw_mask(rng, 4, 6)
    got = student.value_loss(garbage(v, mask), old, garbage(g, mask), mask)
    close(got, slow_value(v, old, g, mask, 0.2))


@part("value_loss")
def test_value_loss_passes_gradients_to_values_alone(student, rng):
    """With values near the old ones the gradient is (value - return) / count."""
    old, g = normal(rng, 2, 4, 6)
    v, mask = old + 0.05, draw_mask(rng, 4, 6)
    one = float64(1.0)
    _, (got, *others) = student.vjp("value_loss", [v, old, g, mask, 0.2], one, wrt=(0, 1, 2))
    close(got, torch.where(mask, v - g, 0.0) / mask.sum())
    fixed(others)


@part("value_loss")
def test_value_loss_frozen(student, rng):
    """The number that TRL's formula gives for these three tokens."""
    v, old = float64([[1.0, 0.2, -0.4]]), float64([[0.5, 0.1, 0.4]])
    returns = float64([[2.0, 0.0, -1.0]])
    mask = torch.ones(1, 3).bool()
    close(student.value_loss(v, old, returns, mask, 0.2), float64(0.528333333333))


@part("entropy", basic=True)
def test_entropy_matches_torch(student, rng):
    """It is that of torch's Categorical distribution, with 0 to 2 leading dimensions."""
    V = integer(rng, 3, 8)
    xs = [normal(rng, *lead, V) * 2 for lead in ((), (4,), (2, 5))]
    close([student.entropy(x) for x in xs], [categorical(x).entropy() for x in xs])


def categorical(logits):
    return torch.distributions.Categorical(logits=logits)


@part("entropy")
def test_entropy_of_equal_logits(student, rng):
    """V equal logits have ln V, also at 1000, and a sure token has 0."""
    V = integer(rng, 3, 9)
    sure = torch.zeros(V).double()
    sure[1] = 5000.0
    got = [student.entropy(torch.full((V,), 1000.0).double()), student.entropy(sure)]
    close(got, [float64(math.log(V)), float64(0.0)], rtol=1e-6)


@part("entropy")
def test_entropy_without_a_token(student, rng):
    """A logit of -inf adds nothing."""
    x = normal(rng, 3, 5)
    hidden = x.clone()
    hidden[:, 2] = -math.inf
    close(student.entropy(hidden), categorical(x[:, [0, 1, 3, 4]]).entropy())


@part("entropy")
def test_entropy_passes_gradients(student, rng):
    """The logits get -p (log p + H)."""
    x = normal(rng, 3, 5)
    logp = torch.log_softmax(x, -1)
    want = -logp.exp() * (logp + categorical(x).entropy()[:, None])
    close(student.vjp("entropy", [x], torch.ones(3).double())[1], (want,))


# preference


@part("sequence_logprob", basic=True)
def test_sequence_logprob_is_a_sum(student, rng):
    """It is the sum over the real tokens of each row."""
    B, T = sizes(rng, 2)
    logp, mask = -normal(rng, B, T).abs(), draw_mask(rng, B, T)
    want = [sum(x for x, m in zip(*row, strict=True) if m) for row in zip(logp.tolist(), mask)]
    close(student.sequence_logprob(logp, mask), float64(want))


@part("sequence_logprob")
def test_sequence_logprob_ignores_padding(student, rng):
    """NaN and inf in the padding do not count, and an empty answer has log-probability 0."""
    logp, mask = -normal(rng, 4, 6).abs(), draw_mask(rng, 4, 6)
    mask[3] = False
    want = torch.stack([row[m].sum() for row, m in zip(logp, mask, strict=True)])
    close(student.sequence_logprob(garbage(logp, mask), mask), want)


@part("sequence_logprob")
def test_sequence_logprob_of_a_square(student, rng):
    """With as many answers as tokens, sums are still along rows; masks may have holes."""
    n = integer(rng, 3, 6)
    logp, mask = -normal(rng, n, n).abs(), torch.from_numpy(rng.random((n, n)) < 0.5)
    want = torch.stack([row[m].sum() for row, m in zip(logp, mask, strict=True)])
    close(student.sequence_logprob(logp, mask), want)


def slow_dpo(c, r, ref_c, ref_r, beta):
    losses = []
    for a, b, x, y in zip(*(t.tolist() for t in (c, r, ref_c, ref_r)), strict=True):
        losses.append(math.log1p(math.exp(-beta * ((a - x) - (b - y)))))
    return torch.tensor(sum(losses) / len(losses), dtype=c.dtype)


@part("dpo_loss", basic=True)
def test_dpo_loss_matches_a_slow_loop(student, rng):
    """-log σ(beta · margin), the mean over pairs, for three betas."""
    cases = [(*(-normal(rng, 4, integer(rng, 4, 8)).abs() * 8), b) for b in (0.1, 0.5, 2.0)]
    close([student.dpo_loss(*case) for case in cases], [slow_dpo(*case) for case in cases])


@part("dpo_loss")
def test_dpo_loss_starts_at_ln_2(student, rng):
    """A policy that is its reference has the loss ln 2, and beta is 0.1 by default."""
    c, r, x, y = -normal(rng, 4, 5).abs() * 8
    got = [student.dpo_loss(c, r, c, r), student.dpo_loss(c, r, x, y)]
    close(got, [float64(math.log(2)), slow_dpo(c, r, x, y, 0.1)], rtol=1e-6)


@part("dpo_loss")
def test_dpo_loss_of_large_margins(student, rng):
    """Margins of ±20,000 give a finite loss."""
    gap = float(rng.uniform(15000, 25000))
    c, zero = float64([-gap, gap]), torch.zeros(2).double()
    close(
        student.dpo_loss(c, zero, zero, zero, 0.1),
        torch.tensor(gap * 0.05, dtype=torch.float64),
    )


@part("dpo_loss")
def test_dpo_loss_leaves_the_reference_alone(student, rng):
    """At the start the gradient is ∓ beta / 2B for the policy, and none for the reference."""
    c, r = -normal(rng, 2, 5).abs()
    one = float64(1.0)
    args = [c, r, c.clone(), r.clone(), 0.4]
    _, (dc, dr, *others) = student.vjp("dpo_loss", args, one, wrt=(0, 1, 2, 3))
    want = float64([0.4 / 2 / 5] * 5)
    close((dc, dr), (-want, want))
    fixed(others)


@part("dpo_loss")
def test_dpo_loss_frozen(student, rng):
    """The number that TRL's sigmoid loss gives for these two pairs."""
    rows = [[-12.0, -30.5], [-14.0, -29.0], [-12.5, -31.0], [-13.0, -30.0]]
    close(
        student.dpo_loss(*float64(rows), 0.1),
        torch.tensor(0.669708347901, dtype=torch.float64),
    )


# grpo


def slow_advantages(rewards, group):
    out = []
    for start in range(0, len(rewards), group):
        rows = rewards[start : start + group].tolist()
        mean = sum(rows) / group
        deviation = math.sqrt(sum((x - mean) ** 2 for x in rows) / (group - 1))
        out += [(x - mean) / (deviation + 1e-4) for x in rows]
    return torch.tensor(out, dtype=rewards.dtype)


@part("grpo_advantages", basic=True)
def test_advantages_match_a_slow_loop(student, rng):
    """Neighbours are compared with each other, in deviations of a sample."""
    cases = [(normal(rng, p * g) * s, g) for p, g, s in ((4, 3, 1.0), (2, 5, 9.0), (3, 2, 0.001))]
    close([student.grpo_advantages(*c) for c in cases], [slow_advantages(*c) for c in cases])


@part("grpo_advantages")
def test_advantages_of_equal_rewards(student, rng):
    """A group whose rewards are all equal gets zeros, and the others are untouched."""
    rewards = torch.cat((torch.full((4,), float(rng.integers(1, 9))).double(), normal(rng, 4)))
    close(student.grpo_advantages(rewards, 4), slow_advantages(rewards, 4))


@part("grpo_advantages")
def test_advantages_of_a_square(student, rng):
    """With as many prompts as answers each, neighbours are still what belongs together."""
    n = integer(rng, 3, 6)
    rewards = normal(rng, n * n)
    close(student.grpo_advantages(rewards, n), slow_advantages(rewards, n))


def slow_grpo(logp, old, ref, A, mask, clip, beta):
    rows = []
    for b in range(len(A)):
        terms = []
        for t in torch.nonzero(mask[b])[:, 0].tolist():
            ratio = math.exp(float(logp[b, t] - old[b, t]))
            kept = min(max(ratio, 1 - clip), 1 + clip)
            log_r = float(ref[b, t] - logp[b, t])
            k3 = math.exp(log_r) - 1 - log_r
            terms.append(beta * k3 - min(ratio * float(A[b]), kept * float(A[b])))
        rows.append(sum(terms) / len(terms))
    return torch.tensor(sum(rows) / len(rows), dtype=logp.dtype)


def draw_grpo(rng, B, T):
    logp = -normal(rng, B, T).abs()
    old, ref = (logp + normal(rng, B, T) / 2 for _ in range(2))
    return logp, old, ref, normal(rng, B) * 2, draw_mask(rng, B, T)


@part("grpo_loss", basic=True)
def test_grpo_loss_matches_a_slow_loop(student, rng):
    """beta · k3 minus the smaller gain; the mean of each answer first, then of all answers."""
    knobs = [(0.2, 0.04), (0.1, 1.0), (0.4, 0.0)]
    cases = [(*draw_grpo(rng, *sizes(rng, 2)), *knob) for knob in knobs]
    close([student.grpo_loss(*case) for case in cases], [slow_grpo(*case) for case in cases])


@part("grpo_loss")
def test_grpo_loss_of_a_square_by_default(student, rng):
    """As many answers as tokens; clip is 0.2 and beta 0.04 by default."""
    n = integer(rng, 3, 6)
    case = draw_grpo(rng, n, n)
    close(student.grpo_loss(*case), slow_grpo(*case, 0.2, 0.04))


@part("grpo_loss")
def test_grpo_loss_ignores_padding(student, rng):
    """What stands in the padding, NaN included, does not count."""
    logp, old, ref, A, mask = draw_grpo(rng, 4, 6)
    got = student.grpo_loss(garbage(logp, mask), old, garbage(ref, mask), A, mask)
    close(got, slow_grpo(logp, old, ref, A, mask, 0.2, 0.04))


@part("grpo_loss")
def test_grpo_loss_passes_gradients_to_logp_alone(student, rng):
    """At the start the gradient is -A / (B · length); nothing else gets one."""
    logp, _, _, A, mask = draw_grpo(rng, 4, 6)
    args = [logp, logp.clone(), logp.clone(), A, mask]
    one = float64(1.0)
    _, (got, *others) = student.vjp("grpo_loss", args, one, wrt=(0, 1, 2, 3))
    close(got, torch.where(mask, -A[:, None], 0.0) / mask.sum(1, keepdim=True) / 4)
    fixed(others)


@part("grpo_loss")
def test_grpo_loss_frozen(student, rng):
    """The number that TRL's formula (loss type "grpo") gives for these five tokens."""
    logp = float64([[-0.5, -1.0, -2.0], [-0.3, -1.5, -9.0]])
    old = float64([[-1.0, -1.0, -1.2], [-0.9, -1.1, 0.0]])
    ref = float64([[-0.7, -1.4, -1.6], [-0.8, -1.2, 0.0]])
    mask = torch.tensor([[True, True, True], [True, True, False]])
    got = student.grpo_loss(logp, old, ref, float64([0.7, -0.7]), mask, 0.2, 0.04)
    close(got, torch.tensor(0.152552142239, dtype=torch.float64))


# rollout


def draw_policy(rng, student, reference, V=5, C=4, scale=1.0):
    """Return a policy on both sides with the same drawn weights."""
    student.library("torch.manual_seed")(7)  # what is drawn at random is the same each time
    ours = reference.Policy(V, C).double()
    weights = {name: normal(rng, *w.shape) * scale for name, w in ours.state_dict().items()}
    ours.load_state_dict(weights)
    theirs = student.Policy(V, C)
    theirs.double()
    theirs.load_state_dict(weights)
    return theirs, ours


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def slow_rollout(policy, prompts, n, rng):
    """Keep every row as a list, and draw by the agreed call."""
    B = len(prompts)
    rows, logps = [row.tolist() for row in prompts], [[] for _ in range(B)]
    for _ in range(n):
        ended = [bool(p) and row[-1] == 0 for p, row in zip(logps, rows, strict=True)]
        if all(ended):
            break
        width = max(map(len, rows))
        padded = torch.tensor([row + [0] * (width - len(row)) for row in rows])
        with torch.no_grad():
            p = torch.softmax(policy(padded)[:, -1], -1)
        drawn = torch.multinomial(p, 1, generator=rng)[:, 0].tolist()
        for b in range(B):
            if not ended[b]:
                rows[b].append(drawn[b])
                logps[b].append(math.log(p[b, drawn[b]]))
    P = prompts.shape[1]
    ids = torch.tensor([row + [0] * (P + n - len(row)) for row in rows])
    logp = float64([each + [0.0] * (n - len(each)) for each in logps])
    mask = torch.tensor([[t < len(each) for t in range(n)] for each in logps])
    return ids, logp, mask


@part("rollout", basic=True)
def test_rollout_matches_a_slow_loop(student, reference, rng):
    """With the agreed draws: ids, log-probabilities of what was drawn, and mask, row by row."""
    theirs, ours = draw_policy(rng, student, reference)
    B, P, n = sizes(rng, 3)
    prompts, seed = draw_tokens(rng, 4, B, P) + 1, integer(rng, 0, 9999)
    student.library("torch.manual_seed")(7)  # draws from the wrong generator repeat, too
    got = student.rollout(theirs, prompts, n, seeded(seed))
    close(got, slow_rollout(ours, prompts, n, seeded(seed)))


@part("rollout")
def test_rollout_after_end_in_the_prompt(student, reference, rng):
    """An END in the prompt ends nothing, and n = 1 draws one token."""
    theirs, ours = draw_policy(rng, student, reference)
    prompts, seed = torch.tensor([[1, 0], [0, 2], [0, 0]]), integer(rng, 0, 9999)
    for n in (1, 4):
        got = student.rollout(theirs, prompts, n, seeded(seed))
        close(got, slow_rollout(ours, prompts, n, seeded(seed)))


def scripted(tokens, calls):
    """Return a policy that is sure of what comes next: tokens, by row and step."""

    def policy(ids):
        calls.append(ids.clone())
        step = ids.shape[1] - 2
        logits = torch.full((*ids.shape, 6), -1000.0).double()
        for b, row in enumerate(tokens):
            logits[b, -1, row[step]] = 1000.0
        return logits

    return policy


@part("rollout")
def test_rollout_of_a_sure_policy(student, rng):
    """A row stops at its first END, which is real; what the policy says after it is not heard."""
    a, b, c = (integer(rng, 1, 6) for _ in range(3))
    tokens, calls = [[a, 0, b, c], [0, a, 0, b], [a, b, c, a]], []
    prompts = draw_tokens(rng, 5, 3, 2)
    ids, logp, mask = student.rollout(scripted(tokens, calls), prompts, 4, seeded(1))
    want = torch.tensor([[a, 0, 0, 0], [0, 0, 0, 0], [a, b, c, a]])
    equal(ids, torch.cat((prompts, want), 1))
    equal(mask, torch.tensor([[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]]).bool())
    close(logp, torch.zeros(3, 4).double())


@part("rollout")
def test_rollout_stops_when_all_have_ended(student, rng):
    """The policy is not asked again when every row has ended; the result keeps its width."""
    tokens, calls = [[1, 0, 1, 1], [0, 3, 2, 2]], []
    ids, _, mask = student.rollout(scripted(tokens, calls), torch.ones(2, 2).long(), 4, seeded(1))
    equal((ids.shape, mask.shape), (torch.Size([2, 6]), torch.Size([2, 4])))
    ensure(len(calls) == 2, "The policy is asked after all rows have ended.", len(calls), "2 calls")


@part("rollout")
def test_rollout_leaves_the_prompts_alone(student, reference, rng):
    """The prompts keep their values."""
    theirs, _ = draw_policy(rng, student, reference)
    prompts = draw_tokens(rng, 5, 3, 2)
    unchanged(student, "rollout", theirs, prompts, 3, seeded(2))


# loops


def pairs(rng, B, T, V):
    """Return texts and lengths; the better ones hold more of token 1, padding apart."""
    ids = [draw_tokens(rng, V - 2, B, T) + 2 for _ in range(2)]
    lengths = [torch.from_numpy(rng.integers(3, T + 1, B)) for _ in range(2)]
    for b in range(B):
        ids[0][b, integer(rng, 0, int(lengths[0][b]))] = 1
    for each, n in zip(ids, lengths, strict=True):
        each[torch.arange(T) >= n[:, None]] = 0
    return tuple(zip(ids, lengths, strict=True))


@part("train_reward_model", basic=True)
def test_reward_training_step_by_step(student, reference, rng):
    """Losses and weights after some steps are those of Adam on all pairs, at the given rate."""
    chosen, rejected = pairs(rng, 5, 4, 6)
    lr, steps = float(rng.uniform(0.01, 0.05)), integer(rng, 4, 7)
    theirs, weights = draw_reward_model(rng, student, reference, 6, 3)
    ours = reference.RewardModel(reference.Backbone(6, 3)).double()
    ours.load_state_dict(weights)
    optimizer, losses = torch.optim.Adam(ours.parameters(), lr=lr), []
    for _ in range(steps):
        loss = -F.logsigmoid(ours(*chosen) - ours(*rejected)).mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    got = student.train_reward_model(theirs, chosen, rejected, steps, lr)
    close(got, losses, rtol=1e-6)
    close(dict(theirs.state_dict()), dict(ours.state_dict()), rtol=1e-6, atol=1e-8)


@part("train_reward_model")
def test_reward_model_ranks_held_out_pairs(student, reference, rng):
    """After 60 steps at the default rate, nine of ten pairs it has not seen are ranked rightly."""
    student.library("torch.manual_seed")(integer(rng, 0, 9999))
    model = student.RewardModel(student.Backbone(6, 12))
    losses = student.train_reward_model(model, *pairs(rng, 60, 6, 6), 60)
    ensure(len(losses) == 60, "There is one loss for each step.", len(losses), "60")
    chosen, rejected = pairs(rng, 100, 6, 6)
    share = float((model(*chosen) > model(*rejected)).double().mean())
    ensure(share >= 0.9, "Too few held-out pairs are ranked rightly.", share, "0.9 or more")


def echo(ids):
    """Reward an answer that repeats the prompt's token, fully if it then ends."""
    right = (ids[:, 1] == ids[:, 0]).double()
    return right * (0.5 + 0.5 * (ids[:, 2] == 0).double())


def numbers(ids):
    """A reward of many values, so that every step depends on everything."""
    return torch.sin(ids.double() @ torch.arange(1.0, ids.shape[1] + 1).double())


def same_weights(theirs, ours):
    """Require the same weights up to what rounding makes of a few steps of Adam."""
    close(dict(theirs.state_dict()), dict(ours.state_dict()), rtol=1e-5, atol=1e-6)


@part("train_ppo", basic=True)
def test_ppo_step_by_step(student, reference, rng):
    """Rewards and weights after three updates are those of the recipe."""
    theirs, ours = draw_policy(rng, student, reference)
    prompts, seed = draw_tokens(rng, 5, 7, 2), integer(rng, 0, 9999)
    knobs = {"n": 4, "lr": 0.03, "beta": 0.3, "bonus": 0.2}
    got = student.train_ppo(theirs, prompts, numbers, 3, seeded(seed), **knobs)
    want = reference.train_ppo(ours, prompts, numbers, 3, seeded(seed), **knobs)
    close(got, want, rtol=1e-5)
    same_weights(theirs, ours)


@part("train_ppo")
def test_ppo_by_default(student, reference, rng):
    """Two tokens, a rate and a beta of 0.01, and a bonus of 0.05, unless told otherwise."""
    theirs, ours = draw_policy(rng, student, reference)
    prompts, seed = draw_tokens(rng, 5, 6, 1), integer(rng, 0, 9999)
    got = student.train_ppo(theirs, prompts, numbers, 2, seeded(seed))
    want = reference.train_ppo(ours, prompts, numbers, 2, seeded(seed))
    close(got, want, rtol=1e-5)
    same_weights(theirs, ours)


@part("train_ppo")
def test_ppo_learns(student, rng):
    """The reward rises from below 0.2 to above 0.9 in 60 updates."""
    student.library("torch.manual_seed")(1)
    policy = student.Policy(5, 16)
    prompts = torch.arange(1, 5).repeat(8)[:, None]
    rewards = student.train_ppo(policy, prompts, echo, 60, seeded(1))
    equal(len(rewards), 60)
    ensure(rewards[0] < 0.2, "The first reward is not that of the untrained policy.", rewards[0])
    late = sum(rewards[-5:]) / 5
    ensure(late > 0.9, "After 60 updates the reward is too low.", late, "above 0.9")


@part("train_grpo", basic=True)
def test_grpo_step_by_step(student, reference, rng):
    """Rewards and weights after three updates are those of the recipe."""
    theirs, ours = draw_policy(rng, student, reference)
    prompts, seed = draw_tokens(rng, 5, 3, 2), integer(rng, 0, 9999)
    knobs = {"group": 4, "n": 5, "lr": 0.03}
    got = student.train_grpo(theirs, prompts, numbers, 3, seeded(seed), **knobs)
    want = reference.train_grpo(ours, prompts, numbers, 3, seeded(seed), **knobs)
    close(got, want, rtol=1e-5)
    same_weights(theirs, ours)


@part("train_grpo")
def test_grpo_by_default(student, reference, rng):
    """Groups of eight, two tokens and a rate of 0.01, unless told otherwise."""
    theirs, ours = draw_policy(rng, student, reference)
    prompts, seed = draw_tokens(rng, 5, 2, 1), integer(rng, 0, 9999)
    got = student.train_grpo(theirs, prompts, numbers, 2, seeded(seed))
    want = reference.train_grpo(ours, prompts, numbers, 2, seeded(seed))
    close(got, want, rtol=1e-5)
    same_weights(theirs, ours)


@part("train_grpo")
def test_grpo_learns(student, rng):
    """The reward rises from below 0.2 to above 0.9 in 60 updates."""
    student.library("torch.manual_seed")(2)
    policy = student.Policy(5, 32)
    prompts = torch.arange(1, 5).repeat(2)[:, None]
    rewards = student.train_grpo(policy, prompts, echo, 60, seeded(2))
    equal(len(rewards), 60)
    ensure(rewards[0] < 0.2, "The first reward is not that of the untrained policy.", rewards[0])
    late = sum(rewards[-5:]) / 5
    ensure(late > 0.9, "After 60 updates the reward is too low.", late, "above 0.9")


# reward_hacking_report


def report(proxies, truths):
    """Return checkpoints of two answers each, and rewards that have these means."""
    texts = [torch.tensor([[i, 0], [i, 1]]) for i in range(len(proxies))]

    def mean_of(means):
        values = float64(means)
        return lambda ids: values[ids[:, 0]] + (ids[:, 1] - 0.5) * 3

    return texts, mean_of(proxies), mean_of(truths)


def slow_report(proxies, truths):
    turn = max(range(len(truths)), key=lambda i: (truths[i], -i))
    hacked = proxies[-1] > proxies[turn] and truths[-1] < truths[turn]
    return {"proxy": proxies, "truth": truths, "turn": turn if hacked else None}


@part("reward_hacking_report", basic=True)
def test_report_of_a_hacked_reward(student, rng):
    """The turn is where the truth is highest, if the proxy then rises and the truth falls."""
    start, step = float(rng.uniform(0.1, 0.2)), float(rng.uniform(0.05, 0.1))
    proxies = [start + step * i for i in range(6)]
    truths = [[0.2, 0.5, 0.6, 0.4, 0.3, 0.1], [0.2, 0.9, 0.6, 0.5, 0.6, 0.4]]
    got = [student.reward_hacking_report(*report(proxies, truth)) for truth in truths]
    close(got, [slow_report(proxies, truth) for truth in truths])


@part("reward_hacking_report")
def test_report_of_an_honest_reward(student, rng):
    """Where both rise, both fall, or the proxy falls as well, there is no turn."""
    up = [0.1, 0.3, 0.5, 0.7]
    cases = [(up, up), (up[::-1], up[::-1]), (up[::-1], up), ([0.5, 0.9, 0.6, 0.8], up[::-1])]
    cases.append(([0.1, 0.8, 0.6, 0.5], [0.1, 0.7, 0.6, 0.2]))
    close(
        [student.reward_hacking_report(*report(*case)) for case in cases],
        [slow_report(*case) for case in cases],
    )


@part("reward_hacking_report")
def test_report_of_ties(student, rng):
    """Of equal truths the first counts; a proxy or a truth that stays where it was is no rise."""
    cases = [
        ([0.1, 0.3, 0.2, 0.5], [0.2, 0.6, 0.6, 0.1]),
        ([0.4, 0.4, 0.4], [0.3, 0.2, 0.1]),
        ([0.1, 0.2, 0.3], [0.5, 0.5, 0.5]),
        ([0.1], [0.9]),
    ]
    close(
        [student.reward_hacking_report(*report(*case)) for case in cases],
        [slow_report(*case) for case in cases],
    )
