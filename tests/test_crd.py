"""Answers as Da Vinci CRD has them: every story from both sides, and what hooks, options and trouble make of them."""

import json
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from parts import AS_OF, coverage, determination_of, drug_order, patient, prefetch_of, request_of
from parts import DETERMINATION as KEY
from tales import shipped_library, tale

from cdshooks.cli.fhir_models import all_departures
from cdshooks.engine.crd_table import Stance
from cdshooks.engine.model import Result
from cdshooks.hooks import crd, service
from cdshooks.hooks.coverage_rules import PARTS, URL, coverage_departures
from cdshooks.hooks.decision_record import decisions_of
from cdshooks.hooks.discovery import HOOKS, service_of
from cdshooks.hooks.request import read_request
from cdshooks.hooks.service import ServiceOptions, answer
from cdshooks.server.settings import default_fixtures

ROOT = Path(__file__).parents[1]
SCHEMA = Draft202012Validator(json.loads((ROOT / "cards" / "schema" / "determination.json").read_text("utf-8")))
STORIES = sorted(path.parent.name for path in default_fixtures().glob("stories/*/request.json"))
ASSOCIATED = "davinci-crd.associated-resource"
CONFIGURATION, VERSION = "davinci-crd.configuration", "davinci-crd.requestedVersion"
SIDES = ("provider", "payer")
SERVED = "https://cds.hospital.example"


def ask(body, side="provider", library=None, served="", **extension):
    """The answer to a client of CRD; a dash in an extension's name is written as two underscores."""
    body = {**body, "extension": {**body.get("extension", {}), **extension}}
    id_ = service_of(body["hook"])
    request = read_request(json.dumps(body).encode(), id_, HOOKS[id_])
    options = ServiceOptions(system_actions=True, side=side, questionnaires=served)
    return answer(request, library or shipped_library(), AS_OF, options)


@cache
def told(story, side="provider"):
    return ask(tale(story), side)


def extensions(answered):
    """Every coverage-information extension of an answer."""
    return [
        extension
        for action in answered.body.get("systemActions", [])
        for extension in action["resource"]["extension"]
        if extension["url"] == URL
    ]


def values(extension, name):
    parts = [part for part in extension["extension"] if part["url"] == name]
    return [value for part in parts for key, value in part.items() if key != "url"]


def only(answered):
    (extension,) = extensions(answered)
    return extension


def said(answered):
    return [card["extension"][KEY]["coverageInformation"] for card in answered.body["cards"]]


# ---- every story


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("story", STORIES)
def test_every_answer_is_right_in_both_versions_and_in_fhir(story, side):
    answered = told(story, side)
    assert answered.failure is None
    known = f"{KEY}.findings"  # our own extension says so with an empty list: nothing could be decided
    assert [departure for departure in all_departures(answered.body) if not departure.place.endswith(known)] == []
    for extension in extensions(answered):
        for version in PARTS:
            assert [*coverage_departures(extension, version)] == []


@pytest.mark.parametrize("version", ["2.0", "2.2"])
@pytest.mark.parametrize("story", STORIES)
def test_the_questionnaire_is_named_where_a_plan_s_own_policy_asks_for_documents(story, version):
    """q1 holds, in both versions; without an address at which it is served none is named."""
    answered = ask(tale(story), served=SERVED, **{VERSION: version})
    for extension, silent in zip(extensions(answered), extensions(told(story)), strict=True):
        for one in PARTS:
            if "indeterminate" not in values(extension, "covered"):
                assert [*coverage_departures(extension, one)] == []
        wanted = [f"{SERVED}/Questionnaire/wellcare-nc.wnc-cp-192|2025-04"]
        asked = values(extension, "doc-needed") == ["clinical"]
        assert values(extension, "questionnaire") == (wanted if asked else [])
        assert values(silent, "questionnaire") == []
    for card in answered.body["cards"]:
        if "coverageInformation" in determination_of(card):
            SCHEMA.validate(determination_of(card))


def test_a_canonical_that_is_new_is_said_of_an_order_that_was_answered_before():
    body = tale("mcl-missing-three")
    (action,) = told("mcl-missing-three").body["systemActions"]
    body["context"]["draftOrders"]["entry"][0]["resource"] = action["resource"]
    assert "systemActions" not in ask(body).body
    (extension,) = extensions(ask(body, served=SERVED))
    assert values(extension, "questionnaire")


@pytest.mark.parametrize("story", STORIES)
def test_the_order_comes_back_as_it_was_sent(story):
    sent = [entry["resource"] for entry in tale(story)["context"].get("draftOrders", {}).get("entry", [])]
    sent += [e["resource"] for v in tale(story)["prefetch"].values() for e in (v or {}).get("entry", [])]
    for action in told(story).body.get("systemActions", []):
        assert action.keys() == {"type", "description", "resource"} and action["type"] == "update"
        order = {**action["resource"], "extension": [e for e in action["resource"]["extension"] if e["url"] != URL]}
        order = order if order["extension"] else {k: v for k, v in order.items() if k != "extension"}
        assert order in sent


@pytest.mark.parametrize("story", STORIES)
def test_the_provider_s_side_promises_nothing(story):
    for extension in extensions(told(story)):
        assert values(extension, "covered") == ["conditional"]
        assert set(values(extension, "pa-needed")) <= {"auth-needed", "conditional"}
        assert not values(extension, "satisfied-pa-id")
        assert "not by the plan" in values(extension, "reason")[0]["text"]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("story", STORIES)
def test_nobody_says_covered_or_that_no_authorization_is_needed(story, side):
    for extension in extensions(told(story, side)):
        assert values(extension, "covered") != ["covered"] and values(extension, "pa-needed") != ["no-auth"]


@pytest.mark.parametrize("story", STORIES)
def test_every_car_t_order_of_a_primary_hook_has_one_action_or_a_reason_why_not(story):
    body = tale(story)
    if body["hook"] == "patient-view":
        assert "systemActions" not in told(story).body
        return
    updated = [
        f"{a['resource']['resourceType']}/{a['resource']['id']}" for a in told(story).body.get("systemActions", [])
    ]
    assert len(updated) == len(set(updated))
    reasons = {shipped_library().wording.say(f"crd.unsaid.{why}") for why in ("no-coverage", "second", "kind")}
    for determined in told(story).determinations:
        what = determination_of(determined.card)["coverageInformation"]
        assert what.get("notSent") in reasons if "notSent" in what else determined.order.reference in updated


@pytest.mark.parametrize("story", STORIES)
def test_the_cards_keep_their_words_and_name_their_order(story):
    body = tale(story)
    id_ = service_of(body["hook"])
    plain = answer(read_request(json.dumps(body).encode(), id_, HOOKS[id_]), shipped_library(), AS_OF)
    for before, card in zip(plain.body["cards"], told(story).body["cards"], strict=True):
        assert card["summary"] == before["summary"] and len(card["summary"]) < 140 and len(card["detail"]) <= 1800
        assert card["indicator"] == before["indicator"] != "critical"
        if body["hook"] != "patient-view" and before["summary"] != shipped_library().wording.say("summary.mismatch"):
            assert card["source"]["topic"]["code"] == "guideline"
            assert card["extension"][ASSOCIATED] == [determination_of(card)["order"]]
            SCHEMA.validate(determination_of(card))


@pytest.mark.parametrize("story", STORIES)
def test_nothing_of_the_chart_is_in_what_is_said(story):
    sensitive = ("HIV", "hepatitis", "SYNTHETIC", "Dr.")
    for extension in extensions(told(story)):
        assert not [word for word in sensitive if word in json.dumps(values(extension, "reason"))]


@pytest.mark.parametrize("story", STORIES)
def test_every_answer_keeps_the_base_profile_of_the_guide(story):
    """CRDHooksResponseBase: what each card, suggestion, action and link must have."""
    for card in told(story).body["cards"]:
        assert {"uuid", "summary", "indicator", "source"} <= card.keys()
        assert {"label", "topic"} <= card["source"].keys() and len(card["summary"]) < 140
        assert all(link["type"] and link["label"] and link["url"] for link in card.get("links", []))
        for suggestion in card.get("suggestions", []):
            assert suggestion["uuid"] and suggestion["label"]
            assert {action["type"] for action in suggestion["actions"]} == {"create"}
            assert all(action["description"] for action in suggestion["actions"])


@pytest.mark.parametrize("status", ["active", "on-hold", "draft"])
def test_an_order_that_is_signed_again_is_updated_too(example, status):
    (action,) = plain_ask(example, drug_order(status=status)).body["systemActions"]
    assert action["resource"]["status"] == status


def test_what_the_card_lists_is_not_repeated_in_the_extension():
    (card,) = told("mcl-missing-three").body["cards"]
    text = values(only(told("mcl-missing-three")), "reason")[0]["text"]
    assert "marrow biopsy" in card["summary"] and "biopsy" not in text


# ---- what is said of what


OUTCOMES = [
    ("mcl-complete", ["conditional"], []),
    ("mcl-missing-three", ["conditional"], ["clinical"]),
    ("prefetch-failed", ["conditional"], ["clinical"]),
    ("prior-kymriah", ["conditional"], ["clinical"]),
    ("mcl-blue-plan", ["conditional"], ["conditional"]),
    ("unknown-payer", ["conditional"], []),
]


@pytest.mark.parametrize(("story", "authorization", "documents"), OUTCOMES)
def test_an_outcome_is_said_as_the_table_has_it(story, authorization, documents):
    extension = only(told(story))
    assert values(extension, "pa-needed") == authorization and values(extension, "doc-needed") == documents
    assert values(extension, "doc-purpose") == (["withpa"] if documents == ["clinical"] else [])
    assert values(extension, "date") == ["2026-11-21"]


def test_a_policy_that_surely_stands_says_that_authorization_is_needed(example):
    """The made-up table says that paragraph A.1 of the made-up policy asks for it."""
    answered = answer(request_of(), example, AS_OF, ServiceOptions(system_actions=True))
    sure = [d.selection.policy.standing(d.order.service_date) for d in answered.determinations]
    expected = "auth-needed" if sure[0] and sure[0].is_ != "unconfirmed" else "conditional"
    assert values(only(answered), "pa-needed") == [expected]
    without = replace(example, crd=replace(example.crd, stated={}))
    again = answer(request_of(), without, AS_OF, ServiceOptions(system_actions=True))
    assert values(only(again), "pa-needed") == ["conditional"]


@pytest.mark.parametrize(
    ("story", "codes"), [("dispatch-unlisted-centre", ["OTH", "performer"]), ("dispatch-listed-centre", ["OTH"])]
)
def test_an_open_treatment_center_is_asked_for_as_performer(story, codes):
    assert values(only(told(story)), "info-needed") == codes


def test_an_authorization_on_file_satisfies_on_the_payer_s_side_alone():
    assert values(only(told("authorization-on-file")), "pa-needed") == ["conditional"]
    extension = only(told("authorization-on-file", "payer"))
    assert values(extension, "pa-needed") == ["satisfied"]
    assert values(extension, "satisfied-pa-id") == ["SYN-AUTH-0001"]


def test_a_what_if_call_is_told_of_no_authorization():
    extension = only(ask(tale("authorization-on-file"), "payer", **{CONFIGURATION: {"unsolicited-determ": False}}))
    assert values(extension, "pa-needed") == ["conditional"] and not values(extension, "satisfied-pa-id")


def lapsed():
    body = tale("mcl-complete")
    for entry in body["prefetch"]["coverage"]["entry"]:
        entry["resource"]["period"] = {"start": "2020-01-01", "end": "2025-12-31"}
    return body


def test_only_the_payer_s_side_says_that_a_lapsed_coverage_is_not_covered():
    provider, payer = only(ask(lapsed())), only(ask(lapsed(), "payer"))
    assert values(provider, "covered") == ["conditional"]
    assert values(payer, "covered") == ["not-covered"] and not values(payer, "pa-needed")
    assert values(payer, "reason")[0]["coding"][0]["code"] == "no-active-coverage"


@pytest.mark.parametrize(("side", "covered"), [("provider", ["conditional"]), ("payer", ["not-covered"])])
def test_a_coverage_that_lapsed_is_told_from_one_that_cannot_be_read(example, side, covered):
    """The order names no coverage, so that none is left to check it against."""
    old = coverage(period={"end": "2025-12-31"})
    answered = plain_ask(
        example, prefetch=prefetch_of(patient(), old), options=ServiceOptions(system_actions=True, side=side)
    )
    assert values(only(answered), "covered") == covered and not values(only(answered), "doc-needed")
    assert values(only(answered), "reason")[0]["text"].startswith("The coverage is not active on the service date.")


@pytest.mark.parametrize(("side", "covered"), [("provider", ["conditional"]), ("payer", ["not-covered"])])
def test_a_coverage_that_was_cancelled_is_referred_to_where_there_is_no_other(example, side, covered):
    options = ServiceOptions(system_actions=True, side=side)
    gone = coverage(status="cancelled")
    extension = only(plain_ask(example, prefetch=prefetch_of(patient(), gone), options=options))
    assert values(extension, "coverage") == [{"reference": "Coverage/cov-1"}]
    assert values(extension, "covered") == covered
    both = prefetch_of(patient(), gone, coverage(id_="cov-2", period={"end": "2025-01-01"}))
    assert values(only(plain_ask(example, prefetch=both, options=options)), "coverage") == [
        {"reference": "Coverage/cov-2"}
    ]
    wrong = prefetch_of(patient(), coverage(status="entered-in-error"))
    assert "systemActions" not in plain_ask(example, prefetch=wrong, options=options).body


@pytest.mark.parametrize("side", SIDES)
def test_a_coverage_that_was_not_sent_is_not_taken_for_one_that_lapsed(example, side):
    sent = prefetch_of(patient(), coverage(period={"end": "2025-12-31"}))
    order = drug_order(insurance=[{"reference": "Coverage/unsent"}])
    extension = only(plain_ask(example, order, prefetch=sent, options=ServiceOptions(system_actions=True, side=side)))
    assert values(extension, "coverage") == [{"reference": "Coverage/unsent"}]
    assert values(extension, "covered") == ["conditional"]


def test_while_an_order_is_being_written_no_documents_are_asked_for():
    assert extensions(told("select-one-of-two"))
    for extension in extensions(told("select-one-of-two")):
        assert not values(extension, "doc-needed") and not values(extension, "doc-purpose")
        assert values(extension, "pa-needed") and values(extension, "reason")


def test_what_is_still_to_be_obtained_is_not_said_of_an_order_that_is_being_written():
    body = tale("mcl-missing-three")
    order = body["context"]["draftOrders"]["entry"][0]["resource"]
    body["hook"], body["context"]["selections"] = "order-select", [f"MedicationRequest/{order['id']}"]
    extension = only(ask(body))
    assert not values(extension, "doc-needed") and not values(extension, "doc-purpose")
    assert values(extension, "reason")[0]["text"].startswith("The order is still being written")


def test_two_plans_are_said_in_two_extensions_with_ids_of_their_own():
    found = extensions(told("mcl-two-plans"))
    assert len(found) == 2 and len(told("mcl-two-plans").body["systemActions"]) == 1
    assert (
        len({str(values(e, "coverage")) for e in found})
        == len({str(values(e, "coverage-assertion-id")) for e in found})
        == 2
    )


def test_two_orders_are_updated_one_by_one_and_each_card_says_which_it_is_about():
    answered = told("two-orders")
    cards = answered.body["cards"]
    assert len(answered.body["systemActions"]) == len(cards) == 2
    assert all(card["detail"].rsplit("\n\n", 1)[1].startswith("This is about one order of several:") for card in cards)
    assert len({card["detail"].rsplit("\n\n", 1)[1] for card in cards}) == 2


def test_the_id_of_an_assertion_leads_to_the_record_of_its_decision():
    body = tale("mcl-missing-three")
    request = read_request(json.dumps(body).encode(), "cart-order-sign", "order-sign")
    options = ServiceOptions(system_actions=True)
    answered = answer(request, shipped_library(), AS_OF, options)
    (kept,) = decisions_of(answered, request, options)
    assert values(only(answered), "coverage-assertion-id") == [f"cdshooks-{kept.id}"]
    assert kept.content["coverageInformation"]["assertionId"] == f"cdshooks-{kept.id}"


# ---- trouble


def plain_ask(library, *orders, options=None, **fields):
    return answer(request_of(*orders, **fields), library, AS_OF, options or ServiceOptions(system_actions=True))


def test_an_order_that_names_no_product_is_answered_with_the_extension(example):
    answered = plain_ask(example, drug_order(code={"text": "cell therapy of the class"}))
    extension = only(answered)
    assert values(extension, "info-needed") == ["OTH"] and "product" in values(extension, "reason")[0]["text"]


def test_a_coverage_whose_payer_cannot_be_read_is_answered_with_the_extension(example):
    answered = plain_ask(example, prefetch=prefetch_of(patient(), coverage(payer=None)))
    assert values(only(answered), "coverage") == [{"reference": "Coverage/cov-1"}]
    assert "payer could not be read" in values(only(answered), "reason")[0]["text"]


def test_a_coverage_that_the_order_only_names_is_referred_to(example):
    order = drug_order(insurance=[{"reference": "https://ehr.example.org/r4/Coverage/far"}])
    assert values(only(plain_ask(example, order, prefetch=prefetch_of(patient()))), "coverage") == [
        {"reference": "Coverage/far"}
    ]


def test_a_coverage_of_another_server_is_not_referred_to(example):
    order = drug_order(insurance=[{"reference": "https://elsewhere.example/r4/Coverage/far"}])
    assert "systemActions" not in plain_ask(example, order, prefetch=prefetch_of(patient())).body


def test_a_coverage_that_the_order_contains_has_no_id_on_the_client(example):
    order = drug_order(insurance=[{"reference": "#inside"}], contained=[coverage(id_="inside")])
    answered = plain_ask(example, order, prefetch=prefetch_of(patient()))
    assert "systemActions" not in answered.body
    assert determination_of(answered.body["cards"][0])["policy"]["id"] == "example-health/gene-therapy"


def test_another_patient_s_coverage_is_not_referred_to(example):
    theirs = coverage(id_="theirs", beneficiary={"reference": "Patient/p2"})
    order = drug_order(insurance=[{"reference": "Coverage/theirs"}])
    assert "theirs" not in json.dumps(extensions(plain_ask(example, order, prefetch=prefetch_of(patient(), theirs))))


def test_an_order_that_its_server_sent_in_part_is_not_updated(example):
    answered = plain_ask(example, drug_order(meta={"tag": [{"code": "SUBSETTED"}]}))
    assert "systemActions" not in answered.body
    assert said(answered) == [{"notSent": example.wording.say("crd.unsaid.partial")}]


@pytest.mark.parametrize("meta", [{}, {"tag": "x"}, {"tag": [None, {"code": "HTEST"}]}, "odd", []])
def test_an_order_with_other_tags_is_updated(example, meta):
    assert plain_ask(example, drug_order(meta=meta)).body["systemActions"]


def test_without_a_coverage_nothing_can_be_said_and_the_determination_tells_why(example):
    answered = plain_ask(example, prefetch=prefetch_of(patient()))
    assert "systemActions" not in answered.body
    assert said(answered) == [{"notSent": example.wording.say("crd.unsaid.no-coverage")}]
    assert len(answered.body["cards"]) == 1


def test_an_order_without_an_id_cannot_be_updated(example):
    answered = plain_ask(example, {k: v for k, v in drug_order().items() if k != "id"})
    assert "systemActions" not in answered.body
    assert said(answered) == [{"notSent": example.wording.say("crd.unsaid.no-id")}]


def test_a_failure_of_ours_is_answered_with_the_extension_where_the_order_names_its_coverage(example, monkeypatch):
    monkeypatch.setattr(service, "build_chart", lambda *_: 1 / 0)
    answered = plain_ask(example, drug_order(insurance=[{"reference": "Coverage/cov-1"}]))
    assert answered.failure and len(answered.body["cards"]) == 1
    assert "technical" in values(only(answered), "reason")[0]["text"]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("version", "said", "codes"),
    [("2.2", "indeterminate", ["technical"]), ("2.0", "conditional", []), (None, "conditional", [])],
)
def test_a_failure_of_ours_is_indeterminate_where_the_version_has_the_word(
    example, monkeypatch, side, version, said, codes
):
    monkeypatch.setattr(service, "build_chart", lambda *_: 1 / 0)
    extension = only(
        plain_ask(
            example,
            drug_order(insurance=[{"reference": "Coverage/cov-1"}]),
            options=ServiceOptions(system_actions=True, side=side),
            extension={VERSION: version},
        )
    )
    assert values(extension, "covered") == values(extension, "pa-needed") == [said]
    assert values(extension, "info-needed") == (["OTH"] if version != "2.2" else [])
    (reason,) = values(extension, "reason")
    assert [coding["code"] for coding in reason.get("coding", [])] == codes and "technical" in reason["text"]
    assert [*coverage_departures(extension, version or "2.0")] == []


def test_a_failure_in_what_crd_adds_is_one_card_that_says_so(example, monkeypatch):
    monkeypatch.setattr(crd.CrdCall, "speak", lambda *_: 1 / 0)
    answered = plain_ask(example)
    assert "ZeroDivisionError" in answered.failure and "systemActions" not in answered.body
    (card,) = answered.body["cards"]
    assert card["summary"] == example.wording.say("summary.failure")


def test_another_patient_s_records_get_no_extension():
    assert "systemActions" not in told("wrong-patient").body and told("wrong-patient").body["cards"]


def test_a_table_that_breaks_a_rule_costs_the_extension_and_not_the_card(example):
    rows = dict.fromkeys(example.crd.provider, Stance("covered"))
    spoiled = replace(example, crd=replace(example.crd, provider=rows))
    answered = plain_ask(spoiled)
    assert answered.failure is None and "systemActions" not in answered.body
    assert said(answered) == [{"notSent": example.wording.say("crd.unsaid.broken")}]


def test_what_was_said_before_is_not_said_again():
    once = told("mcl-missing-three")
    body = tale("mcl-missing-three")
    body["context"]["draftOrders"]["entry"][0]["resource"] = once.body["systemActions"][0]["resource"]
    again = ask(body)
    assert "systemActions" not in again.body and "nothing new" in said(again)[0]["notSent"]


def test_what_was_said_when_an_order_was_signed_stands_while_it_is_written_on():
    body = tale("mcl-missing-three")
    signed = told("mcl-missing-three").body["systemActions"][0]["resource"]
    body["context"]["draftOrders"]["entry"][0]["resource"] = signed
    body |= {"hook": "order-select"}
    body["context"]["selections"] = [f"MedicationRequest/{signed['id']}"]
    answered = ask(body)
    assert answered.body["cards"] and "systemActions" not in answered.body


# ---- what a client configures


def test_without_system_actions_nothing_of_crd_is_in_an_answer(example):
    body = plain_ask(example, options=ServiceOptions(), extension={VERSION: "2.2"}).body
    assert "davinci" not in json.dumps(body) and "coverageInformation" not in json.dumps(body)


def test_coverage_information_can_be_turned_off():
    answered = ask(tale("mcl-missing-three"), **{CONFIGURATION: {"coverage-info": False}})
    assert answered.body.keys() == {"cards"} and said(answered)[0]["notSent"].startswith("The client asked for no")


def test_cards_can_be_turned_off():
    answered = ask(tale("mcl-missing-three"), **{CONFIGURATION: {"guideline": False}})
    assert answered.body["cards"] == [] and len(answered.body["systemActions"]) == 1
    assert len(answered.determinations) == 1


@pytest.mark.parametrize(("most", "shown"), [(0, 0), (1, 1), (2, 2), (99, 2)])
def test_there_are_no_more_cards_than_the_client_wants(most, shown):
    answered = ask(tale("two-orders"), **{CONFIGURATION: {"max-cards": most}})
    assert len(answered.body["cards"]) == shown and len(answered.body["systemActions"]) == 2


def test_of_cards_that_are_left_off_the_last_one_tells():
    (card,) = ask(tale("two-orders"), **{CONFIGURATION: {"max-cards": 1}}).body["cards"]
    assert "And 1 more: " in card["detail"]


@pytest.mark.parametrize(
    ("version", "system"),
    [("2.0", "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp"),
     ("2.2", "http://terminology.hl7.org/CodeSystem/cdshooks-card-type"),
     ("7.1", "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp")],
)  # fmt: skip
def test_the_topic_is_of_the_code_system_of_the_version(version, system):
    (card,) = ask(tale("mcl-complete"), **{VERSION: version}).body["cards"]
    assert card["source"]["topic"]["system"] == system


def test_nonsense_is_told_and_survived():
    sent = {"coverage-info": "perhaps", "max-cards": -3, "cost": [], "guideline": None}
    answered = ask(tale("mcl-missing-three"), **{CONFIGURATION: sent, VERSION: {"no": "version"}})
    assert answered.body["cards"] and len(answered.body["systemActions"]) == 1
    assert set(answered.unusable) == {"coverage-info", "max-cards", "guideline", VERSION}


def test_every_result_has_its_words(shipped):
    for situation in [*(result.value for result in Result), *shipped.crd.provider]:
        assert shipped.wording.say(f"crd.reason.{situation}").endswith(".")


def test_a_card_without_suggestions_is_an_instructions_card_or_an_external_reference(shipped):
    request = read_request(json.dumps(tale("mcl-missing-three")).encode(), "cart-order-sign", "order-sign")
    options = ServiceOptions(system_actions=True, suggestions=False)
    (card,) = answer(request, shipped, date(2026, 11, 21), options).body["cards"]
    assert card["detail"] and "links" not in card and "suggestions" not in card
    blue = read_request(json.dumps(tale("mcl-blue-plan")).encode(), "cart-order-sign", "order-sign")
    (card,) = answer(blue, shipped, date(2026, 11, 21), options).body["cards"]
    assert "suggestions" not in card and {link["type"] for link in card["links"]} == {"absolute"}
    assert not [link for link in card["links"] if "appContext" in link]
