"""CIELAB and ITA of measured skin from spectra, against colour-science."""

from pathlib import Path

import numpy as np
import pytest

from mesh.errors import InvalidInput
from models.evaluate.skin_spectra import figures, ours, read
from models.synth.spectra.observer import BANDS, xyz_weights
from svc_color.space import white_point, xyz_to_lab


def test_nist_skin_agrees_with_colour_science(shared_data: Path) -> None:
    found = figures(shared_data)
    assert found.people == 100
    assert max(found.lightness, found.a, found.b, found.ita) < 0.05
    assert found.classes["light"] > found.classes["tan"] > 0


def test_readings_of_one_person_lie_close(shared_data: Path) -> None:
    lab = ours(read(shared_data))
    assert np.all((lab[:, 0] > 25) & (lab[:, 0] < 80))
    assert np.all((lab[:, 1] > 2) & (lab[:, 2] > 5))


def test_a_perfect_white_is_white() -> None:
    xyz = np.ones(len(BANDS)) @ xyz_weights("D65")
    assert xyz == pytest.approx(white_point("D65"), abs=3e-4)
    assert xyz_to_lab(0.5 * xyz)[1:] == pytest.approx([0, 0], abs=0.05)


def test_data_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="EVAL_DATA"):
        figures(tmp_path)
