"""`assay eval segment`: ink segmentation against drawn masks, drawn boxes and bare skin."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:  # the networks' libraries load when the command runs, not when the CLI starts
    from models.evaluate.against import Difference
    from models.evaluate.evaluation import Evaluation

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--data", required=True, type=_FOLDER, help="Folder with ink_masks/, perhaps bounding_boxes/.")
@click.option(
    "--bare",
    type=_FOLDER,
    help="Folder with photos of bare skin; otherwise `skin` beside --data, where it is.",
)
@click.option("--model", default="", metavar="NAME@VERSION", help="Default: the version that is served.")
@click.option("--against", default="", metavar="NAME@VERSION", help="A second version on the same photos.")
@click.option(
    "--report",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write a page with pictures (index.html) and segment.json into this folder. Do not publish it: it "
    "shows the photos.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything, per photo.")
def segment(
    data: Path, bare: Path | None, model: str, against: str, report: Path | None, as_json: bool
) -> None:
    """Scores ink segmentation against drawn masks, drawn boxes and bare skin.

    \b
    Example:
      assay eval segment --data ../shared/data/tattoo --json
      assay eval segment --data ../shared/data/tattoo --against ink-seg@1.0.0 --report out
    """
    from models.evaluate.against import compare
    from models.evaluate.evaluation import evaluate
    from svc_segment.model import load_model

    bare = bare or _beside(data)
    chosen = load_model(model)
    found = evaluate(data, chosen, bare_dir=bare, say=_say)
    differences: Sequence[Difference] = ()
    if against:
        second = load_model(against)
        against = second.contract.label
        differences = compare(found, evaluate(data, second, bare_dir=bare, say=_say))
    if report is not None:
        from mesh import registry
        from models.evaluate.page import Origin, write
        from models.revision import revision

        origin = Origin(
            datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), revision(), registry.find(found.model).said
        )
        _say(f"{write(report, found, chosen, data, bare, origin, differences, against)}")
    if as_json:
        extra: dict[str, Any] = {"against": against, "differences": [asdict(d) for d in differences]}
        click.echo(json.dumps(found.as_json() | (extra if against else {}), indent=2))
    else:
        click.echo("\n".join(_lines(found, differences, against)))


def _beside(data: Path) -> Path | None:
    folder = data.resolve().parent / "skin"
    return folder if folder.is_dir() else None


def _say(text: str) -> None:
    click.echo(text, err=True)


def _lines(found: Evaluation, differences: Sequence[Difference], against: str) -> Iterable[str]:
    from models.evaluate import boxes, negatives

    yield f"{found.model}"
    for gate in found.gates:
        asked = f"{'>=' if gate.at_least else '<='} {gate.bound}"
        word = "holds" if gate.holds else "FALLS SHORT"
        span = f" [{gate.interval[0]:.4f}, {gate.interval[1]:.4f}]" if gate.interval else ""
        yield f"  {gate.name}: {gate.value:.4f}{span}, asked {asked}: {word}"
    for title, groups in (("skin (impression)", found.by_skin), ("skin (measured)", found.by_ita)):
        yield title
        for name, g in groups.items():
            span = f" [{g.iou_interval[0]:.3f}, {g.iou_interval[1]:.3f}]" if g.iou_interval else ""
            yield f"  {name} ({g.photos}): IoU {g.mean_iou:.3f}{span}, F1 {g.mean_f1_2px:.3f}"
    if found.fairness.absent:
        yield f"  no photo of {', '.join(found.fairness.absent)} skin: synthetic scenes only (see the card)"
    if found.boxes:
        yield "boxes"
        yield from (f"  {line}" for line in boxes.lines(found.boxes))
    if found.bare_skin:
        yield "bare skin"
        yield from (f"  {line}" for line in negatives.lines(found.bare_skin))
    for d in differences:
        span = f" [{d.interval[0]:+.4f}, {d.interval[1]:+.4f}]" if d.interval else ""
        change = f"difference {d.first - d.second:+.4f}{span}"
        yield f"{d.figure}: {d.first:.4f}, {against} {d.second:.4f}, {change}"
