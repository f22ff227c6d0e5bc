"""One order for a pose, whoever gives it: the stage and the gRPC service do the same work here."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from assay.balance.v1.balance_pb2 import POSE_MODE_SINGLE_PASS, PoseMode

from mesh.errors import Transient
from svc_balance.pose.estimate import Estimate, estimate
from svc_balance.pose.networks import Networks, networks
from svc_balance.pose.quality_mode import REGIONS
from svc_balance.pose.video import Ahead

T = TypeVar("T")

TELL_EVERY_S = 0.5
"""How often progress is told at most."""

Tell = Callable[[float], Awaitable[None]]
"""Told the share of frames that are done, 0 to 1."""


class Compute(Protocol):
    """Runs CPU work off the event loop."""

    async def __call__(self, function: Callable[..., T], *args: Any) -> T: ...


@dataclass(frozen=True)
class Order:
    """What to estimate. frames is how many are expected, 0 when unknown; model may be empty."""

    path: Path
    rotation_deg: int
    model: str
    mode: PoseMode.ValueType
    deadline: datetime
    frames: int = 0
    cuts_s: tuple[float, ...] = ()

    @property
    def regions(self) -> int:
        """Regions a frame: several unless a single pass is asked for."""
        return 1 if self.mode == POSE_MODE_SINGLE_PASS else REGIONS


async def fulfil(order: Order, compute: Compute, tell: Tell) -> tuple[Estimate, Networks]:
    """Estimates the pose off the event loop; a cancelled caller stops the work within a block of frames.

    Raises as `networks` and `estimate` do.
    """
    loaded = await compute(networks, order.model)
    stop = threading.Event()
    reporter = Reporter(asyncio.get_running_loop(), tell, order.frames)
    try:
        made = await compute(_estimate, order, loaded, reporter, stop)
    except asyncio.CancelledError:
        stop.set()
        raise
    await reporter.settled()
    return made, loaded


def _estimate(
    order: Order, loaded: Networks, report: Callable[[int], None], stop: threading.Event
) -> Estimate:
    def progress(done: int) -> None:
        if stop.is_set():
            raise Transient("POSE_STOPPED", "The work was stopped.", fix="Try again.")
        report(done)

    with Ahead(order.path, order.rotation_deg) as frames:
        return estimate(
            frames,
            loaded,
            regions=order.regions,
            cuts_s=order.cuts_s,
            deadline=order.deadline,
            progress=progress,
        )


class Reporter:
    """Takes progress from the working thread to the event loop, now and then, one message at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, tell: Tell, frames: int) -> None:
        self._loop = loop
        self._tell = tell
        self._frames = frames
        self._at = datetime.now(UTC)
        self._last: Future[None] | None = None

    def __call__(self, done: int) -> None:
        """Called in the working thread after each block, with the frames done so far."""
        now = datetime.now(UTC)
        quiet = (now - self._at).total_seconds() < TELL_EVERY_S
        if quiet or not self._frames or (self._last is not None and not self._last.done()):
            return
        self._at = now
        self._last = asyncio.run_coroutine_threadsafe(self._say(min(1.0, done / self._frames)), self._loop)

    async def settled(self) -> None:
        """Waits until what was said last has been told."""
        if self._last is not None:
            await asyncio.wrap_future(self._last)

    async def _say(self, share: float) -> None:
        await self._tell(share)
