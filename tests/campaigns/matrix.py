"""Holds what a running stack emits against the signal matrix, process by process, in both directions."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
from prometheus_client.parser import text_string_to_metric_families

from dev.otlp import Span
from mesh.signal_events import BASE, EDGE, LINES, SPANS
from mesh.signals import ENVOY, METRICS, PROCESSES, Metric
from tests.campaigns.stack import Stack

# Processes of the stack by the name that their signals carry.
NAMES = {
    "gateway": "gateway",
    "ingest": "svc_ingest",
    "segment": "svc_segment",
    "color": "svc_color",
    "pose": "svc_balance.pose",
    "sway": "svc_balance.sway",
    "decision": "svc_decision",
    "report": "svc_report",
    "annotate": "svc_report_annotate",
}
# One method of each stage's service. Called without a token it is refused, and seen all the same.
DOORS = {
    "ingest": "/assay.ingest.v1.IngestService/Inspect",
    "segment": "/assay.segment.v1.SegmentService/Segment",
    "color": "/assay.color.v1.ColorService/AnalyzeColor",
    "pose": "/assay.balance.v1.PoseService/EstimatePose",
    "sway": "/assay.balance.v1.SwayService/MeasureSway",
    "decision": "/assay.decision.v1.DecisionService/Decide",
    "report": "/assay.report.v1.ReportService/Render",
}
OPTIONAL = {"job_id", "exception", "logger"}
ON_SPANS = {"assay.job_id", "error.type"}
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@dataclass(frozen=True)
class Cell:
    """One process and one signal. found: whether it was there as the matrix says; why: what was wrong."""

    process: str
    signal: str
    found: bool
    why: str = ""


@dataclass(frozen=True)
class Shown:
    """A metric as a process shows it: its type, help and the label names of every sample."""

    kind: str
    meaning: str
    labels: frozenset[frozenset[str]]


def knock(stack: Stack) -> None:
    """Calls every stage once as nobody, so that its RPCs have been seen too."""
    for process, method in DOORS.items():
        with grpc.insecure_channel(f"127.0.0.1:{stack.port(process, 'grpc')}") as channel:
            try:
                channel.unary_unary(method)(b"", timeout=10)
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.UNAUTHENTICATED, (process, error)  # noqa: PT017


def scrape(stack: Stack, process: str, accept: str = "text/plain") -> str:
    """A process's /metrics."""
    url = f"http://127.0.0.1:{stack.port(process, 'metrics')}/metrics"
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def shown(text: str) -> dict[str, Shown]:
    """Every metric of a scrape by its full name."""
    found = {}
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = frozenset(frozenset(sample.labels) - {"le"} for sample in family.samples)
        found[name] = Shown(family.type, family.documentation, labels)
    return found


def metrics(scrapes: Mapping[str, str]) -> list[Cell]:
    """Every cell of process x metric; scrapes by the name of the process's signals."""
    cells = []
    for process, text in scrapes.items():
        there = shown(text)
        expected = {metric.name: metric for metric in METRICS if process in metric.processes}
        cells += [Cell(process, name, *_judged(metric, there.get(name))) for name, metric in expected.items()]
        strangers = [name for name, seen in there.items() if name.startswith("assay_") and seen.labels]
        cells += [
            Cell(process, name, False, "is not in the matrix for this process")
            for name in strangers
            if name not in expected
        ]
        cells += [
            Cell(process, name, name in there, "" if name in there else "is missing")
            for name in ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds")
        ]
    return cells


def edge(text: str) -> list[Cell]:
    """The cells of Envoy's own metrics."""
    there, cells = shown(text), []
    for metric in EDGE:
        found = there.get(metric.name) or there.get(metric.name + "_total")
        labels = frozenset(metric.labels)
        good = found is not None and any(labels == each for each in found.labels)
        cells.append(Cell(ENVOY, metric.name, good, "" if good else "is missing or has other labels"))
    return cells


def _judged(metric: Metric, there: Shown | None) -> tuple[bool, str]:
    if there is None:
        return False, "is not declared"
    if there.kind != metric.kind:
        return False, f"is a {there.kind}"
    if there.meaning != metric.meaning:
        return False, "says something else"
    if metric.always and not there.labels:
        return False, "has no value"
    wrong = [labels for labels in there.labels if labels != frozenset(metric.labels)]
    return (False, f"has labels {sorted(wrong[0])}") if wrong else (True, "")


def spans(found: Sequence[Span]) -> list[Cell]:
    """Every cell of process x span, and every span that the matrix does not know."""
    cells = []
    for signal in SPANS:
        for process in signal.processes:
            seen = [span for span in found if span.service == process and signal.matches(span.name)]
            lacking = {name for span in seen for name in signal.attributes if name not in span.attributes}
            if not seen:
                cells.append(Cell(process, f"span {signal.name}", False, "is missing"))
            elif lacking:
                cells.append(Cell(process, f"span {signal.name}", False, f"lacks {sorted(lacking)}"))
            else:
                cells.append(Cell(process, f"span {signal.name}", True))
    for span in found:
        known = [s for s in SPANS if span.service in s.processes and s.matches(span.name)]
        allowed = {name for signal in known for name in signal.attributes} | ON_SPANS
        extra = set(span.attributes) - allowed if span.service != ENVOY else set()
        if not known or extra:
            cells.append(
                Cell(span.service, f"span {span.name}", False, f"is not in the matrix {sorted(extra)}")
            )
    return cells


def lines(logs: Mapping[str, Path]) -> list[Cell]:
    """Every cell of process x canonical log line, field by field; logs by the name of its signals."""
    cells = []
    for process, path in logs.items():
        written = _read(path)
        for signal in LINES:
            if process not in signal.processes:
                continue
            base = {} if process == ENVOY else BASE
            seen = [line for line in written if line.get("event") == signal.event]
            wrong = [fault for line in seen if (fault := _fault(line, {**base, **signal.fields}, process))]
            why = wrong[0] if wrong else "" if seen else "is missing"
            cells.append(Cell(process, f"line {signal.event}", not why, why))
    return cells


def _fault(line: dict[str, object], fields: Mapping[str, str], process: str) -> str:
    # Envoy leaves out what a request has none of.
    lacking = set(fields) - set(line) if process != ENVOY else set()
    extra = set(line) - set(fields) - OPTIONAL
    if lacking or extra:
        return f"lacks {sorted(lacking)}, has {sorted(extra)} besides"
    return ""


def _read(path: Path) -> list[dict[str, object]]:
    found = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        # A supervisor may write the time before what a process says.
        start = text.find("{")
        try:
            line = json.loads(text[start:]) if start >= 0 else None
        except ValueError:
            continue
        if isinstance(line, dict):
            found.append(line)
    return found


def everything(stack: Stack, collected: Sequence[Span]) -> list[Cell]:
    """The whole matrix of a stack that has done a tattoo and a balance job."""
    scrapes = {signals: scrape(stack, process) for process, signals in NAMES.items()}
    assert set(scrapes) == set(PROCESSES)
    folder = stack.folder / "logs"
    logs = {signals: folder / f"{process}.log" for process, signals in NAMES.items()}
    stats = f"http://127.0.0.1:{stack.port('envoy', 'envoy_admin')}/stats/prometheus"
    with urllib.request.urlopen(stats, timeout=10) as answer:
        door = edge(answer.read().decode())
    return [*door, *metrics(scrapes), *spans(collected), *lines({**logs, ENVOY: folder / "envoy.log"})]


def settled(stack: Stack, collect: Callable[[], Sequence[Span]], within_s: float = 120) -> list[Cell]:
    """The matrix once it is green, or as it is when the time is up: spans and gauges come seconds later."""
    knock(stack)
    end = time.monotonic() + within_s
    while True:
        cells = everything(stack, collect())
        if all(cell.found for cell in cells) or time.monotonic() > end:
            return cells
        time.sleep(1)
