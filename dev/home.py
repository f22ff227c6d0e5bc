"""The one folder that holds everything of a local stack, and the record of what runs in it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from dev.credentials import write_private

PROJECT = Path(__file__).resolve().parent.parent


def home() -> Path:
    """The stack's folder: ASSAY_HOME, else .assay in the project."""
    return Path(os.environ.get("ASSAY_HOME") or PROJECT / ".assay").resolve()


@dataclass(frozen=True)
class Identity:
    """A process for sure: its id together with its start time, since ids are used again."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """The identity of a running process; None when there is none."""
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.NoSuchProcess:
            return None

    def find(self) -> psutil.Process | None:
        """The process itself, if it still runs."""
        try:
            process = psutil.Process(self.pid)
            # Half a second allows for the clock's own steps between two readings.
            same = abs(process.create_time() - self.started) < 0.5
            alive = same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return process if alive else None


@dataclass
class ProcessState:
    """What the supervisor knows of one process.

    `phase` is waiting, starting, ready, unready, backoff, failed, done or stopped.
    """

    phase: str = "waiting"
    identity: Identity | None = None
    ports: Mapping[str, int] = field(default_factory=dict)
    restarts: int = 0
    reason: str = ""
    """Why it last ended, or what it lacks; empty when all is well."""
    log: str = ""


@dataclass
class StackState:
    """The content of state.json."""

    supervisor: Identity | None = None
    phase: str = "starting"
    """starting, ready, failed, stopping or stopped."""
    urls: Mapping[str, str] = field(default_factory=dict)
    processes: dict[str, ProcessState] = field(default_factory=dict)

    def alive(self) -> bool:
        """True when the supervisor that wrote this still runs."""
        return self.supervisor is not None and self.supervisor.find() is not None


def state_file(folder: Path) -> Path:
    return folder / "state.json"


def orders_file(folder: Path) -> Path:
    """Where `assay scale` leaves its order for the supervisor."""
    return folder / "orders.json"


def write_state(folder: Path, state: StackState) -> None:
    """Replaces state.json in one step."""
    write_private(state_file(folder), json.dumps(asdict(state), indent=2))


def read_state(folder: Path) -> StackState | None:
    """The last state that was written; None when nothing ever ran here."""
    try:
        raw = json.loads(state_file(folder).read_text())
    except FileNotFoundError:
        return None
    processes = {name: _process_state(each) for name, each in raw["processes"].items()}
    return StackState(_identity(raw["supervisor"]), raw["phase"], raw["urls"], processes)


def _identity(raw: dict[str, Any] | None) -> Identity | None:
    return None if raw is None else Identity(**raw)


def _process_state(raw: dict[str, Any]) -> ProcessState:
    return ProcessState(**{**raw, "identity": _identity(raw["identity"])})


def end_strays(state: StackState, grace_s: float = 3.0) -> list[str]:
    """Ends processes of a stack whose supervisor is gone; returns their names."""
    found: dict[str, psutil.Process] = {}
    for name, process in state.processes.items():
        running = process.identity.find() if process.identity else None
        if running is not None:
            found[name] = running
            found.update({f"{name}/{child.pid}": child for child in running.children(recursive=True)})
    for stray in found.values():
        with suppress(psutil.NoSuchProcess):
            stray.terminate()
    _, stubborn = psutil.wait_procs(list(found.values()), timeout=grace_s)
    for stray in stubborn:
        with suppress(psutil.NoSuchProcess):
            stray.kill()
    psutil.wait_procs(stubborn, timeout=grace_s)
    return sorted(found)
