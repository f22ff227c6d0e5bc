"""The figures of the colour chart on real photos (`-m proof`): 15 lights, and photos without a chart."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.evaluate.chart import ALL_SITES, evaluate, find_photos

pytestmark = [pytest.mark.proof, pytest.mark.timeout(1200)]


def test_the_chart_under_fifteen_lights(shared_data: Path) -> None:
    having, without = find_photos(shared_data)
    found = evaluate(having, without)
    assert len(having) == 15
    assert found.found >= 14
    assert len(without) >= 290
    assert found.false == ()
    for score in found.scores:
        assert score.after < score.grey_row < score.before, score.file
    everywhere, calibrated = found.spread[ALL_SITES], found.spread_calibrated[ALL_SITES]
    assert everywhere.photos >= 14
    assert everywhere.ratio <= 0.5
    assert calibrated.ratio <= 0.5
