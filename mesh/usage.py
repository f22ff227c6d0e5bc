"""Utilisation and saturation of what a process uses: event loop, thread pools, NATS, certificates.

What can be read is read at the scrape (`set_function`), so that it costs nothing in between; only the
lag of the event loop must be sampled. CPU, memory and open files are prometheus_client's `process_*`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import structlog
from cryptography import x509

from mesh.jetstream import JetStream
from mesh.signals import gauge, histogram

T = TypeVar("T")

LAG = histogram("assay_event_loop_lag_seconds")
POOL = gauge("assay_pool_connections")
CONNECTED = gauge("assay_nats_connected")
EXPIRY = gauge("assay_certificate_expiry_timestamp_seconds")

SAMPLE_S = 0.5
CERTIFICATES_S = 60.0
CERTIFICATE_FILES = ("*.crt", "*.pem")

log = structlog.get_logger()


class Threads(ThreadPoolExecutor):
    """A pool of threads that tells how many of them are busy and how much waits."""

    def __init__(self, name: str, size: int) -> None:
        super().__init__(size, thread_name_prefix=name)
        self._size = size
        self._given = 0
        self._count = threading.Lock()
        watch_pool(name, self._busy)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """As ThreadPoolExecutor's, and counted until it is done."""
        with self._count:
            self._given += 1
        try:
            future = super().submit(fn, *args, **kwargs)
        except RuntimeError:
            self._done(None)
            raise
        future.add_done_callback(self._done)
        return future

    def _done(self, _: object) -> None:
        with self._count:
            self._given -= 1

    def _busy(self) -> tuple[int, int, int]:
        given = self._given
        return max(0, self._size - given), min(given, self._size), max(0, given - self._size)


def watch_pool(name: str, busy: Callable[[], tuple[int, int, int]]) -> None:
    """Shows a pool on /metrics; `busy` tells idle, used and waiting, and is called at each scrape."""
    POOL.labels(name, "idle").set_function(lambda: busy()[0])
    POOL.labels(name, "used").set_function(lambda: busy()[1])
    POOL.labels(name, "waiting").set_function(lambda: busy()[2])


async def follow(connection: JetStream, certificates: str) -> None:
    """Samples the lag of the event loop for ever, and looks at the certificates once a minute."""
    CONNECTED.set_function(lambda: float(connection.connected))
    looked = float("-inf")
    while True:
        before = time.perf_counter()
        if certificates and before - looked >= CERTIFICATES_S:
            looked = before
            await asyncio.to_thread(read_certificates, Path(certificates))
            before = time.perf_counter()
        await asyncio.sleep(SAMPLE_S)
        LAG.observe(max(0.0, time.perf_counter() - before - SAMPLE_S))


def read_certificates(folder: Path) -> None:
    """Shows when each certificate in a folder ends; a file with several shows the first to end."""
    for path in sorted(each for pattern in CERTIFICATE_FILES for each in folder.glob(pattern)):
        try:
            found = x509.load_pem_x509_certificates(path.read_bytes())
        except (OSError, ValueError) as error:
            log.warning("certificate_unreadable", file=path.name, kind=type(error).__name__)
            continue
        EXPIRY.labels(path.stem).set(min(each.not_valid_after_utc.timestamp() for each in found))
