"""Who calls: the JWT of a CDS client, checked against the clients file.

Sources: CDS Hooks 2.0.1, Trusting CDS Clients; RFC 7515, 7519 and 8725. Whoever is refused learns no reason.
"""

from __future__ import annotations

import re
import time
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jwt

from cdshooks.hooks import json_body
from cdshooks.hooks.errors import RequestError
from cdshooks.server.clients import Client
from cdshooks.server.jwk import MAX_ID
from cdshooks.server.jwks import ClientKeys
from cdshooks.server.used_tokens import UsedTokens

MAX_TOKEN = 16 * 1024
MAX_AUDIENCES = 16
SKEW_SECONDS = 60
LIFETIME_SECONDS = 20 * 60

_BEARER = re.compile(r"bearer +([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+) *", re.IGNORECASE)
_REFUSED_MEMBERS = ("jwk", "x5u", "x5c", "crit", "b64", "zip", "enc")


class Unauthorized(Exception):
    """A call that is not from a registered client. `reason` is one of our own words, for the log alone."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Authenticator:
    """Tells which client a call comes from, and remembers its token."""

    def __init__(
        self,
        clients: Iterable[Client],
        keys: ClientKeys,
        used: UsedTokens,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clients = {(client.issuer, client.tenant): client for client in clients}
        self._keys = keys
        self._used = used
        self._clock = clock

    def client_of(self, authorization: str | None, audiences: Iterable[str]) -> Client:
        """The client that signed the token of an Authorization header for one of these addresses of ours.

        Raises Unauthorized; StoreError when the token is right but cannot be remembered.
        """
        header, claims, token = _parts(authorization)
        kid = _check_header(header)
        client = self._registered(header, claims)
        issued_until = _check_times(claims, self._clock())
        _check_audience(claims.get("aud"), audiences)
        jti = _text(claims.get("jti"), "jti")
        self._check_signature(token, client, header["alg"], kid)
        if not self._used.use(client.issuer, jti, issued_until):
            raise Unauthorized("replay")
        return client

    def _registered(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> Client:
        tenant = claims.get("tenant")
        issuer = _text(claims.get("iss"), "issuer", longest=2000)
        client = self._clients.get((issuer, tenant)) if tenant is None or isinstance(tenant, str) else None
        if client is None:
            raise Unauthorized("issuer")
        if header.get("jku") != client.jku and not (client.keys is not None and "jku" not in header):
            raise Unauthorized("jku")
        if header["alg"] not in client.algorithms:
            raise Unauthorized("algorithm")
        return client

    def _check_signature(self, token: str, client: Client, algorithm: str, kid: str) -> None:
        for key in self._keys.named(client, kid):
            if key.algorithm == algorithm and _verifies(token, key.public, algorithm):
                return
        raise Unauthorized("signature")


def _parts(authorization: str | None) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Header, claims and token; nothing in them is believed yet."""
    if not authorization:
        raise Unauthorized("no-token")
    if len(authorization) > MAX_TOKEN:
        raise Unauthorized("too-long")
    found = _BEARER.fullmatch(authorization)
    if not found:
        raise Unauthorized("form")
    return _object(found[1]), _object(found[2]), f"{found[1]}.{found[2]}.{found[3]}"


def _object(part: str) -> dict[str, Any]:
    try:
        read = json_body.decode(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (Base64Error, ValueError, RequestError):
        raise Unauthorized("form") from None
    if not isinstance(read, dict):
        raise Unauthorized("form")
    return read


def _check_header(header: Mapping[str, Any]) -> str:
    """The id of the key that a header names: a word to look up, never a path or an address."""
    if any(member in header for member in _REFUSED_MEMBERS):
        raise Unauthorized("header")
    if not isinstance(header.get("typ"), str) or header["typ"].upper() != "JWT":
        raise Unauthorized("header")
    if not isinstance(header.get("alg"), str):
        raise Unauthorized("algorithm")
    return _text(header.get("kid"), "kid")


def _text(found: object, reason: str, longest: int = MAX_ID) -> str:
    if not isinstance(found, str) or not 0 < len(found) <= longest:
        raise Unauthorized(reason)
    return found


def _check_times(claims: Mapping[str, Any], now: float) -> int:
    """The second after which nobody accepts the token any more. All are seconds since 1970, UTC."""
    expires, issued = _moment(claims.get("exp")), _moment(claims.get("iat"))
    begins = _moment(claims["nbf"]) if "nbf" in claims else issued
    if expires - issued > LIFETIME_SECONDS or expires <= issued:
        raise Unauthorized("lifetime")
    if now > expires + SKEW_SECONDS:
        raise Unauthorized("expired")
    if max(issued, begins) > now + SKEW_SECONDS:
        raise Unauthorized("too-early")
    return int(expires) + SKEW_SECONDS + 1


def _moment(found: object) -> float:
    if not isinstance(found, int | float) or isinstance(found, bool) or not 0 < found < 1 << 40:
        raise Unauthorized("times")
    return found


def _check_audience(audience: object, ours: Iterable[str]) -> None:
    named = audience if isinstance(audience, list) else [audience]
    known = {address.rstrip("/") for address in ours}
    if len(named) > MAX_AUDIENCES or not any(isinstance(one, str) and one.removesuffix("/") in known for one in named):
        raise Unauthorized("audience")


def _verifies(token: str, key: Any, algorithm: str) -> bool:
    try:
        jwt.PyJWS().decode(token, key, algorithms=[algorithm])
    except jwt.PyJWTError:
        return False
    return True
