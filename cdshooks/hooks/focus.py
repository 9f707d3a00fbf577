"""What a call's context says of the orders it is about; each hook has its own fields, some with older spellings.

order-select names the selected ones among its draft orders. order-dispatch names signed orders, the performer
that was chosen for them, and perhaps the tasks that will ask for them; it carries no order itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cdshooks.engine.identity import listed, split_reference
from cdshooks.engine.model import Resource
from cdshooks.hooks.errors import RequestError

ORDER_SELECT = "order-select"
ORDER_DISPATCH = "order-dispatch"
PATIENT_VIEW = "patient-view"
MAX_ORDERS = 50
_SELECTIONS = ("selections",)
_DISPATCHED = ("dispatchedOrders", "dispatched-orders", "order")
_TASKS = ("fulfillmentTasks", "fulfillment-tasks", "task")


@dataclass(frozen=True, slots=True, repr=False)
class Focus:
    """References to the orders that a call is about, and who was chosen to perform them."""

    selections: tuple[str, ...] = ()
    dispatched: tuple[str, ...] = ()
    performer: str | None = None
    tasks: tuple[Resource, ...] = ()


def read_focus(hook: str, context: Mapping[str, Any]) -> Focus:
    """The fields that only some hooks have. Raises RequestError (400) that names the one that is missing."""
    if hook == ORDER_SELECT:
        return Focus(selections=_references(context, _SELECTIONS))
    if hook == ORDER_DISPATCH:
        return Focus(
            dispatched=_references(context, _DISPATCHED),
            performer=_performer(context.get("performer")),
            tasks=tuple(task for task in listed(_first(context, _TASKS)) if isinstance(task, Mapping)),
        )
    return Focus()


def names(reference: str, full_url: str | None, resource: Resource) -> bool:
    """True when a reference names the resource: by its fullUrl, or by type and id."""
    if reference == full_url:
        return True
    _, kind, identifier = split_reference(reference)
    return bool(identifier) and resource.get("id") == identifier and kind in ("", resource.get("resourceType"))


def _first(context: Mapping[str, Any], spellings: tuple[str, ...]) -> Any:
    """The value under the first spelling that was sent."""
    return next((context[name] for name in spellings if context.get(name) is not None), None)


def _references(context: Mapping[str, Any], spellings: tuple[str, ...]) -> tuple[str, ...]:
    where = f"context.{spellings[0]}"
    found = _first(context, spellings)
    if found is None:
        raise RequestError(400, "required", f"{where} is missing", where)
    if not isinstance(found, str | list):
        raise RequestError(400, "structure", f"{where} is not a list of references", where)
    references = tuple(text for item in listed(found) if (text := _reference(item)))
    if len(references) > MAX_ORDERS:
        raise RequestError(413, "too-costly", f"{where} names more than {MAX_ORDERS} orders", where)
    return references


def _performer(found: Any) -> str:
    where = "context.performer"
    if found is None:
        raise RequestError(400, "required", f"{where} is missing", where)
    text = _reference(found)
    if text is None:
        raise RequestError(400, "value", f"{where} is not a reference", where)
    return text


def _reference(item: Any) -> str | None:
    """A reference as text, also when it was sent as a Reference object."""
    text = item.get("reference") if isinstance(item, Mapping) else item
    return text.strip() or None if isinstance(text, str) else None
