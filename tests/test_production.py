"""Production refuses to start with a door that stands open, and names the setting."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ehr import FHIR, ISSUER, JKU, PUBLIC, clients_file, clients_toml, ec_key, jwk, jwks

from cdshooks.engine.library import Library
from cdshooks.server.app import create_app
from cdshooks.server.clients import Client, addresses
from cdshooks.server.jwk import SANDBOX_KEY_ID
from cdshooks.server.production import refuse_synthetic, registered_clients
from cdshooks.server.serve import run_server
from cdshooks.server.settings import Settings, SettingsError, read_settings

SANDBOX = "https://sandbox.cds-hooks.org"


def settings_of(folder: Path, **changed: str | None) -> Settings:
    """Settings of production, all good; a value of None leaves a variable out."""
    if not (folder / "clients.toml").exists():
        clients_file(folder)
    said = {
        "CDSHOOKS_CLIENTS": str(folder / "clients.toml"),
        "CDSHOOKS_PUBLIC_URL": PUBLIC,
        "CDSHOOKS_DATABASE_URL": f"sqlite:///{folder}/store.db",
    } | changed
    return read_settings({name: value for name, value in said.items() if value is not None})


def test_good_settings_are_taken(tmp_path: Path, shipped: Library) -> None:
    assert [client.name for client in registered_clients(settings_of(tmp_path))] == ["hospital"]
    assert create_app(settings_of(tmp_path), shipped)


BAD_SETTINGS: dict[str, tuple[dict[str, str | None], str]] = {
    "no clients file": ({"CDSHOOKS_CLIENTS": None}, "CDSHOOKS_CLIENTS is missing"),
    "a clients file that is not there": ({"CDSHOOKS_CLIENTS": "/no/such/file"}, "CDSHOOKS_CLIENTS is '/no/such/file'"),
    "no public address": ({"CDSHOOKS_PUBLIC_URL": None}, "CDSHOOKS_PUBLIC_URL is missing"),
    "a public address in plain http": ({"CDSHOOKS_PUBLIC_URL": "http://cds.hospital.example"}, "CDSHOOKS_PUBLIC_URL"),
    "a public address on this machine": ({"CDSHOOKS_PUBLIC_URL": "https://localhost"}, "CDSHOOKS_PUBLIC_URL"),
    "a public address of loopback": ({"CDSHOOKS_PUBLIC_URL": "https://127.1.2.3"}, "CDSHOOKS_PUBLIC_URL"),
    "a public address that is none": ({"CDSHOOKS_PUBLIC_URL": "cds"}, "CDSHOOKS_PUBLIC_URL"),
    "a mode that is none": ({"CDSHOOKS_MODE": "prod"}, "CDSHOOKS_MODE is 'prod'"),
    "a FHIR server that anyone may have read": (
        {"CDSHOOKS_DEMO_FHIR_SERVERS": "https://fhir.hospital.example/r4"},
        "CDSHOOKS_DEMO_FHIR_SERVERS is 'https://fhir.hospital.example/r4'",
    ),
    "a rate that is none": ({"CDSHOOKS_ADDRESS_RATE": "fast"}, "CDSHOOKS_ADDRESS_RATE is 'fast'"),
    "a misspelled setting": ({"CDSHOOKS_CLIENT": "clients.toml"}, "CDSHOOKS_CLIENT is not a setting"),
}


@pytest.mark.parametrize(("changed", "said"), BAD_SETTINGS.values(), ids=BAD_SETTINGS)
def test_a_bad_setting_is_refused_by_name(tmp_path: Path, changed: dict[str, str | None], said: str) -> None:
    with pytest.raises(SettingsError) as error:
        registered_clients(settings_of(tmp_path, **changed))
    assert said in str(error.value) and "Write " in str(error.value)


BAD_CLIENTS: dict[str, tuple[dict[str, Any], str]] = {
    "loopback allowed": ({"allow_loopback": True}, "allow_loopback is true"),
    "the sandbox's issuer": ({"issuer": SANDBOX}, f"issuer is '{SANDBOX}'"),
    "the sandbox's issuer with a path": ({"issuer": f"{SANDBOX}/r4"}, "issuer is"),
    "the sandbox's jku": ({"jku": f"{SANDBOX}/.well-known/jwks.json"}, "jku is"),
    "the sandbox's jku in capitals": ({"jku": "https://Sandbox.CDS-Hooks.org/keys"}, "jku is"),
    "the sandbox as FHIR server": ({"fhir_servers": [SANDBOX]}, "fhir_servers is"),
    "the sandbox as web page": ({"origins": [SANDBOX]}, "origins is"),
    "an issuer on this machine": ({"issuer": "https://localhost/r4"}, "issuer is"),
    "a jku on this machine": ({"jku": "https://127.0.0.1/keys"}, "jku is"),
    "a FHIR server on this machine": ({"fhir_servers": ["https://127.0.0.1/r4"]}, "fhir_servers is"),
    "plain http": ({"jku": "http://fhir.hospital.example/keys"}, "jku is"),
    "plain http on loopback": ({"issuer": "http://127.0.0.1/r4", "allow_loopback": True}, "allow_loopback is true"),
    "a symmetric algorithm": ({"algorithms": ["HS384"]}, "algorithms is"),
    "every web page": ({"origins": ["*"]}, "origins is"),
    "no issuer": ({"issuer": None}, "issuer is missing"),
    "no keys": ({"jku": None, "jwks": None}, "jku is missing"),
    "no FHIR server": ({"fhir_servers": []}, "fhir_servers is"),
}


@pytest.mark.parametrize(("changed", "said"), BAD_CLIENTS.values(), ids=BAD_CLIENTS)
def test_a_bad_client_is_refused_by_client_and_key(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    clients_file(tmp_path, clients_toml(**changed))
    with pytest.raises(SettingsError) as error:
        registered_clients(settings_of(tmp_path))
    assert str(error.value).startswith("CDSHOOKS_CLIENTS: ")
    assert "client hospital, " in str(error.value) and said in str(error.value) and "Write " in str(error.value)


def test_the_list_of_bad_settings_is_long() -> None:
    assert len(BAD_SETTINGS) + len(BAD_CLIENTS) >= 15


def test_the_sandbox_s_key_is_refused_in_a_file_too(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    (tmp_path / "keys.json").write_bytes(jwks(jwk(ec_key(), SANDBOX_KEY_ID)))
    with pytest.raises(SettingsError, match="client hospital, jwks is a file with the CDS Hooks sandbox's key"):
        registered_clients(settings)


def test_a_demo_may_know_the_sandbox_and_loopback(tmp_path: Path) -> None:
    local = {"issuer": "http://127.0.0.1:9/r4", "jku": "http://127.0.0.1:9/keys", "allow_loopback": True}
    clients_file(tmp_path, clients_toml(issuer=SANDBOX), clients_toml(name="local", **local))
    settings = settings_of(tmp_path, CDSHOOKS_MODE="demo", CDSHOOKS_PUBLIC_URL=None)
    assert len(registered_clients(settings)) == 2


def test_an_open_demo_has_no_clients() -> None:
    assert registered_clients(read_settings({"CDSHOOKS_MODE": "demo"})) == ()


def test_a_roster_that_is_made_up_is_refused_before_any_process_starts(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"CDSHOOKS_DATABASE_URL leads to a registry without your own .*SYNTHETIC"):
        run_server(settings_of(tmp_path))


def test_a_made_up_center_among_imported_ones_is_refused(shipped: Library) -> None:
    made_up = shipped.rosters[0]
    real = replace(made_up, synthetic=False, npi="1234567893", facility_name="Hospital")
    refuse_synthetic(shipped.rosters, [real])
    refuse_synthetic((), ())
    with pytest.raises(SettingsError, match="made up"):
        refuse_synthetic(shipped.rosters, [real, made_up])


def test_the_addresses_of_a_client_are_those_that_are_checked() -> None:
    client = Client("a", ISSUER, JKU, None, None, ("ES384",), (FHIR,), origins=frozenset({"https://ehr.example"}))
    assert dict(addresses(client)) == {
        "issuer": ISSUER,
        "jku": JKU,
        "fhir_servers": FHIR,
        "origins": "https://ehr.example",
    }
