"""From the records of one retrieval to one answer: which verdict speaks, and what absence means."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parts import condition, observation, patient, procedure

from cdshooks.engine.model import Gap, Why

WINDOW = {
    "observation": {
        "code": "vs/lab-virus",
        "value": ["vs/result-negative", "vs/result-positive"],
        "asks": "vs/result-unclear",
        "newer_than": "P3M",
    }
}
POSITIVE = {
    "observation": {
        "code": "vs/lab-virus",
        "value": "vs/result-positive",
        "contradicts": "vs/result-negative",
        "asks": "vs/result-unclear",
    }
}
FRESH, OLD = "2026-10-20", "2026-06-30"
FITS = observation("negative", FRESH, id_="fits")
ASKS = observation("unclear", "2026-10-01", id_="asks")
UNREAD = observation(None, FRESH, id_="unread")
STALE = observation("negative", OLD, id_="stale")
UNDATED = observation("negative", None, id_="undated")
EARLY = observation("negative", FRESH, id_="early", status="preliminary")
PARTIAL = observation("negative", "2026", id_="partial")
NOBODY = observation("negative", FRESH, id_="nobody", subject=None)
FUTURE = observation("negative", "2026-11-22", id_="future")
WRONG = observation("negative", FRESH, id_="wrong", status="entered-in-error")
FOREIGN = observation("negative", FRESH, id_="foreign", subject={"reference": "Patient/p2"})


@pytest.mark.parametrize(
    ("sent", "truth", "gap", "evidence"),
    [
        ([FITS], True, None, "fits"),
        ([ASKS], None, Gap.ATTEST, "asks"),
        ([UNREAD], None, Gap.COULD_NOT_CHECK, "unread"),
        ([UNDATED], None, Gap.COULD_NOT_CHECK, "undated"),
        ([EARLY], None, Gap.COULD_NOT_CHECK, "early"),
        ([PARTIAL], None, Gap.COULD_NOT_CHECK, "partial"),
        ([NOBODY], None, Gap.COULD_NOT_CHECK, "nobody"),
        ([STALE], None, Gap.STALE, "stale"),
        ([], None, Gap.MISSING, None),
        ([FUTURE], None, Gap.MISSING, None),
        ([WRONG], None, Gap.MISSING, None),
        ([FOREIGN], None, Gap.MISSING, None),
        # what fits speaks first, then what a person must look at, what could not be read, what is too old
        ([STALE, UNREAD, ASKS, FITS], True, None, "fits"),
        ([STALE, UNREAD, ASKS], None, Gap.ATTEST, "asks"),
        ([STALE, UNREAD], None, Gap.COULD_NOT_CHECK, "unread"),
        ([STALE, FUTURE, WRONG, FOREIGN], None, Gap.STALE, "stale"),
    ],
)
def test_each_verdict_and_the_order_in_which_they_speak(ask, sent, truth, gap, evidence):
    found = ask(WINDOW, *sent)
    assert found.truth is truth
    assert found.gap is gap
    assert [item.reference for item in found.evidence][:1] == ([f"Observation/{evidence}"] if evidence else [])


@pytest.mark.parametrize(
    ("sent", "truth", "gap"),
    [
        ([FITS], True, None),
        ([ASKS], None, Gap.ATTEST),
        ([UNREAD], None, Gap.COULD_NOT_CHECK),
        ([STALE], None, Gap.COULD_NOT_CHECK),
        ([], None, Gap.COULD_NOT_CHECK),
    ],
)
def test_what_was_not_read_is_never_called_missing_or_stale(ask, sent, truth, gap):
    found = ask(WINDOW, *sent, unread={"Observation": "observations: an error came back"})
    assert found.truth is truth
    assert found.gap is gap
    if gap is Gap.COULD_NOT_CHECK and sent != [UNREAD]:
        assert "observations: an error came back" in found.found


@pytest.mark.parametrize(
    ("value", "unread", "truth", "gap"),
    [
        ("positive", False, True, None),
        ("negative", False, False, None),
        ("negative", True, None, Gap.COULD_NOT_CHECK),  # an older positive may be among what was not read
        ("positive", True, True, None),
        ("unclear", False, None, Gap.ATTEST),
    ],
)
def test_contradiction_is_false_once_everything_was_read(ask, value, unread, truth, gap):
    reasons = {"Observation": "observations: first page only"} if unread else {}
    found = ask(POSITIVE, observation(value), unread=reasons)
    assert found.truth is truth
    assert found.gap is gap


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (WRONG, Why.ENTERED_IN_ERROR),
        (FUTURE, Why.FUTURE_DATED),
        (EARLY, Why.PRELIMINARY),
        (UNDATED, Why.UNDATED),
        (NOBODY, Why.UNREADABLE),
        (observation("negative", id_="x", status="cancelled"), Why.CANCELLED),
    ],
)
def test_every_record_that_is_not_used_is_reported_with_its_reason(ask, sent, why):
    found = ask(WINDOW, sent)
    assert [(left.reference, left.why) for left in found.left_out] == [(f"Observation/{sent['id']}", why)]


def test_an_absence_names_what_was_looked_for_and_from_when(ask):
    assert "2026-08-21" in ask(WINDOW).found


def test_evidence_comes_newest_first_and_undated_last(ask):
    sent = [observation("negative", day, id_=day or "none") for day in (None, "2026-10-01", "2026-11-02", "2026-11")]
    found = ask({"observation": {"code": "vs/lab-virus"}}, *sent)
    assert [item.reference.split("/")[1] for item in found.evidence] == ["2026-11", "2026-11-02", "2026-10-01", "none"]


def test_every_dated_answer_says_until_when_it_counts(ask):
    assert ask(WINDOW, FITS).counts_until == date(2027, 1, 19)
    both = ask(WINDOW, FITS, observation("negative", "2026-11-10", id_="newer"))
    assert both.counts_until == date(2027, 2, 9)
    assert ask(WINDOW, observation("negative", "2026-09", id_="month")).counts_until == date(2026, 11, 30)
    assert ask(WINDOW, STALE).counts_until is None
    assert ask(POSITIVE, observation("positive")).counts_until is None


def test_the_words_of_the_answer_are_those_of_the_record(ask):
    found = ask(WINDOW, observation(None, FRESH, valueString="Non-reactive"))
    assert "Non-reactive" in found.found
    assert FRESH in found.found


LABEL = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}


def test_a_labelled_record_counts_but_is_not_described(ask):
    found = ask(WINDOW, observation(None, FRESH, id_="secret", valueString="Negative", meta=LABEL))
    assert found.truth is True
    assert all(item.sensitive for item in found.evidence)
    assert "Negative" not in found.found
    assert "secret" not in found.found


POSITIVE_TOO = observation("positive", FRESH, id_="too", performer=[{"display": "Second Laboratory"}])
SURE = {"observation": {**WINDOW["observation"], "code": ["vs/lab-virus", "vs/lab-virus-rna"]}}


@pytest.mark.parametrize(
    ("form", "sent", "outcome", "evidence"),
    [
        # of one day, whatever the time of the day
        (WINDOW, [FITS, POSITIVE_TOO], Gap.ATTEST, {"fits", "too"}),
        (WINDOW, [FITS, {**POSITIVE_TOO, "effectiveDateTime": f"{FRESH}T23:00:00Z"}], Gap.ATTEST, {"fits", "too"}),
        (POSITIVE, [FITS, POSITIVE_TOO], Gap.ATTEST, {"fits", "too"}),
        (WINDOW, [FITS, {**ASKS, "effectiveDateTime": FRESH}], Gap.ATTEST, {"fits", "asks"}),
        # of days that may be one
        (WINDOW, [FITS, {**POSITIVE_TOO, "effectiveDateTime": "2026-10"}], Gap.ATTEST, {"fits", "too"}),
        (WINDOW, [FITS, {**POSITIVE_TOO, "effectiveDateTime": "2026"}], Gap.ATTEST, {"fits", "too"}),
        (WINDOW, [FITS, {**POSITIVE_TOO, "effectiveDateTime": None}], Gap.ATTEST, {"fits", "too"}),
        # of a later day, when it does not fit by itself
        (WINDOW, [FITS, {**ASKS, "effectiveDateTime": "2026-11-01"}], Gap.ATTEST, {"fits", "asks"}),
        (POSITIVE, [POSITIVE_TOO, observation("negative", "2026-11-01", id_="later")], Gap.ATTEST, {"too", "later"}),
        # the newest speaks where it fits
        (WINDOW, [FITS, {**POSITIVE_TOO, "effectiveDateTime": "2026-11-01"}], True, {"fits", "too"}),
        (WINDOW, [FITS, {**ASKS, "effectiveDateTime": "2026-10-19"}], True, {"fits"}),
        # and no record disagrees that is no evidence, says nothing, says the same, or speaks of another test
        (WINDOW, [FITS, {**POSITIVE_TOO, "status": "entered-in-error"}], True, {"fits"}),
        (WINDOW, [FITS, {**POSITIVE_TOO, "status": "preliminary"}], True, {"fits"}),
        (WINDOW, [FITS, UNREAD], True, {"fits"}),
        (WINDOW, [FITS, observation("negative", FRESH, id_="same")], True, {"fits", "same"}),
        (WINDOW, [FITS, observation("positive", FRESH, "virus-ab-igm", id_="igm")], True, {"fits"}),
        (WINDOW, [FITS, observation("positive", FRESH, "virus-ab-second-hand", id_="b")], Gap.ATTEST, {"fits", "b"}),
        (SURE, [FITS, observation("positive", FRESH, "virus-rna", id_="rna")], True, {"fits", "rna"}),
    ],
)  # fmt: skip
def test_records_of_one_day_that_disagree_are_asked_together_and_none_is_picked(ask, form, sent, outcome, evidence):
    for order in (sent, sent[::-1]):
        found = ask(form, *order)
        assert (found.truth if found.truth is not None else found.gap) is outcome
        assert {item.reference.removeprefix("Observation/") for item in found.evidence} == evidence


def test_what_disagrees_is_named_by_date_and_laboratory_with_the_question_and_never_by_its_value(ask):
    found = ask(WINDOW, FITS, POSITIVE_TOO)
    assert found.found == (
        f"the records of {FRESH} (Observation/fits) and {FRESH} (Second Laboratory) disagree; confirm which one holds"
    )
    third = observation("unclear", FRESH, id_="third")
    fourth = observation("weak", FRESH, id_="fourth")
    assert "and 1 more" in ask(WINDOW, FITS, POSITIVE_TOO, third, fourth).found


def test_a_labelled_record_that_disagrees_is_not_named(ask):
    found = ask(WINDOW, FITS, {**POSITIVE_TOO, "meta": LABEL})
    assert found.gap is Gap.ATTEST
    assert "Second Laboratory" not in found.found
    assert "a record to review" in found.found


def test_the_newest_speaks_and_says_that_an_earlier_one_said_otherwise(ask):
    found = ask(WINDOW, FITS, {**POSITIVE_TOO, "effectiveDateTime": "2026-11-01"})
    assert f"(an earlier one of {FRESH} says otherwise)" in found.found
    assert "otherwise" not in ask(WINDOW, FITS, observation("negative", "2026-11-01", id_="later")).found


def test_a_diagnosis_that_is_refuted_later_or_on_the_same_day_is_asked_about(ask):
    form, recorded = {"condition": {"code": "vs/dx-alpha"}}, {"recordedDate": "2026-10-01"}
    held = condition("alpha", "held", **recorded)
    refuted = condition("alpha", "refuted", verified="refuted", recordedDate="2026-10-01")
    found = ask(form, held, refuted)
    assert (found.truth, found.gap) == (None, Gap.ATTEST)
    assert "refuted" in found.found
    assert {item.reference for item in found.evidence} == {"Condition/held", "Condition/refuted"}
    assert ask(form, held, {**refuted, "recordedDate": "2026-09-30"}).truth is True


@pytest.mark.parametrize("sent", [WRONG, FUTURE, EARLY, UNDATED])
def test_a_labelled_record_is_not_named_when_it_is_left_out(ask, sent):
    assert ask(WINDOW, {**sent, "meta": LABEL}).left_out == ()


@given(st.lists(st.sampled_from([FITS, ASKS, UNREAD, STALE, UNDATED, EARLY, PARTIAL, NOBODY, FUTURE, WRONG, FOREIGN])))
def test_no_mixture_breaks_and_only_a_fitting_record_makes_it_true(ask, sent):
    found = ask(WINDOW, *sent)
    assert (found.truth is True) == (FITS in sent)
    assert found.truth is not False
    assert (found.gap is None) == (found.truth is not None)
    assert {item.reference for item in found.evidence} & {"Observation/future", "Observation/wrong"} == set()
    assert "Observation/foreign" not in {item.reference for item in found.evidence}


@given(
    st.sampled_from(["observation", "condition", "procedure", "report", "document"]),
    st.sampled_from(["failed", "absent", "partial"]),
)
def test_nothing_found_in_what_was_not_read_is_always_could_not_check(ask, form, reason):
    forms = {
        "observation": {"code": "vs/lab-virus"},
        "condition": {"code": "vs/dx-alpha"},
        "procedure": {"code": "vs/proc-marrow"},
        "report": {"code": "vs/path-marrow"},
        "document": {"type": "vs/doc-letter"},
    }
    kinds = ("Observation", "Condition", "Procedure", "DiagnosticReport", "DocumentReference")
    assert ask({form: forms[form]}, unread=dict.fromkeys(kinds, reason)).gap is Gap.COULD_NOT_CHECK
    assert ask({form: forms[form]}).gap is Gap.MISSING


def test_nothing_is_taken_from_the_patient_or_from_unknown_kinds(ask):
    assert ask({"condition": {"code": "vs/dx-alpha"}}, patient(), {"resourceType": "Basic", "id": "b"}).truth is None
    assert ask({"condition": {"code": "vs/dx-alpha"}}, procedure("alpha")).truth is None
    assert ask({"condition": {"code": "vs/dx-alpha"}}, condition("alpha")).truth is True
