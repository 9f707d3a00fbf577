"""Stories of relapsed mantle cell lymphoma: one patient with complete papers, changed one thing at a time."""

from story_charts import (
    BREYANZI,
    TECARTUS,
    drug,
    marrow,
    mcl,
    paperwork,
    psychology,
    social_work,
    tecartus,
)
from story_parts import (
    CPT,
    ICD10CM,
    LOINC,
    SEROLOGIES,
    SYNTHETIC,
    TERMS,
    about,
    center,
    concept,
    condition,
    local,
    medication_order,
    observation,
    patient,
    report,
    resource,
    serology,
    service_order,
    visit,
)
from story_request import ATTESTED, PAPERS, told

BLUE = "Blue Cross and Blue Shield of North Carolina"
UNREAD = ["hiv", "hbsag", "anti-hbc", "anti-hcv", "marrow-biopsy"]


def mcl_missing_three():
    """A man of 65 in relapse: his HIV test is too old; no marrow report and no psychosocial evaluation is on file."""
    who = "mcl-1"
    absent = ["marrow-biopsy", "psych-eval", "social-eval"]
    alone = concept((ICD10CM, "Z60.2", "Problems related to living alone"))
    transport = concept((ICD10CM, "Z59.82", "Transportation insecurity"))
    chart = [
        *mcl(who),
        *paperwork(who, "Tecartus", without=["hiv", *absent]),
        serology("hiv", who, "2026-06-30"),
        condition(f"{who}-alone", who, alone, onset="2026-03-02"),
        condition(f"{who}-transport", who, transport, onset="2026-03-02"),
    ]
    expect = {
        "outcome": "documentation-missing",
        "missing": absent,
        "stale": ["hiv"],
        "met": ["fda-approved", "indication", "letter", "hbsag", "anti-hbc", "anti-hcv"],
        "attest": ATTESTED,
    }
    person = patient(who, "Morgan", "1961-05-17", "male")
    return told(person, [tecartus(who)], chart, expect, "tecartus", notes=40)


def mcl_story(who, expect, orders=None, extra=(), without=(), **changes):
    """Tell of a woman of 58 whose papers are complete, except for what the story changes."""
    chart = [*mcl(who), *paperwork(who, "Tecartus", without), *extra]
    person = patient(who, "Robin", "1968-02-11", "female")
    return told(person, orders or [tecartus(who)], chart, expect, **{"product": "tecartus"} | changes)


def mcl_complete():
    """The same illness in a woman of 58 with every document on file and in date."""
    expect = {
        "outcome": "ready",
        "missing": [],
        "stale": [],
        "met": ["fda-approved", "indication", *PAPERS],
        "attest": ATTESTED,
    }
    return mcl_story("mcl-2", expect, draws=24, notes=30)


def positive_hbcore():
    """Her hepatitis B core antibody was positive in 2024: that counts at any age, and raises a label warning."""
    who = "mcl-3"
    old = serology("anti-hbc", who, "2024-03-12", "positive")
    expect = {"outcome": "ready", "missing": [], "stale": [], "met": ["anti-hbc"], "attest": ["warnings"]}
    return mcl_story(who, expect, extra=[old], without=["anti-hbc"])


def rescue_transplant_planned():
    """An autologous rescue transplant is ordered with it, for four days after the infusion."""
    who = "mcl-4"
    code = concept((CPT, "38241", "Autologous hematopoietic progenitor cell transplant"), text="Stem cell rescue")
    transplant = service_order(f"{who}-rescue", who, code, "2026-12-05", status="active")
    expect = {"outcome": "exclusion-found", "not_met": ["rescue-transplant"]}
    return mcl_story(who, expect, [tecartus(who), transplant])


def wrong_patient():
    """The order is for another patient than the chart that is open."""
    who = "mcl-5"
    order = tecartus(who) | {"subject": about("someone-else")}
    return mcl_story(who, {"outcome": "could-not-check", "findings": []}, [order])


def failed_search(key):
    """Make what an EHR sends when a search broke off."""
    issue = {"severity": "error", "code": "timeout", "diagnostics": "The search took too long."}
    return resource("OperationOutcome", f"{key}-failed", issue=[issue])


def prefetch_failed():
    """The laboratory results came back as an error and the reports not at all; null says that no document exists."""
    absent = ["letter", "psych-eval", "social-eval"]
    expect = {"outcome": "documentation-missing", "missing": absent, "stale": []}
    expect |= {"could_not_check": UNREAD, "met": ["fda-approved", "indication"]}
    story = mcl_story("mcl-6", expect)
    story.request["prefetch"] |= {"observations": failed_search("observations"), "documents": None}
    del story.request["prefetch"]["reports"]
    return story


def prefetch_timed_out():
    """Results, reports and documents came back as errors, each in its own shape: nothing is called missing."""
    expect = {"outcome": "could-not-check", "missing": [], "stale": [], "could_not_check": PAPERS}
    story = mcl_story("mcl-17", expect)
    failed = {"resource": failed_search("reports"), "search": {"mode": "outcome"}}
    reports = {"resourceType": "Bundle", "meta": SYNTHETIC, "type": "searchset", "entry": [failed]}
    story.request["prefetch"] |= {"observations": failed_search("observations"), "reports": reports}
    story.request["prefetch"]["documents"] = failed_search("documents")
    return story


def centre_story(who, expect, organization):
    """Name the centre by an Organization and an Encounter that are sent beside the chart."""
    performer = {"reference": f"Organization/{organization['id']}", "display": organization["name"]}
    order = tecartus(who, organization=None) | {"performer": performer}
    story = mcl_story(who, expect, [order])
    story.request["prefetch"] |= {"encounter": visit(who, organization), "organization": organization}
    return story


def centre_stale():
    """The treatment centre is on the roster, but was last checked half a year ago."""
    organization = center("stale-center", "Stale Valley Hospital (SYNTHETIC)", "1111111112")
    return centre_story(
        "mcl-7", {"outcome": "documentation-missing", "stale": ["center", "center-proof"]}, organization
    )


def centre_unlisted():
    """The treatment centre is on no roster: nothing shows that it is certified for this product."""
    expect = {"outcome": "documentation-missing", "missing": ["center-proof"], "attest": ["center"]}
    organization = center("unlisted-center", "Unlisted Example Hospital (SYNTHETIC)", "1222222204")
    return centre_story("mcl-8", expect, organization)


def no_car_t():
    """An ordinary order of rituximab beside a chart full of mantle cell lymphoma: no card."""
    who = "mcl-9"
    dose = {"organization": center(), "dose": "375 mg/m2 intravenously"}
    order = medication_order(f"{who}-order", who, drug("121191", "rituximab"), **dose)
    return mcl_story(who, {"cards": 0}, [order], product=None)


def rems_period():
    """The order gives 2025-06-26 as its day, the last on which the FDA's REMS was in force."""
    who = "mcl-10"
    expect = {"outcome": "ready", "met": ["rems", "center"], "service_date": "2025-06-26"}
    return mcl_story(who, expect, [tecartus(who, day="2025-06-26")])


def unknown_payer():
    """No policy of this payer is on file: only the label and the treatment centre are checked."""
    expect = {"outcome": "ready", "policy": "fda/label", "met": ["fda-approved", "indication"]}
    return mcl_story("mcl-11", expect, payer=("Example Mutual Insurance", "Commercial PPO"))


def out_of_spec():
    """The order text says that the product is out of specification: it is not the approved product."""
    who = "mcl-12"
    code = TECARTUS | {"text": "Tecartus, out of specification product under expanded access"}
    expect = {"outcome": "ready", "attest": ["fda-approved", "dosage-form"]}
    return mcl_story(who, expect, [tecartus(who, code)])


def product_not_told():
    """The order is for a CAR-T infusion and does not say which product."""
    who = "mcl-13"
    code = concept((CPT, "38228", "CAR-T: administration, autologous"), text="CAR-T cell administration")
    order = service_order(f"{who}-infusion", who, code, organization=center())
    return mcl_story(who, {"outcome": "could-not-check", "findings": []}, [order], product=None)


def two_orders():
    """Two CAR-T products and an everyday drug are signed together: one card for each CAR-T."""
    who = "mcl-14"
    everyday = medication_order(f"{who}-ondansetron", who, local("Ondansetron"), dose="8 mg by mouth as needed")
    second = medication_order(f"{who}-breyanzi", who, BREYANZI, organization=center())
    expect = {"cards": 2, "orders": {f"{who}-tecartus": "tecartus", f"{who}-breyanzi": "breyanzi"}}
    return mcl_story(who, expect, [everyday, tecartus(who), second], product=None)


def guarded_evidence():
    """Another patient's, wrong, preliminary, indeterminate, rejected or future records: none of them counts."""
    who = "mcl-15"
    absent = concept((f"{TERMS}/data-absent-reason", "error", None), text="Specimen rejected")
    anti_hcv = SEROLOGIES["anti-hcv"]
    extra = [
        serology("hiv", who, "2026-11-05", suffix="-other") | {"subject": about("someone-else")},
        serology("hbsag", who, "2026-11-05", status="entered-in-error"),
        serology("anti-hbc", who, "2026-11-05", "indeterminate"),
        observation(f"{who}-anti-hcv", who, anti_hcv, "2026-11-05", dataAbsentReason=absent),
        marrow(who, status="preliminary"),
        psychology(who, status="entered-in-error"),
        social_work(who, "2026-12-15"),
    ]
    expect = {
        "outcome": "documentation-missing",
        "missing": ["hiv", "hbsag", "psych-eval", "social-eval"],
        "stale": [],
        "attest": ["anti-hbc"],
        "could_not_check": ["anti-hcv", "marrow-biopsy"],
    }
    return mcl_story(who, expect, extra=extra, without=PAPERS[1:])


def blue_story(who, expect):
    """Tell of relapsed mantle cell lymphoma under a Blue plan; each record names its laboratory or author."""
    ecog = concept((LOINC, "89247-1", "ECOG Performance Status score"))
    fusion = concept((LOINC, "77037-0", "t(11;14)(q13;q32)(CCND1,IGH) fusion transcript"))
    extra = [
        observation(f"{who}-ecog", who, ecog, "2026-11-12", "survey", valueInteger=1),
        report(f"{who}-fusion", who, fusion, "2024-06-27", "Detected.", "GE"),
    ]
    story = mcl_story(who, expect, extra=extra, payer=(BLUE, "Blue Options PPO"))
    prefetch, person = story.request["prefetch"], "Dr. Alex Synthetic (SYNTHETIC)"
    for record in (entry["resource"] for key in ("reports", "observations") for entry in prefetch[key]["entry"]):
        record["performer"] = [{"display": "Example Pathology and Laboratories (SYNTHETIC)"}]
        if record["id"] == f"{who}-ecog":
            record["performer"] = [{"reference": "Practitioner/dr-synthetic", "display": person}]
    return story


def mcl_blue_plan():
    """A Blue plan: the chart holds what its denial guide asks for, except a heart study."""
    expect = {"outcome": "documentation-missing", "policy": "bcbs/tecartus", "missing": ["lvef"], "stale": []}
    expect |= {
        "met": ["fda-approved", "indication", "center", "ecog", "organ-labs"],
        "attest": ["pathology", "cyclin-d1", "t-11-14", "prior-therapy", "center-letter", "necessity-letter"],
    }
    return blue_story("mcl-16", expect)


STORIES = (
    mcl_missing_three,
    mcl_complete,
    mcl_blue_plan,
    positive_hbcore,
    guarded_evidence,
    rescue_transplant_planned,
    wrong_patient,
    prefetch_failed,
    prefetch_timed_out,
    centre_stale,
    centre_unlisted,
    no_car_t,
    rems_period,
    unknown_payer,
    out_of_spec,
    product_not_told,
    two_orders,
)
