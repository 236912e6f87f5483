"""The tools under ``course verify``: mutants, sabotage, limits, reach."""

from __future__ import annotations

import ast
import contextlib
import signal
import textwrap
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from autograder.author.guards import Overlong, limited
from autograder.author.impostor import Impostor
from autograder.author.mutants import generate, load_equivalents, toml_string
from autograder.author.mutate import replacements, slots
from autograder.author.reach import leads, touched, users
from autograder.author.sabotage import KINDS, sabotage, targets
from autograder.author.seeds import digest
from autograder.course import CourseError, load
from autograder.mistakes import reference_texts
from autograder.student.transcript import Call, Transcript
from tests.verify_course import EQUIVALENT, NAME, Tiny


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path / "course")


def mutated(source: str) -> set[str]:
    """All mutants of the body of a function, as text."""
    tree = ast.parse(f"def f():\n{textwrap.indent(source, '    ')}\n")
    original = ast.unparse(tree.body[0].body)  # type: ignore[attr-defined]
    found = set()
    for slot in slots(tree.body[0]):
        for new in replacements(slot.node):
            slot.put(new)
            found.add(ast.unparse(tree.body[0].body))  # type: ignore[attr-defined]
            slot.put(slot.node)
    assert ast.unparse(tree.body[0].body) == original  # type: ignore[attr-defined]
    return found - {original}


class TestMutate:
    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ("a < b", {"a <= b", "a >= b"}),
            ("a >= b", {"a > b", "a < b"}),
            ("a == b", {"a != b"}),
            ("a is b", {"a is not b"}),
            ("a in b", {"a not in b"}),
            ("a < b < c", {"a <= b < c", "a >= b < c", "a < b <= c", "a < b >= c"}),
            ("a + b", {"a - b"}),
            ("a - b", {"a + b"}),
            ("a * b", {"a / b"}),
            ("a // b", {"a / b"}),
            ("a % b", {"a // b"}),
            ("a @ b", {"a * b"}),
            ("a ** b", {"a * b"}),
            ("a << b", {"a >> b"}),
            ("a >> b", set()),
            ("a and b", {"a or b"}),
            ("a or b", {"a and b"}),
            ("not a", {"a"}),
            ("-a", {"a"}),
            ("~a", {"a"}),
            ("f(0)", {"f(1)"}),
            ("f(1)", {"f(0)", "f(2)"}),
            ("f(7)", {"f(6)", "f(8)"}),
            ("f(0.0)", {"f(1.0)"}),
            ("f(0.5)", {"f(-0.5)", "f(1.5)"}),
            ("f(True)", {"f(False)"}),
            ("f(-1)", {"f(1)", "f(-2)"}),
            ("f('text')", set()),
            ("f(None)", set()),
            ("f(a, b)", {"f(b, a)"}),
            ("f(a, a)", set()),
            ("f(a, *b)", set()),
            ("f(a, b, c)", set()),
            ("f(a, strict=True)", set()),
            ("f(a, other=True)", {"f(a, other=False)"}),
            ("f(-3)", {"f(3)", "f(-2)", "f(-4)"}),
            ("np.maximum(a, b)", set()),
            ("a[b:]", {"a[b + 1:]", "a[b:-1]"}),
            ("a[:b]", {"a[1:b]", "a[:b - 1]", "a[:b + 1]"}),
            ("a[2:]", {"a[1:]", "a[3:]", "a[2:-1]"}),
            ("a[::2]", {"a[1::2]", "a[::1]", "a[::3]"}),
            ("a[:, None]", {"a[1:, None]", "a[:-1, None]"}),
            ("[x for x in a if x]", {"[x for x in a if not x]"}),
            ("a if b else c", {"a if not b else c"}),
            ("a if not b else c", {"a if b else c"}),
            ("lambda x=1: x", {"lambda x=0: x", "lambda x=2: x"}),
        ],
    )
    def test_an_expression(self, source: str, expected: set[str]):
        dropped = {f"x = {each}" for each in expected} | {"pass"}
        assert {each.replace("(0)", "0") for each in mutated(f"x = {source}")} == {
            each.replace("(0)", "0") for each in dropped
        }

    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ("x += 1", {"x -= 1", "x += 0", "x += 2", "pass"}),
            ("return x", {"pass"}),
            ("x: int = y", {"pass"}),
            ("del x", {"pass"}),
            ("raise ValueError(1 + 1)", {"pass"}),
            ("assert x, 1 + 1", {"pass"}),
            ("pass", set()),
            ("import x", set()),
            ("'text'", set()),
        ],
    )
    def test_a_statement(self, source: str, expected: set[str]):
        assert mutated(source) == expected

    def test_a_condition(self):
        found = mutated("if a:\n    b()")
        assert found == {"pass", "if not a:\n    b()", "if a:\n    pass"}

    def test_a_loop(self):
        found = mutated("while a < b:\n    break")
        assert "while a < b:\n    pass" in found
        assert "while a >= b:\n    break" in found
        assert "pass" in found

    def test_a_function_inside_keeps_its_docstring_and_types(self):
        found = mutated('def g(x: "1 + 1") -> 3:\n    """1 + 1"""\n    return x')
        assert len(found) == 1


class TestMutants:
    def test_only_code_between_markers(self, tiny: Tiny):
        tiny.change("small.py", "import numpy as np", "import numpy as np\n\nLIMIT = 10 + 5")
        found = generate(load(NAME, tiny.root))
        assert {mutant.part for mutant in found} == {"scale", "spread", "Tally"}
        assert not any("LIMIT" in mutant.id for mutant in found)

    def test_they_differ_from_the_reference_and_from_each_other(self, tiny: Tiny):
        found = generate(load(NAME, tiny.root))
        texts = {mutant.text for mutant in found}
        assert len(texts) == len(found)
        assert len({mutant.id for mutant in found}) == len(found)
        for mutant in found:
            compile(mutant.text, mutant.file, "exec")

    def test_ids_stay_when_other_code_changes(self, tiny: Tiny):
        before = [mutant.id for mutant in generate(load(NAME, tiny.root))]
        tiny.change(
            "small.py",
            "    ### BEGIN SOLUTION\n    return x * factor",
            "    ### BEGIN SOLUTION\n    x = np.abs(x)\n    return x * factor",
        )
        after = [mutant.id for mutant in generate(load(NAME, tiny.root))]
        assert [name for name in after if name in before] == before
        assert set(after) - set(before) == {"scale: no `x = np.abs(x)`"}

    def test_the_same_change_twice_is_counted(self, tiny: Tiny):
        line = "    return x * factor  # subtle: a new array\n"
        tiny.change("small.py", line, "    x = x + x\n    x = x + x\n" + line)
        names = [mutant.id for mutant in generate(load(NAME, tiny.root))]
        assert "scale: x = x - x" in names
        assert "scale: x = x - x #2" in names

    def test_a_helper_belongs_to_all_that_lead_to_it(self, tiny: Tiny):
        helper = "### BEGIN SOLUTION\ndef _twice(x):\n    return x * 2\n\n\n### END SOLUTION\n"
        helper += "\n\ndef scale"
        tiny.change("small.py", "def scale", helper)
        tiny.change("small.py", "    return x * factor", "    return _twice(x) * factor / 2.0")
        found = next(m for m in generate(load(NAME, tiny.root)) if "x / 2" in m.id)
        assert found.part == "scale"
        assert found.parts == ("scale", "spread")

    def test_entries_can_be_pasted(self, tiny: Tiny):
        found = generate(load(NAME, tiny.root))
        text = "\n".join(mutant.entry() for mutant in found)
        assert [e["mutant"] for e in tomllib.loads(text)["equivalent"]] == [m.id for m in found]
        assert max(map(len, text.split("\n"))) <= 80

    @pytest.mark.parametrize(
        "text",
        ["plain", "a" * 200, 'f("a b", "c\\n")   + 1 ' * 9, "é — “quoted” " * 12, "x \t y " * 30],
    )
    def test_any_string_comes_back(self, text: str):
        assert tomllib.loads(f"mutant = {toml_string(text)}")["mutant"] == text

    def test_equivalents(self, tiny: Tiny):
        assignment = load(NAME, tiny.root)
        assert load_equivalents(assignment) == {EQUIVALENT: "Adding nothing changes nothing."}
        path = tiny.staff / "mutants.toml"
        entry = path.read_text()
        path.write_text(entry + entry)
        with pytest.raises(CourseError, match="twice"):
            load_equivalents(assignment)
        path.write_text('[[equivalent]]\nreason = "?"\n')
        with pytest.raises(CourseError, match="no `mutant"):
            load_equivalents(assignment)
        path.write_text("[[")
        with pytest.raises(CourseError, match="not valid TOML"):
            load_equivalents(assignment)
        path.unlink()
        assert load_equivalents(assignment) == {}


class TestSabotage:
    def test_functions_that_students_write(self, tiny: Tiny):
        assignment = load(NAME, tiny.root)
        names = [targets(part, assignment) for part in assignment.parts]
        assert names == [["scale"], ["spread"], ["Tally.add"]]

    def test_init_where_there_is_nothing_else(self, tiny: Tiny):
        text = (tiny.staff / "small.py").read_text("utf-8")
        (tiny.staff / "small.py").write_text(text[: text.index("    def add")].rstrip() + "\n")
        assignment = load(NAME, tiny.root)
        assert targets(assignment.part("Tally"), assignment) == ["Tally.__init__"]

    @pytest.mark.parametrize("kind", KINDS)
    def test_every_kind_can_be_imported(self, tiny: Tiny, kind: str):
        assignment = load(NAME, tiny.root)
        space = spoilt(tiny, kind)
        x = np.ones(3)
        assert not np.array_equal(space["scale"](x, 2.0), 2 * x)
        tally = space["Tally"]()
        assert [tally.add(2), tally.add(3)] != [2, 5]
        assert sabotage(assignment, [], kind) == reference_texts(assignment)

    def test_what_they_return(self, tiny: Tiny):
        x = np.ones(3)
        assert spoilt(tiny, "None")["scale"](x, 2.0) is None
        assert spoilt(tiny, "the first argument")["scale"](x, 2.0) is x
        assert spoilt(tiny, "the first argument")["Tally"]().add(7) == 7
        zeros = spoilt(tiny, "zeros of the right shape")
        assert zeros["scale"](x, 2.0).tolist() == [0.0, 0.0, 0.0]
        assert zeros["spread"](x) == 0.0
        assert np.isnan(spoilt(tiny, "NaN of the right shape")["scale"](x, 2.0)).all()

    def test_the_others_stay(self, tiny: Tiny):
        assignment = load(NAME, tiny.root)
        text = sabotage(assignment, [assignment.part("scale")], "None")["small.py"]
        space: dict[str, object] = {}
        exec(text, space)
        assert space["Tally"]().add(2) == 2  # type: ignore[operator]


def spoilt(tiny: Tiny, kind: str) -> dict[str, object]:
    assignment = load(NAME, tiny.root)
    space: dict[str, object] = {}
    exec(sabotage(assignment, assignment.parts, kind)["small.py"], space)
    return space


class Box:
    def __init__(self) -> None:
        self.data = 3.0
        self.name = "box"
        self.inner = [1]


class TestImpostor:
    @pytest.mark.parametrize(
        ("honest", "expected"),
        [
            (3, 0),
            (2.5, 0.0),
            (True, False),
            ("text", ""),
            (b"text", b""),
            (None, None),
            ([1, (2.0, "x")], [0, (0.0, "")]),
            ({"a": 1}, {"a": 0}),
            (np.float32(2), np.float32(0)),
        ],
    )
    def test_zeros(self, honest: object, expected: object):
        found = Impostor(0.0, (__name__,)).replaced(honest)
        assert found == expected
        assert type(found) is type(expected)

    def test_arrays_and_tensors_keep_shape_and_dtype(self):
        nan = Impostor(float("nan"), ())
        array = nan.replaced(np.ones((2, 3), dtype=np.float32))
        assert (array.shape, array.dtype) == ((2, 3), np.float32)
        assert np.isnan(array).all()
        assert nan.replaced(np.arange(3)).tolist() == [0, 0, 0]
        assert nan.replaced(torch.ones(2)).isnan().all()
        assert nan.replaced(torch.arange(2)).tolist() == [0, 0]

    def test_a_gradient_can_still_be_asked_for(self):
        x = torch.ones(2, requires_grad=True)
        Impostor(0.0, (__name__,)).replaced(x * 2).sum().backward()
        assert x.grad is not None
        assert x.grad.tolist() == [0.0, 0.0]

    def test_objects_are_copied(self):
        box = Box()
        assert Impostor(0.0, ("elsewhere",)).replaced(box) is None
        found = Impostor(0.0, (__name__,)).replaced(box)
        assert (found.data, found.name, found.inner) == (0.0, "", [])
        assert (box.data, box.name, box.inner) == (3.0, "box", [1])
        layer = torch.nn.Linear(2, 2)
        assert not any(p.any() for p in Impostor(0.0, (__name__,)).replaced(layer).parameters())
        assert all(p.any() for p in layer.parameters())

    def test_functions_and_generators(self):
        impostor = Impostor(0.0, (__name__,))
        assert impostor.replaced(lambda: 5)() == 0
        assert list(impostor.replaced(n for n in (1, 2))) == [0, 0]

    def test_the_honest_code_hears_honest_answers(self):
        impostor = Impostor(0.0, (__name__,))
        heard = []

        def factorial(n: int) -> int:
            if n == 0:
                return 1
            heard.append(disguised(n - 1))
            return n * heard[-1]

        disguised = impostor.disguise(factorial)
        assert disguised(3) == 0
        assert heard == [1, 1, 2]
        assert impostor.altered == 1


def forever() -> None:
    while True:
        pass


def stubborn() -> None:
    with contextlib.suppress(Overlong):
        forever()
    forever()


class TestLimits:
    def test_what_does_not_end_is_stopped(self):
        start = time.process_time()
        with pytest.raises(Overlong), limited(0.2, 500):
            forever()
        assert time.process_time() - start < 5

    def test_it_rings_again_when_that_is_swallowed(self):
        with pytest.raises(Overlong), limited(0.1, 500):
            stubborn()

    def test_handlers_are_as_they_were(self):
        before = [signal.getsignal(number) for number in (signal.SIGALRM, signal.SIGPROF)]
        with limited(1.0, 500):
            assert signal.getsignal(signal.SIGPROF) is not before[1]
        assert [signal.getsignal(n) for n in (signal.SIGALRM, signal.SIGPROF)] == before
        assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)

    @pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux limits it")
    def test_memory(self):
        import resource

        before = resource.getrlimit(resource.RLIMIT_AS)
        with pytest.raises(MemoryError), limited(5.0, 200):
            bytearray(300 << 20)
        assert resource.getrlimit(resource.RLIMIT_AS) == before
        assert len(bytearray(300 << 20)) == 300 << 20

    def test_it_is_quiet(self, capfd: pytest.CaptureFixture[str]):
        with limited(1.0, 500):
            print("noise")
            np.zeros(1) / 0
        assert capfd.readouterr() == ("", "")


class TestReach:
    def test_users(self, tiny: Tiny):
        assignment = load(NAME, tiny.root)
        assert users(assignment.part("scale"), assignment) == {"scale", "spread"}
        assert users(assignment.part("Tally"), assignment) == {"Tally"}

    def test_leads(self, tiny: Tiny):
        assignment = load(NAME, tiny.root)
        found = leads(assignment, reference_texts(assignment))
        assert found["spread"] == {"spread", "scale"}
        assert found["scale"] == {"scale"}

    @pytest.mark.parametrize(
        ("old", "new", "parts"),
        [
            ("x * factor", "x / factor", ["scale", "spread"]),
            ("if n > 0:", "if n:", ["Tally"]),
            ("import numpy as np", "import numpy as np, os", ["scale", "spread", "Tally"]),
            ("# subtle: the largest first", "", []),
        ],
    )
    def test_touched(self, tiny: Tiny, old: str, new: str, parts: list[str]):
        assignment = load(NAME, tiny.root)
        before = reference_texts(assignment)
        after = {file: text.replace(old, new) for file, text in before.items()}
        assert before != after
        assert [part.name for part in touched(before, after, assignment)] == parts


class TestDigest:
    def one(self, *args: object, value: object = None) -> bytes:
        return digest(Transcript([Call("call", "f", args, {}, value)]))

    def test_values_count(self):
        assert self.one(np.ones(3)) == self.one(np.ones(3))
        assert self.one(np.ones(3)) != self.one(np.ones(4))
        assert self.one(1, value=2) != self.one(1, value=3)

    def test_functions_and_objects_count_by_their_kind(self):
        assert self.one(lambda x: x) == self.one(lambda x: x + 1)
        assert self.one(Box()) == self.one(Box())
