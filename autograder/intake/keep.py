"""Edit source by whole top-level statements, leaving the text of the others as it is."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable

_DISPLAY = re.compile("matplotlib|IPython|google|seaborn|plotly|ipywidgets|autograder|course")
_READS = re.compile(r"load|read|open|genfromtxt|fromfile|url|save|show|plot|input|seed", re.I)
_BUILTIN = re.compile(
    "abs|bool|bytes|dict|float|frozenset|int|len|list|max|min|range|reversed|round|set|sorted|str|sum"
    "|tuple|zip"
)


def without(text: str, tree: ast.Module, doomed: Callable[[ast.stmt], bool]) -> tuple[str, int]:
    """Return the text without some of its top-level statements, and how many went."""
    lost = [node for node in tree.body if doomed(node)]
    kept = [node for node in tree.body if node not in lost]
    if not lost:
        return text, 0
    taken = {line for node in kept for line in _lines(node)}
    if any(line in taken for node in lost for line in _lines(node)):
        return "\n".join(ast.unparse(node) for node in kept), len(lost)
    gone = {line for node in lost for line in _lines(node)}
    lines = text.split("\n")
    left = [line for number, line in enumerate(lines, 1) if number not in gone]
    return "\n".join(left).strip("\n"), len(lost)


def is_check_or_input(node: ast.stmt) -> bool:
    """Whether a statement runs a check, asks the keyboard, or imports the course's own tools."""
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] == "autograder"
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    calls = [each.func for each in ast.walk(node) if isinstance(each, ast.Call)]
    names = {each.id for each in calls if isinstance(each, ast.Name)}
    return "input" in names or (isinstance(node, ast.Expr) and "check" in names)


def is_definition(node: ast.stmt, imported: frozenset[str]) -> bool:
    """Whether a statement only imports, defines, or assigns something simple.

    Args:
        node: A statement at the top level.
        imported: Names of imported modules, whose functions may be called in an assignment.
    """
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return True
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Import):
        return not any(_is_display(each.name) for each in node.names)
    if isinstance(node, ast.ImportFrom):
        return not _is_display(node.module or "")
    if isinstance(node, ast.If | ast.Try):
        bodies = [node.body, node.orelse]
        if isinstance(node, ast.Try):
            bodies += [node.finalbody, *(handler.body for handler in node.handlers)]
        inner = [each for body in bodies for each in body]
        return all(is_definition(each, imported) or isinstance(each, ast.Pass) for each in inner)
    if isinstance(node, ast.Assign):
        return all(_is_name(target) for target in node.targets) and _simple(node.value, imported)
    if isinstance(node, ast.AnnAssign):
        return isinstance(node.target, ast.Name) and _simple(node.value, imported)
    return False


def imported_names(nodes: Iterable[ast.stmt]) -> frozenset[str]:
    """Return the names that ``import`` statements bind."""
    return frozenset(
        each.asname or each.name.partition(".")[0]
        for node in nodes
        if isinstance(node, ast.Import)
        for each in node.names
    )


def _is_display(module: str) -> bool:
    return bool(_DISPLAY.fullmatch(module.partition(".")[0]))


def _lines(node: ast.stmt) -> range:
    first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
    return range(first, (node.end_lineno or node.lineno) + 1)


def _is_name(target: ast.expr) -> bool:
    if isinstance(target, ast.Tuple | ast.List):
        return all(_is_name(each) for each in target.elts)
    return isinstance(target, ast.Name)


def _simple(value: ast.expr | None, imported: frozenset[str]) -> bool:
    for node in ast.walk(value) if value else ():
        if isinstance(node, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr):
            return False
        if isinstance(node, ast.Call) and not _harmless(node.func, imported):
            return False
    return True


def _harmless(function: ast.expr, imported: frozenset[str]) -> bool:
    if isinstance(function, ast.Name):
        return bool(_BUILTIN.fullmatch(function.id))
    while isinstance(function, ast.Attribute):
        if _READS.search(function.attr):
            return False
        function = function.value
    return isinstance(function, ast.Name) and function.id in imported
