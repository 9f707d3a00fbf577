"""How often one caller may come."""

from __future__ import annotations

import threading

import pytest

from cdshooks.hooks.errors import RequestError
from cdshooks.server.rate import CallRate, Places, Turns


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_of_twice_the_rate_is_allowed_then_the_rate() -> None:
    clock = Clock()
    rate = CallRate(clock)
    assert [rate.allows("a", 2) for _ in range(6)] == [True] * 4 + [False] * 2
    clock.now += 0.5
    assert [rate.allows("a", 2) for _ in range(2)] == [True, False]
    clock.now += 3600
    assert sum(rate.allows("a", 2) for _ in range(10)) == 4


def test_one_caller_takes_nothing_from_another() -> None:
    rate = CallRate(Clock())
    assert sum(rate.allows("a", 5) for _ in range(100)) == 10
    assert sum(rate.allows("b", 5) for _ in range(100)) == 10


def test_callers_that_were_refused_are_not_kept_out_longer() -> None:
    clock = Clock()
    rate = CallRate(clock)
    for _ in range(50):
        rate.allows("a", 1)
    clock.now += 1
    assert rate.allows("a", 1)


def test_places_are_counted_together_and_for_each() -> None:
    places = Places(3, 2)
    assert [places.take("a") for _ in range(3)] == [True, True, False]
    assert [places.take("") for _ in range(4)] == [True, True, True, False]
    places.give_back("a")
    assert places.take("a") and places.take("b")


def test_a_turn_is_taken_by_as_many_as_there_are_and_lent_to_another_while_its_owner_waits() -> None:
    turns = Turns(1)
    others = []

    def another() -> None:
        with turns.one(10):
            others.append("computed")

    with turns.one(10):
        thread = threading.Thread(target=another)
        thread.start()
        assert others == []
        turns.lent(thread.join)(timeout=10)
        assert others == ["computed"]
        with pytest.raises(ValueError, match="no answer"):
            turns.lent(fail)()
        with pytest.raises(RequestError, match="too many calls") as refused, turns.one(0.01):
            pass
        assert refused.value.status == 503
    with turns.one(0.01):
        assert others == ["computed"]


def fail() -> None:
    raise ValueError("no answer")


def test_the_number_of_callers_it_counts_is_bounded() -> None:
    rate = CallRate(Clock())
    rate.allows("first", 1)
    for number in range(20_000):
        rate.allows(number, 1)
    assert len(rate._left) == 10_000
    assert "first" not in rate._left
