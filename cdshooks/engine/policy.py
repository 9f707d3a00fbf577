"""Policies: criteria in three sections, compiled once, each tied to its paragraphs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from cdshooks.engine.dates import Period, Window
from cdshooks.engine.evidence import Check, Compiler, compile_expression
from cdshooks.engine.evidence.context import Context, as_list, window_of
from cdshooks.engine.evidence.lines import Treatments, compile_lines
from cdshooks.engine.model import CriterionId, MapRow, Paragraph, PolicyId, Reminder, Section
from cdshooks.engine.products import Span, day, span


@dataclass(frozen=True, slots=True)
class Prompt:
    """Something in the chart that a person should weigh; it never decides."""

    check: Check
    says: str
    sensitive: bool


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion of a policy; `check` is None where only a person can judge.

    `lists` gives that person the lines of earlier treatment; they decide nothing.
    """

    id: CriterionId
    section: Section
    cite: tuple[Paragraph, ...]
    label: str
    says: str
    ask: str
    owner: str
    check: Check | None
    only_if: Check | None
    about: tuple[str, ...]
    prompts: tuple[Prompt, ...]
    prompt_after: Period | None
    window: Window | None
    remedy: str | None
    group: str | None
    kinds: frozenset[str]
    denial: Paragraph | None = None
    otherwise: str = ""
    lists: Callable[[Context], Treatments] | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """A provision that turns some criteria's "not met" into a person's decision."""

    cite: tuple[Paragraph, ...]
    says: str
    check: Check
    reaches: frozenset[str]


@dataclass(frozen=True, slots=True)
class Standing:
    """How sure it is that the version stands on a service date, and the sentence that says so."""

    span: Span
    is_: str
    says: str


@dataclass(frozen=True)
class Policy:
    """One version of a policy. Its effective period is inclusive and is looked up by service date."""

    id: PolicyId
    version: str
    title: str
    short: str
    status: str
    publisher: str
    authority: str
    reference_number: str
    url: str
    effective: Span
    start_basis: str
    standings: tuple[Standing, ...]
    reviewed_on: date | None
    review_due: date | None
    controlled_by: str
    products: tuple[str, ...]
    outline: tuple[Paragraph, ...]
    criteria: tuple[Criterion, ...]
    overrides: tuple[Override, ...]
    reminders: tuple[tuple[Reminder, Check | None], ...]
    not_encoded: tuple[tuple[tuple[Paragraph, ...], str], ...]
    file: str
    denials: Mapping[Paragraph, str] = field(default_factory=dict)
    differs: tuple[tuple[Span, str], ...] = ()
    criteria_map: tuple[MapRow, ...] = ()
    jurisdiction: str = ""

    def standing(self, service_date: date) -> Standing | None:
        """The standing of this version on the service date."""
        return next((s for s in self.standings if s.span.holds(service_date)), None)

    @property
    def may_refuse(self) -> bool:
        """False for somebody else's summary: it cannot say that a plan refuses anything."""
        return self.authority != "secondary-summary"

    def differs_from_label(self, service_date: date) -> tuple[str, ...]:
        """Where this text and the label of the service date differ, in sentences; the two are never merged."""
        return tuple(says for span_, says in self.differs if span_.holds(service_date))

    def criterion(self, criterion: str) -> Criterion:
        """The criterion of that id; KeyError when there is none."""
        return next(c for c in self.criteria if c.id == criterion)


def read_policy(data: Mapping[str, Any], compiler: Compiler, file: str) -> Policy:
    """Compile one policy file (already schema-checked)."""
    source, period = data["source"], data["effective_period"]
    criteria = tuple(_criterion(row, section, compiler) for section in Section for row in data.get(section.value, []))
    return Policy(
        id=PolicyId(data["id"]),
        version=str(data["version"]),
        title=data["title"],
        short=data["short"],
        status=data["status"],
        publisher=data["publisher"],
        authority=source["authority"],
        reference_number=source.get("reference_number", ""),
        url=source.get("url", ""),
        effective=Span(day(period["start"]), day(period.get("end"))),
        start_basis=period["start_basis"],
        standings=tuple(Standing(span(row), row["is"], row["says"]) for row in data.get("standing", [])),
        reviewed_on=day(data.get("reviewed_on")),
        review_due=day(data.get("review_due")),
        controlled_by=data.get("controlled_by", {}).get("says", ""),
        products=tuple(data.get("applies_to", {}).get("products", [])),
        outline=tuple(Paragraph(p) for p in data["outline"]),
        criteria=criteria,
        overrides=tuple(_override(row, compiler) for row in data.get("overrides", [])),
        reminders=tuple(_reminder(row, compiler) for row in data.get("reminders", [])),
        not_encoded=tuple((_cite(row), row["because"]) for row in data.get("not_encoded", [])),
        denials={Paragraph(key): says for key, says in data.get("denials", {}).items()},
        differs=tuple((span(row), row["says"]) for row in data.get("differs_from_label", [])),
        criteria_map=tuple(_map_rows(data.get("criteria_map", {}), criteria)),
        jurisdiction=data.get("jurisdiction", ""),
        file=file,
    )


def _cite(row: Mapping[str, Any]) -> tuple[Paragraph, ...]:
    return tuple(Paragraph(p) for p in as_list(row["cite"]))


def _criterion(row: Mapping[str, Any], section: Section, compiler: Compiler) -> Criterion:
    own = Compiler(compiler.value_sets, compiler.wording, compiler.products)
    return Criterion(
        id=CriterionId(row["id"]),
        section=section,
        cite=(*_cite(row), *_denial(row)),
        label=row["label"],
        says=row["says"],
        ask=row["ask"],
        owner=row["owner"],
        check=compile_expression(row["when"], own) if "when" in row else None,
        only_if=compile_expression(row["only_if"], own) if "only_if" in row else None,
        about=tuple(as_list(row.get("about"))),
        prompts=tuple(
            Prompt(compile_expression(item["when"], own), item["says"], bool(item.get("sensitive")))
            for item in row.get("prompts", [])
        ),
        prompt_after=Period.parse(row["prompt_after"]) if "prompt_after" in row else None,
        window=_first_window(row.get("when")),
        remedy=row.get("remedy"),
        group=row.get("group"),
        kinds=frozenset(own.used),
        denial=next(iter(_denial(row)), None),
        otherwise=row.get("otherwise", ""),
        lists=compile_lines(own) if "lists" in row else None,
    )


def _map_rows(labels: Mapping[str, str], criteria: Iterable[Criterion]) -> Iterator[MapRow]:
    """The rows of the criteria map that the policy itself names, then one for each criterion that is in none."""
    shown: set[str] = set()
    for paragraph, label in labels.items():
        under = [criterion for criterion in criteria if paragraph in criterion.cite]
        shown |= {criterion.id for criterion in under}
        cite = dict.fromkeys([Paragraph(paragraph), *(p for criterion in under for p in criterion.cite)])
        yield MapRow(paragraph, label, tuple(cite), tuple(criterion.id for criterion in under))
    for criterion in criteria:
        if criterion.id not in shown:
            yield MapRow(criterion.id, criterion.label, criterion.cite, (criterion.id,))


def _denial(row: Mapping[str, Any]) -> tuple[Paragraph, ...]:
    """The reason for denial that a gap here answers to: a paragraph that the criterion cites as well."""
    return (Paragraph(row["denial"]),) if "denial" in row else ()


def _first_window(expression: Any) -> Window | None:
    """The first freshness window in an expression: its dates fill the blank in `ask`."""
    if isinstance(expression, list):
        return next((found for item in expression if (found := _first_window(item))), None)
    if not isinstance(expression, Mapping):
        return None
    return window_of(expression) or _first_window(list(expression.values()))


def _override(row: Mapping[str, Any], compiler: Compiler) -> Override:
    check = compile_expression(row["when"], compiler)
    return Override(_cite(row), row["says"], check, frozenset(row["reaches"]))


def _reminder(row: Mapping[str, Any], compiler: Compiler) -> tuple[Reminder, Check | None]:
    check = compile_expression(row["only_if"], compiler) if "only_if" in row else None
    reminder = Reminder(_cite(row), row["text"], check is not None, row.get("unassigned_code", ""), row.get("due", ""))
    return reminder, check
