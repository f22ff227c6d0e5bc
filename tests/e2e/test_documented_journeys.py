"""The scripts in docs/journey do what they say, on every run of the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli import intake
from tests.campaigns.stack import REPO, SAMPLE, Stack


def run(stack: Stack, *command: str, timeout_s: float = 110, **environment: str) -> str:
    # `assay` is found as in an activated environment.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        command,
        cwd=REPO,
        env={**os.environ, "PATH": path, "ASSAY_HOME": str(stack.folder), **environment},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_curl(stack: Stack, tmp_path: Path):
    target = tmp_path / "report.pdf"
    printed = run(stack, "docs/journey/curl.sh", str(SAMPLE), str(target))
    assert "STATE_SUCCEEDED ink-seg@" in printed
    assert "event: done" in printed
    assert target.read_bytes().startswith(b"%PDF-")


def test_typed_stubs_and_grpc_web(stack: Stack):
    printed = run(stack, sys.executable, "docs/journey/stubs.py", str(SAMPLE))
    assert "gRPC      STATE_SUCCEEDED" in printed
    assert "gRPC-web  HTTP 200, STATE_SUCCEEDED" in printed


@pytest.mark.timeout(600)
def test_balance(stack: Stack, tmp_path: Path):
    stated = intake.read(intake.TRIAL, "balance")
    stated["balance"]["pose_mode"] = "POSE_MODE_SINGLE_PASS"  # the same way, in a fifth of the time
    (tmp_path / "intake.json").write_text(json.dumps(stated))
    video, report, annotated = REPO / "models/sample/balance.mp4", tmp_path / "b.pdf", tmp_path / "b.webm"
    command = ("docs/journey/balance.sh", str(video), str(report), str(annotated))
    printed = run(stack, *command, timeout_s=560, INTAKE=str(tmp_path / "intake.json"))
    assert "STATE_SUCCEEDED blazepose-full@" in printed
    assert "event: done" in printed
    assert "RMS sway, sideways" in printed
    assert report.read_bytes().startswith(b"%PDF-")
    assert annotated.read_bytes().startswith(b"\x1a\x45\xdf\xa3")
