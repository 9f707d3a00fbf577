"""The home page, the demo EHR and the feedback page in Chromium: WCAG 2.2 AA as axe-core sees it, wide and narrow."""

from __future__ import annotations

from pathlib import Path

import pytest
from chromium import chromium, faults_of, width_of
from flask.testing import FlaskClient

from cdshooks.engine.library import Library
from cdshooks.server.app import create_app
from cdshooks.server.settings import read_settings

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


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_wrong_with_a_page(client: FlaskClient, tmp_path: Path, name: str) -> None:
    page = client.get(PAGES[name]).text.replace("<details", "<details open")
    assert faults_of(page, tmp_path, 1280) == []


@pytest.mark.parametrize("name", ["home", "card", "feedback"])
def test_a_page_fits_a_window_of_400_pixels(client: FlaskClient, tmp_path: Path, name: str) -> None:
    page = client.get(PAGES[name]).text
    assert width_of(page.replace("<details", "<details open"), tmp_path, 400) <= 400
    assert faults_of(page, tmp_path, 400) == []
