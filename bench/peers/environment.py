"""Peers' environments: .tools/bench/<name>, made as bench/peers/<name>/requirements.lock says."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from dev.home import PROJECT
from dev.process import StartError

HERE = Path(__file__).parent
TOOLS = PROJECT / ".tools" / "bench"
UV = PROJECT / ".tools" / "uv" / "bin" / "uv"
LIMIT_S = 900.0


def programs(folder: str) -> Path:
    """The folder of programs of a peer's environment, filled as its lock says; raises StartError."""
    lock = HERE / folder / "requirements.lock"
    place = TOOLS / folder
    stamp, wanted = place / "locked", hashlib.sha256(lock.read_bytes()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != wanted:
        print(f"making {place} ...", file=sys.stderr, flush=True)
        _run("venv", "--quiet", "--clear", "--python", sys.executable, str(place))
        _run("pip", "sync", "--quiet", "--python", str(place / "bin" / "python"), str(lock))
        stamp.write_text(wanted)
    return place / "bin"


def _run(*arguments: str) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - our own uv and lock files
            [str(UV), *arguments], cwd=PROJECT, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StartError(f"uv {arguments[0]}: {error}") from error
    if done.returncode:
        raise StartError(f"uv {' '.join(arguments)}: {done.stderr.strip()[-2000:]}")
