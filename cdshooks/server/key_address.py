"""Fetching a JWK Set from a client's registered address, and from nowhere else."""

from __future__ import annotations

import ipaddress
import socket
import time
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter

from cdshooks.server.clients import Client

SECONDS = 2.0
MAX_BYTES = 256 * 1024


class _OneHost(HTTPAdapter):
    """Checks the certificate of the named host although the connection goes to an address."""

    def __init__(self, host: str) -> None:
        self._host = host
        super().__init__(max_retries=0)

    def init_poolmanager(self, *sizes: Any, **options: Any) -> None:
        super().init_poolmanager(*sizes, server_hostname=self._host, assert_hostname=self._host, **options)


def fetch_keys(client: Client) -> bytes:
    """What stands at the client's jku: no redirect, at most 256 KiB, at most about two seconds.

    The name is resolved once, and the address that was checked is the one that is called. Raises OSError.
    """
    url = urlsplit(str(client.jku))
    host, port = str(url.hostname), url.port or (443 if url.scheme == "https" else 80)
    address = public_address(host, port, client.allow_loopback)
    shown = f"[{address}]" if ":" in address else address
    with requests.Session() as session:
        session.trust_env = False  # no proxy: it would resolve the name anew
        if url.scheme == "https":
            session.mount("https://", _OneHost(host))
        return _read(session, urlunsplit((url.scheme, f"{shown}:{port}", url.path, "", "")), url.netloc)


def public_address(host: str, port: int, allow_loopback: bool) -> str:
    """The IP address of a host. Raises OSError unless every address that it has may be called.

    Private, loopback, link-local and shared address space may not; loopback may where a client is for tests.
    """
    found = {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    for text in found:
        address = ipaddress.ip_address(text.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        if not ((address.is_global and not address.is_multicast) or (allow_loopback and address.is_loopback)):
            raise PermissionError("the name leads to an address that is not public")
    return min(found)


def _read(session: requests.Session, url: str, host: str) -> bytes:
    end = time.monotonic() + SECONDS
    asked = {"Host": host, "Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "cdshooks"}
    with session.get(url, headers=asked, allow_redirects=False, stream=True, timeout=SECONDS) as reply:
        if reply.status_code != 200 or reply.headers.get("Content-Encoding", "identity") != "identity":
            raise ConnectionError("the answer is no plain 200")
        read = b""
        while part := reply.raw.read1(MAX_BYTES):
            read += part
            if len(read) > MAX_BYTES or time.monotonic() > end:
                raise ConnectionError("the answer is too long or too slow")
        return read
