"""Starts the processes of a stack in order, restarts what dies, ends them in reverse order.

SIGUSR1 makes it read orders.json: which processes there shall be (`assay scale`).

`python -m dev.supervisor` is what `assay up` runs. It writes state.json at every change and one
log file per process. SIGTERM and SIGINT drain. If it is killed itself, the kernel ends its
children (`dev.launch`); what escapes that is ended by the next `assay up` or `assay down`.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from dev import home
from dev.home import Identity, ProcessState, StackState
from dev.logs import RotatingLog
from dev.ports import Claims
from dev.process import ProcessSpec, StartError, launch_argv

PROBE_PERIOD_S = 0.1
WATCH_PERIOD_S = 10.0
BACKOFF_FIRST_S = 0.5
BACKOFF_CAP_S = 30.0
# A process that lived this long starts its backoff anew.
STABLE_S = 60.0
# Failed attempts, before a process was ready for the first time, that fail the whole start.
START_ATTEMPTS = 3
# The kernel has this long to end a killed process.
KILLED_S = 10.0


class AlreadyRunning(RuntimeError):
    """Another supervisor holds this folder."""


def describe_exit(code: int) -> str:
    """Says how a process ended."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


class Child:
    """One supervised process: its state, its log, and the task that keeps it running."""

    def __init__(self, spec: ProcessSpec, supervisor: Supervisor) -> None:
        self.spec = spec
        self.supervisor = supervisor
        self.state = ProcessState(ports=spec.ports, log=str(supervisor.log_path(spec.name)))
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self._stopping = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None

    def _note(self, phase: str, reason: str = "") -> None:
        if (self.state.phase, self.state.reason) != (phase, reason):
            self.supervisor.say(f"{self.spec.name}: {phase}{': ' if reason else ''}{reason}")
        self.state.phase, self.state.reason = phase, reason
        self.supervisor.changed()

    async def keep(self) -> None:
        """Runs the process until `stop`, however often it dies."""
        try:
            # Order matters for the first start only; later each process waits for what it needs.
            for name in self.spec.after:
                await self._first(self.supervisor.children[name].ready, self._stopping)
            await self._revive()
        finally:
            self.ended.set()

    async def _revive(self) -> None:
        delay = BACKOFF_FIRST_S
        while not self._stopping.is_set():
            began = time.monotonic()
            reason = await self._attempt()
            if self._stopping.is_set() or self.state.phase == "done":
                break
            delay = BACKOFF_FIRST_S if time.monotonic() - began > STABLE_S else delay
            self.state.restarts += 1
            given_up = not self.ready.is_set() and self.state.restarts >= START_ATTEMPTS
            self._note("failed" if given_up else "backoff", reason)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)
            delay = min(delay * 2, BACKOFF_CAP_S)
        if self.state.phase != "done":
            self._note("stopped")

    async def _first(self, *events: asyncio.Event) -> None:
        """Waits for the first of several events."""
        tasks = [asyncio.create_task(event.wait()) for event in events]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()

    async def _attempt(self) -> str:
        """Starts the process once and waits for its end; returns why it ended."""
        self._note("starting", self.state.reason)
        log = RotatingLog(self.supervisor.log_path(self.spec.name))
        try:
            await asyncio.to_thread(self.spec.prepare)
            if self._stopping.is_set():
                return ""
            self._process = process = await self._spawn()
            if self._stopping.is_set():
                process.send_signal(self.spec.stop_signal)
            pump = asyncio.create_task(_pump(process, log))
            watch = asyncio.create_task(self._watch())
            code = await process.wait()
            watch.cancel()
            await asyncio.wait({pump}, timeout=2)
            pump.cancel()
            return self._finish(code)
        except (StartError, OSError) as error:
            return str(error)
        finally:
            log.close()
            self.spec.tidy()
            self._process, self.state.identity = None, None

    def _finish(self, code: int) -> str:
        if self.spec.once and code == 0:
            self._note("done")
            self.ready.set()
        return describe_exit(code)

    async def _spawn(self) -> asyncio.subprocess.Process:
        self.spec.folder.mkdir(parents=True, exist_ok=True)
        process = await asyncio.create_subprocess_exec(
            *launch_argv(self.spec),
            cwd=self.spec.folder,
            env={**os.environ, **self.spec.env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        self.state.identity = Identity.of(process.pid)
        self.supervisor.changed()
        return process

    async def _watch(self) -> None:
        """Probes until ready, settles, then keeps the state honest. Only death restarts a process."""
        if self.spec.once:
            return
        settled, deadline = False, time.monotonic() + self.spec.ready_s
        while True:
            lacks = await asyncio.to_thread(self.spec.probe)
            if not lacks and not settled:
                try:
                    await asyncio.to_thread(self.spec.settle)
                    settled = True
                except Exception as error:  # settling talks to a young server: try until it works
                    lacks = f"not settled: {error}"
            if not lacks:
                self.ready.set()
                self._note("ready")
            elif settled:
                self._note("unready", lacks)
            elif time.monotonic() > deadline:
                self._note("starting", f"not ready after {self.spec.ready_s:.0f} s: {lacks}")
                self.kill()
                return
            await asyncio.sleep(PROBE_PERIOD_S if not settled else WATCH_PERIOD_S)

    async def stop(self) -> None:
        """Ends the process once all that depend on it, directly or not, have ended."""
        for other in self.supervisor.children.values():
            if self.spec.name in self.supervisor.needs(other.spec.name):
                await other.ended.wait()
        self._stopping.set()
        process = self._process
        if process is not None and process.returncode is None:
            process.send_signal(self.spec.stop_signal)
        for grace in (self.spec.stop_s, KILLED_S):
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), grace)
                return
            self.kill()
        self.supervisor.say(f"{self.spec.name}: did not end; left to the kernel")

    def kill(self) -> None:
        """Kills the process and everything in its group."""
        if self._process is not None and self._process.returncode is None:
            os.killpg(self._process.pid, signal.SIGKILL)


async def _pump(process: asyncio.subprocess.Process, log: RotatingLog) -> None:
    reader = process.stdout
    while reader is not None and (data := await reader.read(65536)):
        log.write(data)


class Supervisor:
    """All processes of one stack."""

    def __init__(
        self,
        folder: Path,
        specs: Sequence[ProcessSpec],
        urls: dict[str, str],
        make: Callable[[Sequence[str]], Sequence[ProcessSpec]] | None = None,
    ) -> None:
        """make: specs of processes to be added while the stack runs, by name."""
        self.folder = folder
        self._make = make
        self._keepers: list[asyncio.Task[None]] = []
        self._ordered: set[asyncio.Task[None]] = set()
        self.children = {spec.name: Child(spec, self) for spec in specs}
        states = {name: child.state for name, child in self.children.items()}
        self.state = StackState(Identity.of(os.getpid()), "starting", urls, states)

    def log_path(self, name: str) -> Path:
        """Log file of a process."""
        return self.folder / "logs" / f"{name}.log"

    def needs(self, name: str) -> set[str]:
        """All that a process is started after, directly or not."""
        direct = self.children[name].spec.after
        return set(direct).union(*(self.needs(each) for each in direct))

    def say(self, text: str) -> None:
        """Writes a line to the supervisor's own log."""
        print(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), text, flush=True)

    def changed(self) -> None:
        """Writes the state, with the phase of the whole made from the phases of the parts."""
        phases = [state.phase for state in self.state.processes.values()]
        if self.state.phase in ("starting", "failed"):
            if all(child.ready.is_set() for child in self.children.values()):
                self.state.phase = "ready"
            elif "failed" in phases:
                self.state.phase = "failed"
        home.write_state(self.folder, self.state)

    async def run(self) -> None:
        """Keeps everything running until SIGTERM or SIGINT, then drains."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGUSR1, self._order, stop)
        for child in self.children.values():
            self._keep(child, stop)
        await stop.wait()
        await asyncio.gather(*self._ordered, return_exceptions=True)
        self.state.phase = "stopping"
        self.say("draining")
        await asyncio.gather(*(child.stop() for child in self.children.values()))
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self.state.phase = "stopped"
        self.changed()
        self.say("stopped")

    def _keep(self, child: Child, stop: asyncio.Event) -> None:
        """Starts keeping a child; a fault of the keeper itself ends the stack."""

        def ended(keeper: asyncio.Task[None]) -> None:
            if not keeper.cancelled() and keeper.exception() is not None:
                self.say(f"{keeper.get_name()}: the supervisor failed: {keeper.exception()!r}")
                stop.set()

        keeper = asyncio.create_task(child.keep(), name=child.spec.name)
        keeper.add_done_callback(ended)
        self._keepers.append(keeper)

    def _order(self, stop: asyncio.Event) -> None:
        task = asyncio.create_task(self._follow_orders(stop))
        self._ordered.add(task)
        task.add_done_callback(self._ordered.discard)

    async def _follow_orders(self, stop: asyncio.Event) -> None:
        """Adds and ends the processes that orders.json names; the others stay as they are."""
        try:
            orders = json.loads(home.orders_file(self.folder).read_text())
            more, fewer = list(map(str, orders["more"])), list(map(str, orders["fewer"]))
            fresh = [name for name in more if name not in self.children]
            specs = await asyncio.to_thread(self._make, fresh) if self._make and fresh else ()
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.say(f"orders are unreadable: {error!r}")
            return
        for spec in specs:
            child = self.children[spec.name] = Child(spec, self)
            self.state.processes[spec.name] = child.state
            self._keep(child, stop)
        leaving = [self.children[name] for name in fewer if name in self.children]
        await asyncio.gather(*(child.stop() for child in leaving))
        for child in leaving:
            del self.children[child.spec.name], self.state.processes[child.spec.name]
        self.changed()


class Lock:
    """One supervisor per folder, held as long as the process lives."""

    def __init__(self, folder: Path) -> None:
        # Logs may name subjects: nobody else's business.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = (folder / "lock").open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AlreadyRunning(f"a stack already runs in {folder}; see `assay status`") from error

    def release(self) -> None:
        """Lets another supervisor have the folder."""
        self._file.close()


def main(arguments: Sequence[str]) -> int:
    """`python -m dev.supervisor [NAME=REPLICAS]...`: runs the product's stack in ASSAY_HOME."""
    from dev import stack

    folder = home.home()
    lock, claims = Lock(folder), Claims()
    previous = home.read_state(folder)
    if previous is not None:
        for name in home.end_strays(previous):
            print(f"ended a stray of an earlier run: {name}", flush=True)
    replicas = {name: int(count) for name, count in (each.split("=") for each in arguments)}
    built = stack.build(folder, replicas, claims)
    supervisor = Supervisor(folder, built.specs, built.urls, lambda names: stack.more(folder, names, claims))
    asyncio.run(supervisor.run())
    claims.release()
    lock.release()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
