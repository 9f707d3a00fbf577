"""The store: one database, a SQLite file or PostgreSQL, with its schema brought up to date when it is opened.

Every write is one transaction. Whoever reads sees the state before or after it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote
from zlib import crc32

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DisconnectionError, SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from cdshooks.server.migrations import STEPS, Step

BUSY_SECONDS = 10
_SQLITE = "sqlite:///"
_DEAD_AFTER = {"connect_timeout": 3, "tcp_user_timeout": 5000, "application_name": "cdshooks"}
_WRITES = "cdshooks_writes"
HANGING_MILLISECONDS = 10_000  # a process that stands still in the middle of a write must not hold up the others
_TAKE_TURNS = text("SELECT set_config('idle_in_transaction_session_timeout', :idle, true), pg_advisory_xact_lock(:key)")
_STEPS_TABLE = """CREATE TABLE IF NOT EXISTS schema_steps
 (number INTEGER PRIMARY KEY, says TEXT NOT NULL, applied_at TEXT NOT NULL)"""


class StoreError(Exception):
    """The store cannot be used: which one, what happened and what to do, without a password."""


@dataclass(frozen=True)
class Store:
    """An open store."""

    engine: Engine
    shown: str

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads. Raises StoreError."""
        with self._told(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self, lock: str | None = None) -> Iterator[Connection]:
        """A transaction that is kept as a whole or not at all. Raises StoreError.

        Those that name the same `lock` run one after the other, in all processes. SQLite has one lock for all.
        """
        with self._told(), self.engine.connect().execution_options(**{_WRITES: True}) as connection:
            with connection.begin():
                if lock and connection.dialect.name == "postgresql":
                    connection.execute(_TAKE_TURNS, {"key": crc32(lock.encode()), "idle": str(HANGING_MILLISECONDS)})
                yield connection

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()

    def rest(self) -> None:
        """Leave a SQLite file as it is without us: everything in it, and no log beside it."""
        if self.engine.dialect.name == "sqlite":
            self.engine.dispose()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise StoreError(f"the store {self.shown} cannot be used: {_reason(error)}") from error


def open_store(url: str, steps: tuple[Step, ...] = STEPS, *, keep: bool = False) -> Store:
    """Open the store, made if there is none, and apply the schema steps it lacks.

    With `keep`, connections to a SQLite file stay open until `rest`: closing the last one copies its log into the
    file, which flushes the disk several times. Raises StoreError when it cannot be opened, or when a newer release
    has changed its schema.
    """
    engine, shown = _sqlite(url, keep) if url.startswith(_SQLITE) else _postgresql(url)
    store = Store(engine, shown)
    try:
        _migrate(store, steps)
    except StoreError:
        store.close()
        raise
    return store


class OpenedOnce:
    """A store that is opened when it is first asked for, and then shared; opening is tried anew until it succeeds."""

    def __init__(self, url: str, *, keep: bool = False) -> None:
        self._url = url
        self._keep = keep
        self._store: Store | None = None
        self._lock = threading.Lock()

    def __call__(self) -> Store:
        """The store. Raises StoreError while it cannot be opened."""
        with self._lock:
            if self._store is None:
                self._store = open_store(self._url, keep=self._keep)
            return self._store


def _sqlite(url: str, keep: bool) -> tuple[Engine, str]:
    path = Path(url.removeprefix(_SQLITE))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        _use_write_ahead_log(path)
    except (OSError, sqlite3.Error) as error:
        wanted = "Write CDSHOOKS_DATABASE_URL with a file of ours, or one that can be made."
        raise StoreError(f"the store {path} cannot be opened: {error}. {wanted}") from error
    # A connection for each transaction, or a look at each: a file that was moved away or put back is noticed.
    pool = QueuePool if keep else NullPool
    engine = create_engine("sqlite://", creator=lambda: _connect(path), poolclass=pool)
    event.listen(engine, "begin", _begin)
    if keep:
        event.listen(engine, "connect", lambda _, record: record.info.update(file=_file(path)))
        event.listen(engine, "checkout", lambda _, record, __: _refuse_other_file(record.info["file"], path))
    return engine, str(path)


def _connect(path: Path) -> sqlite3.Connection:
    """A connection to a file that is there; it begins no transaction by itself."""
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        connection.execute("PRAGMA synchronous=FULL")  # what was answered survives a power cut too
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")  # a dossier that is deleted is overwritten
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _file(path: Path) -> tuple[int, int] | None:
    """Which file lies at a path; None for none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _refuse_other_file(file: tuple[int, int] | None, path: Path) -> None:
    """Have a connection to a file that is gone replaced: what it writes would be lost with it."""
    if file != _file(path):
        raise DisconnectionError


def _use_write_ahead_log(path: Path) -> None:
    """Let readers go on while one writes. The file remembers it; a change waits for no lock, so it is made once."""
    connection = _connect(path)
    try:
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("BEGIN EXCLUSIVE").execute("COMMIT")  # waits for whoever opens it at this moment
            connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise
    finally:
        connection.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql(url: str) -> tuple[Engine, str]:
    try:
        parsed = make_url(url).set(drivername="postgresql+psycopg")
        options = {name: value for name, value in _DEAD_AFTER.items() if name not in parsed.query}
        engine = create_engine(parsed, pool_pre_ping=True, pool_size=4, connect_args=options)
    except (ArgumentError, ValueError) as error:
        raise StoreError(
            "CDSHOOKS_DATABASE_URL is no address. Write postgresql://USER:PASSWORD@HOST/DATABASE"
        ) from error
    except ImportError as error:
        raise StoreError("PostgreSQL needs psycopg: pip install 'cdshooks[postgres]'") from error
    shown = parsed.set(drivername="postgresql", query={}).render_as_string(hide_password=True)
    return engine, shown


def _migrate(store: Store, steps: tuple[Step, ...]) -> None:
    """Apply what is missing, each step as a whole; those who start at the same moment wait for each other."""
    known = max(step.number for step in steps)
    with store.reading() as connection:
        if inspect(connection).has_table("schema_steps") and _applied(connection, known, store.shown) == known:
            return
    with store.writing("schema") as connection:
        connection.execute(text(_STEPS_TABLE))
        applied = _applied(connection, known, store.shown)
        for step in sorted(steps, key=lambda step: step.number):
            if step.number > applied:
                for statement in step.statements_for(connection.dialect.name):
                    connection.execute(text(statement))
                connection.execute(
                    text("INSERT INTO schema_steps (number, says, applied_at) VALUES (:number, :says, :at)"),
                    {"number": step.number, "says": step.says, "at": datetime.now(UTC).isoformat()},
                )


def _applied(connection: Connection, known: int, shown: str) -> int:
    """The number of the newest step that was applied. Raises StoreError when it is newer than those known."""
    applied = int(connection.execute(text("SELECT max(number) FROM schema_steps")).scalar() or 0)
    if applied > known:
        raise StoreError(
            f"the store {shown} has schema step {applied}, and this release knows {known}. Use the release that made"
            " it, or a newer one; nothing was changed."
        )
    return applied


def _reason(error: SQLAlchemyError) -> str:
    """The first line of what the database said; it quotes no value and no password."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0] if said else type(error).__name__
