"""What production mode refuses to start with: every door that would stand open."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from cdshooks.engine.centers import RosterRow, rows_to_match
from cdshooks.server.addresses import is_loopback
from cdshooks.server.clients import Client, addresses, read_clients
from cdshooks.server.jwk import SANDBOX_KEY_ID
from cdshooks.server.settings import Settings, SettingsError

SANDBOX_HOST = "sandbox.cds-hooks.org"


def registered_clients(settings: Settings) -> tuple[Client, ...]:
    """The clients that may call; none in an open demo.

    Raises SettingsError when the clients file cannot be used, or in production for any setting that leaves the
    service open: each names the setting, what was read and what to write.
    """
    clients = read_clients(settings.clients) if settings.clients else ()
    if not settings.demo:
        _check_settings(settings)
        for client in clients:
            _check_client(client)
    return clients


def refuse_synthetic(library: Iterable[RosterRow], registry: Iterable[RosterRow]) -> None:
    """Raise SettingsError where all treatment centers of a production service are made up, or an imported one is."""
    made_up = [row.facility_name for row in registry if row.synthetic]
    if not made_up and not rows_to_match(library, registry, synthetic=False):
        made_up = [row.facility_name for row in library if row.synthetic]
    if made_up:
        raise SettingsError(
            f"CDSHOOKS_DATABASE_URL leads to a registry without your own treatment centers: {made_up[0]!r} is made up,"
            " and CDSHOOKS_MODE is production. Import your roster with `cdshooks centers import FILE --replace`."
        )


def _check_settings(settings: Settings) -> None:
    if settings.clients is None:
        raise SettingsError(
            "CDSHOOKS_CLIENTS is missing and CDSHOOKS_MODE is production, so anyone could call. Write the path of a"
            " clients file (docs/clients.example.toml is one); for synthetic data only, write CDSHOOKS_MODE=demo or"
            " `cdshooks serve --demo`."
        )
    if settings.demo_fhir_servers:
        raise SettingsError(
            f"CDSHOOKS_DEMO_FHIR_SERVERS is {settings.demo_fhir_servers[0]!r} and CDSHOOKS_MODE is production. Write"
            " each client's FHIR servers into its own table of CDSHOOKS_CLIENTS instead."
        )
    url = settings.public_url
    if url is None or urlsplit(url).scheme != "https" or _is_local(urlsplit(url).hostname):
        was = "missing" if url is None else repr(url)
        raise SettingsError(
            f"CDSHOOKS_PUBLIC_URL is {was} and CDSHOOKS_MODE is production. Write the address that EHRs call,"
            " such as https://cds.hospital.example: tokens are made out to it."
        )


def _check_client(client: Client) -> None:
    if client.allow_loopback:
        raise _open_door(client, "allow_loopback", "true", "false, or leave it out: it is for tests")
    for key, address in addresses(client):
        host = urlsplit(address).hostname
        if host == SANDBOX_HOST:
            wanted = "your own EHR's; anyone can sign as the CDS Hooks sandbox, for its private key is public"
            raise _open_door(client, key, repr(address), wanted)
        if _is_local(host):
            raise _open_door(client, key, repr(address), "an address that is not on this machine")
    if any(key.kid == SANDBOX_KEY_ID for key in client.keys or ()):
        raise _open_door(client, "jwks", "a file with the CDS Hooks sandbox's key", "a file of your EHR's own keys")


def _is_local(host: str | None) -> bool:
    return host is None or is_loopback(host) or host.endswith(".localhost")


def _open_door(client: Client, key: str, was: str, wanted: str) -> SettingsError:
    return SettingsError(
        f"CDSHOOKS_CLIENTS: client {client.name}, {key} is {was} and CDSHOOKS_MODE is production. Write {wanted}."
    )
