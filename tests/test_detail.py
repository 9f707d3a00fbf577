"""The card's detail: most important first, complete without markup, at most 1800 characters."""

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parts import (
    NPI,
    answer_to,
    asked_service,
    bundle,
    cards_of,
    concept,
    condition,
    coverage,
    document,
    drug_order,
    full_chart,
    medication,
    observation,
    order_of,
    patient,
    prefetch_of,
    report,
)
from tales import shipped_library, tale

from cdshooks.cli.edits import apply_state
from cdshooks.engine.model import Determination, Explanation, Finding, Gap, Outcome, Result, Section
from cdshooks.hooks.detail import LONGEST, Subject, write_detail
from cdshooks.hooks.request import read_request
from cdshooks.hooks.service import answer

AS_OF = date(2026, 11, 21)
SIGNING = ("cart-order-sign", "order-sign")


def detail(library, *orders, **fields):
    (card,) = cards_of(answer_to(library, *orders, **fields))
    return card["detail"]


def sent(*resources, **more):
    return prefetch_of(patient(), coverage(), *resources) | more


def lines_under(text, title):
    """The lines of the block under a bold title."""
    block = next(block for block in text.split("\n\n") if block.startswith(f"**{title}**"))
    return block.split("\n")[1:]


def test_what_is_missing_says_what_was_looked_for_and_what_would_settle_it(example):
    lines = lines_under(detail(example, prefetch=sent(observation(day="2026-06-30"))), "Needed before you submit")
    virus = next(line for line in lines if "Virus test" in line)
    assert "2026-06-30" in virus
    assert "must be dated after 2026-08-21" in virus
    assert "To count at the infusion too: 2026-09-02 or later." in virus
    assert virus.endswith("[B.1]")
    marrow = next(line for line in lines if "Marrow report" in line)
    assert "2026-05-21 or later" in marrow


def test_what_could_not_be_read_stands_above_what_is_missing_and_names_what_hangs_on_it(example):
    prefetch = sent()
    del prefetch["observations"]
    text = detail(example, prefetch=prefetch)
    assert text.index("**Could not be read**") < text.index("**Needed before you submit**")
    (line,) = lines_under(text, "Could not be read")
    assert "observations not sent" in line
    assert "virus test" in line.lower()
    assert "[B.1]" in line


GIVEN = {"given": bundle(medication(code="900011", id_="m1"))}


def test_an_exclusion_stands_first_and_says_what_can_be_done(example):
    text = detail(example, prefetch=sent(*full_chart(), **GIVEN))
    assert text.startswith("**The chart shows what the policy excludes**")
    assert "peer-to-peer" in text


def test_an_override_is_said_with_its_paragraph(example):
    young = {"patient": patient(birth="2006-05-05")}
    text = detail(example, prefetch=sent(*full_chart(), **GIVEN) | young)
    assert text.startswith("**For the plan's reviewer**")
    assert "Under 21: limits may be exceeded. [C.2]" in text


def test_nothing_that_is_on_file_takes_a_line_of_its_own(example):
    text = detail(example, prefetch=sent(*full_chart()))
    filed = [line for line in text.splitlines() if "On file" in line]
    assert len(filed) == 1
    for label in ("FDA approval", "letter of need", "virus test", "marrow report"):
        assert label in filed[0]


def test_when_all_is_there_what_lapses_first_is_said(example):
    text = detail(example, prefetch=sent(*full_chart()))
    assert "virus test counts until 2027-01-19" in text


def test_at_most_four_lines_are_for_a_person(example):
    text = detail(example, prefetch=sent(*full_chart()))
    assert 1 <= len(lines_under(text, "Only you can confirm")) <= 4


def test_the_last_line_names_policy_version_standing_and_what_this_is_not(example):
    last = detail(example, prefetch=sent()).split("\n\n")[-1]
    assert "EX.1, version 2026-01 (assumed start), service on 2026-12-01." in last
    assert "Example law controls where it differs." in last
    assert last.endswith("A documentation check, not a coverage decision.")


def test_an_unconfirmed_standing_is_said_under_what_is_missing(example):
    order = drug_order(day="2027-01-01")
    text = detail(example, order, prefetch=sent())
    blocks = text.split("\n\n")
    needed = next(n for n, block in enumerate(blocks) if block.startswith("**Needed"))
    assert blocks[needed + 1] == "Policy standing: not confirmed from 2027-01-01."
    assert "Policy standing" not in detail(example, prefetch=sent())


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("2026-11-01", "lies in the past"),
        ("2028-01-01", "more than a year ahead"),
        ("2026-12", "only as 2026-12"),
        (None, "no infusion date"),
    ],
)
def test_a_service_date_worth_a_word_is_said_once(example, day, words):
    assert detail(example, drug_order(day=day), prefetch=sent()).count(words) == 1


def test_why_no_rems_is_asked_for_is_said_only_where_there_was_one(example):
    assert "2026-06-27" in detail(example, prefetch=sent())
    assert "REMS" not in detail(example, drug_order("900011"), prefetch=sent())


def test_sensitive_records_are_a_number(example):
    private = [condition(concept("private-matter", text="Secret"), f"secret{n}") for n in (1, 2)]
    text = detail(example, prefetch=sent(*full_chart(), *private))
    assert "2 records to review in the chart" in text
    assert "ecret" not in text
    one = detail(example, prefetch=sent(*full_chart(), private[0]))
    assert "1 record to review in the chart" in one


def test_recognition_by_name_alone_is_said(example):
    text = detail(example, drug_order({"text": "Exempla"}), prefetch=sent(*full_chart()))
    assert "recognised by name only" in text


def test_the_centre_of_the_order_is_named_with_its_roster(example):
    order = drug_order(dispenseRequest={"performer": {"identifier": {"system": NPI, "value": "1000000001"}}})
    assert "Example Hospital" in detail(example, order, prefetch=sent(*full_chart()))
    unknown = drug_order(dispenseRequest={"performer": {"display": "Unknown Clinic"}})
    assert "Unknown Clinic: not verified" in detail(example, unknown, prefetch=sent(*full_chart()))


# ---- whatever the findings are ----


def subject(library, **fields):
    policy = library.in_force("example-health/gene-therapy", date(2026, 12, 1))
    return Subject(**{"product": "Exempla", "payer": "Example Health", "order": order_of(), "policy": policy} | fields)


words = st.sampled_from(
    ["a", "some words", "long " * 30, "longer words " * 60, "1. x", "- x", "**x**", "ü · “x”", "x" * 500]
)


@st.composite
def determinations(draw):
    findings = []
    for number in range(draw(st.integers(0, 20))):
        outcome = draw(st.sampled_from(list(Outcome)))
        reason = draw(words)
        findings.append(
            Finding(
                f"c{number}",
                draw(st.sampled_from(list(Section))),
                ("B.1", "B.2")[: draw(st.integers(1, 2))],
                outcome,
                reason,
                draw(words),
                "prescriber",
                draw(words),
                counts_until=draw(st.sampled_from([None, date(2027, 1, 1)])),
                notes=tuple(draw(st.lists(words, max_size=3))),
                leading=draw(st.booleans()),
                to_review=draw(st.integers(0, 3)),
                group=draw(st.sampled_from([None, "letter", "evaluation", "other", "label"])),
                explanation=Explanation(None, "sentence", reason, Gap.ATTEST),
            )
        )
    refused = any(finding.outcome is Outcome.NOT_MET for finding in findings)
    result = draw(st.sampled_from(list(Result)[:3] if refused else list(Result)[3:]))
    return Determination(result, tuple(findings), notes=("Under 21.",), overridden_by=("C.2",))


@given(determinations(), st.lists(words, max_size=3))
def test_no_detail_is_too_long_and_the_last_line_always_stands(example, found, notes):
    text = write_detail(found, subject(example, notes=tuple(notes)), example.wording)
    assert len(text) <= LONGEST == 1800
    assert text.endswith("A documentation check, not a coverage decision.")
    assert text.count("\n\n\n") == 0


EVERY_GAP = [("empty",), ("failed",), ("empty", "failed"), ("failed", "empty")]


def names_of(finding, library):
    """How a card may call a finding: by its own label or by that of its group."""
    key = f"group.{finding.group}"
    return [finding.label, *([library.wording.say(key)] if finding.group and library.wording.has(key) else [])]


@pytest.mark.parametrize("states", EVERY_GAP)
@pytest.mark.parametrize("story", ["mcl-blue-plan", "mcl-complete", "prior-kymriah", "mm-abecma-ndc11"])
def test_every_open_point_is_named_on_the_card_whatever_is_empty_or_failed(story, states):
    library, body = shipped_library(), tale(story)
    for number, key in enumerate(key for key in body["prefetch"] if key not in ("patient", "coverage")):
        apply_state(body, key, states[number % len(states)])
    answered = answer(read_request(json.dumps(body).encode(), *SIGNING), library, AS_OF)
    for told in answered.determinations:
        text, shown = told.card["detail"], [Outcome.MISSING, Outcome.STALE, Outcome.COULD_NOT_CHECK]
        assert len(text) <= LONGEST
        assert not [line for line in text.splitlines() if line.strip(" -") == "…"]
        open_ = [finding for finding in told.determination.findings if finding.outcome in shown]
        assert [f.label for f in open_ if not any(name.lower() in text.lower() for name in names_of(f, library))] == []
        assert ("Guide: failed prior therapies." in text) == (story == "mcl-blue-plan")


PAYLOADS = [
    "<img src=x onerror=alert(1)>",
    "[x](https://evil.example)",
    "![x](https://evil.example)",
    "**bold** _x_ `c` ~~s~~",
    "| a | b |\n|---|---|",
    "a\n\n# heading\n- item",
    "https://evil.example www.evil.example me@evil.example",
    "> quote",
    "{product} {0}",
]


def hostile(payload):
    """Every text of a chart that can reach a card is the payload."""
    name = {"text": payload}
    return [
        condition(concept("alpha", text=payload), "c1", recordedDate="2026-01-01"),
        condition(concept("beta", text=payload), "c2"),
        observation(None, code=concept("virus-ab", text=payload), id_="o1", valueString=payload),
        observation(None, "2026-01-01", concept("virus-ab", text=payload), "o2", valueString="Negative"),
        report(id_="r1", conclusion=payload, code=concept("marrow-report", text=payload)),
        document("letter", f"Medical necessity {payload}", description=f"medical necessity {payload}"),
        medication(code={"text": f"Sampla {payload}"}, id_="m1"),
        medication("MedicationStatement", {"text": f"Sampla {payload}"}, id_="m2"),
        asked_service(code=concept("own-transplant", text=payload), day="2027-12-01"),
        condition(concept("infection", text=payload), "c3"),
        {**condition("alpha", "c9"), "code": name},
    ]


MARKERS = ["1. ordered", "- bullet", "+ bullet"]


@pytest.mark.parametrize("payload", [*PAYLOADS, *MARKERS])
def test_no_chart_text_starts_markup_a_line_or_a_link(example, payload):
    order = drug_order(
        code={"coding": [{"system": "x", "code": payload, "display": payload}], "text": f"Exempla {payload}"},
        dispenseRequest={"performer": {"display": payload}},
    )
    chart = hostile(payload)
    for payer in ("Example Health Plan", payload, None):
        prefetch = prefetch_of(patient(), *([coverage(payer)] if payer else []), *chart)
        for card in cards_of(answer_to(example, order, prefetch=prefetch)):
            text = card["detail"]
            for part in ("<", ">", "](", "![", "`", "~~", "|", "://", "@", "www.", "{", "}", "# "):
                assert part not in text, (part, text)
            for line in text.splitlines():
                bare = line.removeprefix("- ").removeprefix("**")
                assert not bare.startswith(("1. ", "- ", "+ ", "* ", "#", "=", "    ", "\t")), line
            assert text.count("**") % 2 == 0
            assert "*" not in text.replace("**", "")
            for part in ("<", ">", "](", "\n"):
                assert part not in card["summary"]


def test_the_whole_call_fits_even_with_long_chart_text(example):
    long = "x y " * 2000
    order = drug_order({"text": f"Exempla {long}"}, dispenseRequest={"performer": {"display": long}})
    for card in cards_of(answer_to(example, order, prefetch=prefetch_of(patient(), coverage(long), *hostile(long)))):
        assert len(card["detail"]) <= 1800
        assert len(card["summary"]) <= 120


def test_without_a_policy_the_last_line_still_says_what_this_is_not(example):
    text = write_detail(Determination(Result.COULD_NOT_CHECK, ()), subject(example, policy=None), example.wording)
    assert text == "A documentation check, not a coverage decision."
