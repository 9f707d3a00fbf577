"""Card text as HTML: what a renderer of GitHub-flavoured Markdown makes of it, and nothing that a chart could add."""

import json
import re

import cmarkgfm
import pytest
from payloads import HOSTILE
from test_card_rendering import MARK, Seen

from cdshooks.server.card_html import card_html, on_one_line
from cdshooks.server.settings import default_fixtures

GOLDEN = sorted((default_fixtures() / "stories").glob("*/golden.json"))


def flat(html):
    return re.sub(r"\s*\n\s*", "", str(html)).replace("&#39;", "'").replace("&#34;", "&quot;")


def test_every_card_of_the_stories_reads_as_github_would_render_it():
    texts = {card["detail"] for path in GOLDEN for card in json.loads(path.read_text("utf-8"))["cards"]}
    assert len(texts) > 30
    for text in texts:
        assert flat(card_html(text)) == flat(cmarkgfm.github_flavored_markdown_to_html(text)), text


@pytest.mark.parametrize("before", ["", "- ", "**bold** "])
def test_nothing_in_a_text_becomes_an_element_or_an_attribute(before):
    for payload in HOSTILE:
        seen = Seen(str(card_html(f"{before}{payload} {MARK}\n\n{payload}")))
        assert seen.elements <= {"p", "ul", "li", "strong"}, payload
        assert not seen.attributes, payload


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a\n- b\n- c\nd", "<p>a</p>\n<ul><li>b</li><li>c</li></ul>\n<p>d</p>"),
        ('**a**: 1 < 2 & "3"', "<p><strong>a</strong>: 1 &lt; 2 &amp; &#34;3&#34;</p>"),
        ("** a ** b", "<p>** a ** b</p>"),
        ("", ""),
    ],
)
def test_lists_bold_and_everything_else(text, html):
    assert card_html(text) == html


def test_a_day_stays_on_one_line_and_nothing_else_changes():
    assert on_one_line("from 2026-08-21 on, 12026-08-21 & <b>") == (
        'from <span class="day">2026-08-21</span> on, 12026-08-21 &amp; &lt;b&gt;'
    )
    assert on_one_line(card_html("**2026-08-21**")) == '<p><strong><span class="day">2026-08-21</span></strong></p>'
