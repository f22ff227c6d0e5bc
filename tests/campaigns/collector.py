"""An OTLP collector that keeps spans in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as messages
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as services


@dataclass(frozen=True)
class Span:
    """What the tests look at: service, name, trace, own and parent id (hex)."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str


@dataclass
class Collector(services.TraceServiceServicer):
    """Collects spans of every process that exports to `endpoint`."""

    endpoint: str = ""
    _spans: list[Span] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def Export(self, request, context):
        with self._lock:
            for resource in request.resource_spans:
                attributes = {a.key: a.value.string_value for a in resource.resource.attributes}
                for scope in resource.scope_spans:
                    self._spans.extend(_span(attributes["service.name"], each) for each in scope.spans)
        return messages.ExportTraceServiceResponse()

    def spans(self, trace_id: str = "") -> list[Span]:
        """The spans so far, of one trace or of all."""
        with self._lock:
            return [span for span in self._spans if trace_id in ("", span.trace_id)]


def _span(service: str, raw) -> Span:
    return Span(service, raw.name, raw.trace_id.hex(), raw.span_id.hex(), raw.parent_span_id.hex())


@contextmanager
def collector() -> Iterator[Collector]:
    """Runs a collector on a free port."""
    made = Collector()
    server = grpc.server(ThreadPoolExecutor(4))
    services.add_TraceServiceServicer_to_server(made, server)
    made.endpoint = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield made
    finally:
        server.stop(1)
