"""Kleene's three-valued logic, as full tables."""

from itertools import product

import pytest

from cdshooks.engine.truth import all_of, any_of, at_least, not_

VALUES = (True, None, False)
ORDER = {False: 0, None: 1, True: 2}


@pytest.mark.parametrize(
    ("one", "other", "both", "either"),
    [
        (True, True, True, True),
        (True, None, None, True),
        (True, False, False, True),
        (None, True, None, True),
        (None, None, None, None),
        (None, False, False, None),
        (False, True, False, True),
        (False, None, False, None),
        (False, False, False, False),
    ],
)
def test_and_and_or_follow_kleene(one, other, both, either):
    assert all_of([one, other]) is both
    assert any_of([one, other]) is either


@pytest.mark.parametrize(("value", "opposite"), [(True, False), (None, None), (False, True)])
def test_the_opposite_of_unknown_is_unknown(value, opposite):
    assert not_(value) is opposite


@pytest.mark.parametrize("values", list(product(VALUES, repeat=3)))
def test_all_is_the_lowest_and_any_the_highest_of_three(values):
    assert ORDER[all_of(values)] == min(map(ORDER.get, values))
    assert ORDER[any_of(values)] == max(map(ORDER.get, values))


@pytest.mark.parametrize("values", list(product(VALUES, repeat=3)))
def test_not_turns_all_into_any(values):
    assert not_(all_of(values)) is any_of([not_(value) for value in values])


@pytest.mark.parametrize(("count", "values"), [(n, v) for n in range(5) for v in product(VALUES, repeat=3)])
def test_at_least_is_sure_only_when_every_reading_of_the_unknown_agrees(count, values):
    known = [value for value in values if value is not None]
    readings = {sum([*known, *guess]) >= count for guess in product((True, False), repeat=len(values) - len(known))}
    assert at_least(count, values) is (readings.pop() if len(readings) == 1 else None)


def test_of_nothing_all_holds_and_any_does_not():
    assert all_of([]) is True
    assert any_of([]) is False
    assert at_least(0, []) is True
    assert at_least(1, []) is False


def test_the_values_may_come_from_a_generator():
    assert all_of(value for value in (True, True)) is True
    assert any_of(value for value in (False, None)) is None
    assert at_least(2, (value for value in (True, None, True))) is True
