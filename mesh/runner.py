"""The stage runner: takes facts from a durable pull consumer, runs the handler, publishes one fact.

At least once in, exactly one fact out. The order is: look at the control bucket, run,
look again, publish create-once, then acknowledge with confirmation; a crash anywhere in
between repeats work that is harmless to repeat. Heartbeats keep a long run from being
delivered elsewhere. Passing errors come back by `nak(delay)` with full jitter; never by a
bare nak (it redelivers at once) and never by BackOff (it distorts the delay). What the
input is at fault for becomes a `failed` fact; what we give up on becomes a dead letter too.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import nats.errors
import structlog
from assay.common.v1.types_pb2 import ObjectRef
from assay.events.v1.analysis_pb2 import Analysis, Failure, StageRun
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import APIError
from structlog.typing import FilteringBoundLogger

from mesh import crashes, deadletters, facts, telemetry, tenancy
from mesh.control import Control
from mesh.errors import AssayError, DeadlineExceeded, Internal, ResourceExhausted, Transient, as_assay_error
from mesh.jetstream import JetStream
from mesh.objects import ObjectStore
from mesh.progress import Progress
from mesh.run_report import RunReport, reported
from mesh.settings import Settings
from mesh.stage import Outcome, Stage
from mesh.topology import CONTROL_BUCKET, PROGRESS_BUCKET, edge_of

T = TypeVar("T")

FETCH_TIMEOUT_S = 5.0
ACK_TIMEOUT_S = 5.0
LAST_ANSWER_S = 0.25
RECOVER_S = 1.0
OUT_OF_TIME = "DEADLINE"

PASSING = (nats.errors.Error, APIError, OSError, TimeoutError)


@dataclass
class Context:
    """The mesh's StageContext: S3, JetStream, an executor."""

    stage: str
    analysis: Analysis
    deadline: datetime
    log: FilteringBoundLogger
    objects: ObjectStore
    told: Progress
    executor: Executor | None
    report: RunReport

    async def get(self, ref: ObjectRef) -> bytes:
        tenancy.check(ref, self.analysis.job.tenant_id, self.objects.settings.buckets)
        data = await self.objects.get(ref)
        self.report.bytes_read += len(data)
        return data

    async def put(self, name: str, data: bytes, media_type: str) -> ObjectRef:
        ref = await self.objects.put(self._prefix, name, data, media_type)
        self.report.bytes_written += len(data)
        return ref

    async def download(self, ref: ObjectRef, path: Path) -> None:
        tenancy.check(ref, self.analysis.job.tenant_id, self.objects.settings.buckets)
        await self.objects.download(ref, path)
        self.report.bytes_read += ref.size_bytes

    async def upload(self, name: str, path: Path, media_type: str) -> ObjectRef:
        ref = await self.objects.upload(self._prefix, name, path, media_type)
        self.report.bytes_written += ref.size_bytes
        return ref

    @property
    def _prefix(self) -> str:
        job = self.analysis.job
        return f"{job.tenant_id}/{job.job_id}/{self.stage}"

    async def progress(self, percent: float, message: str) -> None:
        await self.told.tell(self.analysis.job, self.stage, percent, message)

    async def compute(self, function: Callable[..., T], *args: Any) -> T:
        with telemetry.inner_span(f"compute {getattr(function, '__name__', 'step')}"):
            return await asyncio.get_running_loop().run_in_executor(self.executor, function, *args)


@dataclass(frozen=True)
class Verdict:
    """How a delivery ended, and what its message is told."""

    outcome: str
    settle: Callable[[], Awaitable[Any]]


class Runner:
    """Runs one stage in one process."""

    def __init__(
        self,
        stage: Stage,
        settings: Settings,
        connection: JetStream,
        objects: ObjectStore,
        executor: Executor | None = None,
    ) -> None:
        self.stage = stage
        self._settings = settings
        self._connection = connection
        self._js: JetStreamContext = connection.js
        self._objects = objects
        self._executor = executor
        self._stopping = asyncio.Event()
        self._slots = asyncio.Semaphore(settings.stage_concurrency)
        self._running: set[asyncio.Task[None]] = set()
        self._edge = edge_of(stage.name, stage.consumes)
        self._after_the_end = stage.consumes in facts.TERMINAL_FACTS
        self._log: FilteringBoundLogger = structlog.get_logger().bind(stage=stage.name)

    def stop(self) -> None:
        """Stops fetching; running work goes on."""
        self._stopping.set()

    async def run(self) -> None:
        """Fetches until stopped, then waits for what runs, at most the drain time."""
        while not self._stopping.is_set():
            try:
                await self._consume()
            except PASSING as error:
                self._log.warning("consumer_lost", error=str(error), kind=type(error).__name__)
                await _sleep_unless(self._stopping, RECOVER_S)
        if self._running:
            await asyncio.wait(self._running, timeout=self._settings.drain_s)
        for task in self._running:
            task.cancel()

    async def _consume(self) -> None:
        progress = Progress(await self._js.key_value(PROGRESS_BUCKET))
        control = Control(await self._js.key_value(CONTROL_BUCKET))
        subscription = await self._js.pull_subscribe_bind(self._edge.durable, facts.STREAM)
        try:
            while not self._stopping.is_set():
                await self._slots.acquire()
                # Most of the time goes by in the line above: what is asked for now would only be lost.
                message = None if self._stopping.is_set() else await self._fetch_one(subscription)
                if message is None:
                    self._slots.release()
                    continue
                task = asyncio.create_task(self._deliver(message, progress, control))
                self._running.add(task)
                task.add_done_callback(self._done)
        finally:
            with contextlib.suppress(nats.errors.Error):
                await subscription.unsubscribe()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._slots.release()

    async def _fetch_one(self, subscription: JetStreamContext.PullSubscription) -> Msg | None:
        """Fetches one fact; None when there is none for a while or we are stopping.

        A fetch is raced with the stop signal. Where facts wait, the answer is on its way already, so
        it gets LAST_ANSWER_S more: left behind, its fact would be handed out again only after the
        acknowledgement wait. While NATS is away nothing is asked for: the client would buffer the
        pulls, and the server answer them all at once, with more facts than there are slots.
        """
        if not self._connection.connected:
            await _sleep_unless(self._stopping, RECOVER_S)
            return None
        fetch = asyncio.create_task(subscription.fetch(1, timeout=FETCH_TIMEOUT_S))
        stop = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({fetch, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not fetch.done():
                await asyncio.wait({fetch}, timeout=LAST_ANSWER_S)
            if not fetch.done():
                return None
            return fetch.result()[0]
        except TimeoutError:
            # nats-py raises its own subclass or the plain one.
            return None
        except BaseException:
            self._slots.release()
            raise
        finally:
            stop.cancel()
            fetch.cancel()

    async def _deliver(self, message: Msg, progress: Progress, control: Control) -> None:
        """One delivery, from decoding to acknowledgement. Never raises."""
        with reported(self.stage.name, self.stage.consumes, self._edge.durable, message) as report:
            try:
                report.outcome = await self._settled(message, report, progress, control)
            except PASSING as error:
                # Nothing was acknowledged, so the fact comes again after the wait.
                self._log.warning("delivery_unsettled", error=str(error), kind=type(error).__name__)

    async def _settled(self, message: Msg, report: RunReport, progress: Progress, control: Control) -> str:
        heartbeat = asyncio.create_task(self._heartbeat(message))
        try:
            verdict = await self._judge(message, report, progress, control)
        finally:
            heartbeat.cancel()
        await verdict.settle()
        return verdict.outcome

    async def _heartbeat(self, message: Msg) -> None:
        while True:
            await asyncio.sleep(self._settings.ack_wait_s / 3)
            with contextlib.suppress(nats.errors.Error):
                await message.in_progress()

    async def _judge(self, message: Msg, report: RunReport, progress: Progress, control: Control) -> Verdict:
        def acknowledge() -> Awaitable[Any]:
            return message.ack_sync(timeout=ACK_TIMEOUT_S)

        try:
            _, analysis = facts.read(message.subject, message.data)
        except Internal as error:
            report.code = "FACT_UNREADABLE"
            await deadletters.bury(self._js, message, self.stage.name, report.code, str(error))
            return Verdict("dead", lambda: _terminate(message, "unreadable"))
        structlog.contextvars.bind_contextvars(job_id=analysis.job.job_id)
        report.of(analysis.job)
        if await control.word(analysis.job.job_id):
            return Verdict("withdrawn", acknowledge)
        # A run before this one may have got as far as publishing.
        if report.delivery > 1 and await facts.is_past(self._js, self.stage.consumes, analysis):
            return Verdict("repeated", acknowledge)
        try:
            outcome, run = await self._work(analysis, report, progress)
            if await control.word(analysis.job.job_id):
                return Verdict("withdrawn", acknowledge)
            await self._publish(analysis, outcome, run)
        except Exception as error:
            if await control.word(analysis.job.job_id):
                return Verdict("withdrawn", acknowledge)
            return await self._after(error, message, analysis, report, acknowledge)
        return Verdict("done", acknowledge)

    async def _work(
        self, analysis: Analysis, report: RunReport, progress: Progress
    ) -> tuple[Outcome, StageRun]:
        """Runs the handler within the job's time; raises DeadlineExceeded (DEADLINE) and what it raises."""
        deadline = self._deadline(analysis)
        left = (deadline - datetime.now(UTC)).total_seconds()
        if left <= 0:
            raise DeadlineExceeded(OUT_OF_TIME, "The job's time ran out before this stage began.")
        context = Context(
            stage=self.stage.name,
            analysis=analysis,
            deadline=deadline,
            log=self._log.bind(job_id=analysis.job.job_id),
            objects=self._objects,
            told=progress,
            executor=self._executor,
            report=report,
        )
        started = datetime.now(UTC)
        try:
            async with asyncio.timeout(left) as limit:
                outcome = self.stage.outcome(await self.stage.handle(analysis, context))
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise DeadlineExceeded(OUT_OF_TIME, "The job's time ran out in this stage.") from error
        run = StageRun(stage=self.stage.name, delivery=report.delivery, code_version=self._settings.version)
        run.started_at.FromDatetime(started)
        run.finished_at.FromDatetime(datetime.now(UTC))
        return outcome, run

    def _deadline(self, analysis: Analysis) -> datetime:
        """The job's; what follows the end has as long again, from now."""
        if self._after_the_end:
            return datetime.now(UTC) + timedelta(seconds=self._settings.job_deadline_s)
        return analysis.job.deadline.ToDatetime(tzinfo=UTC)

    async def _publish(self, analysis: Analysis, outcome: Outcome, run: StageRun) -> None:
        """Publishes the next fact; raises Transient when the stream does not take it now."""
        fact = Analysis()
        fact.CopyFrom(analysis)
        for page, content in outcome.pages.items():
            getattr(fact, page).CopyFrom(content)
        fact.runs.append(run)
        try:
            await self._tell(outcome.publishes, fact)
        except PASSING as error:
            # Away, restarting or full: not a crash of ours, so it may take as long as the job has.
            raise Transient("STREAM_UNAVAILABLE", "The stream takes no facts.") from error

    async def _tell(self, name: str, fact: Analysis) -> None:
        published = await facts.publish_fact(self._js, name, fact, source=f"svc_{self.stage.name}")
        counter = telemetry.FACTS_PUBLISHED if published.created else telemetry.FACTS_REPEATED
        counter.labels(name).inc()

    async def _after(
        self,
        error: Exception,
        message: Msg,
        analysis: Analysis,
        report: RunReport,
        acknowledge: Callable[[], Awaitable[Any]],
    ) -> Verdict:
        """Decides what an error of the handler means for the fact."""
        ours, delivery = as_assay_error(error), report.delivery
        report.code = ours.code
        if not isinstance(error, AssayError):
            self._log.error("stage_crashed", exc_info=error, delivery=delivery)
            crashes.report(error, stage=self.stage.name)
        if ours.permanent or ours.code == OUT_OF_TIME:
            await self._fail(analysis, ours)
            return Verdict("failed", acknowledge)
        # What we depend on may be away for minutes; our own crashes will not mend by waiting.
        passing = isinstance(ours, Transient | ResourceExhausted)
        if delivery < (self._settings.max_deliver if passing else self._settings.max_attempts):
            delay = self._delay(delivery)
            self._log.warning("stage_retry", code=ours.code, delivery=delivery, delay_s=round(delay, 2))
            return Verdict("retried", lambda: message.nak(delay=delay))
        await deadletters.bury(self._js, message, self.stage.name, ours.code, ours.message)
        await self._fail(analysis, ours)
        return Verdict("dead", lambda: _terminate(message, ours.code))

    async def _fail(self, analysis: Analysis, error: AssayError) -> None:
        if self._after_the_end:
            # The job has its result; what follows it can only be missing.
            self._log.error("given_up_after_the_end", code=error.code, reason=error.message)
            return
        await self._tell("failed", failed(analysis, self.stage.name, error))

    def _delay(self, delivery: int) -> float:
        """Full jitter over an exponential ceiling; never so short that it is a hot loop."""
        ceiling = min(self._settings.retry_cap_s, self._settings.retry_base_s * 2 ** (delivery - 1))
        return random.uniform(ceiling / 4, ceiling)  # noqa: S311 (jitter, not a secret)


def failed(analysis: Analysis, stage: str, error: AssayError) -> Analysis:
    """Returns the document of a `failed` fact."""
    failure = Failure(
        stage=stage,
        code=error.code,
        message=error.message,
        field=error.field,
        fix=error.fix,
        permanent=error.permanent,
    )
    return facts.with_failure(analysis, failure)


async def _terminate(message: Msg, reason: str) -> None:
    """Ends redelivery with a reason, which `term()` of the client cannot carry."""
    await message._client.publish(message.reply, b"+TERM " + reason.encode())
    await message._client.flush(timeout=2)


async def _sleep_unless(stopping: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopping.wait()
