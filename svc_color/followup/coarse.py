"""First guesses of where an earlier photo's tattoo lies in a new one: by features, then by searching."""

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np

from svc_color.followup.signal import Mask, Signal, evened
from svc_color.space import Array

# Features: Lowe's ratio test (Lowe 2004), reach of RANSAC in pixels, inliers that make a guess.
_FEATURES: Final = 4000
_CONTRAST: Final = 0.015
_RATIO: Final = 0.85
_RANSAC_PX: Final = 6.0
_LEAST_INLIERS: Final = 8
# Search: sides of the two small copies, steps in degrees, scales between the photos, how many best guesses.
_TEMPLATE_PX: Final = 72
_TURN_DEG: Final = 6
_SCALES: Final = tuple(float(2 ** (step / 4)) for step in range(-6, 7))
_BEST: Final = 3


def guesses(earlier: Signal, ink: Mask, new: Signal) -> Iterator[Array]:
    """Homographies (3, 3) from earlier to new coordinates, the most likely first; at most 4.

    Args:
        earlier, new: signals of the photos (`svc_color.followup.signal`).
        ink: the earlier ink, (H, W), not empty.
    """
    by_features = _features(earlier, ink, new)
    if by_features is not None:
        yield by_features
    yield from _search(earlier, ink, new)


def _features(earlier: Signal, ink: Mask, new: Signal) -> Array | None:
    """The similarity that most SIFT features in and around the ink agree on."""
    detector = cv2.SIFT.create(nfeatures=_FEATURES, contrastThreshold=_CONTRAST)
    around = cv2.dilate(ink.view(np.uint8), np.ones((3, 3), np.uint8), iterations=max(8, _extent(ink) // 12))
    first, first_descriptors = detector.detectAndCompute(evened(earlier), around)
    second, second_descriptors = detector.detectAndCompute(evened(new), None)
    if len(first) < _LEAST_INLIERS or len(second) < _LEAST_INLIERS:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(first_descriptors, second_descriptors, k=2)
    good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < _RATIO * pair[1].distance]
    if len(good) < _LEAST_INLIERS:
        return None
    source = np.array([first[match.queryIdx].pt for match in good], np.float64)
    target = np.array([second[match.trainIdx].pt for match in good], np.float64)
    cv2.setRNGSeed(1)
    similarity, kept = cv2.estimateAffinePartial2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=_RANSAC_PX, maxIters=5000
    )
    if similarity is None or np.count_nonzero(kept) < _LEAST_INLIERS:
        return None
    return np.vstack([similarity, [0.0, 0.0, 1.0]])


def _search(earlier: Signal, ink: Mask, new: Signal) -> list[Array]:
    """The best similarities by correlating a small copy of the tattoo with a small copy of the new photo.

    Correlation sums over the whole design, so it finds ink that has faded too far for single features.
    """
    x, y, width, height = cv2.boundingRect(ink.view(np.uint8))
    to_template = _TEMPLATE_PX / max(width, height)
    side = int(np.ceil(_TEMPLATE_PX * np.sqrt(2))) | 1
    found: list[tuple[float, Array]] = []
    for scale in _SCALES:
        # The new photo is shrunk so that the tattoo, `scale` times as large there, has the template's size.
        shrink = to_template / scale
        size = (round(new.shape[1] * shrink), round(new.shape[0] * shrink))
        if min(size) < _TEMPLATE_PX // 2 or max(size) > 8 * _TEMPLATE_PX:
            continue
        small = np.asarray(cv2.resize(new, size, interpolation=cv2.INTER_AREA), np.float32)
        # Room for a tattoo that is cut off by the edge of the photo.
        padded = cv2.copyMakeBorder(small, side // 2, side // 2, side // 2, side // 2, cv2.BORDER_CONSTANT)
        for turn in range(0, 360, _TURN_DEG):
            inward = _about((x + width / 2, y + height / 2), (side / 2, side / 2), to_template, turn)
            template = cv2.warpAffine(earlier, inward[:2], (side, side), flags=cv2.INTER_AREA)
            score = cv2.matchTemplate(padded, template, cv2.TM_CCORR_NORMED)
            _, best, _, (left, top) = cv2.minMaxLoc(score)
            outward = np.diag([1 / shrink, 1 / shrink, 1.0]) @ _shift(left - side // 2, top - side // 2)
            found.append((best, outward @ inward))
    found.sort(key=lambda each: -each[0])
    return [guess for _, guess in found[:_BEST]]


def _extent(ink: Mask) -> int:
    _, _, width, height = cv2.boundingRect(ink.view(np.uint8))
    return int(max(width, height))


def _about(centre: tuple[float, float], to: tuple[float, float], scale: float, degrees: float) -> Array:
    """Turns and scales about `centre`, which goes to `to`."""
    turned = np.vstack([cv2.getRotationMatrix2D(centre, degrees, scale), [0.0, 0.0, 1.0]])
    return np.asarray(_shift(to[0] - centre[0], to[1] - centre[1]) @ turned)


def _shift(x: float, y: float) -> Array:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])
