"""`cdshooks validate`: what in a message departs from CDS Hooks and FHIR R4, for who tests an integration."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from cdshooks.cli.fhir_models import NOT_CHECKED, all_departures, resources
from cdshooks.cli.inputs import counted
from cdshooks.cli.panel import printable
from cdshooks.engine.source import json_fault
from cdshooks.hooks.conformance import Departure, kind_of_message
from cdshooks.hooks.discovery import HOOKS, service_of
from cdshooks.hooks.errors import RequestError
from cdshooks.hooks.json_body import checked
from cdshooks.hooks.request import hook_of, read_request


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--strict", is_flag=True, help="End with exit code 1 when there is any warning.")
def validate(file: Path, strict: bool) -> None:
    """Hold a request, a response, a discovery or a feedback against CDS Hooks, and its FHIR against R4.

    FILE is JSON, or - for standard input. Everything is a warning: the service reads tolerantly, and answers requests
    that depart from both. A request that it would refuse is told as such.
    """
    body = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    value = _decoded(body, str(file))
    found = all_departures(value)
    count = sum(1 for _ in resources(value))
    click.echo(f"{file}: {kind_of_message(value) or 'no message of CDS Hooks'}, {counted(count, 'FHIR resource')}")
    for line in (*map(str, found), *_refused(body, value)):
        click.echo(f"  warning: {printable(line)}")
    click.echo(summed_up(found))
    if strict and found:
        raise click.exceptions.Exit(1)


def summed_up(found: list[Departure]) -> str:
    """The last line: how many warnings there are, and what was not looked at."""
    return f"{counted(len(found), 'warning')}; none stops an answer. Not checked: {NOT_CHECKED}."


def _decoded(body: bytes, name: str) -> Any:
    try:
        text = checked(body)
        return msgspec.json.decode(text)
    except RequestError as error:
        raise click.ClickException(f"{name} is not readable as JSON: {error.message}") from error
    except msgspec.DecodeError as error:
        line, says = json_fault(text, str(error))
        raise click.ClickException(f"{name}:{line}: {says}") from error
    except RecursionError as error:
        raise click.ClickException(f"{name} is not readable as JSON: it nests too deep") from error


def _refused(body: bytes, value: Any) -> Iterator[str]:
    """What the service would answer to a request that it does not take."""
    if kind_of_message(value) != "request":
        return
    try:
        service_id = service_of(hook_of(body))
        read_request(body, service_id, HOOKS[service_id])
    except RequestError as error:
        yield f"{error.expression or '$'}: the service refuses the request: {error.message}"
