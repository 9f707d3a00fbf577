"""`document`, `report` and `procedure`: papers, reports and what was done."""

import pytest
from parts import asked_service, concept, document, observation, procedure, report, resource

from cdshooks.engine.model import Gap, Why

LETTER = {"document": {"type": "vs/doc-letter", "title": "vs/words-letter", "not_type": "vs/doc-appeal"}}
MARROW = {"report": {"code": "vs/path-marrow", "specimen": "vs/words-marrow", "no_older_than": "P6M"}}
SURGICAL = {"report": {"code": "vs/path-surgical", "text": "vs/words-marrow", "no_older_than": "P6M"}}
BIOPSY = {"procedure": {"code": "vs/proc-marrow", "no_older_than": "P6M"}}
LABEL = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}


def outcome(found):
    return found.truth if found.truth is not None else found.gap


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (document(), True),
        (document(docStatus="preliminary"), Gap.COULD_NOT_CHECK),
        (document(subject=None), Gap.COULD_NOT_CHECK),
        (document(docStatus="entered-in-error"), Gap.MISSING),
        (document(status="superseded"), Gap.MISSING),
        (document(day="2026-11-22"), Gap.MISSING),
        (document(day=None), Gap.COULD_NOT_CHECK),  # there is something to look at
        (document(day="1999-01-01"), True),
        # a general type: only with the words, and then a person confirms
        (document("letter"), Gap.MISSING),
        (document("letter", title="Medical Necessity for Mr. One"), Gap.ATTEST),
        (document("letter", description="letter of need"), Gap.ATTEST),
        (document(None, title="LETTER OF MEDICAL NECESSITY", id_="d"), Gap.ATTEST),
        (document(type_=None, type={"text": "Letter of need"}, id_="d"), Gap.ATTEST),
        # a note always asks; a request for the document is not the document
        (document("letter-note"), Gap.ATTEST),
        (document("letter-request"), Gap.MISSING),
        (document("letter-request", title="Letter of medical necessity"), Gap.MISSING),
        # never a type that cannot be it, whatever its title says
        (document("appeal", title="Letter of medical necessity"), Gap.MISSING),
        (document(type_=None, type=concept("letter-of-need", "appeal"), id_="d"), Gap.MISSING),
        (document("evaluation"), Gap.MISSING),
        (report("letter-of-need"), True),  # some sites file letters as reports
    ],
)
def test_a_document_counts_by_its_type_and_only_asks_by_its_words(ask, sent, expected):
    assert outcome(ask(LETTER, sent)) is expected


def test_an_absence_says_how_many_documents_were_looked_at(ask):
    sent = [document("evaluation", id_=f"d{n}") for n in range(41)]
    assert "41" in ask(LETTER, *sent).found


def test_a_document_may_be_looked_for_by_words_alone(ask):
    form = {"document": {"title": "vs/words-letter", "not_type": "vs/doc-appeal"}}
    assert ask(form, document("letter", title="medical necessity")).gap is Gap.ATTEST
    assert ask(form, document()).gap is Gap.MISSING
    assert ask(form, document("appeal", title="medical necessity")).gap is Gap.MISSING


def test_the_title_is_quoted_where_a_person_must_confirm(ask):
    assert (
        "Medical Necessity for Mr. One" in ask(LETTER, document("letter", title="Medical Necessity for Mr. One")).found
    )


def test_the_title_of_a_labelled_document_is_never_quoted(ask):
    found = ask(LETTER, document("letter", title="Medical necessity: private matter", meta=LABEL))
    assert found.gap is Gap.ATTEST
    assert "private matter" not in found.found
    hint = {"hint": {"when": LETTER, "says": "a document may be the letter", "gap": "attest"}}
    found = ask(hint, document("letter", title="Medical necessity: private matter", meta=LABEL))
    assert "private matter" not in found.found


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (report(), True),
        (report(day="2026-05-21"), True),  # exactly six months old is not more than six months
        (report(day="2026-05-20"), Gap.STALE),
        (report(day="2026"), Gap.COULD_NOT_CHECK),
        (report(day=None, id_="r"), Gap.COULD_NOT_CHECK),
        (report(day=None, id_="r", issued="2026-10-20T10:00:00Z"), True),
        (report(status="preliminary"), Gap.COULD_NOT_CHECK),
        (report(status="partial"), Gap.COULD_NOT_CHECK),
        (report(status="cancelled"), Gap.MISSING),
        (report("marrow-report-second-hand"), Gap.ATTEST),
        (report("pathology-report"), Gap.MISSING),
        # another specimen under the code is not it; an unsaid one may be
        (report(specimen=[{"display": "Bone marrow aspirate"}]), True),
        (report(specimen=[{"display": "Skin"}]), Gap.MISSING),
        (report(bodySite=concept(text="Marrow of the hip")), True),
        # under the same code as document or observation
        (document("marrow-report", day="2026-10-20"), True),
        (document("marrow-report", day="2026-05-20"), Gap.STALE),
        (observation(None, "2026-10-20", "marrow-report"), True),
        (observation(None, "2026-10-20", "marrow-report", status="preliminary"), Gap.COULD_NOT_CHECK),
    ],
)
def test_a_report_counts_by_code_specimen_and_date(ask, sent, expected):
    assert outcome(ask(MARROW, sent)) is expected


def test_a_report_of_another_specimen_by_reference_is_not_it(ask):
    skin = resource("Specimen", "s1", type=concept(text="Skin"))
    assert ask(MARROW, report(specimen=[{"reference": "Specimen/s1"}]), skin).gap is Gap.MISSING


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (report("pathology-report", conclusion="Bone marrow: involved"), True),
        (report("pathology-report", presentedForm=[{"title": "Bone-marrow biopsy"}]), True),
        (report("pathology-report", specimen=[{"display": "bone marrow"}]), True),
        (report("pathology-report", conclusion="Lymph node"), Gap.MISSING),
        (report("pathology-report"), Gap.MISSING),
        (report(conclusion="Bone marrow"), Gap.MISSING),
    ],
)
def test_a_report_of_a_general_code_needs_the_words(ask, sent, expected):
    assert outcome(ask(SURGICAL, sent)) is expected


@pytest.mark.parametrize("kind", ["DiagnosticReport", "DocumentReference"])
def test_no_report_is_missing_while_reports_or_documents_are_unread(ask, kind):
    assert ask(MARROW, unread={kind: "not sent"}).gap is Gap.COULD_NOT_CHECK
    assert ask(MARROW, unread={"Observation": "not sent"}).gap is Gap.MISSING


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (procedure("marrow-procedure"), True),
        (procedure("marrow-procedure", "2026-05-21"), True),
        (procedure("marrow-procedure", "2026-05-20"), Gap.STALE),
        (procedure("marrow-procedure", None), Gap.COULD_NOT_CHECK),
        (procedure("marrow-procedure", status="in-progress"), Gap.MISSING),
        (procedure("marrow-procedure", status="preparation"), Gap.MISSING),
        (procedure("marrow-procedure", status="stopped"), Gap.MISSING),
        (procedure("marrow-procedure", status=None), Gap.MISSING),
        (procedure("marrow-procedure-unsure"), Gap.ATTEST),
        (procedure("cell-infusion"), Gap.MISSING),
        (asked_service("marrow-procedure", "2026-10-20"), Gap.MISSING),
    ],
)
def test_only_a_completed_procedure_counts(ask, sent, expected):
    assert outcome(ask(BIOPSY, sent)) is expected


def test_another_status_counts_where_it_is_asked_for(ask):
    form = {"procedure": {"code": "vs/proc-marrow", "status": "in-progress"}}
    assert ask(form, procedure("marrow-procedure", status="in-progress")).truth is True
    assert ask(form, procedure("marrow-procedure")).gap is Gap.MISSING


@pytest.mark.parametrize(("status", "why"), [("not-done", Why.NOT_DONE), ("entered-in-error", Why.ENTERED_IN_ERROR)])
def test_a_procedure_that_was_not_done_is_reported(ask, status, why):
    found = ask(BIOPSY, procedure("marrow-procedure", id_="p", status=status))
    assert found.gap is Gap.MISSING
    assert [(left.reference, left.why) for left in found.left_out] == [("Procedure/p", why)]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (
            resource(
                "DiagnosticReport",
                "r",
                status="final",
                code={"text": "Bone Marrow Biopsy"},
                effectiveDateTime="2026-10-20",
            ),
            True,
        ),
        (document(None, title="bone marrow report", id_="d"), True),
        (
            resource(
                "DiagnosticReport",
                "r",
                status="final",
                code={"text": "Bone Marrow Biopsy"},
                effectiveDateTime="2026-05-20",
            ),
            Gap.STALE,
        ),
        (
            resource(
                "DiagnosticReport", "r", status="final", code={"text": "Lymph node"}, effectiveDateTime="2026-10-20"
            ),
            Gap.MISSING,
        ),
        (observation(code={"text": "Bone marrow blasts"}, id_="o"), Gap.MISSING),
    ],
)
def test_a_report_may_be_looked_for_by_words_alone(ask, sent, expected):
    assert outcome(ask({"report": {"text": "vs/words-marrow", "no_older_than": "P6M"}}, sent)) is expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (procedure({"text": "Bone marrow biopsy"}, id_="p"), True),
        (procedure({"text": "Bone marrow biopsy"}, id_="p", status="not-done"), Gap.MISSING),
        (procedure({"text": "Skin biopsy"}, id_="p"), Gap.MISSING),
    ],
)
def test_a_procedure_may_be_looked_for_by_words_alone(ask, sent, expected):
    assert outcome(ask({"procedure": {"text": "vs/words-marrow", "no_older_than": "P6M"}}, sent)) is expected
