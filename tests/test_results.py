"""Reading a laboratory result: from codes and whole words only, never from a number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parts import EXAMPLE, TERMS, chart_of, concept, observation

from cdshooks.engine.results import ResultSets, read_result, value_words

NAMES = ("result-positive", "result-negative", "result-unclear")


def read(library, **fields):
    chart = chart_of(library, observation(None, **fields))
    (record,) = chart.all_of_kind("Observation")
    return read_result(record, chart, ResultSets.of([library.value_sets[name] for name in NAMES]))


def interpreted(code, system=f"{TERMS}/v3-ObservationInterpretation"):
    return [{"coding": [{"system": system, "code": code}]}]


@pytest.mark.parametrize(
    ("fields", "sets", "sure"),
    [
        # coded
        ({"valueCodeableConcept": concept("positive")}, {"result-positive"}, True),
        ({"valueCodeableConcept": concept("negative")}, {"result-negative"}, True),
        ({"valueCodeableConcept": concept("local", "negative")}, {"result-negative"}, True),
        ({"valueCodeableConcept": concept("weak")}, {"result-positive"}, False),
        ({"valueCodeableConcept": concept("unclear")}, {"result-unclear"}, False),
        # in words
        ({"valueString": "Negative"}, {"result-negative"}, True),
        ({"valueString": "NON-REACTIVE"}, {"result-negative"}, True),
        ({"valueString": "Not reactive"}, {"result-negative"}, True),
        ({"valueString": "REACTIVE (repeat)"}, {"result-positive"}, True),
        ({"valueCodeableConcept": {"text": "Not detected"}}, {"result-negative"}, True),
        ({"valueCodeableConcept": {"coding": [{"display": "Detected"}]}}, {"result-positive"}, True),
        ({"valueString": "Equivocal"}, {"result-unclear"}, False),
        ({"valueString": "Weakly positive"}, {"result-positive"}, False),
        ({"valueString": "presumptive positive"}, set(), False),
        ({"valueString": "specimen rejected"}, set(), False),
        ({"valueString": "see comment"}, set(), False),
        ({"valueString": "positively not"}, set(), False),
        # by interpretation alone
        ({"interpretation": interpreted("POS")}, {"result-positive"}, True),
        ({"interpretation": interpreted("NEG")}, {"result-negative"}, True),
        ({"interpretation": interpreted("NEG", f"{TERMS}/v2-0078")}, {"result-negative"}, True),
        ({"interpretation": interpreted("POS")[0]}, {"result-positive"}, True),  # an object where a list belongs
        ({"interpretation": interpreted("N")}, {"result-negative"}, False),  # normal: depends on the laboratory
        ({"interpretation": interpreted("A")}, {"result-positive"}, False),
        ({"interpretation": interpreted("H")}, set(), False),
        # a weak hint beside a sure value of the same side stays for a person
        ({"valueString": "Negative", "interpretation": interpreted("NEG")}, {"result-negative"}, True),
        # disagreeing
        (
            {"valueCodeableConcept": concept("positive", text="Negative")},
            {"result-positive", "result-negative"},
            False,
        ),
        (
            {"valueString": "Negative", "interpretation": interpreted("POS")},
            {"result-positive", "result-negative"},
            False,
        ),
        ({"valueCodeableConcept": concept("positive", "negative")}, {"result-positive", "result-negative"}, False),
        ({"valueString": "Positive; negative"}, {"result-positive", "result-negative"}, False),
        ({"valueString": "Positive / equivocal"}, {"result-positive", "result-unclear"}, False),
        # numbers, never
        ({"valueQuantity": {"value": 0.02, "unit": "S/CO"}}, set(), False),
        ({"valueQuantity": {"value": 900, "unit": "S/CO", "comparator": ">"}}, set(), False),
        ({"valueInteger": 0}, set(), False),
        ({"valueBoolean": False}, set(), False),
        ({"valueBoolean": True}, set(), False),
        ({"valueString": "0.02"}, set(), False),
        ({"valueRatio": {"numerator": {"value": 1}}}, set(), False),
        # nothing
        ({}, set(), False),
        ({"valueString": ""}, set(), False),
        ({"valueString": None}, set(), False),
        ({"valueCodeableConcept": {"coding": [{"system": EXAMPLE, "code": "unknown"}]}}, set(), False),
        ({"valueCodeableConcept": {"coding": [{"code": "positive"}]}}, set(), False),  # a code without a system
    ],
)
def test_a_result_is_read(example, fields, sets, sure):
    reading = read(example, **fields)
    assert reading.sets == sets
    assert reading.sure is sure
    assert reading.readable is bool(sets)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"valueCodeableConcept": concept("negative", text="Neg.")}, "Neg."),
        ({"valueQuantity": {"value": 4.5, "unit": "IU/mL", "comparator": "<"}}, "<4.5 IU/mL"),
        ({"valueQuantity": {"value": 0, "code": "1"}}, "0 1"),
        ({"valueQuantity": {"unit": "IU/mL"}}, ""),
        ({"valueString": "Reactive"}, "Reactive"),
        ({"valueInteger": 0}, "0"),
        ({"valueBoolean": False}, "False"),
        ({"interpretation": [{"text": "Positive"}]}, "Positive"),
        ({}, ""),
    ],
)
def test_a_result_is_shown_in_the_chart_s_own_words(body, words):
    assert value_words(body) == words


@given(st.floats(allow_nan=True, allow_infinity=True) | st.integers(), st.sampled_from(["", "<", ">="]))
def test_a_number_is_never_a_result(example, number, comparator):
    reading = read(example, valueQuantity={"value": number, "comparator": comparator, "unit": "S/CO"})
    assert not reading.readable


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader_and_only_one_side_is_ever_sure(example, text):
    reading = read(example, valueString=text)
    assert not reading.sure or len(reading.sets) == 1


def test_a_component_is_read_by_itself(example):
    part = {"code": concept("virus-ab"), "valueCodeableConcept": concept("positive")}
    chart = chart_of(example, observation("negative", code="panel", component=[part]))
    ((record, _),) = chart.find(["Observation"], example.value_sets["lab-virus"])
    assert read_result(record, chart, ResultSets.of([example.value_sets[name] for name in NAMES])).sets == {
        "result-positive"
    }
