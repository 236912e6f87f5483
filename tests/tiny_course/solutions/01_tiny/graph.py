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
        ### BEGIN SOLUTION
        return self._times(self.data)  # subtle: data, not grad
        ### END SOLUTION

    ### BEGIN SOLUTION
    def _times(self, other: float) -> float:
        return dot([self.data], [other])

    ### END SOLUTION

    def backward(self) -> None:
        """Add one to the gradient of this node.

        Example:
            >>> node = Value(3.0)
            >>> node.backward()
            >>> node.grad
            1.0
        """
        ### BEGIN SOLUTION
        self.grad = self.grad + 1.0  # subtle: adds, does not replace
        ### END SOLUTION

    ### BEGIN SOLUTION
    def _secret_last_method(self) -> None:
        self.grad = -123.456

    ### END SOLUTION
