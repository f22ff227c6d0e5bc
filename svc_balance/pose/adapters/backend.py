"""Another estimator in place of BlazePose's landmark network: same person, same regions, its own points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import POINTS, Landmarks
from svc_balance.pose.adapters.points import Floats, Points
from svc_balance.pose.estimate import no_person
from svc_balance.pose.landmarker import crops
from svc_balance.pose.roi import Picture, Roi, apply, to_picture
from svc_balance.pose.video import Frame


@dataclass(frozen=True)
class Backend:
    """estimate: crops [N, height, width, 3], RGB 0..1, to canonical points. label: model and version."""

    label: str
    height: int
    width: int
    estimate: Callable[[NDArray[np.float32]], Points]


def estimate(frames: Iterable[Frame], followed: Landmarks, backend: Backend) -> Landmarks:
    """Landmarks of the person that BlazePose followed through the same frames, as the backend sees them.

    Each frame's crop is cut from `followed.roi`. Its height is the region's side; a network that is narrower
    than high sees the middle of it. visibility and presence are the backend's score; points that it does not
    have are NaN. Raises Unmeasurable (NO_PERSON) when no point is found in any frame.
    """
    assert followed.roi is not None, "the pose stage always tells where it looked"
    image_px, score = np.full((len(followed), POINTS, 2), np.nan), np.zeros((len(followed), POINTS))
    for at, (frame, row) in enumerate(zip(frames, followed.roi, strict=True)):
        if np.isfinite(row).all():
            image_px[at], score[at] = place(frame.rgb, Roi(*row.tolist()), backend)
    if not np.isfinite(image_px).any():
        raise no_person()
    return replace(
        followed,
        image_px=image_px,
        visibility=score,
        presence=score,
        world_m=None,
        standard_error_px=None,
        model=backend.label,
    )


def place(picture: Picture, region: Roi, backend: Backend) -> tuple[Floats, Floats]:
    """Points (33, 2) in px of the picture, and their scores (33,)."""
    image_px, score = places(picture, [region], backend)
    return image_px[0], score[0]


def places(picture: Picture, regions: Sequence[Roi], backend: Backend) -> tuple[Floats, Floats]:
    """Points (len(regions), 33, 2) in px of the picture, and their scores, one row for each region."""
    size = max(backend.height, backend.width)
    margin = np.array([(size - backend.width) // 2, (size - backend.height) // 2])
    left, top = margin
    cut = crops(picture, regions, size)[:, top : top + backend.height, left : left + backend.width]
    points = backend.estimate(cut)
    placed = [
        apply(to_picture(region, size), own + margin)
        for region, own in zip(regions, points.crop_px, strict=True)
    ]
    return np.stack(placed), points.score
