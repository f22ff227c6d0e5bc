"""One table: SegmentService/Segment beside its peers, at 1, 16 and 64 callers.

    python -m bench.peers [--seconds 10] [--rounds 3] [--callers 1,16,64] [--only NAME] [--sizes large,small]

Everybody serves the same released model around the same functions of svc_segment, takes the same JPEG and
gives the same page and mask, which is checked before anything is timed. They run one after the other on two
cores, each alone, in every round; figures are medians over the rounds. Two photos are sent: the sample photo,
of which the model is nearly everything, and the same at 320 pixels, of which the serving is a part. Writes
bench/results/peers.json. Exits with 1 when a limit is missed or a contender fails; the others still run.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
from assay.segment.v1.segment_pb2 import SegmentResponse

from bench.peers import server
from bench.peers.contenders import PEERS, Peer
from bench.peers.floor import Floor, floor
from bench.peers.load import cores, drive
from bench.peers.server import Server
from bench.peers.table import Race, Result, Turn, judged, table
from bench.peers.work import reference
from dev.process import StartError
from mesh import registry
from svc_segment.images import dimensions
from svc_segment.model import NAME

SAMPLE = Path(__file__).resolve().parents[2] / "models" / "sample" / "tattoo.jpg"
KEPT = Path(__file__).resolve().parents[1] / "results" / "peers.json"
SMALL_SIDE = 320
MOST_BYTES = 2**20
CORES = 2
OURS = "SegmentService/Segment"
"""Also what `--only` calls us."""

Start = Callable[[Path, Path], AbstractContextManager[Server]]


@dataclass
class Collected:
    """Of one contender and one photo, over the rounds."""

    turns: list[Turn] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    idle_mib: list[float] = field(default_factory=list)
    busy_mib: list[float] = field(default_factory=list)
    failure: str = ""


def photos(sample: Path, folder: Path) -> dict[str, Path]:
    """The photo as it is and small, as files; raises SystemExit for one that a call may not carry inline."""
    picture = cv2.imread(str(sample), cv2.IMREAD_COLOR)
    if picture is None or sample.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{sample} is no photo of at most {MOST_BYTES} bytes")
    scale = SMALL_SIDE / max(picture.shape[:2])
    small = folder / "small.jpg"
    cv2.imwrite(str(small), cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    return {"large": sample, "small": small}


def _size(photo: Path) -> str:
    data = photo.read_bytes()
    width, height = dimensions(data) or (0, 0)
    return f"{width} x {height}, {len(data) / 1024:.0f} KiB"


def contenders(model: str, only: Sequence[str], logs: Path) -> dict[str, Start]:
    """How each is started, ours first."""
    every: dict[str, Start] = {OURS: lambda photo, folder: server.ours(photo, folder)}

    def starter(one: Peer) -> Start:
        return lambda photo, _: server.peer(one, photo, model, logs)

    every |= {one.name: starter(one) for one in PEERS}
    return {name: start for name, start in every.items() if not only or name in only}


def lengths(callers: int, most_per_s: float, seconds: float) -> tuple[float, float]:
    """Warm-up and measured seconds of a turn.

    In a closed loop the first wave waits less than all that follow: it belongs to the warm-up. As many
    answers again, and half of them more, are measured at least.
    """
    wave = callers / most_per_s
    # h2load takes whole seconds only.
    return math.ceil(max(2.0, 1.2 * wave)), math.ceil(max(seconds, 1.5 * wave))


def turn(one: Server, callers: int, length: tuple[float, float], folder: Path) -> Turn:
    """So many callers for so long."""
    before, spent = one.calls_ended_well(), one.group.cpu_s()
    load = drive(one.target, callers, *length, folder)
    after, spent = one.calls_ended_well(), one.group.cpu_s() - spent
    if before is not None and after is not None and after - before < load.finished:
        raise StartError(f"{load.finished} calls ended, of which only {after - before} well")
    return Turn(load, spent / sum(length))


def same(found: SegmentResponse, wanted: SegmentResponse) -> bool:
    """Equal but for who made it."""
    pages = (
        SegmentResponse.FromString(found.SerializeToString()),
        SegmentResponse.FromString(wanted.SerializeToString()),
    )
    for each in pages:
        each.page.ClearField("provenance")
    return pages[0] == pages[1]


def run_round(
    start: Start,
    photo: Path,
    wanted: SegmentResponse,
    turns: Mapping[int, tuple[float, float]],
    to: Collected,
) -> None:
    """Starts a contender, drives it, stops it; a failure is kept with it."""
    with tempfile.TemporaryDirectory(prefix="assay-peers-") as name:
        folder = Path(name)
        try:
            with start(photo, folder) as one:
                if not same(one.answer, wanted):
                    raise StartError("the answer is another one")
                to.starts.append(one.start_s)
                to.idle_mib.append(one.group.pss_mib())
                for count, length in turns.items():
                    to.turns.append(turn(one, count, length, folder))
                to.busy_mib.append(one.group.pss_mib())
        except (StartError, RuntimeError, OSError) as error:
            to.failure = str(error)


def race(given: argparse.Namespace, folder: Path) -> Race:
    """Every photo, every round, every contender in turn."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])  # what is started inherits it
    model = registry.serve("", NAME).label
    callers = [int(each) for each in given.callers.split(",")]
    load_before = os.getloadavg()[0]
    results: list[Result] = []
    for which, photo in photos(given.photo, folder).items():
        if which not in given.sizes.split(","):
            continue
        label = _size(photo)
        wanted = reference(photo.read_bytes(), model)
        limits = {what: floor(photo, model, given.seconds, what) for what in ("core", "model")}
        turns = {each: lengths(each, limits["core"].crowd_per_s, given.seconds) for each in callers}
        starts = contenders(model, given.only.split(",") if given.only else [], folder)
        kept = {name: Collected() for name in starts}
        for number in range(given.rounds):
            for name, start in starts.items():
                print(f"{label}: round {number + 1} of {given.rounds}: {name}", file=sys.stderr, flush=True)
                if not kept[name].failure:
                    run_round(start, photo, wanted, turns, kept[name])
        results += [_result(label, name, kept[name], callers, limits) for name in starts]
    return judged(
        Race(
            model=model,
            cores=cores(),
            rounds=given.rounds,
            seconds=given.seconds,
            load_before=load_before,
            load_after=os.getloadavg()[0],
            results=results,
            missed=[],
        ),
        OURS,
    )


def _result(
    photo: str, name: str, kept: Collected, callers: Sequence[int], limits: dict[str, Floor]
) -> Result:
    by_callers = {
        count: _median([each for each in kept.turns if each.load.callers == count]) for count in callers
    }
    return Result(
        photo=photo,
        name=name,
        failure=kept.failure,
        turns=[each for each in by_callers.values() if each is not None],
        start_s=_middle(kept.starts),
        idle_mib=_middle(kept.idle_mib),
        busy_mib=_middle(kept.busy_mib),
        limits=limits,
    )


def _median(turns: list[Turn]) -> Turn | None:
    """The turn with the median rate."""
    ordered = sorted(turns, key=lambda each: each.load.per_s)
    return ordered[(len(ordered) - 1) // 2] if ordered else None


def _middle(values: list[float]) -> float:
    return statistics.median(values) if values else float("nan")


def main(arguments: Sequence[str] | None = None) -> int:
    """Race, print, keep; 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description="Race SegmentService/Segment against its peers.")
    parser.add_argument("--seconds", type=float, default=10.0, help="of a turn, at least")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--callers", default="1,16,64")
    parser.add_argument("--only", default="", help="names, by commas")
    parser.add_argument("--sizes", default="large,small", help="as it is, at 320 pixels, or both")
    parser.add_argument("--photo", type=Path, default=SAMPLE, help="a JPEG of at most 1 MiB")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="assay-peers-") as name:
        done = race(given, Path(name))
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps(dataclasses.asdict(done), indent=2))
    print(table(done))
    return 1 if done.missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
