"""`assay trace`: spans by OTLP to a file, one job's trace out of it, and its picture."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from click.testing import CliRunner
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Status, StatusCode

from cli import trace_picture, trace_tree
from cli.main import assay
from cli.problems import CommandError
from cli.trace import trace
from dev import otlp

JOB = "0198c0de-0000-7000-8000-000000000000"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes exported of one job, by the real exporter, through the sink."""
    path = tmp_path_factory.mktemp("trace") / "spans.jsonl"
    with otlp.sink(0, path) as sink:
        providers = [exporting(name, sink.endpoint) for name in ("gateway", "svc_report")]
        gateway, report = (provider.get_tracer("test") for provider in providers)
        with gateway.start_as_current_span("Analyze", attributes={"assay.job_id": JOB}):
            with report.start_as_current_span(
                "process decided", attributes={"assay.job_id": JOB, "assay.stage": "report"}
            ) as span:
                span.set_status(Status(StatusCode.ERROR))
            with gateway.start_as_current_span("project <reported> & more"):
                pass
        with gateway.start_as_current_span("GetAnalysis", attributes={"assay.job_id": JOB}):
            pass
        for provider in providers:
            provider.shutdown()
    return path


def exporting(service: str, endpoint: str) -> TracerProvider:
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=endpoint, insecure=True)))
    return provider


def test_a_file_holds_what_was_exported(file: Path):
    spans = otlp.read(file)
    assert {span.service for span in spans} == {"gateway", "svc_report"}
    stage = next(span for span in spans if span.name == "process decided")
    assert stage.failed
    assert stage.attributes == {"assay.job_id": JOB, "assay.stage": "report"}
    assert len(stage.trace_id) == 32
    assert stage.parent_id in {span.span_id for span in spans}
    assert stage.end_ns >= stage.start_ns > 0


def test_the_trace_of_a_job_is_the_one_that_ran_it(file: Path):
    found = trace_tree.of_job(otlp.read(file), JOB)
    assert [row.span.name for row in trace_tree.rows(found)] == [
        "Analyze", "process decided", "project <reported> & more",
    ]  # fmt: skip
    assert [row.depth for row in trace_tree.rows(found)] == [0, 1, 1]
    assert len(trace_tree.roots(found)) == 1
    leaf = next(span for span in found if span.name == "process decided")
    assert [span.name for span in trace_tree.chain(found, leaf)] == ["Analyze", "process decided"]


def test_a_lost_parent_is_seen(file: Path):
    found = [span for span in trace_tree.of_job(otlp.read(file), JOB) if span.name != "Analyze"]
    assert len(trace_tree.roots(found)) == 2
    assert "broken into 2 parts" in trace_picture.svg(found)


def test_the_picture_is_well_formed_and_true_to_time(file: Path):
    found = trace_tree.of_job(otlp.read(file), JOB)
    root = ElementTree.fromstring(trace_picture.svg(found))
    bars = root.findall(f"{SVG}g")
    titles = [bar.find(f"{SVG}title").text for bar in bars]
    assert [title.split(",")[0] for title in titles] == [
        "gateway: Analyze", "svc_report: process decided", "gateway: project <reported> & more",
    ]  # fmt: skip
    boxes = [bar.find(f"{SVG}rect") for bar in bars]
    begins = [float(box.get("x")) for box in boxes]
    assert begins[0] <= begins[1] <= begins[2]
    ends = [x + float(box.get("width")) for x, box in zip(begins, boxes, strict=True)]
    assert ends[0] == pytest.approx(trace_picture.LABELS + trace_picture.BARS, abs=0.2)
    assert boxes[1].get("stroke")
    assert "unbroken" in "".join(root.itertext())


def test_nothing_gives_no_picture():
    with pytest.raises(ValueError, match="without spans"):
        trace_picture.svg([])


def test_the_command_shows_and_draws(file: Path, tmp_path: Path):
    picture = tmp_path / "trace.svg"
    told = CliRunner().invoke(trace, ["show", str(file), "--job", JOB, "--out", str(picture)])
    assert told.exit_code == 0, told.output
    assert "svc_report: process decided" in told.output
    assert picture.read_text().startswith("<svg")
    newest = CliRunner().invoke(trace, ["show", str(file)])
    assert newest.output.splitlines() == told.output.splitlines()[:-1]


@pytest.mark.parametrize(
    ("text", "code"),
    [("not json\n", "SPANS_UNREADABLE"), ("[]\n", "SPANS_UNREADABLE"), ("{}\n", "TRACE_NOT_FOUND")],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str, code: str):
    path = tmp_path / "spans.jsonl"
    path.write_text(text)
    told = CliRunner().invoke(assay, ["trace", "show", str(path)], standalone_mode=False)
    assert isinstance(told.exception, CommandError)
    assert told.exception.problem["code"] == code
