"""Landmarks against a triangulated reference: what `assay eval pose` prints.

Reads Pose2Sim's layout (Pagnon et al. 2022, "Pose2Sim: an open-source Python package for multiview markerless
kinematics"): calibration (.toml), markers in m (.trc, Y up), one video per camera. The reference is itself
made from 2D poses of four cameras, and its joint centres are defined a little differently; the error holds
both.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mesh.errors import InvalidInput
from mesh.landmarks import INDEX, Landmarks
from svc_balance.pose.estimate import estimate
from svc_balance.pose.networks import networks
from svc_balance.pose.quality_mode import REGIONS
from svc_balance.pose.video import Ahead

Floats = NDArray[np.float64]

LARGEST_MEDIAN = 2.0
"""Required: median error, % of body height, over all landmarks and cameras."""
_JOINTS = ("Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle", "Heel", "BigToe")
MARKERS = {"Nose": "nose"} | {
    f"{letter}{joint}": f"{side}_{'foot_index' if joint == 'BigToe' else joint.lower()}"
    for letter, side in (("L", "left"), ("R", "right"))
    for joint in _JOINTS
}
"""Markers of the reference and the landmarks they are compared with."""


@dataclass(frozen=True)
class Reference:
    """names [M] of markers, places [N, M, 3] in m (the world of the calibration), stature in m."""

    names: list[str]
    places: Floats
    height_m: float


@dataclass(frozen=True)
class Camera:
    matrix: Floats
    distortion: Floats
    rotation: Floats
    translation: Floats


@dataclass(frozen=True)
class LandmarkScore:
    """Distance to the reference: median and 90th percentile over frames."""

    landmark: str
    median_px: float
    p90_px: float
    median_percent: float
    """Of body height."""


@dataclass(frozen=True)
class CameraScore:
    video: str
    camera: str
    mode: str
    frames: int
    frames_without_person: int
    body_height_px: float
    median_px: float
    median_percent: float
    p90_percent: float
    landmarks: list[LandmarkScore]


@dataclass(frozen=True)
class PoseEvaluation:
    model: str
    cameras: list[CameraScore]
    median_percent: float
    """Over the cameras' medians in quality mode."""
    passed: bool


def evaluate(data: Path, model: str = "", told: Callable[[str], None] = lambda _: None) -> PoseEvaluation:
    """Estimates the pose in every camera's video, in both modes, and compares it with the reference.

    Raises InvalidInput (EVAL_DATA) when the folder is not in Pose2Sim's layout, and as `networks`.
    """
    loaded, (reference, cameras) = networks(model), read(data)
    scores = []
    for video, camera in cameras.items():
        for mode, regions in (("single_pass", 1), ("quality", REGIONS)):
            told(f"{video.name} {mode}")
            with Ahead(video) as frames:
                series = estimate(frames, loaded, regions=regions).landmarks
            scores.append(score(series, reference, camera, video.name, mode))
    median = float(np.median([s.median_percent for s in scores if s.mode == "quality"]))
    return PoseEvaluation(loaded.label, scores, median, median <= LARGEST_MEDIAN)


def score(series: Landmarks, reference: Reference, camera: Camera, video: str, mode: str) -> CameraScore:
    """Errors of one series against the reference seen by its camera, frame by frame."""
    frames = min(len(series), len(reference.places))
    height_px = _height_px(reference, camera)
    errors: dict[str, Floats] = {}
    for column, marker in enumerate(reference.names):
        if marker in MARKERS:
            wanted = project(reference.places[:frames, column], camera)
            offset = series.image_px[:frames, INDEX[MARKERS[marker]]] - wanted
            errors[MARKERS[marker]] = np.linalg.norm(offset, axis=1)
    everything = np.concatenate(list(errors.values()))
    percent = 100 * everything / height_px
    return CameraScore(
        video=video,
        camera=_number(video),
        mode=mode,
        frames=frames,
        frames_without_person=int(np.isnan(series.image_px[:frames, 0, 0]).sum()),
        body_height_px=height_px,
        median_px=float(np.nanmedian(everything)),
        median_percent=float(np.nanmedian(percent)),
        p90_percent=float(np.nanpercentile(percent, 90)),
        landmarks=[
            LandmarkScore(
                name,
                float(np.nanmedian(error)),
                float(np.nanpercentile(error, 90)),
                float(100 * np.nanmedian(error) / height_px),
            )
            for name, error in errors.items()
        ],
    )


def read(data: Path) -> tuple[Reference, dict[Path, Camera]]:
    """The reference of the balancing trial and the calibrated cameras whose video is there."""
    calibrations = sorted(data.glob("calibration/*.toml"))
    markers = sorted(data.glob("reference_3d/*BalancingTrial*_filt_butterworth.trc"))
    videos = sorted(data.glob("videos/cam*.mp4"))
    if not (calibrations and markers and videos):
        raise _unusable("calibration/*.toml, reference_3d/*.trc or videos/cam*.mp4 is missing")
    said = tomllib.loads(calibrations[0].read_text(encoding="utf-8"))
    cameras = {}
    for video in videos:
        own = [table for name, table in said.items() if _number(name) == _number(video.stem)]
        if not own:
            raise _unusable(f"{video.name} has no calibration")
        cameras[video] = _camera(own[0])
    names, places = read_trc(markers[0])
    return Reference(names, places, _height(data)), cameras


def read_trc(path: Path) -> tuple[list[str], Floats]:
    """Markers and their places [N, M, 3], turned from Y up to the calibration's Z up."""
    lines = path.read_text(encoding="utf-8").splitlines()
    names = [name for name in lines[3].split("\t")[2:] if name]
    rows = np.array([[float(value) for value in line.split("\t")] for line in lines[5:] if line.strip()])
    return names, rows[:, 2:].reshape(len(rows), len(names), 3)[..., [2, 0, 1]]


def project(places: Floats, camera: Camera) -> Floats:
    """Places (N, 3) in m to pixels (N, 2)."""
    seen, _ = cv2.projectPoints(places, camera.rotation, camera.translation, camera.matrix, camera.distortion)
    return np.asarray(seen[:, 0], np.float64)


def _height_px(reference: Reference, camera: Camera) -> float:
    """Body height at the middle of the hips, median over frames: focal length times height over distance."""
    hips = reference.places[:, [reference.names.index("LHip"), reference.names.index("RHip")]].mean(axis=1)
    turn, _ = cv2.Rodrigues(camera.rotation)
    depth = (hips @ turn.T + camera.translation)[:, 2]
    return float(np.median(camera.matrix[1, 1] * reference.height_m / depth))


def _height(data: Path) -> float:
    # Pose2Sim's own configurations carry the value in a commented line as well.
    for path in sorted(data.glob("Config*.toml")):
        found = re.search(r"participant_height\s*=\s*(\d+\.\d+)", path.read_text(encoding="utf-8"))
        if found:
            return float(found[1])
    raise _unusable("no Config*.toml says participant_height")


def _camera(table: dict[str, Any]) -> Camera:
    return Camera(
        *(np.asarray(table[key], np.float64) for key in ("matrix", "distortions", "rotation", "translation"))
    )


def _number(name: str) -> str:
    """The number in a camera's name: "cam_01" and "cam01.mp4" are one camera."""
    found = re.search(r"\d+", name)
    return found.group().lstrip("0") if found else name


def _unusable(what: str) -> InvalidInput:
    return InvalidInput(
        "EVAL_DATA",
        f"The folder cannot be measured against: {what}.",
        field="data",
        fix="Give a folder in Pose2Sim's layout: calibration/, reference_3d/, videos/ and Config*.toml.",
    )
