"""What the charts of the stories hold: illnesses and their treatment, the papers a plan asks for, and everyday noise."""

import hashlib
from datetime import timedelta
from typing import NamedTuple

from story_parts import (
    AS_OF, HCPCS, ICD10CM, LOINC, NDC, RXNORM, SNOMED, UCUM, center, concept, condition, coverage, document, local, medication, medication_order,
    observation, procedure, report, request, resource, serology, term,
)

MCL = concept((SNOMED, "443487006", "Mantle cell lymphoma (disorder)"),
              (ICD10CM, "C83.18", "Mantle cell lymphoma, lymph nodes of multiple sites"), text="Mantle cell lymphoma")
LBCL = concept((SNOMED, "109969005", "Diffuse large B-cell malignant lymphoma (disorder)"),
               (ICD10CM, "C83.38", "Diffuse large B-cell lymphoma, lymph nodes of multiple sites"), text="Diffuse large B-cell lymphoma")
MYELOMA = concept((SNOMED, "109989006", "Multiple myeloma (disorder)"), (ICD10CM, "C90.02", "Multiple myeloma in relapse"), text="Multiple myeloma")
CLL = concept((SNOMED, "277473004", "B-cell chronic lymphocytic leukemia (disorder)"),
              (ICD10CM, "C91.12", "Chronic lymphocytic leukemia of B-cell type in relapse"), text="Chronic lymphocytic leukemia")
B_ALL = concept((SNOMED, "277572006", "Precursor B-cell acute lymphoblastic leukemia (disorder)"),
                (ICD10CM, "C91.02", "Acute lymphoblastic leukemia, in relapse"), text="B-cell precursor acute lymphoblastic leukemia")
ALL_BY_ICD_ONLY = concept((ICD10CM, "C91.02", "Acute lymphoblastic leukemia, in relapse"), text="Acute lymphoblastic leukemia")

TECARTUS = concept((RXNORM, "2387347", "68 ML brexucabtagene autoleucel 2940000 CELLS/ML Injection"), text="Tecartus (brexucabtagene autoleucel)")
BREYANZI = concept((RXNORM, "2479140", "4.6 ML lisocabtagene maraleucel 70000000 CELLS/ML Injection"), text="Breyanzi (lisocabtagene maraleucel)")
AUCATZYL = concept((RXNORM, "2700168", "obecabtagene autoleucel 410000000 CELLS/ML Injection"), text="Aucatzyl (obecabtagene autoleucel)")
KYMRIAH = concept((RXNORM, "1986442", "tisagenlecleucel 250000000 CELLS Injection"), text="Kymriah (tisagenlecleucel)")
YESCARTA = concept((HCPCS, "Q2041", "axicabtagene ciloleucel"), text="Yescarta (axicabtagene ciloleucel)")
ABECMA = concept((NDC, "59572051501", None), text="Abecma (idecabtagene vicleucel)")

# Lines of treatment: ingredient name, RxNorm ingredient, start, end.
MCL_DRUGS = (("bendamustine", "134547", "2024-07-15", "2024-12-02"), ("rituximab", "121191", "2024-07-15", "2024-12-02"),
             ("ibrutinib", "1442981", "2025-09-08", "2026-09-28"))
LBCL_DRUGS = (("rituximab", "121191", "2025-01-13", "2025-05-05"), ("cyclophosphamide", "3002", "2025-01-13", "2025-05-05"),
              ("doxorubicin", "3639", "2025-01-13", "2025-05-05"), ("vincristine", "11202", "2025-01-13", "2025-05-05"),
              ("prednisone", "8640", "2025-01-13", "2025-05-05"), ("gemcitabine", "12574", "2026-06-15", "2026-08-31"),
              ("oxaliplatin", "32592", "2026-06-15", "2026-08-31"))
MYELOMA_DRUGS = (("bortezomib", "358258", "2022-03-07", "2022-09-05"), ("lenalidomide", "342369", "2022-03-07", "2024-05-20"),
                 ("dexamethasone", "3264", "2022-03-07", "2024-05-20"), ("daratumumab", "1721947", "2024-06-10", "2025-08-11"),
                 ("pomalidomide", "1369713", "2024-06-10", "2025-08-11"), ("carfilzomib", "1302966", "2025-09-15", "2026-08-17"))
CLL_DRUGS = (("obinutuzumab", "974779", "2021-02-01", "2021-07-26"), ("venetoclax", "1747556", "2021-02-22", "2022-02-21"),
             ("acalabrutinib", "1986808", "2023-04-03", "2026-08-10"))
B_ALL_DRUGS = (("vincristine", "11202", "2024-01-08", "2026-02-16"), ("pegaspargase", "34132", "2024-01-08", "2024-03-04"),
               ("mercaptopurine", "103", "2024-04-01", "2026-02-16"), ("blinatumomab", "1597258", "2026-05-04", "2026-07-13"))


def drug(code, name):
    return concept((RXNORM, code, name), text=name)


def illness(who, code, drugs, onset, clinical="relapse", marker=""):
    """The diagnosis, the pathology report of that day, and the drugs given since."""
    biopsy = concept((LOINC, "11526-1", "Pathology study"), text="Surgical pathology")
    yield condition(f"{who}-diagnosis", who, code, clinical, onset=onset)
    yield report(f"{who}-pathology", who, biopsy, onset, f"{code['text']}.{marker}")
    for name, rxcui, start, end in drugs:
        yield medication(f"{who}-{name}", who, drug(rxcui, name), start, end)


def mcl(who):
    return illness(who, MCL, MCL_DRUGS, "2024-06-24", marker=" Cyclin D1 positive by immunohistochemistry.")


# ---- the papers that a plan asks for

def letter(who, product, day="2026-11-14"):
    code = concept((LOINC, "103595-5", "Certificate of Medical Necessity"))
    return document(f"{who}-letter", who, code, day, f"Letter of medical necessity for {product}")


def marrow(who, day="2026-09-10", status="final"):
    code = concept((LOINC, "33721-2", "Bone marrow Pathology biopsy report"))
    return report(f"{who}-marrow", who, code, day, "Bone marrow biopsy and aspirate.", status=status)


def psychology(who, day="2026-10-20", status="current"):
    code = concept((LOINC, "18738-5", "Psychology Initial assessment note"))
    return document(f"{who}-psychology", who, code, day, "Psychology initial assessment", status)


def social_work(who, day="2026-10-20", status="current"):
    code = concept((LOINC, "18739-3", "Social work Initial assessment note"))
    return document(f"{who}-social-work", who, code, day, "Social work initial assessment", status)


def paperwork(who, product, without=()):
    """Every paper that the plan asks for, in date; `without` names the findings to leave out."""
    papers = {"letter": letter(who, product), "marrow-biopsy": marrow(who), "psych-eval": psychology(who), "social-eval": social_work(who)}
    papers |= {test: serology(test, who, "2026-11-01") for test in ("hiv", "hbsag", "anti-hbc", "anti-hcv")}
    return [paper for finding, paper in papers.items() if finding not in without]


def visit(who, organization):
    return resource(
        "Encounter", f"{who}-visit", status="in-progress", subject={"reference": f"Patient/{who}"}, period={"start": f"{AS_OF}T08:30:00-05:00"},
        serviceProvider={"reference": f"Organization/{organization['id']}", "display": organization["name"]},
        **{"class": term("v3-ActCode", "AMB")["coding"][0]},
    )


# ---- the everyday noise of a chart

def number(*words, low, high):
    """A whole number between low and high that depends on the words alone."""
    digest = hashlib.sha256("|".join(map(str, words)).encode()).digest()
    return low + int.from_bytes(digest[:8], "big") % (high - low + 1)


LABS = (  # LOINC, name, low and high in tenths, unit
    ("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", 7, 12, "mg/dL"),
    ("98979-8", "Glomerular filtration rate/1.73 sq M.predicted", 700, 980, "mL/min/{1.73_m2}"),
    ("1742-6", "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma", 120, 380, "U/L"),
    ("1920-8", "Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma", 130, 360, "U/L"),
    ("1975-2", "Bilirubin.total [Mass/volume] in Serum or Plasma", 3, 10, "mg/dL"),
    ("751-8", "Neutrophils [#/volume] in Blood by Automated count", 18, 56, "10*3/uL"),
    ("731-0", "Lymphocytes [#/volume] in Blood by Automated count", 6, 22, "10*3/uL"),
    ("777-3", "Platelets [#/volume] in Blood by Automated count", 1100, 2600, "10*3/uL"),
    ("718-7", "Hemoglobin [Mass/volume] in Blood", 98, 141, "g/dL"),
)
VITALS = (("Heart rate", 620, 880, "/min"), ("Body temperature", 364, 371, "Cel"), ("Systolic blood pressure", 1120, 1380, "mm[Hg]"))
OLD_PROBLEMS = ("Hypertension", "Hyperlipidemia", "Seasonal allergic rhinitis", "Osteoarthritis of knee", "Ankle sprain",
                "Gastroesophageal reflux", "Acute sinusitis", "Vitamin D deficiency", "Tinea pedis")
OLD_MEDICINES = ("Lisinopril", "Atorvastatin", "Omeprazole", "Allopurinol", "Acyclovir", "Ondansetron", "Cetirizine", "Acetaminophen",
                 "Cholecalciferol", "Amoxicillin", "Docusate", "Loratadine")
OLD_PROCEDURES = ("Colonoscopy", "Central venous port placement", "Removal of skin lesion", "Dental cleaning", "Knee injection")
OLD_REPORTS = ("CT chest abdomen pelvis", "PET-CT skull base to thigh", "Chest radiograph", "Abdominal ultrasound")
NOTES = (("11506-3", "Progress note"), ("34780-7", "Hematology and medical oncology note"), ("11488-4", "Consult note"),
         ("34117-2", "History and physical note"), ("18842-5", "Discharge summary"), ("11502-2", "Laboratory report"), ("34111-5", "Emergency department note"))


def quantity(tenths, unit):
    return {"value": tenths / 10, "unit": unit, "system": UCUM, "code": unit}


def lab_series(story, who, draws):
    for draw in range(draws):
        day = AS_OF - timedelta(days=5 + 21 * draw)
        for code, name, low, high, unit in LABS:
            value = quantity(number(story, code, draw, low=low, high=high), unit)
            yield observation(f"{who}-lab-{code}-{draw}", who, concept((LOINC, code, name)), day, valueQuantity=value)


def vital_series(story, who, visits):
    for visit in range(visits):
        day = AS_OF - timedelta(days=5 + 42 * visit)
        oxygen = concept((LOINC, "59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry"), (LOINC, "2708-6", "Oxygen saturation in Arterial blood"))
        percent = quantity(number(story, "spo2", visit, low=95, high=99) * 10, "%")
        yield observation(f"{who}-spo2-{visit}", who, oxygen, day, "vital-signs", valueQuantity=percent)
        for index, (name, low, high, unit) in enumerate(VITALS):
            value = quantity(number(story, name, visit, low=low, high=high), unit)
            yield observation(f"{who}-vital-{index}-{visit}", who, local(name), day, "vital-signs", valueQuantity=value)


def old_records(story, who):
    def day(word):
        return str(AS_OF - timedelta(days=number(story, word, low=200, high=2600)))

    for index, name in enumerate(OLD_PROBLEMS):
        clinical = "resolved" if index % 2 else "active"
        yield condition(f"{who}-old-problem-{index}", who, local(name), clinical, onset=day(name), category="encounter-diagnosis")
    for index, name in enumerate(OLD_MEDICINES):
        yield medication(f"{who}-old-medicine-{index}", who, local(name), day(name), status="active" if index < 4 else "completed")
    for index, name in enumerate(OLD_PROCEDURES):
        yield procedure(f"{who}-old-procedure-{index}", who, local(name), day(name))
    for index, name in enumerate(OLD_REPORTS):
        yield report(f"{who}-old-report-{index}", who, concept((LOINC, "18748-4", "Diagnostic imaging study"), text=name), day(name), "No acute finding.", "RAD")


def old_notes(story, who, count):
    for index in range(count):
        code, name = NOTES[index % len(NOTES)]
        day = AS_OF - timedelta(days=number(story, "note", index, low=3, high=900))
        yield document(f"{who}-note-{index}", who, concept((LOINC, code, name)), day, name)


def noise(story, who, draws=9, notes=16):
    return [*lab_series(story, who, draws), *vital_series(story, who, 6), *old_records(story, who), *old_notes(story, who, notes)]


# ---- telling

WELLCARE = ("WellCare of North Carolina", "NC Medicaid Managed Care")
ATTESTED = ["dosage", "warnings", "prior-car-t", "psychosocial-limits", "non-compliance", "rescue-transplant", "letter-content"]
LETTER_AND_TESTS = ["letter", "hiv", "hbsag", "anti-hbc", "anti-hcv", "marrow-biopsy", "psych-eval", "social-eval"]
DOSE_BY_WEIGHT = "2 x 10^6 CAR-positive viable T cells per kg body weight (maximum 2 x 10^8), single intravenous infusion"


class Story(NamedTuple):
    name: str
    title: str
    product: str
    payer: str
    expect: dict
    request: dict


def told(name, title, person, orders, chart, expect, product=None, payer=WELLCARE, draws=9, notes=16):
    """The story, its coverage and the noise of its chart around the records that matter."""
    who = person["id"]
    records = [coverage(who, *payer), *chart, *noise(name, who, draws, notes)]
    return Story(name, title, product, payer[0], expect, request(name, person, orders, records))


def tecartus(who, code=TECARTUS, **changes):
    return medication_order(f"{who}-tecartus", who, code, dose=DOSE_BY_WEIGHT, **{"organization": center()} | changes)
