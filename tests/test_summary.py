"""The sentence at the top of a card: product, payer, what is missing; at most 120 characters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from cdshooks.engine.model import Determination, Explanation, Finding, Gap, Outcome, Result, Section
from cdshooks.hooks.lines import grouped
from cdshooks.hooks.summary import LONGEST, summarise


def finding(criterion, outcome, label=None, group=None, leading=False, section=Section.DOCUMENTATION):
    return Finding(
        criterion, section, ("B.1",), outcome, "reason", "Ask.", "prescriber", label or criterion,
        group=group, leading=leading,
    )  # fmt: skip


def summary(library, result, *findings, product="Exempla", payer="Example Health", **said):
    found = Determination(result, tuple(findings))
    return summarise(found, product, payer, library.wording, **said)


def missing(*labels):
    return [finding(f"c{n}", Outcome.MISSING, label) for n, label in enumerate(labels)]


def test_what_is_missing_is_named_and_counted(example):
    text = summary(example, Result.DOCUMENTATION_MISSING, *missing("virus test", "marrow report", "letter"))
    assert text == (
        "Exempla · Example Health: 3 documents needed for prior approval — virus test, marrow report, letter"
    )


def test_one_document_is_one_document(example):
    text = summary(example, Result.DOCUMENTATION_MISSING, *missing("virus test"))
    assert text == "Exempla · Example Health: 1 document needed for prior approval — virus test"


def test_three_are_named_and_the_rest_are_a_number(example):
    text = summary(example, Result.DOCUMENTATION_MISSING, *missing("a", "b", "c", "d", "e"))
    assert text.endswith("5 documents needed for prior approval — a, b, c +2")


def test_fewer_are_named_when_there_is_no_room(example):
    long = "a document whose name is quite long indeed"
    text = summary(example, Result.DOCUMENTATION_MISSING, *missing(long, long + " too", "letter"))
    assert len(text) <= LONGEST
    assert long in text
    assert "+2" in text


def test_what_could_not_be_checked_is_said_beside_what_is_missing(example):
    text = summary(
        example, Result.DOCUMENTATION_MISSING, *missing("letter"), finding("x", Outcome.COULD_NOT_CHECK, "virus test")
    )
    assert "1 could not be checked" in text


def test_an_exclusion_is_named_first_and_the_documents_are_counted(example):
    prior = finding("prior", Outcome.NOT_MET, "earlier CAR-T", section=Section.EXCLUSIONS)
    text = summary(example, Result.EXCLUSION_FOUND, prior, *missing("letter", "virus"))
    assert text == "Exempla · Example Health: chart shows what the policy excludes — earlier CAR-T; 2 to obtain"


@pytest.mark.parametrize("count", [0, 1, 3])
def test_ready_says_how_many_points_are_for_a_person(example, count):
    asked = [finding(f"c{n}", Outcome.ATTEST) for n in range(count)]
    text = summary(example, Result.READY, *asked)
    assert "documents complete" in text
    assert f"{count} point{'' if count == 1 else 's'} " in text


def test_ready_says_when_the_indication_or_the_standing_is_not_confirmed(example):
    asked = finding("indication", Outcome.ATTEST)
    assert "indication not confirmed" in summary(example, Result.READY, asked)
    assert "standing unconfirmed" in summary(example, Result.READY, finding("x", Outcome.ATTEST), unconfirmed=True)
    both = summary(example, Result.READY, asked, unconfirmed=True)
    assert "indication" in both
    assert "standing" in both
    assert "not confirmed" in both


def test_what_leads_comes_before_everything(example):
    text = summary(example, Result.READY, finding("fda", Outcome.ATTEST, "FDA approval", leading=True))
    assert text.startswith("Exempla · Example Health: first confirm FDA approval")


def test_the_label_alone_is_no_policy(example):
    text = summary(example, Result.READY, finding("x", Outcome.ATTEST), label_only=True)
    assert "no policy on file" in text
    assert "documents complete" not in text


def test_what_is_no_policy_of_the_plan_asks_for_items_and_no_prior_approval(example):
    text = summary(example, Result.DOCUMENTATION_MISSING, *missing("ECOG", "LVEF"), of_plan=False)
    assert text == "Exempla · Example Health: 2 items to obtain — ECOG, LVEF"


def test_an_unread_payer_is_the_whole_message(example):
    assert "payer could not be read" in summary(example, Result.COULD_NOT_CHECK, no_payer="payer_unread")
    missing = finding("letter", Outcome.MISSING, "letter")
    assert "payer could not be read" in summary(example, Result.COULD_NOT_CHECK, missing, no_payer="payer_unread")


def test_findings_of_one_group_share_a_line(example):
    found = Determination(
        Result.DOCUMENTATION_MISSING,
        (
            finding("psych", Outcome.MISSING, "psychological evaluation", "evaluation"),
            finding("social", Outcome.MISSING, "social evaluation", "evaluation"),
            finding("letter", Outcome.MISSING, "letter", "letter"),
        ),
    )
    lines = grouped(found, example.wording, Outcome.MISSING)
    assert [line.short for line in lines] == ["psychosocial evaluation", "letter"]
    assert lines[0].cites == "B.1"
    assert len(lines[0].findings) == 2


def test_leading_lines_come_first(example):
    found = Determination(Result.READY, (finding("a", Outcome.ATTEST), finding("b", Outcome.ATTEST, leading=True)))
    assert [line.group for line in grouped(found, example.wording, Outcome.ATTEST)] == ["b", "a"]


names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=60)


@given(
    st.sampled_from(list(Result)),
    st.lists(st.tuples(st.sampled_from(list(Outcome)), names, st.booleans()), max_size=12),
    st.text(st.characters(categories=["L"]), min_size=1, max_size=20),
    st.text(st.characters(categories=["L"]), min_size=1, max_size=40),
    st.booleans(),
    st.booleans(),
)
def test_no_summary_is_longer_than_120_characters_or_keeps_a_blank(
    example, result, found, product, payer, unconfirmed, label_only
):
    findings = [finding(f"c{n}", outcome, label, leading=leading) for n, (outcome, label, leading) in enumerate(found)]
    findings.append(finding("indication", Outcome.ATTEST))
    text = summary(
        example, result, *findings, product=product, payer=payer, unconfirmed=unconfirmed, label_only=label_only
    )
    assert 0 < len(text) <= LONGEST
    assert "\0" not in text
    assert "\n" not in text
    assert text.startswith(product)


def test_the_target_card_s_summary_can_be_said(shipped):
    labels = ["HIV serology", "marrow biopsy", "psychosocial evaluation"]
    text = summary(shipped, Result.DOCUMENTATION_MISSING, *missing(*labels), product="Tecartus", payer="WellCare NC")
    assert text == (
        "Tecartus · WellCare NC: 3 documents needed for prior approval — "
        "HIV serology, marrow biopsy, psychosocial evaluation"
    )


def unsure(criterion, label, **fields):
    asked = finding(criterion, Outcome.ATTEST, label, **fields)
    return structs.replace(asked, explanation=Explanation(None, "asked", "titled “x”; confirm", Gap.ATTEST))


def test_a_paper_that_may_not_be_the_paper_is_named_before_all_is_called_complete(example):
    text = summary(example, Result.READY, unsure("letter", "letter"), finding("dose", Outcome.ATTEST, "dose"))
    assert text == "Exempla · Example Health: first confirm letter; rest on file"


def test_an_unconfirmed_indication_is_named_with_it(example):
    indication = finding("indication", Outcome.ATTEST, "indication", "indication", section=Section.COVERAGE)
    text = summary(example, Result.READY, indication, unsure("letter", "letter"), unconfirmed=True)
    assert "first confirm indication, letter; rest on file; policy standing unconfirmed" in text
