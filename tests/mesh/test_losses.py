"""What must not cost a job: a full stream, an outage, poison, another run that had finished already."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from assay.common.v1.types_pb2 import ObjectRef
from assay.events.v1.analysis_pb2 import Analysis
from assay.ingest.v1.ingest_pb2 import IngestPage

from mesh import deadletters, facts, runner, topology
from mesh.control import ERASED, Control
from mesh.errors import InvalidInput, Transient
from mesh.jetstream import JetStream
from mesh.objects import ObjectStore
from mesh.progress import Progress
from mesh.service import watch_connection
from mesh.stage import StageContext

from .conftest import Servers, new_analysis
from .test_runner import count, fact, page, running, settled

ADVISORY = f"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{facts.STREAM}"


async def dead_letters(connection: JetStream) -> int:
    return (await connection.js.stream_info(topology.DEADLETTER_STREAM)).state.messages


@asynccontextmanager
async def moving(connection: JetStream):
    """Runs the dead-letter mover for the length of the block; it must not have ended by then."""
    task = asyncio.create_task(deadletters.run(connection))
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def give_up(connection: JetStream, sequence: int, consumer: str = "stage-ingest") -> None:
    """Says what the server says of a fact that was delivered too often."""
    told = {"stream": facts.STREAM, "consumer": consumer, "stream_seq": sequence, "deliveries": 8}
    await connection.js.publish(f"{ADVISORY}.{consumer}", json.dumps(told).encode())


async def moved(connection: JetStream, within_s: float = 10) -> None:
    """Waits until the mover has no advisory left."""
    async with asyncio.timeout(within_s):
        while True:
            info = await connection.js.consumer_info(topology.ADVISORY_STREAM, topology.MOVER)
            if info.num_pending == 0 and info.num_ack_pending == 0:
                return
            await asyncio.sleep(0.02)


async def test_a_full_stream_is_waited_for(settings, connection, objects):
    """Refusing new messages is passing: neither a dead letter nor a failed job, however often."""
    analysis, calls = new_analysis(settings), []
    stream = next(s for s in topology.streams(settings) if s.name == facts.STREAM)

    async def handle(a: Analysis, c: StageContext) -> IngestPage:
        calls.append(1)
        return await page(a, c)

    await facts.publish_fact(connection.js, "requested", analysis, source="test")
    await connection.js.update_stream(stream.evolve(max_msgs=1))
    async with running(handle, settings, connection, objects):
        async with asyncio.timeout(10):
            while len(calls) <= settings.max_attempts:
                await asyncio.sleep(0.05)
        await connection.js.update_stream(stream)
        await fact(connection, "ingested", analysis)
        await settled(connection)
    assert await dead_letters(connection) == 0
    assert await count(connection, str(facts.subject("failed", analysis))) == 0


@pytest.mark.parametrize("error", [InvalidInput("IMAGE_BROKEN", "x"), ZeroDivisionError()])
async def test_nothing_is_told_of_a_job_erased_while_it_failed(settings, connection, objects, error):
    analysis = new_analysis(settings)
    control = Control(await connection.js.key_value(topology.CONTROL_BUCKET))

    async def handle(a: Analysis, c: StageContext) -> IngestPage:
        await control.say(a.job.job_id, ERASED)
        raise error

    async with running(handle, settings, connection, objects):
        await facts.publish_fact(connection.js, "requested", analysis, source="test")
        await asyncio.sleep(0.5)
        await settled(connection)
    assert await count(connection, f"analysis.*.*.*.{analysis.job.job_id}.>") == 1
    assert await dead_letters(connection) == 0


async def test_a_failure_always_fits_into_a_fact(settings, connection, objects):
    analysis = new_analysis(settings)
    analysis.ingest.original.name = "x" * (facts.MAX_FACT_BYTES - analysis.ByteSize() - 20)

    async def handle(a: Analysis, c: StageContext) -> IngestPage:
        raise InvalidInput("IMAGE_BROKEN", "The image is broken.")

    async with running(handle, settings, connection, objects):
        await facts.publish_fact(connection.js, "requested", analysis, source="test")
        found = await fact(connection, "failed", analysis)
        await settled(connection)
    assert found.failure.code == "IMAGE_BROKEN"
    assert found.job == analysis.job


async def test_a_document_of_another_job_than_its_subject_is_poison(settings, connection, objects):
    analysis, other = new_analysis(settings), new_analysis(settings)
    async with running(page, settings, connection, objects):
        await connection.js.publish(str(facts.subject("requested", analysis)), other.SerializeToString())
        await connection.js.publish(f"analysis.{settings.region}.tattoo.requested.x.\u00b2", b"")
        await connection.js.publish(str(facts.subject("requested", new_analysis(settings))), b"")
        await asyncio.sleep(0.3)
        await settled(connection)
    assert await count(connection, str(facts.subject("ingested", other))) == 0
    assert await dead_letters(connection) == 3


async def test_pulls_do_not_pile_up_while_nats_is_away(settings, connection, objects, servers, monkeypatch):
    """Pulls sent into the client's buffer would all be answered at once when NATS is back."""
    monkeypatch.setattr(runner, "FETCH_TIMEOUT_S", 1.0)
    one = settings.model_copy(update={"stage_concurrency": 1})
    analyses = [new_analysis(settings) for _ in range(8)]
    held = asyncio.Event()

    async def handle(a: Analysis, c: StageContext) -> IngestPage:
        await held.wait()
        return await page(a, c)

    async with running(handle, one, connection, objects):
        await asyncio.sleep(0.2)
        await asyncio.to_thread(servers.running["nats"].stop)
        await asyncio.sleep(6)
        for analysis in analyses:
            # Into the same buffer, behind the pulls.
            await connection.client.publish(
                str(facts.subject("requested", analysis)), analysis.SerializeToString()
            )
        servers.running["nats"].start()
        async with asyncio.timeout(15):
            while not connection.connected:
                await asyncio.sleep(0.05)
        await asyncio.sleep(2)
        info = await connection.js.consumer_info(facts.STREAM, "stage-ingest")
        held.set()
        for analysis in analyses:
            await fact(connection, "ingested", analysis)
        await settled(connection)
    assert info.num_ack_pending == 1


async def test_a_stage_reads_its_own_tenants_objects_only(settings, connection, objects):
    analysis = new_analysis(settings)
    other = new_analysis(settings).job.tenant_id
    foreign = await objects.put(f"{other}/j/ingest", "a.txt", b"x", "text/plain")

    async def handle(a: Analysis, c: StageContext) -> IngestPage:
        await c.get(foreign)
        return await page(a, c)

    async with running(handle, settings, connection, objects):
        await facts.publish_fact(connection.js, "requested", analysis, source="test")
        found = await fact(connection, "failed", analysis)
    assert found.failure.code == "TENANT_MISMATCH"


async def test_the_mover_outlives_poison(settings, connection):
    good, big = new_analysis(settings), new_analysis(settings)
    big.ingest.original.name = "x" * (facts.MAX_FACT_BYTES - big.ByteSize() - 20)
    unreadable = await connection.js.publish(
        f"analysis.{settings.region}.tattoo.requested.{new_analysis(settings).job.job_id}.1", b"\xff\xff"
    )
    nearly = await connection.js.publish(str(facts.subject("requested", big)), big.SerializeToString())
    fine = await connection.js.publish(str(facts.subject("requested", good)), good.SerializeToString())
    await connection.js.publish(f"{ADVISORY}.stage-ingest", b"no json")
    for ack in (unreadable, nearly, fine):
        await give_up(connection, ack.seq)
    async with moving(connection):
        assert (await fact(connection, "failed", good)).failure.code == deadletters.GIVEN_UP
        assert (await fact(connection, "failed", big)).failure.stage == "ingest"
        await moved(connection)
    assert await dead_letters(connection) == 3


async def test_a_run_that_died_between_fact_and_acknowledgement_is_no_failure(settings, connection):
    analysis = new_analysis(settings)
    ack = await connection.js.publish(str(facts.subject("requested", analysis)), analysis.SerializeToString())
    await facts.publish_fact(connection.js, "ingested", analysis, source="test")
    await give_up(connection, ack.seq)
    async with moving(connection):
        await moved(connection)
    assert await count(connection, str(facts.subject("failed", analysis))) == 0
    assert await dead_letters(connection) == 0


async def test_a_run_that_died_between_failure_and_acknowledgement_is_not_repeated(
    settings, connection, objects
):
    """A second run that succeeds would take the job past its end."""
    analysis = new_analysis(settings)
    runs = []

    async def first_fails(a: Analysis, c: StageContext) -> IngestPage:
        runs.append(1)
        if len(runs) == 1:
            await facts.publish_fact(connection.js, "failed", a, source="test")
            raise Transient("ACK_LOST", "as if killed before the acknowledgement")
        return await page(a, c)

    async with running(first_fails, settings, connection, objects):
        await facts.publish_fact(connection.js, "requested", analysis, source="test")
        await fact(connection, "failed", analysis)
        await settled(connection)
    assert len(runs) == 1
    assert not await facts.is_there(connection.js, "ingested", analysis)


async def test_only_stages_are_given_up(settings, connection):
    """A consumer that somebody made to look at the stream fails no job."""
    analysis = new_analysis(settings)
    ack = await connection.js.publish(str(facts.subject("requested", analysis)), analysis.SerializeToString())
    await give_up(connection, ack.seq, consumer="somebodys-debugger")
    async with moving(connection):
        await moved(connection)
    assert await count(connection, str(facts.subject("failed", analysis))) == 0


async def test_a_connection_that_is_closed_for_good_ends_the_process(connection):
    """The client gives up for ever when the server says -ERR; only a new process connects again."""
    watching = asyncio.create_task(watch_connection(connection))
    await asyncio.sleep(0.1)
    assert not watching.done()
    await connection.client.close()
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(watching, 5)


async def test_a_bucket_that_is_not_there_is_passing(settings, objects: ObjectStore, servers: Servers):
    """Storage that has just started may not know its buckets yet; no upload is at fault."""
    ref = ObjectRef(bucket="assay-nowhere", key="a/b", size_bytes=1)
    with pytest.raises(Transient):
        await objects.get(ref)


async def test_progress_of_another_release_is_no_progress(connection):
    """Stages and gateways are not replaced in the same moment."""
    bucket = await connection.js.key_value(topology.PROGRESS_BUCKET)
    for number, entry in enumerate((b'{"stage": "ingest", "eta_s": 3}', b"[]", b"", b"7")):
        await bucket.put(f"job-{number}", entry)
        assert await Progress(bucket).last(f"job-{number}") is None
