"""Our application under the web server's own interface (RSGI), where a body that does not come is given up.

Under its WSGI interface a thread that reads a body waits for as long as the caller likes. Here the event loop of the
worker reads it, and only when the application asks for it: what a stranger sends is still never read.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from wsgiref.types import WSGIApplication

from granian.rsgi import HTTPProtocol, ProtocolClosed, ProtocolError, Scope  # type: ignore[attr-defined]

from cdshooks.hooks.errors import RequestError
from cdshooks.server import wsgi
from cdshooks.server.callers import AT_ONCE
from cdshooks.server.replies import MAX_BODY_BYTES

BODY_SECONDS = 10.0
"""How long a body may take from when it is first read to its end."""

_THREADS = 2 * AT_ONCE  # so many calls are worked on; the others have a thread to be refused by
_SWITCH_SECONDS = 0.0002
_BARE = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
_Headers = list[tuple[str, str]]


def app() -> Served:
    """The application as the environment sets it, as a worker serves it. Raises SettingsError or LibraryError."""
    # The event loop hands over every call and every answer, and must not wait long for those that compute.
    sys.setswitchinterval(_SWITCH_SECONDS)
    return Served(wsgi.app())


class Served:
    """A WSGI application as the web server calls it, on threads of its own."""

    def __init__(
        self, application: WSGIApplication, threads: int = _THREADS, body_seconds: float = BODY_SECONDS
    ) -> None:
        self._application = application
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="call")
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """Answer one call."""
        loop = asyncio.get_running_loop()
        body = Body(protocol, scope.headers.get("content-length"), loop, self._body_seconds)
        reply = await loop.run_in_executor(self._threads, self._answered, _environ(scope, body))
        protocol.response_bytes(*reply)

    def _answered(self, environ: dict[str, Any]) -> tuple[int, _Headers, bytes]:
        said: list[tuple[int, _Headers]] = []

        def start(status: str, headers: _Headers, _failure: object = None) -> Any:
            said.append((int(status.split(" ", 1)[0]), headers))

        parts = self._application(environ, start)
        try:
            whole = b"".join(parts)
        finally:
            _close(parts)
        return (*said[-1], whole)


class Body:
    """The body of one call: read as a whole when its first byte is asked for, no more than may be sent, in time."""

    def __init__(
        self, protocol: HTTPProtocol, length: str | None, loop: asyncio.AbstractEventLoop, seconds: float
    ) -> None:
        self._protocol, self._length, self._loop, self._seconds = protocol, length, loop, seconds
        self._read: io.BytesIO | None = None

    def read(self, size: int = -1) -> bytes:
        """The next bytes. Raises RequestError (400) when they do not come in time."""
        if self._read is None:
            self._read = io.BytesIO(asyncio.run_coroutine_threadsafe(self._in_time(), self._loop).result())
        return self._read.read(size)

    async def _in_time(self) -> bytes:
        try:
            async with asyncio.timeout(self._seconds):
                return await (self._parts() if self._length is None else self._protocol())
        except TimeoutError:
            says = f"the body did not come within {self._seconds:g} seconds"
            raise RequestError(400, "timeout", says) from None
        except (ProtocolError, ProtocolClosed):  # the caller went away: as with any body that ends too soon
            return b""

    async def _parts(self) -> bytes:
        """A body of no given length, to the first part that is too much."""
        parts = bytearray()
        async for part in self._protocol:
            parts += part
            if len(parts) > MAX_BODY_BYTES:
                break
        return bytes(parts)


def _environ(scope: Scope, body: Body) -> dict[str, Any]:
    """What WSGI (PEP 3333) tells of a call."""
    name, _, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "SERVER_NAME": name.strip("[]"),
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for header, value in scope.headers.items():
        key = _BARE.get(header) or f"HTTP_{header.upper().replace('-', '_')}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    if scope.authority and "HTTP_HOST" not in environ:  # HTTP/2
        environ["HTTP_HOST"] = scope.authority
    return environ


def _close(parts: Iterable[bytes]) -> None:
    close = getattr(parts, "close", None)
    if close:
        close()
