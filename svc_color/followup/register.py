"""Two photos of one tattoo laid over each other, or the reason why that cannot be done."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from svc_color.followup import coarse, tiles
from svc_color.followup.signal import Image, Mask, ink_signal, reduced
from svc_color.followup.warp import Warp, everywhere, project, resample
from svc_color.space import Array

# Longer side in pixels at which photos are registered: finer than ink's edges, and quick enough.
_LONG_SIDE: Final = 1000
# What the tiles must bear out: most of them, or many where the rest is hidden, bent away, or background that
# was taken for ink. In 59 pairs of photos of different tattoos never more than 19 agreed by chance, nor more
# than 15 of 100 (docs/follow-up.md). Only what lies near agreeing tiles is compared.
_MOST_AGREE: Final = (8, 0.6)
_MANY_AGREE: Final = (30, 0.3)
# A tattoo this many times larger or smaller than before, or squeezed this much by a slant, is not taken for a
# registration.
_MOST_ZOOM: Final = 4.0
_MOST_SQUEEZE: Final = 3.0
# How far around the centre of an agreeing tile its agreement reaches, in sides of a tile.
_SUPPORT: Final = 0.75
_SAMPLE: Final = 20_000
_GREY: Final = 128


@dataclass(frozen=True)
class Registered:
    """warp: earlier to new pixels. error_px: root mean square, by leaving tiles out, pixels of the new photo.

    support: (H, W) of the earlier photo, where places nearby agree. overlap: share of the earlier ink that
    has such support and lies inside of the new photo, 0 to 1. tiles, agreeing: how many places were compared
    and how many of them agree.
    """

    warp: Warp
    error_px: float
    support: Mask
    overlap: float
    tiles: int
    agreeing: int


@dataclass(frozen=True)
class NotRegistered:
    """Why not, in one sentence for people."""

    reason: str


def register(earlier: Image, ink: Mask, new: Image) -> Registered | NotRegistered:
    """Finds where the ink of an earlier photo lies in a new one.

    Args:
        earlier, new: sRGB, uint8, (H, W, 3), of any two sizes. ink: mask of the earlier ink, bool, (H, W).
    """
    if not ink.any():
        return NotRegistered("There was no ink in the earlier photo.")
    factors = [min(1.0, _LONG_SIDE / max(image.shape[:2])) for image in (earlier, new)]
    first, second = (ink_signal(reduced(i, f)) for i, f in zip((earlier, new), factors, strict=True))
    small = _shrunk(ink, first.shape)
    if not small.any():
        return NotRegistered("The ink in the earlier photo is too small to be found again.")
    best: tiles.Fit | None = None
    for guess in coarse.guesses(first, small, second):
        fitted = tiles.fit(first, small, second, guess)
        if fitted is None or not _plausible(fitted.warp):
            continue
        if best is None or len(fitted.agreeing) > len(best.agreeing):
            best = fitted
        if _borne_out(fitted):
            break
    if best is None or not _borne_out(best):
        return NotRegistered("Too few places of the tattoo agree between the photos.")
    warp = best.warp.scaled(1 / _factor(earlier, first.shape), 1 / _factor(new, second.shape))
    error = best.error_px / _factor(new, second.shape)
    support = _support(best, first.shape, ink.shape)
    return Registered(warp, error, support, _overlap(warp, ink, support, new), best.tiles, len(best.agreeing))


def lay_over(earlier: Image, new: Image, warp: Warp, most_px: int) -> Image:
    """The earlier photo in the new one's frame, uint8 (h, w, 3); grey where it shows nothing.

    most_px: pixels along the longer side of the answer at most; never more than the new photo has.
    """
    height, width = new.shape[:2]
    factor = min(1.0, most_px / max(height, width))
    shape = (max(1, round(height * factor)), max(1, round(width * factor)))
    places = everywhere(warp.inverse, shape, (width / shape[1], height / shape[0]))
    return resample(earlier, places, outside=_GREY)


def _borne_out(fitted: tiles.Fit) -> bool:
    agreeing, compared = len(fitted.agreeing), fitted.tiles
    return any(agreeing >= max(least, share * compared) for least, share in (_MOST_AGREE, _MANY_AGREE))


def _plausible(warp: Warp) -> bool:
    """Whether the homography neither mirrors nor stretches beyond what two photos of one limb show."""
    spots = np.array(warp.centre) + 0.5 * warp.reach * np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]])
    for spot in spots:
        here = project(warp.homography, spot + np.array([[0, 0], [1, 0], [0, 1]], np.float64))
        across, down = here[1] - here[0], here[2] - here[0]
        large, small = np.linalg.svd(np.stack([across, down]), compute_uv=False)
        mirrored = across[0] * down[1] - across[1] * down[0] <= 0
        if mirrored or large > _MOST_SQUEEZE * small or not 1 / _MOST_ZOOM < small <= large < _MOST_ZOOM:
            return False
    return True


def _factor(image: Image, shape: tuple[int, ...]) -> float:
    return float(shape[1] / image.shape[1])


def _shrunk(mask: Mask, shape: tuple[int, ...]) -> Mask:
    share = cv2.resize(mask.astype(np.float32), (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(share >= 0.25)


def _support(fitted: tiles.Fit, shape: tuple[int, ...], full: tuple[int, ...]) -> Mask:
    """Where (`full`) an agreeing tile or its neighbour lies, from the tiles of a photo of size `shape`."""
    drawn = np.zeros(shape[:2], np.uint8)
    columns, rows = fitted.agreeing.round().astype(int).T
    drawn[rows, columns] = 1
    reach = 2 * round(_SUPPORT * fitted.tile_px) + 1
    drawn = np.asarray(cv2.dilate(drawn, np.ones((reach, reach), np.uint8)), np.uint8)
    size = (full[1], full[0])
    return np.asarray(cv2.resize(drawn, size, interpolation=cv2.INTER_NEAREST) > 0)


def _overlap(warp: Warp, ink: Mask, support: Mask, new: Image) -> float:
    rows, columns = np.nonzero(ink)
    step = max(1, len(rows) // _SAMPLE)
    rows, columns = rows[::step], columns[::step]
    places = warp.forward(np.stack([columns, rows], axis=1).astype(np.float64))
    return float(np.mean(inside(places, new) & support[rows, columns]))


def inside(places: Array, image: Image) -> Mask:
    """Which places (n, 2) lie in the image."""
    limit = np.array(image.shape[1::-1]) - 1
    return np.asarray(np.all((places >= 0) & (places <= limit), axis=1))
