"""A graph of one node."""

from __future__ import annotations

from vectors import dot


class Value:
    """A number that knows its gradient.

    Example:
        >>> Value(2.0).squared()
        4.0
    """

    names = ("data", "grad")

    def __init__(self, data: float) -> None:  # given
        """Start with no gradient."""
        self.data = data
        self.grad = 0.0

    def squared(self) -> float:
        """Return the square."""
        raise NotImplementedError("01_tiny: Value")

    def backward(self) -> None:
        """Add one to the gradient of this node.

        Example:
            >>> node = Value(3.0)
            >>> node.backward()
            >>> node.grad
            1.0
        """
        raise NotImplementedError("01_tiny: backward")
