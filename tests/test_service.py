"""The pure core as a whole: the same call has the same answer, and a failure inside is said, never hidden."""

import json
import random
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parts import (
    AS_OF,
    KEYS,
    NPI,
    answer_to,
    asked_service,
    body_of,
    bundle,
    cards_of,
    center,
    condition,
    coverage,
    determination_of,
    drug_order,
    findings_of,
    full_chart,
    medication,
    observation,
    patient,
    prefetch_of,
    request_of,
)

from cdshooks.hooks import policy_card
from cdshooks.hooks.discovery import HOOKS, service_of
from cdshooks.hooks.request import hook_of, read_request
from cdshooks.hooks.service import ServiceOptions, answer

STORIES = sorted((Path(__file__).parents[1] / "fhir_fixtures" / "stories").glob("*/request.json"))


def chart(*resources):
    return prefetch_of(patient(), coverage(), *resources)


def ids(answered):
    """Every id that an answer gives."""
    return [
        (card["uuid"], determination_of(card)["decision"], *(s["uuid"] for s in card.get("suggestions", [])))
        for card in cards_of(answered)
    ]


# ---- determinism ----


def test_the_same_call_on_the_same_day_gives_the_same_bytes(example):
    bodies = {json.dumps(answer_to(example, prefetch=chart(*full_chart())).body) for _ in range(3)}
    assert len(bodies) == 1


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.parent.name)
def test_every_story_is_told_twice_alike(shipped, path):
    body = path.read_bytes()
    service = service_of(hook_of(body))
    one, other = (answer(read_request(body, service, HOOKS[service]), shipped, AS_OF) for _ in range(2))
    assert json.dumps(one.body) == json.dumps(other.body)


@pytest.mark.parametrize("what", ["body", "day", "library", "service"])
def test_the_ids_differ_when_anything_that_they_rest_on_differs(example, what):
    base = ids(answer_to(example, prefetch=chart()))
    if what == "body":
        other = ids(answer_to(example, prefetch=chart(), extension={"x": 1}))
    elif what == "day":
        other = ids(answer_to(example, prefetch=chart(), as_of=AS_OF + timedelta(days=1)))
    elif what == "library":
        other = ids(answer_to(replace(example, hash="sha256:other"), prefetch=chart()))
    else:
        request = read_request(body_of(prefetch=chart()), "another-service", "order-sign")
        other = ids(answer(request, example, AS_OF))
    assert len(base) == len(other) == 1
    assert not set(base[0]) & set(other[0])


def test_the_ids_of_the_cards_of_one_answer_differ(example):
    orders = [drug_order(id_="a"), drug_order("900011", id_="b")]
    sent = [coverage(id_="c1"), coverage("Somebody Else", "c2")]
    found = ids(answer_to(example, *orders, prefetch=prefetch_of(patient(), *sent)))
    every = [each for card in found for each in card]
    assert len(every) == len(set(every))


def test_only_the_bytes_of_the_body_count_and_not_the_hook_instance_alone(example):
    one = answer_to(example, prefetch=chart(), hookInstance="one")
    other = answer_to(example, prefetch=chart(), hookInstance="two")
    assert ids(one) != ids(other)
    assert findings_of(cards_of(one)[0]) == findings_of(cards_of(other)[0])


NOISE = [
    condition("alpha", "c2"),
    condition("beta", "c3", verified="provisional"),
    condition("infection"),
    condition("private-matter"),
    observation("positive", "2020-01-01", id_="o2"),
    observation("negative", None, id_="o3"),
    observation("negative", id_="o4", status="preliminary"),
    observation("negative", id_="o5", subject={"reference": "Patient/p2"}),
    medication("MedicationRequest", "910001", "2025-01-01"),
]


def said(answered):
    """Everything of an answer but its ids."""
    text = json.dumps(answered.body)
    for card in ids(answered):
        for each in card:
            text = text.replace(each, "id")
    return text


@given(st.randoms(use_true_random=False), st.booleans())
def test_neither_the_order_of_the_entries_nor_that_of_the_keys_changes_an_answer(example, dice, repeat):
    resources = [*full_chart(), *NOISE]
    plain = answer_to(example, prefetch=chart(*resources))
    mixed = resources + (resources[:3] if repeat else [])
    dice.shuffle(mixed)
    sent = chart(*mixed)
    keys = list(sent)
    dice.shuffle(keys)
    assert said(answer_to(example, prefetch={key: sent[key] for key in keys})) == said(plain)


@pytest.mark.parametrize("path", STORIES[::3], ids=lambda path: path.parent.name)
def test_a_shuffled_story_is_told_alike(shipped, path):
    call = json.loads(path.read_bytes())
    dice = random.Random(1)
    for value in call["prefetch"].values():
        if isinstance(value, dict) and isinstance(value.get("entry"), list):
            dice.shuffle(value["entry"])
    service = service_of(call["hook"])
    plain, shuffled = (
        answer(read_request(body, service, HOOKS[service]), shipped, AS_OF)
        for body in (path.read_bytes(), json.dumps(call).encode())
    )
    assert said(shuffled) == said(plain)


# ---- no CAR-T, no work ----


@pytest.mark.parametrize(
    "order",
    [
        drug_order("930001"),
        drug_order({"text": "Another drug"}),
        asked_service("own-transplant"),
        drug_order(status="stopped"),
        {"resourceType": "Task", "id": "t"},
    ],
)
def test_without_a_car_t_order_there_is_no_card_and_nothing_is_decoded(example, order):
    request = request_of(order, prefetch=chart(*full_chart()))
    answered = answer(request, example, AS_OF)
    assert answered.body == {"cards": []}
    assert answered.determinations == ()
    assert request._decoded == {}


def test_recognition_comes_before_the_patient_check(example):
    stranger = drug_order("930001", subject={"reference": "Patient/p2"})
    assert answer_to(example, stranger, prefetch=chart()).body == {"cards": []}


# ---- whose chart is it? ----

TWIN = patient(birth="1980-01-01", name=[{"family": "Two"}])


@pytest.mark.parametrize(
    "fields",
    [
        {"fhirAuthorization": {"access_token": "t", "patient": "p2"}},
        {"prefetch": chart() | {"patient": patient("p2")}},
        {"prefetch": chart() | {"patient": bundle(patient("p2"))}},
        {"prefetch": {"somebody": patient("p2"), "coverage": bundle(coverage())}},
        {"prefetch": chart() | {"again": TWIN}},
    ],
)
def test_when_the_request_names_two_patients_one_card_says_so_and_nothing_else(example, fields):
    (card,) = cards_of(answer_to(example, **{"prefetch": chart(*full_chart())} | fields))
    found = determination_of(card)
    assert card["indicator"] == "warning"
    assert "could not be matched" in card["summary"]
    assert (found["outcome"], found["findings"]) == ("could-not-check", [])
    assert "suggestions" not in card
    assert "links" not in card


@pytest.mark.parametrize("reference", ["Patient/p2", "https://elsewhere.example/Patient/p2", "Group/p1"])
def test_an_order_for_another_patient_stops_everything(example, reference):
    for orders in (
        [drug_order(subject={"reference": reference})],
        [drug_order(id_="a"), drug_order("930001", id_="b", subject={"reference": reference})],
    ):
        (card,) = cards_of(answer_to(example, *orders, prefetch=chart(*full_chart())))
        assert "could not be matched" in card["summary"]
        assert determination_of(card)["findings"] == []


def test_our_patient_beside_a_relative_stops_nothing(example):
    sent = chart(*full_chart()) | {"family": bundle(patient("p2"))}
    (card,) = cards_of(answer_to(example, prefetch=sent))
    assert determination_of(card)["outcome"] == "ready"


def test_the_token_of_the_same_patient_stops_nothing(example):
    for name in ("p1", "Patient/p1"):
        fields = {"fhirAuthorization": {"access_token": "t", "patient": name}}
        assert determination_of(cards_of(answer_to(example, prefetch=chart(*full_chart()), **fields))[0])["findings"]


# ---- one card per order and policy ----


def test_each_car_t_order_of_the_session_has_its_own_card(example):
    orders = [drug_order(id_="a"), drug_order("930001", id_="x"), drug_order("900011", id_="b")]
    cards = cards_of(answer_to(example, *orders, prefetch=chart(*full_chart())))
    assert {determination_of(card)["order"] for card in cards} == {"MedicationRequest/a", "MedicationRequest/b"}
    assert {determination_of(card)["product"] for card in cards} == {"examplecel", "samplecel"}


def test_more_than_three_cards_are_three_and_a_line(example):
    orders = [drug_order(id_=f"order-{n}") for n in range(6)]
    answered = answer_to(example, *orders, prefetch=chart())
    cards = cards_of(answered)
    assert len(cards) == 3
    assert "3 more: " in cards[-1]["detail"]
    assert len(answered.determinations) == 6


def test_a_product_that_is_not_told_is_asked_for(example):
    for order in (drug_order({"text": "Exempla or Sampla"}), asked_service("cell-infusion", status="draft")):
        (card,) = cards_of(answer_to(example, order, prefetch=chart()))
        assert "product could not be told" in card["summary"]
        assert determination_of(card)["findings"] == []
        assert "product" not in determination_of(card)


def test_a_transplant_of_the_same_session_is_seen(example):
    together = asked_service("own-transplant", "2027-06-01", status="draft")
    (card,) = cards_of(answer_to(example, drug_order(), together, prefetch=chart(*full_chart())))
    assert findings_of(card)["rescue-transplant"] == "not-met"
    assert determination_of(card)["outcome"] == "exclusion-found"


def test_an_order_that_was_taken_back_is_no_planned_transplant(example):
    revoked = asked_service("own-transplant", "2026-12-05", status="revoked")
    (card,) = cards_of(answer_to(example, drug_order(), revoked, prefetch=chart(*full_chart())))
    assert findings_of(card)["rescue-transplant"] == "attest"


def test_the_order_that_is_signed_is_no_earlier_treatment_though_it_is_also_in_the_chart(example):
    sent = chart(*full_chart())
    sent["medications"] = bundle(drug_order(status="active"))
    (card,) = cards_of(answer_to(example, prefetch=sent))
    assert findings_of(card)["prior-car-t"] == "attest"


@pytest.mark.parametrize(
    ("options", "outcome"),
    [
        (ServiceOptions(), "attest"),
        (ServiceOptions(default_facility="1000000001"), "met"),
        (ServiceOptions(default_facility="1000000009"), "attest"),
    ],
)
def test_the_site_s_own_centre_is_used_when_the_order_names_none(example, options, outcome):
    (card,) = cards_of(answer_to(example, prefetch=chart(*full_chart()), options=options))
    assert findings_of(card)["center"] == outcome


def test_the_centre_of_the_order_or_of_its_encounter_comes_first(example):
    site = ServiceOptions(default_facility="1000000001")
    performer = drug_order(dispenseRequest={"performer": {"identifier": {"system": NPI, "value": "1000000002"}}})
    (card,) = cards_of(answer_to(example, performer, prefetch=chart(), options=site))
    assert findings_of(card)["center"] == "stale"
    encounter = {"resourceType": "Encounter", "id": "e1", "serviceProvider": {"reference": "Organization/center-1"}}
    sent = chart() | {"visit": encounter, "place": center("1000000003", "Valid Hospital")}
    (card,) = cards_of(answer_to(example, prefetch=sent, context={"encounterId": "e1"}))
    assert findings_of(card)["center"] == "met"


def test_today_and_the_days_of_the_chart_are_those_of_the_site_s_zone(example):
    late = chart(*full_chart()[:-1]) | {"observations": bundle(observation(day="2026-11-22T03:30:00Z"))}
    utc, local = (
        findings_of(cards_of(answer_to(example, prefetch=late, options=ServiceOptions(zone=zone)))[0])["virus"]
        for zone in (ZoneInfo("UTC"), ZoneInfo("America/New_York"))
    )
    assert (utc, local) == ("missing", "met")


@pytest.mark.parametrize("kind", sorted(set(KEYS.values()) - {"patient", "coverage"}))
def test_a_key_that_was_not_sent_never_makes_anything_missing(example, kind):
    sent = chart()
    sent.pop(kind, None)
    (card,) = cards_of(answer_to(example, prefetch=sent))
    hanging = {"observations": "virus", "documents": "letter", "reports": "marrow", "conditions": "indication"}
    if kind in hanging:
        assert findings_of(card)[hanging[kind]] == "could-not-check"


def test_a_ready_answer_is_information_and_any_other_a_warning(example):
    assert cards_of(answer_to(example, prefetch=chart(*full_chart())))[0]["indicator"] == "info"
    for resources in ([], [medication(code="900011")], [condition("beta")]):
        assert cards_of(answer_to(example, prefetch=chart(*resources)))[0]["indicator"] == "warning"


# ---- a failure of ours ----

INSIDE = (
    *("service.build_chart", "service.Gathering.complete", "service.identify", "service.select_policies"),
    *("policy_card.determine", "policy_card.write_detail", "session.match_center"),
)


@pytest.mark.parametrize("name", INSIDE)
@pytest.mark.parametrize("error", [KeyError("Mr. One"), RecursionError("deep"), ValueError("token"), MemoryError()])
def test_a_failure_inside_is_one_card_that_says_so_and_never_no_card(example, monkeypatch, name, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(f"cdshooks.hooks.{name}", fail)
    answered = answer_to(example, drug_order(id_="a"), drug_order("900011", id_="b"), prefetch=chart(*full_chart()))
    (card,) = cards_of(answered)
    assert card["indicator"] == "info"
    assert "could not check" in card["summary"]
    assert "nothing about what is missing" in card["summary"] + card["detail"]
    found = determination_of(card)
    assert (found["outcome"], found["findings"]) == ("could-not-check", [])
    assert "Mr. One" not in json.dumps(answered.body) + str(answered.failure)
    assert answered.failure.startswith(type(error).__name__)


def test_a_failure_has_an_id_of_its_own_and_the_same_one_each_time(example, monkeypatch):
    plain = ids(answer_to(example, prefetch=chart()))
    monkeypatch.setattr(policy_card, "determine", lambda *_, **__: 1 / 0)
    one, other = (ids(answer_to(example, prefetch=chart())) for _ in range(2))
    assert one == other
    assert one != plain


def test_nothing_is_caught_that_should_stop_the_process(example, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(policy_card, "determine", stop)
    with pytest.raises(KeyboardInterrupt):
        answer_to(example, prefetch=chart())


@pytest.mark.parametrize("day", [date(1999, 1, 1), date(2024, 2, 29), date(2099, 12, 31)])
def test_any_day_has_an_answer(example, day):
    answered = answer_to(example, drug_order(day=None), as_of=day, prefetch=chart())
    assert answered.failure is None
    assert cards_of(answered)
