"""Mutants: the reference with one small change; tests that do not notice it prove too little."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import shorten

from autograder.author import source as sources
from autograder.author.mutate import replacements, slots
from autograder.author.reach import leads
from autograder.course import Assignment, CourseError
from autograder.mistakes import reference_texts

_WIDTH = 78


@dataclass(frozen=True)
class Mutant:
    """The reference with one small change, in the code between solution markers.

    Attributes:
        id: The part and the changed statement: the same for as long as that statement is.
        part: The part it is counted under.
        parts: The parts whose tests may kill it: several for a helper that several use.
        file: The file that is changed.
        line: Where, in the reference.
        before: That line as it stands there.
        text: The changed file.
    """

    id: str
    part: str
    parts: tuple[str, ...]
    file: str
    line: int
    before: str
    text: str

    def entry(self) -> str:
        """What to paste into ``mutants.toml``, the reason left to be written."""
        line = shorten(f"# {self.file}: {self.before}", _WIDTH, placeholder=" …")
        return f'{line}\n[[equivalent]]\nmutant = {toml_string(self.id)}\nreason = ""\n'


def toml_string(text: str) -> str:
    """Write a string as TOML, a long one over several lines that a narrow terminal can show."""
    quoted = json.dumps(text, ensure_ascii=False)
    if len(quoted) <= _WIDTH - len("mutant = "):
        return quoted
    lines = [""]
    for word in re.findall(r"[^ ]* *", quoted[1:-1]):
        if len(lines[-1]) + len(word) >= _WIDTH:
            lines.append("")
        lines[-1] += word
    folded = "".join(f"\\\n{line}" for line in lines)  # a backslash swallows the newline after it
    return f'"""{folded}"""'


def generate(assignment: Assignment) -> tuple[Mutant, ...]:
    """Make all mutants of an assignment's reference, in the order of its code.

    Raises:
        CourseError: A file of the reference is not as it should be.
    """
    found: list[Mutant] = []
    seen: Counter[str] = Counter()
    for file in assignment.files:
        owners = _owners(file, assignment)
        for line, change, before, text in _changes(file, assignment):
            parts = owners.get(line, ())
            if parts:
                name = f"{parts[0]}: {change}"
                seen[name] += 1
                unique = name if seen[name] == 1 else f"{name} #{seen[name]}"
                found.append(Mutant(unique, parts[0], parts, file, line, before, text))
    return tuple(found)


def _owners(file: str, assignment: Assignment) -> dict[int, tuple[str, ...]]:
    """The parts that each line between markers belongs to."""
    source = sources.read(assignment.solutions / file, assignment)
    led = leads(assignment, reference_texts(assignment))
    owners: dict[int, tuple[str, ...]] = {}
    for block in source.blocks:
        for line in range(block.begin + 1, block.end):
            if block.part is not None:
                owners[line] = (block.part.name,)
                continue
            inside = [d for d in source.definitions if d.first <= line <= d.last]
            top = inside[0].name if inside else ""
            owners[line] = tuple(name for name, reached in led.items() if top in reached)
    return owners


def _changes(file: str, assignment: Assignment) -> Iterator[tuple[int, str, str, str]]:
    """Line, changed statement, line as it was, and changed text, without repetitions."""
    original = (assignment.solutions / file).read_text("utf-8")
    lines = original.split("\n")
    tree = ast.parse(original)
    pieces = [ast.unparse(node) for node in tree.body]
    texts = {"\n".join(pieces)}
    for index, top in enumerate(tree.body):
        for slot in slots(top):
            line = getattr(slot.node, "lineno", slot.statement.lineno)
            for new in replacements(slot.node):
                slot.put(new)
                shown = new if isinstance(slot.node, ast.stmt) else slot.statement
                changed = f"no `{_head(slot.node)}`" if isinstance(new, ast.Pass) else _head(shown)
                text = "\n".join([*pieces[:index], ast.unparse(top), *pieces[index + 1 :]]) + "\n"
                slot.put(slot.node)
                if text not in texts:
                    texts.add(text)
                    yield line, changed, lines[line - 1].strip(), text


def _head(statement: ast.AST) -> str:
    """A statement as one line; of a compound one its first."""
    return ast.unparse(statement).split("\n")[0]


def load_equivalents(assignment: Assignment) -> dict[str, str]:
    """Read ``mutants.toml``: the mutants that no test can kill, each with the reason.

    Raises:
        CourseError: The file is not as it should be.
    """
    path = assignment.solutions / "mutants.toml"
    if not path.is_file():
        return {}
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"{path} is not valid TOML: {error}.") from None
    found: dict[str, str] = {}
    for entry in data.get("equivalent", []):
        if not isinstance(entry.get("mutant"), str):
            raise CourseError(f'{path}: an entry [[equivalent]] has no `mutant = "..."`.')
        if entry["mutant"] in found:
            raise CourseError(f"{path}: {entry['mutant']!r} is there twice.")
        found[entry["mutant"]] = str(entry.get("reason", "")).strip()
    return found
