"""What the gateway counts of a job: its end, whose fault it was, and whether it was in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from assay.events.v1.analysis_pb2 import Analysis
from prometheus_client import REGISTRY

from gateway import measures
from gateway.rulesets import Release, Standing, Turn, all_active

BEGAN = datetime(2026, 11, 22, 12, tzinfo=UTC)


def document(kind: str, clip_s: float = 0.0, permanent: bool | None = None) -> Analysis:
    """A job that began at BEGAN; with a clip, and with a failure."""
    made = Analysis()
    made.job.kind = kind
    made.job.created_at.FromDatetime(BEGAN)
    if clip_s:
        made.ingest.video.duration_s = clip_s
    if permanent is not None:
        made.failure.permanent = permanent
    return made


@pytest.mark.parametrize(
    ("made", "limit_s"),
    [
        (document("tattoo"), 30.0),
        (document("balance", 12.0), 24.0),
        (document("balance", 40.0), 80.0),
        # Landmarks have no clip, and neither has a video that was refused.
        (document("balance"), 30.0),
    ],
)
def test_in_time_is_thirty_seconds_or_twice_the_clip(made: Analysis, limit_s: float):
    assert measures.in_time_s(made) == limit_s


@pytest.mark.parametrize(
    ("made", "state", "fault"),
    [
        (document("tattoo"), "succeeded", "none"),
        (document("tattoo"), "cancelled", "none"),
        (document("tattoo", permanent=True), "failed", "input"),
        (document("tattoo", permanent=False), "failed", "ours"),
    ],
)
def test_a_failure_is_the_inputs_or_ours(made: Analysis, state: str, fault: str):
    assert measures.fault(made, state) == fault


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_the_end_of_a_job_is_counted_once_with_its_time():
    before = value("assay_jobs_fresh_total", kind="balance", fresh="false")
    for seconds in (23.9, 24.0):
        measures.ended(document("balance", 12.0), "succeeded", BEGAN + timedelta(seconds=seconds), {})
    assert value("assay_jobs_fresh_total", kind="balance", fresh="false") == before + 1
    assert value("assay_jobs_finished_total", kind="balance", state="succeeded", fault="none") >= 2
    assert value("assay_job_duration_seconds_bucket", kind="balance", state="succeeded", le="30.0") >= 2


def test_what_its_caller_withdrew_is_neither_late_nor_in_time():
    before = [value("assay_jobs_fresh_total", kind="tattoo", fresh=fresh) for fresh in ("true", "false")]
    measures.ended(document("tattoo"), "cancelled", BEGAN + timedelta(seconds=90), {})
    assert [value("assay_jobs_fresh_total", kind="tattoo", fresh=f) for f in ("true", "false")] == before


def test_jobs_of_the_canarys_tenant_are_nobodys(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(measures, "_left_out", set())
    measures.leave_out("")
    measures.leave_out("canary")
    for tenant, counted in (("canary", 0), ("", 1), ("somebody", 1)):
        made = document("tattoo")
        made.job.tenant_id = tenant
        before = [
            value("assay_jobs_requested_total", kind="tattoo"),
            value("assay_jobs_fresh_total", kind="tattoo", fresh="true"),
            value("assay_sync_duration_seconds_count", kind="tattoo", outcome="succeeded"),
        ]
        measures.requested(made.job)
        measures.ended(made, "succeeded", BEGAN + timedelta(seconds=1), {})
        measures.answered(tenant, "tattoo", "succeeded", 0.0)
        after = [
            value("assay_jobs_requested_total", kind="tattoo"),
            value("assay_jobs_fresh_total", kind="tattoo", fresh="true"),
            value("assay_sync_duration_seconds_count", kind="tattoo", outcome="succeeded"),
        ]
        assert [b - a for a, b in zip(before, after, strict=True)] == [counted] * 3


def test_every_series_begins_at_zero_before_its_first_event():
    measures.begin_at_zero()
    for kind in ("tattoo", "balance"):
        assert (
            REGISTRY.get_sample_value("assay_jobs_fresh_total", {"kind": kind, "fresh": "false"}) is not None
        )
        ours = {"kind": kind, "state": "failed", "fault": "ours"}
        assert REGISTRY.get_sample_value("assay_jobs_finished_total", ours) is not None


def test_one_version_of_each_kind_is_active():
    releases = {
        name: Release(name, "0" * 64, "2026-01-01", "unapproved")
        for name in ("tattoo@1.0.0", "tattoo@1.1.0", "balance@1.0.0")
    }
    turned = Standing(active={"tattoo": Turn("tattoo@1.0.0", "op", "2026-11-22")})
    measures.active_rulesets(all_active(releases, Standing()))
    assert value("assay_ruleset_info", kind="tattoo", version="1.1.0") == 1
    measures.active_rulesets(all_active(releases, turned))
    assert value("assay_ruleset_info", kind="tattoo", version="1.0.0") == 1
    assert value("assay_ruleset_info", kind="tattoo", version="1.1.0") == 0
    assert value("assay_ruleset_info", kind="balance", version="1.0.0") == 1
