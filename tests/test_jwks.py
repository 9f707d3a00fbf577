"""The keys of a client's address: kept, fetched again when need be and not too often, and used while it is down."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ehr import clients_file, clients_toml, ec_key, jwk, jwks, rsa_key

from cdshooks.server.clients import Client, read_clients
from cdshooks.server.jwks import FIRST_RETRY_SECONDS, FRESH_SECONDS, RETRY_SECONDS, STALE_SECONDS, ClientKeys


class Address:
    """A jku whose answer a test sets; it counts how often it is asked."""

    def __init__(self) -> None:
        self.answer: bytes | Exception = jwks(jwk(ec_key(), "a"))
        self.asked = 0
        self.now = 1000.0

    def fetch(self, client: Client) -> bytes:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def clock(self) -> float:
        return self.now


@pytest.fixture
def address() -> Address:
    return Address()


@pytest.fixture
def client(tmp_path: Path) -> Client:
    (found,) = read_clients(clients_file(tmp_path, clients_toml(jwks=None)))
    return found


@pytest.fixture
def keys(address: Address, client: Client) -> ClientKeys:
    return ClientKeys([client], address.fetch, address.clock)


def until(done: Callable[[], bool]) -> None:
    """Wait for what a thread does behind us."""
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_keys_are_fetched_once_and_kept(address: Address, client: Client, keys: ClientKeys) -> None:
    assert [len(keys.named(client, "a")) for _ in range(5)] == [1] * 5
    assert address.asked == 1


def test_an_unknown_key_is_looked_for_at_most_once_in_half_a_minute(
    address: Address, client: Client, keys: ClientKeys
) -> None:
    keys.named(client, "a")
    for _ in range(20):
        assert keys.named(client, "forged") == []
    assert address.asked == 1
    address.now += RETRY_SECONDS
    for number in range(20):
        keys.named(client, f"forged-{number}")
    assert address.asked == 2


def test_a_key_that_was_rotated_in_is_found(address: Address, client: Client, keys: ClientKeys) -> None:
    keys.named(client, "a")
    address.answer = jwks(jwk(ec_key(), "a"), jwk(ec_key("next"), "b"))
    address.now += RETRY_SECONDS
    assert len(keys.named(client, "b")) == 1


def test_a_key_that_was_withdrawn_is_gone_after_an_hour(address: Address, client: Client, keys: ClientKeys) -> None:
    keys.named(client, "a")
    address.answer = jwks(jwk(ec_key("next"), "b"))
    address.now += FRESH_SECONDS + 1
    assert len(keys.named(client, "a")) == 1  # the call that comes first does not wait
    until(lambda: keys.named(client, "a") == [])
    assert address.asked == 2


def test_an_address_that_is_down_leaves_the_keys_in_use_for_a_day(
    address: Address, client: Client, keys: ClientKeys
) -> None:
    keys.named(client, "a")
    address.answer = ConnectionError("down")
    address.now += STALE_SECONDS - 10
    assert len(keys.named(client, "a")) == 1
    until(lambda: address.asked == 2)
    address.now += 20
    assert keys.named(client, "a") == []


def test_an_address_that_never_answered_is_tried_again_soon(address: Address, client: Client, keys: ClientKeys) -> None:
    address.answer = ConnectionError("down")
    assert [keys.named(client, "a") for _ in range(3)] == [[], [], []]
    assert address.asked == 1
    address.answer = jwks(jwk(ec_key(), "a"))
    address.now += FIRST_RETRY_SECONDS
    assert len(keys.named(client, "a")) == 1


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b'{"keys": 1}', b'{"keys":[],"keys":[]}', b"\xff", b"{}"])
def test_an_answer_that_is_no_jwk_set_changes_nothing(
    address: Address, client: Client, keys: ClientKeys, answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    keys.named(client, "a")
    address.answer = answer
    address.now += RETRY_SECONDS
    assert keys.named(client, "b") == []
    assert len(keys.named(client, "a")) == 1
    assert "client hospital: its jku gave no keys: " in caplog.text


def test_what_went_wrong_is_logged_without_a_word_of_the_answer(
    address: Address, client: Client, keys: ClientKeys, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    address.answer = RuntimeError("canary")
    assert keys.named(client, "a") == []
    assert "its jku cannot be read: RuntimeError" in caplog.text and "canary" not in caplog.text


def test_two_keys_of_one_id_are_both_tried(address: Address, client: Client, keys: ClientKeys) -> None:
    address.answer = jwks(jwk(ec_key(), "a"), jwk(ec_key("next"), "a"), jwk(rsa_key(), "a"))
    assert [key.algorithm for key in keys.named(client, "a")] == ["ES384", "ES384", "RS384"]


def test_keys_of_other_kinds_are_left_out(address: Address, client: Client, keys: ClientKeys) -> None:
    other = {"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "a"}
    address.answer = jwks(other, {"kty": "oct", "k": "AAAA", "kid": "a"}, jwk(ec_key(), "a"), {"kty": "EC", "kid": "a"})
    assert len(keys.named(client, "a")) == 1


def test_keys_on_file_are_never_fetched(address: Address, tmp_path: Path) -> None:
    (client,) = read_clients(clients_file(tmp_path))
    keys = ClientKeys([client], address.fetch, address.clock)
    assert len(keys.named(client, "key/1+of=ours")) == 1
    assert keys.named(client, "other") == []
    assert address.asked == 0


def test_calls_with_a_known_key_do_not_wait_for_one_that_looks_for_another(address: Address, client: Client) -> None:
    looking, done = threading.Event(), threading.Event()

    def fetch(asked: Client) -> bytes:
        if address.fetch(asked) and address.asked == 2:
            looking.set()
            done.wait(10)
        return jwks(jwk(ec_key(), "a"))

    keys = ClientKeys([client], fetch, address.clock)
    keys.named(client, "a")
    address.now += RETRY_SECONDS
    behind = threading.Thread(target=keys.named, args=(client, "forged"))
    behind.start()
    assert looking.wait(10)
    assert len(keys.named(client, "a")) == 1
    done.set()
    behind.join()
