"""What changed between two files, in sentences."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdshooks.cli.changes import changes


def told(old: Any, new: Any) -> list[str]:
    return [str(change) for change in changes(old, new)]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ({"a": "1"}, {"a": "2"}, "a: 2; it was 1"),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "a › b: 2; it was 1"),
        ({"a": True}, {}, "a: gone, it was true"),
        ({}, {"a": "two words"}, "a: new, “two words”"),
        ({"a": "two words"}, {}, "a: gone, it was “two words”"),
        ({"cite": ["X", "Y"]}, {"cite": ["X", "Y", "Z"]}, "cite: new, Z"),
        ({"when": {"newer_than": "P3M"}}, {"when": {"newer_than": "P1Y"}},
         "when › newer_than: newer than 1 year; it was newer than 3 months"),
        ({"no_older_than": "P90D"}, {}, "no_older_than: gone, it was no older than 90 days"),
        ([{"id": "x", "says": "a"}], [{"id": "x", "says": "b"}], "x › says: b; it was a"),
        ([{"cite": "N.1", "because": "a"}], [{"cite": ["N.1"], "because": "b"}], None),
        ([{"observation": {"code": "a"}}, {"hint": 1}], [{"observation": {"code": "b"}}, {"hint": 1}],
         "1 › observation › code: b; it was a"),
        ([{"observation": 1}], [{"report": 1}], None),
    ],
)  # fmt: skip
def test_a_change_is_told_at_its_innermost_place(old: Any, new: Any, sentence: str | None) -> None:
    said = told(old, new)
    assert len(said) == 2 if sentence is None else said == [sentence]


def test_a_row_that_only_moved_is_no_change() -> None:
    rows = [{"id": "a", "says": "1"}, {"id": "b", "says": "2"}]
    assert told({"coverage": rows}, {"coverage": rows[::-1]}) == []


def test_a_row_that_came_or_went_is_told_by_its_name() -> None:
    rows = [{"id": "a", "says": "1"}, {"id": "b", "says": "2"}]
    assert told({"coverage": rows[:1]}, {"coverage": rows}) == ["coverage › b: new, {id: b, says: '2'}"]
    assert told({"coverage": rows}, {"coverage": rows[1:]}) == ["coverage › a: gone, it was {id: a, says: '1'}"]


def test_a_long_value_is_cut() -> None:
    (said,) = told({}, {"a": ["word"] * 100})
    assert said.endswith("…") and len(said) < 200


values = st.recursive(
    st.text(max_size=3) | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "a", "b"]), inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_nothing_changed_says_nothing(value: Any) -> None:
    assert told(value, value) == []


@given(st.dictionaries(st.sampled_from("abc"), values), st.dictionaries(st.sampled_from("abc"), values))
def test_what_differs_is_told_both_ways(old: Any, new: Any) -> None:
    assert len(told(old, new)) == len(told(new, old))
