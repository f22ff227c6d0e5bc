"""Photos as tiles: how one is cut for the network and how the answers are blended back."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from svc_segment.features import features, surroundings
from svc_segment.model import Contract


@dataclass(frozen=True)
class Pass:
    """One look at the photo at one scale."""

    size: tuple[int, int]
    """Height and width of the photo at this scale, pixels."""
    padded: NDArray[np.float32]
    """Features (7, H, W), mirrored at the right and bottom to whole tiles."""
    tile: tuple[int, int]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    weight: float

    def tiles(self) -> list[NDArray[np.float32]]:
        """Features (7, h, w) of each tile, row by row."""
        height, width = self.tile
        return [
            np.ascontiguousarray(self.padded[:, y : y + height, x : x + width])
            for y in self.rows
            for x in self.columns
        ]


def passes(rgb: NDArray[np.uint8], contract: Contract) -> list[Pass]:
    """The looks that the contract asks for: one for a small photo, fine and coarse for a large one."""
    longest = max(rgb.shape[:2])
    fine = _look(rgb, min(longest, contract.fine_side), contract, 1.0)
    if longest <= contract.coarse_side or contract.coarse_weight <= 0:
        return [fine]
    coarse = _look(rgb, contract.coarse_side, contract, contract.coarse_weight)
    return [_weighted(fine, 1 - contract.coarse_weight), coarse]


def blend(
    looks: list[Pass], logits: list[list[NDArray[np.float32]]], size: tuple[int, int]
) -> NDArray[np.float32]:
    """Ink logit (H, W) of the whole photo: tiles cross-faded, passes averaged by their weight."""
    height, width = size
    total = np.zeros(size, np.float32)
    for look, answers in zip(looks, logits, strict=True):
        whole = _join(look, answers)
        if whole.shape != size:
            whole = np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
        total += np.float32(look.weight) * whole
    return total


def _weighted(look: Pass, weight: float) -> Pass:
    return Pass(look.size, look.padded, look.tile, look.rows, look.columns, weight)


def _look(rgb: NDArray[np.uint8], side: int, contract: Contract, weight: float) -> Pass:
    scale = side / max(rgb.shape[:2])
    height, width = (max(1, round(n * scale)) for n in rgb.shape[:2])
    if (height, width) != rgb.shape[:2]:
        rgb = np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    values = features(rgb, surroundings(rgb))
    tall, rows = _cuts(height, contract)
    wide, columns = _cuts(width, contract)
    bottom, right = rows[-1] + tall - height, columns[-1] + wide - width
    planes = [cv2.copyMakeBorder(p, 0, bottom, 0, right, cv2.BORDER_REFLECT) for p in values]
    return Pass((height, width), np.stack(planes), (tall, wide), rows, columns, weight)


def _cuts(length: int, contract: Contract) -> tuple[int, tuple[int, ...]]:
    """Tile length and tile starts that cover `length`, with at least contract.overlap between neighbours."""
    if length <= contract.tile:
        return -(-length // contract.multiple) * contract.multiple, (0,)
    count = -(-(length - contract.overlap) // (contract.tile - contract.overlap))
    return contract.tile, tuple(round(k * (length - contract.tile) / (count - 1)) for k in range(count))


def _join(look: Pass, answers: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    height, width = look.size
    if len(answers) == 1:
        return answers[0][:height, :width]
    tall, wide = look.tile
    fade = _fade(tall)[:, None] * _fade(wide)[None, :]
    total = np.zeros(look.padded.shape[1:], np.float32)
    weight = np.zeros_like(total)
    places = [(y, x) for y in look.rows for x in look.columns]
    for (y, x), answer in zip(places, answers, strict=True):
        part = np.s_[y : y + tall, x : x + wide]
        total[part] += answer * fade
        weight[part] += fade
    return (total / weight)[:height, :width]


def _fade(length: int) -> NDArray[np.float32]:
    """Weights (length,) that fall linearly to the ends, never to nothing."""
    ramp = np.minimum(np.arange(1, length + 1), np.arange(length, 0, -1))
    return (np.minimum(ramp, length // 6) / (length // 6)).astype(np.float32)
