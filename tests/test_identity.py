"""Whose record is it? A record of another patient is never evidence, however its subject is spelled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parts import SERVER, chart_of, condition, observation, patient

from cdshooks.engine.identity import agree, fold_base, identify, listed, split_reference
from cdshooks.engine.model import Why

MRN = "https://ehr.example.org/mrn"
UUID = "0f2b8c6e-5f0e-4a56-9d5b-0d4a3c1e9a77"
US = patient(identifier=[{"system": MRN, "value": " 1001"}], name=[{"family": "One"}])


def identity(*entries, patient_id="p1", server=SERVER):
    return identify(patient_id, server, entries or [(f"urn:uuid:{UUID}", US)])


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/p1"},
        {"reference": " Patient/p1 "},
        {"reference": "Patient/p1/_history/3"},
        {"reference": f"{SERVER}/Patient/p1"},
        {"reference": f"{SERVER}/Patient/p1/_history/3"},
        {"reference": f"{SERVER}/Patient/p1/"},
        {"reference": "HTTPS://EHR.EXAMPLE.ORG/r4/Patient/p1"},
        {"reference": f"urn:uuid:{UUID}"},  # the fullUrl of our Patient
        {"reference": "https://elsewhere.example/fhir/Patient/p1", "identifier": {"system": MRN, "value": "1001"}},
        {"reference": "p1", "type": "Patient"},
        {"identifier": {"system": MRN, "value": "1001"}},
        {"identifier": {"system": MRN, "value": "1001 "}, "display": "One"},
        {"reference": "Patient/p1", "identifier": {"system": MRN, "value": "1001"}},
        {"reference": "Patient/p1", "identifier": {"system": "urn:other", "value": "7"}},
        {"reference": "Patient/p1", "type": "Patient", "display": "Somebody"},
    ],
)
def test_our_patient_is_recognised_in_every_spelling(subject):
    assert identity().owns(subject) is True


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/p2"},
        {"reference": "Patient/p11"},
        {"reference": "Patient/P1"},
        {"reference": "Patient/p2/_history/1"},
        {"reference": f"{SERVER}/Patient/p2"},
        {"reference": "https://elsewhere.example/fhir/Patient/p2"},
        {"reference": "urn:uuid:11111111-2222-3333-4444-555555555555"},
        {"reference": "Group/p1"},
        {"reference": "Practitioner/p1"},
        {"reference": "RelatedPerson/p1"},
        {"reference": f"{SERVER}/Practitioner/p1"},
        {"reference": "Patient/p2/Patient/p3"},
        {"identifier": {"system": MRN, "value": "1002"}},
        {"reference": "Patient/p1", "identifier": {"system": MRN, "value": "1002"}},
    ],
)
def test_anyone_else_is_refused(subject):
    assert identity().owns(subject) is False


@pytest.mark.parametrize(
    "subject",
    [
        None,
        "Patient/p1",
        {},
        {"reference": ""},
        {"reference": "  "},
        {"reference": None},
        {"reference": 7},
        {"display": "One"},
        {"identifier": {"system": "urn:other", "value": "1001"}},
        {"identifier": {"value": "1001"}},
        {"identifier": "1001"},
        {"identifier": {"system": MRN}},
        [],
    ],
)
def test_a_subject_that_names_nobody_is_neither(subject):
    assert identity().owns(subject) is None


def test_the_same_id_under_an_unknown_base_cannot_be_told():
    assert identity((None, condition())).owns({"reference": "https://elsewhere.example/Patient/p1"}) is None
    assert identity((None, US)).owns({"reference": "https://elsewhere.example/Patient/p1"}) is None
    assert identity((None, condition())).owns({"reference": f"{SERVER}/Patient/p1"}) is True


def test_the_base_of_the_patient_s_own_full_url_is_ours():
    ours = identity(("https://b.example/fhir/Patient/p1", US))
    assert ours.owns({"reference": "https://b.example/fhir/Patient/p1"}) is True


def test_a_patient_of_another_id_gives_no_base_and_no_url():
    other = identity((f"urn:uuid:{UUID}", patient("p2")), (None, condition()))
    assert other.patient is None
    assert other.owns({"reference": f"urn:uuid:{UUID}"}) is False


def test_without_a_server_relative_references_still_count():
    assert identity(server=None).owns({"reference": "Patient/p1"}) is True


TWO = patient(birth="1980-01-01", identifier=[{"system": MRN, "value": "2002"}], name=[{"family": "Two"}])


@pytest.mark.parametrize("entries", [[(f"{SERVER}/Patient/p1", US), ("https://b.example/Patient/p1", TWO)]])
def test_two_patients_of_one_id_who_differ_are_a_contradiction(entries):
    assert identity(*entries).contradictory
    assert identity(*entries[::-1]).contradictory
    assert not identity(entries[0], entries[0]).contradictory


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ({"identifier": [{"system": MRN, "value": "1001"}]}, True),
        ({"identifier": [{"system": MRN, "value": "1001"}], "birthDate": "1999-01-01"}, True),
        ({"identifier": [{"system": MRN, "value": "9"}, {"system": MRN, "value": "1001"}]}, True),
        ({"identifier": [{"system": MRN, "value": "1001"}, {"system": MRN, "value": "9"}]}, True),
        ({"identifier": [{"system": MRN, "value": "2002"}]}, False),
        ({"identifier": [{"system": "urn:other", "value": "1001"}], "birthDate": "1960-05-05"}, True),
        ({"birthDate": "1960-05-05", "name": [{"family": "One"}]}, True),
        ({"birthDate": "1960-05-06"}, False),
        ({"name": [{"family": "Two"}]}, False),
        ({}, None),
    ],
)
def test_two_patients_are_one_by_identifier_else_by_name_and_birth_date(fields, same):
    assert agree({"resourceType": "Patient", "id": "x", **fields}, US) is same
    assert agree(US, {"resourceType": "Patient", "id": "x", **fields}) is same


def test_a_contained_patient_counts_as_its_identifier_says(example):
    for value, left_out in (("1001", None), ("1002", Why.ANOTHER_PATIENT)):
        inside = {"resourceType": "Patient", "id": "pat", "identifier": [{"system": MRN, "value": value}]}
        sent = condition(subject={"reference": "#pat"}, contained=[inside])
        chart = chart_of(example, sent, who=US)
        assert [left.why for left in chart.left_out] == ([left_out] if left_out else [])
        assert [record.owned for record in chart.all_of_kind("Condition")] == ([] if left_out else [True])


def test_a_contained_patient_is_never_taken_for_ours_unseen(ask):
    sent = observation(subject={"reference": "#pat"}, contained=[{"resourceType": "Patient", "id": "pat"}])
    assert ask({"observation": {"code": "vs/lab-virus"}}, sent).truth is None


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("Patient/p1", ("", "Patient", "p1")),
        ("p1", ("", "", "p1")),
        ("https://A.example/r4/Patient/p1", ("https://a.example/r4", "Patient", "p1")),
        ("https://a.example/r4/Patient/p1/_history/2", ("https://a.example/r4", "Patient", "p1")),
        ("Patient/p1/", ("", "Patient", "p1")),
        ("Patient/p1?x=y", ("", "Patient", "p1")),
        ("https://a.example/Patient/p1", ("https://a.example", "Patient", "p1")),
    ],
)
def test_a_reference_is_base_type_and_id(reference, parts):
    assert split_reference(reference) == parts


@pytest.mark.parametrize(
    ("url", "folded"),
    [
        ("HTTPS://A.Example/R4/", "https://a.example/R4"),
        (" https://a.example ", "https://a.example"),
        ("/r4/", "r4"),
    ],
)
def test_a_base_is_compared_without_trailing_slash_and_with_a_small_host(url, folded):
    assert fold_base(url) == folded


def test_one_value_is_a_list_of_one():
    assert listed(None) == []
    assert listed({"a": 1}) == [{"a": 1}]
    assert listed([1, 2]) == [1, 2]


IDS = ["p1", "p2", "p11", "p3"]
SPELLINGS = [
    lambda who: {"reference": f"Patient/{who}"},
    lambda who: {"reference": f"{SERVER}/Patient/{who}"},
    lambda who: {"reference": f"https://elsewhere.example/x/Patient/{who}/_history/1"},
    lambda who: {"reference": f"urn:uuid:{who}"},
    lambda who: {"identifier": {"system": MRN, "value": f"MRN-{who}"}},
    lambda who: {"reference": f"Patient/{who}", "identifier": {"system": MRN, "value": f"MRN-{who}"}},
]
draws = st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(SPELLINGS)), min_size=1, max_size=12)


@given(draws, st.permutations(IDS))
def test_a_mix_of_patients_never_yields_evidence_of_another(example, ask, draws, order):
    patients = [patient(who, identifier=[{"system": MRN, "value": f"MRN-{who}"}]) for who in order]
    sent, owners = [], {}
    for number, (who, spelling) in enumerate(draws):
        sent.append(observation(id_=f"o{number}", subject=spelling(who)))
        owners[f"Observation/o{number}"] = who
    entries = [(f"{SERVER}/Patient/{p['id']}", p) for p in patients] + [(None, r) for r in sent]
    chart = chart_of(example, entries=entries)
    kept = {record.reference for record in chart.all_of_kind("Observation")}
    assert kept == {reference for reference, who in owners.items() if who == "p1"}
    assert {left.reference for left in chart.left_out} == {r for r, who in owners.items() if who != "p1"}
    assert all(left.why is Why.ANOTHER_PATIENT for left in chart.left_out)
    found = ask({"observation": {"code": "vs/lab-virus"}}, entries=entries)
    assert all(owners[item.reference] == "p1" for item in found.evidence)
    sure = any(record.owned for record in chart.all_of_kind("Observation"))  # an unknown base cannot be told
    assert (found.truth is True) == sure


def test_a_patient_by_reference_cannot_be_told_without_the_patient():
    inside = {"resourceType": "Patient", "id": "pat", "identifier": [{"system": MRN, "value": "1001"}]}
    record = {"resourceType": "Condition", "contained": [inside, "junk"]}
    assert identity((None, condition())).owns({"reference": "#pat"}, record) is None
    assert identity().owns({"reference": "#other"}, record) is None
    assert identity().owns({"reference": "#pat"}, record) is True
    assert identity().owns({"reference": "#pat"}) is None


def test_every_date_of_birth_of_the_copies_is_kept_once():
    mine = [{"system": MRN, "value": "1001"}]
    copies = [(None, patient(birth=day, identifier=mine)) for day in ("1960-05-05", "1960-05-06", "1960-05-05", None)]
    assert identity(*copies).birth_dates == ("1960-05-05", "1960-05-06")
    assert identity(*copies[::-1]).birth_dates == ("1960-05-05", "1960-05-06")
    assert not identity(*copies).contradictory
