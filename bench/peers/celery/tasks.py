"""The queue and its workers: one process a core, one task taken ahead at most."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

from bench.peers.work import answer, load

STORE = f"redis://127.0.0.1:{os.environ['REDIS_PORT']}"
app = Celery("tasks", broker=f"{STORE}/0", backend=f"{STORE}/1")
app.conf.update(
    # Bytes go as they are; JSON would need base64.
    task_serializer="msgpack",
    result_serializer="msgpack",
    accept_content=["msgpack"],
    # As Celery's guide to optimising says for tasks that take long.
    worker_prefetch_multiplier=1,
    result_expires=60,
    broker_connection_retry_on_startup=True,
)
_model: list[Any] = []


@worker_process_init.connect
def warm(**_: object) -> None:
    """Every worker process holds a model of its own."""
    _model.append(load())


@app.task
def segment(photo: bytes) -> bytes:
    """A serialised SegmentResponse."""
    return answer(photo, _model[0])
