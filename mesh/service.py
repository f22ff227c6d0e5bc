"""A process of the mesh: gRPC server, stage runners, background tasks, one way to start and end.

Order at SIGTERM: health says NOT_SERVING, runners stop fetching and finish, the server
stops with grace, background tasks end, spans are flushed, NATS closes. Runners and server have the
drain's time together. A SIGTERM that comes before the process serves ends it as soon as it could.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc.aio
import structlog
import uvloop
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from mesh import auth, crashes, jetstream, logs, model_control, scratch, telemetry, tls, usage
from mesh.cores import cores
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
# What calls get to end in when the runners have used up the drain, or a task has died.
LEAST_GRACE_S = 2.0
# A caller that keeps its connection would never see a pod that came later; its calls end in peace.
CONNECTION_AGE_MS = 300_000
# So long a thread may hold the interpreter while another waits. Python's 5 ms let the event loop and the
# threads of two jobs stand in each other's way: a core idles while its thread waits (docs/serving.md).
SWITCH_S = 0.0005


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
        sys.setswitchinterval(SWITCH_S)
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
    # First of all: the first process of a container ignores a signal that it has no handler for.
    stopping = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stopping.set)
    settings = Settings()
    logs.configure(name, settings)
    provider = telemetry.configure(name, settings)
    crashes.configure(name, settings)
    scratch.sweep()
    executor = usage.Threads("compute", max(2, cores()))
    connection = await jetstream.connect(settings, name)
    # Before any model is loaded: a recalled one must not serve a single job.
    await model_control.refresh(connection.js)
    for stage in stages:
        await asyncio.get_running_loop().run_in_executor(executor, stage.prepare)
    resources = Resources(settings, ObjectStore(settings), connection)
    server, health_service = _server(settings, services)
    register(server, resources)
    port = _listen(server, settings)
    probed = _probed(settings, health_service)
    for each in (server, *probed):
        await each.start()
    runners = [Runner(stage, settings, connection, resources.objects, executor) for stage in stages]
    names = ["", *(service.full_name for service in services)]
    log.info("started", port=port, stages=[stage.name for stage in stages])
    drained_by = 0.0
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_background(task, resources)) for task in background]
            tasks.append(group.create_task(_watch_health(health_service, names, connection, ready)))
            tasks.append(group.create_task(watch_connection(connection)))
            tasks.append(group.create_task(model_control.follow(connection.js)))
            tasks.append(group.create_task(usage.follow(connection, settings.certificates_dir)))
            working = [group.create_task(runner.run()) for runner in runners]
            await stopping.wait()
            drained_by = asyncio.get_running_loop().time() + settings.drain_s
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
        left = drained_by - asyncio.get_running_loop().time()
        await server.stop(max(left, LEAST_GRACE_S))
        for each in probed:
            await each.stop(0)
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
            ("grpc.max_connection_age_ms", CONNECTION_AGE_MS),
        ],
    )
    health_service = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_service, server)
    if settings.env == "development":
        names = [service.full_name for service in services]
        reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], server)
    return server, health_service


def _listen(server: grpc.aio.Server, settings: Settings) -> int:
    """Binds the server, by mutual TLS where there is a certificate; returns the port."""
    address = f"{settings.grpc_host}:{settings.grpc_port}"
    if not settings.tls_dir:
        return server.add_insecure_port(address)
    return server.add_secure_port(address, tls.server_credentials(Path(settings.tls_dir)))


def _probed(settings: Settings, health_service: health.aio.HealthServicer) -> tuple[grpc.aio.Server, ...]:
    """The server that has health alone, where the settings want one: a kubelet's probe speaks no TLS."""
    if not settings.health_port:
        return ()
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    health_pb2_grpc.add_HealthServicer_to_server(health_service, server)
    server.add_insecure_port(f"{settings.grpc_host}:{settings.health_port}")
    return (server,)


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
