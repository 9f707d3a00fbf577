"""The home page: what is in force, what is due, how old the roster is; no name of a facility."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from ehr import clients_file
from flask.testing import FlaskClient
from test_registry import origin

from cdshooks.engine.library import Library
from cdshooks.server.app import create_app
from cdshooks.server.home import Due, due_next, policies_on
from cdshooks.server.registry import import_rows
from cdshooks.server.settings import read_settings
from cdshooks.server.store import open_store

TODAY = date(2026, 11, 21)


def page_on(library: Library, folder: Path, moment: str = "2026-11-21T12:00:00+00:00") -> FlaskClient:
    settings = read_settings({"CDSHOOKS_MODE": "demo", "CDSHOOKS_DATABASE_URL": f"sqlite:///{folder}/store.db"})
    return create_app(
        settings, library, clock=lambda zone: datetime.fromisoformat(moment).astimezone(zone)
    ).test_client()


def test_what_is_due_comes_by_its_day_and_names_no_facility(shipped: Library) -> None:
    (row, *_) = shipped.rosters
    rosters = [
        replace(row, valid_until=until) for until in (date(2027, 1, 1), date(2026, 12, 1), date(2027, 1, 1), None)
    ]
    due = due_next(policies_on(shipped, TODAY), rosters)
    assert due[:2] == [
        Due(date(2026, 12, 1), "1 treatment-center row ends"),
        Due(date(2027, 1, 1), "2 treatment-center rows end"),
    ]
    read_again = {one.what for one in due[2:]}
    assert read_again == {f"{p.id} {p.version} is read again" for p in shipped.policies if p.review_due}
    assert row.facility_name not in str(due)


def test_what_is_late_is_marked(shipped: Library, tmp_path: Path) -> None:
    early = page_on(shipped, tmp_path, "2026-01-01T12:00:00+00:00").get("/").text
    late = page_on(shipped, tmp_path, "2028-01-01T12:00:00+00:00").get("/").text
    assert "(late)" not in early and 'is read again <span class="late">(late)</span>' in late


def test_a_demo_leads_to_its_ehr_and_says_that_the_centers_are_made_up(shipped: Library, tmp_path: Path) -> None:
    page = page_on(shipped, tmp_path).get("/").text
    assert 'href="/demo"' in page and "made-up ones of the demo" in page
    assert page.count("DEMO MODE") == 2


def test_production_says_how_to_be_registered_and_leads_to_no_demo(shipped: Library, tmp_path: Path) -> None:
    settings = replace(
        read_settings({"CDSHOOKS_DATABASE_URL": f"sqlite:///{tmp_path}/store.db"}),
        clients=clients_file(tmp_path),
        public_url="https://cds.hospital.example",
    )
    page = create_app(settings, shipped).test_client().get("/").text
    assert "https://cds.hospital.example/cds-services" in page and "Registered EHRs only" in page
    assert "demo" not in page.lower()


def test_the_age_of_the_registry_is_told(shipped: Library, tmp_path: Path) -> None:
    assert "Nothing was imported into the registry yet" in page_on(shipped, tmp_path).get("/").text
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    import_rows(store, [replace(shipped.rosters[0], synthetic=False)], origin("2026-11-09"), keep_others=True)
    store.close()
    page = page_on(shipped, tmp_path).get("/").text
    assert "Registry version 1, made on 2026-11-09, 12 days ago." in page
