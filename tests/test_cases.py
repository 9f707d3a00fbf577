"""Every case beside a policy, one test each; and the runner's own promises, on cases written here."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest

from cdshooks.cli.case_run import Ran, run_case
from cdshooks.cli.cases import Case, read_cases
from cdshooks.engine.explain import explain_finding
from cdshooks.engine.library import Library, LibraryError, load_library
from cdshooks.server.settings import default_fixtures, default_library
from cdshooks.server.stories import read_stories

STORIES = read_stories(default_fixtures())
LIBRARY = load_library(default_library())
CASES = read_cases(LIBRARY, STORIES)
WNC = "policies/wellcare-nc/wnc-cp-192/cases.yaml"


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_the_case_comes_out_as_expected(case: Case) -> None:
    ran = run_case(case, LIBRARY)
    trees = {str(m.finding.criterion): explain_finding(m.finding) for m in ran.mismatches if m.finding}
    if ran.mismatches:
        pytest.fail("\n".join([str(case), *map(str, ran.mismatches), *trees.values()]), pytrace=False)


Cases = Callable[..., list[Case]]


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The library in a folder of its own, without its cases."""
    folder = tmp_path_factory.mktemp("library") / "cards"
    shutil.copytree(default_library(), folder, ignore=shutil.ignore_patterns("cases.yaml"))
    return load_library(folder)


@pytest.fixture
def cases(copied: Library) -> Iterator[Cases]:
    """Write a case file of one or more cases below a usual head, and read it."""

    def write(*rows: str, head: str = "policy: wellcare-nc/wnc-cp-192\nstory: mcl-complete") -> list[Case]:
        text = f"{head}\nas_of: 2026-11-21\ncases:\n" + "".join(f"- {row}\n" for row in rows)
        (copied.path / WNC).write_text(text, encoding="utf-8")
        return read_cases(copied, STORIES)

    yield write


def ran(cases: Cases, copied: Library, row: str) -> Ran:
    (case,) = cases(row)
    return run_case(case, copied)


def refused(cases: Cases, copied: Library, row: str) -> str:
    with pytest.raises(LibraryError) as raised:
        ran(cases, copied, row)
    return str(raised.value)


@pytest.mark.parametrize(
    ("edit", "expect"),
    [
        ("set: {Observation/mcl-2-hiv.effectiveDateTime: 2026-08-21}", "stale: [hiv], missing: []"),
        ("set: {Observation/mcl-2-hiv.effectiveDateTime: 2026-08-22}", "met: [hiv], counts_until: {hiv: 2026-11-21}"),
        ("set: {Patient/mcl-2.birthDate: 2010-01-01}", "outcome: review-needed, not_met: [indication]"),
        ("set: {Observation/mcl-2-hiv.status: cancelled}", "left_out: {Observation/mcl-2-hiv: cancelled}"),
        ("drop: [Observation/mcl-2-hiv]", "outcome: documentation-missing, missing: [hiv]"),
        (
            "drop: [Observation/mcl-2-hiv.effectiveDateTime, Observation/mcl-2-hiv.issued]",
            "could_not_check: [hiv]",
        ),
        ("drop: [prefetch.documents]", "could_not_check: [letter], met: [hiv]"),
        ("drop: ['draftOrders[0]']", "cards: 0"),
        ("drop: [Patient/mcl-2]", "could_not_check: [indication], met: [hiv]"),
        ("prefetch: {documents: absent}", "could_not_check: [letter]"),
        ("prefetch: {documents: empty}", "missing: [letter], not_applicable: [letter-content]"),
        ("prefetch: {documents: 'null'}", "missing: [letter]"),
        ("prefetch: {observations: failed}", "could_not_check: [hiv, hbsag], outcome: could-not-check"),
        ("prefetch: {observations: partial}, drop: [Observation/mcl-2-hiv]", "could_not_check: [hiv]"),
        ("service_date: 2025-06-26", "met: [rems], reason: {rems: enrolled}, could_not_check: []"),
        ("service_date: 2025-06-27", "not_applicable: [rems]"),
        ("as_of: 2027-03-01", "stale: [hiv]"),
        ("story: no-car-t", "cards: 0, applied: false"),
        ("story: unknown-payer", "cards: 1, applied: false"),
        (
            "story: two-orders, order: MedicationRequest/mcl-14-breyanzi",
            "cards: 2, card: [Breyanzi], no_card_text: [Kymriah]",
        ),
        (
            "as_of: 2026-11-21",
            "version: 2025-04, reminders: [BG.0], no_reminders: [CODE.3], evidence: {hiv: [Observation/mcl-2-hiv]}",
        ),
    ],
)
def test_a_true_expectation_passes(cases: Cases, copied: Library, edit: str, expect: str) -> None:
    assert list(map(str, ran(cases, copied, f"{{name: a, {edit}, expect: {{{expect}}}}}").mismatches)) == []


@pytest.mark.parametrize(
    ("expect", "came"),
    [
        ("{outcome: documentation-missing}", "outcome: expected documentation-missing, came ready"),
        ("{stale: [hiv]}", "hiv: expected stale, came met"),
        ("{met: []}", "hiv: expected anything but met, came met"),
        ("{reason: {hiv: positive today}}", "hiv, reason: expected positive today, came "),
        ("{ask: {hiv: positive today}}", "hiv, ask: expected positive today, came Draw"),
        ("{counts_until: {hiv: 2030-01-01}}", "hiv, counts_until: expected 2030-01-01, came 20"),
        ("{to_review: {hiv: 7}}", "hiv, to_review: expected 7, came 0"),
        ("{evidence: {hiv: [Observation/no]}}", "came ['Observation/mcl-2-hiv']"),
        (
            "{lines: {letter-content: ['2025-09-08 to 2026-09-28: ibrutinib']}}",
            "came ['2024-07-15 to 2024",
        ),
        ("{left_out: {Observation/mcl-2-hiv: undated}}", "expected undated, came not left out"),
        ("{reminders: [CODE.3]}", "reminders: expected CODE.3, came BG.0"),
        ("{no_reminders: [BG.0]}", "expected not BG.0, came BG.0"),
        ("{cards: 2}", "cards: expected 2, came 1"),
        ("{card: [no such words]}", "card: expected 'no such words', came the card below"),
        ("{no_card_text: [WellCare]}", "card: expected no 'WellCare', came"),
        ("{applied: false}", "expected this policy not to be applied, came version 2025-04"),
        ("{version: 2021-04}", "version: expected 2021-04, came 2025-04"),
    ],
)
def test_a_false_expectation_fails_and_says_what_came(cases: Cases, copied: Library, expect: str, came: str) -> None:
    assert came in "\n".join(map(str, ran(cases, copied, f"{{name: a, expect: {expect}}}").mismatches))


def test_an_expectation_of_a_policy_that_was_not_applied_fails(cases: Cases, copied: Library) -> None:
    found = ran(cases, copied, "{name: a, story: unknown-payer, expect: {met: [hiv]}}").mismatches
    assert "expected a determination under this policy, came fda/label" in str(found[0])


def test_an_added_record_is_the_patient_s_and_is_read(cases: Cases, copied: Library) -> None:
    row = (
        "{name: a, story: mcl-missing-three, add: [{resourceType: Observation, id: new, status: final,"
        " code: {coding: [{system: http://loinc.org, code: 56888-1}]}, effectiveDateTime: 2026-11-20,"
        " valueString: Negative}], expect: {evidence: {hiv: [Observation/new]}, left_out: {}}}"
    )
    assert ran(cases, copied, row).mismatches == ()


def test_an_added_order_gets_a_card_of_its_own(cases: Cases, copied: Library) -> None:
    row = (
        "{name: a, add_orders: [{resourceType: MedicationRequest, id: second, status: draft, intent: order,"
        " medicationCodeableConcept: {text: Breyanzi}}], expect: {cards: 2}}"
    )
    assert ran(cases, copied, row).mismatches == ()


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ("set: {Observation/hiv.status: final}", "Observation/hiv.status: the request has no such resource; of this"),
        ("set: {'Patient/mcl-2.name[3].family': X}", "3 cannot be set in a list of 1"),
        ("set: {'Patient/mcl-2.name first': X}", "is no path"),
        ("set: {'draftOrders[4].status': active}", "there are 1 draft orders, counted from 0"),
        ("drop: [Observation/mcl-2-hiv.effectivePeriod]", "effectivePeriod: there is nothing here to drop"),
        ("prefetch: {notes: absent}", "the request has no prefetch key notes"),
        ("prefetch: {patient: partial}", "prefetch.patient is no Bundle"),
        ("story: no-car-t, service_date: 2026-12-02", "there is no CAR-T order"),
        ("drop: [context.patientId]", "after its edits this is no request: context.patientId is missing"),
    ],
)
def test_an_edit_that_cannot_be_made_is_an_error_with_its_line(
    cases: Cases, copied: Library, edit: str, said: str
) -> None:
    text = refused(cases, copied, f"{{name: a, {edit}, expect: {{cards: 1}}}}")
    assert text.startswith(f"{WNC}:5: ") and said in text


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{name: a, expects: {cards: 1}}", "5: cases.0: "),
        ("{name: a, expect: {mett: [hiv]}}", "5: cases.0.expect: "),
        ("{name: a, expect: {plan_types: [x]}}", "5: plan_types is for the cases of the appeal clock"),
        ("{name: a, payer: A, expect: {cards: 1}}", "5: payer is for the cases of the appeal clock"),
        ("{name: a, expect: {met: [hivv]}}", "this policy has no criterion hivv"),
        ("{name: a, expect: {reason: {hivv: x}}}", "this policy has no criterion hivv"),
        ("{name: a, story: unheard-of, expect: {cards: 1}}", "there is no story unheard-of"),
        ("{name: a, service_date: 2026-02-30, expect: {cards: 1}}", "2026-02-30 is no day of the calendar"),
        ("{name: a, expect: {cards: 1}}\n- {name: a, expect: {cards: 1}}", "6: two cases are named 'a'"),
    ],
)
def test_a_case_file_s_mistake_is_an_error_with_its_line(cases: Cases, row: str, said: str) -> None:
    with pytest.raises(LibraryError) as raised:
        cases(row)
    assert said in str(raised.value) and str(raised.value).startswith(WNC)


def test_a_case_file_belongs_to_the_policy_of_its_folder(cases: Cases) -> None:
    with pytest.raises(LibraryError, match="policy is fda/label; the folder says wellcare-nc/wnc-cp-192"):
        cases("{name: a, expect: {cards: 1}}", head="policy: fda/label\nstory: mcl-complete")
