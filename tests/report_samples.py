"""Made reports: one student at a time, or a class with the troubles that classes have."""

from __future__ import annotations

import random
from pathlib import Path

from autograder.course import Assignment, Part
from autograder.results import Message, Report, Status, TestResult, make_part

PARTS = ("dot", "cosine", "softmax", "layer", "relu", "network", "loss", "train")
POINTS = (2, 2, 4, 4, 1, 4, 3, 5)
USES = {"cosine": ("dot",), "network": ("layer", "relu"), "train": ("network", "loss")}
TITLES = {
    "dot": ("The dot product equals a sum written as a loop", "Empty vectors give 0.0"),
    "cosine": ("Parallel vectors have cosine 1", "Lengths do not matter", "A zero vector gives 0"),
    "softmax": (
        "Every row sums to one",
        "Large scores do not overflow",
        "The last axis is the one that is normalised",
        "Adding a constant changes nothing",
    ),
    "layer": ("A layer is x @ W.T + b", "A batch of one keeps its axis", "No input is changed"),
    "relu": ("Negative values become 0", "The dtype is kept"),
    "network": ("Layers are applied in order", "The last layer has no activation"),
    "loss": ("The loss of certainty is 0", "The mean is over examples", "No log of zero"),
    "train": ("The loss falls on two moons", "A step goes downhill", "Seeds repeat exactly"),
}
MISTAKES = {
    "dot": ("dot.product_of_sums", "The sums are multiplied, where products should be summed."),
    "softmax": ("softmax.overflow", "The largest score is not subtracted before exp."),
    "layer": ("layer.transposed", "W is used where its transpose should be."),
    "loss": ("loss.sum", "The losses are summed, where their mean was asked."),
    "train": ("train.uphill", "The gradient is added to the weights, so each step goes uphill."),
}
FAMILY = [
    "Abara",
    "Baptiste",
    "Cho",
    "Dahl",
    "Eriksen",
    "Fontaine",
    "García",
    "Haddad",
    "Ito",
    "Jansen",
    "Kowalski",
    "Lindqvist",
]
GIVEN = [
    "Ada",
    "Bao",
    "Chidi",
    "Dana",
    "Elif",
    "Femi",
    "Grace",
    "Hana",
    "Ines",
    "Jonas",
    "Kofi",
    "Lena",
    "Mira",
    "Noor",
    "Omar",
    "Priya",
]


def make_assignment(policy: str = "message") -> Assignment:
    root = Path("/nowhere")
    parts = tuple(
        Part(
            name=name,
            file="vectors.py" if i < 3 else "network.py",
            points=POINTS[i],
            provides=(name,),
            uses=USES.get(name, ()),
            hints=("A question.", "A stronger hint.", "Nearly the line."),
            minutes=5 + 5 * (i > 2),
        )
        for i, name in enumerate(PARTS)
    )
    return Assignment(
        id="01_networks",
        title="Vectors and neural networks",
        seed=20260101,
        files=("vectors.py", "network.py"),
        parts=parts,
        folder=root / "assignments",
        solutions=root / "solutions",
        lecture=root / "lecture.md",
        policy=policy,
    )


def make_test(
    title: str = "It is right",
    status: Status = Status.PASSED,
    *,
    hidden: bool = False,
    basic: bool = False,
    weight: float = 1.0,
    message: Message | None = None,
    flags: tuple[str, ...] = (),
    id: str = "",
) -> TestResult:
    name = (
        id or f"test_{'hidden' if hidden else 'public'}.py::test_{title.lower().replace(' ', '_')}"
    )
    return TestResult(name, title, hidden, basic, weight, status, message or Message(), flags)


def make_report(
    parts: dict[str, list[TestResult]],
    student: str = "ada",
    *,
    points: dict[str, float] | None = None,
    notes: tuple[str, ...] = (),
    flags: tuple[str, ...] = (),
    output: str = "",
) -> Report:
    known = {**dict(zip(PARTS, map(float, POINTS), strict=True)), **(points or {})}
    made = tuple(make_part(name, known.get(name, 4.0), tuple(ts)) for name, ts in parts.items())
    return Report(
        assignment="01_networks",
        student=student,
        key=f"key-{student}",
        seed=20260101,
        rung="namespaces",
        score=round(sum(part.score for part in made), 4),
        points=sum(part.points for part in made),
        parts=made,
        notes=notes,
        flags=flags,
        output=output,
    )


def failing(part: str, status: Status, named: bool = True) -> Message:
    """A message as the grader writes it for a status."""
    if status is Status.NOT_ATTEMPTED:
        return Message(difference=f"NotImplementedError: 01_networks: {part}")
    if status is Status.EXCEPTION:
        return Message(
            called=f"student.{part}(float64 (3, 5), float64 (4, 5))",
            got="ValueError: operands could not be broadcast together with shapes (3,5) (4,5)",
            expected="float64 (3, 4)",
        )
    if status is not Status.WRONG:
        return Message(called=f"student.{part}(float64 (3, 5))", difference=f"It ended: {status}.")
    mistake, says = MISTAKES.get(part, ("", "")) if named else ("", "")
    return Message(
        called=f"student.{part}(float64 (7,) [0.126, -0.132, 0.64, …], float64 (7,) [0.105, …])",
        got="2.8146319",
        expected="0.40419274",
        difference="2.8146319 instead of 0.40419274 (relative error 5.96)",
        looks_like=says,
        mistake=mistake,
        attempt="Work out dot([1, 2], [3, 4]) by hand: 1·3 + 2·4." if mistake else "",
    )


def make_class(size: int = 35, seed: int = 7) -> list[Report]:
    """A class: most good, some half done, one of each trouble, two names that attack the page."""
    rng = random.Random(seed)
    return [_student(i, rng) for i in range(size)]


def _student(i: int, rng: random.Random) -> Report:
    name = f"{GIVEN[i % len(GIVEN)]} {FAMILY[(i * 5 + i // 16) % len(FAMILY)]}"
    name += f" {i // 192 + 1}" if i >= 192 else ""
    skill = min(1.0, rng.betavariate(4.5, 1.3))
    special = {3: Status.TIMEOUT, 8: Status.CRASHED, 12: Status.FORBIDDEN, 17: Status.MEMORY}
    special |= {21: Status.EXITED, 23: Status.PROTOCOL, 26: Status.MISSING, 29: Status.OUTPUT}
    special |= {31: Status.GRADER_ERROR}
    parts: dict[str, list[TestResult]] = {}
    for at, part in enumerate(PARTS):
        status = Status.WRONG if rng.random() < 0.75 else Status.EXCEPTION
        if i == 5 or (skill < 0.6 and at > 5):
            status = Status.NOT_ATTEMPTED
        whole = i == 5 or status is Status.NOT_ATTEMPTED or rng.random() > skill + 0.25 - at * 0.03
        if i in special and at == i % len(PARTS):
            status, whole = special[i], True
        named = rng.random() < 0.7
        tests = []
        for j, title in enumerate(TITLES[part]):
            for hidden in (False, True):
                bad = whole or (hidden and j and rng.random() > skill + 0.15)
                end = status if bad else Status.PASSED
                shown = failing(part, end, named) if bad else None
                tests.append(
                    make_test(title, end, hidden=hidden, basic=hidden and j == 0, message=shown)
                )
        parts[part] = tests
    notes = ("notes.txt was ignored: it is no file of this assignment",) if i % 9 == 4 else ()
    flags = ("dot reads its caller's frame (sys._getframe)",) if i == 12 else ()
    output = "epoch 1: loss 0.69\nepoch 2: loss 0.41\n" * 3 if i % 6 == 2 else ""
    if i == 10:
        name = "<script>alert(1)</script>"
        output = "\x1b[31mred\x1b[0m </script><img src=x onerror=alert(2)> \u202egnp.exe"
    if i == 14:
        name = '=HYPERLINK("http://example.org")'
    return make_report(parts, name, notes=notes, flags=flags, output=output)
