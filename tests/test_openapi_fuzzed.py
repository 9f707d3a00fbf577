"""What schemathesis makes up from /openapi.json: whatever is asked, the answer is one that the document tells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tales import tale

from cdshooks.engine.library import Library
from cdshooks.server import openapi
from cdshooks.server.app import create_app
from cdshooks.server.settings import read_settings

PATHS = yaml.safe_load((Path(openapi.__file__).parent / "schema" / "openapi.yaml").read_text("utf-8"))["paths"]
OPERATIONS = [(method, path) for path, item in PATHS.items() for method in item if method != "parameters"]
WITH_JSON = [
    (m, path)
    for m, path in OPERATIONS
    if "application/json" in PATHS[path][m].get("requestBody", {}).get("content", {})
]
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
FEW = settings(max_examples=6, suppress_health_check=list(HealthCheck), deadline=None, derandomize=True, database=None)
SIGN = "/cds-services/cart-order-sign"


class Demo:
    """A demo by its document; `known` is what is there, by the name of a parameter or the path of a form."""

    def __init__(self, library: Library, folder: Path) -> None:
        told = {"CDSHOOKS_MODE": "demo", "CDSHOOKS_DATABASE_URL": f"sqlite:///{folder}/store.db"}
        app = create_app(read_settings(told), library)
        http, body = app.test_client(), tale("guarded-evidence")
        (card,) = http.post(SIGN, json=body).get_json()["cards"]
        token = card["links"][0]["url"].rpartition("/")[2]
        form = http.get("/Questionnaire").get_json()["entry"][0]["resource"]["id"]
        self.parameters = {"token": token, "name": "mcl-complete", "service_id": "cart-order-sign", "id_": form}
        tickets = [_ticket(http.get(f"/dossier/{token}{end}").text) for end in ("", "/sensitive")]
        self.bodies: dict[str, Mapping[str, Any]] = {
            "/cds-services/{service_id}": body,
            "/dossier/{token}/attest": {"ticket": tickets[0], "name": "R. Nurse, RN", "says-dosage": "yes"},
            "/dossier/{token}/QuestionnaireResponse": _completed(http, token, body),
            "/dossier/{token}/sensitive": {"ticket": tickets[1], "name": "R. Nurse, RN"},
            "/demo/feedback": {"service_id": "cart-order-sign", "card": "c"},
        }
        self.schema = schemathesis.openapi.from_wsgi("/openapi.json", app)

    def fill(self, case: Any) -> None:
        """Put what is there in the place of what was made up."""
        case.path_parameters = {name: self.parameters.get(name, made) for name, made in case.path_parameters.items()}
        if "story" in case.query:
            case.query = {**case.query, "story": "mcl-missing-three"}
        if isinstance(case.body, dict) and case.path in self.bodies:
            case.body = {**case.body, **self.bodies[case.path]}


def _completed(http: FlaskClient, token: str, call: Mapping[str, Any]) -> dict[str, Any]:
    """The response that a form filler would send back."""
    entries = http.get(f"/dossier/{token}/bundle.json").get_json()["entry"]
    (response,) = [e["resource"] for e in entries if e["resource"]["resourceType"] == "QuestionnaireResponse"]
    subject = {"reference": f"Patient/{call['context']['patientId']}"}
    return {**response, "status": "completed", "authored": "2026-11-21T12:00:00Z", "subject": subject}


def _ticket(page: str) -> str:
    (found,) = re.findall(r'name="ticket" value="([^"]+)"', page)
    return str(found)


@pytest.fixture(scope="module")
def demo(shipped: Library, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return Demo(shipped, tmp_path_factory.mktemp("made-up"))


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_an_answer_is_one_that_the_document_tells(demo: Demo, method: str, path: str) -> None:
    @FEW
    @given(demo.schema[path][method].as_strategy())
    def asked(case: Any) -> None:
        case.call_and_validate(checks=CHECKS)

    asked()


@pytest.mark.parametrize(("method", "path"), [o for o in OPERATIONS if "{" in o[1] or o[1].startswith("/demo")])
def test_an_answer_about_what_is_there_is_one_that_the_document_tells(demo: Demo, method: str, path: str) -> None:
    seen = set()

    @FEW
    @given(demo.schema[path][method].as_strategy())
    def asked(case: Any) -> None:
        demo.fill(case)
        reply = case.call()
        seen.add(reply.status_code)
        case.validate_response(reply, checks=CHECKS)

    asked()
    assert seen & {200, 303}


@pytest.mark.parametrize(("method", "path"), WITH_JSON)
def test_what_the_document_does_not_allow_is_refused_as_it_tells(demo: Demo, method: str, path: str) -> None:
    @FEW
    @given(demo.schema[path][method].as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def asked(case: Any) -> None:
        case.call_and_validate(checks=CHECKS)

    asked()
