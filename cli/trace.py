"""`assay trace`: collects the spans of the mesh, and shows one job's trace as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dev.otlp import Span

FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.group()
def trace() -> None:
    """Collects spans, and shows the trace of one job from the HTTP request to the PDF.

    \b
    Example:
      assay trace collect spans.jsonl &
      ASSAY_OTLP_ENDPOINT=127.0.0.1:4317 assay up --detach
      assay analyze models/sample/tattoo.jpg --intake cli/examples/intake.json
      assay trace show spans.jsonl --out trace.svg
    """


@trace.command()
@FILE
@click.option("--port", type=click.IntRange(0, 65535), default=4317, show_default=True, help="0: a free one.")
def collect(file: Path, port: int) -> None:
    """Takes spans by OTLP/gRPC and adds them to FILE until interrupted, one export a line.

    \b
    Example:
      assay trace collect spans.jsonl --port 4317
    """
    import signal

    from dev.otlp import sink

    with sink(port, file) as running:
        click.echo(f"collecting on {running.endpoint}")
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


@trace.command()
@FILE
@click.option("--job", "job_id", default="", help="Job id; the newest job when neither is given.")
@click.option("--trace", "trace_id", default="", help="Trace id, 32 hexadecimal digits.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the picture here, as SVG."
)
def show(file: Path, job_id: str, trace_id: str, out: Path | None) -> None:
    """Shows one trace of FILE (OTLP in JSON, one export a line) as a tree, and as a picture.

    \b
    Example:
      assay trace show spans.jsonl --job 0198c0de-0000-7000-8000-000000000000 --out trace.svg
    """
    from cli import trace_picture, trace_tree

    found = _chosen(file, job_id, trace_id)
    for row in trace_tree.rows(found):
        milliseconds = (row.span.end_ns - row.span.start_ns) / 1e6
        click.echo(f"{milliseconds:10.1f} ms  {'  ' * row.depth}{row.span.service}: {row.span.name}")
    if out is not None:
        out.write_text(trace_picture.svg(found), encoding="utf-8")
        click.echo(f"{len(found)} spans in {out}")


def _chosen(file: Path, job_id: str, trace_id: str) -> list[Span]:
    """The spans that are asked for; raises CommandError."""
    from cli import trace_tree
    from cli.problems import refused
    from dev import otlp

    try:
        spans = otlp.read(file)
    except (OSError, ValueError) as error:
        fix = "Give a file that `assay trace collect` or a collector's file exporter wrote."
        raise refused("SPANS_UNREADABLE", str(error), field="file", fix=fix) from error
    if trace_id:
        found = trace_tree.of_trace(spans, trace_id.lower())
    else:
        found = trace_tree.of_job(spans, job_id or _newest(spans))
    if not found:
        fix = (
            "Spans come seconds after the request; a job's are where the collector that ran then wrote them."
        )
        raise refused("TRACE_NOT_FOUND", "The file has no such trace.", field="job", fix=fix)
    return found


def _newest(spans: list[Span]) -> str:
    """The job whose stages ran last; empty when none did."""
    from cli.trace_tree import JOB

    ran = [span for span in spans if JOB in span.attributes and "assay.stage" in span.attributes]
    return max(ran, key=lambda span: span.start_ns).attributes[JOB] if ran else ""
