"""PlatformService: health, and the description of the API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import grpc.aio
import nats.errors
import structlog
from assay.gateway.v1 import gateway_pb2 as pb
from assay.gateway.v1 import gateway_pb2_grpc
from google.api.httpbody_pb2 import HttpBody

from gateway.desk import Desk
from mesh.errors import AssayError

log = structlog.get_logger()
Context = grpc.aio.ServicerContext[Any, Any]

SURFACE = Path(__file__).resolve().parents[1] / "surface"
CHECK_TIMEOUT_S = 1.0
# The call is open to everybody: what it costs is bounded by keeping its answer for a while.
KEPT_S = 1.0


class PlatformServicer(gateway_pb2_grpc.PlatformServiceServicer):
    """What the platform says of itself."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = asyncio.Lock()
        self._kept: tuple[float, pb.Health] = (-KEPT_S, pb.Health())
        self._asked: dict[str, asyncio.Task[bool]] = {}

    async def GetHealth(self, request: pb.GetHealthRequest, context: Context) -> pb.Health:
        """Says which of the things the gateway needs answer within 1 s."""
        async with self._lock:
            at, health = self._kept
            if time.monotonic() - at >= KEPT_S:
                health = await self._check()
                self._kept = (time.monotonic(), health)
        await context.send_initial_metadata((("cache-control", "no-store"),))
        return health

    async def GetOpenApi(self, request: pb.GetOpenApiRequest, context: Context) -> HttpBody:
        """Returns the OpenAPI 3.1 document."""
        return await self._file(context, "openapi.json", "application/json")

    async def GetDocs(self, request: pb.GetDocsRequest, context: Context) -> HttpBody:
        """Returns the documentation page."""
        return await self._file(context, "docs.html", "text/html; charset=utf-8")

    async def _check(self) -> pb.Health:
        checks = {"postgres": self._postgres, "nats": self._nats, "s3": self._desk.objects.reachable}
        answers = await asyncio.gather(*(self._answers(name, check) for name, check in checks.items()))
        dependencies = dict(zip(checks, answers, strict=True))
        return pb.Health(
            status="ok" if all(answers) else "degraded",
            version=self._desk.settings.version,
            region=self._desk.settings.region,
            dependencies=dependencies,
        )

    async def _answers(self, name: str, check: Callable[[], Coroutine[Any, Any, bool]]) -> bool:
        """Whether a check says yes within 1 s. One that hangs is not waited for, and not asked again until
        it has ended: taking a call back from a frozen server takes long as well."""
        last = self._asked.get(name)
        if last is not None and not last.done():
            return False
        task = self._asked[name] = asyncio.create_task(check())
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        await asyncio.wait({task}, timeout=CHECK_TIMEOUT_S)
        if not task.done():
            task.cancel()
            log.warning("dependency_away", dependency=name, kind="TimeoutError")
            return False
        try:
            return task.result()
        except (AssayError, nats.errors.Error, OSError, TimeoutError) as error:
            log.warning("dependency_away", dependency=name, kind=type(error).__name__)
            return False

    async def _postgres(self) -> bool:
        async with self._desk.ledger.transaction() as connection:
            await connection.execute("SELECT 1")
        return True

    async def _nats(self) -> bool:
        await self._desk.nats.client.flush(timeout=1)
        return self._desk.nats.connected

    async def _file(self, context: Context, name: str, content_type: str) -> HttpBody:
        data = await asyncio.to_thread((SURFACE / name).read_bytes)
        await context.send_initial_metadata((("cache-control", "public, max-age=300"),))
        return HttpBody(content_type=content_type, data=data)
