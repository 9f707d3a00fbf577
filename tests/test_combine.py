"""all, any, not, at_least and hint: Kleene's logic, the gap that speaks, and a tree that is kept."""

from datetime import date
from itertools import product as combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parts import condition, document, observation, procedure

from cdshooks.engine import truth
from cdshooks.engine.evidence.combine import join_all, join_any
from cdshooks.engine.model import Evidence, Explanation, Gap

YES = Explanation(True, "yes", "found yes", evidence=(Evidence("Observation/y"),), counts_until=date(2027, 1, 1))
LATER = Explanation(True, "later", "found later", evidence=(Evidence("Observation/l"),), counts_until=date(2027, 5, 1))
EVER = Explanation(True, "ever", "found ever", evidence=(Evidence("Observation/e"),))
NO = Explanation(False, "no", "found no", evidence=(Evidence("Observation/n"),))
MISSING = Explanation(None, "missing", "none found", Gap.MISSING)
STALE = Explanation(None, "stale", "too old", Gap.STALE, (Evidence("Observation/s"),))
UNREAD = Explanation(None, "unread", "not read", Gap.COULD_NOT_CHECK)
ATTEST = Explanation(None, "attest", "ask a person", Gap.ATTEST, (Evidence("Observation/a"),))
EVERY = (YES, NO, MISSING, STALE, UNREAD, ATTEST)


def outcome(found):
    return found.truth if found.truth is not None else found.gap


@pytest.mark.parametrize(("one", "other"), list(combinations(EVERY, repeat=2)))
def test_all_and_any_follow_kleene(one, other):
    assert join_all([one, other], "all of").truth is truth.all_of([one.truth, other.truth])
    assert join_any([one, other], "any of").truth is truth.any_of([one.truth, other.truth])


@pytest.mark.parametrize(
    ("children", "gap"),
    [
        ([MISSING, STALE, UNREAD, ATTEST], Gap.MISSING),
        ([STALE, UNREAD, ATTEST], Gap.STALE),
        ([UNREAD, ATTEST], Gap.COULD_NOT_CHECK),
        ([ATTEST, YES], Gap.ATTEST),
        ([YES, MISSING], Gap.MISSING),
    ],
)
def test_of_all_what_blocks_most_speaks(children, gap):
    assert join_all(children, "all of").gap is gap
    assert join_all(children[::-1], "all of").gap is gap


@pytest.mark.parametrize(
    ("children", "gap"),
    [
        ([MISSING, STALE, UNREAD, ATTEST], Gap.ATTEST),
        ([MISSING, STALE, UNREAD], Gap.COULD_NOT_CHECK),
        ([MISSING, STALE], Gap.STALE),
        ([MISSING, NO], Gap.MISSING),
        ([STALE, NO], Gap.STALE),
    ],
)
def test_of_any_the_branch_nearest_to_holding_speaks(children, gap):
    assert join_any(children, "any of").gap is gap
    assert join_any(children[::-1], "any of").gap is gap


def test_a_met_branch_does_not_carry_the_gap_of_the_failed_one():
    found = join_any([STALE, YES], "any of")
    assert found.truth is True
    assert found.gap is None
    assert found.found == "found yes"
    assert [item.reference for item in found.evidence] == ["Observation/y"]


def test_the_tree_is_kept_and_nothing_is_flattened():
    inner = join_any([STALE, MISSING], "any of")
    outer = join_all([YES, inner], "all of")
    assert [child.sentence for child in outer.children] == ["yes", "any of"]
    assert [child.sentence for child in outer.children[1].children] == ["stale", "missing"]


def test_a_no_gives_the_reasons_of_those_that_say_no():
    found = join_all([YES, NO, MISSING], "all of")
    assert found.found == "found no"
    assert [item.reference for item in found.evidence] == ["Observation/n"]


@pytest.mark.parametrize(
    ("children", "until"),
    [
        ([YES, LATER], date(2027, 1, 1)),
        ([LATER, YES], date(2027, 1, 1)),
        ([EVER, LATER], date(2027, 5, 1)),
        ([EVER], None),
    ],
)
def test_all_counts_only_as_long_as_the_first_to_lapse(children, until):
    assert join_all(children, "all of").counts_until == until


@pytest.mark.parametrize(
    ("children", "until"),
    [
        ([YES, LATER], date(2027, 5, 1)),
        ([LATER, YES], date(2027, 5, 1)),
        ([YES, EVER], None),  # a positive result of any age does not lapse
        ([YES, MISSING], date(2027, 1, 1)),
        ([STALE, NO], None),
    ],
)
def test_any_counts_as_long_as_one_of_the_branches_does(children, until):
    assert join_any(children, "any of").counts_until == until


def test_what_was_left_out_of_any_branch_is_kept(ask):
    form = {"any": [{"observation": {"code": "vs/lab-virus"}}, {"procedure": {"code": "vs/proc-marrow"}}]}
    found = ask(
        form, observation(id_="o", status="cancelled"), procedure("marrow-procedure", id_="p", status="not-done")
    )
    assert {left.reference for left in found.left_out} == {"Observation/o", "Procedure/p"}


@given(st.lists(st.sampled_from(EVERY), min_size=1, max_size=6))
def test_no_combination_breaks_and_every_unknown_has_its_gap(children):
    for joined in (join_all(children, "all of"), join_any(children, "any of")):
        assert (joined.truth is None) == (joined.gap is not None)
        assert joined.children == tuple(children)


ALPHA = {"condition": {"code": "vs/dx-alpha", "contradicted_by": ["vs/dx-beta"]}}


@pytest.mark.parametrize(
    ("code", "expected"), [("alpha", False), ("beta", True), ("gamma", Gap.MISSING), ("alpha-unsure", Gap.ATTEST)]
)
def test_not_turns_yes_and_no_and_leaves_unknown(ask, code, expected):
    assert outcome(ask({"not": ALPHA}, condition(code))) is expected


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (["alpha", "gamma"], True),
        (["alpha", "gamma", "infection"], True),
        (["alpha"], Gap.MISSING),
        ([], Gap.MISSING),
        (["alpha", "alpha-unsure"], Gap.MISSING),
    ],
)
def test_at_least_counts_what_holds(ask, codes, expected):
    of = [{"condition": {"code": f"vs/dx-{name}"}} for name in ("alpha", "gamma", "infection")]
    found = ask({"at_least": {"count": 2, "of": of}}, *[condition(code) for code in codes])
    assert outcome(found) is expected
    assert len(found.children) == 3


def test_at_least_says_no_when_too_few_are_left(ask):
    of = [ALPHA, {"not": ALPHA}, {"patient": {"min_age": 18}}]
    assert ask({"at_least": {"count": 3, "of": of}}, condition("alpha")).truth is False


SERUM = {"observation": {"code": "vs/lab-virus", "newer_than": "P3M"}}


def hint(when, gap="attest", **more):
    return {"hint": {"when": when, "says": "something to look at", "gap": gap, **more}}


@pytest.mark.parametrize("gap", ["attest", "could-not-check"])
def test_a_hint_that_matches_only_raises_its_question(ask, gap):
    found = ask({"any": [SERUM, hint({"condition": {"code": "vs/dx-virus"}}, gap)]}, condition("virus-disease"))
    assert found.truth is None
    assert found.gap is Gap(gap)
    assert "something to look at" in found.found


def test_a_hint_never_satisfies_and_never_refuses(ask):
    form = hint({"condition": {"code": "vs/dx-alpha", "contradicted_by": ["vs/dx-beta"]}})
    for code in ("alpha", "beta", "alpha-unsure", "gamma"):
        assert ask(form, condition(code)).truth is None


def test_a_hint_that_does_not_match_leaves_the_document_missing(ask):
    assert ask({"any": [SERUM, hint({"condition": {"code": "vs/dx-virus"}})]}).gap is Gap.MISSING


def test_a_hint_that_could_not_be_looked_at_hides_nothing(ask):
    form = {"any": [SERUM, hint({"condition": {"code": "vs/dx-virus"}})]}
    unread = {"Condition": "conditions not sent"}
    assert ask(form, unread=unread).gap is Gap.MISSING
    assert ask(form, observation(day="2026-01-01"), unread=unread).gap is Gap.STALE


def test_a_hint_beside_a_result_that_counts_is_silent(ask):
    form = {"any": [SERUM, hint({"condition": {"code": "vs/dx-virus"}})]}
    found = ask(form, observation(), condition("virus-disease"))
    assert found.truth is True
    assert [item.reference for item in found.evidence] == ["Observation/o-virus-ab-2026-10-20"]


def test_a_sensitive_hint_counts_its_records_and_names_none(ask):
    form = {"any": [SERUM, hint({"condition": {"code": "vs/dx-virus"}}, sensitive=True)]}
    found = ask(form, condition("virus-disease", "v1"), condition("virus-disease", "v2", verified="refuted"))
    assert found.gap is Gap.ATTEST
    assert found.found == "something to look at"
    assert all(item.sensitive for item in found.evidence)
    assert found.left_out == ()


def test_a_leading_hint_leads(ask):
    form = hint({"condition": {"code": "vs/dx-virus"}}, leading=True)
    assert ask(form, condition("virus-disease")).leading is True
    assert ask(form).leading is False


def test_sentences_are_said_once(ask):
    form = {"all": [{"document": {"type": "vs/doc-letter"}}, {"document": {"type": "vs/doc-letter"}}]}
    assert ask(form).found.count("no such document") <= 1
    assert ask(form, document()).truth is True
