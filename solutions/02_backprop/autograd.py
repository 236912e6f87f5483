"""A number that remembers where it came from, and so can find all its slopes by itself.

Every operation on a `Value` makes a new one, which keeps its parents (what it was computed from)
and the slope along each of them. Together they are a graph. `backward` walks it from the result to
the inputs and multiplies and adds up slopes: this is backpropagation, and PyTorch does the same.
"""

from __future__ import annotations

import math


### BEGIN SOLUTION
def _as_value(number: Value | float) -> Value:
    return number if isinstance(number, Value) else Value(number)


### END SOLUTION


class Value:
    """A number in a graph: `data` is the number, `grad` the slope of a result along it.

    Numbers, int or float, may stand on either side of + - * /. Exponents are plain numbers. The
    arguments `parents`, `slopes` and `op` are for your own operations: with them,
    `Value(6.0, (a, b), (3.0, 2.0), "*")` is the product of a = 2 and b = 3. Store something else if
    you prefer: tests use `Value(data)`, `.data`, `.grad` and the operations. (The picture drawn by
    `course play` needs `parents`.) The sum or the product of two Values makes one new Value.

    Example:
        >>> a, b = Value(2), Value(3.0)
        >>> c = (a * b - 2) / b**2 * 0.5
        >>> round(c.data, 6)
        0.222222
    """

    def __init__(
        self,
        data: float,
        parents: tuple[Value, ...] = (),
        slopes: tuple[float, ...] = (),
        op: str = "",
    ) -> None:
        """Keep the number; its slope is 0.0 until somebody calls backward."""
        ### BEGIN SOLUTION
        self.data = float(data)
        self.grad = 0.0
        self.parents = parents
        self.slopes = slopes
        self.op = op
        ### END SOLUTION

    def __repr__(self) -> str:  # given
        """Show the number and its slope."""
        return f"Value(data={self.data}, grad={self.grad})"

    def __add__(self, other: Value | float) -> Value:
        """self + other."""
        ### BEGIN SOLUTION
        other = _as_value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0), "+")
        ### END SOLUTION

    def __mul__(self, other: Value | float) -> Value:
        """self * other."""
        ### BEGIN SOLUTION
        other = _as_value(other)
        slopes = (other.data, self.data)  # subtle: the slope along one factor is the other one
        return Value(self.data * other.data, (self, other), slopes, "*")
        ### END SOLUTION

    def __pow__(self, exponent: float) -> Value:
        """self ** exponent, with an exponent that is a plain number."""
        ### BEGIN SOLUTION
        slope = exponent * self.data ** (exponent - 1)  # subtle: the exponent goes down by one
        return Value(self.data**exponent, (self,), (slope,), f"**{exponent}")
        ### END SOLUTION

    def __neg__(self) -> Value:
        """-self."""
        ### BEGIN SOLUTION
        return self * -1.0
        ### END SOLUTION

    def __sub__(self, other: Value | float) -> Value:
        """self - other."""
        ### BEGIN SOLUTION
        return self + other * -1.0
        ### END SOLUTION

    def __truediv__(self, other: Value | float) -> Value:
        """self / other."""
        ### BEGIN SOLUTION
        return self * _as_value(other) ** -1
        ### END SOLUTION

    def __radd__(self, other: float) -> Value:
        """other + self, where other is a number: Python asks the right side if the left cannot."""
        ### BEGIN SOLUTION
        return self + other
        ### END SOLUTION

    def __rmul__(self, other: float) -> Value:
        """other * self, where other is a number."""
        ### BEGIN SOLUTION
        return self * other
        ### END SOLUTION

    def __rsub__(self, other: float) -> Value:
        """other - self, where other is a number."""
        ### BEGIN SOLUTION
        return -self + other  # subtle: here the order counts
        ### END SOLUTION

    def __rtruediv__(self, other: float) -> Value:
        """other / self, where other is a number."""
        ### BEGIN SOLUTION
        return self**-1 * other  # subtle: and here
        ### END SOLUTION

    def exp(self) -> Value:
        """e to the power of self."""
        ### BEGIN SOLUTION
        power = math.exp(self.data)
        return Value(power, (self,), (power,), "exp")
        ### END SOLUTION

    def log(self) -> Value:
        """The natural logarithm of self, for self > 0."""
        ### BEGIN SOLUTION
        return Value(math.log(self.data), (self,), (1.0 / self.data,), "log")
        ### END SOLUTION

    def tanh(self) -> Value:
        """The hyperbolic tangent of self, without overflow."""
        ### BEGIN SOLUTION
        t = math.tanh(self.data)  # subtle: from exponentials it would overflow at 710
        return Value(t, (self,), (1.0 - t * t,), "tanh")  # subtle: t, the result, is squared
        ### END SOLUTION

    def relu(self) -> Value:
        """max(self, 0); at 0 the slope is 0."""
        ### BEGIN SOLUTION
        passes = self.data > 0  # subtle: the slope passes where the number did
        return Value(self.data if passes else 0.0, (self,), (float(passes),), "relu")
        ### END SOLUTION

    def backward(self) -> None:
        """Find the slope of this Value along every Value that it was computed from.

        Afterwards `grad` of each of them is the sum over all paths of the products of the slopes on
        the path, and `self.grad` is 1. The gradients of inputs (Values made by `Value(data)`) add
        up over several calls, also from different results, until you set them to 0.0; each call
        contributes what it would alone. What other Values hold after a second call is up to you.

        Example:
            >>> a = Value(3.0)
            >>> (a * a + 4 * a).backward()
            >>> a.grad
            10.0
        """
        ### BEGIN SOLUTION
        order = topological_order(self)
        for node in order:
            if node.parents:
                node.grad = 0.0  # subtle: only inputs keep what an earlier call has left
        self.grad += 1.0  # subtle: the slope of the result along itself
        for node in reversed(order):  # subtle: a node passes on only when it has got everything
            for parent, slope in zip(node.parents, node.slopes):
                parent.grad += slope * node.grad  # subtle: +=, since several paths may arrive here
        ### END SOLUTION


def topological_order(root: Value) -> list[Value]:
    """List the graph that leads to `root`: every Value once, after all that it was computed from.

    So inputs come before what is computed from them, and `root` comes last. There may be several
    such orders, and each is right. Graphs may be thousands of operations deep.

    Example:
        >>> a = Value(1.0)
        >>> b = a + a
        >>> c = b * a
        >>> [node.data for node in topological_order(c)]
        [1.0, 2.0, 2.0]
    """
    ### BEGIN SOLUTION
    order: list[Value] = []
    seen: set[Value] = set()
    stack = [(root, False)]  # subtle: a stack of our own; Python's ends at a depth of 1,000
    while stack:
        node, parents_done = stack.pop()
        if parents_done:
            order.append(node)  # subtle: after its parents
        elif node not in seen:  # subtle: once, though many paths may lead here
            seen.add(node)
            stack.append((node, True))
            stack.extend((parent, False) for parent in node.parents)
    return order
    ### END SOLUTION
