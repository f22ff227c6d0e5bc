"""Whatever a sway page holds, the decision ends in a page: bounded, finite, small, the same twice."""

from __future__ import annotations

import json
import math
from typing import Any

from assay.balance.v1 import balance_pb2 as pb
from assay.common.v1.types_pb2 import Measurement, QualityFlag
from assay.decision.v1.decision_pb2 import DecideBalanceRequest
from google.protobuf.json_format import MessageToJson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from svc_decision.balance.wire import case_of_request, decided_page
from tests.decision.balance_cases import NOW, POSE, UNITS, earlier, trial

numbers = st.one_of(
    st.floats(-50, 50),
    st.floats(),
    st.sampled_from([0.0, -0.0, 1e-300, 1e300, math.nan, math.inf, -math.inf]),
)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


@st.composite
def measurements(draw: st.DrawFn, name: str, unit: str) -> Measurement:
    parts = {key: draw(maybe(numbers)) for key in ("value", "standard_uncertainty", "low_95", "high_95")}
    given_ = {key: value for key, value in parts.items() if value is not None}
    return Measurement(id=name, unit=draw(st.sampled_from([unit, unit, "px"])), **given_)


@st.composite
def pages(draw: st.DrawFn) -> pb.SwayPage:
    page = pb.SwayPage(
        side_found=draw(st.integers(0, 2)),
        view=draw(st.integers(0, 5)),
        censored=draw(st.booleans()),
        ended_by=draw(st.sampled_from(["", "cap", "touchdown", "end_of_recording"])),
        strategy=draw(st.sampled_from(["", "hip", "indeterminate"])),
    )
    for name in draw(st.lists(st.sampled_from(sorted(UNITS)), max_size=12)):
        metric = page.metrics.add(version=draw(st.sampled_from(["1", "2"])), snr=draw(numbers))
        metric.measurement.CopyFrom(draw(measurements(name, UNITS[name])))
    if draw(st.booleans()):
        page.time_to_failure.CopyFrom(draw(measurements("TIME_TO_FAILURE", "s")))
    if draw(st.booleans()):
        page.window.CopyFrom(pb.Phase(start_s=draw(numbers), end_s=draw(numbers)))
    if draw(st.booleans()):
        page.bess_errors = draw(st.integers(-1, 12))
    for onset in draw(st.lists(numbers, max_size=3)):
        page.events.add(id="trunk_lean", kind="compensation", onset_s=onset, confidence=draw(numbers))
    for level in draw(st.lists(st.integers(0, 3), max_size=3)):
        code = draw(st.sampled_from(["FROZEN_PICTURE", "GAPS_FILLED"]))
        page.flags.append(QualityFlag(code=code, level=level))
    return page


@st.composite
def trials(draw: st.DrawFn) -> pb.BalanceTrial:
    made = pb.BalanceTrial(
        task=draw(st.integers(0, 6)), side=draw(st.integers(0, 2)), eyes=draw(st.integers(0, 3)),
        stance=draw(st.integers(0, 3)), arms=draw(st.integers(0, 3)), surface=draw(st.integers(0, 2)),
        reach=draw(st.integers(0, 3)),
    )  # fmt: skip
    if draw(st.booleans()):
        made.age_years = draw(st.integers(0, 130))
    if draw(st.booleans()):
        made.cap_s = draw(st.floats(5, 120))
    if draw(st.booleans()):
        made.intake.falls_12_months = draw(st.integers(0, 365))
    return made


# Half of them are alike, so that they are compared.
any_trial = st.one_of(trials(), st.builds(trial, side=st.integers(1, 2)))


@st.composite
def requests(draw: st.DrawFn) -> DecideBalanceRequest:
    made = DecideBalanceRequest(
        trial=draw(any_trial), sway=draw(pages()), pose=draw(st.sampled_from(["", POSE]))
    )
    if draw(st.booleans()):
        made.created_at.FromDatetime(NOW)
    for number in range(draw(st.integers(0, 3))):
        then = earlier(str(number), trial=draw(any_trial), sway=draw(pages()))
        then.score.CopyFrom(draw(measurements("score", "1")))
        made.earlier.append(then)
    return made


@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(requests())
def test_every_request_ends_in_a_sound_page(request: DecideBalanceRequest):
    before = request.SerializeToString(deterministic=True)
    page, document = decided_page(case_of_request(request), "")
    assert decided_page(case_of_request(request), "") == (page, document)
    assert request.SerializeToString(deterministic=True) == before
    assert page.ByteSize() < 20 * 1024
    json.loads(document, parse_constant=_no_constant)
    # Protobuf writes NaN and infinity as strings.
    text = MessageToJson(page)
    assert '"NaN"' not in text
    assert 'Infinity"' not in text
    score = page.balance.score
    assert score.HasField("value") != bool(score.not_measurable)
    if score.HasField("value"):
        assert 0 <= score.value <= 100
        assert page.balance.sub_scores
        assert abs(sum(part.weight for part in page.balance.sub_scores) - 1) < 1e-3
    if score.HasField("low_95"):
        assert 0 <= score.low_95 <= score.value + 1e-4
        assert score.value <= score.high_95 + 1e-4 <= 100 + 2e-4
    for part in page.balance.sub_scores:
        assert part.score.HasField("value") != bool(part.score.not_measurable)
    for change in (*page.balance.asymmetry, *page.balance.follow_up):
        assert change.difference.HasField("value") != bool(change.difference.not_measurable)
        assert change.verdict in ("beyond_mdc", "within_mdc", "unknown")
    assert any(message.code == "WELLNESS" for message in page.messages)


def _no_constant(name: str) -> None:
    raise AssertionError(f"the document holds {name}")
