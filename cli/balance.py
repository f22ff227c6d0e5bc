"""`assay balance`: one video or landmark file through the public API, or the stages in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from assay.events.v1.analysis_pb2 import Analysis
from assay.gateway.v1.gateway_pb2 import AnalysisView
from google.protobuf import json_format

from cli import intake
from cli.analyze import locally, present, through_api
from cli.problems import refused

Json = dict[str, Any]

LANDMARK_SUFFIXES = (".json",)
MODES = {"quality": "POSE_MODE_QUALITY", "single-pass": "POSE_MODE_SINGLE_PASS"}


def choice(*names: str) -> click.Choice[str]:
    """One of these words."""
    return click.Choice(names)


@click.command()
@click.argument("video", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--side", type=choice("left", "right"), help="Standing leg; in tandem the leg behind.")
@click.option("--eyes", type=choice("open", "closed", "dome"), help="Vision during the test.")
@click.option(
    "--task",
    type=choice("single-leg", "bess", "mbess", "ctsib", "mctsib", "y-balance"),
    help="Test; single-leg when not stated.",
)
@click.option("--stance", type=choice("single", "double", "tandem"), help="How the feet stand.")
@click.option("--arms", type=choice("crossed", "hips", "free"), help="What the arms are asked to do.")
@click.option("--surface", type=choice("firm", "foam"), help="What the subject stands on.")
@click.option("--height", "height_cm", type=float, help="Body height in cm; without it nothing is in mm.")
@click.option("--leg-length", "leg_length_cm", type=float, help="Leg length in cm.")
@click.option("--age", "age_years", type=int, help="Age in years.")
@click.option("--mode", type=choice(*MODES), help="Pose estimation; quality when not stated.")
@click.option("--model", help="Pose model, for example blazepose-full@0.10.14.")
@click.option("--subject", "subject_id", help="Pseudonym; needed to compare.")
@click.option(
    "--compare",
    multiple=True,
    help="Earlier analysis to compare with: its job id, or with --local the file of its --json output.",
)
@click.option(
    "--intake",
    "intake_file",
    type=click.Path(path_type=Path),
    help="JSON with consent, balance (the trial), subject_id; see cli/examples/balance.json. Options win.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the whole result document.")
@click.option("--report", type=click.Path(path_type=Path), help="Save the PDF report here.")
@click.option("--local", is_flag=True, help="Run the stages in this process; no servers are needed.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="With --local: folder for all artefacts."
)
def balance(
    video: Path,
    intake_file: Path | None,
    as_json: bool,
    report: Path | None,
    local: bool,
    out: Path | None,
    compare: tuple[str, ...],
    **stated: Any,
) -> None:
    """Analyses VIDEO (or a landmark file, .json) of a standing balance test.

    Sway of the centre of mass, time to failure, strategy, knee and trunk, a score with its
    uncertainty, and a PDF. What is not stated is recorded as not stated. Without --intake you, who
    run the command, state that the person consents to the analysis.

    Exit status: 0 for a result, 2 when the input was refused, 1 when we failed.

    \b
    Example:
      assay balance models/sample/balance.mp4 --side right --eyes open --arms free --height 175 --age 34
      assay balance models/sample/balance.mp4 --height 175 --local --json --out artefacts/
    """
    if out is not None and not local:
        raise refused("OPTION_NEEDS_LOCAL", "--out works with --local only.", field="out", fix="Add --local.")
    if video.stat().st_size == 0:
        raise refused("UPLOAD_EMPTY", f"{video} is empty.", field="video", fix="Choose the file again.")
    statement = statement_of(intake.read(intake_file, "balance"), stated)
    purpose = "landmarks" if video.suffix.lower() in LANDMARK_SUFFIXES else "video"
    if local:
        earlier = [document_of(Path(name)) for name in compare]
        view, places = locally(video, purpose, statement, out, report, earlier)
    else:
        if compare:
            statement["balance"]["compare_with"] = list(compare)
        view, places = through_api(video, purpose, statement, report, show_progress=not as_json)
    present(view, places, as_json=as_json)


def statement_of(statement: Json, stated: Json) -> Json:
    """The statement of an intake file with the options laid over it."""
    if "balance" not in statement:
        raise refused(
            "INTAKE_INVALID", "The intake states no balance trial.", field="balance", fix="Add `balance`."
        )
    trial = dict(statement["balance"])
    for name in ("side", "eyes", "task", "stance", "arms", "surface"):
        if stated[name] is not None:
            prefix = "STANCE_SIDE" if name == "side" else name.upper()
            trial[name] = f"{prefix}_{stated[name].upper().replace('-', '_')}"
    for name in ("height_cm", "leg_length_cm", "age_years"):
        if stated[name] is not None:
            trial[name] = stated[name]
    if stated["mode"] is not None:
        trial["pose_mode"] = MODES[stated["mode"]]
    top = {name: stated[name] for name in ("model", "subject_id") if stated[name] is not None}
    return {**statement, **top, "balance": trial}


def document_of(path: Path) -> Analysis:
    """The document in a file of `--json` output; raises CommandError (COMPARISON_UNREADABLE)."""
    try:
        view = json_format.ParseDict(json.loads(path.read_text(encoding="utf-8")), AnalysisView())
    except (OSError, ValueError, json_format.ParseError) as error:
        raise refused(
            "COMPARISON_UNREADABLE",
            f"{path} is no result: {error}",
            field="compare",
            fix="Name a file that `assay balance --json` printed.",
        ) from error
    return Analysis.FromString(view.result.SerializeToString())
