"""`cdshooks questionnaire`: the FHIR Questionnaire of a policy, as the service would serve it."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from cdshooks.cli.inputs import LOCAL, library_option, open_library, settings_now
from cdshooks.cli.paragraphs import newest_versions
from cdshooks.hooks.questionnaire import questionnaire_of


@click.command()
@click.argument("policy")
@click.option(
    "--url", help="Address of the service for the canonical. Default: CDSHOOKS_PUBLIC_URL, else this machine."
)
@library_option
def questionnaire(policy: str, url: str | None, library_path: Path | None) -> None:
    """Print a policy's documents and attestations as a FHIR R4 Questionnaire (Da Vinci DTR).

    POLICY is an id such as payer/policy. The newest version is printed.
    """
    settings = settings_now()
    library = open_library(library_path or settings.library)
    (version,) = newest_versions(library, policy)
    base = (url or settings.public_url or LOCAL).rstrip("/")
    made = questionnaire_of(version, base, library.wording)
    click.echo(msgspec.json.format(msgspec.json.encode(made)).decode())
