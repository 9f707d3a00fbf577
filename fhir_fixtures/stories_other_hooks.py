"""Stories of the other hooks, and of what a plan has answered already."""

from stories_mantle_cell import BLUE, BREYANZI, TECARTUS, blue_story, mcl_story, tecartus
from story_parts import HCPCS, TERMS, about, at, center, concept, medication_order, resource
from story_request import bundle

PAS = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-"
REVIEW = "https://codesystem.x12.org/005010/306"
INSURER = {"display": "WellCare of North Carolina"}
YES, NO = ("A1", "Certified in total"), ("A3", "Not Certified")


def asked_of_plan(who, product, insurer):
    """Make the request for prior authorization that was sent to the plan."""
    covered = {"sequence": 1, "focal": True, "coverage": {"reference": f"Coverage/{who}-coverage"}}
    return resource(
        "Claim",
        f"{who}-request",
        status="active",
        type=concept((f"{TERMS}/claim-type", "institutional", None)),
        use="preauthorization",
        patient=about(who),
        created="2026-10-19",
        insurer=insurer,
        provider={"display": "Example Cancer Center (SYNTHETIC)"},
        priority=concept((f"{TERMS}/processpriority", "normal", None)),
        insurance=[covered],
        item=[{"sequence": 1, "productOrService": product, "servicedDate": "2026-12-01"}],
    )


def answer_of_plan(who, action, day, insurer=INSURER, **fields):
    """Make the plan's answer, with its review action where the PAS guide puts it."""
    code = {"url": f"{PAS}reviewActionCode", "valueCodeableConcept": concept((REVIEW, *action))}
    review = {"url": f"{PAS}reviewAction", "extension": [code]}
    decided = {"extension": [review], "category": concept((f"{TERMS}/adjudication", "submitted", None))}
    return resource(
        "ClaimResponse",
        f"{who}-answer",
        status="active",
        type=concept((f"{TERMS}/claim-type", "institutional", None)),
        use="preauthorization",
        patient=about(who),
        created=at(day),
        insurer=insurer,
        request={"reference": f"Claim/{who}-request"},
        outcome="complete",
        **fields,
        item=[{"itemSequence": 1, "adjudication": [decided]}],
    )


def answered(request, who, answer):
    """Add the plan's answer and what it answers to a request's prefetch."""
    product = concept((HCPCS, "Q2053", None), text="Tecartus (brexucabtagene autoleucel)")
    request["prefetch"]["claimResponses"] = bundle([answer], "searchset")
    request["prefetch"]["claims"] = bundle([asked_of_plan(who, product, answer["insurer"])], "searchset")


def denied_wnc():
    """Her chart is opened three weeks after the plan did not certify Tecartus: the days that are left to appeal."""
    who = "mcl-18"
    story = mcl_story(who, {"outcome": "could-not-check", "findings": []})
    answered(story.request, who, answer_of_plan(who, NO, "2026-11-02", disposition="Not Certified"))
    story.request["hook"] = "patient-view"
    del story.request["context"]["draftOrders"]
    return story


def denied_blue_plan():
    """A Blue plan denied Tecartus for prior therapies and ECOG: what answers that, then the days to appeal."""
    who, why = "mcl-22", "Denied: required prior therapies not failed, ECOG and LVEF not within criteria"
    story = blue_story(who, {"outcome": "could-not-check", "findings": []})
    answered(story.request, who, answer_of_plan(who, NO, "2026-11-02", disposition=why))
    for key in ("claims", "claimResponses"):
        story.request["prefetch"][key]["entry"][0]["resource"]["insurer"] = {"display": BLUE}
    return opened(story)


def opened(story):
    """Tell a story as the chart being opened, without any order."""
    story.request["hook"] = "patient-view"
    del story.request["context"]["draftOrders"]
    return story


def dispatched(story, order, performer, **context):
    """Tell a story as its signed order being sent to a performer."""
    story.request["hook"] = "order-dispatch"
    story.request["context"] = {
        "patientId": story.request["context"]["patientId"],
        "dispatchedOrders": [f"MedicationRequest/{order['id']}"],
        "performer": f"Organization/{performer['id']}",
        **context,
    }
    story.request["prefetch"] |= {"performer": performer, "orders": bundle([order], "searchset")}
    return story


def authorization_on_file():
    """The plan has certified Tecartus for the day of infusion: one quiet line."""
    who = "mcl-19"
    period = {"start": "2026-11-10", "end": "2027-02-10"}
    story = mcl_story(who, {"outcome": "ready"})
    answer = answer_of_plan(who, YES, "2026-11-10", preAuthRef="SYN-AUTH-0001", preAuthPeriod=period)
    answered(story.request, who, answer)
    return story


def dispatch_unlisted_centre():
    """Her signed order is sent to a hospital that is on no roster, not to the centre on the order."""
    who = "mcl-20"
    order = tecartus(who) | {"status": "active"}
    task = resource(
        "Task",
        f"{who}-task",
        status="draft",
        intent="order",
        focus={"reference": f"MedicationRequest/{order['id']}", "display": "Tecartus"},
        **{"for": about(who)},
        owner={"reference": "Organization/unlisted-center"},
    )
    hospital = center("unlisted-center", "Unlisted Example Hospital (SYNTHETIC)", "1222222204")
    expect = {"outcome": "documentation-missing", "missing": ["center-proof"], "attest": ["center"]}
    return dispatched(mcl_story(who, expect), order, hospital, fulfillmentTasks=[task])


def select_one_of_two():
    """Two CAR-T orders are being written and one of them is selected: a card for that one alone, without a day yet."""
    who = "mcl-21"
    unsigned = {key: value for key, value in tecartus(who, TECARTUS).items() if key != "dosageInstruction"}
    other = medication_order(f"{who}-breyanzi", who, BREYANZI, organization=center())
    expect = {"cards": 1, "outcome": "ready", "service_date": "2026-11-21"}
    story = mcl_story(who, expect, [unsigned, other])
    story.request["hook"] = "order-select"
    story.request["context"]["selections"] = [f"MedicationRequest/{who}-tecartus"]
    return story


STORIES = (denied_wnc, denied_blue_plan, authorization_on_file, dispatch_unlisted_centre, select_one_of_two)
