"""Designs laid on skin: how much of which ink lies at each pixel of the photo."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synth.arrays import Rng
from models.synth.designs import COVERING, EMPTY, STYLES, Design, Library, draw
from models.synth.geometry.surface import Surface
from models.synth.inks import Ink

MAX_INKS = 8


@dataclass(frozen=True)
class Layer:
    amounts: NDArray[np.float32]
    """(K, H, W), 0..1.5, relative amount of each ink."""
    inks: tuple[Ink, ...]
    """K <= 8."""
    designs: tuple[Design, ...]
    """What was placed: a sketch of it may lie beside the skin."""


def place(rng: Rng, surface: Surface, library: Library = EMPTY) -> Layer:
    """One to five designs on the skin, each of its own age; the first is often as large as the skin."""
    shape = (int(surface.where.shape[0]), int(surface.where.shape[1]))
    planes: list[NDArray[np.float32]] = []
    inks: list[Ink] = []
    designs = []
    for k in range(int(rng.choice([1, 2, 3, 4, 5], p=[0.6, 0.21, 0.1, 0.05, 0.04]))):
        amounts, drawn = _one(rng, surface, library, main=k == 0)
        designs.append(drawn)
        for plane, ink in zip(amounts, drawn.inks, strict=True):
            if len(inks) < MAX_INKS and plane.any():
                planes.append(plane)
                inks.append(ink)
    stacked = np.stack(planes) if planes else np.zeros((0, *shape), np.float32)
    return Layer(stacked, tuple(inks), tuple(designs))


def _one(rng: Rng, surface: Surface, library: Library, main: bool) -> tuple[NDArray[np.float32], Design]:
    """One design drawn and warped onto one piece of the skin: (K, H, W), and the design."""
    shape = surface.where.shape
    spot = _spot(rng, surface, main)
    piece = surface.piece == surface.piece[spot]
    extent_cm = surface.cm_per_px * float(np.sqrt(piece.sum()))
    covering = main and rng.random() < 0.17
    share = float(rng.uniform(1.2, 2.2)) if covering else _share(rng, main)
    side_cm = max(extent_cm * share, 12 * surface.cm_per_px)
    side_px = side_cm / surface.cm_per_px
    canvas = int(np.clip(side_px, 64, max(shape)))
    line_cm = float(np.exp(rng.uniform(np.log(0.03), np.log(0.25))))
    line_px = float(np.clip(line_cm / side_cm * canvas, canvas / side_px, 0.03 * canvas))
    drawn = draw(rng, canvas, max(line_px, 1.0), library, COVERING if covering else STYLES)
    return warp(drawn, surface, surface.uv_cm[spot], side_cm, _turn(rng, _lie(piece))) * piece, drawn


def _share(rng: Rng, main: bool) -> float:
    """Side of a design over the root of its skin's area: small pieces and main pieces."""
    if main and rng.random() < 0.65:
        return float(rng.uniform(0.6, 1.4))
    return float(np.exp(rng.uniform(-1.9, -0.4)))


def _lie(piece: NDArray[np.bool_]) -> float:
    """Angle in radians by which a picture is turned to stand along the piece's length."""
    rows, cols = np.nonzero(piece[::8, ::8])
    if len(rows) < 3:
        return 0.0
    _, vectors = np.linalg.eigh(np.cov(np.stack([cols, rows])))
    x, y = vectors[:, 1]
    return float(np.arctan2(y, x) - np.pi / 2)


def _spot(rng: Rng, surface: Surface, main: bool) -> tuple[int, int]:
    """A pixel of skin for a design's middle: the deepest of a few for the main one, any for others."""
    rows, cols = np.nonzero(surface.piece[::4, ::4])
    if not len(rows):
        rows, cols = np.nonzero(surface.where[::4, ::4])
    if not len(rows):
        return surface.where.shape[0] // 2, surface.where.shape[1] // 2
    tries = rng.integers(len(rows), size=6 if main else 1)
    off = np.hypot(rows[tries] - rows.mean(), cols[tries] - cols.mean())
    best = int(tries[int(off.argmin())])
    return int(rows[best]) * 4, int(cols[best]) * 4


def _turn(rng: Rng, lie: float) -> NDArray[np.float32]:
    """Rotation, mirror, slight shear and stretch of a design, (2, 2); `lie`: angle of the skin's length."""
    angle = rng.choice([lie, lie + np.pi, 0.0]) + rng.normal(0, 0.3)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    tall = rng.uniform(1.1, 1.8) if rng.random() < 0.3 else rng.uniform(0.9, 1.1)
    turn = turn @ np.array([[1, rng.normal(0, 0.1)], [0, tall]])
    if rng.random() < 0.5:
        turn[:, 0] *= -1
    return np.asarray(turn, np.float32)


def warp(
    design: Design,
    surface: Surface,
    centre_cm: NDArray[np.float32],
    side_cm: float,
    turn: NDArray[np.float32],
) -> NDArray[np.float32]:
    """The design's amounts (K, H, W) where its canvas of `side_cm` lies on the skin around `centre_cm`."""
    canvas = design.amounts.shape[1]
    local = (surface.uv_cm - centre_cm) @ np.linalg.inv(turn).T.astype(np.float32)
    lookup = (local * np.float32(canvas / side_cm) + np.float32(canvas / 2)).astype(np.float32)
    stacked = np.ascontiguousarray(np.moveaxis(design.amounts, 0, -1))
    planes = [
        cv2.remap(stacked[:, :, k], lookup[:, :, 0], lookup[:, :, 1], cv2.INTER_LINEAR)
        for k in range(stacked.shape[2])
    ]
    return np.stack(planes).astype(np.float32)
