"""Writing cards, strictly: nothing null or empty, a uuid on everything, never `critical`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from cdshooks.engine.model import Result
from cdshooks.engine.policy import Policy
from cdshooks.engine.templates import EMPTY
from cdshooks.engine.wording import Wording
from cdshooks.hooks.detail import LONGEST
from cdshooks.hooks.determination_json import KEY
from cdshooks.hooks.text import shortened

REASON_SYSTEM = "urn:org.cdshooks:override-reason"
ALREADY_SUBMITTED = "already-submitted"
TOPIC_SYSTEM = "urn:org.cdshooks:topic"
_MOST_CARDS = 3
_WORST_FIRST = [result.value for result in Result]
_NOT_ALNUM = re.compile(r"[^A-Za-z0-9]")
_LONGEST_TOPIC = 100
_LONGEST_NAMES = 300


@dataclass(frozen=True, slots=True)
class Topic:
    """What a card is about, for its source."""

    label: str
    policy_id: str
    product: str
    url: str = ""


def write_card(
    decision: UUID,
    summary: str,
    detail: str,
    topic: Topic,
    determination: Mapping[str, Any],
    wording: Wording,
    *,
    suggestions: list[dict[str, Any]] | None = None,
    policy: Policy | None = None,
    info: bool = False,
) -> dict[str, Any]:
    """One CDS Hooks 2.0 card; what has no value is left out."""
    card: dict[str, Any] = {
        "uuid": str(uuid5(decision, "card")),
        "summary": summary,
        "detail": detail,
        "indicator": "info" if info else "warning",
        "source": _source(topic, wording),
        "overrideReasons": _override_reasons(wording),
    }
    if suggestions:
        card["suggestions"] = suggestions
        card["selectionBehavior"] = "any"
    if policy is not None and policy.url:
        card["links"] = [{"label": policy.title, "url": policy.url, "type": "absolute"}]
    return {**_without_empty(card), "extension": {KEY: dict(determination)}}


def _source(topic: Topic, wording: Wording) -> dict[str, Any]:
    code = _NOT_ALNUM.sub("", f"{topic.policy_id}{topic.product}")[:_LONGEST_TOPIC]
    about_policy = bool(topic.policy_id and topic.product)
    display = wording.say(
        "source.topic" if about_policy else "source.topic_plain", policy=topic.label, product=topic.product
    )
    about = _without_empty({"system": TOPIC_SYSTEM, "code": code, "display": display})
    return _without_empty({"label": topic.label, "topic": about})


def _override_reasons(wording: Wording) -> list[dict[str, str]]:
    told = wording.override_reasons.items()
    return [{"system": REASON_SYSTEM, "code": code, "display": text} for code, text in told if text]


def _without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same object without null, empty text, empty lists and empty objects."""
    return {key: value for key, value in values.items() if value not in EMPTY}


def worst_first(cards: list[dict[str, Any]], wording: Wording, most: int | None = None) -> list[dict[str, Any]]:
    """At most three cards, or fewer, worst first; the last one names those that were left off."""
    ordered = sorted(cards, key=_badness)
    most = _MOST_CARDS if most is None else min(most, _MOST_CARDS)
    shown, rest = ordered[:most], ordered[most:]
    if shown and rest:
        names = shortened("; ".join(card["summary"].partition(":")[0] for card in rest), _LONGEST_NAMES)
        line = wording.say("detail.and_more", count=len(rest), names=names)
        last = {**shown[-1], "detail": with_last_line(shown[-1]["detail"], line)}
        shown = [*shown[:-1], last]
    return shown


def with_last_line(detail: str, line: str) -> str:
    """The detail with one more line; paragraphs before its last one make room if they must."""
    *paragraphs, footer = detail.split("\n\n")
    while paragraphs and len("\n\n".join([*paragraphs, footer, line])) > LONGEST:
        paragraphs.pop()
    return "\n\n".join([*paragraphs, footer, line])


def _badness(card: Mapping[str, Any]) -> int:
    return _WORST_FIRST.index(card["extension"][KEY]["outcome"])
