"""A synthetic tattoo photo: an arm with black, red and blue-green ink, and a border that says what it is."""

from __future__ import annotations

import struct

import cv2
import numpy as np
from numpy.typing import NDArray

from models.sample.paint import Arm, Drawing, absorbance, apply_ink, arm_colour, hair_colour, wall
from models.synth.arrays import Bytes, Image, Points, Rng, blur, coverage, smooth_noise, strokes
from models.synth.camera import encode
from models.synth.designs.shapes import blob

WIDTH, HEIGHT, BORDER = 1600, 1200, 56
LABEL = "SYNTHETIC SAMPLE - computed by Assay (models/sample), not a photograph of a person"
SEED = 20
_QUALITY = 88
_LEAVES = ((-150, 0.9), (-35, 1.0), (70, 0.8), (160, 0.75))


def make(seed: int = SEED) -> bytes:
    """The JPEG file; its EXIF ImageDescription is LABEL. One seed gives one file on one OpenCV."""
    rng = np.random.default_rng(seed)
    shape = (HEIGHT - BORDER, WIDTH)
    arm = _arm(rng, shape)
    lit = apply_ink(rng, arm.linear, _tattoo(rng, shape))
    _hairs(rng, lit, arm.shape)
    edge = blur(arm.shape.astype(np.float32), 1.5)[:, :, None]
    behind = blur(wall(rng, shape), 9.0) * np.float32(0.6)
    scene = lit * edge + behind * (1 - edge)
    rgb = _picture(rng, scene, float(np.median(lit[arm.shape].mean(-1))))
    framed = cv2.copyMakeBorder(rgb, 0, BORDER, 0, 0, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    cv2.putText(framed, LABEL, (24, HEIGHT - 18), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (20, 20, 20), 2, cv2.LINE_AA)
    bgr = cv2.cvtColor(framed, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    assert done, "a JPEG encoder is part of OpenCV"
    return described(data.tobytes(), LABEL)


def ink(seed: int = SEED) -> NDArray[np.bool_]:
    """Where `make` laid ink, (HEIGHT, WIDTH): at least half of a thin black line's absorbance."""
    rng = np.random.default_rng(seed)
    shape = (HEIGHT - BORDER, WIDTH)
    _arm(rng, shape)
    drawn = _tattoo(rng, shape).mean(-1) > 0.5 * float(absorbance("red").mean() * 0.35)
    return np.asarray(cv2.copyMakeBorder(drawn.view(np.uint8), 0, BORDER, 0, 0, cv2.BORDER_CONSTANT) > 0)


def described(jpeg: bytes, text: str) -> bytes:
    """The JPEG with an EXIF segment (Exif 2.32) that holds only ImageDescription."""
    value = text.encode("ascii") + b"\0"
    offset = 8 + 2 + 12 + 4
    directory = struct.pack(">HHHII", 1, 0x010E, 2, len(value), offset) + struct.pack(">I", 0)
    tiff = b"MM\0*" + struct.pack(">I", 8) + directory + value
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def _arm(rng: Rng, shape: tuple[int, int]) -> Arm:
    """A forearm across the frame, lit from above."""
    height, width = shape
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    along = xx / width - 0.5
    middle = height * (0.52 + 0.10 * along)
    half = height * (0.36 - 0.10 * along + 0.03 * np.cos(5 * along))
    across = np.clip((yy - middle) / half, -1, 1)
    light = 0.42 + 0.58 * np.maximum(np.cos(np.arcsin(across * 0.985) + 0.45), 0)
    light = light * (1 + 0.06 * smooth_noise(rng, shape, 500, 2))
    log_skin = np.log(arm_colour())[None, None, :] + np.zeros((*shape, 3), np.float32)
    melanin = 0.07 * smooth_noise(rng, shape, 420, 4) + 0.03 * smooth_noise(rng, shape, 9, 2)
    blood = 0.10 * smooth_noise(rng, shape, 260, 4) + 0.05 * smooth_noise(rng, shape, 14, 2)
    log_skin -= melanin[:, :, None] * np.array([0.30, 0.55, 0.85], np.float32)
    log_skin -= blood[:, :, None] * np.array([0.10, 0.75, 0.60], np.float32)
    linear = np.exp(log_skin) * light[:, :, None]
    inside = np.abs((yy - middle) / half) < 1
    return Arm(linear.astype(np.float32), inside)


def _tattoo(rng: Rng, shape: tuple[int, int]) -> Image:
    """A rose in red with green-blue leaves and black outlines, and a line of script."""
    drawing = Drawing(np.zeros((*shape, 3), np.float32))
    black, red = absorbance("black") * np.float32(1.7), absorbance("red") * np.float32(1.5)
    teal = absorbance("teal") * np.float32(1.2) + absorbance("grey") * np.float32(0.25)
    centre = np.array([shape[1] * 0.40, shape[0] * 0.50])
    for degrees, size in _LEAVES:
        leaf = _leaf(centre, np.radians(degrees), 330 * size)
        shape_of_leaf = coverage(shape, [leaf])
        drawing.lay(shape_of_leaf, teal * _graded(rng, shape, 0.75)[:, :, None])
        tip = centre + 0.95 * (leaf[len(leaf) // 2] - centre)
        drawing.lay(strokes(shape, [leaf], 6, closed=True), black)
        drawing.lay(strokes(shape, [np.stack([centre, tip])], 4), black)
    for ring, (radius, petals) in enumerate(((165, 6), (120, 5), (78, 4), (40, 3))):
        for k in range(petals):
            angle = 2 * np.pi * k / petals + 0.5 * ring
            at = centre + radius * 0.55 * np.array([np.cos(angle), np.sin(angle)])
            petal = blob(rng, at, radius * 0.58, 0.10, 60)
            drawing.lay(coverage(shape, [petal]), red * _graded(rng, shape, 0.8)[:, :, None])
            drawing.lay(strokes(shape, [petal], 6, closed=True), black)
    _script(drawing, "Assay", (int(shape[1] * 0.62), int(shape[0] * 0.58)), black)
    return drawing.absorbance


def _leaf(root: Points, angle: float, length: float) -> Points:
    t = np.linspace(0, 1, 30)
    wide = 0.22 * np.sin(np.pi * t) ** 0.8
    side = np.concatenate([np.stack([t, wide], 1), np.stack([t, -wide], 1)[::-1]]) * length
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray(root + side @ turn, np.float64)


def _graded(rng: Rng, shape: tuple[int, int], mean: float) -> Image:
    """Uneven packing of ink, (H, W) about `mean`..1.2."""
    return np.asarray(np.clip(mean + 0.35 * smooth_noise(rng, shape, 70, 3), 0.35, 1.2), np.float32)


def _script(drawing: Drawing, text: str, at: tuple[int, int], ink: NDArray[np.float32]) -> None:
    canvas = np.zeros(drawing.absorbance.shape[:2], np.uint8)
    cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 5.0, 255, 7, cv2.LINE_AA)
    drawing.lay(canvas.astype(np.float32) / np.float32(255), ink)


def _hairs(rng: Rng, linear: Image, inside: NDArray[np.bool_]) -> None:
    """Sparse fair hair along the arm, in place."""
    height, width = inside.shape
    lines = []
    for _ in range(420):
        start, t = rng.uniform(0, 1, 2) * (width, height), np.linspace(0, 1, 6)
        angle = 0.35 + rng.normal(0, 0.3)
        bend, length = rng.normal(0, 0.7), rng.uniform(25, 70)
        lines.append(
            start + length * np.stack([t * np.cos(angle + bend * t), t * np.sin(angle + bend * t)], 1)
        )
    alpha = 0.28 * blur(strokes((height, width), lines, 1), 0.7) * inside
    linear += alpha[:, :, None] * (hair_colour() - linear)


def _picture(rng: Rng, scene: Image, subject: float) -> Bytes:
    """The camera's file before JPEG: gentle balance, noise and blur."""
    lens = blur(scene * np.float32(0.42 / max(subject, 0.05)) * np.array([1.03, 1.0, 0.95], np.float32), 0.9)
    noise = rng.standard_normal(lens.shape, np.float32) * np.sqrt(np.clip(lens, 0.001, 1)) * np.float32(0.006)
    return np.asarray(np.clip(encode(lens + noise), 0, 1) * 255 + 0.5, np.uint8)
