"""The proof of telemetry: a job of each kind through a stack, the matrix, and one trace as a picture.

python -m tests.campaigns.telemetry

Writes docs/proofs/trace.svg and prints the matrix; ends with 1 when a cell is not green or the trace is
broken. The phone has a span of its own, so that nothing of the trace lies outside of it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import inject
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from cli import trace_picture, trace_tree
from dev.otlp import Sink, Span, sink
from mesh.signal_events import LINES, SPANS
from mesh.signals import METRICS
from tests.campaigns import matrix
from tests.campaigns.stack import REPO, SAMPLE, VIDEO, Stack, balance_order, order, running_stack

PICTURE = REPO / "docs" / "proofs" / "trace.svg"
PDF = "s3 put report.pdf"
WITHIN_S = 300.0
COURSE = ("phone", "envoy", "gateway", "svc_ingest", "svc_segment", "svc_color", "svc_decision", "svc_report")


def main() -> None:
    with sink() as collected, tempfile.TemporaryDirectory() as folder:
        os.environ["ASSAY_OTLP_ENDPOINT"] = collected.endpoint
        with running_stack(Path(folder) / "stack") as stack:
            trace_id = tattoo(stack, collected)
            balance(stack)
            cells = matrix.settled(stack, lambda: ours(collected))
            spans = trace_tree.of_trace(collected.spans(), trace_id)
    sys.exit(0 if all([told(cells), drawn(spans)]) else 1)


def tattoo(stack: Stack, collected: Sink) -> str:
    """A photo from a phone that traces too; answers the trace id."""
    provider = TracerProvider(resource=Resource.create({"service.name": "phone"}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(collected.endpoint, insecure=True)))
    api = stack.api()
    upload = api.upload(SAMPLE, "image/jpeg")
    with provider.get_tracer("phone").start_as_current_span("POST /v1/analyze") as span:
        headers: dict[str, str] = {}
        inject(headers)
        job = api.call("POST", "/v1/analyze", order(upload, mode="MODE_SYNC", timeout="60s"), **headers)
    assert job["state"] == "STATE_SUCCEEDED", job.get("error")
    provider.shutdown()
    return f"{span.get_span_context().trace_id:032x}"


def ours(collected: Sink) -> list[Span]:
    """The spans of the mesh: the phone is its caller."""
    return [span for span in collected.spans() if span.service != "phone"]


def balance(stack: Stack) -> None:
    """The sample video, in a single pass."""
    api = stack.api()
    upload = api.upload(VIDEO, "video/mp4", "video")
    job = api.analyze(balance_order(upload, pose_mode="POSE_MODE_SINGLE_PASS"))
    for _ in api.await_end(job["job_id"], WITHIN_S):
        pass
    ended = api.job(job["job_id"])
    assert ended["state"] == "STATE_SUCCEEDED", ended.get("error")


def told(cells: Sequence[matrix.Cell]) -> bool:
    """Prints the matrix by process; answers whether it is green."""
    print(f"{len(METRICS)} metrics, {len(SPANS)} kinds of span, {len(LINES)} canonical log lines")
    print(f"{'process':22}{'signals':>8}{'green':>7}")
    green = Counter(cell.process for cell in cells if cell.found)
    for process, count in sorted(Counter(cell.process for cell in cells).items()):
        print(f"{process:22}{count:8}{green[process]:7}")
    wrong = [cell for cell in cells if not cell.found]
    for cell in wrong:
        print(f"NOT GREEN: {cell.process}: {cell.signal} {cell.why}")
    print(f"{'all':22}{len(cells):8}{sum(green.values()):7}")
    return not wrong


def drawn(spans: Sequence[Span]) -> bool:
    """Draws the trace; answers whether one chain leads from the phone to the PDF."""
    PICTURE.write_text(trace_picture.svg(spans), encoding="utf-8")
    roots = trace_tree.roots(spans)
    print(f"\ntrace {spans[0].trace_id}: {len(spans)} spans, {len(roots)} root, {PICTURE.relative_to(REPO)}")
    pdf = next((span for span in spans if span.name == PDF), None)
    if pdf is None:
        print("NOT THERE: the span that writes the PDF")
        return False
    chain = trace_tree.chain(spans, pdf)
    for span in chain:
        at = (span.start_ns - chain[0].start_ns) / 1e6
        print(f"{at:9.0f} ms  {span.service}: {span.name}")
    services = tuple(dict.fromkeys(span.service for span in chain))
    if len(roots) != 1 or services != COURSE:
        print(f"BROKEN: {len(roots)} roots, through {', '.join(services)}")
        return False
    return True


if __name__ == "__main__":
    began = time.monotonic()
    try:
        main()
    finally:
        print(f"{time.monotonic() - began:.0f} s")
