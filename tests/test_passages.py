"""`passage`: what a report says in words; it is quoted for a person and decides nothing."""

import base64

import pytest
from parts import concept, document, observation, report

from cdshooks.engine.model import Gap

STAIN = {"passage": {"code": "vs/path-surgical", "words": "vs/words-stain"}}
ANY = {"passage": {"code": "vs/path-surgical"}}
CODED = {"passage": {"code": "vs/path-surgical", "words": "vs/words-stain", "concludes": ["vs/dx-alpha"]}}
NOT_UTF8 = base64.b64encode(b"\xff").decode()
LABEL = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}


def outcome(found):
    return found.truth if found.truth is not None else found.gap


def plain(text):
    return {"contentType": "text/plain; charset=utf-8", "data": base64.b64encode(text.encode()).decode()}


def pathology(**fields):
    return report("pathology-report", id_="r") | fields


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"conclusion": "Stain D1: positive"}, Gap.ATTEST),
        ({"conclusion": "STAIN-D1 negative"}, Gap.ATTEST),  # what it means is for a person
        ({"conclusion": "stain\nD1"}, Gap.ATTEST),
        ({"presentedForm": [plain("the stain D1 is strong")]}, Gap.ATTEST),
        ({"note": [{"text": "stain D1"}]}, Gap.ATTEST),
        ({"code": concept("pathology-report", text="Stain D1")}, Gap.ATTEST),
        # other words, or parts of words
        ({"conclusion": "stains D1"}, Gap.MISSING),
        ({"conclusion": "stain D12"}, Gap.MISSING),
        ({"conclusion": "restain D1"}, Gap.MISSING),
        ({"conclusion": "stain, and then D1"}, Gap.MISSING),
        ({"presentedForm": [plain("nothing of the kind")]}, Gap.MISSING),
        # text that was not sent could not be looked through
        ({}, Gap.COULD_NOT_CHECK),
        ({"presentedForm": [{"contentType": "application/pdf", "url": "Binary/1"}]}, Gap.COULD_NOT_CHECK),
        ({"conclusion": "see scan", "presentedForm": [{"url": "Binary/1"}]}, Gap.COULD_NOT_CHECK),
        ({"presentedForm": [{"contentType": "text/plain", "data": "@@not base64@@"}]}, Gap.COULD_NOT_CHECK),
        ({"presentedForm": [{"contentType": "text/plain", "data": NOT_UTF8}]}, Gap.COULD_NOT_CHECK),
        # the guards hold here too
        ({"conclusion": "stain D1", "status": "preliminary"}, Gap.COULD_NOT_CHECK),
        ({"conclusion": "stain D1", "status": "entered-in-error"}, Gap.MISSING),
        ({"conclusion": "stain D1", "subject": {"reference": "Patient/p2"}}, Gap.MISSING),
    ],
)  # fmt: skip
def test_words_are_looked_for_whole_and_only_ever_asked_about(ask, fields, expected):
    assert outcome(ask(STAIN, pathology(**fields))) is expected


def test_documents_and_results_under_the_code_are_looked_through_too(ask):
    sent = document("pathology-report", content=[{"attachment": plain("stain D1: weak")}])
    assert ask(STAIN, sent).gap is Gap.ATTEST
    assert ask(STAIN, observation(None, code="pathology-report", valueString="stain D1")).gap is Gap.ATTEST


def test_the_words_are_quoted_with_what_stands_around_them(ask):
    long = "a " * 200 + "the stain D1 was negative " + "z " * 200
    found = ask(STAIN, pathology(conclusion=long)).found
    assert "stain D1 was negative" in found
    assert len(found) < 400


def test_a_labelled_report_is_never_quoted(ask):
    found = ask(STAIN, pathology(conclusion="stain D1 private matter", meta=LABEL))
    assert found.gap is Gap.ATTEST
    assert "private matter" not in found.found


@pytest.mark.parametrize(
    ("code", "expected"), [("alpha", True), ("alpha-unsure", Gap.COULD_NOT_CHECK), ("beta", Gap.COULD_NOT_CHECK)]
)
def test_a_coded_conclusion_is_more_than_words(ask, code, expected):
    assert outcome(ask(CODED, pathology(conclusionCode=[concept(code)]))) is expected


DISPUTED = {"passage": {**CODED["passage"], "disputed_by": ["vs/dx-beta"]}}


@pytest.mark.parametrize(
    ("code", "day", "expected"),
    [
        ("beta", "2026-10-20", Gap.ATTEST),
        ("beta", "2026-11-01", Gap.ATTEST),  # a later report is not right by itself either
        ("beta", "2026-10-19", True),
        ("beta-second-hand", "2026-10-20", True),
        ("gamma", "2026-10-20", True),
        ("alpha", "2026-10-20", True),
    ],
)
def test_two_reports_that_conclude_on_two_diseases_are_shown_together_and_asked(ask, code, day, expected):
    first = pathology(conclusionCode=[concept("alpha")])
    second = report("pathology-report", day, "second", conclusion="Stain D1.", conclusionCode=[concept(code)])
    found = ask(DISPUTED, first, second)
    assert outcome(found) is expected
    if expected is Gap.ATTEST:
        assert {item.reference for item in found.evidence} == {"DiagnosticReport/r", "DiagnosticReport/second"}
    assert outcome(ask(DISPUTED, second)) is (True if code == "alpha" else Gap.ATTEST)


def test_two_reports_in_words_are_both_quoted(ask):
    sent = [report("pathology-report", id_=letter, conclusion=f"Disease {letter}") for letter in "ABC"]
    found = ask(ANY, *sent).found
    assert "Disease A" in found
    assert "Disease B" in found
    assert "and 1 more" in found


def test_without_words_the_report_itself_is_asked_about(ask):
    assert ask(ANY, pathology(conclusion="All well")).gap is Gap.ATTEST
    assert "All well" in ask(ANY, pathology(conclusion="All well")).found
    assert ask(ANY, pathology()).gap is Gap.ATTEST
    assert ask(ANY).gap is Gap.MISSING


@pytest.mark.parametrize("kind", ["DiagnosticReport", "DocumentReference"])
def test_nothing_is_claimed_absent_while_reports_are_unread(ask, kind):
    assert ask(STAIN, unread={kind: "not sent"}).gap is Gap.COULD_NOT_CHECK


def test_a_very_long_text_is_read_in_a_moment(ask):
    assert ask(STAIN, pathology(conclusion="stain " * 40_000)).gap is Gap.MISSING
