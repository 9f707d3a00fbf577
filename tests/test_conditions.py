"""`condition`: a diagnosis, its state, and what contradicts it."""

import pytest
from parts import concept, condition

from cdshooks.engine.model import Gap

ALPHA = {"condition": {"code": "vs/dx-alpha"}}
NOT_BETA = {"condition": {"code": "vs/dx-alpha", "contradicted_by": ["vs/dx-beta", "vs/dx-gamma"]}}
LISTED = {"condition": {"code": "vs/dx-alpha", "unlisted": ["vs/dx-alpha-rare"]}}
RELAPSED = {"condition": {"code": "vs/dx-alpha", "state": "vs/state-relapsed", "against": "vs/state-remission"}}
PROGRESSIVE = {
    "condition": {
        "code": "vs/dx-alpha",
        "state": "vs/state-relapsed",
        "state_asks": {"code": "vs/state-progressive", "says": "progressive: is it refractory?"},
    }
}


def outcome(found):
    return found.truth if found.truth is not None else found.gap


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([condition()], True),
        ([condition(concept("X99.10", system="http://hl7.org/fhir/sid/icd-10-cm"))], True),
        ([condition(verified=None)], True),
        ([condition(clinical=None)], True),
        ([condition(clinical="recurrence")], True),
        ([condition(clinical="relapse")], True),
        ([condition(verified="unconfirmed")], Gap.ATTEST),
        ([condition(verified="provisional")], Gap.ATTEST),
        ([condition(verified="differential")], Gap.ATTEST),
        ([condition(verified="refuted")], Gap.MISSING),
        ([condition(verified="entered-in-error")], Gap.MISSING),
        ([condition(clinical="resolved")], Gap.ATTEST),
        ([condition(clinical="inactive")], Gap.ATTEST),
        ([condition(clinical="remission")], Gap.ATTEST),
        ([condition("alpha-unsure")], Gap.ATTEST),
        ([condition("alpha-second-hand")], Gap.ATTEST),
        ([condition("alpha-off")], Gap.MISSING),
        ([condition({"text": "alpha disease"})], Gap.MISSING),
        ([condition({"coding": [{"code": "alpha"}]})], Gap.MISSING),  # a code without a system
        ([condition(subject=None)], Gap.COULD_NOT_CHECK),
        ([condition(recordedDate="2026-11-22")], Gap.MISSING),
        ([condition("beta")], Gap.MISSING),
        ([condition("alpha-unsure", "c1"), condition("alpha", "c2")], True),
        ([], Gap.MISSING),
    ],
)
def test_a_diagnosis_counts_when_it_is_coded_confirmed_and_not_past(ask, sent, expected):
    assert outcome(ask(ALPHA, *sent)) is expected


@pytest.mark.parametrize(
    ("clinical", "expected"),
    [
        ("active", True),
        ("recurrence", True),
        ("resolved", Gap.MISSING),
        ("inactive", Gap.MISSING),
        ("remission", Gap.MISSING),
        (None, True),
    ],
)
def test_only_active_diagnoses_count_where_they_must_be_active(ask, clinical, expected):
    form = {"condition": {"code": "vs/dx-infection", "active": True}}
    assert outcome(ask(form, condition("infection", clinical=clinical))) is expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([condition("beta")], False),
        ([condition("beta"), condition("gamma")], False),
        ([condition("alpha"), condition("beta")], True),
        ([condition("alpha-unsure"), condition("beta")], Gap.ATTEST),  # there is something to look at
        ([condition("beta", verified=None)], Gap.ATTEST),  # not marked confirmed
        ([condition("beta", verified="provisional")], Gap.MISSING),
        ([condition("beta", clinical="resolved")], Gap.MISSING),
        ([condition("beta", verified="refuted")], Gap.MISSING),
        ([condition("beta-second-hand")], Gap.ATTEST),
        ([condition("shared")], True),  # a code that both diseases share never contradicts
        ([condition("beta", subject={"reference": "Patient/p2"})], Gap.MISSING),
        ([condition("infection")], Gap.MISSING),
        ([], Gap.MISSING),
    ],
)
def test_another_disease_says_no_only_when_it_is_confirmed_active_and_coded(ask, sent, expected):
    assert outcome(ask(NOT_BETA, *sent)) is expected


def test_another_disease_says_nothing_while_diagnoses_may_be_unread(ask):
    found = ask(NOT_BETA, condition("beta"), unread={"Condition": "conditions: first page only"})
    assert found.gap is Gap.COULD_NOT_CHECK


@pytest.mark.parametrize(
    ("code", "expected"),
    [("alpha", True), ("alpha-rare", Gap.ATTEST), (concept("alpha", "alpha-rare"), True)],
)
def test_a_form_of_the_disease_that_the_label_does_not_list_is_for_a_person(ask, code, expected):
    assert outcome(ask(LISTED, condition(code))) is expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        # on the record of the disease itself, wherever it may stand
        ([condition(concept("alpha", "relapsed"))], True),
        ([condition(clinical="relapse")], True),
        ([condition(clinical=None, clinicalStatus="relapse")], True),
        ([condition(stage=[{"summary": concept("relapsed")}])], True),
        ([condition(extension=[{"url": "x", "valueCodeableConcept": concept("relapsed")}])], True),
        ([condition(stage=[None, "junk", {"summary": None}], extension=["junk"])], Gap.ATTEST),
        # apart from it, or not surely
        ([condition(), condition("relapsed")], Gap.ATTEST),
        ([condition(concept("alpha", "relapsed-unsure"))], Gap.ATTEST),
        ([condition(concept("alpha", "relapsed"), verified="provisional")], Gap.ATTEST),
        # silence is for a person to break, never a no
        ([condition()], Gap.ATTEST),
        ([condition(), condition(id_="c2")], Gap.ATTEST),
        # the opposite beside it
        ([condition(concept("alpha", "in-remission"))], Gap.ATTEST),
        ([condition(clinical="remission")], Gap.ATTEST),
        ([condition(concept("alpha", "relapsed"), "c1"), condition(clinical="remission", id_="c2")], Gap.ATTEST),
        # without the disease the state misses nothing: what is missing is the disease, and its own `condition` says so
        ([condition("relapsed")], Gap.ATTEST),
        ([], Gap.ATTEST),
        ([condition(concept("alpha", "relapsed"), verified="refuted")], Gap.ATTEST),
        ([condition(concept("alpha", "relapsed"), subject=None)], Gap.COULD_NOT_CHECK),
    ],
)
def test_the_state_must_be_coded_on_the_disease(ask, sent, expected):
    assert outcome(ask(RELAPSED, *sent)) is expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([condition()], Gap.ATTEST),
        ([condition({"text": "Alpha rare, relapsed"})], Gap.ATTEST),  # named in words: never missing
        ([condition({"text": "Alpha rare, of a relative"})], Gap.MISSING),
        ([condition(concept("relative", text="Alpha rare"))], Gap.MISSING),
        ([condition(concept("unheard-of") | {"text": "Alpha rare of the leg"})], Gap.ATTEST),
        ([condition("gamma"), condition(concept("unheard-of") | {"text": "alpha rare"}, "c2")], False),
        ([condition("relapsed")], Gap.MISSING),
        ([], Gap.MISSING),
    ],
)
def test_a_disease_with_its_state_is_missing_only_where_no_word_of_it_is_found(ask, sent, expected):
    assert outcome(ask({"all": [NOT_BETA, RELAPSED]}, *sent)) is expected


def test_another_disease_that_is_not_sure_is_a_hint(ask):
    assert ask(NOT_BETA, condition("beta", verified=None)).hint
    assert not ask(NOT_BETA, condition({"text": "alpha rare"})).hint


def test_relapse_and_remission_are_shown_together(ask):
    found = ask(RELAPSED, condition(concept("alpha", "relapsed"), "c1"), condition(clinical="remission", id_="c2"))
    assert {item.reference for item in found.evidence} == {"Condition/c1", "Condition/c2"}


def test_relapse_and_remission_are_named_with_their_dates_and_the_question(ask):
    relapsed = condition(concept("alpha", "relapsed"), "c1", recordedDate="2026-09-01")
    remission = condition("alpha", "c2", clinical="remission", recordedDate="2025-02-01")
    found = ask(RELAPSED, relapsed, remission).found
    assert found == (
        "the records of 2026-09-01 (Alpha (alpha)) and 2025-02-01 (Alpha (alpha), remission)"
        " disagree; confirm which one holds"
    )


def test_one_record_that_says_both_states_is_told_once(ask):
    found = ask(RELAPSED, condition(concept("alpha", "relapsed"), clinical="remission"))
    assert found.gap is Gap.ATTEST
    assert "more" not in found.found
    assert len(found.evidence) == 1


def test_a_neighbouring_state_is_asked_in_the_words_of_the_library(ask):
    found = ask(PROGRESSIVE, condition(concept("alpha", "progressive")))
    assert found.gap is Gap.ATTEST
    assert "progressive: is it refractory?" in found.found


def test_the_state_could_not_be_read_where_diagnoses_were_not(ask):
    assert ask(RELAPSED, unread={"Condition": "conditions not sent"}).gap is Gap.COULD_NOT_CHECK


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (concept("alpha-unsure", "beta"), False),  # a sure code of another disease speaks before an unsure one of ours
        (concept("alpha", "beta"), True),
        (concept("alpha-unsure", "beta-second-hand"), Gap.ATTEST),
    ],
)
def test_of_several_codes_on_one_record_the_sure_one_speaks(ask, code, expected):
    assert outcome(ask(NOT_BETA, condition(code))) is expected


def test_a_shared_code_that_was_refuted_says_nothing_either_way(ask):
    assert ask(NOT_BETA, condition("shared", verified="refuted")).gap is Gap.MISSING


@pytest.mark.parametrize(
    ("code", "expected"),
    [({"text": "ALPHA RARE"}, Gap.ATTEST), ({"text": "alpha rarely"}, Gap.MISSING), ({"text": "x"}, Gap.MISSING)],
)
def test_an_uncoded_diagnosis_that_names_the_disease_is_asked_about(ask, code, expected):
    assert outcome(ask(NOT_BETA, condition(code))) is expected
