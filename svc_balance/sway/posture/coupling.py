"""How leg and trunk move together: correlation, coherence, co-phase, relative phase, principal mode."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.signal import csd, hilbert, welch

from svc_balance.sway.posture.filters import band_pass, runs
from svc_balance.sway.posture.reading import Reading, measured, unmeasured

Floats = NDArray[np.float64]

VERSION = "coupling@1"
# Bands of quiet stance, Hz: in phase below about 1 Hz, anti-phase above (Creath 2005).
BANDS = {"LOW": (0.1, 1.0), "HIGH": (1.0, 3.0)}
SEGMENT_S = 5.0
SHORTEST_S, SHORTEST_COHERENCE_S = 5.0, 20.0
ALPHA = 0.05
ABOVE_NOISE = 3.0

UNITS = {
    **{
        f"{what}_{band}": unit
        for band in BANDS
        for what, unit in (("LEG_TRUNK_CORR", "1"), ("COHERENCE", "1"))
    },
    **{f"COPHASE_{band}": "deg" for band in BANDS},
    "COHERENCE_CRITICAL": "1",
    "ANTIPHASE_SHARE": "1",
    "INPHASE_SHARE": "1",
    "PHASE_LOCKING": "1",
    "PC1_SHARE": "1",
    "PC1_SIGN": "1",
}


def readings(leg: Floats, trunk: Floats, fs_hz: float, noise: tuple[float, float]) -> tuple[Reading, ...]:
    """Readings of `UNITS` from two angles, [N] rad.

    LEG_TRUNK_CORR: Pearson correlation in the band. COHERENCE: magnitude-squared, by Welch with Hann windows
    of 5 s, weighted by power over the band, from 20 s on; significant above COHERENCE_CRITICAL =
    1 - 0.05^(1 / (L - 1)), L windows end to end. COPHASE: phase of the band's cross-spectrum, 0 in phase,
    180 anti-phase; only where coherence is significant. ANTIPHASE_SHARE, INPHASE_SHARE: of samples whose
    Hilbert phases (0.1-3 Hz) differ by more than 135 or less than 45 deg. PHASE_LOCKING: mean resultant
    length. PC1_SHARE: variance on the first principal mode; PC1_SIGN: 1 in phase, -1 anti-phase.
    noise: standard uncertainties of both in one sample; bands below three times their share are BELOW_NOISE.
    """
    longest = max(
        runs(np.isfinite(leg) & np.isfinite(trunk)), key=lambda run: run.stop - run.start, default=slice(0)
    )
    leg, trunk = leg[longest], trunk[longest]
    if len(leg) < SHORTEST_S * fs_hz:
        reason = "TOO_SHORT" if longest.stop else "LANDMARKS_MISSING"
        return tuple(unmeasured(id, unit, reason) for id, unit in UNITS.items())
    found: dict[str, Reading] = {}
    for band, (low_hz, high_hz) in BANDS.items():
        found |= _band(band, leg, trunk, fs_hz, low_hz, high_hz, noise)
    found |= _phases(leg, trunk, fs_hz, noise)
    found |= _principal(leg, trunk)
    segments = int(len(leg) / fs_hz / SEGMENT_S)
    found["COHERENCE_CRITICAL"] = (
        measured("COHERENCE_CRITICAL", critical_coherence(segments), "1", None)
        if len(leg) >= SHORTEST_COHERENCE_S * fs_hz
        else unmeasured("COHERENCE_CRITICAL", "1", "TOO_SHORT")
    )
    return tuple(found[id] for id in UNITS)


def critical_coherence(segments: int, alpha: float = ALPHA) -> float:
    """Coherence that independent signals exceed with probability alpha, from L independent segments.

    1 - alpha^(1 / (L - 1)); Halliday et al. 1995, Prog Biophys Mol Biol 64:237. 1 for a single segment.
    """
    return 1.0 - alpha ** (1 / (segments - 1)) if segments > 1 else 1.0


def _band(
    band: str,
    leg: Floats,
    trunk: Floats,
    fs_hz: float,
    low_hz: float,
    high_hz: float,
    noise: tuple[float, float],
) -> dict[str, Reading]:
    ids = {what: f"{what}_{band}" for what in ("LEG_TRUNK_CORR", "COHERENCE", "COPHASE")}
    a, b = (band_pass(part - part.mean(), fs_hz, low_hz, high_hz) for part in (leg, trunk))
    share = math.sqrt((high_hz - low_hz) / 3.0)
    if not (a.std() > ABOVE_NOISE * share * noise[0] and b.std() > ABOVE_NOISE * share * noise[1]):
        return {id: unmeasured(id, UNITS[id], "BELOW_NOISE") for id in ids.values()}
    looks = max(4.0, 2 * (high_hz - low_hz) * len(a) / fs_hz)
    correlation = float(np.corrcoef(a, b)[0, 1])
    out = {ids["LEG_TRUNK_CORR"]: _correlation(ids["LEG_TRUNK_CORR"], correlation, looks)}
    if len(leg) < SHORTEST_COHERENCE_S * fs_hz:
        return out | {
            ids[what]: unmeasured(ids[what], UNITS[ids[what]], "TOO_SHORT")
            for what in ("COHERENCE", "COPHASE")
        }
    points = round(SEGMENT_S * fs_hz)
    frequency, cross = csd(leg, trunk, fs_hz, nperseg=points, detrend="constant")
    own = [welch(part, fs_hz, nperseg=points, detrend="constant")[1] for part in (leg, trunk)]
    inside = (frequency >= low_hz) & (frequency <= high_hz)
    weights = np.sqrt(own[0] * own[1])[inside]
    each = np.abs(cross[inside]) ** 2 / np.maximum(own[0] * own[1], 1e-300)[inside]
    coherence = float((weights * each).sum() / weights.sum())
    segments = int(len(leg) / points)
    out[ids["COHERENCE"]] = measured(ids["COHERENCE"], coherence, "1", None)
    if coherence <= critical_coherence(segments):
        out[ids["COPHASE"]] = unmeasured(ids["COPHASE"], "deg", "NOT_COHERENT")
    else:
        # Standard error of a cross-spectrum's phase: Bendat & Piersol, Random Data, ch. 9.
        error = math.sqrt((1 - min(coherence, 1.0)) / (2 * coherence * segments))
        phase = abs(math.degrees(np.angle(cross[inside].sum())))
        out[ids["COPHASE"]] = measured(ids["COPHASE"], phase, "deg", math.degrees(error))
    return out


def _correlation(id: str, value: float, looks: float) -> Reading:
    """95 % interval by Fisher's z with `looks` independent samples."""
    z, half = math.atanh(float(np.clip(value, -0.999999, 0.999999))), 1.96 / math.sqrt(max(1.0, looks - 3))
    return Reading(
        id, value, "1", (1 - value**2) / math.sqrt(looks), math.tanh(z - half), math.tanh(z + half)
    )


def _phases(leg: Floats, trunk: Floats, fs_hz: float, noise: tuple[float, float]) -> dict[str, Reading]:
    ids = ("ANTIPHASE_SHARE", "INPHASE_SHARE", "PHASE_LOCKING")
    a, b = (band_pass(part - part.mean(), fs_hz, 0.1, 3.0) for part in (leg, trunk))
    if not (a.std() > ABOVE_NOISE * noise[0] and b.std() > ABOVE_NOISE * noise[1]):
        return {id: unmeasured(id, UNITS[id], "BELOW_NOISE") for id in ids}
    difference = np.angle(hilbert(b) * np.conj(hilbert(a)))
    apart = np.degrees(np.abs(difference))
    values = (np.mean(apart > 135), np.mean(apart < 45), np.abs(np.exp(1j * difference).mean()))
    return {id: measured(id, float(value), "1", None) for id, value in zip(ids, values, strict=True)}


def _principal(leg: Floats, trunk: Floats) -> dict[str, Reading]:
    values, vectors = np.linalg.eigh(np.cov(leg, trunk))
    share = float(values[1] / values.sum()) if values.sum() > 0 else float("nan")
    sign = float(np.sign(vectors[0, 1] * vectors[1, 1]))
    return {
        "PC1_SHARE": measured("PC1_SHARE", share, "1", None),
        "PC1_SIGN": measured("PC1_SIGN", sign, "1", None),
    }
