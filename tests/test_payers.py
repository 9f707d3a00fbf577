"""How a coverage is recognised as a payer's, and who is only named alike."""

from datetime import date

import pytest

from cdshooks.engine.payers import read_names, read_payer, recognise
from cdshooks.engine.valuesets import fold_words

DAY = date(2026, 12, 1)


def known(library, *texts, identifiers=(), classes=(), day=DAY):
    match = recognise(library.payers, texts, identifiers, classes, day)
    return match.payer.id if match else None


@pytest.mark.parametrize(
    ("texts", "payer"),
    [
        (["Example Health Plan"], "example-health"),
        (["EXAMPLE-HEALTH"], "example-health"),
        (["Plan", "the Example Health of the North"], "example-health"),
        (["Example Health Medicare Advantage"], None),
        (["Example Health Plan", "Medicare Gold"], None),  # another line of business, told by the plan's name
        (["Examples Healthy"], None),
        (["Example State Plan"], "state-plan"),
        (["Other Insurance"], None),
        ([""], None),
        ([], None),
    ],
)
def test_a_payer_is_recognised_by_whole_words_and_its_exclusions(example, texts, payer):
    assert known(example, *texts) == payer


@pytest.mark.parametrize(("day", "payer"), [(date(2026, 6, 30), None), (date(2026, 7, 1), "example-health")])
def test_a_successor_s_name_counts_from_its_day(example, day, payer):
    assert known(example, "Sample Health", day=day) == payer


def test_a_successor_says_so(example):
    match = recognise(example.payers, ["Sample Health"], [], [], DAY)
    assert match.says == "Sample Health took over Example Health Plan on 2026-07-01."
    assert recognise(example.payers, ["Example Health"], [], [], DAY).says == ""


def test_a_card_calls_a_successor_by_its_own_name(example):
    assert recognise(example.payers, ["Sample Health"], [], [], DAY).payer.short == "Sample Health"
    assert recognise(example.payers, ["Example Health"], [], [], DAY).payer.short == "Example Health"


def test_an_identifier_wins_over_names(example):
    ours = ("http://example.org/payers", "EX1")
    assert known(example, "Example State Plan", identifiers=[ours]) == "example-health"
    assert known(example, "Other Insurance", identifiers=[("http://example.org/other", "EX1")]) is None
    assert known(example, "Other Insurance", identifiers=[("http://example.org/payers", "EX2")]) is None


@pytest.mark.parametrize(
    ("classes", "payer"),
    [
        ([("plan", "EXGOLD")], "example-health"),
        ([("plan", "exgold")], "example-health"),
        ([("plan", "EXSILVER")], None),
        ([("group", "EXGOLD")], None),
        ([], None),
    ],
)
def test_a_plan_class_is_recognised(example, classes, payer):
    assert known(example, "Some words", classes=classes) == payer


def test_a_payer_file_is_read(example):
    payer = next(payer for payer in example.payers if payer.id == "example-health")
    assert (payer.name, payer.short, payer.program) == ("Example Health Plan", "Example Health", "")
    assert payer.policies == ("example-health/gene-therapy",)
    bare = read_payer({"id": "x", "name": "X", "short": "X", "recognised_by": {}, "policies": []})
    assert (bare.names, bare.policies) == ((), ())


@pytest.mark.parametrize(
    ("texts", "day", "ours"),
    [
        (["WellCare of North Carolina"], "2026-12-01", True),
        (["WELLCARE OF NORTH CAROLINA - NC MEDICAID"], "2025-06-01", True),
        (["WellCare NC"], "2026-12-01", True),
        (["WellCare", "NC Medicaid Managed Care"], "2026-12-01", True),
        (["WellCare Medicare Advantage (North Carolina)"], "2026-12-01", False),
        (["WellCare of Kentucky"], "2026-12-01", False),
        (["Healthy Blue", "NC Medicaid"], "2026-12-01", False),
        (["Blue Medicare Advantage"], "2026-12-01", False),
        (["Carolina Complete Health"], "2026-03-31", False),
        (["Carolina Complete Health"], "2026-04-01", True),
        (["Wellcareful of North Carolina"], "2026-12-01", False),
    ],
)
def test_the_shipped_medicaid_plan_is_told_from_its_namesakes(shipped, texts, day, ours):
    match = recognise(shipped.payers, texts, [], [], date.fromisoformat(day))
    assert bool(match and match.payer.program == "nc-medicaid") is ours


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Example North", True),
        ("Example South", True),
        ("Example East", False),
        ("North", False),
        ("Example North Gold", False),
    ],
)
def test_a_name_may_ask_for_one_of_several_words_beside_those_that_must_all_stand(text, named):
    (rule,) = read_names([{"all_of": ["example"], "any_of": ["north", "south"], "none_of": ["gold"]}])
    assert rule.fits(fold_words(text), DAY) is named


def test_a_name_may_be_one_of_several_words_alone():
    (rule,) = read_names([{"any_of": ["north", "south"]}])
    assert [rule.fits(fold_words(text), DAY) for text in ("South", "East")] == [True, False]
