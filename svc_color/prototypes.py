"""What inks look like in skin-normalised colour, and which of them a colour is.

The table (data/prototypes.json) holds the ink transmission colour of every ink class at several stages of
fading. It is a modelled prior (svc_color/prior.py), not a collection of measurements.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import numpy as np

from svc_color.difference import delta_e_2000
from svc_color.space import SRGB_TO_XYZ, Array
from svc_color.transmission import transmission_lab

UNKNOWN: Final = "unknown"

# Rules of the domain dossier, section 2.2: below this posterior, or farther than this from every prototype,
# the class stays unknown. Whether ink that looks like skin is ink at all is for the decision to say: it
# knows what the operator saw.
LEAST_POSTERIOR: Final = 0.6
FARTHEST: Final = 10.0

# CIEDE2000 per unit of log odds. 2 to 3 fit best, on modelled inks with 2.5 of noise per channel (light and
# dark skins together) and on 46 real tattoos with colours by eye; the least of them leaves least unknown.
TEMPERATURE: Final = 2.0

# How much of the skin's colour neutral ink hides: a filter, half way, paint.
HIDING: Final = (0.0, 0.5, 1.0)


@dataclass(frozen=True)
class Prototypes:
    """The table, and what it is called.

    classes: names. rows, lab_t: class index and CIELAB (n, 3) of every modelled colour. achromatic: class
    index and luminance, as a share of the skin's, of every neutral one.
    """

    classes: tuple[str, ...]
    rows: tuple[int, ...]
    lab_t: Array
    achromatic: tuple[tuple[int, float], ...]
    name: str
    version: str
    source: str
    sha256: str


@dataclass(frozen=True)
class InkClass:
    """The answer for one colour.

    name: the most probable class, or "unknown". posterior: (class, probability), most probable
    first, over all classes, sums to 1. nearest: CIEDE2000 to the nearest prototype; None
    where nothing was compared.
    """

    name: str
    posterior: tuple[tuple[str, float], ...]
    nearest: float | None


@cache
def prototypes() -> Prototypes:
    """The table that ships with the package, read once."""
    raw = resources.files("svc_color").joinpath("data/prototypes.json").read_bytes()
    document = json.loads(raw)
    classes = tuple(document["classes"])
    pairs = [
        (index, stage["lab_t"]) for index, name in enumerate(classes) for stage in document["classes"][name]
    ]
    lab_t = np.array([colour for _, colour in pairs])
    lab_t.flags.writeable = False
    return Prototypes(
        classes=classes,
        rows=tuple(index for index, _ in pairs),
        lab_t=lab_t,
        achromatic=tuple(
            (classes.index(k), share) for k, shares in document["achromatic"].items() for share in shares
        ),
        name=document["name"],
        version=document["version"],
        source=document["source"],
        sha256=hashlib.sha256(raw).hexdigest(),
    )


def _neutral(skin: Array) -> tuple[list[int], Array]:
    """Class indices and Lab_t (n, 3) of black and grey on this skin, linear sRGB (3,).

    A neutral filter multiplies the skin's light by one number; neutral paint shows grey whatever is below,
    so its ratio to the skin has the opposite of the skin's colour. Real ink lies between.
    """
    complement = (SRGB_TO_XYZ[1] @ skin) / skin
    pairs = [
        (index, share * complement**hiding) for index, share in prototypes().achromatic for hiding in HIDING
    ]
    return [index for index, _ in pairs], transmission_lab(np.array([ratio for _, ratio in pairs]))


def classify(lab_t: Array, skin: Array) -> InkClass:
    """Class of an ink transmission colour (3,): the nearest prototype, and a softmax over distances.

    Args:
        lab_t: ink transmission colour.
        skin: linear sRGB (3,) of the skin that it was divided by.
    """
    table = prototypes()
    rows, neutral = _neutral(skin)
    distances = np.full(len(table.classes), np.inf)
    np.minimum.at(distances, [*table.rows, *rows], delta_e_2000(np.vstack([table.lab_t, neutral]), lab_t))
    weights = np.exp((distances.min() - distances) / TEMPERATURE)
    weights /= weights.sum()
    order = np.argsort(-weights, kind="stable")
    posterior = tuple((table.classes[i], float(weights[i])) for i in order)
    nearest = float(distances.min())
    certain = posterior[0][1] >= LEAST_POSTERIOR and nearest <= FARTHEST
    return InkClass(name=posterior[0][0] if certain else UNKNOWN, posterior=posterior, nearest=nearest)
