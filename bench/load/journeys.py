"""What people do, from the upload to the result, and how often each is done.

A journey returns the analysis that it ended with, or nothing when it started none; it raises StepError.
"""

from __future__ import annotations

import json
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench.load.clients import ENDED, Grpc, GrpcWeb, Json, Rest, Site, StepError, Upload

SYNC_TIMEOUT = "60s"
KNOWN = 256


@dataclass(frozen=True)
class Orders:
    """The sample photo and video, and what is stated with each."""

    photo: Upload
    video: Upload
    tattoo: Json
    balance: Json


class Traveller:
    """Does journeys at one site; remembers analyses that have ended, for those who only look."""

    def __init__(self, site: Site, orders: Orders, chance: random.Random) -> None:
        self.site, self.orders, self._chance = site, orders, chance
        self.rest, self.grpc, self.web = Rest(site), Grpc(site), GrpcWeb(site)
        self._known: deque[str] = deque(maxlen=KNOWN)

    def tattoo_rest(self) -> Json:
        """The phone: upload, order, server-sent events, result, report."""
        job = self._analysed(self.rest, self.orders.photo, self.orders.tattoo)
        self.rest.report(job["job_id"])
        return job

    def tattoo_sync(self) -> Json:
        """The phone that waits: one call from order to result."""
        upload = self.rest.upload(self.orders.photo)
        order = {**self.orders.tattoo, "upload_id": upload, "mode": "MODE_SYNC", "timeout": SYNC_TIMEOUT}
        job = self.rest.analyze(order)
        if job["state"] not in ENDED:
            # 202: the wait was over first, and the phone goes on by itself.
            self.rest.watch(job["job_id"])
            job = self.rest.job(job["job_id"])
        return self._succeeded(job)

    def tattoo_grpc(self) -> Json:
        """A partner's server with typed stubs."""
        return self._analysed(self.grpc, self.orders.photo, self.orders.tattoo)

    def tattoo_web(self) -> Json:
        """A browser with gRPC-web."""
        return self._analysed(self.web, self.orders.photo, self.orders.tattoo)

    def tattoo_watched(self) -> Json:
        """A clinic where three screens watch one analysis."""
        from gevent import joinall, spawn

        upload = self.rest.upload(self.orders.photo)
        job_id = self.rest.analyze({**self.orders.tattoo, "upload_id": upload})["job_id"]
        screens = [spawn(self.rest.watch, job_id) for _ in range(3)]
        joinall(screens, raise_error=True)
        return self._succeeded(self.rest.job(job_id))

    def balance_rest(self) -> Json:
        """A physiotherapist's tablet: the video of a balance test."""
        return self._analysed(self.rest, self.orders.video, self.orders.balance)

    def look(self) -> None:
        """Somebody looks: a page of the list, and an analysis that has ended, both ways."""
        self.rest.call("GET /v1/analyze (list)", "GET", "/v1/analyze?page_size=20")
        if self._known:
            job_id = self._chance.choice(self._known)
            self.rest.job(job_id)
            self.web.job(job_id)

    def refused(self) -> None:
        """An order with a field that does not exist: refused at the door, by its name."""
        headers = {"authorization": self.site.authorization(), "content-type": "application/json"}
        with self.site.step("REST", "POST /v1/analyze (refused)") as told:
            answer = self.site.http("POST", "/v1/analyze", b'{"upload": "x"}', headers, expect=400)
            told.size = len(answer)
            if b"UNKNOWN_FIELD" not in answer:
                raise StepError("refused for another reason")

    def _analysed(self, client: Rest | Grpc | GrpcWeb, upload: Upload, order: Json) -> Json:
        upload_id = client.upload(upload)
        job_id = client.analyze({**order, "upload_id": upload_id})["job_id"]
        client.watch(job_id)
        return self._succeeded(client.job(job_id))

    def _succeeded(self, job: Json) -> Json:
        if job["state"] != "STATE_SUCCEEDED":
            raise StepError(f"the analysis ended as {job['state']}")
        self._known.append(job["job_id"])
        return job


@dataclass(frozen=True)
class Kind:
    """A journey: its share of arrivals, the kind of assessment it orders ("" for none)."""

    share: float
    assessment: str
    run: Callable[[Traveller], Json | None]


# Judgement: three photos to a video clip would be the clinics' own mix; looks outnumber orders.
KINDS = {
    "tattoo, REST with SSE": Kind(0.20, "tattoo", Traveller.tattoo_rest),
    "tattoo, REST SYNC": Kind(0.10, "tattoo", Traveller.tattoo_sync),
    "tattoo, gRPC": Kind(0.08, "tattoo", Traveller.tattoo_grpc),
    "tattoo, gRPC-web": Kind(0.08, "tattoo", Traveller.tattoo_web),
    "tattoo, three SSE watchers": Kind(0.04, "tattoo", Traveller.tattoo_watched),
    "balance, REST with SSE": Kind(0.05, "balance", Traveller.balance_rest),
    "looks": Kind(0.40, "", Traveller.look),
    "refused order": Kind(0.05, "", Traveller.refused),
}


def orders(repository: Path) -> Orders:
    """The samples of the repository."""

    def stated(path: Path) -> Json:
        return {k: v for k, v in json.loads(path.read_text()).items() if not k.startswith("_")}

    samples = repository / "models" / "sample"
    balance = stated(repository / "cli" / "examples" / "balance.json")
    # In quality mode one clip takes two cores for longer than it lasts (docs/load.md): no mix that leaves the
    # cores the rest of their time for photos would see 95 % of the clips in time.
    balance["balance"]["pose_mode"] = "POSE_MODE_SINGLE_PASS"
    return Orders(
        photo=Upload(samples / "tattoo.jpg", "image/jpeg", "image"),
        video=Upload(samples / "balance.mp4", "video/mp4", "video"),
        tattoo=stated(repository / "cli" / "examples" / "intake.json"),
        balance=balance,
    )


def seconds_of(job: Json, began: float) -> float:
    """From the order to its end by the ledger's clock where it says so, else since `began` (Unix time)."""

    if job.get("created_at") and job.get("finished_at"):
        created, finished = (datetime.fromisoformat(job[key]) for key in ("created_at", "finished_at"))
        return (finished - created).total_seconds()
    return time.time() - began
