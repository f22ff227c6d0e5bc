"""The follow-up page: two visits registered, checked like with like, each earlier ink measured anew."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import cv2
import numpy as np
from assay.color.v1 import color_pb2
from assay.color.v1.color_pb2 import Baseline, ColorPage, FollowUp
from assay.common.v1 import types_pb2
from assay.common.v1.types_pb2 import FlagLevel, Measurement, QualityFlag

from svc_color import clusters, quality, skin
from svc_color.contrast import CORRELATED_PIXELS
from svc_color.followup.clearance import Image, InkNow, InkThen, Labels, Today, Weights, changes
from svc_color.followup.obstacles import REASONS, Conditions, cautions, days_between, obstacles
from svc_color.followup.register import NotRegistered, lay_over, register
from svc_color.followup.uncertainty import Lab, Seen, Value, interval, skin_difference
from svc_color.followup.warp import everywhere, resample
from svc_color.reading import Reading
from svc_color.skin import SkinNotMeasurable, SkinReference
from svc_color.space import Array, srgb_to_linear
from svc_color.transmission import transmission, transmission_lab

Mask = clusters.Mask

_LEAST_OVERLAP: Final = 0.5
# Longer side of the picture of the earlier photo laid over this one.
_LAID_PX: Final = 1600


@dataclass(frozen=True)
class Earlier:
    """The earlier visit. rgb: (H, W, 3). labels: (H, W), inks of its page, 0 none, also where glare hid the
    ink or a colour chart was taken for it. maybe_ink: (H, W), all that was taken for ink."""

    rgb: Image
    labels: Labels
    maybe_ink: Mask

    @property
    def ink(self) -> Mask:
        """(H, W) where ink was measured."""
        return self.labels > 0


@dataclass(frozen=True)
class Photo:
    """Today's photo: rgb (H, W, 3), ink and its probability (H, W), labels (H, W) of its inks, 0 none.

    reading: how its pixels are read as light.
    """

    rgb: Image
    ink: Mask
    probability: Image
    labels: Labels
    reading: Reading


def conditions(page: ColorPage, camera: str, segmenter: str, at: datetime) -> Conditions:
    """How the colours of a page came about."""
    software = [v.version for v in page.provenance.versions if (v.kind, v.name) == ("code", "assay")]
    return Conditions(
        calibrated=page.calibrated and page.chart.grade != "fail",
        chart=(page.chart.layout, page.chart.edition),
        illuminant=(page.illuminant, page.observer),
        metric=page.difference_metric,
        camera=camera,
        segmenter=segmenter,
        software=software[0] if software else "",
        at=at,
    )


def conditions_then(baseline: Baseline) -> Conditions:
    """How the colours of the earlier visit came about."""
    at = baseline.created_at.ToDatetime(tzinfo=UTC)
    return conditions(baseline.color, baseline.camera, baseline.segmenter, at)


def days_of(baseline: Baseline, now: Conditions) -> float:
    """Days between the visits."""
    return days_between(conditions_then(baseline), now)


def compare(baseline: Baseline, earlier: Earlier, photo: Photo, now: Conditions) -> tuple[FollowUp, bytes]:
    """The page, and the earlier photo laid over this one as a PNG (empty when they cannot be registered).

    Args:
        baseline: what was measured then. now: how today's colours came about.
    """
    then = conditions_then(baseline)
    calibration_then = calibration_sd(baseline.color)
    page = FollowUp(baseline_job_id=baseline.job_id, days=days_between(then, now))
    found = register(earlier.rgb, earlier.ink, photo.rgb)
    codes = list(obstacles(then, now))
    if not baseline.color.HasField("skin"):
        codes.append("SKIN_NOT_MEASURABLE_THEN")
    if isinstance(found, NotRegistered):
        page.overlap.CopyFrom(_missing("overlap", "1", "NOT_REGISTERED"))
        page.registration_error.CopyFrom(_missing("registration_error", "px", "NOT_REGISTERED"))
        return refused(page, ["NOT_REGISTERED", *codes], baseline), b""
    page.overlap.CopyFrom(Measurement(id="overlap", unit="1", value=found.overlap))
    page.registration_error.CopyFrom(Measurement(id="registration_error", unit="px", value=found.error_px))
    picture = _png(lay_over(earlier.rgb, photo.rgb, found.warp, _LAID_PX))
    if found.overlap < _LEAST_OVERLAP:
        codes.insert(0, "LITTLE_OVERLAP")
    places = everywhere(found.warp.inverse, (photo.ink.shape[0], photo.ink.shape[1]))
    where = photo.ink | (resample(earlier.ink.view(np.uint8), places, nearest=True) > 0)
    beside = skin.skin_reference(photo.rgb, where, photo.probability, photo.reading)
    if isinstance(beside, SkinNotMeasurable):
        codes.append("SKIN_NOT_MEASURABLE_NOW")
    if codes or isinstance(beside, SkinNotMeasurable):
        return refused(page, codes, baseline), picture
    page.cautions.extend(_flag(flag) for flag in cautions(then, now))
    today = Today(
        photo.rgb,
        photo.reading,
        photo.labels,
        beside.lab,
        beside.spread,
        beside.skin_skin_p95,
    )
    inks = _inks_then(baseline.color, calibration_then)
    measured = changes(inks, earlier.labels, _purity(earlier), today, found)
    page.inks.extend(_ink(each) for each in measured)
    page.clear_below = today.clear_below
    _compare_skin(page, baseline.color, beside, calibration_then, photo.reading.sd)
    return page, picture


def calibration_sd(page: ColorPage) -> float:
    """Standard uncertainty per CIELAB channel that calibration left on a page's colours."""
    return page.colour_sd if page.HasField("colour_sd") else quality.UNCALIBRATED_SD


def refused(page: FollowUp, codes: Sequence[str], baseline: Baseline) -> FollowUp:
    """The page filled in for visits that cannot be compared: the reasons, and no number of change."""
    page.not_comparable.extend(codes)
    page.reasons.extend(REASONS[code] for code in codes)
    because = ", ".join(codes)
    for ink in baseline.color.inks:
        page.inks.add(
            baseline_id=ink.id,
            ink_class=ink.ink_class,
            contrast_then=ink.delta_e_skin,
            contrast_now=_missing("contrast_now", "1", because),
            clearance_contrast=_missing("clearance_contrast", "%", because),
            clearance_density=_missing("clearance_density", "%", because),
            lightness_change=_missing("lightness_change", "1", because),
        )
    page.skin_change.CopyFrom(_missing("skin_change", "1", because))
    return page


def _purity(earlier: Earlier) -> Weights:
    """How far each earlier pixel shows ink alone: by its distance from the skin in its own photo."""
    weights = earlier.ink.astype(np.float32)
    beside = skin.skin_reference(earlier.rgb, earlier.ink, earlier.maybe_ink.astype(np.uint8) * 255)
    if isinstance(beside, SkinNotMeasurable):
        return weights
    blurred = cv2.medianBlur(earlier.rgb, 3)[earlier.ink]
    ratio = transmission(srgb_to_linear(blurred), beside.linear_rgb)
    distance = np.zeros(earlier.ink.shape, np.float32)
    distance[earlier.ink] = np.linalg.norm(transmission_lab(ratio) - (100, 0, 0), axis=-1)
    return clusters.purity(distance, earlier.ink)


def _inks_then(page: ColorPage, calibration_sd: float) -> list[InkThen]:
    around, spread = _lab(page.skin.lab), _lab(page.skin.spread)
    return [
        InkThen(
            id=ink.id,
            ink_class=ink.ink_class,
            contrast=interval(ink.delta_e_skin.value, ink.delta_e_skin.standard_uncertainty, low=0.0),
            seen=Seen(_lab(ink.lab), _lab(ink.spread), ink.pixels, around, spread, calibration_sd),
        )
        for ink in page.inks
    ]


def _compare_skin(page: FollowUp, then: ColorPage, now: SkinReference, sd_then: float, sd_now: float) -> None:
    """Fills in how the skin beside the ink has changed; its own spread is the same skin at both visits."""
    change, mdc95 = skin_difference(
        _lab(then.skin.lab),
        _skin_sd(_lab(then.skin.spread), then.skin.pixels, sd_then),
        now.lab,
        _skin_sd(now.spread, now.pixels, sd_now),
    )
    page.skin_change.CopyFrom(_measurement("skin_change", "1", change))
    page.skin_mdc95 = mdc95


def _skin_sd(spread: Lab, pixels: int, calibration_sd: float) -> Array:
    independent = max(1.0, pixels / CORRELATED_PIXELS)
    return np.sqrt(calibration_sd**2 + np.square(spread) / independent)


def _ink(ink: InkNow) -> color_pb2.InkChange:
    reason = ink.reason or "The ink could hardly be told from the skin then."
    return color_pb2.InkChange(
        baseline_id=ink.then.id,
        ink_class=ink.then.ink_class,
        contrast_then=_measurement("contrast_then", "1", ink.then.contrast),
        contrast_now=_measurement("contrast_now", "1", ink.contrast, reason),
        clearance_contrast=_measurement("clearance_contrast", "%", ink.clearance_contrast, reason),
        clearance_density=_measurement("clearance_density", "%", ink.clearance_density, reason),
        mdc95=ink.mdc95,
        verdict=ink.verdict,
        lightness_change=_measurement("lightness_change", "1", ink.lightness_change, reason),
        compared_share=ink.compared_share,
        now_ids=ink.now_ids,
    )


def _measurement(name: str, unit: str, value: Value | None, reason: str = "") -> Measurement:
    if value is None:
        return _missing(name, unit, reason)
    return Measurement(
        id=name,
        unit=unit,
        value=value.value,
        standard_uncertainty=value.sd,
        low_95=value.low,
        high_95=value.high,
    )


def _missing(name: str, unit: str, reason: str) -> Measurement:
    return Measurement(id=name, unit=unit, not_measurable=reason)


def _flag(flag: quality.Flag) -> QualityFlag:
    return QualityFlag(
        code=flag.code, level=FlagLevel.Value(f"FLAG_LEVEL_{flag.level.upper()}"), message=flag.message
    )


def _lab(lab: types_pb2.Lab) -> Lab:
    return lab.l, lab.a, lab.b


def _png(rgb: Image) -> bytes:
    done, data = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    if not done:
        raise ValueError("the registered picture cannot be encoded")
    return data.tobytes()
