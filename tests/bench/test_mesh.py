"""The race of the mesh against its floor: its figures from turns made up here, and a real process of it."""

import json
import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from bench.mesh import SAMPLE, SIZES, Bench, Race, Turn, cpu_of, scaled, table
from bench.mesh_floor import Floor

FLOOR = Turn(jobs=20, rate=1.0, cpu={"floor-0": 20.0, "floor-1": 20.0})
MESH = Turn(jobs=10, rate=0.9, cpu={"segment": 9.0, "s3": 1.0, "report": 8.0}, driver_s=0.5)
RACE = Race("12 MP", 2.2, [FLOOR], [MESH], sync_mesh_s=[1.2] * 20, sync_floor_s=[1.0] * 20)


def test_a_race_compares_jobs_processor_time_and_answers() -> None:
    assert RACE.ratio == pytest.approx(0.9)
    assert RACE.more_cpu_s == pytest.approx(1.8 - 2.0)
    assert RACE.extra_s == pytest.approx(0.2)
    assert RACE.passed


@pytest.mark.parametrize(
    "worse",
    [
        {"mesh": [replace(MESH, rate=0.84)]},
        {"sync_mesh_s": [1.0] * 15 + [1.5] * 5},
    ],
    ids=["jobs", "answers"],
)
def test_a_race_is_lost_by_either(worse: dict[str, list[float]]) -> None:
    assert not replace(RACE, **worse).passed  # type: ignore[arg-type]  # each has its field's type


def test_the_table_says_where_the_processor_time_goes_and_what_is_required() -> None:
    said = table(Bench(cores=2, load_before=0.1, load_after=2.0, idle_cpu=0.02, races=[RACE]))
    assert "segment 900, report 800, s3 100; the driver 50" in said
    assert "| 12 MP, 2.2 MB | 1.00 | 0.90 | **0.90** | 2.00 | 1.80 | **-0.20** |" in said
    assert "at least 0.85 of the floor's jobs/s" in said


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_the_photos_have_the_size_they_are_named_after(size: tuple[int, int]) -> None:
    picture = cv2.imdecode(np.frombuffer(scaled(SAMPLE, size), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape[1::-1] == size


def test_a_floor_analyses_on_its_core_and_writes_artefacts(tmp_path: Path) -> None:
    core = min(os.sched_getaffinity(0))
    with Floor(SAMPLE, tmp_path, core) as floor:
        process = psutil.Process(floor.pid)
        assert process.cpu_affinity() == [core]
        before = cpu_of(process)
        floor.begin(0, 2)
        turn = floor.end()
        assert len(turn.seconds) == 2
        assert cpu_of(process) > before
        assert turn.rate == pytest.approx(2 / sum(turn.seconds))
    assert json.loads((tmp_path / "0" / "report.json").read_bytes())["decision"]["ruleset"]
