"""Synthetic people: exact truth, cameras, drawing, determinism, and the sway that is put in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.errors import FailedPrecondition
from mesh.landmarks import INDEX
from models.synth.people import ClipSpec, ClipTruth, asset, body, clip, dress, person, posture, render
from models.synth.people.clip import staged, volume_centre
from models.synth.people.pendulum import modes, pendulum
from models.synth.people.posture import AHEAD, RIGHT, UP, Posture, rotation
from models.synth.people.raster import rasterise, triangles_of
from models.synth.people.render import Light
from models.synth.people.view import Camera, look_at
from models.synth.standing import Happening, Mode, StandingSpec
from models.synth.standing.motion import angles
from svc_balance.sway.posture.body import SEGMENTS, tables
from svc_color.space import linear_to_lab
from tests.models.people_cases import people

__all__ = ["people"]

pytestmark = [pytest.mark.xdist_group("people"), pytest.mark.usefixtures("people")]
SHORT = StandingSpec(duration_s=3.0, fps=10.0, height_mm=1680.0, foot_up_s=1.0, width=160, height=288)


def truth_of(spec: StandingSpec, seed: int = 5) -> ClipTruth:
    return clip(ClipSpec(spec, seed=seed))[1]


@pytest.fixture
def shape() -> body.Body:
    return body.body(2, 4, 0.3, 1650.0)


def camera(**changes: float) -> Camera:
    said = {"azimuth_deg": 0.0, "distance_mm": 3000.0, "height_mm": 1000.0, "focal_px": 400.0} | changes
    return look_at(np.array([0.0, 0.0, 900.0]), size=(300, 500), **said)


class TestTruth:
    def test_the_centre_of_mass_is_the_sum_of_the_segments(self) -> None:
        truth = truth_of(SHORT)
        mass, centres = tables(truth.sex)
        total = np.zeros_like(truth.com_mm)
        for segment, kg, share in zip(SEGMENTS, mass, centres, strict=True):
            ends = [
                truth.joints_mm[:, [INDEX[name] for name in names]].mean(axis=1)
                for names in (segment.proximal, segment.distal)
            ]
            total += kg * ((1 - share) * ends[0] + share * ends[1])
        np.testing.assert_allclose(truth.com_mm, total, atol=1e-9)

    @pytest.mark.parametrize("side", ["left", "right"])
    def test_the_standing_foot_rests_and_the_body_is_over_it(self, side: str) -> None:
        truth = truth_of(replace(SHORT, stance_side=side, modes=()))
        ankle = truth.joints_mm[:, INDEX[f"{side}_ankle"]]
        assert np.ptp(ankle, axis=0).max() < 1e-9
        heel, toe = (
            truth.joints_mm[-1, INDEX[f"{side}_heel"]],
            truth.joints_mm[-1, INDEX[f"{side}_foot_index"]],
        )
        assert truth.com_mm[-1, 0] == pytest.approx((heel[0] + toe[0]) / 2, abs=15)
        assert heel[1] < truth.com_mm[-1, 1] < toe[1]
        other = "right" if side == "left" else "left"
        lifted = truth.joints_mm[:, INDEX[f"{other}_heel"], 2]
        assert lifted[-1] - lifted[0] > 150

    def test_segments_keep_their_lengths(self) -> None:
        joints = truth_of(replace(SHORT, happenings=(Happening("hands_off", 1.5, 1.0, 60.0),))).joints_mm
        for limb in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle")):
            for side in ("left", "right"):
                ends = [joints[:, INDEX[f"{side}_{joint}"]] for joint in limb]
                assert np.ptp(np.linalg.norm(ends[0] - ends[1], axis=1)) < 1e-9

    def test_the_trunk_and_leg_turn_by_the_angles_asked_for(self) -> None:
        """Two rigid links: what is measured at the joints is what was put in, but for a constant."""
        spec = replace(SHORT, foot_up_s=None, modes=(Mode("ml", 0.5, 1.0, -2.0), Mode("ap", 0.4, 1.5, 1.0)))
        truth = truth_of(spec)
        leg, trunk = angles(spec, truth.time_s)
        for seen, put in ((truth.leg_rad, leg), (truth.trunk_rad, trunk)):
            off = seen - put
            assert np.ptp(off, axis=0).max() < 0.01 * np.ptp(put, axis=0).max()

    @pytest.mark.parametrize(
        ("happening", "name", "axis", "sign"),
        [
            (Happening("hop", 1.5, 1.0, 40.0), "left_ankle", 2, 1),
            (Happening("stance_foot_moved", 1.5, 0.2, 50.0), "left_heel", 0, 1),
            (Happening("heel_lift", 1.5, 1.0, 30.0), "left_heel", 2, 1),
            (Happening("forefoot_lift", 1.5, 1.0, 30.0), "left_foot_index", 2, 1),
            (Happening("trunk_lean", 1.5, 1.0, 15.0), "nose", 0, -1),
            (Happening("trunk_forward", 1.5, 1.0, 15.0), "nose", 1, 1),
            (Happening("head_tilt", 1.5, 1.0, 15.0), "nose", 0, -1),
            (Happening("hands_off", 1.5, 1.0, 60.0, "right"), "right_wrist", 0, 1),
            (Happening("knee_valgus", 1.5, 1.0, 30.0), "left_knee", 0, 1),
            (Happening("knee_flexion", 1.5, 1.0, 30.0), "left_knee", 1, 1),
            (Happening("lifted_leg_swing", 1.5, 1.0, 30.0), "right_knee", 1, 1),
            (Happening("hip_abduction", 1.5, 1.0, 30.0), "right_knee", 0, 1),
            (Happening("trunk_rotation", 1.5, 1.0, 30.0), "right_shoulder", 1, 1),
            (Happening("pelvic_drop", 1.5, 1.0, 10.0), "right_hip", 2, -1),
        ],
        ids=lambda value: value.kind if isinstance(value, Happening) else "",
    )
    def test_happenings_move_what_they_name(
        self, happening: Happening, name: str, axis: int, sign: int
    ) -> None:
        """Standing on the left leg, with and without it, half way through."""
        still, moved = (
            truth_of(replace(SHORT, modes=(), happenings=happenings)).joints_mm[20, INDEX[name], axis]
            for happenings in ((), (happening,))
        )
        assert sign * (moved - still) > 4

    def test_volume_and_segments_agree_on_the_centre_of_mass(self) -> None:
        """Two ways to say where the mass is: both inside the body, a few centimetres apart."""
        for seed in range(4):
            spec = ClipSpec(replace(SHORT, foot_up_s=None), seed=seed)
            posed = staged(spec).posed(0)
            apart = volume_centre(posed) - clip(spec)[1].com_mm[0]
            assert np.abs(apart[0]) < 5
            assert np.abs(apart).max() < 70

    def test_an_unknown_view_is_refused(self) -> None:
        with pytest.raises(ValueError, match="view is 'above'"):
            clip(ClipSpec(replace(SHORT, view="above")))


class TestPendulum:
    @pytest.mark.parametrize("hip_share", [0.0, 0.3, 0.9])
    def test_mixture_and_amplitude_are_what_was_asked_for(self, hip_share: float) -> None:
        own = pendulum(1700.0, "female")
        found = modes(np.random.default_rng(3), own, "ml", 6.0, hip_share)
        time_s = np.arange(0, 400, 0.05)
        leg, trunk = (values[:, 0] for values in angles(replace(SHORT, modes=found), time_s))
        # Angles are the two modes' sum: solved for each mode.
        solved = np.linalg.solve(np.array([[1.0, 1.0], own.ratio]), np.stack([leg, trunk]))
        power = solved.var(axis=1)
        assert power[1] / power.sum() == pytest.approx(hip_share, abs=0.02)
        assert (own.com_mm @ solved).std() == pytest.approx(6.0, rel=0.03)

    @given(stature=st.floats(1400, 2050), sex=st.sampled_from(["female", "male", ""]))
    def test_the_lower_mode_is_the_ankle_s(self, stature: float, sex: str) -> None:
        own = pendulum(stature, sex)
        assert 0 < own.frequencies_hz[0] < own.frequencies_hz[1]
        assert own.ratio[0] > 0 > own.ratio[1]
        assert own.com_mm[0] > abs(own.com_mm[1])

    def test_low_frequencies_carry_the_sway(self) -> None:
        own = pendulum(1700.0)
        found = modes(np.random.default_rng(1), own, "ap", 6.0, 0.2)
        assert all(mode.plane == "ap" for mode in found)
        slow = sum(mode.leg_deg**2 for mode in found if mode.frequency_hz < 0.7)
        assert slow > 0.6 * sum(mode.leg_deg**2 for mode in found)


class TestCamera:
    @given(
        azimuth=st.floats(-180, 180),
        roll=st.floats(-40, 40),
        levelled=st.floats(0, 1),
        place=st.tuples(st.floats(-500, 500), st.floats(-500, 500), st.floats(0, 2000)),
    )
    def test_projection_round_trip(
        self, azimuth: float, roll: float, levelled: float, place: tuple[float, float, float]
    ) -> None:
        seen_by = camera(azimuth_deg=azimuth, roll_deg=roll, levelled=levelled)
        point = np.array([place])
        pixels, depth = seen_by.project(point)
        np.testing.assert_allclose(seen_by.back(pixels, depth), point, atol=1e-6)
        np.testing.assert_allclose(seen_by.turn @ seen_by.turn.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(seen_by.turn) == pytest.approx(1)
        middle, _ = seen_by.project(np.array([0.0, 0.0, 900.0]))
        np.testing.assert_allclose(middle, [150, 250], atol=1e-9)

    def test_views_and_roll(self) -> None:
        """From the front the subject's right is on the picture's left; from the right, forward is right."""
        right, ahead = np.array([300.0, 0.0, 900.0]), np.array([0.0, 300.0, 900.0])
        assert camera().project(right)[0][0] < 150
        assert camera(azimuth_deg=180).project(right)[0][0] > 150
        assert camera(azimuth_deg=90).project(ahead)[0][0] > 150
        assert camera(azimuth_deg=-90).project(ahead)[0][0] < 150
        above = np.array([0.0, 0.0, 1500.0])
        assert camera(roll_deg=10).project(above)[0][0] > 150
        assert camera().project(above)[0][1] < 250

    def test_a_scaled_camera_sees_the_same(self) -> None:
        point = np.array([120.0, 40.0, 1300.0])
        np.testing.assert_allclose(camera().scaled(2).project(point)[0], 2 * camera().project(point)[0])


class TestPosture:
    def test_rotations_turn_as_said(self) -> None:
        np.testing.assert_allclose(rotation(RIGHT, 90) @ -UP, AHEAD, atol=1e-12)
        np.testing.assert_allclose(rotation(AHEAD, 90) @ UP, RIGHT, atol=1e-12)

    def test_arms_go_where_they_are_turned(self, shape: body.Body) -> None:
        raised = Posture({"right_upper_arm": rotation(AHEAD, -90), "left_forearm": rotation(RIGHT, 90)})
        points = body.skin(shape, *posture.bones(shape, raised), surface=False).points
        at = {name: points[row] for name, row in INDEX.items()}
        along = at["right_elbow"] - at["right_shoulder"]
        np.testing.assert_allclose(along / np.linalg.norm(along), RIGHT, atol=1e-6)
        lower = at["left_wrist"] - at["left_elbow"]
        np.testing.assert_allclose(lower / np.linalg.norm(lower), AHEAD, atol=1e-6)

    def test_skin_at_rest_is_the_rest_shape(self, shape: body.Body) -> None:
        still = np.tile(np.eye(3), (len(shape.heads), 1, 1))
        posed = body.skin(shape, still, shape.heads)
        np.testing.assert_allclose(posed.vertices, shape.vertices, atol=1e-2)
        np.testing.assert_allclose(posed.points, shape.points, atol=1e-9)

    def test_the_body_of_a_clip_has_its_stature(self) -> None:
        for seed in range(3):
            shape = staged(ClipSpec(replace(SHORT, height_mm=1900.0), seed=seed)).shape
            assert shape.vertices[asset.load()["own"], 2].max() == pytest.approx(1900, abs=0.01)
            assert shape.stature_mm == 1900


class TestDrawing:
    def test_a_triangle_covers_its_area(self) -> None:
        xy = np.array([[10.2, 5.1], [12.7, 80.3], [90.4, 40.9]], np.float32)
        depth = np.full(3, 1000.0, np.float32)
        cover = rasterise(xy, depth, np.array([[0, 1, 2]]), 100, 100)
        area = abs(np.linalg.det(np.stack([xy[1] - xy[0], xy[2] - xy[0]]))) / 2
        assert len(cover.pixels) == pytest.approx(area, rel=0.01)
        centres = np.stack([cover.pixels % 100, cover.pixels // 100], axis=1) + 0.5
        np.testing.assert_allclose(cover.weights @ xy, centres, atol=1e-3)
        assert len(rasterise(xy, depth, np.array([[0, 2, 1]]), 100, 100).pixels) == 0

    def test_the_nearer_triangle_wins_whatever_the_order_and_size(self) -> None:
        xy = np.array([[0, 0], [0, 300], [300, 0], [10, 10], [10, 13], [13, 10]], np.float32)
        depth = np.array([900, 900, 900, 800, 800, 800], np.float32)
        for order in ([[0, 1, 2], [3, 4, 5]], [[3, 4, 5], [0, 1, 2]]):
            triangles = np.array(order)
            cover = rasterise(xy, depth, triangles, 320, 320)
            chosen = triangles[cover.triangles, 0]
            assert chosen[cover.pixels == 11 * 320 + 10] == 3
            assert chosen[cover.pixels == 50 * 320 + 50] == 0

    def test_triangles_of_a_quad(self) -> None:
        assert triangles_of(np.array([[4, 5, 6, 7]])).tolist() == [[4, 5, 6], [4, 6, 7]]

    def test_a_shift_of_a_part_of_a_pixel_moves_the_picture_by_it(self, shape: body.Body) -> None:
        """What sway in a video rests on."""
        posed = body.skin(shape, *posture.bones(shape, Posture()))
        look = dress.sampled(np.random.default_rng(1), shape)
        dressed = dress.dress(shape, look)
        light = Light(UP, np.ones(3), np.full(3, 0.5))
        columns = []
        for shift in (0.0, 0.13, 0.37, 0.5, 0.81):
            seen_by = camera(focal_px=600.0)
            moved = replace(seen_by, centre_px=seen_by.centre_px + np.array([shift, 0]))
            figure = render.draw(shape, posed, dressed, look, moved, light)
            x = np.arange(figure.cover.shape[1]) + figure.left
            columns.append(float((figure.cover.sum(axis=0) * x).sum() / figure.cover.sum()) - shift)
        assert np.ptp(columns) < 0.04

    @given(ita=st.floats(-50, 60))
    def test_skin_has_its_typology_angle(self, ita: float) -> None:
        lightness, _, yellow = linear_to_lab(dress.skin_colour(ita))
        # The darkest skins reach the floor of the blue channel.
        assert np.degrees(np.arctan2(lightness - 50, yellow)) == pytest.approx(ita, abs=1.5)


class TestPerson:
    def test_the_same_seed_gives_the_same_bytes(self) -> None:
        one, again, other = person(11, 96), person(11, 96), person(12, 96)
        assert one.rgb.tobytes() == again.rgb.tobytes()
        assert one.points_px.tobytes() == again.points_px.tobytes()
        assert one.rgb.tobytes() != other.rgb.tobytes()
        frames, again_frames = (clip(ClipSpec(SHORT, seed=3))[0] for _ in range(2))
        for _ in range(2):
            assert next(frames).tobytes() == next(again_frames).tobytes()

    @settings(max_examples=12)
    @given(seed=st.integers(0, 2**31))
    def test_flags_and_box_fit_the_points(self, seed: int) -> None:
        found = person(seed, 96)
        assert found.rgb.shape == (96, 96, 3)
        assert found.rgb.dtype == np.uint8
        assert np.isfinite(found.points_px).all()
        assert (found.visible <= found.in_frame).all()
        left, top, right, bottom = found.box
        assert 0 <= left <= right <= 96
        assert 0 <= top <= bottom <= 96
        inside = found.points_px[found.visible]
        # A landmark lies inside the body; clothes and blur are a few pixels.
        assert (inside > np.array([left, top]) - 4).all()
        assert (inside < np.array([right, bottom]) + 4).all()
        assert found.rgb.std() > 2

    def test_a_larger_picture_shows_the_same_person(self) -> None:
        """Points scale with the picture but for the draws that scale with nothing."""
        small, large = person(21, 96), person(21, 192)
        np.testing.assert_allclose(large.points_px, 2 * small.points_px, atol=1e-6)

    def test_faces_are_hidden_from_behind(self) -> None:
        for view, hidden in (("front", False), ("back", True)):
            spec = ClipSpec(replace(SHORT, view=view, foot_up_s=None), seed=4)
            stance = staged(spec)
            posed = stance.posed(0)
            look = dress.sampled(np.random.default_rng(0), stance.shape)
            seen_by = clip(spec)[1].camera
            light = Light(UP, np.ones(3), np.ones(3))
            figure = render.draw(stance.shape, posed, dress.dress(stance.shape, look), look, seen_by, light)
            points, depth = seen_by.project(posed.points)
            behind = depth[INDEX["nose"]] - figure.depth_at(*points[INDEX["nose"]]) > 60
            assert behind == hidden


def test_baked_bodies_are_whole_and_human() -> None:
    held = asset.load()
    vertices, points = held["vertices"] / 10, held["points"]
    stature = vertices[:, held["own"], 2].max(axis=1)
    assert sorted(set(held["sex"])) == ["female", "male"]
    assert int(held["quads"].max()) < vertices.shape[1]
    np.testing.assert_allclose(held["weights"].sum(axis=1), 1, atol=1e-5)
    at = {name: points[:, row] / stature[:, None] for name, row in INDEX.items()}
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "heel", "foot_index", "eye", "ear"):
        left, right = at[f"left_{joint}"], at[f"right_{joint}"]
        np.testing.assert_allclose(left * [-1, 1, 1], right, atol=0.004)
        assert (right[:, 0] > 0).all()
    # Drillis & Contini 1966: hip 0.530, knee 0.285, ankle 0.039, shoulder 0.818 of stature, eyes 0.936.
    heights = {"hip": 0.53, "knee": 0.285, "ankle": 0.039, "shoulder": 0.818, "eye": 0.936}
    for joint, share in heights.items():
        assert np.median(at[f"left_{joint}"][:, 2]) == pytest.approx(share, abs=0.03)
        assert at[f"left_{joint}"][:, 2] == pytest.approx(share, abs=0.07)
    assert (at["nose"][:, 1] > at["left_ear"][:, 1]).all()
    assert (at["left_foot_index"][:, 1] > at["left_heel"][:, 1]).all()


def test_bodies_that_are_not_baked_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(asset, "CACHE", tmp_path)
    with pytest.raises(FailedPrecondition, match="not in the cache") as told:
        asset.load.__wrapped__()
    assert "models.synth.people.bake" in told.value.fix
