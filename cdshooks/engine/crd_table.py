"""How Da Vinci CRD is answered: versions, what a client may configure, and what is asserted of an outcome."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cdshooks.engine.model import CriterionId, Paragraph, PolicyId
from cdshooks.engine.policy import Policy
from cdshooks.engine.source import Problem, Source

Side = Literal["provider", "payer"]
STATED = "stated"


@dataclass(frozen=True, slots=True)
class Option:
    """Something that a client may configure; `turns` says what it turns off, or limits."""

    code: str
    type: str
    default: bool | int
    turns: str


@dataclass(frozen=True, slots=True)
class Stance:
    """What is asserted of a situation, in codes of the coverage-information extension; "" is left out."""

    covered: str
    pa_needed: str = ""
    doc_needed: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CrdTable:
    """The library's table for Da Vinci CRD; `stated` names the policies whose text asks for authorization.

    `by_version` holds what is said of a situation in one version alone, by situation and version: on either side.
    """

    versions: tuple[str, ...]
    card_type: str
    card_type_systems: Mapping[str, str]
    reason_system: str
    options: tuple[Option, ...]
    stated: Mapping[PolicyId, Paragraph]
    info_by_criterion: Mapping[CriterionId, str]
    provider: Mapping[str, Stance]
    payer: Mapping[str, Stance]
    by_version: Mapping[tuple[str, str], Stance]

    def stance(self, situation: str, side: Side, version: str) -> Stance:
        """What one side asserts of a situation to a client of one version."""
        both = (self.provider if side == "provider" else self.payer)[situation]
        return self.by_version.get((situation, version), both)


def read_crd_table(data: Mapping[str, Any]) -> CrdTable:
    """Read the file (already schema-checked)."""
    rows = data["assertions"]
    beside = ("payer", "by_version")
    own = {name: {key: value for key, value in row.items() if key not in beside} for name, row in rows.items()}
    return CrdTable(
        versions=tuple(data["versions"]),
        card_type=data["card_type"]["code"],
        card_type_systems=dict(data["card_type"]["systems"]),
        reason_system=data["reason_system"],
        options=tuple(Option(**row) for row in data["options"]),
        stated={PolicyId(row["policy"]): Paragraph(row["cite"]) for row in data["stated"]},
        info_by_criterion={CriterionId(row["criterion"]): row["code"] for row in data["info_by_criterion"]},
        provider={name: Stance(**row) for name, row in own.items()},
        payer={name: Stance(**row.get("payer", own[name])) for name, row in rows.items()},
        by_version={
            (name, version): Stance(**said)
            for name, row in rows.items()
            for version, said in row.get("by_version", {}).items()
        },
    )


def crd_problems(source: Source, policies: tuple[Policy, ...]) -> Iterator[Problem]:
    """Policies, paragraphs and systems that the file names and that are not there."""
    for index, row in enumerate(source.data["stated"]):
        versions = [policy for policy in policies if policy.id == row["policy"]]
        if not versions:
            yield source.problem(("stated", index), f"{row['policy']}: there is no policy of that id")
        elif not any(row["cite"] in policy.outline for policy in versions):
            yield source.problem(("stated", index), f"{row['policy']} has no paragraph {row['cite']}")
    for version in source.data["versions"]:
        if version not in source.data["card_type"]["systems"]:
            yield source.problem(("card_type",), f"there is no system for version {version}")
