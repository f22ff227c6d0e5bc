"""Remarks on how far a colour measurement can be trusted, and the uncertainty that goes with them."""

from dataclasses import dataclass
from typing import Final, Literal

Level = Literal["info", "warn", "fail"]

# Standard uncertainty per CIELAB channel of a colour read from a photo without a colour chart: camera, white
# balance and exposure are unknown. After the domain dossier, section 3.1 (sigma = 5 for uncalibrated photos),
# in line with published errors of uncorrected phone images, median about 4 to 8.
UNCALIBRATED_SD: Final = 5.0


@dataclass(frozen=True)
class Flag:
    """A remark: stable UPPER_SNAKE code, how grave, and one sentence for people with what to do."""

    code: str
    level: Level
    message: str


UNCALIBRATED: Final = Flag(
    "COLOUR_UNCALIBRATED",
    "warn",
    "No colour chart in the photo: Lab, colour difference and ITA are estimates, with a standard uncertainty "
    "of 5 per channel; use the hue family only, or photograph again with a colour chart beside the skin.",
)
NO_INK: Final = Flag("NO_INK", "info", "No ink was segmented, so there is no colour to measure.")
NO_SKIN: Final = Flag(
    "SKIN_REFERENCE_NOT_MEASURABLE",
    "fail",
    "Too little plain skin around the ink to compare it with; photograph again with at least 20 mm of evenly "
    "lit, hair-free skin around the tattoo.",
)
UNEVEN_SKIN: Final = Flag(
    "SKIN_REFERENCE_UNEVEN",
    "warn",
    "The skin around the ink varies much in colour (shading, redness or hair); intervals are wider for it. "
    "Photograph again in even light.",
)
SPARSE_SKIN: Final = Flag(
    "SKIN_REFERENCE_SPARSE",
    "warn",
    "Most of the ring around the ink is not plain skin (background, clothes, glare, other ink); the skin "
    "reference rests on the remaining part.",
)
REDDENED_SKIN: Final = Flag(
    "SKIN_REFERENCE_REDDENED",
    "warn",
    "The skin around the ink is redder than the skin beyond it, and no part of the ring is free of it: "
    "blood lowers ITA by up to 18 degrees and changes the contrast. Photograph again when it has faded.",
)
CLIPPED_INK: Final = Flag(
    "INK_CLIPPED",
    "warn",
    "More than 0.5 % of the ink is over- or underexposed; its colour cannot be trusted. Photograph again "
    "without flash glare and with less exposure.",
)
PROTECTED_UNCALIBRATED: Final = Flag(
    "PROTECTED_SKIN_UNCALIBRATED",
    "info",
    "The photo of protected skin shows no colour chart that calibrates it, so its ITA cannot be compared "
    "with that of the skin at the tattoo, and tan is not measured. Photograph it with the chart beside it.",
)
PROTECTED_NO_SKIN: Final = Flag(
    "PROTECTED_SKIN_NOT_MEASURABLE",
    "warn",
    "The middle of the photo of protected skin holds too little plain skin, so tan is not measured. "
    "Photograph hairless skin of the inner upper arm, filling the frame, in even light.",
)
PROTECTED_UNFIT: Final = Flag(
    "PROTECTED_SKIN_UNFIT",
    "warn",
    "The photo of protected skin failed its own check of exposure or colour coding, so tan is not measured. "
    "Photograph it again.",
)
PROTECTED_UNEVEN: Final = Flag(
    "PROTECTED_SKIN_UNEVEN",
    "warn",
    "The skin in the photo of protected skin varies much in colour; its interval is wider for it.",
)
PROTECTED_MARKED: Final = Flag(
    "PROTECTED_SKIN_MARKED",
    "warn",
    "The photo of protected skin holds something that is surrounded by skin and is none, such as ink; it was "
    "left out, but the photo should show plain skin.",
)
