"""Writes the stubs and the notebook of an assignment from its one source, or says what is stale."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path

from autograder.author import notebooks, source
from autograder.author.source import SyncError
from autograder.author.stubs import stub
from autograder.course import Assignment


def sync(
    assignment: Assignment, root: Path, check: bool = False, force: bool = False
) -> list[Path]:
    """Bring the generated files of an assignment up to date.

    Args:
        assignment: Which assignment.
        root: The course's folder; paths in messages are relative to it.
        check: Write nothing; only say what is stale.
        force: Overwrite a stub even where somebody has written code into it.

    Returns:
        The files that were written, or with ``check`` those that are stale.

    Raises:
        SyncError: There is no source here, it breaks a rule, or a stub holds somebody's code.
    """
    wanted = generate(assignment, root)
    stale = [path for path, text in wanted.items() if _current(path) != text]
    if check:
        return stale
    if not force:
        for path in stale:
            _refuse_to_overwrite_work(path, wanted[path], root)
    for path in stale:
        _write(path, wanted[path])
    return stale


def generate(assignment: Assignment, root: Path) -> dict[Path, str]:
    """Return each generated file of an assignment and the text it must have.

    Raises:
        SyncError: There is no source here, or it breaks a rule.
    """
    if not assignment.solutions.is_dir():
        raise SyncError(
            f"{_short(assignment.solutions, root)} is not in this copy of the course. `course "
            "sync` is for authors; your own files in assignments/ stay as they are."
        )
    stubs = {
        name: stub(source.read(assignment.solutions / name, assignment))
        for name in assignment.files
    }
    texts = {assignment.folder / name: text for name, text in stubs.items()}
    notebook = notebooks.write(notebooks.build(assignment, stubs))
    return {**texts, assignment.folder / "notebook.ipynb": notebook}


def _current(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return None


def _refuse_to_overwrite_work(path: Path, wanted: str, root: Path) -> None:
    """Refuse when what stands there is no stub: a body was written where there was none."""
    current = _current(path)
    if current is None:
        return
    try:
        files = _as_files(path, current)
        generated = _as_files(path, wanted)
        found = [
            name for file, text in files.items() for name in _written(text, generated.get(file, ""))
        ]
    except (SyntaxError, ValueError, KeyError) as error:
        found = [f"text that does not parse ({error})"]
    if found:
        raise SyncError(
            f"{_short(path, root)} holds code that is in no stub: {', '.join(found)}. Move it to "
            f"solutions/ if it belongs there; `course sync --force` overwrites it."
        )


def _as_files(path: Path, text: str) -> dict[str, str]:
    if path.suffix != ".ipynb":
        return {path.name: text}
    json.loads(text)
    return notebooks.to_files(notebooks.read(text))


def _written(current: str, generated: str) -> list[str]:
    """Functions with a body where the stub has none, or that the stub does not have at all."""
    stubs = _functions(generated)
    return [
        name
        for name, node in _functions(current).items()
        if not _raises(node) and (name not in stubs or _raises(stubs[name]))
    ]


def _functions(text: str) -> dict[str, ast.AST]:
    """Functions and methods by dotted name."""
    found: dict[str, ast.AST] = {}

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                found[prefix + child.name] = child
            elif isinstance(child, ast.ClassDef):
                visit(child, f"{prefix}{child.name}.")

    visit(ast.parse(text), "")
    return found


def _raises(node: ast.AST) -> bool:
    """Whether a function still raises ``NotImplementedError`` somewhere."""
    return any(
        isinstance(each, ast.Name) and each.id == "NotImplementedError" for each in ast.walk(node)
    )


def _write(path: Path, text: str) -> None:
    """Write a file in one step, so that nobody ever reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(text.encode("utf-8"))
    os.replace(temporary, path)


def _short(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
