"""What a test asked of a submission and what came back: shown to people, and compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from autograder.faults import StudentFault
from autograder.show import describe

_ARGUMENT = 80


@dataclass
class Call:
    """One request and its outcome.

    Attributes:
        verb: What was asked.
        name: The function, or the class and method, that it concerned.
        args: Positional arguments.
        kwargs: Keyword arguments.
        value: What came back, if anything did.
        fault: What ended the call instead, if anything did.
    """

    verb: str
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    value: Any = None
    fault: StudentFault | None = None

    def text(self) -> str:
        """The call as Python would write it, arguments in short form."""
        shown = [describe(a, _ARGUMENT) for a in self.args]
        shown += [f"{k}={describe(v, _ARGUMENT)}" for k, v in self.kwargs.items()]
        if self.verb == "get":
            return f"{self.name}.{self.args[0]}"
        if self.verb == "next":
            return f"next({self.name})"
        return f"{self.name}({', '.join(shown)})"


@dataclass
class Transcript:
    """The calls of one test, in order."""

    calls: list[Call] = field(default_factory=list)

    def last_text(self) -> str:
        """The last call that says something: attribute look-ups are passed over."""
        for call in reversed(self.calls):
            if call.verb not in ("get", "next", "builtin") or call.fault is not None:
                return call.text()
        return self.calls[-1].text() if self.calls else ""
