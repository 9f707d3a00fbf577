"""Days, periods and windows: the table of boundaries, and what holds for every day."""

from datetime import UTC, date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdshooks.engine.dates import Moment, Period, Place, Window, ages, narrowed, read_moment

NEW_YORK = ZoneInfo("America/New_York")
days = st.dates(date(1990, 1, 1), date(2060, 12, 31))
periods = st.builds(
    lambda number, unit: Period.parse(f"P{number}{unit}"), st.integers(1, 40), st.sampled_from("DMY")
).filter(lambda period: period.months <= 120)
windows = st.builds(Window, periods, st.booleans())


def d(text):
    return date.fromisoformat(text)


def on(text):
    return Moment(d(text), d(text))


@pytest.mark.parametrize(
    ("text", "months", "days"),
    [("P3M", 3, 0), ("P90D", 0, 90), ("P1Y", 12, 0), ("P1Y2M", 14, 0), ("P1Y2M3D", 14, 3), ("P0D", 0, 0)],
)
def test_a_duration_is_calendar_months_and_days(text, months, days):
    period = Period.parse(text)
    assert (period.months, period.days, period.text) == (months, days, text)


@pytest.mark.parametrize(
    "text", ["", "P", "3M", "P3", "PT3M", "P3MT1H", "p3m", "P-3M", "P3M ", "P3.5M", "P3W", "P3D3M"]
)
def test_anything_else_is_no_duration(text):
    with pytest.raises(ValueError, match="is not a duration"):
        Period.parse(text)


@pytest.mark.parametrize(
    ("day", "period", "before"),
    [
        ("2026-11-21", "P3M", "2026-08-21"),
        ("2026-11-21", "P6M", "2026-05-21"),
        ("2026-11-21", "P90D", "2026-08-23"),
        ("2026-01-15", "P3M", "2025-10-15"),
        ("2026-05-31", "P3M", "2026-02-28"),  # clamped at the month's end
        ("2024-05-31", "P3M", "2024-02-29"),  # … of a leap year
        ("2026-03-31", "P1M", "2026-02-28"),
        ("2026-03-30", "P1M", "2026-02-28"),
        ("2026-03-29", "P1M", "2026-02-28"),
        ("2026-03-28", "P1M", "2026-02-28"),
        ("2026-12-31", "P6M", "2026-06-30"),
        ("2026-08-31", "P6M", "2026-02-28"),
        ("2028-02-29", "P1Y", "2027-02-28"),
        ("2028-02-29", "P4Y", "2024-02-29"),
        ("2027-02-28", "P3M", "2026-11-28"),
        ("2026-03-01", "P1D", "2026-02-28"),
        ("2024-03-01", "P1D", "2024-02-29"),
    ],
)
def test_a_period_counts_back_in_calendar_months_clamped_at_the_month_s_end(day, period, before):
    assert Period.parse(period).before(d(day)) == d(before)


@pytest.mark.parametrize(
    ("day", "period", "after"),
    [
        ("2026-08-22", "P3M", "2026-11-22"),
        ("2026-11-30", "P3M", "2027-02-28"),
        ("2027-11-30", "P3M", "2028-02-29"),
        ("2026-08-31", "P6M", "2027-02-28"),
        ("2028-02-29", "P1Y", "2029-02-28"),
        ("2026-12-01", "P30D", "2026-12-31"),
    ],
)
def test_a_period_counts_forward_the_same_way(day, period, after):
    assert Period.parse(period).after(d(day)) == d(after)


@pytest.mark.parametrize(
    ("day", "strict", "counts"),
    [
        ("2026-08-20", True, False),
        ("2026-08-21", True, False),  # exactly three months old is not less than three months
        ("2026-08-22", True, True),
        ("2026-11-21", True, True),
        ("2026-08-20", False, False),
        ("2026-08-21", False, True),  # exactly three months old is not more than three months
        ("2026-08-22", False, True),
    ],
)
def test_less_than_is_strict_and_not_more_than_is_inclusive(day, strict, counts):
    assert Window(Period.parse("P3M"), strict).holds(d(day), d("2026-11-21")) is counts


@pytest.mark.parametrize(
    ("strict", "as_of", "words"),
    [
        (True, "2026-11-21", "after 2026-08-21"),
        (False, "2026-11-21", "2026-08-21 or later"),
        (True, "2026-05-31", "after 2026-02-28"),
    ],
)
def test_the_window_says_which_dates_will_count(strict, as_of, words):
    assert Window(Period.parse("P3M"), strict).ask(d(as_of)) == words


@pytest.mark.parametrize(
    ("moment", "strict", "place"),
    [
        ("2026", True, Place.UNSURE),
        ("2025", True, Place.OUTSIDE),
        ("2026-09", True, Place.INSIDE),
        ("2026-08", True, Place.UNSURE),
        ("2026-07", True, Place.OUTSIDE),
        ("2026-11", True, Place.INSIDE),  # days after today are not possible ones
        ("2026-08", False, Place.UNSURE),
        ("2026-08-21", True, Place.OUTSIDE),
        ("2026-08-21", False, Place.INSIDE),
    ],
)
def test_a_partial_date_is_inside_or_outside_only_for_sure(moment, strict, place):
    window = Window(Period.parse("P3M"), strict)
    assert window.place(read_moment(moment, UTC), d("2026-11-21")) is place


def test_a_month_that_begins_on_the_boundary_is_unsure_when_strict_and_inside_when_inclusive():
    moment, as_of = read_moment("2026-08", UTC), d("2026-11-01")
    assert Window(Period.parse("P3M"), True).place(moment, as_of) is Place.UNSURE
    assert Window(Period.parse("P3M"), False).place(moment, as_of) is Place.INSIDE


@given(windows, days)
def test_the_last_day_that_counts_holds_and_the_next_does_not(window, day):
    until = window.counts_until(Moment(day, day))
    assert window.holds(day, until)
    assert not window.holds(day, until + timedelta(days=1))


@given(windows, days)
def test_the_first_day_that_counts_on_an_anchor_holds_there_and_the_day_before_does_not(window, anchor):
    first = window.first_day(anchor)
    assert window.holds(first, anchor)
    assert not window.holds(first - timedelta(days=1), anchor)


@given(windows, days, days)
def test_a_later_anchor_never_takes_an_earlier_first_day(window, one, other):
    first, second = sorted([one, other])
    assert window.first_day(first) <= window.first_day(second)


@pytest.mark.parametrize(
    ("period", "strict", "anchor", "first"),
    [
        ("P3M", True, "2026-11-21", "2026-08-22"),
        ("P6M", False, "2026-11-21", "2026-05-21"),
        ("P3M", True, "2026-05-31", "2026-03-01"),  # the end of February is three months back, and is left out
        ("P3M", False, "2026-05-31", "2026-02-28"),
        ("P6M", False, "2024-08-31", "2024-02-29"),
        ("P30D", True, "2026-03-01", "2026-01-31"),
    ],
)
def test_the_first_day_that_counts_is_clamped_at_the_end_of_a_month(period, strict, anchor, first):
    assert Window(Period.parse(period), strict).first_day(d(anchor)) == d(first)


@given(windows, days, days)
def test_a_document_counts_up_to_its_last_day_and_on_none_after_it(window, day, as_of):
    if as_of >= day:
        assert window.holds(day, as_of) == (as_of <= window.counts_until(Moment(day, day)))


@given(periods, days, days)
def test_counting_back_never_turns_two_days_around(period, one, other):
    first, second = sorted([one, other])
    assert period.before(first) <= period.before(second)


@given(windows, st.tuples(days, days).map(sorted), days)
def test_sure_places_agree_with_every_possible_day(window, span, as_of):
    first, last = span[0], min(span[1], span[0] + timedelta(days=70))
    if first > as_of:
        return
    possible = {window.holds(first + timedelta(n), as_of) for n in range((min(last, as_of) - first).days + 1)}
    expected = {True: Place.INSIDE, False: Place.OUTSIDE}[possible.pop()] if len(possible) == 1 else Place.UNSURE
    assert window.place(Moment(first, last), as_of) is expected


def test_a_partial_document_counts_until_its_earliest_possible_day_lapses():
    assert Window(Period.parse("P3M"), True).counts_until(read_moment("2026-09", UTC)) == d("2026-11-30")


@pytest.mark.parametrize(
    ("text", "first", "last", "shown"),
    [
        ("2026", "2026-01-01", "2026-12-31", "2026"),
        ("2026-02", "2026-02-01", "2026-02-28", "2026-02"),
        ("2024-02", "2024-02-01", "2024-02-29", "2024-02"),
        ("2026-12", "2026-12-01", "2026-12-31", "2026-12"),
        ("2026-08-21", "2026-08-21", "2026-08-21", "2026-08-21"),
        (" 2026-08-21 ", "2026-08-21", "2026-08-21", "2026-08-21"),
        ("2024-02-29", "2024-02-29", "2024-02-29", "2024-02-29"),
    ],
)
def test_a_date_is_as_precise_as_it_was_written(text, first, last, shown):
    moment = read_moment(text, UTC)
    assert (moment.first, moment.last, str(moment)) == (d(first), d(last), shown)
    assert moment.exact is (first == last)


def test_an_interval_of_days_is_shown_with_both_ends():
    assert str(on("2026-08-21").until(on("2026-09-02"))) == "2026-08-21 to 2026-09-02"


@pytest.mark.parametrize(
    ("text", "zone", "day"),
    [
        ("2026-08-21T23:30:00Z", UTC, "2026-08-21"),
        ("2026-08-21T23:30:00Z", NEW_YORK, "2026-08-21"),
        ("2026-08-21T02:30:00Z", NEW_YORK, "2026-08-20"),
        ("2026-08-21T23:30:00-04:00", UTC, "2026-08-22"),
        ("2026-08-21T23:30:00-04:00", NEW_YORK, "2026-08-21"),
        ("2026-08-21T01:00:00+09:00", NEW_YORK, "2026-08-20"),
        ("2026-08-21T10:00:00.123Z", UTC, "2026-08-21"),
        ("2026-08-21T10:00:00.123456789-05:00", UTC, "2026-08-21"),
        ("2026-08-21T10:00Z", UTC, "2026-08-21"),
        ("2026-08-21t10:00:00z", UTC, "2026-08-21"),
        ("2026-08-21T10:00:00+0000", UTC, "2026-08-21"),
        ("2026-08-21T23:30:00", NEW_YORK, "2026-08-21"),  # without an offset it keeps its own day
        ("2026-06-30T23:59:60Z", UTC, "2026-06-30"),  # FHIR allows leap seconds
        # the hour that is told twice, and the one that is not there, around the change of the clocks
        ("2026-11-01T03:59:59Z", NEW_YORK, "2026-10-31"),
        ("2026-11-01T04:00:00Z", NEW_YORK, "2026-11-01"),
        ("2026-11-02T04:59:59Z", NEW_YORK, "2026-11-01"),
        ("2026-11-02T05:00:00Z", NEW_YORK, "2026-11-02"),
        ("2026-03-08T04:59:59Z", NEW_YORK, "2026-03-07"),
        ("2026-03-09T03:59:59Z", NEW_YORK, "2026-03-08"),
        ("2026-03-09T04:00:00Z", NEW_YORK, "2026-03-09"),
        ("2026-03-08T02:30:00", NEW_YORK, "2026-03-08"),
    ],
)
def test_an_instant_becomes_the_local_day_of_the_zone(text, zone, day):
    assert read_moment(text, zone) == on(day)


JUNK = """
x 21.08.2026 08/21/2026 2026-13-01 2026-00 2026-02-30 2026-8-21 20260821 26-08-21 2026-08-21T 2026-08-21T25:00:00Z
2026-08-21T10:61:00Z 2026-08-21T10:00:00+99:99 0000 0000-01-01 2026-08-21/2026-08-22 P3M today NaN
99999-01-01 2026-08-21TT10:00:00Z -2026-08-21 2026-08-21Z 2026- 2026-08-21T25:00:00 ２０２６-08-21
""".split()


@pytest.mark.parametrize("value", [*JUNK, "", " ", None, 2026, 20260821, True, ["2026-08-21"], {"value": "2026-08-21"}])
def test_what_is_no_date_counts_as_undated_and_not_as_today(value):
    assert read_moment(value, UTC) is None


@given(st.text(max_size=30))
def test_no_text_breaks_the_reader(text):
    moment = read_moment(text, NEW_YORK)
    assert moment is None or moment.first <= moment.last


@pytest.mark.parametrize(
    ("birth", "day", "age"),
    [
        ("1960-12-01", "2026-12-01", (66, 66)),  # the birthday itself completes the year
        ("1960-12-02", "2026-12-01", (65, 65)),
        ("2005-12-01", "2026-12-01", (21, 21)),
        ("2004-02-29", "2025-02-28", (20, 20)),  # born on a leap day: a year older from the first of March
        ("2004-02-29", "2025-03-01", (21, 21)),
        ("2004-02-29", "2024-02-29", (20, 20)),
        ("1960", "2026-12-01", (65, 66)),
        ("1960-12", "2026-12-01", (65, 66)),
        ("1960-11", "2026-12-01", (66, 66)),
        ("1960", "2026-12-31", (66, 66)),
    ],
)
def test_ages_are_completed_years_and_a_partial_birth_date_gives_a_range(birth, day, age):
    assert ages(read_moment(birth, UTC), d(day)) == age


@pytest.mark.parametrize(
    ("texts", "left"),
    [
        (["1960"], "1960"),
        (["1960", "1960-05"], "1960-05"),
        (["1960-05", "1960-05-05"], "1960-05-05"),
        (["1960-05", "1960-06"], None),
        (["1960", "1961-01-01"], None),
    ],
)
def test_moments_are_narrowed_to_the_days_that_all_of_them_allow(texts, left):
    found = narrowed(read_moment(text, UTC) for text in texts)
    assert (str(found) if found else None) == left
