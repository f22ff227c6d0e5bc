"""One trial end to end: time to failure, censoring, leg, window, gates, and every kind of bad input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from assay.balance.v1 import balance_pb2 as pb
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from mesh.errors import AssayError, Unmeasurable
from mesh.landmarks import INDEX, POINTS, Landmarks
from models.synth.standing import Happening, Mode, StandingSpec, trial
from svc_balance.sway import flags, page
from svc_balance.sway.trial import assess
from tests.balance.trials import codes, crossing_s, mirrored, onsets, result

LEFT, RIGHT = pb.STANCE_SIDE_LEFT, pb.STANCE_SIDE_RIGHT


def values(written: pb.SwayPage) -> dict[str, float]:
    """Every value that a page gives, by metric id."""
    return {m.measurement.id: m.measurement.value for m in written.metrics if m.measurement.HasField("value")}


def part(series: Landmarks, first: int, stop: int, step: int = 1) -> Landmarks:
    """Some frames of a series, its clock starting anew."""
    chosen = slice(first, stop, step)
    return replace(
        series,
        time_s=series.time_s[chosen] - series.time_s[first],
        image_px=series.image_px[chosen],
        visibility=series.visibility[chosen],
        presence=series.presence[chosen],
        world_m=None if series.world_m is None else series.world_m[chosen],
        standard_error_px=None if series.standard_error_px is None else series.standard_error_px[chosen],
    )


@pytest.mark.parametrize(
    ("fps", "noise_px", "side", "view"),
    [
        (30.0, 0.5, "left", "front"),
        (30.0, 2.0, "right", "front"),
        (60.0, 2.0, "left", "back"),
        (120.0, 1.0, "right", "front"),
        (30.0, 1.0, "right", "right"),
    ],
)
def test_time_to_failure(fps: float, noise_px: float, side: str, view: str) -> None:
    spec = StandingSpec(
        duration_s=16, fps=fps, noise_px=noise_px, stance_side=side, view=view, end_s=13.0, seed=3
    )
    _, truth = trial(spec)
    true_s = crossing_s(truth, 0.02, 5.0, up=False) - crossing_s(truth, 0.02, 2.0, up=True)
    got = result(spec)
    assert got.held is not None
    assert got.side == side
    assert got.held.ended_by == "touchdown"
    assert not got.held.censored
    assert got.held.seconds == pytest.approx(true_s, abs=0.06)
    written = page.time_to_failure(got)
    assert written.low_95 <= true_s + 0.02
    assert written.high_95 >= true_s - 0.02
    assert written.standard_uncertainty < 0.1


def test_the_cap_and_the_end_of_the_recording_censor() -> None:
    capped = result(StandingSpec(duration_s=14), cap_s=8.0)
    assert capped.held is not None
    assert (capped.held.ended_by, capped.held.censored, capped.held.seconds) == ("cap", True, 8.0)
    ended = result(StandingSpec(duration_s=14))
    assert ended.held is not None
    assert (ended.held.ended_by, ended.held.censored) == ("end_of_recording", True)
    assert ended.held.seconds == pytest.approx(14 - 3.17, abs=0.05)
    assert "ENDED_EARLY" in codes(ended)


@pytest.mark.parametrize(("name", "amount"), [("stance_foot_moved", 90.0), ("touchdown", 1.0)])
def test_the_first_terminal_event_ends_the_time(name: str, amount: float) -> None:
    spec = StandingSpec(duration_s=14, happenings=(Happening(name, 9.0, 0.5, amount),))
    got = result(spec)
    assert got.held is not None
    assert got.held.ended_by == name
    assert got.held.end_s == pytest.approx(9.15, abs=0.2)
    assert got.sway is not None
    assert got.sway.window_s[1] == pytest.approx(got.held.end_s - 0.5)
    assert got.sway.window_s[0] == pytest.approx(got.held.start_s + 1.0)


def test_the_wrong_side_withholds_every_number_and_names_both() -> None:
    spec = StandingSpec(duration_s=25, noise_px=0.3)
    wrong, right = result(spec, side=RIGHT), result(spec, side=LEFT)
    assert "SIDE_MISMATCH" in codes(wrong)
    written = page.build(wrong, "1")
    assert written.side_found == LEFT
    assert not values(written)
    assert "SIDE_MISMATCH" in written.time_to_failure.not_measurable
    assert written.strategy == "indeterminate"
    message = next(f.message for f in written.flags if f.code == "SIDE_MISMATCH")
    assert "right" in message
    assert "left" in message
    assert "SIDE_MISMATCH" not in codes(right)
    assert values(page.build(right, "1"))


def test_the_declared_leg_is_measured_when_both_are_there() -> None:
    left, _ = trial(StandingSpec(duration_s=12, end_s=9.0))
    right, _ = trial(StandingSpec(duration_s=9, end_s=7.0, stance_side="right", foot_up_s=2.0))
    both = Landmarks(
        width=left.width,
        height=left.height,
        time_s=np.concatenate([left.time_s, right.time_s + left.time_s[-1] + 1 / 30]),
        image_px=np.concatenate([left.image_px, right.image_px]),
        visibility=np.concatenate([left.visibility, right.visibility]),
        presence=np.concatenate([left.presence, right.presence]),
    )
    for side, seconds in ((LEFT, 5.7), (RIGHT, 4.7)):
        got = assess(both, pb.BalanceTrial(side=side, height_cm=175))
        assert got.held is not None
        assert page.build(got, "1").side_found == side
        assert got.held.seconds == pytest.approx(seconds, abs=0.15)
        assert "SIDE_MISMATCH" not in codes(got)
    undeclared = assess(both, pb.BalanceTrial(height_cm=175))
    assert undeclared.side == "left"


def test_several_attempts_are_said_and_the_longest_is_measured() -> None:
    got = result(StandingSpec(duration_s=20, happenings=(Happening("touchdown", 6.0, 0.8, 1.0),)))
    assert "SEVERAL_ATTEMPTS" in codes(got)
    assert got.attempt is not None
    assert got.attempt.duration_s > 12
    assert len(onsets(got, "foot_up")) == 2


def test_sway_is_sideways_from_the_front_and_fore_aft_from_the_side() -> None:
    modes = (Mode("ml", 0.3, 0.5, 0.5), Mode("ap", 0.25, 0.5, 0.5, 1.0))
    for view, seen, hidden in (("front", "_ML", "_AP"), ("right", "_AP", "_ML")):
        spec = StandingSpec(duration_s=30, view=view, stance_side="right", modes=modes, noise_px=0.3)
        got = result(spec)
        _, truth = trial(spec)
        written = page.build(got, "1")
        given = values(written)
        inside = (truth.time_s >= written.window.start_s) & (truth.time_s <= written.window.end_s)
        mm = truth.com_mm[inside, 0 if seen == "_ML" else 1]
        assert given[f"RDIST{seen}"] == pytest.approx(mm.std(), rel=0.06)
        assert given[f"RANGE{seen}"] == pytest.approx(np.ptp(mm), rel=0.08)
        not_seen = [m for m in written.metrics if m.measurement.id == f"RDIST{hidden}"]
        assert not_seen[0].flags == ["NOT_IN_VIEW"]
        assert "view" in not_seen[0].measurement.not_measurable
        assert not any(name.endswith(hidden) for name in given)
        assert {e.id for e in page.traces(got).traces} >= {f"com{seen.lower()}", "foot_clearance_left"}


def test_sway_signs_are_the_subjects() -> None:
    """+ML is the subject's right from front and back alike."""
    for view in ("front", "back"):
        spec = StandingSpec(duration_s=14, view=view)
        _, truth = trial(spec)
        traces = {t.id: np.array(t.values) for t in page.traces(result(spec)).traces}
        time_s = np.arange(len(traces["com_ml"])) / 30
        inside = (time_s > 5) & (time_s < 13)
        true = np.interp(time_s, truth.time_s, truth.com_mm[:, 0])
        assert np.corrcoef(traces["com_ml"][inside], true[inside])[0, 1] > 0.99


def test_a_mirror_swaps_the_leg_and_turns_sideways_signs() -> None:
    series, _ = trial(StandingSpec(duration_s=16, noise_px=0.5, end_s=14.0))
    plain = assess(series, pb.BalanceTrial(height_cm=175))
    turned = assess(mirrored(series), pb.BalanceTrial(height_cm=175))
    assert (plain.side, turned.side) == ("left", "right")
    assert plain.held is not None
    assert turned.held is not None
    assert plain.held.seconds == pytest.approx(turned.held.seconds, abs=1e-6)
    one, other = values(page.build(plain, "1")), values(page.build(turned, "1"))
    for name in ("HOLD_OBSERVED", "PELVIC_OBLIQUITY_MEAN", "TRUNK_LEAN_MEAN"):
        assert one[name] == pytest.approx(other[name], abs=1e-6)


# ---- Bad input: each its own code, and no number that the input cannot carry. ----


def test_no_person_is_an_error() -> None:
    series, _ = trial(StandingSpec(duration_s=6))
    with pytest.raises(Unmeasurable, match="NO_PERSON"):
        assess(replace(series, image_px=np.full_like(series.image_px, np.nan)), pb.BalanceTrial())
    with pytest.raises(Unmeasurable, match="NO_PERSON"):
        assess(replace(series, visibility=np.zeros_like(series.visibility)), pb.BalanceTrial())


@pytest.mark.parametrize("frames", [0, 1])
def test_no_frames_are_an_error(frames: int) -> None:
    series, _ = trial(StandingSpec(duration_s=1))
    with pytest.raises(Unmeasurable, match="TOO_FEW_FRAMES"):
        assess(part(series, 0, frames) if frames else replace(part(series, 0, 1), **EMPTY), pb.BalanceTrial())


EMPTY = {
    "time_s": np.zeros(0),
    "image_px": np.zeros((0, POINTS, 2)),
    "visibility": np.zeros((0, POINTS)),
    "presence": np.zeros((0, POINTS)),
    "world_m": None,
}


def withheld_by(series: Landmarks, code: str, **stated: object) -> pb.SwayPage:
    """Asserts that a code withholds every number, and gives the page."""
    got = assess(series, pb.BalanceTrial(height_cm=175, **stated))
    assert code in got.withheld, codes(got)
    written = page.build(got, "1")
    assert not values(written)
    assert not written.time_to_failure.HasField("value")
    assert not written.HasField("bess_errors")
    return written


def test_three_seconds_are_too_short() -> None:
    series, _ = trial(StandingSpec(duration_s=3, foot_up_s=0.5))
    withheld_by(series, "TRIAL_TOO_SHORT")


def test_ten_frames_a_second_are_too_few() -> None:
    series, _ = trial(StandingSpec(duration_s=20, fps=10))
    withheld_by(series, "FPS_TOO_LOW")


@pytest.mark.parametrize("noise_px", [0.0, 0.02])
def test_a_still_picture_is_no_trial(noise_px: float) -> None:
    series, _ = trial(StandingSpec(duration_s=20, modes=(), noise_px=noise_px))
    still = replace(
        series, image_px=series.image_px[150:151] + (series.image_px - series.image_px.mean(axis=0)) * 0
    )
    wobble = np.random.default_rng(0).normal(0, noise_px, series.image_px.shape)
    withheld_by(replace(still, image_px=still.image_px + wobble), "FROZEN_PICTURE")


def test_a_living_person_is_never_frozen() -> None:
    quiet = (Mode("ml", 0.3, 0.08, 0.08),)
    got = result(StandingSpec(duration_s=20, modes=quiet, noise_px=0.3))
    assert "FROZEN_PICTURE" not in codes(got)


def test_a_cut_in_the_stance() -> None:
    series, _ = trial(StandingSpec(duration_s=12))
    written = withheld_by(replace(series, cuts_s=(9.0,)), "CUT_IN_STANCE")
    assert written.ended_by == "cut"
    assert [p.id for p in written.phases].count("single_left") == 2


def test_a_person_who_goes_out_of_sight() -> None:
    series, _ = trial(StandingSpec(duration_s=16))
    seen = series.visibility.copy()
    seen[300:360] = 0.0
    withheld_by(replace(series, visibility=seen), "PERSON_LOST")


def test_somebody_who_walks_into_the_picture_keeps_the_numbers() -> None:
    series, truth = trial(StandingSpec(duration_s=16))
    assert truth.foot_up_s is not None
    away = series.time_s < truth.foot_up_s - 1.0
    assert away.sum() > 10
    late = replace(
        series,
        image_px=np.where(away[:, None, None], np.nan, series.image_px),
        visibility=np.where(away[:, None], 0.0, series.visibility),
    )
    got = assess(late, pb.BalanceTrial(height_cm=175))
    assert not got.withheld, codes(got)
    assert values(page.build(got, "1"))


def test_feet_out_of_the_picture() -> None:
    series, _ = trial(StandingSpec(duration_s=16))
    low = series.image_px + np.array([0.0, 0.09 * series.height])
    withheld_by(replace(series, image_px=low), "FEET_OUT_OF_FRAME")


def test_feet_that_are_never_seen() -> None:
    series, _ = trial(StandingSpec(duration_s=16))
    seen = series.visibility.copy()
    seen[:, [INDEX[f"{s}_{p}"] for s in ("left", "right") for p in ("ankle", "heel", "foot_index")]] = 0.1
    unseen = replace(series, visibility=seen)
    withheld_by(unseen, "FEET_NOT_SEEN")
    withheld_by(unseen, "NO_STANCE_FOUND")


def test_nobody_stands_on_one_leg() -> None:
    written = withheld_by(trial(StandingSpec(duration_s=16, foot_up_s=None))[0], "NO_STANCE_FOUND")
    assert written.side_found == pb.STANCE_SIDE_UNSPECIFIED


def test_a_recording_that_starts_on_one_leg_has_sway_but_no_time() -> None:
    series, _ = trial(StandingSpec(duration_s=25, foot_up_s=1.0))
    got = assess(part(series, 90, len(series)), pb.BalanceTrial(height_cm=175))
    written = page.build(got, "1")
    assert "START_NOT_SEEN" in codes(got)
    assert not written.time_to_failure.HasField("value")
    assert "starts on one leg" in written.time_to_failure.not_measurable
    assert "RDIST_ML" in values(written)
    assert values(written)["HOLD_OBSERVED"] == pytest.approx(22.0, abs=0.1)


def test_a_fail_of_an_earlier_stage_withholds_here_too() -> None:
    series, _ = trial(StandingSpec(duration_s=16))
    moved = flags.Flag("CAMERA_MOVED", flags.FAIL, "The camera moved.")
    dark = flags.Flag("DARK", flags.WARN, "It is dark.")
    got = assess(series, pb.BalanceTrial(height_cm=175), [moved, dark])
    assert got.withheld == ("CAMERA_MOVED",)
    assert "DARK" not in codes(got)
    assert not values(page.build(got, "1"))


def test_without_height_numbers_are_approximate_or_free_of_scale() -> None:
    series, _ = trial(StandingSpec(duration_s=25, noise_px=0.3))
    written = page.build(assess(replace(series, world_m=None), pb.BalanceTrial()), "1")
    assert written.scale_method == ""
    assert "RDIST_ML" not in values(written)
    why = next(m for m in written.metrics if m.measurement.id == "RDIST_ML")
    assert why.flags == ["SCALE_UNKNOWN"]
    assert "F50_ML" in values(written)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    frames=st.integers(0, 90),
    fps=st.sampled_from([1.0, 10.0, 24.0, 30.0, 60.0, 240.0, 1000.0]),
    missing=st.floats(0, 1),
    scale=st.sampled_from([0.0, 1.0, 1e3, 1e9]),
    cuts=st.lists(st.floats(0, 4), max_size=4),
    task=st.sampled_from(pb.Task.values()),
    seed=st.integers(0, 2**31),
)
def test_any_landmarks_end_in_a_page_or_a_typed_error(
    frames: int, fps: float, missing: float, scale: float, cuts: list[float], task: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    px = rng.normal(0, 1, (frames, POINTS, 2)) * scale
    px[rng.random((frames, POINTS)) < missing] = np.nan
    series = Landmarks(
        width=1080,
        height=1920,
        time_s=np.arange(frames) / fps,
        image_px=px,
        visibility=rng.random((frames, POINTS)),
        presence=np.ones((frames, POINTS)),
        world_m=px[..., [0, 1, 1]] if seed % 2 else None,
        cuts_s=tuple(cuts),
    )
    try:
        got = assess(series, pb.BalanceTrial(task=task, height_cm=170))
    except AssayError as error:
        # A typed error is a valid end; anything else is a fault.
        event(error.code)
        return
    written = page.build(got, "1")
    assert written.ByteSize() < 30 * 1024
    assert all(np.isfinite(value) for value in values(written).values())
    page.traces(got).SerializeToString()


def test_the_page_stays_small_however_much_happens() -> None:
    often = tuple(Happening("touchdown", 4.0 + at, 0.4, 1.0) for at in range(0, 100, 1))
    got = result(StandingSpec(duration_s=110, happenings=often), task=pb.TASK_BESS)
    written = page.build(got, "1")
    assert written.ByteSize() < 30 * 1024
    assert len(written.events) <= page.MAX_EVENTS
    assert len(written.phases) <= page.MAX_PHASES
    assert got.bess is not None
    assert got.bess.errors == 10


@pytest.mark.parametrize("frames", [1081, 1082, 1083])
def test_any_number_of_frames_at_sixty_a_second_can_be_measured(frames: int) -> None:
    series, _ = trial(StandingSpec(duration_s=20, fps=60, foot_up_s=1.0, noise_px=0.3))
    written = page.build(assess(part(series, 0, frames), pb.BalanceTrial(height_cm=175)), "1")
    assert "RDIST_ML" in values(written)
    assert "SAMPEN_ML" in {m.measurement.id for m in written.metrics}


def test_a_stance_too_short_for_sway_says_so_at_every_metric() -> None:
    got = result(StandingSpec(duration_s=8, end_s=6.0))
    assert got.held is not None
    assert got.held.seconds == pytest.approx(2.65, abs=0.1)
    written = page.build(got, "1")
    rdist = next(m for m in written.metrics if m.measurement.id == "RDIST_ML")
    assert rdist.flags == ["TOO_SHORT"]
    assert written.time_to_failure.HasField("value")
