"""The rates: which cards count, under which policy, criterion and reason."""

from datetime import timedelta

import pytest
from parts import drug_order, full_chart, observation
from recording import NOW, SUBMITTED, call_of, feedback_of, keep

from cdshooks.hooks.feedback import Reason
from cdshooks.server.feedback_log import keep_feedback
from cdshooks.server.feedback_rates import NO_REASON, Rate, feedback_rates
from cdshooks.server.store import open_store

POLICY = "example-health/gene-therapy"
OTHER = Reason("documents-elsewhere", SUBMITTED.system)


@pytest.fixture
def store(database_url):
    opened = open_store(database_url)
    yield opened
    opened.close()


def take(store, *entries, client="demo"):
    with store.writing("record") as connection:
        keep_feedback(connection, client, "cart-order-sign", entries, NOW)


def rates(store, **asked):
    with store.reading() as connection:
        return feedback_rates(connection, **asked)


def test_an_empty_store_has_no_rates(store):
    found = rates(store)
    assert (found.policies, found.criteria, found.reasons, found.unknown) == ((), (), (), 0)


@pytest.fixture
def fed(store, example):
    """Three cards: one overridden twice and accepted, one overridden without a reason, one that nobody touched."""
    chart = [r for r in full_chart() if r["resourceType"] != "DocumentReference"]
    (first,) = keep(store, example, chart=chart)
    (second,) = keep(store, example, drug_order(id_="order-2"), chart=chart, call=call_of("call-2"))
    keep(store, example, chart=[*chart[:1], observation(day="2024-01-01"), *chart[2:]], call=call_of("call-3"))
    keep(store, example, chart=chart, call=call_of("call-4"))  # the first again
    take(
        store,
        feedback_of(first.card, reasons=(SUBMITTED, OTHER)),
        feedback_of(first.card, reasons=(SUBMITTED,), at=NOW + timedelta(hours=1)),
        feedback_of(first.card, "accepted"),
        feedback_of(second.card),
        feedback_of("nobody's card"),
    )
    return store


def test_each_card_counts_once_under_its_policy(fed):
    found = rates(fed)
    assert found.policies == (Rate(POLICY, cards=3, accepted=1, overridden=2),)
    assert found.policies[0].acceptance == pytest.approx(1 / 3)
    assert found.policies[0].override == pytest.approx(2 / 3)
    assert found.unknown == 1


def test_a_card_counts_under_each_criterion_that_was_open_on_it(fed):
    by_criterion = {rate.criterion: (rate.cards, rate.accepted, rate.overridden) for rate in rates(fed).criteria}
    assert by_criterion["letter"] == (3, 1, 2)
    assert by_criterion["virus"] == (1, 0, 0)


def test_each_reason_is_counted_and_so_is_none(fed):
    assert rates(fed).reasons == (
        Rate(POLICY, 3, 0, 1, reason=NO_REASON),
        Rate(POLICY, 3, 0, 1, reason="already-submitted"),
        Rate(POLICY, 3, 0, 1, reason="documents-elsewhere"),
    )


def test_only_the_asked_policy_and_time_count(fed):
    assert rates(fed, policy="another").policies == ()
    assert rates(fed, policy=POLICY).policies == rates(fed).policies
    assert rates(fed, since="2026-11-22").policies == ()
    assert rates(fed, since="2026-11-22").unknown == 0


def test_cards_that_were_not_shown_do_not_count(store, example):
    keep(store, example, call=call_of(shadow=True))
    assert rates(store).policies == ()


def test_feedback_of_another_client_does_not_count(store, example):
    (made,) = keep(store, example)
    take(store, feedback_of(made.card), client="other")
    assert rates(store).policies == (Rate(POLICY, 1, 0, 0),)


def test_a_rate_of_nothing_is_nought():
    assert (Rate("x", 0, 0, 0).acceptance, Rate("x", 0, 0, 0).override) == (0.0, 0.0)
