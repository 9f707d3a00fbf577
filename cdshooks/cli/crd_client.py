"""Playing a client of Da Vinci CRD: asking for a version, and telling what was said of the orders."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cdshooks.cli.panel import printable
from cdshooks.hooks.coverage_rules import URL, coverage_departures
from cdshooks.hooks.crd_request import REQUESTED

_TOLD = (
    "coverage", "covered", "pa-needed", "doc-needed", "questionnaire", "info-needed", "satisfied-pa-id",
    "coverage-assertion-id",
)  # fmt: skip


def asking(body: bytes, version: str) -> bytes:
    """The request with the version of CRD that it asks for; what is no request is left for the service to refuse."""
    try:
        request = json.loads(body)
        return json.dumps({**request, "extension": {**request.get("extension", {}), REQUESTED: version}}).encode()
    except (ValueError, TypeError, AttributeError):
        return body


def updates(answer: Mapping[str, Any], version: str) -> Iterator[str]:
    """A line for each order that is updated, one for each thing said of it, and one for each rule that it breaks."""
    for action in answer.get("systemActions", []):
        resource = action["resource"]
        yield printable(f"Update of {resource['resourceType']}/{resource['id']}, coverage information:")
        for extension in resource["extension"]:
            if extension.get("url") == URL:
                yield from (printable(f"  {line}") for line in _lines(extension))
                yield from (printable(f"warning: {departure}") for departure in coverage_departures(extension, version))
    if not answer.get("systemActions"):
        yield "No order is updated."


def _lines(extension: Mapping[str, Any]) -> Iterator[str]:
    for name in _TOLD:
        if values := [_plain(part) for part in extension["extension"] if part["url"] == name]:
            yield f"{name}: {', '.join(values)}"
    yield from (_plain(part) for part in extension["extension"] if part["url"] == "reason")


def _plain(part: Mapping[str, Any]) -> str:
    (value,) = (value for key, value in part.items() if key != "url")
    return str(value.get("reference") or value.get("text")) if isinstance(value, Mapping) else str(value)
