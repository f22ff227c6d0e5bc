"""One session, many callers: crops that wait when the session frees leave together as one batch.

Natural batching across frames and jobs: nothing is delayed to fill a batch. Callers are threads; the one that
finds the session free runs it for all that wait. On a CPU a batch takes as long as its crops one by one, so
that there every caller runs the session itself (docs/performance.md).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np

from mesh import inference
from mesh.errors import Transient
from svc_balance.pose.landmarker import Crops, Outputs

PATIENCE_S = 60.0
"""Longest wait for an answer."""


@dataclass(frozen=True)
class _Item:
    crops: Crops
    answer: Future[Outputs]
    since: float


class Batcher:
    """Runs crops of several threads through one session: at most `most` at once, or what one call brings."""

    def __init__(self, run: Callable[[Crops], Outputs], most: int, model: str = "") -> None:
        """model: name@version under which waits are counted."""
        if most < 1:
            raise ValueError("most is at least 1")
        self._run = run
        self._most = most
        self._model = model
        self._waiting: deque[_Item] = deque()
        self._queue = threading.Lock()
        self._session = threading.Lock()

    def __call__(self, crops: Crops) -> Outputs:
        """Outputs for crops (B, 256, 256, 3), in order; raises what the session raised for their batch.

        Raises Transient (POSE_BUSY) when the session does not get to them in time.
        """
        answer: Future[Outputs] = Future()
        with self._queue:
            self._waiting.append(_Item(crops, answer, time.perf_counter()))
        if not self._session.acquire(timeout=PATIENCE_S):
            answer.cancel()
            raise Transient("POSE_BUSY", "The pose model did not answer in time.", fix="Try again.")
        try:
            while not answer.done():
                self._serve(self._next())
        finally:
            self._session.release()
        return answer.result()

    def _next(self) -> list[_Item]:
        batch: list[_Item] = []
        with self._queue:
            while self._waiting:
                size = sum(len(item.crops) for item in batch) + len(self._waiting[0].crops)
                if batch and size > self._most:
                    break
                item = self._waiting.popleft()
                if item.answer.set_running_or_notify_cancel():
                    batch.append(item)
        return batch

    def _serve(self, batch: list[_Item]) -> None:
        inference.waited(self._model, [item.since for item in batch])
        try:
            outputs = self._run(np.concatenate([item.crops for item in batch]))
        except BaseException as error:
            for item in batch:
                item.answer.set_exception(error)
            return
        start = 0
        for item in batch:
            end = start + len(item.crops)
            points, probability, world = (output[start:end] for output in outputs)
            item.answer.set_result((points, probability, world))
            start = end
