"""Colour charts on real photos: found or not, how well they calibrate, and what that does to skin.

    python -m models.evaluate.chart --data DIR [--json]

DIR holds `skin/colorchecker_15_illuminants` (one person and a 24-patch chart under 15 lights, in one pose),
and folders of photos without a chart, on which none may be found.

The truth of the skin is not known; that of the same skin under every light is that it is the same. Its spread
is the mean CIEDE2000 of the photos to their centroid, by three readings of the same pixels: as the photo is;
white-balanced and exposed by the chart's grey row (a gain per channel, least squares over the greys, in
linear light); and corrected by the chart.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mesh.errors import InvalidInput
from svc_color.chart.layouts import known
from svc_color.chart.measured import MeasuredChart, measure_chart
from svc_color.difference import delta_e_2000
from svc_color.space import Array, linear_to_lab, srgb_to_linear, xyz_to_lab, xyz_to_linear

WITH: Final = "skin/colorchecker_15_illuminants"
WITHOUT: Final = ("tattoo", "skin/hands11k", "skin/healthy_limbs")
# Skin of the person, left, top, right, bottom in shares of the photo: the camera did not move.
SITES: Final[Mapping[str, tuple[float, float, float, float]]] = {
    "cheeks": (0.505, 0.560, 0.560, 0.585),
    "neck": (0.525, 0.625, 0.575, 0.655),
    "right arm": (0.372, 0.850, 0.398, 0.930),
    "left arm": (0.735, 0.850, 0.775, 0.930),
}
ALL_SITES: Final = "all four"
READINGS: Final = ("photo", "grey_row", "chart")
_MOST_PIXELS: Final = 3_000_000
_SUFFIXES: Final = (".jpg", ".jpeg", ".png")

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class ChartScore:
    """One photo with a chart. before, grey_row, after: mean CIEDE2000 of its patches as the photo is, by the
    grey row alone, and by leaving each patch out of the fit. reasons: codes of the gates that did not pass.
    skin: CIELAB by site and reading. seconds: of CPU to find and measure it."""

    file: str
    found: bool
    model: str
    edition: str
    patches_used: int
    before: float
    grey_row: float
    after: float
    after_max: float
    grade: str
    reasons: tuple[str, ...]
    skin: Mapping[str, Mapping[str, tuple[float, float, float]]]
    seconds: float


@dataclass(frozen=True)
class Spread:
    """Mean CIEDE2000 of the photos' skin to its centroid, by reading. photos: how many."""

    photos: int
    photo: float
    grey_row: float
    chart: float

    @property
    def ratio(self) -> float:
        """Spread by the chart over the spread by the grey row."""
        return self.chart / self.grey_row


@dataclass(frozen=True)
class ChartEvaluation:
    """scores: photos with a chart. spread: by site, over all photos with a chart found; spread_calibrated:
    over those whose chart passed its gates or was warned about. without: photos without a chart; false: those
    in which one was found. slowest: CPU seconds that the slowest photo without a chart took."""

    scores: tuple[ChartScore, ...]
    spread: Mapping[str, Spread]
    spread_calibrated: Mapping[str, Spread]
    without: int
    false: tuple[str, ...]
    slowest: float

    @property
    def found(self) -> int:
        """Photos whose chart was found."""
        return sum(score.found for score in self.scores)

    def as_json(self) -> dict[str, object]:
        """The document that `--json` prints."""
        return asdict(self)


def find_photos(data: Path) -> tuple[list[Path], list[Path]]:
    """Photos with a chart and photos without one below `data`. Raises InvalidInput (EVAL_DATA): none with."""
    having = _pictures(data / WITH)
    if not having:
        fix = f"Give a folder that holds {WITH}."
        raise InvalidInput("EVAL_DATA", f"There is no photo in {data / WITH}.", field="data", fix=fix)
    return having, [path for folder in WITHOUT for path in _pictures(data / folder)]


def _pictures(folder: Path) -> list[Path]:
    """Photos below a folder; masks are none."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in _SUFFIXES and "masks" not in path.parts
    ]


def evaluate(having: Sequence[Path], without: Sequence[Path]) -> ChartEvaluation:
    """Measures the photos that have a chart, and looks for one in those that have none."""
    scores = tuple(score(path) for path in having)
    false, slowest = [], 0.0
    for path in without:
        rgb = load(path)
        start = time.process_time()
        if measure_chart(rgb, known()) is not None:
            false.append(path.name)
        slowest = max(slowest, time.process_time() - start)
    found = [each for each in scores if each.found]
    return ChartEvaluation(
        scores=scores,
        spread=_spreads(found),
        spread_calibrated=_spreads([each for each in found if each.grade != "fail"]),
        without=len(without),
        false=tuple(false),
        slowest=slowest,
    )


def load(path: Path) -> Image:
    """Upright pixels (H, W, 3) sRGB, 3 megapixels at most, as ingest hands them on."""
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if pixels is None:
        fix = "Restore or remove the file."
        raise InvalidInput("EVAL_DATA", f"{path.name} cannot be read.", field="data", fix=fix)
    scale = min(1.0, (_MOST_PIXELS / (pixels.shape[0] * pixels.shape[1])) ** 0.5)
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def score(path: Path) -> ChartScore:
    """Measures one photo with a chart and the skin in it."""
    rgb = load(path)
    start = time.process_time()
    chart = measure_chart(rgb, known())
    seconds = time.process_time() - start
    if chart is None or chart.chosen is None:
        nan = float("nan")
        return ChartScore(
            path.name, chart is not None, "", "", 0, nan, nan, nan, nan, "fail", (), {}, seconds
        )
    fit, gains = chart.chosen, _gains(chart)
    balanced = delta_e_2000(linear_to_lab(chart.samples.colours[fit.used] * gains), fit.edition.lab[fit.used])
    return ChartScore(
        file=path.name,
        found=True,
        model=fit.correction.name,
        edition=fit.edition.name,
        patches_used=int(np.count_nonzero(fit.used)),
        before=float(chart.before[fit.used].mean()),
        grey_row=float(balanced.mean()),
        after=fit.loo_mean,
        after_max=fit.loo_max,
        grade=chart.grade,
        reasons=tuple(dict.fromkeys(each.code for each in chart.findings)),
        skin=_skin(rgb, chart, gains),
        seconds=seconds,
    )


def _gains(chart: MeasuredChart) -> Array:
    """White balance and exposure (3,) from the grey row: least squares per channel, in linear light."""
    if chart.chosen is None:
        raise ValueError("a chart without a fit has no greys to balance by")
    greys = [each for each in chart.layout.neutral if chart.chosen.used[each]]
    seen, wanted = chart.samples.colours[greys], xyz_to_linear(chart.chosen.edition.xyz[greys])
    return np.asarray((wanted * seen).sum(axis=0) / (seen**2).sum(axis=0))


def _skin(
    rgb: Image, chart: MeasuredChart, gains: Array
) -> Mapping[str, Mapping[str, tuple[float, float, float]]]:
    light = {name: _light(rgb, box) for name, box in SITES.items()}
    light[ALL_SITES] = np.mean(list(light.values()), axis=0)
    return {name: _readings(mean, chart, gains) for name, mean in light.items()}


def _light(rgb: Image, box: tuple[float, float, float, float]) -> Array:
    height, width = rgb.shape[:2]
    left, top, right, bottom = (
        round(share * side) for share, side in zip(box, (width, height) * 2, strict=True)
    )
    return np.asarray(srgb_to_linear(rgb[top:bottom, left:right].reshape(-1, 3)).mean(axis=0))


def _readings(light: Array, chart: MeasuredChart, gains: Array) -> Mapping[str, tuple[float, float, float]]:
    if chart.chosen is None:
        raise ValueError("a chart without a fit corrects nothing")
    corrected = xyz_to_lab(chart.chosen.correction.xyz(light))
    labs = (linear_to_lab(light), linear_to_lab(light * gains), corrected)
    return {
        name: (float(lightness), float(a), float(b))
        for name, (lightness, a, b) in zip(READINGS, labs, strict=True)
    }


def _spreads(scores: Sequence[ChartScore]) -> Mapping[str, Spread]:
    measured = [score for score in scores if score.skin]
    if len(measured) < 2:
        return {}
    return {site: _spread([score.skin[site] for score in measured]) for site in (*SITES, ALL_SITES)}


def _spread(skins: Sequence[Mapping[str, tuple[float, float, float]]]) -> Spread:
    def of(reading: str) -> float:
        labs = np.array([skin[reading] for skin in skins])
        return float(delta_e_2000(labs, labs.mean(axis=0)).mean())

    return Spread(len(skins), of("photo"), of("grey_row"), of("chart"))


def lines(found: ChartEvaluation) -> Iterable[str]:
    """The figures for people."""
    yield f"charts found in {found.found} of {len(found.scores)} photos"
    yield (
        f"false charts in {len(found.false)} of {found.without} photos without one; "
        f"at most {found.slowest:.2f} s of CPU"
    )
    for each in found.scores:
        yield (
            f"{each.file}: {each.model}, {each.edition}, {each.patches_used} patches; mean ΔE00 as it is "
            f"{each.before:.2f}, by the grey row {each.grey_row:.2f}, left out {each.after:.2f} "
            f"(max {each.after_max:.1f}); {each.grade} {' '.join(each.reasons)}; {each.seconds:.2f} s"
        )
    for title, spreads in (("every photo", found.spread), ("calibrated", found.spread_calibrated)):
        for site, spread in spreads.items():
            yield (
                f"skin, {site}, {title} ({spread.photos}): spread as it is {spread.photo:.2f}, by the grey "
                f"row {spread.grey_row:.2f}, by the chart {spread.chart:.2f}, {spread.ratio:.2f} of that"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure colour charts on real photos.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    evaluation = evaluate(*find_photos(given.data))
    if given.json:
        print(json.dumps(evaluation.as_json(), indent=2))
    else:
        print("\n".join(lines(evaluation)))
