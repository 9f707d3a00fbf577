"""The library's sentences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdshooks.engine.wording import Wording, read_wording


def test_sentences_are_found_by_their_dotted_key():
    flat = read_wording({"a": "one", "b": {"c": " two ", "d": {"e": "three"}}})
    assert flat == {"a": "one", "b.c": "two", "b.d.e": "three"}


def test_a_sentence_is_filled_and_an_empty_blank_leaves_no_hole():
    wording = Wording({"found": "{record}, {date} {more}"})
    assert wording.say("found", record="Result", date="2026-10-20", more="") == "Result, 2026-10-20"
    assert Wording({"a": "one {blank} two"}).say("a", blank="") == "one two"


def test_a_missing_sentence_or_blank_is_an_error_that_names_it():
    wording = Wording({"found": "{record}"})
    with pytest.raises(KeyError, match="lost"):
        wording.say("lost")
    with pytest.raises(KeyError, match="record"):
        wording.say("found")
    assert wording.has("found")
    assert not wording.has("lost")


@given(st.text(alphabet=st.characters(exclude_categories=["Zs", "Cc"]), max_size=30))
def test_what_fills_a_blank_is_never_read_as_a_template(text):
    assert Wording({"found": "<{record}>"}).say("found", record=text) == f"<{text}>"
    assert Wording({"found": "{record}"}).say("found", record="{date}") == "{date}"
