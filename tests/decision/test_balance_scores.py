"""Properties of the maps and the composite: monotone, bounded, renormalised, honest about uncertainty."""

from __future__ import annotations

import pytest
from assay.balance.v1 import balance_pb2 as pb
from assay.decision.v1 import decision_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from svc_decision.balance.loader import load_ruleset
from svc_decision.balance.scores import map_score
from tests.decision.balance_cases import METRICS, decided, request, sway, trial

MAPS = [m for s in load_ruleset().composite.sub_scores for p in s.parts for m in p.maps]
HIGHEST = {
    "MVELO_ML": 120.0, "RDIST_ML": 80.0, "HSI": 1.0, "PELVIC_OBLIQUITY_MEAN": 40.0, "TRUNK_LEAN_MEAN": 60.0,
    "FPPA_MEAN": 60.0,
}  # fmt: skip
STATUS = decision_pb2.DecisionStatus


def score_of(**changes):
    return decided(request(sway=sway(**changes))).balance.score


def parts_of(page):
    return {part.id: part for part in page.balance.sub_scores}


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(MAPS), st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
def test_a_map_is_monotone_and_stays_within_its_scale(rule, a, b):
    low, high = sorted((a, b))
    first, second = map_score(rule.points, low), map_score(rule.points, high)
    assert 0 <= first <= 100
    assert first <= second if rule.better == "higher" else first >= second
    for x, y in rule.points:
        assert map_score(rule.points, x) == pytest.approx(y)


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(sorted(HIGHEST)), st.floats(0, 1), st.floats(0, 1), st.sampled_from([pb.EYES_OPEN, 2]))
def test_a_better_metric_never_lowers_the_score(name, a, b, eyes):
    better, worse = (HIGHEST[name] * x for x in sorted((a, b)))
    scores = [
        decided(request(trial=trial(eyes=eyes), sway=sway({name: (value, 0.1)}))).balance.score.value
        for value in (better, worse)
    ]
    assert 0 <= scores[1] <= scores[0] <= 100


@settings(deadline=None, max_examples=50)
@given(st.floats(0, 60), st.floats(0, 60), st.booleans())
def test_a_longer_time_never_lowers_the_score(a, b, censored):
    short, long = sorted((a, b))
    first, second = (score_of(time=value, censored=censored).value for value in (short, long))
    assert first <= second


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(sorted(METRICS)), st.floats(0.01, 3), st.floats(0.01, 3))
def test_more_uncertainty_widens_the_interval(name, a, b):
    narrow, wide = sorted((a, b))
    value = METRICS[name][0]
    first, second = (score_of(metrics={name: (value, spread)}) for spread in (narrow, wide))
    assert first.value == second.value
    assert second.low_95 <= first.low_95 <= first.value <= first.high_95 <= second.high_95
    assert second.low_95 >= 0
    assert second.high_95 <= 100


def test_the_composite_is_the_weighted_mean():
    page = decided(request())
    parts = parts_of(page)
    assert STATUS.Name(page.status) == "DECISION_STATUS_OK"
    assert {name: round(p.weight, 4) for name, p in parts.items()} == {
        "time": 0.35, "sway": 0.25, "strategy": 0.1, "alignment": 0.15, "compensations": 0.15,
    }  # fmt: skip
    total = sum(p.weight * p.score.value for p in parts.values())
    assert page.balance.score.value == pytest.approx(total, abs=1e-3)
    # 42 s: 80 + 20 (42 - 30)/15; 9 mm/s: 80 - 30/7; 4 mm: 100 - 20 (4 - 2)/3.
    assert parts["time"].score.value == pytest.approx(96)
    assert parts["sway"].score.value == pytest.approx((80 - 30 / 7 + 100 - 40 / 3) / 2, abs=1e-3)
    assert getattr(parts["sway"], "from")[0] == "MVELO_ML=9 mm/s"
    assert parts["sway"].rule == "M03,M07"
    assert all(p.provisional for p in parts.values())


def test_a_missing_part_gives_its_weight_to_the_others_and_is_named():
    page = decided(request(sway=sway(drop=METRICS, censored=True, ended_by="cap")))
    parts = parts_of(page)
    assert "MVELO_ML was not measured" in parts["sway"].score.not_measurable
    assert parts["sway"].weight == 0
    assert parts["time"].weight == pytest.approx(0.7)
    assert sum(p.weight for p in parts.values()) == pytest.approx(1)
    message = next(m for m in page.messages if m.code == "RENORMALISED")
    assert "sway" in message.text
    assert "strategy" in message.text


def test_what_a_failure_left_unmeasured_counts_as_time():
    """A fall after 3 s: no sway, nothing out of line. It must not score as a trial of 15 s that swayed."""
    fell = decided(
        request(
            sway=sway(
                time=3.0,
                drop=("MVELO_ML", "RDIST_ML", "HSI"),
                window=pb.Phase(id="single_left", start_s=2.0, end_s=4.2),
            )
        )
    )
    parts = parts_of(fell)
    assert parts["time"].weight == pytest.approx(0.35 + 0.25 + 0.1)
    assert parts["alignment"].weight == pytest.approx(0.15)
    assert sum(part.weight for part in parts.values()) == pytest.approx(1)
    # 0.7 x 9 + 0.3 x 100; given to all alike it would be 51.
    assert fell.balance.score.value == pytest.approx(36.3)
    swayed = sway({"MVELO_ML": (25.0, 2.0), "RDIST_ML": (12.0, 1.0)}, time=15.0, drop=("HSI",))
    assert fell.balance.score.value < decided(request(sway=swayed)).balance.score.value


@pytest.mark.parametrize("seconds", [0.5, 5.0, 29.0, 36.9, 45.0])
def test_a_time_that_was_cut_off_is_never_below_a_norm(seconds):
    page = decided(request(sway=sway(time=seconds, censored=True, ended_by="end_of_recording")))
    assert page.balance.norms
    assert "below" not in {norm.band for norm in page.balance.norms}
    assert not {"B07", "B08", "B09", "B10"} & {flag.id for flag in page.flags}


def test_too_little_is_not_measurable_and_never_a_guess():
    page = decided(request(sway=sway(metrics=None, time=None, window=None)))
    assert STATUS.Name(page.status) == "DECISION_STATUS_OK"
    page = decided(request(sway=sway(drop=METRICS, time=None)))
    assert STATUS.Name(page.status) == "DECISION_STATUS_NOT_MEASURABLE"
    assert not page.balance.score.HasField("value")
    assert "15 % of the score's weight" in page.balance.score.not_measurable
    assert any(m.code == "NOT_MEASURABLE" and "TIME_TO_FAILURE" in m.text for m in page.messages)
    assert all(part.weight == 0 for part in page.balance.sub_scores)


def test_a_metric_without_uncertainty_leaves_the_score_without_interval():
    page = decided(request(sway=sway({"HSI": (0.2, None)})))
    assert page.balance.score.HasField("value")
    assert not page.balance.score.HasField("low_95")
    assert any(m.code == "INTERVAL_UNKNOWN" for m in page.messages)
    assert parts_of(page)["sway"].score.HasField("low_95")


def test_what_ended_early_could_have_gone_on():
    failed = decided(request(sway=sway(time=20.0)))
    stopped = decided(request(sway=sway(time=20.0, censored=True, ended_by="end_of_recording")))
    for page in (failed, stopped):
        assert parts_of(page)["time"].score.value == pytest.approx(57.5)
    assert parts_of(stopped)["time"].score.high_95 == 100
    assert parts_of(failed)["time"].score.high_95 < 58
    assert any(m.code == "TIME_CENSORED" for m in stopped.messages)


def test_a_side_view_is_scored_by_its_own_axis():
    own = {"MVELO_AP": (9.0, 0.5), "RDIST_AP": (4.0, 0.2)}
    side_view = sway(own, drop=("MVELO_ML", "RDIST_ML"), view=pb.VIEW_LEFT)
    assert parts_of(decided(request(sway=side_view)))["sway"].rule == "M05,M09"


def test_a_metric_in_another_unit_is_not_used():
    page = sway()
    for item in page.metrics:
        if item.measurement.id in ("MVELO_ML", "RDIST_ML"):
            item.measurement.unit = "px"
    assert "is in px, the rule in mm" in parts_of(decided(request(sway=page)))["sway"].score.not_measurable


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_is_not_used(value):
    page = decided(request(sway=sway(time=value)))
    assert not parts_of(page)["time"].score.HasField("value")


@pytest.mark.parametrize(("low", "high"), [(8.0, float("nan")), (float("nan"), 8.0), (8.0, float("inf"))])
def test_an_interval_that_is_none_is_not_used(low, high):
    page = sway()
    page.metrics[0].measurement.ClearField("standard_uncertainty")
    page.metrics[0].measurement.low_95, page.metrics[0].measurement.high_95 = low, high
    balance = decided(request(sway=page)).balance
    assert balance.score.HasField("value")
    assert not balance.score.HasField("low_95")


def test_signs_do_not_count_where_either_direction_is_off():
    scores = [score_of(metrics={"PELVIC_OBLIQUITY_MEAN": (value, 0.5)}).value for value in (7.0, -7.0)]
    assert scores[0] == scores[1] < score_of().value


def test_compensations_count_by_their_confidence():
    events = [
        pb.BalanceEvent(id="trunk_lean", kind="compensation", onset_s=10, duration_s=1, confidence=0.5),
        pb.BalanceEvent(id="arm_excursion", kind="compensation", onset_s=20, duration_s=1, confidence=1.0),
        pb.BalanceEvent(id="arm_excursion", kind="compensation", onset_s=50, duration_s=1, confidence=1.0),
        pb.BalanceEvent(id="hands_off", kind="error", onset_s=12, duration_s=1, confidence=1.0),
    ]
    part = parts_of(decided(request(sway=sway(events=events))))["compensations"]
    # 1.5 in 40 s; spread sqrt(0.25) in 40 s.
    assert getattr(part, "from")[0] == "COMPENSATIONS=0.375 1/10s"
    assert part.score.value == pytest.approx(100 - 30 * 0.375)
    assert part.score.low_95 == pytest.approx(100 - 30 * (0.375 + 1.96 * 0.125))


def test_foam_has_no_score_no_norm_and_no_flag_made_for_firm_ground():
    page = decided(request(trial=trial(surface=pb.SURFACE_FOAM, age_years=70), sway=sway(time=3.0)))
    assert STATUS.Name(page.status) == "DECISION_STATUS_NOT_MEASURABLE"
    assert parts_of(page)["time"].score.not_measurable == "no rule covers this trial"
    assert not page.balance.norms
    assert not page.flags
