"""What a stage run is reported with, against a real JetStream: counters of rare ends, the canonical line."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from assay.events.v1.analysis_pb2 import Analysis
from assay.ingest.v1.ingest_pb2 import IngestPage
from prometheus_client import REGISTRY

from mesh import facts, signal_events
from mesh.errors import InvalidInput, Transient
from mesh.jetstream import JetStream
from mesh.logs import hashed
from mesh.objects import ObjectStore
from mesh.runner import Runner
from mesh.settings import Settings
from mesh.stage import Stage, StageContext

from .conftest import new_analysis

LINE = next(each for each in signal_events.LINES if each.event == "stage_run")


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def stage_of(
    handle: Any, settings: Settings, connection: JetStream, objects: ObjectStore
) -> AsyncIterator[None]:
    stage = Stage("ingest", "*", "requested", "ingested", "ingest", handle)
    runner = Runner(stage, settings, connection, objects)
    task = asyncio.create_task(runner.run())
    try:
        yield
    finally:
        runner.stop()
        await asyncio.wait_for(task, 15)


async def lines_of(
    handle: Any,
    settings: Settings,
    connection: JetStream,
    objects: ObjectStore,
    analysis: Analysis,
    runs: int,
) -> list[dict[str, Any]]:
    """The canonical lines of so many runs."""
    with structlog.testing.capture_logs() as written:
        async with stage_of(handle, settings, connection, objects):
            await facts.publish_fact(connection.js, "requested", analysis, source="test")
            async with asyncio.timeout(15):
                while len(found := [line for line in written if line["event"] == "stage_run"]) < runs:
                    await asyncio.sleep(0.02)
    return found


async def test_the_line_says_what_the_matrix_promises(settings, connection, objects):
    analysis = new_analysis(settings)
    analysis.job.ruleset = "tattoo@1.0.0"

    async def handle(document: Analysis, ctx: StageContext) -> IngestPage:
        ref = await ctx.put("photo.bin", b"x" * 1000, "application/octet-stream")
        assert await ctx.get(ref) == b"x" * 1000
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
        return IngestPage(width=1)

    before = value("assay_stage_cpu_seconds_total", stage="ingest")
    put = value("assay_object_bytes_total", operation="put", bucket="assay-artifacts")
    (line,) = await lines_of(handle, settings, connection, objects, analysis, 1)
    assert set(LINE.fields) <= set(line)
    assert set(line) - set(LINE.fields) == {"event", "log_level"}
    assert (line["stage"], line["outcome"], line["code"], line["delivery"]) == ("ingest", "done", "", 1)
    assert (line["kind"], line["ruleset"]) == ("tattoo", "tattoo@1.0.0")
    assert line["tenant"] == hashed(analysis.job.tenant_id)
    assert (line["bytes_read"], line["bytes_written"]) == (1000, 1000)
    assert 0.05 <= line["cpu_seconds"] < line["seconds"] + 1
    assert 0 <= line["queue_seconds"] < 15
    assert value("assay_stage_cpu_seconds_total", stage="ingest") >= before + 0.05
    assert value("assay_object_bytes_total", operation="put", bucket="assay-artifacts") == put + 1000


async def test_a_retry_is_counted_and_its_code_told(settings, connection, objects):
    tried: list[int] = []

    async def handle(document: Analysis, ctx: StageContext) -> IngestPage:
        tried.append(1)
        if len(tried) == 1:
            raise Transient("STORAGE_UNAVAILABLE", "away")
        return IngestPage(width=1)

    taken = value("assay_stage_redeliveries_total", stage="ingest")
    queued = value("assay_stage_queue_seconds_count", stage="ingest")
    first, second = await lines_of(handle, settings, connection, objects, new_analysis(settings), 2)
    assert (first["outcome"], first["code"]) == ("retried", "STORAGE_UNAVAILABLE")
    assert (second["outcome"], second["code"], second["delivery"]) == ("done", "", 2)
    assert value("assay_stage_redeliveries_total", stage="ingest") == taken + 1
    # A retry's wait was wanted; only the first tells how long the queue is.
    assert value("assay_stage_queue_seconds_count", stage="ingest") == queued + 1


async def test_what_is_given_up_is_a_dead_letter_and_what_is_refused_is_none(settings, connection, objects):
    async def crash(document: Analysis, ctx: StageContext) -> IngestPage:
        raise ZeroDivisionError("a person's name")

    async def refuse(document: Analysis, ctx: StageContext) -> IngestPage:
        raise InvalidInput("IMAGE_TRUNCATED", "The file ends early.", field="upload", fix="Upload it again.")

    letters = value("assay_dead_letters_total", stage="ingest", code="INTERNAL")
    runs = settings.max_attempts
    crashed = await lines_of(crash, settings, connection, objects, new_analysis(settings), runs)
    assert [line["outcome"] for line in crashed] == ["retried"] * (runs - 1) + ["dead"]
    assert {line["code"] for line in crashed} == {"INTERNAL"}
    assert "a person's name" not in str(crashed)
    assert value("assay_dead_letters_total", stage="ingest", code="INTERNAL") == letters + 1
    (refused,) = await lines_of(refuse, settings, connection, objects, new_analysis(settings), 1)
    assert (refused["outcome"], refused["code"]) == ("failed", "IMAGE_TRUNCATED")
    assert value("assay_dead_letters_total", stage="ingest", code="IMAGE_TRUNCATED") == 0
