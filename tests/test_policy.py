"""A policy file as the engine sees it: three sections, paragraphs, windows, and the kinds that it reads."""

from datetime import date

import pytest

from cdshooks.engine.model import Section

ID = "example-health/gene-therapy"
DAY = date(2026, 12, 1)


@pytest.fixture(scope="module")
def policy(example):
    return example.in_force(ID, DAY)


def test_the_head_of_the_file_is_read(policy):
    assert (policy.id, policy.version, policy.title, policy.short) == (ID, "2026-01", "Cell therapy", "Example Health")
    assert (policy.publisher, policy.authority, policy.reference_number) == (
        "Example Health Plan",
        "payer-policy",
        "EX.1",
    )
    assert policy.url == "https://example.org/policies/ex-1"
    assert policy.start_basis == "assumed"
    assert policy.controlled_by == "Example law controls where it differs."
    assert policy.file == f"policies/{ID}/2026-01.yaml"


def test_criteria_stand_in_the_order_of_the_sections_and_of_the_file(policy):
    sections = [criterion.section for criterion in policy.criteria]
    assert sections == sorted(sections, key=list(Section).index)
    assert [c.id for c in policy.criteria if c.section is Section.EXCLUSIONS] == [
        "prior-car-t",
        "rescue-transplant",
        "adherence",
    ]


def test_one_paragraph_or_several_may_be_cited(policy, shipped):
    assert policy.criterion("virus").cite == ("B.1",)
    assert any(len(criterion.cite) > 1 for each in shipped.policies for criterion in each.criteria)


def test_a_judgement_has_nothing_to_evaluate(policy):
    assert policy.criterion("warnings").check is None
    assert policy.criterion("virus").check is not None


@pytest.mark.parametrize(
    ("criterion", "period", "strict"), [("virus", "P3M", True), ("marrow", "P6M", False), ("letter", None, None)]
)
def test_the_first_window_of_an_expression_fills_the_blank_of_what_to_ask(policy, criterion, period, strict):
    window = policy.criterion(criterion).window
    assert (window.period.text if window else None) == period
    assert (window.strict if window else None) is strict


@pytest.mark.parametrize(
    ("criterion", "kinds"),
    [
        ("virus", {"Observation"}),
        ("letter", {"DocumentReference"}),
        ("center", set()),
        ("other-tests", set()),
        ("adherence", {"Condition"}),  # what a prompt reads counts too
        ("marrow", {"DiagnosticReport", "DocumentReference", "Procedure"}),
    ],
)
def test_a_criterion_knows_which_kinds_of_record_it_reads(policy, criterion, kinds):
    assert policy.criterion(criterion).kinds == kinds


def test_the_indication_reads_what_the_labels_read(policy):
    assert {"Patient", "Condition"} <= policy.criterion("indication").kinds


@pytest.mark.parametrize(
    ("day", "standing"),
    [("2025-12-31", None), ("2026-01-01", "confirmed"), ("2026-12-31", "confirmed"), ("2027-01-01", "unconfirmed")],
)
def test_the_standing_is_that_of_the_service_date(policy, day, standing):
    found = policy.standing(date.fromisoformat(day))
    assert (found and found.is_) == standing


def test_what_is_not_there_is_a_key_error_or_stop(policy):
    with pytest.raises((KeyError, StopIteration)):
        policy.criterion("nothing")


def test_overrides_reminders_and_excuses_are_read(policy):
    (override,) = policy.overrides
    assert override.reaches == {"indication", "prior-car-t"}
    assert override.cite == ("C.2",)
    assert [reminder.cite for reminder, _ in policy.reminders] == [("NOTE.1",)]
    assert [paragraphs for paragraphs, _ in policy.not_encoded] == [("B.4",), ("PRE.1",)]


def test_the_rows_of_the_criteria_map_are_those_of_the_policy_then_every_criterion_that_is_in_none(shipped):
    for policy in shipped.policies:
        answered = [criterion for row in policy.criteria_map for criterion in row.criteria]
        assert {*answered} == {criterion.id for criterion in policy.criteria}
        for row in policy.criteria_map:
            under = [policy.criterion(criterion) for criterion in row.criteria]
            assert {paragraph for criterion in under for paragraph in criterion.cite} <= {*row.cite}
            assert row.id in row.cite or row.criteria == (row.id,)


def test_every_criterion_that_ships_says_what_to_ask_of_whom(shipped):
    for policy in shipped.policies:
        for criterion in policy.criteria:
            assert criterion.label
            assert criterion.says.endswith(".")
            assert criterion.ask.endswith(".")
            assert criterion.owner in {"prescriber", "coordinator", "laboratory", "center", "payer"}


CONTRACT = (
    "fda-approved indication dosage dosage-form warnings center rems prior-car-t psychosocial-limits non-compliance "
    "rescue-transplant letter letter-content center-proof hiv hbsag anti-hbc anti-hcv marrow-biopsy other-tests "
    "psych-eval social-eval eval-compliance eval-support eval-care-plan eval-history"
).split()


def test_the_criterion_ids_of_the_shipped_medicaid_policy_are_those_of_the_contract(shipped):
    policy = shipped.in_force("wellcare-nc/wnc-cp-192", DAY)
    assert sorted(criterion.id for criterion in policy.criteria) == sorted(CONTRACT)
    exclusions = {criterion.id for criterion in policy.criteria if criterion.section is Section.EXCLUSIONS}
    assert exclusions == {"prior-car-t", "psychosocial-limits", "non-compliance", "rescue-transplant"}


def test_only_a_real_procedure_or_history_can_yield_an_exclusion_of_the_shipped_policy(shipped):
    policy = shipped.in_force("wellcare-nc/wnc-cp-192", DAY)
    judged = [c.id for c in policy.criteria if c.section is Section.EXCLUSIONS and c.check is None]
    assert judged == ["psychosocial-limits", "non-compliance"]  # II.E and II.F are for people alone
