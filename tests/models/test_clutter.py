"""What is no ink: it only hides skin, it has a name, and the same numbers give the same."""

from __future__ import annotations

import numpy as np
import pytest

from models.synth import clutter
from models.synth.clutter import marks, rooms, textures, worn
from models.synth.designs import EMPTY, draw
from models.synth.geometry import Surface, surface
from tests.models.content import library

SHAPE = (120, 160)
LIBRARY = library()


@pytest.fixture(scope="module")
def skin() -> Surface:
    return surface(np.random.default_rng(5), SHAPE)


def lit() -> np.ndarray:
    return np.full((*SHAPE, 3), 0.4, np.float32)


def sound(image: np.ndarray) -> None:
    assert image.shape == (*SHAPE, 3)
    assert image.dtype == np.float32
    assert np.isfinite(image).all()


@pytest.mark.parametrize("stock", [EMPTY, LIBRARY], ids=["empty", "stocked"])
@pytest.mark.parametrize("name", marks.MARKS)
def test_marks_darken_skin_and_are_no_geometry(name: str, stock: object, skin: Surface) -> None:
    changed = False
    for seed in range(3):
        scene = lit()
        marks.MARKS[name][1](np.random.default_rng(seed), scene, skin, stock)
        sound(scene)
        assert (scene > 0).all()
        changed |= bool((scene != lit()).any())
    assert changed


@pytest.mark.parametrize("name", worn.COVERS)
def test_covers_say_what_they_hide(name: str, skin: Surface) -> None:
    hid = 0.0
    for seed in range(6):
        scene = lit()
        where = worn.COVERS[name][1](np.random.default_rng(seed), scene, skin, LIBRARY)
        sound(scene)
        assert where.shape == SHAPE
        assert where.min() >= 0
        assert where.max() <= 1 + 1e-6
        hid = max(hid, float(where.mean()))
        # Far from the cover only its shadow is seen: nothing there is brighter than it was.
        assert (scene[where == 0] <= 0.4 + 1e-6).all()
    assert hid > 0.001


def test_before_only_takes_skin_away_and_names_it(skin: Surface) -> None:
    named = set()
    for seed in range(40):
        scene = lit()
        seen, names = clutter.before(np.random.default_rng(seed), scene, skin, skin.where, LIBRARY)
        assert not (seen & ~skin.where).any()
        assert names or (seen == skin.where).all()
        named |= set(names)
    assert len(named) >= 6
    assert named <= set(worn.COVERS)


def test_behind_repeats_and_has_the_frame() -> None:
    drawn = (draw(np.random.default_rng(1), 64, 2.0, LIBRARY),)
    named = set()
    for seed in range(40):
        one, names = clutter.behind(np.random.default_rng(seed), SHAPE, LIBRARY, drawn)
        sound(one)
        named |= set(names)
    two, again = clutter.behind(np.random.default_rng(39), SHAPE, LIBRARY, drawn)
    np.testing.assert_array_equal(one, two)
    assert names == again
    assert named >= {"paper", "plain ground", "room", "cloth"}


def test_a_sheet_of_paper_shows_the_very_design() -> None:
    """Where the tattoo's design has ink, its sketch is not the paper's colour."""
    ground = np.full((64, 64, 3), 0.9, np.float32)
    design = draw(np.random.default_rng(4), 64, 2.0, LIBRARY)
    sketch = textures.printed(np.random.default_rng(0), design, ground)
    dense = design.amounts.sum(0) > 0.5
    assert dense.any()
    assert (np.abs(sketch - ground).max(-1)[dense] > 0.05).mean() > 0.8
    np.testing.assert_array_equal(sketch[design.amounts.sum(0) == 0], ground[design.amounts.sum(0) == 0])


@pytest.mark.parametrize(
    "make",
    [
        textures.floor,
        textures.wall,
        textures.shelves,
        textures.foliage,
        textures.plastic,
        textures.wrap,
        textures.trousers,
    ],
)
def test_surfaces_have_structure(make: object) -> None:
    for seed in range(4):
        image = make(np.random.default_rng(seed), SHAPE)
        sound(image)
        assert image.std() > 1e-4


def test_overlays_hide_what_they_cover() -> None:
    rgb = np.full((*SHAPE, 3), 90, np.uint8)
    named, hidden_share = set(), []
    for seed in range(120):
        out, hidden, names = clutter.overlay(np.random.default_rng(seed), rgb, LIBRARY)
        assert out.dtype == np.uint8
        assert out.shape == rgb.shape
        if not names:
            np.testing.assert_array_equal(out, rgb)
            assert not hidden.any()
        assert (out[~hidden] != 90).mean() < 0.9 or names
        named |= set(names)
        hidden_share.append(hidden.mean())
    assert named == {"text", "motif", "border"}
    assert max(hidden_share) > 0.01


def test_film_gleams_and_is_rare() -> None:
    laid = 0
    for seed in range(200):
        scene = lit()
        names = clutter.film(np.random.default_rng(seed), scene)
        assert (scene >= 0.4 - 1e-6).all()
        laid += bool(names)
    assert 1 <= laid <= 30


def test_every_ground_of_a_room_can_be_drawn() -> None:
    for make in rooms._GROUNDS.values():
        sound(np.asarray(make(np.random.default_rng(0), SHAPE, LIBRARY), np.float32))
