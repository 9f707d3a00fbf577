"""The wire format of Questionnaire/$questionnaire-package: what is asked, and the package that answers it.

Read tolerantly and written as Da Vinci DTR 2.2 has it: for each Questionnaire a Bundle of it and one response.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cdshooks.engine.identity import listed, split_reference, subject_of
from cdshooks.engine.model import Resource
from cdshooks.hooks.coverage_information import MARK
from cdshooks.hooks.errors import RequestError, outcome_of

OPERATION = "$questionnaire-package"
_LONGEST, _MOST = 2000, 50


@dataclass(frozen=True, slots=True)
class PackageRequest:
    """What a client asks for: canonicals, the coverage-assertion-id of a call, and its own order and coverage."""

    questionnaires: tuple[str, ...]
    context: str
    coverages: tuple[Resource, ...]
    orders: tuple[Resource, ...]

    @property
    def decision(self) -> str:
        """The id of the decision that the context names; "" where it names none of ours."""
        return self.context.removeprefix(MARK) if self.context.startswith(MARK) else ""

    @property
    def subjects(self) -> tuple[Mapping[str, Any], ...]:
        """The references to whom the coverage and the orders are of."""
        found = [coverage.get("beneficiary") for coverage in self.coverages]
        found += [subject_of(order) for order in self.orders]
        return references(found)

    @property
    def about(self) -> tuple[str, ...]:
        """The references of the orders and the coverage."""
        named = [one for one in (*self.orders, *self.coverages) if isinstance(one.get("id"), str) and one["id"]]
        return tuple(f"{one.get('resourceType')}/{one['id']}" for one in named)


def read_package_request(body: Any) -> PackageRequest:
    """Read the Parameters of a call. Raises RequestError (400) where they ask for nothing that is served."""
    if not isinstance(body, Mapping) or body.get("resourceType") != "Parameters":
        raise RequestError(400, "structure", "the body is no Parameters resource", "Parameters")
    asked = PackageRequest(
        questionnaires=tuple(_texts(body, "questionnaire", ("valueCanonical", "valueUri", "valueString"))),
        context=next(_texts(body, "context", ("valueString", "valueId")), ""),
        coverages=tuple(_resources(body, "coverage")),
        orders=tuple(_resources(body, "order")),
    )
    if not asked.questionnaires and not asked.context:
        says = "neither a questionnaire nor a context is named; which ones an order alone needs is told by order-sign"
        raise RequestError(400, "required", says, "Parameters.parameter")
    if len(asked.questionnaires) > _MOST:
        raise RequestError(400, "too-costly", f"more than {_MOST} questionnaires are asked for", "Parameters.parameter")
    return asked


def references(values: Iterable[Any]) -> tuple[Mapping[str, Any], ...]:
    """Those values that refer to something."""
    return tuple(one for one in values if isinstance(one, Mapping) and isinstance(one.get("reference"), str))


def patient_ids(subjects: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The ids of the patients that are referred to; what refers to no Patient is kept whole, and is nobody's."""
    split = ((str(subject["reference"]), split_reference(str(subject["reference"]))) for subject in subjects)
    return frozenset(id_ if kind in ("", "Patient") else text for text, (_, kind, id_) in split)


def _named(body: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    yield from (p for p in listed(body.get("parameter")) if isinstance(p, Mapping) and p.get("name") == name)


def _texts(body: Mapping[str, Any], name: str, values: Sequence[str]) -> Iterator[str]:
    for parameter in _named(body, name):
        found = (parameter.get(value) for value in values)
        yield from (text for text in found if isinstance(text, str) and 0 < len(text) <= _LONGEST)


def _resources(body: Mapping[str, Any], name: str) -> Iterator[Resource]:
    found = (parameter.get("resource") for parameter in _named(body, name))
    yield from (resource for resource in found if isinstance(resource, Mapping))


def package(contents: Iterable[Sequence[dict[str, Any]]], told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The answer: a Bundle of each Questionnaire with its response, and what there is to say of them."""
    return {
        "resourceType": "Parameters",
        "parameter": [
            *({"name": "packagebundle", "resource": _bundle(resources)} for resources in contents),
            *([{"name": "outcome", "resource": outcome_of(told)}] if told else []),
        ],
    }


def _bundle(resources: Sequence[dict[str, Any]]) -> dict[str, Any]:
    entries = [{"fullUrl": _full_url(resource), "resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def _full_url(resource: Mapping[str, Any]) -> str:
    return f"urn:uuid:{resource['id']}" if "url" not in resource else str(resource["url"])
