"""Hidden tests of 01: slow loops, numpy's own functions, and closed forms as oracles.

Calls of one test are collected in a list and compared at once where that tells mistakes apart.
"""

import copy
import math
from contextlib import contextmanager
from itertools import pairwise

import numpy as np

from autograder.testing import close, ensure, equal, first_difference, part

CHANGED = "Something that was passed in has been changed; write into a new array instead."


def vectors(rng, sizes):
    """Return one pair of vectors for each size."""
    return [tuple(rng.standard_normal((2, int(D)))) for D in sizes]


def different_sizes(rng, count):
    """Return sizes from 3 to 8, no two the same, so that no transposition can hide."""
    return [int(n) for n in rng.permutation(np.arange(3, 9))[:count]]


def squared_length(a):
    return sum((float(x) ** 2 for x in a), start=0.0)


def products(a, b):
    return sum((float(x) * float(y) for x, y in zip(a, b, strict=True)), start=0.0)


def unchanged(student, name, *args):
    """Require that a call leaves its arrays as they were."""
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


# dot


@part("dot", basic=True)
def test_dot_matches_a_slow_loop(student, rng):
    """The dot product equals a sum written as a loop, at every length."""
    pairs = vectors(rng, [2, 3, *rng.integers(4, 12, 2)])
    close([student.dot(a, b) for a, b in pairs], [products(a, b) for a, b in pairs])


@part("dot")
def test_dot_of_short_vectors(student, rng):
    """Vectors of length 1 and 0 have a dot product too; that of empty vectors is 0.0."""
    pairs = vectors(rng, [1, 0])
    close([student.dot(a, b) for a, b in pairs], [products(a, b) for a, b in pairs])


@part("dot")
def test_dot_is_linear(student, rng):
    """Vectors a thousand times as long, strided and read-only, give a million times the product."""
    wide = rng.standard_normal((2, 10)) * 1000
    wide.flags.writeable = False
    a, b = wide[0, ::2], wide[1, ::2]  # (5,)
    close(student.dot(a, b), float(np.dot(a, b)))


@part("dot")
def test_dot_leaves_its_inputs_alone(student, rng):
    """The vectors keep their values."""
    unchanged(student, "dot", *rng.standard_normal((2, 4)))


# cosine_similarity


@part("cosine_similarity", basic=True)
def test_cosine_matches_a_slow_loop(student, rng):
    """The cosine is the dot product over the product of both lengths."""
    pairs = vectors(rng, [2, 3, *rng.integers(4, 12, 2)])
    got = [student.cosine_similarity(a, b) for a, b in pairs]
    lengths = [math.sqrt(squared_length(a) * squared_length(b)) for a, b in pairs]
    close(got, [products(a, b) / both for (a, b), both in zip(pairs, lengths, strict=True)])


@part("cosine_similarity")
def test_cosine_with_zero_vectors(student, rng):
    """The similarity is 0.0 when both vectors, the second or the first are zero."""
    a, zero = rng.standard_normal(5), np.zeros(5)
    pairs = [(zero, zero), (a, zero), (zero, a)]
    close([student.cosine_similarity(*pair) for pair in pairs], [0.0, 0.0, 0.0])


@part("cosine_similarity")
def test_cosine_ignores_length(student, rng):
    """Making vectors a thousand times longer or a million million times shorter changes nothing."""
    a, b = rng.standard_normal((2, 6))
    cosine = float(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)))
    scales = [(1000.0, 1.0), (1.0, -1000.0), (1e-5, 1e-5), (1e-12, 1e-12)]
    got = [student.cosine_similarity(s * a, t * b) for s, t in scales]
    close(got, [cosine, -cosine, cosine, cosine])


@part("cosine_similarity")
def test_cosine_leaves_its_inputs_alone(student, rng):
    """The vectors keep their values."""
    unchanged(student, "cosine_similarity", *rng.standard_normal((2, 4)))


# euclidean_distance


@part("euclidean_distance", basic=True)
def test_distance_matches_math_dist(student, rng):
    """The distance is that of Python's own math.dist, at every length."""
    pairs = vectors(rng, [1, 2, *rng.integers(3, 12, 2)])
    close([student.euclidean_distance(a, b) for a, b in pairs], [math.dist(*p) for p in pairs])


@part("euclidean_distance")
def test_distance_far_from_the_origin(student, rng):
    """Two points near each other and a million away from the origin keep their exact distance."""
    a, b = rng.standard_normal((2, 4)) + 1e6
    close(student.euclidean_distance(a, b), math.dist(a, b))


@part("euclidean_distance")
def test_distance_is_a_metric(student, rng):
    """The distance of a point to itself is 0, there and back are equal, empty vectors have none."""
    a, b = rng.standard_normal((2, 3)) * 1000
    pairs = [(a, a), (a, b), (b, a), (np.zeros(0), np.zeros(0))]
    got = [student.euclidean_distance(*pair) for pair in pairs]
    close(got, [0.0, math.dist(a, b), math.dist(a, b), 0.0])


@part("euclidean_distance")
def test_distance_leaves_its_inputs_alone(student, rng):
    """The vectors keep their values."""
    unchanged(student, "euclidean_distance", *rng.standard_normal((2, 4)))


# one_hot


def draw_ids(rng, V, T):
    """Return T ids below V - 1, in no order, the first one at least twice."""
    ids = [int(i) for i in rng.integers(0, V - 1, T - 1)]
    return [*ids, ids[0]]


@part("one_hot", basic=True)
def test_one_hot_matches_a_slow_loop(student, rng):
    """Row t has its 1 in column token_ids[t], whichever ids are used and however often."""
    T, V = different_sizes(rng, 2)
    ids = draw_ids(rng, V + 3, T)
    rows = [[1.0 if v == token else 0.0 for v in range(V + 3)] for token in ids]
    equal(student.one_hot(ids, V + 3), np.array(rows))


@part("one_hot")
def test_one_hot_square(student, rng):
    """As many tokens as the vocabulary has are still one row each; ids may come as an array."""
    V = int(rng.integers(4, 8))
    ids = np.roll(np.arange(V), 1)
    equal(student.one_hot(ids, V), np.eye(V)[ids])


@part("one_hot")
def test_one_hot_of_nothing(student, rng):
    """No tokens give an array of shape (0, V)."""
    V = int(rng.integers(2, 8))
    equal(student.one_hot([], V), np.zeros((0, V)))


# embed


@part("embed", basic=True)
def test_embed_matches_a_slow_loop(student, rng):
    """Row t of the result is the row of E that token_ids[t] names."""
    T, V, C = different_sizes(rng, 3)
    E, ids = rng.standard_normal((V + 3, C)), draw_ids(rng, V + 3, T)
    equal(student.embed(ids, E), np.array([[float(x) for x in E[i]] for i in ids]))


@part("embed")
def test_embed_equals_one_hot_times_matrix(student, rng):
    """With as many tokens as words and as columns, the result is still the one-hot rows times E."""
    n = int(rng.integers(4, 8))
    E, ids = np.asfortranarray(rng.standard_normal((n, n))), rng.integers(0, n, n)
    close(student.embed(ids, E), np.eye(n)[ids] @ E)


@part("embed")
def test_embed_of_nothing(student, rng):
    """No tokens give an array of shape (0, C)."""
    V, C = different_sizes(rng, 2)
    equal(student.embed([], rng.standard_normal((V, C))), np.zeros((0, C)))


@part("embed")
def test_embed_leaves_its_inputs_alone(student, rng):
    """E keeps its values."""
    unchanged(student, "embed", [1, 0, 1], rng.standard_normal((3, 2)))


# analogy


def names(rng, V):
    """Return V different words, in no order."""
    return [f"word{i}" for i in rng.permutation(np.arange(100, 200))[:V]]


def slow_analogy(words, E, a, b, c):
    """Answer by trying every word."""
    rows = {word: [float(x) for x in row] for word, row in zip(words, E, strict=True)}
    target = [y - x + z for x, y, z in zip(rows[a], rows[b], rows[c], strict=True)]
    best, answer = -2.0, ""
    for word in words:
        length = math.sqrt(squared_length(rows[word]) * squared_length(target))
        cosine = products(rows[word], target) / length if length else 0.0
        if word not in (a, b, c) and cosine > best:
            best, answer = cosine, word
    return answer


@part("analogy", basic=True)
def test_analogy_matches_a_slow_search(student, rng):
    """The answer is the word with the greatest cosine similarity to b - a + c."""
    V, C = int(rng.integers(20, 30)), 4
    words, E = names(rng, V), rng.standard_normal((V, C))
    questions = [[str(w) for w in rng.choice(words, 3, replace=False)] for _ in range(8)]
    got = [student.analogy(words, E, *question) for question in questions]
    equal(got, [slow_analogy(words, E, *question) for question in questions])


@part("analogy")
def test_analogy_compares_directions(student, rng):
    """A long vector is no nearer than a short one: only the direction counts."""
    V, C = 20, 3
    words, E = names(rng, V), rng.standard_normal((V, C)) * 10.0 ** rng.integers(-2, 3, (V, 1))
    questions = [[str(w) for w in rng.choice(words, 3, replace=False)] for _ in range(8)]
    got = [student.analogy(words, E, *question) for question in questions]
    equal(got, [slow_analogy(words, E, *question) for question in questions])


@part("analogy")
def test_analogy_with_a_zero_vector(student, rng):
    """A word whose vector is zero is at similarity 0, and is no obstacle."""
    words, scale = names(rng, 7), float(rng.integers(1, 9))
    E = scale * np.array([[0, 0], [1, 0], [1, 1], [3, 0], [3, 1], [-1, -1], [-1, 2]])
    # Words 1 to 4 are the corners of a parallelogram, so word 4 is the answer.
    equal(student.analogy(tuple(words), E, *words[1:4]), words[4])


@part("analogy")
def test_analogy_ties(student, rng):
    """Of two words in the same direction, the one that comes first in the list is the answer."""
    words = names(rng, 6)
    E = np.array([[1.0, 4.0], [2, 0], [2, 2], [0, 2], [0, 16], [0, 8]])
    E = E[:, ::-1] if rng.integers(2) else E
    # The target is (2, 2) - (2, 0) + (0, 2) = (0, 4): words 4 and 5 both have similarity 1.
    equal(student.analogy(words, E, *words[1:4]), words[4])


@part("analogy")
def test_analogy_leaves_its_inputs_alone(student, rng):
    """E keeps its values."""
    words = names(rng, 6)
    unchanged(student, "analogy", words, rng.standard_normal((6, 3)), *words[:3])


# sigmoid


def slow_sigmoid(z):
    """Return σ number by number, for arrays of any shape."""
    values = [1.0 / (1.0 + math.exp(-float(v))) for v in np.ravel(z)]
    return np.array(values, dtype=np.float64).reshape(z.shape)


@part("sigmoid", basic=True)
def test_sigmoid_matches_the_formula(student, rng):
    """σ(z) is 1 / (1 + exp(-z)) for every number of an array of any shape."""
    B, n = different_sizes(rng, 2)
    inputs = [3 * rng.standard_normal(shape) for shape in ((n,), (B, n), (2, B, n), (0,))]
    close([student.sigmoid(z) for z in inputs], [slow_sigmoid(z) for z in inputs])


@part("sigmoid")
def test_sigmoid_is_symmetric(student, rng):
    """σ(-z) is 1 - σ(z), also further out, for an array that is not contiguous."""
    z = (30 * rng.standard_normal((4, 3))).T
    expected = slow_sigmoid(z)
    close([student.sigmoid(z), student.sigmoid(-z)], [expected, 1.0 - expected])


@part("sigmoid")
def test_sigmoid_far_out_without_a_warning(student, rng):
    """At ±1000 the values are 1 and 0, and nothing overflows on the way."""
    high = np.array([1000.0, float(rng.uniform(800, 2000))])
    close(student.sigmoid(high), np.ones(2))
    with numpy_errors_raise(student):
        close(student.sigmoid(high), np.ones(2))
        close(student.sigmoid(-high), np.zeros(2))


@part("sigmoid")
def test_sigmoid_leaves_its_input_alone(student, rng):
    """The array keeps its values, the extreme ones too."""
    unchanged(student, "sigmoid", np.append(rng.standard_normal(3), [-900.0, 900.0]))


# relu


@part("relu", basic=True)
def test_relu_matches_a_slow_loop(student, rng):
    """Every number of an array of any shape is replaced by the larger of itself and 0."""
    B, n = different_sizes(rng, 2)
    inputs = [3 * rng.standard_normal(shape) for shape in ((n,), (B, n), (2, B, n), (0, n))]
    expected = [
        np.array([max(float(v), 0.0) for v in np.ravel(z)], dtype=np.float64).reshape(z.shape)
        for z in inputs
    ]
    close([student.relu(z) for z in inputs], expected)


@part("relu")
def test_relu_closed_form(student, rng):
    """relu(z) is (z + |z|) / 2, also a thousand times larger and for a transposed array."""
    z = rng.standard_normal((4, 3)).T
    got = [student.relu(z), student.relu(-z), student.relu(1000 * z)]
    close(got, [(z + np.abs(z)) / 2, (np.abs(z) - z) / 2, 500 * (z + np.abs(z))])


@part("relu")
def test_relu_leaves_its_input_alone(student, rng):
    """The array keeps its values, the negative ones too."""
    unchanged(student, "relu", np.append(rng.standard_normal(3), -1.0))


# layer


def slow_layer(x, W, b, activation):
    """Return a layer's output neuron by neuron."""
    rows = [[products(w, a) + float(bias) for w, bias in zip(W, b, strict=True)] for a in x]
    return activation(np.array(rows))


def bend(z):
    """An activation that is neither odd nor even, and that no layer has by chance."""
    return np.tanh(z) + z * z / 4


@part("layer", basic=True)
def test_layer_matches_a_slow_loop(student, rng):
    """Neuron j of example i is activation(Σ W[j, k] x[i, k] + b[j])."""
    B, n_in, n_out = different_sizes(rng, 3)
    x, W, b = rng.standard_normal((B, n_in)), rng.standard_normal((n_out, n_in)), rng.random(n_out)
    close(student.layer(x, W, b, bend), slow_layer(x, W, b, bend))


@part("layer")
def test_layer_with_square_weights(student, rng):
    """With all sizes equal, rows are still examples, and W and b still belong to neurons."""
    n = int(rng.integers(3, 7))
    x, W, b = rng.standard_normal((n, n)), rng.standard_normal((n, n)), rng.standard_normal(n)
    close(student.layer(x, W, b, bend), bend(np.einsum("ik,jk->ij", x, W) + b[None, :]))


@part("layer")
def test_layer_of_one_example(student, rng):
    """An example's output is the same alone as in a batch, with and without an activation."""
    n_in, n_out = different_sizes(rng, 2)
    x, W, b = (
        rng.standard_normal((1, n_in)),
        rng.standard_normal((n_in, n_out)).T,
        rng.random(n_out),
    )
    got = [student.layer(x, W, b, f) for f in (bend, lambda z: z)]
    close(got, [slow_layer(x, W, b, bend), slow_layer(x, W, b, lambda z: z)])


@part("layer")
def test_layer_leaves_its_inputs_alone(student, rng):
    """x, W and b keep their values."""
    x, W, b = rng.standard_normal((2, 3)), rng.standard_normal((4, 3)), rng.standard_normal(4)
    unchanged(student, "layer", x, W, b, bend)


# forward


def draw_network(rng, sizes):
    """Return a network's params with drawn weights and biases."""
    return [(rng.standard_normal((m, n)), rng.standard_normal(m)) for n, m in pairwise(sizes)]


def slow_forward(x, params):
    activations = [x]
    for W, b in params:
        activations.append(slow_layer(activations[-1], W, b, slow_sigmoid))
    return activations


@part("forward", basic=True)
def test_forward_matches_a_slow_loop(student, rng):
    """The input comes first, then the sigmoid of each layer's weighted sums, the last one's too."""
    B, *sizes = different_sizes(rng, 5)
    x, params = rng.standard_normal((B, sizes[0])), draw_network(rng, sizes)
    close(student.forward(x, params), slow_forward(x, params))


@part("forward")
def test_forward_through_square_layers(student, rng):
    """Each layer takes the one before it, also when every layer has the same size."""
    n = int(rng.integers(3, 6))
    x, params = rng.standard_normal((n, n)), draw_network(rng, [n] * 4)
    close(student.forward(x, params), slow_forward(x, params))


@part("forward")
def test_forward_at_every_depth(student, rng):
    """A network of one layer gives two arrays; one without layers gives the input alone."""
    x, params = rng.standard_normal((1, 3)), draw_network(rng, [3, 2])
    got = [student.forward(x, params), student.forward(x, [])]
    close(got, [slow_forward(x, params), [x]])


@part("forward")
def test_forward_leaves_its_inputs_alone(student, rng):
    """x and all weights and biases keep their values."""
    unchanged(student, "forward", rng.standard_normal((2, 3)), draw_network(rng, [3, 4, 2]))


# cost


def slow_cost(outputs, targets):
    rows = zip(outputs, targets, strict=True)
    return sum(squared_length(y - t) for y, t in rows) / len(outputs)


@part("cost", basic=True)
def test_cost_matches_a_slow_loop(student, rng):
    """Squared differences are added up within an example and averaged over the examples."""
    B, n = different_sizes(rng, 2)
    batches = [tuple(rng.random((2, B, n))), tuple(rng.random((2, B + 1, n)))]
    close([student.cost(y, t) for y, t in batches], [slow_cost(y, t) for y, t in batches])


@part("cost")
def test_cost_of_one_example_and_one_output(student, rng):
    """Batches of one example, of one output, and of both are treated alike."""
    batches = [tuple(1000 * rng.standard_normal((2, *shape))) for shape in ((1, 5), (4, 1), (1, 1))]
    close([student.cost(y, t) for y, t in batches], [slow_cost(y, t) for y, t in batches])


@part("cost")
def test_cost_closed_form(student, rng):
    """A perfect batch costs 0; outputs off by d in each of n places cost n d²."""
    B, n = different_sizes(rng, 2)
    y, d = rng.random((B, n)), float(rng.uniform(1, 2))
    close(
        [student.cost(y, y), student.cost(y + d, y), student.cost(y - d, y)],
        [0.0, n * d * d, n * d * d],
    )


@part("cost")
def test_cost_leaves_its_inputs_alone(student, rng):
    """Outputs and targets keep their values."""
    unchanged(student, "cost", *rng.random((2, 3, 4)))


# accuracy


def slow_accuracy(outputs, labels):
    guesses = [max(range(len(row)), key=lambda j: float(row[j])) for row in outputs]
    return sum(g == int(label) for g, label in zip(guesses, labels, strict=True)) / len(guesses)


def draw_guesses(rng, B, n):
    """Return outputs and labels of which between one and all but one are guessed right."""
    outputs = rng.standard_normal((B, n))
    labels = outputs.argmax(axis=1)
    wrong = rng.permutation(B)[: int(rng.integers(1, B))]
    labels[wrong] = (labels[wrong] + rng.integers(1, n, len(wrong))) % n
    return outputs, labels


@part("accuracy", basic=True)
def test_accuracy_matches_a_slow_loop(student, rng):
    """The share of examples whose largest output is at their label, for batches of many sizes."""
    batches = [draw_guesses(rng, B, n) for B, n in ((7, 3), (5, 4), (3, 11))]
    close([student.accuracy(y, t) for y, t in batches], [slow_accuracy(y, t) for y, t in batches])


@part("accuracy")
def test_accuracy_of_a_square_batch(student, rng):
    """With as many examples as classes, the largest output is still sought within an example."""
    batches = [draw_guesses(rng, 6, 6) for _ in range(4)]
    close([student.accuracy(y, t) for y, t in batches], [slow_accuracy(y, t) for y, t in batches])


@part("accuracy")
def test_accuracy_at_the_ends(student, rng):
    """All right is 1.0, all wrong is 0.0, one example is enough, and no output need exceed ½."""
    y = rng.standard_normal((5, 3)) - 10
    labels = y.argmax(axis=1)
    calls = [(y, labels), (y, (labels + 1) % 3), (y[:1], labels[:1])]
    close([student.accuracy(*call) for call in calls], [1.0, 0.0, 1.0])


@part("accuracy")
def test_accuracy_ties(student, rng):
    """Of equal outputs the first counts as the largest."""
    outputs = np.full((5, 4), float(rng.integers(1, 9)))
    outputs[1, 0] = 0.0
    close(student.accuracy(outputs, np.array([0, 1, 3, 0, 2])), 0.6)


# count_parameters


@part("count_parameters", basic=True)
def test_parameters_match_the_arrays(student, rng):
    """The count equals the sizes of all weights and biases of a network of that shape."""
    shapes = [different_sizes(rng, n) for n in (2, 3, 5)]
    arrays = [[a for pair in draw_network(rng, sizes) for a in pair] for sizes in shapes]
    equal([student.count_parameters(s) for s in shapes], [sum(a.size for a in n) for n in arrays])


@part("count_parameters")
def test_parameters_of_simple_networks(student, rng):
    """An input alone has none; one neuron with n inputs has n + 1; sizes may come as a tuple."""
    n = int(rng.integers(2, 1000))
    got = [student.count_parameters(sizes) for sizes in ([n], (n, 1), [n, n, n])]
    equal(got, [0, n + 1, 2 * n * (n + 1)])


# gradient_descent


def slow_descent(grad, x0, lr, steps):
    path = [[float(v) for v in x0]]
    for _ in range(steps):
        slope = grad(np.array(path[-1]))
        path.append([v - lr * float(s) for v, s in zip(path[-1], slope, strict=True)])
    return np.array(path)


def wavy(x):
    """The gradient of Σ (x² / 2 - 2 cos x): everywhere another slope."""
    return x + 2 * np.sin(x)


@part("gradient_descent", basic=True)
def test_path_matches_a_slow_loop(student, rng):
    """Every point is the one before it minus the rate times the gradient there; x0 comes first."""
    D, steps = different_sizes(rng, 2)
    x0, lr = rng.standard_normal(D) * 2, float(rng.uniform(0.1, 0.4))
    close(student.gradient_descent(wavy, x0, lr, steps), slow_descent(wavy, x0, lr, steps))


@part("gradient_descent")
def test_path_on_a_bowl(student, rng):
    """On Σ c x² / 2 point k is x0 (1 - lr c)^k, also where that overshoots and where it grows."""
    c, x0, steps = np.array([0.5, 1.0, 4.0, 5.0]), rng.standard_normal(4), 6
    expected = x0 * (1 - 0.45 * c) ** np.arange(steps + 1)[:, None]
    close(student.gradient_descent(lambda x: c * x, x0, 0.45, steps), expected)


@part("gradient_descent")
def test_path_of_no_steps(student, rng):
    """Zero steps give x0 alone, and one step gives two points."""
    x0 = rng.standard_normal(3)
    got = [student.gradient_descent(wavy, x0, 0.1, steps) for steps in (0, 1)]
    close(got, [slow_descent(wavy, x0, 0.1, steps) for steps in (0, 1)])


@part("gradient_descent")
def test_path_from_whole_numbers(student, rng):
    """A start of whole numbers does not make the path one of whole numbers."""
    x0 = rng.integers(-5, 6, 3) * 2 + 1
    expected = slow_descent(lambda x: x, x0, 0.25, 3)
    close(student.gradient_descent(lambda x: x, x0, 0.25, 3), expected)


@part("gradient_descent")
def test_descent_leaves_its_start_alone(student, rng):
    """x0 keeps its values."""
    unchanged(student, "gradient_descent", wavy, rng.standard_normal(3), 0.1, 3)
