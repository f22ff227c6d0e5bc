"""The signal matrix, second part: spans, log lines, and what of Envoy's own metrics we count on.

Nothing here names a person: tenants and callers are hashes (`mesh.logs.hashed`), a job is its random id,
and no span or line holds a query, an address, a statement or a measurement.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mesh.signals import ENVOY, GATEWAY, PROCESSES, SERVING, STAGES, Metric

PLACEHOLDER = re.compile(r"\\\{[a-z]+\\\}")


@dataclass(frozen=True)
class SpanSignal:
    """A span. name: with its variable parts in braces."""

    name: str
    kind: str
    attributes: tuple[str, ...]
    meaning: str
    processes: tuple[str, ...]

    def matches(self, name: str) -> bool:
        """Whether a span of that name is one of these."""
        return re.fullmatch(PLACEHOLDER.sub(".+", re.escape(self.name)), name) is not None


@dataclass(frozen=True)
class LineSignal:
    """A canonical log line. fields: what each says; those of `BASE` come with every line of ours."""

    event: str
    fields: dict[str, str]
    meaning: str
    processes: tuple[str, ...]


EDGE = (
    Metric(
        "envoy_http_downstream_rq_xx",
        "counter",
        ("envoy_response_code_class", "envoy_http_conn_manager_prefix"),
        "Requests at the door by class of status; ours have the prefix edge.",
        (ENVOY,),
    ),
    Metric(
        "envoy_http_downstream_rq_time",
        "histogram",
        ("envoy_http_conn_manager_prefix",),
        "Duration of requests at the door, milliseconds.",
        (ENVOY,),
    ),
    Metric(
        "envoy_cluster_upstream_rq_time",
        "histogram",
        ("envoy_cluster_name",),
        "Duration of requests to each service, milliseconds.",
        (ENVOY,),
    ),
    Metric("envoy_server_live", "gauge", (), "1 while Envoy takes requests; 0 while it drains.", (ENVOY,)),
)
"""Metrics that Envoy names: availability and latency at the door are read from them."""

_RPC = ("rpc.system", "rpc.service", "rpc.method", "rpc.grpc.status_code")

SPANS = (
    SpanSignal(
        "ingress",
        "server",
        ("http.method", "http.status_code", "http.url", "http.route", "http.request_id"),
        "A request at the door; http.url is the path alone.",
        (ENVOY,),
    ),
    SpanSignal(
        "router {cluster} egress", "client", ("upstream_cluster",), "The same request, sent on.", (ENVOY,)
    ),
    SpanSignal(
        "{service}/{method}",
        "server",
        _RPC,
        "An RPC; with assay.job_id where it is about one job, and error.type where it failed.",
        SERVING,
    ),
    SpanSignal(
        "publish {fact}",
        "producer",
        ("assay.bytes",),
        "A fact on its way into JetStream.",
        PROCESSES,
    ),
    SpanSignal(
        "process {fact}",
        "consumer",
        (
            "messaging.system",
            "messaging.operation.type",
            "messaging.consumer.group.name",
            "assay.stage",
            "assay.delivery",
            "assay.queue_seconds",
            "assay.job_id",
            "assay.outcome",
        ),
        "One delivery of a fact to a stage; error.type where it failed.",
        STAGES,
    ),
    SpanSignal("project {fact}", "consumer", (), "A fact folded into the ledger.", (GATEWAY,)),
    SpanSignal(
        "s3 {operation}",
        "client",
        ("assay.bucket",),
        "An object read, written or looked up; artefacts and uploads by their name.",
        PROCESSES,
    ),
    SpanSignal(
        "compute {step}",
        "internal",
        (),
        "Work off the event loop.",
        STAGES,
    ),
)

BASE = {
    "ts": "when the line was written, ISO 8601, UTC",
    "level": "info, warning or error",
    "event": "what happened; `rpc` and `stage_run` are the canonical ones",
    "service": "process, as `service.name` of its spans",
    "version": "code version",
    "region": "region",
    "trace_id": "W3C trace id, 32 hexadecimal digits",
    "span_id": "span id, 16 hexadecimal digits",
}

LINES = (
    LineSignal(
        "request",
        {
            "timestamp": "when the request came, ISO 8601, UTC",
            "event": "`request`",
            "service": "`envoy`",
            "method": "HTTP method",
            "path": "path without its query",
            "route": "method of the contract that took it; absent when none did",
            "status": "HTTP status",
            "grpc_status": "status of the upstream, as a number",
            "flags": "Envoy's response flags",
            "details": "Envoy's response code details",
            "duration_ms": "first byte in to last byte out, milliseconds",
            "bytes_in": "body received, bytes",
            "bytes_out": "body sent, bytes",
            "trace_id": "trace id; without a collector the request id",
            "request_id": "`x-request-id`, the same as in the gateway's line",
            "upstream": "cluster",
        },
        "One line for every request at the door, refused ones too.",
        (ENVOY,),
    ),
    LineSignal(
        "rpc",
        {
            "method": "full name of the RPC",
            "code": "gRPC status",
            "reason": "code of the error; empty for none",
            "tenant": "hash of the tenant; empty for an open method or a refused token",
            "caller": "hash of the token's subject",
            "seconds": "duration, seconds; a stream's to its end",
            "request_id": "`x-request-id` that the caller was given",
        },
        "One line for every RPC; with job_id where it is about one job.",
        SERVING,
    ),
    LineSignal(
        "stage_run",
        {
            "stage": "stage",
            "outcome": "done, retried, failed, dead, withdrawn, repeated or unsettled",
            "code": "code of the error; empty for none",
            "job_id": "job; empty when the fact could not be read",
            "kind": "tattoo or balance",
            "tenant": "hash of the tenant",
            "ruleset": "ruleset the job asked for",
            "delivery": "which delivery of the fact this was, from 1",
            "seconds": "duration, seconds",
            "queue_seconds": "from the fact being stored until this run began, seconds",
            "cpu_seconds": "processor time charged to the run, seconds",
            "bytes_read": "bytes of objects read",
            "bytes_written": "bytes of objects written",
        },
        "One line for every delivery to a stage.",
        STAGES,
    ),
)
