"""Ray Serve: a replica a core; its throughput settings come by environment (contenders.py)."""

from __future__ import annotations

import asyncio
import sys
import threading

import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import Response

from bench.peers.work import CORES, answer, load


@serve.deployment(
    num_replicas=CORES,
    # One works, one is at hand; the rest wait in the router, which knows who is free.
    max_ongoing_requests=2,
    ray_actor_options={"num_cpus": 1},
)
class Segment:
    """Serves one model a replica."""

    def __init__(self) -> None:
        self.model = load()

    async def __call__(self, request: Request) -> Response:
        """The photo is the body."""
        made = await asyncio.to_thread(answer, await request.body(), self.model)
        return Response(made, media_type="application/x-protobuf")


if __name__ == "__main__":
    ray.init(
        num_cpus=CORES,
        include_dashboard=False,
        object_store_memory=100 * 2**20,
        _temp_dir=sys.argv[2],
        log_to_driver=False,
    )
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Segment.bind(), route_prefix="/segment")
    threading.Event().wait()
