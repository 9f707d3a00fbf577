"""A story as an order-sign request: its orders, its chart in a settled disorder, and how it is written down."""

import hashlib
import json
import re
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

from story_noise import noise
from story_parts import SERVER, SYNTHETIC, coverage

WELLCARE = ("WellCare of North Carolina", "NC Medicaid Managed Care")
ATTESTED = [
    "dosage",
    "warnings",
    "prior-car-t",
    "psychosocial-limits",
    "non-compliance",
    "rescue-transplant",
    "letter-content",
]
PAPERS = ["letter", "hiv", "hbsag", "anti-hbc", "anti-hcv", "marrow-biopsy", "psych-eval", "social-eval"]
KEY_OF = {
    "Coverage": "coverage",
    "Condition": "conditions",
    "MedicationRequest": "medications",
    "Observation": "observations",
    "Procedure": "procedures",
    "DiagnosticReport": "reports",
    "DocumentReference": "documents",
}


class Story(NamedTuple):
    """A request, what it is about, and what is expected of its answer."""

    request: dict
    expect: dict
    product: str | None
    payer: str


def told(person, orders, chart, expect, product=None, payer=WELLCARE, draws=9, notes=16):
    """Tell a story: add the coverage and the noise of a chart to the records that matter."""
    who = person["id"]
    records = [coverage(who, *payer), *chart, *noise(who, draws, notes)]
    context = {"userId": "Practitioner/oncologist", "patientId": who, "encounterId": f"{who}-visit"}
    request = {
        "hook": "order-sign",
        "hookInstance": str(uuid5(NAMESPACE_URL, f"https://ehr.example.org/stories/{who}")),
        "fhirServer": SERVER,
        "context": context | {"draftOrders": bundle(orders, "collection")},
        "prefetch": {"patient": person} | prefetch(who, records),
    }
    return Story(request, expect, product, payer[0])


def prefetch(who, records):
    """Put each record under its key, in an order that looks random and never changes."""
    keys = {key: [] for key in KEY_OF.values()}
    for record in sorted(records, key=lambda record: disorder(who, record)):
        keys[KEY_OF[record["resourceType"]]].append(record)
    return {key: bundle(items, "searchset") for key, items in keys.items()}


def disorder(who, record):
    """Give a record its place in the chart of this patient."""
    return hashlib.sha256(f"{who}|{record['resourceType']}/{record['id']}".encode()).digest()


def bundle(resources, kind):
    """Make a Bundle whose entries have a fullUrl."""
    entries = [{"fullUrl": f"{SERVER}/{item['resourceType']}/{item['id']}", "resource": item} for item in resources]
    head = {"resourceType": "Bundle", "meta": SYNTHETIC, "type": kind}
    return head | ({"total": len(entries)} if kind == "searchset" else {}) | {"entry": entries}


def render(body):
    """Write JSON with one line per resource, so that a change in a chart is one line in a diff."""
    lines = []

    def line(value):
        lines.append(json.dumps(value, ensure_ascii=False))
        return f"@{len(lines) - 1}@"

    def fold(value):
        if not isinstance(value, dict):
            return value
        if "entry" in value:
            return value | {"meta": line(value["meta"]), "entry": [line(entry) for entry in value["entry"]]}
        return line(value) if "resourceType" in value else {key: fold(item) for key, item in value.items()}

    text = json.dumps(fold(body), ensure_ascii=False, indent=1) + "\n"
    return re.sub(r'"@(\d+)@"', lambda mark: lines[int(mark[1])], text)
