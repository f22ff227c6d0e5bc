"""Runs ingest on untrusted bytes in decoder processes that may die without harm.

A decoder process is reused from image to image (starting one takes about 0.3 s) and replaced when it
dies, when it was killed, and after `_IMAGES_PER_WORKER` images.
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from typing import Any, Final

from mesh.errors import Internal, InvalidInput, Transient
from svc_ingest import wire
from svc_ingest.limits import DEFAULT_LIMITS, Limits
from svc_ingest.problems import refuse
from svc_ingest.result import Ingested

_IMAGES_PER_WORKER: Final = 500
# Signals that no image can cause.
_OUTSIDE: Final = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class _Worker:
    """One decoder process."""

    def __init__(self) -> None:
        self.images = 0
        self.timed_out = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", "svc_ingest.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Signals to this process's group are not meant for it; it ends when its input does.
            start_new_session=True,
            # Nothing of this process's environment: it may hold credentials. One heap arena keeps the
            # address space of threads small.
            env={"PYTHONPATH": os.pathsep.join(p or "." for p in sys.path), "MALLOC_ARENA_MAX": "1"},
        )

    def ask(self, fields: wire.Fields, data: bytes, seconds: float) -> tuple[wire.Fields, list[bytes]]:
        """One request and its answer. Raises OSError, EOFError or ValueError when the process fails."""
        assert self._process.stdin is not None  # both are pipes, see __init__
        assert self._process.stdout is not None
        self.images += 1
        timer = threading.Timer(seconds, self._time_out)
        timer.start()
        try:
            wire.send(self._process.stdin, fields, (data,))
            return wire.receive(self._process.stdout)
        finally:
            timer.cancel()

    def _time_out(self) -> None:
        self.timed_out = True
        self._process.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> int:
        """Ends the process, by force if it still runs; returns its exit status (negative: signal)."""
        ended = self._process.poll()
        if ended is None:
            try:
                ended = self._process.wait(timeout=0.5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                ended = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                try:
                    pipe.close()
                except OSError:
                    continue  # unsent bytes for a process that is gone
        return ended


class Sandbox:
    """A pool of decoder processes. Thread-safe; processes start when first needed."""

    def __init__(self, workers: int = 1, limits: Limits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self._slots: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        self.peak_rss_bytes = 0
        """Largest resident size of any decoder process so far."""
        self._size = workers
        for _ in range(workers):
            self._slots.put(None)

    def start(self) -> None:
        """Starts one process now and waits until it answers, so that the first caller need not."""
        with contextlib.suppress(InvalidInput):  # it refuses the empty upload that this sends
            self.ingest(b"")

    def ingest(self, data: bytes, declared: str = "", seconds: float | None = None) -> Ingested:
        """Runs `svc_ingest.core.ingest` on `data` in a decoder process. Blocks.

        `seconds` shortens the wall-clock limit, waiting for a free process included.
        Raises InvalidInput for a file at fault; also for one that makes the decoder exceed its memory or
        processor time or crash (IMAGE_TOO_COMPLEX). Raises Transient when no process was free
        (DECODERS_BUSY), when the wall-clock limit passed first (DECODER_TIMEOUT) or when the process was
        killed from outside (DECODER_LOST): the machine is at fault, and a later try may succeed. Raises
        Internal (DECODER_FAILED) when the process ended by a fault of its own.
        """
        limit = self.limits.wall_seconds if seconds is None else min(seconds, self.limits.wall_seconds)
        end = time.monotonic() + limit
        try:
            worker = self._slots.get(timeout=max(0.0, limit))
        except queue.Empty:
            raise Transient("DECODERS_BUSY", "No image decoder was free in time.") from None
        keep: _Worker | None = None
        try:
            if worker is not None and not worker.alive:
                worker.stop()
                worker = None
            worker = worker or _Worker()
            answer, blobs = self._ask(worker, data, declared, end)
            keep = None if answer.pop("spent", False) else worker
            self.peak_rss_bytes = max(self.peak_rss_bytes, int(answer.pop("peak_rss_bytes")))
            return _outcome(answer, blobs)
        finally:
            if keep is None or keep.images >= _IMAGES_PER_WORKER:
                if worker is not None:
                    worker.stop()
                keep = None
            self._slots.put(keep)

    def _ask(
        self, worker: _Worker, data: bytes, declared: str, end: float
    ) -> tuple[wire.Fields, list[bytes]]:
        request: dict[str, Any] = {"declared": declared, "limits": asdict(self.limits)}
        try:
            return worker.ask(request, data, max(0.0, end - time.monotonic()))
        except (OSError, EOFError, ValueError) as error:
            status = worker.stop()
            if worker.timed_out:
                raise Transient("DECODER_TIMEOUT", "The image was not decoded in time.") from error
            if -status in _OUTSIDE:
                raise Transient("DECODER_LOST", "The image decoder was killed from outside.") from error
            if status >= 0:
                raise Internal("DECODER_FAILED", "The image decoder failed.", fix="Try again.") from error
            if status == -signal.SIGXCPU:
                detail = f"Decoding takes more than {self.limits.cpu_seconds} s of processor time."
                raise refuse("IMAGE_TOO_COMPLEX", detail) from error
            raise refuse("IMAGE_TOO_COMPLEX", "The decoder crashed on this image.", status=status) from error

    def pids(self) -> list[int]:
        """Process ids of the idle decoder processes."""
        with self._slots.mutex:
            return [worker.pid for worker in self._slots.queue if worker is not None]

    def close(self) -> None:
        """Ends all processes; waits for those at work. The sandbox is of no use afterwards."""
        for _ in range(self._size):
            worker = self._slots.get(timeout=self.limits.wall_seconds)
            if worker is not None:
                worker.stop()


def _outcome(answer: wire.Fields, blobs: list[bytes]) -> Ingested:
    if "error" in answer:
        error = answer["error"]
        raise InvalidInput(
            error["code"],
            error["message"],
            field=error["field"],
            fix=error["fix"],
            metadata=error["metadata"],
        )
    return wire.unpack(answer, blobs)
