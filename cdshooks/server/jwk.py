"""Public keys: reading a JWK Set. Only keys that can verify ES384 or RS384 are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from jwt.exceptions import PyJWTError

from cdshooks.hooks import json_body
from cdshooks.hooks.errors import RequestError

MAX_KEYS = 100
MAX_ID = 256
MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
SANDBOX_KEY_ID = "44823f3d-0b01-4a6c-a80e-b9d3e8a7226f"
"""The key of the public CDS Hooks sandbox, whose private half anyone can read in its repository."""


class KeyProblem(ValueError):
    """A JWK or a JWK Set that cannot be used; never quotes key material."""


@dataclass(frozen=True, slots=True)
class Key:
    """One public key and the only algorithm that it may verify."""

    kid: str
    algorithm: str
    public: EllipticCurvePublicKey | RSAPublicKey


def read_keys(text: bytes, *, strict: bool = False) -> tuple[Key, ...]:
    """The usable keys of a JWK Set. Raises KeyProblem when it is no JWK Set.

    Keys of other kinds are left out; if `strict`, each of them is a problem, and so is an empty set.
    """
    keys = []
    for number, jwk in enumerate(_listed(text), 1):
        try:
            keys.append(read_key(jwk))
        except KeyProblem as problem:
            if strict:
                raise KeyProblem(f"key {number} {problem}") from None
    if strict and not keys:
        raise KeyProblem("it holds no key")
    return tuple(keys)


def read_key(jwk: object) -> Key:
    """The public key of one JWK. Raises KeyProblem unless it can verify ES384 or RS384. Source: RFC 7517, 7518."""
    if not isinstance(jwk, Mapping):
        raise KeyProblem("is no JSON object")
    if "d" in jwk or "k" in jwk:
        raise KeyProblem("is a secret; leave only the public members")
    kid = jwk.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_ID:
        raise KeyProblem("has no kid")
    algorithm = {"EC": "ES384", "RSA": "RS384"}.get(str(jwk.get("kty")))
    if algorithm is None or jwk.get("alg", algorithm) != algorithm or jwk.get("use", "sig") != "sig":
        raise KeyProblem("is not for signatures in ES384 or RS384")
    return Key(kid, algorithm, _public(jwk))


def _listed(text: bytes) -> list[Any]:
    try:
        read = json_body.decode(text)
    except RequestError as error:
        raise KeyProblem(error.message.replace(json_body.WHOLE, "it")) from None
    keys = read.get("keys") if isinstance(read, dict) else None
    if not isinstance(keys, list) or len(keys) > MAX_KEYS:
        raise KeyProblem(f"it is no JWK Set with up to {MAX_KEYS} keys")
    return keys


def _public(jwk: Mapping[str, Any]) -> EllipticCurvePublicKey | RSAPublicKey:
    try:
        key = (ECAlgorithm if jwk["kty"] == "EC" else RSAAlgorithm).from_jwk(dict(jwk))
    except (PyJWTError, ValueError, TypeError, AttributeError, KeyError):
        raise KeyProblem("cannot be read") from None
    if isinstance(key, EllipticCurvePublicKey) and key.curve.name == "secp384r1":
        return key
    if isinstance(key, RSAPublicKey) and MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        return key
    raise KeyProblem(f"is neither on the curve P-384 nor RSA of {MIN_RSA_BITS} to {MAX_RSA_BITS} bits")
