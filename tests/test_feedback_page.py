"""The feedback page: what the keeper of a policy sees, and who does not see it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from ehr import clients_file
from flask.testing import FlaskClient

from cdshooks.engine.library import Library
from cdshooks.server.app import create_app
from cdshooks.server.feedback_page import by_policy
from cdshooks.server.feedback_rates import NO_REASON, FeedbackRates, Rate
from cdshooks.server.settings import Settings, read_settings

SIGN = "/cds-services/cart-order-sign"
CANARY = "canary-words"


def settings_in(folder: Path) -> Settings:
    return read_settings({"CDSHOOKS_MODE": "demo", "CDSHOOKS_DATABASE_URL": f"sqlite:///{folder}/store.db"})


@pytest.fixture
def client(shipped: Library, tmp_path: Path) -> FlaskClient:
    return create_app(settings_in(tmp_path), shipped).test_client()


def fire(client: FlaskClient, story: str) -> str:
    (card,) = client.post(SIGN, json=client.get(f"/demo/stories/{story}").get_json()).get_json()["cards"]
    uuid: str = card["uuid"]
    return uuid


def override(client: FlaskClient, card: str, code: str, at: str) -> None:
    reason = {"reason": {"code": code, "system": CANARY}, "userComment": CANARY}
    entry = {"card": card, "outcome": "overridden", "overrideReason": reason, "outcomeTimestamp": at}
    assert client.post(f"{SIGN}/feedback", json={"feedback": [entry]}).status_code == 200


def flat(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_before_any_card_there_is_nothing_to_say(client: FlaskClient) -> None:
    assert "No card was shown since" in client.get("/feedback").text


def test_criteria_and_reasons_are_counted_and_nothing_else_is_told(client: FlaskClient) -> None:
    fire(client, "mcl-complete")
    card = fire(client, "mcl-missing-three")
    override(client, card, "clinically-urgent", "2026-11-21T10:00:00Z")
    override(client, card, CANARY, "2026-11-21T11:00:00Z")
    page = client.get("/feedback").text
    text = flat(page)
    assert "2 cards, 0 accepted (0 %), 1 overridden (50 %)" in text
    assert "HIV serology hiv 1 50 % 1 0 1" in text
    assert "Earlier CAR-T prior-car-t 0 0 % 2 0 1" in text
    assert "Clinically urgent, documents to follow 1 50 %" in text
    assert "A reason that is not ours 1 50 %" in text
    for untold in (CANARY, "mcl-1", "Synthetic", "demo-", card):
        assert untold not in page


def test_what_is_asked_of_a_person_stands_apart(client: FlaskClient) -> None:
    fire(client, "mcl-missing-three")
    first, _, asked = client.get("/feedback").text.partition("only a person can confirm")
    assert "HIV serology" in first and "letter-content" not in first and "letter-content" in asked


@pytest.mark.parametrize("since", ["", "0001-01-01", "9999-12-31", "2026-13-01", "<b>"])
def test_any_day_may_be_asked_for(client: FlaskClient, since: str) -> None:
    reply = client.get("/feedback", query_string={"since": since})
    assert reply.status_code == 200 and "<b>" not in reply.text


def test_a_policy_that_is_no_longer_on_file_is_told_by_its_id(shipped: Library) -> None:
    rates = FeedbackRates(
        (Rate("gone", 2, 1, 1),), (Rate("gone", 1, 0, 1, "old"),), (Rate("gone", 2, 0, 1, reason=NO_REASON),), 0
    )
    (told,) = by_policy(rates, shipped)
    assert [share.text for share in told.criteria] == ["old"]
    assert [(share.text, share.share) for share in told.reasons] == [("No coded reason", 0.5)]


def test_a_store_that_is_down_is_said_to_be(shipped: Library, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    settings = replace(settings_in(tmp_path), database_url=f"sqlite:///{tmp_path}/file/store.db")
    reply = create_app(settings, shipped).test_client().get("/feedback")
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "2")


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("10.1.2.3", {}, 404),
        ("127.0.0.1", {"X-Forwarded-For": "10.1.2.3"}, 404),
    ],
)
def test_in_production_it_is_for_the_networks_of_the_operator(
    shipped: Library, tmp_path: Path, address: str, headers: dict[str, str], status: int
) -> None:
    settings = replace(
        settings_in(tmp_path),
        mode="production",
        clients=clients_file(tmp_path),
        public_url="https://cds.hospital.example",
    )
    client = create_app(settings, shipped).test_client()
    reply = client.get("/feedback", headers=headers, environ_overrides={"REMOTE_ADDR": address})
    assert reply.status_code == status
