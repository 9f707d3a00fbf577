"""Lines of treatment as a chart tells them: what each record adds, and what stays open."""

from dataclasses import replace
from datetime import date

import hypothesis
import pytest
from hypothesis import strategies as st
from parts import RXNORM, compiled, concept, context_of, drug_order, medication, observation, procedure, resource

from cdshooks.engine.evidence import Compiler
from cdshooks.engine.evidence.lines import compile_lines
from cdshooks.engine.model import Basis, Why
from cdshooks.hooks.treatment_line_json import treatment_line_json

OLD, NEW = "910001", "920001"
LABEL = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}
ELSEWHERE = {"reference": "Patient/p2"}


@pytest.fixture
def treatments(example):
    """The treatments that a chart tells."""
    read = compile_lines(Compiler(example.value_sets, example.wording, example.products))
    return lambda *sent, **fields: read(context_of(example, *sent, **fields))


@pytest.fixture
def lines(treatments):
    """The lines of a chart."""
    return lambda *sent, **fields: treatments(*sent, **fields).lines


def given(code=OLD, start="2024-02-01", end=None, id_="m1", kind="MedicationAdministration", **fields):
    """A drug that was given over a period, or on one day."""
    period = {"effectivePeriod": {"start": start, "end": end}} if end else {}
    return medication(kind, code, None if end else start, id_, **period | fields)


def ordered(code=OLD, start="2024-02-01", end="2024-06-01", id_="r1", **fields):
    bounds = {name: day for name, day in (("start", start), ("end", end)) if day}
    dosage = [{"timing": {"repeat": {"boundsPeriod": bounds}}}] if bounds else None
    return medication("MedicationRequest", code, start, id_, dosageInstruction=dosage, **fields)


def extension(name, **value):
    return [{"url": f"https://example.org/StructureDefinition/{name}", **value}]


def plan(kind="CarePlan", id_="plan", **fields):
    return resource(kind, id_, **{"status": "active", "intent": "plan"} | fields)


EPISODE = plan("EpisodeOfCare", "e", subject=None, patient={"reference": "Patient/p1"}, type=[{"text": "3rd line"}])
FIRST = {"extension": extension("line-number", valuePositiveInt=1)}
UNDER_PLAN = {"basedOn": [{"reference": "CarePlan/plan"}]}


# ---- what a line is made of ----


def test_a_line_tells_its_drugs_days_and_records(lines):
    (line,) = lines(given(end="2024-06-01"), given(NEW, "2024-02-02", "2024-05-01", "m2"))
    assert line.regimen == ("oldamib", "newamab")
    assert (line.start, line.end) == ("2024-02-01", "2024-06-01")
    assert (line.basis, line.number, line.coded) == (Basis.GROUPED, None, False)
    assert [item.reference for item in line.evidence] == ["MedicationAdministration/m1", "MedicationAdministration/m2"]
    assert (line.best_response, line.responses, line.stopped, line.only_ordered) == (None, (), (), ())


def test_two_codes_of_one_ingredient_are_one_drug(lines):
    (line,) = lines(given(), given("910002", "2024-02-15", id_="m2"))
    assert line.regimen == ("oldamib",)
    assert len(line.evidence) == 2


@pytest.mark.parametrize(
    ("sent", "only_ordered"),
    [
        (given(), ()),
        (given(kind="MedicationStatement"), ()),
        (medication("MedicationDispense", OLD), ()),
        (given(status="unknown"), ()),
        (ordered(), ("oldamib",)),
        (ordered(reportedBoolean=True, intent="plan"), ()),
        (ordered(reportedReference={"display": "a relative"}), ()),
    ],
)
def test_what_is_only_ordered_is_said(lines, sent, only_ordered):
    assert lines(sent)[0].only_ordered == only_ordered


def test_an_order_and_its_administration_are_one_course_that_was_given(lines):
    (line,) = lines(ordered(), given(request={"reference": "MedicationRequest/r1"}))
    assert line.only_ordered == ()
    assert line.end == "2024-06-01"


@pytest.mark.parametrize(
    ("sent", "start", "end"),
    [
        (given(start="2022", end=None), "2022", "2022"),
        (given(start="2022-05", end=None), "2022-05", "2022-05"),
        (given(start="2022-05", end="2022-09"), "2022-05", "2022-09"),
        (given(effectivePeriod={"start": "2022-05-01"}, start=None), "2022-05-01", None),
        (given(effectivePeriod={"end": "2022-05-01"}, start=None), "2022-05-01", "2022-05-01"),
        (ordered(start="2022-05-01", end=None), "2022-05-01", None),
        (medication("MedicationRequest", OLD, "2022-05-01"), "2022-05-01", None),
        (ordered(start="2026-05-01", end="2027-05-01"), "2026-05-01", None),
        (given(start=None), None, None),
        (given(start="0001-01-01"), None, None),
        (given(start="2022-05-01", end="9999-12-31"), "2022-05-01", None),
        (medication("MedicationDispense", OLD, "2022-05-01T10:00:00Z"), "2022-05-01", "2022-05-01"),
    ],
)
def test_days_are_as_precise_as_they_are_known_and_an_end_that_is_not_told_is_open(lines, sent, start, end):
    (line,) = lines(sent)
    assert (line.start, line.end) == (start, end)


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (given(status="not-done"), Why.NOT_DONE),
        (given(status="entered-in-error"), Why.ENTERED_IN_ERROR),
        (given(subject=ELSEWHERE), Why.ANOTHER_PATIENT),
        (given(subject=None), Why.UNREADABLE),
        (given(start="2026-11-22"), Why.FUTURE_DATED),
        (ordered(start="2026-11-25", end=None, authoredOn="2026-11-20"), Why.FUTURE_DATED),
        (given(meta=LABEL), None),
        (ordered(status="draft"), None),
        (ordered(status="on-hold"), None),
        (ordered(intent="proposal"), None),
        (ordered(intent="plan"), None),
        (given(kind="MedicationStatement", status="intended"), None),
        (procedure("own-transplant", status="preparation"), None),
        (given("930001"), None),
        (drug_order(OLD, status="active"), None),
    ],
)  # fmt: skip
def test_what_was_not_given_to_this_patient_is_in_no_line(example, treatments, sent, why):
    found = treatments(sent)
    context = context_of(example, sent)
    assert found.lines == ()
    left_out = [left.why for left in (*found.left_out, *context.chart.left_out)]
    assert left_out == ([why] if why else [])


def test_a_statement_on_hold_was_begun(lines):
    assert len(lines(given(kind="MedicationStatement", status="on-hold"))) == 1


def test_procedures_are_found_by_code_by_what_was_given_and_radiation_by_words(lines):
    sent = [
        given(end="2024-05-01"),
        procedure("own-transplant", "2024-06-01"),
        procedure({"text": "External beam radiation, 20 Gy"}, "2024-07-01", "x"),
        medication(code="900011", day="2025-06-01", id_="cells"),
    ]
    first, second = lines(*sent)
    assert first.regimen == ("oldamib", "own transplant", "radiation")
    assert (second.regimen, second.start) == (("cell infusion",), "2025-06-01")


def test_the_intent_that_the_chart_gives_is_kept(lines):
    (line,) = lines(given(extension=extension("intent", valueCodeableConcept={"text": "Curative"})))
    assert line.intent == "Curative"


# ---- plans ----


@pytest.mark.parametrize("link", ["basedOn", "partOf", "context"])
@pytest.mark.parametrize("target", ["CarePlan/plan", "EpisodeOfCare/plan", "https://ehr.example.org/r4/CarePlan/plan"])
def test_drugs_under_one_plan_are_one_line(lines, link, target):
    under = {link: {"reference": target}}
    sent = given(end="2024-03-01", **under), given(NEW, "2024-05-01", id_="m2", **under)
    assert len(lines(*sent)) == 1
    assert len(lines(given(end="2024-03-01"), given(NEW, "2024-05-01", id_="m2"))) == 2


def test_an_administration_stands_under_the_plan_of_the_order_that_it_carries_out(lines):
    order = ordered(id_="r1", status="draft", **UNDER_PLAN)
    carried = given(end="2024-03-01", request={"reference": "MedicationRequest/r1"})
    assert len(lines(order, carried, given(NEW, "2024-05-01", id_="m2", **UNDER_PLAN))) == 1


# ---- stated numbers ----


@pytest.mark.parametrize(
    ("fields", "resources", "number", "coded"),
    [
        ({"extension": extension("line-number", valuePositiveInt=2)}, [], 2, True),
        ({"extension": extension("line-number", valueString="2")}, [], 2, True),
        ({"extension": extension("line-number", valueCodeableConcept={"text": "Second line"})}, [], 2, True),
        ({"extension": extension("line-perhaps", valuePositiveInt=2)}, [], 2, False),
        ({"extension": extension("other", valuePositiveInt=2)}, [], None, False),
        ({"extension": extension("line-number", valueBoolean=True)}, [], None, False),
        ({"extension": extension("line-number", valueInteger=0)}, [], None, False),
        ({"extension": extension("line-number", valueInteger=-1)}, [], None, False),
        ({"extension": extension("line-number", valueString="9" * 5000)}, [], None, False),
        ({"extension": [None, {"url": 7}]}, [], None, False),
        ({"category": {"text": "2nd-line treatment"}}, [], 2, False),
        (UNDER_PLAN, [plan(extension=extension("line-number", valuePositiveInt=2))], 2, True),
        (UNDER_PLAN, [plan(title="Second line: newamab")], 2, False),
        (UNDER_PLAN, [plan(title="Second line after a first line")], None, False),
        (UNDER_PLAN, [plan(title="Second line", status="entered-in-error")], None, False),
        (UNDER_PLAN, [plan(title="Second line", subject=ELSEWHERE)], None, False),
        (UNDER_PLAN, [plan(title="Second line", subject=None)], None, False),
        (UNDER_PLAN, [], None, False),
        (UNDER_PLAN | FIRST, [plan(title="Second line")], 1, True),
        (FIRST | {"category": {"text": "second line"}}, [], 1, False),
        ({"context": {"reference": "EpisodeOfCare/e"}}, [EPISODE], 3, False),
    ],
)  # fmt: skip
def test_the_number_of_a_line_is_the_chart_s_own(lines, fields, resources, number, coded):
    (line,) = lines(given(**fields), *resources)
    assert (line.number, line.coded) == (number, coded)
    assert line.basis is (Basis.STATED if number else Basis.GROUPED)


def test_stated_lines_go_before_dates_and_a_contradiction_keeps_both(treatments):
    one, two = ({"extension": extension("line-number", valuePositiveInt=n)} for n in (1, 2))
    found = treatments(given(**one), given(NEW, "2024-02-05", id_="m2", **two))
    assert [(line.number, line.regimen, line.disagrees) for line in found.lines] == [
        (1, ("oldamib",), True),
        (2, ("newamab",), True),
    ]
    assert [line.regimen for line in found.by_dates] == [("oldamib", "newamab")]
    agreed = treatments(given(**one), given(NEW, "2025-02-05", id_="m2", **two))
    assert agreed.by_dates == ()
    assert not any(line.disagrees for line in agreed.lines)


# ---- response and reason ----


def status(value, day, id_=None, **fields):
    return observation(value, day, "response", id_ or f"o{day}", **fields)


def test_responses_belong_to_the_line_in_whose_days_or_soon_after_they_were_recorded(lines):
    sent = [given(end="2024-06-01"), given(NEW, "2024-07-15", "2024-12-01", "m2")]
    sent += [
        status("partial-response", day)
        for day in ("2024-01-31", "2024-03-01", "2024-07-14", "2024-07-15", "2025-01-30", "2025-01-31")
    ]
    first, second = lines(*sent)
    assert [said.date for said in first.responses] == ["2024-03-01", "2024-07-14"]
    assert [said.date for said in second.responses] == ["2024-07-15", "2025-01-30"]


def test_the_best_response_is_the_best_that_a_code_states_and_never_a_worsening(lines):
    sent = given(end="2024-06-01")
    ranked = [status("partial-response", "2024-03-01"), status("full-response", "2024-05-01")]
    (line,) = lines(sent, *ranked, status(None, "2024-06-02", valueString="worse"))
    assert (line.best_response.words, line.best_response.reference) == ("Full response", "Observation/o2024-05-01")
    (line,) = lines(sent, status(None, "2024-06-02", valueString="full response"), status("worse", "2024-06-03"))
    assert line.best_response is None
    assert [said.words for said in line.responses] == ["full response"]


def test_a_response_that_names_its_treatment_belongs_to_it_whatever_its_day(lines):
    sent = [given(), given(NEW, "2025-02-01", id_="m2")]
    named = status("full-response", "2025-03-01", partOf=[{"reference": "MedicationAdministration/m1"}])
    first, second = lines(*sent, named)
    assert first.best_response and not second.responses
    (undated, _) = lines(
        *sent, status("full-response", None, "o", partOf=[{"reference": "MedicationAdministration/m1"}])
    )
    assert undated.best_response.date is None
    assert not any(line.responses for line in lines(*sent, status("full-response", None, "o")))


@pytest.mark.parametrize(
    "fields",
    [{"status": "preliminary"}, {"meta": LABEL}, {"subject": ELSEWHERE}, {"valueCodeableConcept": None}],
)
def test_what_cannot_be_relied_on_is_no_response(lines, fields):
    assert not lines(given(), status("full-response", "2024-02-10", **fields))[0].responses


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"statusReason": [{"text": "Progression"}]}, ["Progression"]),
        ({"statusReason": concept("not-tolerated")}, ["Treatment not tolerated"]),
        (
            {"extension": extension("stop-reason", valueCodeableConcept=concept("not-tolerated"))},
            ["Treatment not tolerated"],
        ),
        ({"reasonStopped": {"text": "Toxicity"}}, ["Toxicity"]),
        ({"statusReason": concept("unknown-code")}, []),
        ({"note": [{"text": "Stopped for progression"}]}, []),
        ({}, []),
    ],
)
def test_the_reason_for_stopping_is_told_by_text_or_by_the_name_of_its_code(lines, fields, words):
    (line,) = lines(given(**fields))
    assert [said.words for said in line.stopped] == words


def test_each_reason_of_a_line_is_told_once_the_last_of_each_drug(lines):
    def because(text):
        return {"statusReason": [{"text": text}]}

    sent = [given(**because("dose held")), given(start="2024-02-20", id_="m2", **because("completed"))]
    sent += [given(NEW, "2024-02-10", id_="m3", **because("completed"))]
    (line,) = lines(*sent)
    assert [(said.words, said.date) for said in line.stopped] == [("completed", "2024-02-10")]


# ---- a label that asks for lines ----


def numbered(number, code=OLD, **fields):
    at = {"extension": extension("line-number", valuePositiveInt=number)}
    return given(code, f"202{number}-01-01", id_=f"m{number}", **at | fields)


@pytest.mark.parametrize(
    ("sent", "filters", "expected"),
    [
        ([numbered(1), numbered(2, NEW)], {}, True),
        ([numbered(1), numbered(2, NEW)], {"classes": ["vs/rx-class-one"]}, True),
        ([numbered(1), numbered(2, NEW)], {"classes": ["vs/rx-class-two"]}, None),  # its code is of grade B
        ([numbered(1), numbered(2)], {"classes": ["vs/rx-class-two"]}, None),
        ([numbered(1), numbered(2, NEW)], {"asks": "refractory to the last"}, None),
        ([numbered(1)], {}, None),
        ([numbered(1), numbered(2, NEW, status="not-done")], {}, None),
        ([numbered(1), numbered(2, NEW, kind="MedicationRequest")], {}, None),
        ([numbered(1), numbered(2, NEW, extension=extension("line-perhaps", valuePositiveInt=2))], {}, None),
        ([numbered(1), numbered(2, NEW, effectiveDateTime="2021-01-05")], {}, None),
        ([numbered(1), given(NEW, "2022-01-01", id_="m2")], {}, None),
    ],
)
def test_only_lines_that_the_chart_numbers_by_code_reach_a_label_s_number(example, sent, filters, expected):
    found = compiled(example, {"therapy": {"lines_at_least": 2} | filters})(context_of(example, *sent))
    assert found.truth is expected
    assert found.lines


def test_codings_of_the_library_s_own_system_are_read_wherever_the_drug_stands(lines):
    referred = medication(code=None, day="2024-02-01", medicationReference={"reference": "#d"})
    referred["contained"] = [{"resourceType": "Medication", "id": "d", "code": concept(OLD, system=RXNORM)}]
    assert lines(referred)[0].regimen == ("oldamib",)


@pytest.mark.parametrize(
    ("words", "regimen"),
    [
        ("Oldamib 5 mg tablet", ("oldamib",)),
        ("NEWAMAB and oldamib", ("newamab", "oldamib")),
        ("oldamibitol", None),
        ("dullamine", None),
    ],
)
def test_a_drug_that_only_words_name_is_found_and_its_line_is_never_proven(example, lines, words, regimen):
    at = {"extension": extension("line-number", valuePositiveInt=1)}
    sent = medication(code={"text": words}, day="2024-02-01", id_="named", **at)
    found = lines(sent)
    assert [line.regimen for line in found] == ([regimen] if regimen else [])
    assert not any(line.coded for line in found)
    assert compiled(example, {"therapy": {"lines_at_least": 1}})(context_of(example, sent)).truth is None


def test_words_beside_a_known_code_of_another_drug_name_nothing(lines):
    assert lines(medication(code=concept("930001", system=RXNORM, text="oldamib"), id_="other")) == ()


def test_the_lines_of_a_chart_are_worked_out_once_for_each_pair_of_days(example):
    read = compile_lines(Compiler(example.value_sets, example.wording, example.products))
    compiler = Compiler(example.value_sets, example.wording, example.products)
    again = compile_lines(compiler, [example.value_sets["rx-class-one"]])
    context = context_of(example, given())
    assert again(context) is read(context)
    later = replace(context, service_date=date(2027, 1, 1))
    assert read(later) is not read(context)
    other = compile_lines(compiler, [example.value_sets["rx-other"]])
    assert other(context) is not read(context)


def test_records_without_an_id_are_told_apart_by_their_days(lines):
    sent = [medication(code=OLD, day=day) for day in ("2020-01-01", "2024-01-01", "2024-01-01")]
    for one in sent:
        del one["id"]
    assert [line.start for line in lines(*sent)] == ["2020-01-01", "2024-01-01"]


TEXTS = ["", "2024", "x", "CarePlan/plan", "#d", "0001-01-01", "9999-12-31", "line-number"]
ODD = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(TEXTS)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from("reference start end timing repeat boundsPeriod url valueInteger coding text".split()),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=6,
)  # fmt: skip
NAMES = (
    "effectivePeriod dosageInstruction basedOn partOf context encounter request statusReason reasonStopped extension "
    "category status intent reportedReference"
).split()


@hypothesis.given(st.dictionaries(st.sampled_from(NAMES), ODD, max_size=4), ODD)
def test_whatever_stands_in_a_record_or_its_plan_the_lines_are_told(example, fields, title):
    read = compile_lines(Compiler(example.value_sets, example.wording, example.products))
    kinds = ("MedicationAdministration", "MedicationRequest", "MedicationStatement")
    sent = [{**medication(kind, OLD, id_=kind), **fields} for kind in kinds]
    found = read(context_of(example, *sent, {**procedure("own-transplant"), **fields}, plan(title=title, type=title)))
    for line in found.lines:
        treatment_line_json(line)
    references = [item.reference for line in found.lines for item in line.evidence]
    assert len(references) == len(set(references))
