"""What is kept of a run in docs/experiments: parameters, data, revision, curves, result."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.revision import REPO, revision
from models.train.ink.curves import draw
from models.train.ink.plan import Plan
from models.train.ink.trainer import Run

EXPERIMENTS = REPO / "docs" / "experiments"
MADE_BY = ("models/synth", "models/train/ink", "svc_segment")
"""What a segmenter is made by: the revision says whether it differed from the commit."""


def write(name: str, why: str, plan: Plan, run: Run, facts: dict[str, Any]) -> Path:
    """Write <name>.json, <name>.md and <name>.svg; returns the path of the .md.

    `facts` holds what else was found, by heading: data, rates, results.
    """
    EXPERIMENTS.mkdir(parents=True, exist_ok=True)
    history = run.history
    document = {
        "run": name,
        "why": why,
        "plan": asdict(plan),
        "git_revision": revision(*MADE_BY),
        "steps": run.steps,
        "seconds": round(history.seconds),
        "metrics_sha256": history.metrics_sha256(),
        **facts,
        "losses": history.losses,
        "validations": history.validations,
    }
    (EXPERIMENTS / f"{name}.json").write_text(json.dumps(document) + "\n")
    validations = [(int(v["step"]), v["iou"]) for v in history.validations]
    (EXPERIMENTS / f"{name}.svg").write_text(draw(history.losses, validations))
    path = EXPERIMENTS / f"{name}.md"
    path.write_text(_page(document, facts))
    return path


def write_table(name: str, why: str, rows: list[dict[str, Any]]) -> Path:
    """Write <name>.json and <name>.md of a comparison; returns the path of the .md."""
    EXPERIMENTS.mkdir(parents=True, exist_ok=True)
    document = {"run": name, "why": why, "git_revision": revision(*MADE_BY), "rows": rows}
    (EXPERIMENTS / f"{name}.json").write_text(json.dumps(document) + "\n")
    head = list(rows[0])
    lines = [f"| {' | '.join(head)} |", "| " + " | ".join("---" for _ in head) + " |"]
    lines += [f"| {' | '.join(str(row.get(k, '-')) for k in head)} |" for row in rows]
    table = "\n".join(lines)
    path = EXPERIMENTS / f"{name}.md"
    path.write_text(f"# {name}\n\n{why}\n\nRevision `{revision(*MADE_BY)}`.\n\n{table}\n")
    return path


def _page(document: dict[str, Any], facts: dict[str, Any]) -> str:
    rows = "\n".join(f"| {k} | `{json.dumps(v)}` |" for k, v in document["plan"].items())
    best = min(document["validations"], key=lambda v: v["entropy"])
    told = "\n".join(f"- {k}: `{json.dumps(v)}`" for k, v in facts.items())
    return f"""# {document["run"]}

{document["why"]}

Best validation while training (synthetic, whole scenes made small, p = 0.5 without calibration), step
{best["step"]:.0f} of {document["steps"]}: IoU {best["iou"]:.3f}, precision {best["precision"]:.3f}, recall
{best["recall"]:.3f}, false ink on scenes without any {100 * best["false_ink"]:.2f} %.

{told}
- time: {document["seconds"]} s of training
- revision: `{document["git_revision"]}`
- hash of metrics: `{document["metrics_sha256"]}`

![loss and validation]({document["run"]}.svg)

| parameter | value |
| --- | --- |
{rows}
"""
