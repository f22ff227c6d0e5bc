"""`assay eval sway`: sway metrics of force-plate recordings against the values published with them."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import click

from cli.problems import refused


@click.command()
@click.option(
    "--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder."
)
@click.option("--json", "as_json", is_flag=True, help="Print every trial and metric.")
def sway(data: Path, as_json: bool) -> None:
    """Computes published sway values again from their force-plate recordings.

    Takes the layouts of BDS (Santos & Duarte 2016), PDS (2017) and of the code of Quijoux 2021, found by
    their content anywhere below the folder, each computed by that data set's own conventions.

    \b
    Example:
      assay eval sway --data ../shared/data/cop/bds
    """
    from cli.plates import compare, look
    from mesh.errors import InvalidInput

    found = look(data)
    trials: list[dict[str, Any]] = []
    skipped = dict(found.skipped)
    with click.progressbar(found.recordings, label="trials", file=sys.stderr) as paths:
        for path in paths:
            name = str(path.relative_to(data))
            try:
                compared = compare(path, data, found)
            except (InvalidInput, ValueError) as error:
                skipped[name] = str(error)
                continue
            if compared:
                trials.append({"file": name, "metrics": [_row(each) for each in compared]})
            else:
                skipped[name] = "no published values beside it"
    if not trials:
        raise refused(
            "SWAY_DATA_NOT_FOUND",
            f"{data} holds no recording with published values.",
            field="data",
            fix="Give a folder in the layout of BDS, PDS or Quijoux 2021 (docs/balance-metrics.md).",
        )
    result = {"trials": trials, "skipped": [{"file": file, "reason": why} for file, why in skipped.items()]}
    click.echo(json.dumps(result, indent=2) if as_json else _table(trials, len(skipped)))


def _row(comparison: Any) -> dict[str, Any]:
    return {
        "id": comparison.id,
        "ours": comparison.ours,
        "theirs": comparison.theirs,
        "relative_difference": comparison.relative_difference,
        "unit": comparison.unit,
        "published_as": comparison.published_as,
    }


def _table(trials: list[dict[str, Any]], skipped: int) -> str:
    """Per published value: in how many trials, and the largest difference."""
    worst: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
    for trial in trials:
        for row in trial["metrics"]:
            worst[row["published_as"], row["id"]].append((abs(row["relative_difference"]), trial["file"]))
    lines = [f"{'published as':<52} {'our id':<24} {'trials':>6} {'largest relative difference':>28}"]
    for (published, ours), differences in worst.items():
        size, file = max(differences)
        lines.append(f"{published:<52} {ours:<24} {len(differences):>6} {size:>14.2e} in {file}")
    lines.append(f"{len(trials)} trials, {skipped} files without values to compare")
    return "\n".join(lines)
