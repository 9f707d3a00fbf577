"""Stories of relapsed mantle cell lymphoma: one patient with complete papers, changed one thing at a time."""

from story_charts import (
    ATTESTED, BREYANZI, LETTER_AND_TESTS, TECARTUS, drug, marrow, mcl, paperwork, psychology, social_work, tecartus, told, visit,
)
from story_parts import (
    CPT, ICD10CM, LOINC, SNOMED, center, concept, condition, local, medication_order, observation, patient, report, resource, serology,
    service_order,
)


def mcl_missing_three():
    who = "mcl-1"
    chart = [
        *mcl(who), *paperwork(who, "Tecartus", without=["hiv", "marrow-biopsy", "psych-eval", "social-eval"]),
        serology("hiv", who, "2026-06-30"),
        condition(f"{who}-alone", who, concept((ICD10CM, "Z60.2", "Problems related to living alone")), onset="2026-03-02"),
        condition(f"{who}-transport", who, concept((ICD10CM, "Z59.82", "Transportation insecurity")), onset="2026-03-02"),
    ]
    expect = {"outcome": "documentation-missing", "missing": ["marrow-biopsy", "psych-eval", "social-eval"], "stale": ["hiv"],
              "met": ["fda-approved", "indication", "letter", "hbsag", "anti-hbc", "anti-hcv"], "attest": ATTESTED}
    title = "A man of 65 with relapsed mantle cell lymphoma: his HIV test is too old; no marrow report and no psychosocial evaluation on file."
    person = patient(who, "Morgan", "1961-05-17", "male")
    return told("mcl-missing-three", title, person, [tecartus(who)], chart, expect, "tecartus", notes=40)


def mcl_complete():
    who = "mcl-2"
    chart = [*mcl(who), *paperwork(who, "Tecartus")]
    expect = {"outcome": "ready", "missing": [], "stale": [], "met": ["fda-approved", "indication", *LETTER_AND_TESTS], "attest": ATTESTED}
    title = "The same illness in a woman of 58 with every document on file and in date."
    person = patient(who, "Robin", "1968-02-11", "female")
    return told("mcl-complete", title, person, [tecartus(who)], chart, expect, "tecartus", draws=24, notes=30)


def mcl_story(name, who, title, expect, orders=None, extra=(), without=(), **changes):
    """A woman of 58 whose papers are complete, except for what the story changes."""
    chart = [*mcl(who), *paperwork(who, "Tecartus", without), *extra]
    person = patient(who, "Robin", "1968-02-11", "female")
    return told(name, title, person, orders or [tecartus(who)], chart, expect, **{"product": "tecartus"} | changes)


def positive_hbcore():
    who = "mcl-3"
    expect = {"outcome": "ready", "missing": [], "stale": [], "met": ["anti-hbc"], "attest": ["warnings"]}
    title = "Her hepatitis B core antibody was positive in 2024: a positive result counts at any age, and raises the label's warning."
    return mcl_story("positive-hbcore", who, title, expect, extra=[serology("anti-hbc", who, "2024-03-12", "positive")], without=["anti-hbc"])


def rescue_transplant_planned():
    who = "mcl-4"
    code = concept((CPT, "38241", "Autologous hematopoietic progenitor cell transplant"), text="Autologous stem cell rescue")
    transplant = service_order(f"{who}-rescue", who, code, "2026-12-05", status="active")
    expect = {"outcome": "exclusion-found", "not_met": ["rescue-transplant"]}
    title = "An autologous rescue transplant is ordered four days after the infusion, in the same session."
    return mcl_story("rescue-transplant-planned", who, title, expect, [tecartus(who), transplant])


def wrong_patient():
    who = "mcl-5"
    order = tecartus(who) | {"subject": {"reference": "Patient/someone-else"}}
    expect = {"outcome": "could-not-check", "findings": []}
    title = "The order is for another patient than the chart that is open."
    return mcl_story("wrong-patient", who, title, expect, [order])


def prefetch_failed():
    who = "mcl-6"
    expect = {"outcome": "could-not-check", "missing": [], "stale": [], "could_not_check": LETTER_AND_TESTS, "met": ["fda-approved", "indication"]}
    title = "The laboratory results came back as an error, the documents as null, and the reports were not sent at all."
    story = mcl_story("prefetch-failed", who, title, expect, draws=1)
    issue = {"severity": "error", "code": "timeout", "diagnostics": "The search took too long."}
    story.request["prefetch"] |= {"observations": resource("OperationOutcome", "observations-failed", issue=[issue]), "documents": None}
    del story.request["prefetch"]["reports"]
    return story


def center_story(name, who, title, expect, organization):
    """The centre is named by an Organization and an Encounter that were sent beside the chart."""
    performer = {"reference": f"Organization/{organization['id']}", "display": organization["name"]}
    story = mcl_story(name, who, title, expect, [tecartus(who, organization=None) | {"performer": performer}])
    story.request["prefetch"] |= {"encounter": visit(who, organization), "organization": organization}
    return story


def center_stale():
    expect = {"outcome": "documentation-missing", "not_ready_because": ["center"]}
    title = "The treatment centre is on the roster, but its row is out of date."
    return center_story("centre-stale", "mcl-7", title, expect, center("stale-center", "Former Example Hospital (SYNTHETIC)", "1234567893"))


def center_unlisted():
    expect = {"outcome": "documentation-missing", "missing": ["center-proof"], "attest": ["center"]}
    title = "The treatment centre is on no roster: nothing shows that it is certified for this product."
    return center_story("centre-unlisted", "mcl-8", title, expect, center("unlisted-center", "Unlisted Example Hospital (SYNTHETIC)", "1987654328"))


def no_car_t():
    who = "mcl-9"
    order = medication_order(f"{who}-rituximab-order", who, drug("121191", "rituximab"), dose="375 mg/m2 intravenously")
    title = "An ordinary order of rituximab for a man whose chart is full of mantle cell lymphoma: no card."
    return mcl_story("no-car-t", who, title, {"cards": 0}, [order], product=None)


def rems_period():
    who = "mcl-10"
    expect = {"outcome": "ready", "met": ["rems", "center"], "service_date": "2025-06-26"}
    title = "The order gives 2025-06-26 as its day: the last day on which the FDA's REMS was in force."
    return mcl_story("rems-period", who, title, expect, [tecartus(who, day="2025-06-26")])


def unknown_payer():
    expect = {"outcome": "ready", "policy": "fda/label", "met": ["fda-approved", "indication"]}
    title = "The coverage names a payer whose policy is not on file: only the label and the treatment centre are checked."
    return mcl_story("unknown-payer", "mcl-11", title, expect, payer=("Example Mutual Insurance", "Commercial PPO"))


def out_of_spec():
    who = "mcl-12"
    code = TECARTUS | {"text": "Tecartus, out of specification product under expanded access"}
    expect = {"outcome": "ready", "attest": ["fda-approved", "dosage-form"]}
    title = "The order text says that the product is out of specification: it is not the approved product."
    return mcl_story("out-of-spec", who, title, expect, [tecartus(who, code)])


def product_not_told():
    who = "mcl-13"
    code = concept((CPT, "38228", "CAR-T: administration, autologous"), text="CAR-T cell administration")
    expect = {"outcome": "could-not-check", "findings": []}
    title = "The order is for a CAR-T infusion but does not say which product."
    return mcl_story("product-not-told", who, title, expect, [service_order(f"{who}-infusion", who, code, organization=center())], product=None)


def two_orders():
    who = "mcl-14"
    orders = [
        medication_order(f"{who}-ondansetron", who, local("Ondansetron"), dose="8 mg by mouth as needed"), tecartus(who),
        medication_order(f"{who}-breyanzi", who, BREYANZI, organization=center()),
    ]
    expect = {"cards": 2, "orders": {f"{who}-tecartus": "tecartus", f"{who}-breyanzi": "breyanzi"}}
    title = "Two CAR-T products and an everyday drug are signed together: one card for each CAR-T."
    return mcl_story("two-orders", who, title, expect, orders, product=None)


def guarded_evidence():
    """Records that look right but are not evidence, each for its own reason."""
    who = "mcl-15"
    hcv, indeterminate = concept((LOINC, "13955-0", "Hepatitis C virus Ab")), concept((SNOMED, "82334004", "Indeterminate"))
    rejected = {"dataAbsentReason": concept(("http://terminology.hl7.org/CodeSystem/data-absent-reason", "error", None), text="Specimen rejected")}
    extra = [
        serology("hiv", who, "2026-11-05", suffix="-other") | {"subject": {"reference": "Patient/someone-else"}},
        serology("hbsag", who, "2026-11-05", status="entered-in-error"),
        serology("anti-hbc", who, "2026-11-05") | {"valueCodeableConcept": indeterminate},
        observation(f"{who}-anti-hcv", who, hcv, "2026-11-05", **rejected),
        marrow(who, status="preliminary"), psychology(who, status="entered-in-error"), social_work(who, "2026-12-15"),
    ]
    expect = {"outcome": "documentation-missing", "missing": ["hiv", "hbsag", "psych-eval", "social-eval"], "stale": [],
              "attest": ["anti-hbc"], "could_not_check": ["anti-hcv", "marrow-biopsy"]}
    title = "Results of another patient, in error, preliminary, indeterminate, rejected or dated in the future: none of them counts."
    return mcl_story("guarded-evidence", who, title, expect, extra=extra, without=LETTER_AND_TESTS[1:])


def mcl_blue_guide():
    who = "mcl-16"
    extra = [
        observation(f"{who}-ecog", who, concept((LOINC, "89247-1", "ECOG Performance Status score")), "2026-11-12", "survey", valueInteger=1),
        report(f"{who}-translocation", who, concept((LOINC, "77037-0", "t(11;14)(q13;q32)(CCND1,IGH) fusion transcript")), "2024-06-27", "Detected.", "GE"),
    ]
    expect = {"policy": "bcbs/tecartus", "outcome": "documentation-missing", "missing": ["lvef"], "met": ["ecog"]}
    title = "A Blue plan: the denial guide for Tecartus asks for a heart study that is not on file."
    payer = ("Blue Cross and Blue Shield of North Carolina", "Blue Options PPO")
    return mcl_story("mcl-blue-guide", who, title, expect, extra=extra, payer=payer)
