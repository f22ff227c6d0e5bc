"""Traces and metrics: OpenTelemetry through gRPC and JetStream headers, Prometheus on /metrics.

Metric names and labels are the contract with dashboards and alerts. Labels never carry
job, tenant or subject ids.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import Counter, Gauge, Histogram, start_http_server

from mesh.settings import Settings

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

RPC_SECONDS = Histogram(
    "assay_rpc_server_duration_seconds", "Duration of RPCs.", ["method", "code"], buckets=SECONDS
)
STAGE_SECONDS = Histogram(
    "assay_stage_run_duration_seconds", "Duration of stage runs.", ["stage", "outcome"], buckets=SECONDS
)
STAGE_ACTIVE = Gauge("assay_stage_active", "Facts a stage works on now.", ["stage"])
STAGE_REDELIVERIES = Counter("assay_stage_redeliveries_total", "Facts taken again.", ["stage"])
FACTS_PUBLISHED = Counter("assay_facts_published_total", "Facts created by this process.", ["fact"])
FACTS_REPEATED = Counter("assay_facts_repeated_total", "Facts that were there already.", ["fact"])
DEAD_LETTERS = Counter("assay_dead_letters_total", "Facts given up.", ["stage", "code"])
BUILD = Gauge("assay_build_info", "Constant 1, with what runs.", ["service", "version", "region"])

tracer = trace.get_tracer("assay")
_propagator = TraceContextTextMapPropagator()


def configure(service: str, settings: Settings) -> TracerProvider:
    """Installs the process's tracer provider and starts /metrics; returns the provider to flush."""
    provider = TracerProvider(
        resource=Resource.create(
            {
                "service.name": service,
                "service.version": settings.version,
                "service.namespace": "assay",
                "cloud.region": settings.region,
            }
        )
    )
    if settings.otlp_endpoint:
        exporter = OTLPSpanExporter(endpoint=settings.otlp_endpoint, insecure=settings.env == "development")
        provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    BUILD.labels(service, settings.version, settings.region).set(1)
    start_http_server(settings.metrics_port, addr=settings.grpc_host)
    return provider


def inject(headers: MutableMapping[str, str]) -> None:
    """Adds traceparent and tracestate of the current span to message headers."""
    _propagator.inject(headers)


def extract(headers: Mapping[str, str]) -> otel_context.Context:
    """Reads the trace context that message headers or gRPC metadata carry."""
    return _propagator.extract({key.lower(): value for key, value in headers.items()})
