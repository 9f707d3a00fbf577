"""From what an EHR sent under its keys to resources, and how completely each kind was read."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parts import (
    KEYS,
    answer_to,
    body_of,
    bundle,
    cards_of,
    condition,
    coverage,
    determination_of,
    document,
    drug_order,
    findings_of,
    full_chart,
    observation,
    patient,
    prefetch_of,
    request_of,
    resource,
)

from cdshooks.engine.chart import State
from cdshooks.hooks.prefetch import read_prefetch
from cdshooks.hooks.request import read_request

FAILURE = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
NOTHING_FOUND = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "not-found"}]}
NEXT = [{"relation": "self", "url": "a"}, {"relation": "next", "url": "b"}]


def outcome_entry(outcome):
    return {"resource": outcome, "search": {"mode": "outcome"}}


def delivered(library, **prefetch):
    return read_prefetch(request_of(prefetch=prefetch), library.wording)


def state(library, value, kind="Observation", key="observations"):
    return delivered(library, **{key: value}).readings[kind].state


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # present
        (bundle(observation()), State.READ),
        (bundle(observation(), total=1), State.READ),
        (observation(), State.READ),
        (bundle(observation(), link=NEXT[:1]), State.READ),
        # empty: asked, nothing there
        (None, State.READ),
        (bundle(), State.READ),
        (bundle(total=0), State.READ),
        ({"resourceType": "Bundle", "type": "searchset"}, State.READ),
        ({"resourceType": "Bundle", "total": 0, "entry": None}, State.READ),
        (bundle(outcome_entry(NOTHING_FOUND), total=0), State.READ),  # as one EHR says "no results"
        # failed
        (FAILURE, State.FAILED),
        (bundle(outcome_entry(FAILURE)), State.FAILED),
        (bundle(outcome_entry({**FAILURE, "issue": [{"severity": "fatal"}]}), total=0), State.FAILED),
        ("an error page", State.FAILED),
        (7, State.FAILED),
        ([], State.FAILED),
        ({}, State.FAILED),
        ({"resourceType": 7}, State.FAILED),
        # cut short
        (bundle(observation(), link=NEXT), State.PARTIAL),
        (bundle(observation(), total=2), State.PARTIAL),
        (bundle(total=3), State.PARTIAL),
        (bundle(observation(), outcome_entry(FAILURE)), State.PARTIAL),
        (bundle(observation(), {"resource": None}), State.PARTIAL),
        (bundle(observation(), {"resource": {}, "fullUrl": "x"}), State.PARTIAL),
        (bundle(observation(), {"resource": "text"}), State.PARTIAL),
        # a Bundle inside a Bundle
        (bundle(bundle(observation())), State.READ),
        (bundle(bundle(observation(), link=NEXT)), State.PARTIAL),
        (bundle(bundle(observation(), total=5), total=1), State.PARTIAL),
        (bundle(bundle(outcome_entry(FAILURE), observation())), State.PARTIAL),
        # what was included with the matches is no match
        (bundle(observation(), {"resource": patient(), "search": {"mode": "include"}}, total=2), State.PARTIAL),
        (bundle(observation(), {"resource": patient(), "search": {"mode": "include"}}, total=1), State.READ),
    ],
)
def test_the_state_of_a_key_that_was_sent(example, value, expected):
    assert state(example, value) is expected


def test_a_key_that_was_not_sent_is_absent(example):
    readings = delivered(example).readings
    assert {kind: reading.state for kind, reading in readings.items()} == dict.fromkeys(KEYS, State.ABSENT)
    assert "observations" in readings["Observation"].reason


def test_without_any_prefetch_every_kind_is_absent(example):
    for prefetch in ({}, None):
        body = json.loads(body_of())
        body["prefetch"] = prefetch
        if prefetch is None:
            del body["prefetch"]
        request = read_request(json.dumps(body).encode(), "cart-order-sign", "order-sign")
        states = {reading.state for reading in read_prefetch(request, example.wording).readings.values()}
        assert states == {State.ABSENT}


def test_every_failure_names_the_key_and_never_the_chart(example):
    for value in (FAILURE, "Mr. One", bundle(observation(), link=NEXT), bundle(outcome_entry(FAILURE))):
        reason = delivered(example, observations=value).readings["Observation"].reason
        assert "observations" in reason
        assert "One" not in reason


def test_resources_are_found_by_their_kind_under_any_key(example):
    found = delivered(example, **{"-user": bundle(observation()), "123": condition(), "x y": bundle(document())})
    assert sorted(resource["resourceType"] for _, resource in found.entries) == [
        "Condition",
        "DocumentReference",
        "Observation",
    ]
    assert found.readings["Observation"].state is State.READ


def test_an_empty_answer_under_a_key_of_the_site_proves_nothing(example):
    for value in (None, bundle(), bundle(total=0)):
        assert state(example, value, key="labs-of-the-site") is State.ABSENT


def test_one_of_our_keys_proves_an_absence_only_for_its_own_kind(example):
    found = delivered(example, observations=bundle())
    assert found.readings["Observation"].state is State.READ
    assert found.readings["Condition"].state is State.ABSENT


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (bundle(observation()), bundle(observation(id_="o2")), State.READ),
        (FAILURE, bundle(observation(id_="o2")), State.PARTIAL),
        (bundle(observation()), bundle(observation(id_="o2"), link=NEXT), State.PARTIAL),
        (FAILURE, FAILURE, State.FAILED),
        (bundle(), bundle(observation(id_="o2")), State.READ),
    ],
)
def test_several_keys_that_bring_one_kind_are_taken_together(example, ours, theirs, expected):
    for prefetch in ({"observations": ours, "more": theirs}, {"more": theirs, "observations": ours}):
        assert delivered(example, **prefetch).readings["Observation"].state is expected


def test_full_urls_are_kept_and_broken_ones_dropped(example):
    entries = [{"fullUrl": "urn:uuid:1", "resource": observation()}, {"fullUrl": 7, "resource": condition()}]
    assert [url for url, _ in delivered(example, observations=bundle(*entries)).entries] == ["urn:uuid:1", None]


def test_what_cannot_be_decoded_under_one_key_leaves_the_others(example):
    body = body_of(prefetch={"observations": "@@", "conditions": bundle(condition())}).replace(
        b'"@@"', b"1" + b"0" * 400
    )
    found = read_prefetch(read_request(body, "cart-order-sign", "order-sign"), example.wording)
    assert found.readings["Observation"].state is State.FAILED
    assert found.readings["Condition"].state is State.READ


def test_the_patients_that_were_sent_are_known_by_key(example):
    found = delivered(example, patient=patient(), others=bundle(patient("p2"), condition()))
    assert found.patients == {"patient": ["p1"], "others": ["p2"]}


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"observations": bundle()}, "missing"),
        ({"observations": None}, "missing"),
        ({"observations": FAILURE}, "could-not-check"),
        ({"observations": bundle(link=NEXT)}, "could-not-check"),
        ({}, "could-not-check"),
        ({"observations": bundle(observation(), link=NEXT)}, "met"),  # what is there still counts
    ],
)
def test_not_sent_is_not_not_in_the_chart(example, change, outcome):
    prefetch = prefetch_of(patient(), coverage(), *full_chart())
    del prefetch["observations"]
    (card,) = cards_of(answer_to(example, prefetch=prefetch | change))
    assert findings_of(card)["virus"] == outcome


def test_an_explicit_none_is_repeated_where_the_document_is_missing(example):
    prefetch = prefetch_of(patient(), coverage(), *full_chart()) | {"observations": None}
    (card,) = cards_of(answer_to(example, prefetch=prefetch))
    reason = next(f["reason"] for f in determination_of(card)["findings"] if f["criterion"] == "virus")
    assert "observations" in reason


@given(st.permutations(list(KEYS.values())), st.text("abc-", min_size=1, max_size=5))
def test_the_names_of_the_keys_do_not_matter_where_each_brings_something(example, names, prefix):
    chart = [*full_chart(), *NOISE]
    ours = prefetch_of(patient(), coverage(), *chart)
    theirs = {f"{prefix}{number}": ours[name] for number, name in enumerate(names) if name in FILLED}
    theirs |= {name: ours[name] for name in names if name not in FILLED and name in ours}
    one, other = (cards_of(answer_to(example, drug_order(), prefetch=sent))[0] for sent in (ours, theirs))
    assert findings_of(one) == findings_of(other)
    assert [f["reason"] for f in determination_of(one)["findings"]] == [
        f["reason"] for f in determination_of(other)["findings"]
    ]


NOISE = [condition("infection"), observation("positive", "2020-01-01", id_="old")]
FILLED = {"conditions", "observations", "reports", "documents"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["resourceType", "entry", "resource", "link", "relation", "total", "issue", "severity", "id", "search"]
            ),
            inner | st.sampled_from(["Bundle", "OperationOutcome", "Observation", "next", "error"]),
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(st.dictionaries(st.sampled_from([*KEYS.values(), "x"]), json_values, max_size=4))
def test_no_shape_of_a_prefetch_breaks_the_reading(example, prefetch):
    found = read_prefetch(request_of(prefetch=prefetch), example.wording)
    assert all(isinstance(resource["resourceType"], str) for _, resource in found.entries)
    answered = answer_to(example, prefetch=prefetch)
    assert answered.failure is None
    assert cards_of(answered)


def test_roles_that_could_not_be_had_leave_what_the_site_sent_of_other_kinds_as_it_was(example):
    own = {"given": bundle(resource("MedicationAdministration", "m1", status="completed"))}
    assert delivered(example, **own, roles=FAILURE).readings["MedicationAdministration"].state is State.READ
    assert delivered(example, **own, other=FAILURE).readings["MedicationAdministration"].state is State.PARTIAL
    assert delivered(example, roles=FAILURE).readings["PractitionerRole"].state is State.FAILED
