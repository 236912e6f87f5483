"""Every rule of a finished assignment that can be read off its files."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from autograder.author import lint_code
from autograder.course import Assignment, CourseError

HANDOUT_LINES = 120
LECTURE_WORDS = (1500, 4000)
HINTS = 3
MISTAKES = 5


def lint(assignment: Assignment) -> list[str]:
    """Return what is not as it should be, one line each; an empty list when all is well.

    A part with fewer than five mistakes says why in ``mistakes.toml``, in a table ``[few]`` with
    the part's name as the key. Words of a lecture are those of its prose: front matter and code
    cells do not count. How lines of code are counted stands in ``lint_code``.
    """
    return [
        *_hints(assignment),
        *_handout(assignment),
        *_lecture(assignment),
        *_play(assignment),
        *_tests(assignment),
        *lint_code.lint(assignment),
        *_mistakes(assignment),
    ]


def _hints(assignment: Assignment) -> Iterator[str]:
    for part in assignment.parts:
        if len(part.hints) != HINTS:
            yield f"assignment.toml: {part.name} has {len(part.hints)} hints, not {HINTS}."
        if len(set(part.hints)) != len(part.hints):
            yield f"assignment.toml: {part.name} has the same hint twice."


def _handout(assignment: Assignment) -> Iterator[str]:
    text = _text(assignment.folder / "README.md")
    if text is None:
        yield "README.md: the handout is missing."
        return
    count = len(text.splitlines())
    if count > HANDOUT_LINES:
        yield f"README.md: {count} lines; a handout has {HANDOUT_LINES} at most."
    for part in assignment.parts:
        if not re.search(rf"(?<!\w){re.escape(part.name)}(?!\w)", text):
            yield f"README.md: the part {part.name} is not mentioned."


def _lecture(assignment: Assignment) -> Iterator[str]:
    name = assignment.lecture.name
    text = _text(assignment.lecture)
    if text is None:
        yield f"lectures/{name}: the lecture is missing."
        return
    prose = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    prose = re.sub(r"^(`{3,}|~{3,}).*?^\1\s*$", "", prose, flags=re.DOTALL | re.MULTILINE)
    words = len(prose.split())
    low, high = LECTURE_WORDS
    if not low <= words <= high:
        yield f"lectures/{name}: {words} words of prose; a lecture has {low} to {high}."


def _play(assignment: Assignment) -> Iterator[str]:
    tree = _tree(assignment.folder / "play.py")
    names = [getattr(node, "name", "") for node in tree.body] if tree else []
    if "play" not in names:
        yield "play.py: there is no function `play`."


def _tests(assignment: Assignment) -> Iterator[str]:
    basic: set[str] = set()
    known = {part.name for part in assignment.parts}
    for path in (assignment.folder / "test_public.py", assignment.solutions / "test_hidden.py"):
        tree = _tree(path)
        if tree is None:
            yield f"{path.name}: missing, or it does not parse."
            continue
        for node in tree.body:
            if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test"):
                continue
            where = f"{path.name}:{node.lineno}: {node.name}"
            if not ast.get_docstring(node):
                yield f"{where} has no docstring, which is the title people see."
            marks = [mark for each in node.decorator_list if (mark := _mark(each))]
            if not marks:
                yield f'{where} has no `@part("name")`.'
            for name, is_basic in marks:
                if name not in known:
                    yield f"{where} is for {name!r}, which is no part."
                if is_basic and path.name == "test_hidden.py":
                    basic.add(name)
    for part in assignment.parts:
        if part.name not in basic:
            yield f"test_hidden.py: {part.name} has no test with `basic=True`."


def _mark(decorator: ast.expr) -> tuple[str, bool] | None:
    """Read ``@part("name", basic=True)``."""
    if not isinstance(decorator, ast.Call) or ast.unparse(decorator.func).split(".")[-1] != "part":
        return None
    if not decorator.args or not isinstance(decorator.args[0], ast.Constant):
        return None
    basic = any(k.arg == "basic" and ast.unparse(k.value) == "True" for k in decorator.keywords)
    return str(decorator.args[0].value), basic


def _mistakes(assignment: Assignment) -> Iterator[str]:
    data = _toml(assignment.solutions / "mistakes.toml")
    if data is None:
        yield "mistakes.toml: missing, or not valid TOML."
        return
    mistakes: list[dict[str, Any]] = data.get("mistake", [])
    yield from _each_mistake(mistakes, {part.name for part in assignment.parts})
    few: Mapping[str, Any] = data.get("few", {})
    count = Counter(mistake.get("part") for mistake in mistakes)
    for part in assignment.parts:
        if count[part.name] < MISTAKES and not str(few.get(part.name, "")).strip():
            yield (
                f"mistakes.toml: {part.name} has {count[part.name]} mistakes, not {MISTAKES}; "
                f'if it allows no more, say why: [few] {part.name} = "..."'
            )
        if count[part.name] and not lint_code.subtle(assignment, part):
            yield f"{part.file}: {part.name} has mistakes, but no `subtle:` comment."
    for name in few:
        if name not in {part.name for part in assignment.parts}:
            yield f"mistakes.toml: [few] names {name!r}, which is no part."


def _each_mistake(mistakes: list[dict[str, Any]], parts: set[str]) -> Iterator[str]:
    ids = Counter(str(mistake.get("id")) for mistake in mistakes)
    says: dict[str, str] = {}
    for number, mistake in enumerate(mistakes, start=1):
        name = str(mistake.get("id", f"number {number}"))
        for key in ("id", "part", "says", "try"):
            if not str(mistake.get(key, "")).strip():
                yield f"mistakes.toml: {name} has no `{key}`."
        if sum(key in mistake for key in ("edit", "edits", "body")) != 1:
            yield f"mistakes.toml: {name} needs one of `edit`, `edits` and `body`."
        if ids[name] > 1:
            yield f"mistakes.toml: the id {name} is there {ids[name]} times."
        if mistake.get("part") not in parts:
            yield f"mistakes.toml: {name} is of {mistake.get('part')!r}, which is no part."
        twin = mistake.get("same_as")
        if twin is not None and (twin not in ids or twin == name or not mistake.get("because")):
            yield f"mistakes.toml: {name}: `same_as` names another mistake, `because` the reason."
        first = says.setdefault(str(mistake.get("says")), name)
        if first != name and twin != first:
            yield f"mistakes.toml: {name} says the same as {first}; see `same_as` and `because`."


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _tree(path: Path) -> ast.Module | None:
    try:
        return ast.parse(_text(path) or "") if path.is_file() else None
    except SyntaxError:
        return None


def _toml(path: Path) -> dict[str, Any] | None:
    try:
        return tomllib.loads(_text(path) or "") if path.is_file() else None
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"{path} is not valid TOML: {error}.") from None
