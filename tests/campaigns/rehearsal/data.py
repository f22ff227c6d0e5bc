"""Rehearsals of what concerns results and the people they are of."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import UTC, datetime, timedelta
from typing import Any

import nats

from cli.api import ENDED
from mesh import facts
from mesh.operate import list_letters, log_to_stderr
from mesh.settings import Settings
from tests.campaigns.faults import persist
from tests.campaigns.rehearsals import Play, Rehearsal, until
from tests.campaigns.stack import SAMPLE, order

Json = dict[str, Any]
# A busy machine may answer late; what is rehearsed is not that.
PATIENCE_S = 60.0


def analysed(it: Rehearsal, **fields: Any) -> Json:
    """An analysis of the sample photo that has ended."""
    api = it.mesh.api()
    job = api.analyze(order(api.upload(SAMPLE, "image/jpeg"), mode="MODE_SYNC", timeout="60s", **fields))
    until(lambda: state(it, job["job_id"]) in ENDED, 180)
    return persist(lambda: it.mesh.api().job(job["job_id"]), PATIENCE_S)


def accepted(it: Rehearsal) -> str:
    """An analysis that was accepted just now."""

    def ask() -> str:
        api = it.mesh.api()
        return str(api.analyze(order(api.upload(SAMPLE, "image/jpeg")))["job_id"])

    return str(persist(ask, PATIENCE_S))


def state(it: Rehearsal, job_id: str) -> str:
    return str(persist(lambda: it.mesh.api().job(job_id), PATIENCE_S)["state"])


def since() -> str:
    return (datetime.now(UTC) - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S")


def erasure_request(it: Rehearsal) -> None:
    mine = [analysed(it, subject_id="clinic-7.patient-12") for _ in range(2)]
    other = analysed(it, subject_id="clinic-7.patient-13")
    it.given("two analyses of one subject and one of another, all ended.")
    tenant = mine[0]["result"]["job"]["tenant_id"]
    kept = it.mesh.objects(f"{tenant}/{other['job_id']}/")
    said = it.type(SUBJECT="clinic-7.patient-12")
    it.check("the command says that two analyses are erased", "2 analyses" in said and ": erased;" in said)
    left = [key for job in mine for key in it.mesh.objects(f"{tenant}/{job['job_id']}/")]
    it.check("storage holds nothing of the two", not left)
    untouched = it.mesh.objects(f"{tenant}/{other['job_id']}/") == kept and bool(kept)
    it.check("the other subject's objects are all there", untouched)
    said = it.type(JOB=other["job_id"])
    it.check("the third is erased by its id, and is not found afterwards", "JOB_NOT_FOUND" in said)
    it.check("storage holds nothing of it", not it.mesh.objects(f"{tenant}/{other['job_id']}/"))


def given_up(it: Rehearsal, count: int) -> list[str]:
    """Jobs that stages gave up because storage did not answer; it does again."""
    s3 = it.mesh.state.processes["s3"].identity
    assert s3 is not None
    jobs = [accepted(it) for _ in range(count)]
    # Frozen at once: a stage has taken the job, and its storage does not answer any more.
    os.kill(s3.pid, signal.SIGSTOP)
    try:
        it.given(f"{count} accepted; storage is frozen (SIGSTOP) until a stage has given up, and goes on.")
        failed = until(lambda: all(state(it, job) == "STATE_FAILED" for job in jobs), 300)
    finally:
        os.kill(s3.pid, signal.SIGCONT)
    it.check("every such job has failed", failed)
    return jobs


def dead_letters(it: Rehearsal) -> None:
    jobs = given_up(it, 2)
    (first, *_), stage = letters(it, jobs[0]), "ingest"
    said = it.type(SEQUENCE=str(first), STAGE=stage)
    it.check("the letters name the code STORAGE_UNAVAILABLE", "STORAGE_UNAVAILABLE" in said)
    said = it.type(SEQUENCE=str(first))
    it.check("no dead letter is left", "0 dead letters" in said)
    said = it.type(JOB=jobs[0])
    done = until(lambda: all(state(it, job) == "STATE_SUCCEEDED" for job in jobs), 90)
    it.check("both jobs have succeeded under their second epoch", done)
    epochs = {it.mesh.api().job(job)["result"]["job"]["epoch"] for job in jobs}
    it.check("their documents say epoch 2", epochs == {2})


def job_success(it: Rehearsal) -> None:
    jobs = given_up(it, 1)
    said = it.type()
    it.check("the list shows the failed job and why", "STORAGE_UNAVAILABLE" in said)
    said = it.type()
    it.check("its letter was driven again", "1 of 1" in said)
    done = until(lambda: state(it, jobs[0]) == "STATE_SUCCEEDED", 90)
    it.check("the job has succeeded", done)


def deliveries(it: Rehearsal, consumer: str) -> int:
    """How many deliveries a consumer has made so far, repeated ones included."""

    async def asked() -> int:
        client = await nats.connect(it.mesh.nats_url())
        try:
            info = await client.jetstream().consumer_info(facts.STREAM, consumer)
            return int(info.delivered.consumer_seq)
        finally:
            await client.close()

    return asyncio.run(asked())


def letters(it: Rehearsal, job_id: str) -> list[int]:
    """Sequences of a job's dead letters, read as the command reads them."""
    log_to_stderr()
    found = asyncio.run(list_letters(Settings(nats_url=it.mesh.nats_url()), job_id=job_id))
    return [letter.sequence for letter in found]


def poison_photo(it: Rehearsal) -> None:
    seen = deliveries(it, "stage-segment")
    job = accepted(it)

    def killed() -> bool:
        nonlocal seen
        now = deliveries(it, "stage-segment")
        if now > seen:
            it.mesh.kill("segment")
        seen = max(now, seen)
        return bool(letters(it, job))

    it.given("segment is killed (SIGKILL) each time the job is delivered to it, until it is given up.")
    it.check("the mover has kept the fact as a dead letter", until(killed, 200))
    until(lambda: it.mesh.state.processes["segment"].phase == "ready", 60)
    it.check("the job has failed", until(lambda: state(it, job) == "STATE_FAILED", 30))
    said = it.type(JOB=job)
    it.check("the letter and the job say MAX_DELIVERIES", said.count("MAX_DELIVERIES") >= 2)
    second = accepted(it)
    it.given("a second such job, cancelled while it is under way.")
    it.type(JOB=second)
    ended = until(lambda: state(it, second) in ENDED, 60)
    it.check("it has ended", ended)
    said = it.type(REPEATED=job)
    it.check("the job was repeated, then erased with its dead letter", "0 dead letters" in said)
    it.check("a healthy photo passes", analysed(it)["state"] == "STATE_SUCCEEDED")


def replay(it: Rehearsal) -> None:
    first = analysed(it, ruleset="tattoo@1.0.0")
    it.given("an analysis under tattoo@1.0.0.")
    began = since()
    it.type(JOB=first["job_id"], RULESET="tattoo@1.1.0")
    newest = it.mesh.api().list(1)[0]
    it.check("the newest job names its origin", newest.get("replay_of") == first["job_id"])
    said = it.type(JOB=first["job_id"], REPLAY=newest["job_id"], RULESET="tattoo@1.1.0", SINCE=began)
    again = it.mesh.api().job(newest["job_id"])
    it.check("the replay has succeeded under the other ruleset", again["ruleset_version"] == "tattoo@1.1.0")
    it.check("every command ended well", said.count("[exit status 0]") == 3)


def model_recall(it: Rehearsal) -> None:
    before = analysed(it)
    it.given(f"an analysis with {before['model_version']}, the active model.")
    said = it.type(MODEL=before["model_version"])
    it.check("the list shows the recall with its reason", "case 4711" in said)
    said = it.type(MODEL=before["model_version"], JOB=before["job_id"])
    it.check("an order that names it is refused", "MODEL_RECALLED" in said)
    newest = it.mesh.api().list(1)[0]["model_version"]
    it.check(f"a new analysis ran with {newest} instead", newest not in ("", before["model_version"]))
    it.type(MODEL=before["model_version"])
    served = until(lambda: analysed(it)["model_version"] == before["model_version"], 60)
    it.check("restored, it is served again", served)


def ruleset_rollback(it: Rehearsal) -> None:
    good, bad = "tattoo@1.0.0", "tattoo@1.1.0"
    analysed(it)
    it.given(f"{bad} is active and past cases were decided under it.")
    said = it.type(GOOD=good, BAD=bad, SINCE=since())
    it.check("every command ended well", said.count("[exit status 0]") == 5)
    it.check("the good version is active and the bad one retired", "retired" in said and good in said)
    it.type(GOOD=good, BAD=bad)
    newest = it.mesh.api().list(1)[0]["ruleset_version"]
    it.check("the analysis in between was decided under the good one", newest == good)
    back = until(lambda: analysed(it)["ruleset_version"] == bad, 60)
    it.check("activated again, the other one decides", back)


PLAYS: dict[str, Play] = {
    "erasure-request": erasure_request,
    "dead-letters": dead_letters,
    "replay": replay,
    "model-recall": model_recall,
    "ruleset-rollback": ruleset_rollback,
    "poison-photo": poison_photo,
    "job-success": job_success,
}
