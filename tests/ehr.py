"""An EHR of our own making: keys, tokens good and bad, and the clients file that knows it."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

ISSUER = "https://fhir.hospital.example/r4"
JKU = "https://fhir.hospital.example/jwks.json"
PUBLIC = "https://cds.hospital.example"
SERVICE = f"{PUBLIC}/cds-services/cart-order-sign"
FHIR = "https://ehr.example.org/r4"
KID = "key/1+of=ours"


@cache
def ec_key(name: str = "ours", curve: type[ec.EllipticCurve] = ec.SECP384R1) -> Any:
    """A private key, the same one for a name."""
    return ec.generate_private_key(curve())


@cache
def rsa_key(name: str = "ours", bits: int = 2048) -> Any:
    return rsa.generate_private_key(65537, bits)


def jwk(key: Any, kid: str = KID, **members: Any) -> dict[str, Any]:
    """The public half as a JWK."""
    algorithm = ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else RSAAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", **members}


def jwks(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": list(keys or (jwk(ec_key()),))}).encode()


def claims(now: float | None = None, **changed: Any) -> dict[str, Any]:
    """What a good token says; a value of None leaves the claim out."""
    now = int(time.time() if now is None else now)
    said = {"iss": ISSUER, "aud": SERVICE, "iat": now, "exp": now + 300, "jti": str(uuid4())} | changed
    return {name: value for name, value in said.items() if value is not None}


def header(**changed: Any) -> dict[str, Any]:
    said = {"typ": "JWT", "alg": "ES384", "kid": KID, "jku": JKU} | changed
    return {name: value for name, value in said.items() if value is not None}


def part(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(text).rstrip(b"=").decode()


def signed(head: Any, said: Any, key: Any = None, algorithm: str | None = None) -> str:
    """A token with any header and claims, JSON values or bytes, truly signed."""
    content = f"{part(head)}.{part(said)}"
    used = jwt.get_algorithm_by_name(algorithm or (head["alg"] if isinstance(head, dict) else "ES384"))
    return f"{content}.{part(used.sign(content.encode(), key or ec_key()))}"


def token(now: float | None = None, **changed: Any) -> str:
    """A good token, with claims changed."""
    return signed(header(), claims(now, **changed))


def bearer(text: str | None = None) -> dict[str, str]:
    return {"Authorization": f"Bearer {text or token()}"}


def clients_toml(**changed: Any) -> str:
    """A clients file with one client; a value of None leaves the key out."""
    table = {"name": "hospital", "issuer": ISSUER, "jku": JKU, "jwks": "keys.json", "fhir_servers": [FHIR]} | changed
    lines = [f"{key} = {json.dumps(value)}" for key, value in table.items() if value is not None]
    return "\n".join(["[[client]]", *lines, ""])


def clients_file(folder: Path, *tables: str) -> Path:
    """A clients file, and the keys of our EHR beside it."""
    (folder / "keys.json").write_bytes(jwks())
    path = folder / "clients.toml"
    path.write_text("\n".join(tables or (clients_toml(),)), "utf-8")
    return path
