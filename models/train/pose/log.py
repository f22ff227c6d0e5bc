"""What is kept of a run in docs/experiments: parameters, data, revision, curves, result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.train.ink.curves import draw


def write_log(folder: Path, name: str, document: Mapping[str, Any]) -> None:
    """<name>.json, <name>.md and <name>.svg of a run; `document` holds plan, looks, seconds, about."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    looks = document["looks"]
    losses = [(look["step"], look["loss"]) for look in looks]
    errors = [(look["step"], look["held_out"]["error_percent"]) for look in looks]
    highest = float(max(error for _, error in errors))
    (folder / f"{name}.svg").write_text(draw(losses, errors, "median error, % of body height", highest))
    (folder / f"{name}.md").write_text(_page(name, document))


def _page(name: str, document: Mapping[str, Any]) -> str:
    about = document["about"]
    plan = "\n".join(f"| {key} | {value} |" for key, value in document["plan"].items())
    looks = "\n".join(
        f"| {look['step']} | {look['loss']:.2f} | "
        + " | ".join(f"{look['held_out'][key]:.3f}" for key in _COLUMNS)
        + " |"
        for look in document["looks"]
    )
    return f"""# {name}

Written by the run itself. Errors are of generated people that were not trained on, % of body height; what the
student does on real videos is in docs/backbones.md.

- people: `{about["data"]["pool_sha256"]}`, held out: `{about["data"]["held_out_sha256"]}` (SHA-256)
- time: {document["seconds"]} s of training on {document["threads"]} thread
- revision: `{about["git_revision"]}`
- hash of metrics: `{about["metrics_sha256"]}`; {about["parameters"]:,} parameters

![loss and error]({name}.svg)

| step | loss | {" | ".join(_COLUMNS.values())} |
| --- | --- | {" | ".join("---" for _ in _COLUMNS)} |
{looks}

| parameter | value |
| --- | --- |
{plan}
"""


_COLUMNS = {
    "error_percent": "median error",
    "p90_percent": "90th percentile",
    "visible_percent": "median, visible points",
    "tremble_percent": "tremble between regions",
    "covered": "within 1.96 expected errors",
    "visible_right": "visibility right",
}
