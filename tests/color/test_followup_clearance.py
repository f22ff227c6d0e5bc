"""Clearance of drawn visits with exact truth, and what may not be compared."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from assay.color.v1.color_pb2 import Baseline, ColorPage, FollowUp, InkChange
from hypothesis import given, settings
from hypothesis import strategies as st

from svc_color.difference import delta_e_2000
from svc_color.followup.compare import Earlier, compare, conditions
from svc_color.followup.obstacles import REASONS, Conditions, cautions, obstacles
from svc_color.followup.uncertainty import (
    clearance,
    contrast_of,
    density_of,
    detectable,
    interval,
    skin_difference,
)
from svc_color.prior import REFERENCE_MELANIN, inked, linear_rgb, reflectance
from svc_color.space import linear_to_lab
from tests.color.painting import BROWN_SKIN, LIGHT_SKIN
from tests.color.visits import (
    INKS,
    RED,
    Body,
    Pose,
    Visit,
    baseline_of,
    body,
    contrast,
    measured,
    photograph,
)

THEN = datetime(2026, 1, 12, 10, tzinfo=UTC)
LATER = THEN + timedelta(days=63)
BODY = body(INKS)
FIRST = photograph(BODY, error=0.02)
BASELINE, EARLIER = baseline_of(FIRST, at=THEN)
POSE = Pose(9, 0.62, (15, -10), tilt=0.12, bend=0.1)
CAMERA, SEGMENTER = "camera", "ink-seg@1.0.0"


def follow_up(
    visit: Visit,
    *,
    baseline: Baseline = BASELINE,
    earlier: Earlier = EARLIER,
    mask: np.ndarray | None = None,
) -> FollowUp:
    page, photo = measured(visit, mask=mask)
    found, picture = compare(baseline, earlier, photo, conditions(page, CAMERA, SEGMENTER, LATER))
    assert bool(picture) == ("NOT_REGISTERED" not in found.not_comparable)
    return found


def ink_of(change: InkChange, inks: tuple[tuple[float, float, float], ...] = INKS) -> np.ndarray:
    """Density of the drawn ink that a cluster of the baseline is."""
    drawn = np.bincount(FIRST.labels[EARLIER.labels == change.baseline_id], minlength=4)[1:]
    return np.array(inks[int(drawn.argmax())])


@pytest.mark.parametrize("left", [0.5, 0.25, 0.1])
def test_clearance_is_recovered_within_its_interval(left: float) -> None:
    """Another pose, another light, calibration errors of 2 % per channel at both visits."""
    found = follow_up(photograph(BODY, left, POSE, light=(0.8, 1.0, 0.7), error=0.02, seed=11))
    assert not found.not_comparable
    assert len(found.inks) == len(INKS)
    for change in found.inks:
        density = ink_of(change)
        by_contrast = 100 * (1 - contrast(density, left) / contrast(density, 1))
        for measure, true in (
            (change.clearance_contrast, by_contrast),
            (change.clearance_density, 100 * (1 - left)),
        ):
            assert measure.low_95 < true < measure.high_95
            assert measure.value == pytest.approx(true, abs=6)
            assert measure.high_95 - measure.low_95 < 45
        assert change.verdict == "lighter"
        assert change.mdc95 > 2
        assert change.lightness_change.value > 0
        assert change.compared_share > 0.97
        assert change.now_ids
    assert found.overlap.value > 0.98
    assert found.registration_error.value < 1
    assert found.skin_change.value < found.skin_mdc95
    assert found.days == pytest.approx(63)
    assert not found.cautions


def test_the_same_photo_again_has_changed_nothing() -> None:
    found = follow_up(FIRST)
    for change in found.inks:
        assert change.clearance_contrast.value == pytest.approx(0, abs=0.3)
        assert change.clearance_density.value == pytest.approx(0, abs=0.3)
        assert change.lightness_change.value == pytest.approx(0, abs=0.2)
        assert change.verdict == "unchanged"
        assert list(change.now_ids) == [change.baseline_id]
    assert found.skin_change.value == pytest.approx(0, abs=0.05)


def test_less_ink_never_reads_as_less_clearance() -> None:
    read = [follow_up(photograph(BODY, left, POSE, seed=12)) for left in (0.7, 0.3, 0.05)]
    for of in ("clearance_contrast", "clearance_density"):
        values = np.array([[getattr(ink, of).value for ink in found.inks] for found in read])
        assert np.all(np.diff(values, axis=0) > 0)


def test_visits_swapped_are_darker() -> None:
    faded = photograph(BODY, 0.4, POSE, seed=13)
    baseline, earlier = baseline_of(faded, at=THEN)
    found = follow_up(FIRST, baseline=baseline, earlier=earlier)
    assert [change.verdict for change in found.inks] == ["darker"] * len(found.inks)
    for change in found.inks:
        assert change.clearance_contrast.value < 0
        assert change.lightness_change.value < -5


def test_cleared_ink_is_measured_where_no_ink_is_found_any_more() -> None:
    """A fortieth is left and the mask is empty: today's page knows no skin, the follow-up does."""
    visit = photograph(BODY, 0.025, POSE, seed=14)
    found = follow_up(visit, mask=np.zeros_like(visit.labels, np.bool_))
    assert not found.not_comparable
    for change in found.inks:
        assert change.verdict == "cleared"
        assert change.contrast_now.value <= found.clear_below
        assert change.clearance_contrast.value > 90
        assert not change.now_ids


def test_an_ink_that_turned_dark_is_darker_though_its_contrast_hardly_grew() -> None:
    """Red oxide after a laser: L* of the transmission colour falls, the flag R33 needs it."""
    turned = Body(
        BODY.skin, np.where((BODY.labels == 2)[..., None], np.float32(0.75), BODY.density), BODY.labels
    )
    found = follow_up(photograph(turned, 1.0, POSE, seed=15))
    for change in found.inks:
        if np.array_equal(ink_of(change), RED):
            assert change.verdict == "darker"
            assert change.lightness_change.value < -5
            assert change.lightness_change.high_95 < 0
        else:
            assert change.verdict == "unchanged"


def test_skin_that_lost_pigment_is_a_change_of_skin_and_not_of_ink() -> None:
    pale = Body(BODY.skin * np.float32(1.35), BODY.density, BODY.labels)
    found = follow_up(photograph(pale, 1.0, POSE, light=(0.7, 0.7, 0.7), seed=16))
    assert found.skin_change.value > max(3, found.skin_mdc95)
    assert found.skin_change.low_95 < found.skin_change.value < found.skin_change.high_95
    assert all(abs(change.clearance_density.value) < 5 for change in found.inks)


def test_an_ink_that_is_hidden_now_has_no_number() -> None:
    """Glare lies on most of the red."""
    visit = photograph(BODY, 0.5, POSE, seed=17)
    columns = np.nonzero(visit.labels == 2)[1]
    visit.rgb[(visit.labels == 2) & (np.arange(visit.rgb.shape[1]) < np.quantile(columns, 0.7))] = 255
    for change in follow_up(visit).inks:
        if np.array_equal(ink_of(change), RED):
            assert change.compared_share < 0.5
            assert not change.contrast_now.HasField("value")
            assert "Less than half" in change.clearance_contrast.not_measurable
            assert change.verdict == ""
        else:
            assert change.verdict == "lighter"


def test_a_photo_of_less_than_half_of_the_ink() -> None:
    nothing_claimed(follow_up(photograph(BODY, 0.5, Pose(0, 0.55, (365, 0)), seed=17)), "LITTLE_OVERLAP")


def nothing_claimed(found: FollowUp, *codes: str) -> None:
    assert set(codes) <= set(found.not_comparable)
    assert list(found.reasons) == [REASONS[code] for code in found.not_comparable]
    for change in found.inks:
        for measure in (
            change.contrast_now,
            change.clearance_contrast,
            change.clearance_density,
            change.lightness_change,
        ):
            assert not measure.HasField("value")
            assert measure.not_measurable
        assert change.verdict == ""
        assert not change.HasField("mdc95")
    assert not found.skin_change.HasField("value")
    assert not found.HasField("skin_mdc95")


def now(**changed: object) -> Conditions:
    """Conditions of a second visit that is like the first, but for what is changed on its page."""
    page = ColorPage.FromString(BASELINE.color.SerializeToString())
    for name, value in changed.items():
        setattr(page.chart if hasattr(page.chart, name) else page, name, value)
    return conditions(page, CAMERA, SEGMENTER, LATER)


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("CHART_DIFFERS", {"edition": "before_2014_11"}),
        ("CHART_DIFFERS", {"layout": "passport24"}),
        ("UNCALIBRATED_NOW", {"grade": "fail"}),
        ("UNCALIBRATED_NOW", {"calibrated": False}),
        ("ILLUMINANT_DIFFERS", {"illuminant": "D50"}),
        ("ILLUMINANT_DIFFERS", {"observer": "10"}),
        ("METRIC_DIFFERS", {"difference_metric": ""}),
    ],
)
def test_only_like_is_compared_with_like(code: str, changed: dict[str, object]) -> None:
    assert obstacles(now(), now()) == ()
    assert obstacles(now(), now(**changed)) == (code,)
    assert obstacles(now(**changed), now()) == (code.replace("NOW", "THEN"),)
    assert REASONS[code].endswith(".")


def test_another_camera_is_not_the_same_device() -> None:
    assert obstacles(now(), replace(now(), camera="another")) == ("CAMERA_DIFFERS",)
    assert obstacles(now(), replace(now(), camera="")) == ()


def test_m09_a_record_with_k_l_2_is_not_compared_with_one_with_k_l_1() -> None:
    """Row M09 of the test table: refuse to compare. Where the tattoo lies may be told all the same."""
    textile = Baseline.FromString(BASELINE.SerializeToString())
    textile.color.difference_metric = "CIEDE2000(2:1:1)"
    found = follow_up(photograph(BODY, 0.5, POSE, seed=18), baseline=textile)
    nothing_claimed(found, "METRIC_DIFFERS")
    assert found.overlap.value > 0.9
    assert found.registration_error.value < 1


def test_another_tattoo_is_not_registered() -> None:
    found = follow_up(photograph(body(INKS, seed=99), pose=POSE))
    nothing_claimed(found, "NOT_REGISTERED")
    assert found.overlap.not_measurable == "NOT_REGISTERED"
    assert found.registration_error.not_measurable == "NOT_REGISTERED"


def test_an_uncalibrated_earlier_visit_without_skin() -> None:
    plain = Baseline.FromString(BASELINE.SerializeToString())
    plain.color.calibrated = False
    plain.color.ClearField("skin")
    nothing_claimed(follow_up(FIRST, baseline=plain), "UNCALIBRATED_THEN", "SKIN_NOT_MEASURABLE_THEN")


@pytest.mark.parametrize(
    ("days", "changed", "codes"),
    [
        (41.9, {}, ["FOLLOW_UP_EARLY"]),
        (42, {}, ["FOLLOW_UP_SOON"]),
        (56, {}, []),
        (56, {"camera": ""}, ["CAMERA_UNKNOWN"]),
        (56, {"segmenter": "ink-seg@0.9.0"}, ["SEGMENTER_DIFFERS"]),
        (56, {"software": "0.0.1"}, ["SOFTWARE_DIFFERS"]),
    ],
)
def test_cautions(days: float, changed: dict[str, str], codes: list[str]) -> None:
    then = replace(now(), at=LATER - timedelta(days=days))
    later = replace(now(), **changed)
    assert obstacles(then, later) == ()
    assert [flag.code for flag in cautions(then, later)] == codes


POSITIVE = st.floats(2.0, 60.0)


@given(POSITIVE, st.floats(0.0, 60.0), st.floats(0.05, 3.0), st.floats(0.05, 3.0))
def test_clearance_and_its_interval(then: float, now: float, sd_then: float, sd_now: float) -> None:
    answer = clearance(interval(then, sd_then), interval(now, sd_now))
    if then <= 1.96 * sd_then:
        assert answer is None
        return
    assert answer is not None
    assert answer.value == pytest.approx(100 * (1 - now / then))
    assert answer.low <= answer.value <= answer.high <= 100 or answer.value == pytest.approx(100)
    assert detectable(interval(then, sd_then), interval(now, sd_then)) == pytest.approx(
        2.772 * sd_then, rel=1e-3
    )


@settings(max_examples=15, deadline=None)
@given(st.floats(0.3, 4.0), st.sampled_from([LIGHT_SKIN, BROWN_SKIN]))
def test_unchanged_skin_stays_below_its_detectable_change_95_times_of_100(sd: float, skin: tuple) -> None:
    _, mdc95 = skin_difference(skin, np.full(3, sd), skin, np.full(3, sd))
    rng = np.random.default_rng(5)
    pairs = np.array(skin) + sd * rng.standard_normal((2, 20_000, 3))
    assert np.mean(delta_e_2000(pairs[0], pairs[1]) < mdc95) == pytest.approx(0.95, abs=0.01)


# Section 7 of the domain dossier: dense ink on skin of ITA 48, of which 50, 25, 10, 5, 2 % is left; percent
# cleared by contrast, and by density.
LEFT = (0.5, 0.25, 0.1, 0.05, 0.02)
TABLE = {
    "black": ((10, 23, 43, 60, 78), (12, 28, 51, 67, 83)),
    "dark_blue": ((8, 17, 32, 46, 71), (17, 35, 58, 73, 86)),
    "red": ((11, 24, 44, 60, 78), (21, 42, 66, 79, 91)),
    "dark_green": ((8, 15, 30, 47, 73), (22, 42, 65, 78, 90)),
    "yellow": ((16, 33, 56, 72, 87), (18, 38, 63, 78, 91)),
}


@pytest.mark.parametrize("name", TABLE)
def test_the_modelled_table_of_the_domain_dossier(name: str) -> None:
    """Ink in the model of skin, cleared as we compute it.

    The dossier's densities are of X, Y, Z; ours are of linear R, G, B as on the colour page, up to 8 apart.
    """
    skin = linear_to_lab(linear_rgb(reflectance(REFERENCE_MELANIN)))
    ink = linear_to_lab([inked(name, REFERENCE_MELANIN, amount, 0.003) for amount in (1.0, *LEFT)])
    for measure, expected, within in ((contrast_of, TABLE[name][0], 1.0), (density_of, TABLE[name][1], 8.0)):
        values = [interval(float(value), 0.1) for value in measure(ink, skin)]
        found = [clearance(values[0], value) for value in values[1:]]
        assert [each.value for each in found if each] == pytest.approx(expected, abs=within)


def test_half_of_dense_black_looks_like_no_progress() -> None:
    """What the table teaches: 10 % by contrast is below what can be detected, 12 % by density as well."""
    then, left = interval(35.5, 1.6), interval(35.5 * 0.9, 1.6)
    assert then.value - left.value < detectable(then, left)
