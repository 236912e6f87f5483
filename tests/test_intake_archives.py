"""Archives: read into memory under a budget, and refused with a sentence when they are hostile."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from autograder.course import Assignment
from autograder.intake import Submission, read_submission
from tests.intake_samples import ADVICE, GOOD, make_assignment, make_tar, make_zip, write


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    return make_assignment(tmp_path)


def refused(path: Path, assignment: Assignment) -> str:
    submission = read_submission(path, assignment)
    assert not submission.files
    assert submission.refused.endswith(ADVICE)
    return submission.refused.removesuffix(ADVICE).strip()


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("name", ["ann.zip", "ann.tar.gz", "ann.tgz", "ann.tar"])
def test_every_kind_of_archive_gives_the_same_as_a_folder(
    name: str, tmp_path: Path, assignment: Assignment
) -> None:
    path = tmp_path / name
    if name.endswith("zip"):
        make_zip(path, GOOD)
    else:
        make_tar(path, GOOD, mode="w" if name.endswith("tar") else "w:gz")
    folder = write(tmp_path / "ann", GOOD)
    expected = Submission(student="ann", files=GOOD)
    assert read_submission(path, assignment) == expected
    assert read_submission(folder, assignment) == expected
    assert read_submission(path, assignment).digest == expected.digest


@pytest.mark.parametrize("name", ["../x.py", "/etc/x.py", "C:\\x.py", "a/../../x.py", "..\\x.py"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_path_that_leads_out_is_refused(
    name: str, kind: str, tmp_path: Path, assignment: Assignment
) -> None:
    make = make_zip if kind == "zip" else make_tar
    path = make(tmp_path / f"ann.{kind}{'.gz' if kind == 'tar' else ''}", {**GOOD, name: "x"})
    reason = refused(path, assignment)
    assert reason.startswith("The archive holds a path that leads out of it: ")
    assert not (tmp_path.parent / "x.py").exists()


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret", "C:\\x"])
@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_tar_link_out_of_the_tree_is_refused(
    target: str, kind: bytes, tmp_path: Path, assignment: Assignment
) -> None:
    path = make_tar(tmp_path / "ann.tar.gz", GOOD, link("a/network.py", target, kind))
    reason = refused(path, assignment)
    assert reason == f"a/network.py is a link to {target}, which is outside of it."


def test_a_link_inside_is_ignored_with_a_note(tmp_path: Path, assignment: Assignment) -> None:
    path = make_tar(tmp_path / "ann.tar.gz", GOOD, link("a/b.py", "../vectors.py"))
    submission = read_submission(path, assignment)
    assert submission.files == GOOD
    assert submission.notes == ("Ignored, since they are links: a/b.py.",)


def test_a_zip_link_out_of_the_tree_is_refused(tmp_path: Path, assignment: Assignment) -> None:
    path = tmp_path / "ann.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("vectors.py")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    expected = "vectors.py is a link to /etc/passwd, which is outside of it."
    assert refused(path, assignment) == expected


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_a_device_is_refused(kind: bytes, tmp_path: Path, assignment: Assignment) -> None:
    path = make_tar(tmp_path / "ann.tar.gz", GOOD, link("zero.py", "", kind))
    assert refused(path, assignment) == "zero.py is a device or a pipe, not a file."


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_too_many_entries_are_refused(kind: str, tmp_path: Path, assignment: Assignment) -> None:
    make = make_zip if kind == "zip" else make_tar
    path = make(tmp_path / f"ann.{kind}", GOOD | {f"d{n}.txt": "" for n in range(999)})
    assert refused(path, assignment) == "It holds more than 1,000 files and folders."
    path = make(tmp_path / f"bob.{kind}", GOOD | {f"d{n}.txt": "" for n in range(998)})
    assert read_submission(path, assignment).files == GOOD


@pytest.mark.slow
def test_a_hundred_thousand_entries_are_refused_before_they_are_read(
    tmp_path: Path, assignment: Assignment
) -> None:
    path = make_zip(tmp_path / "ann.zip", {str(n): "" for n in range(100_000)})
    assert refused(path, assignment) == "It holds more than 1,000 files and folders."


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_bomb_is_refused(kind: str, tmp_path: Path, assignment: Assignment) -> None:
    make = make_zip if kind == "zip" else make_tar
    bomb = {f"{n}.bin": bytes(7 * 2**20) for n in range(3)}
    path = make(tmp_path / f"ann.{kind}", GOOD | bomb)
    assert path.stat().st_size < 100_000
    assert refused(path, assignment) == "It unpacks to more than 20 MB."


def test_a_gzip_bomb_that_is_no_tar_is_refused(tmp_path: Path, assignment: Assignment) -> None:
    path = tmp_path / "ann.tgz"
    path.write_bytes(gzip.compress(bytes(100 * 2**20), 1))
    assert refused(path, assignment) == "It unpacks to more than 20 MB."


def test_a_sparse_tar_member_is_counted_as_it_unpacks(
    tmp_path: Path, assignment: Assignment
) -> None:
    info = tarfile.TarInfo("vectors.py")
    info.pax_headers = {
        "GNU.sparse.map": "0,0",
        "GNU.sparse.size": str(2**40),
        "GNU.sparse.numblocks": "0",
    }
    path = tmp_path / "ann.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info)
    assert refused(path, assignment) == "It unpacks to more than 20 MB."


def test_a_header_that_lies_about_the_size_is_not_believed(
    tmp_path: Path, assignment: Assignment
) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("vectors.py", "x = 1\n" * 1000)
    data = stream.getvalue().replace((6000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path = tmp_path / "ann.zip"
    path.write_bytes(data)
    assert "is damaged, cut off or no zip archive at all (Bad CRC-32" in refused(path, assignment)


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar"])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.6, 0.9])
def test_a_truncated_archive_is_refused(
    kind: str, part: float, tmp_path: Path, assignment: Assignment
) -> None:
    modes = {"tar": "w", "tar.gz": "w:gz"}
    path = tmp_path / f"ann.{kind}"
    make_zip(path, GOOD) if kind == "zip" else make_tar(path, GOOD, mode=modes[kind])
    data = path.read_bytes()
    length = len(data) if kind != "tar" else 4 * 512
    path.write_bytes(data[: int(length * part)])
    reason = refused(path, assignment)
    assert "cut off" in reason
    assert "Traceback" not in reason


def test_a_tar_cut_between_members_is_refused(tmp_path: Path, assignment: Assignment) -> None:
    path = make_tar(tmp_path / "ann.tar", GOOD, mode="w")
    path.write_bytes(path.read_bytes()[: 512 * 2])
    assert refused(path, assignment) == "The archive is cut off: its end is missing."


def test_an_encrypted_zip_is_refused(tmp_path: Path, assignment: Assignment) -> None:
    path = make_zip(tmp_path / "ann.zip", GOOD)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(bytes(data))
    assert refused(path, assignment) == "The archive is encrypted: make one without a password."


def test_an_unusual_compression_is_refused(tmp_path: Path, assignment: Assignment) -> None:
    path = tmp_path / "ann.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("vectors.py", "x = 1\n")
    expected = "vectors.py is compressed in an unusual way: make a plain zip."
    assert refused(path, assignment) == expected


def test_two_different_members_of_one_name_are_refused(
    tmp_path: Path, assignment: Assignment
) -> None:
    path = tmp_path / "ann.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("vectors.py", "x = 1\n")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("vectors.py", "x = 2\n")
    expected = "It holds two different files called vectors.py."
    assert refused(path, assignment) == expected


def test_a_nested_archive_is_ignored_or_named(tmp_path: Path, assignment: Assignment) -> None:
    inner = make_zip(tmp_path / "inner.zip", GOOD).read_bytes()
    path = make_zip(tmp_path / "ann.zip", {**GOOD, "old.zip": inner})
    submission = read_submission(path, assignment)
    assert submission.files == GOOD
    assert submission.notes == ("Ignored, since they are archives inside: old.zip.",)
    path = make_zip(tmp_path / "bob.zip", {"work.zip": inner, "__MACOSX/._work.zip": b"x"})
    expected = "It holds only another archive, work.zip: unpack that one first."
    assert refused(path, assignment) == expected
    path = make_zip(tmp_path / "eve.zip", {"a.zip": inner, "b.tar.gz": inner})
    assert refused(path, assignment) == "It holds only archives: a.zip, b.tar.gz."


def test_a_folder_with_one_archive_is_that_archive(tmp_path: Path, assignment: Assignment) -> None:
    write(tmp_path / "ann", {"readme.txt": "mine"})
    make_zip(tmp_path / "ann" / "work.zip", GOOD)
    submission = read_submission(tmp_path / "ann", assignment)
    assert submission.files == GOOD
    assert submission.notes == (
        "The files were taken out of work.zip.",
        "Ignored, since they play no part: readme.txt.",
    )


@pytest.mark.parametrize("kind", ["zip", "tar.gz", ""])
def test_what_is_empty_is_refused(kind: str, tmp_path: Path, assignment: Assignment) -> None:
    path = tmp_path / (f"ann.{kind}" if kind else "ann")
    if not kind:
        path.mkdir()
    elif kind == "zip":
        make_zip(path, {})
    else:
        make_tar(path, {})
    assert refused(path, assignment) == "It is empty."


@pytest.mark.parametrize("name", ["ann.zip", "ann.tar", "ann.tgz", "ann.tar.gz"])
def test_what_is_no_archive_is_refused(name: str, tmp_path: Path, assignment: Assignment) -> None:
    path = tmp_path / name
    path.write_bytes(b"Rar!\x1a\x07\x00" + bytes(range(256)) * 8)
    assert f"{name} is damaged, cut off or no " in refused(path, assignment)


def test_an_archive_larger_than_the_budget_is_not_read(
    tmp_path: Path, assignment: Assignment
) -> None:
    path = tmp_path / "ann.zip"
    with path.open("wb") as stream:
        stream.truncate(10 * 2**30)
    assert refused(path, assignment) == "ann.zip is larger than 20 MB."


def test_windows_separators_are_folders(tmp_path: Path, assignment: Assignment) -> None:
    path = make_tar(tmp_path / "ann.tar", {f"w\\{k}": v for k, v in GOOD.items()}, mode="w")
    submission = read_submission(path, assignment)
    assert submission.files == GOOD
    assert submission.notes == ("Read from the folder w: vectors.py, network.py.",)
