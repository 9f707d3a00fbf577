"""`measurement` and `look_alike`: a value with its date, and what only looks like the thing asked for."""

import pytest
from parts import concept, observation, report, term

from cdshooks.engine.model import Gap, Why

SCORE = {
    "measurement": {
        "code": "vs/obs-score",
        "answers": "vs/obs-score-answers",
        "lowest": 0,
        "highest": 5,
        "named": "vs/words-score",
        "prompt_after": "P30D",
    }
}
VALUE = {"measurement": {"code": "vs/lab-virus-rna", "prompt_after": "P30D"}}
LABEL = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}


def outcome(found):
    return found.truth if found.truth is not None else found.gap


def score(number=1, day="2026-11-10", code="score", **fields):
    made = {} if number is None else {"valueInteger": number}
    return observation(None, day, code, **{"id_": f"s-{day}-{number}"} | made | fields)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (score(0), True),
        (score(5), True),
        (score(None, valueQuantity={"value": 1}), True),
        # numbers that the scale does not have are not read as one
        (score(-1), Gap.COULD_NOT_CHECK),
        (score(6), Gap.COULD_NOT_CHECK),
        (score(90), Gap.COULD_NOT_CHECK),
        (score(None, valueQuantity={"value": 1.5}), Gap.COULD_NOT_CHECK),
        (score(None, valueQuantity={"value": 1, "comparator": "<"}), Gap.COULD_NOT_CHECK),
        (score(None, valueBoolean=True), Gap.COULD_NOT_CHECK),
        # coded answers, as the result or as the record's own code
        (score(None, valueCodeableConcept=concept("score-1", text="One")), True),
        (score(None, valueCodeableConcept=concept("score-2-unsure", text="Two")), Gap.ATTEST),
        (score(None, valueCodeableConcept=concept("score-1")), True),
        (score(None, valueCodeableConcept=concept("score-2-unsure")), Gap.ATTEST),
        (score(None, valueCodeableConcept={"text": "fully active"}), Gap.ATTEST),
        (score(None, valueString="1"), Gap.ATTEST),
        (observation(None, "2026-11-10", "score-0"), True),
        (observation(None, "2026-11-10", "score-2-unsure"), Gap.ATTEST),
        # what cannot be relied on
        (score(code="score-second-hand"), Gap.ATTEST),
        (score(day=None), Gap.COULD_NOT_CHECK),
        (score(status="preliminary"), Gap.COULD_NOT_CHECK),
        (score(status="cancelled"), Gap.MISSING),
        (score(day="2026-11-22"), Gap.MISSING),
        (score(subject={"reference": "Patient/p2"}), Gap.MISSING),
        (score(None), Gap.COULD_NOT_CHECK),
        (score(None, dataAbsentReason=term("data-absent-reason", "unknown")), Gap.COULD_NOT_CHECK),
        (report("score", "2026-11-10"), Gap.COULD_NOT_CHECK),
        (observation(None, "2026-11-10", {"text": "Performance score"}, id_="o", valueInteger=1), Gap.ATTEST),
        (observation(None, "2026-11-10", "other-score", valueInteger=1), Gap.MISSING),
    ],
)
def test_a_score_is_a_whole_number_of_its_scale_or_a_coded_answer(ask, sent, expected):
    assert outcome(ask(SCORE, sent)) is expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"valueQuantity": {"value": 0.01, "unit": "x"}}, True),
        ({"valueQuantity": {"value": 999999, "unit": "x"}}, True),  # no threshold is applied
        ({"valueString": "55-60 %"}, True),
        ({"valueString": ">60 mL/min/1.73m2"}, True),
        ({"valueRange": {"low": {"value": 55}, "high": {"value": 60, "unit": "%"}}}, True),
        ({"valueRange": {"low": {"value": 55}}}, Gap.COULD_NOT_CHECK),
        ({"valueString": "low"}, Gap.ATTEST),  # words: a person reads them
        ({"valueString": "not measured"}, Gap.ATTEST),
        ({"valueString": "1 attempt, not done"}, Gap.ATTEST),
        ({}, Gap.COULD_NOT_CHECK),
    ],
)
def test_a_value_is_wanted_whatever_it_is(ask, fields, expected):
    assert outcome(ask(VALUE, observation(None, "2026-11-10", "virus-rna", **fields))) is expected


SHARE = {"measurement": {"code": "vs/lab-virus-rna", "percent": True}}


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (60, "%", True),
        (100, "percent", True),
        (0.6, "1", True),
        (60, None, True),
        (0, "%", Gap.COULD_NOT_CHECK),
        (101, "%", Gap.COULD_NOT_CHECK),
        (-5, "%", Gap.COULD_NOT_CHECK),
        (60, "mm[Hg]", Gap.COULD_NOT_CHECK),
    ],
)
def test_a_percentage_is_a_share_of_a_hundred(ask, value, unit, expected):
    quantity = {"value": value} | ({"unit": unit} if unit else {})
    found = ask(SHARE, observation(None, "2026-11-10", "virus-rna", valueQuantity=quantity))
    assert outcome(found) is expected
    assert ("is no percentage" in found.found) is (expected is not True)


def test_the_newest_value_speaks_with_its_day(ask):
    found = ask(SCORE, score(1, "2026-11-10"), score(2, "2026-11-18"), score(3, "2020-01-01"))
    assert [item.date for item in found.evidence] == ["2026-11-18"]
    assert "2026-11-18" in found.found


CODED = concept("score-1", text="One")


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([score(1), score(3)], Gap.ATTEST),
        ([score(1), score(3, "2026-11-10T18:00:00Z")], Gap.ATTEST),  # the later hour is not right by itself
        ([score(1), score(3, "2026-11")], Gap.ATTEST),
        ([score(1), score(3, code="score-second-hand")], Gap.ATTEST),
        ([score(1), score(None, id_="s", valueCodeableConcept=concept("score-2-unsure"))], Gap.ATTEST),
        ([score(1), score(None, id_="s", valueString="3")], Gap.ATTEST),
        ([score(1), observation(None, "2026-11-10", "score-0")], Gap.ATTEST),
        # the same value, however it is written
        ([score(1), score(None, id_="s", valueQuantity={"value": 1.0})], True),
        ([score(1), score(None, id_="s", valueCodeableConcept=CODED)], True),
        ([score(1), observation(None, "2026-11-10", "score-1")], True),
        # another day, or no evidence
        ([score(1), score(3, "2026-11-09")], True),
        ([score(1), score(3, status="entered-in-error")], True),
        ([score(1), score(9)], True),
    ],
)  # fmt: skip
def test_two_values_of_one_day_that_differ_are_asked_and_none_is_picked(ask, sent, expected):
    for order in (sent, sent[::-1]):
        assert outcome(ask(SCORE, *order)) is expected


def test_two_values_of_one_day_are_both_named_with_value_and_date(ask):
    found = ask(SCORE, score(1), score(3)).found
    assert "2026-11-10 (Score (score): 1)" in found
    assert "2026-11-10 (Score (score): 3)" in found
    assert found.endswith("disagree; confirm which one holds")


def test_a_value_that_repeats_within_a_day_is_told_by_the_newest_alone(ask):
    sent = [observation(None, "2026-11-10", "virus-rna", id_=f"v{n}", valueQuantity={"value": n}) for n in (1, 2)]
    assert ask(VALUE, *sent).gap is Gap.ATTEST
    repeating = {"measurement": {**VALUE["measurement"], "repeats": True}}
    found = ask(repeating, *sent)
    assert found.truth is True
    assert len(found.evidence) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"value": 60, "unit": "%"}, {"value": 60.0, "code": "%"}, True),
        ({"value": 60, "unit": "%"}, {"value": 0.6, "unit": "1"}, False),
        ({"value": 60, "unit": "%"}, {"value": 35, "unit": "%"}, False),
    ],
)
def test_two_values_are_one_by_number_and_unit(ask, one, other, same):
    sent = [
        observation(None, "2026-11-10", "virus-rna", id_=f"v{n}", valueQuantity=q) for n, q in enumerate((one, other))
    ]
    assert (ask(VALUE, *sent).truth is True) is same


@pytest.mark.parametrize(
    ("day", "noted"), [("2026-10-22", False), ("2026-10-21", True), ("2020-01-01", True), ("2026-10", False)]
)
def test_our_own_limit_of_age_is_a_note_and_makes_nothing_stale(ask, day, noted):
    found = ask(SCORE, score(1, day))
    assert found.truth is True
    assert bool(found.notes) is noted


def test_without_any_value_it_is_missing_once_everything_was_read(ask):
    assert ask(SCORE).gap is Gap.MISSING
    assert ask(SCORE, unread={"Observation": "not sent"}).gap is Gap.COULD_NOT_CHECK


def test_a_panel_whose_members_were_sent_leaves_them_to_speak(ask):
    panel = score(None, id_="panel", hasMember=[{"reference": "Observation/member"}])
    assert ask(SCORE, panel, score(1, id_="member")).truth is True
    assert ask(SCORE, panel).gap is Gap.COULD_NOT_CHECK


def test_an_undated_value_is_reported(ask):
    found = ask(SCORE, score(day=None))
    assert [left.why for left in found.left_out] == [Why.UNDATED]
    assert ask(SCORE, score(day=None, meta=LABEL)).left_out == ()


LOOK_ALIKE = {"look_alike": {"when": SCORE, "code": "vs/obs-other-score", "says": "it is another scale"}}
OTHER = observation(None, "2026-11-10", "other-score", valueInteger=70)


def test_what_only_looks_alike_is_named_and_never_taken_for_it(ask):
    found = ask(LOOK_ALIKE, OTHER)
    assert found.gap is Gap.MISSING
    assert "it is another scale" in found.found
    assert "it is another scale" not in ask(LOOK_ALIKE, OTHER, score()).found
    assert ask(LOOK_ALIKE, score()).truth is True
    assert "another scale" not in ask(LOOK_ALIKE).found


def test_a_labelled_look_alike_is_not_named(ask):
    assert "another scale" not in ask(LOOK_ALIKE, {**OTHER, "meta": LABEL}).found
