"""Which answers of plans stand: by product and payer, and never a yes where it is in doubt."""

from dataclasses import replace
from datetime import date

import pytest

from cdshooks.engine.dates import Moment
from cdshooks.hooks.plan_answers import PlanAnswer, Verdict
from cdshooks.hooks.standing_answers import is_surely_later, standing_denials

AS_OF = date(2026, 11, 21)


def day(text):
    return Moment(date.fromisoformat(text), date.fromisoformat(text)) if text else None


NOVEMBER = Moment(date(2026, 11, 1), date(2026, 11, 30))


def said(verdict, when, name="r", payer="Example Health Plan", product="examplecel"):
    return PlanAnswer(
        reference=f"ClaimResponse/{name}",
        resource={},
        request=None,
        product=product,
        verdict=verdict,
        told_by="",
        day=when if isinstance(when, Moment) else day(when),
        use="preauthorization",
        authorization="",
        spans=(),
        payer_words=(payer,) if payer else (),
    )


def denied(when, **fields):
    return said(Verdict.DENIED, when, **fields)


def certified(when, name="yes", **fields):
    return said(Verdict.CERTIFIED, when, name, **fields)


@pytest.fixture
def standing(example):
    def found(*answers):
        return standing_denials(answers, example.payers, AS_OF)

    return found


@pytest.mark.parametrize(("yes", "stands"), [("2026-11-01", True), ("2026-11-02", True), ("2026-11-03", False)])
def test_only_a_later_yes_takes_a_denial_back(standing, yes, stands):
    assert bool(standing(denied("2026-11-02"), certified(yes))) is stands
    assert bool(standing(certified(yes), denied("2026-11-02"))) is stands


@pytest.mark.parametrize(
    ("no", "yes"),
    [("2026-11-02", None), (None, "2026-11-02"), (None, None), ("2026-11-02", NOVEMBER), (NOVEMBER, "2026-11-20")],
)
def test_a_yes_that_may_be_older_takes_nothing_back_and_is_told(standing, no, yes):
    (found,) = standing(denied(no), certified(yes))
    assert found.beside.reference == "ClaimResponse/yes"


def test_a_yes_that_is_surely_older_is_not_told(standing):
    (found,) = standing(denied("2026-11-02"), certified("2026-11-01"))
    assert found.beside is None


def test_what_one_payer_certifies_takes_no_denial_of_another_away(standing):
    other = {"payer": "Somebody Else"}
    (found,) = standing(denied("2026-11-02"), certified("2026-11-10", **other))
    assert (found.answer.reference, found.beside) == ("ClaimResponse/r", None)
    both = standing(denied("2026-11-02"), denied("2026-11-05", name="r2", **other))
    assert [(f.answer.reference, f.earlier) for f in both] == [("ClaimResponse/r", 0), ("ClaimResponse/r2", 0)]


def test_a_payer_is_one_under_all_its_names_and_an_unknown_one_under_its_own(standing):
    assert standing(denied("2026-11-02"), certified("2026-11-10", payer="Sample Health")) == []
    assert standing(denied("2026-11-02", payer="Aetna"), certified("2026-11-10", payer="AETNA")) == []


def test_an_answer_that_names_no_payer_goes_with_the_only_one_there_is(standing):
    assert standing(denied("2026-11-02"), certified("2026-11-10", payer=None)) == []
    assert standing(denied("2026-11-02", payer=None), certified("2026-11-10")) == []
    three = [denied("2026-11-02"), denied("2026-11-03", name="o", payer="Aetna"), certified("2026-11-10", payer=None)]
    assert len(standing(*three)) == 2


def test_each_product_has_its_own_answers(standing):
    assert len(standing(denied("2026-11-02"), certified("2026-11-10", product="samplecel"))) == 1


def test_the_newest_dated_denial_speaks_and_the_others_are_counted(standing):
    (found,) = standing(denied("2026-11-05", name="b"), denied(None, name="c"), denied("2026-11-02", name="a"))
    assert (found.answer.reference, found.earlier) == ("ClaimResponse/b", 2)


def test_an_answer_that_is_neither_takes_no_denial_away_and_is_none(standing):
    pended = said(Verdict.NEITHER, "2026-11-10", "pended")
    assert len(standing(denied("2026-11-02"), pended)) == 1
    assert standing(pended) == []


def test_a_day_is_surely_later_only_if_every_day_it_may_be_is():
    one = denied("2026-11-30")
    assert is_surely_later(replace(one, day=day("2026-12-01")), replace(one, day=NOVEMBER))
    assert not is_surely_later(one, replace(one, day=NOVEMBER))
    assert not is_surely_later(one, one)
    assert not is_surely_later(replace(one, day=None), one)
