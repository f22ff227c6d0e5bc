"""Traces and metrics: OpenTelemetry through gRPC and JetStream headers, Prometheus on /metrics.

Names and labels come from `mesh.signals`, the contract with dashboards and alerts. A trace is joined
across the outbox and JetStream by the W3C trace context that every fact carries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager

import prometheus_client
import structlog
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, DEFAULT_ON
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue
from prometheus_client import start_http_server

from mesh.settings import Settings
from mesh.signals import counter, gauge, histogram

BUILD = gauge("assay_build_info")
RPC_SECONDS = histogram("assay_rpc_server_duration_seconds")
STAGE_SECONDS = histogram("assay_stage_run_duration_seconds")
STAGE_ACTIVE = gauge("assay_stage_active")
STAGE_QUEUE = histogram("assay_stage_queue_seconds")
STAGE_CPU = counter("assay_stage_cpu_seconds_total")
STAGE_GPU = counter("assay_stage_gpu_seconds_total")
STAGE_REDELIVERIES = counter("assay_stage_redeliveries_total")
FACTS_PUBLISHED = counter("assay_facts_published_total")
FACTS_REPEATED = counter("assay_facts_repeated_total")
FACT_BYTES = counter("assay_fact_bytes_total")
DEAD_LETTERS = counter("assay_dead_letters_total")
OBJECT_BYTES = counter("assay_object_bytes_total")
OBJECT_SECONDS = histogram("assay_object_duration_seconds")
MODEL = gauge("assay_model_info")
BATCH_SIZE = histogram("assay_batch_size")
BATCH_WAIT = histogram("assay_batch_wait_seconds")

tracer = trace.get_tracer("assay")
_propagator = TraceContextTextMapPropagator()
_exporting = False


def configure(service: str, settings: Settings) -> TracerProvider:
    """Installs the process's tracer provider and starts /metrics; returns the provider to flush."""
    global _exporting
    provider = TracerProvider(
        # Without a collector a span is only its ids, which log lines and facts carry all the same.
        sampler=DEFAULT_ON if settings.otlp_endpoint else ALWAYS_OFF,
        resource=Resource.create(
            {
                "service.name": service,
                "service.version": settings.version,
                "service.namespace": "assay",
                "cloud.region": settings.region,
            }
        ),
    )
    if settings.otlp_endpoint:
        exporter = OTLPSpanExporter(endpoint=settings.otlp_endpoint, insecure=settings.env == "development")
        provider.add_span_processor(BatchSpanProcessor(exporter))
        _exporting = True
    trace.set_tracer_provider(provider)
    BUILD.labels(service, settings.version, settings.region).set(1)
    # A creation time beside every series doubles what OpenMetrics scrapes carry, and nobody reads it.
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
    start_http_server(settings.metrics_port, addr=settings.grpc_host)
    return provider


@contextmanager
def inner_span(
    name: str, kind: trace.SpanKind = trace.SpanKind.INTERNAL, **attributes: AttributeValue
) -> Iterator[None]:
    """A span of one step inside a request or a run; nothing at all where spans are not exported."""
    if not _exporting:
        yield
        return
    named = {f"assay.{key}": value for key, value in attributes.items()}
    with tracer.start_as_current_span(name, kind=kind, attributes=named, record_exception=False):
        yield


@contextmanager
def consumer_span(name: str, headers: Mapping[str, str]) -> Iterator[None]:
    """A span of what is done with a message, below the one that sent it; nothing where none are exported."""
    if not _exporting:
        yield
        return
    with tracer.start_as_current_span(
        name, context=extract(headers), kind=trace.SpanKind.CONSUMER, record_exception=False
    ):
        yield


def exemplar() -> dict[str, str] | None:
    """The trace id of the current span for a histogram; none where nobody could look the trace up."""
    context = trace.get_current_span().get_span_context()
    if not _exporting or not context.trace_flags.sampled:
        return None
    return {"trace_id": f"{context.trace_id:032x}"}


def about_job(job_id: str) -> None:
    """Says which job the current request is about: in its span and in its log line."""
    trace.get_current_span().set_attribute("assay.job_id", job_id)
    structlog.contextvars.bind_contextvars(job_id=job_id)


def inject(headers: MutableMapping[str, str]) -> None:
    """Adds traceparent and tracestate of the current span to message headers."""
    _propagator.inject(headers)


def extract(headers: Mapping[str, str]) -> otel_context.Context:
    """Reads the trace context that message headers or gRPC metadata carry."""
    return _propagator.extract({key.lower(): value for key, value in headers.items()})
