"""Skin in centimetres: arc length and area are true, designs stay on one piece of skin, seeds repeat."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.synth.designs import Design
from models.synth.geometry import Surface, from_height, place, surface
from models.synth.geometry import views as baked
from models.synth.geometry.limbs import limb, patch
from models.synth.geometry.place import MAX_INKS, warp
from models.synth.inks import Ink
from models.synth.library import Views
from tests.models.content import ball, library

SIZE = 200
BLACK = (Ink("black", 1.0, 0.004),)
UPRIGHT = np.eye(2, dtype=np.float32)


def cylinder(radius_cm: float, share: float, size: int = SIZE) -> Surface:
    """An upright cylinder whose radius is `share` of the frame."""
    cm_per_px = radius_cm / (share * size)
    x = (np.arange(size) - size // 2) * cm_per_px
    height = np.sqrt(np.maximum(radius_cm**2 - x * x, 0)).astype(np.float32)
    where = np.broadcast_to(np.abs(x) < radius_cm, (size, size)).copy()
    return from_height(np.tile(height, (size, 1)), where, cm_per_px, "forearm")


def full(canvas: int = 64) -> Design:
    return Design(np.ones((1, canvas, canvas), np.float32), BLACK)


def laid_area_cm2(surface_: Surface, amounts: np.ndarray) -> float:
    """Area on the skin: every pixel counts its own, larger by how far its skin is turned away."""
    pixel = surface_.cm_per_px**2 / surface_.normal[:, :, 2]
    return float((amounts[0] * pixel).sum())


@settings(max_examples=20, deadline=None)
@given(st.floats(2, 12), st.floats(0.2, 0.45))
def test_uv_is_arc_length_round_a_cylinder(radius_cm: float, share: float) -> None:
    skin = cylinder(radius_cm, share)
    row = skin.uv_cm[SIZE // 2]
    x = (np.arange(SIZE) - SIZE // 2) * skin.cm_per_px
    near = np.abs(x) < 0.9 * radius_cm
    expected = radius_cm * np.arcsin(x[near] / radius_cm)
    middle = row[SIZE // 2, 0]
    np.testing.assert_allclose(row[near, 0] - middle, expected, atol=0.035 * radius_cm)
    np.testing.assert_allclose(np.diff(skin.uv_cm[:, SIZE // 2, 1]), skin.cm_per_px, rtol=1e-3)


@settings(max_examples=15, deadline=None)
@given(st.floats(3, 10), st.floats(0.25, 0.45), st.floats(0.4, 1.5), st.floats(0, 6.3))
def test_a_design_keeps_its_area_round_a_limb(
    radius_cm: float, share: float, side: float, angle: float
) -> None:
    skin = cylinder(radius_cm, share)
    side_cm = side * radius_cm
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    centre = skin.uv_cm[SIZE // 2, SIZE // 2]
    amounts = warp(full(), skin, centre, side_cm, turn)
    assert laid_area_cm2(skin, amounts) == pytest.approx(side_cm**2, rel=0.06)


def test_a_design_on_a_ball_keeps_its_area_within_a_tenth() -> None:
    size, radius = SIZE, 6.0
    cm_per_px = radius / 90
    y, x = (np.indices((size, size)) - size / 2) * cm_per_px
    inside = x * x + y * y < radius**2
    height = np.sqrt(np.maximum(radius**2 - x * x - y * y, 0)).astype(np.float32)
    skin = from_height(height, inside, cm_per_px, "shoulder")
    amounts = warp(full(), skin, skin.uv_cm[size // 2, size // 2], 5.0, UPRIGHT)
    assert laid_area_cm2(skin, amounts) == pytest.approx(25.0, rel=0.1)


def test_normals_of_a_cylinder() -> None:
    skin = cylinder(4.0, 0.4)
    x = (np.arange(SIZE) - SIZE // 2) * skin.cm_per_px
    near = np.abs(x) < 0.85 * 4.0
    normal = skin.normal[SIZE // 2, near]
    np.testing.assert_allclose(normal[:, 0], x[near] / 4.0, atol=0.03)
    np.testing.assert_allclose(np.linalg.norm(skin.normal, axis=-1), 1, atol=1e-5)


def test_no_skin_is_refused() -> None:
    with pytest.raises(ValueError, match="no skin"):
        from_height(np.zeros((8, 8), np.float32), np.zeros((8, 8), bool), 0.1, "flat")


def test_a_design_stays_on_its_piece_of_skin() -> None:
    """A step of 5 cm across the middle: an arm before a trunk."""
    height = np.zeros((SIZE, SIZE), np.float32)
    height[:, SIZE // 2 :] = 5.0
    skin = from_height(height, np.ones((SIZE, SIZE), bool), 0.1, "forearm")
    assert len(np.unique(skin.piece[:, [10, -10]])) == 2
    for seed in range(8):
        amounts = place(np.random.default_rng(seed), skin, library()).amounts
        for plane in amounts:
            left, right = plane[:, : SIZE // 2 - 1].any(), plane[:, SIZE // 2 + 1 :].any()
            assert not (left and right)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([patch, limb]))
def test_placed_ink_is_on_skin_and_repeats(seed: int, made: object) -> None:
    skin, again = (made(np.random.default_rng(seed), (96, 128)) for _ in range(2))
    np.testing.assert_array_equal(skin.uv_cm, again.uv_cm)
    assert skin.where.shape == (96, 128)
    assert skin.cm_per_px > 0
    np.testing.assert_allclose(np.linalg.norm(skin.normal, axis=-1), 1, atol=1e-4)
    one, two = (place(np.random.default_rng(seed), skin, library()) for _ in range(2))
    np.testing.assert_array_equal(one.amounts, two.amounts)
    assert one.inks == two.inks
    assert one.amounts.shape == (len(one.inks), 96, 128)
    assert len(one.inks) <= MAX_INKS
    assert not one.amounts[:, ~skin.where].any()
    assert one.amounts.max(initial=0) <= 1.5


def test_sizes_run_from_small_pieces_to_sleeves() -> None:
    shares = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        skin = surface(rng, (96, 96))
        laid = place(rng, skin, library()).amounts
        shares.append((laid.max(0, initial=0) > 0.1).sum() / skin.where.sum())
    assert min(shares) < 0.03
    assert max(shares) > 0.6


def test_views_become_surfaces_with_their_parts() -> None:
    stock = library(bodies=True)
    parts = {surface(np.random.default_rng(seed), (128, 128), stock).part for seed in range(30)}
    assert "ball" in parts
    assert len(parts) > 3
    skin = baked.view(np.random.default_rng(0), (128, 128), ball())
    facing = np.where(skin.where, skin.normal[:, :, 2], 0)
    row, col = np.unravel_index(int(facing.argmax()), facing.shape)
    # Right of where the ball faces the camera it is turned right, below it is turned down.
    assert skin.normal[row, col + 30, 0] > 0.15
    assert skin.normal[row + 30, col, 1] > 0.15
    assert abs(skin.normal[row, col + 30, 1]) < 0.1


def test_views_are_kept_and_read(tmp_path: object) -> None:
    assert baked.read(tmp_path) is None
    views = ball()
    baked.save(views, tmp_path)
    read = baked.read(tmp_path)
    np.testing.assert_array_equal(read.height, views.height)
    np.testing.assert_array_equal(read.normal, views.normal)
    assert read.part == views.part
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{baked.STEM}.json", f"{baked.STEM}-height.npy", f"{baked.STEM}-normal.npy"
    }  # fmt: skip


def test_views_without_skin_are_refused() -> None:
    nothing = Views(
        np.full((1, 64, 64), -1000, np.float16),
        np.zeros((1, 64, 64, 2), np.int8),
        np.array([0.1], np.float32),
        ("x",),
    )
    with pytest.raises(ValueError, match="next to no skin"):
        baked.view(np.random.default_rng(0), (64, 64), nothing)
