"""How the report writes numbers, shares, intervals and times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from assay.common.v1.types_pb2 import Measurement

NOT_MEASURABLE = "not measurable"
_UNITS = {
    "deg": "°",
    "deg/s": "\u00a0°/s",
    "1": "",
    "": "",
    "%": "\u00a0%",
    "1e6 px": "\u00a0megapixels",
    "cm2": "\u00a0cm²",
    "mm2": "\u00a0mm²",
    "mm2/s": "\u00a0mm²/s",
    "mm2/Hz": "\u00a0mm²/Hz",
    "px2": "\u00a0px²",
    "m/s2": "\u00a0m/s²",
    "L": "\u00a0×\u00a0leg",
}
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def fixed(value: float, digits: int) -> str:
    """The value with `digits` decimals and a true minus sign; "not measurable" when it is not finite."""
    if not math.isfinite(value):
        return NOT_MEASURABLE
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "\u2212")


def significant(value: float, digits: int = 3) -> str:
    """The value with at most `digits` significant digits and six decimals, never in exponent form."""
    if not math.isfinite(value):
        return NOT_MEASURABLE
    if value == 0:
        return "0"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    text = fixed(value, min(max(decimals, 0), 6))
    return text.rstrip("0").rstrip(".") if "." in text else text


def interval(low: float, high: float, digits: int) -> str:
    """Both ends of an interval, joined by "to"."""
    return f"{fixed(low, digits)} to {fixed(high, digits)}"


def percent(share: float) -> str:
    """A share 0..1 in whole per cent; small and nearly full shares are not rounded away."""
    if not math.isfinite(share):
        return NOT_MEASURABLE
    if 0 < share < 0.01:
        return "<1\u00a0%"
    if 0.99 < share < 1:
        return ">99\u00a0%"
    return f"{fixed(100 * share, 0)}\u00a0%"


def finite(values: Sequence[float]) -> bool:
    """Whether every value is a finite number."""
    return all(math.isfinite(value) for value in values)


def unit(code: str) -> str:
    """What follows a number of that unit, spacing included."""
    return _UNITS.get(code, f"\u00a0{code}")


def count(number: int, noun: str) -> str:
    """A number with its noun, which takes an s unless there is one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def value_of(measurement: Measurement) -> float | None:
    """The value, or None when there is none or it is not finite."""
    if measurement.HasField("value") and math.isfinite(measurement.value):
        return measurement.value
    return None


def uncertainty_of(measurement: Measurement, digits: int | None = None) -> str:
    """The 95 % interval if stated, else plus or minus one standard uncertainty, else "not stated"."""

    def written(value: float) -> str:
        return significant(value) if digits is None else fixed(value, digits)

    after = unit(measurement.unit)
    if measurement.HasField("low_95") and measurement.HasField("high_95"):
        return f"{written(measurement.low_95)} to {written(measurement.high_95)}{after}"
    if measurement.HasField("standard_uncertainty"):
        return f"±\u00a0{written(measurement.standard_uncertainty)}{after} (1 SD)"
    return "not stated"


def moment(unix_s: int) -> str:
    """Day and minute in UTC, for example "22 November 2026, 04:58 UTC"."""
    when = datetime.fromtimestamp(unix_s, UTC)
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}, {when:%H:%M} UTC"


def swatch_of_linear(rgb: Sequence[float]) -> str:
    """sRGB "#rrggbb" of three linear values 0..1 (transfer function of IEC 61966-2-1); empty if there are not
    three finite values."""
    if len(rgb) != 3 or not finite(rgb):
        return ""
    encoded = (
        12.92 * channel if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055
        for channel in (min(max(value, 0.0), 1.0) for value in rgb)
    )
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in encoded)
