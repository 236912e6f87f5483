"""What a reference file must satisfy before a stub is made of it: nothing may leak."""

from __future__ import annotations

import ast

from autograder.author.source import BEGIN, Definition, Source, SyncError


def require(source: Source) -> None:
    """Check that every public function is marked and that nothing hidden stands outside markers.

    Raises:
        SyncError: A rule is broken; the message gives file, line and remedy.
    """
    _require_provided(source)
    for definition in source.definitions:
        if _must_be_marked(definition, source) and not _is_marked(definition, source):
            raise SyncError(
                f"{source.path}:{definition.node.lineno}: {definition.name} has no `{BEGIN}`, so "
                "students would get its code. Mark its body, or end its `def` line with `# given`."
            )
    for line, comment in source.comments.items():
        if "subtle:" in comment and not _hidden(line, source):
            raise SyncError(
                f"{source.path}:{line}: a `subtle:` comment outside the markers would reach "
                "students. Move it between them."
            )


def _require_provided(source: Source) -> None:
    """Every name that a part of this file provides is there and survives into the stub."""
    known = {d.name: d.first for d in source.definitions} | _assigned(source)
    for part in source.assignment.parts:
        for name in part.provides if part.file == source.path.name else ():
            if name not in known:
                raise SyncError(
                    f"{source.path}: part {part.name!r} provides {name!r}, which is not defined "
                    "here. Define it, or correct `provides` in assignment.toml."
                )
            if _hidden(known[name], source):
                raise SyncError(
                    f"{source.path}:{known[name]}: {name} belongs to part {part.name!r}, but the "
                    "markers hide all of it. Put them around its body only."
                )


def _assigned(source: Source) -> dict[str, int]:
    names: dict[str, int] = {}
    for node in ast.parse(source.text).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names |= {t.id: node.lineno for t in targets if isinstance(t, ast.Name)}
    return names


def _hidden(line: int, source: Source) -> bool:
    return any(block.begin <= line <= block.end for block in source.blocks)


def _is_marked(definition: Definition, source: Source) -> bool:
    return any(definition.first <= block.begin <= definition.last for block in source.blocks)


def _must_be_marked(definition: Definition, source: Source) -> bool:
    """Whether this is a function that students see, with a body, and not said to be given."""
    *owners, name = definition.name.split(".")
    if definition.is_class or _hidden(definition.first, source):
        return False
    around = [source.definition(".".join(owners[: n + 1])) for n in range(len(owners))]
    if any(each is None or not each.is_class for each in around):
        return False
    private = name.startswith("_") and not (name.startswith("__") and name.endswith("__"))
    if private or any(owner.startswith("_") for owner in owners):
        return False
    body = definition.node.body
    header = range(definition.node.lineno, max(body[0].lineno, definition.node.lineno + 1))
    given = any(source.comments.get(line, "").lower() == "# given" for line in header)
    return not given and not all(_says_nothing(statement) for statement in body)


def _says_nothing(statement: ast.stmt) -> bool:
    """A docstring, ``...`` or ``pass``."""
    constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return constant or isinstance(statement, ast.Pass)
