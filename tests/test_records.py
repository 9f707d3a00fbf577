"""What one record may be used for: its status, its date, its words, its author, its label."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parts import (
    AS_OF,
    TERMS,
    asked_service,
    chart_of,
    concept,
    condition,
    document,
    medication,
    observation,
    patient,
    procedure,
    report,
    resource,
    term,
)

from cdshooks.engine.model import Why
from cdshooks.engine.records import (
    all_texts,
    clip,
    moment_of,
    seen_in,
    specimen_texts,
    status_words,
    title_of,
    unread_reason,
)


def only(library, sent, *others, **chart):
    """The record of the one resource that counts, and its chart."""
    made = chart_of(library, sent, *others, **chart)
    return made.all_of_kind(sent["resourceType"])[0], made


def dated(library, sent, *others, **chart):
    moment = moment_of(*only(library, sent, *others, **chart))
    return str(moment) if moment else None


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (observation(status="entered-in-error"), Why.ENTERED_IN_ERROR),
        (report(status="entered-in-error"), Why.ENTERED_IN_ERROR),
        (procedure(status="entered-in-error"), Why.ENTERED_IN_ERROR),
        (document(status="entered-in-error"), Why.ENTERED_IN_ERROR),
        (document(docStatus="entered-in-error"), Why.ENTERED_IN_ERROR),
        (medication(status="entered-in-error"), Why.ENTERED_IN_ERROR),
        (condition(verified="entered-in-error"), Why.ENTERED_IN_ERROR),
        (condition(verified=None, verificationStatus="entered-in-error"), Why.ENTERED_IN_ERROR),
        (condition(verified="refuted"), Why.REFUTED),
        (condition(verified=None, verificationStatus={"text": "Refuted"}), Why.REFUTED),
        (observation(status="cancelled"), Why.CANCELLED),
        (report(status="cancelled"), Why.CANCELLED),
        (asked_service(status="revoked"), Why.CANCELLED),
        (medication("MedicationRequest", status="cancelled"), Why.CANCELLED),
        (document(status="superseded"), Why.CANCELLED),
        (procedure(status="not-done"), Why.NOT_DONE),
        (medication(status="not-done"), Why.NOT_DONE),
        (medication("MedicationStatement", status="not-taken"), Why.NOT_DONE),
        (procedure(status=None, notDone=True), Why.NOT_DONE),
        (medication(status="completed", wasNotGiven=True), Why.NOT_DONE),
        (observation(status=" Entered-In-Error "), Why.ENTERED_IN_ERROR),
    ],
)
def test_a_record_whose_status_takes_it_back_is_refused(example, sent, why):
    record, chart = only(example, sent)
    assert seen_in(record, chart).refused(AS_OF) is why


@pytest.mark.parametrize(
    "sent",
    [
        observation(),
        observation(status="amended"),
        observation(status="preliminary"),
        observation(status=None),
        report(status="partial"),
        procedure(),
        procedure(status="in-progress"),
        condition(verified=None),
        condition(verified="provisional"),
        document(),
        medication("MedicationRequest", status="active"),
    ],
)
def test_any_other_status_is_not_a_refusal(example, sent):
    record, chart = only(example, sent)
    assert seen_in(record, chart).refused(AS_OF) is None


@pytest.mark.parametrize(
    ("day", "why"),
    [
        ("2026-11-21", None),
        ("2026-11-22", Why.FUTURE_DATED),
        ("2027", Why.FUTURE_DATED),
        ("2026-12", Why.FUTURE_DATED),
        ("2026-11", None),  # a part of it is already past
        ("2026", None),
        (None, None),
    ],
)
def test_a_record_dated_after_today_is_refused(example, day, why):
    record, chart = only(example, observation(day=day))
    assert seen_in(record, chart).refused(AS_OF) is why


def test_today_is_the_local_day_of_the_zone(example):
    sent = observation(day="2026-11-22T03:00:00Z")
    for zone, why in (("UTC", Why.FUTURE_DATED), ("America/New_York", None)):
        record, chart = only(example, sent, zone=ZoneInfo(zone))
        assert seen_in(record, chart).refused(AS_OF) is why


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (observation(), None),
        (observation(status="amended"), None),
        (observation(status="corrected"), None),
        (observation(status="preliminary"), Why.PRELIMINARY),
        (observation(status="registered"), Why.PRELIMINARY),
        (observation(status="unknown"), Why.PRELIMINARY),
        (observation(status=None), Why.PRELIMINARY),
        (report(), None),
        (report(status="appended"), None),
        (report(status="partial"), Why.PRELIMINARY),
        (report(status="preliminary"), Why.PRELIMINARY),
        (report(status="registered"), Why.PRELIMINARY),
        (document(), None),
        (document(docStatus=None), None),
        (document(docStatus="amended"), None),
        (document(docStatus="preliminary"), Why.PRELIMINARY),
        (observation(None, dataAbsentReason=term("data-absent-reason", "error")), Why.UNREADABLE),
        (observation(subject=None), Why.UNREADABLE),
        (condition(subject={"display": "somebody"}), Why.UNREADABLE),
    ],
)
def test_a_record_that_is_not_final_or_names_nobody_cannot_be_relied_on_yet(example, sent, why):
    found = unread_reason(only(example, sent)[0])
    assert (found[1] if found else None) is why


def test_every_status_word_is_read(example):
    assert status_words(document(status="current", docStatus="Final")) == ["current", "final"]
    assert status_words(condition(verified="confirmed")) == ["confirmed"]
    assert status_words({"status": 7, "verificationStatus": [None, {"coding": [{"code": "Refuted "}]}]}) == ["refuted"]


BOTH = {"issued": "2026-11-01T10:00:00Z", "meta": {"lastUpdated": "2026-11-20T10:00:00Z"}}
SPECIMEN = resource("Specimen", "s1", collection={"collectedDateTime": "2026-10-01"})


@pytest.mark.parametrize(
    ("fields", "day"),
    [
        ({"day": "2026-10-02", **BOTH, "specimen": {"reference": "Specimen/s1"}}, "2026-10-02"),
        ({"day": None, **BOTH, "specimen": {"reference": "Specimen/s1"}}, "2026-10-01"),
        ({"day": None, **BOTH}, "2026-11-01"),
        ({"day": None, "meta": BOTH["meta"]}, None),
        ({"day": None, "effectiveInstant": "2026-10-03T01:00:00Z", **BOTH}, "2026-10-03"),
        ({"day": None, "effectivePeriod": {"start": "2026-10-04", "end": "2026-10-04"}, **BOTH}, "2026-10-04"),
        ({"day": None, "effectivePeriod": {"start": "2026-10-04", "end": "2026-10-06"}}, "2026-10-04 to 2026-10-06"),
        ({"day": None, "effectivePeriod": {"start": "2026-10-04"}}, "2026-10-04"),
        ({"day": None, "effectivePeriod": {"end": "2026-10-06"}}, "2026-10-06"),
        ({"day": None, "effectiveTiming": {"event": ["2026-10-07"]}}, "2026-10-07"),
        ({"day": "yesterday", **BOTH}, "2026-11-01"),
        ({"day": None, "_effectiveDateTime": {"extension": []}}, None),
        ({"day": None, "effectivePeriod": {"start": "junk"}, **BOTH}, "2026-11-01"),
    ],
)
def test_a_result_is_dated_by_its_collection_then_by_its_issue_and_never_by_its_last_update(example, fields, day):
    assert dated(example, observation(id_="o", **fields), SPECIMEN) == day


def test_a_specimen_s_collection_period_counts(example):
    specimen = resource("Specimen", "s1", collection={"collectedPeriod": {"start": "2026-10-01", "end": "2026-10-01"}})
    sent = report(day=None, id_="r", specimen=[{"reference": "Specimen/s1"}], issued="2026-11-01T00:00:00Z")
    assert dated(example, sent, specimen) == "2026-10-01"


@pytest.mark.parametrize(
    ("sent", "day"),
    [
        (condition(onsetDateTime="2024-01-01", recordedDate="2024-02-01"), "2024-01-01"),
        (condition(recordedDate="2024-02-01"), "2024-02-01"),
        (condition(onsetAge={"value": 60}, recordedDate="2024-02"), "2024-02"),
        (condition(), None),
        (procedure(day="2026-10-20"), "2026-10-20"),
        (procedure(day=None, performedPeriod={"start": "2026-10-20", "end": "2026-10-21"}), "2026-10-20 to 2026-10-21"),
        (procedure(day=None, occurrenceDateTime="2026-10-20"), "2026-10-20"),
        (medication(day="2026-10-20"), "2026-10-20"),
        (medication("MedicationRequest", day="2026-10-20"), "2026-10-20"),
        (medication("MedicationStatement", day=None, dateAsserted="2026-10-20"), "2026-10-20"),
        (medication("MedicationDispense", day="2026-10-20T10:00:00Z"), "2026-10-20"),
        (asked_service(day="2026-12-05"), "2026-12-05"),
        (asked_service(day=None, occurrencePeriod={"start": "2026-12-05"}), "2026-12-05"),
        (asked_service(day=None, authoredOn="2026-11-01"), None),  # asked for then, not planned for then
        (document(day="2026-11-14"), "2026-11-14"),
        (document(day=None, context={"period": {"start": "2026-11-02", "end": "2026-11-02"}}), "2026-11-02"),
        (document(day=None, content=[{"attachment": {"creation": "2026-11-03"}}]), "2026-11-03"),
        (document(day=None, created="2026-11-04"), "2026-11-04"),
        (document(day=None), None),
        (report(day=None, issued="2026-11-05T09:00:00Z"), "2026-11-05"),
        (procedure(day=None, meta={"lastUpdated": "2026-11-05T09:00:00Z"}), None),
    ],
)
def test_each_kind_of_record_is_dated_by_what_happened(example, sent, day):
    assert dated(example, sent) == day


@pytest.mark.parametrize(
    ("code", "labelled"), [("N", False), ("U", False), ("L", False), ("M", False), ("R", True), ("V", True)]
)
def test_a_confidentiality_label_makes_a_record_sensitive(example, code, labelled):
    label = {"system": f"{TERMS}/v3-Confidentiality", "code": code}
    record, chart = only(example, observation(meta={"security": [label]}))
    assert chart.systems.is_labelled(record.resource) is labelled
    assert seen_in(record, chart).evidence.sensitive is labelled


@pytest.mark.parametrize("meta", [None, {}, {"security": None}, {"security": "R"}, {"security": [None, {}]}, "text"])
def test_a_record_without_a_readable_label_has_none(example, meta):
    record, chart = only(example, observation(meta=meta))
    assert chart.systems.is_labelled(record.resource) is False


@pytest.mark.parametrize(
    ("system", "code"), [("v3-Confidentiality", "R"), *(("v3-ActCode", code) for code in ("PSY", "HIV", "ETH", "SUD"))]
)
def test_the_labels_of_the_standards_are_known_to_the_shipped_library(shipped, system, code):
    sent = observation(meta={"security": [{"system": f"{TERMS}/{system}", "code": code}]})
    assert shipped.systems.is_labelled(sent) is True


def test_evidence_carries_reference_date_words_and_laboratory(example):
    lab = {"resourceType": "Organization", "id": "lab", "name": "Example Laboratory"}
    sent = observation(
        id_="o1", code=concept("virus-ab", text="Virus Ab"), performer=[{"reference": "Organization/lab"}]
    )
    record, chart = only(example, sent, lab)
    found = seen_in(record, chart).showing("Negative")
    assert (found.reference, found.date, found.display) == ("Observation/o1", "2026-10-20", "Virus Ab: Negative")
    assert (found.source, found.laboratory) == ("Example Laboratory", True)


@pytest.mark.parametrize(
    ("sent", "title"),
    [
        (document(title="Letter", description="Scan of a letter"), "Scan of a letter"),
        (document(title="Letter"), "Letter"),
        (document(type=concept("letter-of-need", text="Letter type")), "Letter type"),
        (document(type_=None), "DocumentReference"),
        (observation(code=concept("virus-ab", text="Virus Ab")), "Virus Ab"),
        (observation(), "Observation"),
    ],
)
def test_a_record_is_titled_by_its_own_words(example, sent, title):
    assert title_of(*only(example, sent)) == title


def test_every_short_text_of_a_report_or_document_is_found(example):
    sent = report(conclusion="All well", presentedForm=[{"title": "Marrow, final"}, "junk", {}])
    assert all_texts(*only(example, sent)) == ["All well", "Marrow, final"]
    assert all_texts(*only(example, document(title="One", description="Two"))) == ["Two", "One"]


def test_a_specimen_is_told_by_display_resource_or_body_site(example):
    specimen = resource("Specimen", "s1", type=concept(text="Bone marrow"))
    sent = report(
        specimen=[{"reference": "Specimen/s1"}, {"display": "Aspirate"}, "junk"], bodySite=concept(text="Hip")
    )
    assert specimen_texts(*only(example, sent, specimen)) == ["Hip", "Bone marrow", "Aspirate"]
    assert specimen_texts(*only(example, report())) == []


def test_long_chart_text_is_cut_to_one_short_line():
    assert clip("a\n  b\tc") == "a b c"
    assert len(clip("x" * 1000)) == 120
    assert clip("x" * 1000).endswith("…")
    assert clip("x" * 120) == "x" * 120


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        "reference display coding code system value text start end event status identifier extension".split()
    ), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
FIELDS = (
    "status docStatus code type subject effectiveDateTime effectivePeriod issued specimen bodySite component meta "
    "verificationStatus clinicalStatus onsetDateTime performedPeriod content context performer author conclusion "
    "presentedForm valueCodeableConcept valueString valueQuantity interpretation stage medicationReference contained"
).split()
KIND_NAMES = ["Observation", "Condition", "Procedure", "DiagnosticReport", "DocumentReference", "MedicationRequest"]


@given(st.sampled_from(KIND_NAMES), st.dictionaries(st.sampled_from(FIELDS), values, max_size=6))
def test_no_shape_of_a_field_breaks_the_reading_of_a_record(example, kind, fields):
    chart = chart_of(example, {"resourceType": kind, "id": "x", "subject": {"reference": "Patient/p1"}, **fields})
    for record in chart.all_of_kind(kind):
        seen_in(record, chart).refused(date(2026, 11, 21))
        seen_in(record, chart).showing("a result")
        all_texts(record, chart)
        specimen_texts(record, chart)


def test_the_patient_itself_is_no_record(example):
    assert chart_of(example, patient()).all_of_kind("Patient") == []
