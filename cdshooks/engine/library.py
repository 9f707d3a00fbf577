"""The card library: every data file read once, schema-checked, resolved and compiled.

Problems are collected, so that an analyst sees all of them at once, each with file and line.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from cdshooks.engine.centers import RosterRow, read_roster
from cdshooks.engine.codes import Systems, read_systems
from cdshooks.engine.evidence import Compiler
from cdshooks.engine.payers import Payer, read_payer
from cdshooks.engine.policy import Policy, read_policy
from cdshooks.engine.products import Products, gather_products, read_product
from cdshooks.engine.source import LibraryError, Problem, Source, read_yaml
from cdshooks.engine.valuesets import ValueSet, read_value_set
from cdshooks.engine.wording import Wording, read_wording

__all__ = ["Library", "LibraryError", "Problem", "load_library"]


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

    def versions(self, policy_id: str) -> list[Policy]:
        """Every version of a policy, oldest first."""
        return [policy for policy in self.policies if policy.id == policy_id]

    def in_force(self, policy_id: str, service_date: date) -> Policy | None:
        """The active version on the service date; None when there is none on file for that day."""
        active = (p for p in self.versions(policy_id) if p.status == "active")
        return next((p for p in active if p.effective.holds(service_date)), None)

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
    reader = _Reader(path, schema or path / "schema")
    sources = reader.read_all()
    if reader.problems:
        raise LibraryError(reader.problems)
    systems = read_systems(sources["systems"][0].data["systems"])
    value_sets = {s.data["id"]: read_value_set(s.data, systems) for s in sources["valuesets"]}
    reader.problems += list(_unknown_sets(sources, value_sets))
    if reader.problems:
        raise LibraryError(reader.problems)
    wording = Wording(read_wording(_one(sources["wording"])))
    products = gather_products(
        (read_product(s.data, systems) for s in sources["products"]), _one(sources["look_alikes"]), systems
    )
    compiler = Compiler(value_sets, wording, products)
    policies = tuple(read_policy(s.data, compiler, s.file) for s in sources["policies"])
    library = Library(
        path=path,
        hash=reader.content_hash(),
        systems=systems,
        value_sets=value_sets,
        products=products,
        rosters=tuple(row for s in sources["centers"] for row in read_roster(s.data)),
        payers=tuple(read_payer(s.data) for s in sources["payers"]),
        policies=tuple(sorted(policies, key=lambda p: (p.id, p.effective.start or date.min))),
        suggestions={s.data["id"]: s.data for s in sources["suggestions"]},
        wording=wording,
    )
    problems = [*_period_problems(library), *_reference_problems(library, sources)]
    if problems:
        raise LibraryError(problems)
    return library


def _one(sources: list[Source]) -> dict[str, Any]:
    return sources[0].data if sources else {}


class _Reader:
    """Reads and schema-checks the files of one library."""

    def __init__(self, path: Path, schema: Path) -> None:
        self.path = path
        self.schema = schema
        self.problems: list[Problem] = []
        self._files: list[Path] = []
        schemas = {p.name: json.loads(p.read_text("utf-8")) for p in sorted(schema.glob("*.json"))}
        registry: Registry[Any] = Registry().with_resources(
            (name, Resource.from_contents(data, default_specification=DRAFT202012))
            for name, data in schemas.items()
        )
        self._validators = {
            name.removesuffix(".json"): Draft202012Validator(data, registry=registry)
            for name, data in schemas.items()
        }

    def read_all(self) -> dict[str, list[Source]]:
        """Every file by kind; problems are collected."""
        if not (self.path / "systems.yaml").is_file():
            self.problems.append(Problem("systems.yaml", 1, f"no library here: {self.path} has no systems.yaml"))
            return {}
        products = [p for p in self._glob("products/*.yaml") if p.name != "look-alikes.yaml"]
        policies = [p for p in self._glob("policies/*/*/*.yaml") if p.name != "cases.yaml"]
        return {
            "systems": self._yaml(self._glob("systems.yaml"), "systems"),
            "valuesets": [self._value_set(p) for p in self._glob("valuesets/*.json")],
            "products": self._yaml(products, "product"),
            "look_alikes": self._yaml(self._glob("products/look-alikes.yaml"), "lookalikes"),
            "centers": self._yaml(self._glob("centers/*.yaml"), "centers"),
            "payers": self._yaml(self._glob("payers/*.yaml"), "payer"),
            "policies": self._yaml(policies, "policy"),
            "suggestions": self._yaml(self._glob("suggestions/*.yaml"), "suggestion"),
            "wording": self._yaml(self._glob("wording/en.yaml"), "wording"),
        }

    def content_hash(self) -> str:
        """SHA-256 over the names and bytes of every file that was read."""
        digest = hashlib.sha256()
        for path in sorted(self._files):
            digest.update(str(path.relative_to(self.path)).encode() + b"\0" + path.read_bytes() + b"\0")
        return f"sha256:{digest.hexdigest()}"

    def _glob(self, pattern: str) -> list[Path]:
        found = sorted(self.path.glob(pattern))
        self._files += found
        return found

    def _yaml(self, paths: Iterable[Path], schema: str) -> list[Source]:
        sources = []
        for path in paths:
            try:
                source = read_yaml(path, str(path.relative_to(self.path)))
            except LibraryError as error:
                self.problems += error.problems
                continue
            sources.append(source)
            self._check(source, schema)
        return sources

    def _value_set(self, path: Path) -> Source:
        name = str(path.relative_to(self.path))
        try:
            data = msgspec.json.decode(path.read_bytes())
        except msgspec.DecodeError as error:
            self.problems.append(Problem(name, 1, f"not readable as JSON: {error}"))
            return Source(name, {"id": path.stem})
        if data.get("id") != path.stem:
            self.problems.append(Problem(name, 1, f"its id is {data.get('id')!r}; the file's name says {path.stem!r}"))
        return Source(name, data)

    def _check(self, source: Source, schema: str) -> None:
        validator = self._validators.get(schema)
        if validator is None:
            self.problems.append(Problem(source.file, 1, f"the library has no schema/{schema}.json to check it with"))
            return
        for error in validator.iter_errors(source.data):
            place, message = _innermost(error)
            self.problems.append(source.problem(place, message))


def _innermost(error: Any) -> tuple[tuple[str | int, ...], str]:
    """The most telling error of a schema failure: the deepest of the alternatives."""
    while error.context:
        error = max(error.context, key=lambda e: (len(e.absolute_path), -len(e.message)))
    place = tuple(error.absolute_path)
    where = ".".join(map(str, place)) or "the file"
    return place, f"{where}: {error.message[:300]}"


def _names(data: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every ``vs/…`` name in a file, with its place."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from _names(value, (*place, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _names(value, (*place, index))
    elif isinstance(data, str) and data.startswith("vs/"):
        yield place, data


def _unknown_sets(sources: Mapping[str, list[Source]], value_sets: Mapping[str, ValueSet]) -> Iterator[Problem]:
    for kind in ("policies", "products", "look_alikes"):
        for source in sources[kind]:
            for place, name in _names(source.data):
                if name.removeprefix("vs/") not in value_sets:
                    yield source.problem(place, f"{name}: there is no such value set; add valuesets/{name[3:]}.json")


def _period_problems(library: Library) -> Iterator[Problem]:
    """Gaps and overlaps between the active versions of each policy; both files are named."""
    for policy_id in sorted({policy.id for policy in library.policies}):
        active = [policy for policy in library.versions(policy_id) if policy.status == "active"]
        for earlier, later in zip(active, active[1:], strict=False):
            end, start = earlier.effective.end, later.effective.start
            if end is None or (start is not None and end >= start):
                yield Problem(later.file, 1, f"{policy_id}: overlaps {earlier.file} from {start}; give that one an end")
            elif start is not None and start > end + timedelta(days=1):
                yield Problem(later.file, 1, f"{policy_id}: no version from {end + timedelta(days=1)} until {start}; {earlier.file} ends before this one begins")


def _reference_problems(library: Library, sources: Mapping[str, list[Source]]) -> Iterator[Problem]:
    """References between files and within a policy that lead nowhere."""
    known = {policy.id for policy in library.policies}
    for source, payer in zip(sources["payers"], library.payers, strict=True):
        for policy_id in payer.policies:
            if policy_id not in known:
                yield source.problem(("policies",), f"{policy_id}: there is no policy of that id")
    for source in sources["policies"]:
        policy = next(p for p in library.policies if p.file == source.file)
        yield from _policy_problems(policy, source, library)


def _policy_problems(policy: Policy, source: Source, library: Library) -> Iterator[Problem]:
    ids = [criterion.id for criterion in policy.criteria]
    for criterion in policy.criteria:
        place: tuple[str | int, ...] = (criterion.section.value,)
        if ids.count(criterion.id) > 1:
            yield source.problem(place, f"the criterion id {criterion.id} stands twice")
        if criterion.remedy and criterion.remedy not in library.suggestions:
            yield source.problem(place, f"{criterion.id}: there is no suggestions/{criterion.remedy}.yaml")
        for about in criterion.about:
            if about not in ids:
                yield source.problem(place, f"{criterion.id}: about {about}, which is no criterion here")
    cited = {p for c in policy.criteria for p in c.cite} | {p for o in policy.overrides for p in o.cite}
    cited |= {p for r, _ in policy.reminders for p in r.cite} | {p for ps, _ in policy.not_encoded for p in ps}
    for paragraph in policy.outline:
        if paragraph not in cited:
            yield source.problem(("outline",), f"{paragraph} binds but nothing cites or excuses it")
    for paragraph in sorted(cited - set(policy.outline)):
        yield source.problem(("outline",), f"{paragraph} is cited but not in the outline")
