"""Which file is which, what is ignored, and what cannot be read."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from autograder.course import Assignment, CourseError
from autograder.intake import Submission, read_submission
from tests.intake_samples import ADVICE, GOOD, make_assignment, write

BOTH = "vectors.py, network.py"


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    return make_assignment(tmp_path)


@pytest.fixture
def read(tmp_path: Path, assignment: Assignment):
    def read(files: Mapping[str, str | bytes]) -> Submission:
        return read_submission(write(tmp_path / "ann", files), assignment)

    return read


def test_good_work_is_read_as_it_is(read) -> None:
    assert read(GOOD) == Submission(student="ann", files=GOOD)


def test_the_digest_is_of_names_and_contents(read) -> None:
    same = Submission("bob", dict(reversed(GOOD.items())), notes=("x",))
    assert read(GOOD).digest == same.digest
    assert len(same.digest) == 64
    others = [
        Submission("ann", GOOD | {"vectors.py": "x"}),
        Submission("ann", {}, refused="It is empty."),
        Submission("ann", {}, refused="It is too large."),
        Submission("ann", {}, syntax_errors={"vectors.py": "NUL"}),
        Submission("ann", {}),
    ]
    assert len({each.digest for each in [same, *others]}) == 6


def test_caches_and_data_are_one_note(read) -> None:
    extra = {
        "__MACOSX/._vectors.py": "x",
        ".DS_Store": "x",
        ".git/config": "x",
        "__pycache__/vectors.pyc": "x",
        ".ipynb_checkpoints/vectors.py": "x",
        "words.csv": "x",
        "play.py": "x",
    }
    submission = read(GOOD | extra)
    assert submission.files == GOOD
    assert submission.flags == ()
    assert submission.notes == (
        "Ignored, since they play no part: .DS_Store, .git, .ipynb_checkpoints, __MACOSX, "
        "__pycache__, play.py and 1 more.",
    )


@pytest.mark.parametrize(
    "name",
    [
        "conftest.py",
        "pytest.ini",
        "pyproject.toml",
        "sitecustomize.py",
        "usercustomize.py",
        "x.pth",
        "test_public.py",
        "setup.cfg",
        "tox.ini",
        "sub/conftest.py",
        "CONFTEST.PY",
    ],
)
def test_what_could_steer_the_grader_is_ignored_and_listed(name: str, read) -> None:
    submission = read(GOOD | {name: "x"})
    assert submission.files == GOOD
    assert submission.notes == (f"Ignored, since they could steer the grader: {name}.",)


@pytest.mark.parametrize(
    "name",
    [
        "numpy.py",
        "torch/__init__.py",
        "random.py",
        "pytest.py",
        "autograder/results.py",
        "course.py",
        "vectors/__init__.py",
        "NumPy.py",
    ],
)
def test_a_module_that_hides_another_is_flagged_and_not_used(name: str, read) -> None:
    submission = read(GOOD | {name: "x = 1\n"})
    assert submission.files == GOOD
    assert submission.flags == (
        f"Not used, since it would hide a module of Python, a library or the course: {name}.",
    )


def test_helper_modules_go_along(read) -> None:
    extra = {"helpers.py": "x = 1\n", "pkg/__init__.py": "", "pkg/random.py": "y = 2\n"}
    submission = read(GOOD | extra)
    assert submission == Submission("ann", GOOD | extra)


def test_what_cannot_be_imported_is_noted(read) -> None:
    submission = read(GOOD | {"my-tries 2.py": "x = 1\n", "__init__.py": ""})
    assert submission.files == GOOD
    assert submission.notes == (
        "Python files that no course file can import: __init__.py, my-tries 2.py.",
    )


def test_files_three_folders_down_are_found(read) -> None:
    deep = {f"a/b/c/{name}": text for name, text in GOOD.items()}
    submission = read(deep | {"a/b/c/helpers.py": "x = 1\n", "a/other.py": "y = 1\n"})
    assert submission.files == GOOD | {"helpers.py": "x = 1\n"}
    assert submission.notes == (
        f"Read from the folder a/b/c: {BOTH}.",
        "Python files that no course file can import: a/other.py.",
    )


def test_of_two_levels_the_nearest_is_read(read) -> None:
    submission = read(GOOD | {"old/vectors.py": "x = 1\n"})
    assert submission.files["vectors.py"] == GOOD["vectors.py"]
    assert submission.notes == (
        "Of several vectors.py, vectors.py was read, and not old/vectors.py.",
    )


def test_of_several_assignments_this_one_is_read(read) -> None:
    mine = {f"all/01_tiny/{name}": text for name, text in GOOD.items()}
    submission = read(mine | {"02_x/vectors.py": "x = 1\n", "vectors.py": "y = 1\n"})
    assert submission.files == GOOD


def test_two_equally_near_are_refused(read) -> None:
    submission = read({"a/vectors.py": "x = 1\n", "b/vectors.py": "x = 2\n"})
    assert submission.refused == (
        "Several files could be vectors.py, and none is nearer than another: "
        f"a/vectors.py, b/vectors.py. {ADVICE}"
    )
    assert submission.files == {}


def test_two_equally_near_and_equal_are_one(read) -> None:
    same = {f"{folder}/{name}": text for name, text in GOOD.items() for folder in "ab"}
    assert read(same).files == GOOD


def test_a_file_of_another_name_stands_in(read) -> None:
    files = {"my_vectors.py": GOOD["vectors.py"], "network.py": GOOD["network.py"], "z.py": "z=1\n"}
    submission = read(files)
    assert submission.files == GOOD | {"my_vectors.py": GOOD["vectors.py"], "z.py": "z=1\n"}
    assert submission.notes == ("my_vectors.py stands in for vectors.py, which is missing.",)
    assert submission.missing == {}


def test_one_file_stands_in_for_several(tmp_path: Path, assignment: Assignment) -> None:
    text = GOOD["vectors.py"] + "\n\ndef forward(x):\n    return dot(x, x)\n"
    path = tmp_path / "ann.py"
    path.write_text(text)
    submission = read_submission(path, assignment)
    assert submission.student == "ann"
    assert submission.files == {"vectors.py": text, "network.py": text, "ann.py": text}
    assert submission.notes == (
        "ann.py stands in for vectors.py, which is missing.",
        "ann.py stands in for network.py, which is missing.",
    )


def test_two_equal_stand_ins_are_refused(read) -> None:
    one, two = "def forward(x): return 1\n", "def forward(x): return 2\n"
    submission = read({"vectors.py": GOOD["vectors.py"], "a.py": one, "b.py": two})
    assert submission.refused.startswith(
        "Several files could be network.py, and none is nearer than another: a.py, b.py."
    )


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("ann.docx", "a Word document"),
        ("ann.pdf", "a PDF"),
        ("ann.rar", "a RAR archive"),
        ("ann.7z", "a 7-Zip archive"),
        ("ann.xyz", "a .xyz file"),
        ("test_ann.py", "a file that steers tests"),
        ("ann", "of no known kind"),
    ],
)
def test_another_kind_of_file_is_refused(
    name: str, what: str, tmp_path: Path, assignment: Assignment
) -> None:
    path = tmp_path / name
    path.write_bytes(b"x")
    submission = read_submission(path, assignment)
    assert submission.student == name.partition(".")[0]
    assert submission.refused == f"{name} is {what}. {ADVICE}"
    folder = write(tmp_path / "bob", {name: "x"})
    expected = f"It holds only {name}, which is {what}. {ADVICE}"
    assert read_submission(folder, assignment).refused == expected


def test_no_python_at_all_is_refused(read) -> None:
    submission = read({"a.txt": "x", "b.csv": "y", "conftest.py": "z"})
    assert submission.refused == (
        f"It holds no Python file and no notebook, only a.txt, b.csv, conftest.py. {ADVICE}"
    )


def test_a_path_that_is_not_there_is_the_callers_mistake(assignment: Assignment) -> None:
    with pytest.raises(CourseError, match="There is nothing at nowhere"):
        read_submission(Path("nowhere"), assignment)


@pytest.mark.parametrize(
    ("data", "notes"),
    [
        (b"\xef\xbb\xbf" + GOOD["vectors.py"].encode(), ()),
        (GOOD["vectors.py"].replace("\n", "\r\n").encode(), ()),
        (GOOD["vectors.py"].replace("\n", "\r").encode(), ()),
        (
            GOOD["vectors.py"].encode("utf-16"),
            ("vectors.py was read as UTF-16; save it as UTF-8.",),
        ),
        (
            GOOD["vectors.py"].encode("utf-32"),
            ("vectors.py was read as UTF-32; save it as UTF-8.",),
        ),
    ],
)
def test_encodings_are_repaired(data: bytes, notes: tuple[str, ...], read) -> None:
    submission = read(GOOD | {"vectors.py": data})
    assert submission == Submission("ann", GOOD, notes=notes)


def test_a_declared_encoding_is_read_and_declared_anew(read) -> None:
    text = "# -*- coding: latin-1 -*-\nname = 'é'\n" + GOOD["vectors.py"]
    submission = read(GOOD | {"vectors.py": text.encode("latin-1")})
    assert submission.files["vectors.py"] == text.replace("latin-1", "utf-8")
    assert submission.notes == ("vectors.py was read as iso8859-1; save it as UTF-8.",)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"x = 1\ny = '\xe9'\n", "line 2: the byte 0xe9 is not UTF-8: save the file as UTF-8"),
        (b"x = 1\n\n\0", "line 3: the file holds a NUL byte, so it is no text"),
        (
            b"# coding: punycode\nx = 1\n",
            "the file declares the encoding 'punycode': save it as UTF-8 instead",
        ),
        (
            b"# coding: rot13\nx = 1\n",
            "the file declares the encoding 'rot-13': save it as UTF-8 instead",
        ),
        (
            b"# coding: nonsense\nx = 1\n",
            "the file declares the encoding 'nonsense', which Python does not know or the file is "
            "not in: save it as UTF-8",
        ),
        (b"x" * (2**20 + 1), "it is larger than 1 MB"),
    ],
)
def test_what_is_no_text_is_not_gradable(data: bytes, reason: str, read) -> None:
    submission = read(GOOD | {"vectors.py": data})
    assert submission.files == {"network.py": GOOD["network.py"]}
    assert submission.syntax_errors == {"vectors.py": reason}
    assert submission.refused == ""
    assert submission.missing == {}


def test_a_source_of_50_mb_is_refused(tmp_path: Path, assignment: Assignment) -> None:
    path = tmp_path / "ann.py"
    path.write_bytes(b"x = 1\n" * (50 * 2**20 // 6))
    submission = read_submission(path, assignment)
    assert submission.refused == (
        "No file can be read: vectors.py: it is larger than 1 MB; "
        f"network.py: it is larger than 1 MB. {ADVICE}"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = 1\ndef dot(a, b:\n    pass\n", "line 2: '(' was never closed"),
        (
            "x = 1\n<<<<<<< HEAD\ny = 1\n=======\ny = 2\n>>>>>>> other\n",
            "line 2: a merge conflict was left in the file: decide on one side of <<<<<<<",
        ),
    ],
)
def test_a_syntax_error_names_the_line(text: str, reason: str, read) -> None:
    submission = read(GOOD | {"vectors.py": text})
    assert submission.files == GOOD | {"vectors.py": text}
    assert submission.syntax_errors == {"vectors.py": reason}
    assert submission.missing == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = 1\ny = " + "(" * 10**5, "line 2: more than 200 brackets are open"),
        ("x = " + "-" * 50_000 + "1", "the code is nested too deeply for Python to read"),
        ("x = 1" + "+1" * 40_000, "the code is nested too deeply for Python to read"),
        ("x = 1" + "+1" * 301, "line 1: the code is nested more than 300 levels deep"),
        ("\nimport a" + ".a" * 100_000, "line 2: a name has more than 100 dots"),
        (
            "x = f'" + "{a}" * 66_000 + "'",
            "the file has more than 100,000 words and symbols",
        ),
    ],
)
def test_what_would_stop_a_parser_is_left_out(text: str, reason: str, read) -> None:
    submission = read(GOOD | {"vectors.py": text})
    assert submission.files == {"network.py": GOOD["network.py"]}
    assert submission.syntax_errors == {"vectors.py": reason}


def test_brackets_in_text_and_comments_are_not_counted(read) -> None:
    text = GOOD["vectors.py"] + "s = '((((((((((' + \"'(((\" + '''((\n'((((''' # (((((\n" * 60
    submission = read(GOOD | {"vectors.py": text})
    assert submission.syntax_errors == {}


def test_links_in_a_folder_are_never_followed(tmp_path: Path, assignment: Assignment) -> None:
    secret = tmp_path / "secret.py"
    secret.write_text("def forward(x): return 'stolen'\n")
    folder = write(tmp_path / "ann", {"vectors.py": GOOD["vectors.py"]})
    (folder / "again.py").symlink_to("vectors.py")
    assert (
        read_submission(folder, assignment).notes[0] == "Ignored, since they are links: again.py."
    )
    (folder / "network.py").symlink_to(secret)
    submission = read_submission(folder, assignment)
    expected = f"network.py is a link to {secret}, which is outside of it. {ADVICE}"
    assert submission.refused == expected
    (folder / "network.py").unlink()
    (folder / "up").symlink_to("..")
    assert "up is a link to .., which is outside" in read_submission(folder, assignment).refused


def test_pipes_and_sockets_are_refused(tmp_path: Path, assignment: Assignment) -> None:
    folder = write(tmp_path / "ann", GOOD)
    os.mkfifo(folder / "helpers.py")
    expected = f"helpers.py is a device or a pipe, not a file. {ADVICE}"
    assert read_submission(folder, assignment).refused == expected
    (folder / "helpers.py").unlink()
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(folder / "s"))
        assert "s is a device or a pipe" in read_submission(folder, assignment).refused
    os.mkfifo(tmp_path / "bob.py")
    assert "bob.py is a device" in read_submission(tmp_path / "bob.py", assignment).refused


def test_a_folder_of_too_many_files_is_refused(read) -> None:
    submission = read(GOOD | {f"{n}.txt": "" for n in range(999)})
    assert submission.refused == f"It holds more than 1,000 files and folders. {ADVICE}"


def test_hostile_names_are_shown_on_one_line(read) -> None:
    submission = read(GOOD | {"a\nb\x1b[31m.csv": "x"})
    assert submission.notes == ("Ignored, since they play no part: a\\nb\\x1b[31m.csv.",)


def test_too_much_python_is_refused(read) -> None:
    submission = read(GOOD | {f"h{n}.py": f"x = '{'a' * 10**6}'\n" for n in range(3)})
    assert submission.refused == f"It holds more than 2 MB of Python source. {ADVICE}"
