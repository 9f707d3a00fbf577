"""`patient`, `center` and `order`: facts about the request and the roster."""

from datetime import date

import pytest
from parts import order_of, patient

from cdshooks.engine.centers import CenterMatch, Facility, match_center
from cdshooks.engine.model import Gap

ADULT = {"patient": {"min_age": 18}}
UNDER_21 = {"patient": {"under_age": 21}}
LISTED = {"center": {"listed": True, "checked_within": "P90D", "absent": "attest"}}
ENROLLED = {"center": {"rems": "enrolled"}}
FORM = {"order": {"form": "product-level"}}


def outcome(found):
    return found.truth if found.truth is not None else found.gap


@pytest.mark.parametrize(
    ("form", "birth", "expected"),
    [
        (ADULT, "2008-12-01", True),  # eighteen on the service date itself
        (ADULT, "2008-12-02", False),
        (ADULT, "1960-05-05", True),
        (ADULT, "2008", Gap.COULD_NOT_CHECK),  # the year does not tell
        (ADULT, "2007", True),
        (ADULT, "2009", False),
        (ADULT, "2008-12", Gap.COULD_NOT_CHECK),
        (ADULT, "2008-11", True),
        (UNDER_21, "2005-12-02", True),
        (UNDER_21, "2005-12-01", False),
        (UNDER_21, "2005", Gap.COULD_NOT_CHECK),
        ({"patient": {"under_age": 26}}, "2000-12-02", True),  # up to 25 years
        ({"patient": {"under_age": 26}}, "2000-12-01", False),
        (ADULT, None, Gap.COULD_NOT_CHECK),
        (ADULT, "unknown", Gap.COULD_NOT_CHECK),
        (ADULT, "2027-01-01", Gap.COULD_NOT_CHECK),  # born after today: unreadable, not under age
    ],
)
def test_age_is_counted_in_completed_years_on_the_service_date(ask, form, birth, expected):
    assert outcome(ask(form, who=patient(birth=birth))) is expected


def test_age_is_not_counted_on_the_day_of_the_request(ask):
    born = patient(birth="2005-11-25")
    assert ask(UNDER_21, who=born, service=date(2026, 11, 24)).truth is True
    assert ask(UNDER_21, who=born, service=date(2026, 11, 25)).truth is False


def test_without_the_patient_age_could_not_be_checked(ask):
    assert ask(ADULT, who=patient("p2")).gap is Gap.COULD_NOT_CHECK


def at(example, npi="1000000001", name="", product="examplecel", as_of=date(2026, 11, 21)):
    return match_center(Facility(name, npi, "performer of the order"), product, example.rosters, as_of)


@pytest.mark.parametrize(
    ("npi", "expected"),
    [
        ("1000000001", True),
        ("1000000002", Gap.STALE),  # checked more than ninety days ago
        ("1000000003", True),  # … but valid until a day that rules over it
        ("1000000004", Gap.STALE),  # checked the other day, but no longer valid
        ("1000000009", Gap.ATTEST),  # no row: not verified, never a no
    ],
)
def test_a_center_is_listed_while_its_row_is_current(ask, example, npi, expected):
    assert outcome(ask(LISTED, center=at(example, npi))) is expected


def test_a_row_is_current_for_ninety_days(ask, example):
    row = next(row for row in example.rosters if row.npi == "1000000002")
    for as_of, expected in ((date(2026, 8, 30), True), (date(2026, 8, 31), Gap.STALE)):
        match = CenterMatch(Facility("Old Hospital", None, "here"), row)
        assert outcome(ask(LISTED, center=match, as_of=as_of)) is expected


@pytest.mark.parametrize(("absent", "gap"), [("attest", Gap.ATTEST), ("missing", Gap.MISSING)])
def test_no_row_and_no_center_are_what_the_policy_says(ask, example, absent, gap):
    form = {"center": {"listed": True, "absent": absent}}
    assert ask(form, center=at(example, "1000000009")).gap is gap
    assert ask(form, center=CenterMatch()).gap is gap


def test_the_listing_is_shown_with_its_day_and_its_kind(ask, example):
    found = ask(LISTED, center=at(example)).found
    assert "Example Hospital" in found
    assert "2026-11-01" in found
    assert "SYNTHETIC" in found


def test_a_listing_that_ends_says_when(ask, example):
    assert ask(LISTED, center=at(example, "1000000003")).counts_until == date(2027, 6, 30)
    lapsed = ask(LISTED, center=at(example, "1000000003"), service=date(2027, 7, 1))
    assert lapsed.truth is None
    assert ask(LISTED, center=at(example, "1000000003"), service=date(2027, 6, 30)).truth is True


@pytest.mark.parametrize(
    ("npi", "day", "expected"),
    [
        ("1000000001", "2026-06-26", True),
        ("1000000001", "2026-06-27", False),
        ("1000000001", "2025-02-28", Gap.MISSING),  # enrolled, but staff not yet trained
        ("1000000001", "2025-03-01", True),
        ("1000000001", "2025-01-31", False),
        ("1000000002", "2026-06-01", Gap.MISSING),
    ],
)
def test_enrolment_and_training_are_looked_up_by_the_service_date(ask, example, npi, day, expected):
    match = at(example, npi)
    assert outcome(ask(ENROLLED, center=match, service=date.fromisoformat(day))) is expected


def test_without_a_center_enrolment_is_missing(ask):
    assert ask(ENROLLED).gap is Gap.MISSING


@pytest.mark.parametrize(
    ("kind", "grade", "expected"),
    [
        ("SCD", "A", True),
        ("SBD", "A", True),
        ("NDC", "A", True),
        ("GPCK", "A", True),
        ("IN", "A", Gap.ATTEST),
        ("SCDC", "A", Gap.ATTEST),
        ("SCD", "B", Gap.ATTEST),  # a second-hand code never decides
        ("text", "text", Gap.ATTEST),
        ("", "A", Gap.ATTEST),
    ],
)
def test_the_form_is_told_by_a_product_level_code_alone(ask, kind, grade, expected):
    assert outcome(ask(FORM, order=order_of(kind=kind, grade=grade))) is expected


def test_words_such_as_out_of_spec_ask_first(ask):
    found = ask(FORM, order=order_of(traps=("the order text names a product out of specification",)))
    assert found.gap is Gap.ATTEST
    assert found.leading is True
