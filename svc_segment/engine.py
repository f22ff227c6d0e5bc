"""The one way into the models of a process: calls and facts share sessions, threads and batches.

On a CPU a photo goes from bytes to answer in one thread, as many at once as there are cores: a batch takes as
long as its tiles one by one (docs/models.md), and every hop between threads costs. A photo that is alone gets
all cores, tile by tile; in a crowd each keeps to one thread, which takes less processor time in all. On a GPU
the tiles of all photos meet in a batcher.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import structlog
from numpy.typing import NDArray

from mesh import registry, telemetry
from mesh.cores import cores
from mesh.errors import ResourceExhausted
from mesh.usage import Threads
from svc_segment.batcher import Batcher, late
from svc_segment.core import Segmentation, conclude
from svc_segment.features import CHANNELS
from svc_segment.images import decode
from svc_segment.model import NAME, Model, load_model
from svc_segment.tiles import Pass, blend, passes

T = TypeVar("T")
Tile = NDArray[np.float32]

ON_CPU = "CPUExecutionProvider"
CORES = cores()
GPU_BATCH = 8
TILE_QUEUE = 256
PHOTOS_AT_ONCE = 8
"""Photos admitted; a CPU holds one of them per core as pixels, a GPU all. Others wait as compressed bytes."""
PHOTOS_WAITING = 256

log = structlog.get_logger()


@dataclass(frozen=True)
class Result:
    rgb: NDArray[np.uint8]
    segmentation: Segmentation
    model: Model


@dataclass(frozen=True)
class Sessions:
    """A model as a process holds it. Both answer with the same bits: threads share out rows, never a sum."""

    alone: Model
    """On every core, for one photo at a time."""
    crowd: Model
    """On one thread a call; `alone` again where there is a GPU or only one core."""


def sessions(name_version: str) -> Sessions:
    """The version that was asked for, else the active one; errors as `registry.serve` and `open_model`."""
    return _warm(registry.serve(name_version, NAME).label)


@lru_cache(maxsize=4)
def _warm(label: str) -> Sessions:
    """Loaded and warmed once per process."""
    alone = _load(label, CORES)
    return Sessions(alone, _load(label, 1) if alone.provider == ON_CPU and CORES > 1 else alone)


def _load(label: str, threads: int) -> Model:
    loaded = load_model(label, threads=threads)
    edge = loaded.contract.multiple * 4
    loaded.logits(np.zeros((1, CHANNELS, edge, edge), np.float32))
    log.info("model loaded", model=label, provider=loaded.provider, threads=threads)
    return loaded


class Engine:
    """Admission, threads and batching for the tasks of one event loop."""

    def __init__(self) -> None:
        self._batchers: dict[str, Batcher] = {}
        self._threads = Threads("photo", CORES)
        self._slots = asyncio.Semaphore(PHOTOS_AT_ONCE)
        self._waiting = 0
        self._admitted = 0

    async def segment(
        self, data: bytes, field: str, name_version: str, deadline: datetime, then: Callable[[Result], T]
    ) -> T:
        """Segment JPEG or PNG bytes that came in `field`; what `then` makes of the result in its thread.

        Raises InvalidInput as `images.decode`, NotFound for an unknown model, ResourceExhausted when too many
        photos wait, DeadlineExceeded.
        """
        if self._waiting >= PHOTOS_WAITING:
            raise ResourceExhausted(
                "SEGMENT_BUSY", "Too many photos wait.", fix="Try again in a second.", retry_after_s=1.0
            )
        await self._admit(deadline)
        self._admitted += 1
        try:
            chosen = await self._compute(sessions, name_version)
            if chosen.alone.provider == ON_CPU:
                return await self._compute(self._in_one_thread, data, field, chosen, deadline, then)
            return await self._batched(data, field, chosen.alone, deadline, then)
        finally:
            self._admitted -= 1
            self._slots.release()

    async def _compute(self, function: Callable[..., T], *args: object) -> T:
        with telemetry.inner_span(f"compute {function.__name__.strip('_')}"):
            return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

    def _in_one_thread(
        self, data: bytes, field: str, chosen: Sessions, deadline: datetime, then: Callable[[Result], T]
    ) -> T:
        """The deadline is looked at before every tile."""
        _in_time(deadline)
        rgb = decode(data, field)
        looks = passes(rgb, chosen.alone.contract)
        answers = [[self._answer(tile, chosen, deadline) for tile in look.tiles()] for look in looks]
        return then(_finish(looks, answers, rgb, chosen.alone))

    def _answer(self, tile: Tile, chosen: Sessions, deadline: datetime) -> Tile:
        _in_time(deadline)
        model = chosen.alone if self._admitted == 1 else chosen.crowd
        return np.asarray(model.logits(tile[None])[0], np.float32)

    async def _batched(
        self, data: bytes, field: str, chosen: Model, deadline: datetime, then: Callable[[Result], T]
    ) -> T:
        rgb = await self._compute(decode, data, field)
        looks = await self._compute(passes, rgb, chosen.contract)
        batcher = self._batcher(chosen)
        answers = [await batcher.submit(look.tiles(), deadline) for look in looks]
        return await self._compute(lambda: then(_finish(looks, answers, rgb, chosen)))

    async def _admit(self, deadline: datetime) -> None:
        """Take one of the places, first come, first served; raises DeadlineExceeded."""
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
            self._batchers[label] = Batcher(chosen.logits, GPU_BATCH, TILE_QUEUE, label)
        return self._batchers[label]


def _in_time(deadline: datetime) -> None:
    if datetime.now(UTC) >= deadline:
        raise late()


def _finish(looks: list[Pass], answers: list[list[Tile]], rgb: NDArray[np.uint8], chosen: Model) -> Result:
    logit = blend(looks, answers, (rgb.shape[0], rgb.shape[1]))
    return Result(rgb, conclude(logit, chosen.contract), chosen)


_engines: WeakKeyDictionary[asyncio.AbstractEventLoop, Engine] = WeakKeyDictionary()


def engine() -> Engine:
    """The engine of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _engines:
        _engines[loop] = Engine()
    return _engines[loop]
