"""The stage runner against a real JetStream: one fact out, whatever goes wrong on the way."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import nats.errors
import pytest
from assay.balance.v1.balance_pb2 import PosePage
from assay.events.v1.analysis_pb2 import Analysis
from assay.events.v1.report_page_pb2 import AnnotationPage
from assay.ingest.v1.ingest_pb2 import IngestPage
from nats.js.errors import NotFoundError

from mesh import deadletters, facts, topology
from mesh.control import CANCELLED, ERASED, Control
from mesh.errors import InvalidInput, Transient
from mesh.jetstream import JetStream
from mesh.objects import ObjectStore
from mesh.progress import Progress
from mesh.runner import Runner
from mesh.settings import Settings
from mesh.stage import Outcome, Stage, StageContext

from .conftest import new_analysis

Handle = Callable[[Analysis, StageContext], Awaitable[Any]]


def stage(handle: Handle) -> Stage:
    return Stage("ingest", "*", "requested", "ingested", "ingest", handle)


@asynccontextmanager
async def running(handle: Handle, settings: Settings, connection: JetStream, objects: ObjectStore):
    runner = Runner(stage(handle), settings, connection, objects)
    task = asyncio.create_task(runner.run())
    try:
        yield runner
    finally:
        runner.stop()
        await asyncio.wait_for(task, 15)


async def fact(connection: JetStream, name: str, analysis: Analysis, within_s: float = 15) -> Analysis:
    """Waits for a fact and returns its document."""
    async with asyncio.timeout(within_s):
        while True:
            try:
                raw = await connection.js.get_last_msg(facts.STREAM, str(facts.subject(name, analysis)))
            except (NotFoundError, nats.errors.TimeoutError):
                # Not there yet, or the question was lost with a connection.
                await asyncio.sleep(0.02)
                continue
            found = Analysis()
            found.ParseFromString(raw.data)
            return found


async def settled(connection: JetStream, within_s: float = 15) -> None:
    """Waits until the stage's consumer has nothing left, delivered or not."""
    async with asyncio.timeout(within_s):
        while True:
            info = await connection.js.consumer_info(facts.STREAM, "stage-ingest")
            if info.num_pending == 0 and info.num_ack_pending == 0:
                return
            await asyncio.sleep(0.02)


async def count(connection: JetStream, subject: str) -> int:
    """Messages under a subject."""
    info = await connection.js.stream_info(facts.STREAM, subjects_filter=subject)
    return sum((info.state.subjects or {}).values())


async def page(analysis: Analysis, _: StageContext) -> IngestPage:
    return IngestPage(width=len(analysis.job.job_id))


async def test_writes_its_page_and_one_fact(settings, connection, objects):
    analysis = new_analysis(settings)
    async with running(page, settings, connection, objects):
        await facts.publish_fact(connection.js, "requested", analysis, source="test")
        found = await fact(connection, "ingested", analysis)
        await settled(connection)
    assert found.ingest.width == 36
    assert [run.stage for run in found.runs] == ["ingest"]
    assert found.runs[0].finished_at.ToDatetime() >= found.runs[0].started_at.ToDatetime()
    assert await count(connection, str(facts.subject("ingested", analysis))) == 1


async def test_headers_are_cloudevents_with_trace(settings, connection, objects):
    analysis = new_analysis(settings)
    async with running(page, settings, connection, objects):
        await facts.publish_fact(connection.js, "requested", analysis, source="test")
        await fact(connection, "ingested", analysis)
    raw = await connection.js.get_last_msg(facts.STREAM, str(facts.subject("ingested", analysis)))
    assert raw.headers["ce-specversion"] == "1.0"
    assert raw.headers["ce-type"] == "assay.analysis.ingested.v1"
    assert raw.headers["ce-id"] == raw.headers["Nats-Msg-Id"] == f"ingested:{analysis.job.job_id}:1"
    assert raw.headers["ce-source"] == "/assay/svc_ingest"


async def test_a_second_publication_is_no_second_fact(settings, connection):
    analysis = new_analysis(settings)
    first = await facts.publish_fact(connection.js, "requested", analysis, source="test")
    second = await facts.publish_fact(connection.js, "requested", analysis, source="test")
    assert (first.created, second.created) == (True, False)
    assert await count(connection, str(facts.subject("requested", analysis))) == 1


async def test_passing_errors_are_retried_with_delay(settings, connection, objects):
    analysis, deliveries = new_analysis(settings), []

    async def handle(a: Analysis, c: StageContext) -> IngestPage:
        deliveries.append(asyncio.get_running_loop().time())
        if len(deliveries) < 4:
            raise Transient("STORAGE_UNAVAILABLE", "away")
        return await page(a, c)

    async with running(handle, settings, connection, objects):
        await facts.publish_fact(connection.js, "requested", analysis, source="test")
        found = await fact(connection, "ingested", analysis)
    assert len(deliveries) == 4
    assert found.runs[0].delivery == 4
    gaps = [b - a for a, b in itertools.pairwise(deliveries)]
    assert min(gaps) >= settings.retry_base_s / 4


async def test_input_errors_fail_at_once_and_are_no_dead_letter(settings, connection, objects):
    analysis, calls = new_analysis(settings), []

    async def handle(a: Analysis, c: StageContext) -> IngestPage:
        calls.append(1)
        raise InvalidInput("IMAGE_TRUNCATED", "The file ends early.", field="upload", fix="Upload it again.")

    async with running(handle, settings, connection, objects):
        await facts.publish_fact(connection.js, "requested", analysis, source="test")
        found = await fact(connection, "failed", analysis)
        await settled(connection)
    assert len(calls) == 1
    assert (found.failure.code, found.failure.field, found.failure.permanent) == (
        "IMAGE_TRUNCATED", "upload", True,
    )  # fmt: skip
    assert found.failure.stage == "ingest"
    assert (await connection.js.stream_info(topology.DEADLETTER_STREAM)).state.messages == 0


async def test_a_crash_that_stays_becomes_a_dead_letter_and_a_failed_fact(settings, connection, objects):
    analysis, calls = new_analysis(settings), []

    async def handle(a: Analysis, c: StageContext) -> IngestPage:
        calls.append(1)
        raise ZeroDivisionError("secret detail")

    async with running(handle, settings, connection, objects):
        await facts.publish_fact(connection.js, "requested", analysis, source="test")
        found = await fact(connection, "failed", analysis)
        await settled(connection)
    assert len(calls) == settings.max_attempts
    assert found.failure.code == "INTERNAL"
    assert "secret" not in found.failure.message
    letter = await connection.js.get_last_msg(topology.DEADLETTER_STREAM, "deadletter.ingest.*")
    assert letter.headers["assay-code"] == "INTERNAL"
    assert letter.headers["assay-subject"] == str(facts.subject("requested", analysis))
    buried = Analysis()
    buried.ParseFromString(letter.data)
    assert buried.job.job_id == analysis.job.job_id


async def test_unreadable_facts_are_buried(settings, connection, objects):
    async with running(page, settings, connection, objects):
        await connection.js.publish(
            f"analysis.{settings.region}.tattoo.requested.{uuid.uuid4()}.1", b"\xff\xff\xff"
        )
        await settled(connection)
    letter = await connection.js.get_last_msg(topology.DEADLETTER_STREAM, "deadletter.ingest.*")
    assert letter.headers["assay-code"] == "FACT_UNREADABLE"


@pytest.mark.parametrize("word", [CANCELLED, ERASED])
async def test_withdrawn_jobs_are_left_alone(settings, connection, objects, word):
    analysis, calls = new_analysis(settings), []

    async def handle(a: Analysis, c: StageContext) -> IngestPage:
        calls.append(1)
        return await page(a, c)

    control = Control(await connection.js.key_value(topology.CONTROL_BUCKET))
    await control.say(analysis.job.job_id, word)
    async with running(handle, settings, connection, objects):
        await facts.publish_fact(connection.js, "requested", analysis, source="test")
        await asyncio.sleep(0.3)
        await settled(connection)
    assert calls == []
    assert await count(connection, f"analysis.*.*.*.{analysis.job.job_id}.>") == 1


async def test_a_job_cancelled_while_it_runs_publishes_nothing(settings, connection, objects):
    analysis = new_analysis(settings)
    control = Control(await connection.js.key_value(topology.CONTROL_BUCKET))

    async def handle(a: Analysis, c: StageContext) -> IngestPage:
        await control.say(a.job.job_id, CANCELLED)
        return await page(a, c)

    async with running(handle, settings, connection, objects):
        await facts.publish_fact(connection.js, "requested", analysis, source="test")
        await asyncio.sleep(0.5)
        await settled(connection)
    assert await count(connection, str(facts.subject("ingested", analysis))) == 0


async def test_long_runs_are_kept_alive_by_heartbeats(settings, connection, objects):
    analysis, calls = new_analysis(settings), []

    async def handle(a: Analysis, c: StageContext) -> IngestPage:
        calls.append(1)
        await asyncio.sleep(settings.ack_wait_s * 2.5)
        return await page(a, c)

    async with running(handle, settings, connection, objects):
        await facts.publish_fact(connection.js, "requested", analysis, source="test")
        await fact(connection, "ingested", analysis)
        await settled(connection)
    assert len(calls) == 1


async def test_a_lost_acknowledgement_does_not_repeat_the_work(settings, connection, objects):
    """The run before published its fact and died before it acknowledged."""
    analysis, calls = new_analysis(settings), []
    await facts.publish_fact(connection.js, "requested", analysis, source="test")
    subscription = await connection.js.pull_subscribe_bind("stage-ingest", facts.STREAM)
    (message,) = await subscription.fetch(1, timeout=2)
    await facts.publish_fact(connection.js, "ingested", analysis, source="test")
    await message.nak(delay=0.05)
    await subscription.unsubscribe()

    async def handle(a: Analysis, c: StageContext) -> IngestPage:
        calls.append(1)
        return await page(a, c)

    async with running(handle, settings, connection, objects):
        await asyncio.sleep(0.3)
        await settled(connection)
    assert calls == []


async def test_stop_lets_running_work_finish(settings, connection, objects):
    analysis = new_analysis(settings)
    begun = asyncio.Event()

    async def handle(a: Analysis, c: StageContext) -> IngestPage:
        begun.set()
        await asyncio.sleep(0.5)
        return await page(a, c)

    async with running(handle, settings, connection, objects) as runner:
        await facts.publish_fact(connection.js, "requested", analysis, source="test")
        await asyncio.wait_for(begun.wait(), 5)
        runner.stop()
    assert (await fact(connection, "ingested", analysis, 1)).ingest.width == 36


async def test_a_stopped_runner_leaves_what_waits_to_others_at_once(settings, connection, objects):
    begun, gate = asyncio.Event(), asyncio.Event()

    async def slow(analysis: Analysis, ctx: StageContext) -> IngestPage:
        begun.set()
        await gate.wait()
        return await page(analysis, ctx)

    one = settings.model_copy(update={"stage_concurrency": 1})
    async with running(slow, one, connection, objects) as runner:
        for analysis in (new_analysis(settings), new_analysis(settings)):
            await facts.publish_fact(connection.js, "requested", analysis, source="test")
        await begun.wait()
        runner.stop()
        gate.set()
    left = await connection.js.consumer_info(facts.STREAM, "stage-ingest")
    assert (left.num_pending, left.num_ack_pending) == (1, 0)


async def test_time_that_ran_out_is_a_deadline_and_no_dead_letter(settings, connection, objects):
    analysis = new_analysis(settings, lifetime=timedelta(seconds=0.5))

    async def handle(a: Analysis, c: StageContext) -> IngestPage:
        await asyncio.sleep(30)
        return await page(a, c)

    async with running(handle, settings, connection, objects):
        await facts.publish_fact(connection.js, "requested", analysis, source="test")
        found = await fact(connection, "failed", analysis)
    assert found.failure.code == "DEADLINE"
    assert (await connection.js.stream_info(topology.DEADLETTER_STREAM)).state.messages == 0


async def test_progress_is_told_and_artefacts_are_stored(settings, connection, objects):
    analysis = new_analysis(settings)

    async def handle(a: Analysis, c: StageContext) -> IngestPage:
        await c.progress(40, "half way")
        ref = await c.put("note.txt", b"hello", "text/plain")
        assert await c.get(ref) == b"hello"
        assert await c.compute(sum, [1, 2, 3]) == 6
        return IngestPage(original=ref)

    async with running(handle, settings, connection, objects):
        await facts.publish_fact(connection.js, "requested", analysis, source="test")
        found = await fact(connection, "ingested", analysis)
    ref = found.ingest.original
    assert ref.key.endswith("/ingest/note.txt/" + ref.sha256)
    step = await Progress(await connection.js.key_value(topology.PROGRESS_BUCKET)).last(analysis.job.job_id)
    assert step is not None
    assert (step.stage, step.percent, step.message) == ("ingest", 40, "half way")


async def test_a_stage_that_is_killed_at_every_delivery_is_given_up_by_the_mover(
    settings, connection, objects
):
    """Nobody acknowledges: the server's advisory is the only witness."""
    short = settings.model_copy(update={"max_deliver": 2})
    await topology.apply(connection.js, short)
    analysis = new_analysis(settings)
    mover = asyncio.create_task(deadletters.run(connection))
    try:
        await facts.publish_fact(connection.js, "requested", analysis, source="test")
        subscription = await connection.js.pull_subscribe_bind("stage-ingest", facts.STREAM)
        for _ in range(2):
            await subscription.fetch(1, timeout=5)
        # The advisory is sent when the next delivery would have been due and is asked for.
        with pytest.raises(TimeoutError):
            await subscription.fetch(1, timeout=2.5)
        found = await fact(connection, "failed", analysis)
    finally:
        mover.cancel()
    assert found.failure.code == deadletters.GIVEN_UP
    letter = await connection.js.get_last_msg(topology.DEADLETTER_STREAM, "deadletter.ingest.*")
    assert letter.headers["assay-code"] == deadletters.GIVEN_UP


async def test_a_nats_restart_loses_nothing(settings, connection, objects, servers):
    analyses = [new_analysis(settings) for _ in range(10)]

    async def handle(a: Analysis, c: StageContext) -> IngestPage:
        await asyncio.sleep(0.1)
        return await page(a, c)

    async with running(handle, settings, connection, objects):
        for analysis in analyses:
            await facts.publish_fact(connection.js, "requested", analysis, source="test")
        await asyncio.sleep(0.15)
        # In this thread: the process lives as long as the thread that starts it.
        servers.running["nats"].restart()
        for analysis in analyses:
            await fact(connection, "ingested", analysis, 30)
    for analysis in analyses:
        assert await count(connection, str(facts.subject("ingested", analysis))) == 1


async def test_a_stage_may_answer_for_the_next_one(settings, connection, objects):
    """Landmarks from a device need no pose stage: ingest fills its page as well and skips a fact."""
    analysis = new_analysis(settings)
    analysis.job.kind = "balance"

    async def handle(a: Analysis, c: StageContext) -> Outcome:
        return Outcome("posed", {"ingest": IngestPage(source_mode="landmarks"), "pose": PosePage(frames=9)})

    async with running(handle, settings, connection, objects):
        await facts.publish_fact(connection.js, "requested", analysis, source="test")
        found = await fact(connection, "posed", analysis)
        await settled(connection)
    assert (found.ingest.source_mode, found.pose.frames) == ("landmarks", 9)
    assert [run.stage for run in found.runs] == ["ingest"]
    assert not await facts.is_there(connection.js, "ingested", analysis)
    assert await facts.is_past(connection.js, "requested", analysis)


async def test_what_fails_after_the_end_changes_nothing_of_it(settings, connection, objects):
    analysis = new_analysis(settings)
    analysis.job.kind = "balance"
    analysis.job.deadline.FromDatetime(datetime.now(UTC) - timedelta(hours=1))
    asked = asyncio.Event()

    async def handle(a: Analysis, c: StageContext) -> AnnotationPage:
        assert c.deadline > datetime.now(UTC)
        asked.set()
        raise InvalidInput("VIDEO_CORRUPT", "no")

    late = Stage("annotate", "balance", "reported", "annotated", "annotation", handle)
    runner = Runner(late, settings, connection, objects)
    task = asyncio.create_task(runner.run())
    await facts.publish_fact(connection.js, "reported", analysis, source="test")
    await asyncio.wait_for(asked.wait(), 15)
    runner.stop()
    await asyncio.wait_for(task, 15)
    assert (await connection.js.consumer_info(facts.STREAM, "stage-annotate")).num_ack_pending == 0
    assert not await facts.is_there(connection.js, "failed", analysis)
    assert not await facts.is_there(connection.js, "annotated", analysis)
