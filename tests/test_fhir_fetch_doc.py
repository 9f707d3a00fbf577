"""docs/fhir-fetch.md says what is asked, within which limits, and what can come of it; nothing more, nothing less."""

import re
from pathlib import Path

import pytest
from pages import rows

from cdshooks.engine.library import Library
from cdshooks.hooks.discovery import HOOK_SIGN, MORE_PREFETCH, PREFETCH
from cdshooks.hooks.fetched import Miss
from cdshooks.hooks.focus import PATIENT_VIEW
from cdshooks.hooks.json_body import MAX_DEPTH
from cdshooks.hooks.orders import ORDER_KINDS
from cdshooks.hooks.wanted import ALWAYS, PAGE_SIZE, PLACES
from cdshooks.server.fhir_client import READ, Limits

TEXT = (Path(__file__).parents[1] / "docs" / "fhir-fetch.md").read_text("utf-8")
LIMITS = Limits()
MEGABYTE = 1024 * 1024


def section(title: str) -> str:
    return TEXT.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def first_cells(title: str) -> list[str]:
    return [cell for row in rows(section(title)) for cell in re.findall(r"`([^`]+)`", row[0])]


def test_every_query_has_its_row_and_there_is_no_other():
    own = {
        t.query for t in (*PREFETCH.values(), *MORE_PREFETCH[PATIENT_VIEW].values(), *MORE_PREFETCH[HOOK_SIGN].values())
    }
    reads = {f"{kind}/{{id}}" for kind in (*ORDER_KINDS, *PLACES, "Medication", "Encounter")}
    assert set(first_cells("What")) == own | reads
    assert f"`_count={PAGE_SIZE}`" in section("What")


def test_what_is_always_asked_is_marked_and_the_rest_is_read_by_some_policy(shipped: Library):
    queries = [row for row in rows(section("What")) if "{{" in row[0]]
    when = {re.search(r"\w+", row[0])[0]: row[1] for row in queries}
    assert {kind for kind, said in when.items() if said == "always"} == ALWAYS
    read = {kind for policy in shipped.policies for criterion in policy.criteria for kind in criterion.kinds}
    assert {kind for kind, said in when.items() if said == "a policy reads it"} == read - ALWAYS


def test_a_scope_is_named_for_every_kind_that_is_asked():
    kinds = {re.match(r"\w+", cell)[0] for cell in first_cells("What")} - {"ProcedureRequest"}  # FHIR STU3, no R4 scope
    assert set(re.findall(r"user/(\w+)\.rs", section("Scopes to grant"))) == kinds


@pytest.mark.parametrize(
    ("what", "number"),
    [
        ("a whole call", f"{LIMITS.total_seconds:g} s"),
        ("of these kept", f"{LIMITS.answer_seconds:g} s"),
        ("one request", f"{LIMITS.request_seconds:g} s"),
        ("requests for one call", str(LIMITS.requests)),
        ("requests at once", str(LIMITS.at_once)),
        ("pages of one search", str(LIMITS.pages)),
        ("one answer", f"{LIMITS.answer_bytes // MEGABYTE} MB"),
        ("all answers", f"{LIMITS.all_bytes // MEGABYTE} MB"),
        ("JSON depth", f"{MAX_DEPTH} levels"),
        ("failures in a row", str(LIMITS.failures)),
        ("how long it is left alone", f"{LIMITS.pause_seconds:g} s"),
    ],
)
def test_every_limit_is_the_one_that_is_kept(what: str, number: str):
    (line,) = [line for line in section("Limits").splitlines() if line.startswith(f"| {what}")]
    assert line.endswith(f"| {number} |")


def test_every_result_has_its_row_and_its_sentence(shipped: Library):
    assert set(first_cells("What could not be read")) == {READ, *Miss}
    assert all(shipped.wording.has(f"fetch.{miss}") for miss in Miss)
