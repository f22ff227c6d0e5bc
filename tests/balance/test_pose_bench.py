"""What the pose bench says about latency: measured on real frames, never of a model that is not here."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from bench import pose, pose_latency
from mesh.errors import Unmeasurable
from svc_balance.pose.contract import DEFAULT, Contract, find
from svc_balance.pose.networks import networks
from tests.balance.pose_videos import pictures, plain, timed


def test_latency_is_that_of_the_models_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def only_default(name: str) -> Contract:
        contract = find(name)
        return contract if name == DEFAULT else replace(contract, sha256="0" * 64)

    monkeypatch.setattr(pose_latency, "find", only_default)
    done = pose_latency.measure(timed(pictures(pose.SAMPLE, 18)))
    (model,) = done.models
    assert model.model == DEFAULT
    assert 0 < model.p50_ms <= model.p95_ms
    assert 0 < model.cpu_p50_ms <= model.cpu_p95_ms
    assert [name.split("@")[0] for name in done.not_fetched] == ["blazepose-heavy", "blazepose-lite"]
    written = pose_latency.table(done)
    assert f"| {DEFAULT} |" in written
    assert f"not fetched, not measured: {done.not_fetched[0]}" in written


def test_nothing_measured_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pose_latency, "find", lambda name: replace(find(name), sha256="0" * 64))
    done = pose_latency.measure(timed(plain(1)))
    assert not done.passed
    assert "does NOT pass" in pose_latency.table(done)


def test_pictures_without_a_person_have_no_latency() -> None:
    with pytest.raises(Unmeasurable, match="NO_PERSON"):
        pose_latency.latency(timed(plain(2)), networks())


def test_the_command_measures_the_sample_and_answers_with_its_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pose, "LATENCY_FRAMES", 4)
    monkeypatch.setattr(sys, "argv", ["bench.pose", "--latency", "--json"])
    with pytest.raises(SystemExit) as end:
        pose.main()
    said = json.loads(capsys.readouterr().out)
    assert said["frames"] == 4
    assert DEFAULT in [model["model"] for model in said["models"]]
    slowest = max(model["p95_ms"] for model in said["models"])
    assert end.value.code == (0 if slowest < pose_latency.LONGEST_P95_MS else 1)
