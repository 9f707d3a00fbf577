"""`history` and `authored`: what was given so far, and whose paper a paper is."""

import pytest
from parts import concept, document, medication, observation, procedure

from cdshooks.engine.model import Gap

HISTORY = {"history": {"asks": ["dates", "response", "stopped"]}}
LETTER = {"document": {"type": "vs/doc-letter", "title": "vs/words-letter"}}
AUTHORED = {"authored": {"when": LETTER, "specialty": "vs/spec-cells"}}
LABEL = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}


def given(code="910001", day="2024-02-01", id_="m1", **fields):
    return medication(code=code, day=day, id_=id_, **fields)


def test_what_was_given_is_told_by_name_with_first_and_last_month_and_is_for_a_person(ask):
    found = ask(HISTORY, given(day="2024-02-01", id_="m1"), given("910002", "2024-05-30", "m2"))
    assert found.truth is None
    assert found.gap is Gap.ATTEST
    assert "1 course of treatment found (2024-02 to 2024-05 oldamib)" in found.found
    assert "best response of each, reason for stopping of each" in found.found


def test_courses_stand_in_the_order_of_their_days_and_procedures_belong_to_them(ask):
    sent = [given("920001", "2025-06-01", "m3"), given(), procedure("own-transplant", "2024-06-01")]
    text = ask(HISTORY, *sent).found
    assert text.index("oldamib") < text.index("transplant") < text.index("newamab")
    assert "2 courses of treatment" in text


@pytest.mark.parametrize(
    ("fields", "days"),
    [
        ({"effectivePeriod": {"start": "2024-02-01", "end": "2024-03-01"}, "day": None}, "(2024-02 to 2024-03 oldamib"),
        ({"effectivePeriod": {"start": "2024-02"}, "day": None}, "(2024-02 oldamib"),
        ({"day": None}, "without a date: oldamib"),
    ],
)
def test_periods_and_missing_days_are_told_as_they_are(ask, fields, days):
    assert days in ask(HISTORY, given(**fields)).found


def test_only_what_the_policy_asks_of_each_line_is_asked(ask):
    text = ask({"history": {"asks": ["dates"]}}, given(effectivePeriod={"start": "2024-02-01"}, day=None)).found
    assert "open: first and last day of each" in text
    assert "response" not in text


def test_what_is_open_of_some_lines_only_is_asked_of_those(ask):
    stopped = given("920001", "2025-06-01", "m3", statusReason=[{"text": "progression"}])
    assert "reason for stopping (2024-02)" in ask(HISTORY, given(), stopped).found


def test_a_history_that_was_read_in_part_says_so(ask):
    assert "not everything could be read: cut" in ask(HISTORY, given(), unread={"Procedure": "cut"}).found


def test_why_it_was_stopped_is_told_in_the_chart_s_words(ask):
    assert "oldamib, stopped: progression)" in ask(HISTORY, given(statusReason=[{"text": "progression"}])).found


def test_an_order_is_told_as_an_order(ask):
    ordered, administered = ask(HISTORY, medication("MedicationRequest", "910001")).found, ask(HISTORY, given()).found
    assert ordered != administered


@pytest.mark.parametrize(
    "sent",
    [
        given(status="not-done"),
        given(status="entered-in-error"),
        given(subject={"reference": "Patient/p2"}),
        given(subject=None),
        given(day="2026-11-22"),
        given("930001"),
        given(meta=LABEL),
        procedure("own-transplant", status="not-done"),
    ],
)
def test_what_was_not_given_to_this_patient_is_not_told(ask, sent):
    assert ask(HISTORY, sent).gap is Gap.MISSING


def test_nothing_found_is_missing_as_a_history_and_never_not_given(ask):
    assert ask(HISTORY).gap is Gap.MISSING
    for kind in ("MedicationRequest", "Procedure"):
        assert ask(HISTORY, unread={kind: "not sent"}).gap is Gap.COULD_NOT_CHECK


def test_the_best_response_on_record_is_told_else_the_last_status(ask):
    def status(value, day, **fields):
        return observation(value, day, "response", id_=f"o{day}", **fields)

    ranked = [status("partial-response", "2024-02-10"), status("full-response", "2024-03-10")]
    assert "best on record: Full response 2024-03" in ask(HISTORY, given(), *ranked).found
    worded = status(None, "2024-03-10", valueString="worse")
    text = ask(HISTORY, given(), worded).found
    assert "status on record: worse 2024-03" in text
    assert "best response of each" in text
    secret = status(None, "2024-03-01", valueString="private", meta=LABEL)
    assert "private" not in ask(HISTORY, given(), secret).found


def test_a_long_history_is_cut_with_the_number_of_the_rest(ask):
    text = ask(HISTORY, *[given(id_=f"m{n}", day=f"2024-01-{n + 1:02}") for n in range(20)]).found
    assert text.count("oldamib") == 1  # one course, however many records
    years = [given(id_=f"m{n}", day=f"20{n:02}-01-01") for n in range(10, 18)]
    assert "8 courses" in ask(HISTORY, *years).found
    assert "and 3 more" in ask(HISTORY, *years).found


# ---- whose letter? ----


def role(*codes, text=None, practitioner="Practitioner/dr"):
    made = {"resourceType": "PractitionerRole", "id": "role", "specialty": [concept(*codes, text=text)]}
    return made | {"practitioner": {"reference": practitioner}}


BY_DOCTOR = {"author": [{"reference": "Practitioner/dr"}]}


@pytest.mark.parametrize(
    ("fields", "roles", "expected"),
    [
        (BY_DOCTOR, [role("cell-specialist")], True),
        ({"author": [{"reference": "PractitionerRole/role"}]}, [role("cell-specialist")], True),
        (
            {"authenticator": {"reference": "https://ehr.example.org/r4/Practitioner/dr"}},
            [role("cell-specialist")],
            True,
        ),
        (BY_DOCTOR, [role("cell-specialist-unsure")], Gap.ATTEST),
        (BY_DOCTOR, [role("other-specialist", text="Dermatology")], Gap.ATTEST),
        (BY_DOCTOR, [role("cell-specialist", practitioner="Practitioner/other")], Gap.ATTEST),
        (BY_DOCTOR, [], Gap.ATTEST),
        ({}, [role("cell-specialist")], Gap.ATTEST),
        ({"author": ["text", None, {"display": "Dr"}]}, [role("cell-specialist")], Gap.ATTEST),
    ],
)
def test_the_author_s_specialty_must_be_coded_on_a_role(ask, fields, roles, expected):
    found = ask(AUTHORED, document(**fields), *roles)
    assert (found.truth if found.truth is not None else found.gap) is expected


def test_another_specialty_is_named_and_asked(ask):
    assert "Dermatology" in ask(AUTHORED, document(**BY_DOCTOR), role("x", text="Dermatology")).found


def test_where_there_is_no_letter_nobody_asks_whose_it_is(ask):
    assert ask(AUTHORED).gap is Gap.MISSING
    assert ask(AUTHORED, document("letter-note")).gap is Gap.ATTEST
