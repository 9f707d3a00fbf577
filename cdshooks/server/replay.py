"""Making a decision again, from the request that led to it, and telling what is not the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from cdshooks.engine.library import Library
from cdshooks.hooks.decision_record import decisions_of, submitted_of
from cdshooks.hooks.questionnaire import base_of
from cdshooks.hooks.request import read_request
from cdshooks.hooks.service import ServiceOptions, answer
from cdshooks.server.decision_log import Kept
from cdshooks.server.live_rosters import Rosters

_SHOWN_AS = {
    "library": "card library",
    "engine": "engine",
    "request": "request (SHA-256)",
    "rosters": "roster",
    "outcome": "outcome",
    "product": "product",
    "serviceDate": "service date",
    "indicator": "indicator",
    "failure": "failure",
    "leftOut": "records left out",
}
_NONE = "none"
_OF_AN_ID = {"assertionId"}


def differences(kept: Kept, body: bytes, library: Library, rosters: Rosters | None) -> list[str]:
    """What is not the same when a kept decision is made again from a request body, a sentence each.

    `rosters` is the roster of the kept version, None when the registry has no such version any more. Raises
    RequestError when the body is no request of the decision's service.
    """
    before = kept.content
    request = read_request(body, before["service"], before["hook"])
    options = ServiceOptions(
        zone=ZoneInfo(before["timezone"]),
        default_facility=before.get("defaultFacility"),
        rosters=rosters.rows if rosters else None,
        rosters_hash=rosters.hash if rosters else None,
        submitted=lambda: submitted_of(before),
        system_actions="coverageInformation" in before,
        side=before.get("side", "provider"),
        questionnaires=next(
            (base_of(url) for url in before.get("coverageInformation", {}).get("questionnaire", ())), ""
        ),
    )
    answered = answer(request, library, date.fromisoformat(before["asOf"]), options)
    made = {d.id: d.content for d in decisions_of(answered, request, options)}
    now = made.get(before["decision"]) or next((c for c in made.values() if _about(c) == _about(before)), None)
    found = list(_differences(before, now)) if now else [_gone(before, library)]
    return [*_unrepeatable(kept, rosters), *found]


def _about(content: Mapping[str, Any]) -> tuple[Any, Any]:
    return content.get("order"), content.get("policy", {}).get("id")


def _unrepeatable(kept: Kept, rosters: Rosters | None) -> Iterator[str]:
    call = kept.calls[-1] if kept.calls else {}
    if rosters is None:
        number = call.get("rosters_version", 0)
        yield f"roster version {number}: the registry has no such version; the library's was used"
    if "fetched" in kept.content:
        yield f"what was read from the EHR's server then ({kept.content['fetched']}) is not in the request"


def _gone(before: Mapping[str, Any], library: Library) -> str:
    order, policy = _about(before)
    same = "the same" if library.hash == before["library"] else f"now {library.hash}"
    return f"the request leads to no decision on {order or 'an order'} under {policy or 'no policy'}; library: {same}"


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for key, name in _SHOWN_AS.items():
        if before.get(key) != now.get(key):
            yield _changed(name, before.get(key), now.get(key))
    version, other = (content.get("policy", {}).get("version") for content in (before, now))
    if version != other:
        yield _changed("policy version", version, other)
    told, tells = (content.get("coverageInformation", {}) for content in (before, now))
    for name in sorted((told.keys() | tells.keys()) - _OF_AN_ID):
        if told.get(name) != tells.get(name):
            yield _changed(f"coverage information, {name}", *(_joined(said.get(name)) for said in (told, tells)))
    old, new = ({f["criterion"]: f for f in content["findings"]} for content in (before, now))
    for criterion in dict.fromkeys([*old, *new]):
        yield from _finding(criterion, old.get(criterion, {}), new.get(criterion, {}))


def _finding(criterion: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if old.get("outcome") != new.get("outcome"):
        yield _changed(criterion, old.get("outcome"), new.get("outcome"))
    elif old.get("evidence") != new.get("evidence"):
        yield f"{criterion}: the evidence, or what a record of it says, is another"
    elif old != new:
        yield f"{criterion}: its paragraphs or its date are others"


def _joined(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value


def _changed(name: str, before: Any, now: Any) -> str:
    shown = (_NONE if value is None else value if isinstance(value, str) else len(value) for value in (before, now))
    return "{}: was {}, is {}".format(name, *shown)
