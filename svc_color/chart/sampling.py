"""What a camera saw of each patch of a chart: robust means in linear light, and the patches to leave out.

The chart is laid flat by its homography, nearest pixel, so that every value is one that the camera wrote and
clipping stays visible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from svc_color.chart.candidates import Image
from svc_color.chart.identify import Placement, chart_cells
from svc_color.chart.lattice import pitch, project
from svc_color.space import Array, srgb_to_linear

# Exposure gate of the domain dossier, section 6.4: a channel outside is clipped.
CLIPPED_LOW, CLIPPED_HIGH = 3, 252
# With more of it the mean of a patch is biased by more than its noise; less is the noise's own tail.
_CLIPPED_SHARE: Final = 0.05
# The middle of a patch that is read, in pitches: inside its edges even where the lattice is a little off.
_MIDDLE: Final = 0.5
# Pixels per pitch of the flat picture.
_FLAT_PITCH: Final = (16, 64)
# A pixel this far (of 255, any channel) from its patch's median is something else; noise reaches less.
_OTHER: Final = 20
# So much of something else spoils a patch; with less, the mean is taken of the rest.
_SPOILT: Final = 0.25
# Deviations from the median that the mean takes in.
_TRIM, _MAD_TO_SD, _LEAST_SD = 2.5, 1.4826, 1.0


@dataclass(frozen=True)
class Samples:
    """The patches in the layout's order.

    colours: mean linear light (n, 3), 0 to 1; NaN where the photo does not show the patch. excluded: why a
    patch takes no part, "clipped", "glare" or "hidden"; "" where it does. centres: (n, 2) in pixels.
    patch_px: shorter side of a patch in pixels, median over the patches.
    """

    colours: Array
    excluded: tuple[str, ...]
    centres: Array
    patch_px: float

    @property
    def used(self) -> NDArray[np.bool_]:
        """Patches that take part, (n,)."""
        return np.array([not each for each in self.excluded])


def sample(rgb: Image, placement: Placement) -> Samples:
    """Reads the patches of a placed chart. rgb: sRGB, (H, W, 3)."""
    cells = chart_cells(placement.layout)
    pitches = pitch(placement.homography, cells)
    size = int(np.clip(round(float(np.median(pitches))), *_FLAT_PITCH))
    flat, inside = _flatten(rgb, placement, size)
    colours, excluded = np.full((len(cells), 3), np.nan), []
    for index, (column, row) in enumerate(cells.astype(int)):
        cell = slice(row * size, (row + 1) * size), slice(column * size, (column + 1) * size)
        middle = _middle(flat[cell]).reshape(-1, 3)
        if not _middle(inside[cell]).all():
            excluded.append("hidden")
            continue
        colours[index], why = _read(middle)
        excluded.append(why)
    return Samples(
        colours=colours,
        excluded=tuple(excluded),
        centres=project(placement.homography, cells),
        patch_px=_patch_share(flat, cells.astype(int), excluded, size)
        * float(np.median(pitches.min(axis=1))),
    )


def _flatten(rgb: Image, placement: Placement, size: int) -> tuple[Image, Image]:
    """The chart laid flat, `size` pixels a pitch, and where the photo shows it (255) or ends (0)."""
    layout = placement.layout
    # Pixel centre u of the flat picture is cell (u + 0.5) / size - 0.5.
    to_cell = np.array([[1 / size, 0, 0.5 / size - 0.5], [0, 1 / size, 0.5 / size - 0.5], [0, 0, 1]])
    to_photo = placement.homography @ to_cell
    shape = (layout.columns * size, layout.rows * size)
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    flat = cv2.warpPerspective(rgb, to_photo, shape, flags=flags)
    inside = cv2.warpPerspective(np.full(rgb.shape[:2], 255, np.uint8), to_photo, shape, flags=flags)
    return np.asarray(flat, np.uint8), np.asarray(inside, np.uint8)


def _middle(cell: Image) -> Image:
    edge = round(len(cell) * (1 - _MIDDLE) / 2)
    return cell[edge : len(cell) - edge, edge : len(cell) - edge]


def _read(pixels: Image) -> tuple[Array, str]:
    """Mean linear light of a patch's pixels (m, 3), and why it is left out."""
    median = np.median(pixels, axis=0)
    away = np.abs(pixels - median).max(axis=1) > _OTHER
    clipped = float(np.mean(np.any((pixels >= CLIPPED_HIGH) | (pixels <= CLIPPED_LOW), axis=1) & ~away))
    own = pixels[~away] if not away.all() else pixels
    deviation = np.maximum(np.median(np.abs(own - median), axis=0) * _MAD_TO_SD, _LEAST_SD)
    kept = own[np.all(np.abs(own - median) <= _TRIM * deviation, axis=1)]
    mean = srgb_to_linear(kept if len(kept) else own).mean(axis=0)
    if clipped > _CLIPPED_SHARE:
        return mean, "clipped"
    if away.mean() > _SPOILT:
        brighter = pixels[away].mean() > median.mean()
        return mean, "glare" if brighter else "hidden"
    return mean, ""


def _patch_share(flat: Image, cells: NDArray[np.intp], excluded: list[str], size: int) -> float:
    """Side of a patch in pitches: how far the colour of its middle goes, median over the sound patches."""
    shares = []
    for (column, row), why in zip(cells, excluded, strict=True):
        if why:
            continue
        cell = flat[row * size : (row + 1) * size, column * size : (column + 1) * size]
        colour = np.median(_middle(cell).reshape(-1, 3), axis=0)
        like = np.abs(cell - colour).max(axis=2) <= _OTHER
        shares.append(np.sqrt(like.mean()))
    return float(np.median(shares)) if shares else 0.0
