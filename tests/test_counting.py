"""From which day on a new document counts at submission and at the infusion, and by when it is needed."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parts import AS_OF, context_of, full_chart, observation, order_of

from cdshooks.engine.counting import counting_dates, infusion_day
from cdshooks.engine.dates import Period, Window
from cdshooks.engine.determine import determine
from cdshooks.engine.model import Outcome

THREE_MONTHS = Window(Period.parse("P3M"), strict=True)
offsets = st.integers(-400, 400).map(lambda n: AS_OF + timedelta(days=n))


@pytest.fixture(scope="module")
def decide(example):
    policy = example.in_force("example-health/gene-therapy", date(2026, 12, 1))

    def decided(*resources, **surroundings):
        found = determine(policy, context_of(example, *resources, **surroundings), example.wording)
        return {finding.criterion: finding for finding in found.findings}

    return decided


def test_where_there_is_no_window_no_day_is_counted(example):
    assert counting_dates(None, context_of(example)) is None


def test_each_day_has_its_own_first_date_and_the_later_one_serves_both(example):
    dates = counting_dates(THREE_MONTHS, context_of(example, service=date(2027, 3, 1)))
    assert (dates.submission, dates.service) == (date(2026, 8, 22), date(2026, 12, 2))
    assert dates.earliest == date(2026, 12, 2)
    past = counting_dates(THREE_MONTHS, context_of(example, service=date(2026, 1, 1)))
    assert past.earliest == past.submission


@given(st.sampled_from(["P3M", "P6M", "P90D"]), st.booleans(), offsets)
def test_a_document_of_the_earliest_day_counts_on_both_days_and_one_of_the_day_before_does_not(
    example, period, strict, service
):
    window = Window(Period.parse(period), strict)
    earliest = counting_dates(window, context_of(example, service=service)).earliest
    assert all(window.holds(earliest, anchor) for anchor in (AS_OF, service))
    assert not all(window.holds(earliest - timedelta(days=1), anchor) for anchor in (AS_OF, service))


def test_a_result_of_the_first_day_is_met_and_of_the_day_before_is_stale(decide):
    first = decide()["virus"].counts_from.submission
    assert decide(observation(day=first.isoformat()))["virus"].outcome is Outcome.MET
    assert decide(observation(day=(first - timedelta(days=1)).isoformat()))["virus"].outcome is Outcome.STALE


@given(st.integers(0, 80).map(lambda n: AS_OF + timedelta(days=n)))
def test_a_result_of_the_earliest_day_does_not_lapse_before_the_infusion(decide, service):
    earliest = decide(service=service)["virus"].counts_from.earliest
    found = decide(observation(day=earliest.isoformat()), service=service)["virus"]
    assert (found.outcome, found.lapses) == (Outcome.MET, False)


def test_what_counts_already_says_from_when_a_new_one_would_and_what_does_not_apply_says_nothing(decide):
    found = decide(*full_chart())
    assert found["virus"].outcome is Outcome.MET
    assert found["virus"].counts_from is not None
    assert all(f.counts_from is None for f in found.values() if f.outcome is Outcome.NOT_APPLICABLE)


@pytest.mark.parametrize(
    ("service", "source", "needed"),
    [
        ("2026-12-01", "occurrenceDateTime", "2026-12-01"),
        ("2026-11-21", "occurrenceDateTime", "2026-11-21"),
        ("2026-11-21", None, None),
        ("2026-11-20", "occurrenceDateTime", None),
    ],
)
def test_what_is_open_is_needed_by_the_infusion_where_its_day_is_known_and_not_past(
    decide, example, service, source, needed
):
    day = date.fromisoformat(service)
    order = order_of(day=day, service_date_source=source)
    expected = date.fromisoformat(needed) if needed else None
    assert infusion_day(context_of(example, order=order, service=day)) == expected
    found = decide(*full_chart(), order=order, service=day)
    for finding in found.values():
        settled = finding.outcome in (Outcome.MET, Outcome.NOT_APPLICABLE)
        assert finding.needed_by == (None if settled else expected)
