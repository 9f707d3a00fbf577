"""Which draft orders are CAR-T orders, and of which product: on the codes of the library that ships."""

import json
from datetime import UTC, date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parts import AS_OF, SERVER, body_of, bundle, drug_order, request_of, resource

from cdshooks.hooks.orders import Payload, recognise_orders, service_day
from cdshooks.hooks.request import read_request

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NDC = "http://hl7.org/fhir/sid/ndc"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
CPT = "http://www.ama-assn.org/go/cpt"
SNOMED = "http://snomed.info/sct"
LOCAL = "https://hospital.example/drugs"


def coding(system, code, display=None):
    return {"system": system, "code": code} | ({"display": display} if display else {})


def drug(*codings, text=None, **fields):
    concept = ({"coding": list(codings)} if codings else {}) | ({"text": text} if text else {})
    return drug_order(code=concept, **fields)


def service(*codings, text=None, kind="ServiceRequest", **fields):
    concept = {"coding": list(codings)} | ({"text": text} if text else {})
    return resource(kind, "order-1", **{"status": "draft", "intent": "order", "code": concept} | fields)


def recognised(library, *orders, zone=UTC, prefetch=None, as_of=AS_OF):
    request = request_of(*orders, prefetch=prefetch or {})
    return recognise_orders(request.draft_orders, library, as_of, zone, Payload.of(request))


def product(library, *orders, **sent):
    """The product of the one order; "" when its product is not told, None when there is no CAR-T order."""
    found = recognised(library, *orders, **sent)
    return (found[0].product or "") if found else None


@pytest.mark.parametrize(
    "codings",
    [
        # RxNorm at any level
        [coding(RXNORM, "2387277")],
        [coding(RXNORM, "2387348")],
        [coding(RXNORM, "2387344")],
        [coding(RXNORM, "2387347")],
        [coding(RXNORM, "2387352")],
        [coding(RXNORM, "2572002")],
        # however the system is spelled
        [coding(RXNORM + "/", "2387347")],
        [coding(RXNORM.replace("http:", "https:"), "2387347")],
        [coding(f"{RXNORM}|2025-10", "2387347")],
        [coding("urn:oid:2.16.840.1.113883.6.88", "2387347")],
        [coding("2.16.840.1.113883.6.88", "2387347 ")],
        # NDC in four spellings
        [coding(NDC, "71287-219-02")],
        [coding(NDC, "71287-0219-02")],
        [coding(NDC, "71287021902")],
        [coding(NDC, "7128721902")],
        [coding("urn:oid:2.16.840.1.113883.6.69", "71287-219-01")],
        # HCPCS, ICD-10-PCS
        [coding(HCPCS, "Q2053")],
        [coding(HCPCS, "q2053")],
        [coding("http://terminology.hl7.org/CodeSystem/HCPCS", "Q2053")],
        [coding("urn:oid:2.16.840.1.113883.6.285", "Q2053")],
        [coding(PCS, "XW033M7")],
        [coding("urn:oid:2.16.840.1.113883.6.4", "xw043m7")],
        # never by the first coding alone
        [coding(LOCAL, "77"), coding("urn:oid:2.16.840.1.113883.6.68", "1"), coding(RXNORM, "2387347")],
        [{"code": "77"}, {}, coding(RXNORM, "2387347")],
    ],
)
def test_a_product_is_recognised_by_any_coding_of_its_concept(shipped, codings):
    (found,) = recognised(shipped, drug(*codings))
    assert found.product == "tecartus"
    assert found.grade in "AB"
    assert found.recognized_by.split()[0] in {"RxNorm", "NDC", "HCPCS", "ICD-10-PCS"}


@pytest.mark.parametrize(
    ("ndc", "name"),
    [
        ("0078-0846-19", "kymriah"),
        ("00078084619", "kymriah"),
        ("00078-0846-19", "kymriah"),
        ("0078084619", "kymriah"),
        ("59572-515-02", "abecma"),
        ("59572051502", "abecma"),
        ("73153-900-01", "breyanzi"),
        ("57894-111-02", "carvykti"),
        ("83047-410-04", "aucatzyl"),
    ],
)
def test_each_product_is_recognised_by_its_ndc(shipped, ndc, name):
    assert product(shipped, drug(coding(NDC, ndc))) == name


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("Q2041", "yescarta"),
        ("Q2042", "kymriah"),
        ("Q2053", "tecartus"),
        ("Q2054", "breyanzi"),
        ("Q2055", "abecma"),
        ("Q2056", "carvykti"),
        ("Q2058", "aucatzyl"),
    ],
)
def test_a_service_is_recognised_by_the_product_s_hcpcs(shipped, code, name):
    assert product(shipped, service(coding(HCPCS, code))) == name
    assert product(shipped, drug(coding(HCPCS, code))) == name


@pytest.mark.parametrize("code", ["38225", "38226", "38227", "38228", "0537T", "0538t", "0539T", "0540T"])
@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("CAR-T with Tecartus", "tecartus"),
        ("axicabtagene ciloleucel", "yescarta"),
        ("CAR-T", ""),  # a CAR-T order whose product cannot be told
        (None, ""),
        ("Tecartus or Yescarta", ""),
    ],
)
def test_a_product_neutral_service_tells_its_product_by_its_text_or_not_at_all(shipped, code, text, name):
    assert product(shipped, service(coding(CPT, code), text=text)) == name


BILLING = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-billing-options"


def billed(order, *codings):
    """The order with likely billing codes on its concept, one extension each, as clients of Da Vinci CRD send them."""
    field = "code" if "code" in order else "medicationCodeableConcept"
    options = [{"url": BILLING, "valueCodeableConcept": {"coding": [code]}} for code in codings]
    return {**order, field: {**order[field], "extension": options}}


@pytest.mark.parametrize(
    ("order", "codings", "name"),
    [
        (service(coding(LOCAL, "77")), [coding(HCPCS, "Q2053")], "tecartus"),
        (service(coding(LOCAL, "77")), [coding(CPT, "99999"), coding(HCPCS, "Q2053")], "tecartus"),
        (drug(coding(LOCAL, "77")), [coding(HCPCS, "Q2053")], "tecartus"),
        (service(coding(CPT, "38228")), [coding(HCPCS, "Q2053")], "tecartus"),
        (service(coding(LOCAL, "77")), [coding(CPT, "38228")], ""),
        (service(coding(LOCAL, "77")), [coding(HCPCS, "Q2053"), coding(HCPCS, "Q2041")], ""),
        (service(coding(LOCAL, "77")), [coding(CPT, "77061")], None),
    ],
)
def test_likely_billing_codes_tell_what_the_order_s_own_code_does_not(shipped, order, codings, name):
    assert product(shipped, order) != "tecartus"
    assert product(shipped, billed(order, *codings)) == name


def test_a_billing_code_never_outweighs_what_the_order_says_itself(shipped):
    yescarta = drug(coding(RXNORM, "1987402"))
    assert product(shipped, billed(yescarta, coding(HCPCS, "Q2053"))) == "yescarta"
    for other in (drug(coding(RXNORM, something_else(shipped))), service(coding(HCPCS, "Q2057"))):
        assert product(shipped, billed(other, coding(HCPCS, "Q2053"))) is None


@pytest.mark.parametrize(
    "odd", ["x", 7, {}, [None, 7], [{"url": BILLING}, {"url": BILLING, "valueCodeableConcept": "x"}]]
)
def test_an_odd_billing_extension_is_left_alone(shipped, odd):
    order = service(coding(LOCAL, "77"))
    assert product(shipped, {**order, "code": {**order["code"], "extension": odd}}) is None


def test_a_snomed_infusion_is_a_car_t_order(shipped):
    assert product(shipped, service(coding(SNOMED, "1156961008"))) == ""


def test_the_display_of_a_service_s_code_may_tell_the_product(shipped):
    assert product(shipped, service(coding(CPT, "38228", "Administration of KYMRIAH"))) == "kymriah"


MEDICATION = {"resourceType": "Medication", "id": "m1", "code": {"coding": [coding(RXNORM, "2387347")]}}
BY_REFERENCE = {"medicationCodeableConcept": None}


@pytest.mark.parametrize(
    ("reference", "sibling", "contained", "prefetch"),
    [
        ("Medication/m1", {"resource": MEDICATION}, None, None),
        ("Medication/m1", {"fullUrl": f"{SERVER}/Medication/m1", "resource": MEDICATION}, None, None),
        (f"{SERVER}/Medication/m1", {"resource": MEDICATION}, None, None),
        ("https://elsewhere.example/Medication/m1", {"resource": MEDICATION}, None, None),
        ("urn:uuid:aa", {"fullUrl": "urn:uuid:aa", "resource": MEDICATION}, None, None),
        ("#m1", None, [MEDICATION], None),
        ("Medication/m1", None, None, {"site-drugs": bundle(MEDICATION)}),
        (f"{SERVER}/Medication/m1", None, None, {"drug": MEDICATION}),
        ("Medication/m1", None, None, {"medications": bundle({"resource": MEDICATION, "search": {"mode": "include"}})}),
        ("Medication/m1", None, None, {"all": bundle(bundle(MEDICATION))}),
        ("Medication/m1/_history/2", {"resource": MEDICATION}, None, None),
    ],
)
def test_a_referenced_medication_is_found_wherever_it_was_sent(shipped, reference, sibling, contained, prefetch):
    order = drug_order(medicationReference={"reference": reference}, contained=contained, **BY_REFERENCE)
    orders = [{"resource": order}, *([sibling] if sibling else [])]
    assert product(shipped, *orders, prefetch=prefetch) == "tecartus"


@pytest.mark.parametrize(
    ("display", "name"),
    [
        ("TECARTUS 68 ML IV SUSP", "tecartus"),
        ("brexucabtagene autoleucel intravenous", "tecartus"),
        ("Lisocabtagene Maraleucel", "breyanzi"),
        ("MITOMYCIN 40 MG IV SOLR", None),
        (None, None),
    ],
)
def test_a_medication_that_was_not_sent_is_told_by_the_reference_s_display(shipped, display, name):
    reference = {"reference": "Medication/elsewhere"} | ({"display": display} if display else {})
    found = recognised(shipped, drug_order(medicationReference=reference, **BY_REFERENCE))
    assert [order.product for order in found] == ([name] if name else [])
    assert all(order.grade == "text" and "text" in order.recognized_by for order in found)


@pytest.mark.parametrize(
    ("order", "name"),
    [
        (drug(text="Tecartus"), "tecartus"),
        (drug(text="BREXUCABTAGENE AUTOLEUCEL 2x10^6/kg"), "tecartus"),
        (drug(coding(LOCAL, "77", "Yescarta infusion bag")), "yescarta"),
        (drug(coding(LOCAL, "77"), text="Carvykti"), "carvykti"),
        (drug(coding("urn:oid:1.2.840.114350.1.13", "77"), text="ide-cel (Abecma)"), "abecma"),
        (drug(text="kymriah"), "kymriah"),
        (drug(text="KYMRIA"), "kymriah"),
        (drug(text="tecartusol"), None),  # whole words only
        (drug(text="Yes, cart a patient"), None),
        (drug(text="CAR-T"), None),
        (drug(text=""), None),
    ],
)
def test_a_name_is_the_last_resort_and_only_as_a_whole_word(shipped, order, name):
    found = recognised(shipped, order)
    assert [each.product for each in found] == ([name] if name else [])
    assert all(each.grade == "text" for each in found)


@pytest.mark.parametrize(
    "order",
    [
        drug(text="Other drug", note=[{"text": "before Tecartus"}]),
        drug(text="Other drug", reasonCode=[{"text": "bridging to Tecartus"}]),
        drug(text="Other drug", dosageInstruction=[{"text": "with Tecartus"}]),
        drug(text="Other drug", identifier=[{"value": "Tecartus"}]),
        drug(text="Other drug", category=[{"text": "Tecartus"}]),
        service(coding(CPT, "99213"), text="visit before Tecartus"),
        service(text="Tecartus infusion"),  # a service that no code calls CAR-T
        service(coding(LOCAL, "1"), text="Tecartus infusion"),
        resource("NutritionOrder", "n", code={"coding": [coding(RXNORM, "2387347")]}),
        resource("DeviceRequest", "d", codeCodeableConcept={"text": "Tecartus"}),
        resource("MedicationStatement", "s", medicationCodeableConcept={"coding": [coding(RXNORM, "2387347")]}),
        {"resourceType": "Task", "id": "t", "description": "Tecartus"},
        {"id": "nothing"},
    ],
)
def test_a_name_anywhere_else_is_no_order_of_it(shipped, order):
    assert recognised(shipped, order) == []


def something_else(library):
    """A drug of the library that is no CAR-T, by its first code."""
    return next(coded[1] for value_set in library.other_sets for coded in value_set.concepts if coded[0] == "rxnorm")


def test_a_drug_known_as_something_else_is_not_recognised_by_its_text(shipped):
    code = coding(RXNORM, something_else(shipped))
    for order in (drug(code, text="lymphodepletion before Tecartus"), drug(code, coding(LOCAL, "1", "for Yescarta"))):
        assert recognised(shipped, order) == []


def test_look_alikes_are_silent(shipped):
    for code in (coding(HCPCS, "Q2057"), coding(PCS, "XW033L7")):
        for text in (None, "Tecelra", "Tecartus"):
            assert recognised(shipped, drug(code, text=text)) == []
            assert recognised(shipped, service(code, text=text)) == []
    for name in ("Tecelra", "Amtagvi", "Ryoncil", "teclistamab", "blinatumomab", "Casgevy"):
        assert recognised(shipped, drug(text=name)) == []


@pytest.mark.parametrize(
    "order",
    [
        drug(coding(RXNORM, "2387347"), coding(HCPCS, "Q2041")),
        drug(coding(RXNORM, "2387347"), text="Yescarta"),
        drug(text="Tecartus / Yescarta"),
        service(coding(HCPCS, "Q2041"), coding(HCPCS, "Q2042")),
    ],
)
def test_two_products_in_one_concept_are_no_product_told(shipped, order):
    (found,) = recognised(shipped, order)
    assert found.product is None


def test_a_code_and_its_own_name_are_one_product(shipped):
    (found,) = recognised(shipped, drug(coding(RXNORM, "2387277"), coding(NDC, "71287-219-02"), text="Tecartus"))
    assert found.product == "tecartus"
    assert (found.grade, found.kind) == ("A", "NDC")  # the code that says most


@pytest.mark.parametrize(
    "text", ["anitocabtagene autoleucel", "anito-cel", "ANITO-CEL 115 million cells", "mivocabtagene autoleucel"]
)
def test_a_known_product_that_is_not_approved_is_recognised_too(shipped, text):
    (found,) = recognised(shipped, drug(text=text))
    assert shipped.products.by_id[found.product].approved is None


@pytest.mark.parametrize(
    ("fields", "trial"),
    [
        ({"text": "Tecartus, investigational"}, True),
        ({"text": "Tecartus (NCT04880434)"}, True),
        ({"text": "Tecartus", "identifier": [{"value": "NCT04880434"}]}, True),
        ({"text": "Tecartus"}, False),
    ],
)
def test_an_order_that_is_marked_as_a_trial_is_told(shipped, fields, trial):
    assert recognised(shipped, drug(**fields))[0].trial is trial


@pytest.mark.parametrize("text", ["Tecartus OUT OF SPEC", "Tecartus out-of-specification", "Tecartus expanded access"])
def test_words_that_change_the_order_are_told(shipped, text):
    (found,) = recognised(shipped, drug(coding(RXNORM, "2387347"), text=text))
    assert found.product == "tecartus"
    assert found.traps


@pytest.mark.parametrize(
    ("fields", "orders"),
    [
        ({"status": "draft"}, 1),
        ({"status": "active"}, 1),  # re-signed
        ({"status": "on-hold"}, 1),
        ({"status": None}, 1),
        ({"status": "stopped"}, 0),
        ({"status": "cancelled"}, 0),
        ({"status": "revoked"}, 0),
        ({"status": "entered-in-error"}, 0),
        ({"doNotPerform": True}, 0),
        ({"doNotPerform": False}, 1),
    ],
)
def test_an_order_that_is_being_taken_back_gets_no_card(shipped, fields, orders):
    assert len(recognised(shipped, drug(coding(RXNORM, "2387347"), **fields))) == orders
    assert len(recognised(shipped, service(coding(HCPCS, "Q2053"), **fields))) == orders


@pytest.mark.parametrize("fields", [{}, {"status": "draft", "category": {"text": "an object"}, "subject": None}])
def test_a_procedure_request_of_an_older_fhir_is_an_order(shipped, fields):
    assert product(shipped, service(coding(HCPCS, "Q2053"), kind="ProcedureRequest", **fields)) == "tecartus"


def test_every_order_of_the_session_is_read_and_not_the_first_alone(shipped):
    first, second = drug(coding(RXNORM, "2387347"), id_="a"), service(coding(HCPCS, "Q2041"))
    found = recognised(shipped, drug(text="Other drug", id_="x"), first, second)
    assert [(order.reference, order.product) for order in found] == [
        ("MedicationRequest/a", "tecartus"),
        ("ServiceRequest/order-1", "yescarta"),
    ]


def test_an_order_without_an_id_can_still_be_named(shipped):
    bare = drug(coding(RXNORM, "2387347"))
    del bare["id"]
    found = recognised(shipped, {"resource": bare}, {"resource": bare, "fullUrl": "urn:uuid:aa"})
    assert [order.reference for order in found] == ["draftOrders.entry[0]", "urn:uuid:aa"]


def test_no_orders_are_no_orders(shipped):
    for draft in (None, {}, bundle(kind="collection"), {"resourceType": "Bundle", "entry": None}):
        body = json.loads(body_of())
        body["context"]["draftOrders"] = draft
        request = read_request(json.dumps(body).encode(), "cart-order-sign", "order-sign")
        assert recognise_orders(request.draft_orders, shipped, AS_OF, UTC, Payload.of(request)) == []


def test_an_order_that_needs_no_reference_leaves_prefetch_undecoded(shipped):
    request = request_of(drug(coding(RXNORM, "2387347")), drug(text="Other"), prefetch={"conditions": bundle()})
    recognise_orders(request.draft_orders, shipped, AS_OF, UTC, Payload.of(request))
    assert request._decoded == {}


# ---- the service date ----


def timing(**fields):
    return {"dosageInstruction": [{"timing": fields}]}


@pytest.mark.parametrize(
    ("fields", "day", "noted"),
    [
        ({"occurrenceDateTime": "2026-12-01"}, "2026-12-01", 0),
        ({"occurrenceDateTime": "2026-12-01T09:00:00-05:00"}, "2026-12-01", 0),
        ({"occurrencePeriod": {"start": "2026-12-01", "end": "2026-12-08"}}, "2026-12-01", 0),
        ({"occurrenceTiming": {"event": ["2026-12-01", "2026-12-11"]}}, "2026-12-01", 0),
        ({"occurrenceTiming": {"repeat": {"boundsPeriod": {"start": "2026-12-01"}}}}, "2026-12-01", 0),
        (timing(event=["2026-12-01"]), "2026-12-01", 0),
        (timing(event=["2026-12-01"], repeat={"boundsPeriod": {"start": "2026-12-05"}}), "2026-12-01", 0),
        (timing(repeat={"boundsPeriod": {"start": "2026-12-05"}}), "2026-12-05", 0),
        (timing(event="2026-12-01"), "2026-12-01", 0),
        ({"dosageInstruction": {"timing": {"event": ["2026-12-01"]}}}, "2026-12-01", 0),
        (timing(event=["2026-11-21"]), "2026-11-21", 0),
        # used as given, and said
        (timing(event=["2026-11-20"]), "2026-11-20", 1),
        (timing(event=["2027-11-21"]), "2027-11-21", 0),
        (timing(event=["2027-11-22"]), "2027-11-22", 1),
        (timing(event=["2026-12"]), "2026-12-01", 1),
        (timing(event=["2027"]), "2027-01-01", 1),
        # not given, or not readable: today, and said
        ({}, "2026-11-21", 1),
        (timing(event=["soon"]), "2026-11-21", 1),
        (timing(event=[]), "2026-11-21", 1),
        (timing(event=None, repeat="weekly"), "2026-11-21", 1),
        ({"dosageInstruction": [None, "text", {"timing": "text"}]}, "2026-11-21", 1),
        ({"occurrenceDateTime": None, "_occurrenceDateTime": {"extension": []}}, "2026-11-21", 1),
        ({"authoredOn": "2026-10-01"}, "2026-11-21", 1),
    ],
)
def test_the_service_date_is_the_order_s_occurrence_else_today(shipped, fields, day, noted):
    order = drug_order(day=None, **fields)
    found, source, notes = service_day(order, AS_OF, UTC, shipped)
    assert found == date.fromisoformat(day)
    assert len(notes) == noted
    assert (source is None) == (found == AS_OF and noted == 1)


def test_the_service_date_is_the_local_day_of_the_zone(shipped):
    order = drug_order(day="2026-12-02T03:00:00Z")
    assert service_day(order, AS_OF, UTC, shipped)[0] == date(2026, 12, 2)
    assert service_day(order, AS_OF, ZoneInfo("America/New_York"), shipped)[0] == date(2026, 12, 1)


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=6) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    "coding code system text display reference timing event repeat boundsPeriod start".split()
                ),
                inner,
                max_size=3,
            )
        ),
        max_leaves=10,
    ),
    st.sampled_from(
        "medicationCodeableConcept medicationReference medication dosageInstruction occurrencePeriod occurrenceTiming "
        "identifier contained code status doNotPerform id".split()
    ),
)
def test_no_shape_of_a_field_breaks_the_recognition(shipped, value, field):
    for kind in ("MedicationRequest", "ServiceRequest", "ProcedureRequest"):
        order = drug_order() | {"resourceType": kind, "code": {"coding": [coding(HCPCS, "Q2053")]}, field: value}
        recognised(shipped, order)


# ---- what only the made-up library can show ----


@pytest.mark.parametrize(
    ("order", "name"),
    [
        (service(coding(HCPCS, "Z9999"), text="Exempla"), "examplecel"),  # a code for products without one of their own
        (service(coding(HCPCS, "Z9999"), text="Something"), None),
        (drug(coding(HCPCS, "Z9999"), text="Exempla"), "examplecel"),
        (drug(text="cell therapy of the class"), ""),
        (drug(coding(LOCAL, "1"), text="CELL THERAPY OF THE CLASS, 1 bag"), ""),
        (drug(text="cell therapy of another kind"), None),
        (service(coding(LOCAL, "1"), text="cell therapy of the class"), None),
    ],
)
def test_an_order_may_say_the_class_without_a_product(example, order, name):
    assert product(example, order) == name


@pytest.mark.parametrize(("name", "said"), [("Sampla", True), ("Exempla", False)])
def test_words_that_are_meant_for_one_product_count_for_it_alone(example, name, said):
    (found,) = recognised(example, drug(text=f"{name} second part"))
    assert any("one course" in note for note in found.notes) is said


def test_a_prefetch_that_cannot_be_decoded_hides_no_order(example):
    order = drug_order(medicationReference={"reference": "Medication/m1"}, **BY_REFERENCE)
    drug_sent = {"resourceType": "Medication", "id": "m1", "code": {"coding": [coding(RXNORM, "900002")]}}
    body = body_of(order, prefetch={"bad": "@@", "text": "words", "drug": drug_sent}).replace(
        b'"@@"', b"1" + b"0" * 400
    )
    request = read_request(body, "cart-order-sign", "order-sign")
    (found,) = recognise_orders(request.draft_orders, example, AS_OF, UTC, Payload.of(request))
    assert found.product == "examplecel"
