"""An OTLP/gRPC sink for traces: keeps spans in memory or in a file, and reads such a file back.

The file holds one ExportTraceServiceRequest a line in OTLP's JSON form (ids in hexadecimal), as the
file exporter of the OpenTelemetry collector writes it, so that either can be looked at.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import grpc
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as messages
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as services
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from dev.ports import HOST

Json = dict[str, Any]
Request = messages.ExportTraceServiceRequest
IDS = ("trace_id", "span_id", "parent_span_id")


@dataclass(frozen=True)
class Span:
    """A span as it arrived. Ids are hexadecimal, times nanoseconds since 1970.

    kind: server, client, producer, consumer or internal. attributes: text, numbers and booleans as text.
    """

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    kind: str = "internal"
    failed: bool = False
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass
class Sink(services.TraceServiceServicer):
    """Keeps the spans of every process that exports to `endpoint`; writes them to `file` too, if any."""

    endpoint: str = ""
    file: IO[str] | None = None
    _spans: list[Span] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def Export(self, request: Request, context: grpc.ServicerContext) -> messages.ExportTraceServiceResponse:
        """Takes what an exporter sends."""
        with self._lock:
            if self.file is not None:
                self.file.write(json.dumps(to_json(request)) + "\n")
                self.file.flush()
            else:
                self._spans.extend(spans_of(request))
        return messages.ExportTraceServiceResponse()

    def spans(self, trace_id: str = "") -> list[Span]:
        """The spans kept in memory so far, of one trace or of all."""
        with self._lock:
            return [span for span in self._spans if trace_id in ("", span.trace_id)]


@contextmanager
def sink(port: int = 0, file: Path | None = None) -> Iterator[Sink]:
    """Runs a sink; port 0 takes a free one. With a file, spans go to its end and not into memory."""
    made = Sink(file=file.open("a", encoding="utf-8") if file else None)
    server = grpc.server(ThreadPoolExecutor(4))
    services.add_TraceServiceServicer_to_server(made, server)  # type: ignore[no-untyped-call]  # generated
    made.endpoint = f"{HOST}:{server.add_insecure_port(f'{HOST}:{port}')}"
    server.start()
    try:
        yield made
    finally:
        server.stop(1).wait(5)
        if made.file is not None:
            made.file.close()


def spans_of(request: Request) -> Iterator[Span]:
    """The spans of one export."""
    for resource in request.resource_spans:
        named = {each.key: each.value.string_value for each in resource.resource.attributes}
        for scope in resource.scope_spans:
            for raw in scope.spans:
                yield _span(named.get("service.name", "unknown"), raw)


def _span(service: str, raw: WireSpan) -> Span:
    return Span(
        service=service,
        name=raw.name,
        trace_id=raw.trace_id.hex(),
        span_id=raw.span_id.hex(),
        parent_id=raw.parent_span_id.hex(),
        start_ns=raw.start_time_unix_nano,
        end_ns=raw.end_time_unix_nano,
        kind=WireSpan.SpanKind.Name(raw.kind).removeprefix("SPAN_KIND_").lower(),
        failed=raw.status.code == Status.STATUS_CODE_ERROR,
        attributes={each.key: _text(each.value) for each in raw.attributes},
    )


def _text(value: Any) -> str:
    which = value.WhichOneof("value")
    return str(getattr(value, which)) if which else ""


def to_json(request: Request) -> Json:
    """An export in OTLP's JSON form."""
    made: Json = json_format.MessageToDict(request)
    for given, raw in zip(_each(made), _wire(request), strict=True):
        for name in IDS:
            value = getattr(raw, name)
            if value:
                given[_camel(name)] = value.hex()
    return made


def from_json(given: Json) -> Request:
    """Reads an export; raises ValueError for what is none."""
    ids = [{name: str(each.pop(_camel(name), "")) for name in IDS} for each in _each(given)]
    try:
        request = json_format.ParseDict(given, Request(), ignore_unknown_fields=True)
    except json_format.ParseError as error:
        raise ValueError(f"no OTLP export: {error}") from error
    for named, raw in zip(ids, _wire(request), strict=True):
        for name, value in named.items():
            setattr(raw, name, bytes.fromhex(value))
    return request


def read(path: Path) -> list[Span]:
    """The spans in a file, or in one line of JSON; raises ValueError, naming the line, for anything else."""
    found: list[Span] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            given = json.loads(line)
            if not isinstance(given, dict):
                raise ValueError("no JSON object")
            found.extend(spans_of(from_json(given)))
        except (ValueError, AttributeError, TypeError) as error:
            raise ValueError(f"{path.name}, line {number}: {error}") from error
    return found


def _each(given: Json) -> list[Json]:
    """The spans of an export in JSON, in order."""
    resources: Iterable[Json] = given.get("resourceSpans", [])
    return [span for r in resources for scope in r.get("scopeSpans", []) for span in scope.get("spans", [])]


def _wire(request: Request) -> list[WireSpan]:
    return [span for r in request.resource_spans for scope in r.scope_spans for span in scope.spans]


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
