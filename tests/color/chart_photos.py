"""Photos of colour charts with known truth: pose, light, camera, glare, noise, JPEG."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from svc_color.chart.layouts import Edition, Layout, known
from svc_color.space import XYZ_TO_SRGB, Array, linear_to_srgb

Image = NDArray[np.uint8]
CLASSIC = known()[0]
BEFORE, AFTER = CLASSIC.editions
# A camera of no standard: its channels overlap more than sRGB's, so that no surface is negative in it.
CAMERA = np.array([[0.80, 0.17, 0.03], [0.12, 0.76, 0.12], [0.02, 0.20, 0.78]]) @ XYZ_TO_SRGB
SKIN = (0.45, 0.30, 0.22)
_SIZE = 48


@dataclass(frozen=True)
class Shot:
    """How a chart is photographed.

    turn, tilt, towards: degrees, in the picture's plane, out of it, and which way. pitch: pixels from patch
    to patch in front of the camera. light: gain per channel. gamma: exponent of a tone curve on top of sRGB.
    uneven: share of light lost from one end of the chart to the other. glare: patches under a lamp's
    reflection. hidden: patches under a finger. noise: standard deviation of encoded values.
    """

    turn: float = 0.0
    tilt: float = 0.0
    towards: float = 0.0
    pitch: float = 60.0
    size: tuple[int, int] = (700, 900)
    offset: tuple[float, float] = (0.0, 0.0)
    light: tuple[float, float, float] = (1.0, 1.0, 1.0)
    exposure: float = 0.9
    gamma: float = 1.0
    uneven: float = 0.0
    glare: tuple[int, ...] = ()
    hidden: tuple[int, ...] = ()
    noise: float = 0.004
    quality: int = 92
    patch: float = 0.87
    seed: int = 1
    mirrored: bool = False
    shuffled: bool = False
    camera: Array = field(default_factory=lambda: CAMERA)


def shoot(
    shot: Shot, layout: Layout = CLASSIC, edition: Edition = AFTER, scene: Array | None = None
) -> tuple[Image, Array]:
    """The photo, sRGB, and the homography (3, 3) from (column, row) of the chart to its pixels.

    scene: XYZ (H, W, 3) of what lies behind the chart; skin without one.
    """
    rng = np.random.default_rng(shot.seed)
    flat, low = _flat(shot, layout, edition, rng)
    truth = pose(shot, layout)
    to_cell = np.array([[1 / _SIZE, 0, low + 0.5 / _SIZE], [0, 1 / _SIZE, low + 0.5 / _SIZE], [0, 0, 1]])
    height, width = shot.size
    background = np.tile(np.array(SKIN), (height, width, 1)) * np.linspace(0.9, 1.1, width)[None, :, None]
    if scene is not None:
        background = np.maximum(scene @ shot.camera.T, 1e-4)
    # Twice the size, then halved: edges like a lens's.
    twice = np.diag([2.0, 2.0, 1.0]) + np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
    warp = twice @ truth @ to_cell
    seen = cv2.warpPerspective(flat, warp, (2 * width, 2 * height), flags=cv2.INTER_AREA)
    mask = cv2.warpPerspective(np.ones(flat.shape[:2]), warp, (2 * width, 2 * height), flags=cv2.INTER_LINEAR)
    seen, mask = (cv2.resize(each, (width, height), interpolation=cv2.INTER_AREA) for each in (seen, mask))
    linear = background * (1 - mask[..., None]) + seen * mask[..., None]
    linear = cv2.GaussianBlur(linear * np.array(shot.light) * shot.exposure, (0, 0), 0.6)
    encoded = linear_to_srgb(np.clip(linear, 0, 1) ** shot.gamma)
    encoded += shot.noise * rng.standard_normal(encoded.shape)
    rgb = np.round(np.clip(encoded, 0, 1) * 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, shot.quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8), truth


def pose(shot: Shot, layout: Layout) -> Array:
    """Homography of the chart's plane before a phone's camera, turned, tilted, and moved by `offset`."""
    height, width = shot.size
    focal = 26 / 36 * max(shot.size)
    turn, tilt, towards = np.radians([shot.turn, shot.tilt, shot.towards])
    axis = np.array([np.cos(towards), np.sin(towards), 0.0]) * tilt
    rotation = cv2.Rodrigues(axis)[0] @ cv2.Rodrigues(np.array([0.0, 0.0, turn]))[0]
    distance = focal / shot.pitch
    camera = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
    shift = np.array([shot.offset[0] / shot.pitch, shot.offset[1] / shot.pitch, distance])
    middle = np.eye(3)
    middle[:2, 2] = -(layout.columns - 1) / 2, -(layout.rows - 1) / 2
    plane = camera @ np.column_stack([rotation[:, 0], rotation[:, 1], shift]) @ middle
    return np.asarray(plane / plane[2, 2])


def _flat(shot: Shot, layout: Layout, edition: Edition, rng: np.random.Generator) -> tuple[Array, float]:
    """The chart from above in the camera's linear light, and the cell coordinate of its top left corner."""
    border = 0.7
    rows, columns = (round((n + 2 * border) * _SIZE) for n in (layout.rows, layout.columns))
    light = np.maximum(edition.xyz @ shot.camera.T, 1e-4)
    if shot.shuffled:
        light = light[rng.permutation(len(light))]
    flat = np.full((rows, columns, 3), 0.03)
    half = shot.patch / 2
    for index in range(len(light)):
        row, column = divmod(index, layout.columns)
        if shot.mirrored:
            column = layout.columns - 1 - column
        top, left = (round((border + n + 0.5 - half) * _SIZE) for n in (row, column))
        side = round(shot.patch * _SIZE)
        part = flat[top : top + side, left : left + side]
        part[:] = light[index]
        if index in shot.hidden:
            flat[top - 4 : top + side + 4, left - 4 : left + side + 4] = (0.35, 0.20, 0.14)
        if index in shot.glare:
            y, x = np.mgrid[: part.shape[0], : part.shape[1]]
            part += (3 * np.exp(-((x - side * 0.5) ** 2 + (y - side * 0.5) ** 2) / (side * 0.4) ** 2))[
                ..., None
            ]
    flat *= (1 - shot.uneven * np.linspace(0, 1, columns))[None, :, None]
    return flat, -0.5 - border
