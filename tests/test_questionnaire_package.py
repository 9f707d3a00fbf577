"""$questionnaire-package: the Questionnaire by its name or a call's context, prefilled for its own client."""

from copy import deepcopy
from datetime import UTC, datetime

import pytest
from ehr import FHIR, PUBLIC, bearer, clients_file, clients_toml, token
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.parameters import Parameters
from sqlalchemy import text
from tales import tale
from test_dossier_pages import URL, Service
from test_questionnaire_response import code, items_of

from cdshooks.hooks.questionnaire_package import patient_ids, read_package_request
from cdshooks.server.store import open_store

PACKAGE = "/Questionnaire/$questionnaire-package"
WNC = "http://localhost/Questionnaire/wellcare-nc.wnc-cp-192"
STORY = "mcl-missing-three"


def parameters(*named, **resources):
    """The body of a call: canonicals and a context by name, resources by name."""
    values = [{"name": name, "valueCanonical" if name == "questionnaire" else "valueString": v} for name, v in named]
    return {
        "resourceType": "Parameters",
        "parameter": [*values, *({"name": name, "resource": found} for name, found in resources.items())],
    }


class Client:
    """A client that signs an order and then asks for its questionnaire."""

    def __init__(self, service, story=STORY):
        self.service = service
        body = deepcopy(tale(story))
        (self.order,) = [entry["resource"] for entry in body["context"]["draftOrders"]["entry"]]
        found = [e["resource"] for v in body["prefetch"].values() for e in (v or {}).get("entry", [])]
        found += [v for v in body["prefetch"].values() if v and v.get("resourceType") == "Coverage"]
        (self.coverage,) = [resource for resource in found if resource["resourceType"] == "Coverage"]
        self.card = service.http.post(URL, json=body).get_json()["cards"][0]
        determination = self.card["extension"]["org.cdshooks.determination"]
        self.context = f"cdshooks-{determination['decision']}"

    def ask(self, *named, **changed):
        resources = {"coverage": self.coverage, "order": self.order} | changed
        resources = {name: found for name, found in resources.items() if found}
        return self.service.http.post(PACKAGE, json=parameters(*named, **resources))

    def prefilled(self, **changed):
        """The response and what was said of it, asked for by the context."""
        reply = self.ask(("context", self.context), **changed)
        (_, response), told = contents(reply)
        return response, told


def contents(reply):
    """The resources of the one Bundle of an answer, and the sentences of its outcome."""
    assert reply.status_code == 200 and reply.mimetype == "application/fhir+json", reply.text
    Parameters.model_validate(reply.get_json())
    made = reply.get_json()["parameter"]
    (bundle,) = [parameter["resource"] for parameter in made if parameter["name"] == "packagebundle"]
    Bundle.model_validate(bundle)
    told = [i["details"]["text"] for p in made if p["name"] == "outcome" for i in p["resource"]["issue"]]
    return [entry["resource"] for entry in bundle["entry"]], told


def kinds(resources):
    return [resource["resourceType"] for resource in resources]


@pytest.fixture
def client(tmp_path):
    return Client(Service(tmp_path))


def test_the_context_leads_to_the_questionnaire_of_its_policy_with_the_answers_of_its_dossier(client):
    (questionnaire, response), told = contents(client.ask(("context", client.context)))
    assert kinds([questionnaire, response]) == ["Questionnaire", "QuestionnaireResponse"]
    assert response["questionnaire"] == f"{WNC}|2025-04" == f"{questionnaire['url']}|{questionnaire['version']}"
    assert response["subject"] == client.coverage["beneficiary"] and response["status"] == "in-progress"
    about = [extension["valueReference"]["reference"] for extension in response["extension"]]
    order, coverage = (f"{one['resourceType']}/{one['id']}" for one in (client.order, client.coverage))
    assert set(about) == {order, coverage}
    assert code(items_of(response)["fda-approved"]) == "on-file"
    (where,) = told
    assert client.card["links"][0]["url"] in where


def test_what_is_asked_twice_comes_once(client):
    (_, response), _ = contents(client.ask(("questionnaire", WNC), ("questionnaire", f"{WNC}|2025-04")))
    assert "item" not in response
    (_, response), _ = contents(client.ask(("questionnaire", WNC), ("context", client.context)))
    assert "item" in response


def test_without_a_context_there_is_a_response_without_answers(client):
    (_, response), told = contents(client.ask(("questionnaire", WNC)))
    assert "item" not in response and response["subject"] == client.coverage["beneficiary"] and not told
    (_, bare), _ = contents(client.service.http.post(PACKAGE, json=parameters(("questionnaire", WNC))))
    assert "subject" not in bare and "extension" not in bare


def test_another_questionnaire_than_that_of_the_context_is_not_prefilled(client):
    reply = client.ask(
        ("questionnaire", WNC.replace("wellcare-nc.wnc-cp-192", "bcbs.tecartus")), ("context", client.context)
    )
    bundles = [p["resource"] for p in reply.get_json()["parameter"] if p["name"] == "packagebundle"]
    responses = [bundle["entry"][1]["resource"] for bundle in bundles]
    assert [("item" in response) for response in responses] == [False, True]
    assert "bcbs.tecartus" in responses[0]["questionnaire"]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"coverage": {"beneficiary": {"reference": "Patient/other"}}}, "not of the patient"),
        ({"order": {"subject": {"reference": "Patient/other"}}}, "not of the patient"),
        ({"order": {"id": "another"}}, "not the one of the context"),
        ({"coverage": {"beneficiary": {"reference": "Group/x"}}}, "not of the patient"),
    ],
    ids=lambda part: str(part)[:50],
)
def test_nothing_is_prefilled_for_another_patient_or_order(client, changed, why):
    resources = {name: getattr(client, name) | parts for name, parts in changed.items()}
    response, told = client.prefilled(**resources)
    assert "item" not in response and why in told[0]


def test_nothing_is_prefilled_for_who_does_not_say_whose_it_is(client):
    response, told = client.prefilled(coverage=None, order=None)
    assert "item" not in response and "not of the patient" in told[0]


def test_what_people_said_comes_along(client):
    path = client.card["links"][0]["url"].removeprefix("http://localhost")
    data = {"ticket": client.service.ticket(path), "name": "R. Nurse, RN", "says-dosage": "yes"}
    assert client.service.http.post(f"{path}/attest", data=data).status_code == 303
    response, _ = client.prefilled()
    assert code(items_of(response)["dosage"]) == "confirmed" and "R. Nurse, RN" in str(items_of(response)["dosage"])


def test_a_dossier_that_is_gone_leaves_the_questionnaire(client):
    with open_store(client.service.url).writing() as connection:
        connection.execute(text("DELETE FROM dossiers"))
    response, told = client.prefilled()
    assert "item" not in response and told == ["not prefilled: the dossier of the context is not kept"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 400, "no Parameters resource"),
        ({"resourceType": "Parameters", "parameter": "x"}, 400, "neither a questionnaire nor a context"),
        (parameters(order={"resourceType": "MedicationRequest"}), 400, "order-sign"),
        (parameters(*[("questionnaire", WNC)] * 51), 400, "more than 50 questionnaires"),
        (parameters(("questionnaire", "http://other.example/Questionnaire/x")), 404, "wellcare-nc.wnc-cp-192.2025-04"),
        (parameters(("questionnaire", f"{WNC}|1999")), 404, "questionnaire 1 of the call is not on file"),
        (parameters(("context", "cdshooks-x")), 404, "no coverage-assertion-id of this caller"),
        (parameters(("context", "of another server")), 404, "no coverage-assertion-id of this caller"),
    ],
)
def test_what_cannot_be_answered_is_said(client, body, status, said):
    reply = client.service.http.post(PACKAGE, json=body)
    assert reply.status_code == status and reply.mimetype == "application/fhir+json"
    assert said in reply.get_json()["issue"][0]["details"]["text"]


def test_one_of_several_that_is_not_on_file_is_a_warning(client):
    _, told = contents(client.ask(("questionnaire", "http://x.example/q"), ("questionnaire", WNC)))
    assert told == ["questionnaire 1 of the call is not on file"]


def test_a_store_that_is_down_is_told(client):
    with open_store(client.service.url).writing() as connection:
        connection.execute(text("DROP TABLE decisions"))
    reply = client.ask(("context", client.context))
    assert reply.status_code == 503 and reply.headers["Retry-After"]


@pytest.mark.parametrize("value", [1, [], {}, [1], {"resourceType": "Parameters", "parameter": [1, {"name": 1}]}])
def test_no_shape_breaks_the_reading(client, value):
    assert client.service.http.post(PACKAGE, json=value).status_code == 400


def test_references_that_name_nobody_are_nobody_s():
    asked = read_package_request(
        parameters(
            ("context", "c"), coverage={"beneficiary": {"reference": "Patient/p1/_history/2"}}, order={"subject": 1}
        )
    )
    assert patient_ids(asked.subjects) == {"p1"} and asked.about == () and asked.decision == ""
    assert patient_ids([{"reference": "Group/p1"}]) == {"Group/p1"}


def test_the_context_of_another_client_is_nobody_s(tmp_path):
    other = clients_toml(name="other", issuer="https://other.example")
    path = str(clients_file(tmp_path, clients_toml(), other))
    service = Service(tmp_path, CDSHOOKS_CLIENTS=path, CDSHOOKS_PUBLIC_URL=PUBLIC)
    service.now = datetime.now(UTC)
    body = tale(STORY) | {"fhirServer": FHIR}
    (card, *_) = service.http.post(URL, json=body, headers=bearer()).get_json()["cards"]
    asked = parameters(("context", f"cdshooks-{card['extension']['org.cdshooks.determination']['decision']}"))
    address = PUBLIC + PACKAGE
    mine, theirs = (
        service.http.post(PACKAGE, json=asked, headers=bearer(token(aud=address, **changed)))
        for changed in ({}, {"iss": "https://other.example"})
    )
    assert mine.status_code == 200 and theirs.status_code == 404


def test_from_the_order_to_the_prefilled_response_by_what_the_order_was_told(tmp_path):
    service = Service(tmp_path, CDSHOOKS_PUBLIC_URL=PUBLIC)
    body = deepcopy(tale(STORY)) | {"extension": {"davinci-crd.requestedVersion": "2.2"}}
    (action,) = service.http.post(URL, json=body).get_json()["systemActions"]
    (information,) = [e for e in action["resource"]["extension"] if "ext-coverage-information" in e["url"]]
    said = {part["url"]: part for part in information["extension"]}
    canonical = said["questionnaire"]["valueCanonical"]
    address, _, version = canonical.removeprefix(PUBLIC).partition("|")
    assert service.http.get(address).get_json()["version"] == version == "2025-04"
    named = (("questionnaire", canonical), ("context", said["coverage-assertion-id"]["valueString"]))
    reply = service.http.post(PACKAGE, json=parameters(*named, order=action["resource"]))
    (_, response), _ = contents(reply)
    assert response["questionnaire"] == canonical and code(items_of(response)["fda-approved"]) == "on-file"
    about = [extension["valueReference"]["reference"] for extension in response["extension"]]
    assert said["coverage"]["valueReference"]["reference"] in about
