"""Reading the context fields that only some hooks have."""

import json

import pytest

from cdshooks.hooks.errors import RequestError
from cdshooks.hooks.focus import names
from cdshooks.hooks.request import hook_of, read_request

ORDER = {"resourceType": "MedicationRequest", "id": "o1"}
TASK = {"resourceType": "Task", "focus": {"reference": "MedicationRequest/o1"}}


def focus_of(hook, **context):
    body = {"hook": hook, "hookInstance": "h", "context": {"patientId": "p1", **context}}
    return read_request(json.dumps(body).encode(), "s", hook).focus


@pytest.mark.parametrize(
    ("orders", "references"),
    [
        (
            {"dispatchedOrders": ["MedicationRequest/o1", "ServiceRequest/o2"]},
            ("MedicationRequest/o1", "ServiceRequest/o2"),
        ),
        ({"dispatched-orders": ["MedicationRequest/o1"]}, ("MedicationRequest/o1",)),
        ({"order": "MedicationRequest/o1"}, ("MedicationRequest/o1",)),
        ({"dispatchedOrders": [{"reference": "MedicationRequest/o1"}, 7, None, " "]}, ("MedicationRequest/o1",)),
        ({"dispatchedOrders": [], "order": "MedicationRequest/o1"}, ()),
    ],
)
def test_dispatched_orders_are_read_in_every_spelling(orders, references):
    assert focus_of("order-dispatch", performer="Organization/c", **orders).dispatched == references


@pytest.mark.parametrize("spelling", ["fulfillmentTasks", "fulfillment-tasks", "task"])
@pytest.mark.parametrize("tasks", [TASK, [TASK], [TASK, "Task/t1", None]])
def test_tasks_are_read_in_every_spelling_alone_or_in_a_list(spelling, tasks):
    focus = focus_of("order-dispatch", order="MedicationRequest/o1", performer="Organization/c", **{spelling: tasks})
    assert focus.tasks == (TASK,)


def test_order_dispatch_needs_neither_user_nor_encounter():
    assert (
        focus_of("order-dispatch", order="MedicationRequest/o1", performer=" Organization/c ").performer
        == "Organization/c"
    )


@pytest.mark.parametrize(
    ("hook", "context", "where", "says"),
    [
        ("order-select", {}, "context.selections", "is missing"),
        ("order-select", {"selections": None}, "context.selections", "is missing"),
        ("order-select", {"selections": {"x": 1}}, "context.selections", "is not a list of references"),
        ("order-dispatch", {"performer": "Organization/c"}, "context.dispatchedOrders", "is missing"),
        ("order-dispatch", {"performer": "Organization/c", "order": 3}, "context.dispatchedOrders", "not a list"),
        ("order-dispatch", {"order": "ServiceRequest/o"}, "context.performer", "is missing"),
        ("order-dispatch", {"order": "ServiceRequest/o", "performer": 3}, "context.performer", "is not a reference"),
        ("order-dispatch", {"order": "ServiceRequest/o", "performer": " "}, "context.performer", "is not a reference"),
    ],
)
def test_what_a_hook_needs_is_asked_for_by_name(hook, context, where, says):
    with pytest.raises(RequestError, match=says) as refusal:
        focus_of(hook, **context)
    assert (refusal.value.status, refusal.value.expression) == (400, where)


@pytest.mark.parametrize("hook", ["order-sign", "patient-view"])
def test_the_other_hooks_need_no_more_than_the_patient(hook):
    assert focus_of(hook) == focus_of(hook, selections=3, performer=4)


@pytest.mark.parametrize(
    ("reference", "named"),
    [
        ("MedicationRequest/o1", True),
        ("o1", True),
        ("https://ehr.example.org/r4/MedicationRequest/o1", True),
        ("MedicationRequest/o1/_history/3", True),
        ("urn:uuid:1", True),
        ("ServiceRequest/o1", False),
        ("MedicationRequest/o2", False),
        ("", False),
    ],
)
def test_a_selection_names_an_order_by_type_and_id_or_by_its_url(reference, named):
    assert names(reference, "urn:uuid:1", ORDER) is named


@pytest.mark.parametrize(
    ("body", "hook"), [(b'{"hook": "order-sign"}', "order-sign"), (b'{"hook": 3}', None), (b"{}", None), (b"[", None)]
)
def test_the_hook_of_a_body_is_told_where_it_can_be(body, hook):
    assert hook_of(body) == hook
