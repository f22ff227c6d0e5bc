"""One trace from the HTTP request to the PDF, across Envoy, the outbox and JetStream."""

from __future__ import annotations

import itertools
import secrets
import time
import uuid

from tests.campaigns.collector import Collector
from tests.campaigns.stack import SAMPLE, Stack, order

SERVICES = {"gateway", "svc_ingest", "svc_segment", "svc_color", "svc_decision", "svc_report"}


def test_one_trace_joins_every_process(stack: Stack, spans: Collector):
    api, trace_id = stack.api(), secrets.token_hex(16)
    body = order(api.upload(SAMPLE, "image/jpeg"), mode="MODE_SYNC", timeout="60s")
    parent = f"00-{trace_id}-{secrets.token_hex(8)}-01"
    job = api.call("POST", "/v1/analyze", body, idempotency_key=str(uuid.uuid4()), traceparent=parent)
    assert job["state"] == "STATE_SUCCEEDED"
    seen, deadline = set(), time.monotonic() + 20
    while not seen >= SERVICES and time.monotonic() < deadline:
        time.sleep(0.5)
        seen = {span.service for span in spans.spans(trace_id)}
    assert seen >= SERVICES, seen
    found = {span.span_id: span for span in spans.spans(trace_id)}
    edges = {
        (found[span.parent_id].service, span.service) for span in found.values() if span.parent_id in found
    }
    chain = ["gateway", "svc_ingest", "svc_segment", "svc_color", "svc_decision", "svc_report"]
    for edge in itertools.pairwise(chain):
        assert edge in edges, edges
