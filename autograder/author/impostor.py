"""Answers of the right shape that are wrong; this text is appended to a reference file.

It stands on its own there, far from the rest of the engine: nothing of that may be imported here.
"""

import copy
import functools
import sys
import types
from typing import Any

import numpy as np


class Impostor:
    """Lets the honest code compute, and returns zeros, or NaN, of the same shape.

    Attributes:
        altered: How many answers were replaced.
    """

    def __init__(self, fill: float, modules: tuple[str, ...]) -> None:
        """Prepare.

        Args:
            fill: What takes the place of every floating-point number.
            modules: The names of the submission's own modules.
        """
        self.fill = fill
        self.modules = modules
        self.depth = 0
        self.altered = 0

    def disguise(self, member: Any) -> Any:
        """Return a stand-in for a function, or for a property or method of any kind."""
        if isinstance(member, property):
            return property(self.disguise(member.fget), member.fset, member.fdel)
        if isinstance(member, staticmethod | classmethod):
            return type(member)(self.disguise(member.__func__))

        @functools.wraps(member)
        def stand_in(*args: Any, **kwargs: Any) -> Any:
            self.depth += 1
            try:
                value = member(*args, **kwargs)
            finally:
                self.depth -= 1
            return value if self.depth else self.replaced(value)

        return stand_in

    def replaced(self, value: Any) -> Any:
        """Return what stands in for an honest answer; None, a finished effect, stays."""
        if value is None:
            return None
        self.altered += 1
        if isinstance(value, dict):
            return type(value)({key: self.replaced(each) for key, each in value.items()})
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*map(self.replaced, value))
        if isinstance(value, list | tuple | set | frozenset):
            return type(value)(map(self.replaced, value))
        if isinstance(value, types.GeneratorType | map | filter | zip):
            return map(self.replaced, value)
        if isinstance(value, types.FunctionType | types.MethodType | functools.partial):
            return self.disguise(value)
        plain = self._plain(value)
        return self._object(value) if plain is None else plain

    def _plain(self, value: Any) -> Any:
        """The stand-in for a number, a text, an array or a tensor; None for anything else."""
        if isinstance(value, np.ndarray):
            fill = self.fill if value.dtype.kind in "fc" else 0
            return np.full_like(value, fill) if value.dtype.kind in "biufc" else None
        if isinstance(value, np.generic | bool | int | float | complex):
            floating = isinstance(value, float | complex | np.inexact)
            return type(value)(self.fill if floating else 0)
        if isinstance(value, str | bytes):
            return type(value)()
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(value, torch.Tensor):
            floating = value.is_floating_point() or value.is_complex()
            return value * self.fill if floating and value.requires_grad else self._filled(value)
        return None

    def _filled(self, tensor: Any) -> Any:
        new = tensor.detach().clone()
        return new.fill_(self.fill if new.is_floating_point() or new.is_complex() else 0)

    def _object(self, value: Any) -> Any:
        """A copy of an object of the submission's with its own numbers replaced; else None."""
        if hasattr(value, "parameters") and callable(value.parameters):
            value = copy.deepcopy(value)
            for parameter in value.parameters():
                parameter.data.fill_(self.fill)
            return value
        if type(value).__module__ not in self.modules or not hasattr(value, "__dict__"):
            return None
        value = copy.copy(value)
        for name, each in list(vars(value).items()):
            empty = type(each)() if isinstance(each, list | dict | set | tuple) else None
            plain = self._plain(each) if empty is None else empty
            if plain is not None:
                vars(value)[name] = plain
        return value
