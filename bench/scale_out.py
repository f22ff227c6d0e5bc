"""One stage alone, scaled out: throughput, fairness, idle replicas, and what scale-in loses.

    python -m bench.scale_out [--replicas 1,2,4] [--seconds 20] [--json]

NATS and S3 of the local stack, and so many processes of the segment stage with an emulated device that every
fact holds for 0.2 s (bench/scale_stage.py). A backlog of `ingested` facts with 64 KB images, enough for
`--seconds`, is published at once when all replicas are ready. Who worked when is read from the facts
themselves (Analysis.runs), so nothing is sampled. The rate is all facts over the time from the first start to
the last end: ramp and tail count. At the end the largest set runs again and half of it is told to stop
(SIGTERM) midway.

Writes bench/results/scale_out.json; exits with 1 when a limit is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from assay.common.v1.types_pb2 import ObjectRef
from assay.events.v1.analysis_pb2 import Analysis, Job
from assay.ingest.v1.ingest_pb2 import IngestPage
from nats.aio.msg import Msg

from bench.scale_stage import STEP_S
from bench.servers import part_of_stack, settings_of
from dev import stack
from dev.ports import HOST, free_ports
from dev.process import ProcessSpec, Running, run
from mesh import jetstream
from mesh.facts import publish_fact, read
from mesh.jetstream import JetStream
from mesh.objects import ObjectStore
from mesh.settings import Settings

KEPT = Path(__file__).with_name("results") / "scale_out.json"
PICTURES = 16
AT_ONCE = 100
PICTURE_BYTES = 64_000
DEADLINE_S = 900.0
QUIET_S = 90.0
"""Nothing ended for so long: something is lost. Longer than the acknowledgement wait (30 s) twice."""
LEAST_LINEAR = 0.9
LEAST_FAIR = 0.8
MOST_IDLE = 0.05


@dataclass(frozen=True)
class Run:
    """One fact's way through a replica, seconds since the epoch."""

    job: str
    replica: str
    began: float
    ended: float
    delivery: int


@dataclass(frozen=True)
class Turn:
    """So many replicas and a backlog."""

    replicas: int
    facts: int
    seconds: float
    per_s: float
    linear: float
    """Rate over the rate of one replica times the replicas."""
    shares: Mapping[str, float]
    """Each replica's share of the facts, times the replicas: 1 is fair."""
    idle: float
    """Share of the replicas' time without a fact in hand while unstarted facts lay in the stream."""
    redelivered: int


@dataclass(frozen=True)
class ScaleIn:
    """Half of the replicas stopped midway."""

    replicas: int
    stopped: int
    facts: int
    segmented: int
    twice: int
    """Facts that were published more than once: create-once keeps it at none."""
    redelivered: int
    longest_gap_s: float
    """Between one end and the next, over all replicas."""


@dataclass(frozen=True)
class Bench:
    step_s: float
    cores: int
    load_before: float
    load_after: float
    turns: list[Turn]
    scale_in: ScaleIn
    missed: list[str]


def pictures() -> list[bytes]:
    """PNG images of about 64 KB that differ."""
    side = round((PICTURE_BYTES / 3) ** 0.5)
    noise = np.random.default_rng(0).integers(0, 256, (PICTURES, side, side, 3), dtype=np.uint8)
    return [cv2.imencode(".png", each)[1].tobytes() for each in noise]


@contextmanager
def replicas(count: int, folder: Path, env: Mapping[str, str]) -> Iterator[list[Running]]:
    """So many processes of the stage, ready."""
    names = [f"replica-{number}" for number in range(1, count + 1)]
    with run([_spec(name, folder, env) for name in names]) as started:
        yield [started[name] for name in names]


def _spec(name: str, folder: Path, env: Mapping[str, str]) -> ProcessSpec:
    ports = free_ports(("grpc", "metrics"))
    own = {
        "ASSAY_GRPC_PORT": str(ports["grpc"]),
        "ASSAY_METRICS_PORT": str(ports["metrics"]),
        # Every run says which code made it; here that names the replica.
        "ASSAY_VERSION": name,
    }
    target = f"{HOST}:{ports['grpc']}"
    return ProcessSpec(
        name=name,
        argv=(sys.executable, "-m", "bench.scale_stage"),
        folder=folder / "logs",
        env={**env, **own},
        probe=lambda: stack.grpc_probe(target),
        stop_s=25.0,
        ready_s=180.0,
    )


class Watch:
    """Collects the `segmented` facts of one turn."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.latest = time.monotonic()

    async def take(self, message: Msg) -> None:
        """Reads a fact's last run."""
        _, analysis = read(message.subject, message.data)
        said = analysis.runs[-1]
        self.runs.append(
            Run(
                job=analysis.job.job_id,
                replica=said.code_version,
                began=said.started_at.ToNanoseconds() / 1e9,
                ended=said.finished_at.ToNanoseconds() / 1e9,
                delivery=said.delivery,
            )
        )
        self.latest = time.monotonic()

    async def until(self, jobs: int) -> None:
        """Returns when so many jobs have ended, or when none ended for QUIET_S."""
        while len({each.job for each in self.runs}) < jobs:
            if time.monotonic() - self.latest > QUIET_S:
                return
            await asyncio.sleep(0.05)


async def feed(connection: JetStream, settings: Settings, refs: Sequence[ObjectRef], facts: int) -> None:
    """Publishes the backlog, many at once: it is there in a fraction of the first step."""
    now = datetime.now(UTC)

    async def tell(number: int) -> None:
        ref = refs[number % len(refs)]
        job = Job(
            job_id=str(uuid.uuid4()),
            tenant_id=ref.key.split("/")[0],
            region=settings.region,
            kind="tattoo",
            epoch=1,
        )
        job.created_at.FromDatetime(now)
        job.deadline.FromDatetime(now + timedelta(seconds=DEADLINE_S))
        analysis = Analysis(job=job, ingest=IngestPage(working=ref))
        await publish_fact(connection.js, "ingested", analysis, source="bench")

    for first in range(0, facts, AT_ONCE):
        await asyncio.gather(*(tell(number) for number in range(first, min(facts, first + AT_ONCE))))


@dataclass(frozen=True)
class Ground:
    """What every turn shares."""

    folder: Path
    env: Mapping[str, str]
    settings: Settings
    connection: JetStream
    refs: Sequence[ObjectRef]

    async def backlog(self, count: int, facts: int, stop: int = 0) -> list[Run]:
        """What `count` replicas did of `facts`; `stop` of them are told to stop when a third is done."""
        watch = Watch()
        subject = f"analysis.{self.settings.region}.tattoo.segmented.*.*"
        inbox = await self.connection.client.subscribe(subject, cb=watch.take)
        try:
            async with AsyncExitStack() as stack_:
                started = await self._started(count, stack_)
                await feed(self.connection, self.settings, self.refs, facts)
                watch.latest = time.monotonic()
                if stop:
                    await watch.until(facts // 3)
                    await asyncio.gather(*(asyncio.to_thread(each.stop) for each in started[:stop]))
                await watch.until(facts)
        finally:
            await inbox.unsubscribe()
        return watch.runs

    async def _started(self, count: int, until: AsyncExitStack) -> list[Running]:
        """So many replicas, ready, stopped when `until` ends; off this loop, which keeps NATS awake."""
        running = replicas(count, self.folder, self.env)
        started = await asyncio.to_thread(running.__enter__)

        async def stop() -> None:
            await asyncio.to_thread(running.__exit__, None, None, None)

        until.push_async_callback(stop)
        return started


def shares(runs: Sequence[Run], replicas_: int) -> dict[str, float]:
    """Each replica's share of the facts, times the replicas; those that got none are there with 0."""
    counts = Counter(each.replica for each in runs)
    names = [f"replica-{number}" for number in range(1, replicas_ + 1)]
    return {name: counts[name] * replicas_ / len(runs) for name in names}


def idle(runs: Sequence[Run], replicas_: int) -> float:
    """Share of the replicas' time without a fact in hand, up to the last start: until then there was lag."""
    began, last = min(each.began for each in runs), max(each.began for each in runs)
    busy = 0.0
    for name in {each.replica for each in runs}:
        free_from = began
        for each in sorted((r for r in runs if r.replica == name), key=lambda r: r.began):
            busy += max(0.0, min(each.ended, last) - max(each.began, free_from))
            free_from = max(free_from, each.ended)
    return 1 - busy / (replicas_ * (last - began))


def turn(runs: Sequence[Run], count: int, alone_per_s: float | None) -> Turn:
    """The figures of one backlog."""
    seconds = max(each.ended for each in runs) - min(each.began for each in runs)
    per_s = len(runs) / seconds
    return Turn(
        replicas=count,
        facts=len(runs),
        seconds=seconds,
        per_s=per_s,
        linear=per_s / (count * alone_per_s) if alone_per_s else 1.0,
        shares=shares(runs, count),
        idle=idle(runs, count),
        redelivered=sum(each.delivery > 1 for each in runs),
    )


def scale_in(runs: Sequence[Run], count: int, stopped: int, facts: int) -> ScaleIn:
    """What became of a backlog of which half the replicas were taken away."""
    jobs, ends = Counter(each.job for each in runs), sorted(each.ended for each in runs)
    return ScaleIn(
        replicas=count,
        stopped=stopped,
        facts=facts,
        segmented=len(jobs),
        twice=sum(times > 1 for times in jobs.values()),
        redelivered=sum(each.delivery > 1 for each in runs),
        longest_gap_s=max((b - a for a, b in pairwise(ends)), default=0.0),
    )


def missed(turns: Sequence[Turn], end: ScaleIn) -> list[str]:
    """The limits that do not hold."""
    found = []
    for each in turns:
        if each.linear < LEAST_LINEAR:
            found.append(
                f"{each.replicas} replicas: {each.linear:.2f} of linear, {LEAST_LINEAR:g} is the limit"
            )
        if min(each.shares.values()) < LEAST_FAIR:
            found.append(f"{each.replicas} replicas: the least share is {min(each.shares.values()):.2f}")
        if each.idle > MOST_IDLE:
            found.append(f"{each.replicas} replicas: idle {each.idle:.1%} of the time while facts waited")
    if end.segmented != end.facts or end.twice:
        found.append(f"scale-in: {end.segmented} of {end.facts} facts segmented, {end.twice} of them twice")
    return found


async def measure(counts: Sequence[int], seconds: float, folder: Path) -> tuple[list[Turn], ScaleIn]:
    """Every turn, then scale-in."""
    with part_of_stack(folder, ("nats", "s3", "topology")) as part:
        # Every process may do what its own part needs: ingest writes images, segment publishes what follows.
        env, settings = part.specs["segment"].env, settings_of(part.specs["ingest"])
        store, connection = ObjectStore(settings), await jetstream.connect(settings, "bench")
        try:
            tenant = str(uuid.uuid4())
            prefix = f"{tenant}/{uuid.uuid4()}/ingest"
            refs = [await store.put(prefix, "working.png", each, "image/png") for each in pictures()]
            ground = Ground(folder, env, settings, connection, refs)
            turns: list[Turn] = []
            for count in counts:
                print(f"{count} replicas", file=sys.stderr, flush=True)
                runs = await ground.backlog(count, round(seconds * count / STEP_S))
                alone = next((each.per_s / each.replicas for each in turns), None)
                turns.append(turn(runs, count, alone))
            most, facts = max(counts), round(seconds * max(counts) / STEP_S)
            print(f"scale-in from {most}", file=sys.stderr, flush=True)
            runs = await ground.backlog(most, facts, stop=most // 2)
            return turns, scale_in(runs, most, most // 2, facts)
        finally:
            await connection.close()
            store.close()


def table(done: Bench) -> str:
    """Markdown."""
    lines = [
        f"emulated device, {done.step_s:g} s a fact; {done.cores} cores for everything, machine load "
        f"{done.load_before:.1f} before and {done.load_after:.1f} after",
        "",
        "| replicas | facts | seconds | facts/s | of linear | shares (1: fair) | idle | delivered again |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for each in done.turns:
        fair = ", ".join(f"{share:.2f}" for share in each.shares.values())
        lines.append(
            f"| {each.replicas} | {each.facts} | {each.seconds:.1f} | {each.per_s:.2f} | {each.linear:.2f} | "
            f"{fair} | {each.idle:.1%} | {each.redelivered} |"
        )
    end = done.scale_in
    lines += [
        "",
        f"scale-in: {end.stopped} of {end.replicas} replicas stopped midway (SIGTERM): {end.segmented} of "
        f"{end.facts} facts segmented, {end.twice} published twice, {end.redelivered} delivered again, "
        f"longest pause {end.longest_gap_s:.1f} s",
        "",
        *([f"NOT held: {each}" for each in done.missed] or ["every limit holds"]),
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, keep; 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description="Scale one stage out and in.")
    parser.add_argument("--replicas", default="1,2,4", help="ascending; the first one sets what linear is")
    parser.add_argument("--seconds", type=float, default=20.0, help="work in each backlog")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    counts, load_before = [int(each) for each in given.replicas.split(",")], os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="assay-scale-") as name:
        turns, end = asyncio.run(measure(counts, given.seconds, Path(name)))
    done = Bench(
        step_s=STEP_S,
        cores=len(os.sched_getaffinity(0)),
        load_before=load_before,
        load_after=os.getloadavg()[0],
        turns=turns,
        scale_in=end,
        missed=missed(turns, end),
    )
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps(dataclasses.asdict(done), indent=2))
    print(KEPT.read_text() if given.json else table(done))
    return 1 if done.missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
