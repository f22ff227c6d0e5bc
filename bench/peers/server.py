"""A contender's processes: some leave the tree that they start in, some overwrite their environment."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import grpc
import psutil
from assay.segment.v1.segment_pb2 import SegmentRequest, SegmentResponse
from prometheus_client.parser import text_string_to_metric_families

from bench.peers import environment
from bench.peers.contenders import Peer
from bench.peers.load import Target, cores, framed
from bench.servers import part_of_stack, settings_of, token
from dev.home import PROJECT
from dev.ports import free_ports
from dev.process import StartError

T = TypeVar("T")

MARK = "ASSAY_BENCH_CONTENDER"
START_S = 180.0
STOP_S = 15.0
LOOK_S = 0.1
NEEDED = ("nats", "s3", "topology", "segment")
METHOD = "/assay.segment.v1.SegmentService/Segment"


class Group:
    """Processes that belong to one contender: the trees of its first ones, and what has its mark."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        self.roots: list[int] = []

    def processes(self) -> list[psutil.Process]:
        """Every one that runs now."""
        found = set()
        for each in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                mine = each.pid in self.roots or each.environ().get(MARK) == self.mark
                if mine and each.status() != psutil.STATUS_ZOMBIE:
                    found |= {each, *each.children(recursive=True)}
        return list(found)

    def cpu_s(self) -> float:
        """Processor time of them, all threads."""
        return sum(_each(self.processes(), lambda one: float(sum(one.cpu_times()[:2]))))

    def pss_mib(self) -> float:
        """Proportional set size of all."""
        return sum(_each(self.processes(), lambda one: one.memory_full_info().pss / 2**20))

    def end(self) -> None:
        """Asks every process to end, then makes it."""
        everyone = self.processes()
        _each(everyone, psutil.Process.terminate)
        psutil.wait_procs(everyone, STOP_S)
        everyone = self.processes()
        _each(everyone, psutil.Process.kill)
        psutil.wait_procs(everyone, STOP_S)


def _each(processes: Iterable[psutil.Process], ask: Callable[[psutil.Process], T]) -> list[T]:
    """What those answer that are still there."""
    found = []
    for one in processes:
        with contextlib.suppress(psutil.Error):
            found.append(ask(one))
    return found


@dataclass(frozen=True)
class Server:
    """A contender that has answered."""

    target: Target
    start_s: float
    """From the start of its first process to its first right answer."""
    answer: SegmentResponse
    group: Group
    calls_ended_well: Callable[[], int | None]
    """By the server's own count; None where it keeps none (an HTTP status tells the generator)."""


@contextmanager
def peer(one: Peer, photo: Path, model: str, log_folder: Path) -> Iterator[Server]:
    """Starts a peer, waits for its first answer, ends all of its processes; raises StartError."""
    group = Group()
    programs = environment.programs(one.folder)
    # Ray's sockets live there, and a socket's path is short.
    scratch = Path(tempfile.mkdtemp(prefix="p-", dir="/tmp"))
    ports = free_ports(("port", "spare"))
    words = {
        "bin": str(programs),
        "here": str(environment.HERE / one.folder),
        **{name: str(port) for name, port in ports.items()},
        "scratch": str(scratch),
        "cores": str(cores()),
        "python": ".".join(map(str, sys.version_info[:2])),
    }
    env = {
        **os.environ,
        **{name: value.format(**words) for name, value in one.env.items()},
        MARK: group.mark,
        # Nothing of theirs stays behind in somebody's home.
        "HOME": str(scratch),
        "ASSAY_BENCH_MODEL": model,
        "ASSAY_BENCH_PHOTO": str(photo),
        "PYTHONPATH": f"{PROJECT}:{PROJECT / 'proto' / 'gen'}",
        "PATH": f"{programs}:{os.environ['PATH']}",
    }
    log = log_folder / f"{one.folder}.log"
    target = Target(
        f"http://127.0.0.1:{ports['port']}/segment",
        {"content-type": one.media_type},
        one.body(photo.read_bytes()),
        grpc=False,
    )
    began = time.monotonic()
    try:
        for command in one.commands:
            with log.open("ab") as out:
                started = subprocess.Popen(  # noqa: S603 - commands of contenders.py
                    [word.format(**words) for word in command],
                    env=env,
                    cwd=scratch,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            group.roots.append(started.pid)
        first = _first_answer(target, group, log, began)
        yield Server(target, time.monotonic() - began, first, group, lambda: None)
    finally:
        group.end()
        shutil.rmtree(scratch, ignore_errors=True)


def _first_answer(target: Target, group: Group, log: Path, began: float) -> SegmentResponse:
    lacks = "nothing was tried"
    while time.monotonic() - began < START_S:
        request = urllib.request.Request(target.url, target.body, dict(target.headers))  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=START_S) as response:  # noqa: S310
                return SegmentResponse.FromString(response.read())
        except urllib.error.HTTPError as error:
            lacks = f"{error.code} {error.read()[:300]!r}"
        except OSError as error:
            lacks = str(error)
        if not group.processes():
            break
        time.sleep(LOOK_S)
    tail = log.read_text(errors="replace")[-1500:]
    raise StartError(f"no answer after {time.monotonic() - began:.0f} s: {lacks}\n{tail}")


@contextmanager
def ours(photo: Path, folder: Path) -> Iterator[Server]:
    """`python -m svc_segment` as the local stack runs it, NATS and S3 beside it; one token for all calls.

    The token is checked on every call as in production: signature (ES256), issuer, audience, expiry, tenant,
    scope, by `mesh.door`. Only Envoy is left out, as for every caller inside the mesh.
    """
    group = Group()
    with part_of_stack(folder, NEEDED, {"segment": {MARK: group.mark}}) as part:
        spec = part.specs["segment"]
        bearer = f"Bearer {token(folder, settings_of(spec))}"
        message = SegmentRequest(content=photo.read_bytes()).SerializeToString()
        address = f"127.0.0.1:{spec.ports['grpc']}"
        with grpc.insecure_channel(address) as channel:
            call = channel.unary_unary(METHOD, response_deserializer=SegmentResponse.FromString)
            first = call(message, timeout=START_S, metadata=(("authorization", bearer),))
        start_s = time.time() - psutil.Process(part.running["segment"].pid).create_time()
        headers = {"content-type": "application/grpc", "te": "trailers", "authorization": bearer}
        metrics = f"http://127.0.0.1:{spec.ports['metrics']}/metrics"
        target = Target(f"http://{address}{METHOD}", headers, framed(message), grpc=True)
        yield Server(target, start_s, first, group, lambda: _ended_well(metrics))


def _ended_well(metrics: str) -> int:
    """Calls that ended OK: gRPC says so in a trailer that the load generator does not read."""
    with urllib.request.urlopen(metrics, timeout=10) as response:  # noqa: S310 - loopback
        text = response.read().decode()
    return int(
        sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "assay_rpc_server_duration_seconds_count"
            and sample.labels.get("method") == METHOD
            and sample.labels.get("code") == "OK"
        )
    )
