"""`assay eval`: how good the measurements are, against data with known answers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from cli.evaluate_pose import injection, pose
from cli.evaluate_sway import sway


@click.group(name="eval")
def evaluate() -> None:
    """Measures the product against reference data.

    \b
    Example:
      assay eval segment --data ../shared/data/tattoo --json
    """


@evaluate.command()
@click.option(
    "--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder."
)
@click.option("--json", "as_json", is_flag=True, help="Print everything, per photo.")
def segment(data: Path, as_json: bool) -> None:
    """Scores ink segmentation against hand-drawn masks (ink_masks/ in the folder).

    \b
    Example:
      assay eval segment --data ../shared/data/tattoo --json
    """
    from models.evaluate.segment import evaluate as run

    scores: dict[str, Any] = dataclasses.asdict(run(data))
    if as_json:
        click.echo(json.dumps(scores, indent=2))
        return
    click.echo(f"mean IoU {scores['mean_iou']:.3f}, mean boundary F1 {scores['mean_f1_2px']:.3f}")
    for skin, score in scores["by_skin"].items():
        click.echo(f"  {skin}: {score}")
    for photo in scores["photos"]:
        numbers = ", ".join(f"{name} {photo[name]:.3f}" for name in ("iou", "precision", "recall"))
        click.echo(f"  {photo['file']}: {numbers}")


for _command in (injection, pose, sway):
    evaluate.add_command(_command)
