"""The way from a path to a submission."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from autograder.course import Assignment, CourseError
from autograder.intake import helpers, notes, place
from autograder.intake.choose import choose
from autograder.intake.entries import single
from autograder.intake.folders import read_archive_file, read_file, read_folder
from autograder.intake.kinds import Kind, in_words, kind_of
from autograder.intake.names import identify
from autograder.intake.parts import survey
from autograder.intake.syntax import Unparsable, Unreasonable, parse
from autograder.intake.tree import Tree
from autograder.intake.values import Entry, Refused, Submission, advice, shown


def read_submission(path: Path, assignment: Assignment) -> Submission:
    """Read what one person handed in: a folder, ``.py``, ``.ipynb``, ``.zip`` or ``.tar.gz``.

    Raises:
        CourseError: There is nothing at that path.
    """
    if not path.exists():
        raise CourseError(f"There is nothing at {path}. Name a file or folder that was handed in.")
    return read_entry(single(path), assignment)


def read_entry(entry: Entry, assignment: Assignment) -> Submission:
    """Read an entry of a class. Whatever it holds, this returns; nothing of it is run."""
    read = _read(entry, assignment)
    timing = (entry.origin.timing,) if entry.origin.timing else ()
    return replace(read, notes=(*read.notes, *timing), origin=entry.origin)


def _read(entry: Entry, assignment: Assignment) -> Submission:
    if entry.refused:
        return Submission(entry.student, notes=entry.notes, refused=entry.refused)
    tree = Tree(notes=list(entry.notes))
    try:
        _gather(entry, tree)
        return _submission(entry.student, tree, assignment)
    except Refused as error:
        reason = f"{error} {advice(assignment)}"
    except OSError as error:
        reason = f"It could not be read: {shown(error.strerror or str(error))}."
    return Submission(entry.student, notes=tuple(tree.notes), refused=reason)


def _gather(entry: Entry, tree: Tree) -> None:
    for path in entry.paths:
        name = identify(path.name, path.is_dir()).file
        kind = kind_of(name)
        if path.is_dir():
            read_folder(path, tree)
        elif kind is Kind.ARCHIVE:
            inner = Tree(entries=tree.entries, size=tree.size)
            read_archive_file(name, path, inner)
            _merge(inner, tree, "" if len(entry.paths) == 1 else f"{path.name}/")
        elif kind in (Kind.SOURCE, Kind.NOTEBOOK):
            read_file(name, path, tree)
        elif len(entry.paths) == 1:
            raise Refused(f"{shown(name)} is {in_words(name)}.")
        else:
            tree.sort_in(name)


def _merge(inner: Tree, tree: Tree, prefix: str) -> None:
    tree.entries, tree.size = inner.entries, inner.size
    tree.files.update({prefix + path: data for path, data in inner.files.items()})
    tree.too_large.update({prefix + path: size for path, size in inner.too_large.items()})
    for mine, theirs in (
        (tree.archives, inner.archives),
        (tree.others, inner.others),
        (tree.steering, inner.steering),
        (tree.links, inner.links),
    ):
        mine += [prefix + path for path in theirs]


def _submission(student: str, tree: Tree, assignment: Assignment) -> Submission:
    tree.notes += notes.ignored(tree)
    notes.require_python(tree)
    sources = place.read_sources(tree)
    chosen = choose(sources, tree, assignment)
    tree.notes += chosen.found.notes
    extra = helpers.collect(sources, chosen.found, assignment)
    tree.notes += extra.notes
    files: dict[str, str] = {}
    problems: dict[str, str] = {}
    for file, source in chosen.found.sources.items():
        if source.how:
            tree.notes.append(f"{file} was read as {source.how}; save it as UTF-8.")
        if source.problem:
            problems[file] = source.problem
        else:
            files[file] = source.text
    files |= {name: text for name, text in extra.files.items() if name not in assignment.files}
    if not files and not problems:
        raise Refused("Nothing in it defines a part of the assignment.")
    if not files:
        reason = "; ".join(f"{file}: {problem}" for file, problem in problems.items())
        raise Refused(f"No file can be read: {reason}.")
    for file, text in list(files.items()):
        try:
            parse(text)
        except Unparsable as error:
            problems[file] = str(error)
            if isinstance(error, Unreasonable):
                del files[file]
    result = survey(files, problems, assignment)
    return Submission(
        student=student,
        files=files,
        notes=(*tree.notes, *result.notes),
        flags=(*chosen.flags, *extra.flags),
        syntax_errors=problems,
        missing=result.missing,
        untouched=result.untouched,
    )
