"""Public keys: which JWKs are taken, and that nothing of a bad one is repeated."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from ehr import ec_key, jwk, jwks, rsa_key

from cdshooks.server.jwk import KeyProblem, read_key, read_keys


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (jwk(ec_key()), "ES384"),
        (jwk(ec_key(), alg="ES384"), "ES384"),
        (jwk(rsa_key()), "RS384"),
        (jwk(rsa_key(), alg="RS384", x5t="abc", n2=1), "RS384"),
        ({name: value for name, value in jwk(ec_key()).items() if name != "use"}, "ES384"),
    ],
)
def test_keys_for_our_two_algorithms_are_taken(key: dict[str, Any], algorithm: str) -> None:
    assert (read_key(key).kid, read_key(key).algorithm) == ("key/1+of=ours", algorithm)


EC, RSA = jwk(ec_key()), jwk(rsa_key())


@pytest.mark.parametrize(
    "key",
    [
        None,
        "key",
        [],
        {},
        EC | {"kid": None},
        EC | {"kid": ""},
        EC | {"kid": 1},
        EC | {"kid": "k" * 257},
        EC | {"kty": "ec"},
        EC | {"kty": ["EC"]},
        EC | {"kty": "oct"},
        EC | {"alg": "ES256"},
        EC | {"alg": "none"},
        EC | {"use": "enc"},
        EC | {"crv": "P-521"},
        EC | {"crv": None},
        EC | {"x": EC["y"]},
        EC | {"x": "AAAA"},
        EC | {"x": 7},
        EC | {"x": "!!!"},
        EC | {"d": "AAAA"},
        jwk(ec_key("256", ec.SECP256R1)),
        RSA | {"alg": "RS256"},
        RSA | {"alg": "HS384"},
        RSA | {"n": "AQAB"},
        RSA | {"n": ""},
        RSA | {"e": None},
        RSA | {"k": "AAAA"},
    ],
)
def test_any_other_key_is_refused_without_a_word_of_it(key: Any) -> None:
    with pytest.raises(KeyProblem) as problem:
        read_key(key)
    said = key.values() if isinstance(key, dict) else ()
    assert not any(len(str(part)) > 6 and str(part) in str(problem.value) for part in said)
    assert read_keys(jwks(key, EC)) == read_keys(jwks(EC))
    with pytest.raises(KeyProblem, match=r"^key 1 "):
        read_keys(jwks(key, EC), strict=True)


def test_a_key_set_with_too_many_keys_is_refused() -> None:
    with pytest.raises(KeyProblem, match="up to 100 keys"):
        read_keys(jwks(*[{"kty": "EC"}] * 101))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b'{"keys": {}}', json.dumps({"keys": None}).encode()])
def test_what_is_no_key_set_is_refused(text: bytes) -> None:
    with pytest.raises(KeyProblem):
        read_keys(text)


def test_a_file_without_keys_is_a_mistake() -> None:
    assert read_keys(b'{"keys": []}') == ()
    with pytest.raises(KeyProblem, match="it holds no key"):
        read_keys(b'{"keys": []}', strict=True)
