"""The one way into the models of a process: gRPC calls and JetStream messages share sessions and batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import structlog
from numpy.typing import NDArray

from mesh import registry
from mesh.errors import ResourceExhausted
from svc_segment.batcher import Batcher, late
from svc_segment.core import Segmentation, conclude
from svc_segment.features import CHANNELS
from svc_segment.images import decode
from svc_segment.model import NAME, Model, load_model
from svc_segment.tiles import Pass, blend, passes

T = TypeVar("T")

BATCH = {"CPUExecutionProvider": 1}
"""Tiles at once: on the CPU a batch takes as long as its tiles one by one (docs/models.md)."""
GPU_BATCH = 8
TILE_QUEUE = 256
PHOTOS_AT_ONCE = 8
"""Photos held as pixels; others wait as compressed bytes."""
PHOTOS_WAITING = 256

log = structlog.get_logger()


class Compute(Protocol):
    """Runs CPU work off the event loop."""

    async def __call__(self, function: Callable[..., T], *args: Any) -> T: ...


@dataclass(frozen=True)
class Result:
    rgb: NDArray[np.uint8]
    segmentation: Segmentation
    model: Model


def model(name_version: str) -> Model:
    """The version that was asked for, else the active one; errors as `registry.serve` and `open_model`."""
    return _warm(registry.serve(name_version, NAME).label)


@lru_cache(maxsize=4)
def _warm(label: str) -> Model:
    """Loaded and warmed once per process."""
    loaded = load_model(label)
    edge = loaded.contract.multiple * 4
    loaded.logits(np.zeros((1, CHANNELS, edge, edge), np.float32))
    log.info("model loaded", model=loaded.contract.label, provider=loaded.provider)
    return loaded


class Engine:
    """Admission and batching for the tasks of one event loop."""

    def __init__(self) -> None:
        self._batchers: dict[str, Batcher] = {}
        self._slots = asyncio.Semaphore(PHOTOS_AT_ONCE)
        self._waiting = 0

    async def segment(
        self, data: bytes, field: str, name_version: str, deadline: datetime, compute: Compute
    ) -> Result:
        """Segment JPEG or PNG bytes that came in `field`.

        Raises InvalidInput as `images.decode`, NotFound for an unknown model, ResourceExhausted when too many
        photos wait, DeadlineExceeded.
        """
        chosen = await compute(model, name_version)
        if self._waiting >= PHOTOS_WAITING:
            raise ResourceExhausted(
                "SEGMENT_BUSY", "Too many photos wait.", fix="Try again in a second.", retry_after_s=1.0
            )
        await self._admit(deadline)
        try:
            rgb = await compute(decode, data, field)
            looks = await compute(passes, rgb, chosen.contract)
            batcher = self._batcher(chosen)
            answers = [await batcher.submit(look.tiles(), deadline) for look in looks]
            result = await compute(_finish, looks, answers, rgb, chosen)
        finally:
            self._slots.release()
        return Result(rgb, result, chosen)

    async def _admit(self, deadline: datetime) -> None:
        """Take one of the places for photos held as pixels; raises DeadlineExceeded."""
        self._waiting += 1
        try:
            async with asyncio.timeout(max(0.0, (deadline - datetime.now(UTC)).total_seconds())):
                await self._slots.acquire()
        except TimeoutError:
            raise late() from None
        finally:
            self._waiting -= 1

    def _batcher(self, chosen: Model) -> Batcher:
        label = chosen.contract.label
        if label not in self._batchers:
            size = BATCH.get(chosen.provider, GPU_BATCH)
            self._batchers[label] = Batcher(chosen.logits, size, TILE_QUEUE)
        return self._batchers[label]


def _finish(
    looks: list[Pass], answers: list[list[NDArray[np.float32]]], rgb: NDArray[np.uint8], chosen: Model
) -> Segmentation:
    return conclude(blend(looks, answers, (rgb.shape[0], rgb.shape[1])), chosen.contract)


_engines: WeakKeyDictionary[asyncio.AbstractEventLoop, Engine] = WeakKeyDictionary()


def engine() -> Engine:
    """The engine of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _engines:
        _engines[loop] = Engine()
    return _engines[loop]
