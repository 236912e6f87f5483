"""Reports for a class: statistics against hand computation, the table, the page's text."""

from __future__ import annotations

import csv
import io
import json
import re

import numpy as np
import pytest

from autograder.reports.html import class_html, content_policy
from autograder.reports.payload import embed
from autograder.reports.statistics import class_statistics, histogram, quartiles
from autograder.reports.table import guard, scores_csv
from autograder.results import Message, Status
from tests.report_samples import PARTS, make_assignment, make_class, make_report, make_test

A, B, C = "first", "second", "third"


def small(*rows: str) -> list:
    """Reports from strings such as ``101``: one test a digit, in one part of four points."""
    statuses = {"1": Status.PASSED, "0": Status.WRONG, "s": Status.SKIPPED}
    statuses |= {"g": Status.GRADER_ERROR, "n": Status.NOT_ATTEMPTED}
    return [
        make_report(
            {"dot": [make_test(n, statuses[x], id=n) for n, x in zip((A, B, C), row, strict=True)]},
            f"s{i}",
            points={"dot": 3.0},
        )
        for i, row in enumerate(rows)
    ]


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_statistics_by_hand():
    stats = class_statistics(small("111", "110", "100", "000"))
    assert stats.scores == (0, 1, 2, 3)
    assert stats.mean == 1.5
    assert stats.quartiles == (0.75, 1.5, 2.25)
    assert stats.median == 1.5
    assert stats.histogram == (1, 0, 0, 1, 0, 0, 1, 0, 0, 1)
    assert [test.pass_rate for test in stats.tests] == [0.75, 0.5, 0.25]
    assert stats.parts[0].mean == 1.5
    assert stats.parts[0].pass_rate == 0.25
    assert stats.statuses == ((Status.WRONG, 3), (Status.PASSED, 1))
    # second: 1 1 0 0 against the other two, 2 1 1 0: covariance 1/4, deviations 1/2 and 1/sqrt 2
    assert stats.tests[1].discrimination == pytest.approx(0.5**0.5, abs=1e-15)


def test_statistics_agree_with_numpy():
    reports = [report for report in make_class(60, seed=3) if not report.has_grader_error]
    stats = class_statistics(reports)
    scores = np.array([report.score for report in reports])
    right = np.array(
        [[t.status is Status.PASSED for p in r.parts for t in p.tests] for r in reports], float
    )
    assert stats.mean == pytest.approx(scores.mean(), abs=1e-12)
    assert stats.quartiles == pytest.approx(np.percentile(scores, [25, 50, 75]), abs=1e-12)
    for at, test in enumerate(stats.tests):
        rest = right.sum(1) - right[:, at]
        expected = np.corrcoef(right[:, at], rest)[0, 1]
        assert test.discrimination == pytest.approx(expected, abs=1e-12)
        assert test.pass_rate == pytest.approx(right[:, at].mean(), abs=1e-12)


def test_discrimination_is_none_where_undefined():
    assert [t.discrimination for t in class_statistics(small("111", "111")).tests] == [None] * 3
    assert class_statistics(small("100", "010")).tests[2].discrimination is None
    assert class_statistics(small("110")).tests[0].discrimination is None


def test_skipped_and_grader_errors_count_for_no_test():
    first, *_ = class_statistics(small("s11", "g11", "011", "111")).tests
    assert (first.count, first.pass_rate) == (2, 0.5)


def test_difficulty_leaves_out_those_who_wrote_nothing():
    first, *_ = class_statistics(small("n11", "111", "011", "n11")).tests
    assert (first.pass_rate, first.difficulty) == (0.25, 0.5)
    assert class_statistics(small("n11")).tests[0].difficulty is None


def test_pending_reports_are_in_no_score():
    stats = class_statistics(small("111", "g00"))
    assert (stats.submissions, stats.pending, stats.scores) == (2, 1, (3.0,))
    assert stats.parts[0].count == 1


def test_an_empty_class_has_no_numbers():
    stats = class_statistics([])
    assert (stats.mean, stats.quartiles, stats.median, stats.tests) == (None, None, None, ())
    assert "no scores yet" in class_html([], make_assignment(), engine_version="1")


def test_bins_hold_their_lower_end_and_the_last_both():
    assert histogram([0, 0.3, 0.6, 0.7, 3], 3) == (1, 1, 2, 0, 0, 0, 0, 0, 0, 1)
    assert sum(histogram(np.linspace(0, 25, 101).tolist(), 25)) == 101
    assert quartiles([2.0]) == (2.0, 2.0, 2.0)


def test_a_student_counts_once_for_a_mistake():
    message = Message(looks_like="Sums.", mistake="dot.sums")
    twice = {"dot": [make_test("a", Status.WRONG, message=message, id=i) for i in (A, B)]}
    reports = [make_report(twice, "x"), make_report(twice, "y"), *small("111")]
    (mistake,) = class_statistics(reports).mistakes
    assert (mistake.id, mistake.part, mistake.says, mistake.count) == (
        "dot.sums",
        "dot",
        "Sums.",
        2,
    )


def test_the_order_of_the_reports_does_not_matter():
    reports = [
        make_report(
            {part: [make_test("a", Status.WRONG, message=Message(looks_like=part, mistake="m"))]},
            part,
        )
        for part in ("relu", "dot")
    ]
    assert class_statistics(reports) == class_statistics(reports[::-1])


def test_the_table_has_totals_scores_statuses_and_flags():
    report = make_report({"dot": [make_test(flags=("odd",))]}, "Åsa", flags=("late",))
    head, row = rows(scores_csv([report], make_assignment()))
    cells = dict(zip(head, row, strict=True))
    assert head[:3] == ["student", "total", "max"]
    assert head[3:] == [*PARTS, *(f"{name} status" for name in PARTS), "flags"]
    assert (cells["student"], cells["total"], cells["max"]) == ("Åsa", "2", "2")
    assert (cells["dot"], cells["dot status"], cells["relu"]) == ("2", "passed", "")
    assert cells["flags"] == "late; odd"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(start):
    report = make_report({"dot": [make_test()]}, f"{start}cmd|x", flags=(f"{start}flag",))
    _, row = rows(scores_csv([report], make_assignment()))
    assert row[0].startswith("'")
    assert row[-1].startswith("'")
    assert guard("plain") == "plain"


def test_pending_points_are_an_empty_cell_and_never_a_zero():
    report = make_report({"dot": [make_test(status=Status.GRADER_ERROR)], "relu": [make_test()]})
    head, row = rows(scores_csv([report], make_assignment()))
    cells = dict(zip(head, row, strict=True))
    assert (cells["total"], cells["dot"], cells["relu"]) == ("", "", "1")
    assert cells["dot status"] == "grader_error"
    assert cells["flags"].startswith("pending")


def page() -> str:
    return class_html(make_class(), make_assignment(), engine_version="0.1.0")


def test_the_same_reports_give_the_same_bytes_in_any_order():
    reports = make_class()
    backwards = list(reversed(reports))
    assert page() == class_html(backwards, make_assignment(), engine_version="0.1.0")
    assert scores_csv(reports, make_assignment()) == scores_csv(backwards, make_assignment())
    assert class_statistics(reports) == class_statistics(backwards)


def test_the_page_needs_no_network():
    text = re.sub(r'(?s)<script type="application/json".*?</script>', "", page())
    addresses = re.findall(r"https?://[^\s\"'<;)]+", text)
    assert set(addresses) <= {"http://www.w3.org/2000/svg", "http://example.org&#34"}
    assert not re.search(r"\b(src|href)=\"(?!#|data:)", text)
    assert "@import" not in text
    assert "url(" not in text


def test_the_page_lives_by_its_policy():
    text = page()
    script = text.rpartition("<script>")[2].partition("</script>")[0]
    style = text.partition("<style>")[2].partition("</style>")[0]
    policy = content_policy(script, style).replace("'", "&#39;")
    assert policy in text
    assert "default-src &#39;none&#39;" in policy
    assert "unsafe" not in policy
    assert " style=" not in text
    assert not re.search(r"\son[a-z]+=", text.partition("<main>")[2].partition('id="data"')[0])


def test_nothing_a_student_chose_is_live_in_the_page():
    text = page()
    assert text.count("<script") == 2
    assert text.count("</script") == 2
    assert "<img" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_a_name_has_no_control_characters_in_the_page():
    report = make_report({"dot": [make_test()]}, "a\x1b[31m\u202eb\nc")
    text = class_html([report], make_assignment(), engine_version="1")
    assert "a\\x1b[31m\\x202eb c</button>" in text
    assert not set("\x1b\u202e") & set(text)


def test_embedded_json_is_inert_and_whole():
    data = {"x": "</script><!-- & \u2028 é"}
    assert not set("<>&\u2028") & set(embed(data))
    assert json.loads(embed(data)) == data


def test_the_page_holds_all_that_staff_may_see():
    report = make_report(
        {"dot": [make_test("T", Status.WRONG, hidden=True, message=Message(got="14.0"))]},
        notes=("a note",),
        flags=("a flag",),
        output="printed",
    )
    text = class_html([report], make_assignment("title"), engine_version="0.1.0")
    data = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
    (student,) = data["students"]
    assert student["notes"] == ["a note"]
    assert student["flags"] == ["a flag"]
    assert student["output"] == "printed"
    assert student["parts"][0][5][0][2] == [["Got", "14.0"]]


def test_the_page_counts_how_parts_ended():
    text = class_html(small("111", "011", "111"), make_assignment(), engine_version="1")
    endings = text.partition('id="endings">')[2].partition("</p>")[0]
    assert re.findall(r"</svg>([^<]+)", endings) == ["passed 2", "wrong 1"]


def test_a_weak_sandbox_is_named():
    from dataclasses import replace

    reports = [replace(report, rung="process") for report in make_class(3)]
    text = class_html([*reports, *make_class(5)[3:]], make_assignment(), engine_version="1")
    assert "namespaces (2), process (3)" in text
    assert "Weak sandbox." in text
