"""Pictures of a trial's moments: the skeleton drawn, the face pixelated."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from assay.ingest.v1.ingest_pb2 import Video
from numpy.typing import NDArray
from PIL import Image

from mesh.landmarks import Landmarks
from svc_report import faces, film, skeleton
from svc_report.balance.moments import Moment
from svc_report.balance.traces import Traces

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]

SHORT_SIDE = 1080
WIDTH, HEIGHT = 420, 560
"""A still, px: 54 x 72 mm at 200 px per inch."""
MARGIN = 0.12
"""Room around the body, share of its height."""
GROUND = (245, 247, 249)
QUALITY = 85


@dataclass(frozen=True)
class Still:
    """A picture as JPEG, the moment it shows and the time of its frame."""

    jpeg: bytes
    moment: Moment
    time_s: float


@dataclass(frozen=True)
class Crop:
    """The part of the upright video that every still shows, px; width to height as WIDTH to HEIGHT."""

    left: float
    top: float
    width: float
    height: float


def of_video(
    path: Path, video: Video, series: Landmarks, found: Traces, moments: Sequence[Moment]
) -> list[Still]:
    """Stills from the video. A moment without a face to pixelate, or without a frame, is left out.

    Raises InvalidInput (REPORT_VIDEO_UNREADABLE).
    """
    crop = crop_of(series, moments)
    if crop is None:
        return []
    stills = []
    with film.opened(path, video.rotation_deg, SHORT_SIDE) as opened:
        scale = opened.size.width / series.width
        frames = opened.at([moment.time_s for moment in moments])
        trunk = faces.trunk_px(series) * scale
        crowd = series.people is not None and bool((series.people > 1).any())
        for moment, frame in zip(moments, frames, strict=True):
            if frame is None:
                continue
            points = skeleton.pose_at(series, frame.time_s, scale)
            if not _hidden(frame.picture, points, trunk, crowd):
                continue
            mapped = _cut(frame.picture, crop, scale)
            stills.append(_drawn(mapped, points / scale, crop, found, moment, frame.time_s, 0.0))
    return stills


def of_landmarks(series: Landmarks, found: Traces, moments: Sequence[Moment]) -> list[Still]:
    """Stills of the landmarks alone, on a plain ground."""
    crop = crop_of(series, moments)
    if crop is None:
        return []
    stills = []
    for moment in moments:
        points = skeleton.pose_at(series, moment.time_s, 1.0)
        if np.isfinite(points[faces.FACE_POINTS :]).any():
            ground = np.full((HEIGHT, WIDTH, 3), GROUND, np.uint8)
            head = faces.HEAD_OF_TRUNK * faces.trunk_px(series) * HEIGHT / crop.height
            stills.append(_drawn(ground, points, crop, found, moment, moment.time_s, head))
    return stills


def crop_of(series: Landmarks, moments: Sequence[Moment]) -> Crop | None:
    """The part that holds the body at every moment, in the stills' proportions; None when no body was "
    "seen."""
    poses = [skeleton.pose_at(series, moment.time_s, 1.0) for moment in moments]
    points = np.concatenate(poses) if poses else np.zeros((0, 2))
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return None
    points = np.clip(points, 0, [series.width, series.height])
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    room = MARGIN * max(bottom - top, right - left, 1.0)
    height = max(bottom - top + 2 * room, (right - left + 2 * room) * HEIGHT / WIDTH)
    width = height * WIDTH / HEIGHT
    return Crop(
        _within((left + right - width) / 2, width, series.width),
        _within((top + bottom - height) / 2, height, series.height),
        width,
        height,
    )


def _within(start: float, length: float, whole: float) -> float:
    """The start of a stretch, moved so that it lies inside the whole where it fits."""
    return min(max(start, 0.0), whole - length) if length <= whole else (whole - length) / 2


def _hidden(picture: Picture, points: Floats, trunk: float, crowd: bool) -> bool:
    """Pixelates the face, and with several people in view all around the subject; False without a face."""
    box = faces.find(points, trunk)
    if box is None:
        return False
    if crowd:
        faces.pixelate_around(picture, points, box)
    faces.pixelate(picture, box)
    return True


def _cut(picture: Picture, crop: Crop, scale: float) -> Picture:
    """The crop at the stills' size; what lies outside the video is plain."""
    box = tuple(
        round(value * scale)
        for value in (crop.left, crop.top, crop.left + crop.width, crop.top + crop.height)
    )
    canvas = Image.new("RGB", (max(1, box[2] - box[0]), max(1, box[3] - box[1])), GROUND)
    canvas.paste(Image.fromarray(picture), (-box[0], -box[1]))
    return np.array(canvas.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR, reducing_gap=2.0))


def _drawn(
    picture: Picture, points: Floats, crop: Crop, found: Traces, moment: Moment, time_s: float, head: float
) -> Still:
    factor = np.array([WIDTH / crop.width, HEIGHT / crop.height])
    corner = np.array([crop.left, crop.top])
    skeleton.draw(picture, (points - corner) * factor, head=head)
    centre = centre_of_mass(found, time_s)
    skeleton.com(picture, (centre - corner) * factor)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=QUALITY)
    return Still(buffer.getvalue(), moment, time_s)


def centre_of_mass(found: Traces, time_s: float) -> Floats:
    """Where the centre of mass is at a time, [2] px of the upright video; NaN when it is not known."""
    x, y = found.get("com_x_px"), found.get("com_y_px")
    if x is None or y is None:
        return np.full(2, np.nan)
    nearest = int(np.abs(found.time_s - time_s).argmin())
    if abs(found.time_s[nearest] - time_s) > skeleton.LONGEST_GAP_S:
        return np.full(2, np.nan)
    return np.array([x[nearest], y[nearest]])
