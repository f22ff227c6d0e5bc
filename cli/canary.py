"""`assay canary`: the golden photo and the golden video through the public API, again and again."""

from __future__ import annotations

import hashlib
import json
import signal
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import urllib3

from cli import golden, intake
from cli.problems import EXIT_FAILED, CommandError

STATED = {"tattoo": intake.SAMPLE, "balance": intake.TRIAL}
CLIENT = "assay-canary"
OUTCOMES = ("passed", "wrong", "failed", "late")
"""wrong: a result that is not the golden one; failed: no result; late: no end before the deadline."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """One golden sample through the API: its outcome, how long its answer took (s), and why."""

    kind: str
    outcome: str
    seconds: float
    job_id: str
    reasons: tuple[str, ...] = ()


@click.command()
@click.option("--once", is_flag=True, help="Run each kind once and end; exit status 1 unless all passed.")
@click.option(
    "--kind", "kinds", type=click.Choice(tuple(STATED)), multiple=True, help="Only this kind (may repeat)."
)
@click.option(
    "--every", type=click.IntRange(10, 86_400), default=300, show_default=True, help="Seconds between rounds."
)
@click.option(
    "--deadline", type=click.IntRange(5, 3600), default=240, show_default=True, help="Seconds a job may take."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of /metrics.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=9100, show_default=True, help="Port of /metrics."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per run instead of text.")
def canary(
    once: bool, kinds: tuple[str, ...], every: int, deadline: int, host: str, port: int, as_json: bool
) -> None:
    """Checks that results are right: analyses the golden photo and video, compares with what they measured.

    Answers are compared with models/sample/golden.json. A run that passed is erased again; others are kept
    for whoever looks into them. ASSAY_URL, ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET name the API and the
    canary's own client; without them the local stack is asked.

    \b
    Example:
      assay canary --once
      assay canary --every 300 --port 9100
    """
    expectations = golden.read()
    chosen = [expectations[kind] for kind in kinds or tuple(STATED)]
    if once:
        runs = [run(each, deadline) for each in chosen]
        for each in runs:
            _say(each, as_json)
        if any(each.outcome != "passed" for each in runs):
            raise click.exceptions.Exit(EXIT_FAILED)
        return
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _watch(chosen, every, deadline, (host, port), stop, as_json)


def _watch(
    chosen: list[golden.Golden],
    every: int,
    deadline: int,
    address: tuple[str, int],
    stop: threading.Event,
    as_json: bool,
) -> None:
    """Rounds until told to stop; a round that took too long begins the next one at once."""
    from prometheus_client import start_http_server

    from mesh.signals import counter, gauge, histogram

    runs = counter("assay_canary_runs_total")
    succeeded = gauge("assay_canary_last_success_timestamp_seconds")
    duration = histogram("assay_canary_duration_seconds")
    for each in chosen:
        for outcome in OUTCOMES:
            # From zero, so that the first failure is an increase for whoever asks for a rate.
            runs.labels(each.kind, outcome)
    start_http_server(address[1], addr=address[0])
    while not stop.is_set():
        began = time.monotonic()
        for each in chosen:
            if stop.is_set():
                break
            done = run(each, deadline)
            runs.labels(done.kind, done.outcome).inc()
            duration.labels(done.kind).observe(done.seconds)
            if done.outcome == "passed":
                succeeded.labels(done.kind).set_to_current_time()
            _say(done, as_json)
        stop.wait(max(0.0, every - (time.monotonic() - began)))


def run(expected: golden.Golden, deadline_s: float) -> Run:
    """One sample through the public API. Every wait has a deadline; what fails is its outcome."""
    from cli.api import Api

    began, job_id = time.monotonic(), ""
    try:
        api = Api.connect(CLIENT)
        upload = api.upload(expected.source, expected.media_type, expected.purpose)
        stated = intake.read(STATED[expected.kind], expected.kind)
        job_id = str(api.analyze({**stated, "upload_id": upload, "mode": "MODE_ASYNC"})["job_id"])
        for _ in api.await_end(job_id, deadline_s):
            pass
        seconds = time.monotonic() - began
        view = api.job(job_id)
        if view["state"] != "STATE_SUCCEEDED":
            return Run(expected.kind, "failed", seconds, job_id, (_why(view),))
        reasons = [str(each) for each in golden.differences(expected, view)] + _report_faults(api, view)
        if reasons:
            return Run(expected.kind, "wrong", seconds, job_id, tuple(reasons))
        api.call("DELETE", f"/v1/analyze/{quote(job_id)}")
        return Run(expected.kind, "passed", seconds, job_id)
    except CommandError as error:
        outcome = "late" if error.problem.get("code") == "CLIENT_TIMEOUT" else "failed"
        return Run(expected.kind, outcome, time.monotonic() - began, job_id, (_told(error.problem),))
    except (urllib3.exceptions.HTTPError, ValueError, OSError) as error:
        # A connection that breaks within an answer, or an answer that is none.
        reason = f"{type(error).__name__}: {error}"
        return Run(expected.kind, "failed", time.monotonic() - began, job_id, (reason,))


def _report_faults(api: Any, view: Json) -> list[str]:
    """What is wrong with the PDF as a caller gets it."""
    try:
        wanted = golden.look_up(view, "result.report.pdf.sha256")
    except golden.PlaceError as error:
        return [f"the result names no report: {error}"]
    with tempfile.TemporaryDirectory() as folder:
        pdf = Path(folder) / "report.pdf"
        api.download(f"/v1/analyze/{quote(view['job_id'])}/report.pdf", pdf)
        content = pdf.read_bytes()
    if not content.startswith(b"%PDF-"):
        return ["report.pdf is no PDF"]
    return (
        [] if hashlib.sha256(content).hexdigest() == wanted else ["report.pdf is not what the result names"]
    )


def _why(view: Json) -> str:
    return _told(view.get("error") or {"code": view["state"]})


def _told(problem: Json) -> str:
    detail = problem.get("detail") or problem.get("message") or problem.get("title") or ""
    return f"{problem.get('code', '')}: {detail}".strip(": ")


def _say(done: Run, as_json: bool) -> None:
    if as_json:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        click.echo(json.dumps({"at": at, **asdict(done)}))
        return
    click.echo(f"{done.kind}: {done.outcome} in {done.seconds:.1f} s ({done.job_id or 'no job'})")
    for reason in done.reasons:
        click.echo(f"  {reason}")


if __name__ == "__main__":
    # In a pod, without the other commands and what they need.
    canary()
