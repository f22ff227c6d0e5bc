"""Landmark sets of other pose estimators, as places in the canonical 33 of `mesh.landmarks`.

A name that the canonical set lacks (neck, mid-hip, small toe, head) is left out; a canonical point that the
set lacks stays NaN. A big toe is taken for the canonical foot index, which lies at the tip of the foot too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mesh.landmarks import INDEX, POINTS, Floats

COCO_17 = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder"),
    *("left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip"),
    *("left_knee", "right_knee", "left_ankle", "right_ankle"),
)
"""COCO keypoints: MoveNet, RTMPose."""
HALPE_26 = (
    *COCO_17,
    *("head", "neck", "mid_hip", "left_foot_index", "right_foot_index", "left_small_toe", "right_small_toe"),
    *("left_heel", "right_heel"),
)
"""Halpe body and feet: RTMPose body26."""
BODY_25 = (
    *("nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow"),
    *(
        "left_wrist",
        "mid_hip",
        "right_hip",
        "right_knee",
        "right_ankle",
        "left_hip",
        "left_knee",
        "left_ankle",
    ),
    *("right_eye", "left_eye", "right_ear", "left_ear", "left_foot_index", "left_small_toe", "left_heel"),
    *("right_foot_index", "right_small_toe", "right_heel"),
)
"""OpenPose BODY_25 (OpenPose, doc/02_output.md)."""
BODY_25B = (
    *COCO_17,
    *("neck", "head", "left_foot_index", "left_small_toe", "left_heel"),
    *("right_foot_index", "right_small_toe", "right_heel"),
)
"""OpenPose BODY_25B (openpose_train, experimental models)."""
SETS = {17: COCO_17, 26: HALPE_26}
"""By number of points, where that tells."""


def canonical(values: Floats, names: Sequence[str]) -> Floats:
    """Values [..., len(names), K] put in the canonical order [..., 33, K]; NaN where the set has no point."""
    out = np.full((*values.shape[:-2], POINTS, values.shape[-1]), np.nan)
    places = [(INDEX[name], at) for at, name in enumerate(names) if name in INDEX]
    to, at = zip(*places, strict=True)
    out[..., list(to), :] = values[..., list(at), :]
    return out
