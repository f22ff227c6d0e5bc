"""`make run ONCE=1` and `make test` from a clean clone in an empty home folder, timed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.campaigns.stack import REPO

LIMIT_S = 2400
# What a shell needs, what names a package index or certificates; nothing else of this machine.
KEPT = ("PATH", "LANG", "GATEWAY")
KEPT_PREFIXES = ("PIP_", "UV_INDEX", "UV_DEFAULT_INDEX", "SSL_", "REQUESTS_", "CURL_")


@dataclass(frozen=True)
class Timing:
    """One command in the clone."""

    command: str
    state: str
    seconds: float
    exit_code: int
    last_line: str

    def row(self) -> str:
        return (
            f"| `{self.command}` | {self.state} | {self.seconds:.0f} | {self.exit_code} | {self.last_line} |"
        )


HEADER = "| command | caches | seconds | exit code | last line |\n| --- | --- | --- | --- | --- |"


def measure() -> list[Timing]:
    """Clones the repository and runs the README's commands, cold and warm."""
    folder = Path(tempfile.mkdtemp(prefix="assay-clone-"))
    try:
        clone, empty = folder / "assay", folder / "home"
        empty.mkdir()
        subprocess.run(["git", "clone", "--quiet", str(REPO), str(clone)], check=True, timeout=120)
        return [
            _timed(clone, empty, "make run ONCE=1", "cold"),
            _timed(clone, empty, "make run ONCE=1", "warm"),
            _timed(clone, empty, "make test", "set-up of tests cold"),
        ]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _environment(empty: Path) -> Mapping[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in KEPT or any(name.startswith(prefix) for prefix in KEPT_PREFIXES)
    }
    data = os.environ.get("ASSAY_SHARED_DATA", str(REPO.parent / "shared" / "data"))
    return {**kept, "HOME": str(empty), "ASSAY_SHARED_DATA": data}


def _timed(clone: Path, empty: Path, command: str, state: str) -> Timing:
    started = time.monotonic()
    result = subprocess.run(
        command.split(),
        cwd=clone,
        env=_environment(empty),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    lines = [line for line in result.stdout.splitlines() if line.strip()] or [""]
    return Timing(command, state, time.monotonic() - started, result.returncode, lines[-1].strip("= ")[:120])
