"""The routes of the questionnaires, as a client of Da Vinci DTR calls them."""

from datetime import UTC, datetime

import pytest
from ehr import PUBLIC, bearer, clients_file, token
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.questionnaire import Questionnaire
from test_dossier_pages import Service

POLICY = "wellcare-nc.wnc-cp-192"
FHIR_JSON = "application/fhir+json"


@pytest.fixture
def service(tmp_path):
    return Service(tmp_path)


@pytest.mark.parametrize("id_", [POLICY, f"{POLICY}.2025-04"])
def test_a_questionnaire_is_read_at_its_canonical_and_by_its_id(service, id_):
    reply = service.http.get(f"/Questionnaire/{id_}")
    assert reply.status_code == 200 and reply.mimetype == FHIR_JSON
    Questionnaire.model_validate(reply.get_json())
    assert reply.get_json()["url"] == f"http://localhost/Questionnaire/{POLICY}"


def test_one_that_is_not_on_file_is_refused_with_those_that_are(service):
    reply = service.http.get("/Questionnaire/other")
    assert reply.status_code == 404 and reply.mimetype == FHIR_JSON
    assert f"{POLICY}.2025-04" in reply.get_json()["issue"][0]["details"]["text"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 3),
        (f"?url=http://localhost/Questionnaire/{POLICY}", 1),
        (f"?url=http://localhost/Questionnaire/{POLICY}&version=2025-04", 1),
        (f"?url=http://localhost/Questionnaire/{POLICY}|2025-04", 1),
        (f"?url=http://localhost/Questionnaire/{POLICY}&version=1999", 0),
        ("?url=http://other.example/Questionnaire/x", 0),
    ],
)
def test_they_are_searched_by_canonical_and_version(service, query, count):
    reply = service.http.get(f"/Questionnaire{query}")
    assert reply.status_code == 200 and reply.mimetype == FHIR_JSON
    Bundle.model_validate(reply.get_json())
    assert reply.get_json()["total"] == count == len(reply.get_json().get("entry", []))


def test_each_entry_of_a_search_can_be_read_at_its_address(service):
    for entry in service.http.get("/Questionnaire").get_json()["entry"]:
        assert service.http.get(entry["fullUrl"].removeprefix("http://localhost")).get_json() == entry["resource"]


def test_registered_clients_alone_read_them_in_production(tmp_path):
    path = str(clients_file(tmp_path))
    service = Service(tmp_path, CDSHOOKS_MODE="production", CDSHOOKS_CLIENTS=path, CDSHOOKS_PUBLIC_URL=PUBLIC)
    service.now = datetime.now(UTC)
    address = f"/Questionnaire/{POLICY}"
    assert service.http.get(address).status_code == 401
    allowed = bearer(token(aud=PUBLIC + address))
    assert service.http.get(address, headers=allowed).get_json()["url"] == PUBLIC + address
    assert service.http.get(address, headers=allowed).status_code == 401  # a token is good for one call


def test_a_web_page_may_read_them_in_a_demo(service):
    reply = service.http.get("/Questionnaire", headers={"Origin": "https://sandbox.example"})
    assert reply.headers["Access-Control-Allow-Origin"] == "https://sandbox.example"
