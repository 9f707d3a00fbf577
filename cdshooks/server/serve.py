"""Running the service under a production web server."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from cdshooks.engine.library import Library, load_library
from cdshooks.server.clients import Client
from cdshooks.server.dossiers import drop_dossiers, purge_dossiers
from cdshooks.server.metrics import FOLDER, forget_dead_workers
from cdshooks.server.production import refuse_synthetic, registered_clients
from cdshooks.server.registry import rows_in_force
from cdshooks.server.rsgi import Served, app
from cdshooks.server.settings import Settings, SettingsError
from cdshooks.server.store import open_store
from cdshooks.server.stories import curl_line, fire_line


def run_server(settings: Settings, host: str = "127.0.0.1", port: int = 8000, workers: int = 1) -> None:
    """Serve until interrupted, in `workers` processes.

    Raises SettingsError, LibraryError or StoreError before any process is started.
    """
    clients = registered_clients(settings)
    _prepare_store(settings, load_library(settings.library))
    address = _free_address(host, port)
    os.environ.update(settings.environment())
    for line in start_lines(settings, host, port, clients):
        click.echo(line)
    with _counted_together():
        Granian(
            target="cdshooks.server.rsgi:app",
            interface=Interfaces.RSGI,
            address=address,
            port=port,
            workers=workers,
            respawn_failed_workers=True,  # else one that is killed takes the others, and their calls, with it
            http=HTTPModes.http1,  # where it waits to see which HTTP it will be, it waits for ever
            http1_settings=HTTP1Settings(header_read_timeout=10_000),
            websockets=False,
            workers_kill_timeout=8,  # seconds for the calls that are being answered when it is told to stop
            log_level=LogLevels.warning,
        ).serve(target_loader=_worker_app, wrap_loader=False)


@contextmanager
def _counted_together() -> Iterator[None]:
    """A folder in which the workers of this service count for /metrics, gone when it ends."""
    with TemporaryDirectory(prefix="cdshooks-metrics-") as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]


def start_lines(settings: Settings, host: str, port: int, clients: Sequence[Client]) -> list[str]:
    """What an operator reads at start: who may call, where discovery is, and in a demo two ways to see a card."""
    base = settings.public_url or f"http://{_reachable(host)}:{port}"
    shown = [f"{client.name}{' (shadow)' if client.shadow else ''}" for client in clients]
    callers = [f"Callers:    {', '.join(shown)}"] if clients else []
    if not settings.notice:
        return [f"Production: {base}/cds-services", *callers]
    return [
        settings.notice,
        *callers,
        f"Discovery:  {base}/cds-services",
        f"Home page:  {base}/",
        f"Demo EHR:   {base}/demo",
        f"A card:     {curl_line(base)}",
        f"In words:   {fire_line(base, _own_command())}",
    ]


def _prepare_store(settings: Settings, library: Library) -> None:
    """Bring the store's schema up to date before there are several processes to do it, and look at its registry.

    Dossiers that are past their days go; all of them, where dossiers are turned off.
    """
    store = open_store(settings.database_url)
    try:
        with store.writing() as connection:
            if settings.dossier_days:
                purge_dossiers(connection, datetime.now(settings.timezone).date())
            else:
                drop_dossiers(connection)
        if not settings.demo:
            refuse_synthetic(library.rosters, rows_in_force(store).roster())
    finally:
        store.close()


def _free_address(host: str, port: int) -> str:
    """The IP address of a host, free to be served: the web server would quietly share a port that is taken."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        socket.create_server((str(address[0]), port), family=family).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "there is no such port"
        wanted = "Write --host or --port with another."
        raise SettingsError(f"{host} port {port} cannot be served: {reason}. {wanted}") from None
    return str(address[0])


def _worker_app() -> Served:
    """The application of a worker process.

    Until the web server sets its own handlers, a worker has those of its parent, which only take a note: a stop
    that comes while the library is being read would be lost, and the parent would wait for ever.
    """
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.SIG_DFL)
    forget_dead_workers()
    return app()


def _own_command() -> str:
    """Our command as it can be typed here: by its name where that is found, else by the path it was started by."""
    started = sys.argv[0]
    by_path = Path(started).name == "cdshooks" and not shutil.which("cdshooks")
    return shlex.quote(started) if by_path else "cdshooks"


def _reachable(host: str) -> str:
    if host in ("0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
