"""What ingest makes of an upload. Light on purpose: the service imports this, never the decoders."""

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How grave a remark is; the names are those of `assay.common.v1.FlagLevel`."""

    INFO = "INFO"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Flag:
    """A remark on the image: a stable code, its level and one sentence for people."""

    code: str
    level: Level
    message: str


@dataclass(frozen=True)
class Measure:
    """One quantity. `value` is None exactly when `not_measurable` says why."""

    id: str
    value: float | None
    unit: str
    not_measurable: str = ""


@dataclass(frozen=True)
class Encoded:
    """An image file of our own making."""

    data: bytes
    media_type: str
    width: int
    height: int


@dataclass(frozen=True)
class Ingested:
    """What became of an upload. Sizes are after orientation; `milliseconds` is the time of each step."""

    source_media_type: str
    source_mode: str
    """Colour mode of the source: L, RGB, CMYK or LAB."""
    source_bits: int
    orientation: int
    icc_profile: str
    """Description of the profile that was used; empty when sRGB was assumed."""
    camera: str
    """Maker and model of the camera as the file states them; empty when it does not."""
    original: Encoded
    working: Encoded
    measures: tuple[Measure, ...]
    flags: tuple[Flag, ...]
    milliseconds: dict[str, float]
