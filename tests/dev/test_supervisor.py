"""The supervisor, with small real processes: order, restarts, drain, nothing left behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from dev import control, home
from dev.home import Identity, ProcessState, StackState
from dev.logs import RotatingLog, tail
from dev.ports import Claims, assign, free_ports, is_free

# A process that says when it starts and when it is told to end; "crash" dies at once.
CHILD = """
import signal, sys, time, pathlib
name, kind, journal = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
def note(what):
    with journal.open("a") as file: file.write(f"{name} {what}\\n")
def end(*_):
    note("end"); sys.exit(0)
signal.signal(signal.SIGTERM, end)
note("start"); print("hello from", name, flush=True)
if kind == "crash": print("no luck", flush=True); sys.exit(7)
if kind == "once": sys.exit(0)
if kind == "deaf": signal.signal(signal.SIGTERM, signal.SIG_IGN)
(journal.parent / f"{name}.up").touch()
while True: time.sleep(60)
"""

# Runs a supervisor over specs given as JSON; the product's own stack is not involved.
HOST = """
import asyncio, json, pathlib, sys
from dev.process import ProcessSpec
from dev.supervisor import Lock, Supervisor
folder, child, wanted = pathlib.Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
def spec(name, kind="stay", after=(), stop_s=5.0):
    up = folder / f"{name}.up"
    return ProcessSpec(
        name=name, argv=(sys.executable, "-c", child, name, kind, str(folder / "journal")),
        folder=folder, probe=lambda: "" if up.exists() else "not up", after=tuple(after),
        prepare=lambda: up.unlink(missing_ok=True), once=kind == "once", stop_s=stop_s,
    )
lock = Lock(folder)
def make(names):
    return [spec(name) for name in names]
asyncio.run(Supervisor(folder, [spec(**each) for each in wanted], {}, make).run())
"""


class Host:
    """A supervisor in a process of its own."""

    def __init__(self, folder: Path, *wanted: dict) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOST, str(folder), CHILD, json.dumps(wanted)],
            stdout=(folder / "supervisor.log").open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def state(self) -> StackState | None:
        return home.read_state(self.folder)

    def await_(self, true, seconds: float = 20.0) -> StackState:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            state = self.state()
            if state is not None and true(state):
                return state
            time.sleep(0.02)
        raise AssertionError(f"waited in vain; last: {self.state()}")

    def ready(self) -> StackState:
        return self.await_(lambda state: state.phase == "ready")

    def journal(self) -> list[str]:
        return (self.folder / "journal").read_text().splitlines()

    def end(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.wait(20)


@pytest.fixture
def host(tmp_path):
    hosts = []

    def start(*wanted: dict) -> Host:
        hosts.append(Host(tmp_path, *wanted))
        return hosts[-1]

    yield start
    for each in hosts:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait(5)
        state = each.state()
        if state is not None:
            home.end_strays(state)


def left_behind(folder: Path) -> list[psutil.Process]:
    """Processes whose command line names the folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(str(folder) in part for part in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_starts_in_order_and_drains_in_reverse(host, tmp_path):
    running = host(
        {"name": "door", "after": ["service"]},
        {"name": "service", "after": ["setup"]},
        {"name": "setup", "kind": "once", "after": ["server"]},
        {"name": "server"},
    )
    assert running.ready().processes["setup"].phase == "done"
    running.end()
    starts = ["server start", "setup start", "service start", "door start"]
    assert running.journal() == [*starts, "door end", "service end", "server end"]
    assert running.state().phase == "stopped"
    assert not left_behind(tmp_path)


def test_restarts_what_dies_and_says_why(host):
    running = host({"name": "a"}, {"name": "b"})
    before = running.ready()
    os.kill(before.processes["a"].identity.pid, signal.SIGKILL)
    after = running.await_(lambda s: s.processes["a"].restarts == 1 and s.processes["a"].phase == "ready")
    assert after.processes["a"].identity != before.processes["a"].identity
    assert after.processes["b"].identity == before.processes["b"].identity
    assert "a: backoff: killed by SIGKILL" in (running.folder / "supervisor.log").read_text()


def test_a_crash_loop_slows_down_and_fails_the_start(host, tmp_path):
    running = host({"name": "bad", "kind": "crash"}, {"name": "good"})
    state = running.await_(lambda s: s.phase == "failed")
    assert state.processes["bad"].reason == "ended with exit code 7"
    with pytest.raises(control.StackError, match=r"bad does not start[^$]*no luck"):
        control.await_ready(tmp_path, running.process.pid)
    # 0.5 + 1 + 2 s of backoff: four starts take at least 3.5 s, however fast the machine.
    assert running.journal().count("bad start") <= 4
    assert running.process.poll() is None, "a failed start is reported, not the end of the supervisor"


def test_a_process_that_will_not_end_is_killed_after_its_grace(host, tmp_path):
    running = host({"name": "deaf", "kind": "deaf", "stop_s": 0.5})
    running.ready()
    began = time.monotonic()
    running.end()
    assert time.monotonic() - began < 8
    assert not left_behind(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_drain(host, tmp_path, number):
    running = host({"name": "a"})
    running.ready()
    running.end(number)
    assert running.process.returncode == 0
    assert running.journal()[-1] == "a end"
    assert not left_behind(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_nothing_survives_a_killed_supervisor(host, tmp_path):
    running = host({"name": "a"}, {"name": "deaf", "kind": "deaf"})
    state = running.ready()
    running.end(signal.SIGKILL)
    children = [each.identity.find() for each in state.processes.values()]
    _, alive = psutil.wait_procs([child for child in children if child], timeout=10)
    assert not alive
    assert not left_behind(tmp_path)


def test_down_ends_strays_but_never_a_process_that_took_over_the_number(tmp_path):
    stray = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        reused = Identity(other.pid, psutil.Process(other.pid).create_time() - 100)
        states = {
            "stray": ProcessState("ready", Identity.of(stray.pid)),
            "reused": ProcessState("ready", reused),
        }
        home.write_state(tmp_path, StackState(Identity(2**22 - 3, 1.0), "ready", {}, states))
        assert control.stop(tmp_path) == ["stray"]
        assert not psutil.pid_exists(stray.pid)
        assert other.poll() is None
    finally:
        for each in (stray, other):
            each.kill()
            each.wait(5)


def test_one_supervisor_per_folder(host, tmp_path):
    host({"name": "a"}).ready()
    second = host({"name": "a"})
    assert second.process.wait(10) != 0
    assert "a stack already runs" in (tmp_path / "supervisor.log").read_text()


def test_output_is_kept_per_process(host, tmp_path):
    host({"name": "a"}, {"name": "b"}).ready()
    assert tail(tmp_path / "logs" / "a.log", 5) == ["hello from a"]
    assert tail(tmp_path / "logs" / "b.log", 5) == ["hello from b"]


def test_logs_rotate_by_size_and_lose_no_line(tmp_path):
    log = RotatingLog(tmp_path / "x.log", max_bytes=1000)
    lines = [f"line {number:04d}\n".encode() for number in range(600)]
    for line in lines:
        log.write(line)
    log.close()
    parts = [tmp_path / f"x.log.{number}" for number in (3, 2, 1)] + [tmp_path / "x.log"]
    kept = b"".join(part.read_bytes() for part in parts)
    assert kept == b"".join(lines)[-len(kept) :]
    assert all(900 < part.stat().st_size < 1100 for part in parts[:3])
    assert len(list(tmp_path.iterdir())) == 4


def test_ports_are_the_usual_ones_unless_taken_and_stay_the_same(tmp_path):
    held, free = free_ports(["x", "y"]).values()
    usual = {"x": held, "y": free, "z": free}
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", held))
        holder.listen()
        assert not is_free(held)
        claims = Claims(tmp_path)
        first = assign(usual, {}, claims)
        assert first["x"] != held
        assert first["y"] == free
        assert len(set(first.values())) == 3
        claims.release()
        assert assign(usual, first, Claims(tmp_path)) == first


def test_two_stacks_that_start_at_once_never_choose_the_same_port(tmp_path):
    usual = free_ports(["x", "y"])
    one, two = Claims(tmp_path), Claims(tmp_path)
    assert assign(usual, {}, one) == usual
    assert not set(assign(usual, {}, two).values()) & set(usual.values())


def order(running: Host, more: list[str], fewer: list[str]) -> None:
    orders = {"more": more, "fewer": fewer}
    (running.folder / "orders.json").write_text(json.dumps(orders))
    running.process.send_signal(signal.SIGUSR1)


def test_processes_come_and_go_while_the_others_stay(host, tmp_path):
    running = host({"name": "segment"}, {"name": "door", "after": ["segment"]})
    before = running.ready().processes
    order(running, ["segment-2", "segment-3"], [])
    state = running.await_(lambda s: all(s.processes.get(n, before["door"]).phase == "ready" for n in
                                         ("segment-2", "segment-3")) and len(s.processes) == 4)  # fmt: skip
    assert state.phase == "ready"
    order(running, [], ["segment-2", "nobody"])
    state = running.await_(lambda s: "segment-2" not in s.processes)
    assert "segment-2 end" in running.journal()
    for name in ("segment", "door"):
        assert state.processes[name].identity == before[name].identity
    running.end()
    assert {"segment end", "segment-3 end"} <= set(running.journal())
    assert not left_behind(tmp_path)


def test_orders_that_are_no_orders_change_nothing(host):
    running = host({"name": "a"})
    before = running.ready()
    (running.folder / "orders.json").write_text("{")
    running.process.send_signal(signal.SIGUSR1)
    log = running.folder / "supervisor.log"
    running.await_(lambda _: "orders are unreadable" in log.read_text())
    assert running.state().processes == before.processes
    running.end()
    assert running.state().phase == "stopped"
