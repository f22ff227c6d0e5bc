"""What the processes of a running stack use: processor time, memory, open files, connections, threads."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from dev import home

MIB = 2**20
SERVERS = ("nats", "postgres", "s3", "envoy")


@dataclass(frozen=True)
class Use:
    """One process of the stack, with all that it started, at one moment.

    cpu_s: processor time so far. rss_mib, uss_mib, pss_mib: resident, unique and proportional set size, MiB;
    shared memory (PostgreSQL's buffers) counts once in rss_mib, as it would in one process.
    files: open file descriptors; what several of the processes have open (a table that sessions of
    PostgreSQL have read) counts once. connections: sockets among them. pids: to see a restart by.
    """

    cpu_s: float
    rss_mib: float
    uss_mib: float
    pss_mib: float
    files: int
    connections: int
    threads: int
    pids: tuple[int, ...]


def processes(folder: Path) -> dict[str, psutil.Process]:
    """The processes that run now, by their names in the stack of `folder`, its supervisor among them."""
    state = home.read_state(folder)
    if state is None:
        raise SystemExit(f"no stack runs in {folder}")
    found = {name: each.identity.find() if each.identity else None for name, each in state.processes.items()}
    found["supervisor"] = state.supervisor.find() if state.supervisor else None
    return {name: process for name, process in found.items() if process is not None}


def cpu(folder: Path) -> dict[str, float]:
    """Processor time so far by process, seconds. PostgreSQL's ended sessions are not in it."""
    spent: dict[str, float] = {}
    for name, process in processes(folder).items():
        family = [process] if name == "supervisor" else _family(process)
        spent[name] = sum(_cpu_s(each) for each in family)
    return spent


def use(folder: Path) -> dict[str, Use]:
    """Everything, of every process. Reading PSS makes the kernel walk all pages: not many times a second."""
    return {name: use_of(process, alone=name == "supervisor") for name, process in processes(folder).items()}


def machine_cpu_s() -> float:
    """Processor time of the whole machine so far, seconds."""
    now = psutil.cpu_times()
    return float(sum(now[:8]) - now.idle - now.iowait)


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _cpu_s(process: psutil.Process) -> float:
    try:
        return float(sum(process.cpu_times()[:4]))
    except psutil.NoSuchProcess:
        return 0.0


def use_of(process: psutil.Process, *, alone: bool = False) -> Use:
    """What a process uses, with all that it started unless `alone`."""
    family = [process] if alone else _family(process)
    parts = [part for one in family if (part := _part(one)) is not None]
    shared = [part.shared_mib for part in parts]
    opened: Counter[str] = Counter()
    for part in parts:
        opened |= part.opened
    return Use(
        cpu_s=sum(part.cpu_s for part in parts),
        rss_mib=sum(part.rss_mib for part in parts) - sum(shared) + max(shared, default=0.0),
        uss_mib=sum(part.uss_mib for part in parts),
        pss_mib=sum(part.pss_mib for part in parts),
        files=opened.total(),
        connections=sum(count for name, count in opened.items() if name.startswith("socket:")),
        threads=sum(part.threads for part in parts),
        pids=tuple(part.pid for part in parts),
    )


@dataclass(frozen=True)
class _Part:
    """One process of a family. opened: how often it has each file open."""

    pid: int
    cpu_s: float
    rss_mib: float
    uss_mib: float
    pss_mib: float
    shared_mib: float
    opened: Counter[str]
    threads: int


def _part(one: psutil.Process) -> _Part | None:
    try:
        memory = one.memory_full_info()
        return _Part(
            pid=one.pid,
            cpu_s=_cpu_s(one),
            rss_mib=memory.rss / MIB,
            uss_mib=memory.uss / MIB,
            pss_mib=memory.pss / MIB,
            shared_mib=_shared_mib(one.pid),
            opened=_opened(one.pid),
            threads=one.num_threads(),
        )
    except psutil.NoSuchProcess:
        return None


def _shared_mib(pid: int) -> float:
    """Resident shared memory (proc(5): RssShmem); 0 for a process that has gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    kib = [float(line.split()[1]) for line in status.splitlines() if line.startswith("RssShmem")]
    return sum(kib) / 1024


def _opened(pid: int) -> Counter[str]:
    """What its descriptors lead to; whatever closes while we look is not counted."""
    found: Counter[str] = Counter()
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found[str(link.readlink())] += 1
    except OSError:
        pass
    return found


@dataclass(frozen=True)
class Spent:
    """Processor time between two moments, seconds, by process; `machine` is everybody's on the machine."""

    seconds: float
    by_process: dict[str, float]
    machine: float

    def groups(self) -> dict[str, float]:
        """The same by what it goes to: Envoy, gateway, each server, the stages together."""
        grouped: dict[str, float] = {}
        for name, spent in self.by_process.items():
            known = name if name in SERVERS or name in ("gateway", "supervisor") else "stages"
            grouped[known] = grouped.get(known, 0.0) + spent
        return grouped


class Meter:
    """Reads processor time at its beginning, and the difference whenever asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._began, self._before, self._machine = time.monotonic(), cpu(folder), machine_cpu_s()

    def read(self) -> Spent:
        """What was spent since the beginning."""
        now = cpu(self._folder)
        return Spent(
            seconds=time.monotonic() - self._began,
            by_process={name: max(0.0, now[name] - self._before.get(name, 0.0)) for name in now},
            machine=machine_cpu_s() - self._machine,
        )
