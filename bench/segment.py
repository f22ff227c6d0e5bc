"""The segment service with a 12 MP photo: latency and memory of the real process.

    python -m bench.segment [--photo FILE.jpg] [--calls 30] [--json]

NATS, S3 and `python -m svc_segment` are started in a folder of their own, on two cores, as the local stack
starts them. Three ways in are measured, one call after the other:

stage: the photo's working image (3 MP PNG, as ingest writes it) as an `ingested` fact, until `segmented` is
    published; the stage has then written mask, probability and overlay.
working: the same object by gRPC (SegmentService/Segment), until the page and the mask are back.
direct: the 12 MP JPEG itself by gRPC.

Memory is the process tree's proportional set size, sampled while calls run.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import tempfile
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import grpc.aio
import jwt
import numpy as np
import psutil
from assay.common.v1.types_pb2 import ObjectRef
from assay.events.v1.analysis_pb2 import Analysis, Job
from assay.ingest.v1.ingest_pb2 import IngestPage
from assay.segment.v1 import segment_pb2_grpc
from assay.segment.v1.segment_pb2 import SegmentRequest
from nats.aio.msg import Msg

from bench.servers import part_of_stack, settings_of, token
from mesh import jetstream, registry
from mesh.facts import publish_fact, read
from mesh.jetstream import JetStream
from mesh.objects import ObjectStore
from mesh.settings import Settings
from svc_ingest.core import ingest
from svc_segment.model import NAME

SAMPLE = Path(__file__).resolve().parents[1] / "models" / "sample" / "tattoo.jpg"
SIZE = (4000, 3000)
CORES = 2
LONGEST_P95_S = 2.0
MOST_PSS_MIB = 800.0
WARM_UP = 3
PATIENCE_S = 60.0
_STARTED = ("nats", "s3", "topology", "segment")


@dataclass(frozen=True)
class Way:
    """One way in, one call at a time."""

    name: str
    sent: str
    calls: int
    p50_s: float
    p95_s: float
    worst_s: float
    cpu_s: float
    """Processor time of a call, all threads of the service; on a busy machine it says more than the clock."""
    peak_pss_mib: float


@dataclass(frozen=True)
class Bench:
    model: str
    cores: int
    load_before: float
    load_after: float
    idle_pss_mib: float
    peak_rss_mib: float
    """High-water mark of the resident set over the process's life, as the kernel kept it."""
    ways: list[Way]
    passed: bool


class Watch(threading.Thread):
    """Samples the proportional set size of a process and its children until it is stopped."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._process = psutil.Process(pid)
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.02):
            self.peak = max(self.peak, pss(self._process))

    def stop(self) -> float:
        """Peak, MiB."""
        self._over.set()
        self.join()
        return self.peak / 2**20


def pss(process: psutil.Process) -> int:
    """Bytes of a process and its children, shared pages divided among those who share them."""
    return sum(each.memory_full_info().pss for each in [process, *process.children(recursive=True)])


def enlarged(photo: Path) -> bytes:
    """A 12 MP JPEG of a smaller photo, with grain, so that it is as hard to decode as a real one."""
    picture = cv2.imread(str(photo), cv2.IMREAD_COLOR)
    if picture is None:
        raise SystemExit(f"{photo} cannot be read")
    upright = picture.shape[0] > picture.shape[1]
    large = cv2.resize(picture, SIZE[::-1] if upright else SIZE, interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng(0).normal(0, 3, large.shape[:2])[..., None]
    noisy = np.clip(large + grain, 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()


async def _measure(
    folder: Path, pid: int, address: str, settings: Settings, jpeg: bytes, calls: int
) -> list[Way]:
    store = ObjectStore(settings)
    bearer = token(folder, settings)
    tenant = str(jwt.decode(bearer, options={"verify_signature": False})["tenant"])
    working = ingest(jpeg).working
    prefix = f"{tenant}/{uuid.uuid4()}/ingest"
    small = await store.put(prefix, "working.png", working.data, "image/png")
    large = await store.put(prefix, "photo.jpg", jpeg, "image/jpeg")
    sizes = {
        "stage": f"PNG {working.width} x {working.height}, {len(working.data) / 2**20:.1f} MiB",
        "direct": f"JPEG {SIZE[0]} x {SIZE[1]}, {len(jpeg) / 2**20:.1f} MiB",
    }
    connection = await jetstream.connect(settings, "bench")
    options = [("grpc.max_receive_message_length", 64 * 2**20)]
    try:
        async with grpc.aio.insecure_channel(address, options=options) as channel:
            stub = segment_pb2_grpc.SegmentServiceStub(channel)

            async def by_grpc(ref: ObjectRef) -> None:
                metadata = (("authorization", f"Bearer {bearer}"),)
                await stub.Segment(SegmentRequest(object=ref), timeout=PATIENCE_S, metadata=metadata)

            async def by_fact() -> None:
                await _through_stage(connection, settings, tenant, small)

            return [
                await _way("stage", sizes["stage"], pid, calls, by_fact),
                await _way("working", sizes["stage"], pid, calls, lambda: by_grpc(small)),
                await _way("direct", sizes["direct"], pid, calls, lambda: by_grpc(large)),
            ]
    finally:
        await connection.close()
        store.close()


async def _through_stage(connection: JetStream, settings: Settings, tenant: str, working: ObjectRef) -> None:
    job = Job(job_id=str(uuid.uuid4()), tenant_id=tenant, region=settings.region, kind="tattoo", epoch=1)
    now = datetime.now(UTC)
    job.created_at.FromDatetime(now)
    job.deadline.FromDatetime(now + timedelta(seconds=PATIENCE_S))
    analysis = Analysis(job=job, ingest=IngestPage(working=working))
    inbox = await connection.client.subscribe(f"analysis.{settings.region}.tattoo.*.{job.job_id}.1")
    try:
        await publish_fact(connection.js, "ingested", analysis, source="bench")
        while True:
            subject, found = read(*_said(await inbox.next_msg(timeout=PATIENCE_S)))
            if subject.fact == "failed":
                raise SystemExit(f"the stage failed: {found.failure.code} {found.failure.message}")
            if subject.fact == "segmented":
                return
    finally:
        await inbox.unsubscribe()


def _said(message: Msg) -> tuple[str, bytes]:
    return message.subject, message.data


async def _way(name: str, sent: str, pid: int, calls: int, call: Callable[[], Awaitable[None]]) -> Way:
    for _ in range(WARM_UP):
        await call()
    watch = Watch(pid)
    watch.start()
    process, seconds = psutil.Process(pid), []
    spent = sum(process.cpu_times()[:2])
    for _ in range(calls):
        began = time.perf_counter()
        await call()
        seconds.append(time.perf_counter() - began)
    spent = sum(process.cpu_times()[:2]) - spent
    peak = watch.stop()
    p50, p95 = (float(np.quantile(seconds, q)) for q in (0.5, 0.95))
    return Way(name, sent, calls, p50, p95, max(seconds), spent / calls, peak)


def measure(photo: Path, calls: int) -> Bench:
    """Start the service, call it `calls` times each way, one call after the other, and stop it."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])  # what is started inherits it
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as name:
        folder = Path(name)
        with part_of_stack(folder, _STARTED) as part:
            spec, pid = part.specs["segment"], part.running["segment"].pid
            address, settings = f"127.0.0.1:{spec.ports['grpc']}", settings_of(spec)
            idle = pss(psutil.Process(pid)) / 2**20
            ways = asyncio.run(_measure(folder, pid, address, settings, enlarged(photo), calls))
            high = _high_water_mib(pid)
    return Bench(
        model=registry.serve("", NAME).label,
        cores=len(os.sched_getaffinity(0)),
        load_before=load_before,
        load_after=os.getloadavg()[0],
        idle_pss_mib=idle,
        peak_rss_mib=high,
        ways=ways,
        passed=all(w.p95_s < LONGEST_P95_S and w.peak_pss_mib < MOST_PSS_MIB for w in ways),
    )


def _high_water_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def table(done: Bench) -> str:
    """The result as Markdown."""
    lines = [
        f"{done.model}, {done.cores} cores, load {done.load_before:.1f} before, {done.load_after:.1f} after; "
        f"idle {done.idle_pss_mib:.0f} MiB PSS, high-water mark {done.peak_rss_mib:.0f} MiB RSS",
        "",
        "| way | sent | calls | p50 s | p95 s | worst s | CPU s | peak PSS MiB |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {w.name} | {w.sent} | {w.calls} | {w.p50_s:.2f} | {w.p95_s:.2f} | {w.worst_s:.2f} | "
        f"{w.cpu_s:.2f} | {w.peak_pss_mib:.0f} |"
        for w in done.ways
    ]
    verdict = "passes" if done.passed else "does NOT pass"
    limits = f"p95 under {LONGEST_P95_S:g} s and at most {MOST_PSS_MIB:g} MiB are required"
    return "\n".join([*lines, "", f"segment {verdict}: {limits}"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 when a limit is passed."""
    parser = argparse.ArgumentParser(description="Measure the segment service with a 12 MP photo.")
    parser.add_argument("--photo", type=Path, default=SAMPLE, help="enlarged to 12 MP")
    parser.add_argument("--calls", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    done = measure(given.photo, given.calls)
    print(json.dumps(dataclasses.asdict(done), indent=2) if given.json else table(done))
    return 0 if done.passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
