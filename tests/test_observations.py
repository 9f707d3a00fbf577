"""`observation`: a laboratory result under a code, in a window, with a readable value."""

import pytest
from parts import TERMS, concept, observation, report, term

from cdshooks.engine.model import Gap

NEWER, NO_OLDER = {"newer_than": "P3M"}, {"no_older_than": "P3M"}
RESULT = {"value": ["vs/result-negative", "vs/result-positive"], "asks": "vs/result-unclear"}
ONLY_POSITIVE = {"value": "vs/result-positive", "contradicts": "vs/result-negative", "asks": "vs/result-unclear"}
CONFLICT = {"conflict": {"older": "vs/result-positive", "newer": "vs/result-negative"}}


def form(*filters, code="vs/lab-virus"):
    made = {"code": code}
    for each in filters:
        made |= each
    return {"observation": made}


@pytest.mark.parametrize(
    ("window", "day", "truth", "gap"),
    [
        (NEWER, "2026-08-22", True, None),
        (NEWER, "2026-08-21", None, Gap.STALE),
        (NO_OLDER, "2026-08-21", True, None),
        (NO_OLDER, "2026-08-20", None, Gap.STALE),
        (NEWER, "2026-11-21", True, None),
        (NEWER, "2026-11-22", None, Gap.MISSING),
        (NEWER, "2026-08-22T00:30:00Z", True, None),
        ({}, "1999-01-01", True, None),
        ({}, None, True, None),  # without a window the date does not matter
    ],
)
def test_the_window_is_that_of_the_paper(ask, window, day, truth, gap):
    found = ask(form(RESULT, window), observation("negative", day, id_="o"))
    assert found.truth is truth
    assert found.gap is gap


@pytest.mark.parametrize(
    ("fields", "gap"),
    [
        ({"value": None, "dataAbsentReason": term("data-absent-reason", "unknown")}, Gap.COULD_NOT_CHECK),
        ({"value": "negative", "dataAbsentReason": term("data-absent-reason", "error")}, Gap.COULD_NOT_CHECK),
        ({"value": None, "valueString": "specimen rejected"}, Gap.COULD_NOT_CHECK),
        ({"value": None}, Gap.COULD_NOT_CHECK),  # a bare panel header
        ({"value": None, "hasMember": [{"reference": "Observation/other"}]}, Gap.COULD_NOT_CHECK),
        ({"value": None, "valueQuantity": {"value": 0.1}}, Gap.COULD_NOT_CHECK),
        ({"value": "unclear"}, Gap.ATTEST),
        ({"value": "weak"}, Gap.ATTEST),
        ({"value": None, "valueString": "Equivocal"}, Gap.ATTEST),
        ({"value": "negative", "interpretation": [concept("positive")]}, Gap.ATTEST),
        ({"value": None, "interpretation": [term("v3-ObservationInterpretation", "N")]}, Gap.ATTEST),
    ],
)
def test_a_final_result_without_a_clear_value_is_looked_at_by_a_person(ask, fields, gap):
    found = ask(form(RESULT, NEWER), observation(**fields))
    assert found.truth is None
    assert found.gap is gap


def test_a_result_by_interpretation_alone_counts(ask):
    sent = observation(None, interpretation=[{"coding": [{"system": f"{TERMS}/v2-0078", "code": "NEG"}]}])
    assert ask(form(RESULT, NEWER), sent).truth is True


def test_a_component_counts_as_a_result(ask):
    parts = [{"code": concept("virus-ab"), "valueCodeableConcept": concept("negative")}]
    assert ask(form(RESULT, NEWER), observation(None, code="panel", component=parts)).truth is True
    parts[0]["dataAbsentReason"] = term("data-absent-reason", "error")
    assert ask(form(RESULT, NEWER), observation(None, code="panel", component=parts)).gap is Gap.COULD_NOT_CHECK


@pytest.mark.parametrize("code", ["virus-ab-second-hand", "virus-ab-igm"])
@pytest.mark.parametrize("value", ["negative", "positive"])
@pytest.mark.parametrize("filters", [RESULT, ONLY_POSITIVE, {}])
def test_a_code_that_does_not_decide_makes_nothing_met_and_nothing_not_met(ask, code, value, filters):
    found = ask(form(filters), observation(value, code=code))
    assert found.truth is None
    assert found.gap is Gap.ATTEST


def test_a_deciding_code_beside_a_weak_one_decides(ask):
    both = concept("virus-ab-second-hand", "virus-ab")
    assert ask(form(RESULT), observation("negative", code=both, id_="o")).truth is True


def test_a_positive_of_any_age_counts_and_a_negative_says_no(ask):
    assert ask(form(ONLY_POSITIVE), observation("positive", "2019-01-01")).truth is True
    assert ask(form(ONLY_POSITIVE), observation("negative", "2026-11-01")).truth is False
    assert ask(form(ONLY_POSITIVE), observation("negative", "2019-01-01")).truth is False


@pytest.mark.parametrize(
    ("positive", "negative", "asked"),
    [
        ("2019-01-01", "2026-11-01", True),
        ("2026-11-01", "2026-11-01", True),  # the same day
        ("2026-11-01", "2019-01-01", False),
        ("2026-11-01", "2026-10-31", False),
    ],
)
def test_a_positive_followed_by_a_negative_is_shown_with_both_dates_and_asked(ask, positive, negative, asked):
    sent = [observation("positive", positive, id_="pos"), observation("negative", negative, id_="neg")]
    for filters in (form(RESULT, NEWER, CONFLICT), form(ONLY_POSITIVE, CONFLICT)):
        found = ask(filters, *sent)
        if asked:
            assert found.gap is Gap.ATTEST
            assert {item.reference for item in found.evidence} == {"Observation/pos", "Observation/neg"}
        else:
            assert found.truth is True


@pytest.mark.parametrize(("day", "truth", "gap"), [("1999-01-01", True, None), (None, None, Gap.COULD_NOT_CHECK)])
def test_any_date_may_count_and_still_be_asked_for(ask, day, truth, gap):
    found = ask(form(ONLY_POSITIVE, {"dated": True}), observation("positive", day, id_="o"))
    assert (found.truth, found.gap) == (truth, gap)
    assert [left.reference for left in found.left_out] == ([] if day else ["Observation/o"])


def test_weak_results_make_no_conflict(ask):
    sent = [observation("weak", "2019-01-01", id_="pos"), observation("negative", "2026-11-01", id_="neg")]
    assert ask(form(RESULT, NEWER, CONFLICT), *sent).truth is True


def test_a_result_of_another_test_is_not_found(ask):
    assert ask(form(RESULT), observation(code="virus-rna")).gap is Gap.MISSING


def test_several_codes_may_be_asked_at_once(ask):
    assert ask(form(RESULT, code=["vs/lab-virus", "vs/lab-virus-rna"]), observation(code="virus-rna")).truth is True


def test_a_report_under_the_code_is_something_to_look_at_and_never_a_result(ask):
    found = ask(form(RESULT, NEWER), report("virus-ab", "2026-10-20"))
    assert found.truth is None
    assert found.gap is Gap.COULD_NOT_CHECK


@pytest.mark.parametrize("named", [True, False])
def test_a_result_without_any_known_code_is_asked_about_when_its_words_are_looked_for(ask, named):
    words = {"named": "vs/words-marrow"} if named else {}
    sent = observation("negative", code={"text": "Bone marrow something", "coding": [{"code": "77"}]}, id_="o")
    assert ask(form(RESULT, NEWER, words), sent).gap is (Gap.ATTEST if named else Gap.MISSING)


def test_words_never_make_a_result_count(ask):
    sent = observation("negative", code={"text": "Bone marrow something"}, id_="o")
    assert ask(form(RESULT, NEWER, {"named": "vs/words-marrow"}), sent).truth is None


SPOILED = {"spoiled_by": "vs/words-spoiled"}


@pytest.mark.parametrize(
    ("text", "gap"),
    [
        ("Positive, not confirmed", Gap.ATTEST),
        ("Negative (specimen rejected)", Gap.ATTEST),
        ("Negative", None),
        ("specimen rejected", Gap.COULD_NOT_CHECK),
    ],
)
def test_a_result_that_takes_back_what_it_says_is_for_a_person(ask, text, gap):
    assert ask(form(RESULT, NEWER, SPOILED), observation(None, valueString=text)).gap is gap


def test_a_panel_whose_results_were_sent_leaves_them_to_speak(ask):
    panel = observation(None, id_="panel", hasMember=[{"reference": "Observation/member"}])
    listing = report("virus-ab", "2026-10-20", result=[{"reference": "Observation/member"}])
    member = observation("negative", id_="member")
    assert ask(form(RESULT, NEWER), panel, listing, member).truth is True
    other = observation("negative", id_="member", code="virus-rna")
    assert ask(form(RESULT, NEWER), panel, listing, other).gap is Gap.MISSING
    assert ask(form(RESULT, NEWER), panel).gap is Gap.COULD_NOT_CHECK


def test_a_report_that_was_taken_back_is_nothing_to_look_at(ask):
    assert ask(form(RESULT, NEWER), report("virus-ab", "2026-10-20", status="cancelled")).gap is Gap.MISSING
    assert ask(form(RESULT, NEWER), report("virus-ab", "2026-10-20", status="partial")).gap is Gap.COULD_NOT_CHECK


def test_a_panel_with_components_leaves_them_to_speak(ask):
    parts = [{"code": concept("virus-rna"), "valueCodeableConcept": concept("positive")}]
    assert ask(form(RESULT, NEWER), observation(None, component=parts)).gap is Gap.MISSING


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({"valueQuantity": {"value": 120000}}, True),
        ({"valueQuantity": {"value": 20, "comparator": "<"}}, True),
        ({"valueQuantity": {"value": 20}, "interpretation": [concept("negative")]}, False),
        ({"valueString": "see note"}, False),
    ],
)
def test_a_number_that_nobody_interpreted_is_for_a_person_only_where_that_is_wanted(ask, fields, asked):
    sent, positive = observation(None, **fields), {"value": "vs/result-positive"}
    assert ask(form(positive, {"numbers": "ask"}), sent).gap is (Gap.ATTEST if asked else Gap.COULD_NOT_CHECK)
    assert ask(form(positive), sent).gap is Gap.COULD_NOT_CHECK
