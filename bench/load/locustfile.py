"""Open-loop arrivals for Locust: journeys begin by a Poisson process, whether earlier ones have ended or not.

`python -m bench.load` and `python -m bench.soak` start it in the environment of bench/load; what it reads
comes as one JSON object in ASSAY_LOAD (see `Plan`). Locust's own users wait for their answers, which hides
what a slow server does to those who come later: here one user draws the arrivals, each journey is a greenlet.
"""

from __future__ import annotations

import json
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Locust first: it makes the standard library's sockets those of gevent.
from locust import User, events, task  # isort: skip
import gevent
import grpc.experimental.gevent
from gevent.pool import Pool

from bench.load.clients import Site, StepError
from bench.load.journeys import KINDS, Traveller, orders, seconds_of

grpc.experimental.gevent.init_gevent()
REPOSITORY = Path(__file__).resolve().parents[2]
# Journeys at once; one that would be more is counted as an error, not silently left out.
MOST = 400
DRAIN_S = 90.0


@dataclass(frozen=True)
class Plan:
    """Where to, as whom, how many arrivals a second for how long (seconds), which journeys, and the record.

    shares: of the arrivals by journey; those of KINDS where it is empty. record: file that gets one line of
    JSON for each journey that ended.
    """

    url: str
    client_id: str
    secret: str
    rate: float
    seconds: float
    seed: int
    record: str
    shares: dict[str, float]


PLAN = Plan(**json.loads(os.environ["ASSAY_LOAD"]))


class Arrivals(User):  # type: ignore[misc] - Locust has no types here
    """The one user: draws arrivals until the time is over, then waits for those on their way."""

    fixed_count = 1

    @task
    def run_plan(self) -> None:
        chance = random.Random(PLAN.seed)  # noqa: S311 - arrivals, no secret
        shares = PLAN.shares or {name: kind.share for name, kind in KINDS.items()}
        site = Site(PLAN.url, PLAN.client_id, PLAN.secret, self._told)
        traveller = Traveller(site, orders(REPOSITORY), chance)
        pool = Pool(MOST)
        with Path(PLAN.record).open("a", encoding="utf-8") as self._record:
            now, until = time.monotonic(), time.monotonic() + PLAN.seconds
            due = now + chance.expovariate(PLAN.rate)
            while due < until:
                gevent.sleep(max(0.0, due - time.monotonic()))
                name = chance.choices(list(shares), list(shares.values()))[0]
                if pool.full():
                    self._note(name, time.time(), None, "too many journeys on their way")
                else:
                    pool.spawn(self._journey, name, traveller)
                due += chance.expovariate(PLAN.rate)
            pool.join(timeout=DRAIN_S)
            for _ in range(len(pool)):
                self._note("", time.time(), None, f"still on its way {DRAIN_S:.0f} s after the last arrival")
            pool.kill(block=False)
        self.environment.runner.quit()

    def _journey(self, name: str, traveller: Traveller) -> None:
        began, job, error = time.time(), None, ""
        try:
            job = KINDS[name].run(traveller)
        except StepError as caught:
            error = str(caught)
        self._note(name, began, seconds_of(job, began) if job else None, error)

    def _note(self, name: str, began: float, job_s: float | None, error: str) -> None:
        """One line of the record: when, which journey, how long it and its analysis took, what went wrong."""
        line: dict[str, Any] = {"at": began, "journey": name, "seconds": time.time() - began}
        line |= {"assessment": KINDS[name].assessment if name else "", "job_s": job_s, "error": error}
        self._record.write(json.dumps(line) + "\n")
        self._record.flush()
        self._told("journey", name or "unfinished", line["seconds"], 0, StepError(error) if error else None)

    def _told(self, protocol: str, step: str, seconds: float, size: int, error: Exception | None) -> None:
        events.request.fire(
            request_type=protocol,
            name=step,
            response_time=1000 * seconds,
            response_length=size,
            exception=error,
            context={},
        )
