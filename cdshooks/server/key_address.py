"""Fetching a JWK Set from a client's registered address, and from nowhere else."""

from __future__ import annotations

import ssl
import time

from cdshooks.hooks.fetched import Miss
from cdshooks.server.addresses import read_address
from cdshooks.server.clients import Client
from cdshooks.server.guarded_http import HttpMiss, read_from, resolve

SECONDS = 2.0
MAX_BYTES = 256 * 1024
_HEADERS = {"Accept": "application/json", "User-Agent": "cdshooks"}


def fetch_keys(client: Client, tls: ssl.SSLContext | None = None) -> bytes:
    """What stands at the client's jku: no redirect, at most 256 KiB, within two seconds. Raises HttpMiss."""
    address = read_address(str(client.jku), client.allow_loopback)
    if address is None:
        raise HttpMiss(Miss.ELSEWHERE)
    read = 0

    def count(more: int) -> None:
        nonlocal read
        read += more
        if read > MAX_BYTES:
            raise HttpMiss(Miss.TOO_LARGE)

    numbers = resolve(address, client.allow_loopback)
    reply = read_from(numbers, address, _HEADERS, time.monotonic() + SECONDS, count, tls)
    if reply.status != 200:
        raise HttpMiss(Miss.REFUSED)
    return reply.body
