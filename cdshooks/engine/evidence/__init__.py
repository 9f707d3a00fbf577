"""The closed vocabulary of evidence forms, compiled once when the library loads.

An expression is a one-key mapping: the key names a form, the value its filters. There is no string
to parse and nothing to evaluate; a form is one function here and one sentence in the wording file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cdshooks.engine.evidence import combine
from cdshooks.engine.evidence.conditions import compile_condition
from cdshooks.engine.evidence.context import Check, Compiler, Context
from cdshooks.engine.evidence.documents import compile_document, compile_procedure, compile_report
from cdshooks.engine.evidence.facts import compile_center, compile_order, compile_patient
from cdshooks.engine.evidence.histories import compile_authored, compile_history
from cdshooks.engine.evidence.labels import compile_product
from cdshooks.engine.evidence.measurements import compile_look_alike, compile_measurement
from cdshooks.engine.evidence.observations import compile_observation
from cdshooks.engine.evidence.passages import compile_passage
from cdshooks.engine.evidence.transplants import compile_planned_transplant
from cdshooks.engine.evidence.treatments import (
    compile_prior_infusion,
    compile_therapy,
)

__all__ = ["FORMS", "Check", "Compiler", "Context", "compile_expression"]

FORMS: Mapping[str, Callable[[Mapping[str, Any], Compiler], Check]] = {
    "condition": compile_condition,
    "observation": compile_observation,
    "report": compile_report,
    "procedure": compile_procedure,
    "document": compile_document,
    "therapy": compile_therapy,
    "measurement": compile_measurement,
    "passage": compile_passage,
    "history": compile_history,
    "patient": compile_patient,
    "center": compile_center,
    "order": compile_order,
    "prior_infusion": compile_prior_infusion,
    "planned_transplant": compile_planned_transplant,
    "product": lambda filters, compiler: compile_product(filters, compiler, compile_expression),
}

WRAPPERS: Mapping[str, Callable[[Check, Mapping[str, Any], Compiler], Check]] = {
    "hint": combine.compile_hint,
    "look_alike": compile_look_alike,
    "authored": compile_authored,
}
"""Forms that add something to the answer of another expression, their `when`."""


def compile_expression(expression: Mapping[str, Any], compiler: Compiler) -> Check:
    """Turn one expression of the library into a function; KeyError names a value set that is not there."""
    ((word, value),) = expression.items()
    if word in ("all", "any"):
        checks = [compile_expression(item, compiler) for item in value]
        return (combine.compile_all if word == "all" else combine.compile_any)(checks, compiler)
    if word == "not":
        return combine.compile_not(compile_expression(value, compiler), compiler)
    if word == "at_least":
        checks = [compile_expression(item, compiler) for item in value["of"]]
        return combine.compile_at_least(value["count"], checks, compiler)
    if word in WRAPPERS:
        return WRAPPERS[word](compile_expression(value["when"], compiler), value, compiler)
    return FORMS[word](value, compiler)
