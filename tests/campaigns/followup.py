"""Figures of docs/follow-up.md: drawn visits with exact truth, and real photos of one tattoo and of two.

python -m tests.campaigns.followup            drawn visits
python -m tests.campaigns.followup FOLDER     and photos named <tattoo>_<n>.<ext> in it (BIVTatt)
"""

from __future__ import annotations

import itertools
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from svc_color.followup.compare import compare, conditions
from svc_color.followup.register import Registered, register
from svc_segment.core import segment
from svc_segment.model import load_model
from tests.color.visits import INKS, Pose, baseline_of, body, contrast, measured, photograph

THEN = datetime(2026, 1, 12, tzinfo=UTC)
DRAWN, OTHER_PAIRS = 24, 60


def drawn() -> None:
    """Random bodies, poses, lights and fading; calibration errors of 2 % per channel at both visits."""
    rng = np.random.default_rng(5)
    inside: dict[str, list[bool]] = {"contrast": [], "density": []}
    off: dict[str, list[float]] = {"contrast": [], "density": []}
    refused = 0
    for number in range(DRAWN):
        of = body(INKS, seed=100 + number)
        first = photograph(of, error=0.02, seed=1000 + number)
        baseline, earlier = baseline_of(first, at=THEN)
        left = float(rng.choice([0.8, 0.5, 0.25, 0.1, 0.05]))
        turn, zoom = rng.uniform(-30, 30), rng.uniform(0.45, 0.65)
        pose = Pose(turn, zoom, tuple(rng.uniform(-30, 30, 2)), *rng.uniform(-0.2, 0.2, 2))
        light = tuple(rng.uniform(0.7, 1.0, 3))
        page, photo = measured(photograph(of, left, pose, light=light, error=0.02, seed=2000 + number))
        at = THEN + timedelta(days=60)
        found, _ = compare(baseline, earlier, photo, conditions(page, "camera", "ink-seg@1.0.0", at))
        refused += bool(found.not_comparable)
        for change in [] if found.not_comparable else found.inks:
            drawn_as = np.bincount(first.labels[earlier.labels == change.baseline_id], minlength=4)[1:]
            density = np.array(INKS[int(drawn_as.argmax())])
            by_contrast = 100 * (1 - contrast(density, left) / contrast(density, 1))
            truths = {"contrast": by_contrast, "density": 100 * (1 - left)}
            for by, true in truths.items():
                measure = getattr(change, f"clearance_{by}")
                inside[by].append(measure.low_95 <= true <= measure.high_95)
                off[by].append(abs(measure.value - true))
    print(f"{DRAWN} drawn pairs, {refused} refused")
    for by, within in inside.items():
        error = np.array(off[by])
        print(
            f"clearance by {by}: interval holds the truth in {np.mean(within):.3f} of {len(within)}; "
            f"error median {np.median(error):.1f}, 95 % {np.percentile(error, 95):.1f} points"
        )


def real(folder: Path) -> None:
    """How many real pairs are registered, of one tattoo from several sides and of two tattoos."""
    model, photos = load_model(threads=1), {}
    named = [
        path for path in sorted(folder.rglob("*")) if re.fullmatch(r".+_\d+\.(jpe?g|png)", path.name, re.I)
    ]
    groups: dict[str, list[str]] = {}
    for path in named:
        groups.setdefault(path.stem.rpartition("_")[0], []).append(path.name)
    several = {tattoo: names[:4] for tattoo, names in groups.items() if len(names) > 1}
    for path in named:
        if any(path.name in names for names in several.values()):
            rgb = np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB), np.uint8)
            photos[path.name] = (rgb, segment(rgb, model).mask > 0)
    same = [pair for names in several.values() for pair in itertools.combinations(names, 2)]
    rng, other = np.random.default_rng(0), []
    while len(other) < OTHER_PAIRS:
        first, second = rng.choice(list(photos), 2, replace=False)
        if first.rpartition("_")[0] != second.rpartition("_")[0]:
            other.append((str(first), str(second)))
    for what, pairs in (("one tattoo", same), ("two tattoos", other)):
        found = [register(*photos[first], photos[second][0]) for first, second in pairs]
        done = [each for each in found if isinstance(each, Registered)]
        print(f"photos of {what}: {len(done)} of {len(found)} registered")


if __name__ == "__main__":
    cv2.setNumThreads(1)
    drawn()
    if len(sys.argv) > 1:
        real(Path(sys.argv[1]))
