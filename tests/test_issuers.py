"""Who issued a record: the laboratory, or the author, by display, contained, or resolved."""

import pytest
from parts import chart_of, document, observation, procedure, report

from cdshooks.engine.issuers import Issuer, issuer_of

LAB = {"resourceType": "Organization", "id": "lab", "name": "Example Laboratory"}
DOCTOR = {"resourceType": "Practitioner", "id": "dr", "name": [{"given": ["Ada", "B."], "family": "Example"}]}
ROLE = {
    "resourceType": "PractitionerRole",
    "id": "role",
    "practitioner": {"reference": "Practitioner/dr"},
    "organization": {"reference": "Organization/lab"},
}
TO_LAB, TO_DOCTOR, TO_ROLE = (
    {"reference": text} for text in ("Organization/lab", "Practitioner/dr", "PractitionerRole/role")
)
OURS, PERSON = Issuer("Example Laboratory", laboratory=True), Issuer("Ada B. Example")


def issuer(example, sent, *others):
    made = chart_of(example, sent, LAB, DOCTOR, ROLE, *others)
    return issuer_of(made.all_of_kind(sent["resourceType"])[0], made)


@pytest.mark.parametrize(
    ("performer", "named"),
    [
        ([TO_LAB], OURS),
        ([TO_DOCTOR, TO_LAB], OURS),
        ([TO_ROLE], OURS),
        ([TO_DOCTOR], PERSON),
        ([{"display": "Lab A"}], Issuer("Lab A", laboratory=True)),
        ({"display": "Lab A"}, Issuer("Lab A", laboratory=True)),
        ([{"reference": "Practitioner/nobody", "display": "Dr A"}], Issuer("Dr A")),
        ([{"type": "Practitioner", "display": "Dr A"}], Issuer("Dr A")),
        ([{"reference": "Organization/nowhere"}], None),
        ([{"reference": "Patient/p1", "display": "A Patient"}], None),
        ([{"type": "RelatedPerson", "display": "A Daughter"}], None),
        (["text", None, 7], None),
        (None, None),
    ],
)
def test_a_result_names_its_laboratory_else_the_person_behind_it(example, performer, named):
    assert issuer(example, observation(performer=performer)) == named


def test_a_contained_organization_is_read(example):
    own = {"resourceType": "Organization", "id": "in", "name": "Inner Laboratory"}
    sent = report(performer=[{"reference": "#in"}], contained=[own])
    assert issuer(example, sent) == Issuer("Inner Laboratory", laboratory=True)


def test_a_report_without_a_laboratory_names_who_interpreted_it(example):
    assert issuer(example, report(resultsInterpreter=[TO_DOCTOR])) == PERSON
    assert issuer(example, report(performer=[TO_LAB], resultsInterpreter=[TO_DOCTOR])) == OURS


def test_a_result_that_names_nobody_is_its_report_s(example):
    sent = observation(id_="o1")
    assert issuer(example, sent, report(result=[{"reference": "Observation/o1"}], performer=[TO_LAB])) == OURS
    assert issuer(example, sent, report(result=[{"reference": "Observation/o2"}], performer=[TO_LAB])) is None


def test_another_patient_s_report_lends_no_laboratory(example):
    other = report(result=[{"reference": "Observation/o1"}], performer=[TO_LAB], subject={"reference": "Patient/p2"})
    assert issuer(example, observation(id_="o1"), other) is None


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        (document(author=[TO_DOCTOR], custodian=TO_LAB), PERSON),
        (document(custodian=TO_LAB), Issuer("Example Laboratory")),
        (document(author=[{"reference": "Organization/nowhere"}], custodian=TO_LAB), Issuer("Example Laboratory")),
        (procedure(performer=[{"actor": TO_DOCTOR}]), PERSON),
        (procedure(performer=[{"actor": {"display": "Dr B"}}]), Issuer("Dr B")),
        (procedure(performer=[{"onBehalfOf": TO_LAB}]), Issuer("Example Laboratory")),
        (procedure(performer=[{"reference": "Organization/nowhere"}], recorder={"display": "Dr C"}), Issuer("Dr C")),
    ],
)
def test_a_paper_or_procedure_names_its_author_else_who_keeps_it(example, sent, named):
    assert issuer(example, sent) == named
