"""The demo EHR and the dossier by keyboard and screen reader, served on loopback and walked through in Chromium."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from chromium import Browser
from werkzeug.serving import make_server

from cdshooks.engine.library import Library
from cdshooks.server.app import create_app
from cdshooks.server.settings import read_settings

ASKED = "/demo?session=eeeeeeeeeeee&signed=yes"
_FOCUSED = """(() => {
  const e = document.activeElement, box = e.getBoundingClientRect(), style = getComputedStyle(e);
  if (e === document.body) return null;
  const middle = (from, to, most) => (Math.max(from, 0) + Math.min(to, most)) / 2;
  const over = document.elementFromPoint(
    middle(box.left, box.right, innerWidth), middle(box.top, box.bottom, innerHeight));
  return {
    at: [...document.querySelectorAll("*")].indexOf(e), html: e.outerHTML.slice(0, 120),
    words: (e.innerText || e.value || e.name || "").trim(), name: e.name || "",
    ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    seen: !!over && (e.contains(over) || over.contains(e)),
  };
})()"""
_CONTROLS = """(() => {
  const all = [...document.querySelectorAll("*")], groups = new Set();
  return all.filter(e => e.matches(
    "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']") && e.checkVisibility()
  ).filter(e => e.type !== "radio" || !groups.has(e.name) && groups.add(e.name)).map(e => all.indexOf(e));
})()"""


@pytest.fixture(scope="module")
def address(shipped: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a demo is served."""
    folder = tmp_path_factory.mktemp("walked")
    settings = read_settings({"CDSHOOKS_MODE": "demo", "CDSHOOKS_DATABASE_URL": f"sqlite:///{folder}/store.db"})
    server = make_server("127.0.0.1", 0, create_app(settings, shipped), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def walker(browser: Browser, address: str) -> Browser:
    browser.window(1280)
    browser.visit(address + ASKED)
    return browser


def open_dossier(browser: Browser, end: str = "") -> None:
    """From the card to its dossier."""
    link = browser.evaluate("document.querySelector('.card a[href*=\"/dossier/\"]').href")
    browser.visit(link + end)


def stops(browser: Browser, *, back: bool = False) -> list[dict[str, Any]]:
    """Where the Tab key stops, from the start of the page until it leaves it."""
    found: list[dict[str, Any]] = []
    for _ in range(400):
        browser.press("Tab", shift=back)
        stop = browser.evaluate(_FOCUSED)
        if stop is None or (found and stop["at"] == found[0]["at"] and len(found) > 1):
            return found
        if not found or found[-1]["at"] != stop["at"]:  # a field for a day has several stops inside
            found.append(stop)
    raise AssertionError(f"the Tab key never leaves the page; it is at {found[-1]['html']}")


def tab_to(browser: Browser, words: str = "", name: str = "") -> dict[str, Any]:
    """Press Tab until the focus is on what bears these words or this name of a field."""
    for _ in range(400):
        browser.press("Tab")
        stop: dict[str, Any] | None = browser.evaluate(_FOCUSED)
        if stop and (stop["name"] == name if name else stop["words"].startswith(words)):
            return stop
    raise AssertionError(f"the Tab key does not come to {words or name}")


def write_in(browser: Browser, name: str, words: str) -> None:
    """Go to the field of this name and type."""
    tab_to(browser, name=name)
    browser.write(words)


@pytest.mark.parametrize("width", [350, 1280])
@pytest.mark.parametrize("page", ["demo", "home", "feedback", "dossier", "packet", "sensitive"])
def test_the_tab_key_comes_to_everything_in_its_order_and_shows_where_it_is(
    walker: Browser, address: str, page: str, width: int
) -> None:
    walker.window(width)
    if page in ("home", "feedback"):
        walker.visit(f"{address}/{'feedback' if page == 'feedback' else ''}")
    elif page != "demo":
        open_dossier(walker, "" if page == "dossier" else f"/{page}")
    found = stops(walker)
    assert [stop["at"] for stop in found] == walker.evaluate(_CONTROLS)
    assert [stop["html"] for stop in found if not stop["ring"]] == []
    assert [stop["html"] for stop in found if not stop["seen"]] == []


def test_the_way_back_is_the_same(walker: Browser) -> None:
    open_dossier(walker)
    forth = [stop["at"] for stop in stops(walker)]
    back = [stop["at"] for stop in stops(walker, back=True)]
    radios = walker.evaluate("[...document.querySelectorAll('*')].flatMap((e, i) => e.type === 'radio' ? [i] : [])")
    assert [at for at in reversed(back) if at not in radios] == [at for at in forth if at not in radios]


@pytest.mark.parametrize("page", ["demo", "dossier"])
def test_the_first_stop_leads_past_the_head(walker: Browser, page: str) -> None:
    if page == "dossier":
        open_dossier(walker)
    walker.press("Tab")
    skip = walker.evaluate("document.activeElement.hash")
    assert skip and walker.evaluate("document.activeElement.getBoundingClientRect().left >= 0")
    walker.press("Enter")
    walker.press("Tab")
    past = f"document.querySelector('{skip}').compareDocumentPosition(document.activeElement)"
    assert walker.evaluate(past) & 4 or walker.evaluate(past) & 16, "the next stop is behind the target or in it"


def test_an_order_is_signed_and_a_suggestion_taken_by_keyboard(walker: Browser, address: str) -> None:
    walker.visit(f"{address}/demo?session=ffffffffffff")
    tab_to(walker, "Sign")
    walker.loaded(lambda: walker.press("Enter"))
    tab_to(walker, "Order HIV")
    walker.loaded(lambda: walker.press(" "))
    assert "✓ Added: Order HIV" in walker.evaluate("document.body.innerText")


def test_a_card_is_dismissed_by_keyboard(walker: Browser) -> None:
    tab_to(walker, "Dismiss with a reason")
    assert not walker.evaluate("document.activeElement.parentElement.open")
    walker.press("Enter")
    assert walker.evaluate("document.activeElement.parentElement.open")
    tab_to(walker, name="reason")
    walker.press(" ")
    walker.press("ArrowDown")
    assert walker.evaluate("document.querySelector('.card [name=reason]:checked').value") == (
        walker.evaluate("document.querySelectorAll('.card [name=reason]')[1].value")
    )
    write_in(walker, "comment", "by keyboard")
    tab_to(walker, "Dismiss")
    walker.loaded(lambda: walker.press("Enter"))
    assert "Dismissed; the feedback is stored" in walker.evaluate("document.body.innerText")


def test_something_is_attested_by_keyboard(walker: Browser) -> None:
    open_dossier(walker)
    tab_to(walker, name="says-dosage")
    walker.press(" ")
    write_in(walker, "words-dosage", "seen in the plan")
    write_in(walker, "name", "R. Nurse, RN")
    tab_to(walker, "Keep what I said")
    walker.loaded(lambda: walker.press("Enter"))
    assert "R. Nurse, RN: Dose: confirmed (seen in the plan)" in walker.evaluate("document.body.innerText")


def test_a_refused_form_leads_to_its_field_and_says_there_what_is_wrong(walker: Browser) -> None:
    open_dossier(walker)
    write_in(walker, "words-dosage", "without a choice")
    write_in(walker, "name", "R. Nurse, RN")
    walker.loaded(lambda: walker.press("Enter"))
    assert walker.evaluate("document.title").startswith("Not kept: ")
    tab_to(walker, "To the field")
    walker.press("Enter")
    field = walker.evaluate(
        "(e => [e.name, e.getAttribute('aria-invalid'), document.getElementById(e.getAttribute('aria-describedby'))"
        ".innerText])(document.activeElement)"
    )
    assert field[:2] == ["words-dosage", "true"] and "without a choice beside it" in field[2]
    assert walker.evaluate("document.querySelector('[name=name]').value") == "R. Nurse, RN"


NAMED = {
    "link",
    "button",
    "textbox",
    "radio",
    "combobox",
    "heading",
    "table",
    "columnheader",
    "rowheader",
    "region",
    "navigation",
}


@pytest.mark.parametrize("width", [350, 1280])
@pytest.mark.parametrize("page", ["demo", "dossier", "packet"])
def test_a_screen_reader_is_told_the_name_of_everything(walker: Browser, page: str, width: int) -> None:
    walker.window(width)
    if page != "demo":
        open_dossier(walker, "" if page == "dossier" else "/packet")
    told = walker.spoken()
    assert [(role, name) for role, name in told if role in NAMED and not name.strip()] == []
    assert {"main", "banner", "heading", "table"} <= {role for role, _ in told}
    levels = walker.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map(e => Number(e.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("width", [350, 1280])
def test_a_screen_reader_is_told_what_the_dossier_shows(walker: Browser, width: int) -> None:
    walker.window(width)
    open_dossier(walker)
    told = walker.spoken()
    assert ("RootWebArea", "Tecartus dossier") in told
    assert {"contentinfo", "navigation", "radio"} <= {role for role, _ in told}
    headers = [name for role, name in told if role == "columnheader"]
    for header in ("Criterion", "What the chart shows", "Counts until", "Best response"):
        assert header in headers
    groups = [name for role, name in told if role == "group"]
    assert any(name.startswith("Dose") for name in groups)
    assert any(role == "rowheader" and name.startswith("HIV serology") and "Out of date" in name for role, name in told)
    assert not [name for role, name in told if role in ("image", "graphics-document") and not name]
