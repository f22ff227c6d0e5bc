"""The scripts in docs/journey do what they say, on every run of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.campaigns.stack import REPO, SAMPLE, Stack


def run(stack: Stack, *command: str) -> str:
    result = subprocess.run(
        command,
        cwd=REPO,
        env={**os.environ, "ASSAY_HOME": str(stack.folder)},
        capture_output=True,
        text=True,
        timeout=110,
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
