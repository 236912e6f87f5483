"""The page of a class in a real browser, from file://, with its content policy in force."""

from __future__ import annotations

import pytest

from autograder.reports.html import class_html
from tests.chrome import Chrome, missing
from tests.report_samples import make_assignment, make_class

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing()), reason=f"{missing()} not installed"),
]
NAMES = "return [...document.querySelectorAll('tr.student button.open')].map(b => b.textContent)"
ORDER = (
    "return [...document.querySelectorAll('tr.student')]"
    ".map(r => [r.cells[1].dataset.v, r.dataset.i])"
)
ROW = "tr.student[data-i='4']"


@pytest.fixture(scope="module")
def chrome():
    with Chrome() as browser:
        yield browser


@pytest.fixture
def page(chrome, tmp_path):
    """The page, freshly opened; afterwards its console must be empty."""
    path = tmp_path / "class.html"
    path.write_text(
        class_html(make_class(), make_assignment(), engine_version="0.1.0"), encoding="utf-8"
    )
    chrome.log()
    chrome.open(path)
    yield chrome
    assert chrome.log() == []


def expanded(page) -> str:
    return page.js(f"return document.querySelector(\"{ROW} button\").getAttribute('aria-expanded')")


def test_a_click_opens_a_row_and_closes_it(page):
    assert page.js("return document.querySelectorAll('tr.detail').length") == 0
    page.click(f"{ROW} td.score")
    assert expanded(page) == "true"
    text = page.js("return document.querySelector('tr.detail').innerText")
    assert "First difference" in text
    assert page.js(f'return document.querySelector("{ROW}").nextElementSibling.id') == "detail-4"
    page.click(f"{ROW} td.score")
    assert expanded(page) == "false"
    assert page.js("return document.querySelector('tr.detail').hidden") is True


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_the_keyboard_opens_a_row(page, key):
    page.type(f"{ROW} button", key)
    assert expanded(page) == "true"
    page.type(f"{ROW} button", key)
    assert expanded(page) == "false"


def test_a_column_head_sorts_stably_and_says_so(page):
    before = page.js(ORDER)
    page.click(f"{ROW} button")
    head = "#students thead th:nth-child(2)"
    for direction, sign in (("descending", -1), ("ascending", 1)):
        page.click(f"{head} button")
        now = page.js(f"return document.querySelector('{head}').getAttribute('aria-sort')")
        assert now == direction
        after = page.js(ORDER)
        before = sorted(before, key=lambda row: sign * float(row[0]) if row[0] else float("inf"))
        assert after == before
    opened = page.js("return document.querySelector('tr.detail').previousElementSibling.dataset.i")
    assert opened == "4"


def test_names_sort_and_every_table_does(page):
    page.click("#students thead th:first-child button")
    names = page.js(NAMES)
    page.click("#students thead th:first-child button")
    assert page.js(NAMES) == names[::-1]
    for table, columns in (("parts", 3), ("mistakes", 3), ("tests", 6)):
        first = f"return document.querySelector('#{table} tbody tr').innerText"
        for column in range(1, columns + 1):
            page.click(f"#{table} thead th:nth-child({column}) button")
            high = page.js(first)
            page.click(f"#{table} thead th:nth-child({column}) button")
            assert page.js(first) != high, (table, column)


def test_search_filters_students(page):
    page.type("#search", "ERIKSEN")
    visible = page.js(
        "return [...document.querySelectorAll('tr.student')].filter(r => r.offsetHeight)"
        ".map(r => r.querySelector('button').textContent)"
    )
    expected = [report.student for report in make_class() if "Eriksen" in report.student]
    assert sorted(visible) == sorted(expected)
    status = page.js("return document.getElementById('shown').textContent")
    assert status == f"{len(expected)} of 35 students"


def test_a_flag_leads_to_its_student(page):
    page.click("button[data-open]")
    assert page.js("return document.activeElement.getAttribute('aria-expanded')") == "true"
    assert "_getframe" in page.js("return document.querySelector('tr.detail').innerText")


def test_hostile_names_and_output_stay_text(page):
    page.js("document.querySelectorAll('tr.student button.open').forEach(b => b.click())")
    assert page.js("return document.querySelectorAll('tr.detail').length") == 35
    assert "<script>alert(1)</script>" in page.js(NAMES)
    text = page.js("return document.querySelector('.output pre').textContent")
    assert "</script><img src=x onerror=alert(2)>" in text
    assert page.js("return document.querySelectorAll('img').length") == 0
    assert page.js("return document.scripts.length") == 2


def test_the_policy_stops_a_script_that_got_in(chrome, tmp_path):
    path = tmp_path / "attacked.html"
    text = class_html(make_class(3), make_assignment(), engine_version="0.1.0")
    path.write_text(text.replace("</main>", "<script>window.hit = 1</script></main>"), "utf-8")
    chrome.open(path)
    assert chrome.js("return window.hit ?? null") is None
    assert any("Content Security Policy" in entry["message"] for entry in chrome.log())


def test_no_sideways_scrolling_on_a_telephone(page):
    page.resize(400, 900)
    assert page.js("return document.documentElement.scrollWidth") == 400
    page.resize(1400, 1000)
