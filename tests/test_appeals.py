"""The appeal clock: rules of the library, the type of plan, and the card for a denial."""

import json
from datetime import date
from pathlib import Path

import pytest
import yaml

from cdshooks.engine.appeals import plan_types
from cdshooks.engine.library import LibraryError, load_library
from cdshooks.hooks.request import read_request
from cdshooks.hooks.service import answer

ROOT = Path(__file__).parents[1]
AS_OF = date(2026, 11, 21)
DENIED = date(2026, 11, 2)
INSURED, ADVANTAGE, SELF_FUNDED = "commercial-insured-nc", "medicare-advantage", "self-funded-erisa"
MANAGED, DIRECT, OTHER = "nc-medicaid-managed-care", "nc-medicaid-direct", "rules-not-on-file"
EVERY = [INSURED, ADVANTAGE, DIRECT, MANAGED, OTHER, SELF_FUNDED]
COMMERCIAL = [INSURED, SELF_FUNDED]


def rule_of(library, plan, rule):
    (found,) = (r for p in library.plan_types if p.id == plan for r in p.rules if r.id == rule)
    return found


# ---- rules


@pytest.mark.parametrize(
    ("plan", "rule", "length", "due", "grade"),
    [
        ("nc-medicaid-managed-care", "appeal", "60 days", "2027-01-01", "A"),
        ("nc-medicaid-direct", "fair-hearing", "30 days", "2026-12-02", "A"),
        ("nc-medicaid-managed-care", "decision", "30 days", "2026-12-21", "A"),
        ("nc-medicaid-managed-care", "fair-hearing", "120 days", None, "A"),
        ("nc-medicaid-managed-care", "expedited", "72 hours", "2026-11-24", "none"),
        ("commercial-insured-nc", "appeal", "180 days", "2027-05-01", "A"),
        ("commercial-insured-nc", "decision-pre-service", "30 days", "2026-12-21", "A"),
        ("commercial-insured-nc", "decision-post-service", "60 days", "2027-01-20", "A"),
        ("commercial-insured-nc", "external-review", "120 days", None, "A"),
        ("self-funded-erisa", "appeal", "180 days", "2027-05-01", "A"),
        ("self-funded-erisa", "external-review", "4 months", None, "B"),
        ("medicare-advantage", "appeal", "65 days", "2027-01-06", "B"),
        ("medicare-advantage", "decision-pre-service", "30 days", "2026-12-21", "A"),
        ("medicare-advantage", "decision-post-service", "60 days", "2027-01-20", "A"),
        ("medicare-advantage", "expedited", "72 hours", "2026-11-24", "A"),
    ],
)
def test_each_rule_has_its_length_its_day_and_its_grade(shipped, plan, rule, length, due, grade):
    found = rule_of(shipped, plan, rule)
    came = found.due(DENIED, AS_OF)
    assert (found.length, str(came) if came else None, found.grade) == (length, due, grade)
    assert found.sources


def test_the_length_in_words_is_the_length_that_is_counted(shipped):
    units = {"days": "D", "months": "M"}
    for plan in shipped.plan_types:
        for rule in plan.rules:
            if rule.within and not rule.length.endswith("hours"):
                number, unit = rule.length.split()
                assert rule.within.text == f"P{number}{units[unit]}", (plan.id, rule.id)


def test_every_paragraph_of_the_appeal_clock_is_cited(shipped):
    rules = [*shipped.answer_sets.rules, *(rule for plan in shipped.plan_types for rule in plan.rules)]
    assert {p for rule in rules for p in rule.cite} == {f"APP.{n}" for n in range(1, 6)}


def test_without_the_day_of_the_denial_no_day_is_counted_from_it(shipped):
    assert rule_of(shipped, "medicare-advantage", "appeal").due(None, AS_OF) is None


@pytest.mark.parametrize(
    ("use", "rules"),
    [
        ("preauthorization", ["decision-pre-service"]),
        ("predetermination", ["decision-pre-service"]),
        ("claim", ["decision-post-service"]),
        ("", ["decision-pre-service", "decision-post-service"]),
    ],
)
def test_before_and_after_the_service_have_their_own_clocks(shipped, use, rules):
    (plan,) = (p for p in shipped.plan_types if p.id == "self-funded-erisa")
    assert [r.id for r in plan.rules if r.stage and r.applies(use)] == rules


# ---- the type of plan


@pytest.mark.parametrize(
    ("texts", "program", "told"),
    [
        (["WellCare of North Carolina"], "nc-medicaid", ["nc-medicaid-managed-care"]),
        (["Healthy Blue"], "", ["nc-medicaid-managed-care"]),
        (["AmeriHealth Caritas", "NC Medicaid Managed Care"], "", ["nc-medicaid-managed-care"]),
        (["Blue Medicare Advantage"], "", ["medicare-advantage"]),
        (["WellCare Medicare"], "", ["medicare-advantage"]),
        (["Example Mills", "Self-Funded PPO"], "", ["self-funded-erisa"]),
        (["Blue Cross and Blue Shield of North Carolina", "self-insured"], "", ["self-funded-erisa"]),
        (["Blue Cross and Blue Shield of North Carolina", "Fully Insured PPO"], "", ["commercial-insured-nc"]),
        (["Blue Cross NC", "ASO"], "", [SELF_FUNDED]),
        (["UnitedHealthcare", "Dual Complete HMO D-SNP (Medicare and Medicaid)"], "", [ADVANTAGE]),
        (["NC Medicaid Direct"], "", [DIRECT]),
        (["NC Medicaid, fee for service"], "", [DIRECT]),
        (["Medicare", "Part B"], "", [OTHER]),
        (["Aetna", "Medicare Supplement Plan G"], "", [OTHER]),
        (["Blue Cross and Blue Shield Federal Employee Program"], "", [OTHER]),
        (["TRICARE East"], "", [OTHER]),
    ],
)
def test_the_type_of_plan_is_told_where_the_coverage_tells_it(shipped, texts, program, told):
    found = plan_types(shipped.plan_types, texts, program, AS_OF)
    assert ([p.id for p in found.types], found.told) == (told, True)


@pytest.mark.parametrize(
    ("texts", "types"),
    [
        (["Blue Cross and Blue Shield of North Carolina", "Blue Options PPO"], COMMERCIAL),
        (["BlueCross BlueShield of Tennessee"], COMMERCIAL),
        (["Blue Cross of Idaho", "Fully insured PPO"], [INSURED]),  # insured, but nothing says where
        (["Medicaid"], [DIRECT, MANAGED, OTHER]),
        (["Florida Medicaid managed care"], [MANAGED, OTHER]),
        (["Medicare"], [ADVANTAGE, OTHER]),
        (["Example Health"], EVERY),
        ([], EVERY),
    ],
)
def test_a_name_that_leaves_the_type_of_plan_open_tells_none(shipped, texts, types):
    found = plan_types(shipped.plan_types, texts, "", AS_OF)
    assert (sorted(p.id for p in found.types), found.told) == (types, False)


# ---- the card


@pytest.fixture
def card(shipped):
    """The card for the story's denial with changes of the answer, and another name of payer and plan."""

    def made(payer=None, plan="", as_of=AS_OF, **changes):
        body = json.loads((ROOT / "fhir_fixtures/stories/denied-wnc/request.json").read_text("utf-8"))
        response = body["prefetch"]["claimResponses"]["entry"][0]["resource"]
        response |= changes
        if payer is not None:
            response["insurer"] = {"display": payer}
            coverage = body["prefetch"]["coverage"]["entry"][0]["resource"]
            coverage |= {"contained": [], "payor": [{"display": payer}], "class": [], "type": {"text": plan or payer}}
        request = read_request(json.dumps(body).encode(), "cart-patient-view", "patient-view")
        answered = answer(request, shipped, as_of)
        assert answered.failure is None
        (found,) = answered.body["cards"]
        return found

    return made


def test_every_line_has_its_day_source_and_grade(card):
    detail = card()["detail"]
    assert "by 2027-01-01, 41 days left (60 days from the mailing date of the notice)" in detail
    assert "[APP.1; G.S. 108D-13; grade A]" in detail
    assert "not a federal right" in detail and "unsourced" in detail
    assert "[APP.5; Tecartus appeal guide; grade B]" in detail
    assert "review action A3" in detail


def test_a_type_of_plan_that_is_not_told_puts_the_rules_side_by_side_and_asks(card):
    found = card("Example Health")
    assert (
        found["summary"]
        == "Tecartus · Example Health: not certified on 2026-11-02 – the plan type sets the days to appeal"
    )
    assert "Which plan type?" in found["detail"]
    for due in ("2027-05-01", "2027-01-06", "2027-01-01"):
        assert due in found["detail"]
    assert [p["id"] for p in found["extension"]["org.cdshooks.appeal"]["planTypes"]] == EVERY


@pytest.mark.parametrize(
    ("as_of", "said"),
    [
        (date(2027, 1, 1), "today is the last day"),
        (date(2027, 1, 2), "passed yesterday"),
        (date(2027, 1, 11), "passed 10 days ago"),
        (date(2026, 12, 31), "1 day left"),
    ],
)
def test_a_deadline_that_has_passed_is_said(card, as_of, said):
    found = card(as_of=as_of)
    assert said in found["detail"]
    assert ("was due" in found["summary"]) == ("passed" in said)


def test_a_denial_without_a_date_counts_nothing_and_says_so(card):
    found = card(created=None)
    assert "no day is counted from it" in found["detail"]
    assert "2027-01-01" not in found["detail"]
    assert "60 days from the mailing date" in found["detail"]


def test_a_month_alone_counts_from_its_first_day_and_says_so(card):
    assert "only as 2026-10; days are counted from its first day" in card(created="2026-10")["detail"]


@pytest.mark.parametrize(
    ("created", "as_of", "counted"),
    [
        ("2026-10", date(2026, 11, 30), "by 2026-11-30, today is the last day"),
        ("2026-10", date(2026, 12, 1), ""),  # a notice of October's last day could still be appealed
        ("2026", AS_OF, ""),
    ],
)
def test_a_day_that_may_have_passed_or_not_is_not_counted(card, created, as_of, counted):
    found = card(created=created, as_of=as_of)
    assert (counted in found["detail"]) if counted else ("so no day is counted from it" in found["detail"])
    assert "passed" not in found["detail"] and "was due" not in found["summary"]


def test_a_type_of_plan_whose_rules_are_not_on_file_gets_no_day_but_its_notice(card):
    found = card("TRICARE East")
    assert found["summary"] == "Tecartus · TRICARE East: not certified on 2026-11-02"
    assert "no clock of this type of plan is on file here" in found["detail"]
    assert "days left" not in found["detail"]


def test_the_day_of_a_notice_is_the_earlier_of_the_day_here_and_where_it_was_written(card):
    assert "by 2027-01-01" in card(created="2026-11-02T23:30:00-05:00")["summary"]


def test_words_alone_are_said_to_read_as_a_denial(card):
    found = card(item=[], disposition="Denied as not medically necessary")
    assert "reads as a denial" in found["summary"] and "reads as a denial (“denied”)" in found["detail"]


def test_chart_text_starts_no_markup(card):
    found = card("<b>[x](http://e.example)</b> Health", "Commercial")
    assert "<b>" not in json.dumps(found) and "](http" not in json.dumps(found)


@pytest.mark.parametrize("payer", [None, "Example Health", "Blue Cross NC", "Medicare Advantage", "A" * 300])
def test_the_card_keeps_to_its_limits(card, payer):
    for changes in ({}, {"use": None}, {"item": [], "disposition": "Denied"}):
        found = card(payer, **changes)
        assert len(found["summary"]) <= 120 and len(found["detail"]) <= 1800
        assert found["detail"].endswith("not a coverage decision.")
        for word in ("is covered", "eligible"):
            assert word not in found["detail"]


def test_the_newest_answer_speaks_for_a_product(shipped):
    body = json.loads((ROOT / "fhir_fixtures/stories/denied-wnc/request.json").read_text("utf-8"))
    entries = body["prefetch"]["claimResponses"]["entry"]
    denial = entries[0]["resource"]

    def cards(*more):
        body["prefetch"]["claimResponses"] = {"resourceType": "Bundle", "entry": [entries[0], *more]}
        request = read_request(json.dumps(body).encode(), "cart-patient-view", "patient-view")
        return answer(request, shipped, AS_OF).body["cards"]

    second = {"resource": denial | {"id": "second", "created": "2026-11-10"}}
    (card,) = cards(second)
    assert "2026-11-10" in card["summary"] and "1 earlier answer" in card["detail"]
    text = json.dumps(denial).replace('"A3"', '"A1"')
    certified = json.loads(text)
    assert cards({"resource": certified | {"id": "third", "created": "2026-11-12"}}) == []
    for day in ("2026-11-02", "2026-11", None):
        (card,) = cards({"resource": {k: v for k, v in (certified | {"id": "x", "created": day}).items() if v}})
        assert "not certified on 2026-11-02" in card["summary"]
        assert "says certified [ClaimResponse/x] and may be as new" in card["detail"]
    (card,) = cards({"resource": certified | {"id": "before", "created": "2026-11-01"}})
    assert "may be as new" not in card["detail"]


# ---- the files


def edited(files, name, change):
    for folder in ("appeals", "valuesets"):
        (files / folder).mkdir(exist_ok=True)
        for path in (ROOT / "cards" / folder).glob("*"):
            if folder == "appeals" or path.stem.startswith(("review-", "words-denied", "words-not-denied")):
                (files / folder / path.name).write_text(path.read_text("utf-8"), "utf-8")
    systems = files / "systems.yaml"
    systems.write_text(
        systems.read_text("utf-8") + "\n- id: review-action\n  uri: https://codesystem.x12.org/005010/306\n", "utf-8"
    )
    data = yaml.safe_load((files / "appeals" / name).read_text("utf-8"))
    change(data)
    (files / "appeals" / name).write_text(json.dumps(data), "utf-8")
    with pytest.raises(LibraryError) as refused:
        load_library(files)
    return "\n".join(map(str, refused.value.problems))


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("medicare-advantage.yaml", lambda d: d["rules"][0].update(sources=["nowhere"]), "there is no source nowhere"),
        ("medicare-advantage.yaml", lambda d: d["rules"].append(d["rules"][0]), "stands twice"),
        ("medicare-advantage.yaml", lambda d: d["rules"][0].update(within="65 days"), "write a period such as P30D"),
        ("medicare-advantage.yaml", lambda d: d["rules"][0].update(grade="C"), "is not one of"),
        ("medicare-advantage.yaml", lambda d: d["rules"][0].pop("length"), "length"),
        ("answers.yaml", lambda d: d["answers"].update(certified="vs/none-such"), "there is no such value set"),
    ],
)
def test_a_mistake_in_a_rule_is_an_error_with_its_file(example_files, name, change, says):
    problems = edited(example_files, name, change)
    assert f"appeals/{name}" in problems and says in problems
