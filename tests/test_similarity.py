"""Where submissions are alike: the scanner, what is set aside, and copies that somebody hid."""

from __future__ import annotations

import difflib
import io
import itertools
import keyword
import random
import tokenize
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.course import Assignment, find
from autograder.mistakes import apply, load_variants, reference_texts
from autograder.similarity import Comparison, Rules, Unread, Work, compare, known_streams
from autograder.similarity.fingerprints import RUN, WINDOW, clear, covered, hashes, winnow
from autograder.similarity.page import MOST_PAIRS, similarity_html
from autograder.similarity.table import pairs_csv
from autograder.similarity.tiles import index, tiles
from autograder.similarity.tokens import Stream, scan, stream, symbols
from tests.similarity_samples import AGATE, BERYL, CITRINE, disguised, many_lines, written

ROOT = Path(__file__).resolve().parent.parent
EVERYTHING = Rules(share=0.0, stretch=1, least=1)


@pytest.fixture(scope="module")
def assignment() -> Assignment:
    return find("01", ROOT)


@pytest.fixture(scope="module")
def known(assignment: Assignment) -> list[Stream]:
    return known_streams(assignment)


def work(student: str, files: dict[str, str]) -> Work:
    return Work(student, files, stream(files))


def words(text: str) -> list[str]:
    return [symbol for symbol, _ in scan(text)]


def pairs(compared: Comparison) -> set[tuple[str, str]]:
    return {
        (compared.works[p.left].student, compared.works[p.right].student) for p in compared.pairs
    }


# The scanner


def by_python(text: str) -> list[tuple[str, int]]:
    dull = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER)
    kinds = {tokenize.NAME: "name", tokenize.NUMBER: "0", tokenize.STRING: '"'}
    return [
        (t.string if keyword.iskeyword(t.string) else kinds.get(t.type, t.string), t.start[0])
        for t in tokenize.generate_tokens(io.StringIO(text).readline)
        if t.type not in (*dull, tokenize.INDENT, tokenize.DEDENT)
    ]


def test_the_scanner_sees_what_python_sees() -> None:
    paths = [*(ROOT / "solutions").rglob("*.py"), *(ROOT / "autograder").rglob("*.py")]
    assert len(paths) > 100
    for path in paths:
        text = path.read_text("utf-8")
        if hasattr(tokenize, "FSTRING_START") and ("f'" in text or 'f"' in text):
            continue  # since Python 3.12 an f-string is many tokens; here it stays one text
        assert [each for each in symbols(text) if each[0] != "\n"] == by_python(text), path


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("total = first + 1", "t=f+   2.5e-3  # the sum"),
        ("f(a, b)", "f(\n    a,\n    b,\n)"),
        ("x = 1; y = 2", "x = 1\ny = 2"),
        ("return (a + b) * c", "return ((a + b) * (c))"),
        ("if (a and b): pass", "if a and b:\n    pass"),
        ("a, b = b, a", "(a, b) = (b, a)"),
        ('x = "text"', "x = rb'''other\ntext'''"),
        ("import os\nx = 1", "from a import (\n    b,\n    c,\n)\nx = 1"),
        ('def f(a):\n    """Say."""\n    return a', "def g(b):\n    return b"),
        ("x = a \\\n    + b", "x = a + b"),
    ],
)
def test_what_is_taken_out(one: str, other: str) -> None:
    assert words(one) == words(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a + b", "a - b"),
        ("f(a)(b)", "f(a)"),
        ("x = []", "x = {}"),
        ("for a in b: pass", "while a in b: pass"),
        ("x = 'text'", "x = 3"),
        ("(yield)", "x"),
    ],
)
def test_what_stays(one: str, other: str) -> None:
    assert words(one) != words(other)


def test_a_broken_file_is_read_nearly_as_the_good_one(assignment: Assignment) -> None:
    good = written(assignment, AGATE)["vectors.py"]
    for old, new in (("return total", "return (total"), ("def embed", "de embed"), ("):", ")")):
        broken = words(good.replace(old, new, 1))
        matched = difflib.SequenceMatcher(None, words(good), broken, autojunk=False)
        assert matched.ratio() > 0.99, old
    assert words("x = '''never closed\nand so on") == ["name", "=", '"']
    assert words("<<<<<<< HEAD\nx = 1 ? 2 $ 3")[-7:] == ["name", "=", "0", "?", "0", "$", "0"]


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.text(alphabet="ab1'\"\\\n#()[]{}.,;: =defimport\u00e9\0", max_size=80))
def test_any_text_can_be_scanned(text: str) -> None:
    lines = [line for _, line in scan(text)]
    assert lines == sorted(lines)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines)


# Fingerprints and tiles


def test_hashes_are_the_same_everywhere() -> None:
    found = hashes(stream({"a.py": "for i in range(10): print(i, i + 1, [i])"}).codes)
    assert [f"{value:016x}" for value in found[:2].tolist()] == [
        "2982d008237e0cbd",
        "5bf41fd996ff5962",
    ]


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 60), st.integers(0, 60))
def test_a_shared_run_is_guaranteed_a_fingerprint(seed: int, before: int, after: int) -> None:
    chance = np.random.default_rng(seed)
    shared = chance.integers(1, 2**63, RUN + WINDOW - 1, dtype=np.uint64)
    prints = []
    for length in (before, after):
        codes = np.concatenate([chance.integers(1, 2**63, length, dtype=np.uint64), shared])
        found = hashes(codes)
        prints.append(set(winnow(found, np.ones(len(found), dtype=bool)).tolist()))
    assert prints[0] & prints[1]


def test_winnowing_keeps_a_sample() -> None:
    codes = np.random.default_rng(1).integers(1, 2**63, 5000, dtype=np.uint64)
    found = hashes(codes)
    share = len(winnow(found, np.ones(len(found), dtype=bool))) / len(found)
    assert share == pytest.approx(2 / (WINDOW + 1), rel=0.1)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([2, 4, 60]))
def test_tiles_are_equal_and_lie_on_nothing_twice(seed: int, letters: int) -> None:
    chance = np.random.default_rng(seed)
    sides = [chance.integers(1, letters, 120, dtype=np.uint64) for _ in range(2)]
    sides[1][30:70] = sides[0][60:100]
    found = [hashes(codes, 5) for codes in sides]
    left, right = (index(each, np.ones(len(each), dtype=bool), 120) for each in found)
    used: list[set[int]] = [set(), set()]
    for tile in tiles(left, right, 5):
        assert tile.length >= 5
        ends = tile.left + tile.length, tile.right + tile.length
        assert (sides[0][tile.left : ends[0]] == sides[1][tile.right : ends[1]]).all()
        for place, taken, end in zip((tile.left, tile.right), used, ends, strict=True):
            assert not taken & set(range(place, end))
            taken |= set(range(place, end))
    if letters == 60:
        assert len(used[0]) >= 40


def test_what_is_explained_is_covered_and_touched_by_no_run() -> None:
    starts = np.zeros(20, dtype=bool)
    starts[[3, 5]] = True
    inside = covered(starts, 23, 4)
    assert np.flatnonzero(inside).tolist() == [3, 4, 5, 6, 7, 8]
    assert np.flatnonzero(clear(inside, 4)).tolist() == list(range(9, 20))


# What is set aside


def test_the_stub_the_reference_and_its_variants_explain_themselves(
    assignment: Assignment, known: list[Stream]
) -> None:
    stub = {name: (assignment.folder / name).read_text() for name in assignment.files}
    right = reference_texts(assignment)
    variant = next(v for v in load_variants(assignment) if v.id == "analogy.loop")
    unusual = apply(variant, assignment)
    for files in (stub, right, unusual):
        alike = [work("agate", files), work("beryl", disguised(files, 1))]
        assert pairs(compare(alike, known, Rules())) == set()
    without = [stream(stub)]
    alike = [work("agate", right), work("beryl", disguised(right, 1))]
    assert pairs(compare(alike, without, Rules())) == {("agate", "beryl")}


def test_code_that_everybody_was_given_explains_itself(
    assignment: Assignment, known: list[Stream]
) -> None:
    lecture = assignment.lecture.read_text("utf-8").split("```{code-cell}")[1:]
    cells = "\n".join(cell.split("```")[0].partition("\n")[2] for cell in lecture)
    play = (assignment.folder / "play.py").read_text("utf-8")
    for given_out in (cells, play):
        assert len(words(given_out)) > 300
        alike = [work(name, {"vectors.py": given_out}) for name in ("agate", "beryl")]
        assert len(compare(alike, [], Rules()).pairs) == 1
        assert compare(alike, known, EVERYTHING).pairs == ()


def test_what_many_have_is_common_and_what_seven_have_is_not(assignment: Assignment) -> None:
    for many, named in ((7, 21), (8, 0)):
        works = [work(f"s{i}", written(assignment, AGATE)) for i in range(many)]
        works += [work(f"t{i}", {"x.py": many_lines(i, 100)}) for i in range(12)]
        assert len(compare(works, [], Rules()).pairs) == named


def test_tables_of_numbers_are_no_evidence() -> None:
    table = "table = [" + ", ".join(f"({i}, {i * i}, 'text')" for i in range(200)) + "]\n"
    works = [work(name, {"x.py": many_lines(i, 60) + table}) for i, name in enumerate("ab")]
    assert compare(works, [], Rules()).pairs == ()


# Copies that somebody hid


@pytest.mark.parametrize("bodies", [AGATE, BERYL, CITRINE], ids=["agate", "beryl", "citrine"])
@pytest.mark.parametrize(
    ("add", "reorder", "least"), [(0.0, False, 0.94), (0.0, True, 0.9), (0.3, True, 0.7)]
)
def test_a_disguised_copy_is_found(
    assignment: Assignment,
    known: list[Stream],
    bodies: dict[str, str],
    add: float,
    reorder: bool,
    least: float,
) -> None:
    files = written(assignment, bodies)
    copy = disguised(files, 3, reorder=reorder, add=add)
    compared = compare([work("opal", copy), work("agate", files)], known, Rules())
    assert pairs(compared) == {("agate", "opal")}
    assert compared.pairs[0].share >= least
    assert compared.pairs[0].symbols > 250


def test_work_done_alone_is_not_named(assignment: Assignment, known: list[Stream]) -> None:
    alone = [
        work(name, written(assignment, bodies))
        for name, bodies in (("agate", AGATE), ("beryl", BERYL), ("citrine", CITRINE))
    ]
    assert compare(alone, known, EVERYTHING).pairs == ()


def test_a_little_in_common_is_not_named_unless_one_asks() -> None:
    little = "def dot(a, b):" + AGATE["dot"]
    works = [work(name, {"x.py": many_lines(i, 80) + little}) for i, name in enumerate("ab")]
    assert compare(works, [], Rules()).pairs == ()
    [pair] = compare(works, [], EVERYTHING).pairs
    assert 40 < pair.longest < 60 <= pair.symbols
    assert len(compare(works, [], Rules(stretch=pair.longest)).pairs) == 1
    assert len(compare(works, [], Rules(share=pair.share)).pairs) == 1
    assert compare(works, [], Rules(share=pair.share + 0.01)).pairs == ()


@pytest.mark.parametrize(
    ("symbols", "share", "longest", "named"),
    [(60, 0.3, 20, True), (59, 0.9, 59, False), (60, 0.29, 59, False), (60, 0.0, 60, True)],
)
def test_when_a_pair_is_named(symbols: int, share: float, longest: int, named: bool) -> None:
    assert Rules().name(symbols, share, longest) is named


def test_half_of_it_copied_is_found_most_times(assignment: Assignment, known: list[Stream]) -> None:
    found = 0
    cases = list(itertools.permutations((AGATE, BERYL, CITRINE), 2)) * 3
    for seed, (source, own) in enumerate(cases):
        taken = random.Random(seed).sample(list(source), 7)
        mixed = written(assignment, {**own, **{part: source[part] for part in taken}})
        both = [work("a", written(assignment, source)), work("b", disguised(mixed, seed, add=0.15))]
        found += len(compare(both, known, Rules()).pairs)
    assert found >= len(cases) * 0.9


def test_regions_name_the_lines(assignment: Assignment, known: list[Stream]) -> None:
    left = written(assignment, AGATE)
    right = written(assignment, {**BERYL, "analogy": AGATE["analogy"]})
    right["vectors.py"] = "# moved\n\n\n" + right["vectors.py"]
    pair = compare([work("a", left), work("b", right)], known, EVERYTHING).pairs[0]
    region = max(pair.regions, key=lambda each: each.symbols)
    assert region.left_file == region.right_file == "vectors.py"
    assert region.right[0] == region.left[0] + _shift(left, right)
    first, last = region.left
    assert "place = {}" in left["vectors.py"].split("\n")[first - 1]
    assert "return winner" in left["vectors.py"].split("\n")[last - 1]


def _shift(left: dict[str, str], right: dict[str, str]) -> int:
    lines = [files["vectors.py"].split("\n").index("    place = {}") for files in (left, right)]
    return lines[1] - lines[0]


def test_a_stretch_ends_where_its_file_ends() -> None:
    first, second = many_lines(1, 40), many_lines(2, 40)
    split = {"a.py": first, "b.py": second}
    pair = compare([work("a", split), work("b", {"c.py": first + second})], [], Rules()).pairs[0]
    assert {tile.left_file for tile in pair.tiles} == {"a.py", "b.py"}
    for tile in (*pair.tiles, *pair.regions):
        assert 1 <= tile.left[0] <= tile.left[1] <= split[tile.left_file].count("\n")
    assert pair.left_share > 0.99


def test_groups_hang_together(assignment: Assignment, known: list[Stream]) -> None:
    files = written(assignment, AGATE)
    works = [work(f"s{i}", disguised(files, i)) for i in range(3)]
    works += [work("t", written(assignment, BERYL)), work("u", written(assignment, CITRINE))]
    works += [work("v", disguised(written(assignment, BERYL), 1))]
    compared = compare(works, known, Rules())
    assert compared.groups == [[0, 1, 2]]
    assert len(compared.pairs) == 4
    assert [each.symbols for each in compared.pairs] == sorted(
        (each.symbols for each in compared.pairs), reverse=True
    )


# The page and the table


def test_hostile_names_and_code_stay_text(assignment: Assignment, known: list[Stream]) -> None:
    files = written(assignment, AGATE)
    evil = "</script><img src=x onerror=alert(1)>\x1b[31m\u202e"
    files["vectors.py"] += f"# {evil}\n"
    works = [work(f'=cmd|"{evil}', files), work("agate", disguised(files, 1))]
    compared = compare(works, known, Rules())
    page = similarity_html(
        compared, [Unread(evil, evil)], assignment, Rules(), engine_version="0.1.0"
    )
    assert "<img" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "\\u001b" not in page  # nor as JSON writes it
    assert "\\u202e" not in page
    assert page.count("<script") == page.count("</script>") == 2
    row = pairs_csv(compared).split("\n")[1]
    assert row.startswith("\"'=cmd")


def test_the_page_shows_the_first_pairs_and_the_table_all(assignment: Assignment) -> None:
    text = {"vectors.py": many_lines(1, 40)}
    works = [work(f"s{i:02}", text) for i in range(21)]
    rules = Rules(common=1.0)
    compared = compare(works, [], rules)
    assert len(compared.pairs) == 210
    page = similarity_html(compared, [], assignment, rules, engine_version="0.1.0")
    assert page.count('<tr class="twosome"') == MOST_PAIRS == 200
    assert "200 pairs of 210; the rest is in similarity.csv" in page
    assert len(pairs_csv(compared).splitlines()) == 211
