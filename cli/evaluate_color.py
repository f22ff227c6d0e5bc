"""`assay eval color`: every figure of colour that this machine has the data for."""

from __future__ import annotations

import json
from pathlib import Path

import click

# As in models.evaluate.color_sections, which loads the networks' libraries and so is not imported here.
SECTIONS = ("pairs", "spectra", "ring", "equity", "chart", "palette")


@click.command()
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Reference data; for the palette alone any folder with photos <tattoo>_<n>.jpg.",
)
@click.option("--only", type=click.Choice(SECTIONS), multiple=True, help="Only this section; repeatable.")
@click.option("--model", default="", metavar="NAME@VERSION", help="Segmenter; default: the served one.")
@click.option("--json", "as_json", is_flag=True, help="Print everything, per photo.")
def color(data: Path, only: tuple[str, ...], model: str, as_json: bool) -> None:
    """Measures colour: published pairs, skin spectra, skin reference, classes by skin, charts, palettes.

    pairs: CIEDE2000 on Sharma's pairs. spectra: CIELAB and ITA of NIST's skin spectra against
    colour-science. ring: the skin reference among hair, shadow, glare and redness. equity: the
    ink classifier by class of skin. chart: charts on real photos, and the skin beside them.
    palette: whether photos of one tattoo get the same dominant ink (minutes).

    A section whose data is not there says so.

    \b
    Example:
      assay eval color --data ../shared/data --only pairs --only ring --json
    """
    from models.evaluate.color_sections import document, sections

    found = sections(data, model, only or SECTIONS, lambda text: click.echo(text, err=True))
    if as_json:
        click.echo(json.dumps(document(found), indent=2, allow_nan=False))
        return
    for one in found:
        click.echo(f"{one.name}\n" + "\n".join(f"  {line}" for line in one.lines))
