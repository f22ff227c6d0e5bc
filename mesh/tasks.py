"""Cancellation that is not lost."""

from __future__ import annotations

import asyncio


def check_cancelled() -> None:
    """Raises CancelledError when the running task was asked to end.

    Loops that wait for ever call it once a round: `asyncio.wait_for` before Python 3.12 swallows a
    cancellation that arrives together with the result it waits for, and nats-py waits with it.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
