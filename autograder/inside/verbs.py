"""What can be done with a student's function besides calling it: observe, vjp, trace."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any


def observe(function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Call, and return the result with the arguments as they are afterwards."""
    return function(*args, **kwargs), tuple(args)


def vjp(
    function: Callable[..., Any],
    args: Sequence[Any],
    cotangents: Any,
    wrt: Sequence[int | str],
    kwargs: dict[str, Any],
) -> tuple[Any, tuple[Any, ...]]:
    """Vector-Jacobian product: the outputs of a call and gradients of ⟨cotangents, outputs⟩.

    Args:
        function: A function or module of the student's.
        args: Positional arguments; those named in ``wrt`` become leaves that require gradients.
        cotangents: One tensor, or a tuple with one for each output (None: output not used).
        wrt: Positions of arguments, or names of the module's parameters.
        kwargs: Keyword arguments.

    Returns:
        The outputs, detached, and one gradient for each of ``wrt`` (None where unused).
    """
    import torch

    inputs = [
        a.detach().clone().requires_grad_() if i in wrt and isinstance(a, torch.Tensor) else a
        for i, a in enumerate(args)
    ]
    named = dict(function.named_parameters()) if isinstance(function, torch.nn.Module) else {}
    leaves = [named[w] if isinstance(w, str) else inputs[w] for w in wrt]
    outputs = function(*inputs, **kwargs)
    several = isinstance(outputs, tuple | list)
    pairs = zip(
        outputs if several else [outputs], cotangents if several else [cotangents], strict=False
    )
    used = [(o, c) for o, c in pairs if c is not None and isinstance(o, torch.Tensor)]
    gradients = torch.autograd.grad(
        [o for o, _ in used], leaves, [c for _, c in used], allow_unused=True
    )
    return _detached(outputs), tuple(gradients)


def _detached(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value)(_detached(v) for v in value)
    return value.detach() if hasattr(value, "detach") else value


def trace(function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Call with counters; evidence only, since the student's own process does the counting.

    Returns:
        ``(result, {"flops", "largest", "peak_bytes", "operators"})``: floating-point operations of
        torch's matrix products, elements of the largest tensor made, peak bytes allocated by Python
        and numpy, and the torch operators called with their counts.
    """
    counter: Any = _torch_counter() if "torch" in sys.modules else None
    context: AbstractContextManager[Any] = counter if counter is not None else nullcontext()
    tracemalloc.start()
    try:
        with context:
            result = function(*args, **kwargs)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    found = {"flops": 0, "largest": 0, "peak_bytes": peak, "operators": {}}
    if counter is not None:
        found.update(flops=counter.flops, largest=counter.largest, operators=counter.operators)
    return result, found


def _torch_counter() -> Any:
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves
    from torch.utils.flop_counter import flop_registry

    class OperatorCounter(TorchDispatchMode):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.flops = 0
            self.largest = 0
            self.operators: dict[str, int] = {}

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            out = func(*args, **(kwargs or {}))
            name = str(func._overloadpacket)
            self.operators[name] = self.operators.get(name, 0) + 1
            counted = flop_registry.get(func._overloadpacket)
            if counted is not None:
                self.flops += int(counted(*args, **(kwargs or {}), out_val=out))
            for leaf in tree_leaves(out):
                if hasattr(leaf, "numel"):
                    self.largest = max(self.largest, int(leaf.numel()))
            return out

    return OperatorCounter()


def library(name: str) -> Any:
    """Return an attribute of numpy or torch by its dotted name, such as ``torch.optim.SGD``.

    Raises:
        AttributeError: There is no such thing.
    """
    head, *rest = name.split(".")
    if head not in ("numpy", "torch"):
        raise AttributeError(f"{name}: only numpy and torch")
    found: Any = __import__(head)
    for word in rest:
        found = getattr(found, word)
    return found
