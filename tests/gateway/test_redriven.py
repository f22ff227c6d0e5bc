"""A job that was driven again: its failure is taken back, and it has the time that the re-drive gave it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from assay.gateway.v1 import gateway_pb2 as pb

from gateway.ledger.database import Ledger
from gateway.ledger.reaper import reap
from tests.gateway.callers import Caller, order

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("gateway")]


async def test_a_redriven_job_runs_again_with_new_time(caller: Caller, worker: Ledger) -> None:
    view, _ = await caller.analyze(order(await caller.upload()))
    document = await caller.publish(view.job_id, "ingested", 1)
    document.failure.code = "STORAGE_UNAVAILABLE"
    await caller.publish_document("failed", document)
    await caller.until(view.job_id, pb.STATE_FAILED)
    document.ClearField("failure")
    document.job.epoch = 2
    new = datetime.now(UTC) + timedelta(hours=2)
    document.job.deadline.FromDatetime(new)
    await caller.publish_document("ingested", document)
    again = await caller.until(view.job_id, pb.STATE_RUNNING)
    assert not again.HasField("error")
    assert abs((again.deadline.ToDatetime(UTC) - new).total_seconds()) < 1
    assert (await reap(worker)).jobs == 0
    document.report.pages = 1
    await caller.publish_document("reported", document)
    await caller.until(view.job_id, pb.STATE_SUCCEEDED)


async def test_a_redrive_whose_time_is_over_fails_in_its_own_epoch(caller: Caller) -> None:
    view, _ = await caller.analyze(order(await caller.upload()))
    document = await caller.publish(view.job_id, "ingested", 1)
    await caller.publish_document("failed", document)
    await caller.until(view.job_id, pb.STATE_FAILED)
    document.job.epoch = 2
    document.job.deadline.FromDatetime(datetime.now(UTC) - timedelta(seconds=1))
    await caller.publish_document("ingested", document)
    ended = await caller.until(view.job_id, pb.STATE_FAILED)
    while ended.result.job.epoch != 2 or ended.error.code != "DEADLINE":
        ended = await caller.until(view.job_id, pb.STATE_FAILED)
    assert ended.error.stage == "gateway"
