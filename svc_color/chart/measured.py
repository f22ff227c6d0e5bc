"""The chart in a photo, measured: found, the photo's colours fitted to it, and how far to trust that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mesh.errors import InvalidInput
from svc_color.chart import gates
from svc_color.chart.candidates import Image
from svc_color.chart.find import find
from svc_color.chart.fit import LEAST_PATCHES, Fit, Which, fit_all
from svc_color.chart.gates import Finding, Grade
from svc_color.chart.geometry import Tilt, corners, tilt
from svc_color.chart.identify import Placement
from svc_color.chart.illuminant import Light, light_of
from svc_color.chart.layouts import Layout
from svc_color.chart.sampling import Samples, sample
from svc_color.difference import delta_e_2000
from svc_color.space import Array, linear_to_lab, linear_to_xyz

# A patch whose left-out error is beyond both is covered by something: CIEDE2000, and in medians of all
# patches. A quarter of the patches at most may go this way.
_COVERED, _COVERED_MEDIANS, _MOST_COVERED = 15.0, 5.0, 0.25
_LEAST_GREYS: Final = 3
# A declared edition has lost when another is better by more than so many standard errors (95 %, one-sided).
_LOST: Final = 1.64


@dataclass(frozen=True)
class Unevenness:
    """Difference of the light over the chart's area, percent of the mean, and its standard uncertainty."""

    percent: float
    sd: float


@dataclass(frozen=True)
class MeasuredChart:
    """A chart in a photo. Every CIELAB under D65, 2 degree observer.

    samples: what the camera saw of each patch. fits: every model on every edition, best first; empty when too
    few patches can be read. chosen: the fit that counts. before: CIEDE2000 of each patch as the photo shows
    it, (n,). corners: (4, 2). lost: the declared edition that another clearly beats, or "".
    findings: checks that did not pass. grade: all of them together.
    """

    placement: Placement
    samples: Samples
    fits: tuple[Fit, ...]
    chosen: Fit | None
    before: Array
    corners: Array
    tilt: Tilt
    light: Light | None
    unevenness: Unevenness | None
    neutral_chroma: float
    lost: str
    findings: tuple[Finding, ...]
    grade: Grade

    @property
    def layout(self) -> Layout:
        """The chart's layout."""
        return self.placement.layout


def measure_chart(rgb: Image, layouts: tuple[Layout, ...], declared: str = "") -> MeasuredChart | None:
    """Finds and measures the chart of a photo; None where there is none.

    Args:
        rgb: sRGB, uint8, (H, W, 3). layouts: charts to look for.
        declared: "layout" or "layout@edition" that the operator states; empty: any.

    Raises:
        InvalidInput: CHART_UNKNOWN, no such layout or edition.
    """
    wanted, edition = _declared(layouts, declared)
    placement = find(rgb, wanted)
    if placement is None:
        return None
    samples = sample(rgb, placement)
    samples, fits = _fit(samples, placement.layout)
    chosen, lost = _choose(fits, edition)
    reference = (chosen.edition if chosen else placement.layout.editions[0]).lab
    known = np.nan_to_num(samples.colours)
    uneven = _unevenness(samples, chosen) if chosen else None
    angle = tilt(placement, rgb.shape)
    chroma = _neutral_chroma(chosen, placement.layout) if chosen else np.nan
    findings = _findings(samples, chosen, angle, uneven, chroma)
    return MeasuredChart(
        placement=placement,
        samples=samples,
        fits=fits,
        chosen=chosen,
        before=delta_e_2000(linear_to_lab(known), reference),
        corners=corners(placement),
        tilt=angle,
        light=_light(samples, placement.layout),
        unevenness=uneven,
        neutral_chroma=chroma,
        lost=lost,
        findings=findings,
        grade=gates.worst(findings),
    )


def _declared(layouts: tuple[Layout, ...], declared: str) -> tuple[tuple[Layout, ...], str]:
    """The layouts to look for, and the edition stated or ""."""
    if not declared:
        return layouts, ""
    name, _, edition = declared.partition("@")
    wanted = tuple(layout for layout in layouts if layout.name == name)
    known = [f"{each.name}@{version.name}" for each in layouts for version in each.editions]
    if not wanted or ("@" in declared and edition not in {each.name for each in wanted[0].editions}):
        message = f"There is no colour chart {declared!r}."
        fix = f"State one of {', '.join([*(each.name for each in layouts), *known])}, or nothing."
        raise InvalidInput("CHART_UNKNOWN", message, field="tattoo.chart", fix=fix)
    return wanted, edition


def _fit(samples: Samples, layout: Layout) -> tuple[Samples, tuple[Fit, ...]]:
    """Every fit, once more without patches that something covers."""
    fits = _fits(samples, layout)
    if not fits:
        return samples, ()
    left_out, used = fits[0].left_out, samples.used
    covered = used & (left_out > max(_COVERED, _COVERED_MEDIANS * float(np.median(left_out[used]))))
    if not covered.any() or np.count_nonzero(covered) > _MOST_COVERED * len(used):
        return samples, fits
    excluded = tuple(
        "hidden" if hidden else why for hidden, why in zip(covered, samples.excluded, strict=True)
    )
    samples = replace(samples, excluded=excluded)
    return samples, _fits(samples, layout)


def _fits(samples: Samples, layout: Layout) -> tuple[Fit, ...]:
    used = samples.used
    greys = sum(bool(used[each]) for each in layout.neutral)
    if np.count_nonzero(used) < LEAST_PATCHES or greys < _LEAST_GREYS:
        return ()
    return fit_all(np.nan_to_num(samples.colours), layout.editions, layout.neutral, used)


def _choose(fits: tuple[Fit, ...], declared: str) -> tuple[Fit | None, str]:
    """The fit that counts, and the declared edition if it lost: its error is clearly above the best one's."""
    if not fits:
        return None, ""
    own = next((each for each in fits if each.edition.name == declared), None)
    if own is None or own is fits[0]:
        return fits[0], ""
    worse = (own.left_out - fits[0].left_out)[own.used]
    if worse.mean() > _LOST * worse.std(ddof=1) / np.sqrt(len(worse)):
        return fits[0], declared
    return own, ""


def _neutral_chroma(fit: Fit, layout: Layout) -> float:
    """Mean chroma that the correction leaves on the greys, against their reference."""
    greys = _greys(fit.used, layout)
    lab = fit.lab[greys] - fit.edition.lab[greys]
    return float(np.hypot(lab[:, 1], lab[:, 2]).mean())


def _greys(used: Which, layout: Layout) -> list[int]:
    return [each for each in layout.neutral if used[each]]


def _light(samples: Samples, layout: Layout) -> Light | None:
    greys = _greys(samples.used, layout)
    if not greys:
        return None
    xyz = linear_to_xyz(samples.colours[greys].sum(axis=0))
    return light_of(xyz) if np.all(xyz > 0) else None


def _unevenness(samples: Samples, fit: Fit) -> Unevenness:
    """Plane through the logarithm of measured to reference luminance, over the centres of the patches.

    Patches count by their luminance, since the dark ones err most in proportion.
    """
    used = fit.used
    measured = fit.correction.xyz(samples.colours[used])[:, 1]
    reference = fit.edition.xyz[used, 1]
    places = samples.centres[used]
    spans = np.maximum(np.ptp(samples.centres, axis=0), 1.0)
    design = np.column_stack([np.ones(len(places)), (places - samples.centres.mean(axis=0)) / spans])
    values, weights = np.log(np.maximum(measured, 1e-4) / reference), np.sqrt(reference)
    inverse = np.linalg.pinv((design * weights[:, None]).T @ (design * weights[:, None]))
    plane = inverse @ (design.T @ (weights**2 * values))
    residual = (values - design @ plane) * weights
    covariance = inverse * float(residual @ residual) / max(1, len(values) - 3)
    # Over the chart's corners the plane differs by the sum of its two slopes at most.
    slopes = plane[1:]
    signs = np.array([0.0, *np.sign(slopes)])
    percent = 100 * float(np.expm1(np.abs(slopes).sum()))
    return Unevenness(percent, 100 * float(np.sqrt(signs @ covariance @ signs)))


def _findings(
    samples: Samples, fit: Fit | None, angle: Tilt, uneven: Unevenness | None, chroma: float
) -> tuple[Finding, ...]:
    if fit is None or uneven is None:
        said = f"only {np.count_nonzero(samples.used)} patches, or too few greys, can be read"
        return (Finding("CHART_PATCHES_MISSING", "fail", said),)
    return gates.check(
        (
            (gates.LOO_MEAN, fit.loo_mean),
            (gates.LOO_MAX, fit.loo_max),
            (gates.PATCH_PX, samples.patch_px),
            (gates.NEUTRAL_CHROMA, chroma),
            (gates.NON_UNIFORMITY, max(0.0, uneven.percent - uneven.sd)),
            (gates.TILT, max(0.0, angle.degrees - angle.sd)),
        )
    )
