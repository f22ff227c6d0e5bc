"""Streams as files, by JetStream's own snapshot protocol: messages, sequences, consumers and their positions.

What `nats stream backup` does (JetStream API, `$JS.API.STREAM.SNAPSHOT` and `.RESTORE`): the server sends
chunks, to be acknowledged where they name a reply; an empty one ends the snapshot. Buckets are streams too.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg

CHUNK = 64 * 1024
TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Snapshot:
    """A stream in a file: its name, how many messages it holds, its last sequence."""

    stream: str
    messages: int
    last_seq: int


class SnapshotError(RuntimeError):
    """The server refused a snapshot or a restore; the message holds its words."""


async def names(client: Client) -> list[str]:
    """Every stream of the account, by name."""
    found: list[str] = []
    while True:
        page = await _ask(client, "$JS.API.STREAM.NAMES", {"offset": len(found)})
        found += page.get("streams") or []
        if len(found) >= page.get("total", 0):
            return sorted(found)


async def save(client: Client, stream: str, folder: Path) -> Snapshot:
    """Writes STREAM.snapshot and STREAM.json; raises SnapshotError, TimeoutError."""
    inbox = client.new_inbox()
    chunks: asyncio.Queue[Msg] = asyncio.Queue()

    async def take(message: Msg) -> None:
        await chunks.put(message)

    subscription = await client.subscribe(inbox, cb=take)
    try:
        request = {"deliver_subject": inbox, "chunk_size": CHUNK, "no_consumers": False}
        about = await _ask(client, f"$JS.API.STREAM.SNAPSHOT.{stream}", request)
        with (folder / f"{stream}.snapshot").open("wb") as file:
            while chunk := await asyncio.wait_for(chunks.get(), TIMEOUT_S):
                if not chunk.data:
                    break
                file.write(chunk.data)
                if chunk.reply:
                    await client.publish(chunk.reply, b"")
    finally:
        await subscription.unsubscribe()
    kept = {"config": about["config"], "state": about["state"]}
    (folder / f"{stream}.json").write_text(json.dumps(kept, indent=2))
    return Snapshot(stream, int(about["state"]["messages"]), int(about["state"]["last_seq"]))


async def load(client: Client, stream: str, folder: Path) -> Snapshot:
    """Makes a stream from its two files; raises SnapshotError, also where the stream is there already."""
    about = json.loads((folder / f"{stream}.json").read_text())
    answer = await _ask(client, f"$JS.API.STREAM.RESTORE.{stream}", about)
    to = str(answer["deliver_subject"])
    async for chunk in _pieces(folder / f"{stream}.snapshot"):
        reply = await client.request(to, chunk, timeout=TIMEOUT_S)
        if reply.data:
            _checked(reply.data, stream)
    done = _checked((await client.request(to, b"", timeout=TIMEOUT_S)).data, stream)
    state = done["state"]
    return Snapshot(stream, int(state["messages"]), int(state["last_seq"]))


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, CHUNK):
            yield piece


async def _ask(client: Client, subject: str, request: dict[str, Any]) -> dict[str, Any]:
    reply = await client.request(subject, json.dumps(request).encode(), timeout=TIMEOUT_S)
    return _checked(reply.data, subject)


def _checked(data: bytes, about: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(data)
    if answer.get("error"):
        raise SnapshotError(f"{about}: {answer['error'].get('description')}")
    return answer
