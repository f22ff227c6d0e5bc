"""Trouble, made for real: processes that are frozen or killed, jobs in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import psutil

from tests.campaigns.rehearsal.data import accepted, state
from tests.campaigns.rehearsals import Rehearsal, until
from tests.campaigns.stack import Stack


def freeze(stack: Stack, process: str) -> list[psutil.Process]:
    """Stops a process and its children where they are (SIGSTOP)."""
    identity = stack.state.processes[process].identity
    found = identity.find() if identity else None
    assert found is not None, f"{process} does not run"
    # The parent first, which could start others.
    found.suspend()
    stopped = [found, *found.children(recursive=True)]
    for each in stopped[1:]:
        each.suspend()
    return stopped


@contextmanager
def frozen(stack: Stack, process: str) -> Iterator[None]:
    """A process that lives and does nothing; it goes on at the end, if it is still there."""
    stopped = freeze(stack, process)
    try:
        yield
    finally:
        for each in stopped:
            with suppress(psutil.NoSuchProcess):
                each.resume()


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
