"""Queueing models of the pipeline: stages in tandem, on machines of their own or on cores that all share.

Arrivals are Poisson, service times are drawn from measured ones, so a stage is M/G/c (the first) or G/G/c.
Two ways to work them out:

- `tandem`: every stage has its own servers. First come, first served by c servers: a job begins at its
  arrival or when the first server is free (Kiefer and Wolfowitz, Trans. Am. Math. Soc. 78, 1955), which one
  heap gives exactly.
- `shared`: every stage's runs share the same cores. When they want more threads than there are cores, all of
  them slow down alike (processor sharing; Kleinrock, Queueing Systems II, 1976), event by event.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Station:
    """A stage. servers: runs at once. service_s: measured seconds of a run alone on the machine, drawn from.

    threads: cores that a run keeps busy while it runs alone. hop_s: from the fact before it until it begins,
    when nobody waits. around_s: processor time that servers and runtime spend on a job's way through it.
    """

    name: str
    servers: int
    service_s: Sequence[float]
    threads: float = 1.0
    hop_s: float = 0.0
    around_s: float = 0.0

    @property
    def mean_s(self) -> float:
        """Mean service time, seconds."""
        return sum(self.service_s) / len(self.service_s)


@dataclass(frozen=True)
class Passed:
    """One job's way: when it came and when it was through, seconds."""

    arrived: float
    done: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.done - self.arrived


def tandem(stations: Sequence[Station], arrivals: Sequence[float], seed: int) -> list[Passed]:
    """Sends arrivals (rising times) through stations that have servers of their own; exact for FIFO."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    at = list(arrivals)
    order = list(range(len(at)))
    for station in stations:
        free = [0.0] * station.servers
        order.sort(key=lambda job: at[job])
        for job in order:
            begin = max(at[job] + station.hop_s, free[0])
            at[job] = begin + chance.choice(station.service_s)
            heapq.heapreplace(free, at[job])
    return [Passed(came, done) for came, done in zip(arrivals, at, strict=True)]


@dataclass
class _Run:
    """Work under way: seconds of it left at full speed, the cores it wants, what follows."""

    job: int
    station: int
    left_s: float
    threads: float
    around: bool


@dataclass
class _Shared:
    """The state of `shared`: the clock, who runs, who waits, what is on its way."""

    stations: Sequence[Station]
    cores: float
    chance: random.Random
    now: float = 0.0
    running: list[_Run] = field(default_factory=list)
    waiting: list[deque[int]] = field(default_factory=list)
    busy: list[int] = field(default_factory=list)
    coming: list[tuple[float, int, int]] = field(default_factory=list)
    done: dict[int, float] = field(default_factory=dict)

    def speed(self) -> float:
        """Of every run: 1 while the cores suffice."""
        wanted = sum(run.threads for run in self.running)
        return min(1.0, self.cores / wanted) if wanted else 1.0

    def step(self) -> None:
        """Goes on to the next arrival or the next end of a run, whichever comes first."""
        speed = self.speed()
        first = min(self.running, key=lambda run: run.left_s, default=None)
        ends = self.now + first.left_s / speed if first else float("inf")
        comes = self.coming[0][0] if self.coming else float("inf")
        then = min(ends, comes)
        for run in self.running:
            run.left_s -= (then - self.now) * speed
        self.now = then
        if first is not None and ends <= comes:
            self.running.remove(first)
            self._ended(first)
        else:
            _, job, station = heapq.heappop(self.coming)
            self._arrived(job, station)

    def _arrived(self, job: int, station: int) -> None:
        if station == len(self.stations):
            self.done[job] = self.now
        elif self.stations[station].around_s:
            self.running.append(_Run(job, station, self.stations[station].around_s, 1.0, around=True))
        else:
            self._queue(job, station)

    def _queue(self, job: int, station: int) -> None:
        self.waiting[station].append(job)
        self._begin(station)

    def _begin(self, station: int) -> None:
        place = self.stations[station]
        while self.waiting[station] and self.busy[station] < place.servers:
            job = self.waiting[station].popleft()
            self.busy[station] += 1
            seconds = self.chance.choice(place.service_s)
            self.running.append(_Run(job, station, seconds, place.threads, around=False))

    def _ended(self, run: _Run) -> None:
        if run.around:
            self._queue(run.job, run.station)
            return
        self.busy[run.station] -= 1
        self._begin(run.station)
        after = run.station + 1
        hop = self.stations[after].hop_s if after < len(self.stations) else 0.0
        heapq.heappush(self.coming, (self.now + hop, run.job, after))


def shared(stations: Sequence[Station], arrivals: Sequence[float], cores: float, seed: int) -> list[Passed]:
    """Sends arrivals (rising times) through stations whose runs share the cores."""
    state = _Shared(stations, cores, random.Random(seed))  # noqa: S311 - a simulation
    state.waiting = [deque() for _ in stations]
    state.busy = [0] * len(stations)
    state.coming = [(at + stations[0].hop_s, job, 0) for job, at in enumerate(arrivals)]
    heapq.heapify(state.coming)
    while state.running or state.coming:
        state.step()
    return [Passed(at, state.done[job]) for job, at in enumerate(arrivals)]


def quantile(seconds: Sequence[float], share: float) -> float:
    """The smallest of the values that at least `share` of them do not exceed."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
