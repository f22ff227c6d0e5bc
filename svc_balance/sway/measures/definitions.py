"""What each sway metric is: id, version, unit, filter class, least duration, axes, how it scales.

A change of formula, filter or segment length is a new version; results of two versions are never compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

VERSION = "1"

Needs = Literal["ml", "ap", "both"]
# Low-pass class; a spectral metric is cut by its band instead.
Cutoff = Literal["amplitude", "velocity", "spectral"]
CUTOFF_HZ: dict[Cutoff, float] = {"amplitude": 5.0, "velocity": 3.0, "spectral": 0.0}
BAND_HZ = (0.15, 3.0)

AMPLITUDE_S, SPECTRAL_S, STOCHASTIC_S, MULTISCALE_S = 10.0, 20.0, 30.0, 60.0
# Shorter than this is measured and flagged.
COMFORTABLE_S = 20.0


@dataclass(frozen=True)
class Definition:
    """One metric.

    Attributes:
        id: plain name, as in docs/balance-metrics.md.
        title: English name.
        unit: mm, mm2, mm/s, mm2/s, Hz, s, deg or 1.
        group: "sway", "frequency", "stochastic" or "noise".
        cutoff: filter class: "amplitude" 5 Hz, "velocity" 3 Hz, "spectral" none but the band 0.15 to 3 Hz.
        min_duration_s: least record.
        needs: axes that must be seen.
        scale_power: the value is proportional to the scale to this power (length 1, area 2, frequency 0).
        version: of formula, filter and parameters together.
        indicative: True where pose data carry the number only roughly.
    """

    id: str
    title: str
    unit: str
    group: str
    cutoff: Cutoff
    min_duration_s: float
    needs: Needs
    scale_power: float
    version: str = VERSION
    indicative: bool = False

    @property
    def cutoff_hz(self) -> float:
        """Low-pass cutoff, Hz; 0 when none."""
        return CUTOFF_HZ[self.cutoff]

    @property
    def band_hz(self) -> tuple[float, float]:
        """Spectral band, Hz; (0, 0) when not spectral."""
        return BAND_HZ if self.cutoff == "spectral" else (0.0, 0.0)


def _family(
    base: str, title: str, unit: str, cutoff: Cutoff, power: float, *, axes: str = "ML AP both",
    group: str = "sway", seconds: float = AMPLITUDE_S, indicative: bool = False,
) -> list[Definition]:  # fmt: skip
    """The metric for each of its axes; the planar one has the plain name."""
    out = []
    for axis in axes.split():
        needs: Needs = "both" if axis == "both" else "ml" if axis == "ML" else "ap"
        name = base if axis == "both" else f"{base}_{axis}"
        label = title if axis == "both" else f"{title}, {axis}"
        out.append(Definition(name, label, unit, group, cutoff, seconds, needs, power, indicative=indicative))
    return out


def _static() -> list[Definition]:
    one: Cutoff = "amplitude"
    return [
        *_family("MDIST", "Mean distance", "mm", one, 1),
        *_family("RDIST", "RMS distance", "mm", one, 1),
        *_family("RANGE", "Range", "mm", one, 1),
        *_family("MAXDIST", "Largest distance", "mm", one, 1),
        *_family("AREA_PEA95", "95 % prediction ellipse, chi-square", "mm2", one, 2, axes="both"),
        *_family("AREA_PEA95_F", "95 % prediction ellipse, F", "mm2", one, 2, axes="both"),
        *_family("AREA_CE", "95 % ellipse of Prieto 1996", "mm2", one, 2, axes="both"),
        *_family("AREA_CC", "95 % circle", "mm2", one, 2, axes="both"),
        *_family("AREA_HULL", "Convex hull", "mm2", one, 2, axes="both"),
        *_family("OER", "Convex hull over prediction ellipse", "1", one, 0, axes="both"),
        *_family("RANGE_RATIO", "Range ML over range AP", "1", one, 0, axes="both"),
        *_family("SWAY_DIRECTION", "Principal direction from ML towards AP", "deg", one, 0, axes="both"),
        *_family("SWAY_DIRECTION_COEF", "Correlation of ML and AP", "1", one, 0, axes="both"),
    ]


def _dynamic() -> list[Definition]:
    one: Cutoff = "velocity"
    return [
        *_family("TOTEX", "Path length", "mm", one, 1),
        *_family("MVELO", "Mean velocity", "mm/s", one, 1),
        *_family("MFREQ", "Mean frequency, rotational", "Hz", one, 0),
        *_family("PHASE_PLANE", "Phase-plane parameter, unit of time 1 s", "mm", one, 1),
        *_family("AREA_SW", "Sway area rate", "mm2/s", one, 2, axes="both"),
        *_family("LFS", "Path length over ellipse area", "1/mm", one, -1, axes="both"),
        *_family("FD_CC", "Fractal dimension, circle", "1", one, 0, axes="both"),
        *_family("FD_CE", "Fractal dimension, ellipse", "1", one, 0, axes="both"),
        *_family("VZC", "Zero crossings of velocity", "1/s", one, 0, axes="ML AP"),
        *_family("VPEAK", "Mean peak speed", "mm/s", one, 1, axes="ML AP"),
        *_family("VPEAK_POS", "Mean peak velocity, right or forward", "mm/s", one, 1, axes="ML AP"),
        *_family("VPEAK_NEG", "Mean peak velocity, left or backward", "mm/s", one, 1, axes="ML AP"),
        # The radius is in mm, so these scale only roughly.
        *_family("SWAY_DENSITY_PEAK", "Mean peak of sway density, 3 mm", "s", one, -1, axes="both"),
        *_family(
            "SWAY_DENSITY_DISTANCE", "Distance between peaks of sway density", "mm", one, 1, axes="both"
        ),
        *_family("LDLJ", "Log dimensionless jerk (A: RANGE)", "1", one, 0, indicative=True),
    ]


def _spectral() -> list[Definition]:
    def each(base: str, title: str, unit: str, power: float) -> list[Definition]:
        return _family(base, title, unit, "spectral", power, group="frequency", seconds=SPECTRAL_S)

    return [
        *each("POWER", "Power", "mm2", 2),
        *each("F50", "Median frequency", "Hz", 0),
        *each("F80", "80 % frequency", "Hz", 0),
        *each("F95", "95 % frequency", "Hz", 0),
        *each("FPEAK", "Peak frequency", "Hz", 0),
        *each("CFREQ", "Centroidal frequency", "Hz", 0),
        *each("MEANF_PSD", "Mean frequency of the spectrum", "Hz", 0),
        *each("FREQD", "Frequency dispersion", "1", 0),
        *each("POWER_LOW", "Power 0.15 to 0.5 Hz", "mm2", 2),
        *each("POWER_MID", "Power 0.5 to 2 Hz", "mm2", 2),
        *each("POWER_HIGH", "Power 2 to 3 Hz", "mm2", 2),
        *each("POWER_RATIO_HIGH_LOW", "Power 2 to 3 Hz over power 0.15 to 0.5 Hz", "1", 0),
    ]


def _stochastic() -> list[Definition]:
    def each(base: str, title: str, unit: str, power: float, axes: str = "ML AP both") -> list[Definition]:
        return _family(
            base, title, unit, "velocity", power, axes=axes, group="stochastic", seconds=STOCHASTIC_S
        )

    return [
        *each("SDA_DS", "Diffusion, short term", "mm2/s", 2),
        *each("SDA_DL", "Diffusion, long term", "mm2/s", 2),
        *each("SDA_HS", "Scaling exponent, short term", "1", 0),
        *each("SDA_HL", "Scaling exponent, long term", "1", 0),
        *each("SDA_TC", "Critical time", "s", 0),
        *each("SDA_XC", "Critical mean square displacement", "mm2", 2),
        *each("SAMPEN", "Sample entropy", "1", 0, "ML AP"),
        *each("SAMPEN_DIFF", "Sample entropy of the first difference", "1", 0, "ML AP"),
        *each("DFA", "Detrended fluctuation exponent", "1", 0, "ML AP"),
        *_family(
            "MSE", "Multiscale entropy, scales 1 to 6 summed", "1", "velocity", 0, axes="ML AP",
            group="stochastic", seconds=MULTISCALE_S,
        ),
    ]  # fmt: skip


def _noise() -> list[Definition]:
    return [
        *_family(
            "MVELO_NOISE", "Mean velocity of noise alone", "mm/s", "velocity", 1, group="noise", seconds=0
        ),
        *_family(
            "RDIST_NOISE", "RMS distance of noise alone", "mm", "amplitude", 1, group="noise", seconds=0
        ),
    ]


DEFINITIONS: tuple[Definition, ...] = (
    *_static(), *_dynamic(), *_spectral(), *_stochastic(), *_noise(),
)  # fmt: skip
BY_ID = {definition.id: definition for definition in DEFINITIONS}
