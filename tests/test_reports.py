"""Reports for one student: terminal, notebook, Markdown, and the words they share."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from io import StringIO

import pytest
from rich.console import Console

from autograder.reports.console import print_check, render_check
from autograder.reports.feedback import feedback_markdown, visible_lines
from autograder.reports.markdown import fence, prose
from autograder.reports.notebook import html_check
from autograder.reports.summary import advice, verdict
from autograder.reports.words import number, part_word, reason, word
from autograder.results import Message, Report, Status
from tests.report_samples import failing, make_assignment, make_class, make_report, make_test

ATTACK = "```\n<script>alert(1)</script> [a](javascript:x) **b** \x1b[31m @all http://evil.example"
MISTAKE = Message(
    "dot(a, b)", "14.0", "11.0", "3 too many", "Sums multiplied.", "dot.m", "By hand."
)


def wrong(**fields: object) -> object:
    return make_test("It adds up", Status.WRONG, message=MISTAKE, **fields)  # type: ignore[arg-type]


def console_text(report: Report, hidden_ran: bool = False, width: int = 80) -> str:
    out = StringIO()
    console = Console(file=out, width=width, no_color=True)
    print_check(report, make_assignment(), hidden_ran, console)
    return out.getvalue()


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_a_sentence_and_a_shape(status):
    shown = word(status)
    assert shown.sentence.endswith(".")
    assert shown.word
    assert len(shown.mark) == 1


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.PASSED])
def test_every_zero_has_its_reason_in_the_feedback(status):
    report = make_report({"dot": [make_test("It adds up", status, hidden=True, basic=True)]})
    text = feedback_markdown(report, make_assignment("title"))
    assert report.score == 0
    assert prose(reason(report.parts[0])) in text
    assert len(reason(report.parts[0])) > 20


def test_a_zero_for_a_basic_test_names_that_test():
    report = make_report({"dot": [make_test("Edge"), wrong(basic=True, hidden=True)]})
    assert "“It adds up”" in reason(report.parts[0])
    assert report.parts[0].score == 0


def test_a_part_without_tests_says_there_is_no_evidence():
    assert reason(make_report({"dot": []}).parts[0]).startswith("No test of this part ran")


def test_a_check_shows_the_lines_of_the_first_failure_and_what_is_next():
    text = console_text(make_report({"dot": [wrong(), wrong()], "relu": [make_test()]}))
    for label, line in MISTAKE.lines():
        assert re.search(rf"{label}\s+{re.escape(line)}", text)
    assert "1 more of its tests did not pass" in text
    assert "course hint 01 dot" in text
    assert "1 of 3 public tests pass; the hidden ones run when it is graded." in text


def test_a_check_never_says_all_passed_when_hidden_tests_did_not_run():
    report = make_report({"dot": [make_test()]})
    for text in (console_text(report), html_check(report, make_assignment(), False)):
        assert "Public tests pass; the hidden ones run when it is graded." in " ".join(text.split())
        assert "all" not in text.lower().split()
    assert verdict(report, True) == "Tests, public and hidden, pass."


def test_nothing_ran_is_no_pass():
    for tests in ([], [make_test(status=Status.SKIPPED)]):
        text = verdict(make_report({"dot": tests}), False)
        assert "nothing is known yet" in text


def test_skipped_tests_are_counted_out_loud():
    tests = [make_test(), make_test(status=Status.SKIPPED)]
    assert "(1 skipped)" in verdict(make_report({"dot": tests}), True)


def test_advice_starts_with_what_other_parts_rest_on():
    parts = {"network": [wrong()], "layer": [wrong()]}
    assert advice(make_report(parts), make_assignment())[-1] == "course hint 01 layer"
    assert "it calls layer, which fails too" in console_text(make_report(parts))
    backwards = replace(make_assignment(), parts=make_assignment().parts[::-1])
    assert advice(make_report(parts), backwards)[-1] == "course hint 01 layer"


def test_parts_not_written_yet_are_no_wall_of_failures():
    text = console_text(make_class()[5])
    assert "NotImplementedError" not in text
    assert "Write dot in vectors.py (about 5 minutes)." in text


@pytest.mark.parametrize("width", [60, 80])
def test_a_check_fits_its_width_and_needs_no_colour(width):
    for report in make_class():
        text = console_text(report, width=width)
        assert "\x1b" not in text
        assert max(map(len, text.splitlines())) <= width
        whole = "".join(text.split())
        for part in report.parts:
            assert part_word(part).word.replace(" ", "") in whole
            test = part.first_failure
            if test and test.status is not Status.NOT_ATTEMPTED:
                for _, line in test.message.lines():
                    assert "".join(line.split()) in whole


def test_a_check_shows_no_markup_or_escapes_of_the_student():
    message = Message(got="[red]x[/red] \x1b[31m")
    report = make_report({"dot": [make_test("T", Status.WRONG, message=message)]})
    out = StringIO()
    Console(file=out, width=80, force_terminal=True).print(
        render_check(report, make_assignment(), False)
    )
    assert "[red]x[/red] \\x1b[31m" in out.getvalue()


def test_a_notebook_check_escapes_what_the_student_chose():
    message = Message(called=ATTACK, got="<img src=x onerror=alert(1)>")
    report = make_report({"dot": [make_test("T", Status.WRONG, message=message)]})
    text = html_check(report, make_assignment(), False)
    assert "<script" not in text
    assert "<img" not in text
    assert "\x1b" not in text


def test_a_notebook_check_takes_the_colours_of_its_page():
    text = html_check(make_report({"dot": [wrong()]}), make_assignment(), False)
    tables = re.findall(r"<table[^>]*>", text)
    assert len(tables) == 2
    assert all("color:inherit" in table for table in tables)
    assert "background:#" not in text


def test_policy_decides_what_hidden_tests_say():
    hidden = wrong(hidden=True)
    assert visible_lines(hidden, "title") == []
    assert [label for label, _ in visible_lines(hidden, "message")] == ["Looks like", "Try"]
    assert visible_lines(hidden, "full") == MISTAKE.lines()
    for policy in ("title", "message", "full"):
        assert visible_lines(wrong(), policy) == MISTAKE.lines()


@pytest.mark.parametrize("policy", ["title", "message", "full"])
def test_feedback_keeps_to_the_policy(policy):
    report = make_report({"dot": [make_test("Public"), wrong(hidden=True)]})
    text = feedback_markdown(report, make_assignment(policy))
    assert "It adds up" in text
    assert ("Sums multiplied" in text) == (policy != "title")
    assert ("By hand" in text) == (policy != "title")
    assert ("14.0" in text) == (policy == "full")


def test_a_grader_error_is_not_charged():
    report = make_report({"dot": [make_test(status=Status.GRADER_ERROR)], "relu": [make_test()]})
    text = feedback_markdown(report, make_assignment())
    assert "pending" in text
    assert "not your fault" in text
    assert "0 of 2" not in text
    assert "| pending / 2 |" in text
    assert "not your fault" in console_text(report)


def test_a_code_fence_cannot_be_broken_out_of():
    body = fence("```\n````\n# out")
    assert body.startswith("`````text\n")
    assert body.endswith("\n`````")
    assert not re.search(r"^`{5,}", body.partition("\n")[2].rpartition("\n")[0], re.M)


def test_feedback_holds_no_live_markup_of_the_student():
    markdown = pytest.importorskip("markdown_it").MarkdownIt("gfm-like", {"linkify": False})
    message = Message(called=ATTACK, got=ATTACK, looks_like=ATTACK, attempt=ATTACK)
    tests = [make_test("T", Status.WRONG, message=message)]
    for name in (ATTACK, "# head", "- item", "1. item", "| cell", "    code", "> q", "a\n\n# b"):
        report = make_report({"dot": tests}, name, notes=(name,))
        text = feedback_markdown(report, make_assignment())
        html = markdown.render(text)
        assert "\x1b" not in text
        assert not re.search(r"<(script|a|img|blockquote|em|ol)\b", html)
        assert html.count("<h1>") == 1
        assert html.count("<li>") == 1
        assert html.count("<pre>") == 1
        assert "http://" not in re.sub(r"(?s)```.*?\n`{3,}\n", "", text)


@pytest.mark.parametrize("status", list(Status))
def test_a_check_gives_the_reason_of_every_status_that_is_no_wrong_value(status):
    report = make_report({"dot": [make_test("T", status, message=failing("dot", status))]})
    quiet = (Status.PASSED, Status.WRONG, Status.SKIPPED, Status.NOT_ATTEMPTED)
    pages = (console_text(report), unescape(html_check(report, make_assignment(), False)))
    for text in pages:
        assert word(status).word in text
        shown = word(status).sentence.replace(" ", "") in "".join(text.split())
        assert shown == (status not in quiet)


@pytest.mark.parametrize(
    ("value", "text"),
    [(4.0, "4"), (2.5, "2.5"), (10.0, "10"), (3.3333, "3.33"), (0.0, "0"), (-0.001, "0")],
)
def test_numbers_have_no_needless_zeros(value, text):
    assert number(value) == text
