"""`assay eval injection` and `assay eval pose`: the pose stage against known movement and known places."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

_DATA = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--data", required=True, type=_DATA, help="Folder with the posevideo clips.")
@click.option("--model", default="", help="Pose model, for example blazepose-lite@0.5.1675469404.")
@click.option("--json", "as_json", is_flag=True, help="Print everything, per frame and mode.")
def injection(data: Path, model: str, as_json: bool) -> None:
    """Moves still pictures of people by a known sway and says how much of it the pose stage sees.

    Every frame tried is listed. Exit status 1 when quality mode misses what is required of it: static
    standard deviation at most 0.35 mm, gain 0.95 to 1.08, correlation at least 0.99 at 9 mm, as medians.

    \b
    Example:
      assay eval injection --data ../shared/data/posevideo --json
    """
    from models.evaluate.sway_injection import AMPLITUDES_MM, SUBJECTS, evaluate

    found = evaluate(data, model, told=lambda name: click.echo(f"{name} ...", err=True))
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(found), indent=2))
    else:
        click.echo(f"{found.model}, {len(found.trials)} of {len(SUBJECTS)} frames tried")
        for trial in found.trials:
            click.echo(f"{trial.subject} ({trial.person}, {trial.file} frame {trial.frame}) {trial.error}")
            for response in trial.responses:
                click.echo(_line(dataclasses.asdict(response), AMPLITUDES_MM))
        click.echo("medians")
        for median in found.medians:
            click.echo(_line(dataclasses.asdict(median), AMPLITUDES_MM))
        click.echo("quality mode passes" if found.passed else "quality mode does NOT pass")
    if not found.passed:
        raise click.exceptions.Exit(1)


@click.command()
@click.option("--data", required=True, type=_DATA, help="Folder in Pose2Sim's layout.")
@click.option("--model", default="", help="BlazePose or MoveNet, for example movenet-thunder@3.0.4.")
@click.option("--rtmpose", type=_FILE, help="Your RTMPose file (ONNX, 17 or 26 joints) instead.")
@click.option("--json", "as_json", is_flag=True, help="Print everything, per camera, mode and landmark.")
def pose(data: Path, model: str, rtmpose: Path | None, as_json: bool) -> None:
    """Compares landmarks with a triangulated 3D reference, seen by each calibrated camera.

    Two figures per camera: over all points, and over those where the camera supports the reference, that is
    where the 2D detections that the reference was made from agree with it. Exit status 1 when the latter is
    above 2 % of body height in quality mode. MoveNet and RTMPose see the regions in which BlazePose follows
    the person, once each, and are scored at the points that they have.

    \b
    Example:
      assay eval pose --data ../shared/data/posevideo/pose2sim_balancing --json
      assay eval pose --data ../shared/data/posevideo/pose2sim_balancing --model movenet-thunder@3.0.4
    """
    from models.evaluate.pose import LARGEST_MEDIAN, evaluate

    if model and rtmpose:
        raise click.UsageError("Give either --model or --rtmpose.")
    found = evaluate(data, model, rtmpose, told=lambda name: click.echo(f"{name} ...", err=True))
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(found), indent=2))
    else:
        where = "" if found.model == found.followed_with else f" in the regions of {found.followed_with}"
        click.echo(
            f"{found.model}{where}: median error {found.supported_median_percent:.2f} % of body height where "
            f"the reference is supported, {found.median_percent:.2f} % over all points"
        )
        for camera in found.cameras:
            click.echo(
                f"{camera.video} {camera.mode}: {camera.frames} frames, "
                f"{camera.frames_without_person} without a person, body {camera.body_height_px:.0f} px"
            )
            click.echo(
                f"  all points: median {camera.median_px:.1f} px = {camera.median_percent:.2f} %, "
                f"90th percentile {camera.p90_percent:.2f} %"
            )
            click.echo(
                f"  supported points ({100 * camera.supported_share:.0f} %, video behind by "
                f"{camera.offset_frames} frames): median {camera.supported_median_px:.1f} px = "
                f"{camera.supported_median_percent:.2f} %"
            )
            click.echo(f"  the reference's own detections: {camera.reference_median_percent:.2f} %")
            for mark in camera.landmarks:
                median = f"median {mark.median_px:5.1f} px ({mark.median_percent:.2f} %)"
                click.echo(f"  {mark.landmark:<17} {median}, 90th percentile {mark.p90_px:.1f} px")
        click.echo("passes" if found.passed else f"does NOT pass: above {LARGEST_MEDIAN:g} %")
    if not found.passed:
        raise click.exceptions.Exit(1)


def _line(response: dict[str, Any], amplitudes_mm: tuple[float, ...]) -> str:
    parts = [f"  {response['mode']:<12} static sd {response['static_sd_mm']:.2f} mm"]
    for mm, gain, r in zip(amplitudes_mm, response["gains"], response["correlations"], strict=True):
        parts.append(f"±{mm:g} mm: gain {gain:.2f} r {r:.4f}")
    return ", ".join(parts)
