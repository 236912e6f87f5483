"""The reference with parts replaced by answers that know nothing: all of them must score 0."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from autograder.author import source as sources
from autograder.course import Assignment, Part
from autograder.mistakes import reference_texts

IMPOSTOR = "_impostor"  # what the appended stand-in is called in a sabotaged file
FIRST = "the first argument"
CONSTANTS = ("None", "0", "1", "0.0", '""', "[]", "True")
SHAPED = {"zeros of the right shape": "0.0", "NaN of the right shape": "float('nan')"}
KINDS = (*CONSTANTS, "float('nan')", FIRST, *SHAPED)


def sabotage(assignment: Assignment, parts: Sequence[Part], kind: str) -> dict[str, str]:
    """Return the reference's files with the definitions of some parts sabotaged.

    Args:
        assignment: Whose reference.
        parts: The parts to spoil. In a class every method that students write is spoilt; its
            ``__init__`` only where there is nothing else.
        kind: One of ``KINDS``.
    """
    texts = reference_texts(assignment)
    for file in {part.file for part in parts}:
        wanted = [name for part in parts if part.file == file for name in targets(part, assignment)]
        if kind in SHAPED:
            texts[file] = _disguised(texts[file], wanted, f"{SHAPED[kind]}, {_modules(texts)}")
        else:
            texts[file] = _replaced(texts[file], wanted, kind)
    return texts


def targets(part: Part, assignment: Assignment) -> list[str]:
    """The dotted names of the functions that students write in a part."""
    source = sources.read(assignment.solutions / part.file, assignment)
    owners = dict.fromkeys(block.owner for block in source.blocks if block.part == part)
    rest = [name for name in owners if not name.endswith(".__init__")]
    return rest or list(owners)


def _replaced(text: str, names: list[str], kind: str) -> str:
    """Replace whole bodies by a single ``return``."""
    tree = ast.parse(text)
    for name, node in _functions(tree).items():
        if name in names:
            returned = _first_argument(node) if kind == FIRST else kind
            node.body = [ast.Return(ast.parse(returned, mode="eval").body)]
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _modules(texts: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(file.removesuffix(".py") for file in texts)


def _disguised(text: str, names: list[str], arguments: str) -> str:
    """Append the stand-in, and put it before every one of the functions."""
    stand_in = textwrap.indent(Path(__file__).with_name("impostor.py").read_text("utf-8"), "    ")
    lines = [text, f"def {IMPOSTOR}():", stand_in, f"    return Impostor({arguments})"]
    lines.append(f"{IMPOSTOR} = {IMPOSTOR}()")
    for name in names:
        owner, _, word = name.rpartition(".")
        found = f"vars({owner})[{word!r}]" if owner else word
        made = f"{IMPOSTOR}.disguise({found})"
        lines.append(f"setattr({owner}, {word!r}, {made})" if owner else f"{word} = {made}")
    return "\n".join(lines) + "\n"


_Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(tree: ast.Module) -> Mapping[str, _Function]:
    found: dict[str, _Function] = {}

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, _Function):
                found[prefix + child.name] = child
            if isinstance(child, ast.ClassDef | _Function):
                visit(child, f"{prefix}{child.name}.")

    visit(tree, "")
    return found


def _first_argument(node: _Function) -> str:
    """The name of the first argument after ``self``; ``self`` where there is no other."""
    given = node.args
    more = [each for each in (given.vararg, *given.kwonlyargs, given.kwarg) if each]
    found = [argument.arg for argument in (*given.posonlyargs, *given.args, *more)]
    rest = [name for name in found if name not in ("self", "cls")]
    return next(iter([*rest, *found]), "None")
