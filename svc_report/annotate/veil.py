"""Hides the face in every frame of a video, also where no face was found."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import Landmarks
from svc_report import faces

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]

HOLD_S = 1.0
"""For this long a lost face is taken to be near where it was seen; then the whole frame is hidden."""
SPEED = 3.0
"""Half sides of the box by which a lost face may have moved in a second."""
BLOCKS_ACROSS = 24
"""Blocks across a frame that is hidden as a whole."""


@dataclass
class Veil:
    """Remembers where the face was last. Frames are given in order of time.

    trunk: `faces.trunk_px` in the frames' pixels. crowd: whether several people were ever in view; then all
    but the subject is hidden. cuts_s: times of cuts, across which nothing is remembered.
    """

    trunk: float
    crowd: bool
    cuts_s: tuple[float, ...] = ()
    _last: tuple[float, faces.Box] | None = field(default=None, init=False)

    def cover(self, picture: Picture, points: Floats, time_s: float) -> bool:
        """Hides the face in place; False where the whole frame had to be hidden.

        points: [33, 2] px of this picture, NaN where not found.
        """
        box = faces.find(points, self.trunk)
        if box is None:
            return self._without_face(picture, time_s)
        self._last = (time_s, box)
        if self.crowd:
            faces.pixelate_around(picture, points, box)
        faces.pixelate(picture, box)
        return True

    def _without_face(self, picture: Picture, time_s: float) -> bool:
        if self._last is not None and not self.crowd:
            seen_s, box = self._last
            cut = any(seen_s < cut_s <= time_s for cut_s in self.cuts_s)
            if not cut and time_s - seen_s <= HOLD_S:
                faces.pixelate(picture, box.grown(1 + SPEED * (time_s - seen_s)))
                return True
        faces.pixelate_all(picture, max(8, picture.shape[1] // BLOCKS_ACROSS))
        return False


def of_series(series: Landmarks, scale: float) -> Veil:
    """The veil for a recording whose frames are `scale` times as large as its landmarks say."""
    crowd = series.people is not None and bool((series.people > 1).any())
    return Veil(faces.trunk_px(series) * scale, crowd, series.cuts_s)
