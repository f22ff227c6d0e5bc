"""Light and the eye: from a reflectance spectrum to linear sRGB under one of several lights.

`cie.csv` holds the CIE 1931 2 degree colour-matching functions and the spectra of the lights (CIE 15:2018:
daylight D65 and D50, incandescent A, white diodes LED-B2 and LED-B4, fluorescent FL2 and FL7), every 5 nm
from 380 to 780 nm; modelled skin and ink begin at 400. It is made by

    python -m models.synth.spectra.observer > models/synth/spectra/cie.csv

which needs colour-science (the test group); reading it needs numpy alone.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svc_color.optics import WAVELENGTHS
from svc_color.space import XYZ_TO_SRGB

BANDS: Final = np.arange(380.0, 781.0, 5.0)
LIGHTS: Final = ("D65", "D50", "A", "LED-B2", "LED-B4", "FL2", "FL7")
_FILE = Path(__file__).with_name("cie.csv")
_DARKEST = 1e-5


@cache
def weights(light: str) -> NDArray[np.float64]:
    """(77, 3) that take a reflectance to linear sRGB; a perfect white under that light is (1, 1, 1).

    The adaptation is a gain for each sRGB channel, as a phone balances its white.

    Raises:
        ValueError: a light that is not one of `LIGHTS`.
    """
    to_rgb = _stimulus(light)[-len(WAVELENGTHS) :] @ XYZ_TO_SRGB.T
    return np.asarray(to_rgb / to_rgb.sum(0))


@cache
def xyz_weights(light: str) -> NDArray[np.float64]:
    """(81, 3) that take a reflectance over `BANDS` to XYZ under a light, a perfect white having Y = 1 (CIE
    15:2018, 7.1, abridged to every 5 nm).

    Raises:
        ValueError: a light that is not one of `LIGHTS`.
    """
    stimulus = _stimulus(light)
    return np.asarray(stimulus / stimulus[:, 1].sum())


def _stimulus(light: str) -> NDArray[np.float64]:
    if light not in LIGHTS:
        raise ValueError(f"light: {light!r} is unknown, use one of {', '.join(LIGHTS)}")
    rows = np.loadtxt(_FILE, delimiter=",", skiprows=1)
    return np.asarray(rows[:, 1:4] * rows[:, 4 + LIGHTS.index(light), None])


def linear_rgb(spectrum: NDArray[np.float64], light: str = "D65") -> NDArray[np.float64]:
    """Linear sRGB (..., 3), at least 1e-5, of reflectances (..., 77) under a light, its white balanced."""
    return np.maximum(spectrum @ weights(light), _DARKEST)


def write() -> None:
    """Print `cie.csv`."""
    import colour  # only here: it makes the table that everything else reads

    shape = colour.SpectralShape(380, 780, 5)
    observer = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy().align(shape).values
    lights = [colour.SDS_ILLUMINANTS[name].copy().align(shape).values for name in LIGHTS]
    table = np.column_stack([BANDS, observer, *lights])
    sys.stdout.write("nm,x,y,z," + ",".join(LIGHTS) + "\n")
    np.savetxt(sys.stdout, table, "%.6g", ",")


if __name__ == "__main__":
    write()
