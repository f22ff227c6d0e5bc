"""`assay eval color`: whether photos of one tattoo get the same dominant ink."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:  # the networks' libraries load when the command runs, not when the CLI starts
    from models.evaluate.color import ColorEvaluation


@click.command()
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with photos <tattoo>_<n>.jpg, several of a tattoo, at any depth.",
)
@click.option("--model", default="", metavar="NAME@VERSION", help="Segmenter; default: the served one.")
@click.option("--json", "as_json", is_flag=True, help="Print everything, per photo.")
def color(data: Path, model: str, as_json: bool) -> None:
    """Measures how far photos of one tattoo agree in their dominant ink.

    \b
    Example:
      assay eval color --data ../shared/data/tattoo/bivtatt/images --json
    """
    from models.evaluate.color import evaluate
    from svc_segment.model import load_model

    found = evaluate(data, load_model(model), lambda text: click.echo(text, err=True))
    click.echo(json.dumps(found.as_json(), indent=2) if as_json else "\n".join(_lines(found)))


def _lines(found: ColorEvaluation) -> Iterable[str]:
    yield f"{found.segmenter}, {found.classifier}, {len(found.photos)} photos"
    for question, each in found.agreement.items():
        span = "" if each.kappa_interval is None else " [{:.2f}, {:.2f}]".format(*each.kappa_interval)
        kappa = "not defined: every photo says the same" if each.kappa is None else f"{each.kappa:.3f}{span}"
        yield (
            f"  {question}: {each.subjects} tattoos agree in {each.observed:.3f} of pairs, "
            f"chance {each.chance:.3f}, kappa {kappa}, free-marginal {each.free:.3f}"
        )
    for photo in found.photos:
        inks = ", ".join(f"{ink.ink_class} {ink.area_share:.2f}" for ink in photo.inks)
        yield f"  {photo.tattoo} {photo.file}: {inks or 'no ink'}"
