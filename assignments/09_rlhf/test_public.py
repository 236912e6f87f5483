"""The tests you have: numbers to check by hand. Hidden ones follow."""

import math

import torch

from autograder.testing import close, ensure, equal, part

LN2 = math.log(2.0)


def real(*rows):
    """A mask from strings: x is a real token, . is padding."""
    return torch.tensor([[letter == "x" for letter in row] for row in rows])


def float64(x):
    return torch.tensor(x, dtype=torch.float64)


def row(*numbers):
    return float64(numbers)


@part("render_chat")
def test_render_chat(student):
    """A question and its answer, in ChatML."""
    messages = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]
    want = "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n4<|im_end|>\n"
    equal(student.render_chat(messages), want)


@part("sft_labels")
def test_sft_labels(student):
    """The words of the answer and the end token behind them are learned."""
    labels = student.sft_labels(torch.tensor([5, 6, 7, 8, 1, 9]), [(2, 4)], 1)
    equal(labels, torch.tensor([-100, -100, 7, 8, 1, -100]))


@part("sft_loss")
def test_sft_loss(student):
    """Place 0 is sure of the token at place 1, and place 1 knows nothing of the one at place 2."""
    logits = torch.zeros(1, 3, 4).double()
    logits[0, 0, 2] = 100.0
    close(student.sft_loss(logits, torch.tensor([[-100, 2, 3]])), float64(LN2))


@part("token_logprobs")
def test_token_logprobs(student):
    """Logits 0 and ln 3 give the tokens probabilities ¼ and ¾."""
    logits = row(0.0, math.log(3.0)).expand(2, 2)
    got = student.token_logprobs(logits, torch.tensor([0, 1]))
    close(got, row(math.log(0.25), math.log(0.75)))


@part("masked_mean")
def test_masked_mean(student):
    """The mean of 1, 3 and 5, without the 7; and row by row."""
    x, mask = torch.stack((row(1.0, 3.0), row(5.0, 7.0))), real("xx", "x.")
    close(student.masked_mean(x, mask), float64(3.0))
    close(student.masked_mean(x, mask, 1), row(2.0, 5.0))


@part("LoRALinear")
def test_lora(student):
    """A change of rank 1 on a 2 × 2 layer of zeros."""
    layer = student.LoRALinear(student.library("torch.nn.Linear")(2, 2), 1, 3.0)
    weights = {"linear.weight": torch.zeros(2, 2), "linear.bias": torch.zeros(2)}
    layer.load_state_dict(
        {**weights, "A": torch.tensor([[1.0, 2.0]]), "B": torch.tensor([[1.0], [0.5]])}
    )
    close(layer(torch.tensor([[1.0, 1.0]])), torch.tensor([[9.0, 4.5]]))
    close(layer.merge()(torch.tensor([[1.0, 1.0]])), torch.tensor([[9.0, 4.5]]))


@part("RewardModel")
def test_reward_model_and_padding(student):
    """A text has one score, however much padding follows it."""
    student.library("torch.manual_seed")(0)
    model = student.RewardModel(student.Backbone(5, 4))
    long = torch.tensor([[3, 1, 0, 0], [3, 1, 4, 2]])
    scores = model(long, torch.tensor([2, 2]))
    close(scores, model(torch.tensor([[3, 1], [3, 1]]), torch.tensor([2, 2])))
    ensure(scores.shape == (2,), "There is one score for each text.", scores)


@part("preference_loss")
def test_preference_loss(student):
    """Equal scores cost ln 2; a lead of ln 3 costs ln (4/3)."""
    close(student.preference_loss(row(1.0), row(1.0)), float64(LN2))
    got = student.preference_loss(row(math.log(3.0)), row(0.0))
    close(got, float64(math.log(4 / 3)), rtol=1e-6)


@part("kl_estimates")
def test_kl_estimates(student):
    """A token that the reference finds half as likely: r = ½."""
    got = student.kl_estimates(row(-1.0), row(-1.0 - LN2))
    close(got, (row(LN2), row(LN2**2 / 2), row(LN2 - 0.5)))


@part("shaped_rewards")
def test_shaped_rewards(student):
    """The score comes with the last real token, and padding costs nothing."""
    kl = torch.ones(2, 3).double()
    got = student.shaped_rewards(row(5.0, -1.0), kl, 0.5, real("xx.", "xxx"))
    close(got, torch.stack((row(-0.5, 4.5, 0.0), row(-0.5, -0.5, -1.5))))


@part("gae")
def test_gae(student):
    """Two steps by hand, with gamma ½ and lam ½; then with an end in the middle."""
    rewards, values = row(1.0, 2.0)[None], row(3.0, 4.0)[None]
    got = student.gae(rewards, values, torch.tensor([[False, True]]), 0.5, 0.5)
    close(got, (row(-0.5, -2.0)[None], row(2.5, 2.0)[None]))
    got = student.gae(rewards, values, torch.tensor([[True, True]]), 0.5, 0.5)
    close(got, (row(-2.0, -2.0)[None], row(1.0, 2.0)[None]))


@part("ppo_loss")
def test_ppo_loss(student):
    """A ratio of 2: the clip limits a gain to 1.2, and does not limit a loss."""
    logp, old = row(LN2)[None], row(0.0)[None]
    for advantage, loss in ((1.0, -1.2), (-1.0, 2.0)):
        got = student.ppo_loss(logp, old, row(advantage)[None], real("x"), 0.2)
        close(got, float64(loss), rtol=1e-6)


@part("value_loss")
def test_value_loss(student):
    """The value went from 0 to 1 and should be 2: clipped to 0.2, the error is 1.8."""
    got = student.value_loss(row(1.0)[None], row(0.0)[None], row(2.0)[None], real("x"), 0.2)
    close(got, float64(1.62), rtol=1e-6)


@part("entropy")
def test_entropy(student):
    """Two equal tokens have ln 2; a token that cannot occur changes nothing."""
    got = student.entropy(torch.tensor([[1.0, 1.0, -math.inf], [7.0, 7.0, -math.inf]]))
    close(got, torch.tensor([LN2, LN2]))


@part("sequence_logprob")
def test_sequence_logprob(student):
    """Log-probabilities of real tokens are added."""
    logp = torch.stack((row(-1.0, -2.0), row(-3.0, -9.0)))
    close(student.sequence_logprob(logp, real("xx", "x.")), row(-3.0, -3.0))


@part("dpo_loss")
def test_dpo_loss(student):
    """At the start ln 2; then beta times the margin, inside the sigmoid."""
    a, b = row(-3.0), row(-4.0)
    close(student.dpo_loss(a, b, a, b), float64(LN2), rtol=1e-6)
    got = student.dpo_loss(a + 2 * math.log(3.0), b, a, b, 0.5)
    close(got, float64(math.log(4 / 3)), rtol=1e-6)


@part("grpo_advantages")
def test_grpo_advantages(student):
    """1, 2 and 3 deviate by 1; a group of equals gets zeros."""
    got = student.grpo_advantages(row(1.0, 2.0, 3.0, 7.0, 7.0, 7.0), 3)
    close(got, row(-1 / 1.0001, 0.0, 1 / 1.0001, 0.0, 0.0, 0.0))


@part("grpo_loss")
def test_grpo_loss(student):
    """An answer of one token counts as much as one of three; the reference counts, too."""
    zero = torch.zeros(2, 3).double()
    got = student.grpo_loss(zero, zero, zero, row(1.0, 3.0), real("x..", "xxx"))
    close(got, float64(-2.0))
    got = student.grpo_loss(zero, zero, zero + LN2, row(0.0, 0.0), real("x..", "xxx"), beta=0.5)
    close(got, float64(0.5 * (1 - LN2)), rtol=1e-6)


@part("rollout")
def test_rollout(student):
    """A policy that counts down, for sure: each row stops at its first END, which is token 0."""

    def policy(ids):
        nxt = (ids - 1).clamp(min=0)
        return 1000.0 * torch.nn.functional.one_hot(nxt, 5).double()

    prompts = torch.tensor([[2], [4]])
    ids, logp, mask = student.rollout(policy, prompts, 3, torch.Generator().manual_seed(0))
    equal(ids, torch.tensor([[2, 1, 0, 0], [4, 3, 2, 1]]))
    equal(mask, real("xx.", "xxx"))
    close(logp, torch.zeros(2, 3).double())


@part("train_reward_model")
def test_train_reward_model(student):
    """Texts with a 1 are better than texts with a 2: the loss falls from about ln 2."""
    student.library("torch.manual_seed")(0)
    model = student.RewardModel(student.Backbone(3, 8))
    good, bad = torch.tensor([[1, 2, 0], [1, 1, 1]]), torch.tensor([[2, 2, 0], [2, 2, 2]])
    lengths = torch.tensor([2, 3])
    losses = student.train_reward_model(model, (good, lengths), (bad, lengths), 40)
    equal(len(losses), 40)
    ensure(losses[-1] < 0.2, "The loss does not fall.", losses[-1], "below 0.2")


def one_token(ids):
    """Reward an answer whose first token is that of the prompt."""
    return (ids[:, 1] == ids[:, 0]).double()


@part("train_ppo")
def test_train_ppo(student):
    """Two prompts, one token each to repeat: the reward rises above 0.9 in 10 updates."""
    student.library("torch.manual_seed")(0)
    prompts = torch.tensor([1, 2]).repeat(8)[:, None]
    rng = torch.Generator().manual_seed(0)
    rewards = student.train_ppo(student.Policy(3, 8), prompts, one_token, 10, rng, lr=0.05)
    equal(len(rewards), 10)
    late = sum(rewards[-3:]) / 3
    ensure(late > 0.9, "The reward is too low.", late, "above 0.9")


@part("train_grpo")
def test_train_grpo(student):
    """Two prompts, one token each to repeat: the reward rises above 0.9 in 10 updates."""
    student.library("torch.manual_seed")(0)
    prompts = torch.tensor([1, 2, 1, 2])[:, None]
    rng = torch.Generator().manual_seed(0)
    rewards = student.train_grpo(student.Policy(3, 8), prompts, one_token, 10, rng, lr=0.05)
    equal(len(rewards), 10)
    late = sum(rewards[-3:]) / 3
    ensure(late > 0.9, "The reward is too low.", late, "above 0.9")


@part("reward_hacking_report")
def test_reward_hacking_report(student):
    """The proxy counts words; the truth likes two of them. From checkpoint 1 on it is gamed."""
    texts = [torch.tensor([[1, 0, 0, 0]]), torch.tensor([[1, 1, 0, 0]]), torch.ones(1, 4).long()]

    def proxy(ids):
        return ids.double().sum(1)

    def truth(ids):
        return -((ids.double().sum(1) - 2.0) ** 2)

    got = student.reward_hacking_report(texts, proxy, truth)
    close(got, {"proxy": [1.0, 2.0, 4.0], "truth": [-1.0, 0.0, -4.0], "turn": 1})
