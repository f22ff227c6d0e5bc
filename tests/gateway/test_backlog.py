"""What waits, as /metrics shows it, against a real ledger and a real stream."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY

from gateway.ledger.backlog import look_at_outbox, look_at_streams
from gateway.ledger.database import Ledger
from gateway.ledger.relay import relay_batch
from mesh import facts
from mesh.jetstream import JetStream
from tests.gateway.ledgers import make_order, store

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("gateway")]


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_facts_wait_in_the_outbox_and_then_at_their_consumer(
    app: Ledger, worker: Ledger, stream: JetStream, tenant: str
) -> None:
    while await relay_batch(worker, stream):
        pass
    await look_at_outbox(worker)
    assert value("assay_outbox_pending") == 0
    assert value("assay_outbox_oldest_seconds") == 0
    for _ in range(3):
        await store(app, make_order(tenant))
    await look_at_outbox(worker)
    assert value("assay_outbox_pending") == 3
    assert 0 < value("assay_outbox_oldest_seconds") < 60
    await look_at_streams(stream)
    waiting = value("assay_consumer_pending", consumer="stage-ingest")
    held = value("assay_stream_messages", stream=facts.STREAM)
    assert await relay_batch(worker, stream) == 3
    await look_at_streams(stream)
    assert value("assay_consumer_pending", consumer="stage-ingest") == waiting + 3
    assert value("assay_stream_messages", stream=facts.STREAM) == held + 3
    assert value("assay_stream_bytes", stream=facts.STREAM) > 0
