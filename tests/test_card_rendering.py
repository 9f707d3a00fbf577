"""What a renderer makes of a card: no element, link, image or heading ever comes from a chart.

Every text of a story's request is put between two hostile texts; the cards are rendered as GitHub-flavoured
Markdown with raw HTML let through, as the public CDS Hooks sandbox renders them.
"""

import copy
import json
from html.parser import HTMLParser

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from payloads import HOSTILE as ALL
from tales import cards_told, tale

RAW_HTML = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES
OURS = {"p", "ul", "li", "strong"}  # all that our own wording uses
MARK = "zq7mark"
STORIES = (
    "mcl-missing-three",
    "mcl-blue-plan",
    "guarded-evidence",
    "positive-hbcore",
    "prior-kymriah",
    "mm-carvykti-text-only",
    "centre-unlisted",
    "unknown-payer",
    "prefetch-failed",
    "authorization-on-file",
    "denied-wnc",
    "product-not-told",
)
CODED = frozenset(
    "resourceType id reference system code status intent use url fullUrl hook hookInstance fhirServer type relation "
    "patientId encounterId gender mode severity outcome contentType selections".split()
)
# U+0000 and a lone surrogate never get past the reading of the body (tests/test_json_body.py).
HOSTILE = [payload for payload in ALL if not set(payload) & {"\x00", "\ud800"}]
DAY = "0123456789-T:Z.+"


class Seen(HTMLParser):
    """Every element of a page with its attributes, and which elements the marked texts stood in."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.attributes, self.around, self.open = set(), [], set(), []
        self.nested = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        self.attributes += attrs
        self.open.append(tag)
        self.nested |= self.open.count("ul") > 1

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if MARK in data:
            self.around |= set(self.open)

    def handle_decl(self, decl):
        self.elements.add("!")

    def handle_pi(self, data):
        self.elements.add("?")

    def handle_comment(self, data):
        self.elements.add("!--")

    def unknown_decl(self, data):
        self.elements.add("![")


def rendered(text):
    return Seen(cmarkgfm.github_flavored_markdown_to_html(text, RAW_HTML))


def is_text(key, value):
    """True for words of a chart, false for what a program reads: a changed code is another chart."""
    return isinstance(value, str) and key not in CODED and bool(set(value) - set(DAY))


def poisoned(body, shift):
    """The same request with hostile text around every text in it, another one for each."""
    number = shift

    def poison(key, value):
        nonlocal number
        if isinstance(value, dict):
            return {name: poison(name, item) for name, item in value.items()}
        if isinstance(value, list):
            return [poison(key, item) for item in value]
        if not is_text(key, value):
            return value
        number += 1
        hostile = HOSTILE[number % len(HOSTILE)]
        return f"{hostile}{MARK} {value} {MARK}{hostile}"

    return {key: poison(key, value) if key in ("context", "prefetch") else value for key, value in body.items()}


def texts_of(card):
    """Everything on a card that a client may render."""
    yield from (card["summary"], card["detail"], card["source"]["label"])
    yield card["source"].get("topic", {}).get("display", "")
    yield from (link["label"] for link in card.get("links", []))
    for suggestion in card.get("suggestions", []):
        yield suggestion["label"]
        yield from (action["description"] for action in suggestion["actions"])
    yield from (reason["display"] for reason in card["overrideReasons"])
    determination = card["extension"]["org.cdshooks.determination"]
    for finding in determination["findings"]:
        yield from (finding["reason"], finding.get("ask", ""))
        yield from (item.get("display", "") for item in finding.get("evidence", []))
        yield from (item.get("source", "") for item in finding.get("evidence", []))


def rendered_as_meant(card):
    for text in texts_of(card):
        seen = rendered(text)
        assert seen.elements <= OURS, (seen.elements - OURS, text)
        assert not seen.attributes, text
        assert not seen.nested, text
        assert "strong" not in seen.around, text


def test_there_are_enough_payloads():
    assert len(HOSTILE) >= 300
    acted_on = [payload for payload in HOSTILE if rendered(payload).elements - OURS]
    assert len(acted_on) >= 120, "the renderer must act on many of them, else this file proves nothing"


def of_an_unknown_plan(body):
    """A plan that the library does not know is named as the chart names it."""
    return json.loads(json.dumps(body).replace("WellCare of North Carolina", "Elsewhere Mutual"))


@pytest.mark.parametrize("name", STORIES)
def test_a_card_renders_as_it_was_meant_whatever_the_chart_says(name):
    body, told = of_an_unknown_plan(tale(name)) if name == "denied-wnc" else tale(name), 0
    for shift in range(0, len(HOSTILE), 13):
        for card in cards_told(poisoned(body, shift)):
            rendered_as_meant(card)
            told += MARK in json.dumps(card)
    assert told or name == "product-not-told", "no chart text reached a card: this story proves nothing"


@pytest.mark.parametrize("start", range(0, len(HOSTILE), 20))
def test_every_payload_is_harmless_in_every_text_of_the_chart_that_says_most(start):
    body = tale("mcl-missing-three")
    for shift in range(start, min(start + 20, len(HOSTILE))):
        for card in cards_told(poisoned(body, shift)):
            rendered_as_meant(card)


STRUCTURE = ("code", "system", "id", "reference", "status", "url", "fullUrl", "contentType")


def leaves(value, key="", path=()):
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, name, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, key, (*path, index))
    elif key in STRUCTURE and isinstance(value, str):
        yield path


def changed(body, path, value):
    copied = copy.deepcopy(body)
    place = copied
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return copied


@pytest.mark.parametrize("name", ["mcl-missing-three", "denied-wnc"])
def test_hostile_codes_ids_and_addresses_are_as_harmless_as_words(name):
    body = tale(name)
    for number, path in enumerate(leaves(body)):
        hostile = f"{HOSTILE[number % len(HOSTILE)]}{MARK}"
        for card in cards_told(changed(body, path, hostile)):
            rendered_as_meant(card)


def test_no_text_of_a_request_ever_reaches_a_link():
    for name in STORIES:
        plain = [card.get("links") for card in cards_told(tale(name))]
        assert [card.get("links") for card in cards_told(poisoned(tale(name), 3))] == plain, name
        assert MARK not in json.dumps(plain)
