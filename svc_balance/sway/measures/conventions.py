"""Ways to compute the same descriptor: ours, and those of published data sets and code.

Numbers from two laboratories differ first by convention, so each way has a name and is never mixed.
"""

from __future__ import annotations

from dataclasses import dataclass

from mesh.errors import InvalidInput


@dataclass(frozen=True)
class Conventions:
    """One way of computing.

    Attributes:
        name: what callers say.
        intervals: path and area rates divide by (N - 1) / fs, the time between first and last sample;
            otherwise by N / fs.
        exact_ellipse: the 95 % prediction ellipse uses the F distribution (Duarte 2015) instead of the
            chi-square limit (Schubert & Kirchner 2014).
        population_ellipse: ellipses use 1/N covariances instead of 1/(N - 1).
        band_hz: spectral band, both ends included.
        welch_linear: Welch segments lose their line instead of their mean, and are padded to the record.
        power_per_bin: power is the sum of densities, without the bin's width.
        centred: positions are taken about the record's mean; otherwise as they come.
        log_diffusion: stabilogram diffusion fitted on logarithms, its regions searched for (Quijoux 2021).
    """

    name: str
    intervals: bool = True
    exact_ellipse: bool = False
    population_ellipse: bool = False
    band_hz: tuple[float, float] = (0.15, 3.0)
    welch_linear: bool = False
    power_per_bin: bool = False
    centred: bool = True
    log_diffusion: bool = False


ASSAY = Conventions("assay")
# Santos & Duarte 2016 (PeerJ 4:e2648): raw data, path over N / fs, F-form prediction ellipse.
BDS = Conventions("bds", intervals=False, exact_ellipse=True, band_hz=(0.15, 5.0))
# Quijoux et al. 2021 (Physiol Rep 9:e15067), code_descriptors_postural_control at c66a0e4.
JYTHEN = Conventions(
    "jythen",
    intervals=False,
    exact_ellipse=True,
    population_ellipse=True,
    band_hz=(0.15, 5.0),
    welch_linear=True,
    power_per_bin=True,
    centred=False,
    log_diffusion=True,
)
_KNOWN = {way.name: way for way in (ASSAY, BDS, JYTHEN)}


def named(name: str) -> Conventions:
    """The conventions of that name.

    Raises:
        InvalidInput: SWAY_CONVENTIONS_UNKNOWN.
    """
    if name not in _KNOWN:
        known = ", ".join(_KNOWN)
        raise InvalidInput(
            "SWAY_CONVENTIONS_UNKNOWN",
            f"no conventions are called {str(name)[:40]!r}",
            field="conventions",
            fix=f"use one of: {known}",
        )
    return _KNOWN[name]
