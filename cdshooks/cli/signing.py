"""Signing as an EHR does, with a key of the tester's own that is made when it is first needed."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, EllipticCurvePrivateKey, generate_private_key
from jwt.algorithms import ECAlgorithm

from cdshooks.server.settings import default_database

_SECONDS = 300
_KEY, _KEY_SET = "tester-key.json", "tester-jwks.json"


@dataclass(frozen=True, slots=True)
class Signer:
    """A tester's key for ES384, and the file with its public half, which a clients file may name."""

    key: EllipticCurvePrivateKey
    kid: str
    key_set: Path

    def token(self, issuer: str, audience: str, tenant: str | None) -> str:
        """A token for one call, good for five minutes."""
        now = int(time.time())
        said: dict[str, Any] = {"iss": issuer, "aud": audience, "iat": now, "exp": now + _SECONDS, "jti": str(uuid4())}
        if tenant:
            said["tenant"] = tenant
        return jwt.encode(said, self.key, "ES384", {"kid": self.kid})

    def table(self, issuer: str, tenant: str | None, fhir_server: str) -> str:
        """What to write in a clients file so that the service knows this tester."""
        keys = {"name": "tester", "issuer": issuer, "jwks": _KEY_SET, "tenant": tenant, "fhir_servers": [fhir_server]}
        lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items() if value]
        return "\n".join(["[[client]]", *lines])


def own_signer() -> Signer:
    """The key in the user's data directory, made there if there is none. Raises OSError, ValueError."""
    folder = default_database().parent
    path = folder / _KEY
    if not path.exists():
        _make(folder)
    jwk = json.loads(path.read_text("utf-8"))
    key = ECAlgorithm(ECAlgorithm.SHA384).from_jwk(jwk)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise ValueError("it holds no private key")
    return Signer(key, jwk["kid"], folder / _KEY_SET)


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    jwk = {**ECAlgorithm.to_jwk(generate_private_key(SECP384R1()), as_dict=True), "kid": uuid4().hex, "use": "sig"}
    public = {name: value for name, value in jwk.items() if name != "d"}
    (folder / _KEY_SET).write_text(json.dumps({"keys": [public]}, indent=2) + "\n", "utf-8")
    with open(folder / _KEY, "x", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        json.dump(jwk, file)
