"""Derivatives: measured, worked out by hand, and checked against each other.

Two functions measure and check the slopes of any function; the other five are slopes that people
have worked out on paper, for a neuron, a layer, and pieces of every language model. C is a cost,
and dC_dw is the slope of C along w. Arrays are float64. No function changes its inputs.
"""

from collections.abc import Callable

import numpy as np

Cost = Callable[[np.ndarray], float]  # from an array to a single number
Gradient = Callable[[np.ndarray], np.ndarray]  # from an array to the slopes of a cost there


def sigmoid(z: np.ndarray | float) -> np.ndarray:  # given
    """Squash every number into the range 0 to 1, as in assignment 01, without overflow."""
    e = np.exp(-np.abs(z))
    return np.where(np.asarray(z) >= 0, 1.0, e) / (1.0 + e)


def numerical_gradient(f: Cost, x: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """Measure the slopes of f at x by central differences: (f(x + h) - f(x - h)) / 2h.

    One entry of x is moved at a time, by h up and by h down, while all others stay. x is as it was
    afterwards, to the last bit.

    Shapes:
        x: any, floats or integers. returns: the same shape, float64; each entry is the slope of f
        along that entry of x.

    Example:
        >>> numerical_gradient(lambda x: float(np.sum(x**2)), np.array([1.0, -2.0]), 0.25)
        array([ 2., -4.])
    """
    ### BEGIN SOLUTION
    x = np.array(x, dtype=np.float64)  # subtle: a copy, and float even if x is not
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        here = x[index]
        x[index] = here + h
        above = f(x)
        x[index] = here - h
        below = f(x)
        x[index] = here  # subtle: put back what was there, before the next entry moves
        gradient[index] = (above - below) / (2 * h)  # subtle: they are 2h apart
    return gradient
    ### END SOLUTION


def gradient_check(f: Cost, grad: Gradient, x: np.ndarray) -> bool:
    """Say whether `grad` computes the gradient of f at x, by measuring the gradient.

    The claimed gradient is right if its difference from the measured one is at most 1e-5 times as
    long as both of them together. So the unit does not matter: a cost in billionths is judged like
    one in billions. A claim of another shape, or one that is not finite, is wrong. Where both
    gradients are zero, the claim is right.

    Shapes:
        f: from x to a number. grad: from x to what it claims is the gradient of f there.
        x: any.

    Example:
        >>> x = np.array([1.0, -2.0])
        >>> gradient_check(lambda x: np.sum(x**3), lambda x: 3 * x**2, x)
        True
        >>> gradient_check(lambda x: np.sum(x**3), lambda x: 3 * x, x)
        False
    """
    ### BEGIN SOLUTION
    claimed, measured = np.asarray(grad(x)), numerical_gradient(f, x)
    if claimed.shape != measured.shape or not np.isfinite(claimed).all():  # subtle: (n, 1) - (n,)
        return False
    error = np.linalg.norm(claimed - measured)  # subtle: a length, so that errors cannot cancel
    size = np.linalg.norm(claimed) + np.linalg.norm(measured)
    return bool(error <= 1e-5 * size)  # subtle: relative; and zero against zero is right
    ### END SOLUTION


def chain_gradients(w: float, b: float, a_prev: float, y: float) -> tuple[float, float, float]:
    """Return (dC_dw, dC_db, dC_da_prev) of one neuron: a = σ(w a_prev + b), C = (a - y)².

    By the chain rule: how far z = w a_prev + b moves with each of them, times σ'(z), times how far
    C moves with a.

    Example:
        >>> chain_gradients(0.0, 0.0, 3.0, 0.0)
        (0.75, 0.25, 0.0)
    """
    ### BEGIN SOLUTION
    a = float(sigmoid(w * a_prev + b))
    dC_dz = 2 * (a - y) * a * (1 - a)  # subtle: σ'(z) is σ(z) (1 - σ(z)), and a is σ(z) already
    return dC_dz * a_prev, dC_dz, dC_dz * w  # subtle: dz/dw is a_prev, and dz/da_prev is w
    ### END SOLUTION


def layer_gradients(
    W: np.ndarray, b: np.ndarray, a_prev: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (dC_dW, dC_db, dC_da_prev) of one layer: a = σ(W a_prev + b), C = Σ (a - y)².

    An entry of a_prev reaches the cost through every neuron of the layer: its slope is the sum over
    all these paths.

    Shapes:
        W: (n_out, n_in). b, y: (n_out,). a_prev: (n_in,).
        returns: (n_out, n_in), (n_out,), (n_in,).

    Example:
        >>> layer_gradients(np.zeros((1, 2)), np.zeros(1), np.array([1.0, 2.0]), np.zeros(1))
        (array([[0.25, 0.5 ]]), array([0.25]), array([0., 0.]))
    """
    ### BEGIN SOLUTION
    a = sigmoid(W @ a_prev + b)  # (n_out,)
    dC_dz = 2 * (a - y) * a * (1 - a)  # (n_out,)
    dC_dW = np.outer(dC_dz, a_prev)  # (n_out, n_in)  subtle: a row for each neuron
    return dC_dW, dC_dz, W.T @ dC_dz  # (n_in,)  subtle: W.T adds up over the neurons
    ### END SOLUTION


def softmax_cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean over the batch of -log softmax(logits)[label], and its slopes.

    The slopes are (p - one_hot(labels)) / B with p the softmax of each row. Nothing overflows, and
    the loss is finite however small the probability of the label: logits (1000, 0) with the label 1
    have the loss 1000.

    Shapes:
        logits: (B, V), B >= 1. labels: (B,), integers from 0 to V - 1.
        returns: the loss as a float, and dlogits (B, V).

    Example:
        >>> softmax_cross_entropy(np.array([[0.0, 0.0]]), np.array([1]))
        (0.6931471805599453, array([[ 0.5, -0.5]]))
    """
    ### BEGIN SOLUTION
    shifted = logits - logits.max(axis=1, keepdims=True)  # (B, V)  subtle: the largest of each row
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # (B, V)  subtle: no log 0
    rows = np.arange(len(labels))
    dlogits = np.exp(log_p)  # (B, V)
    dlogits[rows, labels] -= 1.0  # subtle: one entry in each row, not whole columns
    return float(-log_p[rows, labels].mean()), dlogits / len(labels)  # subtle: both are means
    ### END SOLUTION


def layernorm_backward(
    dout: np.ndarray, x: np.ndarray, gamma: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (dx, dgamma, dbeta) of layer normalisation, given dout = dC_dout.

    Forward, along the last axis: out = gamma x̂ + beta with x̂ = (x - mean) / √(variance + eps); the
    variance is the mean of the squared deviations (over C, not C - 1). Every entry of x also moves
    the mean and the variance of its row.

    Shapes:
        dout, x: (..., C) with any number of leading axes, also none. gamma: (C,).
        returns: (..., C), (C,), (C,).

    Example:
        >>> dout, x = np.array([[4.0, 0.0]]), np.array([[3.0, 1.0]])
        >>> layernorm_backward(dout, x, np.array([2.0, 1.0]), 3.0)
        (array([[ 1.5, -1.5]]), array([2., 0.]), array([4., 0.]))
    """
    ### BEGIN SOLUTION
    std = np.sqrt(x.var(axis=-1, keepdims=True) + eps)  # (..., 1)  subtle: eps inside the root
    x_hat = (x - x.mean(axis=-1, keepdims=True)) / std  # (..., C)
    leading = tuple(range(x.ndim - 1))  # subtle: all rows share gamma, so sum over them
    d = dout * gamma  # (..., C), the slopes along x_hat
    along = (d * x_hat).mean(axis=-1, keepdims=True)  # (..., 1)
    dx = (d - d.mean(axis=-1, keepdims=True) - x_hat * along) / std  # subtle: mean and variance
    return dx, (dout * x_hat).sum(axis=leading), dout.sum(axis=leading)
    ### END SOLUTION


def unbroadcast(grad: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Undo broadcasting for gradients: bring `grad` to the shape of what was broadcast.

    Where numpy used one number many times, the slope along it is the sum over all its uses. numpy
    aligns shapes at the right, adds axes on the left, and stretches axes of length 1.

    Shapes:
        grad: the shape after broadcasting. shape: the shape before, for instance () or (1, 3).
        returns: an array of shape `shape`.

    Example:
        >>> unbroadcast(np.array([[1.0, 2.0], [3.0, 4.0]]), (2,))
        array([4., 6.])
        >>> unbroadcast(np.array([[1.0, 2.0], [3.0, 4.0]]), (2, 1))
        array([[3.],
               [7.]])
    """
    ### BEGIN SOLUTION
    added = grad.ndim - len(shape)  # subtle: numpy adds axes on the left
    stretched = tuple(added + i for i, n in enumerate(shape) if n == 1)  # subtle: but keeps these
    return np.reshape(grad.sum(axis=(*range(added), *stretched)), shape)
    ### END SOLUTION
