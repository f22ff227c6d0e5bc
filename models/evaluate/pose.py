"""Landmarks against a triangulated reference: what `assay eval pose` prints.

Two figures per camera. Over all points: what the reference says, wrong or right. Over supported points: those
where the reference, seen by that camera, lies within Pose2Sim's own triangulation threshold of the 2D
detection that it was made from; elsewhere that camera contradicts the reference before any landmark of ours
comes in. The camera's time offset in whole frames is the one that supports most points, again without
looking at ours.

Reads Pose2Sim's layout (Pagnon et al. 2022, "Pose2Sim: an open-source Python package for multiview markerless
kinematics"): calibration (.toml), markers in m (.trc, Y up), one video per camera. The reference is itself
made from 2D poses of four cameras, and its joint centres are defined a little differently; the error holds
both.
"""

from __future__ import annotations

import json
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
from svc_balance.pose.adapters import backend, movenet, rtmpose
from svc_balance.pose.adapters.backend import Backend
from svc_balance.pose.estimate import estimate
from svc_balance.pose.networks import networks
from svc_balance.pose.quality_mode import REGIONS
from svc_balance.pose.video import Ahead

Floats = NDArray[np.float64]

LARGEST_MEDIAN = 2.0
"""Required of every camera (BlazePose: in quality mode): median over supported points, % of body height."""
SUPPORT_PX = 15.0
"""Pose2Sim's reproj_error_threshold_triangulation, as the data set's configuration has it."""
LIKELIHOOD = 0.3
"""Pose2Sim's likelihood_threshold_triangulation."""
OFFSETS = range(-2, 3)
# OpenPose's BODY_25B, in its order.
# fmt: off
_BODY_25B = (
    "Nose", "LEye", "REye", "LEar", "REar", "LShoulder", "RShoulder", "LElbow", "RElbow",
    "LWrist", "RWrist", "LHip", "RHip", "LKnee", "RKnee", "LAnkle", "RAnkle",
    "Neck", "Head", "LBigToe", "LSmallToe", "LHeel", "RBigToe", "RSmallToe", "RHeel",
)
# fmt: on
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
    """detected: [N, M, 2] px, what the reference was triangulated from; NaN where it was not used."""

    matrix: Floats
    distortion: Floats
    rotation: Floats
    translation: Floats
    detected: Floats


@dataclass(frozen=True)
class LandmarkScore:
    """Distance to the reference over all frames: median and 90th percentile."""

    landmark: str
    median_px: float
    p90_px: float
    median_percent: float
    """Of body height."""


@dataclass(frozen=True)
class CameraScore:
    """Percentages are of body height."""

    video: str
    mode: str
    frames: int
    frames_without_person: int
    body_height_px: float
    offset_frames: int
    """By which the video is behind the reference."""
    median_px: float
    median_percent: float
    p90_percent: float
    supported_share: float
    supported_median_px: float
    supported_median_percent: float
    reference_median_percent: float
    """The detections that the reference was made from against the reference, all points."""
    landmarks: list[LandmarkScore]


@dataclass(frozen=True)
class PoseEvaluation:
    model: str
    followed_with: str
    """The BlazePose that found the person and gave the regions."""
    cameras: list[CameraScore]
    median_percent: float
    """Median of the cameras' medians over all points, last mode."""
    supported_median_percent: float
    passed: bool


def evaluate(
    data: Path,
    model: str = "",
    rtmpose_file: Path | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> PoseEvaluation:
    """Estimates the pose in every camera's video and compares it with the reference.

    BlazePose in both modes; a MoveNet (`model`) or a user's RTMPose (`rtmpose_file`) once, in the regions in
    which BlazePose's default model follows the person. Raises InvalidInput (EVAL_DATA) when the folder is not
    in Pose2Sim's layout, and as `networks` and the adapters' `backend`.
    """
    other = _other(model, rtmpose_file)
    loaded, (reference, cameras) = networks("" if other else model), read(data)
    scores = []
    for video, camera in cameras.items():
        for mode, regions in (("single_pass", 1),) if other else (("single_pass", 1), ("quality", REGIONS)):
            told(f"{video.name} {mode}")
            with Ahead(video) as frames:
                series = estimate(frames, loaded, regions=regions).landmarks
            if other:
                with Ahead(video) as frames:
                    series = backend.estimate(frames, series, other)
            scores.append(score(series, reference, camera, video.name, mode))
    best = [s for s in scores if s.mode == scores[-1].mode]
    return PoseEvaluation(
        model=other.label if other else loaded.label,
        followed_with=loaded.label,
        cameras=scores,
        median_percent=float(np.median([s.median_percent for s in best])),
        supported_median_percent=float(np.median([s.supported_median_percent for s in best])),
        passed=all(s.supported_median_percent <= LARGEST_MEDIAN for s in best),
    )


def _other(model: str, rtmpose_file: Path | None) -> Backend | None:
    """The estimator that takes BlazePose's place; None: BlazePose itself."""
    if rtmpose_file is not None:
        return rtmpose.backend(rtmpose_file)
    return movenet.backend(model) if movenet.is_one(model) else None


def score(series: Landmarks, reference: Reference, camera: Camera, video: str, mode: str) -> CameraScore:
    """Errors of one series against the reference seen by its camera, at the points that the series has."""
    height_px = _height_px(reference, camera)
    columns = [column for column, name in enumerate(reference.names) if name in MARKERS]
    names = [MARKERS[reference.names[column]] for column in columns]
    seen = np.stack([project(reference.places[:, column], camera) for column in columns], axis=1)
    detected = camera.detected[:, columns]
    offset = max(OFFSETS, key=lambda frames: (float(supported(detected, seen, frames).mean()), -abs(frames)))
    has = [bool(np.isfinite(series.point(name)).any()) for name in names]
    names, seen, detected = (
        [name for name, own in zip(names, has, strict=True) if own],
        seen[:, has],
        detected[:, has],
    )
    support = supported(detected, seen, offset)
    ours, theirs = _aligned(series.image_px[:, [INDEX[name] for name in names]], seen, offset)
    error = np.linalg.norm(ours - theirs, axis=2)
    support = support[: len(error)] & np.isfinite(error)
    plain_ours, plain_theirs = _aligned(detected, seen, 0)
    own = np.linalg.norm(plain_ours - plain_theirs, axis=2)
    all_ours, all_theirs = _aligned(series.image_px[:, [INDEX[name] for name in names]], seen, 0)
    everything = np.linalg.norm(all_ours - all_theirs, axis=2)
    percent = 100 / height_px
    return CameraScore(
        video=video,
        mode=mode,
        frames=len(everything),
        frames_without_person=int(np.isnan(everything).all(axis=1).sum()),
        body_height_px=height_px,
        offset_frames=offset,
        median_px=float(np.nanmedian(everything)),
        median_percent=float(percent * np.nanmedian(everything)),
        p90_percent=float(percent * np.nanpercentile(everything, 90)),
        supported_share=float(support.mean()),
        supported_median_px=float(np.median(error[support])),
        supported_median_percent=float(percent * np.median(error[support])),
        reference_median_percent=float(percent * np.nanmedian(own)),
        landmarks=[
            LandmarkScore(
                name,
                float(np.nanmedian(everything[:, place])),
                float(np.nanpercentile(everything[:, place], 90)),
                float(percent * np.nanmedian(everything[:, place])),
            )
            for place, name in enumerate(names)
        ],
    )


def supported(detected: Floats, seen: Floats, offset: int) -> NDArray[np.bool_]:
    """Points (N, M) whose reference, seen by the camera, agrees with what it was made from."""
    ours, theirs = _aligned(detected, seen, offset)
    return np.asarray(np.linalg.norm(ours - theirs, axis=2) <= SUPPORT_PX)


def _aligned(video: Floats, reference: Floats, offset: int) -> tuple[Floats, Floats]:
    """Frames of a video and of the reference that belong together when the video is behind by `offset`."""
    frames = min(len(video), len(reference)) - abs(offset)
    return video[max(0, offset) :][:frames], reference[max(0, -offset) :][:frames]


def read(data: Path) -> tuple[Reference, dict[Path, Camera]]:
    """The reference of the balancing trial and the calibrated cameras whose video is there."""
    calibrations = sorted(data.glob("calibration/*.toml"))
    markers = sorted(data.glob("reference_3d/*BalancingTrial*_filt_butterworth.trc"))
    videos = sorted(data.glob("videos/cam*.mp4"))
    if not (calibrations and markers and videos):
        raise _unusable("calibration/*.toml, reference_3d/*.trc or videos/cam*.mp4 is missing")
    names, places = read_trc(markers[0])
    said = tomllib.loads(calibrations[0].read_text(encoding="utf-8"))
    cameras = {}
    for video in videos:
        own = [table for name, table in said.items() if _number(name) == _number(video.stem)]
        if not own:
            raise _unusable(f"{video.name} has no calibration")
        cameras[video] = _camera(own[0], _detected(data, video, names))
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


def _camera(table: dict[str, Any], detected: Floats) -> Camera:
    matrix, distortion, rotation, translation = (
        np.asarray(table[key], np.float64) for key in ("matrix", "distortions", "rotation", "translation")
    )
    return Camera(matrix, distortion, rotation, translation, detected)


def _detected(data: Path, video: Path, names: list[str]) -> Floats:
    """OpenPose BODY_25B points of the trial in one camera, in the order of the markers."""
    files = sorted(data.glob(f"openpose_2d/*BalancingTrial_{video.stem}.json"))
    if not files:
        raise _unusable(f"openpose_2d has nothing for {video.name}")
    said = json.loads(files[0].read_text(encoding="utf-8"))["frames"]
    size = 3 * len(_BODY_25B)
    rows = [frame if frame and len(frame) == size else [np.nan] * size for frame in said]
    points = np.array(rows, np.float64).reshape(len(rows), len(_BODY_25B), 3)
    points[~(points[..., 2] >= LIKELIHOOD)] = np.nan
    places = [_BODY_25B.index(name) if name in _BODY_25B else -1 for name in names]
    found = points[:, places, :2]
    found[:, [place < 0 for place in places]] = np.nan
    return np.asarray(found, np.float64)


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
