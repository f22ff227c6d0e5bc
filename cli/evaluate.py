"""`assay eval`: how good the measurements are, against data with known answers."""

from __future__ import annotations

import click

from cli.evaluate_color import color
from cli.evaluate_pose import injection, pose
from cli.evaluate_segment import segment
from cli.evaluate_sway import sway


@click.group(name="eval")
def evaluate() -> None:
    """Measures the product against reference data.

    \b
    Example:
      assay eval segment --data ../shared/data/tattoo --json
    """


for _command in (color, injection, pose, segment, sway):
    evaluate.add_command(_command)
