"""The Questionnaire of each policy: valid FHIR, one item for each criterion, nothing hidden, nobody's words claimed."""

import json
import re

import pytest
from fhir.resources.R4B.questionnaire import Questionnaire
from tales import shipped_library
from terminal import fails, prints

from cdshooks.engine.policy import Policy
from cdshooks.hooks.questionnaire import (
    ANSWERS,
    CONFIRMED,
    LINES,
    ON_FILE,
    canonical,
    link_ids,
    part,
    policies_named,
    questionnaire_id,
    questionnaire_of,
)

BASE = "https://cds.hospital.example"


def of(policy, library=None):
    return questionnaire_of(policy, BASE, (library or shipped_library()).wording)


def every_item(questionnaire):
    """Every item at any depth."""
    waiting = list(questionnaire["item"])
    while waiting:
        item = waiting.pop(0)
        yield item
        waiting += item.get("item", [])


def items_of(questionnaire):
    return {item["linkId"]: item for item in every_item(questionnaire)}


def policies():
    return [pytest.param(policy, id=f"{policy.id} {policy.version}") for policy in shipped_library().policies]


def codes(item):
    return [option["valueCoding"]["code"] for option in item["answerOption"]]


each_policy = pytest.mark.parametrize("policy", policies())


@each_policy
def test_it_is_fhir_and_its_ids_are_as_fhir_wants_them(policy: Policy):
    made = of(policy)
    Questionnaire.model_validate(made)
    assert re.fullmatch(r"[A-Za-z0-9.-]{1,64}", made["id"]) and re.fullmatch(
        r"[A-Z]([A-Za-z0-9_]){0,254}", made["name"]
    )
    assert json.dumps(made) == json.dumps(of(policy))


@each_policy
def test_every_criterion_stands_in_exactly_one_item_and_no_linkid_twice(policy: Policy):
    made = of(policy)
    linked = [item["linkId"] for item in every_item(made)]
    assert len(linked) == len(set(linked)) and set(linked) == link_ids(made)
    asked = [item for item in every_item(made) if item["type"] == "choice" and "." not in item["linkId"]]
    assert [item["linkId"] for item in asked] == [criterion.id for criterion in policy.criteria]
    for item, criterion in zip(asked, policy.criteria, strict=True):
        assert item["prefix"] == ", ".join(criterion.cite)
        assert CONFIRMED in codes(item) and (ON_FILE in codes(item)) == (criterion.check is not None)
        assert {o["valueCoding"]["system"] for o in item["answerOption"]} == {ANSWERS}


@each_policy
def test_what_is_only_asked_under_a_condition_stays_on_until_somebody_answers_no(policy: Policy):
    made = items_of(of(policy))
    for criterion in policy.criteria:
        item, condition = made[criterion.id], part(criterion.id, "applies")
        assert (condition in made) == ("enableWhen" in item) == (criterion.only_if is not None)
        if criterion.only_if is not None:
            on = [(when["question"], when["operator"]) for when in item["enableWhen"]]
            assert on == [(condition, "exists"), (condition, "!=")] and item["enableBehavior"] == "any"
            assert item["enableWhen"][0]["answerBoolean"] is False
            assert item["enableWhen"][1]["answerCoding"] == {"system": ANSWERS, "code": "no"}


@each_policy
def test_a_record_and_a_date_are_asked_where_there_may_be_one(policy: Policy):
    made = items_of(of(policy))
    for criterion in policy.criteria:
        assert (part(criterion.id, "record") in made) == (criterion.check is not None)
        assert (part(criterion.id, "date") in made) == (criterion.window is not None)
        assert part(criterion.id, "remark") in made
    assert made[LINES]["repeats"] is True


@each_policy
def test_no_blank_is_left_open(policy: Policy):
    assert not re.search(r"[{}]", "".join(item["text"] for item in every_item(of(policy))))


def test_a_window_is_said_from_the_request():
    made = items_of(
        of(shipped_library().in_force("wellcare-nc/wnc-cp-192", shipped_library().policies[-1].reviewed_on))
    )
    assert made["hiv"]["text"] == "HIV serology: Draw HIV Ag/Ab, dated less than 3 months before the request."
    assert made["marrow-biopsy"]["text"].endswith("dated not more than 6 months before the request.")


def test_a_summary_by_somebody_else_is_never_called_the_plan_s():
    (guide,) = [policy for policy in shipped_library().policies if policy.authority == "secondary-summary"]
    made = of(guide)
    assert "neither the plan's policy nor a questionnaire of the plan" in made["description"]
    assert "not the plan's policy" in made["title"] and "not the plan's policy" in made["publisher"]


def test_the_plan_is_not_said_to_have_issued_ours():
    made = [of(policy) for policy in shipped_library().policies]
    assert {one["publisher"].partition(":")[0] for one in made} == {"cdshooks, a documentation check, after"}
    assert all("questionnaire" in one["description"] and one["copyright"] for one in made)


def test_the_version_and_its_days_are_those_of_the_policy(example):
    first, second = example.versions("example-health/gene-therapy")
    older, newer = of(first, example), of(second, example)
    assert older["url"] == newer["url"] == canonical(BASE, first.id) != canonical(BASE, first.id, first.version)
    assert older["id"] != newer["id"] and (older["version"], newer["version"]) == ("2025-01", "2026-01")
    assert newer["effectivePeriod"] == {"start": "2026-01-01"} and older["effectivePeriod"]["end"] == "2025-12-31"


def test_a_canonical_finds_its_versions_and_no_others(example):
    url = canonical(BASE, "example-health/gene-therapy")
    assert len(policies_named(example, BASE, url)) == 2
    assert [questionnaire_id(p) for p in policies_named(example, BASE, url, "2025-01")] == [
        "example-health.gene-therapy.2025-01"
    ]
    assert policies_named(example, BASE, url, "1999") == policies_named(example, "https://other.example", url) == []
    assert policies_named(example, BASE) == list(example.policies)


@pytest.mark.parametrize(
    ("options", "base"), [((), "http://127.0.0.1:8000"), (("--url", f"{BASE}/"), BASE)], ids=["here", "elsewhere"]
)
def test_the_command_prints_what_is_served(options, base):
    (policy,) = shipped_library().versions("wellcare-nc/wnc-cp-192")
    made = json.loads(prints("questionnaire", "wellcare-nc/wnc-cp-192", *options))
    assert made == questionnaire_of(policy, base, shipped_library().wording)


def test_a_policy_that_is_not_there_is_wrong_usage():
    assert "there is no policy other/one" in fails(2, "questionnaire", "other/one")
