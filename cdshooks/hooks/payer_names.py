"""Whom a coverage, or a plan's answer, names as its payer: in words, identifiers and plan classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cdshooks.engine.chart import Chart
from cdshooks.engine.codes import coding_list, concept_texts
from cdshooks.engine.identity import listed, split_reference
from cdshooks.engine.model import Resource

_PERSONS = ("Patient", "RelatedPerson")
"""Who pays for themselves is no payer, and their name is nobody's to print as one."""


def payer_words(resource: Resource, chart: Chart) -> tuple[str, ...]:
    """Every text in which a coverage, or a plan's answer, names its payer or plan, the payer's own name first."""
    return tuple(_texts(resource, chart))


def payer_classes(resource: Resource) -> Iterator[tuple[str, str]]:
    """(type, value) of every class of a coverage."""
    for item in listed(resource.get("class")):
        if isinstance(item, Mapping) and isinstance(item.get("value"), str):
            codes = [c.get("code") for c in coding_list(item.get("type")) if isinstance(c, Mapping)]
            yield from ((str(code), item["value"]) for code in codes or [""])


def payer_identifiers(resource: Resource, chart: Chart) -> Iterator[tuple[str, str]]:
    """(system, value) of every identifier of a coverage's payers."""
    for reference, target in _payors(resource, chart):
        for item in [*listed(reference.get("identifier")), *listed((target or {}).get("identifier"))]:
            if isinstance(item, Mapping) and isinstance(item.get("system"), str) and item.get("value"):
                yield item["system"], str(item["value"]).strip()


def _payors(resource: Resource, chart: Chart) -> Iterator[tuple[Mapping[str, object], Resource | None]]:
    for reference in [*listed(resource.get("payor")), *listed(resource.get("insurer"))]:
        if not isinstance(reference, Mapping):
            continue
        target = chart.resolve(reference, resource)
        kinds = (reference.get("type"), split_reference(str(reference.get("reference")))[1])
        if not {*kinds, (target or {}).get("resourceType")} & {*_PERSONS}:
            yield reference, target


def _texts(resource: Resource, chart: Chart) -> Iterator[str]:
    for reference, target in _payors(resource, chart):
        named = target or {}
        for text in (named.get("name"), reference.get("display"), *listed(named.get("alias"))):
            if isinstance(text, str) and text.strip():
                yield text
    for item in listed(resource.get("class")):
        if isinstance(item, Mapping):
            yield from (item[k] for k in ("name", "value") if isinstance(item.get(k), str) and item[k].strip())
    yield from concept_texts(resource.get("type"))
