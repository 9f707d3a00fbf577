"""Every small change of the appeal clock must fail one of the cases in cards/appeals/cases.yaml.

Changed are the rules of each type of plan (dropped, a day longer and shorter, for every stage), the names by which a
type is known or left open, the reasons for denial, and the words in which an answer is read as a denial.
"""

import copy
from dataclasses import replace

import pytest
from mutants import LIBRARY, dropped, put, value_mutants
from tales import tale

from cdshooks.cli import case_run
from cdshooks.cli.case_run import run_case
from cdshooks.cli.cases import APPEALS, read_cases
from cdshooks.engine.appeals import read_answer_sets, read_plan_type
from cdshooks.engine.source import read_yaml
from cdshooks.server.settings import default_fixtures
from cdshooks.server.stories import read_stories

WORDS = ("all_of", "any_of", "none_of")
ANSWERS = "answers"
IN_ANSWER = ("words-denied", "words-not-denied")


def files():
    return sorted(path.stem for path in (LIBRARY.path / APPEALS).glob("*.yaml") if path.stem != "cases")


def data_of(name):
    return read_yaml(LIBRARY.path / APPEALS / f"{name}.yaml", name).data


def name_changes(data):
    """Each row of names dropped, and each of its words where it has others."""
    places = [("recognised_by", "names"), ("could_be",)]
    for place in places:
        rows = data.get("could_be", []) if place == ("could_be",) else data.get("recognised_by", {}).get("names", [])
        for index, row in enumerate(rows):
            here = (*place, index)
            if len(rows) > 1:
                yield f"{place[-1]} {index}: dropped", dropped(here)
            for key in WORDS:
                for number, word in enumerate(row.get(key, [])):
                    if len(row[key]) > 1 or key == "none_of":
                        yield f"{place[-1]} {index}: {key} without {word}", dropped((*here, key, number))
    if "programs" in data.get("recognised_by", {}):
        yield "programs: none", put(("recognised_by", "programs"), [])


def rule_changes(data):
    for index, rule in enumerate(data["rules"]):
        here = ("rules", index)
        if len(data["rules"]) > 1:
            yield f"{rule['id']}: dropped", dropped(here)
        if "within" in rule and rule.get("anchor") != "later":
            for what, change in value_mutants("within", rule["within"], (*here, "within"), "within"):
                yield f"{rule['id']}: {what}", change
        if "stage" in rule:
            yield f"{rule['id']}: at every stage", dropped((*here, "stage"))


def reason_changes(data):
    for index, reason in enumerate(data.get("reasons", [])):
        yield f"{reason['cite']}: dropped", dropped(("reasons", index))


def plan_library(name, change):
    data = copy.deepcopy(data_of(name))
    change(data)
    if name == ANSWERS:
        return replace(LIBRARY, answer_sets=read_answer_sets(data, LIBRARY.value_sets))
    changed = read_plan_type(data)
    return replace(LIBRARY, plan_types=tuple(changed if p.id == changed.id else p for p in LIBRARY.plan_types))


def word_library(name, phrase):
    old = LIBRARY.value_sets[name]
    changed = replace(old, phrases=tuple(pair for pair in old.phrases if pair[0] != phrase))
    assert changed != old
    value_sets = {**LIBRARY.value_sets, name: changed}
    return replace(LIBRARY, answer_sets=read_answer_sets(data_of(ANSWERS), value_sets))


def mutants():
    for name in files():
        for changes in (name_changes, rule_changes, reason_changes):
            for what, change in changes(data_of(name)):
                yield pytest.param(name, lambda n=name, c=change: plan_library(n, c), id=f"{name}: {what}")
    for name in IN_ANSWER:
        for phrase, _ in LIBRARY.value_sets[name].phrases:
            yield pytest.param(ANSWERS, lambda n=name, p=phrase: word_library(n, p), id=f"{name}: without {phrase}")


@pytest.fixture(scope="module")
def cases():
    """The cases of the appeal clock on charts without the everyday records."""
    stories = read_stories(default_fixtures())
    found = [case for case in read_cases(LIBRARY, stories) if case.policy == APPEALS]
    quiet = {case.story.request: tale(case.story.name) for case in found}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(case_run, "_story_body", lambda path: quiet[path])
        assert [str(case) for case in found if run_case(case, LIBRARY).mismatches] == []
        yield found


@pytest.mark.parametrize(("file", "mutated"), [*mutants()])
def test_a_changed_rule_of_the_appeal_clock_fails_a_case(file, mutated, cases):
    library = mutated()
    first = [case for case in cases if file in str(case.expect)]
    rest = [case for case in cases if case not in first]
    if not any(run_case(case, library).mismatches for case in (*first, *rest)):
        pytest.fail("no case notices", pytrace=False)
