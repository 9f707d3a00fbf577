"""The card library: every data file read once, schema-checked, resolved and compiled.

Problems are collected, so that an analyst sees all of them at once, each with file and line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from cdshooks.engine.appeals import AnswerSets, PlanType, read_answer_sets, read_plan_type
from cdshooks.engine.centers import RosterRow, read_roster
from cdshooks.engine.codes import Systems, read_systems
from cdshooks.engine.crd_table import CrdTable, read_crd_table
from cdshooks.engine.evidence import Compiler
from cdshooks.engine.payers import Payer, read_payer
from cdshooks.engine.policy import Policy, read_policy
from cdshooks.engine.products import Products, gather_products, read_product
from cdshooks.engine.reading import Reader
from cdshooks.engine.references import criterion_problems, period_problems, reference_problems, unknown_sets
from cdshooks.engine.source import LibraryError, Problem, Source
from cdshooks.engine.valuesets import ValueSet, read_value_set, union
from cdshooks.engine.wording import Wording, read_wording

__all__ = ["Library", "LibraryError", "Problem", "load_library", "read_draft"]


@dataclass(frozen=True)
class Library:
    """Everything the engine knows, and the hash of the files it came from."""

    path: Path
    hash: str
    systems: Systems
    value_sets: Mapping[str, ValueSet]
    products: Products
    rosters: tuple[RosterRow, ...]
    payers: tuple[Payer, ...]
    policies: tuple[Policy, ...]
    suggestions: Mapping[str, Mapping[str, Any]]
    wording: Wording
    plan_types: tuple[PlanType, ...] = ()
    answer_sets: AnswerSets | None = None
    crd: CrdTable | None = None

    def versions(self, policy_id: str) -> list[Policy]:
        """Every version of a policy, oldest first."""
        return [policy for policy in self.policies if policy.id == policy_id]

    def in_force(self, policy_id: str, service_date: date) -> Policy | None:
        """The active version on the service date; None when there is none on file for that day."""
        active = (p for p in self.versions(policy_id) if p.status == "active")
        return next((p for p in active if p.effective.holds(service_date)), None)

    @cached_property
    def other_codes(self) -> ValueSet:
        """All of `other_sets` in one."""
        return union(self.other_sets)

    @cached_property
    def service_codes(self) -> ValueSet:
        """All of `service_sets` in one."""
        return union(self.service_sets)

    @cached_property
    def other_sets(self) -> tuple[ValueSet, ...]:
        """The sets whose codes say that a medication is something else."""
        return tuple(self.value_sets[name.removeprefix("vs/")] for name in self.products.other_sets)

    @cached_property
    def service_sets(self) -> tuple[ValueSet, ...]:
        """The sets whose codes say that a service is part of a CAR-T course, product unsaid."""
        return tuple(self.value_sets[name.removeprefix("vs/")] for name in self.products.service_sets)


def load_library(path: Path, schema: Path | None = None) -> Library:
    """Read the library at `path`; LibraryError lists every problem found, file by file."""
    reader = Reader(path, schema or path / "schema")
    sources = reader.read_all()
    reader.stop_if_any()
    systems = read_systems(sources["systems"][0].data["systems"])
    value_sets = {s.id: s for s in reader.build(sources["valuesets"], lambda s: read_value_set(s.data, systems))}
    there = {Path(s.file).stem for s in sources["valuesets"]}  # also those that cannot be used, which is told of them
    reader.problems += unknown_sets(sources, there)
    reader.stop_if_any()
    wording = Wording(read_wording(_one(sources["wording"])))
    read_products = reader.build(sources["products"], lambda s: read_product(s.data, systems))
    products = gather_products(read_products, _one(sources["look_alikes"]), systems)
    reader.stop_if_any()
    compiler = Compiler(value_sets, wording, products)
    policies = reader.build(sources["policies"], lambda s: read_policy(s.data, compiler, s.file))
    rosters = reader.build(sources["centers"], lambda s: read_roster(s.data))
    payers = reader.build(sources["payers"], lambda s: read_payer(s.data))
    plan_types = reader.build(sources["appeals"], lambda s: read_plan_type(s.data))
    answer_sets = reader.build(sources["answers"], lambda s: read_answer_sets(s.data, value_sets))
    crd = reader.build(sources["crd"], lambda s: read_crd_table(s.data))
    reader.stop_if_any()
    library = Library(
        path=path,
        hash=reader.content_hash(),
        systems=systems,
        value_sets=value_sets,
        products=products,
        rosters=tuple(row for rows in rosters for row in rows),
        payers=tuple(payers),
        policies=tuple(sorted(policies, key=lambda p: (p.id, p.effective.start or date.min))),
        suggestions={s.data["id"]: s.data for s in sources["suggestions"]},
        wording=wording,
        plan_types=tuple(plan_types),
        answer_sets=next(iter(answer_sets), None),
        crd=next(iter(crd), None),
    )
    reader.problems += [*period_problems(library), *reference_problems(library, sources)]
    reader.stop_if_any()
    return library


def read_draft(path: Path, name: str, library: Library) -> tuple[Source, Policy]:
    """A policy file that need not lie in the library, compiled with what the library knows.

    Problems are told of `name`. Raises LibraryError for what keeps it from being used; paragraphs that nothing cites
    yet, and its days beside other versions, are left to the check of a whole library.
    """
    reader = Reader(library.path, library.path / "schema")
    source = reader.read(path, name, "policy")
    reader.stop_if_any()
    reader.problems += unknown_sets({"policies": [source]}, library.value_sets)
    reader.stop_if_any()
    compiler = Compiler(library.value_sets, library.wording, library.products)
    built = reader.build([source], lambda s: read_policy(s.data, compiler, s.file))
    reader.stop_if_any()
    reader.problems += criterion_problems(built[0], source, library)
    reader.stop_if_any()
    return source, built[0]


def _one(sources: list[Source]) -> dict[str, Any]:
    return sources[0].data if sources else {}
