"""One trace from the HTTP request to the PDF, across Envoy, the outbox and JetStream."""

from __future__ import annotations

import secrets
import time
import uuid

from cli import trace_tree
from tests.campaigns.collector import Collector, Span
from tests.campaigns.stack import SAMPLE, Stack, order

COURSE = ["envoy", "gateway", "svc_ingest", "svc_segment", "svc_color", "svc_decision", "svc_report"]
PDF = "s3 put report.pdf"


def test_one_trace_joins_every_process(stack: Stack, spans: Collector):
    api, trace_id = stack.api(), secrets.token_hex(16)
    body = order(api.upload(SAMPLE, "image/jpeg"), mode="MODE_SYNC", timeout="60s")
    phone = secrets.token_hex(8)
    parent = f"00-{trace_id}-{phone}-01"
    job = api.call("POST", "/v1/analyze", body, idempotency_key=str(uuid.uuid4()), traceparent=parent)
    assert job["state"] == "STATE_SUCCEEDED"
    found = whole(spans, trace_id)
    (root,) = trace_tree.roots(found)
    assert (root.service, root.parent_id) == ("envoy", phone)
    chain = trace_tree.chain(found, next(span for span in found if span.name == PDF))
    assert list(dict.fromkeys(span.service for span in chain)) == COURSE
    assert {span.attributes.get("assay.job_id", job["job_id"]) for span in found} == {job["job_id"]}


def whole(spans: Collector, trace_id: str, within_s: float = 30) -> list[Span]:
    """The trace once nothing of it is on its way any more: exporters send every five seconds."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        found = spans.spans(trace_id)
        # Envoy's span comes last: until then, the gateway's is the one without a parent.
        roots = [span.service for span in trace_tree.roots(found)]
        if roots == ["envoy"] and any(span.name == PDF for span in found):
            return found
        time.sleep(0.5)
    raise AssertionError([(span.service, span.name) for span in trace_tree.roots(spans.spans(trace_id))])
