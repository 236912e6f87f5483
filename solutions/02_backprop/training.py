"""From slopes to a network that reads: backpropagation, batches, optimizers, the training loop.

A network is a list `params` of pairs (W, b) as in assignment 01: W is (n_out, n_in), one row for
each neuron, and every layer has the sigmoid. Arrays are float64. No function changes the arrays or
lists that it is given; only the state of an optimizer may be changed.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from calculus import sigmoid

Params = list[tuple[np.ndarray, np.ndarray]]  # [(W, b), ...], one pair for each layer
State = dict[str, Any]  # what an optimizer remembers; {} before the first step


def backprop(
    params: Sequence[tuple[np.ndarray, np.ndarray]], X: np.ndarray, Y: np.ndarray
) -> tuple[float, Params]:
    """Return the cost of a batch and its slopes along all weights and biases.

    The cost is that of assignment 01: squared differences between the last layer's activations and
    Y, summed per example, averaged over the examples.

    Shapes:
        params: [(W, b), ...] with W of layer l (n_l, n_(l-1)) and b (n_l,).
        X: (B, n_0). Y: (B, n_L). B >= 1.
        returns: the cost as a float, and [(dW, db), ...] with the shapes of params.

    Example:
        >>> backprop([(np.zeros((1, 2)), np.zeros(1))], np.array([[1.0, 2.0]]), np.zeros((1, 1)))
        (0.25, [(array([[0.25, 0.5 ]]), array([0.25]))])
    """
    ### BEGIN SOLUTION
    activations = [X]
    for W, b in params:
        activations.append(sigmoid(activations[-1] @ W.T + b))  # (B, n_l)
    difference = activations[-1] - Y  # (B, n_L)
    slope = 2 * difference / len(X)  # (B, n_L)  subtle: the cost is a mean over examples
    grads = []
    for (W, _), a_in, a_out in zip(params[::-1], activations[-2::-1], activations[:0:-1]):
        slope = slope * a_out * (1 - a_out)  # (B, n_l)  subtle: σ' of this layer, in every layer
        grads.append((slope.T @ a_in, slope.sum(axis=0)))  # subtle: sums over the examples
        slope = slope @ W  # (B, n_(l-1))  subtle: W, not W.T: a sum over the neurons
    return float(np.sum(difference**2) / len(X)), grads[::-1]  # subtle: first layer first
    ### END SOLUTION


def minibatches(
    X: np.ndarray, Y: np.ndarray, size: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield one epoch: all examples in a random order drawn from rng, in batches (X_b, Y_b).

    Every example occurs exactly once, beside its own target. If the examples do not divide evenly,
    the last batch is shorter. A list of batches does as well as an iterator.

    Shapes:
        X: (N, ...). Y: (N, ...). size >= 1; it may be larger than N.
        yields: pairs of shapes (size, ...) and (size, ...), the last one perhaps shorter.

    Example:
        >>> X, Y = np.arange(5), np.arange(5) * 10
        >>> batches = list(minibatches(X, Y, 2, np.random.default_rng(0)))
        >>> [len(X_b) for X_b, Y_b in batches]
        [2, 2, 1]
    """
    ### BEGIN SOLUTION
    order = rng.permutation(len(X))  # (N,)  subtle: one order for both
    for start in range(0, len(X), size):  # subtle: as far as N, so that the short batch is there
        rows = order[start : start + size]
        yield X[rows], Y[rows]
    ### END SOLUTION


def sgd_step(
    params: Sequence[np.ndarray], grads: Sequence[np.ndarray | None], state: State, lr: float
) -> tuple[list[np.ndarray], State]:
    """Take one step downhill, p - lr g for every array p, and return (params, state).

    Where the gradient is None the parameter is frozen: it comes back as it is, here and in the
    other two optimizers. SGD needs no memory: the state comes back as it is.

    Shapes:
        params: a list of arrays of any shapes. grads: as many arrays of the same shapes, or None.

    Example:
        >>> sgd_step([np.array([1.0, 2.0])], [np.array([10.0, 0.0])], {}, 0.1)
        ([array([0., 2.])], {})
    """
    ### BEGIN SOLUTION
    return [p if g is None else p - lr * g for p, g in zip(params, grads)], state  # subtle: None
    ### END SOLUTION


def momentum_step(
    params: Sequence[np.ndarray],
    grads: Sequence[np.ndarray | None],
    state: State,
    lr: float,
    beta: float = 0.9,
) -> tuple[list[np.ndarray], State]:
    """Take one step with momentum: v ← beta v + g, then p ← p - lr v; v is 0 at first.

    The state is {} before the first step; put into it what you need, and return it.

    Shapes:
        params: a list of arrays of any shapes. grads: as many arrays of the same shapes, or None.

    Example:
        >>> params, state = momentum_step([np.array([1.0])], [np.array([2.0])], {}, 0.25, 0.5)
        >>> momentum_step(params, [np.array([2.0])], state, 0.25, 0.5)[0]
        [array([-0.25])]
    """
    ### BEGIN SOLUTION
    before = state.get("velocity", [0.0] * len(params))  # subtle: what the last step has left
    velocity = [v if g is None else beta * v + g for v, g in zip(before, grads)]
    new = [p if g is None else p - lr * v for p, v, g in zip(params, velocity, grads)]
    return new, {"velocity": velocity}
    ### END SOLUTION


def adamw_step(
    params: Sequence[np.ndarray],
    grads: Sequence[np.ndarray | None],
    state: State,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> tuple[list[np.ndarray], State]:
    """Take one step of AdamW (Loshchilov and Hutter 2019), as PyTorch does.

    At step t = 1, 2, ...: m ← beta1 m + (1 - beta1) g and v ← beta2 v + (1 - beta2) g²; corrected
    for their start at 0 they are m̂ = m / (1 - beta1^t) and v̂ = v / (1 - beta2^t); then
    p ← p - lr (m̂ / (√v̂ + eps) + weight_decay p). The decay is decoupled: it enters neither m nor v.

    Shapes:
        params: a list of arrays of any shapes. grads: as many arrays of the same shapes, or None.

    Example:
        >>> adamw_step([np.array([1.0])], [np.array([4.0])], {}, 0.5, eps=4.0, weight_decay=0.25)[0]
        [array([0.625])]
    """
    ### BEGIN SOLUTION
    t = state.get("t", 0) + 1  # subtle: the first step is 1, and a step counts once for all arrays
    new, moments = [], []
    for p, g, (m, v) in zip(params, grads, state.get("moments", [(0.0, 0.0)] * len(params))):
        if g is not None:  # subtle: frozen means no decay either
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g**2
            step = m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)  # subtle: eps outside
            p = p - lr * (step + weight_decay * p)  # subtle: the decay is in neither m nor v
        new.append(p)
        moments.append((m, v))
    return new, {"t": t, "moments": moments}
    ### END SOLUTION


def train(
    X: np.ndarray,
    Y: np.ndarray,
    sizes: Sequence[int],
    rng: np.random.Generator,
    epochs: int,
    lr: float,
    report: Callable[[int, float], object] | None = None,
) -> tuple[Params, list[float]]:
    """Train a fresh network by stochastic gradient descent; return (params, history).

    Biases start at 0, weights as drawn from rng with mean 0 and Xavier's spread: a standard
    deviation of √(2 / (n_in + n_out)), or 1/√n_in, which does as well. In every epoch each
    minibatch of 10 examples moves all weights and biases by one step p - lr g. All chance is rng's.

    history[i] is the cost of all of X after epoch i + 1, by the weights as they are then. If
    `report` is given, it is called as report(epoch, cost) after every epoch, counted from 1.

    Shapes:
        X: (N, n_0). Y: (N, n_L). sizes: [n_0, ..., n_L].
        returns: [(W, b), ...], and a list of as many floats as there are epochs.

    Example:
        >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> Y = np.array([[0.0], [1.0], [1.0], [0.0]])
        >>> params, history = train(X, Y, [2, 4, 1], np.random.default_rng(1), 1000, 3.0)
        >>> history[0] > 0.2, history[-1] < 0.01
        (True, True)
    """
    ### BEGIN SOLUTION
    params = _fresh(sizes, rng)
    history: list[float] = []
    for epoch in range(1, epochs + 1):
        for X_b, Y_b in minibatches(X, Y, 10, rng):
            grads = backprop(params, X_b, Y_b)[1]
            stepped, _ = sgd_step(_flat(params), _flat(grads), {}, lr)
            params = list(zip(stepped[::2], stepped[1::2]))
        history.append(backprop(params, X, Y)[0])  # subtle: of all examples, after the epoch
        if report is not None:
            report(epoch, history[-1])
    return params, history
    ### END SOLUTION


### BEGIN SOLUTION
def _fresh(sizes: Sequence[int], rng: np.random.Generator) -> Params:
    def weights(n_in: int, n_out: int) -> np.ndarray:
        spread = np.sqrt(2 / (n_in + n_out))  # subtle: not 1, which saturates the neurons, nor 0
        return spread * rng.standard_normal((n_out, n_in))

    return [(weights(n_in, n_out), np.zeros(n_out)) for n_in, n_out in pairwise(sizes)]


def _flat(pairs: Params) -> list[np.ndarray]:
    return [array for pair in pairs for array in pair]


### END SOLUTION
