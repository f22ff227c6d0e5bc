"""What we train and release: small, hashed, documented. Third-party pose models have no file in the tree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mesh import registry
from mesh.registry import REGISTRY
from svc_segment.model import NAME, load_model

RELEASES = sorted(p.parent for p in REGISTRY.glob("ink-seg/*/model.json"))


def test_at_most_two_versions_are_in_the_tree_and_the_default_is_one() -> None:
    labels = [f"{p.parent.name}@{p.name}" for p in RELEASES]
    assert registry.serve("", NAME).label in labels
    assert len(labels) <= 2


@pytest.mark.parametrize("folder", RELEASES, ids=lambda p: p.name)
def test_a_release_is_complete(folder: Path) -> None:
    assert (folder / "model.onnx").stat().st_size <= 8 * 2**20
    model = load_model(f"{folder.parent.name}@{folder.name}", threads=1)
    assert 0 < model.contract.area_high <= model.contract.threshold <= model.contract.area_low < 1
    assert model.contract.tile % model.contract.multiple == 0
    said = json.loads((folder / "model.json").read_text())
    assert said["licence"] == "Apache-2.0"
    assert len(said["data"]["pool_sha256"]) == 64
    assert said["data"]["photographs"] == "none"
    assert len(said["git_revision"].rstrip("+")) == 40
    assert said["parity_max_logit_difference"] < 0.08
    card = (folder / "card.md").read_text()
    for needed in ("## Intended use", "Not to be used", "## Data", "## Limits", "dark skin"):
        assert needed in card
    assert "CC BY 3.0" in card or "CC-BY-3.0" in card, "the icon set's authors are to be named"
