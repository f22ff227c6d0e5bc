"""Processor time of stage runs: what the process and its children used, shared among the runs of the moment.

A run's work is spread over the event loop, the compute threads, the threads of ONNX Runtime and
decoder processes, so no clock of one thread tells it. Instead, whenever a run begins or ends, the
processor time that has passed since the last such moment is charged to the runs that were active, in
equal shares. The sum is exact; of runs at once, each one's part is an estimate.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

_lock = threading.Lock()
_children_s = 0.0


def spent_by_child(seconds: float) -> None:
    """Adds processor time of a child process that lives on; thread-safe."""
    global _children_s
    with _lock:
        _children_s += max(0.0, seconds)


def spent() -> float:
    """Processor seconds of this process, and of children as far as they were told of."""
    return time.process_time() + _children_s


@dataclass
class Share:
    """What a run has been charged so far, seconds."""

    seconds: float = 0.0


class Meter:
    """Charges the runs of one process. Not thread-safe: `begin` and `end` belong to the event loop."""

    def __init__(self) -> None:
        self._last = spent()
        self._active: list[Share] = []

    def begin(self) -> Share:
        """Starts charging a run."""
        self._charge()
        share = Share()
        self._active.append(share)
        return share

    def end(self, share: Share) -> float:
        """Stops charging a run; returns its processor seconds."""
        self._charge()
        self._active.remove(share)
        return share.seconds

    def _charge(self) -> None:
        now = spent()
        if self._active:
            each = (now - self._last) / len(self._active)
            for share in self._active:
                share.seconds += each
        self._last = now


METER = Meter()
"""The meter of this process: its stages share it."""
