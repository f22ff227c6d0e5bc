"""Pictures of what went wrong, as data URIs for the report page.

The photos are other people's. What is not the subject is made coarse: all that lies away from the annotated
ink, outside the drawn boxes; so the page shows no faces. Photos of bare skin hold hands, arms and feet only.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.evaluate import boxes, negatives
from models.evaluate.boxes import BoxedPhoto, Rectangle
from models.evaluate.negatives import BarePhoto
from models.evaluate.segment import IGNORE, Photo, load
from svc_segment.core import segment
from svc_segment.model import Model

Rgb = NDArray[np.uint8]

TRUTH = (255, 220, 0)
FOUND = (0, 230, 255)
RIGHT, MISSED, FALSE, UNKNOWN = (60, 170, 80), (60, 90, 220), (220, 50, 40), (150, 150, 150)
_SIDE = 345
_BLOCKS = 36
_MARGIN = 0.03
_QUALITY = 80


@dataclass(frozen=True)
class Case:
    """One photo of the report."""

    title: str
    figures: str
    pictures: tuple[tuple[str, str], ...]
    """What it shows, and its data URI."""


def masked_case(photo: Photo, figures: str, model: Model) -> Case:
    """Photo, outlines of annotation and prediction, map of errors."""
    rgb, truth = load(photo)
    found = segment(rgb, model).mask > 0
    shown, _ = _fit(coarse_outside(rgb, _near(truth == 255)))
    ink, drawn = _scaled(found, shown), _scaled(truth == 255, shown)
    known = ~_scaled(truth == IGNORE, shown)
    return Case(
        photo.file,
        figures,
        (
            ("photo", _uri(shown)),
            ("outlines: annotation yellow, prediction cyan", _uri(_outlined(shown, drawn, ink))),
            ("errors: right green, missed blue, false red, unknown grey", _uri(_errors(drawn, ink, known))),
        ),
    )


def boxed_case(photo: BoxedPhoto, figures: str, model: Model) -> Case:
    """Photo, and drawn boxes with the regions that were found and their boxes."""
    rgb = boxes.load(photo)
    result = segment(rgb, model)
    inside = np.zeros(rgb.shape[:2], bool)
    for x1, y1, x2, y2 in photo.boxes:
        inside[int(y1) : int(y2) + 1, int(x1) : int(x2) + 1] = True
    shown, scale = _fit(coarse_outside(rgb, inside))
    predicted = [
        (float(x), float(y), float(x + w), float(y + h)) for x, y, w, h in (r.box for r in result.regions)
    ]
    marked = _tinted(shown, _scaled(result.mask > 0, shown))
    marked = _framed(_framed(marked, predicted, scale, FOUND, 1), photo.boxes, scale, TRUTH, 2)
    return Case(
        photo.file,
        figures,
        (("photo", _uri(shown)), ("drawn boxes yellow; ink red, its regions cyan", _uri(marked))),
    )


def bare_case(photo: BarePhoto, figures: str, model: Model) -> Case:
    """Photo, and the false ink in it."""
    rgb = negatives.load(photo)
    shown, _ = _fit(rgb)
    marked = _tinted(shown, _scaled(segment(rgb, model).mask > 0, shown))
    return Case(
        f"{photo.set}/{photo.file}", figures, (("photo", _uri(shown)), ("false ink red", _uri(marked)))
    )


def coarse_outside(rgb: Rgb, keep: NDArray[np.bool_]) -> Rgb:
    """The photo (H, W, 3) with all but `keep` (H, W) in blocks of a 36th of the longer side."""
    height, width = rgb.shape[:2]
    block = max(height, width) / _BLOCKS
    size = (max(1, round(width / block)), max(1, round(height / block)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    blocks = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(np.where(keep[..., None], rgb, blocks), np.uint8)


def _near(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    reach = max(3, round(_MARGIN * max(ink.shape)))
    return np.asarray(cv2.dilate(ink.astype(np.uint8), np.ones((2 * reach + 1,) * 2, np.uint8)) > 0)


def _fit(rgb: Rgb) -> tuple[Rgb, float]:
    scale = _SIDE / max(rgb.shape[:2])
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, size, interpolation=smooth), np.uint8), scale


def _scaled(mask: NDArray[np.bool_], like: Rgb) -> NDArray[np.bool_]:
    size = (like.shape[1], like.shape[0])
    return np.asarray(cv2.resize(mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) > 127)


def _outlined(rgb: Rgb, truth: NDArray[np.bool_], found: NDArray[np.bool_]) -> Rgb:
    picture = rgb.copy()
    for mask, colour in ((truth, TRUTH), (found, FOUND)):
        lines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, lines, -1, colour, 1, cv2.LINE_AA)
    return picture


def _errors(truth: NDArray[np.bool_], found: NDArray[np.bool_], known: NDArray[np.bool_]) -> Rgb:
    picture = np.full((*truth.shape, 3), 250, np.uint8)
    picture[truth & found] = RIGHT
    picture[truth & ~found] = MISSED
    picture[~truth & found] = FALSE
    picture[~known] = UNKNOWN
    return picture


def _tinted(rgb: Rgb, ink: NDArray[np.bool_]) -> Rgb:
    tint = np.where(ink[..., None], np.array(FALSE, np.uint8), rgb)
    return np.asarray(cv2.addWeighted(rgb, 0.45, np.asarray(tint, np.uint8), 0.55, 0), np.uint8)


def _framed(
    rgb: Rgb, rectangles: Sequence[Rectangle], scale: float, colour: tuple[int, int, int], width: int
) -> Rgb:
    picture = rgb.copy()
    for x1, y1, x2, y2 in rectangles:
        corners = [(round(x * scale), round(y * scale)) for x, y in ((x1, y1), (x2, y2))]
        cv2.rectangle(picture, corners[0], corners[1], colour, width)
    return picture


def _uri(rgb: Rgb) -> str:
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    assert done, "a JPEG encoder is part of OpenCV"
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()
