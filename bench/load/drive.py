"""Starting Locust in its environment, and what it counted."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dev.bootstrap import APART
from dev.home import PROJECT
from dev.issuer import Client
from dev.process import StartError

LOCUST = APART["load"] / ".venv" / "bin" / "locust"
FILE = Path(__file__).with_name("locustfile.py")
GRACE_S = 240.0
# Freshness objectives: an analysis is in time when it took less. Balance: twice the clip.
TATTOO_FRESH_S, CLIP_FACTOR = 30.0, 2.0


@dataclass(frozen=True)
class Step:
    """One step over the whole run, as Locust's own statistics have it. Times in ms."""

    protocol: str
    name: str
    count: int
    failures: int
    per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Journey:
    """One line of the record. at: Unix time of its begin. job_s: seconds of its analysis, if any."""

    at: float
    journey: str
    seconds: float
    assessment: str
    job_s: float | None
    error: str


class Drive:
    """A running Locust; its record grows in `folder`, where its statistics lie in the end."""

    def __init__(
        self,
        url: str,
        client: Client,
        folder: Path,
        *,
        rate: float,
        seconds: float,
        seed: int,
        shares: Mapping[str, float] | None = None,
    ) -> None:
        """shares: of arrivals by journey (bench.load.journeys.KINDS); raises StartError without Locust."""
        if not LOCUST.is_file():
            raise StartError("Locust is not installed; run `python3 dev/bootstrap.py load`")
        self.record, self._csv, self.log = folder / "journeys.jsonl", folder / "locust", folder / "locust.log"
        plan = {
            "url": url,
            "client_id": client.client_id,
            "secret": client.client_secret,
            "rate": rate,
            "seconds": seconds,
            "seed": seed,
            "record": str(self.record),
            "shares": dict(shares or {}),
        }
        paths = [str(PROJECT), str(PROJECT / "proto" / "gen")]
        environment = {**os.environ, "ASSAY_LOAD": json.dumps(plan), "PYTHONPATH": os.pathsep.join(paths)}
        argv = [str(LOCUST), "-f", str(FILE), "--headless", "-u", "1", "-r", "1", "--csv", str(self._csv)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own environment
                [*argv, "--only-summary", "--exit-code-on-error", "0"],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._until = time.monotonic() + seconds + GRACE_S

    def running(self) -> bool:
        """Whether Locust is at work and still may be; `wait` says what became of it."""
        return self.process.poll() is None and time.monotonic() < self._until

    def wait(self) -> None:
        """Waits for the end of the run; raises RuntimeError when Locust itself fails."""
        try:
            status = self.process.wait(max(1.0, self._until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.stop()
            raise RuntimeError(f"Locust did not end; see {self.log}") from None
        if status:
            tail = self.log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"Locust ended with {status}: {tail}")

    def stop(self) -> None:
        """Ends it now."""
        self.process.kill()
        self.process.wait()

    def steps(self) -> list[Step]:
        """What Locust counted of every step, once it has ended."""
        with Path(f"{self._csv}_stats.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["Type"]]
        return [
            Step(
                protocol=row["Type"],
                name=row["Name"],
                count=int(row["Request Count"]),
                failures=int(row["Failure Count"]),
                per_s=float(row["Requests/s"]),
                p50_ms=float(row["50%"]),
                p95_ms=float(row["95%"]),
                p99_ms=float(row["99%"]),
            )
            for row in rows
            if int(row["Request Count"])
        ]


def journeys(record: Path) -> list[Journey]:
    """Every journey of a record that is whole; a line that was cut off at the end is left out."""
    lines = record.read_text(encoding="utf-8").splitlines(keepends=True) if record.exists() else []
    return [Journey(**json.loads(line)) for line in lines if line.endswith("}\n")]


def freshness(done: Sequence[Journey], assessment: str, clip_s: float) -> tuple[int, int]:
    """Analyses of a kind that were in time, and all of them."""
    limit = TATTOO_FRESH_S if assessment == "tattoo" else CLIP_FACTOR * clip_s
    seconds = [each.job_s for each in done if each.assessment == assessment and each.job_s is not None]
    return sum(each < limit for each in seconds), len(seconds)
