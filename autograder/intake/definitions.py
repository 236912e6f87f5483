"""What a module defines at its top level, found without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_PLAIN = frozenset({"property", "staticmethod", "classmethod", "abstractmethod"})
_DYNAMIC = frozenset({"globals", "vars", "exec", "eval", "setattr", "locals", "__import__"})


def bindings(tree: ast.Module) -> dict[str, ast.AST]:
    """Return what each top-level name was last bound to, also inside ``if`` and ``try``."""
    found: dict[str, ast.AST] = {}
    for statement in _statements(tree.body):
        for name, node in _bound(statement):
            found[name] = node
    return found


def star_imports(tree: ast.Module) -> list[str]:
    """Return the modules of ``from module import *``."""
    return [
        node.module or ""
        for node in _statements(tree.body)
        if isinstance(node, ast.ImportFrom) and any(each.name == "*" for each in node.names)
    ]


def is_dynamic(tree: ast.Module) -> bool:
    """Whether the module may define names that only running it would show."""
    for statement in _statements(tree.body):
        if isinstance(statement, Definition):
            if statement.name == "__getattr__":
                return True
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and node.id in _DYNAMIC:
                return True
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                return True
    return False


def find(name: str, found: Mapping[str, ast.AST]) -> ast.AST | None:
    """Find a top-level name or, with a dot, what a class of that name holds."""
    first, _, rest = name.partition(".")
    node = found.get(first)
    for word in rest.split(".") if rest else []:
        if not isinstance(node, ast.ClassDef):
            return node  # not a class that can be looked into: take its word for it
        node = dict(pair for each in _statements(node.body) for pair in _bound(each)).get(word)
    return node


def is_stub(node: ast.AST | None) -> bool:
    """Whether a definition does nothing but raise NotImplementedError."""
    if isinstance(node, ast.ClassDef):
        methods = [each for each in node.body if isinstance(each, Definition)]
        plain = methods and not node.decorator_list
        return bool(plain) and all(is_stub(each) for each in methods)
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    body = _without_docstring(node.body)
    plain = all(isinstance(each, ast.Name) and each.id in _PLAIN for each in node.decorator_list)
    return plain and len(body) == 1 and _raises_not_implemented(body[0])


def same(one: ast.AST | None, other: ast.AST | None) -> bool:
    """Whether two definitions are the same code, docstrings and comments apart."""
    if one is None or other is None:
        return False
    return _plain(one) == _plain(other)


def holds_stub(node: ast.AST) -> bool:
    """Whether NotImplementedError is raised anywhere in a definition."""
    return any(_raises_not_implemented(each) for each in ast.walk(node))


def _plain(node: ast.AST) -> list[str]:
    """Spell a tree out as a list, without recursion: a stranger chose how deep it is."""
    text: list[str] = []
    waiting = [node]
    while waiting:
        each = waiting.pop()
        text.append(type(each).__name__)
        for name, value in ast.iter_fields(each):
            items = value if isinstance(value, list) else [value]
            if name == "body" and isinstance(each, Definition):
                items = _without_docstring(items)
            text.append(f"{name} {len(items)}")
            waiting += [item for item in items if isinstance(item, ast.AST)]
            text += [repr(item) for item in items if not isinstance(item, ast.AST)]
    return text


def _raises_not_implemented(node: ast.AST) -> bool:
    if not isinstance(node, ast.Raise):
        return False
    raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return body[1:]
    return body


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        if isinstance(statement, Definition):
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(statement, field, []))
        for handler in getattr(statement, "handlers", []):
            yield from _statements(handler.body)
        for case in getattr(statement, "cases", []):
            yield from _statements(case.body)


def _bound(node: ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, Definition):
        yield node.name, node
    elif isinstance(node, ast.Import):
        for each in node.names:
            yield each.asname or each.name.partition(".")[0], node
    elif isinstance(node, ast.ImportFrom):
        for each in node.names:
            yield each.asname or each.name, node
    else:
        for field in ("targets", "target", "items"):
            value = getattr(node, field, [])
            for target in value if isinstance(value, list) else [value]:
                for inner in ast.walk(target):
                    if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                        yield inner.id, node
