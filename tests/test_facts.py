"""`patient`, `center` and `order`: facts about the request and the roster."""

from dataclasses import replace
from datetime import date

import pytest
from parts import chart_of, compiled, context_of, order_of, patient

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


@pytest.mark.parametrize(
    ("births", "expected"),
    [
        (("1960-05-05", "1960-05-05"), True),
        (("1960", "1960-05-05"), True),
        (("2008", "2008-12-01"), True),  # the more precise date narrows the other
        (("1960-05-05", "unknown"), True),
        (("1960-05-05", "2010-05-05"), Gap.ATTEST),
        (("1960-05-05", "1961-05-05"), Gap.ATTEST),  # whatever the age would be
        (("1960-05-05", "2027-01-01"), Gap.COULD_NOT_CHECK),
    ],
)
def test_copies_of_the_patient_that_give_two_dates_of_birth_leave_the_age_to_a_person(example, births, expected):
    mine = [{"system": "urn:mrn", "value": "1"}]
    copies = [(None, patient(birth=birth, identifier=mine)) for birth in births]
    for entries in (copies, copies[::-1]):
        chart = chart_of(example, entries=entries)
        found = compiled(example, ADULT)(replace(context_of(example), chart=chart))
        assert outcome(found) is expected
        if expected is Gap.ATTEST:
            assert f"{births[0]} and {births[1]}" in found.found


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


def two_rows(example, **other):
    row = next(row for row in example.rosters if row.npi == "1000000001")
    facility = Facility("Example Hospital", "1000000001", "here")
    return match_center(facility, "examplecel", [row, replace(row, **other)], date(2026, 11, 21))


@pytest.mark.parametrize(
    ("form", "other", "expected"),
    [
        (LISTED, {"valid_until": date(2026, 11, 30)}, Gap.ATTEST),
        (LISTED, {"valid_until": date(2026, 12, 1)}, True),
        (LISTED, {"valid_until": date(2026, 11, 30), "checked_on": date(2026, 10, 31)}, True),  # the newest row rules
        (ENROLLED, {"rems_enrolled": None}, Gap.ATTEST),
        (ENROLLED, {"staff_trained_on": None}, Gap.ATTEST),
        (ENROLLED, {"valid_until": date(2026, 11, 30)}, True),
    ],
)
def test_roster_rows_checked_on_one_day_that_disagree_are_asked_about(ask, example, form, other, expected):
    day = {"service": date(2026, 6, 26)} if form is ENROLLED else {}
    found = ask(form, center=two_rows(example, **other), **day)
    assert outcome(found) is expected
    assert ("disagree" in found.found) is (expected is Gap.ATTEST)


def test_accreditation_of_which_two_rows_disagree_is_asked_about(ask, example):
    day = date(2026, 12, 1)
    for until, expected in ((day, True), (date(2026, 11, 30), Gap.ATTEST)):
        row = replace(two_rows(example).row, fact_accredited_until=day)
        match = CenterMatch(None, row, (replace(row, fact_accredited_until=until),))
        assert outcome(ask({"center": {"fact": "accredited"}}, center=match)) is expected


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
