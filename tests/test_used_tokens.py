"""Tokens are good for one call: in all processes, after a restart, and on both databases."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from cdshooks.server import store_queue, used_tokens
from cdshooks.server.store import OpenedOnce, Store, StoreError, open_store
from cdshooks.server.used_tokens import PURGE_SECONDS, UsedTokens

ROOT = Path(__file__).parents[1]
# Far beyond the longest run of the suite: a token that lapses while the tests run would be purged.
LATER = int(time.time()) + 86_400


def kept(store: Store) -> list[tuple[str, int]]:
    with store.reading() as connection:
        return [tuple(row) for row in connection.execute(text("SELECT token, expires_at FROM used_tokens"))]


@pytest.fixture
def opened(database_url: str) -> Iterator[Callable[[], UsedTokens]]:
    """Opens what remembers tokens, as a process does at start."""
    stores: list[OpenedOnce] = []

    def start() -> UsedTokens:
        stores.append(OpenedOnce(database_url))
        return UsedTokens(stores[-1])

    yield start
    for store in stores:
        store().close()


def test_a_token_is_used_once_and_by_its_own_issuer(opened: Callable[[], UsedTokens]) -> None:
    used = opened()
    assert used.use("https://a.example", "1", LATER)
    assert not used.use("https://a.example", "1", LATER)
    assert used.use("https://b.example", "1", LATER)
    assert used.use("https://a.example", "2", LATER)
    assert not opened().use("https://a.example", "1", LATER)


def test_only_a_hash_is_kept(opened: Callable[[], UsedTokens], database_url: str) -> None:
    opened().use("https://a.example", "canary", LATER)
    store = open_store(database_url)
    ((token, expires_at),) = kept(store)
    assert len(token) == 64 and "canary" not in token and expires_at == LATER
    store.close()


def test_what_nobody_accepts_any_more_is_dropped_now_and_then(database_url: str) -> None:
    clock = [1_000_000.0]
    store = open_store(database_url)
    used = UsedTokens(lambda: store, lambda: clock[0])
    used.use("i", "old", 1_000_010)
    used.use("i", "new", 1_000_000 + 10 * PURGE_SECONDS)
    clock[0] += PURGE_SECONDS
    used.use("i", "newest", 1_000_000 + 10 * PURGE_SECONDS)
    assert len(kept(store)) == 2
    assert not used.use("i", "new", 1_000_000 + 10 * PURGE_SECONDS)
    store.close()


def test_the_table_is_searched_by_its_keys(database_url: str) -> None:
    store = open_store(database_url)
    with store.reading() as connection:
        table = inspect(connection)
        assert table.get_pk_constraint("used_tokens")["constrained_columns"] == ["token"]
        assert [index["column_names"] for index in table.get_indexes("used_tokens")] == [["expires_at"]]
    store.close()


def test_a_store_that_cannot_be_opened_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_queue, "PAUSE_SECONDS", 0)
    (tmp_path / "store.db").mkdir()
    used = UsedTokens(OpenedOnce(f"sqlite:///{tmp_path}/store.db"))
    with pytest.raises(StoreError):
        used.use("i", "1", LATER)
    (tmp_path / "store.db").rmdir()
    assert used.use("i", "1", LATER)


def test_a_store_that_does_not_answer_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(used_tokens, "PATIENCE_SECONDS", 0.1)
    url = f"sqlite:///{tmp_path}/store.db"
    store = open_store(url)
    used = UsedTokens(OpenedOnce(url))
    assert used.use("i", "0", LATER)
    with store.writing(), pytest.raises(StoreError, match="does not answer"):
        used.use("i", "1", LATER)


RACE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from cdshooks.server.store import OpenedOnce
from cdshooks.server.used_tokens import UsedTokens

used = UsedTokens(OpenedOnce(sys.argv[1]))
used.use("i", "warm-up-" + sys.argv[2], int(sys.argv[3]))
print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(25) as pool:
    print(sum(pool.map(lambda _: used.use("i", "the one", int(sys.argv[3])), range(25))))
"""


def test_of_a_hundred_uses_in_four_processes_at_once_one_is_let_in(database_url: str) -> None:
    open_store(database_url).close()
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, database_url, str(number), str(LATER)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    assert [racer.stdout.readline() for racer in racers if racer.stdout] == ["ready\n"] * 4
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda racer: racer.communicate("go\n", timeout=60)[0], racers))
    assert sorted(map(int, said)) == [0, 0, 0, 1]
