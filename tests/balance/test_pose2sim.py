"""A man on a beam loses and regains his balance on one leg: two cameras from above, oblique, 60 frames/s.

The review of the clip sets the foot's lift at about frame 25 and its touch-down at about frame 80.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from assay.balance.v1.balance_pb2 import BalanceTrial

from svc_balance.pose.quality_mode import REGIONS
from svc_balance.sway import page
from svc_balance.sway.trial import Result, assess
from tests.balance.trials import codes, posed

FPS = 60
LIFT, TOUCH, TOLERANCE = 25, 80, 6


CAMERAS = ("cam01", "cam03")
# Half the regions of the default show the same at half the cost.
HALF = [(camera, REGIONS // 2) for camera in CAMERAS]
OTHERS = [pytest.param((camera, n), marks=pytest.mark.proof) for camera in CAMERAS for n in (1, REGIONS)]


@pytest.fixture(scope="module", params=[*HALF, *OTHERS], ids=str)
def clip(request: pytest.FixtureRequest, shared_data: Path) -> Result:
    camera, regions = request.param
    path = shared_data / "posevideo" / "pose2sim_balancing" / "videos" / f"{camera}.mp4"
    return assess(posed(path, regions=regions), BalanceTrial())


def test_lift_touch_down_and_side(clip: Result) -> None:
    assert clip.side == "left"
    lifted = [event for event in clip.events if event.side == "right"]
    (up,) = [event for event in lifted if event.id == "foot_up"]
    (down,) = [event for event in lifted if event.id == "touchdown"]
    assert up.onset_s * FPS == pytest.approx(LIFT, abs=TOLERANCE)
    assert down.onset_s * FPS == pytest.approx(TOUCH, abs=TOLERANCE)
    assert [p.id for p in clip.phases][:3] == ["double", "single_left", "double"]


def test_a_second_and_a_half_carries_no_number(clip: Result) -> None:
    assert {"TRIAL_TOO_SHORT", "VIEW_OBLIQUE"} <= codes(clip)
    written = page.build(clip, "1")
    assert not written.time_to_failure.HasField("value")
    assert not [m for m in written.metrics if m.measurement.HasField("value")]
