"""Fitting a warp to local shifts: tiles of the tattoo are looked for near where the warp says they are."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from svc_color.followup.signal import Mask, Signal
from svc_color.followup.warp import Warp, everywhere, project, resample, terms
from svc_color.space import Array

# Tiles along the tattoo's longer side, and bounds of a tile's side in pixels.
_TILES: Final = 9
_TILE_PX: Final = (28, 96)
# A tile takes part when its lesser gradient (square root of the structure tensor's lesser eigenvalue) is at
# least this share of the median tile's: along a lone line no shift can be told (Shi and Tomasi 1994).
_CORNERED: Final = 0.25
# Correlation that makes a match.
_MATCH: Final = 0.35
# Rounds of fitting: how far each looks, as a share of a tile's side.
_ROUNDS: Final = (0.6, 0.4, 0.25, 0.15, 0.15)
# Terms of the polynomial of degree 2 and 3, and matched tiles per term that allow it.
_TERMS: Final = (10, 6)
_TILES_A_TERM: Final = 3
# A tile agrees when it lies this near to where the fit without it puts it, in shares of a tile's side.
_AGREES: Final = 0.06
_PASSES: Final = 6


@dataclass(frozen=True)
class Fit:
    """A warp and how well the tiles bear it out.

    tiles: with structure enough and inside both photos. agreeing: centres (n, 2) in the earlier photo of
    those that, left out, were put where they are. error_px: root mean square of their distances, pixels of
    the new photo. tile_px: a side.
    """

    warp: Warp
    tiles: int
    agreeing: Array
    error_px: float
    tile_px: int


@dataclass(frozen=True)
class _Matches:
    """Centres of matched tiles in the earlier photo (n, 2) and in the new one (n, 2); how many were tried."""

    earlier: Array
    new: Array
    tiles: int


def fit(earlier: Signal, ink: Mask, new: Signal, guess: Array) -> Fit | None:
    """The warp that a guess (3, 3) grows into, or None where the tiles do not bear it out at all."""
    x, y, width, height = cv2.boundingRect(ink.view(np.uint8))
    side = int(np.clip(max(width, height) / _TILES, *_TILE_PX))
    centres = _cornered(earlier, ink, side)
    warp = Warp(guess, np.zeros((0, 2)), (x + width / 2, y + height / 2), 0.5 * max(width, height) + side)
    matches = None
    for share in _ROUNDS:
        matches = _match(earlier, new, warp, centres, side, max(3, round(share * side)))
        if len(matches.earlier) < 5:
            return None
        refined = _refine(warp, matches, share == _ROUNDS[-1] or share == _ROUNDS[-2], _AGREES * side)
        if refined is None:
            return None
        warp = refined
    assert matches is not None  # _ROUNDS is not empty
    distance = _left_out(warp, matches)
    agrees = distance <= _AGREES * side * _magnification(warp)
    error = float(np.sqrt(np.mean(np.square(distance[agrees])))) if agrees.any() else float("inf")
    return Fit(warp, matches.tiles, matches.earlier[agrees], error, side)


def _cornered(signal: Signal, ink: Mask, side: int) -> Array:
    """Centres (n, 2) of tiles over the ink that have structure in both directions."""
    x, y, width, height = cv2.boundingRect(ink.view(np.uint8))
    gradients = cv2.Sobel(signal, cv2.CV_32F, 1, 0), cv2.Sobel(signal, cv2.CV_32F, 0, 1)
    size = (side, side)
    xx, yy, xy = (
        cv2.boxFilter(product, cv2.CV_32F, size)
        for product in (gradients[0] ** 2, gradients[1] ** 2, gradients[0] * gradients[1])
    )
    lesser = np.sqrt(np.maximum(0.5 * (xx + yy - np.sqrt((xx - yy) ** 2 + 4 * xy**2)), 0))
    half, step = side / 2, side / 2
    columns = np.arange(x - half / 2, x + width + half / 2 + 1, step)
    rows = np.arange(y - half / 2, y + height + half / 2 + 1, step)
    centres = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2).round()
    limit = np.array(signal.shape[::-1]) - half - 1
    centres = centres[np.all((centres >= half) & (centres <= limit), axis=1)]
    if not len(centres):
        return centres
    at = centres.astype(int)
    strength = lesser[at[:, 1], at[:, 0]]
    inked = cv2.boxFilter(ink.astype(np.float32), cv2.CV_32F, size)[at[:, 1], at[:, 0]] > 0
    if not inked.any():
        return centres[:0]
    return np.asarray(centres[inked & (strength >= _CORNERED * np.median(strength[inked]))])


def _match(earlier: Signal, new: Signal, warp: Warp, centres: Array, side: int, reach: int) -> _Matches:
    """Looks for each tile within `reach` pixels of the earlier photo around where the warp puts it."""
    shape = (earlier.shape[0], earlier.shape[1])
    brought = resample(new, everywhere(warp.forward, shape))
    half, found, counted = side // 2, [], 0
    limit = np.array(new.shape[::-1]) - 1
    for centre in centres.astype(int):
        corners = centre + (half + reach) * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
        left, top = centre - half - reach
        if left < 0 or top < 0 or np.any(corners[2] >= shape[::-1]):
            continue
        there = warp.forward(corners.astype(np.float64))
        if np.any(there < 0) or np.any(there > limit):
            continue
        counted += 1
        tile = earlier[centre[1] - half : centre[1] + half, centre[0] - half : centre[0] + half]
        window = brought[top : centre[1] + half + reach, left : centre[0] + half + reach]
        shift = _peak(np.asarray(cv2.matchTemplate(window, tile, cv2.TM_CCOEFF_NORMED), np.float32))
        if shift is not None:
            found.append((centre, centre + shift - reach))
    if not found:
        return _Matches(np.zeros((0, 2)), np.zeros((0, 2)), counted)
    pairs = np.array(found, np.float64)
    return _Matches(pairs[:, 0], warp.forward(pairs[:, 1]), counted)


def _peak(score: NDArray[np.float32]) -> Array | None:
    """Place (x, y) of the best correlation, by a parabola between pixels; None at the rim or when too low."""
    _, best, _, (x, y) = cv2.minMaxLoc(score)
    if best < _MATCH or not (0 < x < score.shape[1] - 1 and 0 < y < score.shape[0] - 1):
        return None
    across, down = score[y, x - 1 : x + 2].astype(float), score[y - 1 : y + 2, x].astype(float)
    return np.array([x + _vertex(across), y + _vertex(down)])


def _vertex(three: Array) -> float:
    bend = three[0] - 2 * three[1] + three[2]
    return 0.0 if bend >= 0 else float(np.clip(0.5 * (three[0] - three[2]) / bend, -0.5, 0.5))


def _refine(warp: Warp, matches: _Matches, bending: bool, within: float) -> Warp | None:
    """The homography of the matches by RANSAC, and the polynomial of what it leaves where there is enough."""
    cv2.setRNGSeed(1)
    reach = 2.5 * within * _magnification(warp)
    homography, kept = cv2.findHomography(matches.earlier, matches.new, cv2.RANSAC, reach, maxIters=3000)
    if homography is None or np.count_nonzero(kept) < 5 or not np.all(np.isfinite(homography)):
        return None
    straight = Warp(np.asarray(homography, np.float64), np.zeros((0, 2)), warp.centre, warp.reach)
    count = next((n for n in _TERMS if len(matches.earlier) >= _TILES_A_TERM * n), 0)
    if not bending or not count:
        return straight
    rest = matches.new - project(straight.homography, matches.earlier)
    basis = terms(matches.earlier, warp.centre, warp.reach, count)
    coefficients = _robust(basis, rest, within * _magnification(straight))
    return Warp(straight.homography, coefficients, warp.centre, warp.reach)


def _robust(basis: Array, values: Array, scale: float) -> Array:
    """Coefficients (n, 2) by iteratively reweighted least squares with Cauchy's weights."""
    weights = np.ones(len(basis))
    for _ in range(_PASSES):
        root = np.sqrt(weights)[:, None]
        coefficients = np.linalg.lstsq(basis * root, values * root, rcond=None)[0]
        distance = np.linalg.norm(values - basis @ coefficients, axis=1)
        weights = 1 / (1 + (distance / scale) ** 2)
    return np.asarray(coefficients)


def _left_out(warp: Warp, matches: _Matches) -> Array:
    """Distance (n,) of each match from where the fit without it puts it.

    For a linear fit that is the residual over one less the leverage (Allen's PRESS); the homography counts as
    the polynomial of degree 1 that it nearly is, for tiles that are not part of the polynomial's terms.
    """
    residual = np.linalg.norm(matches.new - warp.forward(matches.earlier), axis=1)
    basis = terms(matches.earlier, warp.centre, warp.reach, max(len(warp.coefficients), 6))
    leverage = np.sum(np.linalg.svd(basis, full_matrices=False)[0] ** 2, axis=1)
    return np.asarray(residual / np.maximum(1 - leverage, 0.1))


def _magnification(warp: Warp) -> float:
    """Pixels of the new photo per pixel of the earlier one, at the warp's centre."""
    step = np.array(warp.centre) + np.array([[0, 0], [1, 0], [0, 1]], np.float64)
    origin, across, down = project(warp.homography, step)
    area = (across[0] - origin[0]) * (down[1] - origin[1]) - (across[1] - origin[1]) * (down[0] - origin[0])
    return float(np.sqrt(abs(area)))
