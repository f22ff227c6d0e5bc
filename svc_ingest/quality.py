"""Capture quality of a photo, as far as it can be told with no chart and no mask.

The thresholds are those of the project's image gate (sampling, clipping, specular share, sharpness). The
gate is meant for ink, skin and chart alone; before segmentation the middle of the frame stands in for
them, so clipping and glare are reported to warn and never to fail: a white table is no fault.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from svc_ingest.raster import Pixels
from svc_ingest.result import Flag, Level, Measure

_CENTRE: Final = 0.6
"""Side of the middle window, as a share of the frame."""
_CLIP_LOW: Final = 3
_CLIP_HIGH: Final = 252
_STEADY_SIGMA: Final = 0.8
_BLUR_SIGMA: Final = 2.0
_RISE_PER_SIGMA: Final = 2.563
"""10 to 90 % rise of an edge blurred by a Gaussian of standard deviation 1 (2 x 1.2816)."""
_MIN_EDGE: Final = 3.0
_EDGE_OVER_MEDIAN: Final = 6.0
_MIN_EDGE_PIXELS: Final = 200
_MAX_RISE: Final = 20.0
_LEAST_RISE: Final = 0.8
"""10 to 90 % rise of a perfect edge averaged over pixels of width 1."""
_NO_EDGES: Final = "it has too few clear edges"
_TOO_STEEP: Final = "it was sharpened, or its edges are lines too thin to tell their blur"
_USUAL_FIELD_MM: Final = 100
_LEAST_FIELD_MM: Final = 40
_CHART: Final = "needs a colour chart of known size in the photo"
_LATER: Final = "needs the ink and skin masks; measured after segmentation"


# Parts of the gate that cannot be judged here, each with its unit and the reason.
_NOT_HERE: Final = (
    ("sampling_at_skin", "px/mm", _CHART),
    ("patch_size", "px", _CHART),
    ("white_patch", "1", _CHART),
    ("neutral_residual_chroma", "1", _CHART),
    ("chart_loo_de00", "1", _CHART),
    ("illumination_nonuniformity", "%", _CHART),
    ("tilt", "deg", _CHART),
    ("repeat_frame_de00", "1", "needs a second frame of the same scene"),
    ("skin_ring_area", "cm2", _LATER),
)


@dataclass(frozen=True)
class Quality:
    """All measures and what they mean."""

    measures: tuple[Measure, ...]
    flags: tuple[Flag, ...]


def assess(original: Pixels, working: Pixels, gamut_clipped_share: float) -> Quality:
    """Measures sRGB images (height, width, 3): clipping on `original`, everything else on `working`.

    `gamut_clipped_share` (0 to 1) comes from the colour conversion.
    """
    height, width = original.shape[:2]
    grey = np.asarray(cv2.cvtColor(working, cv2.COLOR_RGB2GRAY), np.uint8)
    clipped = 100 * clipped_share(_centre(original))
    specular = 100 * specular_share(_centre(working))
    lightness = median_lightness(_centre(working))
    rise = edge_rise(np.asarray(_centre(grey)))
    gamut = 100 * gamut_clipped_share
    measures = [
        Measure("short_side", float(min(width, height)), "px"),
        Measure("megapixels", width * height / 1e6, "1e6 px"),
        Measure("clipped_share", clipped, "%"),
        Measure("specular_share", specular, "%"),
        Measure(
            "median_lightness",
            lightness,
            "1",
            "" if lightness is not None else "nearly every pixel is clipped",
        ),
        Measure("gamut_clipped_share", gamut, "%"),
        rise,
        *(Measure(name, None, unit, reason) for name, unit, reason in _NOT_HERE),
    ]
    flags = [
        _short_side(min(width, height)),
        _shares("CLIPPED_PIXELS", clipped, (0.1, 0.5), "are over- or underexposed beyond what was recorded"),
        _shares("GLARE", specular, (0.5, 2.0), "are glare; tilt the light or use a polariser"),
        _shares("GAMUT_CLIPPED", gamut, (0.1, 0.5), "had colours outside sRGB and lost saturation"),
        _exposure(lightness),
        _focus(rise),
    ]
    return Quality(tuple(measures), tuple(flag for flag in flags if flag is not None))


def clipped_share(rgb: Pixels) -> float:
    """Share (0 to 1) of pixels with any channel at most 3 or at least 252 of 255."""
    inside = cv2.inRange(rgb, np.full(3, _CLIP_LOW + 1), np.full(3, _CLIP_HIGH - 1))
    return 1.0 - cv2.countNonZero(inside) / float(rgb.shape[0] * rgb.shape[1])


def specular_share(rgb: Pixels) -> float:
    """Share (0 to 1) of pixels that look like the lamp's mirror image.

    Such a reflection has the lamp's colour, so its smallest channel is high (at least 200 of 255); it is
    small (narrower than a tenth of the short side) and stands out from what is around it by at least 40.
    A wide white surface is neither. (A top-hat: the picture less its morphological opening.)
    """
    least = np.min(rgb, axis=-1)
    height, width = least.shape
    coarse = cv2.resize(least, (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_AREA)
    window = np.ones((max(3, min(coarse.shape) // 10),) * 2, np.uint8)
    opened = cv2.morphologyEx(coarse, cv2.MORPH_OPEN, window, borderType=cv2.BORDER_REFLECT)
    # One coarse pixel wider, so that interpolation leaves no rim along wide bright surfaces.
    opened = cv2.dilate(opened, np.ones((3, 3), np.uint8))
    around = cv2.resize(opened, (width, height), interpolation=cv2.INTER_LINEAR)
    bright = (least >= 200) & (cv2.subtract(least, around) >= 40)
    return np.count_nonzero(bright) / float(least.size)


def median_lightness(rgb: Pixels) -> float | None:
    """Median CIE L* (0 to 100, D65) of the sRGB pixels that are not clipped; None with under 5 % of them."""
    sample = rgb[::4, ::4].reshape(-1, 3)
    sound = sample[(sample.max(axis=-1) < _CLIP_HIGH) & (sample.min(axis=-1) > _CLIP_LOW)]
    if len(sound) < 0.05 * len(sample):
        return None
    lab = cv2.cvtColor(sound[None].astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    return float(np.median(lab[..., 0]))


def edge_rise(grey: Pixels) -> Measure:
    """10 to 90 % rise, in pixels, of the sharper edges (first quartile) of a picture (height, width).

    The picture is blurred once more by a known Gaussian s0; on an edge of blur s the gradient falls by
    R = sqrt(s^2 + s0^2) / s, so s = s0 / sqrt(R^2 - 1) (Zhuo and Sim, Pattern Recognition 44:1852, 2011).
    Before, a slight Gaussian steadies the gradient against noise; its variance and that of the central
    difference (1/3) are taken off again. Values above 20 px are reported as 20.

    Not measurable with too few edges, and where they come out steeper than a perfect lens draws them on
    square pixels: sharpening overshoots, and a line thinner than the blur fades faster than an edge. Neither
    says how sharp the lens was.
    """
    steady = np.asarray(cv2.GaussianBlur(grey.astype(np.float32), (0, 0), _STEADY_SIGMA), np.float32)
    gradient = _gradient(steady)
    again = _gradient(np.asarray(cv2.GaussianBlur(steady, (0, 0), _BLUR_SIGMA), np.float32))
    # The median gradient is that of noise and texture; an edge stands well above it.
    least = max(_MIN_EDGE, _EDGE_OVER_MEDIAN * float(np.median(gradient[::4, ::4])))
    crest = (gradient >= least) & (gradient >= cv2.dilate(gradient, np.ones((3, 3), np.uint8)))
    if np.count_nonzero(crest) < _MIN_EDGE_PIXELS:
        return Measure("edge_rise", None, "px", _NO_EDGES)
    ratio = np.maximum(gradient[crest] / again[crest], 1.001)
    variance = _BLUR_SIGMA**2 / (ratio**2 - 1) - _STEADY_SIGMA**2 - 1 / 3
    rise = _RISE_PER_SIGMA * float(np.sqrt(max(0.0, float(np.percentile(variance, 25)))))
    if rise < _LEAST_RISE:
        return Measure("edge_rise", None, "px", _TOO_STEEP)
    return Measure("edge_rise", min(_MAX_RISE, rise), "px")


def _gradient(light: NDArray[np.float32]) -> NDArray[np.float32]:
    dx = cv2.Sobel(light, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    dy = cv2.Sobel(light, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    return np.asarray(cv2.magnitude(dx, dy), np.float32)


def _centre(rgb: Pixels) -> Pixels:
    height, width = rgb.shape[:2]
    top, left = int(height * (1 - _CENTRE) / 2), int(width * (1 - _CENTRE) / 2)
    return rgb[top : height - top, left : width - left]


def _short_side(pixels: int) -> Flag | None:
    # The gate asks for 10 px/mm at the skin and refuses less than 5. How many millimetres the photo spans is
    # unknown without a chart: with its margin of 20 mm on each side no tattoo spans less than 40, most
    # small ones about 100.
    if pixels >= 10 * _USUAL_FIELD_MM:
        return None
    level = Level.WARN if pixels >= 5 * _LEAST_FIELD_MM else Level.FAIL
    message = f"The shorter side has {pixels} pixels; a tattoo of hand size needs 1000 or more."
    return Flag("LOW_RESOLUTION", level, message)


def _shares(code: str, percent: float, bounds: tuple[float, float], what: str) -> Flag | None:
    if percent <= bounds[0]:
        return None
    gate = "above" if percent > bounds[1] else "near"
    return Flag(
        code,
        Level.WARN,
        f"{percent:.2g} % of the middle of the photo {what} ({gate} the limit of {bounds[1]} %).",
    )


def _exposure(lightness: float | None) -> Flag | None:
    if lightness is None:
        return Flag("EXPOSURE", Level.FAIL, "Nearly all of the middle of the photo is over- or underexposed.")
    if 20 <= lightness <= 90:
        return None
    level = Level.WARN if 10 <= lightness <= 95 else Level.FAIL
    side = "dark" if lightness < 20 else "bright"
    return Flag(
        "EXPOSURE", level, f"The photo is very {side} (median L* {lightness:.0f}; 20 to 90 is usual)."
    )


def _focus(measure: Measure) -> Flag | None:
    rise = measure.value
    if rise is None:
        message = f"The focus of the middle of the photo cannot be judged: {measure.not_measurable}."
        return Flag("FOCUS_NOT_MEASURABLE", Level.INFO, message)
    # 0.3 mm at 10 px/mm and 0.6 mm at 5 px/mm are both 3 px; twice that is beyond the gate at any sampling.
    if rise <= 3:
        return None
    level = Level.WARN if rise <= 6 else Level.FAIL
    return Flag("IMAGE_BLURRED", level, f"Edges are {rise:.1f} px wide (10 to 90 %); at most 3 px are sharp.")
