"""`assay eval color`: every section is measured where its data is, and says so where it is not."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.evaluate_color import SECTIONS as OFFERED
from cli.evaluate_color import color
from models.evaluate.color_sections import RING, SECTIONS, document, sections


def test_the_command_offers_every_section() -> None:
    assert tuple(SECTIONS) == OFFERED


def test_what_lacks_its_data_says_so(tmp_path: Path) -> None:
    found = sections(tmp_path, "", ["pairs", "spectra", "chart", "palette"])
    assert [one.figures for one in found] == [None] * 4
    assert all(one.missing and one.lines[0].startswith("not measured") for one in found)
    answer = CliRunner().invoke(color, ["--data", str(tmp_path), "--only", "pairs", "--json"])
    assert answer.exit_code == 0
    assert "No pairs" in json.loads(answer.stdout)["pairs"]["not_measured"]


def test_pairs_and_spectra_hold_their_bounds(shared_data: Path) -> None:
    found = document(sections(shared_data, "", ["pairs", "spectra"]))
    pairs, spectra = found["pairs"], found["spectra"]
    assert isinstance(pairs, dict)
    assert isinstance(spectra, dict)
    assert pairs["pairs"] == 34
    assert max(pairs["largest_error"].values()) < 1e-4
    assert spectra["ita"] < 0.05


@pytest.mark.proof
def test_the_ring_holds_its_bound_on_every_skin(tmp_path: Path) -> None:
    """What the reference is off stays below 1 CIEDE2000, or redness is flagged in every scene."""
    (found,) = sections(tmp_path, "", ["ring"])
    assert found.figures is not None
    table = found.figures["de2000"]
    assert isinstance(table, dict)
    assert list(table) == list(RING)
    for name, cells in table.items():
        for skin, cell in cells.items():
            assert cell["largest"] < 1.0 or cell["reddened"] == 3, (name, skin)
