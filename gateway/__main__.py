"""The gateway's process: the public API, and the background work that keeps the ledger true."""

from __future__ import annotations

import asyncio

import grpc.aio
import nats.errors
import structlog
from assay.gateway.v1 import gateway_pb2 as pb
from assay.gateway.v1 import gateway_pb2_grpc

from gateway import catalogue, measures, rulesets
from gateway.api.analyses import AnalysisServicer
from gateway.api.models import ModelServicer
from gateway.api.platform import PlatformServicer
from gateway.api.rulesets import RulesetServicer
from gateway.desk import Desk
from gateway.issuer.service import TokenServicer
from gateway.ledger.backlog import run_backlog
from gateway.ledger.database import Ledger
from gateway.ledger.eraser import run_eraser
from gateway.ledger.notify import Fanout, backoff_s, follow_progress, listen
from gateway.ledger.projector import run_projector
from gateway.ledger.reaper import run_reaper
from gateway.ledger.relay import run_relay
from gateway.ruleset_switch import RulesetSwitch
from mesh import deadletters, service
from mesh.service import Resources
from mesh.settings import Settings

log = structlog.get_logger()

REQUEST_CONNECTIONS = 16
WORKER_CONNECTIONS = 5
REQUEST_S = 8.0


class Gateway:
    """What the API and the background tasks share in one process."""

    def __init__(self, settings: Settings) -> None:
        self.ledger = Ledger(
            settings.postgres_dsn, name="gateway", max_size=REQUEST_CONNECTIONS, limit_s=REQUEST_S
        )
        self.worker = Ledger(settings.postgres_worker_dsn, name="gateway-worker", max_size=WORKER_CONNECTIONS)
        self.fanout = Fanout()
        self.rulesets = RulesetSwitch(rulesets.load())
        measures.begin_at_zero()
        measures.leave_out(settings.canary_tenant)
        measures.WAITERS.set_function(self.fanout.waiters)

    def register(self, server: grpc.aio.Server, resources: Resources) -> None:
        """Adds the public services to the server."""
        desk = Desk(
            settings=resources.settings,
            objects=resources.objects,
            nats=resources.nats,
            ledger=self.ledger,
            fanout=self.fanout,
            catalogue=catalogue.load(),
            rulesets=self.rulesets,
        )
        gateway_pb2_grpc.add_AnalysisServiceServicer_to_server(AnalysisServicer(desk), server)
        gateway_pb2_grpc.add_ModelServiceServicer_to_server(ModelServicer(desk), server)
        gateway_pb2_grpc.add_PlatformServiceServicer_to_server(PlatformServicer(desk), server)
        gateway_pb2_grpc.add_RulesetServiceServicer_to_server(RulesetServicer(desk), server)
        gateway_pb2_grpc.add_TokenServiceServicer_to_server(TokenServicer(resources.settings), server)

    def ready(self) -> bool:
        """Whether orders can be taken: before the rulesets are known, none can."""
        return self.rulesets.known

    async def follow(self, resources: Resources) -> None:
        """Opens the pools and follows NOTIFY, progress and the rulesets; at the end lets long waits end too.

        The pools stay open: requests that drain after this still need them.
        """
        await self.ledger.open()
        await self.worker.open()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(listen(resources.settings.postgres_dsn, self.fanout))
                group.create_task(follow_progress(resources.nats.client, self.fanout))
                group.create_task(self.rulesets.follow(resources.nats.js))
        finally:
            self.fanout.close()

    async def relay(self, resources: Resources) -> None:
        """Publishes the outbox."""
        await run_relay(self.worker, resources.nats, self.fanout)

    async def project(self, resources: Resources) -> None:
        """Folds facts into the ledger."""
        await run_projector(self.worker, resources.nats)

    async def watch_backlog(self, resources: Resources) -> None:
        """Shows what waits."""
        await run_backlog(self.worker, resources.nats)

    async def reap(self, resources: Resources) -> None:
        """Fails what is overdue, expires what nobody used."""
        await run_reaper(self.worker, resources.objects)

    async def erase(self, resources: Resources) -> None:
        """Removes what callers asked to be erased."""
        await run_eraser(self.worker, resources.nats, resources.objects)


async def move_dead_letters(resources: Resources) -> None:
    """Follows the advisories of deliveries that were given up; comes back when NATS does."""
    failures = 0
    while True:
        try:
            await deadletters.run(resources.nats)
        except (nats.errors.Error, TimeoutError) as error:
            failures += 1
            log.warning("dead_letter_mover_failed", error=str(error), kind=type(error).__name__)
        await asyncio.sleep(backoff_s(failures))


def main() -> None:
    """Runs the gateway until SIGTERM."""
    gateway = Gateway(Settings())
    service.run(
        "gateway",
        services=[pb.DESCRIPTOR.services_by_name[name] for name in pb.DESCRIPTOR.services_by_name],
        register=gateway.register,
        background=[
            gateway.follow,
            gateway.relay,
            gateway.project,
            gateway.reap,
            gateway.erase,
            gateway.watch_backlog,
            move_dead_letters,
        ],
        ready=gateway.ready,
    )


if __name__ == "__main__":
    main()
