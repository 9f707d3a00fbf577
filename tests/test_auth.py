"""Who calls: good tokens are let in once, and forged ones all meet the same answer."""

from __future__ import annotations

import hmac
import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from ehr import (
    ISSUER,
    JKU,
    PUBLIC,
    SERVICE,
    bearer,
    claims,
    clients_file,
    clients_toml,
    ec_key,
    header,
    jwk,
    jwks,
    part,
    rsa_key,
    signed,
    token,
)
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdshooks.engine.library import Library
from cdshooks.server.app import create_app
from cdshooks.server.settings import read_settings

CALL = {"hook": "order-sign", "hookInstance": "h", "context": {"patientId": "p1"}}
PATH = "/cds-services/cart-order-sign"
RSA_KID = "rsa-1"


def made(library: Library, folder: Path, *tables: str, keys: bytes | None = None) -> FlaskClient:
    path = clients_file(folder, *tables)
    (folder / "keys.json").write_bytes(keys or jwks(jwk(ec_key()), jwk(rsa_key(), RSA_KID)))
    environment = {
        "CDSHOOKS_CLIENTS": str(path),
        "CDSHOOKS_PUBLIC_URL": PUBLIC,
        "CDSHOOKS_DATABASE_URL": f"sqlite:///{folder}/store.db",
        "CDSHOOKS_ADDRESS_RATE": "0",
    }
    return create_app(read_settings(environment), library).test_client()


@pytest.fixture(scope="module")
def client(shipped: Library, tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    return made(shipped, tmp_path_factory.mktemp("site"))


def posted(client: FlaskClient, headers: Mapping[str, str], path: str = PATH) -> int:
    return client.post(path, json=CALL, headers=headers).status_code


# ---- tokens that are good


def test_a_registered_client_is_answered(client: FlaskClient) -> None:
    reply = client.post(PATH, json=CALL, headers=bearer())
    assert (reply.status_code, reply.json) == (200, {"cards": []})


GOOD: dict[str, Callable[[], str]] = {
    "RS384": lambda: signed(header(alg="RS384", kid=RSA_KID), claims(), rsa_key()),
    "no jku, for its keys are on file": lambda: signed(header(jku=None), claims()),
    "aud in a list": lambda: token(aud=["https://other.example", SERVICE]),
    "aud with a slash at its end": lambda: token(aud=f"{SERVICE}/"),
    "nbf some minutes ago": lambda: token(nbf=int(time.time()) - 300),
    "the longest lifetime": lambda: token(exp=int(time.time()) + 1200),
    "a clock that is 50 seconds ahead": lambda: token(time.time() + 50),
    "expired 50 seconds ago": lambda: token(time.time() - 350),
    "claims that nobody asked for": lambda: token(sub="client-7", extra={"a": [1]}),
    "typ in small letters": lambda: signed(header(typ="jwt"), claims()),
}


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD)
def test_what_the_standard_allows_is_let_in(client: FlaskClient, make: Callable[[], str]) -> None:
    assert posted(client, bearer(make())) == 200


def test_the_scheme_is_read_in_any_case(client: FlaskClient) -> None:
    assert posted(client, {"Authorization": f"bearer {token()}"}) == 200


@pytest.mark.parametrize(
    ("method", "path", "aud", "status"),
    [
        ("GET", "/cds-services", "/cds-services", 200),
        ("GET", "/cds-services", PATH, 401),
        ("POST", PATH, "/cds-services", 401),
        ("POST", "/cds-services/cart-order-select", PATH, 401),
        ("POST", f"{PATH}/feedback", f"{PATH}/feedback", 200),
        ("POST", f"{PATH}/feedback", PATH, 200),
        ("POST", PATH, f"{PATH}/feedback", 401),
        ("POST", "/cds-services/other", "/cds-services/other", 404),
        ("POST", "/cds-services/other", PATH, 401),
    ],
)
def test_a_token_is_for_the_address_that_is_called(
    client: FlaskClient, method: str, path: str, aud: str, status: int
) -> None:
    body = {"feedback": []} if path.endswith("feedback") else CALL
    headers = bearer(token(aud=f"{PUBLIC}{aud}"))
    reply = client.open(path, method=method, headers=headers, json=body if method == "POST" else None)
    assert reply.status_code == status


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/"])
def test_health_and_home_are_open(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 200


# ---- tokens that are not


def public_pem() -> bytes:
    pem: bytes = rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def with_secret(algorithm: str, secret: bytes) -> str:
    content = f"{part(header(alg=algorithm))}.{part(claims())}"
    return f"{content}.{part(hmac.digest(secret, content.encode(), algorithm.replace('HS', 'sha')))}"


def unsigned(algorithm: Any, signature: bytes = b"") -> str:
    return f"{part(header(alg=algorithm))}.{part(claims())}.{part(signature)}"


def swapped(**changed: Any) -> str:
    """Claims of another token under a good signature."""
    head, _, signature = token().split(".")
    return f"{head}.{part(claims(**changed))}.{signature}"


def twice(name: str, value: str) -> bytes:
    return json.dumps(claims()).encode()[:-1] + f', "{name}": {value}}}'.encode()


def now() -> int:
    return int(time.time())


FORGED: dict[str, Callable[[], str]] = {
    # no signature, or one that anybody can make
    "alg none": lambda: unsigned("none"),
    "alg None": lambda: unsigned("None"),
    "alg nOnE with a signature": lambda: unsigned("nOnE", b"x"),
    "alg empty": lambda: unsigned(""),
    "alg null": lambda: unsigned(None),
    "alg a list": lambda: unsigned(["ES384"], b"x"),
    "no signature": lambda: token().rsplit(".", 1)[0],
    "an empty signature": lambda: token().rsplit(".", 1)[0] + ".",
    "r = s = 0": lambda: unsigned("ES384", bytes(96)),
    "r = s = 1": lambda: unsigned("ES384", (bytes(47) + b"\1") * 2),
    "a signature too short": lambda: token()[:-20],
    "a signature too long": lambda: token() + "AAAA",
    "HS384 with the public key as the secret": lambda: with_secret("HS384", public_pem()),
    "HS256 with the public key as the secret": lambda: with_secret("HS256", public_pem()),
    "HS384 with the JWK Set as the secret": lambda: with_secret("HS384", jwks()),
    "HS384 with the kid as the secret": lambda: with_secret("HS384", header()["kid"].encode()),
    # the wrong key or algorithm
    "someone else's key": lambda: signed(header(), claims(), ec_key("theirs")),
    "ES256 with a key of ours": lambda: signed(header(alg="ES256"), claims(), ec_key("256", ec.SECP256R1)),
    "ES512": lambda: signed(header(alg="ES512"), claims(), ec_key("521", ec.SECP521R1)),
    "RS256": lambda: signed(header(alg="RS256", kid=RSA_KID), claims(), rsa_key()),
    "PS384": lambda: signed(header(alg="PS384", kid=RSA_KID), claims(), rsa_key()),
    "RS384 under the kid of an EC key": lambda: signed(header(alg="RS384"), claims(), rsa_key()),
    "ES384 under the kid of an RSA key": lambda: signed(header(kid=RSA_KID), claims()),
    "ES384 in the header, RS384 in truth": lambda: signed(header(kid=RSA_KID), claims(), rsa_key(), "RS384"),
    "alg in small letters": lambda: signed(header(alg="es384"), claims(), algorithm="ES384"),
    # header members that would have us trust the token's own key
    "jwk in the header": lambda: signed(header(jwk=jwk(ec_key("theirs"))), claims(), ec_key("theirs")),
    "jwk of our own in the header": lambda: signed(header(jwk=jwk(ec_key())), claims()),
    "x5u": lambda: signed(header(x5u="https://fhir.hospital.example/x"), claims()),
    "x5c": lambda: signed(header(x5c=["AAAA"]), claims()),
    "crit": lambda: signed(header(crit=["exp"]), claims()),
    "b64": lambda: signed(header(b64=True), claims()),
    "b64 false": lambda: signed(header(b64=False, crit=["b64"]), claims()),
    "another typ": lambda: signed(header(typ="at+jwt"), claims()),
    "no typ": lambda: signed(header(typ=None), claims()),
    "no alg": lambda: signed(header(alg=None), claims(), algorithm="ES384"),
    "alg twice": lambda: signed(b'{"alg":"none",' + json.dumps(header()).encode()[1:], claims()),
    # kid is a word to look up
    "no kid": lambda: signed(header(kid=None), claims()),
    "kid a path": lambda: signed(header(kid="../../dev/null"), claims()),
    "kid a query": lambda: signed(header(kid="' OR 1=1 --"), claims()),
    "kid a number": lambda: signed(header(kid=1), claims()),
    "kid empty": lambda: signed(header(kid=""), claims()),
    "kid of 300 characters": lambda: signed(header(kid="k" * 300), claims()),
    "kid with our slash encoded": lambda: signed(header(kid="key%2F1%2Bof%3Dours"), claims()),
    "kid with a NUL": lambda: signed(header(kid="key/1+of=ours\0"), claims()),
    # jku is compared, never called
    "jku elsewhere": lambda: signed(header(jku="https://evil.example/jwks.json"), claims()),
    "jku at a look-alike": lambda: signed(header(jku="https://fhir.hospital.example.evil.example/jwks.json"), claims()),
    "jku with a user": lambda: signed(header(jku="https://fhir.hospital.example@evil.example/jwks.json"), claims()),
    "jku with a fragment": lambda: signed(header(jku=f"{JKU}#x"), claims()),
    "jku with a query": lambda: signed(header(jku=f"{JKU}?x=1"), claims()),
    "jku in capitals": lambda: signed(header(jku=JKU.upper()), claims()),
    "jku inside us": lambda: signed(header(jku="http://169.254.169.254/latest"), claims()),
    "jku a list": lambda: signed(header(jku=[JKU]), claims()),
    # whose token it is
    "another issuer": lambda: token(iss="https://fhir.other.example/r4"),
    "issuer with a slash more": lambda: token(iss=f"{ISSUER}/"),
    "issuer in capitals": lambda: token(iss=ISSUER.upper()),
    "issuer a list": lambda: token(iss=[ISSUER]),
    "no issuer": lambda: token(iss=None),
    "a tenant that is not registered": lambda: token(tenant="t1"),
    "tenant a list": lambda: token(tenant=["t1"]),
    "the sandbox": lambda: token(iss="https://sandbox.cds-hooks.org"),
    # for whom
    "no aud": lambda: token(aud=None),
    "another aud": lambda: token(aud="https://other.example/cds-services/cart-order-sign"),
    "aud the host alone": lambda: token(aud=PUBLIC),
    "aud with a path more": lambda: token(aud=f"{SERVICE}/x"),
    "aud a number": lambda: token(aud=1),
    "aud a list of lists": lambda: token(aud=[[SERVICE]]),
    "aud an empty list": lambda: token(aud=[]),
    "aud a list of 17, ours last": lambda: token(aud=["https://a.example"] * 16 + [SERVICE]),
    "aud a list of 10 000": lambda: token(aud=["a"] * 9_999 + [SERVICE]),
    # when
    "expired": lambda: token(time.time() - 400),
    "from the future": lambda: token(time.time() + 120),
    "nbf in the future": lambda: token(nbf=now() + 120),
    "good for a day": lambda: token(exp=now() + 86_400),
    "good for 21 minutes": lambda: token(exp=now() + 21 * 60),
    "exp before iat": lambda: token(exp=now() - 1, iat=now()),
    "no exp": lambda: token(exp=None),
    "no iat": lambda: token(iat=None),
    "exp a text": lambda: token(exp=str(now() + 300)),
    "exp true": lambda: token(exp=True),
    "exp huge": lambda: token(exp=10**15, iat=10**15 - 300),
    "iat negative": lambda: token(iat=-1),
    "nbf null": lambda: signed(header(), {**claims(), "nbf": None}),
    "iat NaN": lambda: signed(header(), json.dumps({**claims(), "iat": float("nan")}).encode()),
    "exp infinite": lambda: signed(header(), json.dumps(claims()).encode().replace(b'"exp": ', b'"exp": 1e999, "x": ')),
    # once
    "no jti": lambda: token(jti=None),
    "jti empty": lambda: token(jti=""),
    "jti a number": lambda: token(jti=7),
    "jti of 300 characters": lambda: token(jti="j" * 300),
    "jti half a character": lambda: signed(header(), json.dumps(claims(jti="\ud800")).encode()),
    # changed on the way
    "claims of another token": lambda: swapped(jti="other"),
    "iss twice": lambda: signed(header(), twice("iss", '"https://evil.example"')),
    "exp twice": lambda: signed(header(), twice("exp", str(now() + 900))),
    "claims a list": lambda: signed(header(), [1]),
    "claims no JSON": lambda: signed(header(), b"{"),
    "claims in UTF-16": lambda: signed(header(), json.dumps(claims()).encode("utf-16")),
    "claims very deep": lambda: signed(header(), b'{"a":' * 3_000 + b"1" + b"}" * 3_000),
    "five parts": lambda: f"{token()}.x.y",
    "two parts": lambda: "a.b",
    "padding": lambda: token() + "=",
    "a blank inside": lambda: token()[:40] + " " + token()[40:],
    "not base64": lambda: "!!!.???.***",
    "20 kB": lambda: token(extra="x" * 20_000),
    "1 MB": lambda: token(extra="x" * 1_000_000),
    "a word": lambda: "secret",
}


def test_the_list_of_forged_tokens_is_long() -> None:
    assert len(FORGED) >= 60


@pytest.mark.parametrize("make", FORGED.values(), ids=FORGED)
def test_a_forged_token_meets_the_one_answer(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, make: Callable[[], str]
) -> None:
    caplog.set_level(logging.DEBUG)
    is_refused(client, {"Authorization": f"Bearer {make()}"}, caplog)


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": ""}, {"Authorization": "Bearer"}, {"Authorization": "Basic eDp5"}],
    ids=["none", "empty", "scheme alone", "another scheme"],
)
def test_a_call_without_a_token_meets_it_too(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, headers: dict[str, str]
) -> None:
    caplog.set_level(logging.DEBUG)
    is_refused(client, headers, caplog)


def is_refused(client: FlaskClient, headers: Mapping[str, str], caplog: pytest.LogCaptureFixture) -> None:
    reply = client.post(PATH, json=CALL, headers=headers)
    assert (reply.status_code, reply.data) == (401, b"")
    told = {name: value for name, value in reply.headers.items() if name != "X-Request-Id"}
    assert told == REFUSAL
    refused, line = caplog.records
    assert (refused.getMessage(), line.getMessage()) == ("caller refused", "call")
    assert refused.fields == {"request": line.fields["request"], "reason": refused.fields["reason"]}
    assert re.fullmatch(r"[a-z-]+", refused.fields["reason"])
    ours = {"method": "POST", "route": "/cds-services/<service_id>", "status": 401, "outcome": "refused"}
    assert ours.items() <= line.fields.items()
    assert line.fields.keys() == {*ours, "request", "ms", "library"}


REFUSAL = {
    "WWW-Authenticate": "Bearer",
    "Content-Length": "0",
    "Server": "cdshooks",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=31536000",
    "Vary": "Origin",
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_token_that_was_changed_anywhere_is_refused(client: FlaskClient, data: st.DataObject) -> None:
    good = token()
    at = data.draw(st.integers(0, len(good) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda c: c != good[at] and c not in "\r\n"))
    assert posted(client, {"Authorization": f"Bearer {good[:at]}{other}{good[at + 1 :]}"}) == 401


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner),
    max_leaves=4,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(["iss", "aud", "iat", "exp", "jti", "tenant", "nbf"]), value=JSON)
def test_a_claim_of_any_kind_is_refused_or_right_but_never_a_failure(
    client: FlaskClient, name: str, value: object
) -> None:
    assert posted(client, bearer(signed(header(), {**claims(), name: value}))) in (200, 401)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(["typ", "kid", "jku", "cty", "x5t"]), value=JSON)
def test_a_header_of_any_kind_is_refused_or_right_but_never_a_failure(
    client: FlaskClient, name: str, value: object
) -> None:
    assert posted(client, bearer(signed({**header(), name: value}, claims()))) in (200, 401)


# ---- once, and by the right client


def test_a_token_is_good_for_one_call(client: FlaskClient) -> None:
    again = bearer()
    assert [posted(client, again) for _ in range(3)] == [200, 401, 401]


def test_a_restart_does_not_forget_a_token(shipped: Library, tmp_path: Path) -> None:
    again = bearer()
    assert [posted(made(shipped, tmp_path), again) for _ in range(2)] == [200, 401]


def test_another_signature_over_the_same_jti_is_the_same_token(client: FlaskClient) -> None:
    said = claims()
    first, second = (bearer(signed(header(), said)) for _ in range(2))
    assert first != second
    assert [posted(client, first), posted(client, second)] == [200, 401]


def test_a_forged_token_does_not_use_up_the_jti_of_a_good_one(client: FlaskClient) -> None:
    said = claims()
    assert posted(client, bearer(signed(header(), said, ec_key("theirs")))) == 401
    assert posted(client, bearer(signed(header(), said))) == 200


def test_a_registered_tenant_must_be_named(shipped: Library, tmp_path: Path) -> None:
    client = made(shipped, tmp_path, clients_toml(tenant="t1"), clients_toml(name="second", tenant="t2"))
    assert posted(client, bearer(token())) == 401
    assert posted(client, bearer(token(tenant="t3"))) == 401
    assert posted(client, bearer(token(tenant="t1"))) == 200
    assert posted(client, bearer(token(tenant="t2"))) == 200


def test_an_algorithm_that_is_fixed_is_the_only_one(shipped: Library, tmp_path: Path) -> None:
    client = made(shipped, tmp_path, clients_toml(algorithms=["RS384"]))
    assert posted(client, bearer(token())) == 401
    assert posted(client, bearer(GOOD["RS384"]())) == 200


def test_keys_on_file_without_a_jku_take_no_jku_from_a_token(shipped: Library, tmp_path: Path) -> None:
    client = made(shipped, tmp_path, clients_toml(jku=None))
    assert posted(client, bearer(token())) == 401
    assert posted(client, bearer(signed(header(jku=None), claims()))) == 200


def test_of_two_keys_with_one_id_either_may_have_signed(shipped: Library, tmp_path: Path) -> None:
    keys = jwks(jwk(ec_key("first")), jwk(ec_key("second")), jwk(rsa_key()))
    client = made(shipped, tmp_path, keys=keys)
    for name, status in (("first", 200), ("second", 200), ("third", 401)):
        assert posted(client, bearer(signed(header(), claims(), ec_key(name)))) == status
    assert posted(client, bearer(signed(header(alg="RS384"), claims(), rsa_key()))) == 200


def test_a_store_that_is_down_lets_nobody_in(shipped: Library, tmp_path: Path) -> None:
    client = made(shipped, tmp_path)
    (tmp_path / "store.db").unlink()
    (tmp_path / "store.db").mkdir()
    reply = client.post(PATH, json=CALL, headers=bearer())
    assert reply.status_code == 503
    assert reply.headers["Retry-After"] == "2"
    assert reply.get_json()["issue"][0]["code"] == "transient"
    assert posted(client, bearer(signed(header(), claims(), ec_key("theirs")))) == 401
