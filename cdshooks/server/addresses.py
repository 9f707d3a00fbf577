"""Which addresses may be called: those below what is registered, read strictly and only once.

An address that two readers could take for different places is none: no user, no fragment, no escape in the host,
no dot segment, no backslash, no character outside ASCII.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

LONGEST = 8192
_PATH = r"[A-Za-z0-9._~!$&'()*+,;=:@%-]"
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::(?P<port>[1-9][0-9]{0,4}))?"
    rf"(?P<path>(?:/{_PATH}*)*)(?:\?(?P<query>(?:{_PATH}|[/?|\[\]])*))?",
    re.IGNORECASE | re.ASCII,
)
_BAD_ESCAPE = re.compile(r"%(?![0-9a-f]{2})|%(?:[01][0-9a-f]|25|2e|2f|5c|7f)", re.IGNORECASE | re.ASCII)
_PORTS = {"https": 443, "http": 80}
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(text)
    for text in (
        "168.63.129.16/32",  # a cloud's own metadata and DNS, although the range is public
        "192.88.99.0/24",  # 6to4 relay
        "::/8",  # unspecified, loopback, IPv4-compatible and IPv4-mapped
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
        "fec0::/10",  # site-local, deprecated
    )
)


@dataclass(frozen=True, slots=True)
class FhirAccess:
    """From which FHIR servers a client's data may be read.

    `servers` are base addresses, https. `allow_loopback`: this machine too, also by http, for tests.
    `without_token`: a call that brings no access token may be tried without one.
    """

    servers: tuple[str, ...] = ()
    allow_loopback: bool = False
    without_token: bool = False


@dataclass(frozen=True, slots=True)
class Address:
    """Where a request goes: `path` and `query` are as they were written."""

    scheme: str
    host: str
    port: int
    path: str
    query: str | None = None

    @property
    def target(self) -> str:
        """What stands in the request line."""
        return (self.path or "/") + ("" if self.query is None else f"?{self.query}")

    @property
    def authority(self) -> str:
        """What stands in the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def is_below(self, base: Address) -> bool:
        """True for the base itself and what lies under its path, at the same scheme, host and port."""
        same = (self.scheme, self.host, self.port) == (base.scheme, base.host, base.port)
        return same and (self.path == base.path or self.path.startswith(f"{base.path.rstrip('/')}/"))


def read_address(text: str, allow_loopback: bool = False) -> Address | None:
    """The address in a text; None when it is not https (or this machine, where allowed) or not plain in every part."""
    found = _URL.fullmatch(text) if len(text) <= LONGEST and text.isascii() else None
    if found is None:
        return None
    scheme, host, path = found["scheme"].lower(), found["host"].lower().strip("[]"), found["path"]
    port = int(found["port"] or _PORTS[scheme])
    if port > 65535 or ".." in host or _BAD_ESCAPE.search(path) or not _is_plain(path):
        return None
    if scheme != "https" and not (allow_loopback and is_loopback(host)):
        return None
    return Address(scheme, host, port, path, found["query"])


def registered(text: str | None, access: FhirAccess) -> Address | None:
    """The base address of a call's fhirServer, if it is one of the client's; a slash at its end is no difference."""
    asked = read_address(text.rstrip("/"), access.allow_loopback) if text else None
    own = (read_address(server.rstrip("/"), access.allow_loopback) for server in access.servers)
    return asked if asked is not None and asked.query is None and asked in own else None


def is_loopback(host: str) -> bool:
    """True for a name or number of this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def may_be_called(number: str, allow_loopback: bool) -> bool:
    """Whether an IP address is public, as far as can be told: nothing private, shared, special or tunnelled."""
    address = ipaddress.ip_address(number.partition("%")[0])
    if address.is_loopback and allow_loopback:
        return True
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address in network for network in _NOT_PUBLIC if network.version == address.version)


def _is_plain(path: str) -> bool:
    """False for a path with an empty segment inside it, or one that begins with a dot."""
    segments = path.split("/")[1:]
    return not any(segment.startswith(".") for segment in segments) and "" not in segments[:-1]
