"""The databases that the store is tested on: a new SQLite file for each test, and a PostgreSQL server of our own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Path]:
    """The folder with the socket of a PostgreSQL server, started for this session; skips where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    command = shutil.which("initdb") or (str(found[-1]) if found else None)
    if command is None:
        pytest.skip("PostgreSQL is not installed: neither initdb nor /usr/lib/postgresql/*/bin/initdb is there")
    programs = Path(command).resolve().parent
    folder = Path(tempfile.mkdtemp(prefix="cdshooks-pg-"))
    data = folder / "data"
    as_user = _as_other_user(folder)
    try:
        _run(*as_user, str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "cds", "--no-sync", "-E", "UTF8")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        control = [*as_user, str(programs / "pg_ctl"), "-D", str(data), "-w"]
        _run(*control, "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield folder
        finally:
            _run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")
    folder = request.getfixturevalue("postgresql_server")
    name = f"t{uuid4().hex}"
    with psycopg.connect(host=str(folder), user="cds", dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"postgresql://cds@/{name}?host={folder}"


def _as_other_user(folder: Path) -> list[str]:
    """How to start a program as someone who is not root, which PostgreSQL refuses to be."""
    if os.getuid() != 0:
        return []
    if not shutil.which("setpriv"):
        pytest.skip("PostgreSQL does not run as root, and there is no setpriv to be someone else")
    user = next(u for u in pwd.getpwall() if u.pw_name in ("postgres", "nobody"))
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _run(*command: str) -> None:
    """Run a program; what it said is the reason to skip when it fails."""
    with tempfile.TemporaryFile() as said:  # no pipe: the server would hold it open
        ended = subprocess.run(command, stdout=said, stderr=subprocess.STDOUT, cwd="/", timeout=60)
        said.seek(0)
        if ended.returncode:
            pytest.skip(f"PostgreSQL cannot be started: {said.read().decode(errors='replace')[-300:]}")
