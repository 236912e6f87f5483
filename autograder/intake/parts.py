"""Which parts a submission defines, lacks, or has left as they were given out."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from autograder.course import Assignment, Part
from autograder.intake import definitions
from autograder.intake.syntax import Unparsable, parse
from autograder.intake.values import shown


@dataclass(frozen=True)
class Module:
    """A parsed file.

    Attributes:
        names: What its top-level names are bound to.
        stars: The modules whose names it takes over with ``from module import *``.
        dynamic: Whether it may define more than can be seen without running it.
    """

    names: Mapping[str, ast.AST]
    stars: tuple[str, ...]
    dynamic: bool

    def find(self, name: str) -> ast.AST | None:
        """Find what a part provides, ``Class.method`` included."""
        return definitions.find(name, self.names)


@dataclass(frozen=True)
class Survey:
    """What is known of the parts.

    Attributes:
        missing: For each part that is not there, a sentence.
        untouched: Parts that are still the stub's.
        notes: Parts found in another file than theirs.
    """

    missing: dict[str, str]
    untouched: frozenset[str]
    notes: tuple[str, ...]


def look(text: str) -> Module | None:
    """Parse a file and find its names; None if it cannot be parsed."""
    try:
        tree = parse(text)
    except Unparsable:
        return None
    stars = tuple(definitions.star_imports(tree))
    return Module(definitions.bindings(tree), stars, definitions.is_dynamic(tree))


def survey(files: Mapping[str, str], unread: Mapping[str, str], assignment: Assignment) -> Survey:
    """Look for every part in its file, then in the course's other files.

    Args:
        files: The text of what was handed in.
        unread: Files that cannot be parsed; nothing is said about parts that may be in them.
        assignment: Whose parts to look for.
    """
    modules = {file: look(files[file]) for file in sorted(files)}
    stubs = {file: look(_stub(file, assignment)) for file in assignment.files}
    missing: dict[str, str] = {}
    untouched: set[str] = set()
    notes: list[str] = []
    for part in assignment.parts:
        if part.file in unread:
            continue
        order = [part.file, *(each for each in assignment.files if each != part.file)]
        homes = [_home(name, order, modules) for name in part.provides]
        absent = [name for name, home in zip(part.provides, homes, strict=True) if not home]
        if absent:
            if not any(file in unread for file in assignment.files):
                missing[part.name] = _sentence(absent, part, modules, files)
            continue
        for name, home in zip(part.provides, homes, strict=True):
            if home != part.file:
                notes.append(f"{name} was found in {home} instead of {part.file}.")
        stub = stubs[part.file]
        pairs = [
            (_certain(home, name, modules), _find(stub, name))
            for name, home in zip(part.provides, homes, strict=True)
        ]
        if all(_is_untouched(node, given) for node, given in pairs):
            untouched.add(part.name)
    return Survey(missing, frozenset(untouched), tuple(notes))


def is_untouched(file: str, text: str, assignment: Assignment) -> bool:
    """Whether a file holds none of the student's work: every part of it that is there is a stub."""
    module, stub = look(text), look(_stub(file, assignment))
    if module is None:
        return False
    names = [name for part in assignment.parts if part.file == file for name in part.provides]
    found = [name for name in names if module.find(name)]
    return all(_is_untouched(module.find(name), _find(stub, name)) for name in found)


def count_parts(file: str, text: str, assignment: Assignment) -> int:
    """Count the parts of a course file that a text defines."""
    module = look(text)
    if module is None:
        return 0
    parts = [part for part in assignment.parts if part.file == file]
    return sum(any(module.find(name) for name in part.provides) for part in parts)


def _stub(file: str, assignment: Assignment) -> str:
    try:
        return (assignment.folder / file).read_text(encoding="utf-8")
    except OSError:
        return ""


def _find(module: Module | None, name: str) -> ast.AST | None:
    return module.find(name) if module else None


def _is_untouched(node: ast.AST | None, given: ast.AST | None) -> bool:
    if definitions.is_stub(node):
        return True
    return given is not None and definitions.holds_stub(given) and definitions.same(node, given)


def _certain(home: str, name: str, modules: Mapping[str, Module | None]) -> ast.AST | None:
    """The definition, unless the module may replace it in a way that cannot be seen."""
    module = modules[home]
    if module is None or module.dynamic or _by_star(home, name, modules, set()):
        return None
    return module.find(name)


def _home(name: str, order: list[str], modules: Mapping[str, Module | None]) -> str:
    for file in order:
        if _find(modules.get(file), name):
            return file
    for file in order:
        module = modules.get(file)
        if module and (module.dynamic or _by_star(file, name, modules, set())):
            return file
    return ""


def _by_star(file: str, name: str, modules: Mapping[str, Module | None], seen: set[str]) -> bool:
    """Whether a module may take a name over from another with ``import *``."""
    seen.add(file)
    module = modules.get(file)
    for star in module.stars if module else ():
        source = star.replace(".", "/") + ".py"
        other = modules.get(source)
        if other is None or other.dynamic or other.find(name):
            return True
        if source not in seen and _by_star(source, name, modules, seen):
            return True
    return False


def _sentence(
    absent: list[str],
    part: Part,
    modules: Mapping[str, Module | None],
    files: Mapping[str, str],
) -> str:
    module = modules.get(part.file)
    if module is None:
        there = ", ".join(shown(file) for file in sorted(files)[:6]) or "no Python file"
        return f"{part.file} was not handed in; there is {there}."
    name = absent[0]
    first, _, method = name.partition(".")
    name = name if first in module.names else first
    owner = module.names.get(first)
    if method and isinstance(owner, ast.ClassDef):
        held = {each.name for each in owner.body if isinstance(each, definitions.Definition)}
        known, place = held, f"The class {first} in {part.file}"
        name = method
    else:
        known = {
            each for each, node in module.names.items() if isinstance(node, definitions.Definition)
        }
        place = part.file
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    if near:
        return f"{place} has no `{name}`; did you mean `{shown(near[0])}`?"
    for each, node in module.names.items():
        if isinstance(node, ast.ClassDef) and definitions.find(f"{each}.{name}", module.names):
            return f"{place} has no `{name}` at the top level; there is one inside `{shown(each)}`."
    return f"{place} has no `{name}`."
