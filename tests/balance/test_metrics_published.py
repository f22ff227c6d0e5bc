"""Published force-plate values, computed again by `assay eval sway`'s own code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.evaluate_sway import sway
from cli.plates import compare, look, read
from svc_balance.sway import metrics

# The 72 values of the code of Quijoux 2021 less the two coordinates of the origin.
DESCRIPTORS = 70


def test_every_bds_trial_gives_its_published_values(shared_data: Path) -> None:
    folder = shared_data / "cop" / "bds"
    found = look(folder)
    assert len(found.recordings) == 216
    for path in found.recordings:
        compared = compare(path, folder, found)
        assert [each.id for each in compared] == ["MVELO", "AREA_PEA95_F"], path.name
        for each in compared:
            assert abs(each.relative_difference) < 1e-9, (path.name, each)


def test_the_seam_gives_the_same_values(shared_data: Path) -> None:
    folder = shared_data / "cop" / "bds"
    found = look(folder)
    for path in found.recordings[::54]:
        recording = read(path, folder)
        ml, ap = recording.points_cm.T * 10
        ours = metrics(ml, ap, recording.fs_hz, conventions="bds")
        published = found.published[path.name[:8]]
        assert ours["MVELO"] / 10 == pytest.approx(published["COPvelo"], rel=1e-9)
        assert ours["AREA_PEA95_F"] / 100 == pytest.approx(published["COParea"], rel=1e-9)


def test_the_posture_data_set_gives_its_published_values(shared_data: Path) -> None:
    folder = shared_data / "cop" / "pds13"
    found = look(folder)
    compared = [each for path in found.recordings for each in compare(path, folder, found)]
    assert len(compared) == 24
    assert max(abs(each.relative_difference) for each in compared) < 1e-9


def test_descriptors_of_quijoux_2021(shared_data: Path) -> None:
    folder = shared_data / "cop" / "jythen"
    found = look(folder)
    compared = [each for path in found.recordings for each in compare(path, folder, found)]
    assert len(compared) == DESCRIPTORS
    for each in compared:
        # The one that differs: its principal axis runs through the mean after resampling, ours the origin.
        bound = 2e-5 if each.id == "SWAY_DIRECTION" else 1e-9
        assert abs(each.relative_difference) < bound, each


def test_command_prints_the_agreed_shape(shared_data: Path) -> None:
    result = CliRunner().invoke(sway, ["--data", str(shared_data / "cop" / "pds13"), "--json"])
    assert result.exit_code == 0, result.output
    trials = json.loads(result.stdout)["trials"]
    assert [trial["file"] for trial in trials] == sorted(trial["file"] for trial in trials)
    assert len(trials) == 12
    for trial in trials:
        for row in trial["metrics"]:
            assert {"id", "ours", "theirs", "relative_difference"} <= set(row)
            expected = (row["ours"] - row["theirs"]) / abs(row["theirs"])
            assert row["relative_difference"] == pytest.approx(expected)
    table = CliRunner().invoke(sway, ["--data", str(shared_data / "cop" / "pds13")])
    assert table.exit_code == 0
    assert "COPvelo" in table.stdout
    assert "12 trials" in table.stdout


def bds_folder(path: Path, rows: list[str]) -> Path:
    path.mkdir()
    (path / "BDS00001.csv").write_text("\n".join(["f_time;copX;copY", *rows]) + "\n")
    (path / "BDSinfoCOP.txt").write_text("Trial\tCOPvelo\tCOParea\nBDS00001\t141.4213562373095\t1.0\n")
    return path


def test_command_reads_a_folder_of_any_owner(tmp_path: Path) -> None:
    """A square walk of 1 cm steps at 100 Hz: 100 steps of sqrt 2 cm in 101 samples."""
    corners = ["0;0", "1;1"]
    folder = bds_folder(tmp_path / "mine", [f"{i / 100:.3f};{corners[i % 2]}" for i in range(1, 102)])
    found = look(folder)
    recording = read(found.recordings[0], folder)
    assert recording.fs_hz == 100.0
    velocity = compare(found.recordings[0], folder, found)[0]
    assert velocity.ours == pytest.approx(100 * 2**0.5 / (101 / 100))
    assert velocity.relative_difference == pytest.approx(100 / 101 - 1)


def test_command_tells_what_it_could_not_read(tmp_path: Path) -> None:
    folder = bds_folder(tmp_path / "torn", ["0.010;1;2", "0.020;x;2"])
    result = CliRunner().invoke(sway, ["--data", str(folder), "--json"])
    assert result.exit_code != 0
    assert getattr(result.exception, "problem", {})["code"] == "SWAY_DATA_NOT_FOUND"
    assert look(folder).recordings
