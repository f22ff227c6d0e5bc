"""One session, many callers: tiles that wait when the session frees leave together as one batch.

Natural batching: nothing is delayed to fill a batch. Callers may be gRPC calls or JetStream messages; tiles
of one shape go together, oldest first.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from mesh import inference
from mesh.errors import DeadlineExceeded, ResourceExhausted, Transient

Tile = NDArray[np.float32]
Run = Callable[[Tile], Tile]
"""Features (B, C, H, W) to answers (B, H, W)."""


@dataclass(frozen=True)
class _Item:
    tile: Tile
    deadline: datetime
    done: asyncio.Future[Tile]
    since: float


class Batcher:
    """Feeds one session from many tasks of one event loop.

    `max_batch` tiles at most go at once (1 on a CPU, where batches measured no gain); `max_queue` tiles at
    most wait. Use as an async context manager, or call `close`.
    """

    def __init__(self, run: Run, max_batch: int, max_queue: int, model: str = "") -> None:
        """model: name@version under which waits are counted."""
        if max_batch < 1 or max_queue < 1:
            raise ValueError("max_batch and max_queue are at least 1")
        self._run = run
        self._max_batch = max_batch
        self._max_queue = max_queue
        self._model = model
        self._waiting: OrderedDict[tuple[int, ...], deque[_Item]] = OrderedDict()
        self._count = 0
        self._worker: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="session")
        self._closed = False

    @property
    def waiting(self) -> int:
        """Tiles in the queue."""
        return self._count

    async def submit(self, tiles: Sequence[Tile], deadline: datetime) -> list[Tile]:
        """Answers (h, w) to tiles (c, h, w), in order; all of one call are taken into the queue, or none.

        Raises ResourceExhausted (SEGMENT_BUSY) when they do not fit, DeadlineExceeded when `deadline` (UTC)
        passes first, Transient when the batcher is closed, or whatever the session raised for their batch.
        """
        if self._closed:
            raise Transient("SEGMENT_CLOSING", "The segmenter is shutting down.", fix="Try again.")
        if self._count + len(tiles) > self._max_queue and self._count:
            raise ResourceExhausted(
                "SEGMENT_BUSY",
                f"{self._count} tiles wait already.",
                fix="Try again in a second.",
                retry_after_s=1.0,
            )
        loop = asyncio.get_running_loop()
        now = time.perf_counter()
        items = [_Item(tile, deadline, loop.create_future(), now) for tile in tiles]
        for item in items:
            self._waiting.setdefault(item.tile.shape, deque()).append(item)
        self._count += len(items)
        if self._worker is None or self._worker.done():
            self._worker = loop.create_task(self._work())
        try:
            remaining = (deadline - datetime.now(UTC)).total_seconds()
            async with asyncio.timeout(max(0.0, remaining)):
                return list(await asyncio.gather(*(item.done for item in items)))
        except TimeoutError:
            raise late() from None
        finally:  # what nobody waits for any more is not worth running
            for item in items:
                item.done.cancel()

    async def close(self) -> None:
        """Fail what waits, let the running batch end, free the thread."""
        self._closed = True
        for queue in self._waiting.values():
            for item in queue:
                if not item.done.done():
                    item.done.set_exception(Transient("SEGMENT_CLOSING", "The segmenter is shutting down."))
        self._waiting.clear()
        self._count = 0
        if self._worker is not None:
            await asyncio.gather(self._worker, return_exceptions=True)
        self._thread.shutdown(wait=True)

    async def __aenter__(self) -> Batcher:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while batch := self._next():
            inference.waited(self._model, [item.since for item in batch])
            try:
                answers = await loop.run_in_executor(self._thread, self._together, [i.tile for i in batch])
                if len(answers) != len(batch):
                    raise RuntimeError(f"the session answered {len(answers)} of {len(batch)} tiles")
            except Exception as error:  # the batch's callers get it; the worker lives on
                for item in batch:
                    if not item.done.done():
                        item.done.set_exception(error)
            else:
                for item, answer in zip(batch, answers, strict=True):
                    if not item.done.done():
                        item.done.set_result(answer)

    def _together(self, tiles: Sequence[Tile]) -> Tile:
        """Runs tiles as one batch; copies them in the session's thread, for eight of 512 pixels are 59 MB."""
        return self._run(np.stack(tiles))

    def _next(self) -> list[_Item]:
        """The next batch: up to max_batch live tiles of the shape whose turn it is."""
        now, batch = datetime.now(UTC), list[_Item]()
        while self._waiting and not batch:
            shape, queue = self._waiting.popitem(last=False)
            while queue and len(batch) < self._max_batch:
                item = queue.popleft()
                self._count -= 1
                if item.done.done():
                    continue
                if item.deadline <= now:
                    item.done.set_exception(late())
                else:
                    batch.append(item)
            if queue:  # shapes take turns, so that one crowd does not starve another
                self._waiting[shape] = queue
        return batch


def late() -> DeadlineExceeded:
    """The error of a photo whose time is up."""
    return DeadlineExceeded(
        "DEADLINE", "The deadline passed before the photo was segmented.", fix="Try again."
    )
