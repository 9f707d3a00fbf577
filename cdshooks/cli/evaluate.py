"""One request without a server: `cdshooks evaluate` and `cdshooks explain`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import click
import msgspec

from cdshooks.cli.inputs import Told, as_of_option, library_option, open_library, settings_now, told
from cdshooks.cli.panel import panel, printable
from cdshooks.engine.explain import explain_finding
from cdshooks.engine.model import Finding
from cdshooks.hooks.determination_json import KEY
from cdshooks.hooks.discovery import HOOKS, KINDS, service_of
from cdshooks.hooks.errors import RequestError
from cdshooks.hooks.request import Request, hook_of, read_request
from cdshooks.hooks.service import Answer, Determined, ServiceOptions, answer
from cdshooks.server.settings import Settings

_KINDS = ["Bundle", *(kind for kinds in KINDS.values() for kind in kinds)]


@click.command()
@click.argument("request_json", metavar="REQUEST.json|STORY")
@as_of_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "cards"]),
    default="text",
    show_default=True,
    help="text: the cards and every finding explained. json: the determinations. cards: the exact response body.",
)
@library_option
def evaluate(request_json: str, as_of: date | None, form: str, library_path: Path | None) -> None:
    """Answer one CDS Hooks request without a server.

    A file is asked as of today, a story as of its own day, unless --as-of says otherwise.
    """
    asked, answered = _answered(request_json, as_of, library_path)
    click.echo({"text": _text, "json": _json, "cards": _body}[form](asked, answered))
    _refuse_failure(answered)


@click.command()
@click.argument("request_json", metavar="REQUEST.json|STORY")
@as_of_option
@click.option("--criterion", "-c", "criteria", multiple=True, help="Only this criterion, such as hiv; may be repeated.")
@library_option
def explain(request_json: str, as_of: date | None, criteria: tuple[str, ...], library_path: Path | None) -> None:
    """Show each finding of a request or a story as a tree: what was asked, what was found, what would settle it."""
    asked, answered = _answered(request_json, as_of, library_path)
    _check_criteria(criteria, answered)
    click.echo(_trees(asked, answered, criteria) or _nothing_determined(answered))
    _refuse_failure(answered)


def read_told(asked: Told) -> Request:
    """The request in a file or story; the command's error says what is wrong with it and where."""
    try:
        service_id = service_of(hook_of(asked.body))
        return read_request(asked.body, service_id, HOOKS[service_id])
    except RequestError as error:
        raise click.ClickException(f"{asked.name}: {_bare_resource(asked.body) or _sentence(error)}") from error


def _sentence(error: RequestError) -> str:
    """What is wrong and where, with the place named once."""
    said = error.expression is None or error.expression in error.message
    return error.message if said else f"{error.message} (at {error.expression})"


def _bare_resource(body: bytes) -> str | None:
    """What to do with FHIR that is not wrapped in a call; None when this is something else."""
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
    if not isinstance(value, dict) or "resourceType" not in value:
        return None
    kind = value["resourceType"] if value["resourceType"] in _KINDS else "resource"
    return (
        f"this is a FHIR {kind}, not a CDS Hooks request. A request has hook, hookInstance, context"
        " (patientId, draftOrders) and prefetch; put the chart's resources under prefetch and the order under"
        " context.draftOrders. `cdshooks stories` lists complete ones to start from."
    )


def _answered(source: str, as_of: date | None, library_path: Path | None) -> tuple[Told, Answer]:
    settings = settings_now()
    asked = told(source, as_of, settings)
    request = read_told(asked)
    library = open_library(library_path or settings.library)
    return asked, answer(request, library, asked.as_of, _options(settings))


def _options(settings: Settings) -> ServiceOptions:
    return ServiceOptions(zone=settings.timezone, default_facility=settings.default_facility)


def _text(asked: Told, answered: Answer) -> str:
    cards = answered.body["cards"]
    if not cards:
        return f"{asked.name}, as of {asked.as_of}: no card, for no draft order is a CAR-T order."
    return "\n\n".join(part for part in (panel(cards), _trees(asked, answered)) if part)


def _json(asked: Told, answered: Answer) -> str:
    found = [card["extension"][KEY] for card in answered.body["cards"]]
    return json.dumps(found, indent=2, ensure_ascii=False)


def _body(asked: Told, answered: Answer) -> bytes:
    return msgspec.json.encode(answered.body)


def _trees(asked: Told, answered: Answer, criteria: tuple[str, ...] = ()) -> str:
    return "\n\n".join(part for determined in answered.determinations for part in _tree(asked, determined, criteria))


def _tree(asked: Told, determined: Determined, criteria: tuple[str, ...]) -> Iterator[str]:
    """A heading, then a tree for each finding that is asked for."""
    found, order = determined.determination, determined.order
    policy = f"{determined.policy_id} {determined.policy_version or '(no version on file for that day)'}"
    days = f"as of {asked.as_of}, service on {order.service_date}"
    yield printable(f"== {order.reference} under {policy}, {days}: {found.outcome.value}")
    for finding in found.findings:
        if not criteria or finding.criterion in criteria:
            yield tree(finding)


def tree(finding: Finding) -> str:
    """One finding as a tree that is safe to print: chart text in it cannot steer the terminal."""
    return printable(explain_finding(finding))


def _check_criteria(criteria: tuple[str, ...], answered: Answer) -> None:
    known = [str(finding.criterion) for d in answered.determinations for finding in d.determination.findings]
    for criterion in criteria:
        if known and criterion not in known:
            raise click.UsageError(
                f"there is no criterion {criterion} here; there are {', '.join(dict.fromkeys(known))}"
            )


def _nothing_determined(answered: Answer) -> str:
    if not answered.body["cards"]:
        return "Nothing to explain: no draft order is a CAR-T order."
    return f"Nothing was determined; the card says why.\n\n{panel(answered.body['cards'])}"


def _refuse_failure(answered: Answer) -> None:
    if answered.failure:
        raise click.ClickException(f"the service failed on this request ({answered.failure}); please report it")
