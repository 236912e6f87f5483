"""The tests you have: small numbers to check by hand. Hidden ones, with drawn numbers, follow."""

import math

import numpy as np

from autograder.testing import close, ensure, equal, part


@part("numerical_gradient")
def test_slopes_of_a_cubic(student):
    """By central differences the slope of x³ is 3x² + h² exactly, and every entry has its own."""
    got = student.numerical_gradient(lambda x: float(np.sum(x**3)), np.array([1.0, -2.0, 0.0]), 0.5)
    close(got, np.array([3.25, 12.25, 0.25]))


@part("numerical_gradient")
def test_slopes_with_the_usual_step(student):
    """With the default h the slopes of sin are those of cos, to seven digits."""
    x = np.array([[0.0, 1.0], [2.0, 3.0]])
    got = student.numerical_gradient(lambda x: float(np.sum(np.sin(x))), x)
    close(got, np.cos(x), rtol=1e-7, atol=1e-7)


@part("gradient_check")
def test_check_of_a_square(student):
    """The gradient of Σ x² is 2x: neither x, nor -2x, nor 2x with one entry wrong."""
    x = np.array([1.0, -2.0, 0.5])
    claims = {
        "2x": lambda x: 2 * x,
        "x": lambda x: x,
        "-2x": lambda x: -2 * x,
        "2x, one entry wrong": lambda x: 2 * x + np.array([0.0, 0.0, 0.01]),
    }
    got = {
        name: student.gradient_check(lambda x: float(np.sum(x**2)), claim, x)
        for name, claim in claims.items()
    }
    equal(got, {"2x": True, "x": False, "-2x": False, "2x, one entry wrong": False})


@part("chain_gradients")
def test_one_neuron_by_hand(student):
    """With σ(0) = ½ and y = 0, dC/dz is 2 · ½ · ¼ = ¼; then it is times a_prev, 1 and w."""
    close(student.chain_gradients(2.0, -6.0, 3.0, 0.0), (0.75, 0.25, 0.5))


@part("layer_gradients")
def test_two_neurons_by_hand(student):
    """Both neurons send their share back to every entry of a_prev."""
    W = np.array([[2.0, -1.0, 0.0], [1.0, 1.0, 1.0]])  # (n_out, n_in) = (2, 3)
    b, a_prev, y = np.array([0.0, -4.0]), np.array([1.0, 2.0, 1.0]), np.array([0.0, 1.0])
    got = student.layer_gradients(W, b, a_prev, y)  # both neurons are at z = 0; dC/dz = (¼, -¼)
    dW = np.array([[0.25, 0.5, 0.25], [-0.25, -0.5, -0.25]])
    close(got, (dW, np.array([0.25, -0.25]), np.array([0.25, -0.5, -0.25])))


@part("softmax_cross_entropy")
def test_loss_by_hand(student):
    """Equal logits cost log 2; the odds 3 to 1 cost log 4/3 where they are right."""
    logits = np.array([[5.0, 5.0], [math.log(3.0), 0.0]])
    loss, dlogits = student.softmax_cross_entropy(logits, np.array([1, 0]))
    close(loss, (math.log(2.0) + math.log(4 / 3)) / 2)
    close(dlogits, np.array([[0.25, -0.25], [-0.125, 0.125]]))


@part("softmax_cross_entropy")
def test_loss_of_a_hopeless_guess(student):
    """Logits (1000, 0) with the label 1 have the loss 1000 and the slopes (1, -1)."""
    got = student.softmax_cross_entropy(np.array([[1000.0, 0.0]]), np.array([1]))
    close(got, (1000.0, np.array([[1.0, -1.0]])))


@part("layernorm_backward")
def test_layernorm_by_hand(student):
    """x = (3, 1) has the mean 2 and the variance 1; with eps = 3 the root is 2, and x̂ is ±½."""
    dout, x = np.array([[4.0, 0.0]]), np.array([[3.0, 1.0]])
    got = student.layernorm_backward(dout, x, np.array([2.0, 1.0]), 3.0)
    close(got, (np.array([[1.5, -1.5]]), np.array([2.0, 0.0]), np.array([4.0, 0.0])))


@part("unbroadcast")
def test_unbroadcast_by_hand(student):
    """A bias collects the slopes of all rows, a column those of its row."""
    grad = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    close(student.unbroadcast(grad, (3,)), np.array([5.0, 7.0, 9.0]))
    close(student.unbroadcast(grad, (2, 1)), np.array([[6.0], [15.0]]))
    close(student.unbroadcast(grad, (2, 3)), grad)


@part("Value")
def test_arithmetic(student):
    """Values can be added, multiplied, subtracted, divided, negated and raised to a power."""
    a, b = student.Value(6.0), student.Value(4)
    got = [(a + b).data, (a * b).data, (a - b).data, (a / b).data, (-a).data, (a**2).data]
    close(got, [10.0, 24.0, 2.0, 1.5, -6.0, 36.0])


@part("Value")
def test_numbers_on_both_sides(student):
    """Plain numbers may stand on the left and on the right."""
    a = student.Value(4.0)
    got = [(a + 1).data, (1 + a).data, (a - 1).data, (1 - a).data]
    got += [(a * 3).data, (3 * a).data, (a / 2).data, (2 / a).data]
    close(got, [5.0, 5.0, 3.0, -3.0, 12.0, 12.0, 2.0, 0.5])


@part("Value")
def test_functions(student):
    """exp, log, tanh and relu."""
    got = [student.Value(0.0).exp().data, student.Value(1.0).log().data]
    got += [student.Value(math.log(2.0)).tanh().data]
    got += [student.Value(-2.0).relu().data, student.Value(3.0).relu().data]
    close(got, [1.0, 0.0, 0.6, 0.0, 3.0])


@part("Value")
def test_slopes_of_operations(student):
    """The slope of a·b along a is b, that of a³ is 3a², that of a/b along b is -a/b²."""
    a, b, c, d, e = (student.Value(x) for x in (2.0, 5.0, 3.0, 6.0, 2.0))
    for result in (a * b, c**3, d / e):
        result.backward()
    close([a.grad, b.grad, c.grad, d.grad, e.grad], [5.0, 2.0, 27.0, 0.5, -1.5])


@part("topological_order")
def test_order_of_a_diamond(student):
    """With b = a + a and c = b · a, the order is a, b, c: each once."""
    a = student.Value(3.0)
    b = a + a
    c = b * a
    equal([node.data for node in student.topological_order(c)], [3.0, 6.0, 18.0])


@part("backward")
def test_backward_through_a_diamond(student):
    """With b = a + a and c = b + b, the slopes of c are 4 along a, 2 along b, and 1 along c."""
    a = student.Value(3.0)
    b = a + a
    c = b + b
    c.backward()
    close([a.grad, b.grad, c.grad], [4.0, 2.0, 1.0])


@part("backward")
def test_backward_twice(student):
    """The gradients of inputs add up over two calls."""
    a, b = student.Value(2.0), student.Value(5.0)
    c = (a * b) * a  # dc/da = 2ab = 20, dc/db = a² = 4
    c.backward()
    c.backward()
    close([a.grad, b.grad], [40.0, 8.0])


@part("backprop")
def test_backprop_by_hand(student):
    """One neuron at z = 0, two examples: the slopes are those of one, averaged."""
    params = [(np.array([[1.0, -1.0]]), np.array([0.0]))]
    X, Y = np.array([[1.0, 1.0], [3.0, 3.0]]), np.array([[0.0], [1.0]])
    cost, grads = student.backprop(params, X, Y)  # dC/dz is ¼ / 2 and -¼ / 2
    close(cost, 0.25)
    close([tuple(pair) for pair in grads], [(np.array([[-0.25, -0.25]]), np.array([0.0]))])


@part("minibatches")
def test_batches_hold_every_example(student):
    """Seven examples in batches of three: 3, 3 and 1, each beside its target, each once."""
    X, Y = np.arange(7.0).reshape(7, 1), np.arange(7) * 10
    batches = [tuple(b) for b in student.minibatches(X, Y, 3, np.random.default_rng(5))]
    equal([len(X_b) for X_b, _ in batches], [3, 3, 1])
    rows = [float(x) for X_b, _ in batches for x in X_b[:, 0]]
    equal(sorted(rows), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    equal([float(y) for _, Y_b in batches for y in Y_b], [10 * x for x in rows])


@part("sgd_step")
def test_sgd_by_hand(student):
    """Each array moves against its gradient; where that is None, it stays."""
    params, grads = [np.array([1.0, 2.0]), np.array([[3.0]])], [np.array([10.0, -10.0]), None]
    got, _ = student.sgd_step(params, grads, {}, 0.1)
    close(got, [np.array([0.0, 3.0]), np.array([[3.0]])])


@part("momentum_step")
def test_momentum_by_hand(student):
    """With beta ½ and the gradient 2, the velocities are 2, then 3."""
    params, grads = [np.array([1.0])], [np.array([2.0])]
    first, state = student.momentum_step(params, grads, {}, 0.25, 0.5)
    second, _ = student.momentum_step(first, grads, state, 0.25, 0.5)
    close([first, second], [[np.array([0.5])], [np.array([-0.25])]])


@part("adamw_step")
def test_first_step_of_adamw(student):
    """Without eps and decay, the first step is lr for every entry, however large its gradient."""
    params, grads = [np.array([1.0, 1.0, 1.0])], [np.array([100.0, -0.01, 1.0])]
    got, _ = student.adamw_step(params, grads, {}, lr=0.5, eps=0.0, weight_decay=0.0)
    close(got, [np.array([0.5, 1.5, 0.5])])


@part("adamw_step")
def test_adamw_decays(student):
    """Where the gradient is 0, only the decay is left: p - lr · weight_decay · p."""
    got, _ = student.adamw_step([np.array([4.0])], [np.array([0.0])], {}, 0.5, weight_decay=0.25)
    close(got, [np.array([3.5])])


@part("train")
def test_either_or(student):
    """A network 2-4-1 learns "one or the other, but not both", which no single neuron can."""
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    Y = np.array([[0.0], [1.0], [1.0], [0.0]])
    runs = [student.train(X, Y, [2, 4, 1], np.random.default_rng(s), 400, 4.0) for s in (1, 2)]
    equal([len(history) for _, history in runs], [400, 400])
    best = min(float(history[-1]) for _, history in runs)
    ensure(best < 0.05, "After 400 epochs the network has not learned four examples.", best)
