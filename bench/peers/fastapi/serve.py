"""Plain FastAPI: a worker process a core, the work in a thread so that the event loop stays free."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from bench.peers.work import answer, load

MODEL = load()
app = FastAPI()


@app.get("/ready")
async def ready() -> str:
    """Answers once the model is warm."""
    return "ready"


@app.post("/segment")
async def segment(request: Request) -> Response:
    """The photo is the body."""
    made = await run_in_threadpool(answer, await request.body(), MODEL)
    return Response(made, media_type="application/x-protobuf")
