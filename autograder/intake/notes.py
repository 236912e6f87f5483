"""What was in a submission and plays no part, said in a few sentences."""

from __future__ import annotations

from autograder.intake.kinds import in_cache, in_words
from autograder.intake.tree import Tree
from autograder.intake.values import Refused, listed, shown


def ignored(tree: Tree) -> list[str]:
    """Return one sentence for each kind of thing that was left aside."""
    notes = []
    if tree.others:
        notes.append(f"Ignored, since they play no part: {listed(sorted(tree.others))}.")
    if tree.steering:
        names = listed(sorted(tree.steering), 20)
        notes.append(f"Ignored, since they could steer the grader: {names}.")
    if tree.links:
        notes.append(f"Ignored, since they are links: {listed(sorted(tree.links))}.")
    if tree.archives and tree.files:
        notes.append(f"Ignored, since they are archives inside: {listed(sorted(tree.archives))}.")
    return notes


def require_python(tree: Tree) -> None:
    """Refuse what holds neither a Python file nor a notebook.

    Raises:
        Refused: With what is there instead.
    """
    if tree.files:
        return
    if len(tree.archives) == 1:
        inner = shown(tree.archives[0])
        raise Refused(f"It holds only another archive, {inner}: unpack that one first.")
    if tree.archives:
        raise Refused(f"It holds only archives: {listed(sorted(tree.archives))}.")
    there = [path for path in tree.others if not in_cache(path)] + tree.steering
    if not there:
        raise Refused("It is empty.")
    if len(there) == 1:
        raise Refused(f"It holds only {shown(there[0])}, which is {in_words(there[0])}.")
    raise Refused(f"It holds no Python file and no notebook, only {listed(sorted(there))}.")
