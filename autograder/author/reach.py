"""Which parts a change of the reference can touch: those whose code leads to what was changed."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from autograder.course import Assignment, Part
from autograder.forbidden import reachable


def users(part: Part, assignment: Assignment) -> set[str]:
    """The parts that use a part, directly or through others, and the part itself."""
    found = {part.name}
    while True:
        more = {p.name for p in assignment.parts if found.intersection(p.uses)} - found
        if not more:
            return found
        found |= more


def touched(
    before: Mapping[str, str], after: Mapping[str, str], assignment: Assignment
) -> tuple[Part, ...]:
    """The parts whose code leads, by name, to a definition that differs between two sources."""
    changed = _changed(before, after)
    if "" in changed:  # an import, say: everything may notice
        return assignment.parts
    led = leads(assignment, after)
    return tuple(part for part in assignment.parts if changed & led[part.name])


def leads(assignment: Assignment, texts: Mapping[str, str]) -> dict[str, set[str]]:
    """For each part, the top-level names that its code leads to, its own included."""
    trees = {file: ast.parse(text) for file, text in texts.items()}
    return {
        part.name: {name for _, node in reachable(part, trees) for name in _names(node)}
        for part in assignment.parts
    }


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    found: set[str] = set()
    for file in before.keys() | after.keys():
        if before.get(file) != after.get(file):
            old, new = _dumps(before.get(file, "")), _dumps(after.get(file, ""))
            found |= {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    return found


def _dumps(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in ast.parse(text).body:
        for name in _names(node) or {""}:
            found[name] = found.get(name, "") + ast.dump(node)
    return found


def _names(node: ast.AST) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {target.id for target in targets if isinstance(target, ast.Name)}
