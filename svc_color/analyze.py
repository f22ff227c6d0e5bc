"""Colour of the ink in one photo: skin reference, ink colours, contrast, class of ink. Pure functions."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from svc_color import clusters, quality
from svc_color.chart.geometry import area
from svc_color.chart.light import reading_by
from svc_color.chart.measured import MeasuredChart
from svc_color.chart.remarks import remarks
from svc_color.classifier import UNKNOWN, Classifier, InkClass, active, classify
from svc_color.contrast import Contrast, contrast
from svc_color.quality import Flag
from svc_color.reading import Reading
from svc_color.skin import (
    CLIPPED_HIGH,
    CLIPPED_LOW,
    SkinNotMeasurable,
    SkinReference,
    skin_reference,
    triple,
)
from svc_color.space import Array, linear_to_lab, linear_to_srgb
from svc_color.transmission import optical_density, transmission, transmission_lab

Mask = NDArray[np.bool_]
Image = NDArray[np.uint8]
Labels = NDArray[np.uint8]
Weights = NDArray[np.float32]
Lab = tuple[float, float, float]

ILLUMINANT: Final = "D65"
OBSERVER: Final = "2"

# Share of clipped ink that fails the exposure gate (domain dossier, section 6.4).
_CLIPPED_SHARE: Final = 0.005
# Light that a camera's noise hides.
_DARKEST: Final = 1e-4


@dataclass(frozen=True)
class InkColour:
    """One ink colour; CIELAB under D65, 2 degree observer.

    id: from 1, largest area first; the value in the label map. lab: mean as seen in skin, in linear light.
    spread: standard deviation per channel. area_share: of all ink, 0 to 1. centroid: (x, y) in pixels.
    swatch: "#rrggbb". contrast, lab_t, optical_density: None without a skin reference; posterior is then
    empty and ink_class "unknown".
    """

    id: int
    lab: Lab
    spread: Lab
    area_share: float
    pixels: int
    centroid: tuple[float, float]
    swatch: str
    contrast: Contrast | None
    lab_t: Lab | None
    optical_density: Lab | None
    ink_class: str
    posterior: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class ColorResult:
    """What was measured in one photo.

    labels: (H, W), 0 no ink, n the ink with that id. reading: how pixels were read as light. chart: the
    colour chart in the photo, whether it passed its gates or not. model: the classifier that named the inks.
    """

    skin: SkinReference | SkinNotMeasurable
    inks: tuple[InkColour, ...]
    labels: Labels
    reading: Reading
    chart: MeasuredChart | None
    flags: tuple[Flag, ...]
    model: Classifier

    @property
    def calibrated(self) -> bool:
        """Whether a chart that passed its gates stands behind every colour."""
        return self.reading.calibrated


def analyze(
    rgb: Image, mask: Mask, probability: Image, chart: MeasuredChart | None = None, declared: str = ""
) -> ColorResult:
    """Measures skin and ink of one photo.

    A chart that passed its gates corrects every pixel that is measured; ITA and contrast then carry its mean
    leave-one-out error per channel. Without one every number is an estimate: the flag COLOUR_UNCALIBRATED
    says so, and they carry `quality.UNCALIBRATED_SD`. Either way the chart is neither ink nor skin.

    Args:
        rgb: sRGB, uint8, (H, W, 3).
        mask: ink mask, bool, (H, W).
        probability: ink probability, uint8, (H, W), 0 to 255.
        chart: the colour chart in the photo (`svc_color.chart.measured.measure_chart`).
        declared: the chart that the operator stated, for the flags.

    Raises:
        ValueError: shapes or types that do not fit together; the message names the argument.
        AssayError: as `svc_color.classifier.active`.
    """
    _check(rgb, mask, probability)
    model, reading = active(), reading_by(chart)
    on_chart = 0
    if chart is not None:
        covered = area(chart.placement, mask.shape)
        on_chart = int(np.count_nonzero(mask & covered))
        # What may be ink is no skin, and neither is the chart.
        mask, probability = mask & ~covered, np.where(covered, np.uint8(255), probability)
    calibration = remarks(chart, declared, on_chart)
    if not mask.any():
        return ColorResult(
            skin=SkinNotMeasurable(pixels=0, needed=0, flags=()),
            inks=(),
            labels=np.zeros(mask.shape, np.uint8),
            reading=reading,
            chart=chart,
            flags=(quality.NO_INK, *(calibration if chart or declared else ())),
            model=model,
        )
    skin = skin_reference(rgb, mask, probability, reading)
    window = _bounding_box(mask)
    part, ink = np.ascontiguousarray(rgb[window]), np.ascontiguousarray(mask[window])
    # A pixel that is white through and through is glare; it has no colour to tell.
    measurable = ink & ~_every_channel(part >= CLIPPED_HIGH)
    denoised: Image = np.asarray(cv2.medianBlur(part, 3), np.uint8)
    light = _Light(reading, skin)
    weights = _weights(denoised, measurable, light)
    labels = _label(denoised, measurable, weights, light)
    inks = _describe(part, labels, weights, light, model, origin=(window[1].start, window[0].start))
    whole = np.zeros(mask.shape, np.uint8)
    whole[window] = _renumber(labels, [ink_label for ink_label, _ in inks])
    flags = [*calibration, *skin.flags]
    if _clipped_share(part[ink]) > _CLIPPED_SHARE:
        flags.append(quality.CLIPPED_INK)
    return ColorResult(skin, tuple(ink for _, ink in inks), whole, reading, chart, tuple(flags), model)


@dataclass(frozen=True)
class _Light:
    """How pixels are read, and the skin that ink is compared with."""

    reading: Reading
    skin: SkinReference | SkinNotMeasurable

    def normalised(self, rgb: Image) -> Array:
        """Colours (n, 3) to cluster: ink transmission colour, or plain CIELAB without skin to divide by."""
        light = self.reading.light(rgb)
        if isinstance(self.skin, SkinNotMeasurable):
            return linear_to_lab(light)
        return transmission_lab(transmission(light, ground(self.skin)))


def ground(skin: SkinReference) -> Array:
    """Linear sRGB (3,) of the skin to divide by, above 0: corrected light of very dark skin may not be."""
    return np.maximum(skin.linear_rgb, _DARKEST)


def _check(rgb: Image, mask: Mask, probability: Image) -> None:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ValueError(f"rgb is {rgb.dtype} {rgb.shape}: pass uint8 (H, W, 3)")
    for name, array, dtype in (("mask", mask, np.bool_), ("probability", probability, np.uint8)):
        if array.shape != rgb.shape[:2] or array.dtype != dtype:
            raise ValueError(f"{name} is {array.dtype} {array.shape}: pass {dtype.__name__} {rgb.shape[:2]}")


def _bounding_box(mask: Mask) -> tuple[slice, slice]:
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    return slice(y, y + height), slice(x, x + width)


def _weights(rgb: Image, ink: Mask, light: _Light) -> Weights:
    """How far each pixel (H, W) shows ink alone, 0 to 1; plainly the ink where no skin is known."""
    if isinstance(light.skin, SkinNotMeasurable):
        return ink.astype(np.float32)
    distance = np.zeros(ink.shape, np.float32)
    distance[ink] = np.linalg.norm(light.normalised(rgb[ink]) - (100, 0, 0), axis=-1)
    return clusters.purity(distance, ink)


def _label(rgb: Image, ink: Mask, weights: Weights, light: _Light) -> Labels:
    """Cluster label of every ink pixel, from 1, spatially smoothed; 0 elsewhere."""
    labels = np.zeros(ink.shape, np.uint8)
    if not ink.any():
        return labels
    colours = light.normalised(rgb[ink])
    palette = clusters.find_inks(colours, weights[ink])
    labels[ink] = palette.of + 1
    return clusters.smooth(labels, palette.count, weights)


def _describe(
    rgb: Image,
    labels: Labels,
    weights: Weights,
    light: _Light,
    model: Classifier,
    *,
    origin: tuple[int, int],
) -> list[tuple[int, InkColour]]:
    """Every label that has pixels, with its ink, largest first."""
    rows, columns = np.nonzero(labels)
    label, weight, colours = labels[rows, columns], weights[rows, columns], rgb[rows, columns]
    areas = np.bincount(label, minlength=1)
    order = [int(each) for each in np.argsort(-areas, kind="stable") if areas[each]]
    inks = []
    for rank, each in enumerate(order, start=1):
        own = label == each
        centre = (float(columns[own].mean()) + origin[0], float(rows[own].mean()) + origin[1])
        inks.append((each, _ink(rank, colours[own], weight[own], len(label), centre, light, model)))
    return inks


def _ink(
    number: int,
    colours: Image,
    weights: Weights,
    of: int,
    centroid: tuple[float, float],
    light: _Light,
    model: Classifier,
) -> InkColour:
    """One ink from its colours (n, 3) and their weights (n,), not all 0; `of` is the area of all ink."""
    every, skin = light.reading.light(colours), light.skin
    mean = np.average(every, axis=0, weights=weights)
    each = linear_to_lab(every)
    variance = np.average((each - np.average(each, axis=0, weights=weights)) ** 2, axis=0, weights=weights)
    lab, spread = triple(linear_to_lab(mean)), triple(np.sqrt(variance))
    ratio = lab_t = against = None
    answer = InkClass(UNKNOWN, (), None)
    if isinstance(skin, SkinReference):
        ratio = transmission(mean, ground(skin))
        lab_t = transmission_lab(ratio)
        answer = classify(lab_t, model)
        against = contrast(
            lab,
            spread,
            max(1, round(float(weights.sum()))),
            skin.lab,
            skin.spread,
            calibration_sd=light.reading.sd,
        )
    return InkColour(
        id=number,
        lab=lab,
        spread=spread,
        area_share=len(colours) / of,
        pixels=len(colours),
        centroid=centroid,
        swatch="#" + np.round(linear_to_srgb(np.clip(mean, 0, 1)) * 255).astype(np.uint8).tobytes().hex(),
        contrast=against,
        lab_t=None if lab_t is None else triple(lab_t),
        optical_density=None if ratio is None else triple(optical_density(ratio)),
        ink_class=answer.name,
        posterior=answer.posterior,
    )


def _renumber(labels: Labels, order: list[int]) -> Labels:
    lookup = np.zeros(256, np.uint8)
    lookup[order] = np.arange(1, len(order) + 1)
    return np.asarray(lookup[labels])


def _every_channel(of: Mask) -> Mask:
    """Where all three channels hold, (..., 3) to (...): numpy's `all` over a short last axis is slow."""
    return np.asarray(of[..., 0] & of[..., 1] & of[..., 2])


def _clipped_share(rgb: Image) -> float:
    sound = _every_channel((rgb < CLIPPED_HIGH) & (rgb > CLIPPED_LOW))
    return 1.0 - float(np.count_nonzero(sound)) / len(rgb)
