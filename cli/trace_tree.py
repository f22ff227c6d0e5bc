"""One trace as a tree: rows in the order of a call, and whether it hangs together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from dev.otlp import Span

JOB = "assay.job_id"


@dataclass(frozen=True)
class Row:
    """A span and how deep it lies below the root."""

    span: Span
    depth: int


def of_job(spans: Sequence[Span], job_id: str) -> list[Span]:
    """Every span of the trace in which a job was asked for; empty when no span names the job.

    A job that was looked at later is named by spans of other traces too; the one that ran its stages counts.
    """
    named = [span for span in spans if span.attributes.get(JOB) == job_id]
    ran = [span for span in named if "assay.stage" in span.attributes] or named
    return of_trace(spans, min(ran, key=lambda span: span.start_ns).trace_id) if ran else []


def of_trace(spans: Sequence[Span], trace_id: str) -> list[Span]:
    """Every span of a trace, each once."""
    return list({span.span_id: span for span in spans if span.trace_id == trace_id}.values())


def roots(spans: Sequence[Span]) -> list[Span]:
    """Spans whose parent is not among them: one when the trace is unbroken."""
    known = {span.span_id for span in spans}
    return [span for span in spans if span.parent_id not in known]


def rows(spans: Sequence[Span]) -> list[Row]:
    """Depth first from each root, siblings by their begin."""
    below: defaultdict[str, list[Span]] = defaultdict(list)
    for span in spans:
        below[span.parent_id].append(span)
    pending = [Row(span, 0) for span in _latest_first(roots(spans))]
    found: list[Row] = []
    while pending:
        row = pending.pop()
        found.append(row)
        pending.extend(Row(span, row.depth + 1) for span in _latest_first(below[row.span.span_id]))
    return found


def chain(spans: Sequence[Span], leaf: Span) -> list[Span]:
    """From the root to a span, by parents."""
    known = {span.span_id: span for span in spans}
    found = [leaf]
    while found[0].parent_id in known and len(found) <= len(spans):
        found.insert(0, known[found[0].parent_id])
    return found


def _latest_first(spans: Sequence[Span]) -> list[Span]:
    return sorted(spans, key=lambda span: (span.start_ns, span.span_id), reverse=True)
