"""Which facility an order names, and what the roster says of it for the product."""

from datetime import date

import pytest
from parts import AS_OF, NPI, chart_of

from cdshooks.engine.centers import Facility, find_facility, is_npi, match_center, read_roster


def row(name="Example Hospital", npi="1", product="examplecel", checked="2026-11-01", **fields):
    made = {"facility_name": name, "npi": npi, "product": product, "checked_on": checked, "evidence_kind": "locator"}
    return made | fields


def matched(facility, *rows, product="examplecel", as_of=AS_OF):
    return match_center(facility, product, read_roster({"synthetic": True, "rows": list(rows)}), as_of).row


def at(name="Example Hospital", npi=None):
    return Facility(name, npi, "performer of the order")


def test_the_npi_comes_first():
    found = matched(at("Other Hospital", "2"), row("Example Hospital", "1"), row("Quite Another", "2"))
    assert found.facility_name == "Quite Another"


@pytest.mark.parametrize("name", ["Example Hospital", "EXAMPLE HOSPITAL", "example-hospital ", "Example  Hospital"])
def test_without_an_npi_the_exact_name_counts_in_any_case(name):
    assert matched(at(name), row()).npi == "1"


@pytest.mark.parametrize(
    "name", ["Example", "Example Hospital North", "The Example Hospital", "", "  ", "Hospital Example"]
)
def test_a_name_that_is_only_similar_is_no_match(name):
    assert matched(at(name), row()) is None


def test_a_namesake_with_another_npi_is_refused():
    assert matched(at("Example Hospital", "9"), row()) is None
    assert matched(at("Example Hospital", "9"), row(), row(npi="8")) is None


def test_a_name_may_stand_in_for_an_npi_that_the_roster_does_not_give():
    assert matched(at("Example Hospital", "9"), row(npi="")) is not None


def test_rows_of_other_products_say_nothing():
    assert matched(at(npi="1"), row(product="samplecel")) is None
    assert matched(at(npi="1"), row(), product=None) is None


def test_a_row_that_was_checked_in_the_future_is_not_known_yet():
    rows = [row(checked="2026-11-01", evidence_kind="locator"), row(checked="2026-11-22", evidence_kind="contract")]
    assert matched(at(npi="1"), *rows).evidence_kind == "locator"
    assert matched(at(npi="1"), *rows, as_of=date(2026, 11, 22)).evidence_kind == "contract"
    assert matched(at(npi="1"), rows[1]) is None


def test_of_several_rows_the_newest_check_counts_whatever_their_order():
    rows = [row(checked=f"2026-{month}-01", evidence_url=month) for month in ("09", "11", "10")]
    for order in (rows, rows[::-1]):
        assert matched(at(npi="1"), *order).evidence_url == "11"


def test_no_facility_is_no_match():
    assert match_center(None, "examplecel", [], AS_OF).facility is None
    facility = at()
    assert match_center(facility, "examplecel", [], AS_OF).facility is facility


def test_a_roster_row_is_read_with_all_its_days():
    (read,) = read_roster(
        {
            "synthetic": True,
            "source": "here",
            "rows": [
                row(
                    rems_enrolled_from="2025-01-01",
                    rems_enrolled_to="2026-06-26",
                    staff_trained_on="2025-02-01",
                    valid_until="2027-01-01",
                    fact_accredited_until="2027-02-01",
                )
            ],
        }
    )
    assert read.rems_enrolled.holds(date(2026, 6, 26))
    assert not read.rems_enrolled.holds(date(2026, 6, 27))
    assert (read.staff_trained_on, read.valid_until) == (date(2025, 2, 1), date(2027, 1, 1))
    assert read.fact_accredited_until == date(2027, 2, 1)
    assert read.synthetic is True
    assert read_roster({"rows": [row()]})[0].rems_enrolled is None
    assert read_roster({"rows": [row()]})[0].synthetic is False
    assert read_roster({}) == []


ORG = {
    "resourceType": "Organization",
    "id": "o1",
    "name": "Example Hospital",
    "identifier": [{"system": NPI, "value": "1"}],
}
PLACE = {
    "resourceType": "Location",
    "id": "l1",
    "name": "Ward 3",
    "managingOrganization": {"reference": "Organization/o1"},
}
OWN = {"resourceType": "Location", "id": "l2", "name": "House 2", "identifier": [{"system": NPI, "value": "2"}]}
ROLE = {"resourceType": "PractitionerRole", "id": "r1", "organization": {"reference": "Organization/o1"}}
DOCTOR = {"resourceType": "Practitioner", "id": "d1", "name": [{"family": "One"}]}
ENCOUNTER = {"resourceType": "Encounter", "id": "e1", "serviceProvider": {"reference": "Organization/o1"}}


def facility(example, order, encounter=None):
    chart = chart_of(example, entries=[(None, r) for r in (ORG, PLACE, OWN, ROLE, DOCTOR)])
    found = find_facility(order, encounter, chart.resolve, example.systems)
    return (found.name, found.npi) if found else None


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({"performer": [{"reference": "Organization/o1"}]}, ("Example Hospital", "1")),
        ({"performer": {"reference": "Organization/o1"}}, ("Example Hospital", "1")),
        ({"performer": [{"display": "Elsewhere"}]}, ("Elsewhere", None)),
        ({"performer": [{"identifier": {"system": NPI, "value": " 7 "}, "display": "Elsewhere"}]}, ("Elsewhere", "7")),
        ({"performer": [{"identifier": {"system": "urn:oid:2.16.840.1.113883.4.6", "value": "7"}}]}, ("", "7")),
        ({"performer": [{"reference": "PractitionerRole/r1"}]}, ("Example Hospital", "1")),
        ({"performer": [{"actor": {"reference": "Organization/o1"}}]}, ("Example Hospital", "1")),
        ({"dispenseRequest": {"performer": {"reference": "Organization/o1"}}}, ("Example Hospital", "1")),
        ({"locationReference": [{"reference": "Location/l1"}]}, ("Example Hospital", "1")),
        ({"locationReference": [{"reference": "Location/l2"}]}, ("House 2", "2")),
        ({"performer": [{"reference": "#c"}], "contained": [{**ORG, "id": "c"}]}, ("Example Hospital", "1")),
        # a person is not a treatment centre
        ({"performer": [{"reference": "Practitioner/d1", "display": "Dr One"}]}, None),
        ({"performer": [{"reference": "Practitioner/elsewhere", "display": "Dr Two"}]}, None),
        (
            {"performer": [{"reference": "Practitioner/d1"}, {"reference": "Organization/o1"}]},
            ("Example Hospital", "1"),
        ),
        # named and not sent: not to be taken for none, and no other center stands in for it
        ({"performer": [{"reference": "Organization/nowhere"}]}, ("Organization/nowhere", None)),
        ({"locationReference": [{"reference": "Location/nowhere"}]}, ("Location/nowhere", None)),
        ({"performer": [{"actor": {"reference": "Organization/nowhere"}}]}, ("Organization/nowhere", None)),
        ({"dispenseRequest": {"performer": {"reference": "Organization/pharmacy"}}}, None),
        ({"performer": [{"reference": "Organization/nowhere", "display": "Known by name"}]}, ("Known by name", None)),
        ({"performer": ["text", None, {}], "locationReference": "text"}, None),
        ({"performer": [{"identifier": [{"system": "urn:x", "value": "7"}]}]}, None),
        ({}, None),
    ],
)
def test_the_centre_is_found_where_the_order_names_it(example, order, expected):
    assert facility(example, order) == expected


def test_the_order_comes_before_the_encounter(example):
    assert facility(example, {}, ENCOUNTER) == ("Example Hospital", "1")
    assert facility(example, {"performer": [{"display": "Elsewhere"}]}, ENCOUNTER) == ("Elsewhere", None)
    assert facility(example, {}, {"resourceType": "Encounter", "id": "e2"}) is None


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("1234567893", True),
        ("1999999992", True),
        ("1234567890", False),
        ("123456789", False),
        ("12345678930", False),
        ("123456789x", False),
        ("１２３４５６７８９３", False),
        ("", False),
    ],
)
def test_an_npi_carries_its_check_digit(text, is_one):
    assert is_npi(text) is is_one
