from autograder.testing import close, part


@part("dot", basic=True)
def test_matches_a_loop(student, rng):
    """The dot product equals a sum written as a loop over positions."""
    a, b = rng.standard_normal((2, 7))
    close(student.dot(a, b), sum(float(x) * float(y) for x, y in zip(a, b)))


@part("codes", basic=True)
def test_round_trip(student):
    """Decoding what was encoded gives the text again."""
    close(student.decode(student.encode("hello")), "hello")


@part("Value", basic=True)
def test_squared(student):
    """The square of three is nine."""
    close(student.Value(3.0).squared(), 9.0)


@part("backward", basic=True)
def test_twice(student):
    """Two calls add two to the gradient."""
    node = student.Value(3.0)
    node.backward()
    node.backward()
    close(node.grad, 2.0)
