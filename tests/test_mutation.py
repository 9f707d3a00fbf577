"""Mutants of the WellCare policy: every small change of a rule, a code or a label's date must fail one of its cases.

The changes are made mechanically over the policy file as data: periods one unit longer and shorter, strict for
inclusive, each value set dropped from a list, each optional filter, branch, hint, prompt, reach and criterion
dropped. What no case can tell apart is excused by name, with its reason.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import pytest
from tales import without_noise

from cdshooks.cli.case_run import run_case
from cdshooks.cli.cases import OUTCOME_KEYS, Case, read_cases
from cdshooks.engine.evidence import Compiler
from cdshooks.engine.library import Library, load_library
from cdshooks.engine.policy import read_policy
from cdshooks.engine.products import Product, Span
from cdshooks.engine.source import read_yaml
from cdshooks.engine.valuesets import Concept
from cdshooks.server.settings import default_fixtures, default_library
from cdshooks.server.stories import read_stories

POLICY = "wellcare-nc/wnc-cp-192"
LIBRARY = load_library(default_library())
FILE = default_library() / "policies" / POLICY / "2025-04.yaml"
DATA: dict[str, Any] = read_yaml(FILE, FILE.name).data

SECTIONS = ("coverage", "exclusions", "documentation")
PERIOD = re.compile(r"P(\d+)([DM])")
LISTS = (
    "code", "value", "type", "title", "not_type", "procedure", "medication", "not_treatment", "history", "autologous",
    "other", "contradicts",
)  # fmt: skip
OPTIONAL = (
    "contradicts", "conflict", "asks", "named", "not_type", "text", "specimen", "active", "sensitive", "title",
    "newer_than", "no_older_than", "checked_within", "prompt_after", "only_if", "about", "newer", "not_treatment",
)  # fmt: skip
OTHER_WORD = {"gap": ("attest", "could-not-check"), "absent": ("attest", "missing")}

Place = tuple[str | int, ...]
Rows = dict[str, Any]


@dataclass(frozen=True)
class Mutant:
    """One change of the library; `criterion` says whose cases must notice, "" that any case may."""

    name: str
    criterion: str
    library: Callable[[], Library]


# ---- changes of the policy file


def policy_mutant(name: str, criterion: str, change: Callable[[Rows], None]) -> Mutant:
    def library() -> Library:
        data = copy.deepcopy(DATA)
        change(data)
        changed = read_policy(data, Compiler(LIBRARY.value_sets, LIBRARY.wording, LIBRARY.products), FILE.name)
        return replace(LIBRARY, policies=tuple(changed if p.id == POLICY else p for p in LIBRARY.policies))

    return Mutant(name, criterion, library)


def at(data: Any, path: Place) -> Any:
    for step in path:
        data = data[step]
    return data


def dropped(path: Place) -> Callable[[Rows], None]:
    def change(data: Rows) -> None:
        del at(data, path[:-1])[path[-1]]

    return change


def put(path: Place, value: Any) -> Callable[[Rows], None]:
    def change(data: Rows) -> None:
        at(data, path[:-1])[path[-1]] = value

    return change


def renamed(path: Place, name: str) -> Callable[[Rows], None]:
    def change(data: Rows) -> None:
        place = at(data, path[:-1])
        place[name] = place.pop(path[-1])

    return change


def both(*changes: Callable[[Rows], None]) -> Callable[[Rows], None]:
    def change(data: Rows) -> None:
        for one in changes:
            one(data)

    return change


def criterion_mutants() -> Iterator[Mutant]:
    for section in SECTIONS:
        for index, row in enumerate(DATA[section]):
            yield policy_mutant(f"{row['id']}: dropped", row["id"], dropped((section, index)))
            for what, change in expression_mutants(row, (section, index)):
                yield policy_mutant(f"{row['id']}: {what}", row["id"], change)


def expression_mutants(node: Any, path: Place) -> Iterator[tuple[str, Callable[[Rows], None]]]:
    """Every change inside one criterion or expression, with words for it."""
    for key, value in node.items() if isinstance(node, Mapping) else enumerate(node):
        here = (*path, key)
        where = ".".join(map(str, here[2:]))
        if isinstance(value, str) and (found := PERIOD.fullmatch(value)):
            for number in (int(found[1]) - 1, int(found[1]) + 1):
                yield f"{where} {value} → P{number}{found[2]}", put(here, f"P{number}{found[2]}")
        if key in ("newer_than", "no_older_than"):
            other = "no_older_than" if key == "newer_than" else "newer_than"
            yield f"{where} → {other}", renamed(here, other)
        if key in OTHER_WORD and value in OTHER_WORD[key]:
            other = next(word for word in OTHER_WORD[key] if word != value)
            yield f"{where} {value} → {other}", put(here, other)
        if key in OPTIONAL:
            yield f"{where} dropped", dropped(here)
        if isinstance(value, list) and len(value) > 1 and (key in (*LISTS, "any", "all", "prompts", "about")):
            for index, item in enumerate(value):
                name = item if isinstance(item, str) else index
                yield f"{where} without {name}", dropped((*here, index))
        if isinstance(value, Mapping | list) and key not in ("cite", "about"):
            yield from expression_mutants(value, here)


def paper_mutants() -> Iterator[Mutant]:
    """The override, the reminders, the standing and the first day."""
    yield policy_mutant("EPSDT: dropped", "", dropped(("overrides", 0)))
    for age in (20, 22):
        yield policy_mutant(f"EPSDT: under {age}", "", put(("overrides", 0, "when", "patient", "under_age"), age))
    reaches = DATA["overrides"][0]["reaches"]
    for index, reached in enumerate(reaches):
        yield policy_mutant(f"EPSDT: without {reached}", reached, dropped(("overrides", 0, "reaches", index)))
    for beyond in ("fda-approved", "rems", "rescue-transplant"):
        yield policy_mutant(f"EPSDT: reaches {beyond}", beyond, put(("overrides", 0, "reaches"), [*reaches, beyond]))
    for index, row in enumerate(DATA["reminders"]):
        yield policy_mutant(f"reminder {row['cite']}: dropped", "", dropped(("reminders", index)))
        if "only_if" in row:
            here: Place = ("reminders", index, "only_if")
            yield policy_mutant(f"reminder {row['cite']}: for every order", "", dropped(here))
            for part in range(len(row["only_if"]["all"])):
                change = dropped((*here, "all", part))
                yield policy_mutant(f"reminder {row['cite']}: without condition {part}", "", change)
    for days in (-1, 1):
        start = moved(DATA["effective_period"]["start"], days)
        yield policy_mutant(f"first day {start}", "", put(("effective_period", "start"), start))
        end, following = (moved(DATA["standing"][n][key], days) for n, key in ((0, "to"), (1, "from")))
        change = both(put(("standing", 0, "to"), end), put(("standing", 1, "from"), following))
        yield policy_mutant(f"standing unconfirmed from {following}", "", change)


def moved(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


# ---- changes of value sets and labels


def library_of(value_sets: Mapping[str, Any] | None = None, product: Product | None = None) -> Library:
    """The library with other value sets or another product, its policies compiled anew."""
    products = LIBRARY.products
    if product is not None:
        products = replace(products, by_id={**products.by_id, str(product.id): product})
    sets = value_sets or LIBRARY.value_sets
    compiled = read_policy(DATA, Compiler(sets, LIBRARY.wording, products), FILE.name)
    policies = tuple(compiled if p.id == POLICY else p for p in LIBRARY.policies)
    return replace(LIBRARY, value_sets=sets, products=products, policies=policies)


def with_concepts(name: str, change: Callable[[Concept], Concept | None], code: str) -> Callable[[], Library]:
    """The library with one code of one value set changed or taken away, wherever the set keeps it."""

    def altered(concepts: Mapping[Any, Concept]) -> dict[Any, Concept]:
        hit = {key for key, concept in concepts.items() if concept.coded[1] == code}
        new = {key: change(concept) if key in hit else concept for key, concept in concepts.items()}
        return {key: concept for key, concept in new.items() if concept is not None}

    def library() -> Library:
        old = LIBRARY.value_sets[name]
        changed = replace(old, concepts=altered(old.concepts), prefixes=altered(old.prefixes), words=altered(old.words))
        assert changed != old, f"{name} has no code {code}"
        return library_of({**LIBRARY.value_sets, name: changed})

    return library


LOST_CODES = {
    "result-positive": ("11214006", "hiv"),
    "result-negative": ("131194007", "hiv"),
    "result-indeterminate": ("42425007", "hbsag"),
    "lab-hiv-ab": ("31201-7", "hiv"),
    "lab-hbsag": ("5196-1", "hbsag"),
    "dx-mcl": ("C83.13", "indication"),
    "dx-prior-car-t": ("Z92.850", "prior-car-t"),
    "proc-car-t-infusion": ("XW033J7", "prior-car-t"),
    "proc-hsct-autologous": ("38241", "rescue-transplant"),
    "doc-appeal": ("52032-0", "letter"),
    "doc-psych-eval": ("18738-5", "psych-eval"),
    "path-bone-marrow": ("33721-2", "marrow-biopsy"),
    "psy-substance": ("F10", "psychosocial-limits"),
    "status-remission": ("C83.1A", "indication"),
}
NOW_DECIDING = {
    "result-positive": ("720735008", "anti-hcv"),
    "lab-hiv-ab": ("44533-8", "hiv"),
    "lab-hbsag": ("47364-5", "hbsag"),
    "dx-prior-car-t": ("Z92.858", "prior-car-t"),
    "proc-car-t-infusion": ("0540T", "prior-car-t"),
    "path-bone-marrow": ("48807-2", "marrow-biopsy"),
    "doc-letter-medical-necessity": ("51852-2", "letter"),
    "doc-psych-eval": ("34904-3", "psych-eval"),
    "doc-social-work": ("57164-6", "social-eval"),
    "dx-b-all": ("C91.02", "indication"),
    "dx-pcnsl": ("448254007", "indication"),
}


def code_mutants() -> Iterator[Mutant]:
    for name, (code, criterion) in LOST_CODES.items():
        yield Mutant(f"{name}: without {code}", criterion, with_concepts(name, lambda c: None, code))
    for name, (code, criterion) in NOW_DECIDING.items():
        changed = with_concepts(name, lambda c: replace(c, decides=True), code)
        yield Mutant(f"{name}: {code} decides", criterion, changed)


def shifted(span: Span, start: int = 0, end: int = 0) -> Span:
    first, last = (day and day + timedelta(days=n) for day, n in ((span.start, start), (span.end, end)))
    return Span(first, last)


def label_mutants() -> Iterator[Mutant]:
    """The days on which the labels change, and the ages that they name."""
    for days in (-1, 1):
        tecartus = LIBRARY.products.by_id["tecartus"]
        rems = tuple(replace(r, span=shifted(r.span, end=days)) for r in tecartus.rems)
        yield label_mutant(f"Tecartus REMS ends {days:+d} day", "rems", replace(tecartus, rems=rems))
        breyanzi = LIBRARY.products.by_id["breyanzi"]
        mzl = [replace(i, span=shifted(i.span, start=days)) if i.id == "liso-mzl" else i for i in breyanzi.indications]
        named = f"Breyanzi marginal zone from {days:+d} day"
        yield label_mutant(named, "indication", replace(breyanzi, indications=tuple(mzl)))
        yescarta = LIBRARY.products.by_id["yescarta"]
        unlimited = [
            replace(i, limitations=tuple(replace(x, span=shifted(x.span, end=days)) for x in i.limitations))
            for i in yescarta.indications
        ]
        named = f"Yescarta brain limitation ends {days:+d} day"
        yield label_mutant(named, "indication", replace(yescarta, indications=tuple(unlimited)))
        for product, limit, age in (("tecartus", "min_age", 18), ("kymriah", "under_age", 26)):
            yield label_mutant(f"{product} {limit} {age + days}", "indication", aged(product, limit, age + days))


def label_mutant(name: str, criterion: str, product: Product) -> Mutant:
    return Mutant(f"label: {name}", criterion, lambda: library_of(product=product))


def aged(product_id: str, limit: str, age: int) -> Product:
    product = LIBRARY.products.by_id[product_id]
    changed = copy.deepcopy([dict(i.when) for i in product.indications])
    for when in changed:
        for part in when["all"]:
            if limit in part.get("patient", {}):
                part["patient"][limit] = age
    indications = (replace(i, when=when) for i, when in zip(product.indications, changed, strict=True))
    return replace(product, indications=tuple(indications))


# ---- what no case can tell apart

NEVER_REFUSED = "software never finds this one not met, so there is nothing for EPSDT to turn"
NOT_RAISED = "a negative result is not raised, whether it contradicts or cannot be read"
EXCUSED = {
    "EPSDT: without dosage": NEVER_REFUSED,
    "EPSDT: without dosage-form": NEVER_REFUSED,
    "EPSDT: without psychosocial-limits": NEVER_REFUSED,
    "EPSDT: without non-compliance": NEVER_REFUSED,
    "EPSDT: reaches rems": "no center of the synthetic roster is known to stand outside a REMS",
    "warnings: prompts.1.when.observation.contradicts dropped": NOT_RAISED,
    "warnings: prompts.4.when.observation.contradicts dropped": NOT_RAISED,
}

MUTANTS = [*criterion_mutants(), *paper_mutants(), *code_mutants(), *label_mutants()]


# ---- the test

BY_CRITERION = ("reason", "ask", "counts_until", "to_review", "evidence")


@dataclass(frozen=True)
class Trial:
    """The cases, on charts without the everyday records that no rule reads, and which of them pass unchanged."""

    cases: list[Case]
    passing: dict[str, bool] = field(default_factory=dict)

    def killer(self, mutant: Mutant) -> str | None:
        """The first case that passes with the library and fails with the mutant."""
        library = mutant.library()
        failing = (c for c in self.asked(mutant.criterion) if run_case(c, library).mismatches)
        return next((c.name for c in failing if self.passes(c)), None)

    def asked(self, criterion: str) -> list[Case]:
        """The cases that may notice, those that expect least first: all that name the criterion, or all."""
        return sorted((c for c in self.cases if not criterion or names(c, criterion)), key=breadth)

    def passes(self, case: Case) -> bool:
        if case.name not in self.passing:
            self.passing[case.name] = not run_case(case, LIBRARY).mismatches
        return self.passing[case.name]


def names(case: Case, criterion: str) -> bool:
    return any(criterion in case.expect.get(key, ()) for key in (*OUTCOME_KEYS, *BY_CRITERION))


def breadth(case: Case) -> tuple[bool, int]:
    told = {"card", "no_card_text", "reminders", "no_reminders", "version"} & set(case.expect)
    return not told, sum(len(case.expect.get(key, ())) for key in OUTCOME_KEYS)


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    folder = tmp_path_factory.mktemp("stories")
    stories = {}
    for name, story in read_stories(default_fixtures()).items():
        quiet = folder / f"{name}.json"
        quiet.write_text(json.dumps(without_noise(json.loads(story.request.read_text("utf-8")))), encoding="utf-8")
        stories[name] = replace(story, request=quiet)
    return Trial([c for c in read_cases(LIBRARY, stories) if c.policy == POLICY])


def test_the_cases_come_out_alike_without_the_noise(trial: Trial) -> None:
    noisy = {c.name: c for c in read_cases(LIBRARY, read_stories(default_fixtures())) if c.policy == POLICY}
    sample = trial.cases[::7]
    assert [c.name for c in sample if trial.passes(c) != (not run_case(noisy[c.name], LIBRARY).mismatches)] == []


def ids(excused: bool) -> list[Any]:
    return [pytest.param(m, id=m.name) for m in MUTANTS if (m.name in EXCUSED) is excused]


@pytest.mark.parametrize("mutant", ids(excused=False))
def test_a_changed_rule_fails_a_case(mutant: Mutant, trial: Trial) -> None:
    if trial.killer(mutant) is None:
        pytest.fail(f"no case notices: {mutant.name}", pytrace=False)


@pytest.mark.parametrize("mutant", ids(excused=True))
def test_an_excuse_is_only_for_what_no_case_notices(mutant: Mutant, trial: Trial) -> None:
    assert trial.killer(mutant) is None, EXCUSED[mutant.name]


def test_every_mutant_has_a_name_of_its_own_and_every_excuse_its_mutant() -> None:
    every = [m.name for m in MUTANTS]
    assert len(set(every)) == len(every)
    assert set(EXCUSED) <= set(every)
