"""Two visits of one tattoo with exact truth: one body, its ink more or less faded, photographed anew."""

from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np
import pytest
from assay.color.v1.color_pb2 import Baseline, ColorPage
from numpy.typing import NDArray

from svc_color.analyze import analyze
from svc_color.difference import delta_e_2000
from svc_color.followup.compare import Earlier, Photo
from svc_color.page import page
from svc_color.reading import Reading
from svc_color.space import Array, linear_to_lab, linear_to_srgb, srgb_to_linear
from tests.color.painting import LIGHT_SKIN, linear_of

Image = NDArray[np.uint8]
Linear = NDArray[np.float32]
Mask = NDArray[np.bool_]

BLACK = (0.95, 0.92, 0.85)
RED = (0.20, 0.90, 0.75)
BLUE = (0.85, 0.55, 0.20)
INKS = (BLACK, RED, BLUE)
CANVAS = 1100


@dataclass(frozen=True)
class Body:
    """skin: linear sRGB (N, N, 3) without ink. density: full ink (N, N, 3). labels: which ink, 0 none."""

    skin: Linear
    density: Linear
    labels: Image


@dataclass(frozen=True)
class Pose:
    """How the camera sees the body: degrees, pixels per canvas pixel, pixels, perspective, bend."""

    turn: float = 0.0
    zoom: float = 0.55
    shift: tuple[float, float] = (0.0, 0.0)
    tilt: float = 0.0
    bend: float = 0.0


@dataclass(frozen=True)
class Visit:
    """rgb: the photo. reading: what a chart would make of it. labels: which ink lies where, 0 none."""

    rgb: Image
    reading: Reading
    labels: Image
    places: NDArray[np.float32]
    """(H, W, 2): the canvas coordinates (x, y) that each pixel shows."""


def body(inks: tuple[tuple[float, float, float], ...] = (BLACK, RED), seed: int = 1) -> Body:
    """A drawing of lines and filled shapes, a few inks in turn, on skin with moles, mottling and shading."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((CANVAS, CANVAS), np.uint8)
    middle = CANVAS / 2
    for index in range(16):
        ink = 1 + index % len(inks)
        centre = tuple(int(v) for v in rng.uniform(middle - 230, middle + 230, 2))
        axes = tuple(int(v) for v in rng.uniform(22, 75, 2))
        thick = -1 if index % 3 == 0 else int(rng.integers(6, 14))
        start, sweep = rng.uniform(0, 360), rng.uniform(140, 360)
        cv2.ellipse(labels, centre, axes, rng.uniform(0, 180), start, start + sweep, ink, thick)
        tip = tuple(int(v) for v in rng.uniform(middle - 260, middle + 260, 2))
        cv2.line(labels, centre, tip, ink, int(rng.integers(5, 12)))
    density = np.zeros((CANVAS, CANVAS, 3), np.float32)
    for ink, values in enumerate(inks, 1):
        density[labels == ink] = values
    skin = np.tile(linear_of(LIGHT_SKIN), (CANVAS, CANVAS, 1)).astype(np.float32)
    mottled = cv2.GaussianBlur(rng.standard_normal((CANVAS, CANVAS)).astype(np.float32), (0, 0), 6)
    skin *= (1 + 0.02 * mottled / mottled.std())[..., None]
    for _ in range(25):
        spot = tuple(int(v) for v in rng.uniform(0, CANVAS, 2))
        mark = np.zeros((CANVAS, CANVAS), np.float32)
        cv2.circle(mark, spot, int(rng.integers(2, 5)), 1.0, -1)
        skin *= 1 - 0.45 * cv2.GaussianBlur(mark, (0, 0), 1.2)[..., None]
    return Body(skin, cv2.GaussianBlur(density, (0, 0), 1.0), labels)


def photograph(
    of: Body,
    left: float = 1.0,
    pose: Pose = Pose(),
    *,
    size: tuple[int, int] = (540, 675),
    light: tuple[float, float, float] = (1.0, 1.0, 1.0),
    error: float = 0.0,
    noise: float = 0.004,
    seed: int = 7,
) -> Visit:
    """One visit. left: share of the ink that is left. light: gain per channel, which the chart takes off.

    error: relative standard error per channel that calibration leaves. noise: of encoded values, 0 to 1.
    """
    rng = np.random.default_rng(seed)
    seen, labels, places = scene(of, left, pose, size)
    encoded = linear_to_srgb(np.clip(seen * np.array(light), 0, 1)) + noise * rng.standard_normal(seen.shape)
    rgb = np.round(np.clip(encoded, 0, 1) * 255).astype(np.uint8)
    gain = (1 + error * rng.standard_normal(3)) / np.array(light)
    # A relative error e of light is one of about 39 e in L* of skin, less in a* and b*.
    reading = Reading(lambda image: srgb_to_linear(image) * gain, max(0.5, 39 * error), calibrated=True)
    return Visit(rgb, reading, labels, places)


def scene(
    of: Body, left: float, pose: Pose, size: tuple[int, int]
) -> tuple[Linear, Image, NDArray[np.float32]]:
    """What there is to photograph: linear sRGB (H, W, 3), labels (H, W), canvas coordinates (H, W, 2)."""
    places = _places(pose, size)
    coloured = of.skin * 10 ** (-of.density * left)
    seen = cv2.remap(coloured, places, None, cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    return seen, cv2.remap(of.labels, places, None, cv2.INTER_NEAREST), places


def measured(visit: Visit, *, mask: Mask | None = None) -> tuple[ColorPage, Photo]:
    """The page of a visit as of a photo with a chart, and the photo. mask: of the ink; None for the true."""
    ink = visit.labels > 0 if mask is None else mask
    probability = np.asarray(cv2.GaussianBlur(ink.astype(np.uint8) * 255, (0, 0), 1.5), np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        # The chart's place is taken by what it would have made of the photo; all else is the product's.
        patch.setattr("svc_color.analyze.reading_by", lambda chart: visit.reading)
        result = analyze(visit.rgb, ink, probability)
    made = page(result)
    made.chart.layout, made.chart.edition, made.chart.grade = "classic24", "after_2014_11", "pass"
    return made, Photo(visit.rgb, ink, probability, result.labels, visit.reading)


def baseline_of(visit: Visit, *, at: datetime) -> tuple[Baseline, Earlier]:
    """What a later visit is compared with."""
    made, photo = measured(visit)
    found = Baseline(job_id="earlier", color=made, camera="camera", segmenter="ink-seg@1.0.0")
    found.created_at.FromDatetime(at)
    return found, Earlier(photo.rgb, photo.labels, photo.ink)


def _places(pose: Pose, size: tuple[int, int]) -> NDArray[np.float32]:
    height, width = size
    rows, columns = np.indices(size, dtype=np.float64)
    x = columns - width / 2 - pose.shift[0]
    y = rows - height / 2 - pose.shift[1]
    depth = 1 + pose.tilt * x / width
    x, y = x / depth / pose.zoom, y / depth / pose.zoom
    turn = np.radians(pose.turn)
    u, v = np.cos(turn) * x + np.sin(turn) * y, -np.sin(turn) * x + np.cos(turn) * y
    # A limb of radius 1/bend canvas widths that was turned a little about its axis.
    u = u + pose.bend * (u**2) / CANVAS + pose.bend * 0.5 * (u**3) / CANVAS**2
    return np.stack([u + CANVAS / 2, v + CANVAS / 2], axis=-1).astype(np.float32)


def registration_error(earlier: Visit, new: Visit, found: Array, at: Array) -> Array:
    """Distances (n,) in pixels of the new photo between found places and the true ones of `at` (n, 2)."""
    canvas = earlier.places[at[:, 1].astype(int), at[:, 0].astype(int)]
    shown = cv2.remap(new.places, found.astype(np.float32)[:, None], None, cv2.INTER_LINEAR)[:, 0]
    return np.asarray(np.linalg.norm(shown - canvas, axis=1))


def contrast(density: Array, left: float) -> float:
    """CIEDE2000 against the drawn skin of ink of that density, of which a share is left."""
    skin = linear_of(LIGHT_SKIN)
    return float(delta_e_2000(linear_to_lab(skin * 10 ** (-density * left)), linear_to_lab(skin)))
