"""The annotated video: read, hidden, drawn and encoded frame by frame, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from assay.balance.v1.balance_pb2 import SwayPage
from assay.ingest.v1.ingest_pb2 import Video

from mesh.landmarks import POINTS, Landmarks
from svc_report import faces, film, skeleton
from svc_report.annotate import encoder, scene, veil
from svc_report.balance.traces import Traces
from svc_report.film import Size

SHORT_SIDE = 540
BATCH = 30
"""Frames between two reports of progress."""
GROUND = (245, 247, 249)
MAX_ANIMATION_FPS = 30.0
LEAST_FPS, MOST_FPS = 1.0, 240.0


def from_video(
    source: Path, video: Video, series: Landmarks | None, found: Traces, page: SwayPage, target: Path
) -> Iterator[float]:
    """Writes the annotated video; yields the share that is done, 0 to 1, every BATCH frames.

    Frames keep their times. Without landmarks every frame is hidden as a whole. Raises InvalidInput
    (REPORT_VIDEO_UNREADABLE).
    """
    with film.opened(source, video.rotation_deg, SHORT_SIDE) as opened:
        scale = opened.size.width / (series.width if series is not None else opened.size.width)
        painted = scene.Scene(found, scene.captions(page.events), scale)
        cover = veil.of_series(series, scale) if series is not None else veil.Veil(0.0, False)
        with encoder.writer(target, opened.size, _rate(video.fps)) as written:
            for frame in opened.frames():
                unknown = np.full((POINTS, 2), np.nan)
                points = unknown if series is None else skeleton.pose_at(series, frame.time_s, scale)
                if cover.cover(frame.picture, points, frame.time_s):
                    painted.draw(frame.picture, points, frame.time_s)
                written.add(frame.picture, frame.time_s)
                if written.frames % BATCH == 0:
                    yield min(frame.time_s / max(video.duration_s, 1e-3), 1.0)


def from_landmarks(series: Landmarks, found: Traces, page: SwayPage, target: Path) -> Iterator[float]:
    """Writes an animation of the landmarks on a plain ground; yields the share that is done.

    At most 30 frames a second, at the landmarks' times.
    """
    size = Size(series.width, series.height).fitted(SHORT_SIDE)
    scale = size.width / series.width
    painted = scene.Scene(found, scene.captions(page.events), scale)
    head = faces.HEAD_OF_TRUNK * faces.trunk_px(series) * scale
    times = _thinned(series)
    rate = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else MAX_ANIMATION_FPS
    with encoder.writer(target, size, _rate(rate)) as written:
        for time_s in times:
            ground = np.full((size.height, size.width, 3), GROUND, np.uint8)
            painted.draw(ground, skeleton.pose_at(series, time_s, scale), time_s, head=head)
            written.add(ground, time_s)
            if written.frames % BATCH == 0:
                yield written.frames / len(times)


def _thinned(series: Landmarks) -> list[float]:
    """Times of the frames that are shown: none follows another sooner than at 30 Hz."""
    shown: list[float] = []
    for time_s in series.time_s:
        if not shown or time_s - shown[-1] >= 0.9 / MAX_ANIMATION_FPS:
            shown.append(float(time_s))
    return shown


def _rate(fps: float) -> float:
    return min(max(fps, LEAST_FPS), MOST_FPS)
