"""Every small change of the card library (tests/mutants.py) must fail one of the cases beside the policies.

What no case can tell apart is excused by name, with its reason. A mutant is first tried on the charts as they were
read once; only where that shows nothing is the whole answer made again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from mutants import GUIDE, LABEL, LIBRARY, WNC, Mutant, every_mutant

from cdshooks.cli.case_run import run_case
from cdshooks.cli.cases import BY_CRITERION, OUTCOME_KEYS, Case, read_cases
from cdshooks.cli.expectations import mismatches
from cdshooks.engine.determine import determine
from cdshooks.engine.evidence import Context
from cdshooks.engine.library import Library
from cdshooks.engine.model import Determination
from cdshooks.engine.payers import recognise
from cdshooks.engine.policy import Policy
from cdshooks.hooks import coverage, policy_card
from cdshooks.hooks.service import Determined
from cdshooks.server.settings import default_fixtures
from cdshooks.server.stories import read_stories

NEVER_REFUSED = "software never finds this one not met, so there is nothing for EPSDT to turn"
EXCUSED = {
    f"{WNC}: {name}": why
    for name, why in {
        "EPSDT: without dosage": NEVER_REFUSED,
        "EPSDT: without dosage-form": NEVER_REFUSED,
        "EPSDT: without psychosocial-limits": NEVER_REFUSED,
        "EPSDT: without non-compliance": NEVER_REFUSED,
        "EPSDT: reaches rems": "no center of the synthetic roster is known to stand outside a REMS",
    }.items()
}

EXCUSED |= {
    f"{WNC}: reminder CODE.2: another code": "every product has a claim code of its own on every day of the policy",
    f"{GUIDE}: t-11-14: when.look_alike.when.any.0.observation.asks without vs/result-indeterminate": (
        "a result that cannot be read is quoted and asked about in any case"
    ),
    f"{LABEL}: yescarta YESCARTA REMS until +1 day": "the next programme is in force on that day",
    f"{LABEL}: yescarta YESCARTA and TECARTUS REMS from -1 day": "the programme before is in force on that day",
    f"{LABEL}: yescarta axi-lbcl-3l not-primary-cns-lymphoma until +1 day": "the second-line label has it no longer",
    f"{LABEL}: yescarta axi-lbcl-2l not-primary-cns-lymphoma until +1 day": "the third-line label has it no longer",
}

MUTANTS = every_mutant()
WITH_LABS = "mcl-blue-plan"  # the guide reads the everyday laboratory values as well
NOISE = re.compile(r"-(lab|vital|spo2|note|problem|medicine|procedure|study)-\d")
IN_FINDINGS = (*OUTCOME_KEYS, *BY_CRITERION, "left_out", "reminders", "no_reminders")
IN_ANSWER = ("card", "no_card_text", "cards", "version", "applied")
NO_ANSWER: Any = SimpleNamespace(failure=None, body={"cards": []})


@dataclass(frozen=True)
class Read:
    """A case as it comes out unchanged: its determination, the chart and order determined, the coverages looked at."""

    passes: bool
    determined: Determined | None
    context: Context | None
    coverages: tuple[Any, ...]


@dataclass(frozen=True)
class Trial:
    """The cases, on charts without the everyday records that no rule reads, and each as it comes out unchanged."""

    cases: list[Case]
    read: dict[str, Read] = field(default_factory=dict)

    def killer(self, mutant: Mutant) -> str | None:
        """The first case that passes with the library and fails with the mutant."""
        library, asked = mutant.library(), list(self.asked(mutant))
        another_payer = library.payers is not LIBRARY.payers  # which changes no determination, only whose it is
        for case in () if another_payer else asked:
            if self.differs(case, library):
                return case.name
        told = (case for case in asked if any(key in case.expect for key in IN_ANSWER))
        looked = (case for case in told if self.may_differ(case, library))
        return next((case.name for case in looked if run_case(case, library).mismatches), None)

    def asked(self, mutant: Mutant) -> Iterator[Case]:
        """The cases that may notice and pass, those that expect least first: all that name the criterion, or all."""
        of_policy = [c for c in self.cases if c.policy == mutant.policy]
        named = [c for c in of_policy if not mutant.criterion or names(c, mutant.criterion)]
        for case in sorted(named, key=breadth):
            read = self.unchanged(case)
            product = read.determined.order.product if read.determined else None
            if read.passes and mutant.product in ("", product):
                yield case

    def differs(self, case: Case, library: Library) -> bool:
        """Whether the findings under the changed policy are not those that the case expects."""
        read, made = self.unchanged(case), self.again(case, library)
        if read.determined is None or made is None:
            return False
        expect = {key: value for key, value in case.expect.items() if key in IN_FINDINGS}
        changed = replace(read.determined, determination=made)
        wrong = case.expect.get("outcome", made.outcome.value) != made.outcome.value
        return wrong or any(mismatches(expect, NO_ANSWER, changed))

    def again(self, case: Case, library: Library) -> Determination | None:
        """The determination of the same chart under another library; None where there was none."""
        read = self.unchanged(case)
        if read.determined is None or read.context is None:
            return None
        product = library.products.by_id.get(str(read.determined.order.product))
        chart = read.context.chart
        if library.value_sets is not LIBRARY.value_sets:  # what was read with other sets is read again
            chart = replace(chart, worked_out={})
        context = replace(read.context, chart=chart, product=product, worked_out={})
        return determine(policy_of(case, library), context, library.wording)

    def may_differ(self, case: Case, library: Library) -> bool:
        """Whether anything can be seen on a card: the payer, what stands over the policy, or the determination."""
        read = self.unchanged(case)
        if library.payers is not LIBRARY.payers:
            return any(known(library, coverage) != known(LIBRARY, coverage) for coverage in read.coverages)
        if read.determined is None:
            return True
        day, old, new = read.determined.order.service_date, policy_of(case, LIBRARY), policy_of(case, library)
        heads = [(p.standing(day), p.differs_from_label(day), p.effective.holds(day), p.products) for p in (old, new)]
        return heads[0] != heads[1] or self.again(case, library) != self.again(case, LIBRARY)

    def unchanged(self, case: Case) -> Read:
        if str(case) not in self.read:
            contexts: dict[tuple[str, str], Context] = {}

            def spy(policy: Any, context: Context, wording: Any) -> Any:
                contexts[policy.id, context.order.reference] = context
                return determine(policy, context, wording)

            seen: list[Any] = []

            def listening(payers: Any, *told: Any) -> Any:
                seen.append(tuple(list(part) if isinstance(part, Iterator) else part for part in told))
                return recognise(payers, *seen[-1])

            with mock.patch.object(policy_card, "determine", spy), mock.patch.object(coverage, "recognise", listening):
                ran = run_case(case, LIBRARY)
            of_case = (ran.determined.policy_id, ran.determined.order.reference) if ran.determined else ("", "")
            self.read[str(case)] = Read(not ran.mismatches, ran.determined, contexts.get(of_case), tuple(seen))
        return self.read[str(case)]


def policy_of(case: Case, library: Library) -> Policy:
    return next(policy for policy in library.policies if policy.id == case.policy)


def known(library: Library, told: Any) -> tuple[str, str, str] | None:
    match = recognise(library.payers, *told)
    return (match.payer.id, match.payer.program, match.says) if match else None


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
        if name == WITH_LABS:
            stories[name] = story
            continue
        quiet = folder / f"{name}.json"
        quiet.write_text(json.dumps(without_noise(json.loads(story.request.read_text("utf-8")))), encoding="utf-8")
        stories[name] = replace(story, request=quiet)
    return Trial(read_cases(LIBRARY, stories))


def without_noise(body: dict[str, Any]) -> Mapping[str, Any]:
    for value in body["prefetch"].values():
        if value and value.get("entry"):
            value["entry"] = [e for e in value["entry"] if not NOISE.search(e["resource"].get("id", ""))]
            value.pop("total", None)
    return body


@pytest.mark.parametrize("policy", [WNC, GUIDE, LABEL])
def test_the_cases_come_out_alike_without_the_noise(policy: str, trial: Trial) -> None:
    noisy = {c.name: c for c in read_cases(LIBRARY, read_stories(default_fixtures())) if c.policy == policy}
    sample = [c for c in trial.cases if c.policy == policy][::11]
    quiet = {c.name: trial.unchanged(c).passes for c in sample}
    assert quiet == {name: not run_case(noisy[name], LIBRARY).mismatches for name in quiet}


def test_a_chart_that_is_determined_again_comes_out_as_before(trial: Trial) -> None:
    same = Mutant("nothing changed", WNC, "", lambda: LIBRARY)
    sample = [c for c in trial.asked(same)][::11]
    assert [case.name for case in sample if trial.differs(case, LIBRARY)] == []


def ids(excused: bool) -> list[Any]:
    return [pytest.param(m, id=m.id) for m in MUTANTS if (m.id in EXCUSED) is excused]


@pytest.mark.parametrize("mutant", ids(excused=False))
def test_a_changed_rule_fails_a_case(mutant: Mutant, trial: Trial) -> None:
    if trial.killer(mutant) is None:
        pytest.fail(f"no case notices: {mutant.id}", pytrace=False)


@pytest.mark.parametrize("mutant", ids(excused=True))
def test_an_excuse_is_only_for_what_no_case_notices(mutant: Mutant, trial: Trial) -> None:
    assert trial.killer(mutant) is None, EXCUSED[mutant.id]


def test_every_mutant_has_a_name_of_its_own_and_every_excuse_its_mutant() -> None:
    every = [m.id for m in MUTANTS]
    assert len(set(every)) == len(every)
    assert set(EXCUSED) <= set(every)
