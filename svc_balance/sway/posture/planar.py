"""Body coordinates in the camera's plane: across to the subject's right or forward, up against gravity."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import INDEX
from svc_balance.sway.posture.filters import low_pass
from svc_balance.sway.posture.series import Prepared, landmark_error

Floats = NDArray[np.float64]

# Joint angles and events (domain review 2026-11, section 4).
ANGLE_HZ = 6.0
RIGHT = {"right": 1.0, "left": -1.0}
OTHER = {"right": "left", "left": "right"}


class Planar:
    """Filtered landmarks of a `Prepared` in body coordinates, px.

    across: picture x times the view's sign (`ViewReading.sign`), so positive is the subject's right in a
    front or back view and forward in a side view. up: minus picture y.
    """

    def __init__(self, prepared: Prepared, sign: float, cutoff_hz: float = ANGLE_HZ) -> None:
        self.fs_hz = prepared.fs_hz
        smooth = low_pass(prepared.image_px, prepared.fs_hz, cutoff_hz)
        self._points = np.stack([sign * smooth[..., 0], -smooth[..., 1]], axis=-1)
        error_px, _ = landmark_error(prepared)
        self._error = error_px * math.sqrt(noise_share(prepared.fs_hz, cutoff_hz))

    def point(self, name: str) -> Floats:
        """One landmark, [M, 2]; "mid_hip" and the like are the mean of left and right."""
        if name.startswith("mid_"):
            return (self.point("left_" + name[4:]) + self.point("right_" + name[4:])) / 2
        return self._points[:, INDEX[name]]

    def error(self, name: str, inside: NDArray[np.bool_]) -> float:
        """Root-mean-square error of one landmark's coordinate after the filter, px; NaN when unknown."""
        if name.startswith("mid_"):
            return (
                math.hypot(self.error("left_" + name[4:], inside), self.error("right_" + name[4:], inside))
                / 2
            )
        values = self._error[inside, INDEX[name]]
        values = values[np.isfinite(values)]
        return float(np.sqrt(np.mean(values**2))) if len(values) else float("nan")

    def tilt(self, low: str, high: str) -> Floats:
        """Angle of the line from `low` to `high` with the vertical, [M] rad, positive right or forward."""
        line = self.point(high) - self.point(low)
        return np.asarray(np.arctan2(line[:, 0], line[:, 1]))

    def length(self, low: str, high: str) -> Floats:
        """Distance between two landmarks, [M] px."""
        return np.asarray(np.linalg.norm(self.point(high) - self.point(low), axis=1))

    def tilt_error(self, low: str, high: str, inside: NDArray[np.bool_]) -> float:
        """Standard uncertainty of `tilt` in one sample, rad."""
        length = self.length(low, high)[inside]
        length = length[length > 0]
        if not len(length):
            return float("nan")
        return math.hypot(self.error(low, inside), self.error(high, inside)) / float(np.median(length))


def noise_share(fs_hz: float, cutoff_hz: float) -> float:
    """Share of white noise's variance that a low-pass lets through: the band's share, at most 1."""
    return min(1.0, 2 * cutoff_hz / fs_hz)


def velocity_noise(error: float, fs_hz: float, cutoff_hz: float) -> float:
    """Standard deviation of the velocity of white noise `error` low-passed at the cutoff, per second.

    The integral of (2 pi f)^2 over a flat spectrum of density 2 error^2 / fs.
    """
    return error * math.sqrt(2 / fs_hz * (2 * math.pi) ** 2 * cutoff_hz**3 / 3)


def acceleration_noise(error: float, fs_hz: float, cutoff_hz: float) -> float:
    """The same for the acceleration, per second squared."""
    return error * math.sqrt(2 / fs_hz * (2 * math.pi) ** 4 * cutoff_hz**5 / 5)
