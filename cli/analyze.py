"""`assay analyze`: one photo through the public API, or through the same stages in this process."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from assay.events.v1.analysis_pb2 import Analysis

from cli import intake
from cli.problems import CommandError, refused

Json = dict[str, Any]

DEADLINE_S = 900.0


@click.command()
@click.argument("photo", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the whole result document.")
@click.option("--report", type=click.Path(path_type=Path), help="Save the PDF report here.")
@click.option(
    "--intake",
    "intake_file",
    type=click.Path(path_type=Path),
    help="JSON with consent, tattoo (the case), subject_id; see cli/examples/intake.json.",
)
@click.option("--local", is_flag=True, help="Run the stages in this process; no servers are needed.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="With --local: folder for all artefacts."
)
@click.option(
    "--protected",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Second photo, of skin that the sun does not reach, with the colour chart: for tan.",
)
@click.option(
    "--compare-with",
    help="Earlier analysis of the same subject's tattoo: its job id, or with --local its --out folder.",
)
def analyze(
    photo: Path,
    as_json: bool,
    report: Path | None,
    intake_file: Path | None,
    local: bool,
    out: Path | None,
    protected: Path | None,
    compare_with: str | None,
) -> None:
    """Analyses PHOTO of a tattoo: inks, colours, wavelength advice, risk flags, PDF.

    Without --intake every question counts as unanswered, so nothing is ranked, and you, who run
    the command, state that the person consents to the analysis for their own treatment.

    Exit status: 0 for a result, 2 when the input was refused, 1 when we failed.

    \b
    Example:
      assay analyze models/sample/tattoo.jpg --intake cli/examples/intake.json --report report.pdf
      assay analyze photo.jpg --local --json --out artefacts/
      assay analyze later.jpg --intake intake.json --compare-with JOB
      assay analyze photo.jpg --protected inner-arm.jpg --intake intake.json
    """
    if out is not None and not local:
        raise refused("OPTION_NEEDS_LOCAL", "--out works with --local only.", field="out", fix="Add --local.")
    if photo.stat().st_size == 0:
        raise refused("UPLOAD_EMPTY", f"{photo} is empty.", field="photo", fix="Choose the photo again.")
    if protected is not None and protected.stat().st_size == 0:
        fix = "Choose the photo again."
        raise refused("UPLOAD_EMPTY", f"{protected} is empty.", field="protected", fix=fix)
    statement = intake.read(intake_file)
    if local:
        view, places = locally(
            photo, "image", statement, out, report, compare_with=compare_with, protected=protected
        )
    else:
        if compare_with is not None:
            statement = {
                **statement,
                "tattoo": {**statement.get("tattoo", {}), "compare_with": compare_with},
            }
        view, places = through_api(
            photo, "image", statement, report, show_progress=not as_json, protected=protected
        )
    present(view, places, as_json=as_json)


def present(view: Json, places: Mapping[str, str], *, as_json: bool) -> None:
    """Prints a result; raises CommandError for an analysis that failed or was cancelled."""
    if view["state"] != "STATE_SUCCEEDED":
        raise failure(view)
    if as_json:
        click.echo(json.dumps(view, indent=2, ensure_ascii=False))
        return
    from cli import show

    show.result(view, places, show.console())


def failure(view: Json) -> CommandError:
    """The error of an analysis that ended without a result."""
    error = view.get("error") or {}
    if view["state"] == "STATE_CANCELLED":
        error = {"code": "CANCELLED", "message": "The analysis was cancelled."}
    problem = {
        "code": error.get("code"),
        "detail": error.get("message"),
        "field": error.get("field"),
        "fix": error.get("fix"),
        "stage": error.get("stage"),
        "job_id": view.get("job_id"),
    }
    return CommandError(problem, refused=bool(error.get("permanent")))


def locally(
    source: Path,
    purpose: str,
    statement: Json,
    out: Path | None,
    report: Path | None,
    earlier: Sequence[Analysis] = (),
    compare_with: str | None = None,
    protected: Path | None = None,
) -> tuple[Json, Json]:
    """Analyses in this process; answers the AnalysisView and the places."""
    from cli import local

    if compare_with is None and statement.get("tattoo", {}).get("compare_with"):
        raise refused(
            "COMPARISON_NEEDS_FOLDER",
            "Without servers there are no job ids to compare with.",
            field="tattoo.compare_with",
            fix="Leave it out and name the earlier result's folder by --compare-with.",
        )
    if compare_with is not None and out is not None and Path(compare_with).resolve() == out.resolve():
        raise refused(
            "COMPARISON_OVERWRITTEN",
            "--out names the folder of the earlier result, which would be written over.",
            field="out",
            fix="Choose another folder.",
        )
    visit = None if compare_with is None else local.baseline_of(Path(compare_with))
    view, folder = local.analyze(source, purpose, statement, out, earlier, visit, protected)
    pdf = folder / "report.pdf"
    if report is not None and pdf.exists():
        report.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(pdf, report)
    return view, {"Artefacts": str(folder), "PDF": str(report or pdf)}


def through_api(
    source: Path,
    purpose: str,
    statement: Json,
    report: Path | None,
    *,
    show_progress: bool,
    protected: Path | None = None,
) -> tuple[Json, dict[str, str]]:
    """Uploads, analyses, watches, downloads the report; answers the AnalysisView and the places."""
    from cli.api import Api

    api = Api.connect()
    upload_id = api.upload(source, intake.media_type(source), purpose)
    request = {**statement, "upload_id": upload_id, "mode": "MODE_ASYNC"}
    if protected is not None:
        request["protected_upload_id"] = api.upload(protected, intake.media_type(protected), "image")
    started = api.analyze(request)
    job_id = str(started["job_id"])
    watched(api, job_id, show_progress=show_progress)
    view = api.job(job_id)
    url = f"{api.url}/v1/analyze/{job_id}"
    places = {"Result": url, "Report": f"{url}/report.pdf"}
    places |= {a["name"]: f"{url}/artifacts/{a['name']}" for a in view.get("artifacts", [])}
    if view["state"] == "STATE_SUCCEEDED" and report is not None:
        api.download(f"/v1/analyze/{job_id}/report.pdf", report)
        places["PDF"] = str(report.resolve())
    return view, places


def watched(api: Any, job_id: str, *, show_progress: bool) -> None:
    """Follows a job to its end, with a progress bar on a terminal."""
    if not (show_progress and sys.stderr.isatty()):
        for _ in api.await_end(job_id, DEADLINE_S):
            pass
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<40}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task, followed = bar.add_task("queued", total=100), Followed()
        for event in api.await_end(job_id, DEADLINE_S):
            followed.take(event.name, event.data)
            bar.update(task, completed=followed.percent, description=followed.doing)


class Followed:
    """How far a job is as a whole, from the events of its stages; never goes back."""

    def __init__(self) -> None:
        self.percent = 0.0
        self.doing = "queued"
        self._stages = 1
        self._finished = 0

    def take(self, name: str, data: Json) -> None:
        """Takes in a "state" event (an AnalysisView) or a "progress" event (stage, percent, message)."""
        within = 0.0
        if name == "state":
            self._stages = max(1, len(data.get("stages", [])))
            self._finished = sum("finished_at" in stage for stage in data.get("stages", []))
        elif name == "progress":
            within = float(data.get("percent", 0)) / 100
            self.doing = f"{data.get('stage', '')}: {data.get('message', '')}"
        self.percent = max(self.percent, 100 * min(1.0, (self._finished + within) / self._stages))
