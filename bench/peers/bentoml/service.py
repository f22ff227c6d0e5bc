"""BentoML: a worker process a core; on a CPU its adaptive batching has nothing to gain, so it is off."""

from __future__ import annotations

from typing import Annotated

import bentoml
from bentoml.validators import ContentType

from bench.peers.work import answer, load


@bentoml.service(workers="cpu_count", traffic={"timeout": 120}, metrics={"enabled": False})
class Segment:
    """Serves one model a process."""

    def __init__(self) -> None:
        self.model = load()

    @bentoml.api(route="/segment")
    def segment(
        self, photo: Annotated[bytes, ContentType("image/jpeg")], /
    ) -> Annotated[bytes, ContentType("application/x-protobuf")]:
        """The photo is the body."""
        return answer(photo, self.model)
