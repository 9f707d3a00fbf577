"""`python -m benchmarks.crowd`: how long those wait that come when it is too much, and are told to come again."""

from __future__ import annotations

import asyncio
import time
from statistics import quantiles

from benchmarks.charts import SIZES, request_body
from benchmarks.core import SERVICE
from benchmarks.web import CHART, OURS, _served

CALLS = 64
"""At once, to one worker: four times as many as it takes."""


async def _call(port: int, body: bytes) -> tuple[int, float]:
    """The status of one call, and the seconds until it was told."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        f"POST /cds-services/{SERVICE} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
    )
    began = time.perf_counter()
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    status = int((await reader.readline()).split()[1])
    took = time.perf_counter() - began
    await reader.read()
    writer.close()
    return status, took


async def _all_at_once(port: int, calls: int) -> list[tuple[int, float]]:
    body = request_body(SIZES[CHART])
    return await asyncio.gather(*(_call(port, body) for _ in range(calls)))


def measure(rounds: int, calls: int = CALLS) -> dict[int, list[float]]:
    """By status the seconds that the calls of several rounds waited, in order."""
    waited: dict[int, list[float]] = {}
    with _served("granian", OURS, 1) as port:
        for _ in range(rounds):
            for status, took in asyncio.run(_all_at_once(port, calls)):
                waited.setdefault(status, []).append(took)
    return {status: sorted(times) for status, times in sorted(waited.items())}


def main() -> None:
    """Print a line for each status."""
    for status, times in measure(rounds=10).items():
        cuts = [cut * 1e3 for cut in quantiles(times, n=100)]
        print(f"{status}: {len(times)} calls, p50 {cuts[49]:.0f} ms, p95 {cuts[94]:.0f} ms, p99 {cuts[98]:.0f} ms")


if __name__ == "__main__":
    main()
