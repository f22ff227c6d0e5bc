"""What may differ between one measured ink and the next: the worlds that samples are drawn from.

Training, tuning and held-out worlds differ in pigments and where their bands lie, in scattering, in the
optical model itself, in lights and in cameras: what is held out never came out of the generator that was
trained on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from models.inkclass.camera import Optics

Range = tuple[float, float]


@dataclass(frozen=True)
class World:
    """Ranges are (least, most); where there are several, each is as likely."""

    optics: Optics
    shift_nm: tuple[Range, ...] = ((-8.0, 8.0),)
    """Places of the pigments' bands, against the prior's."""
    recipe_sd: float = 0.2
    """Standard deviation of the log of each part of a recipe."""
    soot: Range = (0.3, 1.0)
    """Exponent of carbon's absorption; the prior's is 0.6."""
    inflamed: float = 0.4
    """Share of tattoos whose skin is redder under the ink than beside it, as fresh ones are."""
    other_pigments: float = 0.0
    """Chance that a recipe is made of other pigments of the same hue."""
    scattering: tuple[Range, ...] = ((0.8, 1.25),)
    slope: Range = (2.1, 2.5)
    """Exponent of melanin's absorption."""
    blood: Range = (0.005, 0.03)
    denser: float = 0.5
    """Share of inks whose density is up to four times what the layers give."""
    layered: float = 1.0
    """Share of samples from the layered model; the others are from mean path lengths."""
    tone: Range = (0.85, 1.2)
    """Exponent that the phone puts on encoded values."""
    saturation: Range = (0.9, 1.3)
    """Factor that the phone puts on the distance of encoded values from grey."""
    fine: float = 0.5
    """Share of inks that lie in fine lines, into which the skin's chroma spills."""
    shading_sd: float = 0.08
    """Standard deviation of the log of the light on the ink against that on the skin reference."""


_DAYLIGHT: Final = Optics(lights=("thermal",), kelvin=(3800.0, 9000.0), observer=True)
_ELSEWHERE: Final = Optics(
    lights=("led", "tube", "thermal"),
    kelvin=(2700.0, 6500.0),
    observer=False,
    peaks_nm=(592.0, 530.0, 452.0),
    spread_nm=8.0,
    width_nm=(24.0, 48.0),
)

TRAINING: Final = World(_DAYLIGHT)

TUNING: Final = World(
    Optics(lights=("thermal", "led"), kelvin=(3000.0, 7000.0), observer=False),
    shift_nm=((-11.0, -8.0), (8.0, 11.0)),
    recipe_sd=0.3,
    soot=(0.15, 1.15),
    scattering=((0.7, 0.8), (1.25, 1.4)),
    slope=(2.0, 2.7),
    tone=(0.8, 1.25),
)

_PIGMENTS: Final = replace(
    TRAINING, shift_nm=((-16.0, -11.0), (11.0, 16.0)), recipe_sd=0.35, soot=(0.0, 1.3), other_pigments=0.6
)
_TISSUE: Final = replace(
    TRAINING, scattering=((0.6, 0.7), (1.4, 1.6)), slope=(1.8, 3.0), blood=(0.003, 0.05), layered=0.4
)
_CAMERAS: Final = replace(
    TRAINING, optics=_ELSEWHERE, tone=(0.75, 1.3), saturation=(0.8, 1.5), shading_sd=0.1
)
HELD_OUT: Final[Mapping[str, World]] = {
    "other pigments": _PIGMENTS,
    "other tissue": _TISSUE,
    "other cameras": _CAMERAS,
    "all of these": replace(
        _CAMERAS,
        shift_nm=_PIGMENTS.shift_nm,
        recipe_sd=_PIGMENTS.recipe_sd,
        soot=_PIGMENTS.soot,
        other_pigments=_PIGMENTS.other_pigments,
        scattering=_TISSUE.scattering,
        slope=_TISSUE.slope,
        blood=_TISSUE.blood,
        layered=_TISSUE.layered,
    ),
}
