"""Individual typology angle (ITA) of skin: the angle, its uncertainty, and the classes it may be.

ITA = atan((L* - 50) / b*), in degrees, from CIELAB under D65 (Chardon, Cretois and Hourseau 1991,
International Journal of Cosmetic Science 13:191-208). Classes after Del Bino and Bernerd (2013), British
Journal of Dermatology 169(s3):33-40; a boundary belongs to the darker class. ITA is not Fitzpatrick's
phototype, which is a questionnaire about sun.
"""

import math
from dataclasses import dataclass
from typing import Final

# Lower bound in degrees, exclusive, and the class above it; lightest first.
CLASSES: Final[tuple[tuple[float, str], ...]] = (
    (55.0, "very light"),
    (41.0, "light"),
    (28.0, "intermediate"),
    (10.0, "tan"),
    (-30.0, "brown"),
    (-math.inf, "dark"),
)

# Standard deviations either side in which a class still counts as possible: 90 percent of a normal error.
POSSIBLE_WITHIN: Final = 1.64

# Below this chroma a colour is grey and not skin.
_LEAST_CHROMA: Final = 3.0
# An angle known no better than this is not known.
_LARGEST_SD: Final = 90.0
# Angles this close to a boundary lie on it: 50 + 15 tan(55 deg) must not come out as 55.00000000000001.
_ON_THE_LINE: Final = 1e-9


@dataclass(frozen=True)
class Ita:
    """Individual typology angle of skin.

    degrees: -90 to 90. sd: its standard uncertainty in degrees. skin_class: the class of the angle.
    possible: every class within `POSSIBLE_WITHIN` standard uncertainties, lightest first.
    """

    degrees: float
    sd: float
    skin_class: str
    possible: tuple[str, ...]


def angle(lightness: float, b: float) -> float:
    """ITA in degrees of L* and b* under D65; b* below 0.1 counts as 0.1."""
    return math.degrees(math.atan2(lightness - 50.0, max(b, 0.1)))


def skin_class(degrees: float) -> str:
    """Class of an angle in degrees; exactly on a boundary counts as the darker class."""
    return next(name for bound, name in CLASSES if degrees > bound + _ON_THE_LINE or bound == -math.inf)


def angle_sd(lightness: float, b: float, lightness_sd: float, b_sd: float) -> float:
    """Standard uncertainty of ITA in degrees from independent ones of L* and b*, first order, at most 90.

    JCGM 100:2008 (GUM), section 5.1.2: the derivatives of atan2(L* - 50, b*) are b*/r^2 and (L* - 50)/r^2
    with r^2 = (L* - 50)^2 + b*^2.
    """
    height, width = lightness - 50.0, max(b, 0.1)
    radians = math.hypot(width * lightness_sd, height * b_sd) / (height**2 + width**2)
    return min(math.degrees(radians), _LARGEST_SD)


def ita(lab: tuple[float, float, float], lab_sd: tuple[float, float, float]) -> Ita | None:
    """ITA of a skin colour, or None where the colour cannot be skin (b* not positive, or C* below 3).

    Args:
        lab: CIELAB under D65, 2 degree observer.
        lab_sd: standard uncertainty of each channel; that of a* is not used.
    """
    lightness, a, b = lab
    if b <= 0 or math.hypot(a, b) < _LEAST_CHROMA:
        return None
    degrees, sd = angle(lightness, b), angle_sd(lightness, b, lab_sd[0], lab_sd[2])
    low, high = degrees - POSSIBLE_WITHIN * sd, degrees + POSSIBLE_WITHIN * sd
    tops = [math.inf, *(bound for bound, _ in CLASSES)]
    possible = tuple(
        name
        for top, (bound, name) in zip(tops, CLASSES, strict=False)
        if low <= top and high > bound + _ON_THE_LINE
    )
    return Ita(degrees=degrees, sd=sd, skin_class=skin_class(degrees), possible=possible)
