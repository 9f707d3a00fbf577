"""Write every story under stories/: a complete order-sign request and what is expected of its answer.

Run `python fhir_fixtures/make_stories.py`; the same files come out every time, byte for byte (a test runs it).
All patients are invented. Every story is told on 2026-11-21 about an infusion planned for 2026-12-01.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

sys.path.insert(0, str(Path(__file__).parent))

from story_parts import (
    AS_OF, ICD10CM, LOINC, RXNORM, SNOMED, center, concept, condition, coverage, document, medication,
    medication_order, noise, patient, report, request, render, serology,
)

HERE = Path(__file__).parent
WELLCARE = ("WellCare of North Carolina", "NC Medicaid Managed Care")
ATTESTED = ["dosage", "warnings", "prior-car-t", "psychosocial-limits", "non-compliance", "rescue-transplant", "letter-content"]


class Story(NamedTuple):
    name: str
    title: str
    product: str
    payer: str
    expect: dict
    request: dict


STORIES: list[Callable[[], Story]] = []


def story(tell):
    STORIES.append(tell)
    return tell


# ---- codes that several stories share

MCL = concept((SNOMED, "443487006", "Mantle cell lymphoma (disorder)"),
              (ICD10CM, "C83.18", "Mantle cell lymphoma, lymph nodes of multiple sites"), text="Mantle cell lymphoma")
TECARTUS = concept((RXNORM, "2387347", "68 ML brexucabtagene autoleucel 2940000 CELLS/ML Injection"), text="Tecartus (brexucabtagene autoleucel)")
LYMPHOMA_DOSE = "2 x 10^6 CAR-positive viable T cells per kg body weight (maximum 2 x 10^8), single intravenous infusion"


def drug(code, name):
    return concept((RXNORM, code, name), text=name)


# ---- documents that several stories share

def letter(who, product, day="2026-11-14"):
    code = concept((LOINC, "103595-5", "Certificate of Medical Necessity"))
    return document(f"{who}-letter", who, code, day, f"Letter of medical necessity for {product}")


def marrow(who, day="2026-09-10"):
    code = concept((LOINC, "33721-2", "Bone marrow Pathology biopsy report"))
    return report(f"{who}-marrow", who, code, day, "Bone marrow biopsy and aspirate, final report.")


def psychology(who, day="2026-10-20"):
    return document(f"{who}-psychology", who, concept((LOINC, "18738-5", "Psychology Initial assessment note")), day, "Psychology initial assessment")


def social_work(who, day="2026-10-20"):
    return document(f"{who}-social-work", who, concept((LOINC, "18739-3", "Social work Initial assessment note")), day, "Social work initial assessment")


def blood_tests(who, day="2026-11-01", without=()):
    return [serology(test, who, day) for test in ("hiv", "hbsag", "anti-hbc", "anti-hcv") if test not in without]


def paperwork(who, product, without=()):
    """Every document that the plan asks for, in date; `without` names the findings to leave out."""
    papers = {"letter": letter(who, product), "marrow-biopsy": marrow(who), "psych-eval": psychology(who), "social-eval": social_work(who)}
    return [paper for finding, paper in papers.items() if finding not in without] + blood_tests(who, without=without)


def mcl_history(who):
    """Mantle cell lymphoma since 2024, bendamustine and rituximab, ibrutinib, relapse in 2026."""
    biopsy = concept((LOINC, "11526-1", "Pathology study"), text="Lymph node biopsy, surgical pathology")
    return [
        condition(f"{who}-mcl", who, MCL, "relapse", onset="2024-06-24"),
        report(f"{who}-pathology", who, biopsy, "2024-06-24", "Cervical lymph node: mantle cell lymphoma, cyclin D1 positive."),
        medication(f"{who}-bendamustine", who, drug("134547", "bendamustine"), "2024-07-15", "2024-12-02"),
        medication(f"{who}-rituximab", who, drug("121191", "rituximab"), "2024-07-15", "2024-12-02"),
        medication(f"{who}-ibrutinib", who, drug("1442981", "ibrutinib"), "2025-09-08", "2026-09-28"),
    ]


def tecartus_order(who, **changes):
    return medication_order(f"{who}-tecartus", who, TECARTUS, organization=center(), dose=LYMPHOMA_DOSE, **changes)


# ---- mantle cell lymphoma

@story
def mcl_missing_three():
    name, who = "mcl-missing-three", "mcl-1"
    social_problems = [
        condition(f"{who}-alone", who, concept((ICD10CM, "Z60.2", "Problems related to living alone")), onset="2026-03-02"),
        condition(f"{who}-transport", who, concept((ICD10CM, "Z59.82", "Transportation insecurity")), onset="2026-03-02"),
    ]
    chart = [
        coverage(who, *WELLCARE), *mcl_history(who), *social_problems, letter(who, "Tecartus"), serology("hiv", who, "2026-06-30"),
        *blood_tests(who, without=["hiv"]), *noise(name, who, draws=9, notes=40),
    ]
    expect = {"outcome": "documentation-missing", "missing": ["marrow-biopsy", "psych-eval", "social-eval"], "stale": ["hiv"],
              "met": ["fda-approved", "indication", "letter", "hbsag", "anti-hbc", "anti-hcv"], "attest": ATTESTED}
    title = "A man of 65 with relapsed mantle cell lymphoma whose HIV test is too old and whose marrow report and psychosocial evaluation are not on file."
    person = patient(who, "Morgan", "1961-05-17", "male")
    return Story(name, title, "tecartus", "WellCare of North Carolina", expect, request(name, person, [tecartus_order(who)], chart))


@story
def mcl_complete():
    name, who = "mcl-complete", "mcl-2"
    chart = [coverage(who, *WELLCARE), *mcl_history(who), *paperwork(who, "Tecartus"), *noise(name, who, draws=24, notes=30)]
    expect = {"outcome": "ready", "missing": [], "stale": [], "attest": ATTESTED,
              "met": ["fda-approved", "indication", "letter", "hiv", "hbsag", "anti-hbc", "anti-hcv", "marrow-biopsy", "psych-eval", "social-eval"]}
    title = "The same illness in a woman of 58 with every document on file and in date."
    person = patient(who, "Robin", "1968-02-11", "female")
    return Story(name, title, "tecartus", "WellCare of North Carolina", expect, request(name, person, [tecartus_order(who)], chart))


# ---- writing

def story_yaml(told):
    about = {"name": told.name, "title": told.title, "as_of": AS_OF, "patient": told.request["context"]["patientId"],
             "product": told.product, "payer": told.payer, "expect": told.expect}
    return yaml.safe_dump(about, sort_keys=False, allow_unicode=True, width=1000, default_flow_style=None)


def readme(stories):
    lines = ["# Stories", "", "Written by `make_stories.py`; every patient is invented. Told on 2026-11-21.", "", "| story | what happens |", "|---|---|"]
    return "\n".join([*lines, *(f"| `{told.name}` | {told.title} |" for told in stories), ""])


def files() -> Iterator[tuple[str, str]]:
    """Every file that this program writes: its path below stories/ and its text."""
    stories = [tell() for tell in STORIES]
    yield "README.md", readme(stories)
    for told in stories:
        yield f"{told.name}/request.json", render(told.request)
        yield f"{told.name}/story.yaml", story_yaml(told)


if __name__ == "__main__":
    for path, text in files():
        target = HERE / "stories" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
