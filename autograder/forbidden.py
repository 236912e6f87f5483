"""Read a submission for what its parts may not use: calls, methods and operators by name.

The same names are watched while the code runs (``inside/forbid.py``), which sees what no reading
finds: ``getattr``, ``importlib``, ``eval``. Reading sees what no guard can stand on: ``@``.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import lru_cache

from autograder.course import Part

_DETOURS = frozenset(
    "getattr eval exec compile __import__ globals vars importlib.import_module sys.modules "
    "operator.attrgetter operator.methodcaller ctypes.CDLL ctypes.pythonapi".split()
)
_OPERATORS: dict[str, type[ast.operator]] = {
    "@": ast.MatMult,
    "**": ast.Pow,
    "%": ast.Mod,
    "//": ast.FloorDiv,
}


def find_forbidden(part: Part, files: Mapping[str, str]) -> str:
    """Return one sentence on the first forbidden thing in the code of a part, or nothing.

    The part's own definitions are read, and those of the same submission that they name.

    Args:
        part: The part.
        files: The submission's sources, by file name. Files that do not parse are passed over.
    """
    if not part.forbidden:
        return ""
    trees, aliases = _read(tuple(files.items()))
    for file, node in reachable(part, trees):
        for each in ast.walk(node):
            found = _uses(each, part.forbidden, aliases)
            if found:
                line = getattr(each, "lineno", 0)
                return f"{found} may not be used in {part.name} ({file}, line {line})."
    return ""


def find_detours(part: Part, files: Mapping[str, str]) -> str:
    """Return one sentence on a way round by which a part's code may reach what it may not use.

    A name that is put together at run time says nothing by itself, so this is for a person to
    look at and costs nothing.
    """
    if not part.forbidden:
        return ""
    trees, aliases = _read(tuple(files.items()))
    for file, node in reachable(part, trees):
        for each in ast.walk(node):
            if isinstance(each, ast.Attribute | ast.Name):
                dotted = _dotted(each, aliases)
                if dotted in _DETOURS or dotted.startswith("torch.ops."):
                    line = getattr(each, "lineno", 0)
                    return (
                        f"{part.name} uses {dotted} ({file}, line {line}): look whether it gets "
                        f"round what may not be used there ({', '.join(part.forbidden[:3])} …)."
                    )
    return ""


@lru_cache(maxsize=4)  # every part of a submission reads the same files
def _read(files: tuple[tuple[str, str], ...]) -> tuple[dict[str, ast.Module], dict[str, str]]:
    """Parse a submission's files; say what each imported name stands for."""
    parsed = {name: _parse(text) for name, text in files}
    trees = {name: tree for name, tree in parsed.items() if tree is not None}
    return trees, _aliases(list(trees.values()))


def _parse(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _uses(node: ast.AST, forbidden: tuple[str, ...], aliases: dict[str, str]) -> str:
    if isinstance(node, ast.BinOp | ast.AugAssign):
        for symbol in forbidden:
            if symbol in _OPERATORS and isinstance(node.op, _OPERATORS[symbol]):
                return f"The operator {symbol}"
    if isinstance(node, ast.Attribute | ast.Name):
        dotted = _dotted(node, aliases)
        if dotted in forbidden:
            return dotted
        if isinstance(node, ast.Attribute) and f".{node.attr}" in forbidden:
            head = dotted.partition(".")[0]
            if head not in ("numpy", "torch", "math"):  # those are named in full
                return f"The method .{node.attr}"
    return ""


def _aliases(trees: list[ast.Module]) -> dict[str, str]:
    """What each imported name stands for: ``np`` → ``numpy``, ``F`` → ``torch.nn.functional``."""
    found: dict[str, str] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for name in node.names:
                    short = name.asname or name.name.partition(".")[0]
                    found[short] = name.name if name.asname else short
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for name in node.names:
                    found[name.asname or name.name] = f"{node.module}.{name.name}"
    return found


def _dotted(node: ast.AST, aliases: dict[str, str]) -> str:
    words: list[str] = []
    while isinstance(node, ast.Attribute):
        words.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([aliases.get(node.id, node.id), *reversed(words)])


def reachable(part: Part, trees: dict[str, ast.Module]) -> list[tuple[str, ast.AST]]:
    """The definitions of a part, and every definition of the submission they lead to by name."""
    defined: dict[str, tuple[str, ast.AST]] = {}
    for file, tree in trees.items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                defined[node.name] = (file, node)
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        defined[target.id] = (file, node)
    waiting = [name.partition(".")[0] for name in part.provides]
    seen: dict[str, tuple[str, ast.AST]] = {}
    while waiting:
        name = waiting.pop()
        if name in seen or name not in defined:
            continue
        seen[name] = defined[name]
        for each in ast.walk(defined[name][1]):
            if isinstance(each, ast.Name):
                waiting.append(each.id)
            elif isinstance(each, ast.Attribute):
                waiting.append(each.attr)
    return list(seen.values())
