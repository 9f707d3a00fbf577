"""Response headers: which web pages may read an answer, and what is never missing from one."""

from __future__ import annotations

import pytest
from ehr import bearer, clients_file, clients_toml
from flask.testing import FlaskClient

from cdshooks.engine.library import Library
from cdshooks.server.app import create_app
from cdshooks.server.settings import read_settings

LISTED = "https://ehr.hospital.example"
PATH = "/cds-services/cart-order-sign"
CALL = {"hook": "order-sign", "hookInstance": "h", "context": {"patientId": "p1"}}


@pytest.fixture(scope="module")
def production(shipped: Library, tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder = tmp_path_factory.mktemp("site")
    environment = {
        "CDSHOOKS_CLIENTS": str(clients_file(folder, clients_toml(origins=[LISTED]))),
        "CDSHOOKS_PUBLIC_URL": "https://cds.hospital.example",
        "CDSHOOKS_DATABASE_URL": f"sqlite:///{folder}/store.db",
    }
    return create_app(read_settings(environment), shipped).test_client()


@pytest.fixture(scope="module")
def demo(shipped: Library) -> FlaskClient:
    return create_app(read_settings({"CDSHOOKS_MODE": "demo"}), shipped).test_client()


def preflight(origin: str) -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
        "Access-Control-Request-Private-Network": "true",
    }


@pytest.mark.parametrize("path", ["/cds-services", PATH, f"{PATH}/feedback"])
def test_a_listed_page_may_ask_without_a_token(production: FlaskClient, path: str) -> None:
    reply = production.options(path, headers=preflight(LISTED))
    assert reply.status_code == 204
    assert reply.headers["Access-Control-Allow-Origin"] == LISTED
    assert reply.headers["Access-Control-Allow-Headers"] == "authorization, content-type"
    assert reply.headers["Access-Control-Allow-Private-Network"] == "true"


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://ehr.hospital.example.evil.example",
        "https://evil.ehr.hospital.example",
        "http://ehr.hospital.example",
        "https://ehr.hospital.example:8443",
        "https://EHR.hospital.example",
        "null",
        "*",
    ],
)
def test_no_other_page_reads_an_answer(production: FlaskClient, origin: str) -> None:
    for reply in (
        production.options(PATH, headers=preflight(origin)),
        production.post(PATH, json=CALL, headers=bearer() | {"Origin": origin}),
        production.post(PATH, json=CALL, headers={"Origin": origin}),
        production.get("/health/live", headers={"Origin": origin}),
    ):
        assert not [name for name in reply.headers if name[0].startswith("Access-Control")]
        assert origin not in reply.headers.values()
        assert "Origin" in reply.headers["Vary"]


def test_a_listed_page_reads_refusals_too(production: FlaskClient) -> None:
    reply = production.post(PATH, json=CALL, headers={"Origin": LISTED})
    assert (reply.status_code, reply.headers["Access-Control-Allow-Origin"]) == (401, LISTED)


@pytest.mark.parametrize("path", ["/", "/health/live", "/cds-services", "/nowhere"])
def test_every_answer_of_production_is_hardened(production: FlaskClient, path: str) -> None:
    headers = production.get(path).headers
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Server"] == "cdshooks"
    assert "X-Cdshooks-Mode" not in headers


@pytest.mark.parametrize("path", ["/", "/health/live", "/cds-services", "/nowhere"])
def test_every_answer_of_a_demo_says_so(demo: FlaskClient, path: str) -> None:
    headers = demo.get(path, headers={"Origin": "https://any.example"}).headers
    assert headers["X-Cdshooks-Mode"] == "demo"
    assert headers["Access-Control-Allow-Origin"] == "https://any.example"
    assert "Strict-Transport-Security" not in headers
