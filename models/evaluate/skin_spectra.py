"""Skin from reflectance spectra: our CIELAB and ITA against colour-science's, on people who were measured.

The spectra are NIST's of 100 people's inner forearms (Cooksey, Allen and Tsai 2017, "Reference data set of
human skin reflectance", Journal of Research of NIST 122:26, doi 10.6028/jres.122.026). Ours sums over the CIE
1931 2 degree observer and D65 every 5 nm from 380 to 780 nm (models/synth/spectra/cie.csv); colour-science
follows ASTM E308 every 1 nm from 360 to 780 nm.
"""

from __future__ import annotations

import csv
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mesh.errors import InvalidInput
from models.synth.spectra.observer import BANDS, xyz_weights
from svc_color.ita import angle, skin_class
from svc_color.space import Array, xyz_to_lab

WHERE: Final = "skin/nist_reflectance/M38597.csv"
# Line of the table with the column names; the data follows.
_NAMES: Final = 7


@dataclass(frozen=True)
class Spectra:
    """nm: (n,). reflectance: (people, n), each the mean of three readings of one person."""

    nm: Array
    reflectance: Array


@dataclass(frozen=True)
class SpectraFigures:
    """people: how many. lightness, a, b, ita: largest difference to colour-science, ITA in degrees.
    classes: people by ITA class."""

    people: int
    lightness: float
    a: float
    b: float
    ita: float
    classes: dict[str, int]


def read(data_dir: Path) -> Spectra:
    """Reads the spectra below a folder. Raises InvalidInput (EVAL_DATA): not there, or not as expected."""
    try:
        rows = list(csv.reader((data_dir / WHERE).open(encoding="cp1252")))
        columns = [at for at, name in enumerate(rows[_NAMES]) if name == "Average"]
        table = np.array([[float(row[at]) for at in (0, *columns)] for row in rows[_NAMES + 1 :]])
    except (OSError, ValueError, IndexError) as error:
        fix = f"Give a folder that holds {WHERE}."
        raise InvalidInput("EVAL_DATA", f"No skin spectra: {error}", field="data", fix=fix) from error
    return Spectra(table[:, 0], table[:, 1:].T)


def ours(spectra: Spectra) -> Array:
    """CIELAB (people, 3) under D65, 2 degree observer."""
    at_our_bands = [np.interp(BANDS, spectra.nm, one) for one in spectra.reflectance]
    return xyz_to_lab(np.array(at_our_bands) @ xyz_weights("D65"))


def theirs(spectra: Spectra) -> Array:
    """The same by colour-science."""
    with warnings.catch_warnings():
        # It warns on import that parts which are not used here would need SciPy.
        warnings.simplefilter("ignore")
        import colour

        shape = colour.SpectralShape(360, 780, 1)
        observer = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy().align(shape)
        light = colour.SDS_ILLUMINANTS["D65"].copy().align(shape)
        white = colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]["D65"]
        labs = []
        for one in spectra.reflectance:
            even = np.interp(shape.wavelengths, spectra.nm, one)
            distribution = colour.SpectralDistribution(dict(zip(shape.wavelengths, even, strict=True)))
            xyz = colour.sd_to_XYZ(distribution, observer, light, method="Integration")
            labs.append(colour.XYZ_to_Lab(xyz / 100, white))
    return np.array(labs)


def figures(data_dir: Path) -> SpectraFigures:
    """Compares both. Raises InvalidInput (EVAL_DATA)."""
    spectra = read(data_dir)
    mine, other = ours(spectra), theirs(spectra)
    apart = np.abs(mine - other).max(axis=0)
    angles = np.array([[angle(lab[0], lab[2]) for lab in labs] for labs in (mine, other)])
    classes = [skin_class(degrees) for degrees in angles[0]]
    return SpectraFigures(
        people=len(mine),
        lightness=float(apart[0]),
        a=float(apart[1]),
        b=float(apart[2]),
        ita=float(np.abs(angles[0] - angles[1]).max()),
        classes={name: classes.count(name) for name in dict.fromkeys(classes)},
    )
