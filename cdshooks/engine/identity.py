"""Whose record is it? The set of spellings under which the request's patient may be named.

A record of another patient is never evidence; a record that names nobody is not evidence either,
but there is something to look at. The same id under the base of another server names somebody who
cannot be told, unless the request carries its Patient under that base or the identifiers agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cdshooks.engine.model import Resource

_SUBJECTS = ("subject", "patient", "beneficiary", "for")

Entry = tuple[str | None, Resource]
"""(fullUrl, resource) of a Bundle entry or of a bare resource."""


@dataclass(frozen=True)
class Identity:
    """Decides whether a reference names the patient of the request.

    `birth_dates` holds every date of birth that the copies of the Patient give, each once.
    """

    patient_id: str
    patient: Resource | None = None
    bases: frozenset[str] = frozenset()
    own_urls: frozenset[str] = frozenset()
    contradictory: bool = False
    birth_dates: tuple[str, ...] = ()
    _seen: dict[str, bool | None] = field(default_factory=dict, compare=False)

    def owns(self, subject: Any, within: Resource | None = None) -> bool | None:
        """True for our patient, False for anyone else, None when it cannot be told.

        `within` is the resource that the reference stands in, for one to a contained Patient.
        """
        if not isinstance(subject, dict):
            return None
        reference = subject.get("reference")
        if not isinstance(reference, str) or not reference.strip():
            return self._by_identifier(subject.get("identifier"))
        if reference.startswith("#"):
            return self._contained(reference[1:], within)
        if reference not in self._seen:
            self._seen[reference] = self._by_reference(reference.strip())
        owned = self._seen[reference]
        if owned is False or "identifier" not in subject:
            return owned
        agreed = self._by_identifier(subject["identifier"])
        return owned if agreed is None else agreed

    def _by_reference(self, reference: str) -> bool | None:
        if reference in self.own_urls:
            return True
        if reference.lower().startswith("urn:"):
            return reference.rsplit(":", 1)[-1] == self.patient_id
        base, kind, identifier = split_reference(reference)
        if kind not in ("", "Patient") or identifier != self.patient_id:
            return False
        return True if self.may_hold(base) else None

    def may_hold(self, base: str) -> bool:
        """Whether a folded base ("" of a relative reference) may be the request's own server: the same id elsewhere
        names something else."""
        return not base or base in self.bases or not self.bases

    def _contained(self, name: str, within: Resource | None) -> bool | None:
        """Whether a contained Patient is ours, as its identifiers or name and birth date tell."""
        resource = contained(name, within)
        return None if resource is None or self.patient is None else agree(resource, self.patient)

    def _by_identifier(self, identifier: Any) -> bool | None:
        """Compare a logical identifier with the Patient's own: None when they share no system."""
        if not isinstance(identifier, Mapping) or self.patient is None:
            return None
        system, value = identifier.get("system"), identifier.get("value")
        own = {
            str(item.get("value", "")).strip()
            for item in listed(self.patient.get("identifier"))
            if isinstance(item, Mapping) and item.get("system") == system
        }
        if not own or not isinstance(value, str):
            return None
        return value.strip() in own


def agree(one: Resource, other: Resource) -> bool | None:
    """Whether two Patients are one person: a shared identifier says yes; the same system with another
    value, or another name or birth date, says no; None when nothing can be compared.
    """
    mine, theirs = _identifiers(one), _identifiers(other)
    if mine & theirs:
        return True
    if {system for system, _ in mine} & {system for system, _ in theirs}:
        return False
    told = [(one.get(key), other.get(key)) for key in ("birthDate", "name") if one.get(key) and other.get(key)]
    return all(a == b for a, b in told) if told else None


def _identifiers(patient: Resource) -> set[tuple[str, str]]:
    return {
        (str(item.get("system")), str(item.get("value", "")).strip())
        for item in listed(patient.get("identifier"))
        if isinstance(item, Mapping) and item.get("value")
    }


def listed(value: Any) -> list[Any]:
    """A list as it is, a single value as a list of one, nothing as []."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def subject_of(resource: Resource) -> Any:
    """The Reference that says whose a resource is, in whichever element its kind keeps it."""
    for name in _SUBJECTS:
        if subject := resource.get(name):
            return subject
    return None


def contained(name: str, within: Resource | None) -> Resource | None:
    """The resource that `within` contains under an id; None when there is none."""
    inside = listed(within.get("contained")) if within else []
    return next((r for r in inside if isinstance(r, Mapping) and r.get("id") == name), None)


def split_reference(reference: str) -> tuple[str, str, str]:
    """(base, type, id) of a FHIR reference, version part dropped; a bare id has an empty type."""
    path = reference.split("?", 1)[0].split("/_history/", 1)[0].rstrip("/")
    parts = path.rsplit("/", 2)
    if len(parts) == 3:
        return fold_base(parts[0]), parts[1], parts[2]
    return "", parts[0] if len(parts) == 2 else "", parts[-1]


def fold_base(url: str) -> str:
    """A server's base without scheme differences: no trailing slash, lower-case scheme and host."""
    scheme, separator, rest = url.strip().rstrip("/").partition("://")
    if not separator:
        return url.strip("/")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}://{host.lower()}{slash}{path}"


def identify(patient_id: str, server: str | None, entries: Iterable[Entry]) -> Identity:
    """Build the Identity of `patient_id` from the request's server and the Patient it carries."""
    patient: Resource | None = None
    contradictory = False
    bases = {fold_base(server)} if server else set()
    urls: set[str] = set()
    born: set[str] = set()
    for full_url, resource in entries:
        if resource.get("resourceType") != "Patient" or resource.get("id") != patient_id:
            continue
        contradictory = contradictory or (patient is not None and agree(patient, resource) is False)
        patient = patient or resource
        born |= {day for day in [resource.get("birthDate")] if isinstance(day, str)}
        if full_url:
            urls.add(full_url)
            base, _, identifier = split_reference(full_url)
            if base and identifier == patient_id:
                bases.add(base)
    return Identity(patient_id, patient, frozenset(bases), frozenset(urls), contradictory, tuple(sorted(born)))
