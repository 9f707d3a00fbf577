"""The commands, as a person at a terminal meets them: what they print, and with which exit code they end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
import pytest
import requests
from terminal import fails, prints

from cdshooks.cli import main
from cdshooks.cli.panel import WIDTH
from cdshooks.engine.library import load_library
from cdshooks.server.app import create_app
from cdshooks.server.settings import default_fixtures, default_library, read_settings

STORIES = default_fixtures() / "stories"
WNC = "policies/wellcare-nc/wnc-cp-192"
LIBRARY = load_library(default_library())


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LIBRARY", "PUBLIC_URL", "TIMEZONE", "MODE", "DEFAULT_FACILITY"):
        monkeypatch.delenv(f"CDSHOOKS_{name}", raising=False)


@pytest.fixture
def edited(tmp_path: Path) -> Callable[[Callable[[dict[str, Any]], None]], str]:
    """Write the request of a complete chart to a file, after an edit."""

    def write(edit: Callable[[dict[str, Any]], None]) -> str:
        body = json.loads((STORIES / "mcl-complete/request.json").read_text())
        edit(body)
        path = tmp_path / "request.json"
        path.write_text(json.dumps(body))
        return str(path)

    return write


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(default_library(), tmp_path / "cards", ignore=shutil.ignore_patterns("cases.yaml")))


def write_cases(library: Path, *rows: str) -> None:
    head = "policy: wellcare-nc/wnc-cp-192\nstory: mcl-complete\nas_of: 2026-11-21\ncases:\n"
    (library / WNC / "cases.yaml").write_text(head + "".join(f"- {row}\n" for row in rows))


# ---- evaluate


def test_evaluate_shows_the_card_and_then_explains_every_finding() -> None:
    said = prints("evaluate", "mcl-missing-three")
    card, trees = said.split("\n\n== ", 1)
    assert "HIV\n│ serology" in card and "[ Order HIV 1+2 Ag/Ab ]" in card and "Already submitted" in card
    assert "**" not in card and max(map(len, card.splitlines())) <= WIDTH
    assert trees.count("]  ") == len(LIBRARY.versions("wellcare-nc/wnc-cp-192")[0].criteria)
    assert "hiv  [BG.C]  STALE" in trees and "documentation-missing" in trees.splitlines()[0]


def test_evaluate_as_cards_is_the_server_s_answer_byte_for_byte() -> None:
    """Save for the links to dossiers, which only a server with a store can open."""
    settings = read_settings({"CDSHOOKS_MODE": "demo", "CDSHOOKS_DOSSIER_DAYS": "0"})
    app = create_app(settings, LIBRARY, clock=lambda zone: datetime(2026, 11, 21, 12, tzinfo=zone))
    body = (STORIES / "two-orders/request.json").read_bytes()
    served = app.test_client().post("/cds-services/cart-order-sign", data=body, content_type="application/json")
    assert prints("evaluate", "two-orders", "--format", "cards").encode().strip() == served.data


def test_evaluate_as_json_lists_the_determinations() -> None:
    found = json.loads(prints("evaluate", "two-orders", "--format", "json"))
    assert sorted(each["product"] for each in found) == ["breyanzi", "tecartus"]
    assert all(each["asOf"] == "2026-11-21" and each["findings"] for each in found)


def test_evaluate_asks_on_the_day_that_is_given() -> None:
    (found,) = json.loads(prints("evaluate", "mcl-complete", "--as-of", "2027-03-01", "--format", "json"))
    assert {f["criterion"] for f in found["findings"] if f["outcome"] == "stale"} >= {"hiv", "hbsag"}


def test_a_file_is_asked_today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cdshooks.cli.inputs.today", lambda settings: date(2026, 11, 22))
    path = str(STORIES / "mcl-complete/request.json")
    (found,) = json.loads(prints("evaluate", path, "--format", "json"))
    assert found["asOf"] == "2026-11-22"


def test_evaluate_says_when_there_is_no_card() -> None:
    assert "no card, for no draft order is a CAR-T order" in prints("evaluate", "no-car-t")


def test_evaluate_uses_the_library_that_is_named(copied: Path) -> None:
    wording = copied / "wording/en.yaml"
    wording.write_text(wording.read_text().replace("Only you can confirm", "For you alone"))
    assert "For you alone" in prints("evaluate", "mcl-complete", "--policy-library", str(copied))


def test_the_site_s_centre_is_used_when_the_order_names_none(
    edited: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = edited(lambda body: body["context"]["draftOrders"]["entry"][0]["resource"].pop("performer"))
    words = ("explain", path, "--as-of", "2026-11-21", "-c", "center")
    assert "center  [I.C]  MET" not in prints(*words)
    monkeypatch.setenv("CDSHOOKS_DEFAULT_FACILITY", "1234567893")
    assert "center  [I.C]  MET" in prints(*words)


def test_a_bare_bundle_is_told_what_a_request_is(tmp_path: Path) -> None:
    (tmp_path / "chart.json").write_text('{"resourceType": "Bundle", "entry": []}')
    said = fails(1, "evaluate", str(tmp_path / "chart.json"))
    assert "this is a FHIR Bundle, not a CDS Hooks request" in said and "chart.json" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "hook is missing"),
        ('{"hook": "order-sign", "hookInstance": "1", "context": {}}', "context.patientId is missing"),
        ('{"hook": "order-sign", ', "the body ends before its last value is complete"),
        ("", "the body is empty"),
    ],
)
def test_a_request_error_says_what_and_where(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "request.json").write_text(text)
    printed = fails(1, "evaluate", str(tmp_path / "request.json"))
    assert said in printed and "request.json: " in printed


def test_an_unknown_name_offers_the_nearest_stories() -> None:
    assert "Did you mean mcl-complete" in fails(2, "evaluate", "mcl-complet")


def test_a_day_that_is_none_is_wrong_usage() -> None:
    assert "2026-13-01' is no day of the calendar" in fails(2, "evaluate", "mcl-complete", "--as-of", "2026-13-01")


def test_a_setting_that_cannot_be_used_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDSHOOKS_TIMEZONE", "Mars/Olympus")
    assert "CDSHOOKS_TIMEZONE is 'Mars/Olympus'" in fails(2, "evaluate", "mcl-complete")


def test_a_library_with_problems_is_not_used(copied: Path) -> None:
    (copied / "payers/wellcare-nc.yaml").write_text("id: wellcare-nc\nid: again\n")
    said = fails(1, "explain", "mcl-complete", "--policy-library", str(copied))
    assert "wellcare-nc.yaml:2: the key 'id' stands twice" in said


# ---- explain


def test_explain_shows_one_criterion_when_asked_for_one() -> None:
    said = prints("explain", "mcl-missing-three", "--criterion", "hiv")
    assert "dated after 2026-08-21 … last one 2026-06-30" in said and "ask: Draw HIV" in said
    assert "hbsag" not in said


def test_explain_explains_every_order() -> None:
    said = prints("explain", "two-orders", "-c", "dosage-form")
    assert said.count("== MedicationRequest/") == 2 and said.count("dosage-form  [") == 2


def test_explain_names_the_criteria_that_there_are() -> None:
    assert "there is no criterion hive here; there are fda-approved, " in fails(
        2, "explain", "mcl-complete", "-c", "hive"
    )


@pytest.mark.parametrize(
    ("story", "said"), [("wrong-patient", "different patients"), ("no-car-t", "Nothing to explain")]
)
def test_explain_says_why_nothing_was_determined(story: str, said: str) -> None:
    assert said in prints("explain", story)


def test_text_of_a_chart_cannot_steer_the_terminal(edited: Callable[..., str]) -> None:
    def colour(body: dict[str, Any]) -> None:
        body["context"]["draftOrders"]["entry"][0]["resource"]["id"] = "a\x1b]0;title\x07"
        for entry in body["prefetch"]["observations"]["entry"]:
            if entry["resource"]["id"] == "mcl-2-hiv":
                entry["resource"]["valueCodeableConcept"]["text"] = "\x1b[31mNegative"

    said = prints("evaluate", edited(colour), "--as-of", "2026-11-21")
    assert "[31mNegative" in said and "\x1b" not in said and "\x07" not in said


# ---- check


def test_check_counts_what_it_read() -> None:
    said = prints("check")
    assert f"{len(LIBRARY.value_sets)} value sets, {len(LIBRARY.products.by_id)} products, " in said
    assert said.rstrip().endswith("ok")


def test_check_names_file_and_line_of_every_problem(copied: Path) -> None:
    policy = copied / WNC / "2025-04.yaml"
    lines = policy.read_text().splitlines()
    at = lines.index("  cite: BG.D")
    lines[at] = "  cites: BG.D"
    policy.write_text("\n".join(lines))
    product = copied / "products/abecma.yaml"
    product.write_text(product.read_text().replace("status: approved", "status: aproved"))
    said = fails(1, "check", str(copied))
    assert f"{copied}/{WNC}/2025-04.yaml:" in said and "cites" in said
    assert f"{copied}/products/abecma.yaml:" in said and "'aproved' is not one of" in said


def test_check_reads_the_cases_too(copied: Path) -> None:
    write_cases(copied, "{name: a, expect: {met: [hivv]}}")
    assert f"{WNC}/cases.yaml:5: met: this policy has no criterion hivv" in fails(1, "check", str(copied))


def test_check_holds_every_suggestion_against_fhir(copied: Path) -> None:
    task = copied / "suggestions/write-letter.yaml"
    task.write_text(task.read_text().replace('authoredOn: "{today}"', 'authoredOn: "{product}"'))
    said = fails(1, "check", str(copied))
    assert f"{copied}/suggestions/write-letter.yaml:1: departs from FHIR R4: resource.authoredOn: " in said


def test_check_holds_every_value_set_against_its_schema(copied: Path) -> None:
    found = copied / "valuesets/lab-hbsag.json"
    found.write_text(found.read_text().replace('"concept"', '"concepts"', 1))
    said = fails(1, "check", str(copied))
    assert f"{found}:" in said and "there is no key 'concepts' here; did you mean concept?" in said


def test_check_refuses_a_case_that_sets_what_no_resource_has(copied: Path) -> None:
    write_cases(copied, "{name: a, set: {Observation/mcl-2-hiv.effectiveDate: 2026-08-21}, expect: {stale: [hiv]}}")
    said = fails(1, "check", str(copied))
    assert (
        f"{WNC}/cases.yaml:5: " in said
        and "Observation has no element effectiveDate; did you mean effectiveDateTime?" in said
    )


def test_an_overdue_review_is_a_warning_and_no_problem(copied: Path) -> None:
    policy = copied / WNC / "2025-04.yaml"
    policy.write_text(policy.read_text().replace("review_due: 2027-02-21", "review_due: 2026-01-31"))
    said = prints("check", str(copied))
    assert "warning: " in said and "its review was due on 2026-01-31" in said and said.rstrip().endswith("ok")


def test_check_of_a_folder_that_is_no_library(tmp_path: Path) -> None:
    assert "has no systems.yaml" in fails(1, "check", str(tmp_path))


# ---- test


def test_a_case_that_fails_is_explained_by_its_own_criterion_only(copied: Path) -> None:
    write_cases(copied, "{name: HIV is old, expect: {stale: [hiv]}}", "{name: HIV is new, expect: {met: [hiv]}}")
    said = fails(1, "test", "--policy-library", str(copied))
    assert "FAILED  HIV is old" in said and "hiv: expected stale, came met" in said
    assert "hiv  [BG.C]  MET" in said and "hbsag  [BG.C]" not in said
    assert "2 cases: 1 passed, 1 failed" in said and "FAILED  HIV is new" not in said


def test_a_case_that_cannot_be_run_fails_alone(copied: Path) -> None:
    write_cases(copied, "{name: a, drop: [Observation/no], expect: {cards: 1}}", "{name: b, expect: {cards: 1}}")
    said = fails(1, "test", "--policy-library", str(copied))
    assert "cases.yaml:5: Observation/no: the request has no such resource" in said
    assert "2 cases: 1 passed, 1 failed" in said


def test_test_lists_the_criteria_that_no_two_cases_tell_apart(copied: Path) -> None:
    write_cases(
        copied,
        "{name: a, expect: {met: [hiv, hbsag], attest: [dosage]}}",
        "{name: b, drop: [Observation/mcl-2-hiv], expect: {missing: [hiv]}}",
    )
    said = prints("test", "wellcare-nc/wnc-cp-192", "--policy-library", str(copied))
    listed = dict(line.split(maxsplit=1) for line in said.splitlines() if line.startswith("  "))
    assert listed["hbsag"] == "met" and listed["anti-hcv"] == "no case" and listed["warnings"] == "no case"
    assert "hiv" not in listed and "dosage" not in listed


def test_test_runs_the_cases_that_have_the_words(copied: Path) -> None:
    write_cases(copied, "{name: HIV is old, expect: {stale: [hiv]}}", "{name: HIV is new, expect: {met: [hiv]}}")
    said = prints("test", "-k", "new hiv", "--policy-library", str(copied))
    assert said == "1 case: 1 passed, 0 failed\n"
    assert "no case has the words 'sunny'" in fails(2, "test", "-k", "sunny", "--policy-library", str(copied))


def test_test_of_an_unknown_policy_names_those_that_there_are() -> None:
    assert "there are bcbs/tecartus, fda/label, " in fails(2, "test", "wellcare/nc")


def test_a_policy_without_cases_is_told_where_to_write_them(copied: Path) -> None:
    assert "no cases yet; write them in cases.yaml" in prints("test", "fda/label", "--policy-library", str(copied))


def test_the_cases_of_the_appeal_clock_can_be_run_alone() -> None:
    said = prints("test", "appeals")
    assert "0 failed" in said and "wellcare" not in said


# ---- paragraphs


def test_paragraphs_shows_what_takes_care_of_each(copied: Path) -> None:
    write_cases(
        copied,
        "{name: HIV is new, expect: {met: [hiv], reminders: [CODE.1]}}",
        "{name: A teen, set: {Patient/mcl-2.birthDate: 2010-01-01},"
        " expect: {outcome: review-needed, not_met: [indication]}}",
    )
    said = prints("paragraphs", "wellcare-nc/wnc-cp-192", "--cases", "--policy-library", str(copied))
    lines = [" ".join(line.split()) for line in said.splitlines()]
    at = lines.index("BG.C 1 case documentation: hiv")
    assert lines[at + 1 : at + 3] == ["· HIV is new", "0 cases documentation: hbsag"]
    assert lines[lines.index("NC.2 1 case override") + 1] == "· A teen"
    assert any(line.startswith("CODE.1 1 case reminder: ") for line in lines)
    assert any(line.startswith("PRE.1 not encoded: ") for line in lines)


def test_paragraphs_names_cases_only_when_asked() -> None:
    said = prints("paragraphs")
    assert "fda/label" in said and "wellcare-nc/wnc-cp-192" in said and "·" not in said


# ---- fire


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Let `fire` reach the application without a network; what it posts is collected."""
    client = create_app(
        read_settings({"CDSHOOKS_MODE": "demo"}),
        LIBRARY,
        clock=lambda zone: datetime(2027, 3, 4, 12, tzinfo=zone),
    ).test_client()
    sent: list[dict[str, Any]] = []

    def post(address: str, data: bytes, headers: dict[str, str], timeout: float) -> requests.Response:
        reply = client.post(address.removeprefix("http://cds"), data=data, headers=headers)
        sent.append({"address": address, "body": data.decode()})
        made = requests.Response()
        made.status_code, made._content, made.reason = reply.status_code, reply.data, reply.status.split(" ", 1)[1]
        return made

    monkeypatch.setattr("cdshooks.cli.fire.requests.post", post)
    monkeypatch.setattr("cdshooks.cli.fire.today", lambda settings: date(2027, 3, 4))
    return sent


def test_fire_tells_a_story_as_of_today_and_shows_the_card(posted: list[dict[str, Any]]) -> None:
    said = prints("fire", "mcl-missing-three", "--url", "http://cds/")
    assert posted[0]["address"] == "http://cds/cds-services/cart-order-sign"
    assert "2027-03-14" in posted[0]["body"] and "2026-12-01" not in posted[0]["body"]
    assert said.startswith("mcl-missing-three → 200 OK, ") and " ms, " in said.splitlines()[0]
    assert "documents needed" in said and "[ Order HIV 1+2 Ag/Ab ]" in said


@pytest.mark.parametrize(
    ("story", "hook"),
    [
        ("mcl-complete", "order-sign"),
        ("select-one-of-two", "order-select"),
        ("dispatch-listed-centre", "order-dispatch"),
        ("denied-wnc", "patient-view"),
    ],
)
def test_fire_calls_the_service_of_every_hook_and_validates_its_answer(
    posted: list[dict[str, Any]], story: str, hook: str
) -> None:
    said = prints("fire", story, "--url", "http://cds")
    assert posted[0]["address"] == f"http://cds/cds-services/cart-{hook}"
    assert "Tecartus" in said and "The answer against CDS Hooks and FHIR R4: " in said


def test_fire_shows_what_went_over_the_wire_when_asked(posted: list[dict[str, Any]]) -> None:
    said = prints("fire", "mcl-complete", "--url", "http://cds", "--wire")
    request, _, answer = said.partition("mcl-complete → 200 OK")
    assert request.startswith("POST /cds-services/cart-order-sign\n{\n") and '"hook": "order-sign"' in request
    assert '"cards": [' in answer and "cards" not in prints("fire", "mcl-complete", "--url", "http://cds")


def test_fire_shows_a_body_that_is_no_json_as_it_is(posted: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "request.json").write_bytes(b"{no \xc3\xa9 json")
    said = fails(1, "fire", str(tmp_path / "request.json"), "--url", "http://cds", "--wire")
    assert "{no \xe9 json" in said and "the service refused the request" in said


def test_fire_sends_a_story_as_it_is_when_asked(posted: list[dict[str, Any]]) -> None:
    prints("fire", "mcl-complete", "--as-is", "--url", "http://cds")
    assert posted[0]["body"] == (STORIES / "mcl-complete/request.json").read_text()


def test_fire_sends_a_file_as_it_is(posted: list[dict[str, Any]], edited: Callable[..., str]) -> None:
    path = edited(lambda body: body.update(hookInstance="mine"))
    prints("fire", path, "--url", "http://cds")
    assert posted[0]["body"] == Path(path).read_text()


def test_fire_says_when_the_ehr_would_show_nothing(posted: list[dict[str, Any]]) -> None:
    assert "No card: the EHR shows nothing." in prints("fire", "no-car-t", "--url", "http://cds")


@pytest.mark.parametrize("version", ["2.0", "2.2"])
def test_fire_asks_as_a_client_of_crd_and_tells_what_was_said(posted: list[dict[str, Any]], version: str) -> None:
    said = prints("fire", "mcl-missing-three", "--url", "http://cds", "--crd", version)
    assert json.loads(posted[0]["body"])["extension"] == {"davinci-crd.requestedVersion": version}
    for line in (
        "Update of MedicationRequest/mcl-1-",
        "covered: conditional",
        "doc-needed: clinical",
        "not by the plan",
    ):
        assert line in said
    assert "\nwarning: " not in said


def test_fire_leaves_what_is_no_request_for_the_service_to_refuse(posted: list[dict[str, Any]], tmp_path: Path) -> None:
    for index, text in enumerate(("[1]", "{", '{"extension": 7}')):
        path = tmp_path / f"{index}.json"
        path.write_text(text)
        assert "the service refused the request" in fails(1, "fire", str(path), "--url", "http://cds", "--crd", "2.0")
        assert posted[-1]["body"] == text


def test_fire_tells_when_a_client_of_crd_gets_no_update(posted: list[dict[str, Any]]) -> None:
    assert "No order is updated." in prints("fire", "no-car-t", "--url", "http://cds", "--crd", "2.2")


def test_fire_shows_why_the_service_refused(posted: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text('{"hook": "order-sign"}')
    said = fails(1, "fire", str(tmp_path / "request.json"), "--url", "http://cds")
    assert "400 BAD REQUEST" in said and "hookInstance is missing" in said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (requests.ConnectionError(), "Start the service in another terminal with `cdshooks serve --demo`"),
        (requests.ReadTimeout(), "no answer (ReadTimeout)"),
        (requests.exceptions.InvalidURL(), "is this the service's address?"),
    ],
)
def test_fire_says_what_to_do_when_nothing_answers(
    monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def post(*_: Any, **__: Any) -> requests.Response:
        raise error

    monkeypatch.setattr("cdshooks.cli.fire.requests.post", post)
    assert said in fails(1, "fire", "mcl-complete")


def test_fire_says_when_something_else_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    made = requests.Response()
    made.status_code, made._content, made.reason = 200, b"<html>", "OK"
    monkeypatch.setattr("cdshooks.cli.fire.requests.post", lambda *_, **__: made)
    assert "the answer is no CDS Hooks response" in fails(1, "fire", "mcl-complete")


# ---- serve, stories, help


def test_serve_runs_the_server_in_demo_mode_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr("cdshooks.server.serve.run_server", lambda *given: calls.append(given))
    prints("serve", "--demo", "--port", "8123", "--workers", "2")
    ((settings, host, port, workers),) = calls
    assert (settings.demo, host, port, workers) == (True, "127.0.0.1", 8123, 2)


def test_serve_without_demo_says_what_is_not_available_yet() -> None:
    assert "CDSHOOKS_CLIENTS is missing and CDSHOOKS_MODE is production" in fails(2, "serve")


def test_stories_lists_every_story_with_its_title() -> None:
    said = prints("stories")
    assert {line.split()[0] for line in said.splitlines()} == {
        path.parent.name for path in STORIES.glob("*/story.yaml")
    }
    assert "A man of 65 in relapse" in said


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_has_help(name: str) -> None:
    command = main.commands[name]
    assert f"Usage: cdshooks {name}" in prints(name, "--help") and command.help
    assert all(option.help for option in command.params if isinstance(option, click.Option))
