"""``course verify``: each rule broken once, and the finding seen."""

from __future__ import annotations

import dataclasses
import io
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from rich.console import Console

from autograder.author.matrix import matrix_markdown
from autograder.author.proofs import stale_proofs
from autograder.author.verification import Verification
from autograder.author.verify import verify
from autograder.author.verify_view import render
from autograder.course import CourseError, assignment_ids, load
from tests.verify_course import EQUIVALENT, NAME, Tiny

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path / "course")


def only(found: list[tuple[int, str]]) -> tuple[int, str]:
    assert len(found) == 1, found
    return found[0]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Verification:
    return Tiny(tmp_path_factory.mktemp("done") / "course").verify(sandbox=True)


class TestDone:
    def test_an_assignment_that_is_done_has_no_findings(self, done: Verification):
        assert done.findings == ()
        assert done.ok

    def test_without_the_sandbox_either(self, tiny: Tiny):
        assert tiny.findings() == []

    def test_what_was_counted(self, done: Verification):
        scale, spread, tally = done.parts
        assert [part.caught for part in done.parts] == [1, 1, 1]
        assert scale.variants == 1
        assert (scale.mutants, scale.killed) == (2, 2)
        assert tally.mutants == tally.killed + 1
        assert len(spread.tests) == 3
        assert all(part.sabotages > 10 for part in done.parts)

    def test_times_are_information(self, done: Verification):
        assert "processor time" in done.notes[0]

    def test_the_matrix_says_the_same_every_time(self, done: Verification, tiny: Tiny):
        text = matrix_markdown(done)
        assert text == matrix_markdown(dataclasses.replace(tiny.verify(), notes=("other",)))
        assert "| spread | 3 | 1 of 1 |" in text
        assert "| spread.swapped | ● | ● | · |" in text
        assert "3. `test_hidden.py::test_spread_of_nothing`" in text

    def test_a_terminal_of_eighty_columns_shows_it(self, done: Verification):
        text = shown(done)
        assert "nothing to mend" in text
        assert max(map(len, text.splitlines())) <= 80


def shown(verification: Verification) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(render(verification))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


class TestReference:
    """Rule 1."""

    def test_a_reference_that_fails(self, tiny: Tiny):
        tiny.change("test_hidden.py", "2.5 * each for", "2.6 * each for")
        found = tiny.verify(sandbox=True)
        rules = [(f.rule, f.text) for f in found.findings]
        assert {rule for rule, _ in rules} == {1}
        assert "The reference fails test_hidden.py::test_scale in process" in rules[0][1]
        assert "instead of" in rules[0][1]
        assert any("in the sandbox" in text for _, text in rules)
        assert "were not looked at" in found.notes[-1]

    def test_a_test_that_passes_on_the_stub(self, tiny: Tiny):
        tiny.add(
            "test_hidden.py",
            '@part("scale")\ndef test_nothing(student):\n    """Nothing."""\n    equal(1, 1)\n',
        )
        found = tiny.findings()
        assert (1, "On the stub, test_hidden.py::test_nothing is no “not attempted”") in [
            (rule, text.partition(" but")[0]) for rule, text in found
        ]

    def test_a_stub_that_somebody_wrote_in(self, tiny: Tiny):
        (tiny.own / "small.py").write_text((tiny.staff / "small.py").read_text("utf-8"))
        found = tiny.findings()
        assert (13, "small.py is not what its source gives. Run `course sync`.") in found
        assert sum("does not count as untouched" in text for _, text in found) == 3

    def test_no_stub_at_all(self, tiny: Tiny):
        (tiny.own / "small.py").unlink()
        assert any(rule == 1 and "There is no stub" in text for rule, text in tiny.findings())

    def test_gradings_that_differ(self, tiny: Tiny):
        tiny.change("test_hidden.py", "import numpy as np", "import os\nimport numpy as np")
        tiny.change(
            "test_hidden.py",
            "    x = rng.standard_normal(5)",
            "    x = np.frombuffer(os.urandom(5), dtype=np.uint8) / 7",
        )
        found = tiny.findings(sandbox=True)
        assert any(r == 1 and "Two gradings of scale.added differ in" in t for r, t in found)

    def test_tests_that_cannot_be_loaded(self, tiny: Tiny):
        tiny.add("test_hidden.py", "import nothing_of_the_kind\n")
        rule, text = only(tiny.findings())
        assert rule == 1
        assert "Nothing can be proved yet" in text
        assert "nothing_of_the_kind" in text

    def test_a_part_without_tests(self, tiny: Tiny):
        text = (tiny.staff / "test_hidden.py").read_text("utf-8")
        (tiny.staff / "test_hidden.py").write_text(text[: text.index('@part("Tally"')])
        public = (tiny.own / "test_public.py").read_text("utf-8")
        (tiny.own / "test_public.py").write_text(public[: public.index('@part("Tally"')])
        assert (1, "Tally has no tests, so it can score nothing. Write some.") in tiny.findings()


class TestSabotage:
    """Rule 2."""

    def test_a_test_that_the_argument_passes(self, tiny: Tiny):
        tiny.change(
            "test_hidden.py",
            "close(student.scale(x, 2.5), np.array([2.5 * each for each in x]))",
            "equal(student.scale(x, 2.5).shape, x.shape)",
        )
        texts = [text for rule, text in tiny.findings() if rule == 2]
        assert [text.partition(" scores")[0] for text in texts] == [
            "scale: returning the first argument",
            "scale: zeros of the right shape",
            "scale: NaN of the right shape",
        ]
        assert "basic=True" in texts[0]

    def test_a_test_that_a_constant_passes(self, tiny: Tiny):
        tiny.change("test_hidden.py", "x = rng.standard_normal(6)", "x = np.full(6, rng.random())")
        tiny.change("test_public.py", '@part("spread")', '@part("scale")')
        texts = [text for rule, text in tiny.findings() if rule == 2]
        assert "spread: `return 0` scores 3 of 3" in texts[0]
        assert any(text.startswith("spread: `return 0.0` scores 3 of 3") for text in texts)

    def test_methods_count_too(self, tiny: Tiny):
        tiny.change("test_hidden.py", "    equal(got, [*np.", "    equal(len(got), len([*np.")
        tiny.change(
            "test_hidden.py", "sum(numbers), sum(numbers)])", "sum(numbers), sum(numbers)]))"
        )
        texts = [text for rule, text in tiny.findings() if rule == 2]
        assert "Tally: `return None`" in texts[0]
        assert any(text.startswith("Tally: zeros of the right shape") for text in texts)

    def test_no_basic_hidden_test(self, tiny: Tiny):
        tiny.change("test_hidden.py", '@part("spread", basic=True)', '@part("spread")')
        texts = [text for rule, text in tiny.findings(sandbox=True) if rule == 2]
        assert "test_hidden.py: spread has no test with `basic=True`." in texts
        assert any("in the sandbox, like all parts" in text for text in texts)


class TestMistakes:
    """Rule 3."""

    def test_one_that_no_test_notices(self, tiny: Tiny):
        tiny.mistake("scale.nothing", 'edit = ["x * factor", "factor * x"]')
        rule, text = only(tiny.findings())
        assert rule == 3
        assert text.startswith("scale.nothing scores full marks")

    @pytest.mark.parametrize("sandbox", [False, True])
    def test_one_that_is_taken_for_another(self, tiny: Tiny, sandbox: bool):
        tiny.mistake("scale.too", 'edit = ["x * factor", "factor + x"]')
        rule, text = only(tiny.findings(sandbox=sandbox))
        assert rule == 3
        assert "scale.too is shown as scale.added" in text

    def test_a_pair_that_is_known_to_be_the_same(self, tiny: Tiny):
        change = 'edit = ["x * factor", "factor + x"]\nsame_as = "scale.added"\nbecause = "Sums."'
        tiny.mistake("scale.too", change)
        assert tiny.findings() == []

    def test_one_that_spills_into_a_part_that_does_not_use_it(self, tiny: Tiny):
        tiny.change("assignment.toml", 'uses = ["scale"]', "")
        rule, text = only(tiny.findings())
        assert rule == 3
        assert "scale.added leaves spread only" in text
        assert "`uses`" in text

    def test_one_that_never_ends(self, tiny: Tiny):
        tiny.mistake("Tally.loop", 'edit = ["if n > 0:", "while n > 0:"]')
        found = tiny.findings()
        assert any("Tally.loop does not end in" in text for _, text in found)

    def test_one_that_says_that_it_never_ends(self, tiny: Tiny):
        tiny.mistake("Tally.loop", 'edit = ["if n > 0:", "while n > 0:"]\nhangs = true')
        assert tiny.findings(sandbox=True) == []
        found = tiny.verify()
        assert found.findings == ()
        assert [row.failed for row in found.parts[2].rows][-1] is None

    def test_one_that_ends_after_all(self, tiny: Tiny):
        tiny.mistake("scale.halved", 'edit = ["x * factor", "x / factor"]\nhangs = true')
        rule, text = only(tiny.findings(sandbox=True))
        assert rule == 3
        assert text.startswith("scale.halved ends after all")

    def test_one_that_does_not_fit_any_more(self, tiny: Tiny):
        tiny.mistake("scale.old", 'edit = ["x ** factor", "x"]')
        rule, text = only(tiny.findings())
        assert rule == 3
        assert "scale.old: 'x ** factor' stands 0 times" in text

    def test_one_that_is_forbidden(self, tiny: Tiny):
        tiny.change(
            "assignment.toml",
            'hints = ["What is a factor?"',
            'forbidden = ["//"]\nhints = ["What is a factor?"',
        )
        tiny.mistake("scale.floor", 'edit = ["x * factor", "x // factor"]')
        rule, text = only(tiny.findings(sandbox=True))
        assert rule == 3
        assert "is refused as forbidden (The operator //" in text

    def test_a_catalogue_that_is_incomplete(self, tiny: Tiny):
        tiny.add("mistakes.toml", '[[mistake]]\nid = "scale.half"\npart = "scale"\n')
        assert any("Nothing can be proved yet" in text for _, text in tiny.findings())


class TestVariants:
    """Rule 4."""

    def test_one_that_loses_points(self, tiny: Tiny):
        tiny.change("variants.toml", "factor * x", "factor * x + 1")
        found = tiny.findings(sandbox=True)
        assert {rule for rule, _ in found} == {4}
        assert "The variant scale.turned loses points in scale" in found[0][1]
        assert any("in the sandbox" in text for _, text in found)

    def test_one_that_does_not_fit_any_more(self, tiny: Tiny):
        tiny.change("variants.toml", '"x * factor"', '"x ** factor"')
        rule, text = only(tiny.findings())
        assert rule == 4
        assert "variants.toml" in text


class TestMutants:
    """Rule 5."""

    def test_a_survivor_is_printed_as_it_is_to_be_pasted(self, tiny: Tiny):
        path = tiny.staff / "mutants.toml"
        path.write_text("")
        found = tiny.verify()
        assert [f.rule for f in found.findings] == [5]
        lines = (tiny.staff / "small.py").read_text("utf-8").split("\n")
        line = next(n for n, text in enumerate(lines, 1) if "if n > 0" in text)
        assert (
            f"small.py:{line}: no test notices the mutant “{EQUIVALENT}”" in found.findings[0].text
        )
        entry = "\n".join(line.rstrip() for line in shown(found).splitlines())
        entry = entry[entry.index("[[equivalent]]") : entry.index('reason = ""') + 11]
        assert tomllib.loads(entry) == {"equivalent": [{"mutant": EQUIVALENT, "reason": ""}]}
        path.write_text(entry.replace('""', '"It is."'))
        assert tiny.findings() == []

    @pytest.mark.parametrize(
        ("entry", "words"),
        [
            ('mutant = "scale: return x / factor"\nreason = "?"', "a test does notice"),
            ('mutant = "scale: return x - factor"\nreason = "?"', "there is no mutant"),
        ],
    )
    def test_an_entry_that_is_stale(self, tiny: Tiny, entry: str, words: str):
        tiny.add("mutants.toml", f"[[equivalent]]\n{entry}\n")
        rule, text = only(tiny.findings())
        assert rule == 5
        assert words in text

    def test_an_entry_without_a_reason(self, tiny: Tiny):
        tiny.change("mutants.toml", "Adding nothing changes nothing.", " ")
        rule, text = only(tiny.findings())
        assert rule == 5
        assert "has no reason" in text

    def test_too_many_that_survive(self, tiny: Tiny):
        names = ["test_tally_small", "test_tally("]
        for file, name in zip(("test_public.py", "test_hidden.py"), names, strict=True):
            tiny.change(file, f"def {name}", f"def {name.replace('test', 'once')}")
        tiny.add(
            "test_hidden.py",
            '@part("Tally", basic=True)\ndef test_once(student, rng):\n    """It adds."""\n'
            "    n = int(rng.integers(2, 99))\n    equal(student.Tally().add(n), n)\n",
        )
        texts = [text for rule, text in tiny.findings() if rule == 5]
        assert any("which is less than 95%" in text for text in texts)

    def test_mutants_that_never_end_are_killed(self, tiny: Tiny):
        tiny.change(
            "small.py",
            "    return x * factor  # subtle: a new array",
            "    y = x * 1.0  # subtle: a new array\n    left = len(x)\n    while left > 0:\n"
            "        left -= 1\n        y[left] = x[left] * factor\n    return y",
        )
        tiny.change("mistakes.toml", '["x * factor"', '["x[left] * factor"')
        tiny.change("mistakes.toml", '"x + factor"', '"x[left] + factor"')
        tiny.change("variants.toml", '["x * factor", "factor * x"]', '["x * 1.0", "1.0 * x"]')
        found = tiny.verify()
        names = {
            text.partition("“")[2].partition("”")[0] for text in (f.text for f in found.findings)
        }
        assert "scale: no `left -= 1`" not in names  # it loops for ever
        assert "scale: left += 1" not in names


class TestSeeds:
    """Rule 8."""

    def test_inputs_that_are_always_the_same(self, tiny: Tiny):
        tiny.change("test_hidden.py", "x = rng.standard_normal(5)", "x = np.arange(1.0, 6.0)")
        rule, text = only(tiny.findings())
        assert rule == 8
        assert text.startswith("scale: no basic hidden test asks anything else with another seed")

    def test_a_claim_that_does_not_hold_for_every_seed(self, tiny: Tiny):
        tiny.change(
            "test_hidden.py",
            "    close(student.scale(x, 2.5)",
            "    equal(float(student.scale(x, 2.5)[0]) == float(x[0] * 2.5), bool(x[0] == FIRST))\n"
            "    close(student.scale(x, 2.5)",
        )
        from autograder.plugin import test_seed

        seed = test_seed(11, "test_hidden.py::test_scale")
        first = f"FIRST = np.random.default_rng({seed}).standard_normal(5)[0]\n"
        tiny.change("test_hidden.py", '\n\n@part("scale"', f'\n{first}\n\n@part("scale"')
        found = tiny.findings()
        assert {rule for rule, _ in found} == {8}
        assert "With seed 12 the reference fails test_hidden.py::test_scale" in found[0][1]


class TestPaper:
    """What needs no test to be run."""

    def test_a_handout_that_is_missing(self, tiny: Tiny):
        (tiny.own / "README.md").unlink()
        assert only(tiny.findings()) == (14, "README.md: the handout is missing.")

    def test_hints_and_lecture(self, tiny: Tiny):
        tiny.change("assignment.toml", '"x * factor"', '"What is a factor?"')
        tiny.lecture.write_text("few words")
        assert [rule for rule, _ in tiny.findings()] == [12, 15]

    def test_an_example_that_is_wrong(self, tiny: Tiny):
        tiny.change("small.py", "        6.0\n", "        7.0\n")
        rule, text = only(tiny.findings())
        assert rule == 0
        assert "spread" in text

    def test_a_file_that_is_stale(self, tiny: Tiny):
        (tiny.own / "notebook.ipynb").write_text("{}")
        assert only(tiny.findings())[0] == 13

    def test_no_solutions(self, tiny: Tiny):
        for path in tiny.staff.iterdir():
            path.unlink()
        with pytest.raises(CourseError, match="not in this copy of the course"):
            tiny.verify()


def command(tiny: Tiny, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "autograder", "verify", *words],
        cwd=tiny.root,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "110", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_as_a_command(tiny: Tiny):
    """What is found decides the exit code; proofs are written for what is done, and only then."""
    (tiny.root / "README.md").write_text(
        "<!-- proofs: written by `course verify --write` -->\n<!-- end of proofs -->\n"
    )
    matrix = tiny.staff / "matrix.md"
    done = command(tiny, "1", "--no-sandbox", "--write")
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing to mend" in done.stdout
    assert "## 01_tiny: Tiny things" in matrix.read_text()
    matrix.unlink()
    (tiny.own / "README.md").unlink()
    found = command(tiny, "tiny", "--no-sandbox", "--write")
    assert found.returncode == 1
    assert "to mend" in found.stdout
    assert not matrix.exists()
    none = command(tiny, "nine")
    assert none.returncode == 2
    assert "no assignment" in none.stderr
    assert "Traceback" not in none.stderr


def test_progress_is_told(tiny: Tiny):
    lines: list[str] = []
    verify(load(NAME, tiny.root), lines.append, sandbox=False)
    assert "3 mistakes in process" in lines
    assert lines[-1].endswith("mutants")


@pytest.mark.slow
@pytest.mark.parametrize("name", assignment_ids(ROOT))
def test_every_assignment_of_the_course_is_done(name: str):
    assignment = load(name, ROOT)
    found = verify(assignment, lambda line: None)
    assert [f"{f.rule}: {f.text}" for f in found.findings] == []
    stale = stale_proofs(found, assignment, ROOT)
    assert not stale, f"`course verify {assignment.number} --write` brings {stale} up to date"
