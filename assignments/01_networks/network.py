"""A neural network, from one squashing function to a step downhill.

A network is a list `params` of pairs (W, b), one for each layer after the input. Row j of W holds
the weights of neuron j: W is (n_out, n_in), as in a' = σ(Wa + b) for one example a. A batch holds
one example a row. Arrays are float64. No function changes its inputs.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

Function = Callable[[np.ndarray], np.ndarray]  # numbers in, as many numbers out


def sigmoid(z: np.ndarray) -> np.ndarray:
    """Squash every number into the range 0 to 1: σ(z) = 1 / (1 + exp(-z)).

    No overflow, in either direction: at z = -1000 and z = 1000 numpy has nothing to warn of.

    Shapes:
        z: any, for instance (B, n). returns: the same shape.

    Example:
        >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
        array([0. , 0.5, 1. ])
    """
    raise NotImplementedError("01_networks: sigmoid")


def relu(z: np.ndarray) -> np.ndarray:
    """Keep what is positive and replace the rest by 0.

    Shapes:
        z: any, for instance (B, n). returns: the same shape, a new array.

    Example:
        >>> relu(np.array([-2.0, 0.0, 3.0]))
        array([0., 0., 3.])
    """
    raise NotImplementedError("01_networks: relu")


def layer(x: np.ndarray, W: np.ndarray, b: np.ndarray, activation: Function) -> np.ndarray:
    """Apply one layer of neurons to every row of a batch: a' = activation(Wa + b).

    Shapes:
        x: (B, n_in). W: (n_out, n_in). b: (n_out,). returns: (B, n_out).

    Example:
        >>> W = np.array([[1.0, -1.0], [1.0, 1.0], [0.0, 2.0]])
        >>> layer(np.array([[3.0, 5.0]]), W, np.array([0.0, 1.0, 2.0]), relu)
        array([[ 0.,  9., 12.]])
    """
    raise NotImplementedError("01_networks: layer")


def forward(x: np.ndarray, params: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[np.ndarray]:
    """Run a batch through the network and return the activations of every layer, input first.

    Every layer has the sigmoid, the last one too. No layers give [x].

    Shapes:
        x: (B, n_0). params: [(W, b), ...] with W of layer l (n_l, n_(l-1)) and b (n_l,).
        returns: a list of len(params) + 1 arrays; number l is (B, n_l).

    Example:
        >>> forward(np.array([[0.0, 1000.0]]), [(np.eye(2), np.zeros(2))])
        [array([[   0., 1000.]]), array([[0.5, 1. ]])]
    """
    raise NotImplementedError("01_networks: forward")


def cost(outputs: np.ndarray, targets: np.ndarray) -> float:
    """Return how wrong a batch is: squared differences, summed per example, averaged over examples.

    Shapes:
        outputs, targets: (B, n), B >= 1.

    Example:
        >>> cost(np.array([[0.0, 1.0], [1.0, 3.0]]), np.array([[0.0, 0.0], [0.0, 0.0]]))
        5.5
    """
    raise NotImplementedError("01_networks: cost")


def accuracy(outputs: np.ndarray, labels: np.ndarray) -> float:
    """Return the share, from 0 to 1, of examples whose largest output is at their label.

    Of equal outputs the first counts as the largest.

    Shapes:
        outputs: (B, n), B >= 1. labels: (B,), integers from 0 to n - 1.

    Example:
        >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
        0.5
    """
    raise NotImplementedError("01_networks: accuracy")


def count_parameters(sizes: Sequence[int]) -> int:
    """Return how many weights and biases a network with these layer sizes has.

    Example:
        >>> count_parameters([784, 16, 16, 10])
        13002
    """
    raise NotImplementedError("01_networks: count_parameters")


def gradient_descent(grad: Function, x0: np.ndarray, lr: float, steps: int) -> np.ndarray:
    """Walk downhill from x0: every step is the learning rate times the gradient where one stands.

    Shapes:
        grad: from a point (D,) to the gradient there (D,). x0: (D,), floats or integers.
        returns: (steps + 1, D), float64: the whole path, x0 first. Zero steps give x0 alone.

    Example:
        >>> gradient_descent(lambda x: 2 * x, np.array([8.0]), 0.25, 2)
        array([[8.],
               [4.],
               [2.]])
    """
    raise NotImplementedError("01_networks: gradient_descent")
