"""From a photo to its ink: probability, mask, regions, uncertainty. Pure functions on arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svc_segment.model import Contract, Model
from svc_segment.regions import Region, find_regions
from svc_segment.tiles import blend, passes


@dataclass(frozen=True)
class Uncertainty:
    ink_share: float
    """Share of the image that is ink, 0..1."""
    ink_share_low: float
    ink_share_high: float
    """95 % interval of the share, by the model's calibrated thresholds."""
    boundary_share: float
    """Pixels between the two thresholds, as a share of ink pixels (of all pixels where there is no ink)."""
    mean_entropy_bits: float
    """Mean binary entropy over pixels that may be ink (p > 0.05), 0..1 bit; 0 where none may."""


@dataclass(frozen=True)
class Segmentation:
    probability: NDArray[np.uint8]
    """(H, W), 255 = 1.0."""
    mask: NDArray[np.uint8]
    """(H, W), 255 ink, 0 not."""
    regions: tuple[Region, ...]
    """Largest first, at most LISTED_REGIONS."""
    regions_omitted: int
    uncertainty: Uncertainty
    mean_probability: float
    """Over ink pixels; 0 when there is none."""
    border_share: float
    """Share of the image's border pixels that are ink."""


def segment(rgb: NDArray[np.uint8], model: Model) -> Segmentation:
    """Find the ink in an upright sRGB photo (H, W, 3)."""
    looks = passes(rgb, model.contract)
    logits = [[model.logits(tile[None])[0] for tile in look.tiles()] for look in looks]
    return conclude(blend(looks, logits, (rgb.shape[0], rgb.shape[1])), model.contract)


def conclude(logit: NDArray[np.float32], contract: Contract) -> Segmentation:
    """What an ink logit map (H, W) means under the contract's calibration."""
    p = logit - np.float32(contract.bias)
    p /= -np.float32(
        contract.temperature
    )  # in place: 12 megapixels of temporaries would be most of the memory
    np.clip(p, -30, 30, out=p)
    np.exp(p, out=p)
    p += 1
    np.reciprocal(p, out=p)
    probability = np.round(p * 255).astype(np.uint8)
    mask, regions, omitted = find_regions(p, contract.threshold)
    ink = mask > 0
    rim = np.concatenate([ink[0], ink[-1], ink[1:-1, 0], ink[1:-1, -1]])
    return Segmentation(
        probability=probability,
        mask=mask,
        regions=regions,
        regions_omitted=omitted,
        uncertainty=measure(p, ink, contract),
        mean_probability=float(p[ink].mean()) if ink.any() else 0.0,
        border_share=float(rim.mean()),
    )


def measure(p: NDArray[np.float32], ink: NDArray[np.bool_], contract: Contract) -> Uncertainty:
    """How sure the mask is. The interval always holds the value itself."""
    share = float(ink.mean())
    low, high = float((p > contract.area_low).mean()), float((p > contract.area_high).mean())
    maybe = p[p > 0.05].astype(np.float64)
    q = np.clip(maybe, 1e-6, 1 - 1e-6)
    entropy = float((-q * np.log2(q) - (1 - q) * np.log2(1 - q)).mean()) if len(q) else 0.0
    return Uncertainty(
        ink_share=share,
        ink_share_low=min(low, share),
        ink_share_high=max(high, share),
        boundary_share=(high - low) / share if share > 0 else high - low,
        mean_entropy_bits=entropy,
    )
