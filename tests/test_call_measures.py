"""What is measured of a call for Da Vinci CRD's metrics: counts, codes and registry numbers, nothing else."""

import json

import pytest
from parts import (
    AS_OF,
    NPI,
    RXNORM,
    concept,
    coverage,
    drug_order,
    full_chart,
    patient,
    prefetch_of,
    request_of,
    resource,
)
from tales import shipped_library, tale

from cdshooks.hooks.fetched import Fetched
from cdshooks.hooks.request import read_request
from cdshooks.hooks.service import ServiceOptions, answer

DOCTOR, CLINIC = "1234567893", "1000000004"


def numbered(value, system=NPI):
    return [{"system": system, "value": value}]


def doctor(number=DOCTOR):
    return resource("Practitioner", "dr", subject=None, identifier=numbered(number))


def role(**fields):
    made = {"practitioner": {"reference": "Practitioner/dr"}, "organization": {"reference": "Organization/clinic"}}
    return resource("PractitionerRole", "role", subject=None, **made | fields)


def clinic(number=CLINIC):
    return resource("Organization", "clinic", subject=None, identifier=numbered(number), name="Example Clinic")


def measured(library, *orders, chart=(), system_actions=False, **fields):
    request = request_of(*orders, prefetch=prefetch_of(patient(), coverage(), *chart), **fields)
    return answer(request, library, AS_OF, ServiceOptions(system_actions=system_actions)).measures


@pytest.mark.parametrize(
    ("chart", "context", "provider", "group"),
    [
        ([doctor(), role(), clinic()], {}, DOCTOR, CLINIC),
        ([doctor(), role(), clinic()], {"userId": "PractitionerRole/role"}, DOCTOR, CLINIC),
        ([role(identifier=numbered(DOCTOR))], {"userId": "PractitionerRole/role"}, DOCTOR, None),
        ([role(organization={"identifier": numbered(CLINIC)[0]}), doctor()], {}, DOCTOR, CLINIC),
        ([doctor()], {}, DOCTOR, None),
        ([doctor("1234567890"), role(), clinic("a sentence")], {}, None, None),  # no NPI is kept that is none
        ([], {}, None, None),
    ],
)
def test_who_asked_is_told_by_registry_numbers_where_they_were_sent(example, chart, context, provider, group):
    found = measured(example, chart=chart, context=context)
    assert (found.get("providerId"), found.get("groupId")) == (provider, group)


def test_where_nobody_is_named_it_is_who_asks_for_the_order(example):
    order = drug_order(requester={"reference": "Practitioner/dr"})
    assert measured(example, order, chart=[doctor()], context={"userId": None})["providerId"] == DOCTOR


def test_an_order_is_told_by_its_codes_of_known_systems_alone(example):
    site = {"system": "http://site.example/a-name", "code": "Mr Example's bag"}
    code = concept("900002", system=RXNORM, text="for Mr Example")
    order = drug_order(code={**code, "coding": [site, *code["coding"]]})
    assert measured(example, order)["orderDetail"] == [{"coding": [{"system": RXNORM, "code": "900002"}]}]


def test_resources_are_counted_by_kind_and_by_how_they_came(example):
    found = measured(example, chart=full_chart())
    assert found["resources"] == sorted(found["resources"], key=lambda item: item["type"])
    counts = {item["type"]: (item["count"], item["prefetch"]) for item in found["resources"]}
    assert counts["Patient"] == counts["Coverage"] == (1, True) and counts["Observation"] == (1, True)
    assert "MedicationRequest" not in counts  # the order is the focus of the call


def test_what_was_read_from_the_server_is_told_apart(example):
    body = json.loads(json.dumps({"chart": full_chart()}))

    def fetch(queries):
        bundles = {kind: [r for r in body["chart"] if r["resourceType"] == kind] for q in queries for kind in q.kinds}
        return [
            Fetched(q, ({"resourceType": "Bundle", "entry": [{"resource": r} for k in q.kinds for r in bundles[k]]},))
            for q in queries
        ]

    request = request_of(prefetch={"patient": patient(), "coverage": coverage()})
    found = answer(request, example, AS_OF, ServiceOptions(), fetch).measures
    counts = {item["type"]: (item["count"], item["prefetch"]) for item in found["resources"]}
    assert counts["Patient"] == (1, True) and counts["Observation"] == (1, False)


def test_the_type_of_the_cards_is_told_where_the_guide_is_spoken(example):
    assert measured(example, system_actions=True)["cardType"] == "guideline"
    assert "cardType" not in measured(example)


def test_nothing_is_measured_where_nothing_was_read(example):
    assert answer(request_of(drug_order(doNotPerform=True)), example, AS_OF).measures == {}


@pytest.mark.parametrize("story", ["mcl-complete", "epic-mcl-missing-three", "dispatch-listed-centre"])
def test_nothing_of_a_chart_is_in_what_is_measured(story):
    body = tale(story)
    request = read_request(json.dumps(body).encode(), f"cart-{body['hook']}", body["hook"])
    measures = answer(request, shipped_library(), AS_OF).measures
    assert measures["resources"] and measures["orderDetail"]
    assert body["context"]["patientId"] not in json.dumps(measures)
    assert measures.keys() <= {"providerId", "groupId", "orderDetail", "resources"}
