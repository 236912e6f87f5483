"""Watch what a part may not use, from inside: by call, ``getattr``, ``importlib`` or ``eval``.

The named functions are replaced by guards before the submission is imported. A guard passes unless
the part now running forbids it and the caller is the submission rather than a library.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import sys
from typing import Any

from autograder.inside.server import ForbiddenCall

_OPERATORS = {"@": "operator.matmul"}  # which is the operator as a function


class Guards:
    """Guards on the functions that any part of the assignment forbids.

    Attributes:
        current: What the part now running forbids.
    """

    def __init__(self) -> None:
        self.current: frozenset[str] = frozenset()
        self.libraries: tuple[str, ...] = ()

    def install(self, names: set[str]) -> None:
        """Replace functions that are named by dots; methods and operators are seen elsewhere."""
        self.libraries = tuple({path for path in sys.path if path.endswith("-packages")})
        for name in sorted(names):
            owner, _, attribute = (_OPERATORS.get(name) or name).rpartition(".")
            if not owner:
                continue
            place = _find(owner)
            original = getattr(place, attribute, None)
            if not callable(original) or isinstance(original, type):
                continue
            guarded = self.guard(name, original)
            with contextlib.suppress(TypeError, AttributeError):  # a type that cannot be changed
                setattr(place, attribute, guarded)
            self.replace(owner.partition(".")[0], attribute, original, guarded)

    def replace(self, library: str, attribute: str, original: Any, guarded: Any) -> None:
        """Put the guard wherever the library keeps the function under its own name."""
        for name, module in list(sys.modules.items()):
            inside = name.partition(".")[0] in (library, f"_{library}")
            if inside and vars(module).get(attribute) is original:
                setattr(module, attribute, guarded)

    def guard(self, name: str, original: Any) -> Any:
        """Return a stand-in for ``original`` that refuses the submission's own calls."""

        @functools.wraps(original)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if name in self.current:
                caller = sys._getframe(1).f_code.co_filename
                if not caller.startswith(self.libraries):
                    raise ForbiddenCall(f"{name} may not be used in this part")
            return original(*args, **kwargs)

        del guarded.__wrapped__
        return guarded


def _find(dotted: str) -> Any:
    """Import as much of a dotted name as is a module, and look the rest up."""
    words = dotted.split(".")
    for length in range(len(words), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(words[:length]))
        except ImportError:
            continue
        for word in words[length:]:
            found = getattr(found, word, None)
        return found
    return None
