"""A process of the mesh: gRPC server, stage runners, background tasks, one way to start and end.

Order at SIGTERM: health says NOT_SERVING, runners stop fetching and finish, the server
stops with grace, background tasks end, spans are flushed, NATS closes.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import grpc.aio
import structlog
import uvloop
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from mesh import auth, crashes, jetstream, logs, model_control, scratch, telemetry, usage
from mesh.door import Door
from mesh.jetstream import JetStream
from mesh.objects import ObjectStore
from mesh.runner import Runner
from mesh.settings import Settings
from mesh.stage import Stage

log = structlog.get_logger()

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
HEALTH_PERIOD_S = 1.0


@dataclass(frozen=True)
class Resources:
    """What a process shares: settings, storage, JetStream."""

    settings: Settings
    objects: ObjectStore
    nats: JetStream


Register = Callable[[grpc.aio.Server, Resources], None]
Background = Callable[[Resources], Awaitable[None]]
Ready = Callable[[], bool]


def run(
    name: str,
    *,
    services: Sequence[ServiceDescriptor],
    register: Register,
    stages: Sequence[Stage] = (),
    background: Sequence[Background] = (),
    ready: Ready = lambda: True,
) -> None:
    """Runs the process until SIGTERM or SIGINT; exits non-zero when a background task dies.

    ready: whether the process can take requests, besides being connected to NATS.
    """
    try:
        uvloop.run(_main(name, services, register, stages, background, ready))
    except Exception as error:
        crashes.report(error)
        raise
    finally:
        crashes.flush()


async def _main(
    name: str,
    services: Sequence[ServiceDescriptor],
    register: Register,
    stages: Sequence[Stage],
    background: Sequence[Background],
    ready: Ready,
) -> None:
    settings = Settings()
    logs.configure(name, settings)
    provider = telemetry.configure(name, settings)
    crashes.configure(name, settings)
    scratch.sweep()
    executor = usage.Threads("compute", max(2, os.cpu_count() or 1))
    connection = await jetstream.connect(settings, name)
    # Before any model is loaded: a recalled one must not serve a single job.
    await model_control.refresh(connection.js)
    for stage in stages:
        await asyncio.get_running_loop().run_in_executor(executor, stage.prepare)
    resources = Resources(settings, ObjectStore(settings), connection)
    stopping = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stopping.set)
    server, health_service = _server(settings, services)
    register(server, resources)
    port = server.add_insecure_port(f"{settings.grpc_host}:{settings.grpc_port}")
    await server.start()
    runners = [Runner(stage, settings, connection, resources.objects, executor) for stage in stages]
    names = ["", *(service.full_name for service in services)]
    log.info("started", port=port, stages=[stage.name for stage in stages])
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_background(task, resources)) for task in background]
            tasks.append(group.create_task(_watch_health(health_service, names, connection, ready)))
            tasks.append(group.create_task(watch_connection(connection)))
            tasks.append(group.create_task(model_control.follow(connection.js)))
            tasks.append(group.create_task(usage.follow(connection, settings.certificates_dir)))
            working = [group.create_task(runner.run()) for runner in runners]
            await stopping.wait()
            log.info("draining")
            for task in tasks:
                task.cancel()
            for service_name in names:
                await health_service.set(service_name, NOT_SERVING)
            for runner in runners:
                runner.stop()
            if working:
                await asyncio.wait(working)
    finally:
        await server.stop(settings.drain_s)
        provider.shutdown()
        resources.objects.close()
        executor.shutdown(wait=False, cancel_futures=True)
        await connection.close()
        log.info("stopped")


def _server(
    settings: Settings, services: Sequence[ServiceDescriptor]
) -> tuple[grpc.aio.Server, health.aio.HealthServicer]:
    door = Door(auth.rules(services), auth.Verifier(settings), settings.buckets)
    server = grpc.aio.server(
        interceptors=[door],
        options=[
            ("grpc.max_receive_message_length", settings.max_message_bytes),
            ("grpc.max_send_message_length", settings.max_message_bytes),
            ("grpc.so_reuseport", 0),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
        ],
    )
    health_service = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_service, server)
    if settings.env == "development":
        names = [service.full_name for service in services]
        reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], server)
    return server, health_service


async def _background(task: Background, resources: Resources) -> None:
    """Runs a background task; one that ends by itself takes the process down, to be restarted."""
    await task(resources)
    raise RuntimeError(f"background task {task} ended")


async def watch_connection(connection: JetStream) -> None:
    """Raises ConnectionError once the connection is closed for good.

    The client reconnects after a loss, but gives up when the server says -ERR (authorisation, too many
    connections): then only a new process comes back.
    """
    while True:
        if connection.client.is_closed:
            raise ConnectionError("the connection to NATS is closed for good")
        await asyncio.sleep(HEALTH_PERIOD_S)


async def _watch_health(
    service: health.aio.HealthServicer, names: Sequence[str], connection: JetStream, ready: Ready
) -> None:
    """Readiness follows the connection to NATS and `ready`; "liveness" says only that the loop turns."""
    await service.set("liveness", SERVING)
    while True:
        state = SERVING if connection.connected and ready() else NOT_SERVING
        for name in names:
            await service.set(name, state)
        await asyncio.sleep(HEALTH_PERIOD_S)
