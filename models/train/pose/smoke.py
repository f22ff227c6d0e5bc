"""A training of seconds that must learn, be repeatable and go on where it was cut off.

    python -m models.train.pose.smoke

Exit status 1 when it does not. The network is exported and read back.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
import torch

from models.train.pose.main import HELD_OUT_SEED, Plan, train, write
from models.train.pose.pool import build
from models.train.pose.release import NAME
from models.train.pose.views import held_out as regions_of

PLAN = Plan(people=64, held_out=16, steps=60, batch=8, paired_from=30, average=0.9, every=30, patience=5)
CUT = 30
VERSION = "0.0.0"


def faults(folder: Path) -> list[str]:
    """What went wrong; empty when nothing did."""
    held = build(folder, HELD_OUT_SEED, PLAN.held_out, 1)
    pool = build(folder, 0, PLAN.people, 1)
    whole = train(PLAN, pool, held, folder / "whole")
    # A cut run: its checkpoint is taken from the middle of the same plan.
    train(PLAN, pool, held, folder / "cut", last_step=CUT)
    resumed = train(PLAN, pool, held, folder / "cut")
    found = []
    first, last = (look.held_out.error_percent for look in (whole.looks[0], whole.looks[-1]))
    if not last < first:
        found.append(f"error rose from {first:.1f} to {last:.1f} % of body height")
    if resumed.metrics_sha256 != whole.metrics_sha256:
        found.append("a run that was cut off and went on gives other metrics")
    write(VERSION, PLAN, whole, pool, held, folder / "registry", folder / "log")
    session = ort.InferenceSession(str(folder / "registry" / NAME / VERSION / "model.onnx"))
    error = np.asarray(session.run(["error"], {"image": next(regions_of(held, 4)).pictures})[0])
    if not (error > 0).all():
        found.append("the exported network expects no error of itself")
    return found


def main() -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        found = faults(Path(folder))
    print("\n".join(found) or "the pose student learns, is repeatable, resumes and exports")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
