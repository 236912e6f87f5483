"""Small changes of a syntax tree, each of a kind that a programmer might make by mistake.

Comparisons and their boundaries, arithmetic, constants, ``and`` and ``or``, conditions turned
round, a lost minus, arguments swapped, bounds of slices, statements left out.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
# Nothing becomes a power or a shift to the left: their results may be larger than any memory.
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.LShift: ast.RShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
}
_SYMMETRIC = frozenset(
    "max min maximum minimum add multiply hypot gcd lcm logical_and logical_or isclose allclose "
    "equal array_equal transpose swapaxes".split()
)
_PASSED_OVER = {"annotation", "returns", "type_params", "format_spec", "decorator_list", "msg"}
_DROPPED = (
    ast.Assign,
    ast.AugAssign,
    ast.AnnAssign,
    ast.Expr,
    ast.Return,
    ast.Raise,
    ast.Assert,
    ast.Delete,
    ast.If,
    ast.For,
    ast.While,
    ast.With,
    ast.Break,
    ast.Continue,
)


@dataclass(frozen=True)
class Slot:
    """A place in a tree that holds a node.

    Attributes:
        node: What stands there now.
        statement: The innermost statement around it, or itself.
        put: Puts another node there.
    """

    node: ast.AST
    statement: ast.stmt
    put: Callable[[ast.AST], None]


def slots(statement: ast.stmt) -> Iterator[Slot]:
    """The places inside a statement, deepest last; what only types or messages hold is left out."""
    yield from _inside(statement, statement)


def _inside(node: ast.AST, statement: ast.stmt) -> Iterator[Slot]:
    for field, value in ast.iter_fields(node):
        if field in _PASSED_OVER or (isinstance(node, ast.Raise) and field in ("exc", "cause")):
            continue
        many = isinstance(value, list)
        for index, child in enumerate(value if many else [value]):
            if not isinstance(child, ast.AST) or _is_passed_over(child, node):
                continue
            own = child if isinstance(child, ast.stmt) else statement
            yield Slot(child, own, _putter(node, field, index if many else None))
            yield from _inside(child, own)


def _is_passed_over(child: ast.AST, parent: ast.AST) -> bool:
    """Whether a change there says nothing (``strict=True``) or is made a level higher (``-1``)."""
    strict = isinstance(child, ast.keyword) and child.arg == "strict"
    minus = isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.USub)
    return strict or (minus and isinstance(child, ast.Constant))


def _putter(parent: ast.AST, field: str, index: int | None) -> Callable[[ast.AST], None]:
    def put(node: ast.AST) -> None:
        if index is None:
            setattr(parent, field, node)
        else:
            getattr(parent, field)[index] = node

    return put


def replacements(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in place of a node."""
    if isinstance(node, _DROPPED) and not _says_nothing(node):
        yield ast.Pass()
    if isinstance(node, ast.AugAssign) and type(node.op) in _ARITHMETIC:
        yield ast.AugAssign(node.target, _ARITHMETIC[type(node.op)](), node.value)
    if isinstance(node, ast.If | ast.While | ast.IfExp | ast.comprehension):
        yield from _conditions(node)
    if isinstance(node, ast.expr):
        yield from _expressions(node)
    if isinstance(node, ast.Slice):
        yield from _slices(node)


def _says_nothing(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _conditions(node: ast.If | ast.While | ast.IfExp | ast.comprehension) -> Iterator[ast.AST]:
    if isinstance(node, ast.comprehension):
        for index, test in enumerate(node.ifs):
            for turned in _negated(test):
                ifs = [*node.ifs[:index], turned, *node.ifs[index + 1 :]]
                yield ast.comprehension(node.target, node.iter, ifs, node.is_async)
        return
    for turned in _negated(node.test):
        if isinstance(node, ast.IfExp):
            yield ast.IfExp(turned, node.body, node.orelse)
        else:
            yield type(node)(turned, node.body, node.orelse)


def _negated(test: ast.expr) -> Iterator[ast.expr]:
    """The opposite of a condition, unless turning a comparison round says the same."""
    single = isinstance(test, ast.Compare) and len(test.ops) == 1
    turned_elsewhere = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
    if not single and not turned_elsewhere and not isinstance(test, ast.Constant):
        yield ast.UnaryOp(ast.Not(), test)


def _expressions(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(left, ops, comparators):
            for index, op in enumerate(ops):
                for kind in _COMPARISONS[type(op)]:
                    changed = [*ops[:index], kind(), *ops[index + 1 :]]
                    yield ast.Compare(left, changed, comparators)
        case ast.BinOp(left, op, right) if type(op) in _ARITHMETIC:
            yield ast.BinOp(left, _ARITHMETIC[type(op)](), right)
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(ast.USub(), ast.Constant(value) as operand):
            yield operand
            for other in _constants(value):
                if other:
                    yield ast.UnaryOp(ast.USub(), ast.Constant(other))
        case ast.UnaryOp(ast.USub() | ast.Not() | ast.Invert(), operand):
            yield operand
        case ast.Constant(value):
            yield from map(ast.Constant, _constants(value))
        case ast.Call(func, [first, second], keywords) if _matters(func, first, second):
            yield ast.Call(func, [second, first], keywords)


def _constants(value: Any) -> list[Any]:
    if isinstance(value, bool):
        return [not value]
    if type(value) is int:
        return [1] if value == 0 else [value - 1, value + 1]
    if type(value) is float:
        return [1.0] if value == 0.0 else [value - 1.0, value + 1.0]
    return []


def _matters(function: ast.expr, first: ast.expr, second: ast.expr) -> bool:
    """Whether swapping the two arguments of a call could change anything."""
    if isinstance(first, ast.Starred) or isinstance(second, ast.Starred):
        return False
    name = ast.unparse(function).rpartition(".")[2]
    return name not in _SYMMETRIC and ast.dump(first) != ast.dump(second)


def _slices(node: ast.Slice) -> Iterator[ast.Slice]:
    one = ast.Constant(1)
    lower, upper, step = node.lower, node.upper, node.step
    if lower is None:
        yield ast.Slice(one, upper, step)
    elif not _is_number(lower):
        yield ast.Slice(ast.BinOp(lower, ast.Add(), one), upper, step)
    if upper is None and step is None:
        yield ast.Slice(lower, ast.UnaryOp(ast.USub(), one), step)
    elif upper is not None and not _is_number(upper):
        yield ast.Slice(lower, ast.BinOp(upper, ast.Sub(), one), step)
        yield ast.Slice(lower, ast.BinOp(upper, ast.Add(), one), step)


def _is_number(node: ast.expr) -> bool:
    inner = node.operand if isinstance(node, ast.UnaryOp) else node
    return isinstance(inner, ast.Constant)
