"""The registry: what is there, what may be served, and what its files must be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mesh import activations, recalls, registry
from mesh.activations import Activation
from mesh.errors import FailedPrecondition, Internal, NotFound
from mesh.recalls import Recall

BAD = Recall("wrong masks", "somebody", "2026-11-22T00:00:00+00:00")


@pytest.fixture(autouse=True)
def no_recalls():
    yield
    recalls.put_in_force({})
    activations.put_in_force({})


def add(folder: Path, name: str, version: str, state: str = "released") -> None:
    place = folder / name / version
    place.mkdir(parents=True)
    said = {"name": name, "version": version, "release": {"state": state}}
    (place / "model.json").write_text(json.dumps(said))


@pytest.fixture
def three(tmp_path: Path) -> Path:
    add(tmp_path, "ink", "0.9.0")
    add(tmp_path, "ink", "0.10.0")
    add(tmp_path, "ink", "1.0.0", "candidate")
    add(tmp_path, "other", "2.0.0")
    return tmp_path


def test_versions_are_in_the_order_of_their_numbers(three: Path) -> None:
    labels = ["ink@0.9.0", "ink@0.10.0", "ink@1.0.0"]
    assert [entry.label for entry in registry.entries("ink", three)] == labels


def test_the_active_version_is_the_newest_released_one(three: Path) -> None:
    assert registry.serve("", "ink", three).label == "ink@0.10.0"


def test_a_recall_makes_the_one_before_active_and_a_restore_takes_that_back(three: Path) -> None:
    assert recalls.put_in_force({"ink@0.10.0": BAD}) == ({"ink@0.10.0"}, frozenset())
    assert registry.serve("", "ink", three).label == "ink@0.9.0"
    assert recalls.put_in_force({}) == (frozenset(), {"ink@0.10.0"})
    assert registry.serve("", "ink", three).label == "ink@0.10.0"


def choose(label: str) -> None:
    activations.put_in_force({"ink": Activation(label, "sre", "2026-11-22T00:00:00+00:00")})


def test_a_choice_goes_before_the_newest_and_touches_no_other_model(three: Path) -> None:
    choose("ink@0.9.0")
    assert registry.serve("", "ink", three).label == "ink@0.9.0"
    assert registry.serve("ink@0.10.0", "ink", three).label == "ink@0.10.0"
    assert registry.serve("", "other", three).label == "other@2.0.0"


def test_no_newer_version_takes_the_place_of_a_chosen_one_that_is_recalled(three: Path) -> None:
    choose("ink@0.10.0")
    recalls.put_in_force({"ink@0.10.0": BAD})
    assert registry.serve("", "ink", three).label == "ink@0.9.0"
    choose("ink@0.9.0")
    recalls.put_in_force({"ink@0.9.0": BAD})
    with pytest.raises(FailedPrecondition) as error:
        registry.serve("", "ink", three)
    assert error.value.code == "MODEL_RECALLED"


def test_a_chosen_version_that_this_release_lacks_is_not_replaced_by_a_newer_one(three: Path) -> None:
    choose("ink@0.9.5")
    assert registry.serve("", "ink", three).label == "ink@0.9.0"
    choose("ink@0.1.0")
    with pytest.raises(FailedPrecondition):
        registry.serve("", "ink", three)


def test_a_recalled_version_that_is_asked_for_by_name_is_refused_with_the_reason(three: Path) -> None:
    recalls.put_in_force({"ink@0.10.0": BAD})
    with pytest.raises(FailedPrecondition, match="wrong masks") as error:
        registry.serve("ink@0.10.0", "ink", three)
    assert (error.value.code, error.value.field) == ("MODEL_RECALLED", "model")
    assert "ink@0.9.0" in error.value.fix
    assert "0.10.0" not in error.value.fix


def test_where_all_are_recalled_nothing_is_served(three: Path) -> None:
    recalls.put_in_force({"ink@0.9.0": BAD, "ink@0.10.0": BAD})
    with pytest.raises(FailedPrecondition) as error:
        registry.serve("", "ink", three)
    assert error.value.code == "MODEL_RECALLED"


def test_a_setting_recalls_without_a_mesh(three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_RECALLED_MODELS", "other@2.0.0, ink@0.10.0")
    assert registry.serve("", "ink", three).label == "ink@0.9.0"


def test_a_candidate_is_never_served_but_can_be_measured(three: Path) -> None:
    with pytest.raises(FailedPrecondition) as error:
        registry.serve("ink@1.0.0", "ink", three)
    assert error.value.code == "MODEL_NOT_RELEASED"
    assert registry.find("ink@1.0.0", three).state == "candidate"


@pytest.mark.parametrize("label", ["ink@9.9.9", "", "../ink@0.9.0", "ink", "a" * 500 + "@1.0.0", "ink@0.9"])
def test_what_is_not_there_names_what_is(label: str, three: Path) -> None:
    with pytest.raises(NotFound) as error:
        registry.find(label, three)
    assert "ink@0.9.0" in error.value.fix


def test_a_folder_that_holds_another_model_is_refused(three: Path) -> None:
    (three / "ink" / "0.9.0").rename(three / "ink" / "0.8.0")
    with pytest.raises(Internal, match=r"0\.8\.0"):
        registry.find("ink@0.8.0", three)


def test_a_file_must_be_the_one_that_was_released(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"weights")
    digest = "9f3c1f7ef1d4a4cb5f9f9d4a1d4a5dd7"
    with pytest.raises(FailedPrecondition) as error:
        registry.verified(path, digest, "ink@1.0.0", "Build it again.")
    assert (error.value.code, error.value.fix) == ("MODEL_HASH_MISMATCH", "Build it again.")


def test_every_entry_of_this_repository_says_whether_it_may_be_served() -> None:
    for entry in registry.entries():
        assert entry.state in ("released", "candidate"), entry.label
        gates = entry.said["release"]["gates"]
        assert gates, entry.label
        held = all(gate["passed"] for gate in gates)
        assert entry.state == "candidate" or held or entry.said["release"]["reason"], entry.label
        assert (entry.folder / "card.md").is_file()
