"""``course solution``: the reference beside one's own code."""

from __future__ import annotations

import ast

from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.syntax import Syntax

from autograder.course import Assignment, CourseError, Part, find_root
from autograder.local_check import LocalCheck
from autograder.memory import Memory
from autograder.mistakes import BEGIN, END
from autograder.plugin import run_session


def show_solution(assignment: Assignment, name: str, give_up: bool, screen: Console) -> None:
    """Print the reference of a part beside the person's own code.

    Raises:
        CourseError: There are no solutions here, or the part does not pass yet.
    """
    part = assignment.part(name)
    if not assignment.has_solutions:
        raise CourseError(
            "This copy of the course has no solutions/: ask your instructor, or study with the "
            "complete repository."
        )
    if not give_up and not _passes(assignment, part):
        raise CourseError(
            f"{part.name} does not pass yet, so its solution stays shut. Try\n"
            f"  course hint {assignment.number} {part.name}\n"
            f"or, to see it all the same,\n"
            f"  course solution {assignment.number} {part.name} --give-up"
        )
    theirs = code_of(part, (assignment.solutions / part.file).read_text("utf-8"))
    own_file = assignment.folder / part.file
    own = code_of(part, own_file.read_text("utf-8")) if own_file.is_file() else ""
    panels = [
        _panel("The reference", _without_markers(theirs)),
        _panel("Yours", own or "# nothing"),
    ]
    if screen.width >= 160:
        screen.print(Columns(panels, equal=True, expand=True))
    else:
        screen.print(*panels, sep="\n")


def _passes(assignment: Assignment, part: Part) -> bool:
    if Memory(find_root()).passed(assignment, part.name):
        return True
    report = run_session(assignment, lambda t: LocalCheck(t).run([part]), hidden=False)
    return all(test.status.value == "passed" for test in report.parts[0].tests)


def _panel(title: str, code: str) -> Panel:
    return Panel(
        Syntax(code, "python", theme="ansi_light", background_color="default"), title=title
    )


def code_of(part: Part, source: str) -> str:
    """The source of a part's definitions, with the lines that belong to them."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return source
    lines = source.splitlines()
    wanted = {name.partition(".")[0] for name in part.provides}
    found = []
    starts = [
        min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        for node in tree.body
    ]
    for index, node in enumerate(tree.body):
        if getattr(node, "name", None) in wanted:
            end = starts[index + 1] - 1 if index + 1 < len(starts) else len(lines)
            found.append("\n".join(lines[starts[index] - 1 : end]).rstrip())
    return "\n\n\n".join(found)


def _without_markers(code: str) -> str:
    return "\n".join(line for line in code.splitlines() if line.strip() not in (BEGIN, END))
