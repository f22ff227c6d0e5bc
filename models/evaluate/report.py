"""The evaluation as tables for people: `python -m models.evaluate.report --data DIR` prints Markdown."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.evaluate.segment import PhotoScore, find_photos, halves, measure
from svc_segment.model import load_model


def report(data_dir: Path) -> str:
    """Means over all photos, over each half, by skin tone; how often the area interval holds; every photo."""
    model = load_model()
    photos = find_photos(data_dir)
    scored = {p.file: measure(p, model) for p in photos}
    tuning, held_out = halves(photos)
    groups = [("all", photos), ("tuning half", tuning), ("held-out half", held_out)]
    groups += [(f"skin {s}", [p for p in photos if p.skin == s]) for s in sorted({p.skin for p in photos})]
    lines = [f"# {model.contract.label} on annotated photos", "", *_head("photos", " area interval holds |")]
    for name, group in groups:
        held = sum(scored[p.file][1] for p in group)
        lines.append(_mean(f"{name} ({len(group)})", [scored[p.file][0] for p in group]) + f" {held} |")
    lines += ["", *_head("photo", "")]
    lines += [_row(s.file, (s.iou, s.f1_2px, s.precision, s.recall)) for s, _ in scored.values()]
    return "\n".join(lines)


def _head(first: str, more: str) -> list[str]:
    rule = "| --- | --- | --- | --- | --- |" + (" --- |" if more else "")
    return [f"| {first} | IoU | F1 within 2 px | precision | recall |{more}", rule]


def _mean(name: str, scores: Sequence[PhotoScore]) -> str:
    values = np.array([[s.iou, s.f1_2px, s.precision, s.recall] for s in scores])
    return _row(name, [float(v) for v in values.mean(0)])


def _row(name: str, values: Sequence[float]) -> str:
    return f"| {name} | " + " | ".join(f"{v:.3f}" for v in values) + " |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the released segmenter on annotated photos.")
    parser.add_argument("--data", type=Path, required=True)
    print(report(parser.parse_args().data))
