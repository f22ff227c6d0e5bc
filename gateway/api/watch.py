"""Waiting for a job: for its end, or event by event (server-sent events, WHATWG HTML section 9.2)."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator
from typing import Any

from gateway.api.views import as_json, view
from gateway.desk import Desk
from gateway.ledger.jobs import JobRow
from gateway.ledger.notify import Subscription, wait_for
from mesh.errors import Transient
from mesh.progress import Step, read_step

RELOOK_S = 5.0
HEARTBEAT_S = 15.0
# Less than the edge's limit on the stream, so that the stream can say why it ends.
WATCH_MAX_S = 870.0
RETRY_MS = 2_000
HEARTBEAT = b": heartbeat\n\n"


async def until_ended(desk: Desk, tenant_id: str, row: JobRow, seconds: float) -> JobRow:
    """Waits at most so long for a job's end; returns it as it then is. Never raises."""
    over = time.monotonic() + seconds
    with desk.fanout.subscribe(row.job_id) as subscription:
        while not row.ended:
            row = await look(desk, tenant_id, row)
            left = over - time.monotonic()
            if row.ended or left <= 0 or desk.fanout.closed:
                break
            await wait_for(subscription.event, min(left, RELOOK_S))
    return row


async def look(desk: Desk, tenant_id: str, row: JobRow) -> JobRow:
    """Reads a job again; the old row when the ledger is away."""
    try:
        return await desk.job(tenant_id, row.job_id)
    except Transient:
        return row


def event(name: str, data: dict[str, Any], event_id: int | None = None) -> bytes:
    """Returns one event; its data is one line of JSON."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    head = f"event: {name}\n" if event_id is None else f"event: {name}\nid: {event_id}\n"
    return f"{head}data: {text}\n\n".encode()


def last_event_id(header: str) -> int:
    """Returns the number in a Last-Event-ID header; -1 for none or one that is not ours."""
    return int(header) if header.isascii() and header.isdigit() and len(header) < 19 else -1


async def events(desk: Desk, tenant_id: str, row: JobRow, resume: int) -> AsyncGenerator[bytes, None]:
    """Yields a job's events until it ends, the process stops, or WATCH_MAX_S pass.

    `state` (id: stream sequence of the newest fact) and `done` carry the analysis without its
    result, `progress` the running stage's step, `error` why the stream ends early. A client that
    comes back with the last id it saw gets no state twice.
    """
    over = time.monotonic() + WATCH_MAX_S
    yield f"retry: {RETRY_MS}\n\n".encode()
    with desk.fanout.subscribe(row.job_id) as subscription:
        row, step = await look(desk, tenant_id, row), await desk.progress(row)
        told, shown = resume, None
        while True:
            if row.last_seq > told or told < 0:
                told = row.last_seq
                yield event("state", shape(row), told)
            if row.ended:
                yield event("done", shape(row), told)
                return
            if step is not None and step != shown:
                shown = step
                yield event("progress", vars(step))
            if desk.fanout.closed:
                return
            if time.monotonic() >= over:
                yield event("error", too_long())
                return
            if not await wait_for(subscription.event, min(HEARTBEAT_S, over - time.monotonic())):
                yield HEARTBEAT
            row = await look(desk, tenant_id, row)
            step = newest(subscription, row) or step


def newest(subscription: Subscription, row: JobRow) -> Step | None:
    """Returns the newest progress that came, when it is of the running epoch."""
    step = read_step(subscription.progress) if subscription.progress else None
    return step if step and step.epoch == row.document.job.epoch else None


def shape(row: JobRow) -> dict[str, Any]:
    """Returns the analysis without its result, in the JSON form of the REST surface."""
    return as_json(view(row, with_result=False))


def too_long() -> dict[str, Any]:
    """The `error` event of a stream that has lasted long enough."""
    return {
        "code": "WATCH_ENDED",
        "detail": "This stream has reached its longest duration; the analysis goes on.",
        "fix": "Connect again with the header Last-Event-ID.",
    }
