"""A class to try the grader on: submissions made from the catalogue of one assignment.

Right, unusual, wrong in one place or in several, half done, untouched, broken and hostile; in every
form a student may hand in, under names as learning platforms give them. The same bytes every time.
"""

from __future__ import annotations

import gzip
import io
import random
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from autograder.author import notebooks, segments
from autograder.course import Assignment
from autograder.mistakes import Edit, apply, load_mistakes, load_variants, reference_texts

Texts = dict[str, str]

# Minerals, so that nobody is meant.
_NAMES = (
    "agate amber apatite azurite barite beryl borax calcite cerussite chert cinnabar citrine "
    "copper corundum diopside dolomite epidote feldspar fluorite galena garnet gneiss gypsum "
    "halite hematite jade jasper kyanite lapis magnetite malachite mica obsidian olivine onyx "
    "opal pyrite quartz ruby rutile talc topaz zircon"
).split()


def make_class(assignment: Assignment, folder: Path) -> int:
    """Write the class into an empty folder and return how many submissions it has."""
    makers = (_as_folder, _as_zip, _as_tar, _as_notebook, _as_canvas, _as_moodle)
    works = list(_works(assignment))
    for index, (name, texts) in enumerate(zip(_NAMES, works, strict=False)):
        maker = makers[index % len(makers)]
        maker(folder, name, index, texts, assignment)
    for name, text in _oddities(assignment):
        (folder / name).write_text(text, encoding="utf-8")
    return len(works) + len(list(_oddities(assignment)))


def _works(assignment: Assignment) -> Iterator[Texts]:
    """What the members of the class wrote: about forty sets of files."""
    chance = random.Random(assignment.seed)
    reference = reference_texts(assignment)
    stub = {f: (assignment.folder / f).read_text("utf-8") for f in assignment.files}
    mistakes = [m for m in load_mistakes(assignment) if not m.hangs]
    yield from [_signed(reference, i) for i in range(3)]
    for variant in chance.sample(load_variants(assignment), k=3):
        yield apply(variant, assignment)
    for count in (1,) * 9 + (2,) * 6 + (3,) * 4 + (5,) * 2:
        yield _with_mistakes(chance, mistakes, count, assignment)
    for share in (0.75, 0.5, 0.25):
        yield _half_done(_with_mistakes(chance, mistakes, 1, assignment), stub, share, assignment)
    yield stub
    yield stub
    yield from _hostile(reference, assignment)


def _signed(texts: Texts, number: int) -> Texts:
    """The same work with a remark of one's own, so that no two files are the same bytes."""
    return {file: f"{text}\n\n# Draft {number + 1}.\n" for file, text in texts.items()}


def _with_mistakes(
    chance: random.Random, mistakes: list[Edit], count: int, assignment: Assignment
) -> Texts:
    """The reference with some mistakes, each in another part."""
    texts = reference_texts(assignment)
    for name in chance.sample([part.name for part in assignment.parts], k=count):
        known = [m for m in mistakes if m.part == name]
        weights = [1 / (rank + 1) for rank in range(len(known))]  # the common ones come first
        mistake = chance.choices(known, weights)[0]
        texts = apply(mistake, assignment, texts)
    return texts


def _half_done(texts: Texts, stub: Texts, share: float, assignment: Assignment) -> Texts:
    """Work that stops somewhere: the later parts are still the stub's."""
    done = {p.name for p in assignment.parts[: round(len(assignment.parts) * share)]}
    result = dict(stub)
    for file in texts:
        names = [
            n for p in assignment.parts if p.name in done and p.file == file for n in p.provides
        ]
        for name in names:
            result[file] = _take(result[file], texts[file], name)
    return result


def _take(into: str, source: str, name: str) -> str:
    """Replace a definition by another file's."""

    def defines(piece: str) -> bool:
        return f"def {name}(" in piece or f"class {name}" in piece

    found = next(piece for piece in segments.split(source) if defines(piece))
    return segments.join([found if defines(p) else p for p in segments.split(into)])


def _hostile(reference: Texts, assignment: Assignment) -> Iterator[Texts]:
    """One that never ends, one that leaves, one that eats memory, one that forges results."""
    first = assignment.parts[0]
    bodies = {
        "loop": "    while True:\n        pass\n",
        "exit": "    import os\n    os._exit(0)\n",
        "memory": "    hoard = []\n    while True:\n        hoard.append(bytearray(1 << 24))\n",
        "forge": (
            "    import json\n"
            "    import sys\n"
            '    print(json.dumps({"score": 100, "tests": "all passed"}))\n'
            '    open("results.json", "w").write(\'{"score": 100}\')\n'
            "    sys.exit(0)\n"
        ),
    }
    for body in bodies.values():
        edit = Edit("demo", first.name, body=body)
        yield apply(edit, assignment, reference)


def _oddities(assignment: Assignment) -> Iterator[tuple[str, str]]:
    """Single files that are odd in themselves."""
    texts = reference_texts(assignment)
    merged = "\n\n".join(texts.values())
    yield "hornblende.py", merged
    yield "ilmenite.py", merged.replace("return", "retrun", 1)
    yield "limonite.py", "<<<<<<< HEAD\n" + merged + "\n=======\n>>>>>>> theirs\n"


def _as_folder(folder: Path, name: str, index: int, texts: Texts, assignment: Assignment) -> None:
    for file, text in texts.items():
        _write(folder / name / file, text)


def _as_zip(folder: Path, name: str, index: int, texts: Texts, assignment: Assignment) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file, text in texts.items():
            info = zipfile.ZipInfo(f"{assignment.id}/{file}", (2026, 1, 1, 0, 0, 0))
            archive.writestr(info, text)
    (folder / f"{name}.zip").write_bytes(buffer.getvalue())


def _as_tar(folder: Path, name: str, index: int, texts: Texts, assignment: Assignment) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for file, text in texts.items():
            data = text.encode("utf-8")
            info = tarfile.TarInfo(f"{assignment.id}/{file}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    (folder / f"{name}.tar.gz").write_bytes(gzip.compress(buffer.getvalue(), mtime=0))


def _as_notebook(folder: Path, name: str, index: int, texts: Texts, assignment: Assignment) -> None:
    empty = notebooks.read((assignment.folder / "notebook.ipynb").read_text("utf-8"))
    _write(folder / f"{name}.ipynb", notebooks.write(notebooks.fill(empty, texts)))


def _as_canvas(folder: Path, name: str, index: int, texts: Texts, assignment: Assignment) -> None:
    late = "_LATE" if index % 3 == 0 else ""
    for number, (file, text) in enumerate(texts.items()):
        _write(folder / f"{name}{late}_{4000 + index}_{9000 + 2 * index + number}_{file}", text)


def _as_moodle(folder: Path, name: str, index: int, texts: Texts, assignment: Assignment) -> None:
    for file, text in texts.items():
        _write(folder / f"{name.title()} Stone_{7000 + index}_assignsubmission_file_" / file, text)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
