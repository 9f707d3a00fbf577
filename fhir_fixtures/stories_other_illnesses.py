"""Stories of leukaemia, large B-cell lymphoma and myeloma, told through the many shapes that an order takes."""

from story_charts import (
    ABECMA, ALL_BY_ICD_ONLY, AUCATZYL, B_ALL, B_ALL_DRUGS, CLL, CLL_DRUGS, KYMRIAH, LBCL, LBCL_DRUGS, LETTER_AND_TESTS, MYELOMA, MYELOMA_DRUGS,
    YESCARTA, illness, paperwork, tecartus, told,
)
from story_parts import (
    ICD10CM, ICD10PCS, LOCAL, RXNORM, SERVER, SNOMED, center, concept, local, medication_order, patient, procedure, resource, service_order,
)

# ---- B-cell acute lymphoblastic leukaemia

def ball_kymriah_child():
    who = "ball-1"
    chart = [*illness(who, B_ALL, B_ALL_DRUGS, "2024-01-05"), *paperwork(who, "Kymriah", ["social-eval"])]
    order = medication_order(f"{who}-kymriah", who, KYMRIAH, organization=center())
    expect = {"outcome": "documentation-missing", "missing": ["social-eval"], "stale": [], "attest": ["indication"], "met": ["psych-eval"]}
    title = "A child of 9 whose leukaemia relapsed: the label wants a second relapse or refractory disease, and the social evaluation is not on file."
    return told("ball-kymriah-child", title, patient(who, "Quinn", "2017-04-08", "female"), [order], chart, expect, "kymriah")


def ball_tecartus_teen():
    who = "ball-2"
    chart = [*illness(who, B_ALL, B_ALL_DRUGS, "2024-01-05"), *paperwork(who, "Tecartus")]
    expect = {"outcome": "review-needed", "not_met": ["indication"], "overrides": ["NC.2"]}
    title = "A boy of 16 for whom a product labelled for adults is ordered: EPSDT makes it a person's decision."
    return told("ball-tecartus-teen", title, patient(who, "Sasha", "2010-06-01", "male"), [tecartus(who)], chart, expect, "tecartus")


def ball_aucatzyl_icd_only():
    who = "ball-3"
    chart = [*illness(who, ALL_BY_ICD_ONLY, B_ALL_DRUGS, "2024-01-05"), *paperwork(who, "Aucatzyl")]
    order = medication_order(f"{who}-aucatzyl", who, AUCATZYL, organization=center())
    expect = {"outcome": "ready", "missing": [], "stale": [], "attest": ["indication"]}
    title = "An adult whose leukaemia is coded C91.02 alone: the code says relapse but not B-lineage."
    return told("ball-aucatzyl-icd-only", title, patient(who, "Jordan", "1984-09-30", "male"), [order], chart, expect, "aucatzyl")


# ---- large B-cell lymphoma

def lbcl_yescarta(name, who, title, expect, extra=()):
    chart = [*illness(who, LBCL, LBCL_DRUGS, "2025-01-03"), *paperwork(who, "Yescarta"), *extra]
    order = service_order(f"{who}-yescarta", who, YESCARTA, organization=center())
    return told(name, title, patient(who, "Casey", "1971-07-19", "male"), [order], chart, expect, "yescarta")


def lbcl_yescarta_hcpcs():
    expect = {"outcome": "ready", "missing": [], "stale": [], "attest": ["indication"], "met": LETTER_AND_TESTS}
    title = "Relapsed diffuse large B-cell lymphoma; the order is a ServiceRequest with HCPCS Q2041; two lines of treatment are for a person to count."
    return lbcl_yescarta("lbcl-yescarta-hcpcs", "lbcl-1", title, expect)


def prior_kymriah():
    who = "lbcl-2"
    code = concept((ICD10PCS, "XW033J7", "tisagenlecleucel, peripheral vein"), text="Tisagenlecleucel infusion")
    expect = {"outcome": "exclusion-found", "not_met": ["prior-car-t"]}
    title = "He was given Kymriah in 2023 and Yescarta is ordered now: the plan does not cover a second CAR-T."
    return lbcl_yescarta("prior-kymriah", who, title, expect, [procedure(f"{who}-kymriah-infusion", who, code, "2023-05-16")])


# ---- multiple myeloma and chronic lymphocytic leukaemia

def myeloma(name, who, title, code, expect, product):
    chart = [*illness(who, MYELOMA, MYELOMA_DRUGS, "2022-02-14"), *paperwork(who, code["text"])]
    order = medication_order(f"{who}-order", who, code, organization=center())
    return told(name, title, patient(who, "Avery", "1959-12-24", "female"), [order], chart, expect, product)


def mm_carvykti_text_only():
    code = concept((LOCAL, "cell-therapy-7", None), text="CARVYKTI (ciltacabtagene autoleucel)")
    expect = {"outcome": "ready", "recognized_by": "text", "attest": ["indication", "dosage-form"]}
    title = "The order carries a local code only and is recognised by its name."
    return myeloma("mm-carvykti-text-only", "mm-1", title, code, expect, "carvykti")


def mm_abecma_ndc11():
    expect = {"outcome": "ready", "recognized_by": "NDC", "attest": ["indication"]}
    title = "The order carries an NDC of eleven digits, as claims write it."
    return myeloma("mm-abecma-ndc11", "mm-2", title, ABECMA, expect, "abecma")


def unapproved_anito_cel():
    code = local("anitocabtagene autoleucel (anito-cel)")
    expect = {"outcome": "criterion-not-met", "not_met": ["fda-approved"]}
    title = "A CAR-T that the FDA has not approved on the day of the infusion."
    return myeloma("unapproved-anito-cel", "mm-3", title, code, expect, "anito-cel")


def cll_breyanzi():
    """The shapes that one big vendor sends: no fullUrl, a sibling Medication, OIDs for systems, absolute references, an empty search that explains itself."""
    name, who = "cll-breyanzi", "cll-1"
    product = resource("Medication", f"{who}-product", code=concept(
        ("urn:oid:1.2.840.114350.1.13.0.1.7.2.698288", "900001", None), (RXNORM, "2479136", None), (RXNORM, "2479137", None), (RXNORM, "2479140", None),
        text="LISOCABTAGENE MARALEUCEL IV SUSP"))
    order = medication_order(f"{who}-order", who, {"reference": f"Medication/{product['id']}", "display": "LISOCABTAGENE MARALEUCEL IV SUSP"}, organization=center())
    unknown = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
    chart = [*illness(who, CLL, CLL_DRUGS, "2020-11-16"), *paperwork(who, "Breyanzi")]
    expect = {"outcome": "ready", "missing": [], "stale": [], "attest": ["indication"], "met": LETTER_AND_TESTS}
    title = "Chronic lymphocytic leukaemia; the medicine is a sibling resource whose systems are OIDs; BTK and BCL-2 inhibitors are for a person to count."
    story = told(name, title, patient(who, "Emerson", "1955-03-21", "male"), [order | {"requester": {"extension": [unknown]}}, product], chart, expect, "breyanzi")
    return story._replace(request=as_one_vendor_sends(story.request))


OIDS = {RXNORM: "urn:oid:2.16.840.1.113883.6.88", SNOMED: "urn:oid:2.16.840.1.113883.6.96", ICD10CM: "urn:oid:2.16.840.1.113883.6.90"}


def as_one_vendor_sends(body):
    for entry in body["context"]["draftOrders"]["entry"]:
        del entry["fullUrl"]
    issue = {"severity": "warning", "code": "processing", "details": {"text": "Resource request returns no results."}}
    nothing = {"resource": resource("OperationOutcome", "no-procedures", issue=[issue]), "search": {"mode": "outcome"}}
    body["prefetch"]["procedures"] |= {"total": 0, "entry": [nothing]}
    body["prefetch"] = respell(body["prefetch"], absolute=True)
    body["context"] = respell(body["context"]) | {"userId": "PractitionerRole/oncologist"}
    vendor = "com.epic.cdshooks.request."
    return body | {"extension": {f"{vendor}bpa-trigger-action": "23", f"{vendor}fhir-version": "R4", f"{vendor}criteria-id": "100001"}}


def respell(value, absolute=False):
    """The same content with OIDs for systems and, where asked, absolute references."""
    if isinstance(value, list):
        return [respell(item, absolute) for item in value]
    if not isinstance(value, dict):
        return value
    spelt = {key: respell(item, absolute) for key, item in value.items()}
    if value.get("system") in OIDS:
        spelt["system"] = OIDS[value["system"]]
    if absolute and isinstance(value.get("reference"), str) and not value["reference"].startswith("#"):
        spelt["reference"] = f"{SERVER}/{value['reference']}"
    return spelt
