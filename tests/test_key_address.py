"""Fetching keys: from the registered address alone, and from nothing inside the house."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from ehr import bearer, claims, clients_file, clients_toml, ec_key, header, jwks, signed

from cdshooks.engine.library import Library
from cdshooks.server import key_address
from cdshooks.server.app import create_app
from cdshooks.server.clients import Client, read_clients
from cdshooks.server.guarded_http import HttpMiss
from cdshooks.server.key_address import MAX_BYTES, fetch_keys
from cdshooks.server.settings import read_settings


@contextmanager
def serving(answer: Callable[[Any], None]) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def plain(body: bytes, status: int = 200, **headers: str) -> Callable[[Any], None]:
    def answer(call: Any) -> None:
        call.send_response(status)
        for name, value in headers.items():
            call.send_header(name.replace("_", "-"), value)
        call.end_headers()
        call.wfile.write(body)

    return answer


@pytest.fixture
def local(tmp_path: Path) -> Client:
    (client,) = read_clients(clients_file(tmp_path, clients_toml(jwks=None, allow_loopback=True)))
    return client


def test_what_stands_at_the_address_is_read(local: Client) -> None:
    asked: list[Any] = []

    def answer(call: Any) -> None:
        asked.append((call.path, call.headers["Host"], call.headers["Authorization"]))
        plain(jwks())(call)

    with serving(answer) as base:
        assert fetch_keys(replace(local, jku=f"{base}/keys.json")) == jwks()
    assert asked == [("/keys.json", base.removeprefix("http://"), None)]


REFUSED: dict[str, Callable[[Any], None]] = {
    "a redirect": plain(b"", 302, Location="https://evil.example/keys"),
    "another redirect": plain(b"", 307, Location="http://169.254.169.254/"),
    "not found": plain(jwks(), 404),
    "too long": plain(b" " * (MAX_BYTES + 1)),
    "compressed": plain(b"x", Content_Encoding="gzip"),
}


@pytest.mark.parametrize("answer", REFUSED.values(), ids=REFUSED)
def test_any_other_answer_is_refused(local: Client, answer: Callable[[Any], None]) -> None:
    with serving(answer) as base, pytest.raises(HttpMiss):
        fetch_keys(replace(local, jku=f"{base}/keys.json"))


def test_an_answer_that_drips_is_cut_off(local: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_address, "SECONDS", 0.3)
    stop = threading.Event()

    def answer(call: Any) -> None:
        plain(b" ")(call)
        while not stop.wait(0.05):
            try:
                call.wfile.write(b" ")
                call.wfile.flush()
            except OSError:
                return

    with serving(answer) as base, pytest.raises(HttpMiss, match="late"):
        try:
            fetch_keys(replace(local, jku=f"{base}/keys.json"))
        finally:
            stop.set()


@pytest.mark.parametrize(
    "jku", ["https://127.0.0.1/k", "https://localhost/k", "https://10.0.0.1/k", "https://[::1]/k", "http://a.example/k"]
)
def test_nothing_inside_the_house_is_called(local: Client, jku: str) -> None:
    with pytest.raises(HttpMiss, match="elsewhere"):
        fetch_keys(replace(local, jku=jku, allow_loopback=False))


def test_a_name_with_one_address_inside_is_refused(local: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, port)) for text in ("93.184.216.34", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(HttpMiss, match="elsewhere"):
        fetch_keys(replace(local, jku="https://both.example/k"))


def test_a_client_is_known_by_the_keys_that_stand_at_its_address(shipped: Library, tmp_path: Path) -> None:
    """The whole way: its token names the address, the service asks there, and finds the key."""
    with serving(plain(jwks())) as base:
        table = clients_toml(issuer=f"{base}/r4", jku=f"{base}/keys", jwks=None, allow_loopback=True)
        environment = {
            "CDSHOOKS_MODE": "demo",
            "CDSHOOKS_CLIENTS": str(clients_file(tmp_path, table)),
            "CDSHOOKS_DATABASE_URL": f"sqlite:///{tmp_path}/store.db",
        }
        client = create_app(read_settings(environment), shipped).test_client()
        said = claims(iss=f"{base}/r4", aud="http://localhost/cds-services")
        good = signed(header(jku=f"{base}/keys"), said)
        forged = signed(header(jku=f"{base}/keys"), said | {"jti": "2"}, ec_key("theirs"))
        assert client.get("/cds-services", headers=bearer(forged)).status_code == 401
        assert client.get("/cds-services", headers=bearer(good)).status_code == 200
        assert client.get("/cds-services", headers=bearer(good)).status_code == 401
