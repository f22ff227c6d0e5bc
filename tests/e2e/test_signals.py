"""The signal matrix against a running stack: metrics, spans and log lines of every process."""

from __future__ import annotations

import re
import time

import pytest
from prometheus_client.openmetrics import parser

from mesh.logs import hashed
from tests.campaigns import matrix
from tests.campaigns.collector import Collector
from tests.campaigns.stack import SAMPLE, Stack, order

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def worked(stack: Stack, finished: dict, watched: tuple) -> Stack:
    """The stack once it has done a job of each kind.

    And one more for the gateway: tests before these may have killed it, and counters begin anew then.
    """
    api = stack.api()
    job = api.analyze(order(api.upload(SAMPLE, "image/jpeg"), mode="MODE_SYNC", timeout="60s"))
    assert job["state"] == "STATE_SUCCEEDED", job["error"]
    return stack


def test_every_process_emits_what_the_matrix_says_and_nothing_else(worked: Stack, spans: Collector):
    cells = matrix.settled(worked, spans.spans)
    assert len(cells) > 250
    assert [cell for cell in cells if not cell.found] == []


def test_jobs_and_their_cost_are_counted(worked: Stack, finished: dict):
    gateway = matrix.scrape(worked, "gateway")
    assert count(gateway, "assay_jobs_finished_total", kind="tattoo", state="succeeded", fault="none") >= 1
    in_time = [
        count(gateway, "assay_jobs_fresh_total", kind="tattoo", fresh=each) for each in ("true", "false")
    ]
    assert sum(in_time) >= 1
    assert count(gateway, "assay_sync_duration_seconds_count", kind="tattoo", outcome="succeeded") >= 1
    ingest = matrix.scrape(worked, "ingest")
    # The decoder is a process of its own: what it used must be in the stage's account.
    assert count(ingest, "assay_stage_cpu_seconds_total", stage="ingest") > 0.1
    put = count(ingest, "assay_object_bytes_total", operation="put", bucket="assay-artifacts")
    assert put >= sum(a["size_bytes"] for a in map(sized, finished["artifacts"]) if a["of_ingest"])


def test_exemplars_lead_to_traces(worked: Stack, spans: Collector):
    text = matrix.scrape(worked, "gateway", matrix.OPENMETRICS)
    assert "_created" not in text
    samples = [
        sample
        for family in parser.text_string_to_metric_families(text)
        for sample in family.samples
        if family.name == "assay_job_duration_seconds" and sample.exemplar
    ]
    assert samples
    # A job that failed, of the tests before this one, never came to its report.
    assert "succeeded" in {sample.labels["state"] for sample in samples}
    for sample in samples:
        last = {"svc_report"} if sample.labels["state"] == "succeeded" else set()
        assert reached(spans, sample.exemplar.labels["trace_id"], {"envoy", "gateway"} | last)


def reached(spans: Collector, trace_id: str, services: set[str], within_s: float = 30) -> bool:
    """Whether every one of the services has a span in the trace; exporters send every five seconds."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if services <= {span.service for span in spans.spans(trace_id)}:
            return True
        time.sleep(0.5)
    return False


def test_no_line_names_anybody(worked: Stack, finished: dict):
    client = worked.client("assay-cli")
    tenant = finished["result"]["job"]["tenant_id"]
    subject = finished["subject_id"]
    for path in (worked.folder / "logs").glob("*.log"):
        if path.stem in (*matrix.NAMES, "envoy"):
            text = path.read_text(errors="replace")
            assert tenant not in text, path.name
            assert client.client_secret not in text, path.name
            assert not subject or subject not in text, path.name
    gateway = (worked.folder / "logs" / "gateway.log").read_text()
    assert f'"tenant": "{hashed(tenant)}"' in gateway


def sized(artifact: dict) -> dict:
    return {**artifact, "size_bytes": int(artifact["size_bytes"]), "of_ingest": "working" in artifact["name"]}


def count(text: str, name: str, **labels: str) -> float:
    """The value of one sample; 0 when it is not there."""
    for line in text.splitlines():
        found = re.fullmatch(rf"{name}\{{(.*)\}} (\S+)", line)
        if found and dict(re.findall(r'(\w+)="([^"]*)"', found[1])) == labels:
            return float(found[2])
    return 0.0
