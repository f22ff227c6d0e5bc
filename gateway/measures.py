"""What the gateway counts of jobs: accepted, ended, how long they took, whether that was in time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from time import perf_counter

from assay.events.v1.analysis_pb2 import Analysis, Job
from opentelemetry import context as otel_context

from mesh import telemetry
from mesh.signals import counter, gauge, histogram

REQUESTED = counter("assay_jobs_requested_total")
FINISHED = counter("assay_jobs_finished_total")
JOB_SECONDS = histogram("assay_job_duration_seconds")
FRESH = counter("assay_jobs_fresh_total")
SYNC_SECONDS = histogram("assay_sync_duration_seconds")
PROJECTION_DELAY = histogram("assay_projection_delay_seconds")
WAITERS = gauge("assay_waiters")
RULESET = gauge("assay_ruleset_info")

TATTOO_S = 30.0
"""A job without a clip is in time below this (docs/slo.md)."""
CLIPS = 2.0
"""A balance job is in time below so many times its clip."""

KINDS = ("tattoo", "balance")
ENDS = (("succeeded", "none"), ("failed", "input"), ("failed", "ours"), ("cancelled", "none"))
STATES = ("queued", "running", "succeeded", "failed", "cancelled")


_left_out: set[str] = set()


def leave_out(tenant_id: str) -> None:
    """From now on counts no job of this tenant, if one is named: the canary is no caller."""
    if tenant_id:
        _left_out.add(tenant_id)


def begin_at_zero() -> None:
    """Shows every series before its first event: for PromQL, what a series is born with is no increase."""
    for kind in KINDS:
        REQUESTED.labels(kind)
        for state, whose in ENDS:
            FINISHED.labels(kind, state, whose)
            JOB_SECONDS.labels(kind, state)
        for fresh in ("true", "false"):
            FRESH.labels(kind, fresh)
        for state in STATES:
            SYNC_SECONDS.labels(kind, state)


def seen(stored_at: datetime) -> None:
    """Counts how long a fact was on its way into the ledger."""
    PROJECTION_DELAY.observe(max(0.0, (datetime.now(UTC) - stored_at).total_seconds()))


def requested(job: Job) -> None:
    """Counts a job that the ledger took."""
    if job.tenant_id not in _left_out:
        REQUESTED.labels(job.kind).inc()


def ended(document: Analysis, state: str, at: datetime, headers: Mapping[str, str]) -> None:
    """Counts a job that has ended, once; `headers` are those of the fact that ended it."""
    job = document.job
    if job.tenant_id in _left_out:
        return
    seconds = max(0.0, (at - job.created_at.ToDatetime(UTC)).total_seconds())
    FINISHED.labels(job.kind, state, fault(document, state)).inc()
    token = otel_context.attach(telemetry.extract(headers))
    try:
        JOB_SECONDS.labels(job.kind, state).observe(seconds, telemetry.exemplar())
    finally:
        otel_context.detach(token)
    if state != "cancelled":
        FRESH.labels(job.kind, "true" if seconds < in_time_s(document) else "false").inc()


def fault(document: Analysis, state: str) -> str:
    """Whose fault an end is: "none", "input" for what was sent, "ours"."""
    if state != "failed":
        return "none"
    return "input" if document.failure.permanent else "ours"


def in_time_s(document: Analysis) -> float:
    """Below how many seconds a job is in time."""
    clip = document.ingest.video.duration_s if document.job.kind == "balance" else 0.0
    return CLIPS * clip if clip > 0 else TATTOO_S


def answered(tenant_id: str, kind: str, state: str, began: float) -> None:
    """Counts a MODE_SYNC request; `began` is its perf_counter."""
    if tenant_id in _left_out:
        return
    SYNC_SECONDS.labels(kind, state).observe(perf_counter() - began, telemetry.exemplar())


def active_rulesets(active: Mapping[str, str]) -> None:
    """Shows the active ruleset, name@version, of each kind."""
    RULESET.clear()
    for kind, ruleset in active.items():
        RULESET.labels(kind, ruleset.partition("@")[2]).set(1)
