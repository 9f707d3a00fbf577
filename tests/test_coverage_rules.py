"""The rules of the coverage-information extension, each broken alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdshooks.hooks.coverage_rules import PARTS, URL, coverage_departures

REASON = {"text": "why"}
GOOD = {
    "coverage": [{"reference": "Coverage/cov-1"}],
    "covered": ["conditional"],
    "pa-needed": ["auth-needed"],
    "doc-needed": ["clinical"],
    "doc-purpose": ["withpa"],
    "info-needed": ["OTH"],
    "reason": [REASON],
    "date": ["2026-11-21"],
    "coverage-assertion-id": ["cdshooks-1"],
}


def made(**changed):
    """A good extension with some parts changed; a dash stands for an underscore, None leaves a part out."""
    parts = GOOD | {name.replace("_", "-"): values for name, values in changed.items()}
    return {
        "url": URL,
        "extension": [
            {"url": name, PARTS["2.2"][name].value if name in PARTS["2.2"] else "valueString": value}
            for name, values in parts.items()
            for value in values or ()
        ],
    }


def wrong(version, **changed):
    return [*coverage_departures(made(**changed), version)]


@pytest.mark.parametrize("version", PARTS)
def test_a_good_extension_departs_from_neither_version(version):
    assert wrong(version) == []


BROKEN = [
    ("coverage: stands 0 times", {"coverage": None}),
    ("coverage: refers to nothing", {"coverage": [{"display": "a plan"}]}),
    ("covered: stands 0 times", {"covered": None}),
    ("covered: stands 2 times", {"covered": ["conditional", "covered"]}),
    ("covered: perhaps is none", {"covered": ["perhaps"]}),
    ("pa-needed: stands 2 times", {"pa_needed": ["auth-needed", "conditional"]}),
    ("date: stands 0 times", {"date": None}),
    ("date: is no day", {"date": ["2026-11-21T10:00:00Z"]}),
    ("coverage-assertion-id: stands 0", {"coverage_assertion_id": None}),
    ("there is no such part", {"invented": ["x"]}),
    ("q1:", {"questionnaire": ["http://example.org/Questionnaire/1|1"], "doc_needed": None}),
    ("q2:", {"covered": ["not-covered"], "info_needed": None}),
    ("q2:", {"pa_needed": None}),
    ("q3:", {"info_needed": None}),
    ("q3:", {"covered": ["covered"]}),
    ("q4:", {"pa_needed": ["satisfied"], "satisfied_pa_id": ["A1"]}),
    ("q4:", {"pa_needed": ["no-auth"]}),
    ("q5:", {"pa_needed": ["satisfied"], "doc_purpose": None}),
    ("q5:", {"satisfied_pa_id": ["A1"]}),
]


@pytest.mark.parametrize("version", PARTS)
@pytest.mark.parametrize(("says", "changed"), BROKEN)
def test_what_both_versions_ask_is_asked(version, says, changed):
    assert [departure for departure in wrong(version, **changed) if says in departure]


NEWER = [
    ("q6:", {"reason": None, "doc_purpose": None}),
    ("q7:", {"reason": [{"coding": [], "text": ""}]}),
    ("q8:", {"reason": None, "info_needed": ["performer"]}),
    ("q9:", {"reason": None, "covered": ["indeterminate"], "info_needed": None, "doc_purpose": None}),
]


@pytest.mark.parametrize(("says", "changed"), NEWER)
def test_what_only_the_newer_version_asks_is_asked_there(says, changed):
    assert [departure for departure in wrong("2.2", **changed) if says in departure]
    assert not [departure for departure in wrong("2.0", **changed) if says in departure]


@pytest.mark.parametrize(
    ("changed", "versions"),
    [
        ({"covered": ["indeterminate"], "info_needed": None}, {"2.2"}),
        ({"pa_needed": ["indeterminate"]}, {"2.2"}),
        ({"doc_needed": ["patient"]}, {"2.2"}),
        ({"doc_needed": ["clinical", "admin"]}, {"2.2"}),
        ({"doc_needed": ["both"]}, {"2.0"}),
        ({"info_needed": ["detail-code"]}, {"2.2"}),
        ({"expiry_date": ["2027-01-01"]}, {"2.2"}),
        ({"reason": None, "doc_purpose": None}, {"2.0"}),
    ],
)
def test_the_versions_differ_where_the_guide_does(changed, versions):
    assert {version for version in PARTS if not wrong(version, **changed)} == versions


def test_an_extension_of_another_kind_or_with_a_value_of_its_own_is_none():
    for spoiled in ({"url": "http://example.org/other"}, {"valueString": "x"}):
        assert [*coverage_departures(made() | spoiled, "2.2")]


def test_a_part_with_two_values_is_wrong():
    extension = made()
    extension["extension"][1]["valueString"] = "conditional"
    assert [*coverage_departures(extension, "2.0")]


@given(st.dictionaries(st.sampled_from(["covered", "pa_needed", "doc_needed", "info_needed"]), st.just(None)))
def test_conditional_and_what_is_needed_always_go_together(left_out):
    said = GOOD | {name.replace("_", "-"): value for name, value in left_out.items()}
    conditional = any("conditional" in (said[name] or ()) for name in ("covered", "pa-needed", "doc-needed"))
    asked = [departure for departure in wrong("2.2", **left_out) if departure.startswith("q3")]
    assert bool(asked) == (conditional != bool(said["info-needed"]))
