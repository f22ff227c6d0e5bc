"""What a race gave, as data and as Markdown, and whether the limits hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from bench.peers.floor import Floor
from bench.peers.load import Load

CROWDS = (16, 64)
AHEAD_OF = ("FastAPI + Celery + Redis", "BentoML", "LitServe", "Ray Serve")
NEAR = "FastAPI"
LEAST_NEAR = 0.9
FEWEST = 16


@dataclass(frozen=True)
class Turn:
    """What callers saw, and what it cost the server."""

    load: Load
    server_cores: float
    """Processor time of the contender's processes a second, warm-up included."""


@dataclass(frozen=True)
class Result:
    """A contender with one photo."""

    photo: str
    name: str
    failure: str
    """Why it did not run to the end; empty when it did."""
    turns: list[Turn]
    start_s: float
    idle_mib: float
    busy_mib: float
    limits: Mapping[str, Floor]
    """Of this photo: "core" and "model"."""

    def rate(self, callers: int) -> float | None:
        """Answers a second, where it got so far."""
        return next((turn.load.per_s for turn in self.turns if turn.load.callers == callers), None)


@dataclass(frozen=True)
class Race:
    model: str
    cores: int
    rounds: int
    seconds: float
    load_before: float
    load_after: float
    results: list[Result]
    missed: list[str]
    """Limits that do not hold, and contenders that failed."""


def judged(race: Race, ours: str) -> Race:
    """The race with what it misses."""
    missed = [f"{each.name}, {each.photo}: {each.failure}" for each in race.results if each.failure]
    missed += [
        f"{each.name}, {each.photo}, {turn.load.callers} callers: {_trouble(turn.load)}"
        for each in race.results
        for turn in each.turns
        if _trouble(turn.load)
    ]
    by_photo = {each.photo: each for each in race.results if each.name == ours}
    for other in race.results:
        mine = by_photo.get(other.photo)
        if mine is None or other.name == ours:
            continue
        missed += _missed(mine, other)
    return replace(race, missed=missed)


def _trouble(load: Load) -> str:
    """Why a turn says nothing; empty when it does."""
    if load.failed:
        return f"{load.failed} calls failed"
    few = load.finished < min(load.callers, FEWEST)
    return f"{load.finished} answers are too few to compare" if few else ""


def _missed(mine: Result, other: Result) -> Iterable[str]:
    for callers in CROWDS:
        our_rate, their_rate = mine.rate(callers), other.rate(callers)
        if not our_rate or not their_rate:
            continue
        ratio = our_rate / their_rate
        least = LEAST_NEAR if other.name == NEAR else 1.0
        if (other.name in AHEAD_OF and ratio <= least) or (other.name == NEAR and ratio < least):
            yield f"{callers} callers, {other.photo}: {ratio:.2f} of {other.name}, {least:g} is the limit"


def table(race: Race) -> str:
    """Markdown: one table a photo."""
    lines = [
        f"{race.model}, {race.cores} cores, {race.rounds} rounds, turns of at least {race.seconds:g} s, "
        f"machine load {race.load_before:.1f} before and {race.load_after:.1f} after. "
        "Ratio: answers a second, ours over theirs."
    ]
    for photo in dict.fromkeys(each.photo for each in race.results):
        lines += ["", *_of_photo(photo, [each for each in race.results if each.photo == photo])]
    verdict = [f"- {each.splitlines()[0]}" for each in race.missed]
    return "\n".join([*lines, "", "every limit holds" if not verdict else "NOT held:", *verdict])


def _of_photo(photo: str, results: list[Result]) -> Iterable[str]:
    mine = results[0]
    yield f"photo {photo}"
    yield ""
    yield "| who | callers | answers/s | ratio | p50 s | p99 s | CPU ms an answer | load generator, cores |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for each in results:
        for turn in each.turns:
            yield _row(each, turn, mine)
        if each.failure:
            yield f"| {each.name} | | failed: {each.failure.splitlines()[0]} | | | | | |"
    for what, label in (("core", "no server, our core in a loop"), ("model", "ONNX Runtime alone in a loop")):
        limit = mine.limits[what]
        yield f"| {label} | one / one a core | {limit.alone_per_s:.2f} / {limit.crowd_per_s:.2f} | | | | | |"
    yield ""
    yield "| who | first answer after, s | PSS MiB, idle | PSS MiB, after the crowd |"
    yield "| --- | --- | --- | --- |"
    for each in results:
        yield f"| {each.name} | {each.start_s:.1f} | {each.idle_mib:.0f} | {each.busy_mib:.0f} |"


def _row(one: Result, turn: Turn, mine: Result) -> str:
    load, our_rate = turn.load, mine.rate(turn.load.callers)
    ratio = f"{our_rate / load.per_s:.2f}" if our_rate and load.per_s else ""
    cpu = f"{1000 * turn.server_cores / load.per_s:.0f}" if load.per_s else ""
    return (
        f"| {one.name} | {load.callers} | {load.per_s:.2f} | {ratio} | {load.p50_s:.3f} | {load.p99_s:.3f} | "
        f"{cpu} | {load.generator_cores:.3f} |"
    )
