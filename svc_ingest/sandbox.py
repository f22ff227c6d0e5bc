"""Runs decoding of untrusted bytes in processes that may die without harm.

A decoder process is started when first needed, replaced when it dies or was killed, and after as many
requests as its `Decoder` says.
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

from mesh import cpu
from mesh.errors import Internal, InvalidInput, Transient
from svc_ingest import wire
from svc_ingest.limits import DEFAULT_LIMITS, Limits
from svc_ingest.problems import refuse
from svc_ingest.result import Ingested

# Signals that no upload can cause.
_OUTSIDE: Final = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class Decoder:
    """A kind of decoder process: the module it runs and how its end is told to the sender."""

    module: str
    noun: str
    """What it decodes, for messages: "image" or "video"."""
    cpu_seconds: int
    """Processor time of one request, as the process limits itself; for the message only."""
    wall_seconds: float
    """Wall-clock time of one request, waiting for a free process included."""
    requests: int
    """Requests that one process serves."""
    too_complex: Callable[[str], InvalidInput]
    """The refusal of an upload that makes the decoder exceed its limits or crash."""


class _Worker:
    """One decoder process."""

    def __init__(self, module: str) -> None:
        self.requests = 0
        self.timed_out = False
        self.cpu_seconds = 0.0
        self._process = subprocess.Popen(  # noqa: S603 - our own module by name
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Signals to this process's group are not meant for it; it ends when its input does.
            start_new_session=True,
            # Nothing of this process's environment but how memory is allocated: it may hold credentials. One
            # heap arena keeps the address space of threads small.
            env={
                **{name: value for name, value in os.environ.items() if name.startswith("MALLOC_")},
                "MALLOC_ARENA_MAX": "1",
                "PYTHONPATH": os.pathsep.join(p or "." for p in sys.path),
            },
        )

    def ask(
        self, fields: wire.Fields, blobs: tuple[bytes, ...], seconds: float
    ) -> tuple[wire.Fields, list[bytes]]:
        """One request and its answer. Raises OSError, EOFError or ValueError when the process fails."""
        assert self._process.stdin is not None  # both are pipes, see __init__
        assert self._process.stdout is not None
        self.requests += 1
        timer = threading.Timer(seconds, self._time_out)
        timer.start()
        try:
            wire.send(self._process.stdin, fields, blobs)
            return wire.receive(self._process.stdout)
        finally:
            timer.cancel()

    def charge(self, cpu_seconds: float) -> None:
        """Adds what the process has used since its last answer to what the run is charged."""
        cpu.spent_by_child(cpu_seconds - self.cpu_seconds)
        self.cpu_seconds = cpu_seconds

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
        if self._process.stdin:
            with contextlib.suppress(OSError):  # unsent bytes for a process that is gone
                self._process.stdin.close()
        try:
            ended = self._process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            ended = self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        return ended


class Pool:
    """Decoder processes of one kind. Thread-safe."""

    def __init__(self, decoder: Decoder, workers: int) -> None:
        self.decoder = decoder
        self.peak_rss_bytes = 0
        """Largest resident size of any of its processes so far."""
        self._size = workers
        self._slots: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(workers):
            self._slots.put(None)

    def ask(
        self, fields: wire.Fields, blobs: tuple[bytes, ...] = (), seconds: float | None = None
    ) -> tuple[wire.Fields, list[bytes]]:
        """Sends one request to a decoder process and returns its answer. Blocks.

        `seconds` shortens the wall-clock limit, waiting for a free process included.
        Raises InvalidInput for an upload at fault; also for one that makes the decoder exceed its memory or
        processor time or crash (the decoder's `too_complex`). Raises Transient when no process was free
        (DECODERS_BUSY), when the wall-clock limit passed first (DECODER_TIMEOUT) or when the process was
        killed from outside (DECODER_LOST): the machine is at fault, and a later try may succeed. Raises
        Internal (DECODER_FAILED) when the process ended by a fault of its own.
        """
        longest = self.decoder.wall_seconds
        limit = longest if seconds is None else min(seconds, longest)
        end = time.monotonic() + limit
        try:
            worker = self._slots.get(timeout=max(0.0, limit))
        except queue.Empty:
            raise Transient("DECODERS_BUSY", f"No {self.decoder.noun} decoder was free in time.") from None
        keep: _Worker | None = None
        try:
            if worker is not None and not worker.alive:
                worker.stop()
                worker = None
            worker = worker or _Worker(self.decoder.module)
            answer, answered = self._ask(worker, fields, blobs, end)
            keep = None if answer.pop("spent", False) else worker
            self.peak_rss_bytes = max(self.peak_rss_bytes, int(answer.pop("peak_rss_bytes")))
            worker.charge(float(answer.pop("cpu_seconds")))
            _raise_refusal(answer)
            return answer, answered
        finally:
            if keep is None or keep.requests >= self.decoder.requests:
                if worker is not None:
                    worker.stop()
                keep = None
            self._slots.put(keep)

    def _ask(
        self, worker: _Worker, fields: wire.Fields, blobs: tuple[bytes, ...], end: float
    ) -> tuple[wire.Fields, list[bytes]]:
        noun = self.decoder.noun
        try:
            return worker.ask(fields, blobs, max(0.0, end - time.monotonic()))
        except (OSError, EOFError, ValueError) as error:
            status = worker.stop()
            if worker.timed_out:
                raise Transient("DECODER_TIMEOUT", f"The {noun} was not decoded in time.") from error
            if -status in _OUTSIDE:
                raise Transient("DECODER_LOST", f"The {noun} decoder was killed from outside.") from error
            if status >= 0:
                raise Internal("DECODER_FAILED", f"The {noun} decoder failed.", fix="Try again.") from error
            detail = f"The decoder crashed on this {noun} (signal {-status})."
            if status == -signal.SIGXCPU:
                detail = f"Decoding takes more than {self.decoder.cpu_seconds} s of processor time."
            raise self.decoder.too_complex(detail) from error

    def pids(self) -> list[int]:
        """Process ids of the idle decoder processes."""
        with self._slots.mutex:
            return [worker.pid for worker in self._slots.queue if worker is not None]

    def close(self) -> None:
        """Ends all processes; waits for those at work. The pool is of no use afterwards."""
        for _ in range(self._size):
            worker = self._slots.get(timeout=self.decoder.wall_seconds)
            if worker is not None:
                worker.stop()


def _raise_refusal(answer: wire.Fields) -> None:
    if "error" in answer:
        error = answer["error"]
        raise InvalidInput(
            error["code"],
            error["message"],
            field=error["field"],
            fix=error["fix"],
            metadata=error["metadata"],
        )


class Sandbox:
    """Image decoders. A process is reused from image to image, for starting one takes about 0.3 s."""

    def __init__(self, workers: int = 1, limits: Limits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        decoder = Decoder(
            module="svc_ingest.worker",
            noun="image",
            cpu_seconds=limits.cpu_seconds,
            wall_seconds=limits.wall_seconds,
            requests=500,
            too_complex=lambda detail: refuse("IMAGE_TOO_COMPLEX", detail),
        )
        self._pool = Pool(decoder, workers)

    @property
    def peak_rss_bytes(self) -> int:
        """Largest resident size of any decoder process so far."""
        return self._pool.peak_rss_bytes

    def start(self) -> None:
        """Starts one process now and waits until it answers, so that the first caller need not."""
        with contextlib.suppress(InvalidInput):  # it refuses the empty upload that this sends
            self.ingest(b"")

    def ingest(self, data: bytes, declared: str = "", seconds: float | None = None) -> Ingested:
        """Runs `svc_ingest.core.ingest` on `data` in a decoder process; raises what `Pool.ask` raises."""
        request = {"declared": declared, "limits": asdict(self.limits)}
        return wire.unpack(*self._pool.ask(request, (data,), seconds))

    def pids(self) -> list[int]:
        """Process ids of the idle decoder processes."""
        return self._pool.pids()

    def close(self) -> None:
        """Ends all processes; the sandbox is of no use afterwards."""
        self._pool.close()
