"""Trouble, made for real: processes that are frozen or killed, jobs in numbers."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tests.campaigns.rehearsal.data import accepted, state
from tests.campaigns.rehearsals import Rehearsal, until
from tests.campaigns.stack import Stack


def freeze(stack: Stack, process: str) -> int:
    """Stops a process where it is (SIGSTOP); returns its id."""
    identity = stack.state.processes[process].identity
    assert identity is not None, f"{process} does not run"
    os.kill(identity.pid, signal.SIGSTOP)
    return identity.pid


@contextmanager
def frozen(stack: Stack, process: str) -> Iterator[None]:
    """A process that lives and does nothing; it goes on at the end, if it is still there."""
    pid = freeze(stack, process)
    try:
        yield
    finally:
        identity = stack.state.processes[process].identity
        if identity is not None and identity.pid == pid:
            os.kill(pid, signal.SIGCONT)


def submitted(it: Rehearsal, count: int) -> list[str]:
    """Jobs that were accepted just now."""
    return [accepted(it) for _ in range(count)]


def all_succeed(it: Rehearsal, jobs: Iterable[str], seconds: float = 180) -> bool:
    """Whether jobs end well in time."""
    left = list(jobs)

    def done() -> bool:
        left[:] = [job for job in left if state(it, job) != "STATE_SUCCEEDED"]
        return not left

    return until(done, seconds)


def ready(stack: Stack, process: str, seconds: float = 90) -> bool:
    """Whether a process becomes ready in time."""
    return until(lambda: stack.state.processes[process].phase == "ready", seconds)
