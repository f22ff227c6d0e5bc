"""Prints docs/signals.md from the signal matrix: `python -m mesh.signal_page > docs/signals.md`."""

from __future__ import annotations

from collections.abc import Iterable

from mesh.signal_events import BASE, EDGE, LINES, SPANS
from mesh.signals import CANARY, ENVOY, GATEWAY, INFERRING, METRICS, PROCESSES, SERVING, STAGES, Metric

INTRODUCTION = """# Signals

Which process emits which metric, span and log line: the contract with dashboards, alerts and whoever looks
for a fault. The tables are data (`mesh/signals.py`, `mesh/signal_events.py`); `python -m mesh.signal_page`
writes this page from them, and tests hold a running stack against them, in both directions: what is listed is
there, and nothing else is. How the parts work together is in [telemetry.md](telemetry.md).

Labels and attributes never carry a tenant, a person or a statement, and labels no job. Processes: `gateway`;
the stages `svc_ingest`, `svc_segment`, `svc_color`, `svc_balance.pose`, `svc_balance.sway`, `svc_decision`,
`svc_report`, `svc_report_annotate`; `envoy`; `canary`.

Every process of ours also shows `process_cpu_seconds_total`, `process_resident_memory_bytes`,
`process_open_fds` and the other `process_*` and `python_*` of prometheus_client. Envoy's own `envoy_*` are at
`/stats/prometheus` of its admin port, or of its stats port in a cluster.
"""

GROUPS = {
    PROCESSES: "every process",
    SERVING: "gateway and stages with RPCs",
    STAGES: "stages",
    INFERRING: "segment, pose",
    (GATEWAY,): "gateway",
    (ENVOY,): "envoy",
    (CANARY,): "canary",
}


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION, "## Metrics\n", *_metrics(), "\n## Histograms' buckets\n", *_buckets()]
    parts += ["\n## Spans\n", *_spans(), "\n## Log lines\n", *_lines()]
    return "\n".join(parts) + "\n"


def _metrics() -> Iterable[str]:
    yield "| metric | type | labels | where | what |"
    yield "| --- | --- | --- | --- | --- |"
    for each in (*METRICS, *EDGE):
        labels = ", ".join(f"`{label}`" for label in each.labels)
        when = f" ({each.when})" if each.when else ""
        yield f"| `{each.name}` | {each.kind} | {labels} | {_where(each.processes)} | {each.meaning}{when} |"


def _buckets() -> Iterable[str]:
    yield "Upper bounds, in the unit of the metric's name. Histograms of RPCs, SYNC waits, jobs and stage"
    yield "runs carry exemplars with the `trace_id`, in the OpenMetrics exposition.\n"
    yield "| buckets | metrics |"
    yield "| --- | --- |"
    kept: dict[tuple[float, ...], list[Metric]] = {}
    for each in METRICS:
        if each.kind == "histogram":
            kept.setdefault(each.buckets, []).append(each)
    for buckets, metrics in kept.items():
        bounds = " ".join(f"{bound:g}" for bound in buckets)
        yield f"| {bounds} | {', '.join(f'`{each.name}`' for each in metrics)} |"


def _spans() -> Iterable[str]:
    yield "| span | kind | attributes | where | what |"
    yield "| --- | --- | --- | --- | --- |"
    for each in SPANS:
        attributes = ", ".join(f"`{name}`" for name in each.attributes)
        name = each.name.replace("|", "\\|")
        yield f"| `{name}` | {each.kind} | {attributes} | {_where(each.processes)} | {each.meaning} |"


def _lines() -> Iterable[str]:
    yield "One JSON object a line on standard output. Fields of every line of ours:\n"
    yield from _fields(BASE)
    for each in LINES:
        yield f"\n### `{each.event}`\n"
        yield f"{each.meaning} Where: {_where(each.processes)}.\n"
        yield from _fields(each.fields)


def _fields(fields: dict[str, str]) -> Iterable[str]:
    yield "| field | what |"
    yield "| --- | --- |"
    for name, meaning in fields.items():
        yield f"| `{name}` | {meaning} |"


def _where(processes: tuple[str, ...]) -> str:
    return GROUPS.get(processes) or ", ".join(processes)


if __name__ == "__main__":
    print(page(), end="")
