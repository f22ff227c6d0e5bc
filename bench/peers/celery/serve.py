"""The front of the queue: takes the photo, waits for the task's result."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from tasks import segment as task

CALLERS = 128


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Every caller waits in a thread of its own; 40, the default, would hold callers back."""
    anyio.to_thread.current_default_thread_limiter().total_tokens = CALLERS
    yield


app = FastAPI(lifespan=lifespan)


def wait(photo: bytes) -> bytes:
    """Puts the photo into the queue and waits for its answer."""
    return bytes(task.delay(photo).get(timeout=120))


@app.post("/segment")
async def segment(request: Request) -> Response:
    """The photo is the body."""
    made = await run_in_threadpool(wait, await request.body())
    return Response(made, media_type="application/x-protobuf")
