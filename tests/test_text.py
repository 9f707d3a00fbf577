"""Chart text on a card reads the same and starts no Markdown, HTML, link or mention."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from payloads import HOSTILE

from cdshooks.hooks.text import Cleaned, clean, shortened

MARKUP = re.compile(r"[<>\[\]*_`~#|\\&!${}]|://|@|\bwww\.", re.IGNORECASE)


def is_harmless(text):
    return not MARKUP.search(text) and text.isprintable() and "\n" not in text


@pytest.mark.parametrize("payload", HOSTILE)
def test_no_payload_keeps_anything_that_a_renderer_acts_on(payload):
    assert is_harmless(clean(payload)), clean(payload)


@given(st.text(max_size=80))
def test_no_text_at_all_keeps_anything_that_a_renderer_acts_on(text):
    assert is_harmless(clean(text))


@given(st.lists(st.sampled_from([*HOSTILE, "://", "@", "www.", "\u200b", " ", "h", "ttp"]), max_size=5).map("".join))
def test_payloads_do_not_help_each_other(text):
    assert is_harmless(clean(text))


@given(st.text(max_size=60))
def test_cleaning_twice_changes_nothing_more(text):
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize(
    "text",
    [
        "HIV 1+2 Ag/Ab: Nonreactive",
        "Marrow biopsy (hip), 2026-10-20; 41 documents",
        "Großes Blutbild, 50 % – «ok»",
        "Dr. O'Neill, 120/80",
        "骨髓 生検",
        "naïve T-cells, CD3+CD8−",
    ],
)
def test_ordinary_text_is_kept_as_it_is(text):
    assert clean(text) == text


def test_a_text_is_cleaned_once_for_an_answer_and_as_any_other():
    cleaned = Cleaned()
    assert cleaned["<b>Letter</b>"] == clean("<b>Letter</b>") == "‹b›Letter‹/b›"
    assert dict(cleaned) == {"<b>Letter</b>": "‹b›Letter‹/b›"}


def test_what_is_replaced_still_reads_the_same():
    assert clean("47<2n>,XY [12]") == "47‹2n›,XY (12)"
    assert clean(" a \n\n b ") == "a b"


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("- item", "– item"),
        ("+ item", "＋ item"),
        ("1. item", "1． item"),
        ("12) item", "12） item"),
        ("===", "＝＝＝"),
        ("---", "–––"),
        (": definition", "∶ definition"),
        ("-7 and +12", "-7 and +12"),
        ("1.5 mg", "1.5 mg"),
        ("2026-10-20: - done", "2026-10-20: - done"),
    ],
)
def test_a_line_starts_no_list_and_underlines_no_heading(line, kept):
    assert clean(line) == kept


@pytest.mark.parametrize(
    ("text", "longest", "cut"),
    [
        ("short", 10, "short"),
        ("exactly ten", 11, "exactly ten"),
        ("one two three", 10, "one two…"),
        ("one, two three", 9, "one, two…"),
        ("one two, three", 10, "one two…"),
        ("x" * 50, 10, "x" * 9 + "…"),
        ("", 10, ""),
    ],
)
def test_a_long_text_is_cut_at_a_word(text, longest, cut):
    assert shortened(text, longest) == cut


@given(st.text(max_size=200), st.integers(5, 150))
def test_a_cut_text_is_never_longer_than_it_may_be(text, longest):
    assert len(shortened(text, longest)) <= longest
