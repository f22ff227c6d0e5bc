"""Tattoo jobs through the whole mesh beside the same stages in one process per core.

    python -m bench.mesh [--photo FILE.jpg] [--rounds 3] [--seconds 20] [--sync 15] [--json]

A stack is started in a folder of its own on two cores. Per photo (2 and 12 megapixels, made from the sample
photo, and `--photo` as it is) the turns are taken one after the other in one run:

floor: one process per core, each pinned to its core, analyses the photo again and again as
    `assay analyze --local` does, and writes the same artefacts.
mesh: so many MODE_ASYNC jobs are kept in flight that every stage always has work; each has its own
    upload. Its rate is read from the times at which jobs ended while others were still being started.
sync: one analysis at a time, MODE_SYNC over HTTP, on a mesh that has nothing else to do, and the same photo
    in one unpinned process.

Processor time is that of every process of the stack: services, decoders, Envoy, NATS, PostgreSQL, S3 and the
supervisor, from before the first request until after the last job has ended. The driver is told apart.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil

from bench.mesh_floor import INTAKE, Floor
from cli import intake
from cli.api import ENDED, Api
from dev import control, home, issuer, stack
from dev.credentials import write_private
from dev.ports import free_ports

SAMPLE = Path(__file__).resolve().parents[1] / "models" / "sample" / "tattoo.jpg"
KEPT = Path(__file__).with_name("results") / "mesh.json"
SIZES = {"2 MP": (1632, 1224), "12 MP": (4000, 3000)}
CORES = 2
IN_FLIGHT = 12
LEAST_JOBS = 3 * IN_FLIGHT
"""Of a turn in the mesh, however slow the machine: its rate leaves out those that end first and last."""
# Between two looks at the oldest job: a driver that asks often takes the cores from what it measures.
LOOK_S = 0.5
REST_S = 2.0
"""After a turn: what is written behind the answer belongs to the turn."""
LEAST_RATIO = 0.85
MOST_EXTRA_S = 0.4


@dataclass(frozen=True)
class Photo:
    """What every job of a race analyses."""

    name: str
    path: Path


@dataclass(frozen=True)
class Turn:
    """jobs: how many. rate: jobs a second. cpu, driver_s: processor time by process, and of the driver."""

    jobs: int
    rate: float
    cpu: dict[str, float]
    driver_s: float = 0.0

    @property
    def cpu_per_job(self) -> float:
        return sum(self.cpu.values()) / self.jobs


@dataclass(frozen=True)
class Race:
    """One photo; turns in the order in which they were taken, floor and mesh in turn."""

    photo: str
    megabytes: float
    floor: list[Turn]
    mesh: list[Turn]
    sync_mesh_s: list[float]
    sync_floor_s: list[float]

    @property
    def ratio(self) -> float:
        """Jobs a second, mesh over floor: the median of neighbouring turns."""
        return statistics.median(m.rate / f.rate for m, f in zip(self.mesh, self.floor, strict=True))

    @property
    def more_cpu_s(self) -> float:
        """Processor time of a job, the mesh's less the floor's, seconds."""
        return _per_job(self.mesh) - _per_job(self.floor)

    @property
    def extra_s(self) -> float:
        """How much longer a SYNC answer takes than the floor: p95 over p95, seconds."""
        return _p95(self.sync_mesh_s) - _p95(self.sync_floor_s)

    @property
    def passed(self) -> bool:
        return self.ratio >= LEAST_RATIO and self.extra_s <= MOST_EXTRA_S


@dataclass(frozen=True)
class Bench:
    cores: int
    load_before: float
    load_after: float
    idle_cpu: float
    """Cores that the idle stack takes."""
    races: list[Race]


def _per_job(turns: Sequence[Turn]) -> float:
    return sum(sum(turn.cpu.values()) for turn in turns) / sum(turn.jobs for turn in turns)


def _p95(seconds: Sequence[float]) -> float:
    return float(np.quantile(seconds, 0.95))


def scaled(photo: Path, size: tuple[int, int]) -> bytes:
    """A photo as a JPEG of another size, with grain, so that it is as hard to decode as a camera's."""
    picture = cv2.imread(str(photo), cv2.IMREAD_COLOR)
    if picture is None:
        raise SystemExit(f"{photo} cannot be read")
    upright = picture.shape[0] > picture.shape[1]
    other = cv2.resize(picture, size[::-1] if upright else size, interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng(0).normal(0, 3, other.shape[:2])[..., None]
    noisy = np.clip(other + grain, 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()


def cpu_of(process: psutil.Process) -> float:
    """Seconds of processor time of a process and all that it started; the dead count once waited for."""
    spent = 0.0
    for each in [process, *process.children(recursive=True)]:
        try:
            spent += sum(each.cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue
    return spent


class Mesh:
    """A running stack, and a session with it."""

    def __init__(self, folder: Path) -> None:
        state = home.read_state(folder)
        assert state is not None
        self._state = state
        self.api = Api(str(state.urls["gateway"]), issuer.first_client(folder))
        self._order = {k: v for k, v in intake.read(INTAKE).items() if not k.startswith("_")}

    def cpu(self) -> dict[str, float]:
        """Processor time so far by process, seconds."""
        spent = {}
        for name, each in self._state.processes.items():
            found = each.identity.find() if each.identity else None
            if found is not None:
                spent[name] = cpu_of(found)
        supervisor = self._state.supervisor
        found = supervisor.find() if supervisor else None
        spent["supervisor"] = sum(found.cpu_times()[:2]) if found else 0.0
        return spent

    def start(self, photo: Photo, mode: str) -> dict[str, Any]:
        """Uploads the photo and starts an analysis."""
        upload = self.api.upload(photo.path, "image/jpeg")
        return self.api.analyze({**self._order, "upload_id": upload, "mode": mode, "timeout": "60s"})

    def saturate(self, photo: Photo, seconds: float) -> Turn:
        """Keeps jobs in flight for so long, then lets all of them end."""
        before, driver = self.cpu(), time.process_time()
        waiting, ends = deque[str](), list[float]()
        until, over = time.time() + seconds, 0.0
        while waiting or not over:
            while not over and len(waiting) < IN_FLIGHT:
                waiting.append(str(self.start(photo, "MODE_ASYNC")["job_id"]))
                enough = len(ends) + len(waiting) >= LEAST_JOBS
                over = time.time() if enough and time.time() >= until else 0.0
            view = self.api.job(waiting[0])
            if view["state"] in ENDED:
                waiting.popleft()
                ends.append(_ended(view))
            else:
                time.sleep(LOOK_S)
        time.sleep(REST_S)
        # Those begun together found an empty mesh: work that others had not begun at their end is no rate.
        steady = sorted(end for end in ends if end <= over)[IN_FLIGHT:]
        rate = (len(steady) - 1) / (steady[-1] - steady[0])
        return Turn(len(ends), rate, _since(before, self.cpu()), time.process_time() - driver)

    def sync(self, photo: Photo) -> float:
        """Seconds from the request to the answer of one analysis."""
        upload = self.api.upload(photo.path, "image/jpeg")
        began = time.perf_counter()
        view = self.api.analyze({**self._order, "upload_id": upload, "mode": "MODE_SYNC", "timeout": "60s"})
        seconds = time.perf_counter() - began
        _ended(view)
        return seconds


def _since(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {name: after[name] - before.get(name, 0.0) for name in after}


def _ended(view: dict[str, Any]) -> float:
    """When a job ended, Unix seconds; raises SystemExit when it did not succeed."""
    if view["state"] != "STATE_SUCCEEDED":
        raise SystemExit(f"job {view['job_id']} did not succeed: {view['state']} {view.get('error')}")
    return datetime.fromisoformat(view["finished_at"]).timestamp()


@contextmanager
def running(folder: Path) -> Iterator[Mesh]:
    """A stack of the bench's own, warm."""
    names = stack.process_names({})
    wanted = [*stack.SERVERS, *(f"{kind}_{name}" for name in names for kind in ("grpc", "metrics"))]
    write_private(folder / "ports.json", json.dumps(free_ports(wanted)))
    try:
        control.await_ready(folder, control.start(folder, {}, bound=True))
        yield Mesh(folder)
    finally:
        control.stop(folder)


def floor_turn(floors: Sequence[Floor], seconds: float) -> Turn:
    """One turn of all processes of the floor at once."""
    before = [cpu_of(psutil.Process(floor.pid)) for floor in floors]
    for floor in floors:
        floor.begin(seconds, 1)
    turns = [floor.end() for floor in floors]
    cpu = {
        f"floor-{n}": cpu_of(psutil.Process(floor.pid)) - spent
        for n, (floor, spent) in enumerate(zip(floors, before, strict=True))
    }
    return Turn(sum(len(turn.seconds) for turn in turns), sum(turn.rate for turn in turns), cpu)


def race(mesh: Mesh, photo: Photo, folder: Path, rounds: int, seconds: float, sync: int) -> Race:
    """Floor and mesh in turn, then SYNC answers and the floor's in turn."""
    done = Race(photo.name, photo.path.stat().st_size / 2**20, [], [], [], [])
    for _ in range(2):
        mesh.sync(photo)
    with ExitStack() as floors:
        cores = sorted(os.sched_getaffinity(0))
        pinned = [floors.enter_context(Floor(photo.path, folder / str(core), core)) for core in cores]
        for _ in range(rounds):
            done.floor.append(floor_turn(pinned, seconds))
            done.mesh.append(mesh.saturate(photo, seconds))
    if sync:
        with Floor(photo.path, folder / "alone", None) as alone:
            for _ in range(sync):
                alone.begin(0, 1)
                done.sync_floor_s.extend(alone.end().seconds)
                done.sync_mesh_s.append(mesh.sync(photo))
    return done


def bench(photos: Sequence[Photo], folder: Path, rounds: int, seconds: float, sync: int) -> Bench:
    """Every race on one stack."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])  # what is started inherits it
    load = os.getloadavg()[0]
    with running(folder / "stack") as mesh:
        time.sleep(REST_S)
        before = mesh.cpu()
        time.sleep(5 * REST_S)
        idle = sum(_since(before, mesh.cpu()).values()) / (5 * REST_S)
        races = [race(mesh, photo, folder / photo.name, rounds, seconds, sync) for photo in photos]
    return Bench(len(os.sched_getaffinity(0)), load, os.getloadavg()[0], idle, races)


def table(done: Bench) -> str:
    """The result as Markdown."""
    lines = [
        f"{done.cores} cores, load {done.load_before:.1f} before, {done.load_after:.1f} after; the idle "
        f"stack takes {100 * done.idle_cpu:.1f} % of a core",
        "",
        "| photo | floor, jobs/s | mesh, jobs/s | ratio | floor, CPU s/job | mesh, CPU s/job "
        "| mesh less floor | floor, p95 s | SYNC, p95 s | more, ms | |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in done.races:
        floor, mesh = (statistics.median(turn.rate for turn in turns) for turns in (one.floor, one.mesh))
        sync = (_p95(one.sync_floor_s), _p95(one.sync_mesh_s)) if one.sync_mesh_s else (0.0, 0.0)
        lines.append(
            f"| {one.photo}, {one.megabytes:.1f} MB | {floor:.2f} | {mesh:.2f} | **{one.ratio:.2f}** "
            f"| {_per_job(one.floor):.2f} | {_per_job(one.mesh):.2f} | **{one.more_cpu_s:.2f}** "
            f"| {sync[0]:.2f} | {sync[1]:.2f} | **{1000 * (sync[1] - sync[0]):.0f}** "
            f"| {'passes' if one.passed else 'does NOT pass'} |"
        )
    for one in done.races:
        jobs = sum(turn.jobs for turn in one.mesh)
        spent = {name: sum(turn.cpu.get(name, 0.0) for turn in one.mesh) / jobs for name in one.mesh[0].cpu}
        parts = ", ".join(f"{name} {1000 * s:.0f}" for name, s in sorted(spent.items(), key=lambda p: -p[1]))
        driver = 1000 * sum(turn.driver_s for turn in one.mesh) / jobs
        lines += [
            "",
            f"{one.photo}: CPU of a job in the mesh by process, ms: {parts}; the driver {driver:.0f}",
        ]
    required = f"at least {LEAST_RATIO} of the floor's jobs/s, at most {1000 * MOST_EXTRA_S:.0f} ms more"
    return "\n".join([*lines, "", f"required: {required}"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 when a requirement is not met."""
    parser = argparse.ArgumentParser(
        description="Race the mesh against the same stages in one process per core."
    )
    parser.add_argument("--photo", type=Path, help="a photo to race with as it is, besides")
    parser.add_argument("--sizes", default=",".join(SIZES), help="which of the made photos (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="turns each (default 3)")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of a turn (default 20)")
    parser.add_argument("--sync", type=int, default=15, help="SYNC answers (default 15)")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as name:
        folder = Path(name)
        photos = []
        for size in filter(None, given.sizes.split(",")):
            path = folder / f"{size.replace(' ', '')}.jpg"
            path.write_bytes(scaled(SAMPLE, SIZES[size]))
            photos.append(Photo(size, path))
        if given.photo:
            photos.append(Photo(given.photo.name, given.photo))
        done = bench(photos, folder, given.rounds, given.seconds, given.sync)
    figures = json.dumps(dataclasses.asdict(done), indent=2)
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(figures + "\n", encoding="utf-8")
    print(figures if given.json else table(done))
    return 0 if all(one.passed for one in done.races) else 1


if __name__ == "__main__":
    raise SystemExit(main())
