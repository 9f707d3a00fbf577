"""Gaps that were overridden as already submitted: the card stands back for a week, and only for the very same gaps."""

from datetime import timedelta

import pytest
from parts import AS_OF, answer_to, cards_of, determination_of, drug_order, full_chart, medication, observation

from cdshooks.hooks.cards import ALREADY_SUBMITTED
from cdshooks.hooks.decision_record import gaps_of
from cdshooks.hooks.service import ServiceOptions
from cdshooks.hooks.submitted import Submitted

POLICY = "example/cell-therapy"
CHART = [r for r in full_chart() if r["resourceType"] != "DocumentReference"]


def card_of(library, *past, chart=CHART, order=None):
    (card,) = cards_of(
        answer_to(library, order or drug_order(), chart=chart, options=ServiceOptions(submitted=lambda: past))
    )
    return card


def past_of(card, **changed):
    """What is known when a card was overridden on the day of the call."""
    made = determination_of(card)
    told = {
        "order": made["order"],
        "product": made["product"],
        "policy_id": made["policy"]["id"],
        "gaps": gaps_of(made),
        "on": AS_OF,
    }
    return Submitted(**told | changed)


def test_the_same_gaps_make_an_info_card_that_says_so_and_still_lists_them(example):
    first = card_of(example)
    again = card_of(example, past_of(first, on=AS_OF - timedelta(days=2)))
    assert (first["indicator"], again["indicator"]) == ("warning", "info")
    assert "overridden on 2026-11-19 as already submitted" in again["detail"]
    assert first["detail"] in again["detail"]
    assert again["summary"] == first["summary"]
    assert determination_of(again)["alreadySubmitted"] == "2026-11-19"
    assert determination_of(again)["findings"] == determination_of(first)["findings"]


def test_what_was_submitted_is_part_of_the_decision(example):
    first = card_of(example)
    days = [AS_OF - timedelta(days=n) for n in (1, 1, 2)]
    ids = [determination_of(card_of(example, past_of(first, on=day)))["decision"] for day in days]
    assert ids[0] == ids[1] != ids[2]
    assert determination_of(first)["decision"] not in ids


@pytest.mark.parametrize(("days", "indicator"), [(0, "info"), (7, "info"), (8, "warning"), (-1, "warning")])
def test_it_holds_for_seven_days(example, days, indicator):
    past = past_of(card_of(example), on=AS_OF - timedelta(days=days))
    assert card_of(example, past)["indicator"] == indicator


OTHER = {
    "another policy": {"policy_id": "another/policy"},
    "another order and product": {"order": "MedicationRequest/x", "product": "othercel"},
    "fewer gaps": {"gaps": ()},
    "one gap more": {"gaps": ("letter=missing", "virus=missing")},
}


@pytest.mark.parametrize("changed", OTHER.values(), ids=OTHER)
def test_other_gaps_are_not_made_quieter(example, changed):
    first = card_of(example)
    assert card_of(example, past_of(first, **changed)) == first


def test_the_same_gaps_of_another_order_of_the_product_count(example):
    past = past_of(card_of(example), order="MedicationRequest/yesterday")
    assert card_of(example, past)["indicator"] == "info"


def test_a_gap_of_another_kind_is_not_the_same_gap(example):
    old = [r for r in CHART if r["resourceType"] != "Observation"]
    past = past_of(card_of(example, chart=old))
    assert card_of(example, past, chart=[*old, observation(day="2024-01-01")])["indicator"] == "warning"


def test_what_the_chart_contradicts_is_never_made_quieter(example):
    chart = [*CHART, medication(code="900011")]
    first = card_of(example, chart=chart)
    assert determination_of(first)["outcome"] in ("criterion-not-met", "exclusion-found")
    assert card_of(example, past_of(first), chart=chart) == first


def test_nothing_is_asked_where_there_is_no_gap(example):
    def ask():
        raise AssertionError

    options = ServiceOptions(submitted=ask)
    (card,) = cards_of(answer_to(example, chart=full_chart(), options=options))
    assert determination_of(card)["outcome"] == "ready"


def test_the_reason_is_one_that_cards_offer(example):
    assert ALREADY_SUBMITTED in [reason["code"] for reason in card_of(example)["overrideReasons"]]
