"""The clients file: what it says, and how a person learns what is wrong in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ehr import FHIR, ISSUER, JKU, clients_file, clients_toml, ec_key, jwk, jwks, rsa_key

from cdshooks.server.clients import Client, read_clients
from cdshooks.server.settings import SettingsError

ROOT = Path(__file__).parents[1]


def one(folder: Path, **changed: Any) -> Client:
    (client,) = read_clients(clients_file(folder, clients_toml(**changed)))
    return client


def test_the_example_file_is_one_that_is_read() -> None:
    hospital, clinic = read_clients(ROOT / "docs/clients.example.toml")
    assert (hospital.name, hospital.tenant, hospital.shadow) == ("example-hospital", "t1", True)
    assert hospital.algorithms == ("RS384",)
    assert hospital.timezone is not None and hospital.timezone.key == "America/New_York"
    assert clinic.departments == {"Organization/oncology", "Location/bmt-clinic"}
    assert clinic.keys and not hospital.keys


def test_the_example_file_explains_every_key() -> None:
    text = (ROOT / "docs/clients.example.toml").read_text("utf-8")
    schema = json.loads((ROOT / "cdshooks/server/schema/clients.json").read_text("utf-8"))
    for key in schema["$defs"]["client"]["properties"]:
        assert f"{key} = " in text, key


def test_a_client_that_says_little_gets_the_defaults(tmp_path: Path) -> None:
    client = one(tmp_path)
    assert (client.issuer, client.jku, client.fhir_servers) == (ISSUER, JKU, (FHIR,))
    assert client.algorithms == ("ES384", "RS384")
    assert client.suggestions and client.dossier_links
    assert not (client.shadow or client.system_actions or client.allow_loopback or client.departments)
    assert client.timezone is client.default_facility is client.tenant is None


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "name in capitals": ({"name": "Hospital"}, "name is 'Hospital'. Write a name of its own in small letters"),
    "no name": ({"name": None}, "name is missing. Write a name of its own"),
    "no issuer": ({"issuer": None}, "issuer is missing. Write the iss of its tokens"),
    "issuer that is a number": ({"issuer": 7}, "issuer is 7. Write the iss"),
    "issuer in plain http": (
        {"issuer": "http://fhir.hospital.example"},
        "Write a plain address that begins with https://",
    ),
    "no keys": ({"jku": None, "jwks": None}, "jku is missing. Write the address of its keys"),
    "jku in plain http": ({"jku": "http://fhir.hospital.example/k"}, "Write a plain address that begins with https://"),
    "jku with a user": ({"jku": "https://a@b.example/k"}, "jku is 'https://a@b.example/k'. Write the address"),
    "jku with a query": ({"jku": "https://b.example/k?x=1"}, "jku is"),
    "jku with a fragment": ({"jku": "https://b.example/k#x"}, "jku is"),
    "jwks in another folder": ({"jwks": "../keys.json"}, "jwks is '../keys.json'. Write the name of a JWK Set file"),
    "jwks that is not there": ({"jwks": "none.json"}, "No such file"),
    "jwks that is no JWK Set": ({"jwks": "clients.toml"}, "it is not JSON"),
    "a symmetric algorithm": ({"algorithms": ["HS384"]}, "algorithms is 'HS384'. Write one or both of"),
    "no algorithm": ({"algorithms": ["none"]}, "algorithms is 'none'"),
    "an empty list of algorithms": ({"algorithms": []}, "algorithms is []"),
    "no FHIR server": ({"fhir_servers": []}, "fhir_servers is []. Write a list of the addresses"),
    "FHIR server in plain http": ({"fhir_servers": ["http://a.example"]}, "that begins with https://"),
    "FHIR server with a star": ({"fhir_servers": "*"}, "fhir_servers is '*'"),
    "an NPI with a typing error": (
        {"default_facility": "1234567890"},
        "is '1234567890'. Write an NPI: ten",
    ),
    "an unknown zone": ({"timezone": "Mars/Olympus"}, "timezone is 'Mars/Olympus'. Write an IANA name"),
    "yes for true": ({"shadow": "yes"}, "shadow is 'yes'. Write true or false"),
    "a department that is a name": ({"departments": ["Oncology"]}, "departments is 'Oncology'. Write a list of"),
    "any origin": ({"origins": ["*"]}, "origins is '*'. Write a list of the origins"),
    "an origin with a path": ({"origins": ["https://ehr.example/x"]}, "origins is"),
    "an origin in plain http": ({"origins": ["http://ehr.example"]}, "that begins with https://"),
    "no calls": ({"calls_per_second": 0}, "calls_per_second is 0. Write a whole number"),
    "a misspelled key": ({"shadwo": True}, "shadwo is True. Write one of name, issuer,"),
    "a misspelled key that is needed": ({"jku": None, "jwks": None, "jkuu": JKU}, "jkuu is"),
    "an empty tenant": ({"tenant": ""}, "tenant is ''. Write the tenant"),
}


@pytest.mark.parametrize(("changed", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_with_client_key_and_what_to_write(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    path = clients_file(tmp_path, clients_toml(**changed))
    with pytest.raises(SettingsError) as error:
        read_clients(path)
    assert str(error.value).startswith(f"CDSHOOKS_CLIENTS: {path}: client ")
    assert said in str(error.value)
    assert "hospital" in str(error.value) or "name" in changed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "client is missing"),
        ("client = []", "client is \\[\\]"),
        ("[[client]", "is not TOML"),
        ("clients = 1\n" + clients_toml(), "clients is 1. Write one of client"),
        (clients_toml() + clients_toml(tenant="t2"), "name is 'hospital'. Write a name that no other client has"),
        (clients_toml() + clients_toml(name="other"), "client other, tenant is missing. Write a tenant that no other"),
        (clients_toml(tenant="t") + clients_toml(name="b", tenant="t"), "client b, tenant is 't'"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_as_a_whole(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        read_clients(clients_file(tmp_path, text))


def test_a_file_that_is_not_there_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none.toml', which cannot be read: No such file.* docs/clients.example"):
        read_clients(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (jwk(ec_key()) | {"d": "AAAA"}, "key 1 is a secret"),
        ({"kty": "oct", "k": "AAAA", "kid": "a"}, "key 1 is a secret"),
        ({"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "a"}, "key 1 is not for signatures"),
        (jwk(rsa_key("small", 1024)), "key 1 is neither on the curve P-384 nor RSA of 2048"),
        (jwk(ec_key(), use="enc"), "key 1 is not for signatures"),
    ],
)
def test_keys_in_a_file_are_public_and_strong(tmp_path: Path, key: dict[str, Any], said: str) -> None:
    path = clients_file(tmp_path)
    (tmp_path / "keys.json").write_bytes(jwks(key))
    with pytest.raises(SettingsError, match=said):
        read_clients(path)


def test_loopback_is_for_clients_that_say_so(tmp_path: Path) -> None:
    local = {"issuer": "http://127.0.0.1:9000/fhir", "fhir_servers": ["http://localhost:9000/fhir"]}
    with pytest.raises(SettingsError, match="begins with https"):
        one(tmp_path, **local)
    assert one(tmp_path, **local, allow_loopback=True).serves("http://localhost:9000/fhir")
    with pytest.raises(SettingsError, match="begins with https"):
        one(tmp_path, issuer="http://127.0.0.1.example.org", allow_loopback=True)


@pytest.mark.parametrize("server", [FHIR, f"{FHIR}/", f"{FHIR}/tenant-1"])
def test_a_client_serves_its_servers_and_what_lies_below(tmp_path: Path, server: str) -> None:
    assert one(tmp_path).serves(server)
    assert one(tmp_path, fhir_servers=[f"{FHIR}/"]).serves(server)


@pytest.mark.parametrize(
    "server",
    [
        "",
        "https://ehr.example.org",
        "https://ehr.example.org/r4x",
        "https://ehr.example.org/R4",
        "http://ehr.example.org/r4",
        "https://ehr.example.org.evil.example/r4",
        "https://ehr.example.org/r4/../r3",
        "https://ehr.example.org/r4/%2e%2e/r3",
        "https://ehr.example.org/r4?x",
        "https://ehr.example.org/r4/?x",
        "https://ehr.example.org/r4#x",
        "https://ehr.example.org/r4@evil.example",
        "https://ehr.example.org/r4\\x",
        "https://user@ehr.example.org/r4",
        "https://ehr.example.org:444/r4",
    ],
)
def test_a_client_serves_no_other_server(tmp_path: Path, server: str) -> None:
    assert not one(tmp_path).serves(server)
