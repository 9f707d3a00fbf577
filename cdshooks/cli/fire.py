"""`cdshooks fire`: play an EHR that calls a hook, and show what comes back as its side panel would."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypedDict

import click
import msgspec
import requests
from jwt.exceptions import PyJWTError

from cdshooks.cli.crd_client import asking, updates
from cdshooks.cli.fhir_models import all_departures
from cdshooks.cli.inputs import LOCAL, Told, counted, settings_now, story_named, today, told
from cdshooks.cli.panel import panel, printable
from cdshooks.cli.signing import Signer, own_signer
from cdshooks.hooks.coverage_rules import PARTS
from cdshooks.hooks.discovery import service_of
from cdshooks.hooks.request import hook_of

_PATIENCE = 30  # seconds
_UNSIGNED = "the service answers registered callers only (401). Sign the call with --sign."


@click.command()
@click.argument("source", metavar="STORY|FILE")
@click.option("--url", default=LOCAL, show_default=True, help="Address of the service.")
@click.option(
    "--as-of-today/--as-is",
    default=True,
    help="Move every day in a story so that it happens today, or send it as written. A file goes as it is.",
)
@click.option("--sign", is_flag=True, help="Sign the call with a key of your own, made when there is none.")
@click.option("--issuer", default="https://tester.example", show_default=True, help="With --sign: the token's iss.")
@click.option("--tenant", help="With --sign: the token's tenant.")
@click.option("--audience", help="With --sign: the service's public address, where --url is another.")
@click.option("--crd", type=click.Choice([*PARTS]), help="Ask as a client of this version of Da Vinci CRD does.")
@click.option("--wire", is_flag=True, help="Show the request and the answer as JSON too.")
def fire(
    source: str,
    url: str,
    as_of_today: bool,
    sign: bool,
    issuer: str,
    tenant: str | None,
    audience: str | None,
    crd: str | None,
    wire: bool,
) -> None:
    """Post a story's or a file's request to the running service for its hook, and show the cards."""
    asked = _told(source, as_of_today)
    body = asking(asked.body, crd) if crd else asked.body
    path = f"/cds-services/{service_of(hook_of(body))}"
    headers = {"Content-Type": "application/json"}
    if sign:
        token = _signer().token(issuer, f"{(audience or url).rstrip('/')}{path}", tenant)
        headers["Authorization"] = f"Bearer {token}"
    if wire:
        click.echo(f"POST {path}\n{_indented(body)}")
    started = time.perf_counter()
    reply = _posted(f"{url.rstrip('/')}{path}", body, headers, url)
    milliseconds = (time.perf_counter() - started) * 1000
    status = printable(f"{reply.status_code} {reply.reason}")
    click.echo(f"{asked.name} → {status}, {milliseconds:.0f} ms, {len(reply.content)} bytes")
    if wire:
        click.echo(_indented(reply.content))
    if reply.status_code == 401:
        raise click.ClickException(_unknown(asked.body, issuer, tenant, url) if sign else _UNSIGNED)
    if not reply.ok:
        raise click.ClickException(f"the service refused the request: {_refusal(reply)}")
    click.echo(panel(_cards(reply)))
    answer = msgspec.json.decode(reply.content)
    for line in updates(answer, crd) if crd else ():
        click.echo(line)
    for line in _validation(answer):
        click.echo(line)


def _validation(answer: Any) -> Iterator[str]:
    """Where an answer departs from CDS Hooks and FHIR, and in how many places."""
    found = all_departures(answer)
    yield from (f"warning: {printable(str(departure))}" for departure in found)
    yield f"The answer against CDS Hooks and FHIR R4: {counted(len(found), 'departure') if found else 'no departure'}."


def _indented(body: bytes) -> str:
    """A body as JSON with one member to a line; as it is where it is no JSON."""
    try:
        return printable(msgspec.json.format(body, indent=1).decode())
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return printable(body.decode(errors="replace"))


def _told(source: str, as_of_today: bool) -> Told:
    settings = settings_now()
    if Path(source).is_file() or not as_of_today:
        return told(source, None, settings)
    day = today(settings)
    return Told(source, story_named(source).told_on(day).encode(), day)


def _signer() -> Signer:
    try:
        return own_signer()
    except (OSError, ValueError, KeyError, PyJWTError) as error:
        raise click.ClickException(
            f"the tester's key cannot be used: {error}. Delete tester-key.json in the data directory for a new one."
        ) from error


def _unknown(body: bytes, issuer: str, tenant: str | None, url: str) -> str:
    """What to do when the service does not take our signature."""
    signer = _signer()
    server = _fhir_server(body)
    return (
        f"the service does not know this caller (401). Copy {signer.key_set} beside its clients file, write there\n\n"
        f"{signer.table(issuer, tenant, server)}\n\n"
        f"and start it again. If it is known already: is {url} its CDSHOOKS_PUBLIC_URL (else --audience), and do both"
        " clocks agree?"
    )


def _fhir_server(body: bytes) -> str:
    try:
        return str(json.loads(body)["fhirServer"])
    except (ValueError, KeyError, TypeError):
        return "https://ehr.example.org/r4"


def _posted(address: str, body: bytes, headers: Mapping[str, str], url: str) -> requests.Response:
    try:
        return requests.post(address, data=body, headers=headers, timeout=_PATIENCE)
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
