"""Every card that can leave us keeps the contract: over the stories, and over stories with pieces torn out."""

import copy
import json
import re
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import given, settings
from hypothesis import strategies as st
from parts import DETERMINATION

from cdshooks.hooks.cards import Topic, worst_first, write_card
from cdshooks.hooks.discovery import HOOKS, service_of
from cdshooks.hooks.request import read_request
from cdshooks.hooks.service import answer

AS_OF = date(2026, 11, 21)
STORIES = sorted((Path(__file__).parents[1] / "fhir_fixtures" / "stories").glob("*/request.json"))
NAMES = [path.parent.name for path in STORIES]
CALLS = {path.parent.name: json.loads(path.read_text("utf-8")) for path in STORIES}
CARD = {
    "uuid", "summary", "detail", "indicator", "source", "overrideReasons", "extension", "suggestions",
    "selectionBehavior", "links",
}  # fmt: skip
OUTCOMES = [
    "exclusion-found",
    "criterion-not-met",
    "review-needed",
    "documentation-missing",
    "could-not-check",
    "ready",
]
ABOUT_THE_PRODUCT = re.compile(
    r"FDA[- ]approv(al|ed)|approved since \d|was approved on|approved dosage form|prior approval|the approved product"
    r"|not approved|unapproved|not a coverage decision",
    re.IGNORECASE,
)
VERDICT = re.compile(r"\b(approv\w*|den(y|ied|ial)\w*|eligib\w*|covered|not covered|coverage)\b", re.IGNORECASE)


def cards_of(call, library, as_of=AS_OF):
    body = json.dumps(call).encode()
    service = service_of(call["hook"])
    answered = answer(read_request(body, service, HOOKS[service]), library, as_of)
    assert answered.failure is None
    assert set(answered.body) == {"cards"}
    return answered.body["cards"]


def values(value):
    yield value
    if isinstance(value, dict):
        for item in value.values():
            yield from values(item)
    elif isinstance(value, list):
        for item in value:
            yield from values(item)


def is_uuid(text):
    return str(UUID(text)) == text


def keeps_the_standard(card):
    """CDS Hooks 2.0.1 and the limits that we set ourselves."""
    assert set(card) <= CARD
    assert {"uuid", "summary", "detail", "indicator", "source", "overrideReasons", "extension"} <= set(card)
    empty = [item for item in values(card) if item in (None, "", [], {}) and item is not False]
    assert len(empty) == (1 if card["extension"][DETERMINATION]["findings"] == [] else 0)
    assert is_uuid(card["uuid"])
    assert 0 < len(card["summary"]) <= 120
    assert "\n" not in card["summary"]
    assert card["indicator"] in {"info", "warning"}
    assert re.fullmatch(r"[A-Za-z0-9]{1,100}", card["source"]["topic"]["code"])
    assert set(card["source"]["topic"]) == {"system", "code", "display"}
    assert 3 <= len(card["overrideReasons"]) <= 5
    assert all(set(reason) == {"system", "code", "display"} for reason in card["overrideReasons"])
    for link in card.get("links", []):
        assert link["type"] == "absolute"
        assert urlsplit(link["url"]).scheme == "https"


def reads_without_markup(card):
    detail = card["detail"]
    assert len(detail) <= 1800
    for mark in ("<", ">", "](", "![", "`", "~~", "|", "://", "@", "\r", "\t", "#"):
        assert mark not in detail, mark
    assert detail.count("**") % 2 == 0
    assert not re.search(r"\{\w*\}", detail + card["summary"]), "a blank that nobody filled"
    assert "not a coverage decision" in detail


def never_decides(card):
    texts = [card["summary"], card["detail"], *(s["label"] for s in card.get("suggestions", []))]
    texts += [f"{f['reason']} {f.get('ask', '')}" for f in card["extension"][DETERMINATION]["findings"]]
    for text in texts:
        if "org.cdshooks.appeal" in card["extension"]:  # it speaks of a denial that the plan made
            text = re.sub(r"\bdenial\b|“.*?”", "", text)
        said = VERDICT.search(ABOUT_THE_PRODUCT.sub("", text))
        assert not said, (said, text)


def suggests_one_action_each(card):
    if "suggestions" not in card:
        assert "selectionBehavior" not in card
        return
    assert card["selectionBehavior"] == "any"
    for suggestion in card["suggestions"]:
        assert set(suggestion) == {"label", "uuid", "actions"}
        assert is_uuid(suggestion["uuid"])
        (action,) = suggestion["actions"]
        assert set(action) == {"type", "description", "resource"}
        assert action["type"] == "create"
        get_fhir_model_class(action["resource"]["resourceType"]).model_validate(action["resource"])


def agrees_with_its_determination(card):
    found = card["extension"][DETERMINATION]
    assert found["outcome"] in OUTCOMES
    on_file = "authorization" in card["summary"]
    assert (card["indicator"] == "info") <= (on_file or found["outcome"] in {"ready", "could-not-check"})
    outcomes = {finding["outcome"] for finding in found["findings"]}
    if found["outcome"] == "ready":
        assert card["indicator"] == "info"
        assert not outcomes & {"not-met", "missing", "stale", "could-not-check"}
    if found["outcome"] == "exclusion-found":
        refused = {f["criterion"] for f in found["findings"] if f["outcome"] == "not-met"}
        assert refused & {"prior-car-t", "rescue-transplant"}
    assert len({f["criterion"] for f in found["findings"]}) == len(found["findings"])
    patient = {"another patient"}
    evidence = {item["reference"] for f in found["findings"] for item in f.get("evidence", [])}
    assert not evidence & {left["reference"] for left in found.get("leftOut", []) if left["why"] in patient}


def keeps_the_contract(cards):
    assert len(cards) <= 3
    for card in cards:
        keeps_the_standard(card)
        reads_without_markup(card)
        never_decides(card)
        suggests_one_action_each(card)
        agrees_with_its_determination(card)
    outcomes = [OUTCOMES.index(card["extension"][DETERMINATION]["outcome"]) for card in cards]
    assert outcomes == sorted(outcomes), "worst first"
    ids = [card["uuid"] for card in cards] + [s["uuid"] for card in cards for s in card.get("suggestions", [])]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", NAMES)
def test_the_cards_of_every_story_keep_the_contract(shipped, name):
    cards = cards_of(CALLS[name], shipped)
    keeps_the_contract(cards)
    assert bool(cards) == (name != "no-car-t")


@pytest.mark.parametrize("day", [date(2025, 6, 26), date(2026, 12, 1), date(2028, 2, 29)])
@pytest.mark.parametrize("name", NAMES[::4])
def test_they_keep_it_on_any_day(shipped, name, day):
    keeps_the_contract(cards_of(CALLS[name], shipped, day))


@settings(max_examples=60)
@given(st.data())
def test_they_keep_it_when_pieces_of_the_call_are_missing_or_of_another_kind(shipped, data):
    name = data.draw(st.sampled_from(NAMES))
    call = copy.deepcopy(CALLS[name])
    for _ in range(data.draw(st.integers(1, 6))):
        tear(call, data)
    keeps_the_contract(cards_of(call, shipped))


JUNK = [None, "", "<b>x</b>", 7, True, [], {}, ["x"], {"x": "y"}, "2026-13-45", "Patient/other", "x" * 3000]


def tear(call, data):
    """Remove or replace one piece of the prefetch or of an order, at any depth."""
    places = [
        entry["resource"]
        for entry in call["context"].get("draftOrders", {"entry": []})["entry"]
        if isinstance(entry, dict)
    ]
    for value in (call.get("prefetch") or {}).values():
        if isinstance(value, dict):
            places.append(value)
    place = data.draw(st.sampled_from(places)) if places else {}
    for _ in range(data.draw(st.integers(0, 5))):
        inner = [item for item in children(place) if isinstance(item, dict | list) and item]
        if not inner:
            break
        place = data.draw(st.sampled_from(inner))
    keys = list(place) if isinstance(place, dict) else list(range(len(place)))
    keys = [key for key in keys if key != "resourceType"]
    if not keys:
        return
    key = data.draw(st.sampled_from(keys))
    if data.draw(st.booleans()):
        del place[key]
    else:
        place[key] = copy.deepcopy(data.draw(st.sampled_from(JUNK)))


def children(place):
    return list(place.values()) if isinstance(place, dict) else list(place)


# ---- the writer itself ----


def written(library, **fields):
    made = {"summary": "s", "detail": "d", "topic": Topic("Payer", "a/b", "X"), "determination": {"outcome": "ready"}}
    return write_card(UUID(int=1), wording=library.wording, **made | fields)


@pytest.mark.parametrize(("info", "indicator"), [(True, "info"), (False, "warning")])
def test_a_card_is_never_critical(example, info, indicator):
    assert written(example, info=info)["indicator"] == indicator


def test_a_topic_s_code_is_constant_and_plain(example):
    topic = written(example, topic=Topic("Payer", "wellcare-nc/wnc-cp-192", "Tecartus™ x" * 20))["source"]["topic"]
    assert re.fullmatch(r"[A-Za-z0-9]{1,100}", topic["code"])
    assert written(example)["source"]["topic"]["code"] == "abX"


def test_a_policy_that_can_be_read_somewhere_is_linked(example):
    policy = example.in_force("example-health/gene-therapy", date(2026, 12, 1))
    (link,) = written(example, policy=policy)["links"]
    assert link == {"label": "Cell therapy", "url": "https://example.org/policies/ex-1", "type": "absolute"}
    older = example.in_force("example-health/gene-therapy", date(2025, 12, 1))
    assert "links" not in written(example, policy=older)


def card(outcome, number=0, detail="d\n\nlast"):
    topic = {"display": f"topic {number}"}
    made = {
        "summary": f"Product {number} · Extraordinarily Long Regional Health…: 3",
        "detail": detail,
        "source": {"topic": topic},
    }
    return made | {"extension": {DETERMINATION: {"outcome": outcome}}}


@given(st.lists(st.sampled_from(OUTCOMES), max_size=7))
def test_at_most_three_cards_worst_first_and_the_rest_by_name(example, outcomes):
    cards = [card(outcome, number) for number, outcome in enumerate(outcomes)]
    shown = worst_first(cards, example.wording)
    ranked = [each["extension"][DETERMINATION]["outcome"] for each in shown]
    assert ranked == sorted(outcomes, key=OUTCOMES.index)[:3]
    if len(outcomes) > 3:
        assert f"{len(outcomes) - 3} more: Product " in shown[-1]["detail"]
    else:
        assert all(each["detail"] == "d\n\nlast" for each in shown)


@pytest.mark.parametrize("count", [4, 10, 50])
def test_the_line_that_names_the_rest_keeps_the_detail_short(example, count):
    long = "\n\n".join("x" * 300 for _ in range(5)) + "\n\nA documentation check."
    shown = worst_first([card("ready", number, long) for number in range(count)], example.wording)
    assert len(shown[-1]["detail"]) <= 1800
    assert "more" in shown[-1]["detail"]
