"""Ray Serve: a replica a core; its throughput settings come by environment (contenders.py)."""

from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import Response

from bench.peers.work import CORES, answer, load


@serve.deployment(
    num_replicas=CORES,
    # Callers wait in the replica, for its one thread; beyond this Ray would hold or refuse them.
    max_ongoing_requests=128,
    ray_actor_options={"num_cpus": 1},
)
class Segment:
    """Serves one model a replica."""

    def __init__(self) -> None:
        self.model = load()
        self.thread = ThreadPoolExecutor(1)

    async def __call__(self, request: Request) -> Response:
        """The photo is the body."""
        photo, loop = await request.body(), asyncio.get_running_loop()
        made = await loop.run_in_executor(self.thread, answer, photo, self.model)
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
