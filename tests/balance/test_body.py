"""Centre of mass: published tables, exact synthetic bodies, propagated error, reference recordings."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.landmarks import INDEX, NAMES, POINTS, Landmarks
from models.synth import standing
from svc_balance.sway.posture import body
from svc_balance.sway.posture.series import prepare
from tests.balance.people import mirrored, spec

# Our segments' names in the published tables, and which row there.
PUBLISHED = {
    "head": "Head",
    "trunk": "Trunk 3",
    "left_upper_arm": "Upper arm",
    "left_forearm": "Forearm",
    "left_hand": "Hand 2",
    "left_thigh": "Thigh",
    "left_shank": "Shank",
    "left_foot": "Foot",
}


@pytest.mark.parametrize("sex", ["female", "male"])
def test_masses_and_centres_are_the_published_ones(shared_data: Path, sex: str):
    path = shared_data / "golden" / "body_segments" / f"BSP{sex}_ZdeLeva.txt"
    with path.open() as file:
        rows = {row["Segment"].strip(): row for row in csv.DictReader(file, delimiter="\t")}
    column = ("female", "male").index(sex)
    ours = {segment.name: segment for segment in body.SEGMENTS}
    for name, published in PUBLISHED.items():
        mass_row = "Trunk" if name == "trunk" else "Hand" if name == "left_hand" else published
        assert ours[name].mass[column] == float(rows[mass_row]["Mass"]), name
        if name != "head":
            assert ours[name].centre[column] == float(rows[published]["CM Long"]), name


def test_the_reduced_table_is_dempsters(shared_data: Path):
    text = (shared_data / "golden" / "body_segments" / "BSP_DempsterWinter.txt").read_text()
    rows = {line.split("\t")[0]: line.split("\t") for line in text.splitlines()}
    assert float(rows["Forearm hand"][3]) == body.FOREARM_AND_HAND
    assert float(rows["Head neck"][3]) == 1.0  # at the ear canal, where our head is


@pytest.mark.parametrize("sex", ["female", "male", ""])
@pytest.mark.parametrize("hands", [True, False])
@pytest.mark.parametrize("feet", [True, False])
def test_weights_make_one_body(sex: str, hands: bool, feet: bool):
    mass, _ = body.tables(sex)
    assert mass.sum() == pytest.approx(1, abs=1e-12)
    weights = body.segment_weights(sex, hands=hands, feet=feet)
    assert weights.sum(axis=1) == pytest.approx(1)
    assert (weights >= 0).all()
    if not feet:
        assert weights[:, INDEX["left_heel"]].sum() == 0
    if not hands:
        assert weights[:, INDEX["left_index"]].sum() == 0


def test_published_sums_are_one():
    for column, total in ((0, 0.9999), (1, 1.0000)):
        assert sum(segment.mass[column] for segment in body.SEGMENTS) == pytest.approx(total, abs=1e-9)


@pytest.mark.parametrize("view", ["front", "back", "left", "right"])
@pytest.mark.parametrize("sex", ["female", "male", ""])
def test_a_synthetic_bodys_centre_of_mass_is_exact(view: str, sex: str):
    landmarks, truth = standing.trial(spec(view=view, sex=sex, duration_s=6))
    com = body.centre_of_mass(prepare(landmarks), sex)
    assert np.abs(com.position_px - truth.com_px).max() < 1e-5
    assert com.mass_share == pytest.approx(1)
    assert com.sex == (sex or "mean")
    assert not com.reduced


@given(st.floats(-300, 300), st.floats(-300, 300), st.floats(0.3, 3))
@settings(max_examples=15, deadline=None)
def test_it_moves_and_scales_with_the_body(dx: float, dy: float, factor: float):
    landmarks, truth = standing.trial(spec(duration_s=2))
    moved = replace(landmarks, image_px=landmarks.image_px * factor + [dx, dy])
    com = body.centre_of_mass(prepare(moved))
    assert np.allclose(com.position_px, truth.com_px * factor + [dx, dy], atol=1e-4)


def test_a_mirror_image_mirrors_it():
    landmarks, truth = standing.trial(spec(duration_s=2))
    com = body.centre_of_mass(prepare(mirrored(landmarks)))
    assert np.allclose(com.position_px[:, 0], landmarks.width - truth.com_px[:, 0], atol=1e-4)


def test_the_propagated_error_is_the_scatter_of_noisy_landmarks():
    landmarks, truth = standing.trial(spec(duration_s=40, noise_px=1.2))
    com = body.centre_of_mass(prepare(landmarks))
    assert com.error_source == "regions"
    scatter = (com.position_px - truth.com_px).std()
    assert np.median(com.standard_uncertainty_px) == pytest.approx(scatter, rel=0.1)


def test_too_little_mass_gives_no_position():
    landmarks, _ = standing.trial(spec(duration_s=4))
    legless = landmarks.image_px.copy()
    legless[40:80, INDEX["left_knee"]] = np.nan
    com = body.centre_of_mass(prepare(replace(landmarks, image_px=legless)))
    assert com.mass_share[50] == pytest.approx(1 - 0.1447 - 0.0457, abs=1e-3)
    assert np.isnan(com.position_px[45:75]).all()
    assert np.isnan(com.standard_uncertainty_px[45:75]).all()
    assert np.isfinite(com.position_px[:38]).all()


def test_it_does_not_jump_when_an_arm_comes_and_goes():
    landmarks, truth = standing.trial(spec(duration_s=6))
    armless = landmarks.image_px.copy()
    for name in ("wrist", "index", "pinky"):
        armless[60:110, INDEX[f"left_{name}"]] = np.nan
    com = body.centre_of_mass(prepare(replace(landmarks, image_px=armless)))
    assert com.mass_share[80] < 1
    assert np.abs(com.position_px - truth.com_px).max() < 0.3
    assert com.standard_uncertainty_px[80] > 0


def test_seventeen_points_use_the_reduced_table():
    landmarks, truth = standing.trial(spec(duration_s=4))
    px = landmarks.image_px.copy()
    for index, name in enumerate(NAMES):
        if name.split("_", 1)[-1] in ("pinky", "index", "thumb", "heel", "foot_index"):
            px[:, index] = np.nan
    com = body.centre_of_mass(prepare(replace(landmarks, image_px=px)))
    assert com.reduced
    assert com.mass_share == pytest.approx(1)
    offset = com.position_px - truth.com_px
    assert np.abs(offset).max() < 6
    assert offset.std(axis=0).max() < 0.6


def test_nothing_seen_is_no_error():
    time_s = np.arange(30) / 30
    nothing = np.full((30, POINTS), np.nan)
    com = body.centre_of_mass(
        prepare(Landmarks(100, 100, time_s, np.full((30, POINTS, 2), np.nan), nothing, nothing))
    )
    assert np.isnan(com.position_px).all()
    assert (com.mass_share == 0).all()


def points_of(markers: dict[str, np.ndarray], names: dict[str, tuple[str, ...]]) -> dict[str, np.ndarray]:
    return {point: np.mean([markers[name] for name in of], axis=0) for point, of in names.items()}


def series_of(points: dict[str, np.ndarray], time_s: np.ndarray, across: np.ndarray) -> Landmarks:
    """Points [N, 3] m, z up, seen at 500 px/m with `across` to the picture's right."""
    px = np.full((len(time_s), POINTS, 2), np.nan)
    for name, position in points.items():
        px[:, INDEX[name], 0] = 1000 + 500 * position @ across
        px[:, INDEX[name], 1] = 1500 - 500 * position[:, 2]
    seen = np.isfinite(px[..., 0]).astype(float)
    return Landmarks(2000, 1920, time_s, px, seen, seen)


@pytest.mark.parametrize(("axis", "quiet_mm", "walking_mm"), [(1, 0.2, 1.5), (0, 0.5, 1.5)])
def test_it_follows_a_published_full_body_centre_of_mass(
    shared_data: Path, axis: int, quiet_mm: float, walking_mm: float
):
    """Le Mouel 2024: 45 markers and a kinematic centre of mass, quiet stance (1.4 s) and then walking."""
    with np.load(shared_data / "posevideo" / "lemouel_com" / "example_data.npz") as data:
        markers = dict(
            zip(data["labels"].tolist(), data["positions_m"].astype(float).swapaxes(1, 2), strict=True)
        )
        reference = data["kinematic_com_m"].astype(float)
    points: dict[str, np.ndarray] = {}
    for side, s, o in (("left", "L", "R"), ("right", "R", "L")):
        names = {
            "shoulder": ("SHO", "SHOA", "SHOP"),
            "elbow": ("ELM", "ELL"),
            "wrist": ("WRR", "WRU"),
            "index": ("DMC2",),
            "pinky": ("DMC5",),
            "knee": ("FME", "FLE"),
            "ankle": ("MMAL", "LMAL"),
            "heel": ("CAL2",),
            "foot_index": ("DMT1", "DMT5"),
        }
        points |= points_of(markers, {f"{side}_{k}": tuple(s + n for n in v) for k, v in names.items()})
        points[f"{side}_hip"] = 0.75 * markers[f"{s}FTC"] + 0.25 * markers[f"{o}FTC"]
        points[f"{side}_ear"] = markers[f"HEAD{s}"]
    time_s = np.arange(reference.shape[1]) / 200
    prepared = prepare(series_of(points, time_s, np.eye(3)[axis]))
    com = body.centre_of_mass(prepared, "male")
    expected = np.interp(prepared.time_s, time_s, reference[axis])
    error_mm = 1000 * ((com.position_px[:, 0] - 1000) / 500 - expected)
    assert np.isfinite(error_mm).all()
    assert error_mm[prepared.time_s < 1.4].std() < quiet_mm
    assert error_mm.std() < walking_mm
    assert abs(error_mm.mean()) < 10
