"""LitServe: a worker process a core, batches of one (a CPU gains nothing by more), its fast queue."""

from __future__ import annotations

import base64
import sys
from typing import Any

import litserve
from fastapi import Response

from bench.peers.work import CORES, answer, load


class Segment(litserve.LitAPI):
    """The photo comes as base64 in JSON, as LitServe's own image examples send it."""

    def setup(self, device: str) -> None:
        self.model = load()

    def decode_request(self, request: dict[str, str]) -> bytes:
        return base64.b64decode(request["photo"])

    def predict(self, photo: bytes) -> bytes:
        return answer(photo, self.model)

    def encode_response(self, made: bytes) -> Any:
        return Response(made, media_type="application/x-protobuf")


if __name__ == "__main__":
    server = litserve.LitServer(
        Segment(api_path="/segment"),
        accelerator="cpu",
        workers_per_device=CORES,
        timeout=120,
        fast_queue=True,
    )
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
