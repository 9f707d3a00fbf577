"""One GET to an address that was checked: the name is resolved once and the address found is the one called.

No proxy, no redirect, no compression, no cookie. Every wait counts down to one deadline, however the other side
spreads its bytes, and what is read is counted while it comes. An error says what failed, never what was sent.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from cdshooks.hooks.fetched import Miss
from cdshooks.server.addresses import Address, may_be_called

_PART = 64 * 1024
_TRIED = 3  # addresses of one name


class HttpMiss(Exception):
    """An answer that was not had; `dead` when the server itself gave no sign of life."""

    def __init__(self, miss: Miss, dead: bool = False) -> None:
        super().__init__(miss.value)
        self.miss = miss
        self.dead = dead


@dataclass(frozen=True, slots=True)
class Reply:
    """What came: a status, and a body as long as it was allowed to be."""

    status: int
    body: bytes


class _Timed(socket.socket):
    """A socket whose every read ends at one deadline: a drip of bytes does not begin it anew."""

    deadline = 0.0

    def recv_into(self, *into: Any) -> int:
        self.settimeout(_left(self.deadline))
        return super().recv_into(*into)


class _TimedTls(ssl.SSLSocket):
    """The same over TLS."""

    deadline = 0.0

    def recv_into(self, *into: Any) -> int:
        self.settimeout(_left(self.deadline))
        return super().recv_into(*into)


@cache
def default_tls() -> ssl.SSLContext:
    """The system's certificates, names checked, TLS 1.2 or later."""
    return ssl.create_default_context()


def resolve(address: Address, allow_loopback: bool) -> list[str]:
    """The IP addresses of a host. Raises HttpMiss when there are none, or when any of them may not be called."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise HttpMiss(Miss.FAILED, dead=True) from None
    numbers = [*dict.fromkeys(str(info[4][0]) for info in found)]
    if not numbers or not all(may_be_called(number, allow_loopback) for number in numbers):
        raise HttpMiss(Miss.ELSEWHERE)
    return numbers


def read_from(
    numbers: list[str],
    address: Address,
    headers: Mapping[str, str],
    deadline: float,
    count: Callable[[int], None],
    tls: ssl.SSLContext | None = None,
) -> Reply:
    """GET an address at the first of its `numbers` that takes the call, until `deadline` (monotonic seconds).

    `count` is told of every part of the body before it is kept, and may raise HttpMiss. Raises HttpMiss.
    """
    connected: socket.socket | None = None
    try:
        connected = _connected(numbers, address, deadline, tls)
        return _exchange(connected, address, headers, count)
    except TimeoutError:
        raise HttpMiss(Miss.LATE, dead=True) from None
    except OSError:
        raise HttpMiss(Miss.FAILED, dead=True) from None
    except (http.client.HTTPException, ValueError):
        raise HttpMiss(Miss.UNREADABLE) from None
    finally:
        if connected is not None:
            with suppress(OSError):
                connected.close()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _connected(numbers: list[str], address: Address, deadline: float, tls: ssl.SSLContext | None) -> socket.socket:
    failure: OSError = ConnectionError()
    for number in numbers[:_TRIED]:
        plain = _Timed(socket.AF_INET6 if ":" in number else socket.AF_INET, socket.SOCK_STREAM)
        plain.deadline = deadline
        try:
            plain.settimeout(_left(deadline))
            plain.connect((number, address.port))
            return plain if address.scheme == "http" else _secured(plain, address.host, deadline, tls or default_tls())
        except OSError as error:
            plain.close()
            failure = error
            if isinstance(error, TimeoutError | ssl.SSLError):
                break
    raise failure


def _secured(plain: socket.socket, host: str, deadline: float, tls: ssl.SSLContext) -> socket.socket:
    tls.sslsocket_class = _TimedTls
    plain.settimeout(_left(deadline))
    secured = tls.wrap_socket(plain, server_hostname=host)
    assert isinstance(secured, _TimedTls)
    secured.deadline = deadline
    return secured


def _exchange(
    connected: socket.socket, address: Address, headers: Mapping[str, str], count: Callable[[int], None]
) -> Reply:
    connection = http.client.HTTPConnection(address.host, address.port)
    connection.sock = connected
    connection.putrequest("GET", address.target, skip_host=True, skip_accept_encoding=True)
    fixed = {"Host": address.authority, "Accept-Encoding": "identity", "Connection": "close"}
    for name, value in {**fixed, **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    with connection.getresponse() as response:
        if response.status != 200:
            return Reply(response.status, b"")
        if response.getheader("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            raise HttpMiss(Miss.UNREADABLE)
        return Reply(200, _body(response, count))


def _body(response: http.client.HTTPResponse, count: Callable[[int], None]) -> bytes:
    """The body as it comes, never more than its Content-Length; one that ends before is not an answer."""
    parts: list[bytes] = []
    left = response.length
    if left is not None:
        count(left)
    while left is None or left > 0:
        part = response.read1(_PART if left is None else min(_PART, left))
        if not part:
            if left is not None:
                raise HttpMiss(Miss.UNREADABLE)
            break
        if left is None:
            count(len(part))
        else:
            left -= len(part)
        parts.append(part)
    return b"".join(parts)
