"""Starting, awaiting and ending a stack from another process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from dev import home
from dev.credentials import write_private
from dev.home import PROJECT, StackState, orders_file
from dev.logs import tail
from dev.process import ProcessSpec, launch_argv

START_S = 180.0
STOP_S = 90.0
PERIOD_S = 0.1
# Longer than any process of the stack drains.
DRAIN_S = 30.0


class StackError(RuntimeError):
    """The stack did not do what was asked; the message says what to look at."""


def running(folder: Path) -> StackState | None:
    """The state of the stack in `folder` if its supervisor runs."""
    state = home.read_state(folder)
    return state if state is not None and state.alive() else None


def start(folder: Path, replicas: Mapping[str, int], *, bound: bool) -> int:
    """Starts a supervisor and returns its process id.

    When `bound`, the stack drains as soon as the calling process ends, however that happens.
    Raises StackError when one runs in `folder` already.
    """
    if running(folder) is not None:
        raise StackError(f"a stack already runs in {folder}; `assay status` shows it, `assay down` ends it")
    counts = [f"{name}={count}" for name, count in replicas.items()]
    command = (sys.executable, "-m", "dev.supervisor", *counts)
    spec = ProcessSpec("supervisor", command, PROJECT, probe=lambda: "", orphan_signal=signal.SIGTERM)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "logs").mkdir(exist_ok=True)
    with (folder / "logs" / "supervisor.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - argv of our own, no shell
            launch_argv(spec) if bound else list(command),
            cwd=PROJECT,
            env={**os.environ, "ASSAY_HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return process.pid


def await_ready(folder: Path, pid: int, tell: Callable[[StackState], None] = lambda _: None) -> StackState:
    """Waits until the supervisor `pid` says that everything is ready; `tell` sees every state.

    Raises StackError with the end of the guilty log when the start fails or takes `START_S`.
    """
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        state = home.read_state(folder)
        ours = state is not None and state.supervisor is not None and state.supervisor.pid == pid
        if state is not None and ours:
            tell(state)
            if state.phase == "ready":
                return state
            if state.phase == "failed":
                raise StackError(_blame(state))
        if not _alive(pid):
            end = "\n".join(tail(folder / "logs" / "supervisor.log", 15))
            raise StackError(f"the supervisor ended before the stack was ready:\n{end}")
        time.sleep(PERIOD_S)
    raise StackError(f"the stack was not ready within {START_S:.0f} s; see `assay status` and `assay logs`")


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _blame(state: StackState) -> str:
    guilty = [(name, each) for name, each in state.processes.items() if each.phase == "failed"]
    parts = []
    for name, each in guilty:
        end = "\n".join(tail(Path(each.log), 12))
        parts.append(f"{name} does not start ({each.reason}). The end of {each.log}:\n{end}")
    return "\n\n".join(parts)


def scale(folder: Path, replicas: Mapping[str, int]) -> StackState:
    """Runs each named stage so many times, and waits until the new are ready and the leaving have drained.

    Raises StackError when no stack runs, or when it is not so within `START_S`.
    """
    from dev import stack

    state = running(folder)
    if state is None or state.supervisor is None:
        raise StackError(f"no stack runs in {folder}; `assay up` starts one")
    wanted = set(stack.process_names(replicas))
    there = set(state.processes)
    fewer = [name for name in there - wanted if name.partition("-")[0] in replicas and "-" in name]
    orders = {"more": sorted(wanted - there), "fewer": sorted(fewer)}
    write_private(orders_file(folder), json.dumps(orders))
    os.kill(state.supervisor.pid, signal.SIGUSR1)

    def done(now: StackState) -> bool:
        named = [name for name in wanted if name.partition("-")[0] in replicas]
        ready = all(name in now.processes and now.processes[name].phase == "ready" for name in named)
        return ready and not any(name in now.processes for name in fewer)

    return _await(folder, done, f"{dict(replicas)} was not reached")


def restart(folder: Path, name: str) -> StackState:
    """Drains one process and waits until the supervisor has it ready again.

    Raises StackError when it does not run, or is not ready within `START_S`.
    """
    state = running(folder)
    process = state.processes.get(name) if state else None
    before = process.identity if process else None
    found = before.find() if before else None
    if found is None:
        raise StackError(f"{name} does not run in {folder}; see `assay status`")
    found.send_signal(signal.SIGTERM)
    try:
        found.wait(DRAIN_S)
    except psutil.TimeoutExpired:
        # A process that is frozen hears nothing but this.
        found.kill()

    def done(now: StackState) -> bool:
        again = now.processes.get(name)
        return again is not None and again.phase == "ready" and again.identity not in (None, before)

    return _await(folder, done, f"{name} did not come back")


def _await(folder: Path, done: Callable[[StackState], bool], otherwise: str) -> StackState:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        state = running(folder)
        if state is None:
            raise StackError(f"the stack in {folder} ended meanwhile")
        if done(state):
            return state
        time.sleep(PERIOD_S)
    raise StackError(f"{otherwise} within {START_S:.0f} s; see `assay status` and `assay logs`")


def stop(folder: Path) -> list[str]:
    """Drains the stack and ends whatever is left of it; returns the names of what had to be killed.

    Raises StackError when the supervisor does not end within `STOP_S`.
    """
    state = home.read_state(folder)
    if state is None:
        return []
    supervisor = state.supervisor.find() if state.supervisor else None
    if supervisor is not None:
        supervisor.send_signal(signal.SIGTERM)
        try:
            supervisor.wait(STOP_S)
        except psutil.TimeoutExpired:
            supervisor.kill()
            home.end_strays(home.read_state(folder) or state)
            raise StackError(f"the supervisor did not drain within {STOP_S:.0f} s and was killed") from None
    return home.end_strays(home.read_state(folder) or state)
