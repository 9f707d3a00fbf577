"""Chart text on a card reads the same and starts no Markdown, HTML, link or mention."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdshooks.hooks.text import clean, shortened

ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
BIDI = "\u202a\u202b\u202d\u202e\u202c\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
HOSTILE = [
    # HTML
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<a href='https://evil.example'>x</a>",
    "<b>bold</b>",
    "</div><h1>Approved</h1>",
    "<svg/onload=alert(1)>",
    "<iframe src=//evil.example>",
    "<!-- comment -->",
    "<![CDATA[x]]>",
    "<?php echo 1 ?>",
    "&lt;script&gt;",
    "&#60;script&#62;",
    "&#x3c;b&#x3e;",
    "&nbsp;&amp;",
    "< script >",
    "<https://evil.example>",
    "<me@evil.example>",
    # links and images
    "[click](https://evil.example)",
    "[click]: https://evil.example",
    "![x](https://evil.example/x.png)",
    "[![x](a)](b)",
    "[x][y]",
    "[x]",
    "[^1]",
    "https://evil.example/a?b=c",
    "http://evil.example",
    "ftp://evil.example",
    "HTTPS://EVIL.EXAMPLE",
    "www.evil.example",
    "WWW.evil.example",
    "(www.evil.example)",
    "*www.evil.example*",
    "me@evil.example",
    "foo-@evil.example",
    "a+@b.co",
    "x.@y.zz",
    "a@-b.co",
    "mailto:me@evil.example",
    "xmpp:me@evil.example/x",
    "javascript:alert(1)",
    "data:text/html,<b>",
    "http:\u200b//evil.example",
    "w\u200bww.evil.example",
    "h\u202ettps://evil.example",
    "@everyone",
    # emphasis, code, strike-through
    "**bold**",
    "*x*",
    "__bold__",
    "_x_",
    "***x***",
    "~~gone~~",
    "`code`",
    "```\ncode\n```",
    "~~~\ncode\n~~~",
    "\\*x\\*",
    "\\<b\\>",
    # blocks
    "# heading",
    "###### heading",
    "heading\n===",
    "heading\n---",
    "> quote",
    "- item",
    "* item",
    "+ item",
    "1. item",
    "1) item",
    "- [ ] task",
    "---",
    "***",
    "| a | b |\n|---|---|",
    "    code",
    "\tcode",
    "a  \nb",
    "a\\\nb",
    "a\r\nb\rc\x0bd\x0ce\x85f\u2028g\u2029h",
    "$x^2$ $$x$$",
    ":smile: :+1:",
    "{{context.patientId}} {0} {record} %s",
    "\x00\x01\x1b[31mred\x7f\x9b",
    BIDI + "x" + BIDI,
    "a" + ZERO_WIDTH + "b",
    "\ud800 lone",
    "\ue000\U000f0000 private",
    "\U000e0041\U000e0042 tags",
    "x" * 5000,
    # what charts really hold
    "47<2n>,XY,-7,t(9;22)(q34.1;q11.2)[12]/46,XY[8]",
    "Na+ <135 & K+ >5.0 *critical*",
]
MARKUP = re.compile(r"[<>\[\]*_`~#|\\&!${}]|://|@|\bwww\.", re.IGNORECASE)


def is_harmless(text):
    return not MARKUP.search(text) and text.isprintable() and "\n" not in text


@pytest.mark.parametrize("payload", HOSTILE)
def test_no_payload_keeps_anything_that_a_renderer_acts_on(payload):
    assert is_harmless(clean(payload)), clean(payload)


def test_there_are_enough_payloads():
    assert len(set(HOSTILE)) >= 60


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


def test_what_is_replaced_still_reads_the_same():
    assert clean("47<2n>,XY [12]") == "47‹2n›,XY (12)"
    assert clean(" a \n\n b ") == "a b"


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
