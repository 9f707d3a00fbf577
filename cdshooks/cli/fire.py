"""`cdshooks fire`: play an EHR that calls a hook, and show what comes back as its side panel would."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, TypedDict

import click
import msgspec
import requests

from cdshooks.cli.fhir_models import all_departures
from cdshooks.cli.inputs import Told, counted, settings_now, story_named, today, told
from cdshooks.cli.panel import panel, printable
from cdshooks.hooks.discovery import service_of
from cdshooks.hooks.request import hook_of

_PATIENCE = 30  # seconds


@click.command()
@click.argument("source", metavar="STORY|FILE")
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Address of the service.")
@click.option(
    "--as-of-today/--as-is",
    default=True,
    help="Move every day in a story so that it happens today, or send it as written. A file goes as it is.",
)
def fire(source: str, url: str, as_of_today: bool) -> None:
    """Post a story's or a file's request to the running service for its hook, and show the cards."""
    asked = _told(source, as_of_today)
    started = time.perf_counter()
    reply = _posted(f"{url.rstrip('/')}/cds-services/{service_of(hook_of(asked.body))}", asked.body, url)
    milliseconds = (time.perf_counter() - started) * 1000
    status = printable(f"{reply.status_code} {reply.reason}")
    click.echo(f"{asked.name} → {status}, {milliseconds:.0f} ms, {len(reply.content)} bytes")
    if not reply.ok:
        raise click.ClickException(f"the service refused the request: {_refusal(reply)}")
    click.echo(panel(_cards(reply)))
    found = all_departures(msgspec.json.decode(reply.content))
    for departure in found:
        click.echo(f"warning: {printable(str(departure))}")
    click.echo(
        f"The answer against CDS Hooks and FHIR R4: {counted(len(found), 'departure') if found else 'no departure'}."
    )


def _told(source: str, as_of_today: bool) -> Told:
    settings = settings_now()
    if Path(source).is_file() or not as_of_today:
        return told(source, None, settings)
    day = today(settings)
    return Told(source, story_named(source).told_on(day).encode(), day)


def _posted(address: str, body: bytes, url: str) -> requests.Response:
    try:
        return requests.post(address, data=body, headers={"Content-Type": "application/json"}, timeout=_PATIENCE)
    except requests.ConnectionError as error:
        raise click.ClickException(
            f"nothing answers at {url}. Start the service in another terminal with `cdshooks serve --demo`,"
            " or name another address with --url."
        ) from error
    except requests.RequestException as error:
        raise click.ClickException(
            f"{url}: no answer ({type(error).__name__}); is this the service's address?"
        ) from error


def _refusal(reply: requests.Response) -> str:
    """The sentence and place of an OperationOutcome, or the start of whatever came instead."""
    try:
        issue = reply.json()["issue"][0]
        where = issue.get("expression", [])
        return printable(issue["details"]["text"] + (f" ({where[0]})" if where else ""))
    except (ValueError, KeyError, IndexError, TypeError):
        return printable(reply.text[:200]) or "without a word"


class _Response(TypedDict):
    cards: list[dict[str, Any]]


def _cards(reply: requests.Response) -> list[dict[str, Any]]:
    try:
        return msgspec.json.decode(reply.content, type=_Response)["cards"]
    except msgspec.MsgspecError as error:
        raise click.ClickException("the answer is no CDS Hooks response; is this the service's address?") from error
