"""The dated events of every label: the cases beside fda/label show the day before each and the day itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest

from cdshooks.cli.case_run import run_case
from cdshooks.cli.cases import Case, read_cases
from cdshooks.engine.identity import listed
from cdshooks.engine.library import load_library
from cdshooks.engine.products import Indication, Product, Span
from cdshooks.server.settings import default_fixtures, default_library
from cdshooks.server.stories import read_stories

LIBRARY = load_library(default_library())
CASES = [c for c in read_cases(LIBRARY, read_stories(default_fixtures())) if c.policy == "fda/label"]
DAY = timedelta(days=1)
DIAGNOSIS = "Condition/mcl-11-diagnosis.code"
INDICATIONS = 19
FIRST_DAY = date(2017, 8, 30)


@dataclass(frozen=True)
class Shown:
    """What one case shows: a product on a day, the disease and birth date that it sets, and what it speaks of."""

    product: str
    day: date
    disease: str
    born: str
    expects: frozenset[str]


def shown(case: Case) -> Shown | None:
    made = run_case(case, LIBRARY).determined
    if made is None:
        return None
    speaks_of = {key for names in case.expect.values() if isinstance(names, list | dict) for key in names}
    sets = case.edits.get("set", {})
    (code,) = sets.get(DIAGNOSIS, {"coding": [{"code": ""}]})["coding"]
    born = sets.get("prefetch.patient.birthDate", "")
    return Shown(str(made.order.product), made.order.service_date, code["code"], born, frozenset(speaks_of))


SHOWN = [one for case in CASES if (one := shown(case))]


def products() -> list[Product]:
    return [p for p in LIBRARY.products.by_id.values() if p.approved is not None]


def diseases(indication: Indication) -> set[str]:
    """Every code under which the indication finds its disease."""
    named = {name for part in indication.when["all"] for name in listed(part.get("condition", {}).get("code"))}
    return codes(named)


def codes(names: Iterable[str]) -> set[str]:
    return {code for name in names for _, code in LIBRARY.value_sets[name.removeprefix("vs/")].concepts}


def changes(span: Span) -> list[date]:
    """The first day of something, and the day after its last."""
    return [day for day in (span.start, span.end and span.end + DAY) if day]


def events() -> Iterator[Any]:
    """Each day on which a label changes, with the criterion that it changes and the diseases that it is about."""
    for product in products():
        for indication in product.indications:
            dated = [(indication.id, indication.span, diseases(indication))]
            dated += [(f"{indication.id} {x.key}", x.span, codes([x.code])) for x in indication.limitations]
            for name, span, about in dated:
                for day in changes(span):
                    yield pytest.param(product.id, "indication", about, day, id=f"{product.id} {name} {day}")
        for rems in product.rems:
            for day in changes(rems.span):
                yield pytest.param(product.id, "rems", None, day, id=f"{product.id} REMS {day}")


def ages() -> Iterator[Any]:
    for product in products():
        for indication in product.indications:
            for limit in [part["patient"] for part in indication.when["all"] if "patient" in part]:
                (age,) = limit.values()
                yield pytest.param(product.id, indication, age, id=f"{indication.id} {age}")


@pytest.mark.parametrize(("product", "criterion", "about", "day"), list(events()))
def test_each_dated_event_of_a_label_has_the_day_before_and_the_day_itself(product, criterion, about, day):
    wanted = {day} if day == FIRST_DAY else {day - DAY, day}  # before the first label of all there is no version
    of_product = [one for one in SHOWN if one.product == product and criterion in one.expects]
    have = {one.day for one in of_product if about is None or one.disease in about}
    assert wanted <= have, f"no case of {criterion} on {', '.join(sorted(map(str, wanted - have)))}"


@pytest.mark.parametrize(("product", "indication", "age"), list(ages()))
def test_each_age_limit_has_the_birthday_and_the_day_before(product, indication, age):
    day = min(date(2026, 12, 1), indication.span.end or date.max)
    birthday = day.replace(year=day.year - age)
    wanted = {birthday.isoformat(), (birthday + DAY).isoformat()}
    of_day = [one for one in SHOWN if (one.product, one.day) == (product, day) and "indication" in one.expects]
    have = {one.born for one in of_day if one.disease in diseases(indication)}
    assert wanted <= have, f"no case of {day} born on {', '.join(sorted(wanted - have))}"


def test_the_labels_have_all_their_indications():
    assert sum(len(product.indications) for product in products()) == INDICATIONS
