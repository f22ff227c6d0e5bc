"""What the network's answers mean, learned on synthetic scenes not trained on; no photo is used."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.train.ink.export import Calibration
from models.train.ink.plan import Plan
from models.train.ink.pool import Pool
from models.train.ink.truth import half_contrast
from svc_segment.core import segment
from svc_segment.model import Contract, Model
from svc_segment.tiles import blend, passes

COVERAGE = 0.95
THRESHOLD = 0.5
_ROUNDS = 40
_LOW_ENDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.82, 0.84, 0.86, 0.88, 0.9, 0.92, 0.94, 0.96, 0.98, 0.99)
_HIGH_ENDS = (
    0.5,
    0.4,
    0.3,
    0.2,
    0.15,
    0.1,
    0.07,
    0.05,
    0.03,
    0.02,
    0.015,
    0.01,
    0.007,
    0.005,
    0.003,
    0.002,
    0.001,
)
_RELIABILITY = np.linspace(0, 1, 11)


@dataclass(frozen=True)
class Seen:
    """One validation scene, answered by the product's own looks and tiles."""

    logit: NDArray[np.float16]
    mask: NDArray[np.uint8]

    @property
    def inked(self) -> bool:
        return bool((self.mask == 255).any())


def look(model: Model, plan: Plan, pool: Pool) -> list[Seen]:
    """The model's logits for every scene of a pool."""
    return [_see(model, plan, pool[k]) for k in range(pool.count)]


def _see(model: Model, plan: Plan, scene: NDArray[np.uint8]) -> Seen:
    rgb = np.ascontiguousarray(scene[..., :3])
    mask = half_contrast(rgb, scene[..., 3]) if plan.examples.half_contrast else np.array(scene[..., 3])
    looks = passes(rgb, model.contract)
    logits = [[model.logits(tile[None])[0] for tile in one.tiles()] for one in looks]
    return Seen(blend(looks, logits, (rgb.shape[0], rgb.shape[1])).astype(np.float16), mask)


def calibrate(scenes: list[Seen]) -> Calibration:
    """Temperature and bias by likelihood (Platt 1999) over the pixels of whole scenes, bare ones among them;
    the area interval by coverage.
    """
    z, truth = _sample(scenes)
    temperature, bias = platt(z, truth)
    probabilities = [_probability(s.logit, temperature, bias) for s in scenes]
    low, high, reached = _interval(scenes, probabilities)
    return Calibration(
        temperature=round(temperature, 3),
        bias=round(bias, 3),
        threshold=THRESHOLD,
        area_low=round(low, 4),
        area_high=round(high, 4),
        method=f"temperature and bias by likelihood, area interval by coverage, on {len(scenes)} synthetic"
        f" scenes not trained on; there the interval holds the true area in {100 * reached:.0f} % of those"
        " with ink. No photo was used",
    )


def _sample(scenes: list[Seen]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Logits and truth of every fifth known pixel in both directions."""
    parts = [(s.logit[2::5, 2::5], s.mask[2::5, 2::5]) for s in scenes]
    z = np.concatenate([logit[mask != 128] for logit, mask in parts]).astype(np.float64)
    return z, np.concatenate([mask[mask != 128] == 255 for _, mask in parts])


def platt(z: NDArray[np.float64], truth: NDArray[np.bool_]) -> tuple[float, float]:
    """(temperature, bias) of p = sigmoid((z - bias) / temperature) with the greatest likelihood.

    Newton's method on slope and intercept, which is convex.
    """
    slope, shift = 1.0, 0.0
    for _ in range(_ROUNDS):
        p = 1 / (1 + np.exp(-(slope * z + shift)))
        error, weight = p - truth, p * (1 - p) + 1e-9
        gradient = np.array([np.mean(error * z), np.mean(error)])
        cross = np.mean(weight * z)
        hessian = np.array([[np.mean(weight * z * z), cross], [cross, np.mean(weight)]])
        step = np.linalg.solve(hessian + 1e-9 * np.eye(2), gradient)
        slope, shift = slope - float(step[0]), shift - float(step[1])
        if float(np.abs(step).max()) < 1e-7:
            break
    return 1 / slope, -shift / slope


def _probability(logit: NDArray[np.float16], temperature: float, bias: float) -> NDArray[np.float32]:
    score = (logit.astype(np.float32) - np.float32(bias)) / np.float32(temperature)
    return np.asarray(1 / (1 + np.exp(-score)), np.float32)


def _interval(seen: list[Seen], probabilities: list[NDArray[np.float32]]) -> tuple[float, float, float]:
    """The probabilities above which area is counted at the lower and the upper end, and how often they hold.

    Each end is the first on its way from the threshold to certainty that the true area of scenes with ink is
    beyond in no more than half of 1 - COVERAGE.
    """
    inked = [(p[s.mask != 128], int((s.mask == 255).sum())) for p, s in zip(probabilities, seen, strict=True)]
    inked = [(p, area) for p, area in inked if area]
    enough = (1 + COVERAGE) / 2

    def below(low: float) -> NDArray[np.bool_]:
        return np.array([int((p > low).sum()) <= area for p, area in inked])

    def above(high: float) -> NDArray[np.bool_]:
        return np.array([int((p > high).sum()) >= area for p, area in inked])

    low = next((v for v in _LOW_ENDS if below(v).mean() >= enough), _LOW_ENDS[-1])
    high = next((v for v in _HIGH_ENDS if above(v).mean() >= enough), _HIGH_ENDS[-1])
    return low, high, float((below(low) & above(high)).mean())


def figures(seen: list[Seen], contract: Contract) -> dict[str, Any]:
    """What the calibrated model reaches on these scenes: overlap, emptiness, reliability."""
    p = [_probability(s.logit, contract.temperature, contract.bias) for s in seen]
    ious = [iou(q > THRESHOLD, s.mask) for q, s in zip(p, seen, strict=True) if s.inked]
    empty = [float((q > THRESHOLD).mean()) for q, s in zip(p, seen, strict=True) if not s.inked]
    return {
        "scenes_with_ink": len(ious),
        "mean_iou": round(float(np.mean(ious)), 4),
        "median_iou": round(float(np.median(ious)), 4),
        "scenes_without": len(empty),
        "false_ink": round(float(np.mean(empty)), 5) if empty else None,
        "expected_calibration_error": round(calibration_error(seen, p), 5),
    }


def calibration_error(seen: list[Seen], probabilities: list[NDArray[np.float32]]) -> float:
    """Expected calibration error over pixels in ten bins (Guo et al. 2017), 0..1."""
    p = np.concatenate([q[2::5, 2::5].ravel() for q in probabilities])
    mask = np.concatenate([s.mask[2::5, 2::5].ravel() for s in seen])
    p, ink = p[mask != 128], mask[mask != 128] == 255
    bins = np.clip(np.digitize(p, _RELIABILITY) - 1, 0, 9)
    total = 0.0
    for k in range(10):
        if (inside := bins == k).any():
            total += float(inside.mean()) * abs(float(p[inside].mean()) - float(ink[inside].mean()))
    return total


def iou(found: NDArray[np.bool_], mask: NDArray[np.uint8]) -> float:
    """Over known pixels; 1 where both are empty."""
    known, ink = mask != 128, mask == 255
    either = int(((found | ink) & known).sum())
    return int((found & ink).sum()) / either if either else 1.0


def calibrated(model: Model, calibration: Calibration) -> Model:
    """The model with its answers read so."""
    contract: Contract = replace(
        model.contract,
        temperature=calibration.temperature,
        bias=calibration.bias,
        area_low=calibration.area_low,
        area_high=calibration.area_high,
    )
    return replace(model, contract=contract)


def ink_found(model: Model, rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The product's mask of a photo (H, W, 3)."""
    return segment(rgb, model).mask > 0
