"""What became of cards, as gauges."""

from datetime import timedelta

import pytest
from parts import drug_order, full_chart
from recording import NOW, SUBMITTED, call_of, feedback_of, keep

from cdshooks.hooks.feedback import Reason
from cdshooks.server.feedback_log import keep_feedback
from cdshooks.server.rate_gauges import RateGauges
from cdshooks.server.store import StoreError, open_store

POLICY = "example-health/gene-therapy"


@pytest.fixture
def store(database_url, example):
    """Two cards with a gap; one was overridden as submitted and for a reason that its EHR made up."""
    opened = open_store(database_url)
    chart = [r for r in full_chart() if r["resourceType"] != "DocumentReference"]
    (first,) = keep(opened, example, chart=chart)
    keep(opened, example, drug_order(id_="order-2"), chart=chart, call=call_of("call-2"))
    with opened.writing("record") as connection:
        given = feedback_of(first.card, reasons=(SUBMITTED, Reason("Zebulon said so", "urn:somebody")))
        keep_feedback(connection, "demo", "cart-order-sign", (given,), NOW)
    yield opened
    opened.close()


def gauges(store, now=NOW, clock=lambda: 0.0):
    return RateGauges(lambda: store, (SUBMITTED.code,), lambda: now, clock)


def figures(collector):
    return {
        (sample.name, *(value for value in sample.labels.values())): sample.value
        for family in collector.collect()
        for sample in family.samples
    }


def test_cards_and_shares_are_given_by_policy_criterion_and_reason(store):
    found = figures(gauges(store))
    assert found["cdshooks_shown_cards", POLICY, ""] == 2
    assert found["cdshooks_shown_cards", POLICY, "letter"] == 2
    assert found["cdshooks_accepted_ratio", POLICY, ""] == 0
    assert found["cdshooks_overridden_ratio", POLICY, "letter", ""] == 0.5
    assert found["cdshooks_overridden_ratio", POLICY, "", SUBMITTED.code] == 0.5


def test_a_reason_that_is_not_ours_is_counted_without_its_words(store):
    found = figures(gauges(store))
    assert found["cdshooks_overridden_ratio", POLICY, "", "other"] == 0.5
    assert not any("Zebulon" in part for key in found for part in key)


def test_cards_of_more_than_thirty_days_ago_do_not_count(store):
    assert figures(gauges(store, NOW + timedelta(days=31))) == {}


def test_the_store_is_asked_once_a_minute(store):
    asked, passed = [], [0.0]
    collector = RateGauges(lambda: asked.append(1) or store, (), lambda: NOW, lambda: passed[0])
    for passed[0] in (0.0, 30.0, 59.9):
        figures(collector)
    assert len(asked) == 1
    passed[0] = 60.0
    figures(collector)
    assert len(asked) == 2


def test_a_store_that_is_down_leaves_no_gauge_and_no_error():
    def refuse():
        raise StoreError("down")

    assert figures(RateGauges(refuse, (), lambda: NOW)) == {}
