"""What probabilities mean: temperature, threshold, area interval; from synthetic photos not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.train.export import Calibration
from models.train.pool import Pool
from svc_segment.model import Model
from svc_segment.tiles import blend, passes

COVERAGE = 0.95
_TEMPERATURES = np.arange(0.5, 3.01, 0.1)
_THRESHOLDS = np.arange(0.3, 0.81, 0.05)
_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.86, 0.9, 0.94, 0.96, 0.98)
# Bands of the individual typology angle (Del Bino & Bernerd 2013).
ITA_BANDS = (
    ("dark, ITA <= -30", -91.0, -30.0),
    ("brown, -30..10", -30.0, 10.0),
    ("tan, 10..28", 10.0, 28.0),
    ("intermediate, 28..41", 28.0, 41.0),
    ("light, 41..55", 41.0, 55.0),
    ("very light, > 55", 55.0, 91.0),
)


@dataclass(frozen=True)
class Seen:
    logit: NDArray[np.float32]
    mask: NDArray[np.uint8]
    ita: float


def look(model: Model, pool: Pool) -> list[Seen]:
    """The model's logits for every scene of a pool, by the product's own passes and tiles."""
    out = []
    for scene, ita in zip(pool.scenes, pool.ita, strict=True):
        rgb = np.ascontiguousarray(scene[..., :3])
        looks = passes(rgb, model.contract)
        logits = [[model.logits(tile[None])[0] for tile in one.tiles()] for one in looks]
        out.append(Seen(blend(looks, logits, rgb.shape[:2]), np.array(scene[..., 3]), float(ita)))
    return out


def calibrate(seen: list[Seen]) -> Calibration:
    """Temperature by likelihood, threshold by mean IoU, area interval by coverage of the true area."""
    sample = np.concatenate([s.logit[::7, ::7][s.mask[::7, ::7] != 128] for s in seen]).astype(np.float64)
    truth = np.concatenate([s.mask[::7, ::7][s.mask[::7, ::7] != 128] == 255 for s in seen])
    temperature = float(min(_TEMPERATURES, key=lambda t: _negative_log_likelihood(sample / t, truth)))
    probabilities = [1 / (1 + np.exp(-s.logit / temperature)) for s in seen]
    mean_iou = [
        np.mean([_iou(p > t, s.mask) for p, s in zip(probabilities, seen, strict=True)]) for t in _THRESHOLDS
    ]
    threshold = float(_THRESHOLDS[int(np.argmax(mean_iou))])
    low, high, reached = _interval(seen, probabilities, threshold)
    return Calibration(
        temperature=round(temperature, 2),
        threshold=round(threshold, 2),
        area_low=round(low, 4),
        area_high=round(high, 4),
        method=f"{len(seen)} synthetic validation scenes; the area interval held the true area in "
        f"{100 * reached:.0f} % of those with ink (wanted: {100 * COVERAGE:.0f} %)",
    )


def by_ita(seen: list[Seen], calibration: Calibration) -> dict[str, dict[str, Any]]:
    """Mean IoU of scenes with ink per band of skin, for the model card."""
    cut = calibration.temperature * float(np.log(calibration.threshold / (1 - calibration.threshold)))
    out: dict[str, dict[str, Any]] = {}
    for name, low, high in ITA_BANDS:
        scores = [_iou(s.logit > cut, s.mask) for s in seen if low < s.ita <= high and (s.mask == 255).any()]
        out[name] = {"scenes": len(scores), "mean_iou": round(float(np.mean(scores)), 3) if scores else None}
    scores = [_iou(s.logit > cut, s.mask) for s in seen if (s.mask == 255).any()]
    out["all"] = {"scenes": len(scores), "mean_iou": round(float(np.mean(scores)), 3)}
    return out


def _interval(
    seen: list[Seen], probabilities: list[NDArray[np.float32]], threshold: float
) -> tuple[float, float, float]:
    """The narrowest pair of probabilities whose areas hold the true one often enough, and how often."""
    low = high = threshold
    reached = 0.0
    for share in _SHARES:  # of the way from the threshold to certainty
        low, high = threshold + share * (1 - threshold), threshold * (1 - share)
        held = []
        for p, s in zip(probabilities, seen, strict=True):
            known, area = s.mask != 128, int((s.mask == 255).sum())
            if area:
                held.append(int((p > low)[known].sum()) <= area <= int((p > high)[known].sum()))
        reached = float(np.mean(held))
        if reached >= COVERAGE:
            break
    return low, high, reached


def _negative_log_likelihood(logit: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    return float(np.mean(np.logaddexp(0, logit) - logit * truth))


def _iou(found: NDArray[np.bool_], mask: NDArray[np.uint8]) -> float:
    known, ink = mask != 128, mask == 255
    either = int(((found | ink) & known).sum())
    return int((found & ink).sum()) / either if either else 1.0
