"""Courses of treatment into lines: by the chart's numbers, by plans, by dates, whatever the order of the records."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdshooks.engine.dates import Moment, Period
from cdshooks.engine.evidence.courses import Dose, courses
from cdshooks.engine.evidence.grouping import disagree, group, group_by_dates
from cdshooks.engine.line_rules import LineProcedure, LineRules
from cdshooks.engine.model import Evidence


def period(text):
    return Period.parse(text)


TRANSPLANT = LineProcedure("transplant", follows=period("P6M"), prepared=period("P14D"), maintained=period("P120D"))
CELLS = LineProcedure("cells", prepared=period("P45D"))
RADIATION = LineProcedure("radiation", follows=period("P120D"))
RULES = LineRules(period("P120D"), period("P28D"), period("P45D"), period("P60D"))
INFUSION = date(2026, 12, 1)


def when(text):
    """2022, 2022-05, 2022-05-01, or two of them with a slash."""
    parts = [int(part) for part in text.split("-")]
    year, month = parts[0], parts[1] if len(parts) > 1 else None
    if len(parts) == 3:
        return Moment(date(*parts), date(*parts))
    if month is None:
        return Moment(date(year, 1, 1), date(year, 12, 31))
    return Moment(date(year, month, 1), date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1))


def dose(name, days=None, *, number=(), plan=None, procedure=None):
    start, _, end = (days or "").partition("/")
    numbers = frozenset([number] if isinstance(number, int) else number)
    return Dose(
        name,
        when(start) if start else None,
        when(end or start) if start else None,
        Evidence(f"MedicationAdministration/{name}-{days}-{number}-{plan}"),
        plans=frozenset([plan] if plan else []),
        numbers=numbers,
        procedure=procedure,
    )


def transplant(day, **fields):
    return dose("transplant", day, procedure=TRANSPLANT, **fields)


def lines_of(*doses, infusion=INFUSION):
    """The names in each line, oldest first."""
    return [" + ".join(sorted({d.name for d in line.doses})) for line in group(doses, RULES, infusion)]


@pytest.mark.parametrize(
    ("doses", "expected"),
    [
        ([], []),
        ([dose("a", "2022-01-01/2022-06-01")], ["a"]),
        # one window, one regimen: 28 days, both ends counted
        ([dose("a", "2022-01-01/2022-06-01"), dose("b", "2022-01-29/2022-06-01")], ["a + b"]),
        ([dose("a", "2022-01-01/2022-06-01"), dose("b", "2022-01-30/2022-06-01")], ["a", "b"]),
        # two and three lines; overlapping regimens are two
        ([dose("a", "2022-01-01/2022-06-01"), dose("b", "2022-05-20/2022-09-01")], ["a", "b"]),
        ([dose("a", "2020-01-01"), dose("b", "2021-01-01"), dose("c", "2022-01-01")], ["a", "b", "c"]),
        # re-exposure after more than 120 days is a course of its own
        ([dose("a", "2022-01-01"), dose("a", "2022-05-01")], ["a"]),
        ([dose("a", "2022-01-01"), dose("a", "2022-05-02")], ["a", "a"]),
        # a drug that goes on with another after a pause belongs to both lines
        (
            [dose("a", "2022-01-01/2022-03-01"), dose("b", "2022-01-01/2022-03-01"), dose("a", "2022-05-01"),
             dose("c", "2022-05-03")],
            ["a + b", "a + c"],
        ),
        ([dose("a", "2022-01-01/2022-03-01"), dose("a", "2022-05-01"), dose("c", "2022-07-01")], ["a", "c"]),
        # one plan, one regimen, unless a long pause parts it
        ([dose("a", "2022-01-01/2022-02-01", plan="p"), dose("b", "2022-04-01", plan="p")], ["a + b"]),
        ([dose("a", "2022-01-01", plan="p"), dose("b", "2023-04-01", plan="p")], ["a", "b"]),
        ([dose("a", "2022-01-01", plan="p"), dose("a", "2022-03-01", plan="q")], ["a", "a"]),
        # a transplant in its line, with conditioning before and maintenance after it
        ([dose("a", "2022-01-01/2022-05-01"), transplant("2022-07-01")], ["a + transplant"]),
        ([dose("a", "2022-01-01/2022-05-01"), transplant("2022-11-02")], ["a", "transplant"]),
        ([dose("a", "2022-01-01/2022-05-01"), dose("b", "2022-06-25"), transplant("2022-07-01")],
         ["a + b + transplant"]),
        ([dose("a", "2022-01-01/2022-05-01"), transplant("2022-07-01"), dose("m", "2022-10-29/2024-10-01")],
         ["a + m + transplant"]),
        ([dose("a", "2022-01-01/2022-05-01"), transplant("2022-07-01"), dose("m", "2022-10-30")],
         ["a + transplant", "m"]),
        ([transplant("2022-07-01")], ["transplant"]),
        # a transplant under the plan of an earlier regimen belongs to that regimen
        ([dose("z", "2021-09-01/2021-12-20"), dose("a", "2022-01-25/2022-05-01", plan="p"),
          transplant("2022-07-01", plan="p")], ["z", "a + transplant"]),
        # bridging, then lymphodepletion, then cells: one line of its own
        ([dose("a", "2022-01-01/2022-02-01"), dose("bridge", "2022-06-01"), dose("deplete", "2022-06-26"),
          dose("cells", "2022-07-01", procedure=CELLS)], ["a", "bridge + cells + deplete"]),
        # before the infusion that is being ordered
        ([dose("a", "2026-01-01/2026-02-01"), dose("bridge", "2026-10-17")], ["a", "bridge"]),
        ([dose("a", "2022-01-01/2022-02-01"), dose("x", "2022-04-01", procedure=RADIATION)], ["a + x"]),
        ([dose("a", "2022-01-01/2022-02-01"), dose("x", "2022-07-01", procedure=RADIATION)], ["a", "x"]),
        # partial dates: the line that they may share; an undated record stands apart
        ([dose("a", "2022-05-10/2022-09-01"), dose("b", "2022-05")], ["a + b"]),
        ([dose("a", "2022-05-10/2022-09-01"), dose("b", "2022")], ["a + b"]),
        ([dose("a", "2022-05-10/2022-09-01"), dose("b", "2023")], ["a", "b"]),
        ([dose("a", "2022"), dose("b", "2022")], ["a + b"]),
        ([dose("a", "2022-05-10"), dose("b")], ["a", "b"]),
        ([dose("b"), dose("c")], ["b + c"]),
        # numbers go before dates and plans
        ([dose("a", "2022-01-01", number=1), dose("b", "2022-01-01", number=2)], ["a", "b"]),
        ([dose("a", "2020-01-01", number=1), dose("b", "2022-01-01", number=1)], ["a + b"]),
        ([dose("a", "2022-01-01", number=1, plan="p"), dose("b", "2022-02-01", number=2, plan="p")], ["a", "b"]),
        ([dose("a", "2022-01-01/2022-06-01", number=1), dose("a", "2022-04-01"), dose("b", "2022-04-02")], ["a", "b"]),
        ([dose("a", "2022-01-01", number=1), dose("b", number=1)], ["a + b"]),
        ([dose("a", "2022-01-01", number=1), transplant("2022-04-01")], ["a + transplant"]),
        ([dose("a", "2022-01-01", number=(1, 2))], ["a"]),
    ],
)  # fmt: skip
def test_records_are_grouped_by_the_written_rules(doses, expected):
    assert lines_of(*doses) == expected


def test_drugs_that_lead_up_to_the_ordered_infusion_are_no_earlier_line():
    sent = [dose("a", "2026-01-01/2026-02-01"), dose("bridge", "2026-10-17")]
    assert [line.planned for line in group(sent, RULES, INFUSION)] == [False, True]
    assert [line.planned for line in group(sent, RULES, date(2026, 12, 2))] == [False, False]
    assert [line.planned for line in group(sent, RULES)] == [False, False]


@pytest.mark.parametrize(
    ("doses", "torn"),
    [
        ([dose("a", "2022-01-01", number=1), dose("b", "2023-01-01", number=2)], set()),
        ([dose("a", "2022-01-01", number=1), dose("b", "2022-01-05", number=2)], {1, 2}),
        ([dose("a", "2022-01-01", number=1), dose("b", "2023-01-01", number=1)], {1}),
        ([dose("a", "2022-01-01", number=2), dose("b", "2023-01-01", number=1)], {1, 2}),
        ([dose("a", "2022-01-01", number=(1, 2))], {1, 2}),
        ([dose("a", "2022-01-01"), dose("b", "2023-01-01")], set()),
    ],
)
def test_numbers_that_the_dates_contradict_are_named(doses, torn):
    assert disagree(group(doses, RULES), group_by_dates(doses, RULES)) == torn


# ---- whatever is sent, in whatever order ----

DAYS = st.integers(0, 1500).map(lambda days: (date(2020, 1, 1) + timedelta(days=days)).isoformat())
WHEN = st.one_of(
    st.none(),
    DAYS,
    DAYS.map(lambda day: day[:7]),
    DAYS.map(lambda day: day[:4]),
    st.tuples(DAYS, st.integers(0, 300)).map(
        lambda pair: f"{pair[0]}/{(date.fromisoformat(pair[0]) + timedelta(days=pair[1])).isoformat()}"
    ),
)
DOSE = st.builds(
    dose,
    st.sampled_from("abc"),
    WHEN,
    number=st.sampled_from([(), (), (), 1, 2, (1, 2)]),
    plan=st.sampled_from([None, None, "p", "q"]),
)
STEP = st.builds(
    lambda procedure, days: dose(procedure.name, days, procedure=procedure),
    st.sampled_from([TRANSPLANT, CELLS, RADIATION]),
    WHEN,
)
DOSES = st.lists(st.one_of(DOSE, DOSE, DOSE, STEP), max_size=14)


def parts(doses):
    return [(line.number, line.planned, frozenset(line.doses)) for line in group(doses, RULES, date(2024, 1, 1))]


@given(DOSES, st.randoms(use_true_random=False))
def test_the_order_of_the_records_does_not_matter(doses, random):
    shuffled = random.sample(doses, len(doses))
    assert parts(shuffled) == parts(doses)


@given(DOSES)
def test_records_that_come_twice_do_not_matter(doses):
    assert parts([*doses, *doses]) == parts(doses)


@given(DOSES)
def test_every_record_is_in_exactly_one_line(doses):
    grouped = [one for _, _, some in parts(doses) for one in some]
    assert sorted(grouped, key=lambda one: one.key) == sorted(set(doses), key=lambda one: one.key)


@given(DOSES)
def test_every_course_without_a_number_is_whole_in_one_line(doses):
    lines = group(doses, RULES, date(2024, 1, 1))
    for course in courses({one for one in doses if one.number is None}, RULES):
        assert sum(bool(set(course.doses) & set(line.doses)) for line in lines) == 1


@given(DOSES)
def test_a_numbered_line_holds_all_of_its_records(doses):
    for line in group(doses, RULES):
        if line.number is not None:
            assert {one for one in doses if one.number == line.number} <= set(line.doses)


@given(DOSES)
def test_dates_alone_group_every_record_as_well(doses):
    grouped = [one for line in group_by_dates(doses, RULES) for one in line.doses]
    assert len(grouped) == len(set(doses))
    assert set(grouped) == set(doses)
