"""What one delivery to a stage is reported with: its span, its metrics and one canonical log line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from assay.events.v1.analysis_pb2 import Job
from nats.aio.msg import Msg
from opentelemetry import trace

from mesh import telemetry
from mesh.cpu import METER
from mesh.logs import hashed

log = structlog.get_logger()


@dataclass
class RunReport:
    """Filled in while the delivery is handled.

    code: of the error that ended the run, empty for none. Bytes are those of objects.
    """

    stage: str
    delivery: int
    queue_s: float
    job_id: str = ""
    kind: str = ""
    tenant: str = ""
    ruleset: str = ""
    code: str = ""
    outcome: str = "unsettled"
    bytes_read: int = 0
    bytes_written: int = 0

    def of(self, job: Job) -> None:
        """Says whose delivery it is, once the fact has been read."""
        self.job_id, self.kind, self.ruleset = job.job_id, job.kind, job.ruleset
        self.tenant = hashed(job.tenant_id)
        trace.get_current_span().set_attribute("assay.job_id", job.job_id)


@contextmanager
def reported(stage: str, fact: str, durable: str, message: Msg) -> Iterator[RunReport]:
    """Opens the span of a delivery; on leaving counts it and writes its line."""
    started, share = time.perf_counter(), METER.begin()
    metadata = message.metadata
    waited = (datetime.now(UTC) - metadata.timestamp).total_seconds()
    report = RunReport(stage, metadata.num_delivered or 1, max(0.0, waited))
    if report.delivery > 1:
        telemetry.STAGE_REDELIVERIES.labels(stage).inc()
    with (
        telemetry.STAGE_ACTIVE.labels(stage).track_inprogress(),
        telemetry.tracer.start_as_current_span(
            f"process {fact}",
            context=telemetry.extract(message.headers or {}),
            kind=trace.SpanKind.CONSUMER,
            attributes={
                "messaging.system": "nats",
                "messaging.operation.type": "process",
                "messaging.consumer.group.name": durable,
                "assay.stage": stage,
                "assay.delivery": report.delivery,
                "assay.queue_seconds": round(report.queue_s, 4),
            },
            record_exception=False,
        ) as span,
    ):
        try:
            yield report
        finally:
            span.set_attribute("assay.outcome", report.outcome)
            if report.code:
                span.set_attribute("error.type", report.code)
                span.set_status(trace.StatusCode.ERROR, report.code)
            _count(report, time.perf_counter() - started, METER.end(share))


def _count(report: RunReport, seconds: float, cpu_s: float) -> None:
    example = telemetry.exemplar()
    telemetry.STAGE_SECONDS.labels(report.stage, report.outcome).observe(seconds, example)
    if report.delivery == 1:
        telemetry.STAGE_QUEUE.labels(report.stage).observe(report.queue_s, example)
    telemetry.STAGE_CPU.labels(report.stage).inc(cpu_s)
    log.info(
        "stage_run",
        stage=report.stage,
        outcome=report.outcome,
        code=report.code,
        job_id=report.job_id,
        kind=report.kind,
        tenant=report.tenant,
        ruleset=report.ruleset,
        delivery=report.delivery,
        seconds=round(seconds, 4),
        queue_seconds=round(report.queue_s, 4),
        cpu_seconds=round(cpu_s, 4),
        bytes_read=report.bytes_read,
        bytes_written=report.bytes_written,
    )
