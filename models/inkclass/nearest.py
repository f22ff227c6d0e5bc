"""What came before: the nearest modelled colour, with one spread for all. The learned classifiers are
measured against it.

Prototypes are the colours of `svc_color.prior`: every class in light skin at four stages of fading, and
denser; black and grey also as neutral ink on the skin at hand, from a filter to opaque paint.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.inkclass.samples import CLASSES
from svc_color import prior
from svc_color.difference import delta_e_2000
from svc_color.space import SRGB_TO_XYZ
from svc_color.transmission import transmission_lab

Array = NDArray[np.float64]

# CIEDE2000 per unit of log odds; how much of the skin's colour neutral ink hides; the farthest that is known.
TEMPERATURE: Final = 2.0
HIDING: Final = (0.0, 0.5, 1.0)
FARTHEST: Final = 10.0


def posterior(lab_t: Array, skin: Array) -> tuple[Array, Array]:
    """Posterior (n, 16) of colours (n, 3) on skins (n, 3), linear sRGB; and CIEDE2000 (n,) to the nearest."""
    distances = np.array([_distances(*pair) for pair in zip(lab_t, skin, strict=True)])
    nearest = distances.min(axis=1)
    weights = np.exp((nearest[:, None] - distances) / TEMPERATURE)
    return weights / weights.sum(axis=1, keepdims=True), nearest


def _distances(lab_t: Array, skin: Array) -> Array:
    rows, colours = _table()
    complement = (SRGB_TO_XYZ[1] @ skin) / skin
    pairs = [
        (CLASSES.index(name), share * complement**hiding)
        for name, shares in prior.ACHROMATIC.items()
        for share in shares
        for hiding in HIDING
    ]
    neutral = transmission_lab(np.array([ratio for _, ratio in pairs]))
    found = np.full(len(CLASSES), np.inf)
    owners = [*rows, *(index for index, _ in pairs)]
    np.minimum.at(found, owners, delta_e_2000(np.vstack([colours, neutral]), lab_t))
    return found


@cache
def _table() -> tuple[tuple[int, ...], Array]:
    pairs = [(CLASSES.index(name), colour) for name, colours in prior.table().items() for colour in colours]
    return tuple(index for index, _ in pairs), np.array([colour for _, colour in pairs])
