"""/openapi.json: a valid document, of every route and nothing else, that every answer keeps to."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ehr import PUBLIC, bearer, clients_file, token
from flask import Flask
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from tales import tale

from cdshooks.engine.library import Library
from cdshooks.server import callers
from cdshooks.server.app import create_app
from cdshooks.server.settings import read_settings

SIGN = "/cds-services/cart-order-sign"
ENTRY = {"card": "c", "outcome": "accepted", "outcomeTimestamp": "2026-11-21T09:00:00Z"}
TOO_LARGE = b" " * (20 * 1024 * 1024 + 1)
FORM_TOO_LARGE = {"name": "x" * 200_000}
JSON = "application/json"
FEEDBACK = f"{SIGN}/feedback"
POLICY = "/Questionnaire/wellcare-nc.wnc-cp-192"
POSTED = "/dossier/{token}/QuestionnaireResponse"
PACKAGE = "/Questionnaire/$questionnaire-package"


class Sites:
    """A demo, a hospital's production, a demo whose store is down, and one that is too busy."""

    def __init__(self, library: Library, folder: Path) -> None:
        demo = read_settings({"CDSHOOKS_MODE": "demo", "CDSHOOKS_DATABASE_URL": f"sqlite:///{folder}/demo.db"})
        (folder / "file").write_text("no folder")
        self.hospital_settings = replace(
            demo,
            mode="production",
            clients=clients_file(folder),
            public_url=PUBLIC,
            address_rate=5,
            database_url=f"sqlite:///{folder}/hospital.db",
        )
        self.apps: dict[str, Flask] = {
            "demo": create_app(demo, library),
            "hospital": create_app(self.hospital_settings, library),
            "down": create_app(replace(demo, database_url=f"sqlite:///{folder}/file/x.db"), library),
        }
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(callers, "AT_ONCE", 0)
            self.apps["busy"] = create_app(demo, library)
        self.http = {name: app.test_client() for name, app in self.apps.items()}

    def document(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http[name].get("/openapi.json").get_json()
        return found

    def dossier(self, story: str = "mcl-missing-three") -> str:
        (card, *_) = self.http["demo"].post(SIGN, json=tale(story)).get_json()["cards"]
        return str(card["links"][0]["url"]).removeprefix("http://localhost")

    def ticket(self, path: str) -> str:
        (found,) = re.findall(r'name="ticket" value="([^"]+)"', self.http["demo"].get(path).text)
        return str(found)


@pytest.fixture(scope="module")
def sites(shipped: Library, tmp_path_factory: pytest.TempPathFactory) -> Sites:
    return Sites(shipped, tmp_path_factory.mktemp("sites"))


Made = Callable[[Sites], Any]


def on(name: str, method: str, url: str, **sent: Any) -> Made:
    return lambda sites: sites.http[name].open(url, method=method, **sent)


def until_429(method: str, url: str, **sent: Any) -> Made:
    """Call as a registered EHR until there were too many calls in a second."""

    def call(sites: Sites) -> Any:
        for _ in range(20):
            reply = sites.http["hospital"].open(
                url,
                method=method,
                headers=bearer(token(aud=PUBLIC + url)),
                environ_base={"REMOTE_ADDR": "10.9.9.9"},
                **sent,
            )
            if reply.status_code == 429:
                break
        return reply

    return call


def of_dossier(method: str, end: str, **data: Any) -> Made:
    def call(sites: Sites) -> Any:
        path = sites.dossier()
        if data.pop("with_ticket", False):
            data["ticket"] = sites.ticket(path + (end if end == "/sensitive" else ""))
        return sites.http["demo"].open(path + end, method=method, data=data or None)

    return call


def attested(**said: str) -> Made:
    return of_dossier("POST", "/attest", with_ticket=True, **said)


def opened(**said: str) -> Made:
    def call(sites: Sites) -> Any:
        path = f"{sites.dossier('guarded-evidence')}/sensitive"
        return sites.http["demo"].post(path, data={"ticket": sites.ticket(path), **said})

    return call


def asking(canonical: str) -> dict[str, Any]:
    """A call of the package operation."""
    return {"resourceType": "Parameters", "parameter": [{"name": "questionnaire", "valueCanonical": canonical}]}


def posted(**sent: Any) -> Made:
    """Post a response under a dossier's link: the dossier's own, completed, or something else."""

    def call(sites: Sites) -> Any:
        path = sites.dossier()
        if sent.get("json"):
            response = sites.http["demo"].get(f"{path}/bundle.json").get_json()["entry"][2]["resource"]
            whose = tale("mcl-missing-three")["context"]["patientId"]
            sent["json"] = response | {"status": "completed", "subject": {"reference": f"Patient/{whose}"}}
        return sites.http["demo"].post(f"{path}/QuestionnaireResponse", **sent)

    return call


CALLS: dict[tuple[str, str, int], Made] = {
    ("get", "/cds-services", 200): on("demo", "GET", "/cds-services"),
    ("get", "/cds-services", 401): on("hospital", "GET", "/cds-services"),
    ("get", "/cds-services", 429): until_429("GET", "/cds-services"),
    ("get", "/cds-services", 503): on("busy", "GET", "/cds-services"),
    ("post", "/cds-services/{service_id}", 200): on("demo", "POST", SIGN, json=tale("mcl-missing-three")),
    ("post", "/cds-services/{service_id}", 400): on("demo", "POST", SIGN, json={}),
    ("post", "/cds-services/{service_id}", 401): on("hospital", "POST", SIGN, json={}),
    ("post", "/cds-services/{service_id}", 404): on("demo", "POST", "/cds-services/other", json={}),
    ("post", "/cds-services/{service_id}", 413): on("demo", "POST", SIGN, data=TOO_LARGE, content_type=JSON),
    ("post", "/cds-services/{service_id}", 415): on("demo", "POST", SIGN, data=b"{}"),
    ("post", "/cds-services/{service_id}", 429): until_429("POST", SIGN, json={}),
    ("post", "/cds-services/{service_id}", 503): on("busy", "POST", SIGN, json={}),
    ("post", "/cds-services/{service_id}/feedback", 200): on("demo", "POST", FEEDBACK, json={"feedback": [ENTRY]}),
    ("post", "/cds-services/{service_id}/feedback", 400): on("demo", "POST", FEEDBACK, json={}),
    ("post", "/cds-services/{service_id}/feedback", 401): on("hospital", "POST", FEEDBACK, json={}),
    ("post", "/cds-services/{service_id}/feedback", 404): on("demo", "POST", "/cds-services/other/feedback", json={}),
    ("post", "/cds-services/{service_id}/feedback", 413): on(
        "demo", "POST", FEEDBACK, data=TOO_LARGE, content_type=JSON
    ),
    ("post", "/cds-services/{service_id}/feedback", 415): on("demo", "POST", FEEDBACK, data=b"{}"),
    ("post", "/cds-services/{service_id}/feedback", 429): until_429("POST", FEEDBACK, json={}),
    ("post", "/cds-services/{service_id}/feedback", 503): on("down", "POST", FEEDBACK, json={"feedback": [ENTRY]}),
    ("get", "/Questionnaire", 200): on("demo", "GET", "/Questionnaire"),
    ("get", "/Questionnaire", 401): on("hospital", "GET", "/Questionnaire"),
    ("get", "/Questionnaire", 429): until_429("GET", "/Questionnaire"),
    ("get", "/Questionnaire", 503): on("busy", "GET", "/Questionnaire"),
    ("get", "/Questionnaire/{id_}", 200): on("demo", "GET", POLICY),
    ("get", "/Questionnaire/{id_}", 401): on("hospital", "GET", POLICY),
    ("get", "/Questionnaire/{id_}", 404): on("demo", "GET", "/Questionnaire/x"),
    ("get", "/Questionnaire/{id_}", 429): until_429("GET", POLICY),
    ("get", "/Questionnaire/{id_}", 503): on("busy", "GET", POLICY),
    ("post", PACKAGE, 200): on("demo", "POST", PACKAGE, json=asking("http://localhost" + POLICY)),
    ("post", PACKAGE, 400): on("demo", "POST", PACKAGE, json={}),
    ("post", PACKAGE, 401): on("hospital", "POST", PACKAGE, json={}),
    ("post", PACKAGE, 404): on("demo", "POST", PACKAGE, json=asking("http://localhost/Questionnaire/x")),
    ("post", PACKAGE, 413): on("demo", "POST", PACKAGE, data=TOO_LARGE, content_type=JSON),
    ("post", PACKAGE, 415): on("demo", "POST", PACKAGE, data=b"{}"),
    ("post", PACKAGE, 429): until_429("POST", PACKAGE, json={}),
    ("post", PACKAGE, 503): on("busy", "POST", PACKAGE, json={}),
    ("get", "/dossier/{token}", 200): of_dossier("GET", ""),
    ("get", "/dossier/{token}", 404): on("demo", "GET", "/dossier/x"),
    ("get", "/dossier/{token}/packet", 200): of_dossier("GET", "/packet"),
    ("get", "/dossier/{token}/packet", 404): on("demo", "GET", "/dossier/x/packet"),
    ("get", "/dossier/{token}/map.csv", 200): of_dossier("GET", "/map.csv"),
    ("get", "/dossier/{token}/map.csv", 404): on("demo", "GET", "/dossier/x/map.csv"),
    ("get", "/dossier/{token}/bundle.json", 200): of_dossier("GET", "/bundle.json"),
    ("get", "/dossier/{token}/bundle.json", 404): on("demo", "GET", "/dossier/x/bundle.json"),
    ("post", "/dossier/{token}/attest", 303): attested(name="R. Nurse, RN", **{"says-dosage": "yes"}),
    ("post", "/dossier/{token}/attest", 404): on("demo", "POST", "/dossier/x/attest"),
    ("post", "/dossier/{token}/attest", 413): of_dossier("POST", "/attest", **FORM_TOO_LARGE),
    ("post", "/dossier/{token}/attest", 422): attested(name=" "),
    ("post", POSTED, 200): posted(json=True),
    ("post", POSTED, 400): posted(data=b"{}", content_type=JSON),
    ("post", POSTED, 404): on("demo", "POST", "/dossier/x/QuestionnaireResponse", json={}),
    ("post", POSTED, 413): posted(data=b" " * 1_000_001, content_type=JSON),
    ("post", POSTED, 415): posted(data=b"{}"),
    ("post", POSTED, 422): posted(data=b'{"resourceType": "QuestionnaireResponse"}', content_type=JSON),
    ("get", "/dossier/{token}/sensitive", 200): of_dossier("GET", "/sensitive"),
    ("get", "/dossier/{token}/sensitive", 404): on("demo", "GET", "/dossier/x/sensitive"),
    ("post", "/dossier/{token}/sensitive", 200): opened(name="R. Nurse, RN"),
    ("post", "/dossier/{token}/sensitive", 404): on("demo", "POST", "/dossier/x/sensitive"),
    ("post", "/dossier/{token}/sensitive", 413): of_dossier("POST", "/sensitive", **FORM_TOO_LARGE),
    ("post", "/dossier/{token}/sensitive", 422): opened(name=" "),
    ("get", "/", 200): on("hospital", "GET", "/"),
    ("get", "/feedback", 200): on("demo", "GET", "/feedback"),
    ("get", "/feedback", 404): on("hospital", "GET", "/feedback", headers={"X-Forwarded-For": "10.0.0.1"}),
    ("get", "/feedback", 503): on("down", "GET", "/feedback"),
    ("get", "/demo", 200): on("demo", "GET", "/demo?signed=yes"),
    ("get", "/demo", 404): on("demo", "GET", "/demo?story=other"),
    ("get", "/demo", 503): on("busy", "GET", "/demo"),
    ("post", "/demo/feedback", 303): on(
        "demo", "POST", "/demo/feedback", data={"service_id": "cart-order-sign", "card": "c"}
    ),
    ("post", "/demo/feedback", 400): on("demo", "POST", "/demo/feedback", data={"service_id": "cart-order-sign"}),
    ("post", "/demo/feedback", 404): on("demo", "POST", "/demo/feedback", data={"service_id": "other"}),
    ("post", "/demo/feedback", 503): on("busy", "POST", "/demo/feedback"),
    ("get", "/demo/stories", 200): on("demo", "GET", "/demo/stories"),
    ("get", "/demo/stories", 503): on("busy", "GET", "/demo/stories"),
    ("get", "/demo/stories/{name}", 200): on("demo", "GET", "/demo/stories/mcl-complete"),
    ("get", "/demo/stories/{name}", 404): on("demo", "GET", "/demo/stories/other"),
    ("get", "/demo/stories/{name}", 503): on("busy", "GET", "/demo/stories/mcl-complete"),
    ("get", "/health/live", 200): on("demo", "GET", "/health/live"),
    ("get", "/health/ready", 200): on("demo", "GET", "/health/ready"),
    ("get", "/health/ready", 503): on("down", "GET", "/health/ready"),
    ("get", "/metrics", 200): on("demo", "GET", "/metrics"),
    ("get", "/metrics", 404): on("hospital", "GET", "/metrics", headers={"X-Forwarded-For": "10.0.0.1"}),
    ("get", "/openapi.json", 200): on("demo", "GET", "/openapi.json"),
}


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield method, path, operation


def routes(app: Flask) -> set[tuple[str, str]]:
    return {
        (method.lower(), re.sub(r"<([^>]+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


@pytest.mark.parametrize("name", ["demo", "hospital"])
def test_the_document_is_openapi_of_every_route_and_nothing_else(sites: Sites, name: str) -> None:
    document = sites.document(name)
    validate(document)
    assert {(method, path) for method, path, _ in operations(document)} == routes(sites.apps[name])


def test_every_status_that_is_told_is_tried_and_no_other(sites: Sites) -> None:
    told = {
        (method, path, int(status))
        for name in ("demo", "hospital")
        for method, path, operation in operations(sites.document(name))
        for status in operation["responses"]
    }
    assert told == set(CALLS)


@pytest.mark.parametrize(("method", "path", "status"), CALLS, ids=lambda part: str(part))
def test_an_answer_is_as_the_document_tells_it(sites: Sites, method: str, path: str, status: int) -> None:
    reply = CALLS[method, path, status](sites)
    assert reply.status_code == status, reply.text[:500]
    document = sites.document("demo" if path.startswith("/demo") else "hospital")
    told = document["paths"][path][method]["responses"][str(status)]
    if "$ref" in told:
        told = document["components"]["responses"][told["$ref"].rsplit("/", 1)[1]]
    for header in told.get("headers", {}):
        assert header in reply.headers
    if "content" not in told:
        assert status == 303 or (status == 401 and not reply.data)
        return
    schema = told["content"][reply.mimetype]["schema"]
    value = json.loads(reply.data) if "json" in reply.mimetype else reply.text
    Draft202012Validator({**schema, "components": document["components"]}).validate(value)


def test_every_story_and_its_answer_are_as_the_document_tells_them(sites: Sites) -> None:
    document, client = sites.document("demo"), sites.http["demo"]
    schemas = document["components"]
    call = Draft202012Validator({"$ref": "#/components/schemas/Call", "components": schemas})
    answer = Draft202012Validator({"$ref": "#/components/schemas/Answer", "components": schemas})
    for story in client.get("/demo/stories").get_json()["stories"]:
        body = client.get(story["url"]).get_json()
        call.validate(body)
        answer.validate(client.post(f"/cds-services/cart-{body['hook']}", json=body).get_json())


def test_a_demo_tells_nothing_of_tokens_and_production_nothing_of_the_demo(sites: Sites) -> None:
    assert "securitySchemes" not in sites.document("demo")["components"]
    hospital = sites.document("hospital")
    assert not [path for path in hospital["paths"] if path.startswith("/demo")]
    assert hospital["servers"] == [{"url": PUBLIC}]
    assert hospital["paths"]["/cds-services"]["get"]["security"] == [{"cdsClient": []}]
