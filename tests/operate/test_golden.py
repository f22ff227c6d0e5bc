"""The canary's expectations: places are found, tolerances hold, everything that differs is named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import golden

VIEW = {
    "state": "STATE_SUCCEEDED",
    "result": {
        "inks": [
            {"ink_class": "red", "lab": {"l": 51.5}, "options": [{"nm": 532}, {"nm": 1064}]},
            {"ink_class": "black", "lab": {"l": 31.2}, "options": []},
        ],
        "metrics": [{"measurement": {"id": "TTF", "value": 22.3}}],
    },
}


def expecting(exact: dict[str, list[Any]] | None = None, near: dict | None = None) -> golden.Golden:
    return golden.Golden("tattoo", golden.SAMPLES / "x", "image", "image/jpeg", exact or {}, near or {})


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("state", "STATE_SUCCEEDED"),
        ("result.inks[].ink_class", ["red", "black"]),
        ("result.inks[ink_class=red].lab.l", 51.5),
        ("result.inks[ink_class=red].options[].nm", [532, 1064]),
        ("result.metrics[measurement.id=TTF].measurement.value", 22.3),
    ],
)
def test_a_place_is_found(place: str, value: object) -> None:
    assert golden.look_up(VIEW, place) == value


@pytest.mark.parametrize(
    "place", ["nowhere", "result.inks.lab", "result.inks[ink_class=green].lab.l", "state[].x", "result..x"]
)
def test_a_place_that_is_not_there_is_a_difference_and_no_crash(place: str) -> None:
    with pytest.raises(golden.PlaceError):
        golden.look_up(VIEW, place)
    [difference] = golden.differences(expecting({place: ["x"]}), VIEW)
    assert place in str(difference)
    assert len(golden.differences(expecting(near={place: (1.0, 1.0)}), VIEW)) == 1


@given(st.floats(-1e6, 1e6), st.floats(0, 1e3), st.floats(-1e4, 1e4))
def test_near_means_within_the_tolerance(wanted: float, within: float, off: float) -> None:
    found = golden.differences(expecting(near={"x": (wanted, within)}), {"x": wanted + off})
    assert bool(found) == (abs((wanted + off) - wanted) > within)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, "12", [12.0]])
def test_what_is_no_number_is_near_nothing(value: object) -> None:
    assert golden.differences(expecting(near={"x": (12.0, 1e9)}), {"x": value})


def test_both_kinds_have_expectations_of_their_own_sample() -> None:
    read = golden.read()
    assert set(read) == {"tattoo", "balance"}
    for each in read.values():
        assert each.source.is_file()
        assert len(each.exact) >= 5
        assert len(each.near) >= 5
        assert all(within > 0 for _, within in each.near.values())
        assert {"model_version", "ruleset_version"} <= set(each.exact)
