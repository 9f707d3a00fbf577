"""Value sets: which codes count, how far each may be trusted, and words."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from parts import EXAMPLE, observation

from cdshooks.engine.valuesets import find_prefix, fold_words, read_value_set, result_tokens, union

CARDS = Path(__file__).parents[1] / "cards"
FILES = [*sorted((CARDS / "valuesets").glob("*.json")), *sorted((Path(__file__).parent / "library").rglob("*.json"))]


def value_set(library, *concepts, system=EXAMPLE, id_="made"):
    data = {"resourceType": "ValueSet", "id": id_, "title": "Made", "compose": {"include": []}}
    data["compose"]["include"].append({"system": system, "concept": list(concepts)})
    return read_value_set(data, library.systems)


def entry(code, grade="A", words=(), **facts):
    kinds = {"decides": "valueBoolean", "match": "valueCode", "role": "valueCode"}
    extensions = [{"url": "urn:cdshooks:grade", "valueCode": grade}]
    for name, value in facts.items():
        extensions.append({"url": f"urn:cdshooks:{name.replace('_', '-')}", kinds.get(name, "valueString"): value})
    designations = [{"language": "en", "value": word} for word in words]
    return {"code": code, "display": code, "extension": extensions, "designation": designations}


@pytest.mark.parametrize(
    ("grade", "facts", "decides"),
    [("A", {}, True), ("A", {"decides": True}, True), ("A", {"decides": False}, False), ("B", {}, False)],
)
def test_only_grade_a_that_is_not_held_back_decides(example, grade, facts, decides):
    concept = value_set(example, entry("x", grade, **facts)).find(("example", "x"))
    assert concept.decides is decides


def test_a_second_hand_code_never_decides_even_if_its_file_says_so(example):
    assert value_set(example, entry("x", "B", decides=True)).find(("example", "x")).decides is False


def test_an_unsourced_code_is_off(example):
    made = value_set(example, entry("x", "none", words=["POSITIVE"]))
    assert made.find(("example", "x")) is None
    assert made.words == {}


def test_a_code_that_does_not_decide_says_why(example):
    made = value_set(example, entry("x", decides=False, why_not="too general"), entry("y", "B"))
    assert made.find(("example", "x")).why_not == "too general"
    assert made.find(("example", "y")).why_not


def test_a_code_of_another_system_is_not_found(example):
    assert value_set(example, entry("x")).find(("rxnorm", "x")) is None


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("X99", True),
        ("X99.1", True),
        ("X99.10", True),
        ("X991", True),
        ("X9", False),
        ("X98.1", False),
        ("Y99.1", False),
    ],
)
def test_a_category_header_finds_every_code_that_begins_with_it(example, code, found):
    assert (example.value_sets["dx-alpha"].find(("icd10cm", code)) is not None) is found


def test_the_longest_header_speaks(example):
    made = value_set(
        example,
        entry("X99", match="prefix", decides=False),
        entry("X99.1", match="prefix"),
        system="http://hl7.org/fhir/sid/icd-10-cm",
    )
    assert made.find(("icd10cm", "X99.12")).decides is True
    assert made.find(("icd10cm", "X99.22")).decides is False


def test_a_code_of_its_own_speaks_before_a_header(example):
    made = value_set(
        example, entry("X99", match="prefix"), entry("X99.1", "B"), system="http://hl7.org/fhir/sid/icd-10-cm"
    )
    assert made.find(("icd10cm", "X99.1")).decides is False


def test_codes_are_compared_in_the_same_spelling_as_the_chart_s(example):
    made = value_set(example, entry("x99.1"), system="http://hl7.org/fhir/sid/icd-10-cm")
    assert made.find(example.systems.coded({"system": "icd10cm", "code": "x99.1"})) is not None


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Negative", ["NEGATIVE"]),
        ("NON-REACTIVE", ["NONREACTIVE"]),
        ("Non reactive", ["NONREACTIVE"]),
        ("non - reactive", ["NONREACTIVE"]),
        ("Non\u2010Reactive", ["NONREACTIVE"]),
        ("Non\u2013Reactive", ["NONREACTIVE"]),
        ("Not reactive", ["NOTREACTIVE"]),
        ("not  detected", ["NOTDETECTED"]),
        ("REACTIVE (repeat)", ["REACTIVE", "REPEAT"]),
        ("Repeatedly reactive", ["REPEATEDLYREACTIVE"]),
        ("HIV 1/2: negative.", ["HIV1", "2", "NEGATIVE"]),
        ("Positive; confirmatory test negative", ["POSITIVE", "CONFIRMATORYTESTNEGATIVE"]),
        ("", []),
        (" -- ", []),
    ],
)
def test_result_words_are_whole_tokens_without_blanks_and_hyphens(text, tokens):
    assert result_tokens(text) == tokens


NEGATED = ["Not{}reactive", "NON{}REACTIVE", "Not{}Detected", "NOT{}DETECTED"]
GLUES = [" ", "-", "", "  ", " - "]
CUTS = ["\n", "\r\n", "\t", ", ", ": ", "/", " ("]


@pytest.mark.parametrize("phrase", NEGATED)
@pytest.mark.parametrize("glue", [*GLUES, *CUTS])
def test_a_negated_word_is_never_a_positive_result(example, ask, phrase, glue):
    form = {"observation": {"code": "vs/lab-virus", "value": "vs/result-positive", "asks": "vs/result-unclear"}}
    text = phrase.format(glue)
    assert ask(form, observation(None, valueString=text)).truth is not True
    if glue in GLUES:
        assert result_tokens(text)[0] in example.value_sets["result-negative"].words


@pytest.mark.parametrize(
    ("text", "set_id"),
    [
        ("NONREACTIVE", "result-negative"),
        ("Non-Reactive", "result-negative"),
        ("Negative", "result-negative"),
        ("neg", "result-negative"),
        ("Not detected", "result-negative"),
        ("NR", "result-negative"),
        ("Reactive", "result-positive"),
        ("POSITIVE", "result-positive"),
        ("Detected", "result-positive"),
        ("Repeatedly Reactive", "result-positive"),
    ],
)
def test_the_words_of_laboratories_mean_what_the_facts_say(shipped, text, set_id):
    (token,) = result_tokens(text)
    both = [name for name in ("result-negative", "result-positive") if token in shipped.value_sets[name].words]
    assert both == [set_id]
    assert shipped.value_sets[set_id].words[token].decides


def test_no_word_is_in_two_of_the_result_sets(shipped):
    names = ("result-negative", "result-positive", "result-indeterminate")
    words = [set(shipped.value_sets[name].words) for name in names]
    codes = [set(shipped.value_sets[name].concepts) for name in names]
    for one in range(3):
        for other in range(one):
            assert not words[one] & words[other]
            assert not codes[one] & codes[other]


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("Letter of Medical Necessity", "medical necessity"),
        ("MEDICAL-NECESSITY, signed", "medical necessity"),
        ("unmedical necessity", None),
        ("medical necessities", None),
        ("necessity medical", None),
        ("", None),
    ],
)
def test_phrases_are_found_as_whole_words_in_any_case(example, text, phrase):
    assert example.value_sets["words-letter"].mentions(text) == phrase


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_phrase_is_found_wherever_it_stands(example, before, after):
    assert example.value_sets["words-letter"].mentions(f"{before} Letter of NEED {after}")


@given(st.text(max_size=60))
def test_folded_words_stand_between_single_blanks(text):
    folded = fold_words(text)
    assert folded.startswith(" ")
    assert folded.endswith(" ")
    assert "  " not in folded.strip()


def test_a_union_holds_everything_and_decides_where_any_does(example):
    one = value_set(example, entry("x", "B"), entry("y"), entry("X", match="prefix"), id_="one")
    other = value_set(example, entry("x"), entry("z", "B", words=["ZED"]), id_="other")
    for both in (union([one, other]), union([other, one])):
        assert both.find(("example", "x")).decides is True
        assert both.find(("example", "y")).decides is True
        assert both.find(("example", "z")).decides is False
        assert "ZED" in both.words
    assert union([]).find(("example", "x")) is None


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_value_set_file_keeps_its_schema_and_carries_its_name(path, shipped):
    schema = json.loads((CARDS / "schema" / "valueset.json").read_text("utf-8"))
    data = json.loads(path.read_text("utf-8"))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(data)] == []
    assert data["id"] == path.stem
    for include in data.get("compose", {}).get("include", []):
        if include["system"] != EXAMPLE:
            assert shipped.systems.system(include["system"]).uri == include["system"], "a canonical uri of systems.yaml"


class Asked(dict):
    """Headers that count how often they are looked up."""

    times = 0

    def get(self, key, default=None):
        self.times += 1
        return super().get(key, default)


@pytest.mark.parametrize("code", ["X99", "X99.1", "X99.", "X991" + "1" * 5000, "X9" + "9" * 5000, "Y" * 5000])
def test_a_code_of_any_length_is_looked_up_no_oftener_than_the_longest_header_is_long(code):
    headers = Asked({("example", "X99"): "header", ("example", "Z"): "short"})
    assert find_prefix(headers, ("example", code)) == ("header" if code.startswith("X99") else None)
    assert headers.times <= 2
