"""Finding a chart: any turn, tilt, light; partly hidden; and never where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from svc_color.chart.candidates import candidates
from svc_color.chart.find import find
from svc_color.chart.identify import MOST_ERROR, chart_cells
from svc_color.chart.lattice import lattices, project
from svc_color.chart.layouts import known, parse
from svc_color.space import Array
from tests.color.chart_photos import AFTER, CLASSIC, Image, Shot, shoot
from tests.color.test_chart_layouts import reference

CELLS = chart_cells(CLASSIC)


def off(shot: Shot, found: Array, truth: Array) -> float:
    """Largest distance of a patch's centre from the truth, in pitches."""
    return float(np.linalg.norm(project(found, CELLS) - project(truth, CELLS), axis=1).max() / shot.pitch)


def check(shot: Shot, within: float = 0.08) -> None:
    rgb, truth = shoot(shot)
    placement = find(rgb, known())
    assert placement is not None
    assert off(shot, placement.homography, truth) < within
    assert placement.error < MOST_ERROR / 2


@pytest.mark.parametrize("turn", range(0, 360, 40))
def test_found_at_any_turn(turn: int) -> None:
    check(Shot(turn=turn, tilt=15, towards=turn * 1.7, seed=turn))


@pytest.mark.parametrize("tilt", [0, 30, 45])
def test_found_at_any_tilt(tilt: int) -> None:
    check(Shot(turn=25, tilt=tilt, towards=60))


@pytest.mark.parametrize("pitch", [14, 30, 120])
def test_found_from_a_dozen_pixels_a_patch_to_a_chart_that_fills_the_photo(pitch: int) -> None:
    check(Shot(pitch=pitch, turn=5))


@pytest.mark.parametrize(
    "shot",
    [
        Shot(light=(1.0, 0.55, 0.2), exposure=0.2),
        Shot(light=(0.3, 0.7, 1.0), exposure=0.5, gamma=1.4),
        Shot(exposure=1.7),
        Shot(glare=(12, 18, 19), hidden=(0, 5)),
        Shot(uneven=0.5),
        Shot(noise=0.03),
        Shot(quality=35),
        Shot(offset=(-290, -230), turn=8),
    ],
    ids=[
        "warm and dark",
        "blue",
        "overexposed",
        "glare and finger",
        "uneven",
        "noisy",
        "jpeg",
        "in the corner",
    ],
)
def test_found_in_bad_photos(shot: Shot) -> None:
    check(shot)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    turn=st.floats(0, 360),
    tilt=st.floats(0, 40),
    towards=st.floats(0, 360),
    pitch=st.floats(22, 90),
    warm=st.floats(0.35, 1.0),
    exposure=st.floats(0.25, 1.2),
    gamma=st.floats(0.9, 1.4),
    seed=st.integers(0, 1000),
)
def test_found_in_any_photo_that_shows_all_of_it(
    turn: float,
    tilt: float,
    towards: float,
    pitch: float,
    warm: float,
    exposure: float,
    gamma: float,
    seed: int,
) -> None:
    light = (1.0, warm**0.5, warm)
    check(Shot(turn, tilt, towards, pitch, light=light, exposure=exposure, gamma=gamma, seed=seed))


def squares(seed: int) -> Image:
    """A lattice like the chart's, in colours drawn by chance."""
    rgb, _ = shoot(Shot(shuffled=True, seed=seed, turn=20))
    return rgb


def texture() -> Image:
    noise = np.random.default_rng(5).integers(0, 256, (700, 900, 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 6), np.uint8)


def tiles() -> Image:
    board = np.indices((12, 16)).sum(axis=0) % 2
    return np.repeat(np.kron(board, np.ones((55, 55))).astype(np.uint8)[..., None] * 180 + 30, 3, axis=2)


@pytest.mark.parametrize(
    "rgb",
    [
        shoot(Shot(mirrored=True))[0],
        *(squares(seed) for seed in range(4)),
        tiles(),
        texture(),
        np.full((400, 500, 3), 128, np.uint8),
        np.zeros((3, 3, 3), np.uint8),
        np.random.default_rng(1).integers(0, 256, (300, 400, 3), dtype=np.uint8),
    ],
    ids=["mirrored", "a", "b", "c", "d", "tiles", "texture", "grey", "tiny", "noise"],
)
def test_nothing_is_found_where_there_is_no_chart(rgb: Image) -> None:
    assert find(rgb, known()) is None


def test_the_work_is_bounded_on_a_photo_full_of_squares() -> None:
    board = np.kron(
        np.random.default_rng(2).integers(0, 256, (60, 80, 3), dtype=np.uint8), np.ones((14, 14, 1))
    )
    board = board.astype(np.uint8)
    board[::14] = board[:, ::14] = 0
    found = candidates(board, 1100)
    assert len(lattices(found)) <= 6
    assert find(board, known()) is None


def test_a_custom_chart_is_found_beside_the_classic(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    colours = np.column_stack([rng.uniform(25, 85, 30), rng.uniform(-40, 40, 30), rng.uniform(-40, 40, 30)])
    colours[12:18] = [[lightness, 0, 0] for lightness in (92, 78, 62, 48, 34, 22)]
    edition = {"name": "lot-1", "illuminant": "D50", "source": "test", "lab": colours.round(2).tolist()}
    names = [f"patch {index}" for index in range(30)]
    document = reference(rows=5, columns=6, patches=names, editions=[edition], pitch_mm=8.0)
    (tmp_path / "own.json").write_text(json.dumps(document))
    layout = parse(document)
    rgb, truth = shoot(Shot(turn=160, tilt=12, pitch=45), layout, layout.editions[0])
    placement = find(rgb, known(str(tmp_path)))
    assert placement is not None
    assert placement.layout.name == "skincheck"
    cells = chart_cells(layout)
    assert np.abs(project(placement.homography, cells) - project(truth, cells)).max() < 3
    classic, _ = shoot(Shot(turn=50), CLASSIC, AFTER)
    other = find(classic, known(str(tmp_path)))
    assert other is not None
    assert other.layout.name == "classic24"
