"""Suggestions that a click can start: one action each, a FHIR R4 resource that validates."""

from datetime import date
from uuid import UUID

import pytest
from fhir.resources.R4B import get_fhir_model_class
from parts import answer_to, cards_of, condition, coverage, observation, patient, prefetch_of

from cdshooks.engine.model import Determination, Finding, Outcome, Result, Section
from cdshooks.hooks.service import ServiceOptions
from cdshooks.hooks.suggestions import Blanks, filled, suggest

DECISION = UUID("0f2b8c6e-5f0e-4a56-9d5b-0d4a3c1e9a77")
BLANKS = Blanks("p1", "Exempla", "Example Health", date(2026, 11, 21))


def finding(remedy, criterion="virus", label="virus test"):
    return Finding(
        criterion, Section.DOCUMENTATION, ("B.1",), Outcome.MISSING, "r", "a", "laboratory", label, remedy=remedy
    )


def made(library, *remedies, blanks=BLANKS):
    found = Determination(Result.DOCUMENTATION_MISSING, tuple(finding(remedy) for remedy in remedies))
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
