"""Skin of the report: beside the ink, and where the sun does not reach."""

from __future__ import annotations

import math

from assay.color.v1.color_pb2 import SkinReference
from assay.events.v1.analysis_pb2 import Analysis

from svc_report import inks, numbers
from svc_report.sheet import Band, Fact, Skin
from svc_report.words import Words

SCALE = (
    ("dark", -60.0, -30.0, "#5b3d2c"),
    ("brown", -30.0, 10.0, "#8d6143"),
    ("tan", 10.0, 28.0, "#bb8a63"),
    ("intermediate", 28.0, 41.0, "#d5ab87"),
    ("light", 41.0, 55.0, "#e6c8ad"),
    ("very light", 55.0, 90.0, "#f3e2d3"),
)
"""Classes of the typology angle, degrees, after Chardon et al. 1991 and Del Bino et al. 2006."""


def bands(words: Words) -> tuple[Band, ...]:
    """The classes of the drawn scale."""
    return tuple(Band(words.term("ita", name), low, high, fill) for name, low, high, fill in SCALE)


def skins(analysis: Analysis, words: Words) -> tuple[Skin, ...]:
    """Every skin that was measured. Without a chart no colour and no angle is given."""
    page = analysis.color
    found = []
    if page.HasField("skin"):
        found.append(_skin("skin.beside", page.skin, analysis, words))
    if page.HasField("protected_skin"):
        found.append(_skin("skin.protected", page.protected_skin, analysis, words))
    return tuple(found)


def _skin(heading: str, skin: SkinReference, analysis: Analysis, words: Words) -> Skin:
    page = analysis.color
    facts = [Fact(words("skin.pixels"), f"{skin.pixels:,}".replace(",", "\u00a0"))]
    if page.calibrated:
        white = words("skin.white_is", illuminant=page.illuminant or "?", observer=page.observer or "?")
        facts = [
            Fact(words("skin.ita"), angle(skin, words)),
            Fact(words("skin.interval"), words.uncertainty(skin.ita, 0)),
            Fact(words("skin.class"), classes(skin, words)),
            *facts,
            Fact(words("skin.white"), white),
        ]
    else:
        facts.insert(0, Fact(words("skin.ita"), words("skin.no_angle")))
    shown = page.calibrated and skin.HasField("lab")
    value = numbers.value_of(skin.ita) if page.calibrated else None
    return Skin(
        heading=words(heading),
        swatch=numbers.swatch_of_linear(skin.linear_rgb),
        lab=inks.channels(skin.lab, skin.spread if skin.HasField("spread") else None, words) if shown else (),
        facts=tuple(facts),
        ita_degrees=value,
        ita_sd=_sd(skin),
    )


def sentence(analysis: Analysis, words: Words) -> str:
    """The skin beside the ink in one line for the first page."""
    if not analysis.color.HasField("skin"):
        return missing(analysis, words)
    if not analysis.color.calibrated:
        return words("skin.no_angle")
    skin, page = analysis.color.skin, analysis.color
    text = words("found.ita", ita=angle(skin, words), classes=classes(skin, words))
    if page.HasField("protected_skin"):
        text += "; " + words("found.protected", ita=angle(page.protected_skin, words))
    return text


def missing(analysis: Analysis, words: Words) -> str:
    """Why no skin is shown; empty when there is some."""
    if not analysis.HasField("color"):
        return words("colour.no_page")
    return "" if analysis.color.HasField("skin") else words("skin.none")


def angle(skin: SkinReference, words: Words) -> str:
    """The typology angle with one standard uncertainty."""
    value = numbers.value_of(skin.ita)
    if value is None:
        return words.unmeasured(skin.ita.not_measurable)
    spread = _sd(skin)
    if spread is None:
        return f"{words.fixed(value, 0)}° ({words('not_stated_uncertainty')})"
    return f"{words.fixed(value, 0)}° ± {words.fixed(spread, 0)}°"


def _sd(skin: SkinReference) -> float | None:
    """One standard uncertainty of the angle, degrees; None when it is not stated."""
    spread = skin.ita.standard_uncertainty
    return spread if skin.ita.HasField("standard_uncertainty") and math.isfinite(spread) else None


def classes(skin: SkinReference, words: Words) -> str:
    """The class of the angle, and those that it may be within its error."""
    if not skin.ita_class:
        return words("skin.no_class")
    named = words.term("ita", skin.ita_class)
    others = [words.term("ita", name) for name in skin.ita_classes if name != skin.ita_class]
    return words("skin.class_or", named=named, others=words.join(others)) if others else named
