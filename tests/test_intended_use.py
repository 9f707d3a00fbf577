"""The page on intended use keeps its word: source attributes as the policies have them, promises that are tested.

A table changes only with its policy: run with CDSHOOKS_WRITE_GOLDEN=1 to write the tables anew.
"""

import json
import os
import re
from pathlib import Path

import pytest
from tales import AS_OF, cards_told, shipped_library, tale, tell

from cdshooks.engine.source import read_yaml
from cdshooks.hooks.discovery import HOOKS, service_of
from cdshooks.hooks.request import read_request
from cdshooks.hooks.service import answer
from cdshooks.server.settings import default_fixtures, default_library

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "intended-use.md"
KEY = "org.cdshooks.determination"
STORIES = sorted(path.parent.name for path in default_fixtures().glob("stories/*/request.json"))
TABLES = "\n## Source attributes\n"
STATUS_SETS = re.compile(r"vs/obs-(ecog|karnofsky|lansky)")


# ---- the source attributes


def words_of(policy, data):
    """Every rule that a policy rests on, as text: its own, and the labels of the products it may be about."""
    products = [policy_data("products", product) for product in policy.products or shipped_library().products.by_id]
    about_label = re.search(r'"indication"', json.dumps(data["coverage"]))
    return json.dumps([data, products if about_label else []], default=str)


def policy_data(*path):
    file = default_library().joinpath(*path).with_suffix(".yaml")
    return read_yaml(file, file.name).data


def cited(data):
    source = data["source"]
    named = f"{data['publisher']}: {data['title']}"
    number = f", {source['reference_number']}" if "reference_number" in source else ""
    where = f", {source['url']}" if "url" in source else ""
    return f"{named}{number}{where}; read {source['retrieved']}"


def attributes(policy, data):
    """The thirteen attributes of one policy version."""
    rules = words_of(policy, data)
    birth = (
        "used: age, where a label or the policy has a limit; to tell patients apart" if "_age" in rules else "not used"
    )
    social = "used: social circumstances recorded as diagnoses are counted for a person to review; they decide nothing"
    health = "used: performance status, where the policy asks for it" if STATUS_SETS.search(rules) else "not used"
    unused = dict.fromkeys(
        ("Race", "Ethnicity", "Language", "Sexual orientation", "Gender identity", "Sex"), "not used"
    )
    return {
        "Bibliographic citation": cited(data),
        "Developer": "the authors of cdshooks (encoding); the publisher above (text)",
        "Funding source of the technical implementation": "none declared",
        "Release and revision": f"version {policy.version}, for infusions from {policy.effective.start}"
        f" ({policy.start_basis}); read again {policy.reviewed_on}, due {policy.review_due}",
        **unused,
        "Date of birth": birth,
        "Social determinants of health": social if "vs/psy-sdoh" in rules else "not used",
        "Health status assessments": health,
    }


def table(policy):
    data = read_yaml(default_library() / policy.file, policy.file).data
    rows = [f"| {number}. {name} | {said} |" for number, (name, said) in enumerate(attributes(policy, data).items(), 1)]
    return "\n".join([f"### {policy.id}, version {policy.version}", "", "| attribute | |", "|---|---|", *rows, ""])


def test_the_source_attributes_are_those_of_the_policies():
    page = PAGE.read_text("utf-8")
    head, _, _ = page.partition(f"{TABLES}")
    intro = page[len(head) :].split("\n### ", 1)[0].rstrip("\n")
    tables = "\n".join(table(policy) for policy in shipped_library().policies)
    if os.environ.get("CDSHOOKS_WRITE_GOLDEN"):
        PAGE.write_text(f"{head}{intro}\n\n{tables}", encoding="utf-8")
    assert PAGE.read_text("utf-8") == f"{head}{intro}\n\n{tables}"
    assert tables.count("\n| 13. ") == len(shipped_library().policies)


def test_no_rule_can_ask_for_anything_of_the_patient_but_the_age():
    schema = json.loads((default_library() / "schema" / "expression.json").read_text("utf-8"))
    assert set(schema["$defs"]["patient"]["properties"]) == {"min_age", "under_age"}


@pytest.mark.parametrize(
    "fields",
    [
        {"gender": "male"},
        {"gender": "other"},
        {"communication": [{"language": {"text": "Spanish"}}]},
        {"extension": [{"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race", "valueString": "x"}]},
        {"extension": [{"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-genderIdentity"}]},
        {"maritalStatus": {"text": "single"}, "address": [{"postalCode": "27601"}]},
    ],
)
def test_nothing_else_about_a_patient_changes_an_answer(fields):
    plain, body = tale("mcl-missing-three"), tale("mcl-missing-three")
    body["prefetch"]["patient"] |= fields
    said = [
        [(c["summary"], c["detail"], c["extension"][KEY]["findings"]) for c in cards_told(b)] for b in (plain, body)
    ]
    assert said[0] == said[1]


# ---- the promises


def promises():
    return re.findall(r"^\| (\d+)\. .*? \| (.*) \|$", PAGE.read_text("utf-8").partition(TABLES)[0], re.MULTILINE)


def test_there_are_ten_promises():
    assert [int(number) for number, _ in promises()] == list(range(1, 11))


@pytest.mark.parametrize(("number", "held_by"), promises())
def test_every_promise_names_tests_that_there_are(number, held_by):
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", held_by)
    assert named
    for file, test in named:
        assert f"\ndef {test}(" in (ROOT / "tests" / file).read_text("utf-8"), (number, test)


@pytest.mark.parametrize("story", STORIES)
def test_an_answer_blocks_nothing_and_changes_nothing(story):
    body = tell(tale(story)).body
    assert set(body) == {"cards"}
    for card in body["cards"]:
        assert card["indicator"] in ("info", "warning")
        actions = [action for suggestion in card.get("suggestions", []) for action in suggestion["actions"]]
        assert {action["type"] for action in actions} <= {"create"}
        assert not {action["resource"]["resourceType"] for action in actions} & {"MedicationRequest"}


def references(value):
    """Every Type/id of a request."""
    if isinstance(value, list):
        return {found for item in value for found in references(item)}
    if not isinstance(value, dict):
        return set()
    own = {f"{value['resourceType']}/{value['id']}"} if {"resourceType", "id"} <= value.keys() else set()
    return own | {found for item in value.values() for found in references(item)}


@pytest.mark.parametrize("story", STORIES)
def test_every_finding_cites_its_paragraph_and_records_that_were_sent(story):
    body = tale(story)
    sent, outline = references(body), {policy.id: set(policy.outline) for policy in shipped_library().policies}
    for card in cards_told(body):
        told = card["extension"][KEY]
        for finding in told["findings"]:
            assert finding["cite"] and set(finding["cite"]) <= outline[told["policy"]["id"]]
            cited_records = {item["reference"] for item in finding.get("evidence", [])}
            assert {r for r in cited_records if not r.startswith("roster")} <= sent, finding["criterion"]


def detail_on(day):
    body = tale("mcl-complete")
    service = service_of(body["hook"])
    request = read_request(json.dumps(body).encode(), service, HOOKS[service])
    return answer(request, shipped_library(), day).body["cards"][0]["detail"]


def test_a_policy_whose_review_is_overdue_says_so():
    policy = shipped_library().in_force("wellcare-nc/wnc-cp-192", AS_OF)
    due = policy.review_due
    said = f"Our reading of {policy.short} was due for review on {due}"
    assert said not in detail_on(due)
    assert said in detail_on(due.replace(day=due.day + 1))
