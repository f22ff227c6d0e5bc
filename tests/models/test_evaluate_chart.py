"""The evaluation of charts on photos whose truth is painted."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mesh.errors import InvalidInput
from models.evaluate.chart import ALL_SITES, WITH, evaluate, find_photos, lines
from svc_color.space import lab_to_xyz
from tests.color.chart_photos import Shot, shoot

# Light, exposure, and the camera's tone curve, which the grey row's gains cannot undo.
LIGHTS = (((1.0, 0.95, 0.9), 0.8, 1.1), ((1.0, 0.75, 0.5), 0.5, 1.3), ((0.7, 0.85, 1.0), 0.6, 1.5))


def put(path: Path, shot: Shot) -> None:
    skin = np.tile(lab_to_xyz(np.array([55.0, 13, 18])), (*shot.size, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), shoot(shot, scene=skin)[0][..., ::-1])


def test_charts_are_found_and_bring_one_skin_together(tmp_path: Path) -> None:
    for index, (light, exposure, gamma) in enumerate(LIGHTS):
        shot = Shot(size=(800, 800), offset=(0, -250), light=light, exposure=exposure, gamma=gamma)
        put(tmp_path / WITH / f"light{index}.png", shot)
    put(tmp_path / "tattoo" / "none.png", Shot(size=(300, 400), offset=(3000, 0)))
    put(tmp_path / "tattoo" / "masks" / "mask.png", Shot(size=(300, 400)))
    having, without = find_photos(tmp_path)
    assert ([path.name for path in having], [path.name for path in without]) == (
        ["light0.png", "light1.png", "light2.png"],
        ["none.png"],
    )
    found = evaluate(having, without)
    assert (found.found, found.without, found.false) == (3, 1, ())
    for score in found.scores:
        assert score.model.startswith("curve+")
        assert score.after < score.grey_row < score.before
    spread = found.spread[ALL_SITES]
    assert spread.photos == 3
    assert spread.chart < 1.2 < spread.grey_row < spread.photo
    assert json.loads(json.dumps(found.as_json()))["without"] == 1
    assert any("charts found in 3 of 3" in line for line in lines(found))


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refused:
        find_photos(tmp_path)
    assert (refused.value.code, refused.value.field) == ("EVAL_DATA", "data")


def test_a_damaged_photo_is_named(tmp_path: Path) -> None:
    broken = tmp_path / WITH / "broken.jpg"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"\xff\xd8\xff")
    with pytest.raises(InvalidInput, match=r"broken\.jpg"):
        evaluate(*find_photos(tmp_path))
