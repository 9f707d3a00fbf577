"""What the charts hold that matters: illnesses and their treatment, and the papers that a plan asks for."""

from story_parts import (
    HCPCS,
    ICD10CM,
    LOINC,
    NDC,
    RXNORM,
    SNOMED,
    center,
    concept,
    condition,
    document,
    medication,
    medication_order,
    report,
    serology,
)

MCL = concept(
    (SNOMED, "443487006", "Mantle cell lymphoma (disorder)"),
    (ICD10CM, "C83.18", "Mantle cell lymphoma, lymph nodes of multiple sites"),
    text="Mantle cell lymphoma",
)
LBCL = concept(
    (SNOMED, "109969005", "Diffuse large B-cell malignant lymphoma (disorder)"),
    (ICD10CM, "C83.38", "Diffuse large B-cell lymphoma, lymph nodes of multiple sites"),
    text="Diffuse large B-cell lymphoma",
)
MYELOMA = concept(
    (SNOMED, "109989006", "Multiple myeloma (disorder)"),
    (ICD10CM, "C90.02", "Multiple myeloma in relapse"),
    text="Multiple myeloma",
)
CLL = concept(
    (SNOMED, "277473004", "B-cell chronic lymphocytic leukemia (disorder)"),
    (ICD10CM, "C91.12", "Chronic lymphocytic leukemia of B-cell type in relapse"),
    text="Chronic lymphocytic leukemia",
)
B_ALL = concept(
    (SNOMED, "277572006", "Precursor B-cell acute lymphoblastic leukemia (disorder)"),
    (ICD10CM, "C91.02", "Acute lymphoblastic leukemia, in relapse"),
    text="B-cell precursor acute lymphoblastic leukemia",
)
ALL_BY_ICD_ONLY = concept(
    (ICD10CM, "C91.02", "Acute lymphoblastic leukemia, in relapse"), text="Acute lymphoblastic leukemia"
)

# Treatment so far: drug, RxNorm ingredient, first day, last day.
MCL_DRUGS = """
bendamustine      134547   2024-07-15  2024-12-02
rituximab         121191   2024-07-15  2024-12-02
ibrutinib         1442981  2025-09-08  2026-09-28
"""
LBCL_DRUGS = """
rituximab         121191   2025-01-13  2025-05-05
cyclophosphamide  3002     2025-01-13  2025-05-05
doxorubicin       3639     2025-01-13  2025-05-05
vincristine       11202    2025-01-13  2025-05-05
prednisone        8640     2025-01-13  2025-05-05
gemcitabine       12574    2026-06-15  2026-08-31
oxaliplatin       32592    2026-06-15  2026-08-31
"""
MYELOMA_DRUGS = """
bortezomib        358258   2022-03-07  2022-09-05
lenalidomide      342369   2022-03-07  2024-05-20
dexamethasone     3264     2022-03-07  2024-05-20
daratumumab       1721947  2024-06-10  2025-08-11
pomalidomide      1369713  2024-06-10  2025-08-11
carfilzomib       1302966  2025-09-15  2026-08-17
"""
CLL_DRUGS = """
obinutuzumab      974779   2021-02-01  2021-07-26
venetoclax        1747556  2021-02-22  2022-02-21
acalabrutinib     1986808  2023-04-03  2026-08-10
"""
B_ALL_DRUGS = """
vincristine       11202    2024-01-08  2026-02-16
pegaspargase      34132    2024-01-08  2024-03-04
mercaptopurine    103      2024-04-01  2026-02-16
blinatumomab      1597258  2026-05-04  2026-07-13
"""


def by_rxnorm(code, name, text):
    """Make a product concept with a drug-level RxNorm code."""
    return concept((RXNORM, code, name), text=text)


TECARTUS = by_rxnorm(
    "2387347",
    "68 ML brexucabtagene autoleucel 2940000 CELLS/ML Injection",
    "Tecartus (brexucabtagene autoleucel)",
)
BREYANZI = by_rxnorm(
    "2479140",
    "4.6 ML lisocabtagene maraleucel 70000000 CELLS/ML Injection",
    "Breyanzi (lisocabtagene maraleucel)",
)
AUCATZYL = by_rxnorm(
    "2700168",
    "obecabtagene autoleucel 410000000 CELLS/ML Injection",
    "Aucatzyl (obecabtagene autoleucel)",
)
KYMRIAH = by_rxnorm("1986442", "tisagenlecleucel 250000000 CELLS Injection", "Kymriah (tisagenlecleucel)")
YESCARTA = concept((HCPCS, "Q2041", "axicabtagene ciloleucel"), text="Yescarta (axicabtagene ciloleucel)")
ABECMA = concept((NDC, "59572051501", None), text="Abecma (idecabtagene vicleucel)")
DOSE_BY_WEIGHT = "2 x 10^6 CAR-positive viable T cells per kg (maximum 2 x 10^8), single intravenous infusion"


def tecartus(who, code=TECARTUS, **changes):
    """Make the order that most stories are about."""
    details = {"organization": center(), "dose": DOSE_BY_WEIGHT} | changes
    return medication_order(f"{who}-tecartus", who, code, **details)


def drug(code, name):
    """Make a concept for an ingredient."""
    return concept((RXNORM, code, name), text=name)


def illness(who, code, drugs, onset, marker=""):
    """Make the relapsed diagnosis, the pathology report of its first day, and the drugs given since."""
    pathology = concept((LOINC, "11526-1", "Pathology study"), text="Surgical pathology")
    yield condition(f"{who}-diagnosis", who, code, "relapse", onset)
    yield report(f"{who}-pathology", who, pathology, onset, f"{code['text']}.{marker}")
    for line in drugs.strip().splitlines():
        name, rxcui, start, end = line.split()
        yield medication(f"{who}-{name}", who, drug(rxcui, name), start, end)


def mcl(who):
    """Make the illness that most stories are about."""
    marker = " Cyclin D1 positive by immunohistochemistry."
    return illness(who, MCL, MCL_DRUGS, "2024-06-24", marker)


# ---- the papers that a plan asks for


def letter(who, product, day="2026-11-14"):
    """Make the letter of medical necessity."""
    code = concept((LOINC, "103595-5", "Certificate of Medical Necessity"))
    return document(f"{who}-letter", who, code, day, f"Letter of medical necessity for {product}")


def marrow(who, day="2026-09-10", status="final"):
    """Make the bone marrow report."""
    code = concept((LOINC, "33721-2", "Bone marrow Pathology biopsy report"))
    return report(f"{who}-marrow", who, code, day, "Bone marrow biopsy and aspirate.", status=status)


def psychology(who, day="2026-10-20", status="current"):
    """Make the psychological evaluation."""
    code = concept((LOINC, "18738-5", "Psychology Initial assessment note"))
    return document(f"{who}-psychology", who, code, day, "Psychology initial assessment", status)


def social_work(who, day="2026-10-20", status="current"):
    """Make the social evaluation."""
    code = concept((LOINC, "18739-3", "Social work Initial assessment note"))
    return document(f"{who}-social-work", who, code, day, "Social work initial assessment", status)


def paperwork(who, product, without=()):
    """Make every paper that the plan asks for, in date; `without` names the findings to leave out."""
    papers = {
        "letter": letter(who, product),
        "marrow-biopsy": marrow(who),
        "psych-eval": psychology(who),
        "social-eval": social_work(who),
    }
    papers |= {test: serology(test, who, "2026-11-01") for test in ("hiv", "hbsag", "anti-hbc", "anti-hcv")}
    return [paper for finding, paper in papers.items() if finding not in without]
