"""The time of a clone is what git itself says, and hostile bytes give a reason instead of harm."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
import tracemalloc
import zlib
from datetime import UTC, datetime
from hashlib import sha1
from pathlib import Path

import pytest

from autograder.intake.clone import commit_time
from autograder.intake.commits import MOST_COMMIT, Unreadable

WHEN = 1772402100  # 2026-03-01T21:55:00Z
git_only = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")


def git(folder: Path, *words: str, when: int = WHEN) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    config = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    names = {
        f"GIT_{role}_{field}": value
        for role in ("AUTHOR", "COMMITTER")
        for field, value in (("NAME", "Agate"), ("EMAIL", "agate@example.org"))
    }
    dates = {"GIT_COMMITTER_DATE": f"{when} -0800", "GIT_AUTHOR_DATE": "1000000000 +0000"}
    done = subprocess.run(
        ["git", *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **config, **names, **dates},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def commit(folder: Path, times: int = 1, message: str = "work") -> None:
    for i in range(times):
        git(folder, "commit", "-q", "--allow-empty", "-m", f"{message} {i}", when=WHEN + i)


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    folder = tmp_path / "upstream"
    git(folder, "init", "-q", "-b", "main")
    commit(folder)
    return folder


def says(folder: Path) -> datetime:
    return datetime.fromtimestamp(int(git(folder, "log", "-1", "--format=%ct")), UTC)


@git_only
def test_a_loose_commit(upstream: Path) -> None:
    assert not list(upstream.glob(".git/objects/pack/*.pack"))
    assert commit_time(upstream) == datetime(2026, 3, 1, 21, 55, tzinfo=UTC) == says(upstream)


@git_only
def test_a_clone_is_packed(upstream: Path, tmp_path: Path) -> None:
    commit(upstream, times=40)
    git(tmp_path, "clone", "-q", upstream.as_uri(), "clone")
    clone = tmp_path / "clone"
    assert list(clone.glob(".git/objects/pack/*.pack"))
    assert commit_time(clone) == says(clone) == datetime.fromtimestamp(WHEN + 39, UTC)
    git(tmp_path, "clone", "-q", "--depth", "1", upstream.as_uri(), "shallow")
    assert commit_time(tmp_path / "shallow") == says(clone)
    git(clone, "checkout", "-q", "--detach", "HEAD~3")
    assert commit_time(clone) == says(clone) == datetime.fromtimestamp(WHEN + 36, UTC)


def deltified(folder: Path) -> list[str]:
    """Pack a repository so that commits are deltas of others, and name those."""
    text = "\n".join(f"{random.Random(i).random()}" for i in range(120))
    commit(folder, times=30, message=f"{text}\n")
    git(folder, "repack", "-q", "-a", "-d", "-f", "--depth=40", "--window=50")
    git(folder, "branch", "an-older-one", "HEAD~5")
    git(folder, "pack-refs", "--all")
    pack = next(folder.glob(".git/objects/pack/*.idx"))
    lines = git(folder, "verify-pack", "-v", str(pack)).splitlines()
    return [line.split()[0] for line in lines if " commit " in line and len(line.split()) == 7]


@git_only
def test_commits_that_are_deltas(upstream: Path) -> None:
    names = deltified(upstream)
    assert len(names) > 10, "git made no deltas of commits, so this shows nothing"
    assert not (upstream / ".git/refs/heads/main").exists()
    assert commit_time(upstream) == says(upstream)
    for name in names:
        (upstream / ".git/HEAD").write_text(f"{name}\n")
        assert commit_time(upstream) == says(upstream)


@git_only
def test_deltas_that_name_their_base(upstream: Path) -> None:
    names = deltified(upstream)
    listed = git(upstream, "rev-list", "--all")
    done = subprocess.run(
        ["git", "pack-objects", "-q", "--no-reuse-object", "--window=50", "--depth=40", "refs"],
        cwd=upstream,
        input=listed,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip()
    folder = upstream / ".git/objects/pack"
    for old in folder.iterdir():
        old.unlink()
    for new in upstream.glob("refs-*"):  # without --delta-base-offset they name their bases
        shutil.copy(new, folder / new.name.replace("refs-", "pack-"))
    for name in names:
        (upstream / ".git/HEAD").write_text(f"{name}\n")
        assert commit_time(upstream) == says(upstream)


@git_only
def test_a_repository_of_sha256(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    git(folder, "init", "-q", "--object-format=sha256")
    commit(folder)
    assert commit_time(folder) == says(folder)
    git(folder, "gc", "-q")
    assert not list(folder.glob(".git/objects/??/*"))
    assert commit_time(folder) == says(folder)


@git_only
def test_an_empty_repository_has_no_time(tmp_path: Path) -> None:
    git(tmp_path / "empty", "init", "-q")
    with pytest.raises(Unreadable, match="nothing was committed"):
        commit_time(tmp_path / "empty")


def made(folder: Path, text: bytes, head: str = "") -> Path:
    """A repository of one loose commit with this text."""
    whole = b"commit %d\0%b" % (len(text), text)
    name = sha1(whole, usedforsecurity=False).hexdigest()
    place = folder / ".git/objects" / name[:2] / name[2:]
    place.parent.mkdir(parents=True)
    place.write_bytes(zlib.compress(whole))
    (folder / ".git/HEAD").write_text(head or f"{name}\n")
    return folder


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"committer A <a> 1772402100 +0000\ncommitter A <a> 1 +0000\n\nx", "names no time"),
        (b"tree 0\n\ncommitter A <a> 1772402100 +0000\n", "names no time"),
        (b"gpgsig x\n committer A <a> 1772402100 +0000\n\nx", "names no time"),
        (b"committer A <a> 999999999999 +0000\n\nx", "no date"),
        (b"committer A <a> 17724021000000 +0000\n\nx", "names no time"),
        (b"x" * (MOST_COMMIT + 100), "larger than"),
    ],
)
def test_a_commit_without_a_time(tmp_path: Path, text: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        commit_time(made(tmp_path, text))


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("ref: refs/heads/../../../secret", "names no branch"),
        ("ref: refs/heads/.invalid", "names no branch"),  # what a reftable leaves there
        ("ref: HEAD", "names no branch"),
        ("ref: refs/heads//main", "names no branch"),
        ("", "names no branch"),
        ("ref: refs/heads/loop", "leads nowhere"),
        ("ref: refs/heads/gone", "nothing was committed"),
        ("0" * 40, "is not in it"),
        ("x" * 5000, "larger than"),
    ],
)
def test_a_head_that_leads_nowhere(tmp_path: Path, head: str, reason: str) -> None:
    made(tmp_path, b"committer A <a> 1772402100 +0000\n\nx", head or " \n")
    loop = tmp_path / ".git/refs/heads/loop"
    loop.parent.mkdir(parents=True)
    loop.write_text("ref: refs/heads/loop")
    (tmp_path / "secret").write_text("0" * 40)
    with pytest.raises(Unreadable, match=reason):
        commit_time(tmp_path)


def test_no_link_and_no_pipe_is_read(tmp_path: Path) -> None:
    real = made(tmp_path / "real", b"committer A <a> 1772402100 +0000\n\nx")
    assert commit_time(real)
    linked = tmp_path / "linked"
    shutil.copytree(real, linked)
    shutil.rmtree(linked / ".git/objects")
    (linked / ".git/objects").symlink_to(real / ".git/objects")
    with pytest.raises(Unreadable, match="through a link"):
        commit_time(linked)
    (tmp_path / "all").mkdir()
    (tmp_path / "all/.git").symlink_to(real / ".git")
    with pytest.raises(Unreadable, match=r"\.git is no folder"):
        commit_time(tmp_path / "all")
    (real / ".git/HEAD").unlink()
    os.mkfifo(real / ".git/HEAD")
    with pytest.raises(Unreadable, match="cannot be opened"):
        commit_time(real)
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/.git").write_text("gitdir: ../real/.git\n")
    with pytest.raises(Unreadable, match=r"\.git is no folder"):
        commit_time(tmp_path / "tree")


def test_a_head_that_is_a_file_is_no_commit(tmp_path: Path) -> None:
    whole = b"blob 1\0x"
    name = sha1(whole, usedforsecurity=False).hexdigest()
    write = tmp_path / ".git/objects" / name[:2] / name[2:]
    write.parent.mkdir(parents=True)
    write.write_bytes(zlib.compress(whole))
    (tmp_path / ".git/HEAD").write_text(name)
    with pytest.raises(Unreadable, match="is no commit"):
        commit_time(tmp_path)


def test_what_does_not_hash_to_its_name_is_damaged(tmp_path: Path) -> None:
    made(tmp_path, b"committer A <a> 1772402100 +0000\n\nx")
    (place,) = tmp_path.glob(".git/objects/*/*")
    text = b"committer A <a> 1772402000 +0000\n\nx"
    place.write_bytes(zlib.compress(b"commit %d\0%b" % (len(text), text)))
    with pytest.raises(Unreadable, match="damaged"):
        commit_time(tmp_path)


def test_a_bomb_costs_nothing(tmp_path: Path) -> None:
    made(tmp_path, b"committer A <a> 1772402100 +0000\n\nx")
    (place,) = tmp_path.glob(".git/objects/*/*")
    place.write_bytes(zlib.compress(b"\0" * 2**26, 9))
    begun = time.monotonic()
    with pytest.raises(Unreadable, match="larger than"):
        commit_time(tmp_path)
    assert time.monotonic() - begun < 0.5


def test_blocks_of_nothing_are_not_read_to_their_end(tmp_path: Path) -> None:
    made(tmp_path, b"committer A <a> 1772402100 +0000\n\nx")
    (place,) = tmp_path.glob(".git/objects/*/*")
    whole = zlib.decompress(place.read_bytes())
    size = len(whole).to_bytes(2, "little")
    end = b"\1" + size + bytes(byte ^ 0xFF for byte in size) + whole
    end += zlib.adler32(whole).to_bytes(4, "big")
    for many, right in ((10, True), (400_000, False)):
        place.write_bytes(b"\x78\x9c" + b"\0\0\0\xff\xff" * many + end)
        assert zlib.decompress(place.read_bytes()) == whole
        if right:
            assert commit_time(tmp_path)
        else:
            with pytest.raises(Unreadable, match="damaged"):
                commit_time(tmp_path)


def packed(
    folder: Path, entry: bytes, *, name: bytes = bytes(range(1, 21)), before: bytes = b""
) -> Path:
    """A repository whose HEAD is one entry of a pack, whatever that holds."""
    place = folder / ".git/objects/pack"
    place.mkdir(parents=True, exist_ok=True)
    (folder / ".git/HEAD").write_text(name.hex())
    fan = b"".join(int(i >= name[0]).to_bytes(4, "big") for i in range(256))
    offset = (12 + len(before)).to_bytes(4, "big")
    index = b"\xfftOc\0\0\0\2" + fan + name + b"\0" * 4 + offset + b"\0" * 40
    (place / f"pack-{'0' * 40}.idx").write_bytes(index)
    (place / f"pack-{'0' * 40}.pack").write_bytes(b"PACK\0\0\0\2\0\0\0\1" + before + entry)
    return folder


def entry_of(kind: int, data: bytes, back: int = 0) -> bytes:
    """An entry of a pack; a delta says how far back its base lies, in two bytes."""
    size, head = len(data) >> 4, [kind << 4 | len(data) & 15]
    while size:
        head[-1] |= 0x80
        head.append(size & 0x7F)
        size >>= 7
    distance = bytes([0x80 | (back - 128) >> 7, (back - 128) & 0x7F]) if back else b""
    return bytes(head) + distance + zlib.compress(data)


@pytest.mark.parametrize(("many", "right"), [(5, True), (30, False)])
def test_deltas_cost_no_more_than_their_budget(tmp_path: Path, many: int, right: bool) -> None:
    text = b"committer A <a> 1772402100 +0000\n\nx"
    name = sha1(b"commit %d\0%b" % (len(text), text), usedforsecurity=False).digest()
    same = bytes([len(text), len(text), 0x90, len(text)]) + b"\0" * 120_000  # a copy, and padding
    pieces = [entry_of(1, text)]
    for _ in range(many):  # two bytes cannot say less than 128
        pieces += [b"\0" * 128, entry_of(6, same, len(pieces[-1]) + 128)]
    repository = packed(tmp_path, pieces[-1], name=name, before=b"".join(pieces[:-1]))
    if right:
        assert commit_time(repository)
        return
    with pytest.raises(Unreadable, match="too long a chain"):
        commit_time(repository)


def test_a_copy_of_size_nought_is_of_64_kb(tmp_path: Path) -> None:
    text = b"committer A <a> 1772402100 +0000\n\n" + b"x" * 0x10000
    name = sha1(b"commit %d\0%b" % (len(text), text), usedforsecurity=False).digest()
    size = bytes([len(text) & 0x7F | 0x80, len(text) >> 7 & 0x7F | 0x80, len(text) >> 14])
    rest = len(text) - 0x10000
    base = entry_of(1, text)
    delta = size + size + b"\x80" + bytes([0x94, 1, rest])  # from 0x10000, what is left
    before = base + b"\0" * 128
    packed(tmp_path, entry_of(6, delta, len(before)), name=name, before=before)
    assert commit_time(tmp_path)


def test_a_delta_of_many_copies_takes_no_memory(tmp_path: Path) -> None:
    base = entry_of(1, b"x" * 0x10000)
    before = base + b"\0" * 128
    packed(tmp_path, entry_of(6, b"\1\1" + b"\x80" * 2000, len(before)), before=before)
    tracemalloc.start()
    with pytest.raises(Unreadable, match="damaged"):
        commit_time(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22, "2,000 copies of 64 KB are 128 MB"


NAMELESS = zlib.compress(b"\x01\x01\x01x")


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (b"\x74" + bytes(range(1, 21)) + NAMELESS, "too long a chain"),  # a delta of itself
        (b"\x64\x00" + NAMELESS, "too long a chain"),  # a delta of what is 0 bytes before it
        (b"\x64\x7f" + NAMELESS, "damaged"),  # a delta of what is before the pack
        (b"\x64" + b"\xff" * 40, "damaged"),
        (b"\xf4" + b"\xff" * 40, "damaged"),
        (b"\x34" + zlib.compress(b"blob"), "no commit"),
        (b"\x14" + zlib.compress(b"12345"), "damaged"),
        (b"\x14", "damaged"),
        (b"", "damaged"),
        (b"\x74" + b"\x09" * 20 + NAMELESS, "damaged"),
    ],
)
def test_a_hostile_pack_ends_soon(tmp_path: Path, entry: bytes, reason: str) -> None:
    begun = time.monotonic()
    with pytest.raises(Unreadable, match=reason):
        commit_time(packed(tmp_path, entry))
    assert time.monotonic() - begun < 2


@git_only
def test_any_damage_gives_a_time_or_a_reason(upstream: Path, tmp_path: Path) -> None:
    deltified(upstream)
    right = commit_time(upstream)
    files = [path for path in (upstream / ".git").rglob("*") if path.is_file()]
    files = [path for path in files if path.suffix in (".idx", ".pack") or "refs" in path.name]
    for path in files:
        path.chmod(0o644)
    chance = random.Random(4)
    ended = {"right": 0, "said": 0}
    for _ in range(400):
        path = chance.choice(files)
        whole = path.read_bytes()
        data = bytearray(whole)
        for _ in range(chance.choice([1, 4, 64])):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(data[: chance.choice([len(data), chance.randrange(len(data))])])
        try:
            assert commit_time(upstream) == right, "damage must not change a time"
            ended["right"] += 1
        except Unreadable:
            ended["said"] += 1
        path.write_bytes(whole)
    assert min(ended.values()) > 20, ended
