"""What wakes those who wait: one LISTEN connection and one progress subscription per process.

A waiter subscribes to a topic (a job id, or OUTBOX) and is woken when the ledger or a stage says
something about it. Wake-ups may be lost while a connection is away; waiters look again by themselves.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from gateway.ledger.database import connection_options
from mesh.tasks import check_cancelled
from mesh.topology import PROGRESS_BUCKET

log = structlog.get_logger()

OUTBOX = "outbox"
CHANNELS = ("assay_job", "assay_outbox")
ALIVE_S = 10.0
BACKOFF_CAP_S = 5.0
_random = random.SystemRandom()


@dataclass
class Subscription:
    """What a waiter holds: `event` is set on news; `progress` is the newest progress entry, JSON."""

    event: asyncio.Event = field(default_factory=asyncio.Event)
    progress: bytes = b""


class Fanout:
    """Hands news out by topic."""

    def __init__(self) -> None:
        self.closed = False
        self._topics: defaultdict[str, list[Subscription]] = defaultdict(list)

    @contextmanager
    def subscribe(self, topic: str) -> Iterator[Subscription]:
        """Subscribes for the length of a `with` block."""
        subscription = Subscription()
        self._topics[topic].append(subscription)
        try:
            yield subscription
        finally:
            self._topics[topic].remove(subscription)
            if not self._topics[topic]:
                del self._topics[topic]

    def wake(self, topic: str, progress: bytes = b"") -> None:
        """Wakes the waiters of a topic."""
        for subscription in self._topics.get(topic, ()):
            subscription.progress = progress or subscription.progress
            subscription.event.set()

    def wake_all(self) -> None:
        """Wakes everybody, because news may have been missed."""
        for topic in list(self._topics):
            self.wake(topic)

    def close(self) -> None:
        """Says that the process ends: long waits are to end as well."""
        self.closed = True
        self.wake_all()

    def __len__(self) -> int:
        return sum(map(len, self._topics.values()))

    def waiters(self) -> int:
        """Requests that wait for a job."""
        return len(self) - len(self._topics.get(OUTBOX, ()))


def backoff_s(failures: int) -> float:
    """Seconds to wait after so many failures in a row: doubling from 0.25 s to 5 s, with jitter."""
    return min(BACKOFF_CAP_S, 0.25 * 2.0 ** min(failures, 8)) * _random.uniform(0.5, 1.0)


async def wait_for(event: asyncio.Event, seconds: float) -> bool:
    """Waits for news at most so long; True when there was some. Clears the event."""
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await event.wait()
    except TimeoutError:
        return False
    event.clear()
    return True


async def listen(dsn: str, fanout: Fanout) -> None:
    """Turns NOTIFY into wake-ups until cancelled; reconnects with backoff."""
    failures = 0
    while True:
        check_cancelled()
        try:
            await _listen_once(dsn, fanout)
            failures = 0
        except (psycopg.Error, OSError) as error:
            failures += 1
            log.warning("ledger_listen_lost", error=str(error).strip(), failures=failures)
        await asyncio.sleep(backoff_s(failures))


async def _listen_once(dsn: str, fanout: Fanout) -> None:
    options = connection_options("gateway-listen")
    async with await psycopg.AsyncConnection.connect(dsn, **options) as connection:
        for channel in CHANNELS:
            await connection.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(channel)))
        fanout.wake_all()
        while True:
            async for notice in connection.notifies(timeout=ALIVE_S):
                fanout.wake(OUTBOX if notice.channel == "assay_outbox" else notice.payload)
            await connection.execute("SELECT 1")


async def follow_progress(client: Client, fanout: Fanout) -> None:
    """Turns progress entries into wake-ups until cancelled.

    A key-value put is a publication on `$KV.<bucket>.<key>`; a plain subscription sees it, survives
    reconnects, and leaves nothing behind on the server.
    """

    async def on_entry(message: Msg) -> None:
        fanout.wake(message.subject.rpartition(".")[2], message.data)

    subscription: Any = await client.subscribe(f"$KV.{PROGRESS_BUCKET}.*", cb=on_entry)
    try:
        await asyncio.Event().wait()
    finally:
        if client.is_connected:
            await subscription.unsubscribe()
