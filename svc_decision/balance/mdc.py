"""Standard error of measurement and minimal detectable change, without any dependency.

Source: Weir 2005, J Strength Cond Res 19:231-240.
"""

from __future__ import annotations

import math


def mdc95(sem: float) -> float:
    """The smallest change that exceeds measurement error with 95 % confidence: 1.96 sqrt(2) SEM, its unit."""
    return 1.96 * math.sqrt(2) * sem


def sem_from_icc(sd: float, icc: float) -> float:
    """SD sqrt(1 - ICC), in the unit of `sd`, which is that of all scores of the same study.

    Raises ValueError for a negative SD or an ICC above 1. A negative ICC counts as 0.
    """
    if sd < 0 or icc > 1:
        raise ValueError("sd must not be negative and icc not above 1")
    return sd * math.sqrt(1 - max(icc, 0.0))
