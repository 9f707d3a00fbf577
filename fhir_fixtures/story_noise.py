"""The everyday noise of a chart: laboratory series, vital signs, old problems, old medicines and notes.

Nothing here draws a random number: every choice is taken from a SHA-256 of words, so the same code writes
the same bytes on every machine and with every version of Python.
"""

import hashlib
from datetime import timedelta

from story_parts import (
    AS_OF,
    LOINC,
    UCUM,
    concept,
    condition,
    document,
    local,
    medication,
    observation,
    procedure,
    report,
)

LABS = (  # LOINC, name, low and high in tenths, unit
    ("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", 7, 12, "mg/dL"),
    ("98979-8", "Glomerular filtration rate/1.73 sq M.predicted", 700, 980, "mL/min/{1.73_m2}"),
    ("1742-6", "Alanine aminotransferase in Serum or Plasma", 120, 380, "U/L"),
    ("1920-8", "Aspartate aminotransferase in Serum or Plasma", 130, 360, "U/L"),
    ("1975-2", "Bilirubin.total [Mass/volume] in Serum or Plasma", 3, 10, "mg/dL"),
    ("751-8", "Neutrophils [#/volume] in Blood by Automated count", 18, 56, "10*3/uL"),
    ("731-0", "Lymphocytes [#/volume] in Blood by Automated count", 6, 22, "10*3/uL"),
    ("777-3", "Platelets [#/volume] in Blood by Automated count", 1100, 2600, "10*3/uL"),
    ("718-7", "Hemoglobin [Mass/volume] in Blood", 98, 141, "g/dL"),
)
VITALS = (
    ("Heart rate", 620, 880, "/min"),
    ("Body temperature", 364, 371, "Cel"),
    ("Systolic blood pressure", 1120, 1380, "mm[Hg]"),
)
OXYGEN = concept(
    (LOINC, "59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry"),
    (LOINC, "2708-6", "Oxygen saturation in Arterial blood"),
)
IMAGING = (LOINC, "18748-4", "Diagnostic imaging study")
PROBLEMS = (
    "Hypertension, Hyperlipidemia, Seasonal allergic rhinitis, Osteoarthritis of knee, Gastroesophageal reflux, "
    "Ankle sprain, Vitamin D deficiency, Acute sinusitis, Tinea pedis"
)
MEDICINES = (
    "Lisinopril, Atorvastatin, Omeprazole, Allopurinol, Acyclovir, Ondansetron, Cetirizine, Acetaminophen, "
    "Cholecalciferol, Amoxicillin, Docusate, Loratadine"
)
PROCEDURES = "Colonoscopy, Central venous port placement, Removal of skin lesion, Dental cleaning, Knee injection"
STUDIES = "CT chest abdomen pelvis, PET-CT skull base to thigh, Chest radiograph, Abdominal ultrasound"
NOTES = (
    ("11506-3", "Progress note"),
    ("34780-7", "Hematology and medical oncology note"),
    ("11488-4", "Consult note"),
    ("34117-2", "History and physical note"),
    ("18842-5", "Discharge summary"),
    ("11502-2", "Laboratory report"),
    ("34111-5", "Emergency department note"),
)


def number(*words, low, high):
    """Choose a whole number between low and high that depends on the words alone."""
    digest = hashlib.sha256("|".join(map(str, words)).encode()).digest()
    return low + int.from_bytes(digest[:8], "big") % (high - low + 1)


def quantity(tenths, unit):
    """Make a measured value."""
    return {"value": tenths / 10, "unit": unit, "system": UCUM, "code": unit}


def days_ago(days):
    """Name the day that lies so many days before the day of the stories."""
    return AS_OF - timedelta(days=days)


def lab_series(who, draws):
    """Make blood counts and chemistry, every third week, the newest five days ago."""
    for draw in range(draws):
        for code, name, low, high, unit in LABS:
            value = quantity(number(who, code, draw, low=low, high=high), unit)
            lab = concept((LOINC, code, name))
            day = days_ago(5 + 21 * draw)
            yield observation(f"{who}-lab-{code}-{draw}", who, lab, day, valueQuantity=value)


def vital_signs(who, visits):
    """Make the vital signs of some visits."""
    for visit in range(visits):
        day = days_ago(5 + 42 * visit)
        percent = quantity(number(who, "spo2", visit, low=95, high=99) * 10, "%")
        yield observation(f"{who}-spo2-{visit}", who, OXYGEN, day, "vital-signs", valueQuantity=percent)
        for index, (name, low, high, unit) in enumerate(VITALS):
            value = quantity(number(who, name, visit, low=low, high=high), unit)
            id_ = f"{who}-vital-{index}-{visit}"
            yield observation(id_, who, local(name), day, "vital-signs", valueQuantity=value)


def old_days(who, names):
    """Pair each name with its number and a day in the last seven years."""
    for index, name in enumerate(names.split(", ")):
        yield index, name, days_ago(number(who, name, low=200, high=2600))


def old_records(who):
    """Make problems, medicines, procedures and studies that have nothing to do with the order."""
    for index, name, day in old_days(who, PROBLEMS):
        clinical = "resolved" if index % 2 else "active"
        yield condition(f"{who}-problem-{index}", who, local(name), clinical, str(day), "encounter-diagnosis")
    for index, name, day in old_days(who, MEDICINES):
        status = "active" if index < 4 else "completed"
        yield medication(f"{who}-medicine-{index}", who, local(name), str(day), status=status)
    for index, name, day in old_days(who, PROCEDURES):
        yield procedure(f"{who}-procedure-{index}", who, local(name), day)
    for index, name, day in old_days(who, STUDIES):
        code = concept(IMAGING, text=name)
        yield report(f"{who}-study-{index}", who, code, day, "No acute finding.", "RAD")


def old_notes(who, count):
    """Make clinical notes of every common kind."""
    for index in range(count):
        code, name = NOTES[index % len(NOTES)]
        day = days_ago(number(who, "note", index, low=3, high=900))
        yield document(f"{who}-note-{index}", who, concept((LOINC, code, name)), day, name)


def noise(who, draws, notes):
    """Make everything in a chart that is not the story."""
    return [*lab_series(who, draws), *vital_signs(who, 6), *old_records(who), *old_notes(who, notes)]
