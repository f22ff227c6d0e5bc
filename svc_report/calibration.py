"""The colour chart of the photo: was it found, which model, how good, and every patch."""

from __future__ import annotations

from assay.color.v1.color_pb2 import ChartPatch, ColourChart
from assay.common.v1.types_pb2 import Lab
from assay.events.v1.analysis_pb2 import Analysis

from svc_color.space import lab_to_srgb
from svc_report import marks, numbers
from svc_report.sheet import Chart, Fact, Patch
from svc_report.words import Words

MAX_PATCHES = 48
MAX_TRIED = 8


def chart(analysis: Analysis, words: Words) -> Chart:
    """The calibration of a photo, or that there is none and what follows."""
    page = analysis.color
    if not page.HasField("chart"):
        look = marks.GRADES["pass"] if page.calibrated else marks.QUALITATIVE
        key = "chart.calibrated_unknown" if page.calibrated else "chart.none"
        if not analysis.HasField("color"):
            key = "colour.no_page"
        return Chart(look.mark(words), words(key), (), (), "", ())
    found = page.chart
    mark = marks.grade(found.grade, words)
    key = "chart.calibrated" if page.calibrated else "chart.refused"
    return Chart(
        mark=mark,
        sentence=words(key, chart=name(found, words)),
        facts=_facts(found, words),
        patches=tuple(_patch(patch, words) for patch in list(found.patches)[:MAX_PATCHES]),
        patch_note=words("chart.patch_note"),
        tried=tuple(_tried(line, words) for line in list(found.tried)[:MAX_TRIED]),
    )


def sentence(analysis: Analysis, words: Words) -> str:
    """Calibrated or qualitative, in one line for the first page."""
    page = analysis.color
    if page.calibrated and page.HasField("chart"):
        loo = words.value(page.chart.loo_mean, 1)
        return words("found.calibrated", chart=name(page.chart, words), loo=loo)
    if page.calibrated:
        return words("chart.calibrated_unknown")
    if page.HasField("chart"):
        return words("found.refused", loo=words.value(page.chart.loo_mean, 1))
    return words("found.qualitative")


def name(found: ColourChart, words: Words) -> str:
    """Layout and edition."""
    layout = words.term("layout", found.layout) or words("not_stated")
    return f"{layout}, {words.term('edition', found.edition)}" if found.edition else layout


def _patch_count(found: ColourChart) -> int:
    """Patches of the chart; pages of earlier versions do not say it, and hold every patch."""
    return found.patch_count or len(found.patches) or found.patches_used


def _facts(found: ColourChart, words: Words) -> tuple[Fact, ...]:
    used = words("chart.patches_used", used=found.patches_used, all=_patch_count(found))
    scale = f"{words.significant(found.px_per_mm)}\u00a0px/mm" if found.HasField("px_per_mm") else ""
    measured = (
        ("chart.loo", found.loo_mean, 2),
        ("chart.loo_max", found.loo_max, 2),
        ("chart.fit", found.fit_mean, 2),
        ("chart.before", found.before_mean, 2),
        ("chart.cct", found.cct, 0),
        ("chart.duv", found.duv, 4),
        ("chart.evenness", found.non_uniformity, 1),
        ("chart.neutral", found.neutral_chroma, 2),
        ("chart.tilt", found.tilt, 0),
    )
    return (
        Fact(words("chart.name"), name(found, words)),
        Fact(words("chart.model"), _model(found.model, words) or words("chart.no_model")),
        Fact(words("chart.patches"), used),
        *(Fact(words(key), words.value(item, digits)) for key, item, digits in measured if item.ByteSize()),
        Fact(words("chart.patch_px"), f"{words.significant(found.patch_px)}\u00a0px"),
        Fact(words("chart.scale"), scale or words("chart.no_scale")),
    )


def _model(model: str, words: Words) -> str:
    """A model such as "linear" or "curve+linear"."""
    return words.join([words.term("model", part) for part in reversed(model.split("+"))])


def _patch(patch: ChartPatch, words: Words) -> Patch:
    return Patch(
        name=words.term("patch", patch.name),
        reference=swatch_of_lab(patch.reference) if patch.HasField("reference") else "",
        measured=swatch_of_lab(patch.measured) if patch.HasField("measured") else "",
        before="\u2013" if patch.excluded == "hidden" else words.fixed(patch.before, 1),
        after=words.fixed(patch.loo, 1) if patch.HasField("measured") else "\u2013",
        note=words.term("excluded", patch.excluded) if patch.excluded else "",
    )


def _tried(line: str, words: Words) -> Fact:
    what, _, value = line.rpartition("=")
    model, _, edition = what.partition("/")
    label = words.join([_model(model, words), words.term("edition", edition)] if edition else [model])
    try:
        return Fact(label, words.fixed(float(value), 2))
    except ValueError:
        return Fact(label, value)


def swatch_of_lab(lab: Lab) -> str:
    """sRGB "#rrggbb" nearest to a CIELAB colour (D65, 2 degrees); empty when a coordinate is not finite."""
    values = (lab.l, lab.a, lab.b)
    if not numbers.finite(values):
        return ""
    return "#" + "".join(f"{round(255 * min(max(float(v), 0.0), 1.0)):02x}" for v in lab_to_srgb(values))
