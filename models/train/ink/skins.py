"""Groups of skin that a model card tells apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from svc_color.difference import delta_e_2000
from svc_color.ita import CLASSES
from svc_color.space import linear_to_lab, srgb_to_linear

# Sample colours of the Monk Skin Tone scale (E. Monk 2022, skintone.google), lightest first, sRGB.
_MONK = (
    "f6ede4", "f3e7db", "f7ead0", "eadaba", "d7bd96", "a07e56", "825c43", "604134", "3a312a", "292420",
)  # fmt: skip
MONK_BANDS = ("Monk 1-3", "Monk 4-5", "Monk 6-7", "Monk 8-10")
_BAND_OF = (0, 0, 0, 1, 1, 2, 2, 3, 3, 3)


def ita_class(ita: float) -> str:
    """Del Bino's class of an angle in degrees."""
    return next(name for low, name in CLASSES if ita > low)


def monk_band(lab: Sequence[float]) -> str:
    """Band of the sample nearest to CIELAB (D65); Monk-like, since that scale is for people who compare."""
    rgb = np.array([[int(h[k : k + 2], 16) for k in (0, 2, 4)] for h in _MONK]) / 255
    samples = linear_to_lab(srgb_to_linear(rgb))
    near = int(np.argmin(delta_e_2000(samples, np.broadcast_to(np.asarray(lab, np.float64), samples.shape))))
    return MONK_BANDS[_BAND_OF[near]]


def grouped(names: Sequence[str], scores: Sequence[float | None]) -> dict[str, dict[str, Any]]:
    """Scenes and mean score of each name; a score of None (no ink in the scene) is left out."""
    out = {}
    for name in dict.fromkeys(names):
        own = [s for n, s in zip(names, scores, strict=True) if n == name and s is not None]
        out[name] = {"scenes": len(own), "mean_iou": round(float(np.mean(own)), 3) if own else None}
    return out
