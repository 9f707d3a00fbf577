"""A line of treatment in the determination: what is known, what is open, and nothing empty."""

import json
from pathlib import Path

from jsonschema import Draft202012Validator

from cdshooks.engine.model import Basis, Evidence, Said, TreatmentLine
from cdshooks.hooks.treatment_line_json import treatment_line_json

SCHEMA = json.loads((Path(__file__).parents[1] / "cards" / "schema" / "determination.json").read_text("utf-8"))
LINE = Draft202012Validator({"$ref": "#/$defs/line", "$defs": SCHEMA["$defs"]})


def json_of(line_):
    """The line as JSON, after it was held against the published schema."""
    made = treatment_line_json(line_)
    assert list(LINE.iter_errors(made)) == []
    return made


def line(**fields):
    made = {
        "regimen": ("oldamib",),
        "start": "2024-02",
        "end": None,
        "basis": Basis.GROUPED,
        "evidence": (Evidence("m/1"),),
    }
    return TreatmentLine(**made | fields)


def test_what_no_record_tells_is_left_out_and_named_as_open():
    assert json_of(line(evidence=(Evidence("MedicationRequest/r1"),), only_ordered=("oldamib",))) == {
        "regimen": ["oldamib"],
        "basis": "grouped",
        "start": "2024-02",
        "onlyOrdered": ["oldamib"],
        "open": ["end", "bestResponse", "stopped"],
        "records": 1,
        "evidence": ["MedicationRequest/r1"],
    }


def test_what_the_chart_states_is_given_with_its_record():
    said = Said("Full response", "Observation/o1", "2024-05-01")
    made = json_of(
        line(
            end="2024-06-01",
            basis=Basis.STATED,
            number=2,
            coded=True,
            best_response=said,
            responses=(said,),
            stopped=(Said("Completed", "MedicationRequest/r1"),),
            intent="Curative",
            disagrees=True,
        )
    )
    assert made["number"] == 2
    assert made["basis"] == "stated"
    assert made["bestResponse"] == {"words": "Full response", "date": "2024-05-01", "reference": "Observation/o1"}
    assert made["responses"] == [made["bestResponse"]]
    assert made["stopped"] == [{"words": "Completed", "reference": "MedicationRequest/r1"}]
    assert made["coded"] and made["disagrees"] and made["intent"] == "Curative"
    assert "open" not in made


def test_chart_text_is_made_harmless():
    made = json_of(line(regimen=("<b>",), stopped=(Said("[x](http://y)", "r"),)))
    assert made["regimen"] == ["‹b›"]
    assert "[" not in made["stopped"][0]["words"]


def test_many_records_are_counted_and_the_first_ones_named():
    made = json_of(line(evidence=tuple(Evidence(f"m/{n}") for n in range(50))))
    assert made["records"] == 50
    assert len(made["evidence"]) == 20
