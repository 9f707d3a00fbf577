"""What only shows between the files of a library: names that lead nowhere, gaps, overlaps, doubles."""

from __future__ import annotations

import difflib
import string
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from cdshooks.engine.crd_table import crd_problems
from cdshooks.engine.model import Section
from cdshooks.engine.policy import Policy
from cdshooks.engine.source import Place, Problem, Source, walk
from cdshooks.engine.templates import template_problems

if TYPE_CHECKING:
    from cdshooks.engine.library import Library

ASK_BLANKS = {"counts", "product", "center", "service_date"}


def names(data: Any) -> Iterator[tuple[Place, str]]:
    """Every ``vs/…`` name in a file, with its place."""
    return ((place, value) for place, value in walk(data) if isinstance(value, str) and value.startswith("vs/"))


def unknown_sets(sources: Mapping[str, list[Source]], value_sets: Collection[str]) -> Iterator[Problem]:
    """Names of value sets that are not there, with those that are like them."""
    for kind in ("policies", "products", "look_alikes", "answers"):
        for source in sources.get(kind, ()):
            for place, name in names(source.data):
                if name.removeprefix("vs/") not in value_sets:
                    near = difflib.get_close_matches(name[3:], value_sets, n=2)
                    meant = f"did you mean {' or '.join(f'vs/{like}' for like in near)}? Else " if near else ""
                    says = f"{name}: there is no such value set; {meant}add valuesets/{name[3:]}.json"
                    yield source.problem(place, says)


def period_problems(library: Library) -> Iterator[Problem]:
    """Gaps and overlaps between the active versions of each policy; both files are named."""
    for policy_id in sorted({policy.id for policy in library.policies}):
        active = [policy for policy in library.versions(policy_id) if policy.status == "active"]
        for earlier, later in pairwise(active):
            end, start = earlier.effective.end, later.effective.start
            if end is None or (start is not None and end >= start):
                yield Problem(later.file, 1, f"{policy_id}: overlaps {earlier.file} from {start}; give that one an end")
            elif start is not None and start > end + timedelta(days=1):
                yield Problem(
                    later.file,
                    1,
                    f"{policy_id}: no version between {end} and {start}; {earlier.file} ends too early",
                )


def reference_problems(library: Library, sources: Mapping[str, list[Source]]) -> Iterator[Problem]:
    """References between files and within a policy that lead nowhere."""
    known = {policy.id for policy in library.policies}
    for kind in ("payers", "products", "suggestions"):
        yield from (problem for source in sources[kind] for problem in _own_problems(source))
    for source in sources["payers"]:
        for policy_id in source.data["policies"]:
            if policy_id not in known:
                yield source.problem(("policies",), f"{policy_id}: there is no policy of that id")
    for source in sources["suggestions"]:
        for message in template_problems(source.data["resource"]):
            yield source.problem(("resource",), message)
    yield from _product_problems(library, sources)
    yield from _appeal_problems(sources)
    for source in sources["crd"]:
        yield from crd_problems(source, library.policies)
    for source in sources["policies"]:
        policy = next(p for p in library.policies if p.file == source.file)
        if not source.file.startswith(f"policies/{policy.id}/"):
            yield source.problem(("id",), f"its id is {policy.id}; the folder it lies in says another")
        elif source.file != f"policies/{policy.id}/{policy.version}.yaml":
            yield source.problem(("version",), f"its version is {policy.version}; the file's name says another")
        yield from criterion_problems(policy, source, library)
        yield from _paragraph_problems(policy, source)


def _own_problems(source: Source) -> Iterator[Problem]:
    """An id that is not the file's name, and names of sources that the file does not list."""
    if not source.file.endswith(f"/{source.data['id']}.yaml"):
        yield source.problem(("id",), f"its id is {source.data['id']}; the file's name says another")
    for place, name in _sources(source.data):
        if name not in source.data.get("sources", ()):
            yield source.problem(place, f"there is no source {name} here; write it under sources")


def _sources(data: Any) -> Iterator[tuple[Place, str]]:
    """Every source that a row of a file names by its key."""
    for place, value in walk(data):
        if place[-1:] in (("source",), ("sources",)) and isinstance(value, list):
            yield from ((place, name) for name in value)


def _appeal_problems(sources: Mapping[str, list[Source]]) -> Iterator[Problem]:
    """Rules of the appeal clock that share an id or name a source that is not there."""
    for source in [*sources["appeals"], *sources["answers"]]:
        ids = Counter(row["id"] for row in source.data["rules"])
        for index, row in enumerate(source.data["rules"]):
            if ids[row["id"]] > 1:
                yield source.problem(("rules", index, "id"), f"the rule id {row['id']} stands twice")
            for key in row["sources"]:
                if key not in source.data["sources"]:
                    yield source.problem(("rules", index, "sources"), f"there is no source {key} here")


def _product_problems(library: Library, sources: Mapping[str, list[Source]]) -> Iterator[Problem]:
    """Products that share an id or are named where there is none."""
    ids = Counter(source.data["id"] for source in sources["products"])
    for source in sources["products"]:
        if ids[source.data["id"]] > 1:
            yield source.problem(("id",), f"another product file has the id {source.data['id']} too")
    for source in sources["centers"]:
        for index, row in enumerate(source.data.get("rows", [])):
            if row["product"] not in ids:
                yield source.problem(("rows", index), f"there is no product {row['product']}")
    for source in sources["policies"]:
        for place, product in _product_names(source.data):
            if product not in ids:
                yield source.problem(place, f"there is no product {product}")


def _product_names(data: Any) -> Iterator[tuple[Place, str]]:
    """Every product that an expression or `applies_to` of a policy names by id."""
    for place, value in walk(data):
        if place[-1:] == ("product",) and isinstance(value, Mapping) and "is" in value:
            yield place, value["is"]
        if place[-1:] == ("products",):
            yield from ((place, name) for name in value)


def criterion_problems(policy: Policy, source: Source, library: Library) -> Iterator[Problem]:
    """Ids that stand twice, and names in a policy's criteria, overrides and reminders that lead nowhere."""
    ids = [criterion.id for criterion in policy.criteria]
    places: list[Place] = [(s.value, row) for s in Section for row in range(len(source.data.get(s.value, ())))]
    for index, (criterion, place) in enumerate(zip(policy.criteria, places, strict=True)):
        if criterion.id in ids[:index]:
            first = source.line(places[ids.index(criterion.id)])
            yield source.problem(place, f"the criterion id {criterion.id} stands twice, first in line {first}")
        if criterion.remedy and criterion.remedy not in library.suggestions:
            yield source.problem((*place, "remedy"), f"there is no suggestions/{criterion.remedy}.yaml")
        for about in criterion.about:
            if about not in ids[: ids.index(criterion.id)]:
                yield source.problem((*place, "about"), f"{about} is no criterion above this one")
        for blank in sorted(_blanks(criterion.ask) - ASK_BLANKS):
            known = ", ".join(f"{{{name}}}" for name in sorted(ASK_BLANKS))
            yield source.problem((*place, "ask"), f"there is no blank {{{blank}}}; the blanks are {known}")
    for index, (reminder, _) in enumerate(policy.reminders):
        for blank in sorted(_blanks(reminder.text) - {"product_code", "due"}):
            yield source.problem(
                ("reminders", index), f"there is no blank {{{blank}}}; the blanks are product_code, due"
            )
    for index, override in enumerate(policy.overrides):
        for name in sorted(override.reaches - set(ids)):
            yield source.problem(("overrides", index, "reaches"), f"{name} is no criterion here")


def _blanks(template: str) -> set[str]:
    """The names of a text's blanks; a brace that stands alone is told as one that nobody knows."""
    try:
        return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
    except ValueError:
        return {"…"}


def _paragraph_problems(policy: Policy, source: Source) -> Iterator[Problem]:
    """Paragraphs that bind but are cited nowhere, and paragraphs that are cited but do not bind."""
    cited = {p for c in policy.criteria for p in c.cite} | {p for o in policy.overrides for p in o.cite}
    cited |= {p for r, _ in policy.reminders for p in r.cite} | {p for ps, _ in policy.not_encoded for p in ps}
    for paragraph in policy.outline:
        if paragraph not in cited:
            yield source.problem(("outline",), f"{paragraph} binds but nothing cites or excuses it")
    for paragraph in sorted(cited - set(policy.outline)):
        yield source.problem(("outline",), f"{paragraph} is cited but not in the outline")
    for row in policy.criteria_map:
        if not row.criteria:
            yield source.problem(("criteria_map", row.id), f"no criterion cites {row.id}, so its row is empty")
