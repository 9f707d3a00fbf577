"""The home page, the demo EHR and the feedback page in Chromium: WCAG 2.2 AA as axe-core sees it, light and dark."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from chromium import Browser, chromium
from flask.testing import FlaskClient

from cdshooks.engine.library import Library
from cdshooks.server import app
from cdshooks.server.app import create_app
from cdshooks.server.settings import read_settings

TEMPLATES = Path(app.__file__).with_name("templates")
SESSION = "session=aaaaaaaaaaaa"
PAGES = {
    "home": "/",
    "chart": f"/demo?{SESSION}",
    "card": f"/demo?{SESSION}&signed=yes&added=order-hiv&added=write-letter&arrived=obtain-marrow-report",
    "denial": f"/demo?{SESSION}&signed=yes&story=denied-wnc",
    "two cards": f"/demo?{SESSION}&signed=yes&story=two-orders",
    "feedback": "/feedback",
}


@pytest.fixture(scope="module")
def client(shipped: Library, tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    chromium()
    folder = tmp_path_factory.mktemp("shown")
    settings = read_settings({"CDSHOOKS_MODE": "demo", "CDSHOOKS_DATABASE_URL": f"sqlite:///{folder}/store.db"})
    made = create_app(settings, shipped).test_client()
    made.get(PAGES["card"])  # so that there is something to give feedback on
    return made


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (350, False)])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_wrong_with_a_page(
    client: FlaskClient, browser: Browser, name: str, width: int, dark: bool
) -> None:
    browser.window(width, dark=dark)
    browser.show(client.get(PAGES[name]).text.replace("<details", "<details open"))
    assert browser.faults() == []


@pytest.mark.parametrize("width", [320, 350, 400, 500, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_the_window(client: FlaskClient, browser: Browser, name: str, width: int) -> None:
    browser.window(width)
    browser.show(client.get(PAGES[name]).text.replace("<details", "<details open"))
    assert browser.width() <= width


@pytest.mark.parametrize("path", sorted(TEMPLATES.iterdir()), ids=lambda path: path.name)
def test_nothing_moves_or_blinks(path: Path) -> None:
    assert not re.search(r"transition|animation|scroll-behavior|<marquee|<blink", path.read_text("utf-8"))
