"""The students' tree: all they need, and not a line of what they may not see."""

from __future__ import annotations

import gzip
import io
import json
import py_compile
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from autograder import course
from autograder.author.leaks import find_leaks
from autograder.author.release import MARKER, release, students_files
from autograder.author.secrets import secrets
from autograder.author.source import BEGIN, END
from autograder.author.sync import sync

HERE = Path(__file__).parent
REAL = HERE.parent
SECRETS = {
    "code": "return _total_of_everything(products)",
    "code of a helper": "def _total_of_everything(numbers):",
    "code of a vanished method": "def _secret_last_method(self) -> None:",
    "comment": "subtle: elementwise, then summed",
    "title": "Two calls add two to the gradient.",
    "id": "dot.sum_of_first",
    "says": "A second call forgets the gradient of the first.",
    "try": "Call backward twice and print grad.",
}


@pytest.fixture
def root(tmp_path):
    return Path(shutil.copytree(HERE / "tiny_course", tmp_path / "course"))


@pytest.fixture
def target(tmp_path):
    return tmp_path / "students"


def tree(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def commit(root):
    for words in (["init", "-q"], ["add", "-A", "-f"]):
        subprocess.run(["git", "-C", str(root), *words], check=True)


class TestWhatStudentsGet:
    EXPECTED = (
        "AGENTS.md",
        "assignments/01_tiny/README.md",
        "assignments/01_tiny/assignment.toml",
        "assignments/01_tiny/graph.py",
        "assignments/01_tiny/notebook.ipynb",
        "assignments/01_tiny/play.py",
        "assignments/01_tiny/test_public.py",
        "assignments/01_tiny/vectors.py",
        "autograder/engine.py",
        "conftest.py",
        "course.py",
        "lectures/01_tiny.md",
    )

    def test_everything_but_the_staffs_side(self, root, target):
        (root / "CONTRIBUTING.md").write_text("for authors")
        files = release(root, target)
        assert tuple(map(str, files)) == self.EXPECTED
        assert tree(target) == sorted([*self.EXPECTED, MARKER])
        for name in self.EXPECTED:
            assert (target / name).read_bytes() == (root / name).read_bytes()

    def test_in_a_checkout_only_what_git_tracks(self, root, target):
        commit(root)
        (root / "notes.txt").write_text("not tracked")
        (root / "conftest.py").unlink()
        kept = [name for name in self.EXPECTED if name != "conftest.py"]
        assert [str(p) for p in release(root, target)] == kept

    def test_caches_and_earlier_releases_stay_behind(self, root):
        for name in ("autograder/__pycache__/x.pyc", ".venv/lib/y.py", "a.egg-info/z", "build/w"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text("rubbish")
        release(root, root / "for_students")
        assert tuple(map(str, students_files(root))) == self.EXPECTED

    def test_the_released_course_can_be_loaded_and_has_no_solutions(self, root, target):
        release(root, target)
        [assignment] = course.load_all(target)
        assert not assignment.has_solutions
        with pytest.raises(course.CourseError, match="for authors"):
            sync(assignment, target)

    def test_a_link_to_a_solution_is_refused(self, root, target):
        (root / "look.py").symlink_to("solutions/01_tiny/vectors.py")
        with pytest.raises(course.CourseError, match=r"look\.py is a link to .*vectors\.py"):
            release(root, target)

    def test_a_link_to_what_they_get_is_a_file(self, root, target):
        (root / "CLAUDE.md").symlink_to("AGENTS.md")
        release(root, target)
        assert (target / "CLAUDE.md").read_text() == (root / "AGENTS.md").read_text()
        assert not (target / "CLAUDE.md").is_symlink()

    def test_a_stub_that_somebody_solved_is_refused(self, root, target):
        path = root / "assignments/01_tiny/vectors.py"
        path.write_text(
            path.read_text().replace('raise NotImplementedError("01_tiny: dot")', "pass")
        )
        with pytest.raises(course.CourseError, match=r"vectors\.py is not what its source gives"):
            release(root, target)
        assert not target.exists()


class TestTarget:
    def test_a_folder_with_something_else_in_it_is_refused(self, root, target):
        target.mkdir()
        (target / "thesis.txt").write_text("years of work")
        with pytest.raises(course.CourseError, match="is not empty"):
            release(root, target)
        assert tree(target) == ["thesis.txt"]

    def test_a_file_is_refused(self, root, target):
        target.write_text("a file")
        with pytest.raises(course.CourseError, match="is not empty"):
            release(root, target)

    def test_the_course_itself_is_refused(self, root):
        with pytest.raises(course.CourseError, match="is not empty"):
            release(root, root)

    def test_an_earlier_release_is_brought_up_to_date(self, root, target):
        release(root, target)
        (target / ".git").mkdir()
        (target / ".git/HEAD").write_text("theirs")
        (root / "AGENTS.md").write_text("Changed.")
        (root / "conftest.py").unlink()
        release(root, target)
        assert (target / "AGENTS.md").read_text() == "Changed."
        assert not (target / "conftest.py").exists()
        assert (target / ".git/HEAD").read_text() == "theirs"

    def test_a_marker_cannot_name_files_outside(self, root, target, tmp_path):
        target.mkdir()
        outside = tmp_path / "precious.txt"
        outside.write_text("keep")
        (target / MARKER).write_text(f"../precious.txt\n{outside}\n")
        release(root, target)
        assert outside.read_text() == "keep"

    def test_after_a_leak_the_target_is_as_it_was(self, root, target):
        release(root, target)
        before = {name: (target / name).read_bytes() for name in tree(target)}
        (root / "AGENTS.md").write_text(SECRETS["code"])
        with pytest.raises(course.CourseError, match="Nothing was released: 1 leak"):
            release(root, target)
        assert {name: (target / name).read_bytes() for name in tree(target)} == before


def notebook(text):
    source = [f"{line}\n" for line in ["# a cell", *text.split("\n")]]
    return json.dumps({"cells": [{"cell_type": "code", "source": source}]}).encode()


def zipped(text, name="inner.txt"):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return data.getvalue()


def tarred(text, mode="w"):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode) as archive:
        content = text if isinstance(text, bytes) else text.encode()
        entry = tarfile.TarInfo("inner.zip" if isinstance(text, bytes) else "inner.txt")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return data.getvalue()


HIDING = {
    "notes.md": str.encode,
    "indented.md": lambda text: f"   >  {text.replace(' ', '   ')} (said somebody)".encode(),
    "wrapped.md": lambda text: text.replace(" ", "\n").encode(),
    "cell.ipynb": notebook,
    "data.json": lambda text: json.dumps({"a": [{"b": f'"quoted" {text}'}]}).encode(),
    "a.zip": zipped,
    "a.whl": zipped,
    "a.npz": lambda text: zipped(notebook(text), "deep.ipynb"),
    "a.tar": tarred,
    "a.tar.gz": lambda text: tarred(text, "w:gz"),
    "a.tgz": lambda text: tarred(text, "w:gz"),
    "a.tar.xz": lambda text: tarred(text, "w:xz"),
    "a.txt.gz": lambda text: gzip.compress(text.encode()),
    "nested.tar.bz2": lambda text: tarred(zipped(text), "w:bz2"),
}


class TestPlantedLeaks:
    @pytest.mark.parametrize("kind", SECRETS)
    @pytest.mark.parametrize("place", HIDING)
    def test_is_found(self, root, target, kind, place):
        (root / "lectures" / place).write_bytes(HIDING[place](SECRETS[kind]))
        with pytest.raises(course.CourseError, match="Nothing was released") as caught:
            release(root, target)
        assert f"lectures/{place}" in str(caught.value)
        assert SECRETS[kind] in str(caught.value)
        assert not target.exists()

    @pytest.mark.parametrize("file", ["vectors.py", "test_hidden.py", "mistakes.toml"])
    def test_a_whole_file_is_found_under_any_name(self, root, target, file):
        shutil.copy(root / "solutions/01_tiny" / file, root / "lectures/harmless.bin")
        with pytest.raises(course.CourseError, match=rf"harmless.bin is solutions/01_tiny/{file}"):
            release(root, target)

    def test_compiled_python_is_found(self, root, target):
        py_compile.compile(str(root / "solutions/01_tiny/vectors.py"), str(root / "lectures/v.pyc"))
        commit(root)
        with pytest.raises(course.CourseError, match=r"v\.pyc is compiled Python"):
            release(root, target)
        (root / "lectures/v.pyc").unlink()
        (root / "lectures/a.zip").write_bytes(zipped("anything", "v.pyc"))
        commit(root)
        with pytest.raises(course.CourseError, match=r"a\.zip!v\.pyc is compiled Python"):
            release(root, target)

    def test_letters_glued_to_its_ends_do_not_hide_it(self, root, target):
        (root / "AGENTS.md").write_text(f"x{SECRETS['says'].rstrip('.')}.x")
        with pytest.raises(course.CourseError, match="holds says in solutions"):
            release(root, target)

    def test_an_id_is_found_only_on_its_own(self, root, target):
        (root / "AGENTS.md").write_text(
            "other.dot.sum_of_first dot.sum_of_first_two dot.sum_of_first.x"
        )
        release(root, target)
        (root / "AGENTS.md").write_text("See dot.sum_of_first.")
        with pytest.raises(course.CourseError, match="holds id in solutions"):
            release(root, target)


class TestAllowance:
    """What lectures and play.py may show: lines, but no body in full."""

    BODY = (
        "products = map(operator.mul, a, b)",
        "return _total_of_everything(products)",
        "subtle: elementwise, then summed",
    )

    @pytest.mark.parametrize("file", ["lectures/01_tiny.md", "assignments/01_tiny/play.py"])
    def test_a_line_may_be_shown_and_then_stands_anywhere(self, root, target, file):
        path = root / file
        path.write_text(f"{path.read_text()}\n# {self.BODY[0]}\n")
        (root / "AGENTS.md").write_text(self.BODY[0])
        assert release(root, target)

    def test_the_whole_body_may_not(self, root, target):
        path = root / "lectures/01_tiny.md"
        path.write_text("\n".join([path.read_text(), *self.BODY]))
        with pytest.raises(course.CourseError, match="Nothing was released: 3 leaks"):
            release(root, target)

    def test_nor_half_in_the_lecture_and_half_in_a_hint(self, root, target):
        path = root / "lectures/01_tiny.md"
        path.write_text("\n".join([path.read_text(), *self.BODY[:2]]))
        path = root / "assignments/01_tiny/assignment.toml"
        path.write_text(path.read_text().replace("Which order?", self.BODY[2]))
        with pytest.raises(course.CourseError, match="Nothing was released: 3 leaks"):
            release(root, target)

    def test_a_line_that_only_an_other_file_shows_is_a_leak(self, root, target):
        (root / "autograder/engine.py").write_text(f"# {self.BODY[0]}\n")
        with pytest.raises(course.CourseError, match=r"engine\.py holds line \d+ of solutions"):
            release(root, target)

    @pytest.mark.parametrize("kind", ["id", "says", "try", "title"])
    def test_a_lecture_may_not_show_a_message_or_a_title(self, root, target, kind):
        path = root / "lectures/01_tiny.md"
        path.write_text(f"{path.read_text()}\n{SECRETS[kind]}\n")
        with pytest.raises(course.CourseError, match="Nothing was released"):
            release(root, target)

    def test_what_the_stub_says_is_public(self, root, target):
        hidden = root / "solutions/01_tiny/test_hidden.py"
        text = "Return the numbers of the letters."
        hidden.write_text(hidden.read_text().replace("The square of three is nine.", text))
        assert release(root, target)

    def test_a_hidden_line_that_the_stub_has_too_is_public(self, root, target):
        path = root / "solutions/01_tiny/vectors.py"
        again = "    # Return the dot product. It is a sum.\n    products = map"
        path.write_text(path.read_text().replace("    products = map", again))
        assert release(root, target)


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """The real course, as students get it."""
    folder = tmp_path_factory.mktemp("released") / "tree"
    release(REAL, folder)
    return folder


class TestRealCourse:
    def test_there_is_something_to_hide_and_nothing_of_it_is_there(self, released):
        assignments = [a for a in course.load_all(REAL) if a.has_solutions]
        assert all(len(secrets(each)) > 20 for each in assignments)
        assert find_leaks(assignments, released) == []
        assert {path.name for path in released.iterdir()}.isdisjoint({"solutions", "tests", ".ci"})

    def test_by_a_second_and_simpler_search(self, released):
        """Whole lines only, read without any of the code under test."""
        hidden, public = set(), set()
        for path in (REAL / "solutions").rglob("*.py"):
            inside = False
            if path.name == "test_hidden.py":
                continue
            for line in path.read_text().split("\n"):
                inside = (inside or BEGIN in line) and END not in line
                (hidden if inside else public).add(line.strip())
        for path in [*REAL.glob("lectures/*.md"), *REAL.glob("assignments/*/play.py")]:
            public |= {line.strip() for line in path.read_text().split("\n")}
        hidden = {line for line in hidden - public if len(line) > 24}
        seen = {
            line.strip()
            for path in released.rglob("*")
            if path.suffix in (".py", ".md", ".toml", ".txt", ".html")
            for line in path.read_text(errors="replace").split("\n")
        }
        assert len(hidden) > 20
        assert hidden & seen == set()

    @pytest.mark.parametrize("place", HIDING)
    def test_a_line_of_every_assignment_is_found_when_planted(self, released, tmp_path, place):
        for each in (a for a in course.load_all(REAL) if a.has_solutions):
            planted = [secret.text for secret in secrets(each)]
            (tmp_path / place).write_bytes(HIDING[place]("\n".join(planted)))
            told = "\n".join(find_leaks([each], tmp_path))
            assert all(text in told for text in planted)
