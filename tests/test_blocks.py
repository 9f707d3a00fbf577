"""Blocks of a card's detail: what is open is shortened so that it can still be acted on."""

import pytest

from cdshooks.hooks.blocks import Block, Point, Several, capital

LABS = Point(
    "Organ-function labs",
    "no value of creatinine found; no value of bilirubin found; no value of platelets found.",
    "Attach recent labs: kidney, liver, blood counts.",
    "DOC.3, DEN.2",
)


def test_a_point_that_fits_says_all_of_it():
    assert LABS.render(400) == f"**{LABS.label}** – {LABS.found} {LABS.ask} [{LABS.cites}]"


@pytest.mark.parametrize("longest", range(100, 190, 7))
def test_what_would_settle_a_point_outlives_what_was_found(longest):
    line = LABS.render(longest)
    assert len(line) <= longest
    assert line.startswith("**Organ-function labs** – ")
    assert line.endswith(f"{LABS.ask} [DOC.3, DEN.2]")


@pytest.mark.parametrize("longest", [10, 60, 80])
def test_the_name_and_the_paragraphs_of_a_point_are_never_cut(longest):
    line = LABS.render(longest)
    assert line.startswith("**Organ-function labs** – Attach recent")
    assert line.endswith("… [DOC.3, DEN.2]")


def test_a_point_that_asks_nothing_says_what_was_found():
    unread = Point("Virus test", "observations not sent.", "", "B.1")
    assert unread.render(400) == "**Virus test** – observations not sent. [B.1]"
    assert unread.render(20) == "**Virus test** – observations not sent. [B.1]"


@pytest.mark.parametrize(
    ("text", "capitalised"), [("ready", "Ready"), ("a paper", "A paper"), ("t(11;14)", "t(11;14)"), ("", "")]
)
def test_a_line_begins_with_a_capital_letter_unless_a_formula_does(text, capitalised):
    assert capital(text) == capitalised


def test_a_whole_block_is_never_cut():
    sentence = "This is an appeal guide, not the plan's policy."
    assert Block("", (sentence,), bullets=False, whole=True).render(10) == sentence


SEVERAL = Several("Also:", (("adherence", "II.E, II.F"), ("label warnings", "I.B.4"), ("dose", "I.B.2, II.E")))


@pytest.mark.parametrize(
    ("longest", "line"),
    [
        (80, "Also: adherence [II.E, II.F]; label warnings [I.B.4]; dose [I.B.2, II.E]"),
        (70, "Also: adherence [II.E, II.F]; label warnings [I.B.4]; +1 [I.B.2, II.E]"),
        (69, "Also: adherence [II.E, II.F]; +2 [I.B.4, I.B.2, II.E]"),
        (10, "Also: adherence [II.E, II.F]; +2 [I.B.4, I.B.2, II.E]"),
    ],
)
def test_of_several_things_the_last_are_counted_and_their_paragraphs_kept(longest, line):
    assert SEVERAL.render(longest) == line
    assert Block("", (SEVERAL,)).render(longest) == f"- {line}"


def test_things_without_paragraphs_are_counted_alone():
    assert Several("On file:", (("a", ""), ("b", ""), ("c", "")), ", ").render(14) == "On file: a, +2"


def test_the_name_of_a_record_goes_before_what_is_wrong_with_it():
    point = Point("Anti-HCV", "Hepatitis C virus Ab in Serum, 2026-11-05: rejected.", "Draw it.", "BG.C")
    assert point.render(70) == "**Anti-HCV** – 2026-11-05: rejected. Draw it. [BG.C]"


def test_a_line_is_cut_behind_a_clause_where_one_ends_late_enough():
    block = Block("", ("the label names children; adults after two or more lines of therapy [I.B.1]",))
    assert block.render(50) == "- the label names children; … [I.B.1]"
    assert block.render(67) == "- the label names children; adults after two or more lines… [I.B.1]"
