"""What a measured follow-up raises: R33 for ink that darkened, R34 for skin that changed."""

import pytest
from assay.color.v1.color_pb2 import FollowUp
from assay.decision.v1 import decision_pb2 as pb
from assay.events.v1.analysis_pb2 import Analysis

from svc_decision.follow_up import darkening, skin_change
from svc_decision.stage import decision_page
from svc_decision.wire import case_of_analysis
from tests.decision.test_stage import BLACK, RED, analysis


def visit(
    changes: list[tuple[float | None, list[int]]], skin: float | None = None, mdc95: float = 2.0
) -> Analysis:
    """A calibrated photo with black (1) and red (2). changes: of L_t, with the ids of the inks there now."""
    made = analysis(BLACK, RED, calibrated=True)
    made.color.skin.ita.value = 48
    made.color.chart.loo_mean.value, made.color.chart.loo_max.value = 1.2, 3.0
    page = made.color.follow_up
    for number, (lightness, now_ids) in enumerate(changes, 1):
        change = page.inks.add(baseline_id=number, now_ids=now_ids)
        if lightness is None:
            change.lightness_change.not_measurable = "NOT_REGISTERED"
        else:
            change.lightness_change.value = lightness
    if skin is not None:
        page.skin_change.value, page.skin_mdc95 = skin, mdc95
    return made


def flagged(of: Analysis, rule: str) -> list[str]:
    """Classes of the inks that a flag fired for."""
    page, _ = decision_page(of)
    return [name for flag in page.flags if flag.id == rule for name in flag.ink_classes]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([(-5.0, [2])], ["red"]),
        ([(-4.9, [2])], []),
        ([(3.0, [2]), (-8.0, [2])], ["red"]),
        ([(-7.0, [1]), (20.0, [2])], ["black"]),
        ([(-7.0, [])], ["black", "red"]),
        ([(None, [2])], []),
        ([], []),
    ],
)
def test_r33_holds_the_ink_that_darkened(
    changes: list[tuple[float | None, list[int]]], expected: list[str]
) -> None:
    """An earlier ink that lies under none of today's counts for all of them: no darkening is lost."""
    assert flagged(visit(changes), "R33") == expected


def test_r33_takes_every_wavelength_off_the_ranking() -> None:
    page, _ = decision_page(visit([(-9.0, [2])]))
    black, red = page.inks
    assert any(option.rank for option in black.options)
    assert not any(option.rank for option in red.options)
    assert pb.OPTION_STATUS_HOLD in {option.status for option in red.options}


@pytest.mark.parametrize(
    ("change", "mdc95", "fires"),
    [(3.1, 2.0, True), (3.0, 2.0, False), (2.9, 0.5, False), (4.0, 4.5, False), (5.0, 4.5, True)],
)
def test_r34_defers_when_the_skin_changed_by_more_than_3_and_more_than_can_be_missed(
    change: float, mdc95: float, fires: bool
) -> None:
    of = visit([], skin=change, mdc95=mdc95)
    assert flagged(of, "R34") == (["black", "red"] if fires else [])
    page, _ = decision_page(of)
    deferred = {option.status for ink in page.inks for option in ink.options} >= {pb.OPTION_STATUS_DEFERRED}
    assert deferred == fires


def test_visits_that_were_not_compared_say_nothing() -> None:
    of = visit([(None, []), (None, [])])
    of.color.follow_up.not_comparable.append("UNCALIBRATED_THEN")
    case = case_of_analysis(of)
    assert [ink.delta_l_t for ink in case.inks] == [None, None]
    assert case.skin_change_de00 is None
    assert skin_change(FollowUp()) is None
    assert darkening(FollowUp(), 1) is None
