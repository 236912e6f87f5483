"""Hidden tests of 02: complex steps and sums over paths, PyTorch, and closed forms as oracles.

Slow loops take slopes by complex steps: f(x + ih) / h has the slope as its imaginary part, with all
digits, since nothing is subtracted. Calls of one test are collected in a list and compared at once
where that tells mistakes apart.
"""

import copy
import math
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import torch
from sklearn.datasets import load_digits

from autograder.testing import close, ensure, equal, first_difference, part

torch.optim.SGD(
    [torch.zeros(1, requires_grad=True)]
).step()  # loads what it needs before a clock runs
CHANGED = "Something that was passed in has been changed; write into a new array instead."


def different_sizes(rng, count, low=2, high=8):
    """Return sizes, no two the same, so that no transposition can hide."""
    return [int(n) for n in rng.permutation(np.arange(low, high))[:count]]


def unchanged(student, name, *args):
    """Require that a call leaves its arrays and lists as they were."""
    before = copy.deepcopy(args)
    _, after = student.observe(name, *args)
    for old, new in zip(before, after, strict=True):
        if isinstance(old, np.ndarray | list):
            ensure(not first_difference(new, old, 0.0, 0.0), CHANGED)


@contextmanager
def numpy_errors_raise(student):
    """Turn numpy's warnings of overflow and invalid values into errors, where the student runs."""
    seterr = student.library("numpy.seterr")
    before = seterr(over="raise", invalid="raise", divide="raise")
    try:
        yield
    finally:
        seterr(**before)


def complex_slopes(f, x):
    """Return the slopes of f at x entry by entry, exactly, by complex steps."""
    x = np.array(x, dtype=np.complex128)
    slopes = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        moved = x.copy()
        moved[index] += 1e-30j
        slopes[index] = f(moved).imag / 1e-30
    return slopes


def squash(z):
    return 1.0 / (1.0 + np.exp(-z))


# numerical_gradient


def bumpy(c):
    """A cubic in every entry, and a square of their sum: with h, its central slopes are exact."""
    return lambda x: float(np.sum(c * x**3) + np.sum(x) ** 2)


def bumpy_slopes(c, x, h):
    return c * (3 * x**2 + h**2) + 2 * np.sum(x)


@part("numerical_gradient", basic=True)
def test_central_slopes_of_a_cubic(student, rng):
    """The slope of Σ c x³ + (Σ x)² is exactly c (3x² + h²) + 2 Σ x, for every shape and every h."""
    n, m = different_sizes(rng, 2, 2, 5)
    got, expected = [], []
    for shape in ((n,), (m, n), (2, 1, m)):
        c, x = rng.uniform(1, 2, shape), rng.standard_normal(shape)
        h = float(rng.uniform(0.1, 0.5))
        got.append(student.numerical_gradient(bumpy(c), x, h))
        expected.append(bumpy_slopes(c, x, h))
    close(got, expected)


@part("numerical_gradient")
def test_slopes_with_the_default_step(student, rng):
    """With the default h the slopes of a smooth function have seven digits."""
    x = rng.uniform(0.5, 2.0, 4)
    got = student.numerical_gradient(lambda x: float(np.sum(np.exp(x) * np.sin(3 * x))), x)
    close(got, np.exp(x) * (np.sin(3 * x) + 3 * np.cos(3 * x)), rtol=1e-7, atol=1e-7)


@part("numerical_gradient")
def test_slopes_at_whole_numbers(student, rng):
    """Whole numbers in x move by h, too, and the slopes are floats."""
    x, c = rng.integers(-4, 5, (2, 2)), rng.uniform(1, 2, (2, 2))
    close(student.numerical_gradient(bumpy(c), x, 0.25), bumpy_slopes(c, x, 0.25))


@part("numerical_gradient")
def test_no_slopes_of_nothing(student):
    """An empty x has an empty gradient."""
    close(student.numerical_gradient(lambda x: 1.0, np.zeros((0, 3))), np.zeros((0, 3)))


@part("numerical_gradient")
def test_x_is_as_it_was(student, rng):
    """x is the same afterwards, to the last bit."""
    unchanged(student, "numerical_gradient", bumpy(1.0), 100 * rng.standard_normal(9), 0.3)


# gradient_check


def verdicts(student, f, claims, x):
    """Ask about every claim; the answers by name, so that a failure says which one."""
    return {name: student.gradient_check(f, claim, x) for name, claim in claims.items()}


def expect(claims, *right):
    return {name: name in right for name in claims}


def draw_layer(rng):
    """Return the cost of a layer as a function of its weights, with its gradient and its parts."""
    B, n_in, n_out = different_sizes(rng, 3, 2, 5)
    X, Y, b = rng.standard_normal((B, n_in)), rng.random((B, n_out)), rng.standard_normal(n_out)
    W = rng.standard_normal((n_out, n_in))

    def cost(W):
        return float(np.sum((squash(X @ W.T + b) - Y) ** 2) / B)

    def slopes(W, squashed=True):
        a = squash(X @ W.T + b)
        inner = a * (1 - a) if squashed else 1.0
        return (2 * (a - Y) * inner).T @ X / B

    return cost, slopes, W, B


@part("gradient_check", basic=True)
def test_check_of_broken_layers(student, rng):
    """A right layer passes, and layers with the usual mistakes do not."""
    cost, slopes, W, B = draw_layer(rng)
    claims = {
        "the right gradient": slopes,
        "1/B forgotten": lambda W: B * slopes(W),
        "the 2 forgotten": lambda W: slopes(W) / 2,
        "the derivative of the activation forgotten": lambda W: slopes(W, squashed=False),
        "wrong sign": lambda W: -slopes(W),
        "all zero": lambda W: 0 * W,
        "rows in reverse": lambda W: slopes(W)[::-1].copy(),
        "off by 0.2 %": lambda W: 1.002 * slopes(W),
    }
    equal(verdicts(student, cost, claims, W), expect(claims, "the right gradient"))


@part("gradient_check")
def test_check_in_any_unit(student, rng):
    """A cost in billionths is judged like one in billions."""
    x = rng.uniform(0.5, 2.0, 3)
    got, expected = {}, {}
    for unit in (1e-9, 1.0, 1e9):
        claims = {
            f"right, times {unit}": lambda x, unit=unit: unit * 3 * x**2,
            f"half, times {unit}": lambda x, unit=unit: unit * 1.5 * x**2,
        }
        f = lambda x, unit=unit: float(unit * np.sum(x**3))  # noqa: E731
        got |= verdicts(student, f, claims, x)
        expected |= expect(claims, f"right, times {unit}")
    equal(got, expected)


@part("gradient_check")
def test_check_of_single_entries(student, rng):
    """One wrong entry is enough, wherever it is, and errors must not cancel each other."""
    x = rng.uniform(1.0, 2.0, (2, 3))
    f = lambda x: float(np.sum(x**3))  # noqa: E731
    first, last, pair = np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((2, 3))
    first[0, 0], last[1, 2] = 0.3, -0.3
    pair[0, 1], pair[1, 1] = 0.4, -0.4
    claims = {
        "right": lambda x: 3 * x**2,
        "first entry too large": lambda x: 3 * x**2 + first,
        "last entry too small": lambda x: 3 * x**2 + last,
        "one too large, one too small": lambda x: 3 * x**2 + pair,
        "only the first entry right": lambda x: 3 * x**2 * (first != 0),
    }
    equal(verdicts(student, f, claims, x), expect(claims, "right"))


@part("gradient_check")
def test_check_of_odd_claims(student, rng):
    """NaN, infinity and another shape are wrong, though numpy could compare them."""
    x = rng.uniform(1.0, 2.0, 3)
    f = lambda x: float(np.sum(x**2))  # noqa: E731
    hole, pole = np.array([0.0, np.nan, 0.0]), np.array([0.0, 0.0, np.inf])
    claims = {
        "right": lambda x: 2 * x,
        "NaN in one entry": lambda x: 2 * x + hole,
        "infinite in one entry": lambda x: 2 * x + pole,
        "shape (3, 1)": lambda x: (2 * x)[:, None],
        "shape (1, 3)": lambda x: (2 * x)[None, :],
    }
    equal(verdicts(student, f, claims, x), expect(claims, "right"))
    same = np.full(3, float(rng.uniform(1.0, 2.0)))
    claims = {"right": lambda x: 2 * x, "a single number": lambda x: np.array(2 * x[0])}
    equal(verdicts(student, f, claims, same), expect(claims, "right"))


@part("gradient_check")
def test_check_where_all_is_flat(student, rng):
    """Where f does not change, zeros are right and nothing else is."""
    x, size = rng.standard_normal(3), float(rng.uniform(1e-6, 1e-5))
    claims = {"zeros": lambda x: 0 * x, "something small": lambda x: 0 * x + size}
    equal(verdicts(student, lambda x: 2.0, claims, x), expect(claims, "zeros"))


@part("gradient_check")
def test_check_leaves_x_alone(student, rng):
    """x is the same afterwards."""
    x = rng.standard_normal(3)
    unchanged(student, "gradient_check", lambda x: float(np.sum(x**2)), lambda x: 2 * x, x)


# chain_gradients


def chain_by_complex_steps(w, b, a_prev, y):
    slopes = complex_slopes(lambda p: (squash(p[0] * p[2] + p[1]) - y) ** 2, [w, b, a_prev])
    return tuple(float(s) for s in slopes)


@part("chain_gradients", basic=True)
def test_chain_matches_complex_steps(student, rng):
    """The slopes along w, b and a_prev, in this order, for drawn neurons."""
    neurons = [[float(v) for v in rng.uniform(-2, 2, 4)] for _ in range(5)]
    close(
        [student.chain_gradients(*n) for n in neurons],
        [chain_by_complex_steps(*n) for n in neurons],
    )


@part("chain_gradients")
def test_chain_at_special_places(student, rng):
    """At z = 0 dC/dz is (½ - y) / 2; a perfect neuron has no slopes; whole numbers will do."""
    w, a = float(rng.uniform(1, 2)), float(rng.uniform(1, 2))
    got = [student.chain_gradients(w, -w * a, a, y) for y in (0.0, 1.0, 0.5)]
    got.append(student.chain_gradients(0, 0, 3, 1))
    close(
        got, [(a / 4, 0.25, w / 4), (-a / 4, -0.25, -w / 4), (0.0, 0.0, 0.0), (-0.75, -0.25, 0.0)]
    )


@part("chain_gradients")
def test_chain_of_a_saturated_neuron(student, rng):
    """Far out the sigmoid is flat: all slopes are 0, and nothing overflows."""
    w = float(rng.uniform(500, 1000))
    got = [student.chain_gradients(sign * w, 0.0, 2.0, 0.3) for sign in (1.0, -1.0)]
    close(got, [(0.0, 0.0, 0.0)] * 2)


# layer_gradients


def layer_by_complex_steps(W, b, a_prev, y):
    def cost(W, b, a_prev):
        return np.sum((squash(W @ a_prev + b) - y) ** 2)

    return (
        complex_slopes(lambda W: cost(W, b, a_prev), W),
        complex_slopes(lambda b: cost(W, b, a_prev), b),
        complex_slopes(lambda a: cost(W, b, a), a_prev),
    )


def draw_one_layer(rng, n_out, n_in):
    W, b = rng.standard_normal((n_out, n_in)), rng.standard_normal(n_out)
    return W, b, rng.standard_normal(n_in), rng.random(n_out)


@part("layer_gradients", basic=True)
def test_layer_matches_complex_steps(student, rng):
    """The slopes along W, b and a_prev, for layers that are not square."""
    n, m = different_sizes(rng, 2, 2, 6)
    layers = [draw_one_layer(rng, n, m), draw_one_layer(rng, m, n)]
    close(
        [student.layer_gradients(*a) for a in layers], [layer_by_complex_steps(*a) for a in layers]
    )


@part("layer_gradients")
def test_layer_with_square_weights(student, rng):
    """With as many neurons as inputs, rows are still neurons."""
    n = int(rng.integers(3, 6))
    args = draw_one_layer(rng, n, n)
    close(student.layer_gradients(*args), layer_by_complex_steps(*args))


@part("layer_gradients")
def test_layer_of_one(student, rng):
    """One neuron with several inputs, and several neurons with one input."""
    layers = [draw_one_layer(rng, 1, 4), draw_one_layer(rng, 4, 1), draw_one_layer(rng, 1, 1)]
    close(
        [student.layer_gradients(*a) for a in layers], [layer_by_complex_steps(*a) for a in layers]
    )


@part("layer_gradients")
def test_layer_with_saturated_neurons(student, rng):
    """A neuron far out passes nothing back, and does not disturb the others."""
    W, b, a_prev, y = draw_one_layer(rng, 4, 3)
    b = b + np.array([0.0, 900.0, 0.0, -900.0])
    dW, db, da = layer_by_complex_steps(W[[0, 2]], b[[0, 2]], a_prev, y[[0, 2]])
    all_dW, all_db = np.zeros((4, 3)), np.zeros(4)
    all_dW[[0, 2]], all_db[[0, 2]] = dW, db
    close(student.layer_gradients(W, b, a_prev, y), (all_dW, all_db, da))


@part("layer_gradients")
def test_layer_gradients_leave_inputs_alone(student, rng):
    """W, b, a_prev and y keep their values."""
    unchanged(student, "layer_gradients", *draw_one_layer(rng, 3, 2))


# softmax_cross_entropy


def torch_cross_entropy(logits, labels):
    leaf = torch.tensor(logits, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(leaf, torch.tensor(labels))
    loss.backward()
    return float(loss.detach()), leaf.grad.numpy()


@part("softmax_cross_entropy", basic=True)
def test_cross_entropy_matches_torch(student, rng):
    """Loss and slopes are PyTorch's, for batches of many shapes, with labels that repeat."""
    B, V = different_sizes(rng, 2, 3, 9)
    got, expected = [], []
    for shape in ((B, V), (V, B), (V, V), (1, V)):
        logits, labels = 2 * rng.standard_normal(shape), rng.integers(0, shape[1] - 1, shape[0])
        got.append(student.softmax_cross_entropy(logits, labels))
        expected.append(torch_cross_entropy(logits, labels))
    close(got, expected)


@part("softmax_cross_entropy")
def test_cross_entropy_of_equal_logits(student, rng):
    """Equal logits cost log V, whatever they are; the slopes of each row add up to 0."""
    B, V = different_sizes(rng, 2, 3, 9)
    labels = rng.integers(0, V, B)
    loss, slopes = student.softmax_cross_entropy(np.full((B, V), float(rng.uniform(-9, 9))), labels)
    close([loss, slopes], [math.log(V), (1 / V - np.eye(V)[labels]) / B])


@part("softmax_cross_entropy")
def test_cross_entropy_far_out(student, rng):
    """Rows around 1000, -1000 and 0 in one batch: nothing overflows and the loss stays finite."""
    high = float(rng.uniform(900, 1100))
    logits = np.array([[high, 0.0, 0.0], [-high, -high, -high - 1.0], [0.5, 1.5, -1.5]])
    labels = np.array([int(rng.integers(1, 3)), 2, 0])
    expected = torch_cross_entropy(logits, labels)
    close(student.softmax_cross_entropy(logits, labels), expected)
    with numpy_errors_raise(student):
        close(student.softmax_cross_entropy(logits, labels), expected)


@part("softmax_cross_entropy")
def test_cross_entropy_leaves_its_inputs_alone(student, rng):
    """Logits and labels keep their values."""
    unchanged(student, "softmax_cross_entropy", rng.standard_normal((2, 3)), np.array([2, 0]))


# layernorm_backward


def torch_layernorm(dout, x, gamma, eps):
    leaves = [torch.tensor(a, requires_grad=True) for a in (x, gamma, np.zeros_like(gamma))]
    out = torch.nn.functional.layer_norm(leaves[0], gamma.shape, leaves[1], leaves[2], eps)
    out.backward(torch.tensor(dout))
    return tuple(leaf.grad.numpy() for leaf in leaves)


def draw_layernorm(rng, shape, eps):
    gamma = rng.uniform(0.5, 2.0, shape[-1])
    return rng.standard_normal(shape), 2 * rng.standard_normal(shape) + 1, gamma, eps


@part("layernorm_backward", basic=True)
def test_layernorm_matches_torch(student, rng):
    """dx, dgamma and dbeta are PyTorch's, with one, two and no leading axes, and a large eps."""
    B, T, C = different_sizes(rng, 3, 3, 8)
    eps = float(rng.uniform(0.5, 1.0))
    calls = [draw_layernorm(rng, shape, eps) for shape in ((B, C), (B, T, C), (C,))]
    close([student.layernorm_backward(*c) for c in calls], [torch_layernorm(*c) for c in calls])


@part("layernorm_backward")
def test_layernorm_with_equal_sizes(student, rng):
    """With as many rows as channels, the last axis is still the one that is normalised."""
    n = int(rng.integers(3, 6))
    call = draw_layernorm(rng, (n, n), 1e-5)
    close(student.layernorm_backward(*call), torch_layernorm(*call))


@part("layernorm_backward")
def test_layernorm_invariants(student, rng):
    """A row may be shifted and, without eps, scaled: dx is perpendicular to both."""
    B, C = different_sizes(rng, 2, 3, 8)
    dout, x, gamma, _ = draw_layernorm(rng, (B, C), 0.0)
    dx, dgamma, dbeta = student.layernorm_backward(dout, x, gamma, 0.0)
    x_hat = (x - x.mean(axis=1)[:, None]) / x.std(axis=1)[:, None]
    got = [dx.sum(axis=1), (dx * x).sum(axis=1), dgamma, dbeta, dx]
    zeros, expected = np.zeros(B), torch_layernorm(dout, x, gamma, 0.0)[0]
    close(got, [zeros, zeros, (dout * x_hat).sum(axis=0), dout.sum(axis=0), expected])


@part("layernorm_backward")
def test_layernorm_of_a_flat_row(student, rng):
    """A row of equal numbers has no variance; eps keeps its slopes finite."""
    dout, x, gamma, eps = draw_layernorm(rng, (2, 4), 0.25)
    x[0] = 3.0
    close(student.layernorm_backward(dout, x, gamma, eps), torch_layernorm(dout, x, gamma, eps))


@part("layernorm_backward")
def test_layernorm_leaves_its_inputs_alone(student, rng):
    """dout, x and gamma keep their values."""
    unchanged(student, "layernorm_backward", *draw_layernorm(rng, (2, 3), 1e-5))


# unbroadcast


def slow_unbroadcast(grad, shape):
    """Add every slope to the number that was used there."""
    numbers = np.broadcast_to(np.arange(math.prod(shape)).reshape(shape), grad.shape)
    sums = np.zeros(math.prod(shape))
    for number, slope in zip(numbers.flat, grad.flat, strict=True):
        sums[number] += slope
    return sums.reshape(shape)


@part("unbroadcast", basic=True)
def test_unbroadcast_matches_a_slow_loop(student, rng):
    """Every number collects the slopes of all its uses, however it was broadcast."""
    a, b, c = different_sizes(rng, 3, 2, 6)
    shapes = [(b, c), (c,), (a, 1, c), (b, 1), (1, c), (1, 1, 1), (a, b, 1), (a, b, c), (1,)]
    grad = rng.standard_normal((a, b, c))
    got = [student.unbroadcast(grad, shape) for shape in shapes]
    close(got, [slow_unbroadcast(grad, shape) for shape in shapes])


@part("unbroadcast")
def test_unbroadcast_with_equal_sizes(student, rng):
    """Where all axes have the same length, shapes are still aligned at the right."""
    n = int(rng.integers(2, 5))
    shapes, grad = [(n,), (n, n), (n, 1), (1, n), (n, 1, n)], rng.standard_normal((n, n, n))
    got = [student.unbroadcast(grad, shape) for shape in shapes]
    close(got, [slow_unbroadcast(grad, shape) for shape in shapes])


@part("unbroadcast")
def test_unbroadcast_to_a_number(student, rng):
    """A number that was used everywhere, shape (), collects everything; length 1 may stay 1."""
    grad = rng.standard_normal((2, 1, 3))
    got = [student.unbroadcast(grad, shape) for shape in ((), (1, 3), (2, 1, 1), (1, 1, 3))]
    expected = [slow_unbroadcast(grad, shape) for shape in ((), (1, 3), (2, 1, 1), (1, 1, 3))]
    close([np.asarray(got[0]), *got[1:]], expected)  # a numpy number may stand for shape ()


@part("unbroadcast")
def test_unbroadcast_leaves_its_input_alone(student, rng):
    """grad keeps its values."""
    unchanged(student, "unbroadcast", rng.standard_normal((2, 3)), (1, 3))


# Value


def slopes_of(student, operation, *numbers):
    """Return the result of an operation on Values, and its slopes along them."""
    values = [student.Value(x) for x in numbers]
    result = operation(*values)
    data = result.data
    result.backward()
    return [data, *(value.grad for value in values)]


@part("Value", basic=True)
def test_value_computes(student, rng):
    """Every operation gives the number that it gives for floats."""
    x, y = (float(v) for v in rng.uniform(1.0, 3.0, 2))
    a, b = student.Value(x), student.Value(y)
    results = [a + b, a - b, a * b, a / b, -a, a**3, b**-2, a**0.5, a.exp(), b.log(), a.tanh()]
    results += [a.relu(), (-b).relu()]
    expected = [x + y, x - y, x * y, x / y, -x, x**3, y**-2, x**0.5, math.exp(x), math.log(y)]
    close([r.data for r in results], [*expected, math.tanh(x), x, 0.0])


@part("Value")
def test_value_with_numbers(student, rng):
    """Plain numbers, whole ones too, may stand on either side, and sum() works."""
    x = float(rng.uniform(1.0, 3.0))
    a = student.Value(x)
    results = [a + 2, 2 + a, a - 2, 2 - a, a * 3, 3 * a, a / 4, 4 / a, a + 0.5, 0.5 - a, 1.5 / a]
    expected = [x + 2, 2 + x, x - 2, 2 - x, x * 3, 3 * x, x / 4, 4 / x, x + 0.5, 0.5 - x, 1.5 / x]
    results += [sum([a, a, student.Value(3)]), student.Value(7) / 2, student.Value(2) ** 3]
    close([r.data for r in results], [*expected, x + x + 3, 3.5, 8.0])


@part("Value")
def test_value_is_new_each_time(student, rng):
    """An operation makes a new Value and leaves its inputs as they are; gradients start at 0."""
    x, y = (float(v) for v in rng.uniform(1.0, 3.0, 2))
    a, b = student.Value(x), student.Value(y)
    total = a
    total += b
    result = -(total * b) / a
    got = [a.data, b.data, total.data, result.data, a.grad, b.grad, total.grad, result.grad]
    close(got, [x, y, x + y, -(x + y) * y / x, 0.0, 0.0, 0.0, 0.0])


@part("Value")
def test_slopes_of_every_operation(student, rng):
    """The slope along each input is the derivative in the book."""
    x, y = (float(v) for v in rng.uniform(1.2, 3.0, 2))
    t = math.tanh(x - 2)
    cases = [
        (lambda a, b: a + b, [x, y], [x + y, 1.0, 1.0]),
        (lambda a, b: a - b, [x, y], [x - y, 1.0, -1.0]),
        (lambda a, b: a * b, [x, y], [x * y, y, x]),
        (lambda a, b: a / b, [x, y], [x / y, 1 / y, -x / y**2]),
        (lambda a: -a, [x], [-x, -1.0]),
        (lambda a: a**3, [-x], [-(x**3), 3 * x**2]),
        (lambda a: a**-2, [x], [x**-2, -2 * x**-3]),
        (lambda a: a**0.5, [x], [x**0.5, 0.5 * x**-0.5]),
        (lambda a: a.exp(), [-x], [math.exp(-x), math.exp(-x)]),
        (lambda a: a.log(), [x], [math.log(x), 1 / x]),
        (lambda a: a.tanh(), [x - 2], [t, 1 - t * t]),
        (lambda a: a.relu(), [x], [x, 1.0]),
        (lambda a: a.relu(), [-x], [0.0, 0.0]),
    ]
    got = [slopes_of(student, operation, *numbers) for operation, numbers, _ in cases]
    close(got, [expected for _, _, expected in cases])


@part("Value")
def test_slopes_with_numbers(student, rng):
    """The slopes are right with plain numbers on either side."""
    x = float(rng.uniform(1.2, 3.0))
    cases = [
        (lambda a: a + 5, [x + 5, 1.0]),
        (lambda a: 5 + a, [x + 5, 1.0]),
        (lambda a: a - 5, [x - 5, 1.0]),
        (lambda a: 5 - a, [5 - x, -1.0]),
        (lambda a: a * 5, [5 * x, 5.0]),
        (lambda a: 5 * a, [5 * x, 5.0]),
        (lambda a: a / 5, [x / 5, 0.2]),
        (lambda a: 5 / a, [5 / x, -5 / x**2]),
    ]
    got = [slopes_of(student, operation, x) for operation, _ in cases]
    close(got, [expected for _, expected in cases])


@part("Value")
def test_value_at_the_edges(student, rng):
    """tanh does not overflow, relu has the slope 0 at 0 and does not care how small a number is."""
    far, near = float(rng.uniform(800, 1000)), float(rng.uniform(1e-3, 1e-2))
    got = [slopes_of(student, lambda a: a.tanh(), x) for x in (far, -far)]
    got += [slopes_of(student, lambda a: a.relu(), x) for x in (0.0, near, -near)]
    got += [slopes_of(student, lambda a: a * a, x) for x in (0.0, 1000 * far)]
    edges = [[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0], [near, 1.0], [0.0, 0.0], [0.0, 0.0]]
    close(got, [*edges, [1e6 * far * far, 2000 * far]])


@part("Value")
def test_value_matches_torch(student, rng):
    """A formula with all operations has the value and the slopes that PyTorch finds."""
    numbers = [float(v) for v in rng.uniform(0.5, 2.0, 3)]

    def formula(x, y, z):
        u = (x * y - z / 3 + 1).tanh()
        v = (u * u + y**2).log() - (2 - x) * u
        return (v.exp() / (1 + z) + (z - 5 * u).relu() * x) ** 2 - 1 / y

    leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in numbers]
    result = formula(*leaves)
    result.backward()
    close(
        slopes_of(student, formula, *numbers),
        [float(result.detach()), *(float(leaf.grad) for leaf in leaves)],
        rtol=1e-8,
    )


# topological_order


class Drawn:
    """A drawn graph of sums and products of Values, and what is known of it.

    Attributes:
        nodes: The Values, inputs first; each is made of two before it.
        data: Their numbers, all different.
        parents: The positions of the two, or an empty tuple.
        reached: The positions of all that the last node was computed from, itself included.
    """

    def __init__(self, student, rng, inputs=3, size=11):
        self.data = [float(x) for x in rng.uniform(0.5, 1.5, inputs)]
        self.nodes = [student.Value(x) for x in self.data]
        self.parents = [()] * inputs
        self.slopes = [()] * inputs
        while len(self.nodes) < size:
            i, j = (int(k) for k in rng.integers(max(0, len(self.nodes) - 4), len(self.nodes), 2))
            times = bool(rng.integers(2))
            x, y = self.data[i], self.data[j]
            number = x * y if times else x + y
            if min(abs(number - other) for other in self.data) < 1e-6:
                continue  # numbers stand for nodes, so no two may be equal
            a, b = self.nodes[i], self.nodes[j]
            self.nodes.append(a * b if times else a + b)
            self.data.append(number)
            self.parents.append((i, j))
            self.slopes.append((y, x) if times else (1.0, 1.0))
        self.reached, waiting = set(), [size - 1]
        while waiting:
            at = waiting.pop()
            self.reached.add(at)
            waiting += self.parents[at]

    def slope(self, node):
        """The slope of the last node along another: the sum over all paths, one by one."""
        return self._paths(len(self.data) - 1, node)

    def _paths(self, at, end):
        if at == end:
            return 1.0
        steps = zip(self.parents[at], self.slopes[at], strict=True)
        return sum((s * self._paths(parent, end) for parent, s in steps), start=0.0)


def check_order(got, graph):
    """Require each node of a drawn graph once, after its parents, by the numbers in the nodes."""
    expected = sorted(graph.data[i] for i in graph.reached)
    same = len(got) == len(expected) and not first_difference(sorted(got), expected)
    ensure(same, "Every Value of the graph should be in the list, and once.", got)
    place = {i: int(np.argmin(np.abs(np.array(got) - graph.data[i]))) for i in graph.reached}
    late = all(place[p] < place[i] for i in graph.reached for p in graph.parents[i])
    ensure(late, "A Value comes before something that it was computed from.", got)


@part("topological_order", basic=True)
def test_order_of_drawn_graphs(student, rng):
    """Every Value that leads to the root is there once, after its parents."""
    graphs = [Drawn(student, rng) for _ in range(3)]
    orders = [[node.data for node in student.topological_order(g.nodes[-1])] for g in graphs]
    for got, graph in zip(orders, graphs, strict=True):
        check_order(got, graph)


@part("topological_order")
def test_order_of_short_and_long_paths(student, rng):
    """A Value that is used early and late still comes before both uses."""
    x, y = (float(v) for v in rng.uniform(1.0, 2.0, 2))
    a, b = student.Value(x), student.Value(y)
    c = a * b
    d = c + b
    e = d * c
    f = a + e
    numbers = [x, y, x * y, x * y + y, (x * y + y) * x * y, x + (x * y + y) * x * y]
    got = [node.data for node in student.topological_order(f)]
    close(sorted(got), sorted(numbers))
    close(got[2:], numbers[2:])
    got = [node.data for node in student.topological_order(e)]
    close(sorted(got), sorted(numbers[:5]))
    close(got[2:], numbers[2:5])


@part("topological_order")
def test_order_of_equal_numbers(student, rng):
    """Different Values that hold the same number are all there."""
    x = float(rng.uniform(1.0, 2.0))
    a, b, c = (student.Value(x) for _ in range(3))
    got = [node.data for node in student.topological_order((a + b) + c)]
    close(sorted(got), [x, x, x, x + x, x + x + x])


@part("topological_order")
def test_order_of_one(student, rng):
    """A Value that was not computed is alone in its list."""
    x = float(rng.uniform(1.0, 2.0))
    close([node.data for node in student.topological_order(student.Value(x))], [x])


def chain(student, value, length):
    """Add a Value to itself many times, one after another, on the student's side."""
    many = student.library("numpy.full")(length, value, "O")
    return student.library("numpy.add.reduce")(many)


@part("topological_order", seconds=6.0)
def test_order_of_a_deep_graph(student, rng):
    """A chain of 5,000 operations is no deeper than the list can hold."""
    value = student.Value(float(rng.uniform(1.0, 2.0)))
    root = chain(student, value, 5001)
    order = student.topological_order(root)
    equal(len(order), 5001)
    close([order[0].data, order[-1].data], [value.data, root.data])


@part("topological_order")
def test_order_of_many_paths(student):
    """Forty doublings have a million million paths, but only forty-one Values."""
    node = student.Value(1.0)
    for _ in range(40):
        node = node + node
    close(len(student.topological_order(node)), 41)


# backward


def backward_of(student, rng, **sizes):
    """Run backward on a drawn graph; return the gradients it gave and those it should have."""
    graph = Drawn(student, rng, **sizes)
    graph.nodes[-1].backward()
    return [n.grad for n in graph.nodes], [graph.slope(i) for i in range(len(graph.nodes))]


@part("backward", basic=True)
def test_backward_sums_over_paths(student, rng):
    """In drawn graphs each gradient is the sum over all paths of the products of slopes."""
    pairs = [backward_of(student, rng) for _ in range(3)]
    close([got for got, _ in pairs], [expected for _, expected in pairs], rtol=1e-8)


@part("backward")
def test_backward_through_diamonds(student, rng):
    """Where paths part and meet again, a Value passes on only what has all arrived."""
    x = float(rng.uniform(1.0, 2.0))
    a = student.Value(x)
    b = a + a
    c = b * b
    d = c + a
    e = d * b
    e.backward()  # e = (4x² + x) 2x = 8x³ + 2x²
    got = [node.grad for node in (a, b, c, d, e)]
    close(got, [24 * x**2 + 4 * x, 12 * x**2 + x, 2 * x, 2 * x, 1.0])


@part("backward")
def test_backward_several_times(student, rng):
    """Over three calls the gradients of inputs add up; set to 0, they start again."""
    x, y = (float(v) for v in rng.uniform(1.0, 2.0, 2))
    a, b = student.Value(x), student.Value(y)
    c = a * b
    d = c * c
    e = d * a  # a³ b²
    got = []
    for _ in range(3):
        e.backward()
        got.append([a.grad, b.grad])
    a.grad = 0.0
    e.backward()
    got.append([a.grad, b.grad])
    da, db = 3 * x**2 * y**2, 2 * x**3 * y
    close(got, [[da, db], [2 * da, 2 * db], [3 * da, 3 * db], [da, 4 * db]])


@part("backward")
def test_backward_from_two_results(student, rng):
    """Results that share a part of the graph each contribute what they would alone."""
    x, y = (float(v) for v in rng.uniform(1.0, 2.0, 2))
    a, b, other = student.Value(x), student.Value(y), student.Value(1.0)
    shared = a * b
    first, second = shared * shared, shared + a
    first.backward()
    got = [a.grad, b.grad]
    second.backward()
    got += [a.grad, b.grad, second.grad, other.grad]
    (first + second).backward()
    got += [a.grad, b.grad]
    one, two = 2 * x * y * y, 2 * x * x * y
    expected = [one, two, one + y + 1, two + x, 1.0, 0.0, 2 * (one + y + 1), 2 * (two + x)]
    close(got, expected)


@part("backward")
def test_backward_of_an_input(student, rng):
    """The slope of a Value along itself is 1, also if nothing was computed."""
    a = student.Value(float(rng.uniform(2.0, 3.0)))
    a.backward()
    close(a.grad, 1.0)


@part("backward", seconds=6.0)
def test_backward_through_a_deep_graph(student, rng):
    """A chain of 5,000 additions of the same Value has the slope 5,001 along it."""
    value = student.Value(float(rng.uniform(1.0, 2.0)))
    chain(student, value, 5001).backward()
    close(value.grad, 5001.0)


# backprop


def draw_network(rng, sizes):
    """Return a network's params with drawn weights and biases."""
    return [(rng.standard_normal((m, n)), rng.standard_normal(m)) for n, m in pairwise(sizes)]


def run(params, X):
    for W, b in params:
        X = squash(X @ W.T + b)
    return X


def cost_of(params, X, Y):
    return np.sum((run(params, X) - Y) ** 2) / len(X)


def slow_backprop(params, X, Y):
    """Move every weight and every bias, one at a time."""
    grads = []
    for layer, (W, b) in enumerate(params):

        def with_layer(W, b, layer=layer):
            return cost_of([*params[:layer], (W, b), *params[layer + 1 :]], X, Y)

        along_W = complex_slopes(lambda W, b=b, cost=with_layer: cost(W, b), W)
        grads.append((along_W, complex_slopes(lambda b, W=W, cost=with_layer: cost(W, b), b)))
    return float(cost_of(params, X, Y)), grads


def torch_backprop(params, X, Y):
    leaves = [tuple(torch.tensor(a, requires_grad=True) for a in pair) for pair in params]
    a = torch.tensor(X)
    for W, b in leaves:
        a = torch.sigmoid(a @ W.T + b)
    cost = ((a - torch.tensor(Y)) ** 2).sum(dim=1).mean()
    cost.backward()
    return float(cost.detach()), [(W.grad.numpy(), b.grad.numpy()) for W, b in leaves]


def backprop_of(student, *args):
    """Call backprop; a pair (dW, db) may also be a list."""
    cost, grads = student.backprop(*args)
    return cost, [tuple(pair) for pair in grads]


@part("backprop", basic=True)
def test_backprop_matches_complex_steps(student, rng):
    """Cost and slopes of a network with two hidden layers, all sizes different."""
    B, *sizes = different_sizes(rng, 5, 2, 7)
    params, X, Y = draw_network(rng, sizes), rng.standard_normal((B, sizes[0])), None
    Y = rng.random((B, sizes[-1]))
    close(backprop_of(student, params, X, Y), slow_backprop(params, X, Y))


@part("backprop")
def test_backprop_with_equal_sizes(student, rng):
    """Where all sizes are equal, rows of W are still neurons and rows of X examples."""
    n = int(rng.integers(3, 6))
    params, X, Y = draw_network(rng, [n] * 4), rng.standard_normal((n, n)), rng.random((n, n))
    close(backprop_of(student, params, X, Y), torch_backprop(params, X, Y))


@part("backprop")
def test_backprop_at_every_depth(student, rng):
    """Networks of one, two and five layers, and batches of one and of nine."""
    calls = []
    for B, sizes in ((1, [3, 2]), (9, [2, 4, 3]), (4, [3, 5, 4, 2, 3, 1])):
        X, Y = rng.standard_normal((B, sizes[0])), rng.random((B, sizes[-1]))
        calls.append((draw_network(rng, sizes), X, Y))
    close([backprop_of(student, *c) for c in calls], [torch_backprop(*c) for c in calls])


@part("backprop")
def test_backprop_is_a_mean(student, rng):
    """A batch with every example twice has the same cost and slopes; far out there are none."""
    params, X, Y = draw_network(rng, [3, 4, 2]), rng.standard_normal((5, 3)), rng.random((5, 2))
    once, twice = torch_backprop(params, X, Y), (np.concatenate([X, X]), np.concatenate([Y, Y]))
    flat = [(params[0][0], params[0][1]), (params[1][0], np.array([-5000.0, 5000.0]))]
    nothing = [(np.zeros_like(W), np.zeros_like(b)) for W, b in flat]
    got = [backprop_of(student, params, X, Y), backprop_of(student, params, *twice)]
    with numpy_errors_raise(student):
        got.append(backprop_of(student, flat, X, np.tile([0.5, 0.5], (5, 1))))
    close(got, [once, once, (0.5, nothing)])


@part("backprop")
def test_backprop_leaves_its_inputs_alone(student, rng):
    """Weights, biases, examples and targets keep their values."""
    params = draw_network(rng, [3, 4, 2])
    unchanged(student, "backprop", params, rng.standard_normal((5, 3)), rng.random((5, 2)))


# minibatches


def draw_examples(rng, N):
    """Return examples that can be told apart, and their targets."""
    X = rng.permutation(np.arange(100.0, 100.0 + N))[:, None] * np.array([1.0, -1.0])
    return X, X[:, 0] * 1000 + 7


def batches_of(student, X, Y, size, seed):
    found = student.minibatches(X, Y, size, np.random.default_rng(seed))
    return [tuple(batch) for batch in found]


@part("minibatches", basic=True)
def test_an_epoch_has_every_example_once(student, rng):
    """All examples occur once, beside their targets, in batches of the right sizes."""
    lengths, rows, targets, expected = [], [], [], []
    for N, size in ((int(rng.integers(5, 9)) * 3 + 2, 3), (12, 4), (7, 1), (5, 8), (6, 6)):
        X, Y = draw_examples(rng, N)
        found = batches_of(student, X, Y, size, int(rng.integers(1000)))
        lengths.append([len(X_b) for X_b, _ in found])
        rows.append(np.concatenate([X_b for X_b, _ in found]))
        targets.append(np.concatenate([Y_b for _, Y_b in found]))
        expected.append([size] * (N // size) + [N % size] * (N % size > 0))
        equal([rows[-1][np.argsort(rows[-1][:, 0])]], [X[np.argsort(X[:, 0])]])
        equal(targets[-1], rows[-1][:, 0] * 1000 + 7)
    equal(lengths, expected)


@part("minibatches")
def test_the_order_is_drawn_from_rng(student, rng):
    """Another generator gives another order, the same one the same; batches are mixed up, too."""
    X, Y = np.arange(40.0).reshape(40, 1), np.arange(40)
    first, other = (int(s) for s in rng.choice(1000, 2, replace=False))
    orders = [
        [float(x) for X_b, _ in batches_of(student, X, Y, 4, seed) for x in X_b[:, 0]]
        for seed in (first, first, other)
    ]
    equal(orders[1], orders[0])
    ensure(orders[0] != sorted(orders[0]), "The examples come in the order they were given in.")
    ensure(orders[2] != orders[0], "Two generators give the same order: draw it from rng.")
    together = all(int(x) // 4 == k // 4 for k, x in enumerate(orders[0]))
    sets = [{int(x) // 4 for x in orders[0][k : k + 4]} for k in range(0, 40, 4)]
    mixed = not together and any(len(each) > 1 for each in sets)
    ensure(mixed, "Neighbours stay together: mix all examples before you cut them into batches.")
    steps = [b - a for a, b in pairwise(orders[0])]
    ensure(len(set(steps)) > 5, "The order is shifted, not shuffled.", steps)


@part("minibatches")
def test_batches_of_other_shapes(student, rng):
    """Examples may be pictures and targets rows; integers stay integers."""
    X, Y = rng.integers(0, 9, (5, 2, 3)), rng.standard_normal((5, 2))
    X[:, 0, 0] = np.arange(5)
    found = batches_of(student, X, Y, 2, 3)
    order = [int(i) for X_b, _ in found for i in X_b[:, 0, 0]]
    equal(sorted(order), [0, 1, 2, 3, 4])
    pieces = [order[:2], order[2:4], order[4:]]
    equal(found, [(X[piece], Y[piece]) for piece in pieces])


@part("minibatches")
def test_batches_leave_their_inputs_alone(student, rng):
    """X and Y keep their order."""
    X, Y = np.arange(12.0), np.arange(12)
    found, after = student.observe("minibatches", X, Y, 5, np.random.default_rng(1))
    for _ in found:  # an iterator does its work only now
        pass
    ensure(not first_difference(list(after[:2]), [np.arange(12.0), np.arange(12)]), CHANGED)


# sgd_step, momentum_step, adamw_step


def draw_steps(rng, count):
    """Return parameters of several shapes, the second of them frozen, and gradients for steps."""
    shapes = [(3, 2), (2,), (), (2, 1, 2)]
    params = [np.asarray(rng.standard_normal(shape)) for shape in shapes]
    steps = [[np.asarray(rng.standard_normal(shape)) for shape in shapes] for _ in range(count)]
    return params, [[g[0], None, g[2], g[3]] for g in steps]


def walk(student, name, params, steps, **options):
    """Take steps one after another, passing on the state; return the params after each."""
    path, state = [], {}
    for grads in steps:
        params, state = getattr(student, name)(params, grads, state, **options)
        path.append([np.asarray(p) for p in params])  # a numpy number may stand for shape ()
    return path


def torch_walk(make, params, steps):
    """The same steps by an optimizer of PyTorch."""
    leaves = [torch.tensor(p, requires_grad=True) for p in params]
    optimizer, path = make(leaves), []
    for grads in steps:
        for leaf, g in zip(leaves, grads, strict=True):
            leaf.grad = None if g is None else torch.tensor(g)
        optimizer.step()
        path.append([leaf.detach().numpy().copy() for leaf in leaves])
    return path


def check_pure(student, name, rng, **options):
    """Require that two steps leave the arrays and lists of parameters and gradients alone."""
    params, steps = draw_steps(rng, 2)
    state = {}
    for grads in steps:
        before = copy.deepcopy([params, grads])
        (new, state), after = student.observe(name, params, grads, state, **options)
        ensure(not first_difference(list(after[:2]), before, 0.0, 0.0), CHANGED)
        params = [np.asarray(p) for p in new]


@part("sgd_step", basic=True)
def test_sgd_matches_a_slow_loop(student, rng):
    """Three steps, each p - lr g entry by entry; a frozen array stays as it is."""
    params, steps = draw_steps(rng, 3)
    lr, here, expected = float(rng.uniform(0.1, 2.0)), params, []
    for grads in steps:
        here = [p if g is None else p - lr * g for p, g in zip(here, grads, strict=True)]
        expected.append([np.asarray(p) for p in here])
    close(walk(student, "sgd_step", params, steps, lr=lr), expected)


@part("sgd_step")
def test_sgd_returns_its_state(student, rng):
    """The state comes back as it was."""
    params, (grads,) = draw_steps(rng, 1)
    state = {"steps": int(rng.integers(9))}
    close(student.sgd_step(params, grads, dict(state), 0.1)[1], state)


@part("sgd_step")
def test_sgd_leaves_its_inputs_alone(student, rng):
    """Parameters and gradients keep their values."""
    check_pure(student, "sgd_step", rng, lr=0.5)


@part("momentum_step", basic=True)
def test_momentum_matches_torch(student, rng):
    """Five steps are those of PyTorch's SGD with momentum; a frozen array stays as it is."""
    params, steps = draw_steps(rng, 5)
    lr, beta = float(rng.uniform(0.1, 1.0)), float(rng.uniform(0.5, 0.8))
    expected = torch_walk(lambda p: torch.optim.SGD(p, lr=lr, momentum=beta), params, steps)
    close(walk(student, "momentum_step", params, steps, lr=lr, beta=beta), expected)


@part("momentum_step")
def test_momentum_closed_form(student, rng):
    """With the same gradient always, step k is lr g (1 - beta^k) / (1 - beta); beta is 0.9."""
    g, lr = rng.standard_normal(3), float(rng.uniform(0.1, 1.0))
    path = walk(student, "momentum_step", [np.zeros(3)], [[g]] * 6, lr=lr)
    sizes = np.cumsum([(1 - 0.9**k) / 0.1 for k in range(1, 7)])
    close(path, [[-lr * g * s] for s in sizes])


@part("momentum_step")
def test_momentum_of_two_runs(student, rng):
    """Two runs do not share their velocity: each has its own state."""
    (p, g, q), lr = rng.standard_normal((3, 2)), 0.5
    one, state = student.momentum_step([p], [g], {}, lr, 0.5)
    other, _ = student.momentum_step([q], [g], {}, lr, 0.5)
    again, _ = student.momentum_step(one, [g], state, lr, 0.5)
    close([one, other, again], [[p - lr * g], [q - lr * g], [p - 2.5 * lr * g]])


@part("momentum_step")
def test_momentum_leaves_its_inputs_alone(student, rng):
    """Parameters and gradients keep their values, over two steps."""
    check_pure(student, "momentum_step", rng, lr=0.5, beta=0.5)


@part("adamw_step", basic=True)
def test_adamw_matches_torch(student, rng):
    """Five steps are those of PyTorch's AdamW, with constants that are not the usual ones."""
    params, steps = draw_steps(rng, 5)
    lr, beta1, beta2 = (float(v) for v in rng.uniform([0.1, 0.5, 0.8], [0.5, 0.7, 0.9]))
    eps, decay = float(rng.uniform(0.1, 0.5)), float(rng.uniform(0.1, 0.5))
    expected = torch_walk(
        lambda p: torch.optim.AdamW(p, lr, (beta1, beta2), eps, weight_decay=decay), params, steps
    )
    options = {"beta1": beta1, "beta2": beta2, "eps": eps, "weight_decay": decay}
    close(walk(student, "adamw_step", params, steps, lr=lr, **options), expected)


@part("adamw_step")
def test_adamw_with_its_usual_constants(student, rng):
    """The defaults are lr 0.001, betas 0.9 and 0.999, eps 1e-8, decay 0.01, as in PyTorch."""
    params, steps = draw_steps(rng, 4)
    close(walk(student, "adamw_step", params, steps), torch_walk(torch.optim.AdamW, params, steps))


@part("adamw_step")
def test_adamw_closed_form(student, rng):
    """With the same gradient always, and no decay, every step is lr, however large the gradient."""
    g = rng.uniform(1.0, 2.0, 4) * np.array([1e4, -1.0, 1e-4, -1e2])
    path = walk(student, "adamw_step", [np.zeros(4)], [[g]] * 5, lr=0.5, eps=0.0, weight_decay=0.0)
    close(path, [[-0.5 * k * np.sign(g)] for k in range(1, 6)])


@part("adamw_step")
def test_adamw_of_a_frozen_network(student, rng):
    """Where all gradients are None nothing moves, not even by decay."""
    p = rng.standard_normal((2, 3))
    close(walk(student, "adamw_step", [p], [[None], [None]], lr=0.5, weight_decay=0.5), [[p], [p]])


@part("adamw_step")
def test_adamw_leaves_its_inputs_alone(student, rng):
    """Parameters and gradients keep their values, over two steps."""
    check_pure(student, "adamw_step", rng, lr=0.5)


# train


def trained(student, X, Y, sizes, seed, epochs, lr, **options):
    """Train; a pair (W, b) may also be a list."""
    made = student.train(X, Y, sizes, np.random.default_rng(seed), epochs, lr, **options)
    params, history = made
    return [tuple(pair) for pair in params], [float(c) for c in history]


def draw_task(rng, N):
    """Return examples and targets for a network 4-5-3, and a seed."""
    return rng.standard_normal((N, 4)), rng.random((N, 3)), [4, 5, 3], int(rng.integers(1000))


@part("train", basic=True)
def test_tiny_steps_follow_the_gradient(student, rng):
    """With a tiny rate, an epoch of three batches of 10 moves by 3 lr times the whole gradient."""
    X, Y, sizes, seed = draw_task(rng, 30)
    lr, got, expected = 1e-5, [], []
    for epochs in (1, 2):
        start, _ = trained(student, X, Y, sizes, seed, epochs, 0.0)
        end, _ = trained(student, X, Y, sizes, seed, epochs, lr)
        finite = all(np.isfinite(W).all() and np.isfinite(b).all() for W, b in start)
        ensure(finite, "A fresh network has weights that are not finite.")
        _, grads = torch_backprop(start, X, Y)
        moved = zip(start, end, strict=True)
        got.append([((W - V) / lr, (b - c) / lr) for (W, b), (V, c) in moved])
        expected.append([(3 * epochs * dW, 3 * epochs * db) for dW, db in grads])
    close(got, expected, rtol=1e-3, atol=1e-4)


@part("train")
def test_history_holds_the_costs(student, rng):
    """history[i] is the cost of all examples after epoch i + 1, by the weights of that moment."""
    X, Y, sizes, seed = draw_task(rng, 23)
    runs = [trained(student, X, Y, sizes, seed, epochs, 2.0) for epochs in (1, 2, 3)]
    costs = [float(cost_of(params, X, Y)) for params, _ in runs]
    close([history for _, history in runs], [costs[:1], costs[:2], costs])


@part("train")
def test_fresh_networks(student, rng):
    """Before the first step biases are 0 and weights have the mean 0 and a spread near 1/√n_in."""
    sizes = [int(rng.integers(100, 200)), int(rng.integers(50, 80)), 20]
    X, Y = rng.random((3, sizes[0])), rng.random((3, 20))
    seed = int(rng.integers(1000))
    runs = [trained(student, X, Y, sizes, s, 1, 0.0)[0] for s in (seed, seed, seed + 1)]
    equal(
        [(W.shape, b.tolist()) for W, b in runs[0]],
        [((m, n), [0.0] * m) for n, m in pairwise(sizes)],
    )
    spread = [float(np.std(W) * math.sqrt(W.shape[1])) for W, _ in runs[0]]
    ensure(
        0.5 < min(spread) <= max(spread) < 1.6, "The weights do not have Xavier's spread.", spread
    )
    mean = [float(np.mean(W) / np.std(W)) for W, _ in runs[0]]
    ensure(max(map(abs, mean)) < 0.2, "The weights do not have the mean 0.", mean)
    equal([W for W, _ in runs[1]], [W for W, _ in runs[0]])
    new = not np.array_equal(runs[2][0][0], runs[0][0][0])
    ensure(new, "Two generators give the same weights: draw them from rng.")


@part("train")
def test_report_is_called(student, rng):
    """report is told the number and the cost of every epoch, in order."""
    X, Y, sizes, seed = draw_task(rng, 12)
    told = []

    def report(epoch, cost):
        told.append(float(cost))
        if epoch != len(told):
            raise ValueError(f"report was called for epoch {epoch}, where {len(told)} was due")

    _, history = trained(student, X, Y, sizes, seed, 3, 1.0, report=report)
    close(told, history)
    equal(len(told), 3)


@part("train")
def test_training_of_no_epochs(student, rng):
    """No epochs give a fresh network and an empty history."""
    X, Y, sizes, seed = draw_task(rng, 12)
    params, history = trained(student, X, Y, sizes, seed, 0, 1.0)
    shapes = [[a.shape for a in pair] for pair in params]
    equal([shapes, history], [[[(5, 4), (5,)], [(3, 5), (3,)]], []])


@part("train")
def test_training_reads_digits(student, rng):
    """After 30 epochs with 1,497 scans, at least 96 % of 300 others are read correctly."""
    digits = load_digits()
    X, labels = digits.data / 16.0, digits.target
    held_out = np.arange(len(X)) % 6 == 0
    Y = np.eye(10)[labels]
    seed = int(rng.integers(1000))
    params, history = trained(student, X[~held_out], Y[~held_out], [64, 32, 10], seed, 30, 3.0)
    right = run(params, X[held_out]).argmax(axis=1) == labels[held_out]
    share = float(np.mean(right))
    ensure(share >= 0.96, "The trained network reads too few of the digits it has not seen.", share)
    ensure(history[-1] < 0.1, "The cost of the examples stays too high.", history[-1])


@part("train")
def test_training_leaves_its_inputs_alone(student, rng):
    """X and Y keep their values and their order."""
    X, Y, sizes, seed = draw_task(rng, 12)
    unchanged(student, "train", X, Y, sizes, np.random.default_rng(seed), 2, 1.0)
