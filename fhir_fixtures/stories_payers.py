"""Stories of other payers, of labels that changed, and of every product where its label ends."""

from stories_mantle_cell import mcl_blue_plan, mcl_story
from stories_other_hooks import NO, answer_of_plan, answered, dispatched, opened
from stories_other_illnesses import leukaemia
from story_charts import (
    BREYANZI,
    CLL_DRUGS,
    KYMRIAH,
    LBCL,
    LBCL_DRUGS,
    MYELOMA,
    YESCARTA,
    by_rxnorm,
    illness,
    paperwork,
    tecartus,
)
from story_parts import (
    ICD10CM,
    LOINC,
    SNOMED,
    center,
    concept,
    coverage,
    medication_order,
    observation,
    patient,
    service_order,
)
from story_request import bundle, told

BLUE = ("Blue Cross and Blue Shield of North Carolina", "Blue Options PPO")
MEDICARE = ("Medicare", "Medicare Part A and B")
SELF_FUNDED = ("Example Administrators", "Self-funded employer plan")
MARGINAL_ZONE = concept((SNOMED, "447100004", "Marginal zone lymphoma (disorder)"), text="Marginal zone lymphoma")
FOLLICULAR = concept(
    (SNOMED, "109970006", "Follicular non-Hodgkin's lymphoma, small cleaved cell (disorder)"),
    (ICD10CM, "C82.03", "Follicular lymphoma grade I, intra-abdominal lymph nodes"),
    text="Follicular lymphoma",
)
CARVYKTI = by_rxnorm("2594780", "ciltacabtagene autoleucel Injection", "Carvykti (ciltacabtagene autoleucel)")
ONE_MYELOMA_LINE = """
bortezomib        358258   2025-02-03  2026-08-17
lenalidomide      342369   2025-02-03  2026-08-17
dexamethasone     3264     2025-02-03  2026-08-17
"""


def mcl_two_plans():
    """She has a commercial plan first and NC Medicaid after it: a card for each, the commercial plan's first."""
    who = "mcl-31"
    story = mcl_story(who, {"cards": 2}, payer=("Example Mutual Insurance", "Commercial PPO"))
    second = coverage(who, "WellCare of North Carolina", "NC Medicaid Managed Care")
    entries = story.request["prefetch"]["coverage"]["entry"]
    first = entries[0]["resource"] | {"order": 1}
    both = [first, second | {"id": f"{who}-second", "order": 2}]
    story.request["prefetch"]["coverage"] = bundle(both, "searchset")
    for entry in story.request["context"]["draftOrders"]["entry"]:
        entry["resource"]["insurance"] = [{"reference": f"Coverage/{item['id']}"} for item in both]
    return story


def mcl_carolina_complete():
    """Her card names the plan into which WellCare of North Carolina merged: its policy still needs confirming."""
    expect = {"outcome": "ready", "policy": "wellcare-nc/wnc-cp-192"}
    return mcl_story("mcl-32", expect, payer=("Carolina Complete Health", "NC Medicaid Managed Care"))


def mcl_blue_plan_ready():
    """A Blue plan, and the chart holds all that its denial guide asks for: only a person's answers are left."""
    story = mcl_blue_plan()
    who = story.request["context"]["patientId"]
    heart = concept((LOINC, "10230-1", "Left ventricular Ejection fraction"))
    echo = observation(
        f"{who}-lvef", who, heart, "2026-11-03", "imaging", valueQuantity={"value": 61, "unit": "%", "code": "%"}
    )
    story.request["prefetch"]["observations"]["entry"] += bundle([echo], "searchset")["entry"]
    story.request["prefetch"]["observations"]["total"] += 1
    expect = story.expect | {"outcome": "ready", "missing": [], "met": [*story.expect["met"], "lvef"]}
    return renamed(story._replace(expect=expect), who, "mcl-33")


def renamed(story, who, other):
    """Tell the same story of another patient."""
    body = rename(story.request, who, other)
    instance = body["hookInstance"]
    return story._replace(request=body | {"hookInstance": f"{instance[:-2]}33"})


def rename(value, who, other):
    """Give every id of one patient's records to another's."""
    if isinstance(value, dict):
        return {key: rename(inner, who, other) for key, inner in value.items()}
    if isinstance(value, list):
        return [rename(inner, who, other) for inner in value]
    return value.replace(who, other) if isinstance(value, str) else value


def lbcl_yescarta_blue_plan():
    """A Blue plan and a product that its guide does not speak of: the label is checked, and the card says so."""
    who = "lbcl-3"
    chart = [*illness(who, LBCL, LBCL_DRUGS, "2025-01-03"), *paperwork(who, "Yescarta")]
    order = service_order(f"{who}-yescarta", who, YESCARTA, organization=center())
    person = patient(who, "Casey", "1971-07-19", "male")
    expect = {"outcome": "ready", "policy": "fda/label", "attest": ["indication"]}
    return told(person, [order], chart, expect, "yescarta", BLUE)


def ball_kymriah_at_thirty():
    """A woman of 30 for whom Kymriah is ordered: its label for leukaemia ends with 25 years."""
    who = "ball-4"
    order = medication_order(f"{who}-kymriah", who, KYMRIAH, organization=center())
    person = patient(who, "Jordan", "1996-05-17", "female")
    expect = {"outcome": "criterion-not-met", "not_met": ["indication"]}
    return told(person, [order], leukaemia(who, "Kymriah"), expect, "kymriah")


def ball_yescarta_off_label():
    """Yescarta is ordered for a leukaemia that its label never named."""
    who = "ball-5"
    order = service_order(f"{who}-yescarta", who, YESCARTA, organization=center())
    person = patient(who, "Jordan", "1984-09-30", "male")
    expect = {"outcome": "criterion-not-met", "not_met": ["indication"]}
    return told(person, [order], leukaemia(who, "Yescarta"), expect, "yescarta")


def lymphoma(who, code, expect, payer=None):
    """Tell of a man of 71 for whom Breyanzi is ordered."""
    chart = [*illness(who, code, CLL_DRUGS, "2020-11-16"), *paperwork(who, "Breyanzi")]
    order = medication_order(f"{who}-breyanzi", who, BREYANZI, organization=center())
    person = patient(who, "Emerson", "1955-03-21", "male")
    return told(person, [order], chart, expect, "breyanzi", **({"payer": payer} if payer else {}))


def mzl_breyanzi():
    """A marginal zone lymphoma, which the label names since 2025-12-04; the lines are for a person to count."""
    return lymphoma("mzl-1", MARGINAL_ZONE, {"outcome": "ready", "attest": ["indication"]})


def fl_breyanzi_medicare():
    """A follicular lymphoma under Medicare, of which no policy is on file: the label and the centre are checked."""
    expect = {"outcome": "ready", "policy": "fda/label", "attest": ["indication"]}
    return lymphoma("fl-1", FOLLICULAR, expect, MEDICARE)


def mm_carvykti_one_line():
    """One line of treatment is enough for the label since 2024-04-05, if lenalidomide failed: a person says so."""
    who = "mm-4"
    chart = [*illness(who, MYELOMA, ONE_MYELOMA_LINE, "2025-01-20"), *paperwork(who, "Carvykti")]
    order = medication_order(f"{who}-order", who, CARVYKTI, organization=center())
    expect = {"outcome": "ready", "attest": ["indication"]}
    return told(patient(who, "Avery", "1959-12-24", "female"), [order], chart, expect, "carvykti")


def denied_self_funded_late():
    """A self-funded plan refused Tecartus seven months ago: the days of the internal appeal are over."""
    who = "mcl-34"
    story = mcl_story(who, {"outcome": "could-not-check", "findings": []}, payer=SELF_FUNDED)
    answer = answer_of_plan(who, NO, "2026-04-20", {"display": SELF_FUNDED[0]}, disposition="Not Certified")
    answered(story.request, who, answer)
    return opened(story)


def dispatch_listed_centre():
    """Her signed order is sent to the centre on the roster: nothing is missing."""
    who = "mcl-35"
    order = tecartus(who) | {"status": "active"}
    story = mcl_story(who, {"outcome": "ready", "missing": [], "stale": []})
    return dispatched(story, order, center("listed-center"))


STORIES = (
    mcl_two_plans,
    mcl_carolina_complete,
    mcl_blue_plan_ready,
    lbcl_yescarta_blue_plan,
    ball_kymriah_at_thirty,
    ball_yescarta_off_label,
    mzl_breyanzi,
    fl_breyanzi_medicare,
    mm_carvykti_one_line,
    denied_self_funded_late,
    dispatch_listed_centre,
)
