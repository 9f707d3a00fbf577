"""Another active blood cancer beside the labelled one: which of them is treated, only a person can say."""

from datetime import date

import pytest
from parts import concept, condition, drug_order, order_of

from cdshooks.engine.model import Gap

INDICATION = {"product": {"indication": "any"}}
RELAPSE = condition(concept("alpha", "relapsed"), "c-alpha")
BETA = condition("beta", "c-beta", recordedDate="2026-02-03")


def because(*codes, **fields):
    return order_of(resource=drug_order(reasonCode=[concept(code) for code in codes] or None, **fields))


@pytest.mark.parametrize(
    ("second", "asked"),
    [
        (BETA, True),
        (condition("beta", clinical="recurrence"), True),
        (condition("beta", clinical="resolved"), False),
        (condition("beta", clinical="remission"), False),
        (condition("beta", verified="provisional"), False),
        (condition("beta", verified="refuted"), False),
        (condition("infection"), False),
    ],
)
def test_an_active_diagnosis_of_another_disease_is_asked_about(ask, second, asked):
    found = ask(INDICATION, RELAPSE, second)
    assert (found.truth, found.gap) == ((None, Gap.ATTEST) if asked else (True, None))
    assert (second["id"] in {item.reference.split("/")[1] for item in found.evidence}) is asked


def test_the_other_disease_is_told_with_its_date_beside_what_the_label_names(ask):
    found = ask(INDICATION, RELAPSE, BETA).found
    assert found.startswith("relapsed alpha disease")
    assert "2026-02-03, is recorded as well" in found


def test_a_diagnosis_coded_as_both_says_so(ask):
    found = ask(INDICATION, condition(concept("alpha", "relapsed", "beta", text="Lymphoma"), "c-both"))
    assert found.gap is Gap.ATTEST
    assert "Lymphoma, no date, is also coded as Beta" in found.found


@pytest.mark.parametrize(("service", "asked"), [("2026-05-31", True), ("2026-06-01", False)])
def test_a_disease_that_the_label_of_the_day_names_as_well_is_no_other_one(ask, service, asked):
    found = ask(INDICATION, RELAPSE, condition("gamma"), service=date.fromisoformat(service))
    assert (found.gap is Gap.ATTEST) is asked


@pytest.mark.parametrize(("reasons", "asked"), [(["alpha"], False), (["beta"], True), (["alpha", "beta"], True)])
def test_the_reason_of_the_order_tells_which_one_is_treated(ask, reasons, asked):
    assert (ask(INDICATION, RELAPSE, BETA, order=because(*reasons)).truth is None) is asked


@pytest.mark.parametrize(("named", "asked"), [("c-alpha", False), ("c-beta", True), ("not-sent", True)])
def test_so_does_the_record_that_the_order_refers_to(ask, named, asked):
    order = because(reasonReference=[{"reference": f"Condition/{named}"}])
    assert (ask(INDICATION, RELAPSE, BETA, order=order).truth is None) is asked


def test_beside_nothing_labelled_the_other_disease_is_what_contradicts(ask):
    assert ask(INDICATION, BETA).truth is False


@pytest.mark.parametrize(("reasons", "asked"), [(["beta"], True), (["alpha", "beta"], False), (["infection"], False)])
def test_an_order_that_gives_only_another_disease_as_its_reason_is_asked_about(ask, reasons, asked):
    found = ask(INDICATION, RELAPSE, order=because(*reasons))
    assert (found.truth, found.gap) == ((None, Gap.ATTEST) if asked else (True, None))
    assert ("the order gives Beta as its reason" in found.found) is asked


def test_a_reason_that_is_somebody_else_s_record_tells_nothing(ask):
    theirs = condition("alpha", "theirs", subject={"reference": "Patient/p2"})
    order = because(reasonReference=[{"reference": "Condition/theirs"}])
    assert ask(INDICATION, RELAPSE, BETA, theirs, order=order).gap is Gap.ATTEST
