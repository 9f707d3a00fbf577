"""Reading from an EHR's FHIR server what a call lacks: within a few seconds, a few requests, and one address.

The access token is asked for when the first request goes out, is sent nowhere but below the registered base address
of this call, and is gone with it.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from cdshooks.hooks import json_body
from cdshooks.hooks.errors import RequestError
from cdshooks.hooks.fetched import Fetched, Miss, Query, is_bundle, next_link
from cdshooks.server.addresses import Address, FhirAccess, read_address, registered
from cdshooks.server.breaker import Breaker, BreakerState
from cdshooks.server.guarded_http import HttpMiss, Reply, read_from, resolve

READ = "read"
NOT_USED = "not-used"
_MEGABYTE = 1024 * 1024
_GRACE = 0.05  # seconds in which requests that end at the deadline hand over what they have
_STATUS = {401: Miss.REFUSED, 403: Miss.REFUSED, 404: Miss.NOT_FOUND, 410: Miss.NOT_FOUND, 429: Miss.BUSY}


@dataclass(frozen=True, slots=True)
class Limits:
    """What fetching for one call may cost at most; `pause_seconds` is how long a dead server is left alone."""

    total_seconds: float = 4.0
    answer_seconds: float = 0.25  # of these, kept for the answer itself
    request_seconds: float = 2.0
    requests: int = 12
    at_once: int = 4
    pages: int = 10
    answer_bytes: int = 5 * _MEGABYTE
    all_bytes: int = 20 * _MEGABYTE
    failures: int = 5
    pause_seconds: float = 30.0


Watcher = Callable[[str, BreakerState], None]
"""Is told, for metrics, when a registered server is left alone, tried again, or asked as before."""


class FhirClient:
    """What all calls of a process share: the limits, and which servers do not answer."""

    def __init__(
        self,
        limits: Limits | None = None,
        watch: Watcher = lambda server, state: None,
        clock: Callable[[], float] = time.monotonic,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.tls = tls
        self._watch = watch
        self._clock = clock
        self._breakers: dict[str, Breaker] = {}
        self._lock = threading.Lock()

    def for_call(
        self, access: FhirAccess, fhir_server: str | None, token: Callable[[], str | None], spent: float = 0.0
    ) -> FhirReader:
        """What reads for one call, of whose time `spent` seconds are gone.

        `token` is asked at most once, before the first request.
        """
        reader = FhirReader(self, access, registered(fhir_server, access), token)
        reader.deadline -= spent
        return reader

    def breaker(self, server: str) -> Breaker:
        """The breaker of a registered server."""
        with self._lock:
            if server not in self._breakers:
                limits = self.limits
                self._breakers[server] = Breaker(
                    limits.failures, limits.pause_seconds, self._clock, lambda state: self._watch(server, state)
                )
            return self._breakers[server]


class FhirReader:
    """The `fetch` of one call: takes queries, gives as many results, never raises for what a server does.

    `results` counts them: "read", or the Miss. `deadline` is in monotonic seconds.
    """

    def __init__(
        self, client: FhirClient, access: FhirAccess, base: Address | None, token: Callable[[], str | None]
    ) -> None:
        limits = client.limits
        self._client, self._access, self._base, self._limits = client, access, base, limits
        self.deadline = time.monotonic() + limits.total_seconds - limits.answer_seconds
        self._token = token
        self._headers: dict[str, str] | None = None
        self._numbers: list[str] | HttpMiss | None = None
        self._lock, self._resolving = threading.Lock(), threading.Lock()
        self._requests, self._bytes = limits.requests, limits.all_bytes
        self._waiting = 0
        self.results: Counter[str] = Counter()
        self._server = "" if base is None else f"{base.scheme}://{base.authority}{base.path}"

    def __call__(self, queries: Sequence[Query]) -> list[Fetched]:
        """The results of the queries, in their order."""
        refusal = self._refusal()
        self._waiting = len(queries)
        results = [Fetched(query, (), refusal) for query in queries] if refusal else self._asked(queries)
        self.results.update(result.miss or READ for result in results)
        return results

    @property
    def token_use(self) -> str:
        """What became of the call's token, in the codes of Da Vinci CRD's metrics: used, not-used or rejected."""
        tried = self.results.total() - self.results[Miss.DOWN]
        if "Authorization" not in (self._headers or {}) or not tried:
            return NOT_USED
        return "rejected" if self.results[Miss.REFUSED] and not self.results[READ] else "used"

    def _asked(self, queries: Sequence[Query]) -> list[Fetched]:
        # A server that is tried again after a pause gets one request before the others.
        first = 1 if self._client.breaker(self._server).state is BreakerState.HALF_OPEN else len(queries)
        return [*self._read_all(queries[:first]), *self._read_all(queries[first:])]

    def _refusal(self) -> Miss | None:
        if self._base is None:
            return Miss.UNREGISTERED
        if self._headers is None:
            token = self._token()
            bearer = {"Authorization": f"Bearer {token}"} if token else {}
            self._headers = {"Accept": "application/fhir+json", "User-Agent": "cdshooks", **bearer}
        if "Authorization" not in self._headers and not self._access.without_token:
            return Miss.NO_TOKEN
        return None

    def _read_all(self, queries: Sequence[Query]) -> list[Fetched]:
        pages: list[list[Any]] = [[] for _ in queries]
        pool = ThreadPoolExecutor(self._limits.at_once, thread_name_prefix="fhir")
        try:
            running = [pool.submit(self._read, query, into) for query, into in zip(queries, pages, strict=True)]
            done, _ = wait(running, max(0.0, self.deadline - time.monotonic()) + _GRACE)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return [
            future.result() if future in done else Fetched(query, tuple(into), Miss.LATE)
            for future, query, into in zip(running, queries, pages, strict=True)
        ]

    def _read(self, query: Query, pages: list[Any]) -> Fetched:
        """Every page of a query, each appended to `pages` as soon as it is there."""
        try:
            self._read_pages(query, pages)
        except HttpMiss as missed:
            return Fetched(query, tuple(pages), missed.miss)
        return Fetched(query, tuple(pages))

    def _read_pages(self, query: Query, pages: list[Any]) -> None:
        seen: set[Address] = set()
        link: str | None = query.url
        while link is not None:
            self._count(further=bool(pages))
            address = self._below_base(link)
            if address in seen:
                raise HttpMiss(Miss.CIRCULAR)
            if len(seen) == self._limits.pages:
                raise HttpMiss(Miss.TOO_MANY)
            seen.add(address)
            value = self._value(address)
            if pages and not is_bundle(value):
                raise HttpMiss(Miss.UNREADABLE)
            pages.append(value)
            link = next_link(value)

    def _count(self, further: bool) -> None:
        """Count a request; one for a further page leaves enough for the queries that have not begun."""
        with self._lock:
            self._waiting -= not further
            if self._requests <= (self._waiting if further else 0):
                raise HttpMiss(Miss.TOO_MANY)
            self._requests -= 1

    def _below_base(self, link: str) -> Address:
        """Where a link leads: relative to the base, or absolute and below it."""
        assert self._base is not None
        text = link if "://" in link else f"{self._server}/{link}"
        address = read_address(text, self._access.allow_loopback)
        if address is None or not address.is_below(self._base):
            raise HttpMiss(Miss.ELSEWHERE)
        return address

    def _value(self, address: Address) -> Any:
        """The JSON at an address, if the server is one to ask at present."""
        reply = self._reply(address)
        if reply.status != 200:
            elsewhere = Miss.ELSEWHERE if 300 <= reply.status < 400 else Miss.FAILED
            raise HttpMiss(_STATUS.get(reply.status, elsewhere))
        try:
            return json_body.decode(reply.body)
        except RequestError:
            raise HttpMiss(Miss.UNREADABLE) from None

    def _reply(self, address: Address) -> Reply:
        breaker = self._client.breaker(self._server)
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise HttpMiss(Miss.LATE)
        if not breaker.admits():
            raise HttpMiss(Miss.DOWN)
        alive: bool | None = None
        try:
            reply = self._exchange(address, min(left, self._limits.request_seconds))
            alive = reply.status < 500
            return reply
        except HttpMiss as missed:
            # A request that had little time left says nothing of the server.
            hurried = missed.miss is Miss.LATE and left < self._limits.request_seconds / 2
            alive = None if hurried or missed.miss is Miss.ELSEWHERE else not missed.dead
            raise
        finally:
            breaker.note(alive)

    def _exchange(self, address: Address, seconds: float) -> Reply:
        assert self._headers is not None
        end = time.monotonic() + seconds
        counted = 0

        def count(more: int) -> None:
            nonlocal counted
            counted += more
            with self._lock:
                self._bytes -= more
                if counted > self._limits.answer_bytes or self._bytes < 0:
                    raise HttpMiss(Miss.TOO_LARGE)

        return read_from(self._resolved(address), address, self._headers, end, count, self._client.tls)

    def _resolved(self, address: Address) -> list[str]:
        """The numbers of the base's host, looked up once for this call."""
        with self._resolving:
            if self._numbers is None:
                try:
                    self._numbers = resolve(address, self._access.allow_loopback)
                except HttpMiss as missed:
                    self._numbers = missed
        if isinstance(self._numbers, HttpMiss):
            raise HttpMiss(self._numbers.miss, self._numbers.dead)
        return self._numbers
