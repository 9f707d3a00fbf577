"""Mutants of the card library: every small change of a rule, a code, a payer's names or a label's date.

The changes are made mechanically over the files as data: periods one unit longer and shorter, numbers one more and
one less, strict for inclusive, each value set dropped from a list, each optional filter, branch, hint, prompt, reach,
reminder and criterion dropped.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from cdshooks.engine.evidence import Compiler
from cdshooks.engine.library import Library, load_library
from cdshooks.engine.payers import read_payer
from cdshooks.engine.policy import read_policy
from cdshooks.engine.products import Indication, Product, Span
from cdshooks.engine.source import read_yaml
from cdshooks.engine.valuesets import Concept
from cdshooks.server.settings import default_library

WNC, GUIDE, LABEL = "wellcare-nc/wnc-cp-192", "bcbs/tecartus", "fda/label"
LIBRARY = load_library(default_library())

SECTIONS = ("coverage", "exclusions", "documentation")
PERIOD = re.compile(r"P(\d+)([DM])")
LISTS = (
    "code", "value", "type", "title", "not_type", "procedure", "medication", "not_treatment", "history", "autologous",
    "other", "contradicts", "concludes", "disputed_by", "contradicted_by", "answers", "procedures", "asks", "unlisted",
    "classes",
)  # fmt: skip
OPTIONAL = (
    "contradicts", "conflict", "asks", "named", "not_type", "text", "specimen", "active", "sensitive", "title",
    "newer_than", "no_older_than", "checked_within", "prompt_after", "only_if", "about", "newer", "not_treatment",
    "concludes", "disputed_by", "contradicted_by", "answers", "needs_text", "repeats", "procedures", "status",
    "otherwise", "denial", "spoiled_by", "unlisted", "against", "state_asks", "classes", "dated", "numbers", "percent",
)  # fmt: skip
NUMBERS = ("lowest", "highest", "lines_at_least", "min_age", "under_age")
WRAPPERS = ("look_alike", "authored")
CLOSED = ("cite", "about", "conflict", "state_asks", "history")
OTHER_WORD = {"gap": ("attest", "could-not-check"), "absent": ("attest", "missing")}

Place = tuple[str | int, ...]
Rows = dict[str, Any]
Change = Callable[[Rows], None]


@dataclass(frozen=True)
class Mutant:
    """One change of the library; the cases of `policy` must notice, those that name `criterion` ("" is any of them).

    A mutant of one `product` can only be noticed by cases of that product.
    """

    name: str
    policy: str
    criterion: str
    library: Callable[[], Library]
    product: str = ""

    @property
    def id(self) -> str:
        """The name of its test."""
        return f"{self.policy}: {self.name}"


@dataclass(frozen=True)
class Paper:
    """A policy file as data."""

    id: str
    file: str
    data: Rows

    @classmethod
    def of(cls, policy: str) -> Paper:
        """The one version of a policy that the library has."""
        (version,) = LIBRARY.versions(policy)
        return cls(policy, version.file, read_yaml(LIBRARY.path / version.file, version.file).data)

    def compiled(self, data: Rows, library: Library = LIBRARY) -> Library:
        """The library with this policy compiled from other data, or with the library's other sets and products."""
        changed = read_policy(data, Compiler(library.value_sets, library.wording, library.products), self.file)
        return replace(library, policies=tuple(changed if p.id == self.id else p for p in library.policies))

    def mutant(self, name: str, criterion: str, change: Change) -> Mutant:
        """A mutant by a change of the file."""

        def library() -> Library:
            data = copy.deepcopy(self.data)
            change(data)
            return self.compiled(data)

        return Mutant(name, self.id, criterion, library)


PAPERS = {policy: Paper.of(policy) for policy in (WNC, GUIDE, LABEL)}


# ---- changes of data


def at(data: Any, path: Place) -> Any:
    for step in path:
        data = data[step]
    return data


def dropped(path: Place) -> Change:
    def change(data: Rows) -> None:
        del at(data, path[:-1])[path[-1]]

    return change


def put(path: Place, value: Any) -> Change:
    def change(data: Rows) -> None:
        at(data, path[:-1])[path[-1]] = value

    return change


def renamed(path: Place, name: str) -> Change:
    def change(data: Rows) -> None:
        place = at(data, path[:-1])
        place[name] = place.pop(path[-1])

    return change


def unwrapped(path: Place) -> Change:
    """An expression in the place of the one that stands around it."""

    def change(data: Rows) -> None:
        around = at(data, path[:-1])
        around.update(around.pop(path[-1])["when"])

    return change


def both(*changes: Change) -> Change:
    def change(data: Rows) -> None:
        for one in changes:
            one(data)

    return change


def moved(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


# ---- changes of a policy file


def criterion_mutants(paper: Paper) -> Iterator[Mutant]:
    for section in SECTIONS:
        for index, row in enumerate(paper.data.get(section, [])):
            yield paper.mutant(f"{row['id']}: dropped", row["id"], dropped((section, index)))
            for what, change in expression_mutants(row, (section, index)):
                yield paper.mutant(f"{row['id']}: {what}", row["id"], change)


def expression_mutants(node: Any, path: Place) -> Iterator[tuple[str, Change]]:
    """Every change inside one criterion or expression, with words for it."""
    for key, value in node.items() if isinstance(node, Mapping) else enumerate(node):
        here = (*path, key)
        where = ".".join(map(str, here[2:]))
        yield from value_mutants(key, value, here, where)
        if isinstance(value, list) and len(value) > 1 and (key in (*LISTS, "any", "all", "prompts", "about")):
            for index, item in enumerate(value):
                name = item if isinstance(item, str) else index
                yield f"{where} without {name}", dropped((*here, index))
        if isinstance(value, Mapping | list) and key not in CLOSED:
            yield from expression_mutants(value, here)


def value_mutants(key: Any, value: Any, here: Place, where: str) -> Iterator[tuple[str, Change]]:
    """The changes of one value."""
    if isinstance(value, str) and (found := PERIOD.fullmatch(value)):
        for number in (int(found[1]) - 1, int(found[1]) + 1):
            yield f"{where} {value} → P{number}{found[2]}", put(here, f"P{number}{found[2]}")
    if key in NUMBERS:
        for number in (value - 1, value + 1):
            yield f"{where} {value} → {number}", put(here, number)
    if key in ("newer_than", "no_older_than"):
        other = "no_older_than" if key == "newer_than" else "newer_than"
        yield f"{where} → {other}", renamed(here, other)
    if key in OTHER_WORD and value in OTHER_WORD[key]:
        other = next(word for word in OTHER_WORD[key] if word != value)
        yield f"{where} {value} → {other}", put(here, other)
    if key in OPTIONAL and where:
        yield f"{where} dropped", dropped(here)
    if key in WRAPPERS:
        yield f"{where} taken away", unwrapped(here)


def paper_mutants(paper: Paper) -> Iterator[Mutant]:
    """The overrides, the reminders, the differences from the label, the products, the standing and the first day."""
    yield from override_mutants(paper)
    yield from reminder_mutants(paper)
    data = paper.data
    for index, row in enumerate(data.get("differs_from_label", [])):
        yield paper.mutant(f"difference {index}: dropped", "", dropped(("differs_from_label", index)))
        for days in (-1, 1) if "from" in row else ():
            other = moved(row["from"], days)
            yield paper.mutant(
                f"difference {index}: from {other}", "", put(("differs_from_label", index, "from"), other)
            )
    for reason, says in data.get("denials", {}).items():
        yield paper.mutant(f"{reason}: says something else", "", put(("denials", reason), f"not {says}"))
    if "products" in data["applies_to"]:
        yield paper.mutant("for every product", "", dropped(("applies_to", "products")))
    for days in (-1, 1):
        start = moved(data["effective_period"]["start"], days)
        yield paper.mutant(f"first day {start}", "", put(("effective_period", "start"), start))
        if len(data["standing"]) > 1:
            end, following = (moved(data["standing"][n][key], days) for n, key in ((0, "to"), (1, "from")))
            change = both(put(("standing", 0, "to"), end), put(("standing", 1, "from"), following))
            yield paper.mutant(f"standing unconfirmed from {following}", "", change)


def override_mutants(paper: Paper) -> Iterator[Mutant]:
    for number, row in enumerate(paper.data.get("overrides", [])):
        here: Place = ("overrides", number)
        yield paper.mutant("EPSDT: dropped", "", dropped(here))
        for age in (20, 22):
            yield paper.mutant(f"EPSDT: under {age}", "", put((*here, "when", "patient", "under_age"), age))
        for index, reached in enumerate(row["reaches"]):
            yield paper.mutant(f"EPSDT: without {reached}", reached, dropped((*here, "reaches", index)))
        for beyond in ("fda-approved", "rems", "rescue-transplant"):
            reaches = [*row["reaches"], beyond]
            yield paper.mutant(f"EPSDT: reaches {beyond}", beyond, put((*here, "reaches"), reaches))


def reminder_mutants(paper: Paper) -> Iterator[Mutant]:
    for index, row in enumerate(paper.data.get("reminders", [])):
        here: Place = ("reminders", index)
        name = f"reminder {row['cite']}"
        yield paper.mutant(f"{name}: dropped", "", dropped(here))
        if "due" in row:
            for what, change in value_mutants("due", row["due"], (*here, "due"), "due"):
                yield paper.mutant(f"{name}: {what}", "", change)
        if "unassigned_code" in row:
            yield paper.mutant(f"{name}: no code", "", dropped((*here, "unassigned_code")))
            yield paper.mutant(f"{name}: another code", "", put((*here, "unassigned_code"), "C0000"))
        if "only_if" in row:
            yield paper.mutant(f"{name}: for every order", "", dropped((*here, "only_if")))
            for part in range(len(row["only_if"]["all"])):
                yield paper.mutant(f"{name}: without condition {part}", "", dropped((*here, "only_if", "all", part)))


# ---- changes of value sets


def with_concepts(
    paper: Paper, name: str, change: Callable[[Concept], Concept | None], code: str
) -> Callable[[], Library]:
    """The library with one code of one value set changed or taken away, wherever the set keeps it."""

    def altered(concepts: Mapping[Any, Concept]) -> dict[Any, Concept]:
        hit = {key for key, concept in concepts.items() if concept.coded[1] == code}
        new = {key: change(concept) if key in hit else concept for key, concept in concepts.items()}
        return {key: concept for key, concept in new.items() if concept is not None}

    def library() -> Library:
        old = LIBRARY.value_sets[name]
        changed = replace(old, concepts=altered(old.concepts), prefixes=altered(old.prefixes), words=altered(old.words))
        assert changed != old, f"{name} has no code {code}"
        library = replace(LIBRARY, value_sets={**LIBRARY.value_sets, name: changed})
        return paper.compiled(paper.data, library)

    return library


LOST_CODES = {
    WNC: {
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
    },
    GUIDE: {
        "path-flow": ("33719-6", "flow-cytometry"),
        "path-cytogenetics": ("55228-1", "cytogenetics"),
        "path-bcr-abl1": ("21821-4", "molecular"),
        "path-t1114-ccnd1": ("77037-0", "t-11-14"),
        "path-ccnd1-lookalikes": ("78204-5", "t-11-14"),
        "path-surgical": ("22637-3", "pathology"),
        "obs-ecog": ("89247-1", "ecog"),
        "obs-ecog-answers": ("LA9622-7", "ecog"),
        "obs-karnofsky": ("89243-0", "ecog"),
        "obs-lvef": ("10230-1", "lvef"),
        "report-echo": ("42148-7", "lvef"),
        "spec-hematology-oncology": ("207RH0003X", "necessity-letter"),
    },
}
NOW_DECIDING = {
    WNC: {
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
    },
    GUIDE: {"obs-ecog-answers": ("LA9623-5", "ecog")},
}


def code_mutants(paper: Paper) -> Iterator[Mutant]:
    for name, (code, criterion) in LOST_CODES.get(paper.id, {}).items():
        lost = with_concepts(paper, name, lambda c: None, code)
        yield Mutant(f"{name}: without {code}", paper.id, criterion, lost)
    for name, (code, criterion) in NOW_DECIDING.get(paper.id, {}).items():
        changed = with_concepts(paper, name, lambda c: replace(c, decides=True), code)
        yield Mutant(f"{name}: {code} decides", paper.id, criterion, changed)


# ---- changes of labels


def shifted(span: Span, start: int = 0, end: int = 0) -> Span:
    first, last = (day and day + timedelta(days=n) for day, n in ((span.start, start), (span.end, end)))
    return Span(first, last)


def shifts(span: Span) -> Iterator[tuple[str, Span]]:
    """The span with its first day, and its last one if it has one, a day earlier and a day later.

    Before the first label of all no version of the label policy is on file, so that no day before it is tried.
    """
    first = LIBRARY.versions(LABEL)[0].effective.start
    for days in (-1, 1):
        if span.start and not (days < 0 and span.start == first):
            yield f"from {days:+d} day", shifted(span, start=days)
        if span.end:
            yield f"until {days:+d} day", shifted(span, end=days)


def label_mutants() -> Iterator[Mutant]:
    """The days on which the labels change, and the diseases, lines and ages that they name.

    Left out is what no chart can show: a day before the first label of all, and what another indication of the
    product, in force from no later day, says of the same disease.
    """
    for product in LIBRARY.products.by_id.values():
        if product.approved is None:
            continue
        for what, span in shifts(product.approved):
            yield label_mutant(product, f"approved {what}", "fda-approved", replace(product, approved=span))
        for index, rems in enumerate(product.rems):
            for what, span in shifts(rems.span):
                changed = [*product.rems[:index], replace(rems, span=span), *product.rems[index + 1 :]]
                yield label_mutant(product, f"{rems.name} {what}", "rems", replace(product, rems=tuple(changed)))
        for index, indication in enumerate(product.indications):
            hidden = covered(product, indication)
            for what, other in indication_mutants(indication, hidden):
                every = (*product.indications[:index], other, *product.indications[index + 1 :])
                name = f"{indication.id} {what}"
                yield label_mutant(product, name, "indication", replace(product, indications=every))


def covered(product: Product, indication: Indication) -> set[str]:
    """The diseases for which another indication of the product is in force from no later day, without an end."""
    others = [i for i in product.indications if i is not indication and i.span.end is None]
    earlier = [i for i in others if i.span.start and indication.span.start and i.span.start <= indication.span.start]
    limited = {limitation.code for i in (indication, *earlier) for limitation in i.limitations}
    return {disease(other) for other in earlier} | limited


def disease(indication: Indication) -> str:
    return next(str(part["condition"]["code"]) for part in indication.when["all"] if "condition" in part)


def indication_mutants(indication: Indication, hidden: set[str]) -> Iterator[tuple[str, Indication]]:
    for what, span in shifts(indication.span):
        yield what, replace(indication, span=span)
    for index, limitation in enumerate(indication.limitations):
        others = (*indication.limitations[:index], *indication.limitations[index + 1 :])
        yield f"without {limitation.key}", replace(indication, limitations=others)
        for what, span in shifts(limitation.span):
            if not (what == "from -1 day" and limitation.span.start == indication.span.start):
                limits = (*others, replace(limitation, span=span))
                yield f"{limitation.key} {what}", replace(indication, limitations=limits)
    data: Rows = copy.deepcopy(dict(indication.when))
    for what, change in expression_mutants(data, ("when", "when")):
        is_told = any(part in what for part in ("contradicted_by without", "lines_at_least", "disputed_by"))
        is_age = "_age" in what and disease(indication) not in hidden
        if (is_told or is_age) and what.rpartition(" ")[2] not in hidden:
            made = copy.deepcopy(data)
            change({"when": {"when": made}})
            yield what, replace(indication, when=made)


def label_mutant(product: Product, name: str, criterion: str, changed: Product) -> Mutant:
    paper = PAPERS[LABEL]

    def library() -> Library:
        products = replace(LIBRARY.products, by_id={**LIBRARY.products.by_id, product.id: changed})
        return paper.compiled(paper.data, replace(LIBRARY, products=products))

    return Mutant(f"{product.id} {name}", LABEL, criterion, library, product=str(product.id))


# ---- changes of payers


def payer_mutants() -> Iterator[Mutant]:
    """Each name, word, excluded word and day by which a payer is known."""
    for policy, file in ((WNC, "wellcare-nc"), (GUIDE, "blue-plans")):
        data = read_yaml(LIBRARY.path / "payers" / f"{file}.yaml", file).data
        for index, row in enumerate(data["recognised_by"]["names"]):
            here: Place = ("recognised_by", "names", index)
            yield payer_mutant(policy, data, f"name {index}: dropped", dropped(here))
            for key in ("all_of", "any_of", "none_of"):
                for number, word in enumerate(row.get(key, [])):
                    if len(row[key]) > 1 or key == "none_of":
                        name = f"name {index}: {key} without {word}"
                        yield payer_mutant(policy, data, name, dropped((*here, key, number)))
            for days in (-1, 1) if "from" in row else ():
                other = moved(row["from"], days)
                yield payer_mutant(policy, data, f"name {index}: from {other}", put((*here, "from"), other))
        if "program" in data:
            yield payer_mutant(policy, data, "program: dropped", dropped(("program",)))


def payer_mutant(policy: str, data: Rows, name: str, change: Change) -> Mutant:
    def library() -> Library:
        made = copy.deepcopy(data)
        change(made)
        changed = read_payer(made)
        return replace(LIBRARY, payers=tuple(changed if p.id == changed.id else p for p in LIBRARY.payers))

    return Mutant(f"payer {name}", policy, "", library)


def every_mutant() -> list[Mutant]:
    papers = PAPERS.values()
    made = [m for paper in papers for makers in (criterion_mutants, paper_mutants, code_mutants) for m in makers(paper)]
    return [*made, *label_mutants(), *payer_mutants()]
