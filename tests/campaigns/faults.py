"""Kills real processes while jobs run, then counts: jobs, facts, reports, extra runs."""

from __future__ import annotations

import asyncio
import os
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import nats

from cli.api import ENDED, Api
from mesh import facts
from tests.campaigns.stack import SAMPLE, Stack, order

STAGES = ("ingest", "segment", "color", "decision", "report")
SUBMITTERS = 4
POLL_S = 0.5
# A killed process's fact comes again after this silence.
ACK_WAIT_S = "5"


@dataclass
class Outcome:
    """What was left after the disturbance."""

    name: str
    jobs: int
    kills: int = 0
    states: Counter[str] = field(default_factory=Counter)
    wrong_facts: list[str] = field(default_factory=list)
    wrong_reports: list[str] = field(default_factory=list)
    extra_runs: int = 0
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Every job finished, one fact per stage and epoch, one report object each."""
        done = self.states == Counter({"STATE_SUCCEEDED": self.jobs})
        return done and not self.wrong_facts and not self.wrong_reports

    def row(self) -> str:
        """One line of the Markdown table in docs/proofs."""
        finished = self.states["STATE_SUCCEEDED"]
        return (
            f"| {self.name} | {self.kills} | {finished} of {self.jobs} | {len(self.wrong_facts)} "
            f"| {len(self.wrong_reports)} | {self.extra_runs} | {self.seconds:.0f} |"
        )


HEADER = (
    "| disturbance | kills | jobs finished | stages with other than one fact | jobs with other than one "
    "report | extra runs | seconds |\n| --- | --- | --- | --- | --- | --- | --- |"
)


@contextmanager
def quick_redelivery() -> Iterator[None]:
    """Stacks started inside redeliver a dead process's fact after 5 s instead of 30."""
    before = os.environ.get("ASSAY_ACK_WAIT_S")
    os.environ["ASSAY_ACK_WAIT_S"] = ACK_WAIT_S
    try:
        yield
    finally:
        if before is None:
            del os.environ["ASSAY_ACK_WAIT_S"]
        else:
            os.environ["ASSAY_ACK_WAIT_S"] = before


def undergo(
    stack: Stack, name: str, jobs: int, victims: Sequence[str], *, limit_s: float, pause_s: float = 3.0
) -> Outcome:
    """Runs `jobs` analyses while every victim is killed in turn; returns what was left."""
    started = time.monotonic()
    outcome = Outcome(name, jobs)
    submitted, stop = threading.Event(), threading.Event()
    api = stack.api()
    upload = api.upload(SAMPLE, "image/jpeg")

    def disturb() -> None:
        submitted.wait(limit_s)
        for victim in victims:
            if stop.wait(pause_s):
                return
            # Only a process that was there and was hit counts.
            outcome.kills += stack.kill(victim)

    killer = threading.Thread(target=disturb, daemon=True)
    killer.start()
    try:
        with ThreadPoolExecutor(SUBMITTERS) as pool:
            ids = list(pool.map(lambda _: _submit(stack, upload, submitted), range(jobs)))
        _await(api, ids, limit_s - (time.monotonic() - started))
        killer.join(limit_s)
    finally:
        stop.set()
    _count(stack, api, ids, outcome)
    outcome.seconds = time.monotonic() - started
    return outcome


def _submit(stack: Stack, upload: str, submitted: threading.Event) -> str:
    """Starts one job, by one idempotency key however often it has to be asked."""
    key = str(uuid.uuid4())
    body = order(upload)

    def ask(api: Api) -> str:
        return str(api.call("POST", "/v1/analyze", body, idempotency_key=key)["job_id"])

    job_id = persist(lambda: ask(stack.api()), 60)
    submitted.set()
    return job_id


def persist(action: Callable[[], Any], limit_s: float) -> Any:
    """Repeats an action that is safe to repeat until it succeeds or time is up."""
    until = time.monotonic() + limit_s
    while True:
        try:
            return action()
        except Exception:
            if time.monotonic() > until:
                raise
            time.sleep(POLL_S)


def _await(api: Api, ids: Sequence[str], limit_s: float) -> None:
    """Waits until every job has ended; those that have not by then are counted as they are."""
    until = time.monotonic() + limit_s
    left = list(ids)
    while left and time.monotonic() < until:
        left = [each for each in left if persist(lambda each=each: api.job(each), 60)["state"] not in ENDED]
        time.sleep(POLL_S)


def _count(stack: Stack, api: Api, ids: Sequence[str], outcome: Outcome) -> None:
    for job_id in ids:
        view = persist(lambda job_id=job_id: api.job(job_id), 60)
        outcome.states[view["state"]] += 1
        runs = (view["result"] or {}).get("runs", [])
        outcome.extra_runs += sum(run["delivery"] - 1 for run in runs)
        tenant = view["result"]["job"]["tenant_id"]
        reports = stack.objects(f"{tenant}/{job_id}/report/report.pdf/")
        if len(reports) != 1:
            outcome.wrong_reports.append(f"{job_id}: {len(reports)} reports")
    published = asyncio.run(count_facts(stack.nats_url()))
    for job_id in ids:
        for fact in facts.TATTOO_FACTS:
            found = published[(job_id, fact)]
            if found != 1:
                outcome.wrong_facts.append(f"{job_id} {fact}: {found}")


async def count_facts(url: str) -> Counter[tuple[str, str]]:
    """Facts in the stream by job and name."""
    client = await nats.connect(url)
    try:
        info = await client.jetstream().stream_info(facts.STREAM, subjects_filter="analysis.>")
        counted: Counter[tuple[str, str]] = Counter()
        for subject, number in (info.state.subjects or {}).items():
            parsed = facts.parse(subject)
            counted[(parsed.job_id, parsed.fact)] += number
        return counted
    finally:
        await client.close()
