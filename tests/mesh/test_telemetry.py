"""Trace context with and without a collector: ids are always there, spans only where somebody takes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.campaigns.collector import collector

from .conftest import repo

PROCESS = """
import json, sys
from opentelemetry import trace
from mesh import telemetry
from mesh.settings import Settings

provider = telemetry.configure("svc_color", Settings())
parent = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
with telemetry.tracer.start_as_current_span("process segmented", context=telemetry.extract(parent)):
    headers = {}
    telemetry.inject(headers)
    outer = trace.get_current_span()
    with telemetry.inner_span("compute measure", step=1):
        same = trace.get_current_span() is outer
    print(json.dumps([headers["traceparent"], same, telemetry.exemplar()]))
provider.shutdown()
"""


def told(endpoint: str) -> list:
    """What a process says of its spans."""
    done = subprocess.run(
        [sys.executable, "-c", PROCESS],
        cwd=repo(),
        env={**os.environ, "ASSAY_OTLP_ENDPOINT": endpoint},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_without_a_collector_the_trace_goes_on_and_no_span_is_made():
    header, same, exemplar = told("")
    version, trace_id, span_id, flags = header.split("-")
    assert (version, trace_id, flags) == ("00", "0af7651916cd43dd8448eb211c80319c", "00")
    assert span_id not in ("b7ad6b7169203331", "0" * 16)
    assert same
    assert exemplar is None


def test_with_a_collector_every_step_is_a_span():
    with collector() as sink:
        header, same, exemplar = told(sink.endpoint)
        spans = {span.name: span for span in sink.spans()}
    assert header.endswith("-01")
    assert not same
    assert exemplar == {"trace_id": "0af7651916cd43dd8448eb211c80319c"}
    outer, inner = spans["process segmented"], spans["compute measure"]
    assert outer.parent_id == "b7ad6b7169203331"
    assert inner.parent_id == outer.span_id
    assert inner.attributes == {"assay.step": "1"}
    assert (outer.service, header.split("-")[2]) == ("svc_color", outer.span_id)
