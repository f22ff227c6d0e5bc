"""The evaluation as tables for people: `python -m models.evaluate.report --data DIR` prints Markdown."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.evaluate.segment import PhotoScore, evaluate, find_photos, halves


def report(data_dir: Path) -> str:
    """Means over all photos, over each half, by skin tone, and every photo."""
    result = evaluate(data_dir)
    tuning, held_out = ({p.file for p in half} for half in halves(find_photos(data_dir)))
    lines = [f"# {result.model} on annotated photos", "", *_head("photos")]
    lines.append(_mean(f"all ({len(result.photos)})", result.photos))
    for name, files in (("tuning half", tuning), ("held-out half", held_out)):
        part = [s for s in result.photos if s.file in files]
        lines.append(_mean(f"{name} ({len(part)})", part))
    for skin, s in result.by_skin.items():
        means = (s.mean_iou, s.mean_f1_2px, s.mean_precision, s.mean_recall)
        lines.append(_row(f"skin {skin} ({s.photos})", means))
    lines += ["", *_head("photo")]
    lines += [_row(s.file, (s.iou, s.f1_2px, s.precision, s.recall)) for s in result.photos]
    return "\n".join(lines)


def _head(first: str) -> list[str]:
    return [f"| {first} | IoU | F1 within 2 px | precision | recall |", "| --- | --- | --- | --- | --- |"]


def _mean(name: str, scores: Sequence[PhotoScore]) -> str:
    values = np.array([[s.iou, s.f1_2px, s.precision, s.recall] for s in scores])
    return _row(name, [float(v) for v in values.mean(0)])


def _row(name: str, values: Sequence[float]) -> str:
    return f"| {name} | " + " | ".join(f"{v:.3f}" for v in values) + " |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the released segmenter on annotated photos.")
    parser.add_argument("--data", type=Path, required=True)
    print(report(parser.parse_args().data))
