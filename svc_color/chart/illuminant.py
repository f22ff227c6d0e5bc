"""The light, as the photo shows it: correlated colour temperature and Duv.

Both are read from the grey patches before correction, so they hold what the camera's own white balance left
of the light's colour, and not the light itself.

The Planckian locus is Krystek's (1985, "An algorithm to calculate correlated colour temperature", Color
Research & Application 10(1):38-40), a rational polynomial in CIE 1960 (u, v), about 1e-4 off at worst from
1000 K to 15 000 K; the temperature is that of its nearest point, and Duv the signed distance to it, positive
above (ANSI C78.377; Ohno 2014, "Practical use and calculation of CCT and Duv", LEUKOS 10(1):47-55).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from svc_color.space import Array

LEAST_K, MOST_K = 1000.0, 15000.0
# Farther from the locus than this a temperature says nothing (CIE 15:2018, 9.4: 0.05 in u', 2v'/3).
FARTHEST_DUV: Final = 0.05
_POINTS: Final = 2000


@dataclass(frozen=True)
class Light:
    """cct: kelvin, None where the light is too far from the locus or beyond its ends. duv: signed."""

    cct: float | None
    duv: float


def planck_uv(kelvin: Array) -> Array:
    """CIE 1960 (u, v) (..., 2) of a full radiator at 1000 K to 15 000 K: Krystek (1985)."""
    t = np.asarray(kelvin, dtype=np.float64)
    u = (0.860117757 + 1.54118254e-4 * t + 1.28641212e-7 * t**2) / (
        1 + 8.42420235e-4 * t + 7.08145163e-7 * t**2
    )
    v = (0.317398726 + 4.22806245e-5 * t + 4.20481691e-8 * t**2) / (
        1 - 2.89741816e-5 * t + 1.61456053e-7 * t**2
    )
    return np.stack([u, v], axis=-1)


def light_of(xyz: Array) -> Light:
    """The light of a neutral surface's XYZ (3,), all positive."""
    x, y, z = (float(value) for value in xyz)
    own = np.array([4 * x, 6 * y]) / (x + 15 * y + 3 * z)
    # Even steps in reciprocal temperature are nearly even steps along the locus.
    low, high = 1 / MOST_K, 1 / LEAST_K
    for _ in range(2):
        mired = np.linspace(low, high, _POINTS)
        distance = np.linalg.norm(planck_uv(1 / mired) - own, axis=1)
        best = int(distance.argmin())
        low, high = mired[max(best - 1, 0)], mired[min(best + 1, _POINTS - 1)]
    kelvin = 1 / float(mired[best])
    nearest = planck_uv(np.array(kelvin))
    duv = float(distance[best]) * (1.0 if own[1] >= nearest[1] else -1.0)
    ends = kelvin <= LEAST_K * 1.001 or kelvin >= MOST_K * 0.999
    return Light(None if ends or abs(duv) > FARTHEST_DUV else kelvin, duv)
