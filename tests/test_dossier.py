"""The content of a dossier and its views: worst first, nothing sensitive named, the same for the same call."""

import csv
import io
import json

from fhir.resources.R4B.bundle import Bundle
from tales import shipped_library, tale, tell

from cdshooks.hooks import dossier_view
from cdshooks.hooks.dossier import dossiers_of
from cdshooks.hooks.dossier_csv import COLUMNS, map_csv
from cdshooks.hooks.dossier_dates import WIDTH, scale_of
from cdshooks.hooks.dossier_fhir import dossier_bundle
from cdshooks.hooks.questionnaire_response import Form
from cdshooks.server.dossiers import Said

MADE_AT = "2026-11-21T12:00:00.000000+00:00"
NUMBER = "0" * 31 + "1"


def dossier_of(story):
    """The dossier of a story's first card."""
    (dossier, *_) = dossiers_of(tell(tale(story)), shipped_library()).values()
    return dossier


def bundle_of(dossier, said=()):
    form = Form.of(dossier, shipped_library(), "https://cds.hospital.example")
    return dossier_bundle(dossier, NUMBER, MADE_AT, form, said)


def wording():
    return shipped_library().wording


def test_each_card_with_findings_has_a_dossier_and_others_have_none():
    answered = tell(tale("two-orders"))
    assert list(dossiers_of(answered, shipped_library())) == [card["uuid"] for card in answered.body["cards"]]
    assert not dossiers_of(tell(tale("product-not-told")), shipped_library())
    assert not dossiers_of(tell(tale("no-car-t")), shipped_library())


def test_what_to_do_first_says_who_by_when_and_from_which_day_it_counts():
    tasks = dossier_view.tasks(dossier_of("mcl-missing-three"), wording())
    assert [task.labels for task in tasks] == [
        ("Marrow biopsy",),
        ("Psychological evaluation", "Social evaluation"),
        ("HIV serology",),
    ]
    hiv = tasks[-1]
    assert (hiv.outcome, hiv.owner, hiv.earliest, hiv.needed_by) == ("stale", "Laboratory", "2026-09-02", "2026-12-01")
    assert hiv.cite == ("BG.C",)
    for said in ("Tecartus", "BG.C", "2026-09-02", "2026-12-01", hiv.ask):
        assert said in hiv.request


def test_what_could_not_be_read_is_looked_for_first_and_in_one_go():
    first, second, *others = dossier_view.tasks(dossier_of("prefetch-failed"), wording())
    assert first.labels == ("HIV serology", "HBsAg", "Anti-HBc (total)", "Anti-HCV")
    assert {first.outcome, second.outcome} == {"could-not-check"} and others[0].outcome == "missing"
    assert first.ask.startswith("Look in the chart") and "Draw HIV" in first.request


def test_what_the_chart_contradicts_is_not_asked_for():
    (refused, *_) = dossier_view.tasks(dossier_of("prior-kymriah"), wording())
    assert refused.outcome == "not-met" and not refused.request
    assert refused.ask == wording().say("detail.what_now")


def test_a_complete_chart_leaves_nothing_to_do_and_something_to_attest():
    dossier = dossier_of("mcl-complete")
    assert dossier_view.tasks(dossier, wording()) == []
    assert dossier_view.counts(dossier)["open"] == 0
    assert dossier_view.to_attest(dossier)


def test_the_map_has_every_row_worst_first():
    dossier = dossier_of("mcl-missing-three")
    rows = dossier_view.rows(dossier)
    assert sorted(row["row"] for row in rows) == sorted(r["row"] for r in dossier["determination"]["criteriaMap"])
    outcomes = [row["outcome"] for row in rows]
    worst_first = ["missing", "stale", "attest", "met", "not-applicable"]
    assert list(dict.fromkeys(outcomes)) == worst_first


def test_the_scale_puts_what_is_open_first_and_then_what_lapses_first():
    scale = scale_of(dossier_of("mcl-missing-three"))
    assert 0 < scale.today_at < scale.service_at < WIDTH
    assert [span.outcome for span in scale.spans[:2]] == ["stale", "missing"]
    settled = [span.until for span in scale.spans[2:]]
    assert settled == sorted(settled)
    hbsag = next(span for span in scale.spans if span.label == "HBsAg")
    assert (hbsag.dated, hbsag.until, hbsag.lapses, hbsag.beyond) == ("2026-11-01", "2027-01-31", False, False)
    assert hbsag.dated_at == hbsag.begins < scale.today_at < hbsag.ends
    center = next(span for span in scale.spans if span.label == "Treatment center")
    assert (center.dated, center.beyond) == ("2026-11-01", True)


def test_a_document_that_lapses_before_the_infusion_is_told():
    body = tale("mcl-complete")
    order = body["context"]["draftOrders"]["entry"][0]["resource"]
    order["dosageInstruction"] = [{"timing": {"event": ["2027-02-15"]}}]
    (dossier,) = dossiers_of(tell(body), shipped_library()).values()
    assert any(span.lapses for span in scale_of(dossier).spans)


def test_sensitive_records_stand_apart_and_nowhere_else():
    dossier = dossier_of("mcl-missing-three")
    hidden = [record["reference"] for records in dossier["sensitive"].values() for record in records]
    assert len(set(hidden)) == dossier_view.to_review(dossier) == 2
    shown = json.dumps({key: value for key, value in dossier.items() if key != "sensitive"})
    taken = map_csv(dossier) + json.dumps(bundle_of(dossier))
    assert not [reference for reference in hidden if reference in shown + taken]
    assert "toReview" not in taken and "to review" not in taken


def test_the_patient_is_initials_and_a_year():
    body = tale("mcl-missing-three")
    body["prefetch"]["patient"] |= {
        "name": [{"family": "Zimmer", "given": ["Ada", "Berta"]}],
        "birthDate": "1961-02-03",
    }
    (dossier,) = dossiers_of(tell(body), shipped_library()).values()
    assert dossier["patient"] == {"initials": "A.Z.", "born": "1961"}
    assert "Zimmer" not in json.dumps(dossier) and "1961-02-03" not in json.dumps(dossier)


def test_a_denial_brings_its_clock_and_the_map_that_answers_it():
    dossier = dossier_of("denied-wnc")
    assert dossier["appeal"]["planTypes"] and "held" not in dossier["appeal"]
    assert dossier_view.rows(dossier)


def test_the_csv_has_a_line_for_each_record_and_starts_no_formula():
    dossier = dossier_of("mcl-missing-three")
    dossier["determination"]["criteriaMap"][0]["shows"] = "=HYPERLINK()"
    dossier["determination"]["criteriaMap"][1]["shows"] = "＝HYPERLINK()"
    lines = list(csv.reader(io.StringIO(map_csv(dossier))))
    assert tuple(lines[0]) == COLUMNS and {len(line) for line in lines} == {len(COLUMNS)}
    hiv = next(dict(zip(COLUMNS, line, strict=True)) for line in lines if line[0] == "HIV serology")
    assert (hiv["record"], hiv["date"], hiv["earliest_date"]) == ("Observation/mcl-1-hiv", "2026-06-30", "2026-09-02")
    assert not [cell for line in lines for cell in line if cell.startswith(("=", "+", "-", "@"))]
    assert all(any(f"'{sign}HYPERLINK()" in line for line in lines) for sign in "=＝")


def test_the_bundle_is_valid_and_keeps_attestations_apart_from_the_chart():
    dossier = dossier_of("mcl-blue-plan")
    said = [Said("confirmed", "prior-therapy", "R. Nurse, RN", "as <told>", MADE_AT)]
    made = bundle_of(dossier, said)
    Bundle.model_validate(made)
    kinds = [entry["resource"]["resourceType"] for entry in made["entry"]]
    assert kinds == ["Composition", "Device", "QuestionnaireResponse"]
    response = made["entry"][2]["resource"]
    assert response["questionnaire"] == "https://cds.hospital.example/Questionnaire/bcbs.tecartus|2026-11"
    assert "R. Nurse, RN" in json.dumps(response) and "as <told>" in json.dumps(response)
    assert "R. Nurse" not in json.dumps(made["entry"][0])
    assert made == bundle_of(dossier, said)


def test_every_story_gives_dossiers_that_can_be_viewed_and_taken_along():
    for story in ("prior-kymriah", "unknown-payer", "lbcl-yescarta-blue-plan", "prefetch-failed", "ball-tecartus-teen"):
        dossier = dossier_of(story)
        dossier_view.tasks(dossier, wording())
        assert map_csv(dossier).count("\n") > len(dossier_view.rows(dossier))
        Bundle.model_validate(bundle_of(dossier))
