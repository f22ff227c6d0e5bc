"""How much the camera moved, from background features followed through the reduced pictures."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from svc_ingest.raster import Pixels

_EVERY_S: Final = 1 / 3
_CORNERS: Final = 400
_GRID: Final = (8, 6)
_PER_CELL: Final = 6
_LEAST_INLIERS: Final = 12
_LEAST_SHARE: Final = 0.3
"""Least share of followed features that must agree on one motion to be the background."""
_LEAST_SPREAD: Final = 0.5
"""Least width between the 10th and 90th percentile of those, of the picture's width: wider than a person."""
_TOLERANCE_PX: Final = 0.5

Points = NDArray[np.float32]
Similarity = NDArray[np.float64]
"""2 x 3: scale and rotation, then shift, in reduced pixels."""


@dataclass(frozen=True)
class CameraMotion:
    """speed_px: 90th percentile of the background's motion between neighbouring frames, px/frame of the full
    picture. drift_percent: its farthest distance from where it was at the start of the shot, % of the longer
    side. zoom_percent: largest change of its size. Each None when no background could be followed.
    """

    speed_px: float | None
    drift_percent: float | None
    zoom_percent: float | None


class Follower:
    """Follows the background. Frames are given in order with `add`, `motion` sums up.

    Three times a second the features of the frame before (for the speed) and of the shot's reference frame
    (for the drift) are found again by pyramidal Lucas-Kanade; a similarity is fitted with RANSAC
    (threshold 0.5 reduced pixels). The largest group of features that move as one counts as background when
    it is spread wider than a person; a person's own features move otherwise and drop out.
    """

    def __init__(self) -> None:
        self._before: Pixels | None = None
        self._reference: tuple[Pixels, Points] | None = None
        self._base: Similarity = _IDENTITY
        self._last: Similarity = _IDENTITY
        self._next_s = 0.0
        self._scale = 1
        self._tried = 0
        self._side = 0
        self._speeds: list[float] = []
        self._drifts: list[float] = []
        self._zooms: list[float] = []

    def add(self, light: Pixels, scale: int, time_s: float, new_scene: bool) -> None:
        """One frame: reduced by `scale`, its time, and whether it begins another scene."""
        self._scale, self._side = scale, max(light.shape)
        if new_scene:
            self._reference, self._before = None, None
        if self._reference is None:
            self._restart(light, _IDENTITY)
        elif time_s >= self._next_s and self._before is not None:
            self._next_s = time_s + _EVERY_S
            self._measure(light)
        self._before = light

    def _restart(self, light: Pixels, base: Similarity) -> None:
        self._reference = (light, features(light))
        self._base = self._last = base

    def _measure(self, light: Pixels) -> None:
        assert self._before is not None  # `add` saw to both
        assert self._reference is not None
        self._tried += 1
        step = moved(self._before, light, features(self._before))
        if step is not None:
            self._speeds.append(shift(step, light.shape) * self._scale)
        since = moved(self._reference[0], light, self._reference[1])
        if since is None:
            # Too little of the reference is left in view: go on from here, from where it was last seen.
            self._restart(light, self._last)
            return
        self._last = _after(self._base, since)
        self._drifts.append(shift(self._last, light.shape))
        self._zooms.append(abs(float(np.hypot(self._last[0, 0], self._last[1, 0])) - 1))

    def motion(self) -> CameraMotion:
        """What was seen, when two thirds of the tries and at least three found the background."""
        if len(self._speeds) < max(3, self._tried * 2 / 3) or not self._drifts:
            return CameraMotion(None, None, None)
        return CameraMotion(
            speed_px=float(np.percentile(self._speeds, 90)),
            drift_percent=100 * max(self._drifts) / self._side,
            zoom_percent=100 * max(self._zooms),
        )


_IDENTITY: Final[Similarity] = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def features(light: Pixels) -> Points:
    """Corners spread over the picture: [N, 1, 2] float32, at most six in each cell of an 8 x 6 grid."""
    corners = cv2.goodFeaturesToTrack(light, _CORNERS, 0.01, 6)
    if corners is None:
        return np.empty((0, 1, 2), np.float32)
    points = np.asarray(corners, np.float32)
    height, width = light.shape
    cell = (points[:, 0] * [_GRID[0] / width, _GRID[1] / height]).astype(int)
    index = cell[:, 0] + _GRID[0] * cell[:, 1]
    taken = np.zeros(_GRID[0] * _GRID[1] + 1, int)
    keep = []
    for at, where in enumerate(index):  # strongest first
        taken[where] += 1
        if taken[where] <= _PER_CELL:
            keep.append(at)
    return points[keep]


def moved(one: Pixels, other: Pixels, points: Points) -> Similarity | None:
    """The background's motion from `one` to `other`, found on `points` of `one`; None when there is none."""
    if len(points) < _LEAST_INLIERS:
        return None
    there, status, _ = cv2.calcOpticalFlowPyrLK(
        one, other, points, np.empty_like(points), winSize=(15, 15), maxLevel=3
    )
    found = np.asarray(status).ravel() == 1
    start, end = points[found, 0], np.asarray(there, np.float32)[found, 0]
    if len(start) < _LEAST_INLIERS:
        return None
    cv2.setRNGSeed(0)  # RANSAC draws; the same video must give the same numbers
    fitted, inliers = cv2.estimateAffinePartial2D(
        start, end, method=cv2.RANSAC, ransacReprojThreshold=_TOLERANCE_PX
    )
    if fitted is None:
        return None
    agree = np.asarray(inliers).ravel() == 1
    wide = np.subtract(*np.percentile(start[agree, 0], [90, 10])) if agree.any() else 0.0
    if (
        np.count_nonzero(agree) < max(_LEAST_INLIERS, _LEAST_SHARE * len(start))
        or wide < _LEAST_SPREAD * one.shape[1]
    ):
        return None
    return np.asarray(fitted, np.float64)


def shift(similarity: Similarity, shape: tuple[int, ...]) -> float:
    """Mean distance that the middle and the four corners of a picture (height, width) are moved."""
    height, width = shape[:2]
    places = np.array(
        [[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1], [width / 2, height / 2, 1]]
    )
    return float(np.linalg.norm(places @ similarity.T - places[:, :2], axis=1).mean())


def _after(first: Similarity, then: Similarity) -> Similarity:
    """The similarity that does `first` and `then` one after the other."""
    full = np.vstack([then, [0, 0, 1]]) @ np.vstack([first, [0, 0, 1]])
    return np.asarray(full[:2], np.float64)
