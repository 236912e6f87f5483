"""Watch what a part may not use, from inside: by call, ``getattr``, ``importlib`` or ``eval``.

The named functions are replaced by guards before the submission is imported. A guard passes unless
the part now running forbids it and the caller is the submission rather than a library.
"""

from __future__ import annotations

import functools
import importlib
import sys
from typing import Any

from autograder.inside.server import ForbiddenCall


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
            owner, _, attribute = name.rpartition(".")
            if not owner:
                continue
            place = _find(owner)
            original = getattr(place, attribute, None)
            if callable(original):
                setattr(place, attribute, self.guard(name, original))

    def guard(self, name: str, original: Any) -> Any:
        """Return a stand-in for ``original`` that refuses the submission's own calls."""

        def guarded(*args: Any, **kwargs: Any) -> Any:
            if name in self.current:
                caller = sys._getframe(1).f_code.co_filename
                if not caller.startswith(self.libraries):
                    raise ForbiddenCall(f"{name} may not be used in this part")
            return original(*args, **kwargs)

        return functools.wraps(original)(guarded) if not isinstance(original, type) else original


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
