"""Our application under the web server's interface: what it is told of a call, and a body that does not come."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask, request
from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]
from serving import running_server, wait_until_live

from cdshooks.hooks.errors import RequestError
from cdshooks.server.callers import AT_ONCE
from cdshooks.server.replies import MAX_BODY_BYTES
from cdshooks.server.rsgi import BODY_SECONDS, Served
from cdshooks.server.settings import read_settings

URL = "/cds-services/cart-order-sign"
CALL = {"hook": "order-sign", "hookInstance": "h", "context": {"patientId": "p1"}}


class Headers(list[tuple[str, str]]):
    def items(self) -> list[tuple[str, str]]:
        return self

    def get(self, name: str) -> str | None:
        return next((value for key, value in self if key == name), None)


class Scope:
    proto, http_version, scheme, authority = "http", "1.1", "http", None
    server, client = "127.0.0.1:8000", "192.0.2.7:4711"
    method, path, query_string = "POST", "/", ""

    def __init__(self, *headers: tuple[str, str], **fields: Any) -> None:
        self.headers = Headers(headers)
        self.__dict__.update(fields)


class Sent:
    """A call whose body comes in parts: bytes, seconds to wait, or an exception; `taken` counts what was read."""

    def __init__(self, *parts: bytes | float | Exception) -> None:
        self.parts, self.taken = parts, 0
        self.status, self.headers, self.said = 0, dict[str, str](), b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            self.taken += 1
            if isinstance(part, Exception):
                raise part
            if isinstance(part, bytes):
                yield part
            else:
                await asyncio.sleep(part)

    async def __call__(self) -> bytes:
        return b"".join([part async for part in self])

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.said = status, dict(headers), body


def echo() -> Flask:
    """Says what it was told, and how long the body was."""
    app = Flask("echo")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES + 1
    app.register_error_handler(
        RequestError, lambda error: ({"status": error.status, "says": error.message}, error.status)
    )

    @app.route("/", defaults={"path": ""}, methods=["GET", "POST"])
    @app.route("/<path:path>", methods=["GET", "POST"])
    def say(path: str) -> dict[str, Any]:
        told = {"path": path, "url": request.url, "from": request.remote_addr, "headers": dict(request.headers)}
        return told if path == "unread" else told | {"size": len(request.get_data())}

    return app


def called(scope: Scope, *parts: bytes | float | Exception, seconds: float = 5) -> Sent:
    sent = Sent(*parts)
    asyncio.run(Served(echo(), threads=1, body_seconds=seconds)(scope, sent))  # type: ignore[arg-type]
    return sent


def told(scope: Scope, *parts: bytes) -> Any:
    return json.loads(called(scope, *parts).said)


def test_the_application_is_told_of_the_call() -> None:
    found = told(Scope(("host", "cds.example"), ("x-a", "1"), ("x-a", "2"), path="/a b/ü", query_string="x=%41"))
    assert (found["path"], found["url"]) == ("a b/ü", "http://cds.example/a%20b/ü?x=A")
    assert found["from"] == "192.0.2.7"
    assert found["headers"] == {"Host": "cds.example", "X-A": "1,2"}


def test_an_address_of_the_newer_kind_and_a_host_of_http_2_are_understood() -> None:
    found = told(Scope(client="[2001:db8::1]:4711", server="[::1]:8000", authority="cds.example:8443"))
    assert (found["from"], found["url"]) == ("2001:db8::1", "http://cds.example:8443/")


@pytest.mark.parametrize("headers", [[("content-length", "9")], []], ids=["of known length", "in chunks"])
def test_a_body_is_read_whole(headers: list[tuple[str, str]]) -> None:
    assert told(Scope(*headers), b"four", b"+five")["size"] == 9


@pytest.mark.parametrize("headers", [[("content-length", "9")], []], ids=["of known length", "in chunks"])
def test_a_body_that_does_not_come_is_given_up(headers: list[tuple[str, str]]) -> None:
    sent = called(Scope(*headers), b"four", 30.0, b"+five", seconds=0.05)
    assert (sent.status, json.loads(sent.said)["says"]) == (400, "the body did not come within 0.05 seconds")


def test_a_drip_of_bytes_does_not_begin_the_time_anew() -> None:
    sent = called(Scope(), *([b".", 0.01] * 2000), seconds=0.1)
    assert sent.status == 400 and sent.taken < 100


def test_a_body_that_nobody_asks_for_is_not_read() -> None:
    sent = called(Scope(path="/unread"), b"four")
    assert (sent.status, sent.taken) == (200, 0)


def test_a_body_without_a_length_is_read_to_its_limit_and_no_further() -> None:
    sent = called(Scope(), *[b"." * 1024 * 1024] * 100)
    assert sent.status == 200 and len(sent.parts) > sent.taken == 21
    assert json.loads(sent.said)["size"] == MAX_BODY_BYTES + 1


def test_a_body_that_is_said_to_be_too_long_is_not_read() -> None:
    sent = called(Scope(("content-length", str(MAX_BODY_BYTES + 2))), b".")
    assert (sent.status, sent.taken) == (413, 0)


def test_a_caller_who_goes_away_leaves_a_body_that_is_too_short() -> None:
    assert json.loads(called(Scope(("content-length", "9")), b"four", ProtocolClosed()).said)["size"] == 0


class Parts(list[bytes]):
    closed = False

    def close(self) -> None:
        self.closed = True


def test_an_answer_in_parts_is_sent_whole_and_closed() -> None:
    parts, sent = Parts([b"one ", b"answer"]), Sent()

    def application(environ: Any, start: Any) -> Parts:
        start("200 OK", [("Content-Type", "text/plain")])
        return parts

    asyncio.run(Served(application, threads=1)(Scope(), sent))  # type: ignore[arg-type]
    assert (sent.status, sent.headers, sent.said) == (200, {"Content-Type": "text/plain"}, b"one answer")
    assert parts.closed


def test_slow_bodies_hold_their_places_for_ten_seconds_and_are_cut_off_as_are_silent_callers(tmp_path: Path) -> None:
    settings = read_settings({"CDSHOOKS_MODE": "demo", "CDSHOOKS_DATABASE_URL": f"sqlite:///{tmp_path}/store.db"})
    head = f"POST {URL} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n{{"
    with ExitStack() as open_ones, running_server(settings, workers=1, output=tmp_path / "output") as (url, _):
        wait_until_live(url)
        address = ("127.0.0.1", int(url.rsplit(":", 1)[1]))
        began = time.monotonic()
        slow = [open_ones.enter_context(socket.create_connection(address, timeout=60)) for _ in range(AT_ONCE)]
        silent = open_ones.enter_context(socket.create_connection(address, timeout=60))
        for line in slow:
            line.sendall(head.encode())
        until = began + BODY_SECONDS
        with ThreadPoolExecutor(AT_ONCE) as pool:
            ended = list(pool.map(lambda line: everything(line), slow))
        assert all(answer.startswith(b"HTTP/1.1 400 ") and b"did not come" in answer for answer in ended)
        assert time.monotonic() >= until
        assert everything(silent) == b""
        assert requests.post(f"{url}{URL}", json=CALL, timeout=30).status_code == 200


def everything(line: socket.socket) -> bytes:
    """All that is said until the other side closes the connection."""
    return b"".join(iter(lambda: line.recv(4096), b""))
