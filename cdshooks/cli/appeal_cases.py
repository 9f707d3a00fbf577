"""Cases of the appeal clock: the denial of a story with another day, payer or reason, and what its card carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cdshooks.cli.edits import Body, resources_of
from cdshooks.cli.expectations import Mismatch
from cdshooks.hooks.appeal_card import KEY
from cdshooks.hooks.service import Answer

_ANSWER, _REQUEST = "ClaimResponse", "Claim"


def deny(body: Body, key: str, value: str) -> None:
    """Change the denial of a request: `denied_on`, `payer`, `plan`, `use` or `reason`."""
    answers, claims, coverages = (resources_of(body, kind) for kind in (_ANSWER, _REQUEST, "Coverage"))
    for resource in (*answers, *claims):
        if key == "payer":
            resource["insurer"] = {"display": value}
        elif key == "use":
            resource["use"] = value
    for resource in answers:
        if key in ("denied_on", "reason"):
            resource[{"denied_on": "created", "reason": "disposition"}[key]] = value
    for resource in coverages:
        if key == "payer":
            resource |= {"contained": [], "payor": [{"display": value}], "class": [], "type": {"text": value}}
        elif key == "plan":
            resource |= {"class": [], "type": {"text": value}}


def appeal_mismatches(expect: Mapping[str, Any], answered: Answer) -> Iterator[Mismatch]:
    """Every difference between the first appeal card and what is expected of it."""
    carried = (card["extension"].get(KEY) for card in answered.body["cards"])
    appeal: Mapping[str, Any] = next((found for found in carried if found), {})
    rules = dict(_rules(appeal))
    for key, came in _of_whole(appeal).items():
        if key in expect and expect[key] != came:
            yield Mismatch(key, str(expect[key]), str(came))
    for key, property_ in (("due", "due"), ("length", "length")):
        for name, wanted in expect.get(key, {}).items():
            found = rules.get(name, {}).get(property_)
            if found != wanted:
                yield Mismatch(f"{name}, {key}", wanted, str(found))
    yield from _of_rules(expect, rules)


def _of_whole(appeal: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "plan_types": [plan["id"] for plan in appeal.get("planTypes", [])],
        "reasons": [reason["cite"] for reason in appeal.get("reasons", [])],
        "first_row": next(iter(appeal.get("rows", [])), None),
    }


def _of_rules(expect: Mapping[str, Any], rules: Mapping[str, Mapping[str, Any]]) -> Iterator[Mismatch]:
    """Rules that are there or not, over or not, with a day or without one."""
    for name in expect.get("rules", []):
        if name not in rules:
            yield Mismatch("rules", name, ", ".join(rules) or "none")
    for name in expect.get("no_rules", []):
        if name in rules:
            yield Mismatch("rules", f"not {name}", name)
    for name in expect.get("length", {}):
        if name not in expect.get("due", {}) and "due" in rules.get(name, {}):
            yield Mismatch(f"{name}, due", "no day", rules[name]["due"])
    for name in {*expect.get("due", {}), *expect.get("passed", [])}:
        wanted, came = name in expect.get("passed", []), rules.get(name, {}).get("passed", False)
        if wanted is not came:
            yield Mismatch(f"{name}, passed", str(wanted), str(came))


def named_rules(expect: Mapping[str, Any]) -> set[str]:
    """Every rule of which a case expects something."""
    return {name for key in ("due", "length", "passed", "rules") for name in expect.get(key, ())}


def _rules(appeal: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every rule of a card by plan-type/rule; one that always holds by its own name."""
    for plan in appeal.get("planTypes", []):
        yield from ((f"{plan['id']}/{rule['rule']}", rule) for rule in plan["rules"])
    yield from ((rule["rule"], rule) for rule in appeal.get("always", []))
