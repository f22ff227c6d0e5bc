"""From where the camera looks, what that lets it see, and whether it stood level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import INDEX
from svc_balance.sway.posture.body import CentreOfMass
from svc_balance.sway.posture.reading import Reading, measured, unmeasured
from svc_balance.sway.posture.series import Prepared

Floats = NDArray[np.float64]

VERSION = "view@1"
VIEWS = ("front", "right", "back", "left")
# Camera within this of a principal direction: the plane's lengths lose at most 13 % there.
WITHIN_DEG = 30.0
# A stated view gives way to a seen one of at least this confidence.
SURE = 0.8
# Breadth of shoulders and hips over trunk length, as BlazePose places them in a front view (0.70-0.75 and
# 0.39-0.40 measured on one person); people differ by about 12 %.
SHOULDERS, HIPS, BREADTH_SD = 0.70, 0.39, 0.12
# Standard uncertainty of an azimuth from BlazePose's world landmarks: two calibrated cameras on a moving
# person were 24 and 8 deg off, a front view of a standing one 4 to 12.
WORLD_SD_DEG = 12.0
# Where the mean pressure lies under a foot is known to about 10 mm of 950 mm (front), 25 mm (side).
PLUMB_SD_DEG = {"front": 0.6, "back": 0.6, "left": 1.5, "right": 1.5}
# The mean pressure lies this share of the way from heel to toe.
PLUMB_SHARE = 0.45


@dataclass(frozen=True)
class ViewReading:
    """The camera against the body.

    view: the one to measure by: "front", "back", "left", "right" (the subject's side that the camera looks
    at), "oblique", or "" when nothing tells. seen: the one the landmarks show. confidence: share of the
    samples that show it, 0 to 1. azimuth_deg: of the camera about the body, from front (0) over the
    subject's right (90), (-180, 180]; turned_deg: from the nearest principal direction, 0 to 45; NaN when
    unknown. turned_sd_deg: its standard uncertainty. right_px, forward_px: picture-x pixels for one pixel to
    the subject's right, or forward: 1 or -1; None where the view does not show it. disagrees: the stated view
    is not the one seen.
    """

    view: str
    seen: str
    confidence: float
    azimuth_deg: float
    turned_deg: float
    turned_sd_deg: float
    right_px: float | None
    forward_px: float | None
    disagrees: bool

    @property
    def frontal(self) -> bool:
        """Whether medio-lateral motion is in the camera's plane."""
        return self.right_px is not None

    @property
    def sagittal(self) -> bool:
        """Whether antero-posterior motion is in the camera's plane."""
        return self.forward_px is not None

    @property
    def sign(self) -> float | None:
        """Picture-x pixels for one pixel right (front, back) or forward (left, right); None otherwise."""
        return self.right_px if self.right_px is not None else self.forward_px

    def hidden(self, plane: str) -> str:
        """Why plane "ml" or "ap" cannot be measured: a key of `reading.REASONS`; empty when it can."""
        if not self.view:
            return "VIEW_UNKNOWN"
        seen = self.frontal if plane == "ml" else self.sagittal
        return "" if seen else "NOT_IN_VIEW"

    def turned_beyond(self, limit_deg: float) -> bool:
        """Whether the body reads as turned by more than the limit, and the reading is finer than that."""
        return bool(self.turned_deg > limit_deg > self.turned_sd_deg)


def read_view(prepared: Prepared, stated: str = "", inside: NDArray[np.bool_] | None = None) -> ViewReading:
    """Tells the view from the left-right order and breadth of shoulders and hips, toes, face and depth.

    World landmarks, where there are any, give the azimuth of the shoulder and hip lines; otherwise breadth
    over trunk length gives its size, order and facing its quadrant. A stated view ("front", ...) holds unless
    at least 0.8 of the samples show another one. inside: [M], samples to look at; all when None.
    """
    azimuth = _azimuth_world(prepared) if prepared.world_m is not None else _azimuth_flat(prepared)
    azimuth = azimuth[np.isfinite(azimuth) & (True if inside is None else inside)]
    if not len(azimuth):
        return _reading(stated, "", 0.0, float("nan"), float("nan"), stated != "")
    mean = float(np.angle(np.exp(1j * azimuth).mean()))
    seen = _named(np.degrees(mean))
    confidence = float(np.mean([_named(value) == seen for value in np.degrees(azimuth)]))
    if prepared.world_m is not None:
        sd_deg = WORLD_SD_DEG
    else:
        # d(acos c) = dc / sin: near a front view breadth says little about turning.
        sd_deg = float(np.degrees(BREADTH_SD * abs(np.cos(mean)) / max(abs(np.sin(mean)), 0.2)))
        sd_deg = max(sd_deg, WORLD_SD_DEG)
    trusts_seen = not stated or (seen != stated and confidence >= SURE)
    return _reading(
        seen if trusts_seen else stated,
        seen,
        confidence,
        float(np.degrees(mean)),
        sd_deg,
        bool(stated) and seen != stated,
    )


def camera_roll(
    com: CentreOfMass, prepared: Prepared, side: str, inside: NDArray[np.bool_], view: str
) -> Reading:
    """Roll of the camera in deg, positive when the picture shows the subject leaning to the picture's right.

    Over a quiet stance the mean centre of mass lies over the mean pressure, which lies under the standing
    foot: the line between them is a plumb line. side: standing leg, "" for both; inside: [M], the window.
    """
    if view not in PLUMB_SD_DEG:
        return unmeasured("camera_roll", "deg", "NOT_IN_VIEW" if view else "VIEW_UNKNOWN")
    sides = (side,) if side else ("left", "right")
    heel, toe = (
        np.mean([prepared.point(f"{each}_{name}") for each in sides], axis=0)
        for name in ("heel", "foot_index")
    )
    line = (com.position_px - (heel + PLUMB_SHARE * (toe - heel)))[inside]
    line = line[np.isfinite(line).all(axis=1)]
    if len(line) < prepared.fs_hz:
        return unmeasured(
            "camera_roll", "deg", "TOO_SHORT" if inside.sum() < prepared.fs_hz else "LANDMARKS_MISSING"
        )
    x, y = np.median(line, axis=0)
    return measured("camera_roll", float(np.degrees(np.arctan2(x, -y))), "deg", PLUMB_SD_DEG[view])


def _reading(
    view: str, seen: str, confidence: float, azimuth_deg: float, sd_deg: float, disagrees: bool
) -> ViewReading:
    turned = abs((azimuth_deg + 45) % 90 - 45)
    return ViewReading(
        view=view,
        seen=seen,
        confidence=confidence,
        azimuth_deg=azimuth_deg,
        turned_deg=turned,
        turned_sd_deg=sd_deg,
        right_px={"front": -1.0, "back": 1.0}.get(view),
        forward_px={"right": 1.0, "left": -1.0}.get(view),
        disagrees=disagrees,
    )


def _named(azimuth_deg: float) -> str:
    quarter = round(azimuth_deg / 90)
    return VIEWS[quarter % 4] if abs(azimuth_deg - 90 * quarter) <= WITHIN_DEG else "oblique"


def _azimuth_world(prepared: Prepared) -> Floats:
    """[M] rad: the line from left to right shoulder and hip points to (-cos, -sin) in (right, away)."""
    world = np.asarray(prepared.world_m)
    across = _mean_of_known(
        [world[:, INDEX[f"right_{name}"]] - world[:, INDEX[f"left_{name}"]] for name in ("shoulder", "hip")]
    )
    return np.asarray(np.arctan2(-across[:, 2], -across[:, 0]))


def _mean_of_known(parts: list[Floats]) -> Floats:
    """Mean over the parts that are there; NaN where none is."""
    stacked = np.stack(parts)
    known = np.isfinite(stacked)
    return np.where(
        known.any(axis=0), np.nan_to_num(stacked).sum(axis=0) / np.maximum(known.sum(axis=0), 1), np.nan
    )


def _azimuth_flat(prepared: Prepared) -> Floats:
    """[M] rad, from the picture alone; its size is rough (BREADTH_SD)."""
    trunk = np.linalg.norm(prepared.middle("shoulder") - prepared.middle("hip"), axis=1)
    breadth = _mean_of_known(
        [
            (prepared.point(f"left_{name}") - prepared.point(f"right_{name}"))[:, 0] / share
            for name, share in (("shoulder", SHOULDERS), ("hip", HIPS))
        ]
    )
    # One facing for the trial: toes and nose say it far better together than in any one sample.
    ahead = [
        (prepared.point("left_foot_index") - prepared.point("left_heel"))[:, 0],
        (prepared.point("right_foot_index") - prepared.point("right_heel"))[:, 0],
        (prepared.point("nose") - prepared.middle("ear"))[:, 0],
    ]
    known = np.concatenate([part[np.isfinite(part)] for part in ahead])
    facing = 1.0 if not len(known) or known.sum() >= 0 else -1.0
    cos = np.clip(breadth / np.where(trunk > 0, trunk, np.nan), -1, 1)
    return np.asarray(np.arctan2(facing * np.sqrt(1 - cos**2), cos))
