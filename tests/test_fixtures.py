"""The stories under fhir_fixtures/: valid FHIR, marked as test data, written again byte for byte."""

import json
import os
import subprocess
import sys
from datetime import date
from functools import cache
from pathlib import Path

import pytest
import yaml
from fhir.resources.R4B import get_fhir_model_class

from cdshooks.engine.library import load_library
from cdshooks.hooks.discovery import HOOKS, service_of
from cdshooks.hooks.request import hook_of
from cdshooks.hooks.request import read_request as read_body
from cdshooks.hooks.service import answer

FIXTURES = Path(__file__).parent.parent / "fhir_fixtures"
CARDS = FIXTURES.parent / "cards"
AS_OF = date(2026, 11, 21)
CLINICAL = {"rxnorm", "ndc", "hcpcs", "cpt", "icd10cm", "icd10pcs", "snomed", "loinc"}
STORIES = sorted(path.parent for path in (FIXTURES / "stories").glob("*/request.json"))
WRITTEN = {"request.json", "story.yaml"}
CRITERIA = set(
    """
    fda-approved indication dosage dosage-form warnings center rems prior-car-t psychosocial-limits
    non-compliance rescue-transplant letter letter-content center-proof hiv hbsag anti-hbc anti-hcv
    marrow-biopsy other-tests psych-eval social-eval eval-compliance eval-support eval-care-plan eval-history
    pathology cyclin-d1 t-11-14 flow-cytometry cytogenetics molecular prior-therapy ecog organ-labs lvef
    center-letter necessity-letter
    """.split()
)
OUTCOMES = {
    "ready",
    "could-not-check",
    "documentation-missing",
    "review-needed",
    "criterion-not-met",
    "exclusion-found",
}
SIGNED = {"userId", "patientId", "encounterId", "draftOrders"}
CONTEXTS = {
    "order-sign": SIGNED,
    "order-select": SIGNED | {"selections"},
    "order-dispatch": {"patientId", "dispatchedOrders", "performer", "fulfillmentTasks"},
    "patient-view": SIGNED - {"draftOrders"},
}
FINDINGS = ("met", "not_met", "missing", "stale", "could_not_check", "attest")

each_story = pytest.mark.parametrize("folder", STORIES, ids=lambda folder: folder.name)


def read_request(folder):
    return json.loads((folder / "request.json").read_text(encoding="utf-8"))


@cache
def library():
    return load_library(CARDS)


def determinations(folder):
    """What the cards say, each as the EHR receives it."""
    body = (folder / "request.json").read_bytes()
    service = service_of(hook_of(body))
    answered = answer(read_body(body, service, HOOKS[service]), library(), AS_OF)
    assert answered.failure is None
    return [card["extension"]["org.cdshooks.determination"] for card in answered.body["cards"]]


def found_as(determination, outcome):
    return {item["criterion"] for item in determination["findings"] if item["outcome"] == outcome}


def read_story(folder):
    return yaml.safe_load((folder / "story.yaml").read_text(encoding="utf-8"))


def resources(value):
    """Every resource in a request, contained ones too; of a Bundle, its entries."""
    if isinstance(value, list):
        for item in value:
            yield from resources(item)
    elif isinstance(value, dict):
        if value.get("resourceType", "Bundle") != "Bundle":
            yield value
        for item in value.values():
            yield from resources(item)


def bundles(request):
    if "draftOrders" in request["context"]:
        yield request["context"]["draftOrders"]
    yield from (value for value in request["prefetch"].values() if (value or {}).get("resourceType") == "Bundle")


def whole_resources(request):
    """The resources as they were sent: single ones and the entries of Bundles, without looking into them."""
    yield from (entry["resource"] for bundle in bundles(request) for entry in bundle["entry"])
    yield from (
        value
        for value in request["prefetch"].values()
        if (value or {"resourceType": "Bundle"})["resourceType"] != "Bundle"
    )


def test_there_are_enough_stories():
    assert len(STORIES) >= 14


def test_the_generator_writes_the_committed_files_byte_for_byte(tmp_path):
    for source in FIXTURES.glob("*.py"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    subprocess.run(
        [sys.executable, "make_stories.py"],
        cwd=tmp_path,
        check=True,
        env=os.environ | {"PYTHONHASHSEED": "1", "TZ": "Pacific/Auckland"},
    )
    written = {
        path.relative_to(tmp_path): path.read_bytes() for path in (tmp_path / "stories").rglob("*") if path.is_file()
    }
    committed = {
        path.relative_to(FIXTURES): path.read_bytes()
        for path in (FIXTURES / "stories").rglob("*")
        if path.name in WRITTEN | {"README.md"}
    }
    assert sorted(written) == sorted(committed)
    assert [path for path in written if written[path] != committed[path]] == []


@pytest.mark.parametrize(
    "folder", [f for f in STORIES if not f.name.startswith("epic-")], ids=lambda folder: folder.name
)
def test_every_resource_is_valid_fhir_r4(folder):
    for resource in whole_resources(read_request(folder)):
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)


@each_story
def test_every_resource_is_marked_as_test_data(folder):
    request = read_request(folder)
    unmarked = [item["id"] for item in resources(request) if item["meta"]["tag"][0]["code"] != "HTEST"]
    unmarked += [bundle["type"] for bundle in bundles(request) if bundle["meta"]["tag"][0]["code"] != "HTEST"]
    assert unmarked == []
    (person,) = [item for item in resources(request) if item["resourceType"] == "Patient"]
    assert [name["family"] for name in person["name"]] == ["Synthetic"]


@each_story
def test_the_request_is_a_whole_request_of_its_hook(folder):
    request = read_request(folder)
    assert request["fhirServer"] == "https://ehr.example.org/r4"
    assert CONTEXTS[request["hook"]] - set(request["context"]) <= {
        "encounterId",
        "fulfillmentTasks",
    }  # both are optional
    assert set(request["context"]) <= CONTEXTS[request["hook"]]
    assert request["context"].get("draftOrders", {"type": "collection"})["type"] == "collection"
    for bundle in bundles(request):
        assert bundle.get("total", len(bundle["entry"])) in (len(bundle["entry"]), 0)


@each_story
def test_no_two_resources_share_an_id(folder):
    named = [f"{item['resourceType']}/{item['id']}" for item in whole_resources(read_request(folder))]
    assert len(named) == len(set(named))


@each_story
def test_charts_have_a_realistic_size(folder):
    count = sum(1 for _ in whole_resources(read_request(folder)))
    assert count <= 400 and (count >= 120 or folder.name.startswith("prefetch-"))


@cache
def known_codes():
    """Every (system, code) of the card library, systems by their short id; an NDC without hyphens, 5-4-2."""
    ids = {}
    for system in yaml.safe_load((CARDS / "systems.yaml").read_text(encoding="utf-8"))["systems"]:
        ids |= {system["uri"]: system["id"], f"urn:oid:{system.get('oid')}": system["id"]}
    known = set()
    for path in (CARDS / "valuesets").glob("*.json"):
        for include in json.loads(path.read_text(encoding="utf-8")).get("compose", {}).get("include", []):
            known |= {(ids.get(include["system"]), item["code"]) for item in include["concept"]}
    for path in (CARDS / "products").glob("*.yaml"):
        for code in yaml.safe_load(path.read_text(encoding="utf-8")).get("codes", []):
            known.add((code["system"], code["code"]))
            known.add((code["system"], "".join(map(str.zfill, code["code"].split("-"), (5, 4, 2)))))
    return ids, known


def codings(value):
    if isinstance(value, list):
        for item in value:
            yield from codings(item)
    elif isinstance(value, dict):
        yield from value.get("coding", [])
        for item in value.values():
            yield from codings(item)


@each_story
def test_every_clinical_code_is_one_that_the_card_library_knows(folder):
    ids, known = known_codes()
    used = {(ids.get(item["system"]), item["code"]) for item in codings(read_request(folder))}
    assert {pair for pair in used if pair[0] in CLINICAL} - known == set()


@each_story
def test_the_story_expects_words_of_the_contract(folder):
    story = read_story(folder)
    expect = story["expect"]
    assert story["name"] == folder.name and str(story["as_of"]) == "2026-11-21"
    assert story["patient"] == read_request(folder)["context"]["patientId"]
    assert expect.get("outcome", "ready") in OUTCOMES
    assert {criterion for word in FINDINGS for criterion in expect.get(word, [])} <= CRITERIA


@each_story
def test_the_answer_is_what_the_story_expects(folder):
    expect = read_story(folder)["expect"]
    told = determinations(folder)
    assert len(told) == expect.get("cards", 1)
    for determination in told:
        assert determination["outcome"] == expect.get("outcome", determination["outcome"])
        assert policy_of(determination) == expect.get("policy", policy_of(determination))
        assert determination.get("serviceDate", "").startswith(expect.get("service_date", ""))
        assert determination.get("recognizedBy", "").startswith(expect.get("recognized_by", ""))
        for word in FINDINGS:
            assert set(expect.get(word, [])) <= found_as(determination, word.replace("_", "-"))
        for word in ("missing", "stale", "findings"):
            found = determination["findings"] if word == "findings" else found_as(determination, word)
            assert word not in expect or sorted(expect[word]) == sorted(found)


def policy_of(determination):
    return (determination.get("policy") or {}).get("id")


def test_each_of_two_orders_gets_the_card_of_its_product():
    (folder,) = (folder for folder in STORIES if folder.name == "two-orders")
    told = {item["order"]: item["product"] for item in determinations(folder)}
    expected = read_story(folder)["expect"]["orders"]
    assert told == {f"MedicationRequest/{order}": product for order, product in expected.items()}


def test_records_that_are_no_evidence_are_named_with_their_reason():
    (folder,) = (folder for folder in STORIES if folder.name == "guarded-evidence")
    (told,) = determinations(folder)
    assert {item["reference"].partition("mcl-15-")[2]: item["why"] for item in told["leftOut"]} == {
        "hiv-other": "another patient",
        "hbsag": "entered-in-error",
        "anti-hcv": "unreadable",
        "marrow": "preliminary",
        "psychology": "entered-in-error",
        "social-work": "future-dated",
    }


def test_hook_instances_differ():
    instances = [read_request(folder)["hookInstance"] for folder in STORIES]
    assert len(instances) == len(set(instances))


def test_every_product_outcome_policy_and_hook_has_a_story():
    told = [item for folder in STORIES for item in determinations(folder)]
    approved = {product.id for product in library().products.by_id.values() if product.approved}
    assert approved <= {item.get("product") for item in told}
    assert {item["outcome"] for item in told} == OUTCOMES
    assert {policy.id for policy in library().policies} <= {policy_of(item) for item in told}
    assert {read_request(folder)["hook"] for folder in STORIES} == set(HOOKS.values())
    assert max(read_story(folder)["expect"].get("cards", 1) for folder in STORIES) > 1
