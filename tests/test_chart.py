"""The chart: found by kind and code, whatever the order, the key or the shape in which it was sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from parts import (
    RXNORM,
    SERVER,
    chart_of,
    concept,
    condition,
    document,
    full_chart,
    medication,
    observation,
    patient,
    report,
)

from cdshooks.engine.chart import Reading, State, build_chart
from cdshooks.engine.identity import identify
from cdshooks.engine.model import Why


def found(chart, kind, set_id, library):
    return [(record.reference, c.coded[1]) for record, c in chart.find([kind], library.value_sets[set_id])]


def test_a_record_is_found_by_any_of_its_codes(example):
    chart = chart_of(example, condition(concept("local", "alpha"), "c1"))
    assert found(chart, "Condition", "dx-alpha", example) == [("Condition/c1", "alpha")]
    assert found(chart, "Condition", "dx-beta", example) == []


def test_a_record_is_found_once_by_the_code_that_may_do_most(example):
    chart = chart_of(example, condition(concept("alpha-unsure", "alpha", "alpha-second-hand"), "c1"))
    assert found(chart, "Condition", "dx-alpha", example) == [("Condition/c1", "alpha")]


def test_a_record_of_another_kind_is_not_found(example):
    assert found(chart_of(example, condition()), "Observation", "dx-alpha", example) == []


def test_a_component_is_found_as_a_part_of_its_observation(example):
    part = {"code": concept("virus-ab"), "valueCodeableConcept": concept("positive")}
    panel = observation(None, code="panel", id_="o1", component=[part, "junk"])
    chart = chart_of(example, panel)
    ((record, _),) = chart.find(["Observation"], example.value_sets["lab-virus"])
    assert record.reference == "Observation/o1"
    assert record.body is part


def test_records_of_others_are_left_out_and_said(example):
    chart = chart_of(example, condition(id_="c1"), condition(id_="c2", subject={"reference": "Patient/p2"}))
    assert [r.reference for r in chart.all_of_kind("Condition")] == ["Condition/c1"]
    assert [(left.reference, left.why) for left in chart.left_out] == [("Condition/c2", Why.ANOTHER_PATIENT)]


def test_a_record_may_name_its_patient_under_patient(example):
    sent = condition(id_="c1")
    sent["patient"] = sent.pop("subject")
    assert chart_of(example, sent).all_of_kind("Condition")[0].owned is True


def test_a_record_that_names_nobody_is_kept_as_nobody_s(example):
    chart = chart_of(example, condition(subject=None))
    assert chart.all_of_kind("Condition")[0].owned is None


@pytest.mark.parametrize(
    "fields",
    [
        {"medicationCodeableConcept": concept("900011", system=RXNORM)},
        {"medicationReference": {"reference": "Medication/m1"}},
        {"medicationReference": {"reference": f"{SERVER}/Medication/m1"}},
        {"medicationReference": {"reference": "urn:uuid:med-1"}},
        {"medicationReference": {"reference": "#inside"}},
        {"medicationReference": {"reference": "Medication/m1", "display": "something else"}},
        {"medicationReference": "Medication/m1"},
        {"medication": {"concept": concept("900011", system=RXNORM)}},
        {"medication": {"reference": {"reference": "Medication/m1"}}},
        {"medicationCodeableConcept": {"coding": {"system": RXNORM, "code": "900011"}}},
    ],
)
def test_a_medication_is_found_in_every_shape(example, fields):
    inside = {"resourceType": "Medication", "id": "inside", "code": concept("900011", system=RXNORM)}
    outside = {"resourceType": "Medication", "id": "m1", "code": concept("900011", system=RXNORM)}
    given = medication(id_="ma1", **{"medicationCodeableConcept": None, "contained": [inside]} | fields)
    chart = chart_of(example, entries=[(None, patient()), (None, given), ("urn:uuid:med-1", outside)])
    assert found(chart, "MedicationAdministration", "rx-cells", example) == [("MedicationAdministration/ma1", "900011")]


@pytest.mark.parametrize("kind", ["MedicationRequest", "MedicationStatement", "MedicationDispense"])
def test_all_four_kinds_of_medication_record_are_indexed(example, kind):
    chart = chart_of(example, medication(kind, id_="m"))
    assert found(chart, kind, "rx-cells", example) == [(f"{kind}/m", "900011")]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"medicationReference": {"reference": "Medication/nowhere"}},
        {"medicationReference": {}},
        {"medicationReference": None},
        {"medication": "text"},
        {"medicationCodeableConcept": "text"},
        {"medicationReference": {"reference": "#nowhere"}},
    ],
)
def test_a_medication_that_cannot_be_told_breaks_nothing(example, fields):
    given = medication(medicationCodeableConcept=None) | fields
    assert found(chart_of(example, given), "MedicationAdministration", "rx-cells", example) == []


def test_references_are_resolved_within_the_record_by_full_url_and_by_id(example):
    org = {"resourceType": "Organization", "id": "o1", "name": "Outside"}
    chart = chart_of(example, entries=[(None, patient()), ("urn:uuid:org", org)])
    within = {"contained": [{"resourceType": "Organization", "id": "in", "name": "Inside"}]}
    assert chart.resolve({"reference": "#in"}, within)["name"] == "Inside"
    for target in ("urn:uuid:org", "Organization/o1", f"{SERVER}/Organization/o1", "Organization/o1/_history/2"):
        assert chart.resolve({"reference": target}) == org
    for target in ("#other", "Organization/o2", "Location/o1", ""):
        assert chart.resolve({"reference": target}, within) is None
    assert chart.resolve(None) is None
    assert chart.resolve("Organization/o1") is None


def test_a_reference_to_another_server_finds_nothing_of_ours_with_the_same_id(example):
    org = {"resourceType": "Organization", "id": "o1"}
    elsewhere = "https://elsewhere.example/r4/Organization/o1"
    chart = chart_of(example, entries=[(None, patient()), (None, org)])
    assert chart.resolve({"reference": elsewhere}) is None
    sent_so = chart_of(example, entries=[(None, patient()), (elsewhere, org)])
    assert sent_so.resolve({"reference": elsewhere}) == org


def test_a_kind_of_which_the_request_says_nothing_is_absent(example):
    chart = build_chart([], identify("p1", None, []), {}, example.systems)
    assert chart.reading("Observation").state is State.ABSENT
    assert chart.unread(["Observation"])


@pytest.mark.parametrize("state", [State.PARTIAL, State.FAILED, State.ABSENT])
def test_absence_is_claimed_only_of_kinds_that_were_read(example, state):
    readings = {"Observation": Reading(State.READ), "Procedure": Reading(state, "procedures: failed")}
    chart = build_chart([], identify("p1", None, []), readings, example.systems)
    assert chart.unread(["Observation"]) is None
    assert chart.unread(["Observation", "Procedure"]) == "procedures: failed"
    assert chart.unread([]) is None


def test_one_reason_is_said_once(example):
    readings = dict.fromkeys(["Procedure", "Condition"], Reading(State.FAILED, "all failed"))
    assert build_chart([], identify("p1", None, []), readings, example.systems).unread(readings) == "all failed"


def test_the_patient_of_the_chart_is_the_right_one(example):
    entries = [(None, patient("p2")), (None, patient("p1", birth="1999-09-09"))]
    assert chart_of(example, entries=entries).patient["birthDate"] == "1999-09-09"
    assert chart_of(example, entries=entries[:1]).patient is None


def test_of_two_versions_of_one_record_the_later_counts_whatever_their_order(example):
    old = condition("beta", "c1", meta={"lastUpdated": "2026-01-01T00:00:00Z"})
    new = condition("alpha", "c1", meta={"lastUpdated": "2026-02-01T00:00:00Z"})
    for sent in ([old, new], [new, old], [old, new, old]):
        chart = chart_of(example, *sent)
        assert found(chart, "Condition", "dx-alpha", example) == [("Condition/c1", "alpha")]
        assert len(chart.all_of_kind("Condition")) == 1


def test_of_two_versions_without_a_date_the_choice_does_not_depend_on_their_order(example):
    one, other = condition("beta", "c1"), condition("alpha", "c1")
    charts = [chart_of(example, *sent) for sent in ([one, other], [other, one])]
    assert charts[0].all_of_kind("Condition") == charts[1].all_of_kind("Condition")


def test_a_record_without_an_id_can_still_be_named(example):
    sent = condition()
    del sent["id"]
    chart = chart_of(example, entries=[(None, patient()), ("urn:uuid:1", sent), (None, {**sent, "note": []})])
    assert {r.reference for r in chart.all_of_kind("Condition")} == {"urn:uuid:1", "Condition without id"}


def test_an_id_longer_than_fhir_allows_is_kept_whole(example):
    long = "e" + "X.y-" * 60
    assert chart_of(example, condition(id_=long)).all_of_kind("Condition")[0].reference == f"Condition/{long}"


FORMS = [
    {
        "observation": {
            "code": "vs/lab-virus",
            "value": ["vs/result-negative", "vs/result-positive"],
            "newer_than": "P3M",
        }
    },
    {"condition": {"code": "vs/dx-alpha", "state": "vs/state-relapsed", "against": "vs/state-remission"}},
    {"product": {"indication": "any"}},
    {"report": {"code": "vs/path-marrow", "no_older_than": "P6M"}},
    {"document": {"type": "vs/doc-letter", "title": "vs/words-letter"}},
    {
        "prior_infusion": {
            "procedure": "vs/proc-infusion",
            "medication": "vs/rx-cells",
            "history": "vs/dx-earlier-cells",
            "same_course": "P21D",
        }
    },
    {"therapy": {"lines_at_least": 2, "classes": ["vs/rx-class-one"]}},
]
NOISE = [
    condition("alpha", "c2"),
    condition("alpha", "c3", verified="provisional"),
    condition("alpha", "c4"),
    condition("nerve", "c5"),
    condition("nerve", "c6"),
    condition("nerve", "c7"),
    condition("beta", "c8"),
    condition("in-remission", "c9"),
    observation("positive", "2026-10-20", id_="o2"),
    observation("negative", "2026-10-20", id_="o3"),
    observation("negative", None, id_="o4"),
    observation("unclear", "2026-10-21", id_="o5", status="preliminary"),
    report(day="2026-10-20", id_="r2"),
    document(id_="d2", title="Letter of need"),
    document("letter", id_="d3", title="Medical necessity"),
    medication("MedicationRequest", "910001", "2025-01-02", "m1"),
    medication("MedicationAdministration", "910002", "2024-01-02", "m2"),
    medication("MedicationAdministration", "900011", "2024-03-05", "m3"),
    medication("MedicationStatement", concept(text="Sampla"), "2023-03-05", "m4"),
]


def settled(explanation):
    """An explanation whose left-out records stand in one order: that of the answer is settled at the end."""
    left_out = tuple(sorted(explanation.left_out, key=repr))
    return replace(explanation, left_out=left_out, children=tuple(map(settled, explanation.children)))


@given(st.permutations(range(len(NOISE) + 4)), st.integers(0, 3))
def test_neither_order_nor_repetition_of_the_entries_changes_an_answer(ask, order, repeated):
    sent = [*full_chart(), *NOISE]
    shuffled = [sent[n] for n in order]
    shuffled += shuffled[:repeated]
    for form in FORMS:
        assert settled(ask(form, *shuffled)) == settled(ask(form, *sent))


def test_two_records_without_id_give_the_same_answer_in_either_order(ask):
    one, other = observation("negative", "2026-10-20"), observation("positive", "2026-10-20")
    for sent in (one, other):
        del sent["id"]
    assert ask(FORMS[0], one, other) == ask(FORMS[0], other, one)


def test_a_chart_is_not_changed_by_asking(example, ask):
    sent = full_chart()
    before = repr(sent)
    for form in FORMS:
        ask(form, *sent)
    assert repr(sent) == before


def test_an_order_may_be_remembered_without_becoming_a_record(example):
    chart = chart_of(example)
    drug = {"resourceType": "Medication", "id": "m1", "code": concept("900011", system=RXNORM)}
    chart.remember([("urn:uuid:m1", drug)])
    assert chart.resolve({"reference": "Medication/m1"}) == drug
    assert chart.resolve({"reference": "urn:uuid:m1"}) == drug
    assert chart.all_of_kind("Medication") == []


@pytest.mark.parametrize(
    ("focus", "kept"),
    [
        ([{"reference": "Patient/p1"}], True),
        ([{"reference": "Patient/donor"}], False),
        ([{"reference": "RelatedPerson/donor"}], False),
        ({"reference": "Patient/donor"}, False),
        ([{"reference": "Condition/c1"}], True),
        (["text", None, {}], True),
        (None, True),
    ],
)
def test_a_result_about_another_person_is_left_out_though_it_names_our_patient(example, focus, kept):
    chart = chart_of(example, observation(id_="o1", focus=focus))
    assert bool(chart.all_of_kind("Observation")) is kept
    assert [left.why for left in chart.left_out] == ([] if kept else [Why.ANOTHER_PATIENT])


@pytest.mark.parametrize(
    ("subject", "kept"),
    [
        ({"reference": "Patient/p1"}, True),
        ({"reference": "Patient/donor"}, False),
        ({"reference": "Device/pump"}, True),
        (None, True),
    ],
)
def test_a_result_of_a_specimen_taken_from_another_person_is_left_out(example, subject, kept):
    specimen = {"resourceType": "Specimen", "id": "tube", "subject": subject}
    sent = observation(id_="o1", specimen={"reference": "#tube"}, contained=[specimen])
    chart = chart_of(example, sent)
    assert [left.why for left in chart.left_out] == ([] if kept else [Why.ANOTHER_PATIENT])


def test_records_without_a_code_of_any_known_system_are_kept_apart(example):
    local = {"coding": [{"system": "http://hospital.example/local", "code": "77"}], "text": "words"}
    sent = [condition(local, "c1"), condition({"text": "words"}, "c2"), condition("unknown-code", "c3"), condition()]
    assert {r.reference for r in chart_of(example, *sent).uncoded("Condition")} == {"Condition/c1", "Condition/c2"}
    assert chart_of(example).uncoded("Observation") == []


def test_a_medication_may_be_told_by_its_ingredients(example):
    drug = {"resourceType": "Medication", "id": "m1"}
    drug["ingredient"] = [{"itemCodeableConcept": concept("900011", system=RXNORM)}, "junk"]
    given = medication(id_="ma1", medicationCodeableConcept=None, medicationReference={"reference": "Medication/m1"})
    chart = chart_of(example, given, drug)
    assert found(chart, "MedicationAdministration", "rx-cells", example) == [("MedicationAdministration/ma1", "900011")]
