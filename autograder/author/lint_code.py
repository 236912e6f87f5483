"""Rules for the reference: models to read are short, typed, explained and shown by an example.

Lines of code are lines that hold more than a comment; blank lines and docstrings do not count. A
function's lines are those of its body, without its signature.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from autograder.author import rules
from autograder.author.source import Definition, Source, SyncError, read
from autograder.course import Assignment, Part

FUNCTION_LINES = 25
FILE_LINES = 150
_SILENT = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
)
_ARRAYS = re.compile(r"\b(ndarray|NDArray|ArrayLike|Tensor)\b")


def lint(assignment: Assignment) -> Iterator[str]:
    """Yield what is wrong with the reference, one line each."""
    for file in assignment.files:
        try:
            source = read(assignment.solutions / file, assignment)
            rules.require(source)
        except SyncError as error:
            yield str(error)
            continue
        yield from _lengths(source)
        for part in assignment.parts:
            for name in part.provides if part.file == file else ():
                definition = source.definition(name)
                if definition:
                    yield from _docstring(file, definition)
                    yield from _types(file, definition)


def subtle(assignment: Assignment, part: Part) -> int:
    """Count the ``subtle:`` comments in the marked blocks of a part."""
    try:
        source = read(assignment.solutions / part.file, assignment)
    except SyncError:
        return 0
    inside = {
        line
        for block in source.blocks
        if block.part == part or _holds(part, block.owner)
        for line in range(block.begin, block.end)
    }
    return sum("subtle:" in comment for line, comment in source.comments.items() if line in inside)


def _holds(part: Part, owner: str) -> bool:
    """Whether a block that vanishes, a private method say, stands in a class of the part."""
    return bool(owner) and any(owner == name.partition(".")[0] for name in part.provides)


def _lengths(source: Source) -> Iterator[str]:
    code = _code_lines(source)
    file = source.path.name
    if len(code) >= FILE_LINES:
        yield f"{file}: {len(code)} lines of code; a file stays under {FILE_LINES}."
    for each in source.definitions:
        if each.is_class:
            continue
        body = range(each.node.body[0].lineno, each.last + 1)
        count = len(code.intersection(body))
        if count >= FUNCTION_LINES:
            yield (
                f"{file}:{each.node.lineno}: {each.name} has {count} lines of code; "
                f"a function stays under {FUNCTION_LINES}."
            )


def _code_lines(source: Source) -> set[int]:
    tokens = tokenize.generate_tokens(io.StringIO(source.text).readline)
    code = {
        line
        for token in tokens
        if token.type not in _SILENT
        for line in range(token.start[0], token.end[0] + 1)
    }
    tree = ast.parse(source.text)
    documented = (tree, *(each.node for each in source.definitions))
    for node in documented:
        if ast.get_docstring(node) is not None:
            docstring = node.body[0]
            code -= set(range(docstring.lineno, (docstring.end_lineno or 0) + 1))
    return code


def _docstring(file: str, definition: Definition) -> Iterator[str]:
    text = ast.get_docstring(definition.node) or ""
    where = f"{file}:{definition.node.lineno}: {definition.name}"
    if not text:
        yield f"{where} has no docstring."
        return
    if not re.search(r"^Example:\n(?:.*\n)*?\s*>>> ", text, re.MULTILINE):
        yield f"{where} has no `Example:` with a line that begins `>>> `."
    if _takes_arrays(definition) and not re.search(r"^Shapes:$", text, re.MULTILINE):
        yield f"{where} takes or returns arrays, but its docstring has no `Shapes:`."


def _takes_arrays(definition: Definition) -> bool:
    return any(
        _ARRAYS.search(ast.unparse(annotation))
        for function in _signatures(definition)
        for annotation in [*(a.annotation for a in _arguments(function)), function.returns]
        if annotation is not None
    )


def _types(file: str, definition: Definition) -> Iterator[str]:
    for function in _signatures(definition):
        bare = [a.arg for a in _arguments(function) if a.annotation is None]
        bare = [name for name in bare if name not in ("self", "cls")]
        if bare or function.returns is None:
            what = f"the type of {', '.join(bare)}" if bare else "the type it returns"
            yield f"{file}:{function.lineno}: {definition.name}: {what} is missing."


def _signatures(definition: Definition) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The function itself, or the public methods of a class."""
    nodes = definition.node.body if isinstance(definition.node, ast.ClassDef) else [definition.node]
    functions = [n for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    private = re.compile(r"_(?!_)")
    return [n for n in functions if n is definition.node or not private.match(n.name)]


def _arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.arg]:
    given = function.args
    more = [each for each in (given.vararg, given.kwarg) if each]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *more]
