"""`planned_transplant`: a stem-cell transplant that is planned with the infusion."""

from datetime import date

import pytest
from parts import asked_service, condition, procedure

from cdshooks.engine.chart import Record
from cdshooks.engine.model import Gap

TRANSPLANT = {
    "planned_transplant": {
        "autologous": "vs/proc-own-transplant",
        "other": ["vs/proc-other-transplant"],
        "within": "P30D",
    }
}


def outcome(found):
    return found.truth if found.truth is not None else found.gap


def session(*orders):
    return [Record("ServiceRequest", f"ServiceRequest/{order['id']}", order) for order in orders]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        # dated within thirty days after today or of the infusion (2026-12-01)
        (asked_service(day="2026-12-05"), True),
        (asked_service(day="2026-12-31"), True),
        (asked_service(day="2027-01-01"), Gap.ATTEST),
        (asked_service(day="2026-11-21"), True),
        (asked_service(day="2026-11-01"), True),
        (asked_service(day="2026-10-31"), Gap.ATTEST),
        (asked_service(day="2024-01-01"), Gap.ATTEST),
        (asked_service(day="2026-12", id_="s"), True),
        (asked_service(), Gap.ATTEST),  # without a date
        (procedure("own-transplant", "2026-12-05", status="preparation"), True),
        (procedure("own-transplant", "2024-01-01"), Gap.ATTEST),  # completed: an earlier one
        (procedure("own-transplant", "2026-11-20"), Gap.ATTEST),
        # not one's own cells, or unspecified
        (asked_service("donor-transplant", "2026-12-05"), Gap.ATTEST),
        (asked_service("some-transplant", "2026-12-05"), Gap.ATTEST),
        (asked_service("own-transplant-unsure", "2026-12-05"), Gap.ATTEST),
        # no longer planned
        (asked_service(day="2026-12-05", status="revoked"), Gap.MISSING),
        (asked_service(day="2026-12-05", status="entered-in-error"), Gap.MISSING),
        (asked_service(day="2026-12-05", status="completed"), Gap.ATTEST),
        (asked_service(day="2026-12-05", status="on-hold"), True),
        (asked_service(day="2026-12-05", subject={"reference": "Patient/p2"}), Gap.MISSING),
        (asked_service(day="2026-12-05", subject=None), Gap.COULD_NOT_CHECK),
        (asked_service("cell-collection", "2026-12-05"), Gap.MISSING),
    ],
)
def test_a_transplant_of_own_cells_near_the_infusion_is_found(ask, sent, expected):
    assert outcome(ask(TRANSPLANT, sent)) is expected


@pytest.mark.parametrize("day", [None, "2026-12-05", "2027-06-01"])
@pytest.mark.parametrize("status", ["draft", "active"])
def test_one_of_the_same_signing_session_is_found_whatever_its_day(ask, day, status):
    together = session(asked_service(day=day, status=status))
    assert ask(TRANSPLANT, session=together).truth is True
    assert ask(TRANSPLANT, session=session(asked_service("donor-transplant", status=status))).gap is Gap.ATTEST
    assert ask(TRANSPLANT, session=session(asked_service("cell-collection", status=status))).gap is Gap.MISSING


@pytest.mark.parametrize("reference", ["Encounter/e1", "https://ehr.example/r4/Encounter/e1/_history/2"])
@pytest.mark.parametrize("day", [None, "2027-06-01"])
def test_one_of_the_same_encounter_is_found_whatever_its_day(ask, day, reference):
    sent = asked_service(day=day, encounter={"reference": reference})
    assert ask(TRANSPLANT, sent, encounter="e1").truth is True
    assert ask(TRANSPLANT, sent, encounter="e2").gap is Gap.ATTEST
    assert ask(TRANSPLANT, sent).gap is Gap.ATTEST


def test_an_order_that_is_both_in_the_session_and_in_the_chart_counts_once(ask):
    sent = asked_service(day="2026-12-05")
    assert len(ask(TRANSPLANT, sent, session=session(sent)).evidence) == 1


def test_a_planned_transplant_could_stand_in_what_was_not_read(ask):
    assert ask(TRANSPLANT, unread={"Procedure": "not sent"}).gap is Gap.COULD_NOT_CHECK


def test_the_search_reaches_from_today_and_from_the_infusion(ask):
    far = {"service": date(2027, 6, 1)}
    assert ask(TRANSPLANT, asked_service(day="2026-12-21"), **far).truth is True
    assert ask(TRANSPLANT, asked_service(day="2026-12-22"), **far).gap is Gap.ATTEST
    assert ask(TRANSPLANT, asked_service(day="2027-05-02"), **far).truth is True
    assert ask(TRANSPLANT, asked_service(day="2027-07-01"), **far).truth is True
    assert ask(TRANSPLANT, asked_service(day="2027-07-02"), **far).gap is Gap.ATTEST


TOLD = {"planned_transplant": TRANSPLANT["planned_transplant"] | {"history": "vs/dx-gamma", "named": "vs/words-marrow"}}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (condition("gamma"), Gap.ATTEST),
        (condition("gamma", clinical="resolved"), Gap.ATTEST),
        (condition("gamma", verified="refuted"), Gap.MISSING),
        (asked_service({"text": "bone marrow"}, "2026-12-05"), Gap.ATTEST),
        (asked_service({"text": "bone marrow"}, "2026-12-05", status="revoked"), Gap.MISSING),
        (procedure({"text": "bone marrow"}), Gap.ATTEST),
    ],
)
def test_what_comes_after_a_transplant_and_what_words_alone_tell_are_for_a_person(ask, sent, expected):
    assert ask(TOLD, sent).gap is expected
    assert ask(TRANSPLANT, sent).gap is Gap.MISSING


def test_diagnoses_that_were_not_read_could_tell_of_a_transplant(ask):
    assert ask(TOLD, unread={"Condition": "not sent"}).gap is Gap.COULD_NOT_CHECK
    assert ask(TRANSPLANT, unread={"Condition": "not sent"}).gap is Gap.MISSING
