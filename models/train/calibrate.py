"""What probabilities mean: temperature, threshold, area interval; from synthetic photos not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.evaluate.segment import find_photos, halves, load
from models.train.export import Calibration
from models.train.pool import Pool
from svc_segment.model import Model
from svc_segment.tiles import blend, passes

COVERAGE = 0.95
THRESHOLD = 0.5
_TEMPERATURES = np.arange(0.5, 3.01, 0.1)
_BIASES = np.arange(-1, 5.01, 0.25)
_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.86, 0.9, 0.94, 0.96, 0.98, 0.99, 0.995)
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
    scenes = zip(pool.scenes, pool.ita, strict=True)
    return [_see(model, np.array(s[..., :3]), np.array(s[..., 3]), float(ita)) for s, ita in scenes]


def look_at_photos(model: Model, folder: Path) -> list[Seen]:
    """The same for the tuning half of annotated photos."""
    photos, _ = halves(find_photos(folder))
    return [_see(model, *load(photo), float("nan")) for photo in photos]


def _see(model: Model, rgb: NDArray[np.uint8], mask: NDArray[np.uint8], ita: float) -> Seen:
    looks = passes(rgb, model.contract)
    logits = [[model.logits(tile[None])[0] for tile in one.tiles()] for one in looks]
    return Seen(blend(looks, logits, (rgb.shape[0], rgb.shape[1])), mask, ita)


def calibrate(scenes: list[Seen], judged: list[Seen]) -> Calibration:
    """Temperature by the likelihood of scenes; bias by mean IoU, area interval by coverage, of `judged`.

    `judged` are annotated photos where there are any, else the scenes again.
    """
    sample = np.concatenate([s.logit[::7, ::7][s.mask[::7, ::7] != 128] for s in scenes]).astype(np.float64)
    truth = np.concatenate([s.mask[::7, ::7][s.mask[::7, ::7] != 128] == 255 for s in scenes])
    temperature = float(min(_TEMPERATURES, key=lambda t: _negative_log_likelihood(sample / t, truth)))
    bias = float(max(_BIASES, key=lambda b: _mean_iou(judged, b)))
    probabilities = [1 / (1 + np.exp((bias - s.logit) / temperature)) for s in judged]
    low, high, reached = _interval(judged, probabilities)
    kind = "synthetic validation scenes" if judged is scenes else "real photos (the tuning half)"
    return Calibration(
        temperature=round(temperature, 2),
        bias=round(bias, 2),
        threshold=THRESHOLD,
        area_low=round(low, 4),
        area_high=round(high, 4),
        method=f"temperature on {len(scenes)} synthetic scenes; bias, area interval on {len(judged)} {kind},"
        f" where the interval holds the true area in {100 * reached:.0f} % of those with ink",
    )


def _mean_iou(seen: list[Seen], bias: float) -> float:
    return float(np.mean([_iou(s.logit > bias, s.mask) for s in seen if (s.mask == 255).any()]))


def by_ita(seen: list[Seen], calibration: Calibration) -> dict[str, dict[str, Any]]:
    """Mean IoU of scenes with ink per band of skin, for the model card."""
    out: dict[str, dict[str, Any]] = {}
    for name, low, high in ITA_BANDS:
        scores = [
            _iou(s.logit > calibration.bias, s.mask)
            for s in seen
            if low < s.ita <= high and (s.mask == 255).any()
        ]
        out[name] = {"scenes": len(scores), "mean_iou": round(float(np.mean(scores)), 3) if scores else None}
    scores = [_iou(s.logit > calibration.bias, s.mask) for s in seen if (s.mask == 255).any()]
    out["all"] = {"scenes": len(scores), "mean_iou": round(float(np.mean(scores)), 3)}
    return out


def _interval(seen: list[Seen], probabilities: list[NDArray[np.float32]]) -> tuple[float, float, float]:
    """The narrowest pair of probabilities whose areas hold the true one often enough, and how often."""
    low = high = THRESHOLD
    reached = 0.0
    for share in _SHARES:  # of the way from the threshold to certainty
        low, high = THRESHOLD + share * (1 - THRESHOLD), THRESHOLD * (1 - share)
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
