"""What the balance report is made of: rounding, reasons, moments, spectra, axes."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
from assay.balance.v1.balance_pb2 import BalanceMetric, SwayPage, Trace, TraceSeries
from assay.common.v1.types_pb2 import Measurement
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from mesh.errors import InvalidInput
from svc_balance.sway.events.rules import RULES
from svc_balance.sway.measures import definitions
from svc_balance.sway.posture import compensation_rules
from svc_report.balance import metrics, moments, names, plots, results, svg, traces, wording
from tests.report import balance_cases as cases


def found(view: str = "front") -> traces.Traces:
    return traces.decode(cases.recording(view).traces.SerializeToString())


@pytest.mark.parametrize(
    ("value", "spread", "shown"),
    [
        (4.6831, 0.41, "4.68 mm"),
        (4.6831, 4.1, "4.7 mm"),
        (-0.0036, 3.0, "0.0 mm"),
        (1234.5, 250.0, "1234 mm"),
    ],
)
def test_a_value_has_the_digits_that_its_uncertainty_leaves(value: float, spread: float, shown: str) -> None:
    measured = Measurement(value=value, unit="mm", standard_uncertainty=spread)
    assert metrics.value(measured).replace("\u00a0", " ") == shown


def test_an_interval_without_width_is_no_interval() -> None:
    assert metrics.interval(Measurement(value=0.3, unit="Hz", low_95=0.3, high_95=0.3)) == wording.NOT_STATED
    assert metrics.interval(Measurement(unit="Hz", low_95=0.1, high_95=0.3)) == ""


def test_every_metric_of_the_sway_stage_has_a_name_of_its_own() -> None:
    shown = [metrics.name(definition.id) for definition in definitions.DEFINITIONS]
    assert len(set(shown)) == len(shown)
    for name in shown:
        assert name.startswith(tuple(names.METRICS.values())), name


def test_every_event_of_the_sway_stage_has_a_name() -> None:
    known = [rule.id for rule in RULES.events()] + [item.id for item in compensation_rules.THRESHOLDS]
    for identifier in known:
        assert identifier in wording.EVENTS, identifier


def test_a_reason_that_many_measures_share_is_said_once() -> None:
    page = SwayPage(
        metrics=[
            BalanceMetric(measurement=Measurement(id=f"M{n}_AP", not_measurable="not in view"), group="sway")
            for n in range(metrics.MANY)
        ]
    )
    (fact,) = metrics.widespread(page)
    assert (fact.label, fact.value) == (f"{metrics.MANY} fore-aft measures", "not in view")
    assert metrics.groups(page, cases.decision_page().balance) == ()


def test_a_norm_that_was_verified_comes_before_a_provisional_one() -> None:
    decided = cases.decision_page().balance
    decided.norms.add(metric="TIME_TO_FAILURE", mean=1.0, unit="s", provisional=True, band="above")
    (time, *_) = metrics.groups(cases.sway_page("front"), decided)
    assert time.rows[0].norm.replace("\u00a0", " ") == "26.9 s ≠, below"


def test_a_small_uncertainty_of_a_score_is_not_rounded_away() -> None:
    decided = cases.decision_page().balance
    decided.score.standard_uncertainty = 0.08
    assert results.score(decided)[0] == "73 ± <1"


def test_moments_are_few_ordered_and_start_with_the_foot() -> None:
    page = cases.sway_page("front")
    for number in range(20):
        page.events.append(cases.event("heel_lift", "compensation", 4.0 + 0.5 * number, 0.2, confidence=0.3))
    chosen = moments.choose(page, found(), 24.0)
    assert len(chosen) == moments.MAX_MOMENTS
    times = [moment.time_s for moment in chosen]
    assert times == sorted(times)
    reasons = " ".join(moment.reason for moment in chosen)
    for wanted in ("Foot up", "Foot down", "Largest sway", "Arms left", "Trunk lean"):
        assert wanted in reasons, wanted


def test_the_largest_sway_is_where_the_trace_says() -> None:
    page = cases.sway_page("front")
    (largest,) = (m for m in moments.choose(page, found(), 24.0) if "Largest" in m.reason)
    series = found()
    inside = series.within(page.window.start_s, page.window.end_s)
    values = series.values["com_ml"][inside]
    peak = int(np.nanargmax(np.abs(values - np.nanmean(values))))
    assert largest.time_s == pytest.approx(series.time_s[inside][peak])


def test_without_events_the_middle_of_the_recording_is_shown() -> None:
    (only,) = moments.choose(SwayPage(), traces.NONE, 10.0)
    assert (only.time_s, only.reason) == (5.0, "Middle of the recording")


@pytest.mark.parametrize("rate", [25.0, 30.0, 60.0])
def test_the_spectrum_of_a_sine_has_its_frequency_and_its_power(rate: float) -> None:
    time_s = np.arange(round(40 * rate)) / rate
    frequencies, power, segments = traces.spectrum(time_s, 3.0 * np.sin(2 * np.pi * 0.5 * time_s) + 7)
    assert segments == 7
    assert frequencies[power.argmax()] == pytest.approx(0.5)
    assert power.sum() * frequencies[1] == pytest.approx(3.0**2 / 2, rel=1e-2)


def test_the_spectrum_is_welchs() -> None:
    values = np.random.default_rng(1).normal(size=1000).cumsum()
    frequencies, power, _ = traces.spectrum(np.arange(1000) / 30, values)
    expected = signal.welch(values, 30, "hann", nperseg=300, noverlap=150, detrend="linear")
    np.testing.assert_allclose(frequencies, expected[0], rtol=1e-9)
    np.testing.assert_allclose(power, expected[1], rtol=1e-6, atol=1e-12)


def test_the_spectrum_needs_ten_seconds_without_a_gap() -> None:
    time_s = np.arange(600) / 30
    values = np.sin(time_s)
    values[299] = np.nan
    assert traces.spectrum(time_s, values)[2] == 1
    values[320] = np.nan
    assert traces.spectrum(time_s, values)[2] == 0
    assert traces.spectrum(np.zeros(0), np.zeros(0))[2] == 0


def test_the_ellipse_is_the_prediction_ellipse() -> None:
    angle = np.linspace(0, 2 * np.pi, 1800, endpoint=False)
    centre, covariance = traces.ellipse(10 * np.cos(angle) + 4, 5 * np.sin(angle) - 2)
    assert centre == pytest.approx([4, -2], abs=1e-9)
    area = np.pi * traces.CHI2_95 * np.sqrt(np.linalg.det(covariance))
    assert area == pytest.approx(470.83, rel=1e-3)
    outline = svg.ellipse_points(centre, covariance, traces.CHI2_95)
    shoelace = 0.5 * abs(np.sum(outline[:-1, 0] * outline[1:, 1] - outline[1:, 0] * outline[:-1, 1]))
    assert shoelace == pytest.approx(area, rel=2e-3)


def test_both_axes_give_a_stabilogram() -> None:
    time_s = np.arange(600) / 30
    both = traces.Traces(time_s, {"com_ml": np.sin(time_s), "com_ap": np.cos(time_s)}, {"com_ml": "mm"})
    drawing = plots.stabilogram(both, (0.0, 20.0), ["ML", "AP"], unit="mm")
    assert drawing is not None
    assert "95 % prediction ellipse" in drawing.caption
    one = plots.stabilogram(both, (0.0, 20.0), ["AP"], unit="mm")
    assert one is not None
    assert "Sideways (ML) movement is not measurable" in one.caption
    assert plots.stabilogram(both, (0.0, 20.0), [], unit="mm") is None


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 10))
@settings(max_examples=200, deadline=None)
def test_ticks_are_round_and_inside(low: float, span: float, about: int) -> None:
    scale = svg.Scale(low, low + span, 0.0, 100.0)
    ticks = scale.ticks(about)
    assert len(ticks) <= 2 * about + 2
    slack = 1e-6 * span + 1e-9 * abs(low)
    assert all(low - slack <= tick <= low + span + slack for tick in ticks)


@given(st.lists(st.one_of(st.floats(-1e3, 1e3), st.just(float("nan"))), min_size=1, max_size=60))
@settings(max_examples=100, deadline=None)
def test_a_line_draws_every_finite_point_and_nothing_else(values: list[float]) -> None:
    ys = np.array(values)
    drawn = svg.path(np.arange(len(ys), dtype=float), ys, "#000000")
    assert "nan" not in drawn
    assert bool(drawn) == bool(np.isfinite(ys).any())


def test_a_long_line_keeps_its_extremes() -> None:
    values = np.zeros(100_000)
    values[54_321], values[54_322] = 9.0, -9.0
    _, thin = svg.thinned(np.arange(100_000, dtype=float), values)
    assert len(thin) <= svg.MAX_POINTS
    assert (thin.max(), thin.min()) == (9.0, -9.0)


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=0, max_size=40),
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=40, max_size=40),
    st.floats(-5, 50),
    st.floats(-5, 50),
)
@settings(max_examples=120, deadline=None)
def test_any_trace_can_be_drawn(ml: list[float], ap: list[float], start: float, end: float) -> None:
    message = TraceSeries(
        time_s=[number / 2 for number in range(len(ml))],
        traces=[
            Trace(id="com_ml", unit="mm", values=ml),
            Trace(id="com_ap", unit="mm", values=ap[: len(ml)]),
        ],
    )
    read = traces.decode(message.SerializeToString())
    panels = (plots.Panel("com_ml", "Sideways"), plots.Panel("com_ap", "Fore-aft"))
    drawings = [
        plots.stabilogram(read, (start, end), ["ML", "AP"], unit="mm"),
        plots.stabilogram(read, (start, end), ["ML"], unit="mm"),
        plots.spectra(read, (start, end), (0.15, 3.0), unit="mm"),
        plots.over_time(
            read, panels, events=cases.sway_page("front").events, window=(start, end), height=40, title="Sway"
        ),
    ]
    for drawing in drawings:
        if drawing is not None:
            text = drawing.svg.decode()
            assert ElementTree.fromstring(text) is not None
            assert "nan" not in text
            assert "inf" not in text


@pytest.mark.parametrize(
    "message",
    [
        TraceSeries(time_s=[0, 1, 1], traces=[]),
        TraceSeries(time_s=[0, float("nan")], traces=[]),
        TraceSeries(time_s=[0, 1], traces=[Trace(id="com_ml", values=[1])]),
    ],
)
def test_broken_traces_are_refused(message: TraceSeries) -> None:
    with pytest.raises(InvalidInput) as caught:
        traces.decode(message.SerializeToString())
    assert caught.value.code == "TRACES_UNREADABLE"


def test_bytes_that_are_no_traces_are_refused() -> None:
    with pytest.raises(InvalidInput):
        traces.decode(b"\xff\xff\xff")
