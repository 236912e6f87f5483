"""A course with one tiny assignment that is done, for tests that break one rule of it at a time."""

from __future__ import annotations

from pathlib import Path

from autograder.author.sync import sync
from autograder.author.verification import Verification
from autograder.author.verify import verify
from autograder.course import load

NAME = "01_tiny"

TOML = """
title = "Tiny things"
seed = 11
files = ["small.py"]

[limits]
seconds = 1.0

[[part]]
name = "scale"
file = "small.py"
points = 4
hints = ["What is a factor?", "Each number once.", "x * factor"]

[[part]]
name = "spread"
file = "small.py"
points = 3
uses = ["scale"]
hints = ["How far apart?", "Largest minus smallest.", "scale(x.max() - x.min(), 2)"]

[[part]]
name = "Tally"
file = "small.py"
points = 2
hints = ["What does it keep?", "One number.", "self.count += n"]
"""

REFERENCE = '''"""Small things."""

import numpy as np


def scale(x: np.ndarray, factor: float) -> np.ndarray:
    """Return every number times a factor.

    Shapes:
        x, returns: (N,)

    Example:
        >>> scale(np.array([1.0, 2.0]), 2.0)
        array([2., 4.])
    """
    ### BEGIN SOLUTION
    return x * factor  # subtle: a new array
    ### END SOLUTION


def spread(x: np.ndarray) -> float:
    """Return twice the distance from the smallest to the largest number, 0.0 of none.

    Shapes:
        x: (N,)

    Example:
        >>> spread(np.array([1.0, 4.0]))
        6.0
    """
    ### BEGIN SOLUTION
    if len(x) == 0:
        return 0.0
    doubled = scale(x, factor=2.0)
    return float(doubled.max() - doubled.min())  # subtle: the largest first
    ### END SOLUTION


class Tally:
    """A count that goes up.

    Example:
        >>> Tally().add(2)
        2
    """

    def __init__(self) -> None:
        """Start at 0."""
        ### BEGIN SOLUTION
        self.count = 0
        ### END SOLUTION

    def add(self, n: int) -> int:
        """Count n more, and return how many there are; a negative n counts as 0."""
        ### BEGIN SOLUTION
        if n > 0:  # subtle: down it never goes
            self.count += n
        return self.count
        ### END SOLUTION
'''

PUBLIC = '''
import numpy as np

from autograder.testing import close, equal, part


@part("scale")
def test_scale_small(student):
    """Two numbers are scaled."""
    close(student.scale(np.array([1.0, 2.0]), 3.0), np.array([3.0, 6.0]))


@part("spread")
def test_spread_small(student):
    """Three numbers are spread."""
    close(student.spread(np.array([1.0, 5.0, 2.0])), 8.0)


@part("Tally")
def test_tally_small(student):
    """Two and three are five."""
    tally = student.Tally()
    equal([tally.add(2), tally.add(3)], [2, 5])
'''

HIDDEN = '''
import numpy as np

from autograder.testing import close, equal, part


@part("scale", basic=True)
def test_scale(student, rng):
    """Every number is scaled."""
    x = rng.standard_normal(5)
    close(student.scale(x, 2.5), np.array([2.5 * each for each in x]))


@part("spread", basic=True)
def test_spread(student, rng):
    """The spread is twice the range."""
    x = rng.standard_normal(6)
    close(student.spread(x), 2 * float(np.ptp(x)))


@part("spread")
def test_spread_of_nothing(student):
    """No numbers have no spread."""
    close(student.spread(np.zeros(0)), 0.0)


@part("Tally", basic=True)
def test_tally(student, rng):
    """The count is a sum without the negative numbers."""
    numbers = [1, *(int(n) for n in rng.integers(1, 9, 3))]
    tally = student.Tally()
    got = [tally.add(n) for n in [*numbers, -5, 0]]
    equal(got, [*np.cumsum(numbers).tolist(), sum(numbers), sum(numbers)])
'''

MISTAKES = """
[few]
scale = "One line."
spread = "Two lines."
Tally = "Three lines."

[[mistake]]
id = "scale.added"
part = "scale"
edit = ["x * factor", "x + factor"]
says = "The factor is added."
try = "Scale zeros."

[[mistake]]
id = "spread.swapped"
part = "spread"
edit = ["doubled.max() - doubled.min()", "doubled.min() - doubled.max()"]
says = "The sign is wrong."
try = "Look at the sign."

[[mistake]]
id = "Tally.down"
part = "Tally"
edit = ["if n > 0:", "if n:"]
says = "The count goes down."
try = "Add -1."
"""

VARIANTS = """
[[variant]]
id = "scale.turned"
part = "scale"
edit = ["x * factor", "factor * x"]
why = "The product is symmetric."
"""

EQUIVALENT = "Tally: if n >= 0:"
MUTANTS = f'''
[[equivalent]]
mutant = "{EQUIVALENT}"
reason = "Adding nothing changes nothing."
'''

PLAY = '''
def play(student, out, options):
    """Show something."""
'''

MISTAKE = """
[[mistake]]
id = "{id}"
part = "{part}"
{change}
says = "{id} is wrong."
try = "Mend {id}."
"""


class Tiny:
    """The files of the assignment; each can be changed before it is verified."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.staff = root / "solutions" / NAME
        self.own = root / "assignments" / NAME
        self.lecture = root / "lectures" / f"{NAME}.md"
        self.write(self.own / "assignment.toml", TOML)
        self.write(self.own / "test_public.py", PUBLIC)
        self.write(self.own / "play.py", PLAY)
        self.write(self.own / "README.md", "# Tiny\n\nscale, spread and Tally.\n")
        self.write(self.staff / "small.py", REFERENCE)
        self.write(self.staff / "test_hidden.py", HIDDEN)
        self.write(self.staff / "mistakes.toml", MISTAKES)
        self.write(self.staff / "variants.toml", VARIANTS)
        self.write(self.staff / "mutants.toml", MUTANTS)
        self.write(self.lecture, "word " * 1600)
        sync(load(NAME, root), root)

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"), encoding="utf-8")

    def change(self, name: str, old: str, new: str) -> None:
        """Replace text in a file of the staff's, and sync."""
        path = next(p for p in (self.staff / name, self.own / name) if p.is_file())
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        sync(load(NAME, self.root), self.root)

    def add(self, name: str, text: str) -> None:
        """Append text to a file of the staff's."""
        path = self.staff / name
        path.write_text(path.read_text("utf-8") + "\n" + text, encoding="utf-8")

    def mistake(self, id: str, change: str) -> None:
        """Add a mistake to the catalogue; its part is what its id begins with."""
        self.add("mistakes.toml", MISTAKE.format(id=id, part=id.partition(".")[0], change=change))

    def verify(self, *, sandbox: bool = False) -> Verification:
        """Verify it as it is now."""
        return verify(load(NAME, self.root), lambda line: None, sandbox=sandbox)

    def findings(self, *, sandbox: bool = False) -> list[tuple[int, str]]:
        """What is found, as rule and text."""
        return [(f.rule, f.text) for f in self.verify(sandbox=sandbox).findings]
