"""Signing as a tester: a key that is made once, kept to oneself, and known to the service by its public half."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import requests
from ehr import PUBLIC
from terminal import fails, prints

from cdshooks.cli.signing import own_signer
from cdshooks.engine.library import Library
from cdshooks.server.app import create_app
from cdshooks.server.clients import read_clients
from cdshooks.server.settings import read_settings


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "cdshooks"


@pytest.fixture
def service(shipped: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A production service behind a proxy; `start` reads its clients file."""
    running: dict[str, Any] = {}

    def start(clients: str) -> None:
        (tmp_path / "clients.toml").write_text(clients, "utf-8")
        environment = {
            "CDSHOOKS_CLIENTS": str(tmp_path / "clients.toml"),
            "CDSHOOKS_PUBLIC_URL": PUBLIC,
            "CDSHOOKS_DATABASE_URL": f"sqlite:///{tmp_path}/store.db",
        }
        running["client"] = create_app(read_settings(environment), shipped).test_client()

    def post(address: str, data: bytes, headers: dict[str, str], timeout: float) -> requests.Response:
        path = address.removeprefix("http://inner").removeprefix(PUBLIC)
        reply = running["client"].post(path, data=data, headers=headers)
        made = requests.Response()
        made.status_code, made._content, made.reason = reply.status_code, reply.data, reply.status.split(" ", 1)[1]
        return made

    monkeypatch.setattr("cdshooks.cli.fire.requests.post", post)
    running["start"] = start
    return running


def test_a_key_is_made_once_and_is_for_its_owner_alone(own_folder: Path) -> None:
    first, second = own_signer(), own_signer()
    assert first.kid == second.kid
    assert (own_folder / "tester-key.json").stat().st_mode & 0o777 == 0o600
    (public,) = json.loads(first.key_set.read_text())["keys"]
    assert public["kid"] == first.kid and public["crv"] == "P-384" and "d" not in public


def test_a_tester_registers_with_what_is_printed_and_is_answered(service: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(own_signer().key_set.read_text())
    other = '[[client]]\nname = "other"\nissuer = "https://o.example"\njwks = "keys.json"\nfhir_servers = ["https://o.example"]\n'
    service["start"](other)
    said = fails(1, "fire", "mcl-missing-three", "--sign", "--url", PUBLIC)
    assert "does not know this caller (401)" in said
    table = said.split("write there\n\n")[1].split("\n\nand start it again")[0]
    assert tomllib.loads(table)["client"][0]["fhir_servers"] == ["https://ehr.example.org/r4"]
    shutil.copy(own_signer().key_set, tmp_path)
    service["start"](other + table)
    assert len(read_clients(tmp_path / "clients.toml")) == 2
    for _ in range(2):
        said = prints("fire", "mcl-missing-three", "--sign", "--url", PUBLIC)
        assert "mcl-missing-three → 200 OK" in said and "documents needed for prior approval" in said
    said = prints("fire", "mcl-complete", "--sign", "--url", "http://inner", "--audience", f"{PUBLIC}/")
    assert "200 OK" in said
    assert "does not know" in fails(1, "fire", "mcl-complete", "--sign", "--url", "http://inner")
    assert "does not know" in fails(1, "fire", "mcl-complete", "--sign", "--url", PUBLIC, "--tenant", "t1")
    assert "does not know" in fails(
        1, "fire", "mcl-complete", "--sign", "--url", PUBLIC, "--issuer", "https://x.example"
    )
    assert "Sign the call with --sign" in fails(1, "fire", "mcl-complete", "--url", PUBLIC)


def test_a_key_that_cannot_be_read_is_told_with_what_to_do(service: dict[str, Any], own_folder: Path) -> None:
    own_folder.mkdir(parents=True)
    for text in ("", "{}", '{"kty": "EC", "kid": "a"}', json.dumps({"kty": "RSA", "n": "AQAB", "e": "AQAB"})):
        (own_folder / "tester-key.json").write_text(text)
        assert "the tester's key cannot be used: " in fails(1, "fire", "mcl-complete", "--sign")
