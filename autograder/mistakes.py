"""What students write wrong, and unusual right answers, as edits of the reference."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.course import Assignment, CourseError, Part

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"


@dataclass(frozen=True)
class Edit:
    """A change of the reference: a mistake, or a variant that is just as right.

    Attributes:
        id: Its name, ``part.what``.
        part: The part it concerns.
        edits: Pairs of old and new text; each old text stands exactly once in the part's code.
        body: New text for all between the markers of a definition, instead of edits.
        define: The definition whose body is replaced; the part's first by default.
        says: What is wrong, to a student (mistakes only).
        attempt: What to try (mistakes only).
        hangs: Whether it may run forever, so that it is only run in the sandbox.
        same_as: Another mistake that no observer can tell from this one.
        because: Why.
    """

    id: str
    part: str
    edits: tuple[tuple[str, str], ...] = ()
    body: str = ""
    define: str = ""
    says: str = ""
    attempt: str = ""
    hangs: bool = False
    same_as: str = ""
    because: str = ""


def load_mistakes(assignment: Assignment) -> tuple[Edit, ...]:
    """Read ``mistakes.toml``.

    Raises:
        CourseError: An entry is incomplete or names an unknown part.
    """
    return _load(assignment, "mistakes.toml", "mistake", ("says", "try"))


def load_variants(assignment: Assignment) -> tuple[Edit, ...]:
    """Read ``variants.toml``.

    Raises:
        CourseError: An entry is incomplete or names an unknown part.
    """
    return _load(assignment, "variants.toml", "variant", ("why",))


def _load(assignment: Assignment, name: str, key: str, needed: tuple[str, ...]) -> tuple[Edit, ...]:
    path = assignment.solutions / name
    if not path.is_file():
        return ()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"{path} is not valid TOML: {error}.") from None
    found = tuple(_edit(path, entry, needed) for entry in data.get(key, []))
    for edit in found:
        assignment.part(edit.part)
    ids = [edit.id for edit in found]
    for each in ids:
        if ids.count(each) > 1:
            raise CourseError(f"{path}: two entries have the id {each!r}.")
    return found


def _edit(path: Path, entry: Mapping[str, Any], needed: tuple[str, ...]) -> Edit:
    name = entry.get("id", "an entry without id")
    for key in ("id", "part", *needed):
        if not entry.get(key):
            raise CourseError(f"{path}: {name} has no {key!r}.")
    pairs = [entry["edit"]] if "edit" in entry else entry.get("edits", [])
    if bool(pairs) == bool(entry.get("body")):
        raise CourseError(f"{path}: {name} needs either edit, edits or body.")
    if any(len(pair) != 2 for pair in pairs):
        raise CourseError(f"{path}: {name}: an edit is a pair [old, new].")
    return Edit(
        id=name,
        part=entry["part"],
        edits=tuple((old, new) for old, new in pairs),
        body=entry.get("body", ""),
        define=entry.get("define", ""),
        says=entry.get("says", ""),
        attempt=entry.get("try", ""),
        hangs=entry.get("hangs", False),
        same_as=entry.get("same_as", ""),
        because=entry.get("because", ""),
    )


def reference_texts(assignment: Assignment) -> dict[str, str]:
    """The solution's source texts, by file name."""
    return {f: (assignment.solutions / f).read_text("utf-8") for f in assignment.files}


def apply(
    edit: Edit, assignment: Assignment, texts: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the reference's files with the edit made.

    Args:
        edit: What to change.
        assignment: Whose reference.
        texts: Files to edit instead, such as the reference with another edit made.

    Raises:
        CourseError: The edit does not fit the reference (any more).
    """
    texts = reference_texts(assignment) if texts is None else texts
    part = assignment.part(edit.part)
    source = texts[part.file]
    for old, new in edit.edits:
        source = _replace_once(source, old, new, part, edit.id)
    if edit.body:
        source = _replace_body(source, edit, part)
    try:
        compile(source, part.file, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise CourseError(f"{edit.id}: the edited {part.file} is no Python: {error}.") from None
    return {**texts, part.file: source}


def _replace_once(source: str, old: str, new: str, part: Part, name: str) -> str:
    spans = [_span(source, each) for each in part.provides]
    inside = sum(source[a:b].count(old) for a, b in spans)
    if inside == 1:
        start = next(source.index(old, a, b) for a, b in spans if old in source[a:b])
    elif inside == 0 and source.count(old) == 1:  # a private helper of the solution
        start = source.index(old)
    else:
        times = inside or source.count(old)
        raise CourseError(
            f"{name}: {old!r} stands {times} times in the code of {part.name} in {part.file}; "
            "an edit needs exactly one place."
        )
    return source[:start] + new + source[start + len(old) :]


def _replace_body(source: str, edit: Edit, part: Part) -> str:
    first, last = _span(source, edit.define or part.provides[0])
    begin = source.find(BEGIN, first, last)
    end = source.find(END, begin)  # a comment after the last statement is outside its span
    if begin < 0 or end < 0:
        raise CourseError(f"{edit.id}: {edit.define or part.provides[0]} has no solution markers.")
    line = source.index("\n", begin) + 1
    return source[:line] + edit.body.strip("\n") + "\n" + source[source.rindex("\n", 0, end) + 1 :]


def _span(source: str, name: str) -> tuple[int, int]:
    """Where a definition (``layer``, ``Value.backward``) begins and ends, as offsets."""
    body: list[ast.stmt] = ast.parse(source).body
    node: ast.stmt | None = None
    for word in name.split("."):
        node = next((each for each in body if _names(each, word)), None)
        if node is None:
            raise CourseError(f"the reference defines no {name!r}.")
        body = node.body if isinstance(node, ast.ClassDef) else []
    assert node is not None
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(d.lineno for d in decorators)])
    lines = source.splitlines(keepends=True)
    start = sum(map(len, lines[: first - 1]))
    return start, start + sum(map(len, lines[first - 1 : node.end_lineno]))


def _names(node: ast.stmt, word: str) -> bool:
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return node.name == word
    targets = node.targets if isinstance(node, ast.Assign) else []
    return any(isinstance(t, ast.Name) and t.id == word for t in targets)
