"""The library's table for Da Vinci CRD: what each side may say, and that it names nothing that is not there."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from cdshooks.engine.library import LibraryError, load_library
from cdshooks.engine.model import Result
from cdshooks.engine.source import read_yaml

ROOT = Path(__file__).parents[1]
SCHEMA = Draft202012Validator(json.loads((ROOT / "cards" / "schema" / "crd.json").read_text("utf-8")))
STANDARD_CODES = {
    "coverage-info", "unsolicited-determ", "claim", "insurance", "limits", "network", "appropriate-use", "cost",
    "therapy-alternatives-opt", "therapy-alternatives-req", "clinical-reminder", "duplicate-therapy",
    "contraindication", "guideline", "off-guideline",
}  # fmt: skip


def test_every_outcome_is_a_situation(shipped):
    assert {result.value for result in Result} <= shipped.crd.provider.keys() == shipped.crd.payer.keys()


def test_the_provider_s_side_says_neither_covered_nor_not_covered_nor_satisfied(shipped):
    for stance in shipped.crd.provider.values():
        assert stance.covered == "conditional" and stance.pa_needed in ("stated", "conditional") and not stance.reason


def test_nobody_says_covered_or_that_no_authorization_is_needed(shipped):
    every = [*shipped.crd.provider.values(), *shipped.crd.payer.values()]
    assert not [stance for stance in every if stance.covered == "covered" or stance.pa_needed == "no-auth"]


@pytest.mark.parametrize(
    "said", [{"covered": "covered"}, {"covered": "not-covered"}, {"pa_needed": "satisfied"}, {"pa_needed": "no-auth"}]
)
def test_the_schema_refuses_a_provider_s_side_that_says_more(said):
    table = read_yaml(ROOT / "cards" / "crd.yaml", "crd.yaml").data
    assert SCHEMA.is_valid(table)
    table["assertions"]["ready"] |= said
    assert not SCHEMA.is_valid(table)


def test_what_is_said_in_one_version_alone_is_that_nothing_can_be_determined(shipped):
    assert {(name, version) for name, version in shipped.crd.by_version} == {("failure", "2.2")}
    assert {(s.covered, s.pa_needed, s.reason) for s in shipped.crd.by_version.values()} == {
        ("indeterminate", "indeterminate", "technical")
    }
    table = read_yaml(ROOT / "cards" / "crd.yaml", "crd.yaml").data
    table["assertions"]["ready"]["by_version"] = {"2.2": {"covered": "covered", "pa_needed": "no-auth", "reason": "x"}}
    assert not SCHEMA.is_valid(table)


def test_the_codes_of_options_and_cards_are_the_guide_s_own_where_it_has_one(shipped):
    assert shipped.crd.card_type in STANDARD_CODES
    assert {option.code for option in shipped.crd.options if option.type == "boolean"} <= STANDARD_CODES


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("policy: example-health/gene-therapy", "policy: nobody/nothing", "there is no policy of that id"),
        ("cite: A.1", "cite: Z.9", "has no paragraph Z.9"),
        ('versions: ["2.0", "2.2"]', 'versions: ["2.1"]', "2.1"),
        ("covered: not-covered", "covered: covered", "covered"),
    ],
)
def test_what_the_table_names_must_be_there(example_files, old, new, says):
    path = example_files / "crd.yaml"
    path.write_text(path.read_text("utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(LibraryError) as refused:
        load_library(example_files)
    assert [p for p in refused.value.problems if p.file == "crd.yaml" and says in str(p)]
