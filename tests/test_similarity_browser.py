"""The page of pairs in a real browser, from file://, with its content policy in force."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.course import find
from autograder.similarity import Rules, Unread, Work, compare, known_streams
from autograder.similarity.page import similarity_html
from autograder.similarity.tokens import stream
from tests.chrome import Chrome, missing
from tests.similarity_samples import AGATE, BERYL, CITRINE, disguised, written

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing()), reason=f"{missing()} not installed"),
]
EVIL = "# </script><img src=x onerror=alert(2)>\n"
FIRST = "tr.twosome[data-i='0']"


def make_page() -> str:
    """Four pairs: a group of three, and two."""
    assignment = find("01", Path(__file__).resolve().parent.parent)
    files = written(assignment, AGATE)
    files["vectors.py"] += EVIL
    works = {
        "agate": files,
        "<script>alert(1)</script>": disguised(files, 1),
        "amber": disguised(files, 2, add=0.2),
        "beryl": written(assignment, BERYL),
        "borax": disguised(written(assignment, BERYL), 3),
        "citrine": written(assignment, CITRINE),
    }
    compared = compare(
        [Work(name, texts, stream(texts)) for name, texts in works.items()],
        known_streams(assignment),
        Rules(),
    )
    lost = [Unread("galena", "It is damaged.")]
    return similarity_html(compared, lost, assignment, Rules(), engine_version="0.1.0")


@pytest.fixture(scope="module")
def chrome():
    with Chrome() as browser:
        yield browser


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("similarity") / "similarity.html"
    path.write_text(make_page(), encoding="utf-8")
    return path


@pytest.fixture
def page(chrome, path):
    """The page, freshly opened; afterwards its console must be empty."""
    chrome.log()
    chrome.open(path)
    yield chrome
    assert chrome.log() == []


def names(page) -> list[str]:
    return page.js(
        "return [...document.querySelectorAll('tr.twosome')].filter(r => r.offsetHeight)"
        ".map(r => r.cells[0].textContent + ' ' + r.cells[1].textContent)"
    )


def test_it_says_what_it_is(page):
    text = page.js("return document.querySelector('main').innerText")
    assert "A place to look, not a verdict" in text
    assert "galena It is damaged." in text
    assert len(names(page)) == 4


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_the_keyboard_opens_and_closes_a_pair(page, key):
    for wanted in ("true", "false"):
        page.type(f"{FIRST} button", key)
        state = f"return document.querySelector(\"{FIRST} button\").getAttribute('aria-expanded')"
        assert page.js(state) == wanted
    assert page.js("return document.querySelector('tr.detail').hidden") is True


def test_both_sides_are_there_in_full_and_marked(page):
    page.click(f"{FIRST} td.number")
    sides = page.js(
        "return [...document.querySelectorAll('.side')].map(s => ["
        "s.querySelector('h3').textContent, s.querySelectorAll('.exact').length,"
        " s.querySelectorAll('.text').length,"
        " [...s.querySelectorAll('.exact .text')].map(t => t.textContent).join('\\n')])"
    )
    assert len(sides) == 2
    for _, marked, lines, text in sides:
        assert 40 < marked < lines
        assert "dtype" not in text  # that is the stub's
    assert any("position" in text for *_, text in sides)


def test_a_stretch_leads_to_its_other_side(page):
    page.click(f"{FIRST} button")
    page.js("for (const pane of document.querySelectorAll('.pane')) pane.scrollTop = 0")
    last = page.js("return document.querySelectorAll('.stretches a').length") - 1
    assert last > 3
    page.js(
        "document.querySelectorAll('.pane')[0].querySelectorAll('.ref a')[arguments[0]].click()",
        last,
    )
    tops = page.js(
        "return [...document.querySelectorAll('.pane')].map(pane => {"
        " const row = pane.querySelector('.lit').firstElementChild.getBoundingClientRect();"
        " const box = pane.getBoundingClientRect(); return [row.top - box.top, box.height] })"
    )
    for top, height in tops:
        assert 0 <= top < height
    lit = page.js(
        "return [...document.querySelectorAll('.pane')].map(p => p.querySelectorAll('.lit').length)"
    )
    assert min(lit) > 0
    assert page.js("return document.querySelectorAll('.lit').length") == sum(lit)


def test_columns_sort_and_an_open_pair_stays_with_its_row(page):
    page.click(f"{FIRST} button")
    before = names(page)
    for column in range(1, 7):
        head = f"#pairs thead th:nth-child({column})"
        page.click(f"{head} button")
        first = page.js(f"return document.querySelector('{head}').getAttribute('aria-sort')")
        high = names(page)
        page.click(f"{head} button")
        assert (
            page.js(f"return document.querySelector('{head}').getAttribute('aria-sort')") != first
        )
        assert sorted(high) == sorted(names(page)) == sorted(before)
        assert high != names(page), column
    opened = page.js("return document.querySelector('tr.detail').previousElementSibling.dataset.i")
    assert opened == "0"


def test_search_finds_a_student_on_either_side(page):
    page.type("#search", "BERYL")
    assert names(page) == ["beryl borax"]
    assert page.js("return document.getElementById('shown').textContent") == "1 of 4 pairs"


def test_hostile_names_and_code_stay_text(page):
    page.js("document.querySelectorAll('tr.twosome button.open').forEach(b => b.click())")
    assert page.js("return document.querySelectorAll('tr.detail').length") == 4
    text = page.js("return document.querySelector('main').textContent")
    assert "<script>alert(1)</script>" in text
    assert EVIL.strip() in text
    assert page.js("return document.querySelectorAll('img').length") == 0
    assert page.js("return document.scripts.length") == 2


def test_no_sideways_scrolling_on_a_telephone(page):
    page.resize(400, 900)
    page.click(f"{FIRST} button")
    assert page.js("return document.documentElement.scrollWidth") == 400
    page.resize(1400, 1000)
