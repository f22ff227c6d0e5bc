"""Whole-body centre of mass from landmarks, with propagated error.

Segment masses and centres: de Leva 1996, J Biomech 29:1223-1230 (adjusted Zatsiorsky-Seluyanov), on the
nearest BlazePose landmarks; head at the ear canals and forearm with hand: Winter, Biomechanics and Motor
Control of Human Movement, table 4.1 (Dempster).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import INDEX, POINTS
from svc_balance.sway.posture.series import Prepared, landmark_error

Floats = NDArray[np.float64]

VERSION = "de-leva-1996@1"
NEEDED_MASS = 0.90
# Dempster: centre of forearm and hand together, from the elbow, as a share of the forearm.
FOREARM_AND_HAND = 0.682


@dataclass(frozen=True)
class Segment:
    """A rigid part of the body. mass: share of the body; centre: share of the way from proximal to distal.

    Pairs are (female, male). Several landmarks at one end mean their mean.
    """

    name: str
    proximal: tuple[str, ...]
    distal: tuple[str, ...]
    mass: tuple[float, float]
    centre: tuple[float, float]


def _limbs(side: str) -> tuple[Segment, ...]:
    def at(name: str) -> tuple[str, ...]:
        return (f"{side}_{name}",)

    return (
        Segment(f"{side}_upper_arm", at("shoulder"), at("elbow"), (0.0255, 0.0271), (0.5754, 0.5772)),
        Segment(f"{side}_forearm", at("elbow"), at("wrist"), (0.0138, 0.0162), (0.4559, 0.4574)),
        Segment(f"{side}_hand", at("wrist"), at("pinky") + at("index"), (0.0056, 0.0061), (0.3427, 0.3624)),
        Segment(f"{side}_thigh", at("hip"), at("knee"), (0.1478, 0.1416), (0.3612, 0.4095)),
        Segment(f"{side}_shank", at("knee"), at("ankle"), (0.0481, 0.0433), (0.4352, 0.4395)),
        Segment(f"{side}_foot", at("heel"), at("foot_index"), (0.0129, 0.0137), (0.4014, 0.4415)),
    )


EARS = ("left_ear", "right_ear")
SEGMENTS = (
    Segment("head", EARS, EARS, (0.0668, 0.0694), (0.0, 0.0)),
    Segment(
        "trunk",
        ("left_shoulder", "right_shoulder"),
        ("left_hip", "right_hip"),
        (0.4257, 0.4346),
        (0.3782, 0.4310),
    ),
    *_limbs("left"),
    *_limbs("right"),
)
TRUNK = 1


@dataclass(frozen=True)
class CentreOfMass:
    """Centre of mass over M samples of a `Prepared`.

    position_px: [M, 2], NaN where less than 0.90 of the body's mass is measured. standard_uncertainty_px:
    [M], of either coordinate, from the landmarks' errors; constant bias of landmarks and tables, which
    cancels in sway, is not in it. mass_share: [M], mass measured in the sample, 0 to 1. sex: "female", "male"
    or "mean". reduced: the series has no hands or no feet, and the reduced table stood in. error_source:
    "regions" or "residual" (`series.landmark_error`).
    """

    position_px: Floats
    standard_uncertainty_px: Floats
    mass_share: Floats
    sex: str
    reduced: bool
    error_source: str


def tables(sex: str) -> tuple[Floats, Floats]:
    """Masses [S], normalised to sum 1, and centres [S] of `SEGMENTS`; sex "female", "male", else the mean."""
    pick = {"female": [1.0, 0.0], "male": [0.0, 1.0]}.get(sex, [0.5, 0.5])
    mass = np.array([segment.mass for segment in SEGMENTS]) @ pick
    centre = np.array([segment.centre for segment in SEGMENTS]) @ pick
    return mass / mass.sum(), centre


def segment_weights(sex: str, *, hands: bool = True, feet: bool = True) -> Floats:
    """Weights [S, 33] that make segment centres out of landmarks; each row sums to 1.

    Without hands the forearm's centre is that of forearm and hand (and the hand shares it); without feet the
    foot is at the ankle.
    """
    weights = np.zeros((len(SEGMENTS), POINTS))
    _, centres = tables(sex)
    for row, (segment, centre) in enumerate(zip(SEGMENTS, centres, strict=True)):
        side, _, part = segment.name.partition("_")
        proximal, distal, share = segment.proximal, segment.distal, float(centre)
        if part in ("hand", "forearm") and not hands:
            proximal, distal, share = (f"{side}_elbow",), (f"{side}_wrist",), FOREARM_AND_HAND
        if part == "foot" and not feet:
            proximal = distal = (f"{side}_ankle",)
        for names, end_share in ((proximal, 1 - share), (distal, share)):
            for name in names:
                weights[row, INDEX[name]] += end_share / len(names)
    return weights


def landmark_weights(sex: str) -> Floats:
    """Weights [33] of the landmarks in the centre of mass of a body wholly in view; they sum to 1."""
    mass, _ = tables(sex)
    return np.asarray(mass @ segment_weights(sex))


def centre_of_mass(prepared: Prepared, sex: str = "") -> CentreOfMass:
    """Mass-weighted mean of the segments' centres, and its standard uncertainty.

    A segment that is missing for a while stands in at its mean place relative to the trunk, so that the
    centre of mass does not jump when a landmark comes and goes; the spread of that place enters the
    uncertainty. One that is never seen is left out throughout. Errors of landmarks are taken as independent:
    var = sum of w_k^2 var_k.
    """
    present = np.asarray(np.isfinite(prepared.image_px).all(axis=2))
    hands, feet = (
        bool(present[:, [INDEX[f"{side}_{name}"] for side in ("left", "right")]].any())
        for name in ("index", "foot_index")
    )
    weights = segment_weights(sex, hands=hands, feet=feet)
    # A segment is measured when none of its landmarks is missing.
    measured = ~np.asarray(~present @ (weights > 0).T, np.bool_)
    mass, _ = tables(sex)
    share = measured @ mass
    centres = np.einsum("sk,nkc->nsc", weights, np.nan_to_num(prepared.image_px))
    centres, spread = _stand_in(centres, measured)
    ever = measured.any(axis=0) * mass
    total = ever.sum()
    error_px, source = landmark_error(prepared)
    valid = share >= NEEDED_MASS
    position = np.full((len(prepared), 2), np.nan)
    uncertainty = np.full(len(prepared), np.nan)
    if valid.any():
        fraction = ever / total
        position[valid] = np.einsum("s,nsc->nc", fraction, centres)[valid]
        effective = (measured * fraction) @ weights
        variance = (effective**2 * np.nan_to_num(error_px) ** 2).sum(axis=1)
        variance += (~measured * (fraction * spread) ** 2).sum(axis=1)
        uncertainty[valid] = np.sqrt(variance)[valid]
    return CentreOfMass(
        position_px=position,
        standard_uncertainty_px=uncertainty,
        mass_share=share,
        sex=sex if sex in ("female", "male") else "mean",
        reduced=not (hands and feet),
        error_source=source,
    )


def _stand_in(centres: Floats, measured: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Centres [N, S, 2], missing ones at their mean place from the trunk; spread of that place, [S] px."""
    filled, spread = centres.copy(), np.zeros(centres.shape[1])
    trunk = centres[:, TRUNK]
    for row in range(centres.shape[1]):
        both = measured[:, row] & measured[:, TRUNK]
        if both.any() and not measured[:, row].all():
            offsets = (centres[:, row] - trunk)[both]
            spread[row] = float(np.sqrt(offsets.var(axis=0).mean()))
            gone = ~measured[:, row]
            filled[gone, row] = trunk[gone] + offsets.mean(axis=0)
    return filled, spread
