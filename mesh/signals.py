"""The signal matrix: which process emits which metric, span and log field. One table, as data.

It is a contract with dashboards, alerts and whoever reads logs. Metrics are made from it
(`counter`, `gauge`, `histogram`), docs/signals.md is written from it, and tests hold a running stack
against it. Names are `assay_<noun>_<unit>[_total]` in base units. Labels never carry ids of tenants,
jobs or persons: their values are few and known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from prometheus_client import Counter, Gauge, Histogram

Kind = Literal["counter", "gauge", "histogram"]

GATEWAY = "gateway"
ENVOY = "envoy"
CANARY = "canary"
INFERRING = ("svc_segment", "svc_balance.pose")
STAGES = (
    "svc_ingest", "svc_segment", "svc_color", "svc_balance.pose", "svc_balance.sway", "svc_decision",
    "svc_report", "svc_report_annotate",
)  # fmt: skip
"""Processes that run a stage, as `service.name` of spans and `service` of log lines has them."""
PROCESSES = (GATEWAY, *STAGES)
SERVING = tuple(name for name in PROCESSES if name != "svc_report_annotate")
"""Processes with a public or internal RPC; the annotation has none."""

SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
JOB = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0, 300.0, 600.0)
BATCH = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


@dataclass(frozen=True)
class Metric:
    """A metric and the processes that expose it.

    always: every one of them shows a value once it has done its work. Otherwise the metric is declared
    there, and a value comes with what it counts (`when`).
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str
    processes: tuple[str, ...]
    always: bool = True
    when: str = ""
    buckets: tuple[float, ...] = SECONDS


def _event(name: str, labels: Sequence[str], meaning: str, who: Sequence[str], when: str) -> Metric:
    return Metric(name, "counter", tuple(labels), meaning, tuple(who), False, when)


METRICS = (
    # Every process: what it is, and utilisation, saturation and errors of what it uses.
    Metric(
        "assay_build_info",
        "gauge",
        ("service", "version", "region"),
        "Constant 1, with what runs.",
        PROCESSES,
    ),
    Metric(
        "assay_event_loop_lag_seconds",
        "histogram",
        (),
        "How late the event loop wakes a timer, sampled twice a second.",
        PROCESSES,
        buckets=SHORT,
    ),
    Metric(
        "assay_pool_connections",
        "gauge",
        ("pool", "state"),
        "Connections or threads of a pool (s3, compute, photo, ledger, ledger-worker) that are idle or used,"
        " and callers that wait for one.",
        PROCESSES,
    ),
    Metric("assay_nats_connected", "gauge", (), "1 while the connection to NATS stands.", PROCESSES),
    Metric(
        "assay_certificate_expiry_timestamp_seconds",
        "gauge",
        ("name",),
        "When a certificate in ASSAY_CERTIFICATES_DIR ends, Unix time.",
        PROCESSES,
        False,
        "when ASSAY_CERTIFICATES_DIR names a folder",
    ),
    # RPCs: rate, errors, duration.
    Metric(
        "assay_rpc_server_duration_seconds",
        "histogram",
        ("method", "code"),
        "Duration of RPCs.",
        SERVING,
    ),
    Metric(
        "assay_sync_duration_seconds",
        "histogram",
        ("kind", "outcome"),
        "How long a MODE_SYNC request waited; outcome is the job's state as it was answered.",
        (GATEWAY,),
        buckets=JOB,
    ),
    # Stages: rate, errors, duration, queue, cost.
    Metric(
        "assay_stage_run_duration_seconds",
        "histogram",
        ("stage", "outcome"),
        "Duration of stage runs.",
        STAGES,
    ),
    Metric("assay_stage_active", "gauge", ("stage",), "Facts a stage works on now.", STAGES),
    Metric(
        "assay_stage_queue_seconds",
        "histogram",
        ("stage",),
        "From the fact being stored until its first run begins.",
        STAGES,
        buckets=JOB,
    ),
    Metric(
        "assay_stage_cpu_seconds_total",
        "counter",
        ("stage",),
        "Processor time spent while a stage runs, child processes included; of runs at once, equal shares.",
        STAGES,
    ),
    Metric(
        "assay_stage_gpu_seconds_total",
        "counter",
        ("stage",),
        "Time a stage's models held a GPU.",
        INFERRING,
        False,
        "on a GPU only",
    ),
    _event("assay_stage_redeliveries_total", ("stage",), "Facts taken again.", STAGES, "after a retry"),
    Metric("assay_facts_published_total", "counter", ("fact",), "Facts created by this process.", STAGES),
    _event(
        "assay_facts_repeated_total",
        ("fact",),
        "Facts that were there already.",
        STAGES,
        "when a run repeats one that had published",
    ),
    _event(
        "assay_dead_letters_total",
        ("stage", "code"),
        "Facts given up.",
        PROCESSES,
        "with the first dead letter",
    ),
    Metric(
        "assay_fact_bytes_total",
        "counter",
        ("fact",),
        "Bytes of the facts this process published.",
        PROCESSES,
    ),
    # Objects.
    Metric(
        "assay_object_bytes_total",
        "counter",
        ("operation", "bucket"),
        "Bytes read from and written to S3.",
        PROCESSES,
        False,
        "with the first object",
    ),
    Metric(
        "assay_object_duration_seconds",
        "histogram",
        ("operation", "outcome"),
        "Duration of S3 operations: get, put, stat, delete, list; ok, missing or failed.",
        PROCESSES,
        False,
        "with the first object",
    ),
    # Models.
    Metric(
        "assay_model_info",
        "gauge",
        ("service", "model", "version", "provider"),
        "Constant 1 for each model that is loaded, with the ONNX Runtime provider that runs it.",
        INFERRING,
    ),
    Metric(
        "assay_batch_size",
        "histogram",
        ("model",),
        "Tiles or crops that went through a session at once.",
        INFERRING,
        buckets=BATCH,
    ),
    Metric(
        "assay_batch_wait_seconds",
        "histogram",
        ("model",),
        "How long a tile or crop waited for the session that all callers share.",
        INFERRING,
        False,
        "on a GPU only: on a CPU each thread runs the session itself",
        SHORT,
    ),
    Metric(
        "assay_shadow_mask_iou",
        "histogram",
        ("model",),
        "Overlap of the shadow version's mask with the served one.",
        ("svc_segment",),
        False,
        "when ASSAY_SHADOW_MODEL names a version",
        (0.0, 0.25, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0),
    ),
    _event(
        "assay_shadow_failures_total",
        ("model", "code"),
        "Photos the shadow version failed on.",
        ("svc_segment",),
        "when ASSAY_SHADOW_MODEL names a version",
    ),
    Metric("assay_gpu_devices", "gauge", (), "GPUs that NVML sees; 0 where there is none.", INFERRING),
    Metric(
        "assay_gpu_utilization_ratio",
        "gauge",
        ("gpu",),
        "Share of time the GPU was busy (NVML).",
        INFERRING,
        False,
        "on a GPU only",
    ),
    Metric(
        "assay_gpu_memory_used_bytes",
        "gauge",
        ("gpu",),
        "Memory of the GPU in use (NVML).",
        INFERRING,
        False,
        "on a GPU only",
    ),
    Metric(
        "assay_gpu_memory_total_bytes",
        "gauge",
        ("gpu",),
        "Memory of the GPU (NVML).",
        INFERRING,
        False,
        "on a GPU only",
    ),
    # Jobs, as the ledger sees them.
    Metric("assay_jobs_requested_total", "counter", ("kind",), "Jobs accepted.", (GATEWAY,)),
    Metric(
        "assay_jobs_finished_total",
        "counter",
        ("kind", "state", "fault"),
        "Jobs that ended: succeeded, failed, cancelled; fault is none, input (what was sent) or ours.",
        (GATEWAY,),
    ),
    Metric(
        "assay_job_duration_seconds",
        "histogram",
        ("kind", "state"),
        "From the request to the fact that ends it.",
        (GATEWAY,),
        buckets=JOB,
    ),
    Metric(
        "assay_jobs_fresh_total",
        "counter",
        ("kind", "fresh"),
        "Jobs that succeeded or failed, by whether in time: a tattoo under 30 s; balance under twice its"
        " clip, or under 30 s where no clip is known.",
        (GATEWAY,),
    ),
    Metric(
        "assay_facts_projected_total",
        "counter",
        ("fact", "outcome"),
        "Facts folded into the ledger.",
        (GATEWAY,),
    ),
    Metric(
        "assay_projection_delay_seconds",
        "histogram",
        (),
        "From a fact being stored until the ledger shows it.",
        (GATEWAY,),
    ),
    Metric("assay_waiters", "gauge", (), "SYNC requests and :watch streams that wait now.", (GATEWAY,)),
    Metric(
        "assay_outbox_published_total", "counter", ("fact",), "Facts the outbox relay published.", (GATEWAY,)
    ),
    Metric(
        "assay_outbox_pending", "gauge", (), "Facts in the outbox that are not published yet.", (GATEWAY,)
    ),
    Metric(
        "assay_outbox_oldest_seconds",
        "gauge",
        (),
        "Age of the oldest of them; 0 when there is none.",
        (GATEWAY,),
    ),
    Metric(
        "assay_reaper_total",
        "counter",
        ("what",),
        "What the reaper ended or removed: jobs, uploads, keys, outbox, objects.",
        (GATEWAY,),
    ),
    Metric(
        "assay_erasures_total",
        "counter",
        ("state",),
        "Sweeps of erasures: swept, or confirmed when nothing more was found.",
        (GATEWAY,),
        False,
        "with the first erasure",
    ),
    Metric(
        "assay_consumer_pending",
        "gauge",
        ("consumer",),
        "Facts a durable consumer has not been given yet.",
        (GATEWAY,),
    ),
    Metric(
        "assay_consumer_ack_pending",
        "gauge",
        ("consumer",),
        "Facts given to a consumer and not settled yet.",
        (GATEWAY,),
    ),
    Metric("assay_stream_messages", "gauge", ("stream",), "Messages in a stream.", (GATEWAY,)),
    Metric("assay_stream_bytes", "gauge", ("stream",), "Bytes in a stream.", (GATEWAY,)),
    Metric(
        "assay_stream_limit_bytes",
        "gauge",
        ("stream",),
        "Bytes a stream may hold; a full one refuses facts.",
        (GATEWAY,),
    ),
    Metric(
        "assay_ruleset_info",
        "gauge",
        ("kind", "version"),
        "Constant 1 for the active ruleset of each kind.",
        (GATEWAY,),
    ),
    # The canary, a process of its own that asks the public API.
    Metric("assay_canary_runs_total", "counter", ("kind", "outcome"), "Runs of the canary.", (CANARY,)),
    Metric(
        "assay_canary_last_success_timestamp_seconds",
        "gauge",
        ("kind",),
        "When the canary last got the right answer, Unix time.",
        (CANARY,),
    ),
    Metric(
        "assay_canary_duration_seconds",
        "histogram",
        ("kind",),
        "How long the canary waited for its answer.",
        (CANARY,),
        buckets=JOB,
    ),
)

_BY_NAME = {metric.name: metric for metric in METRICS}


def counter(name: str) -> Counter:
    """The counter of that name; raises KeyError for one that the table does not hold."""
    found = _of_kind(name, "counter")
    return Counter(name, found.meaning, found.labels)


def gauge(name: str) -> Gauge:
    """The gauge of that name; raises KeyError."""
    found = _of_kind(name, "gauge")
    return Gauge(name, found.meaning, found.labels)


def histogram(name: str) -> Histogram:
    """The histogram of that name; raises KeyError."""
    found = _of_kind(name, "histogram")
    return Histogram(name, found.meaning, found.labels, buckets=found.buckets)


def _of_kind(name: str, kind: Kind) -> Metric:
    found = _BY_NAME[name]
    if found.kind != kind:
        raise KeyError(f"{name} is a {found.kind}, not a {kind}")
    return found
