"""Stories of leukaemia, large B-cell lymphoma and myeloma, told through the many shapes that an order takes."""

from story_charts import (
    ABECMA,
    ALL_BY_ICD_ONLY,
    AUCATZYL,
    B_ALL,
    B_ALL_DRUGS,
    CLL,
    CLL_DRUGS,
    KYMRIAH,
    LBCL,
    LBCL_DRUGS,
    MYELOMA,
    MYELOMA_DRUGS,
    YESCARTA,
    illness,
    paperwork,
    tecartus,
)
from story_parts import (
    ICD10PCS,
    LOCAL,
    RXNORM,
    center,
    concept,
    local,
    medication_order,
    patient,
    procedure,
    resource,
    service_order,
)
from story_request import PAPERS, told
from vendor_shapes import (
    absolute_prefetch,
    explained_empty_searches,
    no_requesters,
    oid_systems,
    vendor_extension,
    without_full_urls,
)

NOTHING_OPEN = {"outcome": "ready", "missing": [], "stale": []}


# ---- B-cell acute lymphoblastic leukaemia


def leukaemia(who, product, code=B_ALL, without=()):
    """Make the chart of a relapsed leukaemia."""
    return [*illness(who, code, B_ALL_DRUGS, "2024-01-05"), *paperwork(who, product, without)]


def ball_kymriah_child():
    """A child of 9: the label wants a second relapse or refractory disease, and no social evaluation is on file."""
    who = "ball-1"
    organization = center(name="Example Children's Hospital (SYNTHETIC)", npi="1999999992")
    order = medication_order(f"{who}-kymriah", who, KYMRIAH, organization=organization)
    expect = {"outcome": "documentation-missing", "missing": ["social-eval"], "stale": []}
    expect |= {"attest": ["indication"], "met": ["psych-eval"]}
    person = patient(who, "Quinn", "2017-04-08", "female")
    return told(person, [order], leukaemia(who, "Kymriah", without=["social-eval"]), expect, "kymriah")


def ball_tecartus_teen():
    """A boy of 16 for whom a product labelled for adults is ordered: EPSDT makes it a person's decision."""
    who = "ball-2"
    expect = {"outcome": "review-needed", "not_met": ["indication"]}
    person = patient(who, "Sasha", "2010-06-01", "male")
    return told(person, [tecartus(who)], leukaemia(who, "Tecartus"), expect, "tecartus")


def ball_aucatzyl_icd_only():
    """Coded C91.02 alone, which says relapse but not B-lineage; the centre's listing for the product has ended."""
    who = "ball-3"
    order = medication_order(f"{who}-aucatzyl", who, AUCATZYL, organization=center())
    person = patient(who, "Jordan", "1984-09-30", "male")
    chart = leukaemia(who, "Aucatzyl", ALL_BY_ICD_ONLY)
    expect = {"outcome": "documentation-missing", "missing": [], "stale": ["center", "center-proof"]}
    expect |= {"attest": ["indication"]}
    return told(person, [order], chart, expect, "aucatzyl")


# ---- large B-cell lymphoma


def large_cell(who, expect, extra=()):
    """Tell of a man of 55 for whom Yescarta is ordered as a service."""
    chart = [*illness(who, LBCL, LBCL_DRUGS, "2025-01-03"), *paperwork(who, "Yescarta"), *extra]
    order = service_order(f"{who}-yescarta", who, YESCARTA, organization=center())
    return told(patient(who, "Casey", "1971-07-19", "male"), [order], chart, expect, "yescarta")


def lbcl_yescarta_hcpcs():
    """The order is a ServiceRequest with HCPCS Q2041; two lines of treatment are for a person to count."""
    return large_cell("lbcl-1", NOTHING_OPEN | {"attest": ["indication"], "met": PAPERS})


def prior_kymriah():
    """He was given Kymriah in 2023 and Yescarta is ordered now: the plan does not cover a second CAR-T."""
    who = "lbcl-2"
    code = concept((ICD10PCS, "XW033J7", "tisagenlecleucel, peripheral vein"), text="Tisagenlecleucel infusion")
    infusion = procedure(f"{who}-kymriah", who, code, "2023-05-16")
    return large_cell(who, {"outcome": "exclusion-found", "not_met": ["prior-car-t"]}, [infusion])


# ---- multiple myeloma


def myeloma(who, code, expect, product):
    """Tell of a woman of 66 with complete papers; only the order differs."""
    chart = [*illness(who, MYELOMA, MYELOMA_DRUGS, "2022-02-14"), *paperwork(who, code["text"])]
    order = medication_order(f"{who}-order", who, code, organization=center())
    return told(patient(who, "Avery", "1959-12-24", "female"), [order], chart, expect, product)


def mm_carvykti_text_only():
    """The order carries a local code only and is recognised by its name."""
    code = concept((LOCAL, "cell-therapy-7", None), text="CARVYKTI (ciltacabtagene autoleucel)")
    expect = NOTHING_OPEN | {"recognized_by": "text", "attest": ["indication", "dosage-form"]}
    return myeloma("mm-1", code, expect, "carvykti")


def mm_abecma_ndc11():
    """The order carries an NDC of eleven digits, as claims write it."""
    expect = NOTHING_OPEN | {"recognized_by": "NDC", "attest": ["indication"]}
    return myeloma("mm-2", ABECMA, expect, "abecma")


def unapproved_anito_cel():
    """A CAR-T is ordered that the FDA has not approved."""
    expect = {"outcome": "criterion-not-met", "not_met": ["fda-approved"]}
    return myeloma("mm-3", local("anitocabtagene autoleucel (anito-cel)"), expect, "anito-cel")


# ---- chronic lymphocytic leukaemia, in the shapes of one big vendor

BREYANZI_BY_OIDS = concept(
    ("urn:oid:1.2.840.114350.1.13.0.1.7.2.698288", "900001", None),
    (RXNORM, "2479136", None),
    (RXNORM, "2479137", None),
    (RXNORM, "2479140", None),
    text="LISOCABTAGENE MARALEUCEL IV SUSP",
)


def cll_breyanzi():
    """The medicine is a sibling resource with OIDs; BTK and BCL-2 inhibitors are for a person to count."""
    who = "cll-1"
    product = resource("Medication", f"{who}-product", code=BREYANZI_BY_OIDS)
    medicine = {"reference": f"Medication/{who}-product", "display": BREYANZI_BY_OIDS["text"]}
    order = medication_order(f"{who}-order", who, medicine, organization=center())
    chart = [*illness(who, CLL, CLL_DRUGS, "2020-11-16"), *paperwork(who, "Breyanzi")]
    expect = NOTHING_OPEN | {"attest": ["indication"], "met": PAPERS}
    person = patient(who, "Emerson", "1955-03-21", "male")
    story = told(person, [order, product], chart, expect, "breyanzi")
    return story._replace(request=told_apart(story.request))


def told_apart(body):
    """Tell a request in those of the vendor's shapes that plain FHIR R4 allows."""
    shapes = (without_full_urls, no_requesters, oid_systems, absolute_prefetch, explained_empty_searches)
    for shape in (*shapes, vendor_extension):
        body = shape(body)
    return body


STORIES = (
    ball_kymriah_child,
    ball_tecartus_teen,
    ball_aucatzyl_icd_only,
    lbcl_yescarta_hcpcs,
    prior_kymriah,
    mm_carvykti_text_only,
    mm_abecma_ndc11,
    unapproved_anito_cel,
    cll_breyanzi,
)
