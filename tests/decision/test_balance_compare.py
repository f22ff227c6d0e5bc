"""Norms, earlier trials and batteries: like with like only, and a reason wherever nothing can be said."""

from __future__ import annotations

import pytest
from assay.balance.v1 import balance_pb2 as pb
from assay.common.v1.types_pb2 import FlagLevel, Measurement, QualityFlag
from hypothesis import given, settings
from hypothesis import strategies as st

from svc_decision.balance.case import case_of, trial_of
from svc_decision.balance.loader import load_ruleset
from svc_decision.balance.norms import band_edges
from tests.decision.balance_cases import NOW, POSE, decided, document, earlier, request, sway, trial
from tests.decision.test_balance_flags import bess, bess_battery, composite, ctsib, reach, two_reaches

RIGHT, LEFT = pb.STANCE_SIDE_RIGHT, pb.STANCE_SIDE_LEFT
RULESET = load_ruleset()


def changes(page, role="asymmetry"):
    return {change.metric: change for change in getattr(page.balance, role)}


def totals(page):
    return {item.id: item for item in page.balance.battery}


# Norms ------------------------------------------------------------------------------------------------

# Springer 2007, totals that were verified.
SPRINGER = {
    "N01": (43.3, 40.3, 37.0, 26.9, 15.0, 6.2),
    "N02": (44.7, 41.9, 41.2, 32.1, 21.5, 9.4),
    "N03": (9.4, 7.3, 4.8, 2.8, 2.0, 1.3),
}


def test_verified_norms_are_the_dossiers_and_the_others_are_provisional():
    for table in RULESET.norms:
        assert table.record.provisional == (table.id not in SPRINGER)
        assert table.banded == (table.id in ("N01", "N03"))
        if table.id in SPRINGER:
            assert tuple(group.mean for group in table.groups) == SPRINGER[table.id]
            assert [group.label for group in table.groups] == [
                "18-39", "40-49", "50-59", "60-69", "70-79", "80-99"
            ]  # fmt: skip


@pytest.mark.parametrize(
    ("age", "seconds", "band"),
    [
        (65, 14.9, "below"),
        (65, 15.0, "within"),
        (65, 37.0, "within"),
        (65, 37.1, "above"),
        (25, 45.0, "within"),
        (25, 40.0, "below"),
        (90, 0.1, "within"),
        (90, 15.1, "above"),
    ],
)
def test_bands_rest_on_the_neighbouring_means(age, seconds, band):
    page = decided(request(trial=trial(age_years=age), sway=sway(time=seconds)))
    assert [norm.band for norm in page.balance.norms if not norm.provisional] == [band, ""]


def test_a_norm_shows_what_differs():
    page = decided(request(trial=trial(arms=pb.ARMS_HIPS, barefoot=None, cap_s=30.0)))
    norm = page.balance.norms[0]
    assert norm.mean == 43.3
    assert norm.age_group == "18-39"
    assert list(norm.protocol_differs) == [
        "the norm is the mean of 3 trials, this is one trial",
        "the norm: arms crossed; this trial: arms hips",
        "barefoot not stated",
        "the norm: a cap of 45 s; this trial: a cap of 30 s",
    ]
    assert "secondary sources" in norm.source


def test_provisional_norms_are_shown_without_a_band():
    page = decided(request(trial=trial(eyes=pb.EYES_CLOSED, age_years=65), sway=sway(time=5.0)))
    bands = {norm.mean: (norm.provisional, norm.band) for norm in page.balance.norms}
    assert bands == {2.8: (False, "above"), 4.4: (True, ""), 10.2: (True, "")}


def test_without_age_no_norm_and_it_is_said():
    page = decided(request(trial=trial(age_years=None)))
    assert not page.balance.norms
    assert list(page.missing) == ["trial.age_years"]
    message = next(m for m in page.messages if m.code == "WITHHELD")
    assert "the norms and the flags that depend on age" in message.text
    young = decided(request(trial=trial(age_years=12)))
    assert any(m.code == "NO_NORM" for m in young.messages)


def test_what_was_stopped_below_the_band_has_no_band():
    stopped = sway(time=20.0, censored=True, ended_by="end_of_recording")
    norm = decided(request(sway=stopped)).balance.norms[0]
    assert norm.band == ""
    assert norm.protocol_differs[-1] == "the trial ended by end_of_recording: the time is at least this"


@settings(deadline=None, max_examples=50)
@given(st.integers(18, 99))
def test_every_adult_has_one_group_in_each_springer_table(age):
    for table in RULESET.norms[:4]:
        groups = [g for g in table.groups if g.first <= age <= g.last]
        assert len(groups) == 1
        low, high = band_edges(table, groups[0])
        assert low is None or low < groups[0].mean
        assert high is None or high > groups[0].mean


def test_no_z_score_anywhere():
    text = str(document(request(trial=trial(age_years=65)))).lower()
    assert "z-score" not in text
    assert "sd" not in {word.strip("'\",:") for word in text.split()}


# Missing statements -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "path"),
    [(name, f"trial.{name}") for name in ("side", "arms", "surface", "height_cm", "age_years")],
)
def test_a_missing_statement_withholds_and_says_what(field, path):
    page = decided(request(trial=trial(**{field: None})))
    assert list(page.missing) == [path]
    assert page.balance.score.HasField("value")
    text = next(m.text for m in page.messages if m.code == "WITHHELD")
    assert path in text
    assert "Withheld: " in text


def test_without_eyes_there_is_no_score():
    page = decided(request(trial=trial(eyes=None)))
    assert page.status == 2  # DECISION_STATUS_INCOMPLETE
    assert page.balance.score.not_measurable == "not stated: trial.eyes"
    assert not page.balance.norms
    assert any(m.code == "INCOMPLETE" for m in page.messages)


def test_nothing_stated_and_nothing_measured_ends_in_an_answer():
    page = decided(request(trial=pb.BalanceTrial(), sway=pb.SwayPage(), pose=""))
    assert page.status == 2
    assert not page.balance.score.HasField("value")
    assert "trial.eyes" in page.missing


# Two trials -------------------------------------------------------------------------------------------


def test_the_other_leg_is_an_asymmetry_and_the_same_leg_a_follow_up():
    page = decided(
        request(earlier=[earlier("right"), earlier("before", days=60, trial=trial(), sway=sway())])
    )
    assert {c.other_job_id for c in page.balance.asymmetry} == {"right"}
    assert {c.other_job_id for c in page.balance.follow_up} == {"before"}
    assert set(changes(page)) == {
        "TIME_TO_FAILURE", "MVELO_ML", "RDIST_ML", "HSI", "FPPA_MEAN", "PELVIC_OBLIQUITY_MEAN",
        "TRUNK_LEAN_MEAN",
    }  # fmt: skip


def test_a_difference_has_its_interval_and_verdict():
    other = sway({"PELVIC_OBLIQUITY_MEAN": (6.0, 0.8), "MVELO_ML": (12.0, 0.6)}, side_found=RIGHT)
    found = changes(decided(request(earlier=[earlier(sway=other)])))
    drop = found["PELVIC_OBLIQUITY_MEAN"]
    assert (drop.now, drop.other, drop.difference.value) == (1.0, 6.0, -5.0)
    assert drop.difference.low_95 == pytest.approx(-5 - 1.96 * 1.0)
    assert (drop.mdc95, drop.verdict, drop.provisional) == (4.0, "beyond_mdc", True)
    assert "Youdas" in drop.source
    velocity = found["MVELO_ML"]
    assert velocity.difference.value == pytest.approx(-3)
    assert velocity.difference.high_95 == pytest.approx(-3 + 1.96 * 1.0)
    assert not velocity.HasField("mdc95")
    assert velocity.verdict == "unknown"
    assert found["FPPA_MEAN"].mdc95 == pytest.approx(8.3156, abs=1e-4)
    assert found["FPPA_MEAN"].verdict == "within_mdc"


@settings(deadline=None, max_examples=50)
@given(st.floats(-30, 30), st.floats(-30, 30))
def test_swapping_the_trials_turns_the_difference(a, b):
    def one(now, then):
        other = sway({"FPPA_MEAN": (then, 1.0)}, side_found=RIGHT)
        page = decided(request(sway=sway({"FPPA_MEAN": (now, 1.0)}), earlier=[earlier(sway=other)]))
        return changes(page)["FPPA_MEAN"]

    first, second = one(a, b), one(b, a)
    assert first.difference.value == pytest.approx(-second.difference.value, abs=1e-3)
    assert first.verdict == second.verdict
    if abs(abs(a - b) - 8.3156) > 1e-3:
        assert first.verdict == ("beyond_mdc" if abs(a - b) > 8.3156 else "within_mdc")


OTHER = {"side": RIGHT}


@pytest.mark.parametrize(
    ("then", "reason"),
    [
        ({"trial": trial(**OTHER, eyes=pb.EYES_CLOSED)}, "eyes differs: open now, closed then"),
        ({"trial": trial(**OTHER, arms=pb.ARMS_FREE)}, "arms differs"),
        ({"trial": trial(**OTHER, arms=None)}, "arms is not known for both trials"),
        ({"trial": trial(**OTHER, surface=pb.SURFACE_FOAM)}, "surface differs"),
        ({"trial": trial(**OTHER, barefoot=None)}, "barefoot differs: True now, not stated then"),
        ({"trial": trial(task=pb.TASK_BESS, side=RIGHT)}, "another test: bess"),
        ({"trial": trial(side=None)}, "the standing leg of one trial is not stated"),
        ({"sway": sway(view=pb.VIEW_LEFT, side_found=RIGHT)}, "view differs: front now, left then"),
        ({"sway": sway(side_found=LEFT)}, "declared right but shows the left leg"),
        ({"pose": "blazepose-lite@0.10.14 quality"}, "pose differs"),
        ({"pose": "blazepose-full@0.10.14 single_pass"}, "pose differs"),
        ({"pose": ""}, "pose is not known for both trials"),
        ({"days": 3}, "the two legs were not tested within 24 h"),
    ],
)
def test_unlike_trials_are_not_compared(then, reason):
    page = decided(request(earlier=[earlier(**then)]))
    (change,) = [*page.balance.asymmetry, *page.balance.follow_up]
    assert reason in change.not_comparable
    assert change.verdict == "unknown"
    assert not change.difference.HasField("value")
    assert reason in change.difference.not_measurable
    assert (change.metric, change.other_job_id) == ("TIME_TO_FAILURE", "other")
    assert not {"B11", "B12"} & {flag.id for flag in page.flags}


def test_another_definition_of_a_metric_is_not_compared():
    page = decided(request(earlier=[earlier(sway=sway(version="2", side_found=RIGHT))]))
    found = changes(page)
    assert "defined differently" in found["MVELO_ML"].not_comparable
    # The time has no definition of its own in the page.
    assert found["TIME_TO_FAILURE"].not_comparable == ""


@pytest.mark.parametrize(
    ("now", "then", "words"),
    [
        (True, True, "no difference can be told"),
        (True, False, "at least as large"),
        (False, True, "at least"),
    ],
)
def test_times_that_were_cut_short_have_no_difference(now, then, words):
    other = sway(time=30.0, censored=then, side_found=RIGHT)
    found = changes(decided(request(sway=sway(time=44.0, censored=now), earlier=[earlier(sway=other)])))
    change = found["TIME_TO_FAILURE"]
    assert (change.now, change.other, change.verdict) == (44.0, 30.0, "unknown")
    assert words in change.difference.not_measurable


def test_scores_are_compared_when_the_same_rules_made_them():
    first = decided(request())
    rules = [part.rule for part in first.balance.sub_scores]
    score = Measurement(id="score", value=60.0, standard_uncertainty=2.0, unit="1")
    then = {"score": score, "ruleset_sha256": RULESET.sha256}
    found = changes(decided(request(earlier=[earlier(score_rules=rules, **then)])))["SCORE"]
    assert found.difference.value == pytest.approx(first.balance.score.value - 60, abs=1e-3)
    fewer = changes(decided(request(earlier=[earlier(score_rules=rules[:3], **then)])))["SCORE"]
    assert "different parts" in fewer.not_comparable
    other = earlier(score_rules=rules, score=score, ruleset_sha256="0" * 64)
    assert "another ruleset" in changes(decided(request(earlier=[other])))["SCORE"].not_comparable


def test_a_failed_check_withholds_an_earlier_trial():
    failed = [QualityFlag(code="FPS_TOO_LOW", level=FlagLevel.FLAG_LEVEL_FAIL, message="?")]
    page = decided(request(earlier=[earlier(flags=failed)]))
    (change,) = page.balance.asymmetry
    assert (change.metric, change.not_comparable) == ("", "no metric was measured in both trials")
    now = decided(request(flags=failed))
    assert now.status == 7  # DECISION_STATUS_NOT_MEASURABLE
    assert "withheld because of FPS_TOO_LOW" in now.balance.score.not_measurable


def test_a_failed_check_of_the_sway_stage_withholds_what_names_it():
    page = sway(flags=[QualityFlag(code="FROZEN_PICTURE", level=FlagLevel.FLAG_LEVEL_FAIL, message="?")])
    page.metrics[0].flags.append("FROZEN_PICTURE")
    parts = {p.id: p for p in decided(request(sway=page)).balance.sub_scores}
    assert parts["sway"].rule == "M07"
    assert "withheld because of FROZEN_PICTURE" in parts["compensations"].score.not_measurable


# Batteries --------------------------------------------------------------------------------------------


def test_bess_adds_up_six_conditions():
    page = decided(request(**bess_battery(3)))
    total = totals(page)["BESS_TOTAL"]
    assert (total.value, total.unit) == (18, "errors")
    assert page.status == 1
    assert page.balance.score.not_measurable == "the score is for the single-leg stance only"
    assert not page.balance.asymmetry
    assert not page.balance.follow_up
    norm = page.balance.norms[0]
    assert (norm.metric, norm.mean, norm.provisional, norm.band) == ("BESS_TOTAL", 11.5, True, "")


def test_bess_that_is_not_complete_has_no_total():
    case = bess_battery(3)
    case["earlier"] = case["earlier"][1:]
    total = totals(decided(request(**case)))["BESS_TOTAL"]
    assert not total.HasField("value")
    assert total.not_measurable == "not recorded in this visit: single foam"


def test_conditions_of_another_visit_do_not_count():
    case = bess_battery(3)
    old = bess(1, 3, surface=pb.SURFACE_FOAM)
    case["earlier"] = [*case["earlier"][1:], earlier("old", days=8, **old)]
    assert "single foam" in totals(decided(request(**case)))["BESS_TOTAL"].not_measurable


def test_mbess_adds_up_the_three_firm_conditions():
    rest = [earlier(str(s), **bess(s, 4, task=pb.TASK_MBESS)) for s in (2, 3)]
    page = decided(request(**bess(1, 2, task=pb.TASK_MBESS), earlier=rest))
    assert totals(page)["MBESS_TOTAL"].value == 10
    assert set(totals(page)) == {"MBESS_TOTAL"}


def test_ctsib_ratios():
    found = totals(decided(request(**ctsib({(2, 2)}))))
    assert found["CTSIB_SOMATOSENSORY_TIME"].value == 1
    assert found["CTSIB_VESTIBULAR_TIME"].value == pytest.approx(0.4)
    assert found["CTSIB_VESTIBULAR_TIME"].standard_uncertainty == pytest.approx(
        0.4 * ((0.05 / 12) ** 2 + (0.05 / 30) ** 2) ** 0.5, rel=0.05
    )
    # The same sway in every condition.
    assert found["CTSIB_VISUAL_SWAY"].value == 1


def test_ctsib_sway_of_two_views_has_no_ratio():
    case = ctsib(set())
    case["earlier"][0].sway.view = pb.VIEW_LEFT
    found = totals(decided(request(**case)))
    assert "differs between the conditions" in found["CTSIB_VISUAL_SWAY"].not_measurable
    assert found["CTSIB_VISUAL_TIME"].HasField("value")


def test_y_balance_composite_and_asymmetry():
    found = totals(decided(request(**composite(96.0))))
    assert found["YBT_COMPOSITE_LEFT"].value == 96
    assert found["YBT_COMPOSITE_LEFT"].standard_uncertainty == pytest.approx(0.9 / 3**0.5, abs=1e-3)
    assert "anterior right" in found["YBT_COMPOSITE_RIGHT"].not_measurable
    both = totals(decided(request(**two_reaches(3, 90.0, 84.0))))
    assert both["YBT_ASYMMETRY_POSTEROLATERAL"].value == 6
    assert both["YBT_ASYMMETRY_POSTEROLATERAL"].low_95 == pytest.approx(6 - 1.96 * 0.8 * 2**0.5, abs=1e-3)
    assert "anterior right" in both["YBT_ASYMMETRY_ANTERIOR"].not_measurable


def test_a_condition_that_is_not_known_is_said_and_not_dropped():
    case = bess_battery(3)
    case["earlier"][0].trial.surface = pb.SURFACE_UNSPECIFIED
    page = decided(request(**case))
    (change,) = page.balance.follow_up
    assert "surface is not known for both trials" in change.not_comparable
    assert not totals(page)["BESS_TOTAL"].HasField("value")


def test_the_newest_of_two_trials_of_a_condition_counts():
    two = [earlier("old", days=0.5, **reach(1, 2, 70.0)), earlier("new", **reach(1, 2, 64.0))]
    page = decided(request(**reach(1, 1, 60.0), earlier=two))
    assert totals(page)["YBT_ASYMMETRY_ANTERIOR"].value == 4


def test_a_test_without_its_result_is_not_measurable():
    page = decided(request(trial=trial(task=pb.TASK_Y_BALANCE, reach=1, leg_length_cm=90.0)))
    assert page.status == 7
    assert any(m.code == "NO_RESULT" and "REACH" in m.text for m in page.messages)


def test_a_trial_is_not_compared_with_itself():
    own = trial_of(trial(), sway(), POSE, job_id="own", at=NOW)
    case = case_of(own, [earlier("own", trial=trial(), sway=sway()), earlier("right")], [])
    assert [other.job_id for other in case.earlier] == ["right"]
