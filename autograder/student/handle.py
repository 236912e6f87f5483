"""A stand-in for an object or function that stays in the student's process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograder.student.peer import Peer


class Handle:
    """Attributes, calls, operators, ``len``, indexing and iteration, each one request.

    What comes back is a plain value or another handle. Names that begin with an underscore are out
    of reach.

    Operators work only on live handles: those that a class of the submission (a name in capitals)
    made, and what operators and methods make of these. On any other handle, which came back where a
    value was expected, ``got - expected`` or ``got == expected`` would tell the submission the
    expected value and let it answer as it likes; there, they raise TypeError.
    """

    __slots__ = ("__weakref__", "_kind", "_live", "_number", "_peer")

    def __init__(self, peer: Peer, number: int | str, kind: str) -> None:
        object.__setattr__(self, "_peer", peer)
        object.__setattr__(self, "_number", number)
        object.__setattr__(self, "_kind", kind)
        object.__setattr__(self, "_live", False)

    @property
    def _type_(self) -> str:
        return str(self._kind)

    def _describe_(self) -> str:
        return f"<{self._kind}>"

    def __repr__(self) -> str:
        return f"<{self._kind}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if isinstance(self._number, str):
            return self._peer.request("get", self, (name,))
        return _Attribute(self, name)._value_or_method()

    def __setattr__(self, name: str, value: Any) -> None:
        self._peer.request("set", self, (name, value))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it on the student's side."""
        return self._peer.request("call", self, args, kwargs)

    def __iter__(self) -> Iterator[Any]:
        iterator = self._peer.request("builtin", None, ("iter", self))
        while True:
            item = self._peer.request("next", iterator, ())
            if type(item) is not list or not item:
                return
            yield item[0]

    def __len__(self) -> int:
        return int(self._peer.request("builtin", None, ("len", self)))

    def __bool__(self) -> bool:
        raise TypeError(f"a {self._kind} where True or False was expected")

    def __float__(self) -> float:
        return float(self._peer.request("builtin", None, ("float", self)))

    def __int__(self) -> int:
        return int(self._peer.request("builtin", None, ("int", self)))

    def __hash__(self) -> int:
        return hash((id(self._peer), self._number))

    def __eq__(self, other: object) -> bool:
        return self is other

    def __getitem__(self, key: Any) -> Any:
        return self._peer.request("operator", None, ("getitem", self, key))

    def __contains__(self, item: object) -> bool:
        return _operate("contains", self, item) is True

    def __setitem__(self, key: Any, value: Any) -> None:
        _operate("setitem", self, key, value)

    def __delitem__(self, key: Any) -> None:
        _operate("delitem", self, key)


class _Attribute:
    """Looks an attribute up; the student's side sends a method as a handle of its own."""

    def __init__(self, owner: Handle, name: str) -> None:
        self.owner = owner
        self.name = name

    def _value_or_method(self) -> Any:
        found = self.owner._peer.request("get", self.owner, (self.name,))
        if isinstance(found, Handle) and found._kind in ("method", "builtin_function_or_method"):
            object.__setattr__(found, "_kind", f"{self.owner._kind}.{self.name}")
        return found


def _operate(name: str, *operands: Any) -> Any:
    """Apply an operator on the student's side, if a handle among the operands is live."""
    handles = [each for each in operands if isinstance(each, Handle)]
    if not any(handle._live for handle in handles):
        raise TypeError(f"a {handles[0]._kind} where a plain value was expected")
    return handles[0]._peer.request("operator", None, (name, *operands))


def _add_operators() -> None:
    def forward(name: str) -> Any:
        return lambda self, *others: _operate(name, self, *others)

    def reflected(name: str) -> Any:
        return lambda self, other: _operate(name, other, self)

    two_sided = "add sub mul truediv floordiv mod pow matmul lshift rshift and or xor"
    for name in two_sided.split():
        word = f"{name}_" if name in ("and", "or") else name
        setattr(Handle, f"__{name}__", forward(word))
        setattr(Handle, f"__r{name}__", reflected(word))
    for name in "neg pos abs invert lt le gt ge".split():
        setattr(Handle, f"__{name}__", forward(name))


_add_operators()
