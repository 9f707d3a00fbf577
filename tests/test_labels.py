"""`product`: approval, REMS and the labelled indications in force on the service date."""

from dataclasses import replace
from datetime import date

import pytest
from parts import concept, condition, context_of, order_of, patient

from cdshooks.engine.evidence import Compiler, compile_expression
from cdshooks.engine.model import Gap

APPROVED = {"product": {"approved": True}}
INDICATION = {"product": {"indication": "any"}}
REMS = {"product": {"rems": "in-force"}}
RELAPSE = condition(concept("alpha", "relapsed"), "c-alpha")
CHILD = patient(birth="2015-05-05")


def outcome(found):
    return found.truth if found.truth is not None else found.gap


def on(day):
    return date.fromisoformat(day)


@pytest.mark.parametrize(
    ("surroundings", "expected"),
    [
        ({}, True),
        ({"service": on("2025-01-01")}, True),
        ({"service": on("2024-12-31")}, False),
        ({"product": "samplecel", "service": on("2026-01-14")}, False),
        ({"product": "samplecel", "service": on("2026-01-15")}, True),
        ({"product": "trialcel"}, False),
        ({"product": "nothing"}, Gap.ATTEST),
        ({"order": order_of(trial=True)}, False),
        ({"order": order_of(grade="text")}, Gap.ATTEST),  # recognised by name only
        ({"order": order_of(grade="B")}, True),
        ({"order": order_of(traps=("out of spec",))}, Gap.ATTEST),
    ],
)
def test_approval_is_that_of_the_service_date(ask, surroundings, expected):
    assert outcome(ask(APPROVED, **surroundings)) is expected


def test_an_order_that_is_out_of_specification_asks_above_everything(ask):
    assert ask(APPROVED, order=order_of(traps=("out of spec",))).leading is True


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2024-12-31", False),
        ("2025-01-01", True),
        ("2026-06-26", True),  # the last day in force
        ("2026-06-27", False),
        ("2026-12-01", False),
    ],
)
def test_a_rems_is_in_force_on_both_its_ends(ask, day, expected):
    assert ask(REMS, service=on(day)).truth is expected


def test_why_no_rems_is_asked_for_is_said(ask):
    ended = ask(REMS).found
    assert "2026-06-26" in ended
    assert "2026-06-27" in ended
    assert "Sampla never had a REMS" in ask(REMS, product="samplecel").found
    assert ask(REMS, product="nothing").gap is Gap.ATTEST


def test_an_order_is_for_one_named_product(ask):
    assert ask({"product": {"is": "examplecel"}}).truth is True
    assert ask({"product": {"is": "samplecel"}}).truth is False


@pytest.mark.parametrize(
    ("sent", "who", "day", "expected"),
    [
        ([RELAPSE], patient(), "2026-12-01", True),
        ([RELAPSE], patient(), "2025-01-01", True),
        ([RELAPSE], patient(), "2024-12-31", False),  # no labelled indication on that day
        ([RELAPSE], CHILD, "2026-12-01", False),
        ([RELAPSE], patient(birth="2008"), "2026-12-01", Gap.COULD_NOT_CHECK),
        ([condition("alpha")], patient(), "2026-12-01", Gap.ATTEST),
        ([condition("beta")], patient(), "2026-12-01", False),
        ([], patient(), "2026-12-01", Gap.MISSING),
        # the second indication begins on 2026-06-01
        ([condition("gamma")], CHILD, "2026-06-01", True),
        ([condition("gamma")], CHILD, "2026-05-31", False),
        ([condition("gamma")], patient(), "2026-06-01", False),
    ],
)
def test_the_label_in_force_on_the_service_date_is_asked(ask, sent, who, day, expected):
    assert outcome(ask(INDICATION, *sent, who=who, service=on(day))) is expected


def test_an_unread_problem_list_leaves_the_indication_unchecked(ask):
    assert ask(INDICATION, unread={"Condition": "conditions not sent"}).gap is Gap.COULD_NOT_CHECK


def test_the_indication_that_holds_is_named_in_short(ask):
    assert "relapsed alpha disease" in ask(INDICATION, RELAPSE).found


def test_without_a_product_the_indication_is_for_a_person(ask):
    assert ask(INDICATION, RELAPSE, product="nothing").gap is Gap.ATTEST


@pytest.mark.parametrize(
    ("nerve", "day", "expected"),
    [
        (condition("nerve"), "2026-12-31", False),
        (condition("nerve"), "2027-01-01", Gap.ATTEST),  # the limitation has ended: the label no longer says no
        (condition("nerve-unsure"), "2026-12-31", Gap.ATTEST),
        (condition("nerve", verified="provisional"), "2026-12-31", Gap.ATTEST),
        (condition("nerve", clinical="resolved"), "2026-12-31", Gap.ATTEST),
        (condition("nerve", verified="refuted"), "2026-12-31", True),
        (condition("nerve", subject={"reference": "Patient/p2"}), "2026-12-31", True),
        (condition("nerve", recordedDate="2026-11-30"), "2026-12-31", True),
    ],
)
def test_a_limitation_of_use_holds_for_its_days_and_when_it_is_sure(ask, nerve, day, expected):
    assert outcome(ask(INDICATION, RELAPSE, nerve, service=on(day))) is expected


def test_the_explanation_keeps_every_indication_as_a_branch(ask):
    found = ask(INDICATION, RELAPSE)
    assert [child.sentence for child in found.children] == [
        "adults with relapsed alpha disease",
        "patients under 26 with gamma disease",
    ]
    assert found.children[0].children


def test_a_limitation_that_ended_without_a_word_says_nothing_more(example):
    silent = replace(example.products.by_id["examplecel"].indications[0], after_limitation="")
    product = replace(example.products.by_id["examplecel"], indications=(silent,))
    products = replace(example.products, by_id={"examplecel": product})
    context = replace(context_of(example, RELAPSE, condition("nerve"), service=on("2027-01-01")), product=product)
    check = compile_expression(INDICATION, Compiler(example.value_sets, example.wording, products))
    assert check(context).truth is True
