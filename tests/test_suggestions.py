"""Suggestions that a click can start: one action each, a FHIR R4 resource that validates."""

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from fhir.resources.R4B import get_fhir_model_class
from parts import answer_to, cards_of, condition, coverage, observation, patient, prefetch_of

from cdshooks.engine.model import CountingDates, Determination, Finding, Outcome, Result, Section
from cdshooks.hooks.service import ServiceOptions
from cdshooks.hooks.suggestions import Blanks, filled, requester_of, suggest

DECISION = UUID("0f2b8c6e-5f0e-4a56-9d5b-0d4a3c1e9a77")
BLANKS = Blanks("p1", "Exempla", "Example Health", date(2026, 11, 21))


def finding(remedy, criterion="virus", label="virus test", owner="laboratory", **fields):
    outcome, section = Outcome.MISSING, Section.DOCUMENTATION
    return Finding(criterion, section, ("B.1",), outcome, "r", "a", owner, label, remedy=remedy, **fields)


def made(library, *remedies, blanks=BLANKS, **fields):
    found = Determination(Result.DOCUMENTATION_MISSING, tuple(finding(remedy, **fields) for remedy in remedies))
    return suggest(found, library, blanks, DECISION)


def texts(value):
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []


def each_template(library):
    return sorted(library.suggestions)


def test_every_template_that_ships_is_valid_fhir_once_it_is_filled(shipped, example):
    for library in (shipped, example):
        for (suggestion,) in (made(library, name) for name in each_template(library)):
            (action,) = suggestion["actions"]
            assert action["type"] == "create"
            assert action["description"]
            resource = action["resource"]
            get_fhir_model_class(resource["resourceType"]).model_validate(resource)
            assert "Patient/p1" in texts(resource)
            assert not any("{" in text for text in texts(resource))
            assert "id" not in resource


def test_every_task_that_ships_is_for_the_patient_and_says_who_does_it_between_which_days(shipped):
    dates = CountingDates(date(2026, 5, 21), date(2026, 6, 1))
    blanks = replace(BLANKS, service_date=date(2026, 12, 1))
    tasks = []
    for name in each_template(shipped):
        (suggestion,) = made(shipped, name, blanks=blanks, counts_from=dates, owner="coordinator")
        tasks += [a["resource"] for a in suggestion["actions"] if a["resource"]["resourceType"] == "Task"]
    assert tasks
    for task in tasks:
        get_fhir_model_class("Task").model_validate(task)
        assert task["for"] == {"reference": "Patient/p1"}
        assert task["owner"] == {"display": "cell therapy coordinator"}
        assert task["restriction"] == {"period": {"start": "2026-06-01", "end": "2026-12-01"}}


def task_of(library, **fields):
    ((action,),) = [suggestion["actions"] for suggestion in made(library, "write-letter", **fields)]
    get_fhir_model_class("Task").model_validate(action["resource"])
    return action["resource"]


def test_without_a_window_a_task_begins_today_and_without_a_day_of_infusion_it_has_no_end(example):
    assert task_of(example)["restriction"] == {"period": {"start": "2026-11-21"}}
    past = replace(BLANKS, service_date=date(2026, 11, 1))
    assert task_of(example, blanks=past)["restriction"] == {"period": {"start": "2026-11-21"}}


@pytest.mark.parametrize(
    ("requester", "reference"),
    [
        ({"reference": "Practitioner/dr-1"}, "Practitioner/dr-1"),
        ({"reference": "PractitionerRole/x.1"}, "PractitionerRole/x.1"),
        ({"reference": "Practitioner/<b>"}, ""),
        ({"reference": "#inside"}, ""),
        ({"reference": "Patient/p1"}, ""),
        ({"display": "Dr A"}, ""),
        ("Practitioner/dr-1", ""),
        (None, ""),
    ],
)
def test_the_prescriber_is_who_the_order_says_asks_for_it_where_that_can_be_carried_over(requester, reference):
    assert requester_of({"requester": requester}) == reference


def test_a_task_of_the_prescriber_is_theirs_by_reference_and_nobody_else_s(example):
    blanks = replace(BLANKS, prescriber="Practitioner/dr-1")
    owned = {"reference": "Practitioner/dr-1", "display": "ordering prescriber"}
    assert task_of(example, blanks=blanks, owner="prescriber")["owner"] == owned
    assert task_of(example, blanks=blanks, owner="center")["owner"] == {"display": "treatment center"}


def test_a_task_for_two_documents_begins_when_both_will_count(example):
    found = [
        finding("write-letter", counts_from=CountingDates(date(2026, 1, day), date(2026, 2, day))) for day in (9, 5)
    ]
    (suggestion,) = suggest(Determination(Result.DOCUMENTATION_MISSING, tuple(found)), example, BLANKS, DECISION)
    assert suggestion["actions"][0]["resource"]["restriction"]["period"]["start"] == "2026-02-09"


def test_a_draft_order_stays_a_draft(shipped):
    for name in each_template(shipped):
        ((action,),) = [suggestion["actions"] for suggestion in made(shipped, name)]
        assert action["resource"]["status"] in {"draft", "requested"}


def test_every_remedy_of_a_shipped_policy_has_a_template_and_every_template_a_use(shipped):
    used = {c.remedy for policy in shipped.policies for c in policy.criteria if c.remedy}
    assert used == set(shipped.suggestions)


def test_one_remedy_is_offered_once_in_the_order_of_the_policy(example):
    found = made(example, "write-letter", None, "order-virus-test", "write-letter")
    assert [suggestion["label"] for suggestion in found] == ["Task: write the letter of need", "Order the virus test"]


def test_ids_depend_on_the_decision_and_the_template_alone(example):
    first, second = made(example, "write-letter", "order-virus-test")
    assert first["uuid"] != second["uuid"]
    assert made(example, "order-virus-test")[0]["uuid"] == second["uuid"]
    other = suggest(
        Determination(Result.DOCUMENTATION_MISSING, (finding("write-letter"),)), example, BLANKS, UUID(int=1)
    )
    assert other[0]["uuid"] != first["uuid"]


def test_blanks_are_filled_in_every_text_and_never_read_as_templates():
    words = {"patient": "Patient/{x}", "product": "{payer}", "payer": "P"}
    template = {"a": ["{patient}", {"b": "{product} · {payer}"}], "c": 7, "d": True}
    assert filled(template, words) == {"a": ["Patient/{x}", {"b": "{payer} · P"}], "c": 7, "d": True}


def test_what_a_blank_leaves_empty_is_left_out_with_whatever_held_nothing_else():
    template = {"a": {"b": {"c": "{day}"}}, "kept": "{who}", "said": ["{day}"], "no": False, "none": 0}
    assert filled(template, {"day": "", "who": "W"}) == {"kept": "W", "said": [""], "no": False, "none": 0}


def test_only_what_is_missing_or_stale_is_offered(example):
    sent = prefetch_of(patient(), coverage(), condition(), observation(day="2026-01-01"))
    (card,) = cards_of(answer_to(example, prefetch=sent))
    assert [s["label"] for s in card["suggestions"]] == ["Task: write the letter of need", "Order the virus test"]
    unread = {key: value for key, value in sent.items() if key not in ("observations", "documents")}
    (card,) = cards_of(answer_to(example, prefetch=unread))
    assert "suggestions" not in card
    assert "selectionBehavior" not in card


def test_a_site_may_switch_suggestions_off(example):
    (card,) = cards_of(answer_to(example, options=ServiceOptions(suggestions=False)))
    assert "suggestions" not in card


@pytest.mark.parametrize("name", ["<b>Plan</b> {label} [x](y)", "Plan {0} {patient}"])
def test_no_chart_text_reaches_a_suggestion_unescaped(example, name):
    for card in cards_of(answer_to(example, prefetch=prefetch_of(patient(), coverage(name)))):
        for text in texts(card.get("suggestions", [])):
            assert "<b>" not in text
            assert "](" not in text
