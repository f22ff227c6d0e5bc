"""What may be served: a version that loses nothing which the one in use holds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mesh.registry import REGISTRY, find, serve
from models.train.ink.judge import judge

FILE = {"gate": "file of at most 8 MiB", "value": 1, "passed": True}


def gates(**passed: bool) -> list[dict[str, Any]]:
    return [{"gate": name, "value": 0.5, "passed": held} for name, held in passed.items()]


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """ink-seg@1.1.0 as a candidate beside 1.0.0, which meets masks and not boxes."""
    for version, state in (("1.0.0", "released"), ("1.1.0", "candidate")):
        folder = tmp_path / "ink-seg" / version
        shutil.copytree(REGISTRY / "ink-seg" / version, folder)
        said = json.loads((folder / "model.json").read_text())
        said["release"] = {"state": state, "gates": [FILE, *gates(masks=True, boxes=False)]}
        (folder / "model.json").write_text(json.dumps(said))
    return tmp_path


def test_what_loses_nothing_is_served_and_says_what_it_lacks(registry: Path) -> None:
    judge("1.1.0", gates(masks=True, boxes=False, bare=True), registry, True)
    entry = serve("", "ink-seg", registry)
    assert entry.label == "ink-seg@1.1.0"
    assert "boxes" in entry.said["release"]["reason"]
    assert FILE in entry.said["release"]["gates"]


def test_what_loses_a_demand_that_was_met_is_not_released(registry: Path) -> None:
    with pytest.raises(RuntimeError, match="masks"):
        judge("1.1.0", gates(masks=False, boxes=True), registry, True)
    assert serve("", "ink-seg", registry).label == "ink-seg@1.0.0"


def test_a_gate_of_its_own_bars_a_version_whatever_it_finds(registry: Path) -> None:
    path = registry / "ink-seg" / "1.1.0" / "model.json"
    said = json.loads(path.read_text())
    said["release"]["gates"] = [{**FILE, "passed": False}]
    path.write_text(json.dumps(said))
    with pytest.raises(RuntimeError, match="8 MiB"):
        judge("1.1.0", gates(masks=True), registry, True)


def test_measuring_alone_releases_nothing(registry: Path) -> None:
    judge("1.1.0", gates(masks=True, boxes=True), registry, False)
    assert find("ink-seg@1.1.0", registry).state == "candidate"
