"""The soak's verdict on records: what was cut off, restarted, late, failed or grew."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from bench.load.drive import Journey, freshness, journeys
from bench.soak import Plan, Sample, judge, samples, table
from bench.stack_usage import Use

PLAN = Plan(seconds=3600, warm_up_s=600, share=0.7, rate=0.7, capacity=1.0)
CLIP_S = 15.0


def use(rss: float = 100.0, files: int = 20, pid: int = 1) -> Use:
    return Use(1.0, rss, rss / 2, rss / 2, files, 5, 8, (pid,))


def hour(sitting: int = 0, begin: float = 0.0, grow: float = 0.0) -> list[Sample]:
    """A sample every 10 s of an hour; memory doubles in the warm-up, then grows by a share of it."""
    made = []
    for at in range(0, 3610, 10):
        rss = 50 + at / 12 if at < 600 else 100 * (1 + grow * (at - 600) / 3000)
        made.append(Sample(begin + at, sitting, {"gateway": use(rss, pid=sitting + 1), "envoy": use()}))
    return made


def journey(at: float = 0.0, job_s: float | None = 3.0, error: str = "", kind: str = "tattoo") -> Journey:
    return Journey(at, "tattoo, gRPC", 3.5, kind, job_s, error)


def test_a_quiet_hour_passes() -> None:
    report = judge(PLAN, hour(), [journey(), journey(kind="balance", job_s=20.0)], CLIP_S)
    assert report.passed
    assert report.fresh == {"tattoo": (1, 1), "balance": (1, 1)}
    assert "soak passes" in table(report)


def test_growth_after_the_warm_up_fails_and_is_named() -> None:
    report = judge(PLAN, hour(grow=0.03), [journey()], CLIP_S)
    assert not report.passed
    assert {(t.process, t.quantity) for t in report.trends if t.leaks} == {
        ("gateway", "rss_mib"),
        ("gateway", "uss_mib"),
    }
    assert "**leaks**" in table(report)


def test_an_error_a_late_kind_and_a_restart_fail() -> None:
    assert not judge(PLAN, hour(), [journey(), journey(job_s=None, error="HTTP 503")], CLIP_S).passed
    assert not judge(PLAN, hour(), [journey(), journey(job_s=31.0)], CLIP_S).passed
    assert not judge(PLAN, hour(), [journey(kind="balance", job_s=31.0)], CLIP_S).passed
    seen = hour()
    seen[200].use["gateway"] = use(pid=99)
    report = judge(PLAN, seen, [journey()], CLIP_S)
    assert report.restarted == ["gateway"]
    assert not report.passed


def test_no_journey_at_all_does_not_pass() -> None:
    assert not judge(PLAN, hour(), [], CLIP_S).passed


def test_a_soak_that_went_on_is_judged_by_its_longest_sitting() -> None:
    cut_off = hour()[:100]
    report = judge(PLAN, [*cut_off, *hour(sitting=1, begin=5000)], [journey()], CLIP_S)
    assert report.passed
    assert (report.sittings, report.sitting_s) == (2, 3600)
    with pytest.raises(ValueError, match="before its warm-up"):
        judge(PLAN, hour()[:30], [journey()], CLIP_S)


def test_records_survive_being_cut_off(tmp_path: Path) -> None:
    lines = [json.dumps(dataclasses.asdict(each)) for each in hour()[:3]]
    (tmp_path / "samples.jsonl").write_text("\n".join(lines)[:-40])
    assert samples(tmp_path) == hour()[:2]
    lines = [json.dumps(dataclasses.asdict(journey(at))) for at in (1.0, 2.0)]
    (tmp_path / "journeys.jsonl").write_text("\n".join(lines)[:-5])
    assert journeys(tmp_path / "journeys.jsonl") == [journey(1.0)]
    assert journeys(tmp_path / "missing.jsonl") == []


def test_freshness_counts_analyses_of_the_kind_that_ended() -> None:
    done = [journey(job_s=29.9), journey(job_s=30.0), journey(job_s=None), journey(kind="balance")]
    assert freshness(done, "tattoo", CLIP_S) == (1, 2)
