"""The clients file: which EHRs may call, how each is recognised, and what it gets. Read once, at start."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jsonschema import Draft202012Validator

from cdshooks.engine.centers import is_npi
from cdshooks.server.addresses import FhirAccess, read_address
from cdshooks.server.jwk import Key, KeyProblem, read_keys
from cdshooks.server.settings import SettingsError

Algorithm = Literal["ES384", "RS384"]
ALGORITHMS: tuple[Algorithm, ...] = ("ES384", "RS384")


@dataclass(frozen=True, slots=True)
class Client:
    """One registered EHR. `keys` are those of its file; without one they are fetched from `jku`."""

    name: str
    issuer: str
    jku: str | None
    keys: tuple[Key, ...] | None
    tenant: str | None
    algorithms: tuple[Algorithm, ...]
    fhir_servers: tuple[str, ...]
    default_facility: str | None = None
    timezone: ZoneInfo | None = None
    suggestions: bool = True
    system_actions: bool = False
    dossier_links: bool = True
    shadow: bool = False
    departments: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    calls_per_second: int = 50
    fetch_without_token: bool = False
    allow_loopback: bool = False

    @property
    def fhir_access(self) -> FhirAccess:
        """From where what a call lacks may be read."""
        return FhirAccess(self.fhir_servers, self.allow_loopback, self.fetch_without_token)

    def serves(self, fhir_server: str) -> bool:
        """Whether a fhirServer is one of this client's: an address of the list, or a path below one."""
        asked = read_address(fhir_server.rstrip("/"), self.allow_loopback)
        own = (read_address(server, self.allow_loopback) for server in self.fhir_servers)
        return asked is not None and asked.query is None and any(base and asked.is_below(base) for base in own)


def read_clients(path: Path) -> tuple[Client, ...]:
    """The clients of a file. Raises SettingsError: the client's name, the key, what was read and what to write."""
    data = _toml(path)
    _check_schema(data, path)
    clients = tuple(_client(table, path) for table in data["client"])
    for client in clients:
        _check_client(client, path)
    _check_unique(clients, path)
    return clients


def _toml(path: Path) -> Any:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(
            f"CDSHOOKS_CLIENTS is {str(path)!r}, which cannot be read: {error.strerror}."
            " Write the path of a clients file; docs/clients.example.toml is one."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"CDSHOOKS_CLIENTS: {path} is not TOML: {error}. Mend it there.") from None


@cache
def _schema() -> Any:
    return json.loads((Path(__file__).with_name("schema") / "clients.json").read_text("utf-8"))


def _check_schema(data: Any, path: Path) -> None:
    # A misspelled key is told before the key that is missing because of it.
    errors = sorted(
        Draft202012Validator(_schema()).iter_errors(data), key=lambda error: error.validator != "additionalProperties"
    )
    for error in errors:
        place = list(error.absolute_path)
        table = data["client"][place[1]] if len(place) > 1 else {}
        name = str(table.get("name", f"number {int(place[1]) + 1}")) if len(place) > 1 else ""
        raise _unusable(path, name, *_told(error, place[2:]))


def _told(error: Any, place: list[Any]) -> tuple[str, object, str]:
    """The key that a schema error is about, what was read there and what to write."""
    known = _schema()["$defs"]["client"]["properties"]
    if error.validator == "required":
        key = next(key for key in error.validator_value if key not in error.instance)
        return key, None, known.get(key, error.schema).get("description", "")
    if error.validator == "anyOf":
        return "jku", None, f"{known['jku']['description']}, or jwks with {known['jwks']['description']}"
    if error.validator == "additionalProperties":
        allowed = error.schema["properties"]
        key = next(key for key in error.instance if key not in allowed)
        return key, error.instance[key], f"one of {', '.join(allowed)}, or leave it out"
    key = str(place[0]) if place else "client"
    return key, error.instance, known.get(key, error.schema).get("description", "")


def _client(table: Mapping[str, Any], path: Path) -> Client:
    name = table["name"]
    return Client(
        name=name,
        issuer=table["issuer"],
        jku=table.get("jku"),
        keys=_pinned(table["jwks"], name, path) if "jwks" in table else None,
        tenant=table.get("tenant"),
        algorithms=tuple(table.get("algorithms", ALGORITHMS)),
        fhir_servers=tuple(address.rstrip("/") for address in table["fhir_servers"]),
        default_facility=table.get("default_facility"),
        timezone=_timezone(table["timezone"], name, path) if "timezone" in table else None,
        departments=frozenset(table.get("departments", ())),
        origins=frozenset(table.get("origins", ())),
        **{key: table[key] for key in _PLAIN if key in table},
    )


_PLAIN = (
    "suggestions",
    "system_actions",
    "dossier_links",
    "shadow",
    "calls_per_second",
    "fetch_without_token",
    "allow_loopback",
)


def _pinned(file: str, name: str, path: Path) -> tuple[Key, ...]:
    wanted = "the name of a JWK Set file beside this one, with public keys for ES384 or RS384"
    try:
        keys = read_keys((path.parent / file).read_bytes(), strict=True)
    except OSError as error:
        raise _unusable(path, name, "jwks", file, f"{wanted}; {error.strerror}") from None
    except KeyProblem as error:
        raise _unusable(path, name, "jwks", file, f"{wanted}; {error}") from None
    return keys


def _timezone(text: str, name: str, path: Path) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _unusable(path, name, "timezone", text, "an IANA name, such as America/New_York") from None


def _check_client(client: Client, path: Path) -> None:
    if client.default_facility and not is_npi(client.default_facility):
        wanted = "an NPI: ten digits of which the last checks the others"
        raise _unusable(path, client.name, "default_facility", client.default_facility, wanted)
    for key, address in addresses(client):
        if read_address(address.rstrip("/"), client.allow_loopback) is None:
            wanted = "a plain address that begins with https://, such as https://fhir.hospital.example/r4"
            raise _unusable(path, client.name, key, address, wanted)


def addresses(client: Client) -> Iterator[tuple[str, str]]:
    """Every address of a client with the key it stands under."""
    yield "issuer", client.issuer
    if client.jku:
        yield "jku", client.jku
    yield from (("fhir_servers", address) for address in client.fhir_servers)
    yield from (("origins", origin) for origin in sorted(client.origins))


def _check_unique(clients: tuple[Client, ...], path: Path) -> None:
    names: set[str] = set()
    tokens: set[tuple[str, str | None]] = set()
    for client in clients:
        if client.name in names:
            raise _unusable(path, client.name, "name", client.name, "a name that no other client has")
        if (client.issuer, client.tenant) in tokens:
            wanted = "a tenant that no other client of this issuer has"
            raise _unusable(path, client.name, "tenant", client.tenant, wanted)
        names.add(client.name)
        tokens.add((client.issuer, client.tenant))


def _unusable(path: Path, name: str, key: str, read: object, wanted: str) -> SettingsError:
    whose = f"client {name}, " if name else ""
    was = "missing" if read is None else repr(read)[:200]
    return SettingsError(f"CDSHOOKS_CLIENTS: {path}: {whose}{key} is {was}. Write {wanted}.")
